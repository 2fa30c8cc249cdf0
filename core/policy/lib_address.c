/* Addresses for rules: one as an envelope has it, a list as a field has it. */
#include "mail/addr.h"
#include "mail/header.h"
#include "policy/lua.h"

enum { FIELD_MAX = 1024 * 1024, ITEMS_MAX = 10000, LOCAL_MAX = 1024 };

static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* address_parse(text) -> local_part, domain | nil, why */
static int l_address_parse(lua_State *L)
{
    struct addr a;
    const char *reason = "it is no address";
    size_t n;
    const char *p = luaL_checklstring(L, 1, &n);

    if (!addr_parse((struct str){ p, n }, &a, &reason))
        return refuse(L, reason);
    push_str(L, a.local);
    push_str(L, a.domain);
    return 2;
}

/* address_list(text of a field) -> { address ... } | nil, why */
static int l_address_list(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    struct str text = header_unfold(a, arg_str(L, 1, FIELD_MAX));
    struct addr_item *items;
    const char *reason = "it is no list of addresses";
    size_t n;

    if (addr_list(a, text, ITEMS_MAX, &items, &n, &reason) != ADDR_LIST_OK)
        return refuse(L, reason);
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        push_str(L, items[i].addr);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static int l_local_part_quote(lua_State *L)
{
    push_str(L, addr_quote(policy_scratch(L), arg_str(L, 1, LOCAL_MAX)));
    return 1;
}

static int l_local_part_unquote(lua_State *L)
{
    push_str(L, addr_unquote(policy_scratch(L), arg_str(L, 1, LOCAL_MAX)));
    return 1;
}

static const luaL_Reg plain[] = {
    { "address_parse", l_address_parse },
    { "address_list", l_address_list },
    { "local_part_quote", l_local_part_quote },
    { "local_part_unquote", l_local_part_unquote },
    { NULL, NULL },
};

extern const struct lib lib_address;
const struct lib lib_address = { plain, NULL };
