#include "dns/zone.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "dns/master.h"
#include "dns/packet.h"

enum { TYPE_ANY = 255 };

struct record {
    struct record *next;
    uint16_t type;
    bool secure;
    uint32_t ttl;
    struct str data;
};

struct node {
    struct record *first, *last;    /* in the order of the file */
    enum master_failure failure;    /* for types it has no records of */
    bool above;                     /* something below it has records */
};

struct zone {
    struct arena arena;
    struct map *nodes;              /* by the wire form of the name */
    bool has_dname;
};

/* ---- building */

static struct node *find(const struct zone *z, const struct dname *name)
{
    return map_get(z->nodes, dname_str(name));
}

static struct node *make(struct zone *z, const struct dname *name)
{
    struct node *n = find(z, name);

    if (!n) {
        n = arena_new(&z->arena, struct node);
        map_put(z->nodes, dname_str(name), n);
    }
    return n;
}

/* A name above one with records exists, though it has none itself (RFC 4592 2.2.2). */
static void mark_above(struct zone *z, struct dname name)
{
    while (dname_up(&name)) {
        struct node *n = make(z, &name);

        if (n->above)
            break;
        n->above = true;
    }
}

static struct record *record_of(const struct node *n, uint16_t type)
{
    for (struct record *r = n->first; r; r = r->next)
        if (r->type == type || type == TYPE_ANY)
            return r;
    return NULL;
}

static const char *add(void *ctx, const struct master_record *m)
{
    struct zone *z = ctx;
    struct node *n = make(z, &m->owner);
    struct record *r;

    if (m->failure != MASTER_RECORD) {
        if (n->failure != MASTER_RECORD && n->failure != m->failure)
            return "this name fails in another way already";
        n->failure = m->failure;
        /* A wildcard is looked for below a name that exists. */
        if (m->owner.b[0] == 1 && m->owner.b[1] == '*')
            mark_above(z, m->owner);
        return NULL;
    }
    if ((m->type == DNS_CNAME || m->type == DNS_DNAME) && record_of(n, m->type))
        return "a name can have only one record of this type";

    r = arena_new(&z->arena, struct record);
    *r = (struct record){ NULL, m->type, m->secure, m->ttl, arena_dup(&z->arena, m->data) };
    *(n->last ? &n->last->next : &n->first) = r;
    n->last = r;
    z->has_dname |= m->type == DNS_DNAME;
    mark_above(z, m->owner);
    return NULL;
}

enum status zone_open(struct str text, const char *file, struct zone **out, struct why *why)
{
    struct zone *z = calloc(1, sizeof *z);
    enum status st;

    if (!z)
        die("out of memory");
    z->nodes = map_new();
    st = master_read(text, file, add, z, why);
    if (st != ST_OK)
        goto bad;
    *out = z;
    return ST_OK;

bad:
    zone_free(z);
    return st;
}

enum status zone_open_file(const char *path, struct zone **out, struct why *why)
{
    struct buf text = { 0 };
    enum status st = master_load(path, &text, why);
    if (st == ST_OK)
        st = zone_open(buf_str(&text), path, out, why);
    buf_free(&text);
    return st;
}

void zone_free(struct zone *z)
{
    if (!z)
        return;
    map_free(z->nodes);
    arena_free(&z->arena);
    free(z);
}

/* ---- answering */

/* The highest DNAME above name redirects it, whatever lies below (RFC 6672 2.2, 3.2). */
static const struct record *dname_above(const struct zone *z, struct dname name, struct dname *owner)
{
    const struct record *found = NULL;

    while (z->has_dname && dname_up(&name)) {
        const struct node *n = find(z, &name);
        const struct record *r = n ? record_of(n, DNS_DNAME) : NULL;

        if (r) {
            found = r;
            *owner = name;
        }
    }
    return found;
}

/* The node that answers for name: itself, or the wildcard below the closest
 * name that exists (RFC 4592 3.3.1). NULL: no such name. */
static const struct node *node_for(const struct zone *z, const struct dname *name)
{
    const struct node *n = find(z, name);
    struct dname up = *name;

    if (n)
        return n;
    while (dname_up(&up))
        if (find(z, &up))
            return dname_prefix(&up, STR("*")) ? find(z, &up) : NULL;
    return NULL;
}

/* Whether "there is none" is proved: the records nearest above are validated. */
static bool negative_secure(const struct zone *z, struct dname name)
{
    do {
        const struct node *n = find(z, &name);

        if (n && n->first)
            return n->first->secure;
    } while (dname_up(&name));
    return false;
}

static uint32_t negative_ttl(const struct zone *z, struct dname name)
{
    do {
        const struct node *n = find(z, &name);
        const struct record *r = n ? record_of(n, DNS_SOA) : NULL;

        if (r) {
            const uint8_t *p = (const uint8_t *)r->data.p + r->data.n - 4;
            uint32_t minimum = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

            return r->ttl < minimum ? r->ttl : minimum;
        }
    } while (dname_up(&name));
    return 0;
}

static void collect(struct arena *a, const struct node *n, const struct dname *name, uint16_t type,
                    struct dns_answer *out)
{
    struct str owner = dname_text(a, name);
    size_t count = 0;

    for (const struct record *r = n->first; r; r = r->next)
        count += r->type == type || type == TYPE_ANY;
    out->rr = arena_array(a, struct dns_rr, count);
    for (const struct record *r = n->first; r; r = r->next) {
        struct dns_rr *rr = &out->rr[out->n];

        if (r->type != type && type != TYPE_ANY)
            continue;
        *rr = (struct dns_rr){ .name = owner, .type = r->type, .ttl = r->ttl };
        packet_data(a, r->data, 0, r->data.n, rr);      /* was good when it was read */
        if (!r->secure)
            out->security = DNS_INSECURE;
        if (r->ttl < out->ttl)
            out->ttl = r->ttl;
        out->n++;
    }
    out->status = ST_OK;
}

static void none(const struct zone *z, const struct dname *name, bool nxdomain, struct dns_answer *out)
{
    uint32_t ttl = negative_ttl(z, *name);

    out->status = ST_NONE;
    out->nxdomain = nxdomain;
    if (ttl < out->ttl)
        out->ttl = ttl;
    if (!negative_secure(z, *name))
        out->security = DNS_INSECURE;
}

/* One step: *cur goes on along r, a CNAME, or a DNAME of owner. */
static bool step(const struct record *r, const struct dname *owner, struct dname *cur, struct dns_answer *out)
{
    struct dname target, to;
    size_t at = 0;

    if (!packet_name(r->data, &at, &target))
        return false;
    if (r->type == DNS_CNAME)
        to = target;
    else if (!dname_move(cur, owner, &target, &to))
        return false;                   /* too long: YXDOMAIN */
    *cur = to;
    if (!r->secure)
        out->security = DNS_INSECURE;
    if (r->ttl < out->ttl)
        out->ttl = r->ttl;
    return true;
}

static const char *const failures[] = {
    [MASTER_SERVFAIL] = "SERVFAIL", [MASTER_TIMEOUT] = "timed out", [MASTER_BOGUS] = "bogus",
};

bool zone_answer(const struct zone *z, struct arena *a, const struct dname *name, uint16_t type,
                 struct dns_answer *out)
{
    struct dname cur = *name, owner;
    const struct record *r;
    const struct node *n;

    *out = (struct dns_answer){ .security = DNS_SECURE, .ttl = UINT32_MAX };
    for (unsigned hops = 0; hops <= CNAME_MAX; hops++) {
        r = dname_above(z, cur, &owner);
        if (!r) {
            n = node_for(z, &cur);
            if (!n || (!n->first && !n->above && n->failure == MASTER_RECORD)) {
                none(z, &cur, true, out);
                return true;
            }
            if (record_of(n, type)) {
                collect(a, n, &cur, type, out);
                return true;
            }
            if (n->failure != MASTER_RECORD) {
                packet_again(a, name, type, failures[n->failure], out);
                out->security = n->failure == MASTER_BOGUS ? DNS_BOGUS : DNS_INSECURE;
                return n->failure != MASTER_TIMEOUT;
            }
            r = record_of(n, DNS_CNAME);
            if (!r) {
                none(z, &cur, false, out);
                return true;
            }
        }
        if (!step(r, &owner, &cur, out))
            break;
    }
    out->security = DNS_INSECURE;
    packet_again(a, name, type, "SERVFAIL (CNAME chain)", out);
    return true;
}
