#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"

struct queue { struct job *first, **end; };

struct loop {
    struct event_base *base;
    struct event tick;          /* libevent's one timer: the earliest of ours, or the end of a turn */
    struct event wake;
    int wake_fd;
    struct timer **heap;
    size_t timers, heap_cap;
    struct queue soon, now;   /* for the next turn; being run */
    pthread_mutex_t lock;       /* over remote */
    struct queue remote;
    _Atomic int expected;       /* helper jobs whose end will come by loop_call */
    bool stop;
    unsigned ran;               /* callbacks in this turn */
    int64_t began_us, lag_us;   /* when the turn's first callback began */
};

struct watch {
    struct event ev;
    void (*fn)(void *ctx, int what);
    void *ctx;
    struct loop *loop;
    int what;
};

static void began(struct loop *l)
{
    if (l->ran++ == 0)
        l->began_us = clock_mono_us();
}

/* ---- queues of jobs */

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void queue_add(struct queue *q, struct job *j)
{
    j->next = NULL;
    *q->end = j;
    q->end = &j->next;
}

static bool queue_remove(struct queue *q, const struct job *j)
{
    for (struct job **at = &q->first; *at; at = &(*at)->next)
        if (*at == j) {
            *at = j->next;
            if (!*at)
                q->end = at;
            return true;
        }
    return false;
}

/* Runs what is queued now; what these jobs queue waits for the next turn, so
 * that a job that queues itself does not starve descriptors. What is left to
 * run stays a queue: an earlier job may forget a later one. */
static void jobs_run(struct loop *l)
{
    struct job *j;

    if (!l->soon.first)
        return;
    *l->now.end = l->soon.first;
    l->now.end = l->soon.end;
    queue_init(&l->soon);
    while ((j = l->now.first)) {
        l->now.first = j->next;
        if (!j->next)
            l->now.end = &l->now.first;
        began(l);
        j->fn(j->ctx);
    }
}

void loop_soon(struct loop *l, struct job *j)
{
    queue_add(&l->soon, j);
}

void loop_call(struct loop *l, struct job *j)
{
    uint64_t one = 1;
    bool first;

    pthread_mutex_lock(&l->lock);
    first = l->remote.first == NULL;
    queue_add(&l->remote, j);
    pthread_mutex_unlock(&l->lock);
    /* EAGAIN means the counter is full: the loop will wake anyway. */
    if (first && write(l->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
        die("waking a loop: %s", strerror(errno));
}

bool loop_forget(struct loop *l, struct job *j)
{
    bool found = queue_remove(&l->soon, j) || queue_remove(&l->now, j);

    if (!found) {
        pthread_mutex_lock(&l->lock);
        found = queue_remove(&l->remote, j);
        pthread_mutex_unlock(&l->lock);
    }
    return found;
}

void loop_expect(struct loop *l, int by)
{
    atomic_fetch_add(&l->expected, by);
}

/* Calls from elsewhere join the queue of this thread: there loop_forget can
 * still take them back. */
static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    struct loop *l = ctx;
    struct job *j, *next;
    uint64_t n;
    (void)what;

    if (read((int)fd, &n, sizeof n) < 0 && errno != EAGAIN && errno != EINTR)
        die("reading a loop's eventfd: %s", strerror(errno));
    pthread_mutex_lock(&l->lock);
    j = l->remote.first;
    queue_init(&l->remote);
    pthread_mutex_unlock(&l->lock);
    for (; j; j = next) {
        next = j->next;
        queue_add(&l->soon, j);
    }
}

/* ---- timers: a binary heap, the earliest on top */

static void heap_put(struct loop *l, size_t i, struct timer *t)
{
    l->heap[i] = t;
    t->place = (uint32_t)i + 1;
}

static void heap_up(struct loop *l, size_t i, struct timer *t)
{
    while (i > 0 && l->heap[(i - 1) / 2]->due_ms > t->due_ms) {
        heap_put(l, i, l->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i, struct timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= l->timers)
            break;
        if (child + 1 < l->timers && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
            child++;
        if (l->heap[child]->due_ms >= t->due_ms)
            break;
        heap_put(l, i, l->heap[child]);
        i = child;
    }
    heap_put(l, i, t);
}

static void heap_move(struct loop *l, size_t i, struct timer *t)
{
    if (i > 0 && l->heap[(i - 1) / 2]->due_ms > t->due_ms)
        heap_up(l, i, t);
    else
        heap_down(l, i, t);
}

void timer_set(struct loop *l, struct timer *t, int64_t ms)
{
    t->due_ms = clock_mono_ms() + (ms > 0 ? ms : 0);
    if (t->place) {
        heap_move(l, t->place - 1, t);
        return;
    }
    if (l->timers == l->heap_cap) {
        l->heap_cap = l->heap_cap ? l->heap_cap * 2 : 64;
        l->heap = realloc(l->heap, l->heap_cap * sizeof *l->heap);
        if (!l->heap)
            die("out of memory: %zu timers", l->heap_cap);
    }
    heap_up(l, l->timers++, t);
}

void timer_clear(struct loop *l, struct timer *t)
{
    size_t i = t->place;
    struct timer *last;

    if (i == 0)
        return;
    t->place = 0;
    last = l->heap[--l->timers];
    if (last != t)
        heap_move(l, i - 1, last);
}

/* At most as many as there were: a timer set again with 0 waits its turn. */
static void timers_run(struct loop *l)
{
    int64_t now = l->timers ? clock_mono_ms() : 0;

    for (size_t n = l->timers; n > 0 && l->timers > 0 && l->heap[0]->due_ms <= now; n--) {
        struct timer *t = l->heap[0];

        timer_clear(l, t);
        began(l);
        t->fn(t->ctx);
    }
}

/* ---- descriptors */

static void on_watch(evutil_socket_t fd, short what, void *ctx)
{
    struct watch *w = ctx;
    (void)fd;

    began(w->loop);
    w->fn(w->ctx, (what & EV_READ ? WATCH_READ : 0) | (what & EV_WRITE ? WATCH_WRITE : 0));
}

struct watch *watch_new(struct loop *l, int fd, void (*fn)(void *ctx, int what), void *ctx)
{
    struct watch *w = calloc(1, sizeof *w);

    if (!w)
        die("out of memory: a watch");
    w->fn = fn;
    w->ctx = ctx;
    w->loop = l;
    event_assign(&w->ev, l->base, fd, EV_PERSIST, on_watch, w);
    return w;
}

void watch_set(struct watch *w, int what)
{
    short ev = EV_PERSIST | (what & WATCH_READ ? EV_READ : 0) | (what & WATCH_WRITE ? EV_WRITE : 0);

    if (what == w->what)
        return;
    if (w->what)
        event_del(&w->ev);
    w->what = what;
    if (!what)
        return;
    event_assign(&w->ev, w->loop->base, event_get_fd(&w->ev), ev, on_watch, w);
    if (event_add(&w->ev, NULL) < 0)
        die("watching descriptor %d: %s", (int)event_get_fd(&w->ev), strerror(errno));
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    if (w->what)
        event_del(&w->ev);
    free(w);
}

/* ---- turning */

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what, (void)ctx;
}

/* How long libevent may wait: not at all if something of ours is ready, at
 * most ms (below 0: no bound), not beyond the first timer. A fake clock does
 * not move while we wait, so its timers are no reason to wake. */
static int64_t wait_ms(const struct loop *l, int64_t ms)
{
    if (l->soon.first || l->stop)
        return 0;
    if (l->timers > 0) {
        int64_t due = l->heap[0]->due_ms - clock_mono_ms();

        if (due <= 0)
            return 0;
        if (!clock_is_fake() && (ms < 0 || due < ms))
            return due;
    }
    return ms;
}

static bool turn(struct loop *l, int64_t ms)
{
    int64_t wait = wait_ms(l, ms);

    l->ran = 0;
    if (wait > 0) {
        struct timeval tv = { wait / 1000, wait % 1000 * 1000 };

        event_add(&l->tick, &tv);
    }
    event_base_loop(l->base, EVLOOP_ONCE | (wait == 0 ? EVLOOP_NONBLOCK : 0));
    if (wait > 0)
        event_del(&l->tick);
    timers_run(l);
    jobs_run(l);
    l->lag_us = l->ran ? clock_mono_us() - l->began_us : 0;
    return l->ran > 0;
}

bool loop_turn(struct loop *l, int64_t ms)
{
    return turn(l, ms > 0 ? ms : 0);
}

void loop_run(struct loop *l)
{
    l->stop = false;
    while (!l->stop)
        turn(l, -1);
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

/* To the next timer if it is due by until_us of the wall clock. */
static bool advance_clock(struct loop *l, int64_t until_us)
{
    int64_t ms;

    if (l->timers == 0 || !clock_is_fake())
        return false;
    ms = l->heap[0]->due_ms - clock_mono_ms();
    if (ms > 0) {
        if (until_us != INT64_MAX && ms > (until_us - clock_wall_us()) / 1000)
            return false;
        clock_step(ms);
    }
    return true;
}

void loop_settle(struct loop *l, bool advance, int64_t until_us)
{
    do {
        while (loop_turn(l, 0) || atomic_load(&l->expected) > 0)
            if (!l->ran)
                loop_turn(l, 10);
    } while (advance && advance_clock(l, until_us));
}

int64_t loop_lag_us(const struct loop *l)
{
    return l->lag_us;
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof *l);

    if (!l || !(l->base = event_base_new()))
        die("cannot make an event loop: %s", strerror(errno));
    queue_init(&l->soon);
    queue_init(&l->now);
    queue_init(&l->remote);
    pthread_mutex_init(&l->lock, NULL);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0)
        die("cannot make an eventfd: %s", strerror(errno));
    event_assign(&l->wake, l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    event_assign(&l->tick, l->base, -1, 0, on_tick, l);
    event_add(&l->wake, NULL);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    event_del(&l->wake);
    event_base_free(l->base);
    close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    free(l->heap);
    free(l);
}
