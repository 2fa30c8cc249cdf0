/* ratelimit and seen of ACLs: rates and times that all workers share, and what
 * one connection or one message was already counted for. */
#include "base/clock.h"
#include "policy/lua.h"
#include "spool/pace.h"

enum { PACE_KEY_MAX = 512, UNIQUE_MAX = 65536, KNOWN_MAX = 100 };
static const double TIME_MAX = 10.0 * 366 * 86400;

static struct hints *hints_of(lua_State *L)
{
    struct hints *h = policy_env(L)->hints;

    if (!h)
        luaL_error(L, "there are no hints here");
    return h;
}

static double number(lua_State *L, int arg, double min, double max)
{
    double n = luaL_checknumber(L, arg);

    luaL_argcheck(L, n >= min && n <= max, arg, "out of range");
    return n;
}

/* rate(key, limit, period, count, keep, unique) -> number */
static int l_rate(lua_State *L)
{
    static const char *const keeps[] = { [PACE_LEAKY] = "leaky", [PACE_STRICT] = "strict", [PACE_READ] = "readonly", NULL };
    struct str key = arg_str(L, 1, PACE_KEY_MAX);
    struct pace_ask ask = {
        .limit = number(L, 2, 0, 1e18), .period = (int64_t)number(L, 3, 1, TIME_MAX), .count = number(L, 4, 0, 1e18),
    };
    struct why why = { 0 };
    double rate;

    ask.keep = (enum pace_keep)luaL_checkoption(L, 5, NULL, keeps);
    arg_opt_str(L, 6, UNIQUE_MAX, &ask.unique);
    if (pace_rate(hints_of(L), key, &ask, clock_wall_us(), &rate, &why) != ST_OK)
        return raise_again(L, "ratelimit: %s", why.text);
    lua_pushnumber(L, rate);
    return 1;
}

/* seen(key, interval, before, "readonly" | "write" | "", refresh) -> boolean */
static int l_seen(lua_State *L)
{
    static const char *const modes[] = { "", "readonly", "write", NULL };
    struct str key = arg_str(L, 1, PACE_KEY_MAX);
    struct seen_ask ask = {
        .interval = (int64_t)number(L, 2, 0, TIME_MAX), .before = lua_toboolean(L, 3), .refresh = (int64_t)number(L, 5, 0, TIME_MAX),
    };
    int mode = luaL_checkoption(L, 4, NULL, modes);
    struct why why = { 0 };
    bool yes;

    ask.read = mode == 1;
    ask.write = mode == 2;
    if (pace_seen(hints_of(L), key, &ask, clock_wall(), &yes, &why) != ST_OK)
        return raise_again(L, "seen: %s", why.text);
    lua_pushboolean(L, yes);
    return 1;
}

/* ---- what this connection or message was counted for: once each */

static struct rate_known **known_of(lua_State *L, struct txn *t, struct arena **a)
{
    static const char *const scopes[] = { "conn", "mail", NULL };
    bool mail = luaL_checkoption(L, 2, NULL, scopes) == 1;

    *a = mail ? &t->arena : &t->conn->arena;
    return mail ? &t->rates : &t->conn->rates;
}

/* rate_known(m, "conn" | "mail", key) -> number | nil */
static int l_rate_known(lua_State *L)
{
    struct arena *a;
    struct str key = arg_str(L, 3, PACE_KEY_MAX);

    for (struct rate_known *k = *known_of(L, arg_txn(L, 1), &a); k; k = k->next)
        if (str_same(k->key, key)) {
            lua_pushnumber(L, k->rate);
            return 1;
        }
    return 0;
}

/* rate_note(m, "conn" | "mail", key, rate): beyond a hundred it is counted each time */
static int l_rate_note(lua_State *L)
{
    struct arena *a;
    struct rate_known **list = known_of(L, arg_txn(L, 1), &a), *k;
    struct str key = arg_str(L, 3, PACE_KEY_MAX);
    double rate = luaL_checknumber(L, 4);
    unsigned n = 0;

    for (k = *list; k; k = k->next)
        n++;
    if (n >= KNOWN_MAX)
        return 0;
    k = arena_new(a, struct rate_known);
    *k = (struct rate_known){ .key = arena_dup(a, key), .rate = rate, .next = *list };
    *list = k;
    return 0;
}

/* mail_count(m): how many messages this session has begun */
static int l_mail_count(lua_State *L)
{
    lua_pushnumber(L, arg_txn(L, 1)->conn->transactions);
    return 1;
}

static const luaL_Reg plain[] = {
    { "rate", l_rate },
    { "seen", l_seen },
    { "rate_known", l_rate_known },
    { "rate_note", l_rate_note },
    { "mail_count", l_mail_count },
    { NULL, NULL },
};

extern const struct lib lib_pace;
const struct lib lib_pace = { plain, NULL };
