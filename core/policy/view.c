/*
 * view - header fields, captures and lists as Lua sees them
 *
 * m.header and its like are a table that holds the mail object and a metatable
 * that knows how to read; so they expire with it.
 */
#include "policy/trace.h"

/* The mail object stands under a key no rule can name: m.regex[0] is a capture. */
static const char box_key;

void view_keep(lua_State *L, int box)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&box_key);
    lua_pushvalue(L, box);
    lua_rawset(L, -3);
}

static void view_box(lua_State *L)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&box_key);
    lua_rawget(L, 1);
    lua_replace(L, 1);
}

enum header_form { FORM_DECODED, FORM_RAW, FORM_LIST };

static struct str form(struct arena *a, const struct field *f, enum header_form how)
{
    struct str text = how == FORM_RAW ? f->value : header_unfold(a, f->value);

    return how == FORM_DECODED ? header_decode(a, text) : str_trim(text);
}

static int push_header(lua_State *L, enum header_form how)
{
    struct txn *t;
    struct str name;
    size_t n;
    struct arena *a;
    struct str *list;

    view_box(L);
    t = arg_txn(L, 1);
    name = arg_str(L, 2, 1000);
    if (name.n && name.p[name.n - 1] == ':')
        name.n--;
    n = header_count(&t->header, name);
    /* m.header.list_id is what one can write without quotes */
    if (n == 0) {
        lua_pushstring(L, luaL_gsub(L, name.p, "_", "-"));
        n = header_count(&t->header, str_of(lua_tostring(L, -1)));
        if (n)
            name = str_at(L, -1);
    }
    if (n == 0) {
        lua_pushnil(L);
        return 1;
    }
    a = policy_scratch(L);
    list = arena_array(a, struct str, n);
    for (size_t i = 0; i < n; i++)
        list[i] = form(a, header_field(&t->header, name, i), how);
    if (how == FORM_LIST) {
        push_val(L, &(struct val){ .type = VAL_LIST, .u.list = { list, n } });
        return 1;
    }
    lua_checkstack(L, 2);
    push_str(L, list[0]);
    for (size_t i = 1; i < n; i++) {
        lua_pushliteral(L, "\n");
        push_str(L, list[i]);
        lua_concat(L, 3);
    }
    return 1;
}

/* For perigee explain: header("subject") = ... */
static int noted(lua_State *L, const char *view, int n)
{
    struct eval *e = eval_running(L);
    int value = lua_gettop(L);

    if (e && e->trace && e->trace->on) {
        lua_pushstring(L, view);
        trace_put(L, e->trace, value + 1, 2, value, 0);
        lua_settop(L, value);
    }
    return n;
}

static int view_header(lua_State *L) { return noted(L, "header", push_header(L, FORM_DECODED)); }
static int view_rheader(lua_State *L) { return noted(L, "rheader", push_header(L, FORM_RAW)); }
static int view_lheader(lua_State *L) { return noted(L, "lheader", push_header(L, FORM_LIST)); }

static int view_regex(lua_State *L)
{
    lua_Integer i = lua_isnumber(L, 2) ? lua_tointeger(L, 2) : -1;
    struct txn *t;

    view_box(L);
    t = arg_txn(L, 1);
    if (i < 0 || i > 9)
        return rule_error(L, "regex captures are numbered 0 to 9");
    push_str(L, t->regex[i]);
    return 1;
}

static int view_set(lua_State *L)
{
    return rule_error(L, "header fields and captures cannot be assigned to; use header.add");
}

/* Exim's colon list: colons inside items are doubled, an empty item is a space. */
static int list_text(lua_State *L)
{
    luaL_Buffer out;
    size_t n;

    luaL_checktype(L, 1, LUA_TTABLE);
    n = lua_objlen(L, 1);
    luaL_buffinit(L, &out);
    for (size_t i = 1; i <= n; i++) {
        struct str s;

        lua_rawgeti(L, 1, (int)i);
        s = str_at(L, -1);
        if (!s.p)
            luaL_error(L, "a list holds texts, not a %s", luaL_typename(L, -1));
        luaL_gsub(L, s.p, ":", "::");
        lua_remove(L, -2);
        luaL_addvalue(&out);
        if (i < n)
            luaL_addchar(&out, ':');
    }
    luaL_pushresult(&out);
    return 1;
}

/* ---- metatables */

static void view_metatable(lua_State *L, const char *kind, lua_CFunction index)
{
    lua_newtable(L);
    lua_pushcfunction(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, view_set);
    lua_setfield(L, -2, "__newindex");
    set_bool(L, "__metatable", 0);
    lua_setfield(L, -2, kind);
}

/* A table by kind: "header" ... "regex". */
void views_push(lua_State *L)
{
    lua_newtable(L);
    view_metatable(L, "header", view_header);
    view_metatable(L, "bheader", view_header);
    view_metatable(L, "rheader", view_rheader);
    view_metatable(L, "lheader", view_lheader);
    view_metatable(L, "regex", view_regex);
}

void list_metatable_push(lua_State *L)
{
    lua_newtable(L);
    lua_pushcfunction(L, list_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "list");
    lua_setfield(L, -2, "__metatable");
}
