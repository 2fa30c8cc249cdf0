/* What verify asks of a message's header: the addresses of its fields, and
 * whether their names are what RFC 5322 2.2 lets a name be. */
#include "mail/addr.h"
#include "policy/lua.h"

enum { ADDRESSES_MAX = 10000, NAME_SHOWN = 60 };

static bool add_addresses(lua_State *L, const struct field *f, int *n, const char **reason)
{
    struct arena *a = policy_scratch(L);
    struct addr_item *items;
    size_t count;

    if (addr_list(a, header_unfold(a, f->value), ADDRESSES_MAX, &items, &count, reason) != ADDR_LIST_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        push_str(L, items[i].addr);
        lua_rawseti(L, -2, ++*n);
    }
    return true;
}

/* header_addresses(m, name) -> the addresses of every field of that name, in order; false, why: they cannot be read */
static int l_header_addresses(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str name = arg_str(L, 2, 100);
    const struct field *f;
    const char *reason = "";
    int n = 0;

    lua_newtable(L);
    for (size_t i = 0; (f = header_field(&t->header, name, i)); i++)
        if (!add_addresses(L, f, &n, &reason)) {
            lua_pushboolean(L, false);
            lua_pushstring(L, reason);
            return 2;
        }
    return 1;
}

static bool name_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 33 || s.p[i] > 126)        /* a char with its eighth bit is below as well, or above */
            return false;
    return s.n > 0;
}

/* header_names_ascii(m) -> true | false, why */
static int l_header_names_ascii(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct arena *a = policy_scratch(L);

    for (const struct field *f = t->header.first; f; f = f->next) {
        if (name_printable(f->name))
            continue;
        lua_pushboolean(L, false);
        push_str(L, arena_printf(a, "Invalid character in header \"%.*s\" found", STR_ARG(str_head(f->name, NAME_SHOWN))));
        return 2;
    }
    /* A line whose name holds such a character is no field for us: it ended the section. */
    if (t->header.damaged) {
        lua_pushboolean(L, false);
        lua_pushliteral(L, "Invalid character in header found: a line of it is no field");
        return 2;
    }
    lua_pushboolean(L, true);
    return 1;
}

/* envelope_recipients(m) -> those that were accepted */
static int l_envelope_recipients(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);

    lua_createtable(L, (int)t->nrcpts, 0);
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        push_str(L, t->rcpts[i].addr);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static const luaL_Reg plain[] = {
    { "header_addresses", l_header_addresses },
    { "header_names_ascii", l_header_names_ascii },
    { "envelope_recipients", l_envelope_recipients },
    { NULL, NULL },
};

extern const struct lib lib_verify;
const struct lib lib_verify = { plain, NULL };
