/*
 * budget - how long and how big rule code may get (design 4.7, R8.3, R8.4)
 *
 * Time. A timer of the thread's own CPU clock ticks while evaluations run. A
 * tick that falls into a slice is charged to it, so a slice costs no system
 * call: most never see a tick, and over many the charge is right. When a slice
 * has had its ticks the handler sets a hook for every instruction, which raises;
 * it stays set until the slice ends, so that a pcall in a loop does not help.
 * The JIT is off: only the interpreter looks at hooks.
 *
 * Memory. The allocator refuses beyond `hard`. Since garbage counts until it
 * is collected, it asks for a collection at `soft` before that, again by hook.
 */
#include "policy/host.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { HOOKS = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, BIG = 1 << 20 };

/* File scope because a signal handler has no argument: a thread has one CPU
 * clock and runs one slice at a time. */
static _Thread_local struct {
    timer_t timer;
    bool made;
    volatile bool armed;
    volatile unsigned entered, seen;    /* slices; has one begun since the last tick? */
    struct slice *volatile now;
} cpu;

/* ---- time */

static void stop_hook(lua_State *L, lua_Debug *ar);

static void arm(bool on)
{
    struct itimerspec every = { 0 };

    if (on) {
        every.it_value.tv_nsec = TICK_MS * 1000000L;
        every.it_interval = every.it_value;
    }
    timer_settime(cpu.timer, 0, &every, NULL);
    cpu.armed = on;
}

static void tick(int sig)
{
    struct slice *s = cpu.now;

    (void)sig;
    if (s) {
        s->ticks++;
        if (s->ticks >= s->limit) {
            s->over = true;
            lua_sethook(s->policy->L, stop_hook, HOOKS, 1);
        }
    } else if (cpu.seen == cpu.entered) {
        arm(false);
    }
    cpu.seen = cpu.entered;
}

/* Timers do not survive fork; the child makes its own. */
static void after_fork(void)
{
    cpu.made = false;
    cpu.armed = false;
}

static void once(void)
{
    struct sigaction act = { .sa_handler = tick, .sa_flags = SA_RESTART };

    sigemptyset(&act.sa_mask);
    sigaction(SIGVTALRM, &act, NULL);
    pthread_atfork(NULL, NULL, after_fork);
}

static void make_timer(void)
{
    static pthread_once_t done = PTHREAD_ONCE_INIT;
    struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGVTALRM };
    sigset_t set;

    pthread_once(&done, once);
    sigemptyset(&set);
    sigaddset(&set, SIGVTALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &cpu.timer) < 0)
        die("timer for rule budgets: cannot be made");
    cpu.made = true;
}

/* ---- memory */

/* What the evaluation has taken: by its own account, and not more than the
 * state has grown since, as others' garbage is freed meanwhile. */
static size_t grown(const struct slice *s)
{
    size_t used = s->policy->used;
    size_t own = s->grown + (used > s->from ? used - s->from : 0);
    size_t all = used > s->base ? used - s->base : 0;

    return own < all ? own : all;
}

static void set_limits(struct slice *s)
{
    struct policy *p = s->policy;
    size_t left = s->may_grow - (grown(s) < s->may_grow ? grown(s) : s->may_grow);

    p->hard = p->used + left;
    p->soft = p->used + left / 2;
}

/* Half of what was left is gone: see what of it is garbage. Or one thing was
 * big: only the place is noted, as the next may be beyond what is left, and that
 * error of Lua's has none. */
static void collect(lua_State *L, struct slice *s)
{
    push_place(L);
    snprintf(s->near, sizeof s->near, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    if (s->policy->soft == SIZE_MAX) {
        lua_gc(L, LUA_GCCOLLECT, 0);
        if (grown(s) >= s->may_grow - s->may_grow / 16) {
            s->memory = true;
            return;
        }
        set_limits(s);
    }
    if (!s->over)
        cover_hook(s->policy);
    if (s->over)                /* the tick came between the two lines */
        lua_sethook(L, stop_hook, HOOKS, 1);
}

static void stop_hook(lua_State *L, lua_Debug *ar)
{
    struct slice *s = policy_of(L)->slice;
    const char *place;

    (void)ar;
    if (!s)
        return;
    if (!s->over && !s->memory)
        collect(L, s);
    if (!s->over && !s->memory)
        return;
    /* A pcall of the library may catch it and be stopped in turn: then the
     * place is no longer to be seen. */
    if (!s->said[0]) {
        push_place(L);
        place = lua_tostring(L, -1);
        snprintf(s->said, sizeof s->said, "%s%s", place[0] || !s->memory ? place : s->near, budget_text(s));
    }
    lua_pushstring(L, s->said);
    lua_error(L);
}

const char *budget_text(const struct slice *s)
{
    if (s->memory)
        return "the rules took more memory than one evaluation may";
    return s->over ? s->over_text : NULL;
}

void *budget_alloc(void *ctx, void *ptr, size_t osize, size_t nsize)
{
    struct policy *p = ctx;
    void *mem;

    if (nsize == 0) {
        free(ptr);
        p->used -= osize;
        return NULL;
    }
    if (nsize > osize && p->used + (nsize - osize) > p->hard) {
        if (p->slice) {
            p->slice->memory = true;    /* and no pcall shall live on after it */
            lua_sethook(p->L, stop_hook, HOOKS, 1);
        }
        return NULL;
    }
    mem = realloc(ptr, nsize);
    if (!mem && nsize > osize)
        return NULL;
    if (!mem)
        return ptr;             /* shrinking cannot fail for Lua */
    p->used += nsize - osize;
    if (p->slice && (p->used > p->soft || (nsize > osize && nsize - osize >= BIG))) {
        if (p->used > p->soft)
            p->soft = SIZE_MAX;
        lua_sethook(p->L, stop_hook, HOOKS, 1);
    }
    return mem;
}

/* ---- slices */

void budget_enter(struct slice *s, struct policy *p)
{
    if (!cpu.made)
        make_timer();
    s->policy = p;
    s->from = p->used;
    s->outer = cpu.now;
    s->below = p->slice;
    s->outer_soft = p->soft;
    s->outer_hard = p->hard;
    p->slice = s;
    set_limits(s);
    cpu.entered++;
    cpu.now = s;
    if (!cpu.armed)
        arm(true);
}

void budget_leave(struct slice *s)
{
    struct policy *p = s->policy;

    /* No later tick is ours; then the hook: nobody sets it now. */
    cpu.now = NULL;
    s->grown = grown(s);
    if (lua_gethook(p->L))
        cover_hook(p);
    p->slice = s->below;
    p->soft = s->outer_soft;
    p->hard = s->outer_hard;
    if (p->slice && (p->slice->over || p->slice->memory))
        lua_sethook(p->L, stop_hook, HOOKS, 1);
    cpu.now = s->outer;
}
