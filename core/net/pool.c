#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/why.h"

struct work {
    struct pool *pool;
    void (*run)(void *ctx), (*done)(void *ctx), (*drop)(void *ctx);
    void *ctx;
    struct job job;             /* brings the end to the loop; with no threads, the run too */
    struct work *next;          /* waiting for a thread */
    struct work *prev_all, *next_all;
};

struct pool {
    struct loop *loop;
    unsigned threads;
    pthread_t *thread;
    pthread_mutex_t lock;       /* over waiting and stop */
    pthread_cond_t more;
    struct work *waiting, **end;
    bool stop;
    struct work *all;           /* the loop's thread only: everything not yet done */
};

static void forget(struct work *w)
{
    if (w->prev_all)
        w->prev_all->next_all = w->next_all;
    else
        w->pool->all = w->next_all;
    if (w->next_all)
        w->next_all->prev_all = w->prev_all;
    loop_expect(w->pool->loop, -1);
    free(w);
}

static void on_done(void *ctx)
{
    struct work *w = ctx;
    void (*done)(void *ctx) = w->done;
    void *theirs = w->ctx;

    forget(w);                  /* first: done may free the pool */
    done(theirs);
}

static void run_here(void *ctx)
{
    struct work *w = ctx;

    w->run(w->ctx);
    on_done(w);
}

static void *helper(void *ctx)
{
    struct pool *p = ctx;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct work *w;

        while (!p->waiting && !p->stop)
            pthread_cond_wait(&p->more, &p->lock);
        if (p->stop)
            break;
        w = p->waiting;
        p->waiting = w->next;
        if (!p->waiting)
            p->end = &p->waiting;
        pthread_mutex_unlock(&p->lock);
        w->run(w->ctx);
        loop_call(p->loop, &w->job);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Helpers take no signals: those are the loop's. */
static void start_thread(struct pool *p, unsigned i)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = pthread_create(&p->thread[i], NULL, helper, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err)
        die("cannot start a helper thread: %s", strerror(err));
}

struct pool *pool_new(struct loop *l, unsigned threads)
{
    struct pool *p = calloc(1, sizeof *p);

    if (!p || !(p->thread = calloc(threads + 1, sizeof *p->thread)))
        die("out of memory: a pool");
    p->loop = l;
    p->threads = threads;
    p->end = &p->waiting;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->more, NULL);
    for (unsigned i = 0; i < threads; i++)
        start_thread(p, i);
    return p;
}

/* No callback comes after this: ends not yet told are taken back. */
void pool_free(struct pool *p)
{
    struct work *w;

    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->thread[i], NULL);
    while ((w = p->all)) {
        void (*drop)(void *ctx) = w->drop;
        void *theirs = w->ctx;

        loop_forget(p->loop, &w->job);
        forget(w);
        if (drop)
            drop(theirs);
    }
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->more);
    free(p->thread);
    free(p);
}

void pool_work(struct pool *p, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx)
{
    pool_work_or(p, run, done, NULL, ctx);
}

void pool_work_or(struct pool *p, void (*run)(void *ctx), void (*done)(void *ctx), void (*drop)(void *ctx), void *ctx)
{
    struct work *w = calloc(1, sizeof *w);

    if (!w)
        die("out of memory: work for a pool");
    *w = (struct work){ .pool = p, .run = run, .done = done, .drop = drop, .ctx = ctx, .next_all = p->all };
    w->job = (struct job){ .fn = p->threads ? on_done : run_here, .ctx = w };
    if (p->all)
        p->all->prev_all = w;
    p->all = w;
    loop_expect(p->loop, 1);
    if (p->threads == 0) {
        loop_soon(p->loop, &w->job);
        return;
    }
    pthread_mutex_lock(&p->lock);
    *p->end = w;
    p->end = &w->next;
    pthread_cond_signal(&p->more);
    pthread_mutex_unlock(&p->lock);
}
