/*
 * wait - an evaluation parked until something outside answers (design 4.6)
 *
 * A wait is made by a C function of the library, finished by a completion, and
 * taken by the coroutine. If the completion came inside the starting call
 * nothing is parked. What cannot be cancelled is orphaned: its memory stays
 * until its completion came, and that is then dropped.
 */
#include "policy/host.h"

#include <stdlib.h>

enum wait_state { WAIT_STARTED, WAIT_PARKED, WAIT_DONE, WAIT_AGAIN, WAIT_ERROR };

struct wait {
    struct eval *eval;          /* NULL: orphaned */
    uint64_t serial;
    struct loop *loop;
    enum wait_state state;
    bool pending;               /* the completion has not come */
    bool queued;                /* its job is on the loop's list */
    wait_cancel *cancel;
    wait_push *push;
    struct timer deadline;
    struct job job;
    int64_t ms;
    struct arena arena;
    struct str text;            /* AGAIN, ERROR: the reason */
    char what[64];
    max_align_t ctx[];
};

char wait_mark;

static void wait_free(struct wait *w)
{
    if (timer_is_set(&w->deadline))
        timer_clear(w->loop, &w->deadline);
    arena_free(&w->arena);
    free(w);
}

struct wait *wait_begin(lua_State *L, const char *what, int64_t ms, wait_cancel *cancel, size_t ctx_size)
{
    struct eval *e = eval_running(L);
    struct wait *w;

    if (!e)
        rule_error(L, "%s waits, and nothing can wait while rules are loaded: ask in a rule", what);
    if (!lua_isyieldable(L))
        rule_error(L, "%s waits, and nothing can wait inside a callback of table.sort or string.gsub: "
                 "ask before, and use the answers there", what);
    wait_drop(e);
    w = calloc(1, sizeof *w + ctx_size);
    if (!w)
        die("out of memory");
    w->eval = e;
    w->serial = e->serial;
    w->loop = e->policy->env.loop;
    w->pending = true;
    w->cancel = cancel;
    w->ms = ms < 1 ? 1 : ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms;
    snprintf(w->what, sizeof w->what, "%s", what);
    e->wait = w;
    e->yielding = L;
    e->policy->stats.waits++;
    return w;
}

void *wait_ctx(struct wait *w)
{
    return w->ctx;
}

struct arena *wait_arena(struct wait *w)
{
    return &w->arena;
}

/* ---- the end of a wait */

static void resume_job(void *ctx)
{
    struct wait *w = ctx;

    w->queued = false;
    if (!w->eval)
        wait_free(w);
    else
        eval_resume(w->eval);
}

static void finish(struct wait *w, enum wait_state st)
{
    bool parked = w->state == WAIT_PARKED;

    w->pending = false;
    if (!w->eval) {
        wait_free(w);
        return;
    }
    w->state = st;
    if (!parked)
        return;
    timer_clear(w->loop, &w->deadline);
    /* Inside another evaluation of this state: when that has come to rest. */
    if (w->eval->policy->running) {
        w->queued = true;
        w->job.fn = resume_job;
        w->job.ctx = w;
        loop_soon(w->loop, &w->job);
        return;
    }
    eval_resume(w->eval);
}

void wait_done(struct wait *w, wait_push *push)
{
    w->push = push;
    finish(w, WAIT_DONE);
}

void wait_again(struct wait *w, const char *text)
{
    w->text = arena_dup(&w->arena, str_of(text));
    finish(w, WAIT_AGAIN);
}

void wait_error(struct wait *w, const char *text)
{
    w->text = arena_dup(&w->arena, str_of(text));
    finish(w, WAIT_ERROR);
}

/* Makes sure that no completion reaches anybody; frees what can be freed now. */
static void abandon(struct wait *w)
{
    if (w->pending && w->cancel) {
        w->pending = false;
        w->cancel(w->ctx);
    }
    if (timer_is_set(&w->deadline))
        timer_clear(w->loop, &w->deadline);
    w->eval = NULL;
    if (!w->pending && !w->queued)
        wait_free(w);
}

void wait_drop(struct eval *e)
{
    struct wait *w = e->wait;

    e->wait = NULL;
    if (w)
        abandon(w);
}

/* ---- parking */

/* The wait is replaced by one that says so: the old one may be uncancellable. */
static void deadline_passed(void *ctx)
{
    struct wait *w = ctx, *said;
    struct eval *e = w->eval;

    said = calloc(1, sizeof *said);
    if (!said)
        die("out of memory");
    said->eval = e;
    said->serial = w->serial;
    said->loop = w->loop;
    said->state = WAIT_PARKED;
    said->text = arena_printf(&said->arena, "%s: no answer within %lld ms", w->what, (long long)w->ms);
    abandon(w);
    e->wait = said;
    finish(said, WAIT_AGAIN);
}

int wait_yield(struct wait *w)
{
    lua_State *L;

    if (!w->pending)
        return 0;
    L = w->eval->yielding;
    lua_pushlightuserdata(L, &wait_mark);
    return lua_yield(L, 1);
}

void wait_park(struct eval *e)
{
    struct wait *w = e->wait;

    w->state = WAIT_PARKED;
    w->deadline.fn = deadline_passed;
    w->deadline.ctx = w;
    timer_set(w->loop, &w->deadline, w->ms);
}

/* ---- taking: in the coroutine, where errors are raised and caught as any other */

int wait_take(lua_State *L)
{
    struct eval *e = eval_running(L);
    struct wait *w = e ? e->wait : NULL;
    int n = 0;

    if (!w || w->pending || w->serial != e->serial)
        return rule_error(L, "a coroutine that waited for an answer was resumed without one");
    if (w->state == WAIT_AGAIN)
        raise_again(L, "%s", w->text.p);
    if (w->state == WAIT_ERROR)
        rule_error(L, "%s", w->text.p);
    if (w->push) {
        luaL_checkstack(L, LUA_MINSTACK, "too many results");
        n = w->push(L, w->ctx);
    }
    wait_drop(e);
    return n;
}

int raise_again(lua_State *L, const char *fmt, ...)
{
    va_list ap;

    lua_createtable(L, 0, 1);
    va_start(ap, fmt);
    lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    lua_setfield(L, -2, "text");
    lua_rawgeti(L, LUA_REGISTRYINDEX, policy_of(L)->again_ref);
    lua_setmetatable(L, -2);
    return lua_error(L);
}
