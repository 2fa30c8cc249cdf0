/*
 * loop - one thread's events: descriptors, timers, and calls from elsewhere
 *
 * Over libevent. Timers are ours (a heap), since in a hermetic world the
 * clock moves only when everything waits, and then straight to the next timer
 * (design section 5). Nothing here is thread-safe but loop_call.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct event_base;

struct loop *loop_new(void);
void loop_free(struct loop *l);
struct event_base *loop_base(struct loop *l);       /* for libraries of the libevent family */

void loop_run(struct loop *l);                      /* until loop_stop */
void loop_stop(struct loop *l);
/* Runs what is ready; waits at most ms (0: not at all). True if something ran. */
bool loop_turn(struct loop *l, int64_t ms);
/* Hermetic: runs until nothing is ready and no helper job is out. If advance,
 * moves the fake clock to the next timer, again and again, while one is due
 * before the wall time until_us (INT64_MAX: while any is left). */
void loop_settle(struct loop *l, bool advance, int64_t until_us);
/* Microseconds the last turn's callbacks took: the loop-lag metric (P4). */
int64_t loop_lag_us(const struct loop *l);

/* ---- timers: one-shot; the struct is the caller's and must be zeroed once */
struct timer {
    void (*fn)(void *ctx);
    void *ctx;
    int64_t due_ms;         /* clock_mono_ms */
    uint32_t place;         /* 1 + index in the heap; 0: not set */
};
void timer_set(struct loop *l, struct timer *t, int64_t ms);    /* (re)arms, from now */
void timer_clear(struct loop *l, struct timer *t);
static inline bool timer_is_set(const struct timer *t) { return t->place != 0; }

/* ---- descriptors */
enum { WATCH_READ = 1, WATCH_WRITE = 2 };
struct watch;
/* Persistent; what = 0 pauses. The watch does not own fd. */
struct watch *watch_new(struct loop *l, int fd, void (*fn)(void *ctx, int what), void *ctx);
void watch_set(struct watch *w, int what);
void watch_free(struct watch *w);       /* safe inside its own callback */

/* ---- soon, and from other threads */
struct job {                            /* the caller's memory until run */
    void (*fn)(void *ctx);
    void *ctx;
    struct job *next;
};
void loop_soon(struct loop *l, struct job *j);  /* same thread: after this callback */
void loop_call(struct loop *l, struct job *j);  /* any thread: runs j on the loop */
/* Takes a queued job back; false if it was not queued. A job that another
 * thread may still hand in must not be freed after this alone. */
bool loop_forget(struct loop *l, struct job *j);
/* A helper thread took (1) or ended (-1) work whose end comes by loop_call:
 * loop_settle waits for it. pool_work does so itself. */
void loop_expect(struct loop *l, int by);

/* ---- work that blocks, on helper threads (design section 3, "Threads") */
struct pool;
struct pool *pool_new(struct loop *l, unsigned threads);
/* Waits for what runs and drops what waits. No done is called any more: what
 * it would have freed is the caller's to free. */
void pool_free(struct pool *p);
/* run on a helper thread, then done on the loop. With 0 threads run is
 * called on the loop by loop_soon: the hermetic world has no threads. */
void pool_work(struct pool *p, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx);
/* The same, and drop is called by pool_free in place of the done that will not come. */
void pool_work_or(struct pool *p, void (*run)(void *ctx), void (*done)(void *ctx), void (*drop)(void *ctx), void *ctx);

#endif
