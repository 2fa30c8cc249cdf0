/* What rewriting reads and changes: the envelope and the address fields of a
 * message that has been received. */
#include "mail/addr.h"
#include "policy/lua.h"

enum { SECTION_MAX = 2 << 20, ADDRESSES_MAX = 10000 };

/* The fields that hold addresses (RFC 5322 3.6); a resent one counts as its like. */
static const char *const fields[] = { "from", "sender", "reply-to", "to", "cc", "bcc" };

static const char *field_kind(struct str name)
{
    if (str_starts_fold(name, STR("Resent-")))
        name = str_from(name, 7);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (str_same_fold(name, str_of(fields[i])))
            return fields[i];
    return NULL;
}

static void push_item(lua_State *L, struct str section, const struct addr_item *item)
{
    lua_createtable(L, 0, 5);
    set_str(L, "address", item->addr);
    set_num(L, "from", (size_t)(item->spec.p - section.p) + 1);
    set_num(L, "to", (size_t)(item->spec.p - section.p) + item->spec.n);
    set_num(L, "whole_from", (size_t)(item->whole.p - section.p) + 1);
    set_num(L, "whole_to", (size_t)(item->whole.p - section.p) + item->whole.n);
}

/* What cannot be read as an address list is left as it came, but for the
 * addresses before the mistake. */
static void push_field(lua_State *L, struct arena *a, struct str section, const struct field *f, const char *kind)
{
    struct addr_item *items;
    const char *reason;
    size_t n, count = 0;

    addr_list(a, f->value, ADDRESSES_MAX, &items, &n, &reason);
    lua_createtable(L, (int)n, 1);
    lua_pushstring(L, kind);
    lua_setfield(L, -2, "name");
    for (size_t i = 0; i < n; i++) {
        if (str_find(items[i].addr, '@') == SIZE_MAX)
            continue;
        push_item(L, section, &items[i]);
        lua_rawseti(L, -2, (int)++count);
    }
}

/* address_fields(section) -> { { name = "to", { address =, from =, to =, whole_from =, whole_to = } ... } ... },
 * places are byte numbers of the section, both ends included */
static int l_address_fields(lua_State *L)
{
    struct str section = arg_str(L, 1, SECTION_MAX);
    struct arena *a = policy_scratch(L);
    struct header h = { 0 };
    int count = 0;

    header_parse(a, section, &h);
    lua_newtable(L);
    for (const struct field *f = h.first; f; f = f->next) {
        const char *kind = field_kind(f->name);

        if (!kind)
            continue;
        push_field(L, a, section, f, kind);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

/* rewrite_subject(m) -> sender, { recipient ... }, header section */
static int l_rewrite_subject(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);

    push_str(L, t->sender.p ? t->sender : STR(""));
    lua_createtable(L, (int)t->nrcpts, 0);
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        push_str(L, t->rcpts[i].addr);
        lua_rawseti(L, -2, (int)i + 1);
    }
    push_str(L, t->header_text.p ? t->header_text : STR(""));
    return 3;
}

static void apply_recipients(lua_State *L, int table, struct txn *t)
{
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        size_t n;
        const char *p;

        lua_rawgeti(L, table, (int)i + 1);
        if (lua_isstring(L, -1) && (p = lua_tolstring(L, -1, &n)) && n > 0)
            t->rcpts[i].addr = arena_dup(&t->arena, (struct str){ p, n });
        lua_pop(L, 1);
    }
}

/* rewrite_apply(m, sender | nil, { [i] = recipient } | nil, section | nil) */
static int l_rewrite_apply(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str text;

    if (arg_opt_str(L, 2, ADDR_MAX, &text))
        t->sender = arena_dup(&t->arena, text);
    if (lua_istable(L, 3))
        apply_recipients(L, 3, t);
    if (arg_opt_str(L, 4, SECTION_MAX, &text)) {
        t->header_text = arena_dup(&t->arena, text);
        memset(&t->header, 0, sizeof t->header);
        header_parse(&t->arena, t->header_text, &t->header);
    }
    return 0;
}

static const luaL_Reg plain[] = {
    { "address_fields", l_address_fields },
    { "rewrite_subject", l_rewrite_subject },
    { "rewrite_apply", l_rewrite_apply },
    { NULL, NULL },
};

extern const struct lib lib_rewrite;
const struct lib lib_rewrite = { plain, NULL };
