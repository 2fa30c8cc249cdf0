/*
 * plain_policy - rules without Lua, for specs of the engine's flow
 *
 * Stands in for core/policy: options, routes, transports, retry rules and
 * events are rows a spec writes down. What waits in a real rule set can be
 * made to wait here too (p_later), so that both ways through every callback
 * are walked. Included by one spec program, which is linked with it in place
 * of the real room.
 */
#ifndef SPEC_PLAIN_POLICY_H
#define SPEC_PLAIN_POLICY_H

#include <stdlib.h>

#include "engine/engine.h"
#include "options.h"

enum { P_OPTS = 200, P_ROUTES = 20, P_TRANSPORTS = 10 };

struct p_route {
    const char *domain;         /* "*" is any; "a@b" one address */
    enum route_kind kind;
    const char *transport, *hosts, *text, *redirect;
    bool unseen;
};

static struct {
    struct val opts[P_OPTS];
    struct p_route routes[P_ROUTES];
    int nroutes;
    struct { const char *name, *driver; struct val v[TOPT_COUNT]; } transports[P_TRANSPORTS];
    int ntransports;
    struct retry_step steps[4];
    size_t nsteps;
    const char *matches;        /* subjects every list holds, if it is no constant */
    const char *events;         /* names that are wanted, between spaces */
    const char *(*answer)(const char *name, const struct txn *t, struct str data, int err);
    enum verb (*acl)(enum phase ph, const struct txn *t);
    bool later;                 /* everything answers from the loop */
    struct loop *loop;
    int waiting;
} P;

/* The engine finds options once a process: their places outlive a case. */
static char p_names[P_OPTS][48];
static int p_nopts;

struct policy { unsigned refs; uint32_t generation; };

struct eval {
    struct job job;
    void (*run)(struct eval *e);
    void *done, *ctx;
    struct policy *p;
    struct txn *t;
    int opt, err;
    char text[300], name[64];
    enum phase ph;
};

/* ---- what a spec says */

static inline int p_opt(const char *name)
{
    for (int i = 0; i < p_nopts; i++)
        if (!strcmp(p_names[i], name))
            return i;
    snprintf(p_names[p_nopts], sizeof p_names[0], "%s", name);
    return p_nopts++;
}

static inline void p_int(const char *name, int64_t n) { P.opts[p_opt(name)] = (struct val){ .type = VAL_INT, .u.i = n }; }
static inline void p_bool(const char *name, bool b) { P.opts[p_opt(name)] = (struct val){ .type = VAL_BOOL, .u.b = b }; }
static inline void p_str(const char *name, const char *s) { P.opts[p_opt(name)] = (struct val){ .type = VAL_STR, .u.s = str_of(s) }; }
static inline void p_route(struct p_route r) { P.routes[P.nroutes++] = r; }

static inline struct val *p_transport(const char *name, const char *driver)
{
    P.transports[P.ntransports].name = name;
    P.transports[P.ntransports].driver = driver;
    return P.transports[P.ntransports++].v;
}

static inline struct val v_str(const char *s) { return (struct val){ .type = VAL_STR, .u.s = str_of(s) }; }
static inline struct val v_int(int64_t n) { return (struct val){ .type = VAL_INT, .u.i = n }; }
static inline struct val v_bool(bool b) { return (struct val){ .type = VAL_BOOL, .u.b = b }; }

static inline void p_reset(struct loop *l)
{
    memset(&P, 0, sizeof P);
    P.loop = l;
    P.events = " ";
    p_str("primary_hostname", "mx.example.org");
    p_str("qualify_domain", "example.org");
}

static inline struct policy *p_new(uint32_t generation)
{
    struct policy *p = calloc(1, sizeof *p);

    p->refs = 1;
    p->generation = generation;
    return p;
}

/* ---- now or later */

static inline void p_run(void *ctx)
{
    struct eval *e = ctx;

    P.waiting--;
    e->run(e);
    free(e);
}

static inline struct eval *p_ask(struct eval e)
{
    struct eval *q;

    if (!P.later) {
        e.run(&e);
        return NULL;
    }
    q = malloc(sizeof *q);
    *q = e;
    q->job = (struct job){ .fn = p_run, .ctx = q };
    P.waiting++;
    loop_soon(P.loop, &q->job);
    return q;
}

const char *policy_rules_dir(const struct policy *p) { (void)p; return "."; }

struct str policy_option_where(struct policy *p, struct str name, struct arena *a)
{
    (void)p;
    (void)name;
    (void)a;
    return STR("");
}

/* Nothing here notes what routers tried. */
const struct tried *tried_keep(struct arena *a, const struct tried *t)
{
    (void)a;
    return t;
}

size_t tried_size(const struct tried *t)
{
    (void)t;
    return 0;
}

bool tried_render(const struct tried *t, const struct txn *txn, struct buf *out)
{
    (void)t;
    (void)txn;
    (void)out;
    return false;
}

void policy_costs(const struct policy *p, size_t most, struct buf *out) { (void)p; (void)most; buf_add(out, STR("[]")); }
void policy_cancel(struct eval *e)
{
    loop_forget(P.loop, &e->job);
    P.waiting--;
    free(e);
}

/* ---- the room's interface */

bool policy_variable(const struct policy *p, const struct txn *t, struct str name, struct arena *a, struct str *out)
{
    (void)p;
    (void)a;
    *out = str_same(name, STR("sender_address")) ? t->sender : STR("");
    return out->n > 0;
}

void policy_hold(struct policy *p) { p->refs++; }
void policy_release(struct policy *p) { if (--p->refs == 0) free(p); }
uint32_t policy_generation(const struct policy *p) { return p->generation; }
void policy_use_dns(struct policy *p, struct dns *dns) { (void)p; (void)dns; }
size_t policy_memory(const struct policy *p) { (void)p; return 0; }
bool policy_worn(const struct policy *p) { (void)p; return false; }
void policy_stats(const struct policy *p, struct policy_stats *out) { (void)p; memset(out, 0, sizeof *out); }


int policy_opt_find(struct str name)
{
    char z[48];

    snprintf(z, sizeof z, "%.*s", STR_ARG(name));
    return p_opt(z);
}

const struct val *policy_opt(const struct policy *p, int opt) { (void)p; return &P.opts[opt]; }

static inline void p_option_run(struct eval *e) { ((opt_done *)e->done)(e->ctx, ST_NONE, NULL, NULL); }

struct eval *policy_option(struct policy *p, int opt, struct txn *t, opt_done *done, void *ctx)
{
    return p_ask((struct eval){ .run = p_option_run, .done = (void *)done, .ctx = ctx, .p = p, .opt = opt, .t = t });
}

static inline void p_match_run(struct eval *e)
{
    struct val v = { .type = VAL_BOOL, .u.b = P.matches && strstr(P.matches, e->text) };

    ((opt_done *)e->done)(e->ctx, ST_OK, &v, NULL);
}

struct eval *policy_match(struct policy *p, int opt, struct txn *t, struct str subject, opt_done *done, void *ctx)
{
    struct eval e = { .run = p_match_run, .done = (void *)done, .ctx = ctx, .p = p, .opt = opt, .t = t };

    snprintf(e.text, sizeof e.text, "%.*s", STR_ARG(subject));
    return p_ask(e);
}

bool policy_has_acl(const struct policy *p, enum phase ph)
{
    (void)p;
    return P.acl && ph != PH_VRFY && ph != PH_EXPN;
}

void policy_acl_default(enum phase ph, struct verdict *v)
{
    *v = (struct verdict){ .verb = ph == PH_VRFY || ph == PH_EXPN ? V_DENY : V_ACCEPT, .by_default = true };
}

static inline void p_acl_run(struct eval *e)
{
    struct verdict v = { .verb = P.acl(e->ph, e->t) };

    ((acl_done *)e->done)(e->ctx, &v);
}

struct eval *policy_acl(struct policy *p, enum phase ph, struct txn *t, acl_done *done, void *ctx)
{
    return p_ask((struct eval){ .run = p_acl_run, .done = (void *)done, .ctx = ctx, .p = p, .ph = ph, .t = t });
}

static inline size_t p_hosts(struct arena *a, const char *text, struct host **out)
{
    struct str rest = str_of(text ? text : ""), word;
    struct host *h = arena_array(a, struct host, 10);
    size_t n = 0;

    while (n < 10 && str_cut(&rest, ' ', &word)) {
        struct sock_addr sa;

        if (!sock_parse(a, word, 25, &sa))
            continue;
        h[n++] = (struct host){ .name = arena_printf(a, "h%.*s", STR_ARG(word)), .ip = sa.ip, .port = sa.port, .preference = -1 };
    }
    *out = h;
    return n;
}

static inline bool p_hits(const char *pattern, struct str address)
{
    struct str p = str_of(pattern), domain = str_from(address, str_rfind(address, '@') + 1);

    return !strcmp(pattern, "*") || str_same_fold(p, address) || str_same_fold(p, domain);
}

static inline size_t p_route_one(struct arena *a, struct txn *t, struct str address, struct str original,
                                 struct route_item *items, size_t n, int depth)
{
    for (int i = 0; i < P.nroutes && depth < 10 && n < 20; i++) {
        const struct p_route *r = &P.routes[i];
        struct route_item *it = &items[n];
        struct str rest, child;

        if (!p_hits(r->domain, address))
            continue;
        if (r->redirect) {
            for (rest = str_of(r->redirect); str_cut(&rest, ' ', &child);)
                n = p_route_one(a, t, child, original, items, n, depth + 1);
            return n;
        }
        *it = (struct route_item){ .kind = r->kind, .text = str_of(r->text ? r->text : ""), .unseen = r->unseen };
        txn_at(t, arena_dup(a, address), &it->at);
        it->at.original = original;
        it->at.router = STR("plain");
        it->at.transport = str_of(r->transport ? r->transport : "");
        it->at.local_uid = it->at.local_gid = -1;
        it->nhosts = p_hosts(a, r->hosts, &it->hosts);
        n++;
        if (!r->unseen)
            return n;
    }
    if (n < 20) {
        items[n] = (struct route_item){ .kind = ROUTE_UNROUTEABLE, .text = STR("Unrouteable address") };
        txn_at(t, arena_dup(a, address), &items[n].at);
        n++;
    }
    return n;
}

static inline void p_route_run(struct eval *e)
{
    struct arena a = { 0 };
    struct route_item items[21];
    struct str address = str_of(e->text);
    size_t n = p_route_one(&a, e->t, address, address, items, 0, 0);

    ((route_done *)e->done)(e->ctx, items, n);
    arena_free(&a);
}

struct eval *policy_route(struct policy *p, struct txn *t, struct str address, route_done *done, void *ctx)
{
    struct eval e = { .run = p_route_run, .done = (void *)done, .ctx = ctx, .p = p, .t = t };

    snprintf(e.text, sizeof e.text, "%.*s", STR_ARG(address));
    return p_ask(e);
}

bool policy_has_transport(const struct policy *p, struct str name)
{
    (void)p;
    for (int i = 0; i < P.ntransports; i++)
        if (str_same(str_of(P.transports[i].name), name))
            return true;
    return false;
}

static inline void p_transport_run(struct eval *e)
{
    for (int i = 0; i < P.ntransports; i++)
        if (!strcmp(P.transports[i].name, e->name)) {
            struct transport_values tv = { P.transports[i].v, TOPT_COUNT, str_of(P.transports[i].name), str_of(P.transports[i].driver) };

            ((transport_done *)e->done)(e->ctx, ST_OK, &tv, NULL);
            return;
        }
    ((transport_done *)e->done)(e->ctx, ST_AGAIN, NULL, NULL);
}

struct eval *policy_transport(struct policy *p, struct str name, struct txn *t, transport_done *done, void *ctx)
{
    struct eval e = { .run = p_transport_run, .done = (void *)done, .ctx = ctx, .p = p, .t = t };

    snprintf(e.name, sizeof e.name, "%.*s", STR_ARG(name));
    return p_ask(e);
}

struct transport_asks policy_transport_asks(struct policy *p, struct str name)
{
    (void)p;
    (void)name;
    return (struct transport_asks){ 0 };
}

struct eval *policy_transport_late(struct policy *p, struct str name, struct txn *t, bool dane, transport_done *done, void *ctx)
{
    (void)dane;
    return policy_transport(p, name, t, done, ctx);
}

static inline void p_retry_run(struct eval *e)
{
    struct retry_rule r = { P.steps, P.nsteps, P.nsteps > 0 };

    ((retry_done *)e->done)(e->ctx, ST_OK, &r);
}

struct eval *policy_retry(struct policy *p, struct txn *t, struct str address, struct str host, struct str error,
                          retry_done *done, void *ctx)
{
    (void)address;
    (void)host;
    (void)error;
    return p_ask((struct eval){ .run = p_retry_run, .done = (void *)done, .ctx = ctx, .p = p, .t = t });
}

bool policy_has_event(const struct policy *p, const char *name, struct str transport)
{
    char padded[64];

    (void)p;
    (void)transport;
    snprintf(padded, sizeof padded, " %s ", name);
    return strstr(P.events, padded) != NULL;
}

static inline void p_event_run(struct eval *e)
{
    const char *s = P.answer ? P.answer(e->name, e->t, str_of(e->text), e->err) : "";

    ((event_done *)e->done)(e->ctx, ST_OK, str_of(s ? s : ""));
}

struct eval *policy_event(struct policy *p, const char *name, struct txn *t, struct str data, int defer_errno,
                          event_done *done, void *ctx)
{
    struct eval e = { .run = p_event_run, .done = (void *)done, .ctx = ctx, .p = p, .t = t, .err = defer_errno };

    snprintf(e.name, sizeof e.name, "%s", name);
    snprintf(e.text, sizeof e.text, "%.*s", STR_ARG(data));
    return p_ask(e);
}

/* No rewriting here. */
void decode_sweep(const char *spool_dir, bool (*ours)(void *ctx, const char *name), void *ctx, int64_t before);
void decode_sweep(const char *spool_dir, bool (*ours)(void *ctx, const char *name), void *ctx, int64_t before)
{
    (void)spool_dir, (void)ours, (void)ctx, (void)before;
}

bool policy_has_authenticators(const struct policy *p)
{
    (void)p;
    return false;
}

struct eval *policy_offers(struct policy *p, struct txn *t, opt_done *done, void *ctx)
{
    (void)p, (void)t, (void)done, (void)ctx;
    fail_msg("nobody is offered AUTH here");
    return NULL;
}

struct eval *policy_authenticate(struct policy *p, struct txn *t, struct str mechanism, struct str initial,
                                 auth_say *say, auth_done *done, void *ctx)
{
    (void)p, (void)t, (void)mechanism, (void)initial, (void)say, (void)done, (void)ctx;
    fail_msg("nobody logs in here");
    return NULL;
}

struct eval *policy_log_in(struct policy *p, struct txn *t, struct str offered, auth_say *say, auth_done *done, void *ctx)
{
    (void)p, (void)t, (void)offered, (void)say, (void)done, (void)ctx;
    fail_msg("we log in nowhere");
    return NULL;
}

void policy_heard(struct eval *e, struct str text)
{
    (void)e, (void)text;
}

bool policy_rewrites(const struct policy *p)
{
    (void)p;
    return false;
}

struct eval *policy_rewrite(struct policy *p, struct txn *t, rewrite_done *done, void *ctx)
{
    (void)p;
    (void)t;
    done(ctx, ST_OK, NULL);
    return NULL;
}

struct str policy_rewrite_path(struct policy *p, struct conn *c, bool sender, struct str text, struct arena *a)
{
    (void)p;
    (void)c;
    (void)sender;
    (void)a;
    return text;
}

struct eval *policy_rewrite_header(struct policy *p, struct str transport, struct txn *t, struct str section,
                                   header_done *done, void *ctx)
{
    (void)p;
    (void)transport;
    (void)t;
    done(ctx, ST_OK, section, NULL);
    return NULL;
}

#endif
