/* Regular expressions for rules (base/expr.h), as a userdata of Lua's. */
#include "policy/regex.h"

static const char META[] = "perigee.regex";

static int regex_gc(lua_State *L)
{
    struct expr **re = luaL_checkudata(L, 1, META);

    expr_free(*re);
    *re = NULL;
    return 0;
}

static struct expr **regex_push(lua_State *L)
{
    struct expr **re = lua_newuserdata(L, sizeof(struct expr *));

    *re = NULL;
    if (luaL_newmetatable(L, META)) {
        lua_pushcfunction(L, regex_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, "regex");
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return re;
}

static int push_why(lua_State *L, const struct why *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why->text);
    return 2;
}

/* regex(pattern, flags) -> compiled | nil, why. flags: "i" ignores case. */
static int l_regex(lua_State *L)
{
    struct str pattern = arg_str(L, 1, SIZE_MAX), flags = arg_str(L, 2, 8);
    struct expr **re = regex_push(L);
    struct why why;

    *re = expr_new(pattern, str_find(flags, 'i') != SIZE_MAX ? EXPR_FOLD : 0, &why);
    return *re ? 1 : push_why(L, &why);
}

/* ---- matching */

struct expr *regex_arg(lua_State *L, int arg)
{
    struct expr **re = luaL_checkudata(L, arg, META);

    luaL_argcheck(L, *re, arg, "a compiled expression is needed");
    return *re;
}

/* { [0] = whole, capture, ... }; a group that took no part is "". */
static int push_captures(lua_State *L, const struct expr *re, struct str subject)
{
    int n = expr_groups(re);

    lua_createtable(L, n, 1);
    for (int i = 0; i < n; i++) {
        struct str group = expr_group(re, subject, i);

        push_str(L, group.p ? group : STR(""));
        lua_rawseti(L, -2, i);
    }
    return 1;
}

static bool too_long(lua_State *L, struct str subject)
{
    if (subject.n <= EXPR_SUBJECT_MAX)
        return false;
    lua_pushnil(L);
    lua_pushfstring(L, "the subject is longer than %d bytes", EXPR_SUBJECT_MAX);
    return true;
}

/* regex_match(compiled, subject) -> captures | nil | nil, why */
static int l_regex_match(lua_State *L)
{
    struct expr *re = regex_arg(L, 1);
    struct str subject = arg_str(L, 2, SIZE_MAX);
    enum status st;
    struct why why;

    if (too_long(L, subject))
        return 2;
    st = expr_find(re, subject, NULL, &why);
    if (st == ST_NONE)
        return 0;
    return st == ST_OK ? push_captures(L, re, subject) : push_why(L, &why);
}

/* regex_replace(compiled, subject, replacement) -> text | nil, why. $1 and ${1} are captures. */
static int l_regex_replace(lua_State *L)
{
    struct expr *re = regex_arg(L, 1);
    struct str subject = arg_str(L, 2, SIZE_MAX), with = arg_str(L, 3, EXPR_SUBJECT_MAX);
    size_t n = EXPR_REPLACED_MAX;
    struct why why;
    char *out;

    if (too_long(L, subject))
        return 2;
    out = arena_alloc(policy_scratch(L), n);
    if (expr_replace(re, subject, with, out, &n, &why) != ST_OK)
        return push_why(L, &why);
    push_str(L, (struct str){ out, n });
    return 1;
}

static const luaL_Reg plain[] = {
    { "regex", l_regex },
    { "regex_match", l_regex_match },
    { "regex_replace", l_regex_replace },
    { NULL, NULL },
};

extern const struct lib lib_regex;
const struct lib lib_regex = { plain, NULL };
