/*
 * routing - the questions of a message's way out: its routes, a transport's values, when to try again
 */
#include "policy/host.h"
#include "policy/trace.h"

/* ---- routing */

static void explain_lines(struct eval *e)
{
    size_t n;

    lua_rawgeti(e->co, LUA_REGISTRYINDEX, e->lines_ref);
    n = lua_objlen(e->co, -1);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(e->co, -1, (int)i);
        buf_add(e->out, str_at(e->co, -1));
        buf_byte(e->out, '\n');
        lua_pop(e->co, 1);
    }
    lua_pop(e->co, 1);
}

static void end_route(struct eval *e, enum status st, int n)
{
    struct route_item later = { .kind = ROUTE_DEFER }, *items = &later;
    size_t count = 1;

    if (e->explain)
        explain_lines(e);
    if (st == ST_OK && n > 0)
        route_items(e->co, 1, &e->arena, &items, &count);
    if (st == ST_OK && count == 0) {
        items = &later;
        count = 1;
        why_set(&e->why, ST_NEVER, "the routers gave no answer");
    }
    if (items == &later) {
        if (!e->why.text[0])
            why_set(&e->why, ST_NEVER, "the routers gave no answer");
        later.text = str_of(e->why.text);
        txn_at(e->txn, arena_dup(&e->arena, e->name), &later.at);
    }
    explained_route(e, items, count);
    e->done.route(e->ctx, items, count);
}

struct eval *policy_route_explain(struct policy *p, struct txn *t, struct str address, struct buf *out, route_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, PH_ROUTE, ENTRY_route, end_route);

    e->done.route = done;
    e->ctx = ctx;
    e->out = out;
    e->explain = out != NULL;
    e->name = arena_dup(&e->arena, address);
    box_push_own(e);
    push_str(e->co, e->name);
    if (out) {
        lua_newtable(e->co);
        lua_pushvalue(e->co, -1);
        e->lines_ref = luaL_ref(e->co, LUA_REGISTRYINDEX);
    } else {
        lua_pushnil(e->co);
    }
    return eval_run(e, 3);
}

struct eval *policy_route(struct policy *p, struct txn *t, struct str address, route_done *done, void *ctx)
{
    return policy_route_explain(p, t, address, NULL, done, ctx);
}

/* ---- transports */

/* Asked once of lua/mail and kept: v NULL when some option is a function. */
static struct transport_row *transport_row(struct policy *p, struct str name, struct why *why)
{
    struct transport_row *row = map_get(p->transports, name);

    if (row)
        return row->driver.p ? row : NULL;
    if (!state_entry(p, ENTRY_transport_constant))
        return NULL;
    push_str(p->L, name);
    if (!state_call(p, 1, 5, EVAL_TICKS, EVAL_MEMORY, why))
        return NULL;
    row = arena_new(&p->arena, struct transport_row);
    row->asks = (struct transport_asks){ .late = lua_toboolean(p->L, -3), .dane = lua_toboolean(p->L, -2), .differs = lua_toboolean(p->L, -1) };
    lua_pop(p->L, 3);
    if (lua_isstring(p->L, -2))
        row->driver = arena_dup(&p->arena, str_at(p->L, -2));
    if (lua_istable(p->L, -1)) {
        row->v = arena_array(&p->arena, struct val, transport_count());
        transport_defaults(row->v);
        options_of(p->L, lua_gettop(p->L), &p->arena, row->v, transport_count(), topt_find);
    }
    lua_pop(p->L, 2);
    /* Names that do not exist may come from rules without end: those are not kept. */
    if (row->driver.p)
        map_put(p->transports, name, row);
    return row->driver.p ? row : NULL;
}

bool policy_has_transport(const struct policy *p, struct str name)
{
    struct why why;

    return transport_row((struct policy *)(uintptr_t)p, name, &why) != NULL;
}

static void end_transport(struct eval *e, enum status st, int n)
{
    struct transport_values tv = { .name = e->name };
    struct val *v = NULL;

    if (st == ST_OK && (n < 2 || !lua_istable(e->co, 2)))
        st = why_set(&e->why, ST_NEVER, "transport %.*s gave no options", STR_ARG(e->name));
    if (st == ST_OK) {
        v = arena_array(&e->arena, struct val, transport_count());
        transport_defaults(v);
        options_of(e->co, 2, &e->arena, v, transport_count(), topt_find);
        tv.driver = str_at(e->co, 1);
        tv.login = n > 2 && lua_isstring(e->co, 3) ? str_at(e->co, 3) : STR("");
    }
    tv.v = v;
    tv.n = v ? transport_count() : 0;
    e->done.transport(e->ctx, st, &tv, st == ST_OK ? NULL : &e->why);
}

static struct eval *ask_transport(struct policy *p, struct str name, struct txn *t, enum entry which, bool dane, transport_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, PH_TRANSPORT, which, end_transport);

    e->done.transport = done;
    e->ctx = ctx;
    e->name = arena_dup(&e->arena, name);
    push_str(e->co, e->name);
    box_push_own(e);
    lua_pushboolean(e->co, dane);
    return eval_run(e, 3);
}

struct eval *policy_transport(struct policy *p, struct str name, struct txn *t, transport_done *done, void *ctx)
{
    struct transport_values tv = { .name = name };
    struct why why = { 0 };
    struct transport_row *row = transport_row(p, name, &why);

    if (!row) {
        if (!why.text[0])
            why_set(&why, ST_NEVER, "there is no transport %.*s", STR_ARG(name));
        done(ctx, ST_NEVER, &tv, &why);
        return NULL;
    }
    if (row->v) {
        tv.driver = row->driver;
        tv.v = row->v;
        tv.n = transport_count();
        done(ctx, ST_OK, &tv, NULL);
        return NULL;
    }
    return ask_transport(p, name, t, ENTRY_transport, false, done, ctx);
}

struct transport_asks policy_transport_asks(struct policy *p, struct str name)
{
    struct why why;
    const struct transport_row *row = transport_row(p, name, &why);

    return row ? row->asks : (struct transport_asks){ 0 };
}

struct eval *policy_transport_late(struct policy *p, struct str name, struct txn *t, bool dane, transport_done *done, void *ctx)
{
    return ask_transport(p, name, t, ENTRY_transport_late, dane, done, ctx);
}

/* ---- retry */

static void end_retry(struct eval *e, enum status st, int n)
{
    struct retry_rule r = { 0 };
    lua_State *L = e->co;

    if (st == ST_OK && n > 0 && lua_istable(L, 1)) {
        size_t steps = lua_objlen(L, 1);

        r.found = true;
        r.step = arena_array(&e->arena, struct retry_step, steps ? steps : 1);
        for (size_t i = 0; i < steps; i++) {
            struct retry_step *s = &r.step[r.n];
            struct str letter;

            lua_rawgeti(L, 1, (int)i + 1);
            letter = field_str(L, lua_gettop(L), "letter", &e->arena);
            s->letter = letter.n ? letter.p[0] : 'F';
            s->cutoff = field_int(L, lua_gettop(L), "cutoff", 0);
            s->interval = field_int(L, lua_gettop(L), "interval", 0);
            s->factor = field_num(L, lua_gettop(L), "factor", 1);
            lua_pop(L, 1);
            r.n++;
        }
    }
    e->done.retry(e->ctx, eval_status(st), &r);
}

struct eval *policy_retry(struct policy *p, struct txn *t, struct str address, struct str host,
                          struct str error, retry_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, PH_ROUTE, ENTRY_retry, end_retry);

    e->done.retry = done;
    e->ctx = ctx;
    box_push_own(e);
    push_str(e->co, address);
    push_str(e->co, host);
    push_str(e->co, error);
    return eval_run(e, 4);
}
