/* What waits on another host's server: verify with a callout. The engine asks
 * (engine/callout.c); what to ask and what the answer means is lua/mail's. */
#include "policy/callout.h"
#include "policy/host.h"

/* The engine ends it first, with better words than the wait would. */
enum { MOST_MS = WAIT_MAX_MS - 10000 };

struct asked {
    const struct policy_env *env;
    struct callout *c;
    struct callout_end end;
};

static void ask_cancel(void *ctx)
{
    struct asked *k = ctx;

    k->env->callout_cancel(k->c);
}

static void set_text(lua_State *L, const char *name, struct str s)
{
    if (s.n > 0)
        set_str(L, name, s);
}

static void set_fact(lua_State *L, const char *name, enum callout_fact f)
{
    static const char *const words[] = {
        [CALLOUT_ACCEPT] = "accept", [CALLOUT_REJECT] = "reject", [CALLOUT_REJECT_NULL] = "reject_null",
    };

    if (f != CALLOUT_UNKNOWN)
        set_text(L, name, str_of(words[f]));
}

static int ask_push(lua_State *L, void *ctx)
{
    const struct callout_end *e = &((struct asked *)ctx)->end;

    lua_createtable(L, 0, 12);
    set_text(L, "result", e->st == ST_OK ? STR("yes") : e->st == ST_NEVER ? STR("no") : STR("again"));
    set_text(L, "failure", e->failure ? str_of(e->failure) : STR(""));
    set_fact(L, "domain", e->domain);
    set_fact(L, "random", e->random);
    set_fact(L, "postmaster", e->postmaster);
    set_text(L, "host", e->host);
    set_text(L, "ip", e->ip);
    set_text(L, "asked", e->asked);
    set_text(L, "answer", e->answer);
    set_text(L, "text", e->text);
    set_bool(L, "several", e->several);
    return 1;
}

static void ask_done(void *ctx, const struct callout_end *end)
{
    struct wait *w = ctx;
    struct asked *k = wait_ctx(w);
    struct arena *a = wait_arena(w);

    k->c = NULL;
    k->end = *end;
    k->end.host = arena_dup(a, end->host);
    k->end.ip = arena_dup(a, end->ip);
    k->end.asked = arena_dup(a, end->asked);
    k->end.answer = arena_dup(a, end->answer);
    k->end.text = arena_dup(a, end->text);
    wait_done(w, ask_push);
}

static struct str text_of(lua_State *L, const char *name, struct arena *a)
{
    struct str s = field_str(L, 2, name, a);

    return s.p ? s : STR("");
}

/* The transport, with its options as they are for this address. */
static void read_transport(lua_State *L, struct arena *a, struct transport_values *tv)
{
    struct val *v = arena_array(a, struct val, transport_count());

    transport_defaults(v);
    lua_getfield(L, 2, "values");
    options_of(L, lua_gettop(L), a, v, transport_count(), topt_find);
    lua_pop(L, 1);
    tv->v = v;
    tv->n = transport_count();
    tv->name = text_of(L, "transport", a);
    tv->driver = text_of(L, "driver", a);
}

static void read_address(lua_State *L, struct arena *a, struct txn *t, const struct transport_values *tv, struct at_address *at)
{
    txn_at(t, text_of(L, "address", a), at);
    at->transport = tv->name;
    at->router = text_of(L, "router", a);
}

/* What the table of lua/mail/verify_callout.lua says. */
static void read_want(lua_State *L, struct arena *a, struct callout_want *w, struct transport_values *tv)
{
    struct host *hosts = NULL;

    read_transport(L, a, tv);
    w->transport = tv;
    w->nhosts = hosts_of(L, 2, "hosts", a, &hosts);
    w->hosts = hosts;
    w->address = text_of(L, "rcpt", a);
    w->sender = text_of(L, "sender", a);
    w->original = w->t->addr ? w->t->addr->address : STR("");
    w->plain = field_bool(L, 2, "plain");
    w->random = text_of(L, "random", a);
    w->postmaster = field_bool(L, 2, "postmaster");
    w->full_postmaster = field_bool(L, 2, "fullpostmaster");
    w->postmaster_sender = text_of(L, "postmaster_sender", a);
    w->hold = field_bool(L, 2, "hold");
    w->recipient = field_bool(L, 2, "recipient");
    w->size = (uint64_t)field_int(L, 2, "size", 0);
    w->answer_ms = field_int(L, 2, "answer_ms", 30000);
    w->connect_ms = field_int(L, 2, "connect_ms", w->answer_ms);
    w->whole_ms = field_int(L, 2, "whole_ms", 4 * w->answer_ms);
    if (w->whole_ms > MOST_MS)
        w->whole_ms = MOST_MS;
    read_address(L, a, w->t, tv, &w->at);
}

/* callout(m, { ... }) -> what was found out, in a table */
static int l_callout(lua_State *L)
{
    const struct policy_env *env = policy_env(L);
    struct txn *t = arg_txn(L, 1);
    struct callout_want want = { .policy = policy_of(L), .t = t };
    struct transport_values tv = { 0 };
    struct wait *w;
    struct asked *k;

    luaL_checktype(L, 2, LUA_TTABLE);
    if (!env->callout)
        return raise_again(L, "there is nobody here to ask other hosts with");
    w = wait_begin(L, "callout", WAIT_MAX_MS, ask_cancel, sizeof *k);
    k = wait_ctx(w);
    k->env = env;
    read_want(L, wait_arena(w), &want, &tv);
    k->c = env->callout(env->ctx, &want, ask_done, w);
    return wait_yield(w);
}

/* cutthrough(m) -> "spool" | "pass" | nil, with the transport's sender, is this recipient in the held transaction */
static int l_cutthrough(lua_State *L)
{
    const struct txn *t = arg_txn(L, 1);

    if (t->cutthrough == CUTTHROUGH_NO)
        return 0;
    lua_pushstring(L, t->cutthrough == CUTTHROUGH_PASS ? "pass" : "spool");
    lua_pushboolean(L, t->cutthrough_tptsender);
    lua_pushboolean(L, t->addr && t->held_rcpt.n && str_same(t->held_rcpt, t->addr->address));
    return 3;
}

/* ---- room in a mailbox */

enum { ROOM_MS = 30000 };

struct room_asked {
    const struct policy_env *env;
    struct room *r;
    enum status st;
    struct str text;
};

static void room_cancel(void *ctx)
{
    struct room_asked *k = ctx;

    k->env->room_cancel(k->r);
}

static int room_push(lua_State *L, void *ctx)
{
    const struct room_asked *k = ctx;

    lua_pushstring(L, k->st == ST_OK ? "yes" : k->st == ST_NEVER ? "no" : "again");
    push_str(L, k->text);
    return 2;
}

static void on_room(void *ctx, enum status st, struct str text)
{
    struct wait *w = ctx;
    struct room_asked *k = wait_ctx(w);

    k->r = NULL;
    k->st = st;
    k->text = arena_dup(wait_arena(w), text);
    wait_done(w, room_push);
}

/* room(m, { address =, transport =, driver =, values =, size =, local_uid = }) -> "yes" | "no" | "again", why */
static int l_room(lua_State *L)
{
    const struct policy_env *env = policy_env(L);
    struct room_want want = { .t = arg_txn(L, 1) };
    struct transport_values tv = { 0 };
    struct wait *w;
    struct room_asked *k;

    luaL_checktype(L, 2, LUA_TTABLE);
    if (!env->room)
        return raise_again(L, "there is nobody here to look into mailboxes");
    w = wait_begin(L, "quota", ROOM_MS, room_cancel, sizeof *k);
    k = wait_ctx(w);
    k->env = env;
    read_transport(L, wait_arena(w), &tv);
    read_address(L, wait_arena(w), want.t, &tv, &want.at);
    want.at.local_uid = (int32_t)field_int(L, 2, "local_uid", -1);
    want.size = (uint64_t)field_int(L, 2, "size", 0);
    want.transport = &tv;
    k->r = env->room(env->ctx, &want, on_room, w);
    return wait_yield(w);
}

static const luaL_Reg plain[] = {
    { "cutthrough", l_cutthrough },
    { NULL, NULL },
};

static const luaL_Reg waits[] = {
    { "room", l_room },
    { "callout", l_callout },
    { NULL, NULL },
};

extern const struct lib lib_callout;
const struct lib lib_callout = { plain, waits };
