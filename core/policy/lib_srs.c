/* Senders rewritten, addresses tagged, and both taken apart: auth/srs.h, auth/prvs.h. */
#include "auth/prvs.h"
#include "auth/srs.h"
#include "base/clock.h"
#include "mail/addr.h"
#include "policy/lua.h"

enum { SECRET_MAX = 1024, TEXT_MAX = 4096, SECONDS_A_DAY = 86400 };

static int64_t today(void)
{
    return clock_wall_us() / 1000000 / SECONDS_A_DAY;
}

/* ---- how, as lua/mail/srs_rules.lua has checked it: { kind =, secrets =, separator =, hash_length =, ... } */

static int64_t number(lua_State *L, int table, const char *name, int64_t least, int64_t most, int64_t missing)
{
    int64_t n;

    lua_getfield(L, table, name);
    n = lua_isnil(L, -1) ? missing : (int64_t)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return n < least ? least : n > most ? most : n;
}

static bool flag(lua_State *L, int table, const char *name)
{
    bool yes;

    lua_getfield(L, table, name);
    yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

/* The texts stay where the table holds them. */
static void secrets_of(lua_State *L, int table, struct str *out, struct srs_rules *r)
{
    lua_getfield(L, table, "secrets");
    luaL_checktype(L, -1, LUA_TTABLE);
    for (r->nsecrets = 0; r->nsecrets < SRS_SECRETS_MAX; r->nsecrets++) {
        lua_rawgeti(L, -1, (int)r->nsecrets + 1);
        if (!lua_isstring(L, -1)) {
            lua_pop(L, 1);
            break;
        }
        out[r->nsecrets].p = lua_tolstring(L, -1, &out[r->nsecrets].n);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    r->secrets = out;
}

static void rules_of(lua_State *L, int table, struct str *room, struct srs_rules *r)
{
    luaL_checktype(L, table, LUA_TTABLE);
    *r = (struct srs_rules){
        .kind = (enum srs_kind)number(L, table, "kind", SRS_MAIL, SRS_EXIM, SRS_MAIL),
        .separator = (char)number(L, table, "separator", 0, 127, '='),
        .hash_length = (unsigned)number(L, table, "hash_length", 1, SRS_HASH_MAX, 4),
        .hash_min = (unsigned)number(L, table, "hash_min", 1, SRS_HASH_MAX, 4),
        .max_age = (unsigned)number(L, table, "max_age", 0, SRS_AGE_MAX, 21),
        .no_hash = flag(L, table, "no_hash"), .no_stamp = flag(L, table, "no_stamp"), .database = flag(L, table, "database"),
        .day = today(),
    };
    secrets_of(L, table, room, r);
}

static int push_result(lua_State *L, enum srs_result result, struct str text)
{
    lua_pushstring(L, srs_words(result));
    push_str(L, text.n ? text : (struct str){ 0 });
    return 2;
}

/* srs_encode(sender, domain, rules) -> "ok" or in words why not, address */
static int l_srs_encode(lua_State *L)
{
    struct str sender = arg_str(L, 1, TEXT_MAX), domain = arg_str(L, 2, TEXT_MAX), room[SRS_SECRETS_MAX], out;
    struct srs_rules r;
    enum srs_result result;

    rules_of(L, 3, room, &r);
    luaL_argcheck(L, r.nsecrets > 0, 3, "a secret is needed");
    result = srs_encode(policy_scratch(L), &r, sender, domain, &out);
    return push_result(L, result, out);
}

/* srs_decode(local_part, rules) -> "ok", "case broken" or in words why not, address or key */
static int l_srs_decode(lua_State *L)
{
    struct str local = arg_str(L, 1, TEXT_MAX), room[SRS_SECRETS_MAX], out;
    struct arena *a = policy_scratch(L);
    struct srs_rules r;
    enum srs_result result;

    rules_of(L, 2, room, &r);
    if (local.n && *local.p == '"')
        local = addr_unquote(a, local);
    result = srs_decode(a, &r, local, &out);
    return push_result(L, result, out);
}

/* srs_key(sender, rules) -> the key of a database */
static int l_srs_key(lua_State *L)
{
    struct str sender = arg_str(L, 1, TEXT_MAX), room[SRS_SECRETS_MAX];
    struct srs_rules r;

    rules_of(L, 2, room, &r);
    push_str(L, srs_key(policy_scratch(L), &r, sender));
    return 1;
}

/* srs_is(local_part) -> 0 or 1, which kind; nil */
static int l_srs_is(lua_State *L)
{
    struct str local = arg_str(L, 1, TEXT_MAX);

    if (!srs_is(local))
        return 0;
    lua_pushinteger(L, local.p[3] - '0');
    return 1;
}

/* ---- prvs */

/* prvs_create(address, secret, key) -> tagged address, or nil */
static int l_prvs_create(lua_State *L)
{
    struct str address = arg_str(L, 1, TEXT_MAX), secret = arg_str(L, 2, PRVS_SECRET_MAX);
    struct str out = prvs_create(policy_scratch(L), address, secret, (int)arg_int(L, 3, 0, 9), today());

    push_str(L, out.n ? out : (struct str){ 0 });
    return 1;
}

/* prvs_read(text) -> address, key number; nil if it has no tag */
static int l_prvs_read(lua_State *L)
{
    struct prvs p;

    if (!prvs_read(policy_scratch(L), arg_str(L, 1, TEXT_MAX), &p))
        return 0;
    push_str(L, p.address);
    lua_pushinteger(L, p.key);
    return 2;
}

/* prvs_good(text, secret) -> boolean */
static int l_prvs_good(lua_State *L)
{
    struct str text = arg_str(L, 1, TEXT_MAX), secret = arg_str(L, 2, PRVS_SECRET_MAX);
    struct arena *a = policy_scratch(L);
    struct prvs p;

    lua_pushboolean(L, prvs_read(a, text, &p) && prvs_good(a, &p, secret, today()));
    return 1;
}

static const luaL_Reg plain[] = {
    { "srs_encode", l_srs_encode }, { "srs_decode", l_srs_decode }, { "srs_key", l_srs_key },     { "srs_is", l_srs_is },
    { "prvs_create", l_prvs_create }, { "prvs_read", l_prvs_read }, { "prvs_good", l_prvs_good }, { NULL, NULL },
};

extern const struct lib lib_srs;
const struct lib lib_srs = { plain, NULL };
