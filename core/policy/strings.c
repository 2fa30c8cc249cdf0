/*
 * strings - the string and table functions a hook could not stop, with limits (R8.3)
 *
 * Results are bounded, matching counts its steps. What is not here is linear in
 * its arguments, which the memory limit bounds, and stays LuaJIT's own.
 */
#include "policy/host.h"
#include "policy/pattern.h"

enum { STEPS = 2000000, RESULT_MAX = 8 << 20 };

static void start(lua_State *L, struct pattern *m)
{
    size_t n;

    memset(m, 0, offsetof(struct pattern, capture));
    m->subject.p = luaL_checklstring(L, 1, &n);
    m->subject.n = n;
    m->text.p = luaL_checklstring(L, 2, &n);
    m->text.n = n;
    m->steps = STEPS;
}

static void check(lua_State *L, const struct pattern *m)
{
    if (m->error)
        rule_error(L, "%s", m->error);
}

/* Capture l, or the whole match if there are none. */
static void push_capture(lua_State *L, const struct pattern *m, int l, const char *s, const char *e)
{
    const struct pattern_capture *c = &m->capture[l];

    if (l >= m->level) {
        if (l != 0)
            rule_error(L, "invalid capture index");
        lua_pushlstring(L, s, (size_t)(e - s));
    } else if (c->n == -1) {
        lua_pushinteger(L, c->p - m->subject.p + 1);
    } else if (c->n < 0) {
        rule_error(L, "unfinished capture");
    } else {
        lua_pushlstring(L, c->p, (size_t)c->n);
    }
}

static int push_captures(lua_State *L, const struct pattern *m, const char *s, const char *e, bool whole)
{
    int n = m->level == 0 && whole ? 1 : m->level;

    luaL_checkstack(L, n, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(L, m, i, s, e);
    return n;
}

/* The third argument of find and match as an offset; behind the end is the end. */
static size_t init_arg(lua_State *L, const struct pattern *m)
{
    lua_Integer i = luaL_optinteger(L, 3, 1), n = (lua_Integer)m->subject.n;

    if (i < 0)
        i += n + 1;
    return (size_t)(i < 1 ? 0 : i > n ? n : i - 1);
}

static int string_find(lua_State *L)
{
    struct pattern m;
    const char *s, *e;
    size_t init;

    start(L, &m);
    init = init_arg(L, &m);
    if (lua_toboolean(L, 4) || pattern_is_plain(m.text)) {
        s = pattern_plain(&m, init);
        e = s ? s + m.text.n : NULL;
    } else {
        s = pattern_find(&m, init, &e);
    }
    check(L, &m);
    if (!s) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, s - m.subject.p + 1);
    lua_pushinteger(L, e - m.subject.p);
    return 2 + push_captures(L, &m, s, e, false);
}

static int str_match(lua_State *L)
{
    struct pattern m;
    const char *s, *e;
    size_t init;

    start(L, &m);
    init = init_arg(L, &m);
    s = pattern_find(&m, init, &e);
    check(L, &m);
    if (!s) {
        lua_pushnil(L);
        return 1;
    }
    return push_captures(L, &m, s, e, true);
}

/* Upvalues: subject, pattern, where to go on. As in 5.1, '^' is no anchor here. */
static int gmatch_next(lua_State *L)
{
    struct pattern m = { .steps = STEPS };
    size_t from = (size_t)lua_tointeger(L, lua_upvalueindex(3));

    m.subject = str_at(L, lua_upvalueindex(1));
    m.text = str_at(L, lua_upvalueindex(2));
    for (const char *s = m.subject.p + from; s <= m.subject.p + m.subject.n; s++) {
        const char *e = pattern_at(&m, s);

        check(L, &m);
        if (e) {
            lua_pushinteger(L, (e - m.subject.p) + (e == s));
            lua_replace(L, lua_upvalueindex(3));
            return push_captures(L, &m, s, e, true);
        }
    }
    return 0;
}

static int str_gmatch(lua_State *L)
{
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, gmatch_next, 3);
    return 1;
}

/* ---- gsub */

static void add_text(lua_State *L, const struct pattern *m, luaL_Buffer *out, const char *s, const char *e)
{
    struct str text = str_at(L, 3);

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c != '%' || ++i == text.n) {
            luaL_addchar(out, c);
            continue;
        }
        c = text.p[i];
        if (c == '0') {
            luaL_addlstring(out, s, (size_t)(e - s));
        } else if (c >= '1' && c <= '9') {
            push_capture(L, m, c - '1', s, e);
            luaL_addvalue(out);
        } else {
            luaL_addchar(out, c);
        }
    }
}

static void add_value(lua_State *L, const struct pattern *m, luaL_Buffer *out, const char *s, const char *e)
{
    switch (lua_type(L, 3)) {
    case LUA_TFUNCTION:
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, m, s, e, true), 1);
        break;
    case LUA_TTABLE:
        push_capture(L, m, 0, s, e);
        lua_gettable(L, 3);
        break;
    default:
        add_text(L, m, out, s, e);
        return;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, s, (size_t)(e - s));
    } else if (!lua_isstring(L, -1)) {
        rule_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(out);
}

static int str_gsub(lua_State *L)
{
    struct pattern m;
    luaL_Buffer out;
    lua_Integer n = 0, max;
    const char *s, *end;
    bool anchor;
    int type = lua_type(L, 3);
    size_t made = 0;

    start(L, &m);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TFUNCTION && type != LUA_TTABLE)
        luaL_argerror(L, 3, "string/function/table expected");
    max = lua_isnoneornil(L, 4) ? (lua_Integer)m.subject.n + 1 : luaL_checkinteger(L, 4);
    anchor = m.text.n && m.text.p[0] == '^';
    if (anchor)
        m.text = str_from(m.text, 1);
    s = m.subject.p;
    end = s + m.subject.n;
    luaL_buffinit(L, &out);
    while (n < max) {
        const char *e = pattern_at(&m, s);

        check(L, &m);
        if (e) {
            n++;
            made += type == LUA_TSTRING ? lua_objlen(L, 3) + (size_t)(e - s) : 0;
            if (made > RESULT_MAX)
                rule_error(L, "string.gsub: the result is too long");
            add_value(L, &m, &out, s, e);
        }
        if (e && e > s)
            s = e;
        else if (s < end)
            luaL_addchar(&out, *s++);
        else
            break;
        if (anchor)
            break;
    }
    luaL_addlstring(&out, s, (size_t)(end - s));
    luaL_pushresult(&out);
    lua_pushinteger(L, n);
    return 2;
}

/* ---- rep and concat: results with an end */

/* Built in one piece of the final size: luaL_Buffer would leave as much garbage again. */
static char *room(lua_State *L, size_t n)
{
    return lua_newuserdata(L, n ? n : 1);
}

static int str_rep(lua_State *L)
{
    size_t n, sep_n, total;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_Integer times = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &sep_n);
    char *p, *at;

    if (times < 1 || n + sep_n == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((size_t)times > RESULT_MAX / (n + sep_n))
        return rule_error(L, "string.rep: the result is too long");
    total = (size_t)times * (n + sep_n) - sep_n;
    p = at = room(L, total);
    for (lua_Integer i = 0; i < times; i++) {
        memcpy(at, s, n);
        at += n;
        if (i + 1 < times && sep_n) {
            memcpy(at, sep, sep_n);
            at += sep_n;
        }
    }
    lua_pushlstring(L, p, total);
    return 1;
}

/* The total size of the items, which are checked on the way. */
static size_t concat_size(lua_State *L, int first, int last, size_t sep_n)
{
    size_t total = 0;

    for (int i = first; i <= last; i++) {
        size_t n;

        lua_rawgeti(L, 1, i);
        if (!lua_isstring(L, -1))
            rule_error(L, "invalid value (%s) at index %d in table for 'concat'", luaL_typename(L, -1), i);
        lua_tolstring(L, -1, &n);
        lua_pop(L, 1);
        total += n + (i < last ? sep_n : 0);
        if (total > RESULT_MAX)
            rule_error(L, "table.concat: the result is too long");
    }
    return total;
}

static int tbl_concat(lua_State *L)
{
    size_t sep_n, total;
    const char *sep = luaL_optlstring(L, 2, "", &sep_n);
    lua_Integer first = luaL_optinteger(L, 3, 1), last;
    char *p, *at;

    luaL_checktype(L, 1, LUA_TTABLE);
    last = lua_isnoneornil(L, 4) ? (lua_Integer)lua_objlen(L, 1) : luaL_checkinteger(L, 4);
    if (first < INT32_MIN || last >= INT32_MAX)
        return rule_error(L, "table.concat: there are no such indices");
    total = first <= last ? concat_size(L, (int)first, (int)last, sep_n) : 0;
    p = at = room(L, total);
    for (int i = (int)first; i <= (int)last; i++) {
        size_t n;
        const char *s;

        lua_rawgeti(L, 1, i);
        s = lua_tolstring(L, -1, &n);
        memcpy(at, s, n);
        at += n;
        if (i < last && sep_n) {
            memcpy(at, sep, sep_n);
            at += sep_n;
        }
        lua_pop(L, 1);
    }
    lua_pushlstring(L, p, total);
    return 1;
}

const luaL_Reg string_functions[] = {
    { "find", string_find }, { "match", str_match }, { "gmatch", str_gmatch }, { "gfind", str_gmatch }, { "gsub", str_gsub },
    { "rep", str_rep }, { NULL, NULL }
};
const luaL_Reg table_functions[] = { { "concat", tbl_concat }, { NULL, NULL } };
