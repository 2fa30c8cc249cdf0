/*
 * costs - whom the trace of an evaluation is told, and the account of all
 *
 * An ACL that did not accept is rendered and handed to whoever keeps such
 * things (the engine's ring), which gives it a name for the log.
 */
#include "policy/trace.h"

#include <stdlib.h>

#include "base/json.h"
#include "options.h"

void costs_ready(struct policy *p)
{
    p->explain_accepted = p->explain_accepted || policy_opt_bool(p, OPT_explain_accepted);
    p->explain = p->env.explained && p->env.spool_dir && !p->env.check_only && policy_opt_int(p, OPT_explain_ring) > 0;
}

void policy_explain_all(struct policy *p)
{
    p->explain = p->explain_accepted = p->env.explained != NULL;
}

static bool wanted(const struct eval *e, const struct verdict *v)
{
    return v->verb != V_ACCEPT || e->policy->explain_accepted || e->txn->explain || e->txn->conn->explain;
}

void explained_acl(struct eval *e, struct verdict *v)
{
    static const char *const VERBS[] = {
        [V_ACCEPT] = "accept", [V_DEFER] = "defer", [V_DENY] = "deny", [V_DISCARD] = "discard", [V_DROP] = "drop",
    };
    struct ending end = {
        .verdict = VERBS[v->verb], .message = v->message, .log_message = v->log_message, .by_default = v->by_default,
        .error = str_of(e->why.text),
    };
    struct buf members = { 0 };
    char id[EXPLAIN_ID];

    if (!e->trace || !e->trace->on || !wanted(e, v))
        return;
    trace_render(e, &end, &members);
    if (e->policy->env.explained(e->policy->env.ctx, buf_str(&members), id))
        v->explain = arena_dup(&e->arena, str_of(id));
    buf_free(&members);
}

static const char *route_verdict(enum route_kind kind)
{
    switch (kind) {
    case ROUTE_FAIL: return "fail";
    case ROUTE_DEFER: return "defer";
    case ROUTE_DISCARD: return "discard";
    case ROUTE_FREEZE: return "freeze";
    case ROUTE_UNROUTEABLE: return "unrouteable";
    case ROUTE_TO: case ROUTE_NOTE: break;
    }
    return NULL;
}

/* It may yet come to nothing where it is sent. */
static void keep_tried(struct eval *e, struct route_item *items, size_t n)
{
    struct tried *t = arena_new(&e->arena, struct tried);

    *t = trace_tried(e);
    for (size_t i = 0; i < n; i++)
        items[i].tried = t;
}

void explained_route(struct eval *e, struct route_item *items, size_t n)
{
    struct ending end = { .error = str_of(e->why.text) };
    struct buf members = { 0 };
    char id[EXPLAIN_ID];

    if (!e->trace || !e->trace->on)
        return;
    for (size_t i = 0; i < n && !end.verdict; i++) {
        end.verdict = route_verdict(items[i].kind);
        if (!end.error.n)
            end.log_message = items[i].text;
        end.address = items[i].at.address;
    }
    if (!end.verdict) {
        keep_tried(e, items, n);
        return;
    }
    trace_render(e, &end, &members);
    if (e->policy->env.explained(e->policy->env.ctx, buf_str(&members), id))
        for (size_t i = 0; i < n; i++)
            if (route_verdict(items[i].kind))
                items[i].explain = arena_dup(&e->arena, str_of(id));
    buf_free(&members);
}

/* ---- what rules cost */

static int by_total(const void *a, const void *b)
{
    const struct place *x = *(const struct place *const *)a, *y = *(const struct place *const *)b;

    if (x->total_ns != y->total_ns)
        return x->total_ns > y->total_ns ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void put_slots(const struct place *pl, struct buf *out)
{
    unsigned n = COST_SLOTS;

    while (n > 0 && pl->slot[n - 1] == 0)
        n--;
    json_name(out, "slots");
    buf_byte(out, '[');
    for (unsigned i = 0; i < n; i++)
        buf_addf(out, "%s%u", i ? "," : "", pl->slot[i]);
    buf_byte(out, ']');
}

static void put_cost(const struct place *pl, struct buf *out)
{
    buf_byte(out, '{');
    json_member(out, "where", pl->where);
    json_member(out, "what", pl->what);
    json_member_int(out, "count", (int64_t)pl->count);
    json_member_int(out, "us", pl->total_ns / 1000);
    json_member_int(out, "waited_us", pl->waited_ns / 1000);
    json_member_int(out, "max_us", pl->max_ns / 1000);
    json_member_int(out, "errors", (int64_t)pl->errors);
    json_member_int(out, "overruns", (int64_t)pl->overruns);
    put_slots(pl, out);
    buf_byte(out, '}');
}

void policy_costs(const struct policy *p, size_t most, struct buf *out)
{
    const struct place **v = calloc(p->places.n + 1, sizeof *v);
    size_t n = 0;

    if (!v)
        die("out of memory");
    for (unsigned i = 0; i < p->places.n; i++)
        if (p->places.v[i].kind != PLACE_CONDITION && p->places.v[i].count)
            v[n++] = &p->places.v[i];
    qsort(v, n, sizeof *v, by_total);
    buf_byte(out, '[');
    for (size_t i = 0; i < n && i < most; i++) {
        if (i)
            buf_byte(out, ',');
        put_cost(v[i], out);
    }
    buf_byte(out, ']');
    free(v);
}
