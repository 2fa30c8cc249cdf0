#include "spool/disk.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/fault.h"
#include "spool/body.h"

enum {
    SEGMENT_DEFAULT = 64 << 20, SEGMENT_LEAST = 1 << 20, SEGMENT_MOST = 1 << 30,
    SEGMENT_SMALL = 2 << 20,    /* a header section of 1 MiB fits, which is the default limit */
    SHARD_SEGMENTS = 16,        /* so many of each shard shall fit on the file system */
    MEMORY_DEFAULT = 64 << 20, BODY_DEFAULT = 128 << 10,
    RESERVE_MOST = 256 << 20, RESERVE_PERCENT = 5,
    ROOM_MS = 200               /* how long an answer of the file system holds */
};

static const struct spool_ops disk_ops;

static struct disk *disk_of(const struct spool *sp)
{
    return (struct disk *)(uintptr_t)sp;
}

static struct queue queue_of(const struct spool *sp)
{
    return (struct queue){ disk_of(sp)->shards, disk_of(sp)->nshards };
}

/* ---- opening and closing */

static uint64_t within(uint64_t v, uint64_t otherwise, uint64_t least, uint64_t most)
{
    if (v == 0)
        v = otherwise;
    return v < least ? least : v > most ? most : v;
}

/* 64 MiB where there is room; on a small file system a power of two that lets
 * every shard have some: its size, not what is free now, so that one start
 * after another finds the same. */
static uint64_t segment_that_fits(const char *dir, unsigned shards)
{
    uint64_t share, size = SEGMENT_DEFAULT;
    struct statvfs v;

    if (FAULT(READ) || statvfs(dir, &v) < 0 || v.f_blocks == 0)
        return size;
    share = (uint64_t)v.f_blocks * v.f_frsize / SHARD_SEGMENTS / (shards ? shards : 1);
    while (size > SEGMENT_SMALL && size > share)
        size /= 2;
    return size;
}

static void settle_config(struct disk *sp, const struct spool_config *c)
{
    struct spool_config *o = &sp->config;

    *o = *c;
    o->segment_size = within(c->segment_size, segment_that_fits(c->dir, c->shards), SEGMENT_LEAST, SEGMENT_MOST) / WIRE_PAGE * WIRE_PAGE;
    o->memory_max = within(c->memory_max, MEMORY_DEFAULT, WIRE_CHUNK, UINT64_MAX);
    /* What goes into a segment must leave room for others. */
    o->body_memory_max = within(c->body_memory_max, BODY_DEFAULT, 1, o->segment_size / 4);
    o->reserve_inodes_pct = c->reserve_inodes_pct ? c->reserve_inodes_pct : RESERVE_PERCENT;
    sp->dir = must_alloc(strlen(c->dir) + 1);
    memcpy(sp->dir, c->dir, strlen(c->dir));
    o->dir = sp->dir;
}

/* Signals are the loop's: a helper thread takes none. */
static bool start_helper(struct disk *sp)
{
    sigset_t all, was;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    sp->bodies = bodies_start(sp, NULL);
    sp->helper_runs = sp->bodies && pthread_create(&sp->helper, NULL, helper_thread, sp) == 0;
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    return sp->helper_runs;
}

static void disk_free(struct disk *sp)
{
    pthread_mutex_destroy(&sp->lock);
    pthread_cond_destroy(&sp->work);
    pthread_cond_destroy(&sp->idle);
    /* The loop may still have its job. */
    if (sp->waker_out)
        sp->waker->sp = NULL;
    else
        free(sp->waker);
    free(sp->shards);
    free(sp->dir);
    free(sp);
}

enum status spool_open(struct loop *l, const struct spool_config *c, struct spool **out, struct why *why)
{
    struct disk *sp = must_alloc(sizeof *sp);
    bool made;

    *out = NULL;
    sp->base.ops = &disk_ops;
    sp->loop = l;
    sp->answered_last = &sp->answered;
    sp->waker = must_alloc(sizeof *sp->waker);
    sp->waker->sp = sp;
    sp->room_asked_ms = INT64_MIN / 2;
    made = mkdir(c->dir, 0700) == 0 || errno == EEXIST;
    if (!made)
        why_errno(why, ST_AGAIN, "make %s", c->dir);
    settle_config(sp, c);
    pthread_mutex_init(&sp->lock, NULL);
    pthread_cond_init(&sp->work, NULL);
    pthread_cond_init(&sp->idle, NULL);
    if (!made)
        goto fail;
    shard_sweep(sp->dir);
    if (!start_helper(sp)) {
        why_set(why, ST_AGAIN, "cannot start the spool's threads");
        if (sp->bodies)
            bodies_stop(sp->bodies);
        goto fail;
    }
    *out = &sp->base;
    return ST_OK;

fail:
    disk_free(sp);
    return ST_AGAIN;
}

/* Large bodies first: each ends in a request for the helper. */
static void disk_close(struct spool *base)
{
    struct disk *sp = disk_of(base);

    bodies_stop(sp->bodies);
    pthread_mutex_lock(&sp->lock);
    sp->stop = true;
    pthread_mutex_unlock(&sp->lock);
    pthread_cond_signal(&sp->work);
    pthread_join(sp->helper, NULL);
    while (sp->answered)
        request_callbacks(sp);
    move_free_all(sp);
    for (unsigned i = 0; i < sp->nshards; i++)
        shard_close(sp->shards[i]);
    sp->nshards = 0;
    while (sp->notes)
        request_callbacks(sp);
    read_orphan_bodies(sp);
    disk_free(sp);
}

/* ---- shards */

/* What an operator can do is said along with what is wrong. */
static enum status no_room(const struct disk *sp, unsigned n, struct why *why)
{
    struct why what = *why;

    if (what.err == ENOSPC || what.err == EDQUOT)
        why_set(why, ST_AGAIN, "shard %u: %s; it needs two segments of %" PRIu64 " MiB: make room in %s, or put the spool on a larger file system",
                n, what.text, sp->config.segment_size >> 20, sp->dir);
    why->err = what.err;
    return ST_AGAIN;
}

static enum status disk_take(struct spool *base, unsigned n, struct why *why)
{
    struct disk *sp = disk_of(base);
    struct shard *sh, **v;
    enum status st;

    if (n >= SHARD_LIMIT)
        return why_set(why, ST_NEVER, "there is no shard %u", n);
    if (queue_shard(queue_of(base), n))
        return ST_OK;
    st = shard_open(sp->dir, n, false, sp->config.segment_size, &sp->lock, disk_alert, sp, &sh, why);
    if (st != ST_OK)
        return st == ST_AGAIN ? no_room(sp, n, why) : st;
    st = move_settle(sp, sh, why);
    if (st != ST_OK) {
        shard_close(sh);
        return st;
    }
    pthread_mutex_lock(&sp->lock);
    v = realloc(sp->shards, (sp->nshards + 1) * sizeof(*v));
    if (!v)
        die("out of memory");
    sp->shards = v;
    sp->shards[sp->nshards++] = sh;
    pthread_mutex_unlock(&sp->lock);
    pthread_cond_signal(&sp->work);
    return ST_OK;
}

static void disk_set_home(struct spool *base, unsigned n, bool home)
{
    struct shard *sh = queue_shard(queue_of(base), n);

    if (!sh)
        return;
    pthread_mutex_lock(&disk_of(base)->lock);
    sh->home = home;
    pthread_mutex_unlock(&disk_of(base)->lock);
    pthread_cond_signal(&disk_of(base)->work);
}

/* Waits for what was given, and takes it away from the helper. */
static void detach(struct disk *sp, struct shard *sh)
{
    pthread_mutex_lock(&sp->lock);
    sh->closing = true;
    while (sh->pending || sh->preparing || sh->serving || sh->first)
        pthread_cond_wait(&sp->idle, &sp->lock);
    for (unsigned i = 0; i < sp->nshards; i++)
        if (sp->shards[i] == sh)
            sp->shards[i--] = sp->shards[--sp->nshards];
    pthread_mutex_unlock(&sp->lock);
}

static void disk_release(struct spool *base, unsigned n)
{
    struct shard *sh = queue_shard(queue_of(base), n);

    if (!sh)
        return;
    detach(disk_of(base), sh);
    move_forget(disk_of(base), sh);
    shard_close(sh);
}

static enum status disk_remove_shard(struct spool *base, unsigned n, struct why *why)
{
    struct disk *sp = disk_of(base);
    struct shard *sh = queue_shard(queue_of(base), n);
    uint64_t count;
    bool idle;

    if (!sh)
        return why_set(why, ST_AGAIN, "shard %u is not served here", n);
    pthread_mutex_lock(&sp->lock);
    idle = sh->pending == 0 && !sh->first;
    pthread_mutex_unlock(&sp->lock);
    if (sh->home || !idle || move_touches(sp, sh) || sh->keep_bodies || index_count(sh->index, &count) != ST_OK || count > 0)
        return why_set(why, ST_AGAIN, "shard %u is not empty", n);
    detach(sp, sh);
    move_forget(sp, sh);
    return shard_remove(sh, sp->dir, why);
}

size_t spool_shards(const char *dir, unsigned *out, size_t max)
{
    return shard_list(dir, out, max);
}

/* ---- states */

void disk_give(struct disk *sp, struct request *r)
{
    pthread_mutex_lock(&sp->lock);
    r->sh->pending++;
    pthread_mutex_unlock(&sp->lock);
    request_give(sp, r);
}

/* The shard to be told of a state. The usual single one need not be asked: it
 * says itself that it has no such message. */
static struct shard *shard_with(struct disk *sp, struct id_parts id)
{
    struct queue q = { sp->shards, sp->nshards };
    struct shard *sh;
    struct row row;

    if (q.n == 1)
        return q.v[0];
    return queue_find(q, id, &sh, &row, NULL) == ST_OK ? sh : queue_shard(q, id.shard);
}

static void disk_update(struct spool *base, struct msg_id id, const struct spool_state *s, spool_done *done, void *ctx)
{
    struct disk *sp = disk_of(base);
    struct id_parts parts = { 0, 0, 0 };
    struct shard *sh = id_read(id, &parts) ? shard_with(sp, parts) : NULL;
    struct request *r = request_new(sh, REC_STATE, parts);
    struct state_meta meta;
    struct why why;

    r->done = done;
    r->ctx = ctx;
    if (!sh || s->blob.n > REC_META_MAX / 2) {
        r->sh = NULL;
        request_refuse(sp, r, sh ? ST_AGAIN : ST_NONE, (why_set(&why, ST_NONE, "%s: %s", id.s, sh ? "the state is too large" : "not in this spool"), &why));
        return;
    }
    r->entry.gone = s->gone;
    r->entry.next_try = s->next_try;
    r->entry.flags = s->flags;
    r->entry.pending = s->pending;
    meta = (struct state_meta){
        .next_try = s->next_try, .flags = s->flags, .pending = s->pending, .blob = s->gone ? STR("") : s->blob,
        .summary = s->gone ? STR("") : str_head(s->summary, SUMMARY_MAX),
    };
    request_state(r, &meta);
    if (!move_holds(sp, parts, r))
        disk_give(sp, r);
}

void disk_set_aside(struct disk *sp, struct shard *sh, struct id_parts id, const char *text)
{
    struct msg_id name = id_make(id);
    struct request *r;
    struct row row;

    if (move_under_way(sp, id) || index_get(sh->index, id, &row, NULL) != ST_OK || row.flags & SPOOL_DAMAGED)
        return;
    r = read_set_aside(sh, &row);
    if (!r)
        return;
    disk_alert(sp, "%s: damaged, set aside frozen: %s", name.s, text);
    disk_give(sp, r);
}

/* ---- room (R2.6) */

static void ask_room(struct disk *sp)
{
    const struct spool_config *c = &sp->config;
    struct statvfs v;
    uint64_t reserve, have, total;

    sp->room_asked_ms = clock_mono_ms();
    sp->room = false;
    sp->room_bytes = 0;
    if (FAULT(READ) || statvfs(sp->dir, &v) < 0)
        return;
    total = (uint64_t)v.f_blocks * v.f_frsize;
    have = (uint64_t)v.f_bavail * v.f_frsize;
    reserve = c->reserve_bytes;
    if (!reserve) {
        reserve = total / 100 * RESERVE_PERCENT;
        if (reserve > RESERVE_MOST)
            reserve = RESERVE_MOST;
    }
    if (have < reserve || (v.f_files && v.f_favail < v.f_files / 100 * c->reserve_inodes_pct))
        return;
    sp->room = true;
    sp->room_bytes = have - reserve;
}

static bool disk_has_room(struct spool *base, uint64_t size)
{
    struct disk *sp = disk_of(base);

    if (clock_mono_ms() - sp->room_asked_ms > ROOM_MS)
        ask_room(sp);
    return sp->room && size <= sp->room_bytes;
}

static bool disk_behind(struct spool *base)
{
    return body_behind(disk_of(base)->bodies);
}

/* ---- the rest of the interface */

static size_t disk_due(struct spool *sp, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                       void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return queue_due(queue_of(sp), now, max, busy, row, ctx);
}

static int64_t disk_next_due(struct spool *sp)
{
    return queue_next_due(queue_of(sp));
}

static size_t disk_list(struct spool *sp, struct msg_id after, size_t max,
                        void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return queue_list(queue_of(sp), after, max, row, ctx);
}

static size_t disk_list_of(struct spool *sp, unsigned n, struct msg_id after, size_t max,
                           void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct shard *sh = queue_shard(queue_of(sp), n);

    return sh ? queue_list((struct queue){ &sh, 1 }, after, max, row, ctx) : 0;
}

static bool disk_row_get(struct spool *sp, struct msg_id id, struct spool_row *out, struct arena *a)
{
    return queue_row(queue_of(sp), id, out, a);
}

static uint64_t disk_count(struct spool *sp)
{
    uint64_t n;

    queue_count(queue_of(sp), &n);
    return n;
}

static bool disk_owns(struct spool *sp, struct msg_id id)
{
    struct id_parts p;
    struct shard *sh;
    struct row row;

    if (!id_read(id, &p))
        return false;
    return queue_shard(queue_of(sp), p.shard) || queue_find(queue_of(sp), p, &sh, &row, NULL) != ST_NONE;
}

static void disk_note(struct spool *base, struct msg_id id, bool on)
{
    const struct spool_config *c = &disk_of(base)->config;
    struct queue q = queue_of(base);
    struct id_parts p;
    struct shard *sh;

    if (!c->note || !id_read(id, &p))
        return;
    /* Whoever has the shard it lies in next finds the note; it may have been moved since. */
    if (on && (sh = shard_with(disk_of(base), p)) != NULL)
        c->note(c->note_ctx, sh->n, id, true);
    for (unsigned i = 0; !on && i < q.n; i++)
        c->note(c->note_ctx, q.v[i]->n, id, false);
}

static void disk_stats(const struct spool *base, struct spool_stats *out)
{
    struct disk *sp = disk_of(base);

    pthread_mutex_lock(&sp->lock);
    *out = sp->stats;
    for (unsigned i = 0; i < sp->nshards; i++) {
        const struct shard *sh = sp->shards[i];

        out->compactions += sh->compactions;
        out->failed_flushes += sh->failed_flushes;
        for (const struct segment *s = sh->segs; s; s = s->next) {
            out->segments++;
            out->bytes_total += s->head.size;
            if (s->use != SEG_FREE && s->live > 0)
                out->bytes_live += (uint64_t)s->live;
        }
    }
    pthread_mutex_unlock(&sp->lock);
    queue_count(queue_of(base), &out->messages);
}

static const struct spool_ops disk_ops = {
    .close = disk_close, .take = disk_take, .set_home = disk_set_home, .release = disk_release,
    .remove_shard = disk_remove_shard, .draft = disk_draft, .commit = disk_commit, .update = disk_update,
    .move = disk_move, .list_of = disk_list_of,
    .load = disk_load, .due = disk_due, .next_due = disk_next_due, .list = disk_list, .row_get = disk_row_get,
    .count = disk_count, .owns = disk_owns, .has_room = disk_has_room, .behind = disk_behind, .note = disk_note, .stats = disk_stats,
};
