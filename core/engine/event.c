#include "engine/event.h"

#include <stdlib.h>

enum { PLACES = 100, WAIT_MS = 5000 };

struct event_run {
    struct engine *e;
    struct settings *set;
    const char *name;
    struct event_view *view;
    struct eval *eval;
    struct timer limit;
    struct job soon;                /* an "after" event that begins outside of what made it known */
    struct str data;
    event_answer *done;             /* NULL: an "after" event */
    void *ctx;
    struct event_run *next, **link;
};

struct events {
    struct event_run *runs;
    unsigned after;                 /* places taken */
};

void events_new(struct engine *e)
{
    e->events = calloc(1, sizeof *e->events);
    if (!e->events)
        die("no memory for events");
}

bool events_idle(const struct engine *e)
{
    return e->events->after == 0;
}

struct event_view *event_view(const struct txn *t, const struct at_address *at, const struct at_host *host,
                              void *owner, void (*release)(void *owner))
{
    struct event_view *v = calloc(1, sizeof *v);

    if (!v)
        die("no memory for an event");
    v->t = *t;
    v->t.arena = (struct arena){ 0 };
    v->t.phase = PH_EVENT;
    v->t.addr = NULL;
    v->t.host = NULL;
    v->t.event = NULL;
    if (at) {
        v->at = *at;
        v->t.addr = &v->at;
    }
    if (host)
        event_view_host(v, host);
    v->owner = owner;
    v->release = release;
    return v;
}

/* EV-02: the last thing asked of the DNS was this host, unless it has no name but its address. */
void event_view_host(struct event_view *v, const struct at_host *host)
{
    struct ip ip;

    v->host = *host;
    v->t.host = &v->host;
    if (host->ip.v && !ip_parse(host->name, &ip))
        v->t.lookup_dnssec = host->secure ? STR("yes") : STR("no");
}

/* ---- of a transaction that ends */

struct apart { struct conn conn; struct txn *t; };

static void apart_free(void *ctx)
{
    struct apart *o = ctx;

    txn_free(o->t);
    conn_free(&o->conn);
    free(o);
}

static bool apart_fill(struct apart *o, const struct txn *t)
{
    struct arena *a = &o->t->arena;
    struct buf b = { 0 };
    struct why why;
    enum status st;

    envelope_write(t, &b);
    st = envelope_read(arena_dup(a, buf_str(&b)), &o->conn, o->t, &why);
    buf_free(&b);
    o->t->id = t->id;
    o->t->deliver_first_time = t->deliver_first_time;
    if (t->header_text.p) {
        o->t->header_text = arena_dup(a, t->header_text);
        header_parse(a, o->t->header_text, &o->t->header);
    }
    return st == ST_OK;
}

static struct at_address apart_address(struct arena *a, const struct at_address *at)
{
    return (struct at_address){
        .address = arena_dup(a, at->address), .local_part = arena_dup(a, at->local_part), .domain = arena_dup(a, at->domain),
        .local_part_as_is = arena_dup(a, at->local_part_as_is), .router = arena_dup(a, at->router),
        .transport = arena_dup(a, at->transport), .return_path = arena_dup(a, at->return_path),
        .srs.sender = arena_dup(a, at->srs.sender), .local_uid = -1, .local_gid = -1,
    };
}

struct event_view *event_view_apart(const struct txn *t, const struct at_address *at, const struct at_host *host)
{
    struct apart *o = calloc(1, sizeof *o);
    struct at_address own = { 0 };
    struct at_host there = { 0 };

    if (!o)
        die("no memory for an event");
    conn_init(&o->conn);
    o->t = txn_new(&o->conn);
    if (!apart_fill(o, t)) {
        apart_free(o);
        return NULL;
    }
    if (at)
        own = apart_address(&o->t->arena, at);
    if (host) {
        there = *host;
        there.name = arena_dup(&o->t->arena, host->name);
        there.tls = at_tls_dup(&o->t->arena, &host->tls);
    }
    return event_view(o->t, at ? &own : NULL, host ? &there : NULL, o, apart_free);
}

void event_view_free(struct event_view *v)
{
    arena_free(&v->t.arena);
    if (v->release)
        v->release(v->owner);
    free(v);
}

bool event_wanted(const struct settings *set, const char *name, struct str transport)
{
    return policy_has_event(set->policy, name, transport);
}

static struct event_run *run_new(struct engine *e, struct settings *set, const char *name, struct event_view *v)
{
    struct event_run *r = calloc(1, sizeof *r);

    if (!r)
        die("no memory for an event");
    r->e = e;
    r->set = settings_hold(set);
    r->name = name;
    r->view = v;
    r->next = e->events->runs;
    r->link = &e->events->runs;
    if (r->next)
        r->next->link = &r->next;
    e->events->runs = r;
    return r;
}

static void run_free(struct event_run *r)
{
    if (r->next)
        r->next->link = r->link;
    *r->link = r->next;
    if (!r->done)
        r->e->events->after--;
    timer_clear(r->e->loop, &r->limit);
    loop_forget(r->e->loop, &r->soon);
    event_view_free(r->view);
    settings_release(r->set);
    free(r);
}

static void finish(struct event_run *r, struct str objection)
{
    if (r->done)
        r->done(r->ctx, objection);
    else
        engine_check_drained(r->e);
    run_free(r);
}

/* No answer is no objection, but of a certificate that nobody could judge (design 4.5). */
static struct str no_answer(const struct event_run *r, const char *text)
{
    return str_same(str_of(r->name), STR("tls:cert")) ? str_of(text) : STR("");
}

/* Whose rule it was stands in the log (EV-09). */
static void log_failed(struct event_run *r, struct str why)
{
    struct str transport = r->view->t.addr ? r->view->t.addr->transport : STR("");

    buf_addf(&r->e->line, "failed to expand event_action %s in %.*s: %.*s", r->name,
             STR_ARG(transport.n ? transport : STR("main")), STR_ARG(why));
    engine_log(r->e, LOG_MAIN, str_of(r->view->t.id.s));
}

static void answered(void *ctx, enum status st, struct str text)
{
    struct event_run *r = ctx;

    engine_count(r->e, COUNT_events_run, 1);
    if (st != ST_OK)
        log_failed(r, text);
    if (!r->done && st == ST_OK && text.n && str_same(str_of(r->name), STR("auth:fail")))
        log_text(LOG_MAIN, STR(""), text);          /* reference/events.tsv: its result is a line */
    finish(r, st == ST_OK ? text : no_answer(r, "the rules could not judge it"));
}

static void too_late(void *ctx)
{
    struct event_run *r = ctx;

    policy_cancel(r->eval);
    log_failed(r, STR("no answer within 5s"));
    finish(r, no_answer(r, "the rules did not judge it in time"));
}

/* True if the answer is still to come. The run may be gone after false. */
static bool ask(struct event_run *r, struct str data, int defer_errno)
{
    struct eval *eval = policy_event(r->set->policy, r->name, &r->view->t, data, defer_errno, answered, r);

    if (!eval)
        return false;
    r->eval = eval;
    r->limit = (struct timer){ .fn = too_late, .ctx = r };
    timer_set(r->e->loop, &r->limit, WAIT_MS);
    return true;
}

/* NULL: there is no place; the view is gone. */
static struct event_run *after_new(struct engine *e, struct settings *set, const char *name, struct event_view *v)
{
    if (e->events->after >= PLACES) {
        engine_count(e, COUNT_events_dropped, 1);
        event_view_free(v);
        return NULL;
    }
    e->events->after++;
    return run_new(e, set, name, v);
}

void event_after(struct engine *e, struct settings *set, const char *name, struct event_view *v,
                 struct str data, int defer_errno)
{
    struct event_run *r;

    r = after_new(e, set, name, v);
    if (r)
        ask(r, data, defer_errno);
}

struct event_run *event_before(struct engine *e, struct settings *set, const char *name, struct event_view *v,
                               struct str data, event_answer *done, void *ctx)
{
    struct event_run *r = run_new(e, set, name, v);

    r->done = done;
    r->ctx = ctx;
    return ask(r, data, 0) ? r : NULL;
}

void event_cancel(struct event_run *r)
{
    if (r->eval)
        policy_cancel(r->eval);
    run_free(r);
}

void events_free(struct engine *e)
{
    while (e->events->runs)
        event_cancel(e->events->runs);
    free(e->events);
}

/* ---- names that could not be found out */

static void ask_now(void *ctx)
{
    struct event_run *r = ctx;

    ask(r, r->data, 0);
}

/* The rule that asked is running, or waits: the event comes when the loop comes round. What a handler
 * asks itself raises none: one that asks about the name that failed would go on for ever. */
void event_dns_failed(void *engine, void *asker, const char *reason, struct str name, uint16_t type)
{
    struct engine *e = engine;
    const struct policy_asker *k = asker;
    struct settings *set = k ? engine_settings_of(e, k->policy) : NULL;
    struct event_view *v;
    struct event_run *r;

    if (!set || k->t->phase == PH_EVENT || !event_wanted(set, "dns:fail", k->at ? k->at->transport : STR("")))
        return;
    v = event_view_apart(k->t, k->at, NULL);
    r = v ? after_new(e, set, "dns:fail", v) : NULL;
    if (!r)
        return;
    r->data = arena_printf(&v->t.arena, "%s:%.*s:%s", reason, STR_ARG(name), dns_type_name(type));
    r->soon = (struct job){ .fn = ask_now, .ctx = r };
    loop_soon(e->loop, &r->soon);
}

/* ---- sessions */

struct gone { struct conn conn; struct txn *t; };

static void gone_free(void *ctx)
{
    struct gone *g = ctx;

    txn_free(g->t);
    conn_free(&g->conn);
    free(g);
}

struct event_view *event_view_session(const struct conn *c)
{
    struct gone *g = calloc(1, sizeof *g);

    if (!g)
        die("no memory for an event");
    conn_copy(&g->conn, c);
    g->t = txn_new(&g->conn);
    return event_view(g->t, NULL, NULL, g, gone_free);
}

void event_session(struct engine *e, struct settings *set, const char *name, const struct conn *c, struct str data)
{
    if (event_wanted(set, name, STR("")))
        event_after(e, set, name, event_view_session(c), data, 0);
}
