#include "dns/packet.h"

#include <stdio.h>

#include "base/buf.h"
#include "dns/type.h"

enum { HEADER = 12, RCODE_NXDOMAIN = 3, FLAG_TC = 0x0200, FLAG_QR = 0x8000, TYPE_ANY = 255 };

/* Where one record lies. Its owner is unpacked when somebody compares it. */
struct rr_at {
    size_t owner;
    uint16_t type, class;
    uint32_t ttl;
    size_t data, n;
};

static uint16_t get16(struct str p, size_t at)
{
    return (uint16_t)((uint8_t)p.p[at] << 8 | (uint8_t)p.p[at + 1]);
}

static uint32_t get32(struct str p, size_t at)
{
    return (uint32_t)get16(p, at) << 16 | get16(p, at + 2);
}

bool packet_name(struct str packet, size_t *at, struct dname *out)
{
    size_t i = *at, end = 0;
    unsigned jumps = 0, n = 0;

    for (;;) {
        if (i >= packet.n)
            return false;
        uint8_t len = (uint8_t)packet.p[i];

        if ((len & 0xc0) == 0xc0) {
            size_t to;

            if (i + 1 >= packet.n || ++jumps > PACKET_JUMPS)
                return false;
            to = get16(packet, i) & 0x3fff;
            /* Backwards only (RFC 1035 4.1.4, "a prior occurrence"): no loop can be built. */
            if (to >= i)
                return false;
            if (end == 0)
                end = i + 2;
            i = to;
            continue;
        }
        if (len > DNAME_LABEL_MAX || n + len + 1 > DNAME_MAX || i + len + 1 > packet.n)
            return false;
        out->b[n] = len;
        for (unsigned k = 1; k <= len; k++)
            out->b[n + k] = (uint8_t)ascii_lower(packet.p[i + k]);
        n += len + 1u;
        i += len + 1u;
        if (len == 0)
            break;
    }
    out->n = (uint8_t)n;
    *at = end ? end : i;
    return true;
}

/* ---- the data of one record */

/* What was met on the way through a record's fields. */
struct fields {
    struct buf out;                 /* the data, names expanded */
    struct str text;                /* strings joined */
    struct dname name;              /* the last name */
    uint16_t number[3];
    unsigned numbers;
};

static bool take_strings(struct arena *a, struct str d, size_t at, size_t end, struct fields *f)
{
    char *joined;
    size_t n = 0;

    if (at == end)
        return false;
    joined = arena_alloc(a, end - at);
    while (at < end) {
        size_t len = (uint8_t)d.p[at++];

        if (len > end - at)
            return false;
        memcpy(joined + n, d.p + at, len);
        n += len;
        at += len;
    }
    f->text = (struct str){ joined, n };
    return true;
}

static size_t fixed_width(char field)
{
    switch (field) {
    case 'b': return 1;
    case 's': case 'T': return 2;
    case '4': case 'l': case 'd': return 4;
    case '6': return 16;
    }
    return 0;
}

/* One field at *at, not beyond end; what is copied goes to f->out. */
static bool take_field(struct arena *a, struct str d, size_t *at, size_t end, char field, struct fields *f)
{
    size_t from = *at, width = fixed_width(field);

    if (field == 'n') {
        if (!packet_name(d, at, &f->name) || *at > end)
            return false;
        buf_add(&f->out, dname_str(&f->name));
        return true;
    }
    if (field == 'c')
        width = from < end ? (uint8_t)d.p[from] + 1u : end - from + 1;
    else if (field == 't' && !take_strings(a, d, from, end, f))
        return false;
    if (width == 0)
        width = end - from;
    if (width > end - from)
        return false;
    if (field == 's' && f->numbers < 3)
        f->number[f->numbers++] = get16(d, from);
    buf_add(&f->out, (struct str){ d.p + from, width });
    *at = from + width;
    return true;
}

static void set_address(struct dns_rr *rr)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    /* An IPv4-mapped address is its IPv4 address, here as everywhere: a list
     * of forbidden IPv4 networks must not be passed by spelling one so. */
    if (rr->type == DNS_AAAA && memcmp(rr->data.p, mapped, 12) == 0) {
        rr->ip.v = IP_V4;
        memcpy(rr->ip.b, rr->data.p + 12, 4);
        return;
    }
    rr->ip.v = rr->type == DNS_A ? IP_V4 : IP_V6;
    memcpy(rr->ip.b, rr->data.p, rr->data.n);
}

static void set_by_type(struct arena *a, struct fields *f, struct dns_rr *rr)
{
    switch (rr->type) {
    case DNS_A:
    case DNS_AAAA:
        set_address(rr);
        break;
    case DNS_TXT:
    case DNS_SPF:
        rr->text = f->text;
        break;
    case DNS_SRV:
        rr->weight = f->number[1];
        rr->port = f->number[2];
        /* fall through */
    case DNS_MX:
        rr->preference = f->number[0];
        /* fall through */
    case DNS_NS:
    case DNS_CNAME:
    case DNS_DNAME:
    case DNS_PTR:
        rr->target = dname_text(a, &f->name);
        break;
    }
}

bool packet_data(struct arena *a, struct str packet, size_t at, size_t n, struct dns_rr *rr)
{
    const struct dns_type_row *row = dns_type_row(rr->type);
    struct fields f = { .out = { 0 } };
    size_t end = at + n;
    bool good = true;

    for (const char *s = row ? row->shape : "x"; good && *s; s++)
        good = take_field(a, packet, &at, end, *s, &f);
    good = good && at == end;
    if (good) {
        rr->data = arena_dup(a, buf_str(&f.out));
        set_by_type(a, &f, rr);
    }
    buf_free(&f.out);
    return good;
}

/* ---- the packet */

static bool next_record(struct str p, size_t *at, struct rr_at *rr)
{
    struct dname skip;

    rr->owner = *at;
    if (!packet_name(p, at, &skip) || p.n - *at < 10)
        return false;
    rr->type = get16(p, *at);
    rr->class = get16(p, *at + 2);
    rr->ttl = get32(p, *at + 4);
    if (rr->ttl > INT32_MAX)
        rr->ttl = 0;                    /* RFC 2181 8 */
    rr->n = get16(p, *at + 8);
    rr->data = *at + 10;
    if (rr->n > p.n - rr->data)
        return false;
    *at = rr->data + rr->n;
    return true;
}

bool packet_holds(struct str p, uint16_t type)
{
    struct dname asked;
    struct rr_at rr;
    size_t at = HEADER;
    bool found = false;

    if (p.n < HEADER || get16(p, 4) != 1 || !packet_name(p, &at, &asked) || p.n - at < 4)
        return false;
    at += 4;
    for (unsigned n = get16(p, 6); n > 0; n--) {
        if (!next_record(p, &at, &rr))
            return false;
        found |= rr.type == type;
    }
    return found;
}

static bool owned_by(struct str p, const struct rr_at *rr, const struct dname *name)
{
    struct dname owner;
    size_t at = rr->owner;

    return rr->class == 1 && packet_name(p, &at, &owner) && dname_same(&owner, name);
}

/* The records of one type that name owns, into out. False: one is malformed. */
static bool collect(struct arena *a, struct str p, const struct rr_at *rr, size_t n,
                    const struct dname *name, uint16_t type, struct dns_answer *out)
{
    struct str owner = dname_text(a, name);

    for (size_t i = 0; i < n; i++) {
        struct dns_rr *r;

        if ((rr[i].type != type && type != TYPE_ANY) || !owned_by(p, &rr[i], name))
            continue;
        if (!out->rr)
            out->rr = arena_array(a, struct dns_rr, n);
        r = &out->rr[out->n];
        *r = (struct dns_rr){ .name = owner, .type = rr[i].type, .ttl = rr[i].ttl };
        if (!packet_data(a, p, rr[i].data, rr[i].n, r))
            return false;
        if (r->ttl < out->ttl)
            out->ttl = r->ttl;
        out->n++;
    }
    return true;
}

/* Follows one CNAME of *name. False: there is none. */
static bool follow(struct str p, const struct rr_at *rr, size_t n, struct dname *name, uint32_t *ttl)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = rr[i].data;
        struct dname to;

        if (rr[i].type != DNS_CNAME || !owned_by(p, &rr[i], name) || !packet_name(p, &at, &to))
            continue;
        *name = to;
        if (rr[i].ttl < *ttl)
            *ttl = rr[i].ttl;
        return true;
    }
    return false;
}

/* How long "there is none" holds (RFC 2308 5): from the SOA in the authority section. */
static bool negative_ttl(struct str p, size_t at, unsigned n, uint32_t *ttl)
{
    struct rr_at rr;

    *ttl = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!next_record(p, &at, &rr))
            return false;
        if (rr.type == DNS_SOA && rr.n >= 22) {
            uint32_t minimum = get32(p, rr.data + rr.n - 4);

            *ttl = rr.ttl < minimum ? rr.ttl : minimum;
        }
    }
    return true;
}

const char *packet_rcode_name(unsigned rcode)
{
    static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };
    static char other[16];      /* read before the next packet is looked at */

    if (rcode < sizeof names / sizeof *names)
        return names[rcode];
    snprintf(other, sizeof other, "RCODE%u", rcode);
    return other;
}

/* Header and question. NULL: go on at *at; else what is wrong. */
static const char *check_head(struct str p, const struct dname *name, uint16_t type, size_t *at)
{
    struct dname asked;
    unsigned rcode;

    if (p.n < HEADER || p.n > PACKET_MAX || !(get16(p, 2) & FLAG_QR))
        return "malformed answer";
    rcode = get16(p, 2) & 15;
    if (rcode != 0 && rcode != RCODE_NXDOMAIN)
        return packet_rcode_name(rcode);
    if (get16(p, 2) & FLAG_TC)
        return "truncated answer";
    *at = HEADER;
    if (get16(p, 4) != 1 || !packet_name(p, at, &asked) || p.n - *at < 4)
        return "malformed answer";
    if (!dname_same(&asked, name) || get16(p, *at) != type)
        return "answer to another question";
    *at += 4;
    return NULL;
}

static const char *read_answer(struct arena *a, struct str p, const struct dname *name, uint16_t type,
                               struct dns_answer *out)
{
    struct dname cur = *name;
    struct rr_at *rr;
    size_t at = 0, n, hops = 0;
    const char *wrong = check_head(p, name, type, &at);

    if (wrong)
        return wrong;
    n = get16(p, 6);
    if (n > (p.n - at) / 11)            /* the least a record takes: bounds what we ask memory for */
        return "malformed answer";
    rr = arena_array(a, struct rr_at, n);
    for (size_t i = 0; i < n; i++)
        if (!next_record(p, &at, &rr[i]))
            return "malformed answer";

    out->nxdomain = (get16(p, 2) & 15) == RCODE_NXDOMAIN;
    out->ttl = UINT32_MAX;
    do {
        if (hops++ > CNAME_MAX)
            return "CNAME chain too long";
        if (!out->nxdomain && !collect(a, p, rr, n, &cur, type, out))
            return "malformed record in answer";
    } while (out->n == 0 && type != DNS_CNAME && follow(p, rr, n, &cur, &out->ttl));

    if (out->n > 0) {
        out->status = ST_OK;
        return NULL;
    }
    out->status = ST_NONE;
    return negative_ttl(p, at, get16(p, 8), &out->ttl) ? NULL : "malformed answer";
}

void packet_answer(struct arena *a, struct str packet, const struct dname *name, uint16_t type,
                   struct dns_answer *out)
{
    const char *wrong;

    *out = (struct dns_answer){ 0 };
    wrong = read_answer(a, packet, name, type, out);
    if (wrong)
        packet_again(a, name, type, wrong, out);
}

void packet_again(struct arena *a, const struct dname *name, uint16_t type, const char *what,
                  struct dns_answer *out)
{
    struct str text = dname_text(a, name);

    out->rr = NULL;
    out->n = 0;
    out->ttl = 0;
    out->status = why_set(&out->why, ST_AGAIN, "%s %.*s: %s", dns_type_name(type), STR_ARG(text), what);
}
