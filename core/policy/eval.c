/*
 * eval - one evaluation: a coroutine, from the question to its answer (design 4.6)
 *
 * The only entry into rule code is the lua_resume here. Coroutines come from a
 * pool and go back; one that ended in an error or was cancelled is thrown away.
 * The answer is read off its stack by the end function, outside of any slice,
 * and the coroutine is given back after the asker's callback: so texts on the
 * stack live as long as the callback.
 */
#include "policy/trace.h"

#include <stdlib.h>

/* ---- the pool */

static struct eval *eval_new(struct policy *p)
{
    struct eval *e = calloc(1, sizeof *e);

    if (!e)
        die("out of memory");
    e->policy = p;
    e->slot = ++p->slots;
    e->next = p->all;
    p->all = e;
    return e;
}

static struct eval *take_idle(struct policy *p)
{
    struct eval *e = p->idle;

    if (e) {
        p->idle = e->next_idle;
        p->nidle--;
        return e;
    }
    e = p->bare;
    if (e)
        p->bare = e->next_idle;
    else
        e = eval_new(p);
    e->co = lua_newthread(p->L);
    e->ref = luaL_ref(p->L, LUA_REGISTRYINDEX);
    return e;
}

static void drop_coroutine(struct eval *e)
{
    luaL_unref(e->policy->L, LUA_REGISTRYINDEX, e->ref);
    e->co = NULL;
}

/* Boxes made for it expire here, by the serial. */
static void give_back(struct eval *e, bool reusable)
{
    struct policy *p = e->policy;

    wait_drop(e);
    trace_end(e);
    if (e->explain)
        luaL_unref(p->L, LUA_REGISTRYINDEX, e->lines_ref);
    e->explain = false;
    e->tree = NULL;
    e->serial++;
    e->open = false;
    e->txn = NULL;
    arena_reset(&e->arena);
    if (reusable && p->nidle < IDLE_EVALS) {
        lua_settop(e->co, 0);
        e->next_idle = p->idle;
        p->idle = e;
        p->nidle++;
    } else {
        drop_coroutine(e);
        e->next_idle = p->bare;
        p->bare = e;
    }
    policy_release(p);
}

void evals_free(struct policy *p)
{
    while (p->all) {
        struct eval *e = p->all;

        p->all = e->next;
        arena_free(&e->arena);
        trace_free(e);
        free(e);
    }
}

struct eval *eval_running(lua_State *L)
{
    return policy_of(L)->running;
}

/* ---- transactions that were seen using much time */

static unsigned *heavy_ticks(struct policy *p, const struct txn *t)
{
    for (unsigned i = 0; i < p->nheavy; i++)
        if (p->heavy[i].conn == t->conn->serial && p->heavy[i].txn == t->serial)
            return &p->heavy[i].ticks;
    return NULL;
}

static void charge(struct eval *e, unsigned ticks)
{
    struct policy *p = e->policy;
    unsigned *had = heavy_ticks(p, e->txn);

    e->ticks += ticks;
    if (!had) {
        unsigned i = p->heavy_at++ % (sizeof p->heavy / sizeof *p->heavy);

        if (p->nheavy < sizeof p->heavy / sizeof *p->heavy)
            p->nheavy++;
        p->heavy[i].conn = e->txn->conn->serial;
        p->heavy[i].txn = e->txn->serial;
        p->heavy[i].ticks = 0;
        had = &p->heavy[i].ticks;
    }
    *had += ticks;
}

/* What this slice may still use: of the evaluation's second, of the message's ten. */
static void set_budget(struct eval *e, struct slice *s)
{
    unsigned *had = e->policy->nheavy ? heavy_ticks(e->policy, e->txn) : NULL;
    unsigned left = had ? (*had < TXN_TICKS ? TXN_TICKS - *had : 0) : TXN_TICKS;

    s->limit = e->ticks < EVAL_TICKS ? EVAL_TICKS - e->ticks : 0;
    s->over_text = "the rules ran longer than 1 s";
    if (left < s->limit) {
        s->limit = left;
        s->over_text = "the rules of this message ran longer than 10 s";
    }
    if (s->limit == 0)
        s->limit = 1;
    s->may_grow = EVAL_MEMORY;
    s->base = e->base;
    s->grown = e->grown;
}

/* ---- the life of an evaluation */

struct eval *eval_open(struct policy *p, struct txn *t, enum phase ph, enum entry which, eval_end *end)
{
    struct eval *e;

    policy_hold(p);
    e = take_idle(p);
    e->open = true;
    e->cancelled = e->json = e->explain = false;
    e->txn = t ? t : p->nothing;
    e->phase = ph;
    e->own_addr = e->txn->addr;
    e->host = e->txn->host;
    e->event = e->txn->event;
    e->asker = (struct policy_asker){ p, e->txn, e->own_addr };
    e->ticks = 0;
    e->base = p->used;
    e->grown = 0;
    e->why.text[0] = '\0';
    e->end = end;
    p->stats.evals++;
    trace_begin(e, (which == ENTRY_acl || which == ENTRY_route) && p->explain);
    lua_rawgeti(e->co, LUA_REGISTRYINDEX, p->entry[which]);
    return e;
}

static void worn_out(struct policy *p)
{
    if (p->used < STATE_MEMORY || p->slice)
        return;
    lua_gc(p->L, LUA_GCCOLLECT, 0);
    p->worn = p->used >= STATE_MEMORY;
}

static enum status failed(struct eval *e, int rc, const struct slice *s)
{
    struct policy *p = e->policy;
    lua_State *co = e->co;

    if (lua_istable(co, -1) && lua_getmetatable(co, -1)) {
        lua_rawgeti(co, LUA_REGISTRYINDEX, p->again_ref);
        if (lua_rawequal(co, -1, -2)) {
            struct str text = field_str(co, lua_gettop(co) - 2, "text", &e->arena);

            return why_set(&e->why, ST_AGAIN, "%.*s", STR_ARG(text));
        }
        lua_pop(co, 2);
    }
    p->stats.errors++;
    if (budget_text(s)) {
        p->stats.overruns++;
        if (p->env.overran)
            p->env.overran(p->env.ctx);
    }
    if (s->said[0])
        why_set(&e->why, ST_NEVER, "%s", s->said);
    else if (rc == LUA_ERRMEM)
        why_set(&e->why, ST_NEVER, "%s%s", s->near, s->memory ? budget_text(s) : "not enough memory");   /* Lua names no place */
    else
        error_text(co, -1, &e->why);
    trace_failed(e, budget_text(s) != NULL);
    log_line(LOG_PANIC, "rule error in %s: %s", phase_name(e->phase), e->why.text);
    return ST_NEVER;
}

static void finish(struct eval *e, int rc, const struct slice *s)
{
    if (e->cancelled) {
        give_back(e, rc == 0);
        return;
    }
    if (rc == 0)
        e->end(e, ST_OK, lua_gettop(e->co));
    else
        e->end(e, failed(e, rc, s), 0);
    give_back(e, rc == 0);
}

/* Runs until it waits or ends. False: it waits. */
static bool step(struct eval *e, int nargs)
{
    struct policy *p = e->policy;
    struct txn *t = e->txn;
    struct slice s = { 0 };
    struct eval *outer = p->running;
    enum phase phase = t->phase;
    struct at_address *addr = t->addr;
    struct at_host *host = t->host;
    struct at_event *event = t->event;
    struct dns *dns = p->env.dns;
    void *before;
    int rc;

    set_budget(e, &s);
    e->inside = true;
    p->running = e;
    budget_enter(&s, p);
    before = dns_asker(dns, &e->asker);
    rc = lua_resume(e->co, nargs);
    dns_asker(dns, before);
    budget_leave(&s);
    p->running = outer;
    e->inside = false;
    t->phase = phase;
    t->addr = addr;
    t->host = host;
    t->event = event;
    e->grown = s.grown;
    if (s.ticks)
        charge(e, s.ticks);
    worn_out(p);

    if (rc == LUA_YIELD && e->wait && !e->cancelled && lua_touserdata(e->co, -1) == &wait_mark) {
        lua_settop(e->co, lua_gettop(e->co) - 1);
        wait_park(e);
        trace_parked(e);
        return false;
    }
    if (rc == LUA_YIELD && !e->cancelled)
        lua_pushliteral(e->co, "the rules yielded outside of a coroutine of their own");
    finish(e, rc, &s);
    return true;
}

struct eval *eval_run(struct eval *e, int nargs)
{
    return step(e, nargs) ? NULL : e;
}

void eval_resume(struct eval *e)
{
    trace_resumed(e);
    step(e, 0);
}

void policy_cancel(struct eval *e)
{
    if (!e || !e->open)
        return;
    if (e->inside) {                    /* by something its own rule called */
        e->cancelled = true;
        return;
    }
    give_back(e, false);
}
