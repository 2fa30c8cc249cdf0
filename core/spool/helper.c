/*
 * helper - the one thread that writes the log
 *
 * It goes from shard to shard, takes all that waits there, and when nothing
 * waits anywhere it fills new segments a little at a time.
 */
#include <errno.h>
#include <time.h>

#include "spool/disk.h"

enum { QUIET_MS = 20 };         /* without work before segments are filled */

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

/* The segment that wants filling: the one in use first. With the lock held. */
static struct segment *unfilled(struct disk *sp, struct shard **sh)
{
    for (unsigned i = 0; i < sp->nshards; i++) {
        *sh = sp->shards[i];
        if ((*sh)->closing || !(*sh)->home)
            continue;
        if ((*sh)->active && segment_unfilled((*sh)->active))
            return (*sh)->active;
        for (struct segment *s = (*sh)->segs; s; s = s->next)
            if (segment_unfilled(s))
                return s;
    }
    return NULL;
}

/* Nothing to do: fill a little of a segment, if it stays quiet. With the lock
 * held; it is let go meanwhile. */
static void be_idle(struct disk *sp)
{
    struct shard *sh;
    struct segment *s = unfilled(sp, &sh);
    struct timespec until;
    struct why why;

    if (!s) {
        pthread_cond_wait(&sp->work, &sp->lock);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += QUIET_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    if (!sp->quiet && pthread_cond_timedwait(&sp->work, &sp->lock, &until) != ETIMEDOUT)
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
