/*
 * helper - the one thread that writes the log
 *
 * It goes from shard to shard, takes all that waits there, and when nothing
 * waits anywhere it fills new segments a little at a time.
 */
#include <errno.h>
#include <time.h>

#include "spool/disk.h"

/* Without work before segments are filled; and between steps where there is no hurry: an
 * engine that has just started and is busy with sessions keeps its cores for them. */
enum { QUIET_MS = 20, PACE_MS = 100 };

/* The next shard with something to do, in turn. With the lock held. */
static struct shard *next_shard(struct disk *sp)
{
    for (unsigned i = 0; i < sp->nshards; i++) {
        struct shard *sh = sp->shards[sp->turn++ % sp->nshards];

        if (sh->first || (!sp->stop && !sh->closing && compact_wanted(sh)))
            return sh;
    }
    return NULL;
}

/* Groups may soon go where nothing was written yet. */
static bool is_short(const struct segment *s)
{
    return s && s->use == SEG_ACTIVE && segment_unfilled(s) && s->filled < s->at + s->head.size / 2;
}

/* The segment that wants filling: those in use first. With the lock held. */
static struct segment *unfilled(struct disk *sp, struct shard **sh, bool *hurry)
{
    struct segment *next = NULL;

    for (unsigned i = 0; i < sp->nshards; i++) {
        struct shard *at = sp->shards[i];

        if (at->closing || !at->home)
            continue;
        *hurry = is_short(at->active);
        if (*hurry) {
            *sh = at;
            return at->active;
        }
        for (struct segment *s = at->segs; s && !next; s = s->next)
            if (segment_unfilled(s)) {
                *sh = at;
                next = s;
            }
    }
    return next;
}

static void in_ms(struct timespec *t, long ms)
{
    clock_gettime(CLOCK_REALTIME, t);
    t->tv_nsec += ms * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_nsec -= 1000000000;
        t->tv_sec++;
    }
}

/* Nothing to do: fill a little of a segment, if it stays quiet. With the lock
 * held; it is let go meanwhile. */
static void be_idle(struct disk *sp)
{
    struct shard *sh;
    bool hurry = false;
    struct segment *s = unfilled(sp, &sh, &hurry);
    struct timespec until;
    struct why why;

    if (!s) {
        pthread_cond_wait(&sp->work, &sp->lock);
        return;
    }
    in_ms(&until, hurry ? QUIET_MS : PACE_MS);
    if (!(hurry && sp->quiet) && pthread_cond_timedwait(&sp->work, &sp->lock, &until) != ETIMEDOUT)
        return;
    sp->quiet = true;
    sh->serving = true;
    pthread_mutex_unlock(&sp->lock);
    if (segment_fill(s, &why) == ST_AGAIN) {
        if (s == sh->active)
            shard_condemn(sh, s, &why);
        s->filled = s->head.size;
    }
    pthread_mutex_lock(&sp->lock);
    sh->serving = false;
    pthread_cond_broadcast(&sp->idle);
}

void *helper_thread(void *ctx)
{
    struct disk *sp = ctx;
    struct shard *sh;

    pthread_mutex_lock(&sp->lock);
    for (;;) {
        struct request *list;
        bool stop = sp->stop;

        sh = next_shard(sp);
        if (!sh) {
            if (stop)
                break;
            be_idle(sp);
            continue;
        }
        sp->quiet = false;
        list = sh->first;
        sh->first = NULL;
        sh->last = &sh->first;
        sh->serving = true;
        stop = stop || sh->closing;
        pthread_mutex_unlock(&sp->lock);
        commit_serve(sp, sh, list, stop);
        pthread_mutex_lock(&sp->lock);
        sh->serving = false;
        pthread_cond_broadcast(&sp->idle);
    }
    pthread_mutex_unlock(&sp->lock);
    return NULL;
}
