/* Exchanges of AUTH: an evaluation that talks with the other side. The walk through one is Lua
 * (lua/mail/authenticators.lua): what it says is handed to whoever asked for it, and it
 * waits until the answer is heard. What a mechanism computes is SASL's. */
#include "auth/sasl.h"
#include "policy/host.h"

enum { HEAR_MS = 300000 };

/* ---- host.auth_say(text) -> what was heard | nil: given up */

struct talk {
    struct eval *eval;
    struct job job;
    struct str said, heard;
};

static void talk_cancel(void *ctx)
{
    struct talk *k = ctx;

    loop_forget(k->eval->policy->env.loop, &k->job);
    k->eval->hearing = NULL;
}

static int talk_push(lua_State *L, void *ctx)
{
    const struct talk *k = ctx;

    push_str(L, k->heard);
    return 1;
}

/* Outside of the coroutine: whoever is told may answer at once. */
static void talk_say(void *ctx)
{
    struct talk *k = ctx;

    k->eval->say(k->eval->ctx, k->said);
}

static int l_auth_say(lua_State *L)
{
    struct str text = arg_str(L, 1, 16384);
    struct eval *e = eval_running(L);
    struct wait *w;
    struct talk *k;

    if (!e || !e->say)
        return luaL_error(L, "nobody is being authenticated");
    w = wait_begin(L, "AUTH", HEAR_MS, talk_cancel, sizeof *k);
    k = wait_ctx(w);
    k->eval = e;
    k->said = arena_dup(wait_arena(w), text);
    k->job = (struct job){ .fn = talk_say, .ctx = k };
    e->hearing = w;
    loop_soon(e->policy->env.loop, &k->job);
    return wait_yield(w);
}

void policy_heard(struct eval *e, struct str text)
{
    struct wait *w = e->hearing;
    struct talk *k;

    if (!w)
        return;
    k = wait_ctx(w);
    e->hearing = NULL;
    k->heard = text.p ? arena_dup(wait_arena(w), text) : text;
    wait_done(w, talk_push);
}

/* ---- SASL */

static const char META[] = "perigee.sasl";

static int sasl_gc(lua_State *L)
{
    struct sasl **s = luaL_checkudata(L, 1, META);

    sasl_free(*s);
    *s = NULL;
    return 0;
}

static struct sasl *arg_sasl(lua_State *L)
{
    struct sasl **s = luaL_checkudata(L, 1, META);

    luaL_argcheck(L, *s, 1, "a SASL exchange is needed");
    return *s;
}

/* sasl_knows(mechanism, "server" | "client") */
static int l_sasl_knows(lua_State *L)
{
    bool client = str_same(arg_str(L, 2, 10), STR("client"));

    lua_pushboolean(L, sasl_knows(arg_str(L, 1, 255), client ? SASL_CLIENT : SASL_SERVER));
    return 1;
}

/* auth_channel(m) -> bytes of tls-exporter | nil, of tls-unique | nil: of the connection to the host that m is
 * about, else of the client's */
static int l_auth_channel(lua_State *L)
{
    const struct txn *t = arg_txn(L, 1);
    const struct at_tls *tls = t->host ? &t->host->tls : &t->conn->tls;

    push_str(L, tls->exporter);
    push_str(L, tls->unique);
    return 2;
}

/* sasl(mechanism, "server" | "client", exporter | nil, unique | nil) -> exchange | nil, why */
static int l_sasl(lua_State *L)
{
    struct str mechanism = arg_str(L, 1, 255);
    struct sasl_channel channel = { { 0 }, { 0 } };
    bool exporter = arg_opt_str(L, 3, 255, &channel.exporter), unique = arg_opt_str(L, 4, 255, &channel.unique);
    enum sasl_side side = str_same(arg_str(L, 2, 10), STR("client")) ? SASL_CLIENT : SASL_SERVER;
    struct sasl **s = lua_newuserdata(L, sizeof *s);
    struct why why;

    *s = NULL;
    if (luaL_newmetatable(L, META)) {
        lua_pushcfunction(L, sasl_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, "sasl");
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    if (sasl_new(mechanism, side, exporter || unique ? &channel : NULL, s, &why) == ST_OK)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why.text);
    return 2;
}

/* sasl_set(exchange, fact, text) */
static int l_sasl_set(lua_State *L)
{
    static const char *const facts[] = {
        [SASL_AUTHID] = "authid", [SASL_AUTHZID] = "authzid", [SASL_PASSWORD] = "password", [SASL_SCRAM_ITER] = "iterations",
        [SASL_SCRAM_SALT] = "salt", [SASL_SCRAM_SERVERKEY] = "server_key", [SASL_SCRAM_STOREDKEY] = "stored_key",
        [SASL_SCRAM_SALTED] = "salted_password", [SASL_HOSTNAME] = "hostname", [SASL_SERVICE] = "service", [SASL_REALM] = "realm",
        [SASL_FACTS] = NULL
    };

    sasl_set(arg_sasl(L), (enum sasl_fact)luaL_checkoption(L, 2, NULL, facts), arg_str(L, 3, 16384));
    return 0;
}

/* sasl_identity(exchange, response) -> authid, authzid | nil: it is none of the mechanism */
static int l_sasl_identity(lua_State *L)
{
    struct sasl *s = arg_sasl(L);
    struct str authid, authzid;

    if (!sasl_identity(s, policy_scratch(L), arg_str(L, 2, 16384), &authid, &authzid))
        return 0;
    push_str(L, authid);
    push_str(L, authzid);
    return 2;
}

/* sasl_step(exchange, response | nil) -> "more" | "done" | "refused" | "garbled", text to send */
static int l_sasl_step(lua_State *L)
{
    static const char *const ends[] = {
        [SASL_MORE] = "more", [SASL_DONE] = "done", [SASL_REFUSED] = "refused", [SASL_GARBLED] = "garbled",
    };
    struct sasl *s = arg_sasl(L);
    struct str in = { 0 }, out;

    arg_opt_str(L, 2, 16384, &in);
    lua_pushstring(L, ends[sasl_step(s, in, policy_scratch(L), &out)]);
    push_str(L, out);
    return 2;
}

static const luaL_Reg plain[] = {
    { "sasl_knows", l_sasl_knows },
    { "auth_channel", l_auth_channel },
    { "sasl", l_sasl },
    { "sasl_set", l_sasl_set },
    { "sasl_identity", l_sasl_identity },
    { "sasl_step", l_sasl_step },
    { NULL, NULL },
};
static const luaL_Reg waits[] = {
    { "auth_say", l_auth_say },
    { NULL, NULL },
};

extern const struct lib lib_auth;
const struct lib lib_auth = { plain, waits };
