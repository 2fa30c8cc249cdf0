/*
 * peek - the queue as seen from outside: by the command line, beside a running
 * engine or without one
 *
 * Nothing of the spool is written and nothing waits for the engine. An index of
 * this boot is read where it lies; where there is none and no engine either,
 * one is made from the log in a temporary directory, and is gone with us.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "spool/disk.h"

struct look {
    struct spool base;
    pthread_mutex_t lock;
    struct queue q;
};

static struct look *look_of(const struct spool *sp)
{
    return (struct look *)(uintptr_t)sp;
}

static enum status refuse(struct why *why);

static void look_close(struct spool *sp)
{
    struct look *k = look_of(sp);

    for (unsigned i = 0; i < k->q.n; i++)
        shard_forget(k->q.v[i]);
    pthread_mutex_destroy(&k->lock);
    free(k->q.v);
    free(k);
}

static enum status look_load(struct spool *sp, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why)
{
    struct id_parts p;
    struct shard *sh;
    struct row row;
    enum status st = id_read(id, &p) ? queue_find(look_of(sp)->q, p, &sh, &row, NULL) : ST_NONE;

    if (st != ST_OK)
        return why_set(why, st, "%s: %s", id.s, st == ST_NONE ? "no such message in the spool" : "the index cannot be read");
    return read_message(NULL, sh, p, a, out, why);
}

static size_t look_due(struct spool *sp, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                       void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return queue_due(look_of(sp)->q, now, max, busy, row, ctx);
}

static int64_t look_next_due(struct spool *sp)
{
    return queue_next_due(look_of(sp)->q);
}

static size_t look_list(struct spool *sp, struct msg_id after, size_t max,
                        void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return queue_list(look_of(sp)->q, after, max, row, ctx);
}

static bool look_row_get(struct spool *sp, struct msg_id id, struct spool_row *out, struct arena *a)
{
    return queue_row(look_of(sp)->q, id, out, a);
}

static uint64_t look_count(struct spool *sp)
{
    uint64_t n;

    queue_count(look_of(sp)->q, &n);
    return n;
}

static bool look_owns(struct spool *sp, struct msg_id id)
{
    (void)sp, (void)id;
    return false;
}

static void look_move(struct spool *sp, struct msg_id id, spool_done *done, void *ctx)
{
    struct why why;

    (void)sp, (void)id;
    if (done)
        done(ctx, refuse(&why), &why);
}

static size_t look_list_of(struct spool *sp, unsigned n, struct msg_id after, size_t max,
                           void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct shard *sh = queue_shard(look_of(sp)->q, n);

    return sh ? queue_list((struct queue){ &sh, 1 }, after, max, row, ctx) : 0;
}

static bool look_has_room(struct spool *sp, uint64_t size)
{
    (void)sp, (void)size;
    return false;
}

static void look_stats(const struct spool *sp, struct spool_stats *out)
{
    queue_count(look_of(sp)->q, &out->messages);
}

/* ---- what only an engine may do */

static enum status refuse(struct why *why)
{
    return why_set(why, ST_AGAIN, "the spool is open for looking only");
}

static enum status look_take(struct spool *sp, unsigned n, struct why *why)
{
    (void)sp, (void)n;
    return refuse(why);
}

static void look_set_home(struct spool *sp, unsigned n, bool home)
{
    (void)sp, (void)n, (void)home;
}

static void look_release(struct spool *sp, unsigned n)
{
    (void)sp, (void)n;
}

static enum status look_draft(struct spool *sp, struct draft **out, struct why *why)
{
    (void)sp, (void)out;
    return refuse(why);
}

static void look_commit(struct spool *sp, struct draft *d, const struct spool_entry *e, spool_done *done, void *ctx)
{
    struct why why;

    (void)sp, (void)e;
    draft_drop(d);
    if (done)
        done(ctx, refuse(&why), &why);
}

static void look_update(struct spool *sp, struct msg_id id, const struct spool_state *s, spool_done *done, void *ctx)
{
    struct why why;

    (void)sp, (void)id, (void)s;
    if (done)
        done(ctx, refuse(&why), &why);
}

static void look_note(struct spool *sp, struct msg_id id, bool on)
{
    (void)sp, (void)id, (void)on;
}

static const struct spool_ops look_ops = {
    .close = look_close, .take = look_take, .set_home = look_set_home, .release = look_release,
    .remove_shard = look_take, .draft = look_draft, .commit = look_commit, .update = look_update,
    .move = look_move, .list_of = look_list_of,
    .load = look_load, .due = look_due, .next_due = look_next_due, .list = look_list, .row_get = look_row_get,
    .count = look_count, .owns = look_owns, .has_room = look_has_room, .note = look_note, .stats = look_stats,
};

/* ---- opening */

static void nobody(void *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void nobody(void *ctx, const char *fmt, ...)
{
    (void)ctx, (void)fmt;
}

/* Only while no engine holds the shard: its log must stand still. */
static enum status make_scratch(struct shard *sh, struct why *why)
{
    const char *tmp = getenv("TMPDIR");
    char dir[512];
    enum status st;

    sh->lockfd = openat(sh->dirfd, "lock", O_RDONLY | O_CLOEXEC);
    if (sh->lockfd < 0 || flock(sh->lockfd, LOCK_SH | LOCK_NB) < 0)
        return why_errno(why, ST_AGAIN, "%s is just being brought up", sh->path);
    snprintf(dir, sizeof dir, "%.400s/perigee.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return why_errno(why, ST_AGAIN, "make %s", dir);
    st = recover_scratch(sh, dir, why);
    index_remove(dir);
    rmdir(dir);
    return st;
}

static enum status look_at(struct look *k, const char *dir, unsigned n, struct why *why)
{
    struct covered c;
    struct shard *sh;
    enum status st = shard_look(dir, n, &k->lock, &sh, why);

    if (st != ST_OK)
        return st;
    sh->alert = nobody;
    k->q.v[k->q.n++] = sh;
    if (index_open(sh->path, true, 0, &sh->index, NULL) == ST_OK && index_covers(sh->index, &c))
        return ST_OK;
    index_close(sh->index);
    sh->index = NULL;
    return make_scratch(sh, why);
}

enum status spool_peek(const char *dir, struct spool **out, struct why *why)
{
    struct look *k = must_alloc(sizeof *k);
    unsigned *v = must_alloc(SHARD_LIMIT * sizeof *v);
    enum status st = ST_OK;
    size_t n;

    *out = NULL;
    k->base.ops = &look_ops;
    pthread_mutex_init(&k->lock, NULL);
    n = shard_list(dir, v, SHARD_LIMIT);
    k->q.v = must_alloc((n + 1) * sizeof(*k->q.v));
    if (access(dir, R_OK | X_OK) < 0)
        st = why_errno(why, ST_AGAIN, "read %s", dir);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        st = look_at(k, dir, v[i], why);
    free(v);
    if (st != ST_OK) {
        look_close(&k->base);
        return st;
    }
    *out = &k->base;
    return ST_OK;
}
