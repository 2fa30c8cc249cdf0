/*
 * host_lib - the functions of `host` that belong to the host itself
 *
 * What they do and give: lua/host/README.md.
 */
#include "base/clock.h"
#include "base/rnd.h"
#include "policy/host.h"
#include "policy/shipped.h"

/* ---- chunks and files */

/* compile(name, bytes, env): name with its '@' or '=' */
static int compile(lua_State *L)
{
    struct str name = arg_str(L, 1, 200), text = arg_str(L, 2, 64 << 20);

    luaL_checktype(L, 3, LUA_TTABLE);
    if (state_compile(L, name, text) != 0) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    lua_pushvalue(L, 3);
    lua_setfenv(L, -2);
    return 1;
}

static int file(lua_State *L)
{
    struct str name = arg_str(L, 1, 4096);
    const struct snapshot *s = policy_of(L)->files;

    for (size_t i = 0; s && i < s->n; i++) {
        if (str_same(s->files[i].name, name)) {
            push_str(L, s->files[i].bytes);
            return 1;
        }
    }
    return 0;
}

/* own(name, chunk, env) -> function | nil: a chunk of ours, "mail/lists" */
static int own(lua_State *L)
{
    const struct shipped *s = shipped_find(arg_str(L, 1, 200));

    if (!s) {
        lua_pushnil(L);
        return 1;
    }
    if (shipped_load(L, s, luaL_checkstring(L, 2)) != 0)
        return lua_error(L);
    lua_pushvalue(L, 3);
    lua_setfenv(L, -2);
    return 1;
}

static int shipped_text(lua_State *L)
{
    const struct shipped *s = shipped_find(arg_str(L, 1, 200));

    if (!s)
        return 0;
    lua_pushlstring(L, s->text, s->n);
    return 1;
}

static int where(lua_State *L)
{
    lua_Debug ar;

    if (lua_getstack(L, (int)arg_int(L, 1, 0, 100), &ar) && lua_getinfo(L, "Sl", &ar) && ar.currentline > 0)
        lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
    else
        lua_pushliteral(L, "?");
    return 1;
}

static int fn_where(lua_State *L)
{
    lua_Debug ar;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, 1);
    lua_getinfo(L, ">S", &ar);
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
    return 1;
}

/* ---- which variables are fetched: name -> function of `waits` */

static int gate_waits(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < var_count; i++) {
        if (var_rows[i].wait) {
            lua_pushstring(L, var_rows[i].wait);
            lua_setfield(L, -2, var_rows[i].name);
        }
    }
    return 1;
}

/* ---- time, chance, memory */

static int now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_wall());
    return 1;
}

static int now_us(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_wall_us());
    return 1;
}

static int random_below(lua_State *L)
{
    lua_pushnumber(L, 1 + (lua_Number)rnd_below((uint32_t)arg_int(L, 1, 1, UINT32_MAX)));
    return 1;
}

static int math_random(lua_State *L)
{
    double low, high;

    if (lua_isnoneornil(L, 1)) {
        lua_pushnumber(L, (lua_Number)(rnd_u64() >> 11) / 9007199254740992.0);
        return 1;
    }
    low = lua_isnoneornil(L, 2) ? 1 : (double)arg_int(L, 1, INT32_MIN, INT32_MAX);
    high = (double)arg_int(L, lua_isnoneornil(L, 2) ? 1 : 2, INT32_MIN, INT32_MAX);
    if (low > high)
        return rule_error(L, "bad argument #1 to 'random' (interval is empty)");
    if (high - low >= UINT32_MAX)
        return rule_error(L, "bad argument #2 to 'random' (interval is too large)");
    lua_pushnumber(L, low + rnd_below((uint32_t)(high - low) + 1));
    return 1;
}

/* os.time and os.date without a time mean the seam's; the rest is LuaJIT's. */
static int os_time_now(lua_State *L)
{
    if (lua_isnoneornil(L, 1))
        return now(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int os_date_now(lua_State *L)
{
    struct str format = lua_isnoneornil(L, 1) ? STR("%c") : arg_str(L, 1, 200);
    double at = lua_isnoneornil(L, 2) ? (double)clock_wall() : (double)arg_int(L, 2, -62135596800, 253402300799);

    lua_pushvalue(L, lua_upvalueindex(1));
    push_str(L, format);
    lua_pushnumber(L, at);
    lua_call(L, 2, 1);
    return 1;
}

static int os_time(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushcclosure(L, os_time_now, 1);
    return 1;
}

static int os_date(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushcclosure(L, os_date_now, 1);
    return 1;
}

static int os_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_mono_us() / 1e6);
    return 1;
}

static int memory(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)policy_of(L)->used);
    return 1;
}

static int log_panic(lua_State *L)
{
    log_text(LOG_PANIC, STR(""), arg_str(L, 1, 8192));
    return 0;
}

/* ---- waiting */

static int may_wait(lua_State *L)
{
    lua_pushboolean(L, lua_isyieldable(L));
    return 1;
}

static int drop_wait(lua_State *L)
{
    struct eval *e = eval_running(L);

    if (e)
        wait_drop(e);
    return 0;
}

struct sleeping { struct loop *loop; struct timer timer; struct wait *wait; };

static void sleep_cancel(void *ctx)
{
    struct sleeping *s = ctx;

    timer_clear(s->loop, &s->timer);
}

static void sleep_over(void *ctx)
{
    struct sleeping *s = ctx;

    wait_done(s->wait, NULL);
}

static int sleep_for(lua_State *L)
{
    double seconds = luaL_checknumber(L, 1);
    struct wait *w;
    struct sleeping *s;

    if (!(seconds >= 0 && seconds <= 600))
        return rule_error(L, "sleep takes 0 to 600 seconds");
    w = wait_begin(L, "sleep", WAIT_MAX_MS, sleep_cancel, sizeof *s);
    s = wait_ctx(w);
    s->wait = w;
    s->loop = policy_env(L)->loop;
    s->timer.fn = sleep_over;
    s->timer.ctx = s;
    timer_set(s->loop, &s->timer, (int64_t)(seconds * 1000));
    return wait_yield(w);
}

/* ---- variables that are fetched */

struct finding { struct wait *wait; struct hosts_query *query; struct conn *conn; const struct policy_env *env; };

static void find_cancel(void *ctx)
{
    struct finding *f = ctx;

    if (f->query)
        hosts_cancel(f->query);
}

static void log_no_name(const struct policy_env *env, struct ip ip)
{
    struct arena a = { 0 };

    if (env->log_selected && env->log_selected(env->ctx, STR("host_lookup_failed")))
        log_line(LOG_MAIN, "no host name found for IP address %.*s", STR_ARG(ip_text(&a, ip)));
    arena_free(&a);
}

/* The connection is there as long as the evaluation, and so is the wait. */
static void found(void *ctx, const struct hosts_answer *a)
{
    struct finding *f = ctx;
    struct conn *c = f->conn;

    f->query = NULL;
    if (a->end == HOSTS_AGAIN) {
        c->host_lookup = LOOKUP_DEFERRED;
        wait_again(f->wait, a->why.text);
        return;
    }
    c->host_lookup = a->end == HOSTS_OK && a->n ? LOOKUP_DONE : LOOKUP_FAILED;
    if (c->host_lookup == LOOKUP_FAILED)
        log_no_name(f->env, c->client_ip);
    if (c->host_lookup == LOOKUP_DONE) {
        c->host_name = arena_dup(&c->arena, a->host[0].name);
        c->host_dnssec = a->secure;
    }
    wait_done(f->wait, NULL);
}

static int fetch_host_name(lua_State *L)
{
    struct conn *c = arg_txn(L, 1)->conn;
    const struct policy_env *env = policy_env(L);
    struct wait *w;
    struct finding *f;

    if (c->client_ip.v == IP_NONE || c->host_name.n || c->host_lookup == LOOKUP_DONE || c->host_lookup == LOOKUP_FAILED) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (!env->dns)
        return raise_again(L, "sender_host_name: there is no resolver to ask");
    w = wait_begin(L, "sender_host_name", 60000, find_cancel, sizeof *f);
    f = wait_ctx(w);
    f->wait = w;
    f->conn = c;
    f->env = env;
    f->query = hosts_reverse(env->dns, c->client_ip, found, f);
    return wait_yield(w);
}

/* Without a way to read the body there is just what was put into the txn. */
static int fetch_body(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    int opt = policy_opt_find(STR("message_body_visible"));
    int64_t most = opt >= 0 ? policy_opt_int(policy_of(L), opt) : 0;
    char *p;
    ssize_t n;

    lua_settop(L, 0);
    lua_pushboolean(L, 1);
    if (t->body_fetched || !t->body.read)
        return 1;
    most = most < 1 ? 500 : most > 1 << 20 ? 1 << 20 : most;
    if ((uint64_t)most > t->body_size)
        most = (int64_t)t->body_size;
    p = arena_alloc(&t->arena, (size_t)most + 1);
    n = t->body.read(t->body.ctx, 0, p, (size_t)most);
    if (n < 0)
        return raise_again(L, "message_body: the body cannot be read");
    t->body_start = t->body_end = (struct str){ p, (size_t)n };
    if ((uint64_t)n < t->body_size) {
        p = arena_alloc(&t->arena, (size_t)most + 1);
        n = t->body.read(t->body.ctx, t->body_size - (uint64_t)most, p, (size_t)most);
        if (n < 0)
            return raise_again(L, "message_body_end: the body cannot be read");
        t->body_end = (struct str){ p, (size_t)n };
    }
    t->body_fetched = true;
    return 1;
}

/* check_option(name, text) -> nil | why: what only the engine knows */
static int check_option(lua_State *L)
{
    const struct policy_env *env = policy_env(L);
    struct why why = { 0 };

    if (!env->check_option || env->check_option(arg_str(L, 1, 256), arg_str(L, 2, 65536), &why) == ST_OK)
        return 0;
    lua_pushstring(L, why.text);
    return 1;
}

/* log_selected(name) -> is this selector of the log on? */
static int log_selected(lua_State *L)
{
    const struct policy_env *env = policy_env(L);

    lua_pushboolean(L, env->log_selected && env->log_selected(env->ctx, arg_str(L, 1, 100)));
    return 1;
}

const luaL_Reg host_plain[] = {
    { "log_selected", log_selected },
    { "check_option", check_option },
    { "compile", compile }, { "file", file }, { "shipped", shipped_text }, { "own", own }, { "where", where }, { "fn_where", fn_where },
    { "now", now }, { "now_us", now_us }, { "random", random_below }, { "memory", memory }, { "log_panic", log_panic },
    { "gate_waits", gate_waits }, { "math_random", math_random }, { "os_time", os_time }, { "os_date", os_date }, { "os_clock", os_clock },
    { "may_wait", may_wait }, { "drop_wait", drop_wait }, { NULL, NULL }
};
const luaL_Reg host_waits[] = {
    { "sleep", sleep_for }, { "fetch_host_name", fetch_host_name }, { "fetch_body", fetch_body }, { NULL, NULL }
};
