#include "dns/unbound.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unbound-event.h>
#include <unbound.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/anchor.h"
#include "dns/hostfile.h"
#include "dns/packet.h"
#include "dns/probe.h"
#include "dns/query.h"
#include "dns/servers.h"

enum { QUERIES_MAX = 4096, PROBE_AGAIN_MS = 30000, CLASS_IN = 1, UB_BOGUS = 1, UB_SECURE = 2 };

enum trust {
    TRUST_UNKNOWN,          /* no forwarder has answered yet: nothing is validated meanwhile */
    TRUST_SIGNED,
    TRUST_STRIPPED
};

struct unbound {
    struct loop *loop;
    struct servers servers;         /* none: ask the authorities */
    struct buf anchors;             /* a record a line */
    struct hostfile *hosts;
    enum trust trust;
    struct probe *probe;            /* under way */
    int64_t probe_next_ms;
    bool probed;
    struct dns_query *waiting, **waiting_end;
    /* A context's anchors cannot change once it has been asked: one validates, one does not. */
    struct ub_ctx *validating, *plain;
};

/* ---- contexts */

/* How many questions at once: each may hold a descriptor. */
static unsigned queries_max(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur > QUERIES_MAX * 4)
        return QUERIES_MAX;
    return r.rlim_cur < 64 ? 16 : (unsigned)r.rlim_cur / 4;
}

static int set_options(struct ub_ctx *ctx)
{
    static const char *const options[][2] = {
        { "do-not-query-localhost:", "no" },
        { "use-caps-for-id:", "yes" },              /* R5.3 */
        { "unblock-lan-zones:", "yes" },            /* a site's own reverse names */
        { "insecure-lan-zones:", "yes" },
        { "local-zone:", "test. transparent" },
        { "infra-host-ttl:", "60" },                /* a forwarder that comes back is used again soon */
        { "infra-keep-probing:", "yes" },
        { "msg-cache-size:", "4m" },
        { "rrset-cache-size:", "8m" },
    };
    char text[16];
    int r = 0;

    snprintf(text, sizeof text, "%u", queries_max());
    r = ub_ctx_set_option(ctx, "outgoing-range:", text);
    if (!r)
        r = ub_ctx_set_option(ctx, "num-queries-per-thread:", text);
    for (size_t i = 0; !r && i < sizeof options / sizeof *options; i++)
        r = ub_ctx_set_option(ctx, options[i][0], options[i][1]);
    return r;
}

static int set_servers(const struct unbound *u, struct ub_ctx *ctx)
{
    struct arena a = { 0 };
    int r = 0;

    for (size_t i = 0; !r && i < u->servers.n; i++)
        r = ub_ctx_set_fwd(ctx, arena_printf(&a, "%.*s@%u", STR_ARG(ip_text(&a, u->servers.v[i].ip)),
                                             u->servers.v[i].port).p);
    arena_free(&a);
    return r;
}

static int set_anchors(const struct unbound *u, struct ub_ctx *ctx)
{
    struct arena a = { 0 };
    struct str rest = buf_str(&u->anchors), line;
    int r = 0;

    while (!r && str_cut(&rest, '\n', &line))
        r = ub_ctx_add_ta(ctx, arena_z(&a, line));
    arena_free(&a);
    return r;
}

static struct ub_ctx *make_context(const struct unbound *u, bool validate, struct why *why)
{
    struct ub_ctx *ctx = ub_ctx_create_event(loop_base(u->loop));
    int r;

    if (!ctx) {
        why_set(why, ST_AGAIN, "libunbound: no context");
        return NULL;
    }
    ub_ctx_debugout(ctx, NULL);         /* it would write to standard error */
    r = set_options(ctx);
    if (!r)
        r = set_servers(u, ctx);
    if (!r && validate)
        r = set_anchors(u, ctx);
    if (!r)
        return ctx;
    why_set(why, ST_NEVER, "libunbound: %s", ub_strerror(r));
    ub_ctx_delete(ctx);
    return NULL;
}

static struct ub_ctx *context(struct unbound *u, struct why *why)
{
    struct ub_ctx **ctx = u->trust == TRUST_SIGNED ? &u->validating : &u->plain;

    if (!*ctx)
        *ctx = make_context(u, u->trust == TRUST_SIGNED, why);
    return *ctx;
}

/* ---- one question */

/* The answer's own rcode is in the packet; a bogus one comes with rcode 0 and its
 * records, so it is turned away before anything is read. */
static void on_answer(void *ctx, int rcode, void *packet, int n, int sec, char *why_bogus, int ratelimited)
{
    struct dns_query *q = ctx;
    struct arena a = { 0 };
    struct dns_answer answer;

    (void)ratelimited;
    if (q->ended)
        *q->ended = true;
    if (sec == UB_BOGUS) {
        query_failed(q, arena_printf(&a, "bogus%s%s", why_bogus ? ": " : "", why_bogus ? why_bogus : "").p, DNS_BOGUS);
    } else if (rcode != 0 || !packet || n < 0) {
        query_failed(q, packet_rcode_name((unsigned)rcode), DNS_INSECURE);
    } else {
        packet_answer(&a, (struct str){ packet, (size_t)n }, &q->name, q->type, &answer);
        answer.security = answer.status != ST_AGAIN && sec == UB_SECURE ? DNS_SECURE : DNS_INSECURE;
        query_done(q, &answer);
    }
    arena_free(&a);
}

static void ask_now(struct unbound *u, struct dns_query *q)
{
    struct arena a = { 0 };
    struct why why = { 0 };
    struct ub_ctx *ctx = context(u, &why);
    bool ended = false;
    int id = 0, r;

    if (!ctx) {
        query_failed(q, why.text, DNS_INSECURE);
        return;
    }
    q->at = ctx;
    q->ended = &ended;                  /* cppcheck-suppress autoVariables; taken back below, or q is gone */
    r = ub_resolve_event(ctx, q->name.n > 1 ? arena_z(&a, dname_text(&a, &q->name)) : ".", q->type, CLASS_IN,
                         q, on_answer, &id);
    arena_free(&a);
    if (ended)
        return;                         /* q is gone */
    q->ended = NULL;
    q->id = id;
    if (r != 0) {
        q->at = NULL;
        query_failed(q, ub_strerror(r), DNS_INSECURE);
    }
}

/* ---- can answers be validated? */

static void wait_for_probe(struct unbound *u, struct dns_query *q)
{
    q->waiting = NULL;
    q->waited = u->waiting_end;
    *u->waiting_end = q;
    u->waiting_end = &q->waiting;
}

static void wait_no_more(struct unbound *u, struct dns_query *q)
{
    *q->waited = q->waiting;
    *(q->waiting ? &q->waiting->waited : &u->waiting_end) = q->waited;
    q->waited = NULL;
}

static void on_probe(void *ctx, enum probe_end end, const char *server)
{
    struct unbound *u = ctx;

    u->probe = NULL;
    u->probed = true;
    u->probe_next_ms = clock_mono_ms() + PROBE_AGAIN_MS;
    if (end == PROBE_SIGNED)
        u->trust = TRUST_SIGNED;
    if (end == PROBE_STRIPPED) {
        u->trust = TRUST_STRIPPED;
        log_line(LOG_MAIN, "DNS server %s gives no DNSSEC signatures: answers count as insecure", server);
    }
    while (u->waiting) {
        struct dns_query *q = u->waiting;

        wait_no_more(u, q);
        ask_now(u, q);
    }
}

/* The first questions wait for the first probe. If nobody answered it, questions
 * go on without validation, and every half minute one of them starts another. */
void unbound_ask(struct unbound *u, struct dns_query *q)
{
    struct arena a = { 0 };
    struct dns_answer answer;
    bool known = u->hosts && hostfile_answer(u->hosts, &a, &q->name, q->type, &answer);

    if (known)
        query_done(q, &answer);
    arena_free(&a);
    if (known)
        return;
    if (u->trust == TRUST_UNKNOWN && !u->probe && clock_mono_ms() >= u->probe_next_ms)
        u->probe = probe_start(u->loop, &u->servers, on_probe, u);
    if (u->trust == TRUST_UNKNOWN && u->probe && !u->probed)
        wait_for_probe(u, q);
    else
        ask_now(u, q);
}

void unbound_cancel(struct unbound *u, struct dns_query *q)
{
    if (q->waited)
        wait_no_more(u, q);
    else if (q->at)
        ub_cancel(q->at, q->id);
}

/* ---- life */

enum status unbound_open(struct loop *l, const struct dns_config *c, struct unbound **out, struct why *why)
{
    struct unbound *u = calloc(1, sizeof *u);
    enum status st = ST_OK;

    if (!u)
        die("out of memory");
    u->loop = l;
    u->waiting_end = &u->waiting;
    /* Whoever names an anchor, or asks the authorities, says that answers are to be validated. */
    u->trust = c->recurse || c->anchors.n > 0 ? TRUST_SIGNED : TRUST_UNKNOWN;
    if (c->anchors.n > 0)
        buf_add(&u->anchors, c->anchors);
    else
        st = anchor_add(STR("root"), &u->anchors, why);
    if (!c->hosts_file || c->hosts_file[0])
        u->hosts = hostfile_new(c->hosts_file ? c->hosts_file : "/etc/hosts");
    if (st == ST_OK && c->servers.n > 0)
        st = servers_read(c->servers, &u->servers, why);
    else if (st == ST_OK && !c->recurse)
        servers_resolv_file("/etc/resolv.conf", &u->servers);
    if (st == ST_OK && !context(u, why))
        st = ST_NEVER;
    if (st != ST_OK)
        goto bad;
    *out = u;
    return ST_OK;

bad:
    unbound_close(u);
    return st;
}

void unbound_close(struct unbound *u)
{
    if (!u)
        return;
    probe_stop(u->probe);
    ub_ctx_delete(u->validating);
    ub_ctx_delete(u->plain);
    hostfile_free(u->hosts);
    buf_free(&u->anchors);
    free(u);
}
