/* What lua/mail/explain.lua tells of the rules that run: their places, when each was left, what was asked. */
#include "policy/trace.h"

#include <stdlib.h>

static void grow(struct places *all)
{
    all->room = all->room ? all->room * 2 : 64;
    all->v = realloc(all->v, all->room * sizeof *all->v);
    if (!all->v)
        die("out of memory: places of rules");
}

static struct str kept(struct policy *p, lua_State *L, int arg, size_t most)
{
    return arena_dup(&p->arena, str_head(str_at(L, arg), most));
}

/* explain_place(where, what, kind [, parent [, reads]]) -> number from 1, or nil: there are too many */
static int l_place(lua_State *L)
{
    static const char *const KINDS[] = { "statement", "condition", "other", "option", NULL };
    struct policy *p = policy_of(L);
    struct place pl = { 0 };
    size_t colon;

    arg_str(L, 1, 4096);
    arg_str(L, 2, 65536);
    pl.kind = (enum place_kind)luaL_checkoption(L, 3, NULL, KINDS);
    if (p->places.n >= PLACES_MAX)
        return 0;
    if (pl.kind == PLACE_CONDITION)
        pl.parent = (unsigned)(arg_int(L, 4, 1, (int64_t)p->places.n) - 1);
    pl.where = kept(p, L, 1, 300);
    pl.what = kept(p, L, 2, 200);
    if (lua_isstring(L, 5))
        pl.reads = kept(p, L, 5, 64);
    for (colon = pl.where.n; colon > 0 && pl.where.p[colon - 1] != ':'; colon--)
        ;
    if (colon > 0) {
        pl.file = colon - 1;
        pl.line = (int)strtol(pl.where.p + colon, NULL, 10);
    }
    if (p->places.n == p->places.room)
        grow(&p->places);
    p->places.v[p->places.n] = pl;
    lua_pushinteger(L, (lua_Integer)++p->places.n);
    return 1;
}

/* explain_mark(place, how): left; how is true, false, or nil for an error. Hot: no
 * argument is checked that only lua/mail gives, and no place is number 0. */
static int l_mark(lua_State *L)
{
    struct policy *p = policy_of(L);
    struct eval *e = p->running;
    lua_Integer at = lua_tointeger(L, 1);
    enum mark how = lua_toboolean(L, 2) ? MARK_YES : lua_isnoneornil(L, 2) ? MARK_ERROR : MARK_NO;

    if (e && e->trace && at > 0 && (size_t)at <= p->places.n)
        trace_mark(p, e, (unsigned)at - 1, how);
    return 0;
}

/* explain_inner(true): an ACL is called; (false): it is back */
static int l_inner(lua_State *L)
{
    struct eval *e = policy_of(L)->running;

    if (e && e->trace)
        trace_inner(e->trace, lua_toboolean(L, 1));
    return 0;
}

/* explain_enter(): something begins that has a place of its own, and its time */
static int l_enter(lua_State *L)
{
    struct eval *e = policy_of(L)->running;

    if (e && e->trace)
        trace_enter(e->trace);
    return 0;
}

/* explain_leave(place, how): a mark, and who was under way is so again */
static int l_leave(lua_State *L)
{
    struct eval *e = policy_of(L)->running;

    l_mark(L);
    if (e && e->trace)
        trace_leave(e->trace);
    return 0;
}

/* explain_clock() -> a number to give to explain_read, or nil: nothing is kept */
static int l_clock(lua_State *L)
{
    struct eval *e = policy_of(L)->running;

    if (!e || !e->trace || !e->trace->on)
        return 0;
    lua_pushnumber(L, (lua_Number)(trace_now() - e->trace->began_ns));
    return 1;
}

/* explain_read(since, name, of, value): a function of the library was asked of something */
static int l_read(lua_State *L)
{
    struct eval *e = policy_of(L)->running;
    struct trace *t = e ? e->trace : NULL;
    int64_t took;

    if (!t || !t->on || lua_type(L, 1) != LUA_TNUMBER)
        return 0;
    lua_settop(L, 4);
    took = (trace_now() - t->began_ns - (int64_t)lua_tonumber(L, 1)) / 1000;
    trace_put(L, t, 2, 3, 4, took < 0 ? 0 : took > UINT32_MAX ? UINT32_MAX : (uint32_t)took);
    return 0;
}

static const luaL_Reg plain[] = {
    { "explain_place", l_place }, { "explain_mark", l_mark }, { "explain_inner", l_inner },
    { "explain_enter", l_enter }, { "explain_leave", l_leave },
    { "explain_clock", l_clock }, { "explain_read", l_read },
    { NULL, NULL },
};
const struct lib lib_trace = { plain, NULL };
