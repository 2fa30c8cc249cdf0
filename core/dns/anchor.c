#include "dns/anchor.h"

#include "dns/dns.h"
#include "dns/master.h"
#include "dns/type.h"

enum { TYPE_DNSKEY = 48, FLAG_ZONE = 0x0100, FLAG_REVOKED = 0x0080 };

#define ROOT_FILE "/usr/share/dns/root.ds"
/* The root's keys of 2017 and 2024, from https://data.iana.org/root-anchors/root-anchors.xml. */
static const char root_keys[] =
    ". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    ". DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

struct adding {
    struct buf *out;
    size_t n;
};

static unsigned number(struct str data, size_t at)
{
    return (unsigned)(uint8_t)data.p[at] << 8 | (uint8_t)data.p[at + 1];
}

/* RFC 3597 form: the same for every type, and no word of it can be read another way. */
static const char *add_record(void *ctx, const struct master_record *r)
{
    struct adding *to = ctx;
    struct arena a = { 0 };

    if (r->failure != MASTER_RECORD || (r->type != DNS_DS && r->type != TYPE_DNSKEY) || r->data.n < 4)
        return "a trust anchor is a DS or a DNSKEY record";
    if (r->type == TYPE_DNSKEY && !(number(r->data, 0) & FLAG_ZONE))
        return "this DNSKEY is no zone's key";
    if (r->type == TYPE_DNSKEY && number(r->data, 0) & FLAG_REVOKED)
        return NULL;                    /* RFC 5011: said in its file to be no anchor any more */
    if (r->owner.n > 1)
        buf_add(to->out, dname_text(&a, &r->owner));
    buf_addf(to->out, ". IN %s \\# %zu ", dns_type_name(r->type), r->data.n);
    for (size_t i = 0; i < r->data.n; i++)
        buf_addf(to->out, "%02x", (uint8_t)r->data.p[i]);
    buf_byte(to->out, '\n');
    to->n++;
    arena_free(&a);
    return NULL;
}

static enum status add_text(struct str text, const char *name, struct buf *out, struct why *why)
{
    struct adding to = { .out = out };
    enum status st = master_read(text, name, add_record, &to, why);

    if (st == ST_OK && to.n == 0)
        st = why_set(why, ST_NEVER, "%s: there is no DS or DNSKEY record", name);
    return st;
}

static enum status add_file(struct arena *a, struct str path, struct buf *out, struct why *why)
{
    struct buf text = { 0 };
    const char *name = arena_z(a, path);
    enum status st = master_load(name, &text, why);

    if (st == ST_OK)
        st = add_text(buf_str(&text), name, out, why);
    buf_free(&text);
    return st;
}

static enum status add_root(struct arena *a, struct buf *out, struct why *why)
{
    struct why none;

    if (add_file(a, STR(ROOT_FILE), out, &none) == ST_OK)
        return ST_OK;
    return add_text(str_of(root_keys), "root", out, why);
}

enum status anchor_add(struct str item, struct buf *out, struct why *why)
{
    struct arena a = { 0 };
    struct why inner = { 0 };
    enum status st;

    item = str_trim(item);
    if (str_same(item, STR("root")))
        st = add_root(&a, out, &inner);
    else if (str_starts(item, STR("/")))
        st = add_file(&a, item, out, &inner);
    else
        st = add_text(item, "record", out, &inner);
    if (st != ST_OK)
        st = why_set(why, ST_NEVER, "dns_trust_anchors: %s", inner.text);
    arena_free(&a);
    return st;
}
