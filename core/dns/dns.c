#include "dns/dns.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "dns/packet.h"
#include "dns/query.h"
#include "dns/unbound.h"
#include "dns/zone.h"

enum { TIMEOUT_MS = 30000 };

struct dns {
    struct loop *loop;
    struct zone *zone;              /* this, or */
    struct unbound *unbound;        /* this */
    int64_t timeout_ms;
    bool ipv6_off;
    struct dns_query *queries;      /* under way */
    void *asker;
    dns_fail_fn *on_fail;
    void *on_fail_ctx;
};

enum status dns_open(struct loop *l, const struct dns_config *c, struct dns **out, struct why *why)
{
    struct dns *d = calloc(1, sizeof *d);
    enum status st;

    if (!d)
        die("out of memory");
    d->loop = l;
    d->timeout_ms = c->timeout_ms > 0 ? c->timeout_ms : TIMEOUT_MS;
    d->ipv6_off = c->ipv6_off;
    if (c->zone_text.p)
        st = zone_open(c->zone_text, c->zone_file ? c->zone_file : "zone", &d->zone, why);
    else if (c->zone_file)
        st = zone_open_file(c->zone_file, &d->zone, why);
    else
        st = unbound_open(l, c, &d->unbound, why);
    if (st != ST_OK)
        goto bad;
    *out = d;
    return ST_OK;

bad:
    free(d);
    return st;
}

enum status dns_zone(struct dns *d, struct str text, const char *file, struct why *why)
{
    struct zone *z;
    enum status st = zone_open(text, file, &z, why);

    if (st != ST_OK)
        return st;
    zone_free(d->zone);
    d->zone = z;
    return ST_OK;
}

void dns_close(struct dns *d)
{
    if (!d)
        return;
    while (d->queries)
        dns_cancel(d->queries);
    unbound_close(d->unbound);
    zone_free(d->zone);
    free(d);
}

void *dns_asker(struct dns *d, void *asker)
{
    void *before = d ? d->asker : NULL;

    if (d)
        d->asker = asker;
    return before;
}

void dns_on_fail(struct dns *d, dns_fail_fn *fn, void *ctx)
{
    d->on_fail = fn;
    d->on_fail_ctx = ctx;
}

bool dns_ipv6_off(const struct dns *d)
{
    return d->ipv6_off;
}

/* ---- a question's life */

static void unlink_query(struct dns_query *q)
{
    timer_clear(q->dns->loop, &q->timer);
    if (q->next)
        q->next->prev = q->prev;
    *(q->prev ? &q->prev->next : &q->dns->queries) = q->next;
}

/* One word for what stands in words behind "MX example.org: "; a space in a name is written \032. */
static const char *failure_word(struct str why)
{
    static const struct { struct str text; const char *word; } words[] = {
        { STR_INIT("timed out"), "timeout" }, { STR_INIT("SERVFAIL"), "servfail" },
        { STR_INIT("REFUSED"), "refused" }, { STR_INIT("bogus"), "bogus" },
    };
    struct str what = str_from(why, str_find_str(why, STR(": ")) + 2);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_starts(what, words[i].text))
            return words[i].word;
    return "again";
}

static void tell_failed(const struct dns_query *q, const struct dns_answer *a)
{
    struct arena m = { 0 };
    struct str name;

    if (!q->dns->on_fail)
        return;
    name = dname_text(&m, &q->name);
    q->dns->on_fail(q->dns->on_fail_ctx, q->asker, a->security == DNS_BOGUS ? "bogus" : failure_word(str_of(a->why.text)), name, q->type);
    arena_free(&m);
}

void query_done(struct dns_query *q, const struct dns_answer *a)
{
    struct dns *d = q->dns;
    dns_fn *cb = q->cb;
    void *ctx = q->ctx, *before;

    if (a->status == ST_AGAIN)
        tell_failed(q, a);
    before = dns_asker(d, q->asker);
    unlink_query(q);
    q->done = true;
    if (!q->starting)
        free(q);
    cb(ctx, a);
    dns_asker(d, before);
}

void query_failed(struct dns_query *q, const char *what, enum dns_security security)
{
    struct arena a = { 0 };
    struct dns_answer answer = { 0 };

    packet_again(&a, &q->name, q->type, what, &answer);
    answer.security = security;
    query_done(q, &answer);
    arena_free(&a);
}

static void on_deadline(void *ctx)
{
    struct dns_query *q = ctx;

    if (q->dns->unbound)
        unbound_cancel(q->dns->unbound, q);
    query_failed(q, "timed out", DNS_INSECURE);
}

static void ask_zone(struct dns_query *q)
{
    struct arena a = { 0 };
    struct dns_answer answer;

    /* A zone's TIMEOUT takes time only where time is ours: the timer stays. */
    if (zone_answer(q->dns->zone, &a, &q->name, q->type, &answer) || !clock_is_fake())
        query_done(q, &answer);
    arena_free(&a);
}

/* A name that cannot be written cannot exist. */
static void no_such_name(struct dns_query *q)
{
    struct dns_answer answer = { .status = ST_NONE, .nxdomain = true };

    query_done(q, &answer);
}

struct dns_query *dns_ask(struct dns *d, struct str name, uint16_t type, dns_fn *cb, void *ctx)
{
    struct dns_query *q = calloc(1, sizeof *q);

    if (!q)
        die("out of memory");
    *q = (struct dns_query){ .dns = d, .next = d->queries, .type = type, .cb = cb, .ctx = ctx, .asker = d->asker, .starting = true };
    if (q->next)
        q->next->prev = q;
    d->queries = q;
    q->timer.fn = on_deadline;
    q->timer.ctx = q;
    timer_set(d->loop, &q->timer, d->timeout_ms);

    if (!dname_read(name, &dname_root, &q->name))
        no_such_name(q);
    else if (FAULT(DNS))
        query_failed(q, "SERVFAIL (injected)", DNS_INSECURE);
    else if (d->zone)
        ask_zone(q);
    else
        unbound_ask(d->unbound, q);

    q->starting = false;
    if (q->done) {
        free(q);
        return NULL;
    }
    return q;
}

void dns_cancel(struct dns_query *q)
{
    if (q->dns->unbound)
        unbound_cancel(q->dns->unbound, q);
    unlink_query(q);
    free(q);
}

struct str dns_reverse_name(struct arena *a, struct ip ip)
{
    char nibbles[65];
    size_t n = 0;

    if (ip.v == IP_V4)
        return arena_printf(a, "%u.%u.%u.%u.in-addr.arpa", ip.b[3], ip.b[2], ip.b[1], ip.b[0]);
    for (int i = 15; i >= 0; i--) {
        nibbles[n++] = "0123456789abcdef"[ip.b[i] & 15];
        nibbles[n++] = '.';
        nibbles[n++] = "0123456789abcdef"[ip.b[i] >> 4];
        nibbles[n++] = '.';
    }
    nibbles[n] = 0;
    return arena_printf(a, "%sip6.arpa", nibbles);
}
