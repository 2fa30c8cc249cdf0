/* store.* of rules: what is remembered across sessions and workers, in hints. It
 * is a memory, never a ledger: hints may be thrown away at any time (R2.5), so a
 * failure to write is not an error of the rule. */
#include "base/clock.h"
#include "policy/lua.h"

enum { NAME_MAX_BYTES = 128, KEY_MAX_BYTES = 512, VALUE_MAX_BYTES = 65536 };

static struct hints *hints_of(lua_State *L)
{
    struct hints *h = policy_env(L)->hints;

    if (!h)
        luaL_error(L, "there is no store here");
    return h;
}

/* store_get(name, key) -> text | nil */
static int l_store_get(lua_State *L)
{
    struct str name = arg_str(L, 1, NAME_MAX_BYTES), key = arg_str(L, 2, KEY_MAX_BYTES), value;
    int64_t expires;

    if (!hints_get(hints_of(L), policy_scratch(L), name, key, &value, &expires))
        return 0;
    if (expires && expires <= clock_wall())
        return 0;
    push_str(L, value);
    return 1;
}

/* store_put(name, key, text, expires) -> was it kept? */
static int l_store_put(lua_State *L)
{
    struct str name = arg_str(L, 1, NAME_MAX_BYTES), key = arg_str(L, 2, KEY_MAX_BYTES);
    struct str value = arg_str(L, 3, VALUE_MAX_BYTES);
    int64_t expires = arg_int(L, 4, 0, INT64_MAX / 2);

    lua_pushboolean(L, hints_put(hints_of(L), name, key, value, expires, NULL) == ST_OK);
    return 1;
}

static int l_store_del(lua_State *L)
{
    struct str name = arg_str(L, 1, NAME_MAX_BYTES), key = arg_str(L, 2, KEY_MAX_BYTES);
    enum status st = hints_del(hints_of(L), name, key, NULL);

    lua_pushboolean(L, st == ST_OK || st == ST_NONE);
    return 1;
}

/* store_incr(name, key, by, expires) -> the number now. A count that could not be
 * written is one nobody may act on: it is "could not find out". */
static int l_store_incr(lua_State *L)
{
    struct str name = arg_str(L, 1, NAME_MAX_BYTES), key = arg_str(L, 2, KEY_MAX_BYTES);
    int64_t by = arg_int(L, 3, -1000000000, 1000000000), expires = arg_int(L, 4, 0, INT64_MAX / 2), now;
    struct why why;

    if (hints_incr(hints_of(L), name, key, by, expires, &now, &why) != ST_OK)
        return raise_again(L, "store.incr: %s", why.text);
    lua_pushnumber(L, (lua_Number)now);
    return 1;
}

static const luaL_Reg plain[] = {
    { "store_get", l_store_get },
    { "store_put", l_store_put },
    { "store_del", l_store_del },
    { "store_incr", l_store_incr },
    { NULL, NULL },
};

extern const struct lib lib_store;
const struct lib lib_store = { plain, NULL };
