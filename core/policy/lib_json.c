/* JSON for rules (RFC 8259): read by Jansson, written by show. null is a value of its
 * own, json.null, so that an array keeps its length. */
#include <jansson.h>

#include "policy/lua.h"
#include "policy/show.h"

enum { TEXT_MAX = 1024 * 1024, DEPTH_MAX = 64 };

static void push_json(lua_State *L, const json_t *v, int depth);

static void push_object(lua_State *L, const json_t *v, int depth)
{
    const char *key;
    json_t *member;

    lua_createtable(L, 0, (int)json_object_size(v));
    json_object_foreach((json_t *)v, key, member) {
        lua_pushstring(L, key);
        push_json(L, member, depth + 1);
        lua_rawset(L, -3);
    }
}

static void push_array(lua_State *L, const json_t *v, int depth)
{
    size_t i;
    json_t *item;

    lua_createtable(L, (int)json_array_size(v), 0);
    json_array_foreach(v, i, item) {
        push_json(L, item, depth + 1);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

static void push_json(lua_State *L, const json_t *v, int depth)
{
    luaL_checkstack(L, 4, "this JSON is nested too deeply");
    if (depth > DEPTH_MAX)
        luaL_error(L, "this JSON is nested more than %d deep", DEPTH_MAX);
    switch (json_typeof(v)) {
    case JSON_OBJECT:  push_object(L, v, depth); break;
    case JSON_ARRAY:   push_array(L, v, depth); break;
    case JSON_STRING:  lua_pushlstring(L, json_string_value(v), json_string_length(v)); break;
    case JSON_INTEGER: lua_pushnumber(L, (lua_Number)json_integer_value(v)); break;
    case JSON_REAL:    lua_pushnumber(L, json_real_value(v)); break;
    case JSON_TRUE:    lua_pushboolean(L, 1); break;
    case JSON_FALSE:   lua_pushboolean(L, 0); break;
    case JSON_NULL:    lua_pushlightuserdata(L, NULL); break;
    }
}

/* The tree is freed by the collector even if pushing it raises. */
static int tree_gc(lua_State *L)
{
    json_t **tree = lua_touserdata(L, 1);

    json_decref(*tree);
    *tree = NULL;
    return 0;
}

/* json_decode(text) -> value | nil, why */
static int l_json_decode(lua_State *L)
{
    struct str s = arg_str(L, 1, TEXT_MAX);
    json_t **tree = lua_newuserdata(L, sizeof *tree);
    json_error_t error;

    *tree = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, tree_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    *tree = json_loadb(s.p, s.n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!*tree) {
        lua_pushnil(L);
        lua_pushfstring(L, "line %d: %s", error.line, error.text);
        return 2;
    }
    push_json(L, *tree, 0);
    json_decref(*tree);
    *tree = NULL;
    return 1;
}

/* json_encode(value) -> text */
static int l_json_encode(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    struct buf out = { 0 };
    struct str s;
    bool whole;

    luaL_checkany(L, 1);
    whole = show_json(L, 1, a, &out);
    s = arena_dup(a, buf_str(&out));
    buf_free(&out);
    if (!whole)
        return luaL_error(L, "json.encode: the value is too large, holds itself or is nested more than 32 deep");
    push_str(L, s);
    return 1;
}

/* json_null() -> the value that stands for null */
static int l_json_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
    return 1;
}

static const luaL_Reg plain[] = {
    { "json_decode", l_json_decode },
    { "json_encode", l_json_encode },
    { "json_null", l_json_null },
    { NULL, NULL },
};

extern const struct lib lib_json;
const struct lib lib_json = { plain, NULL };
