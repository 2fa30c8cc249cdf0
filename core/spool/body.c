/*
 * body - a message arrives: in memory, or in a file of its own
 *
 * A draft is memory of the loop. When it grows too large, or all of them
 * together, its bytes go to the body thread a few chunks at a time, and end in
 * a file without a name. At commit the file is flushed and named, its name is
 * flushed, and only then does its record join a group.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "spool/crc.h"
#include "spool/disk.h"

enum {
    PART = 4 * WIRE_CHUNK,              /* handed over at once */
    BEHIND_MAX = 64 << 20               /* handed over and not yet written, of all drafts */
};

/* A body in a file. The loop fills jobs, the thread does them in order. */
struct large {
    int dirfd, fd;
    bool tmp;                   /* it has a name already: no O_TMPFILE here */
    char name[24];
    uint64_t written;
    struct buf sums;
    enum status st;             /* under the lock: the first failure */
    struct why why;
    uint64_t behind;            /* under the lock: bytes in jobs */
};

struct disk_draft {
    struct draft base;
    struct disk *sp;
    unsigned shard;
    struct buf mem;
    uint64_t size;
    struct large *large;
};

enum job_kind { JOB_WRITE, JOB_KEEP, JOB_DROP };
struct body_job {
    struct body_job *next;
    enum job_kind kind;
    struct large *large;
    struct buf bytes;
    struct request *request;    /* JOB_KEEP */
};

struct bodies {
    struct disk *sp;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct body_job *first, **last;
    uint64_t behind;
    bool stop;
};

/* ---- the thread */

/* A file without a name vanishes with the process. Where the file system has
 * no such thing, one with a name that recovery removes. */
static int open_large(struct large *g)
{
    char tmp[32];
    int fd = FAULT(OPEN) ? -1 : openat(g->dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    g->tmp = true;
    snprintf(tmp, sizeof tmp, "tmp-%s", g->name);
    return openat(g->dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static enum status write_part(struct large *g, struct str s, struct why *why)
{
    if (g->fd < 0)
        g->fd = open_large(g);
    if (g->fd < 0)
        return why_errno(why, ST_AGAIN, "open the body file of %s", g->name);
    while (s.n) {
        struct str part = str_head(s, WIRE_CHUNK);
        uint32_t sum = htole32(crc32c(0, part.p, part.n));
        ssize_t did;

        errno = ENOSPC;
        did = FAULT(WRITE) ? -1 : pwrite(g->fd, part.p, part.n, (off_t)g->written);
        if (did < 0 || (size_t)did != part.n)
            return why_errno(why, ST_AGAIN, "write the body of %s", g->name);
        buf_add(&g->sums, (struct str){ (const char *)&sum, sizeof sum });
        g->written += part.n;
        s = str_from(s, part.n);
    }
    return ST_OK;
}

static int give_name(struct large *g)
{
    char from[64];

    if (FAULT(RENAME))
        return -1;
    if (g->tmp) {
        snprintf(from, sizeof from, "tmp-%s", g->name);
        return renameat(g->dirfd, from, g->dirfd, g->name);
    }
    snprintf(from, sizeof from, "/proc/self/fd/%d", g->fd);
    return linkat(AT_FDCWD, from, g->dirfd, g->name, AT_SYMLINK_FOLLOW);
}

/* R2.1: the bytes, then the name, and only then the record. */
static enum status make_stable(struct large *g, struct why *why)
{
    CRASH_POINT("spool.body.written");
    if (FAULT(FLUSH) || fsync(g->fd) < 0)
        return why_errno(why, ST_AGAIN, "flush the body of %s", g->name);
    CRASH_POINT("spool.body.flushed");
    if (give_name(g) < 0)
        return why_errno(why, ST_AGAIN, "name the body of %s", g->name);
    CRASH_POINT("spool.body.named");
    if (FAULT(FLUSH) || fsync(g->dirfd) < 0) {
        why_errno(why, ST_AGAIN, "flush the name of the body of %s", g->name);
        unlinkat(g->dirfd, g->name, 0);
        return ST_AGAIN;
    }
    CRASH_POINT("spool.body.stable");
    return ST_OK;
}

static void large_free(struct large *g)
{
    char tmp[32];

    if (g->tmp) {
        snprintf(tmp, sizeof tmp, "tmp-%s", g->name);
        unlinkat(g->dirfd, tmp, 0);
    }
    if (g->fd >= 0)
        close(g->fd);
    close(g->dirfd);
    buf_free(&g->sums);
    free(g);
}

static void keep(struct bodies *b, struct body_job *j)
{
    struct large *g = j->large;
    struct request *r = j->request;
    struct why why = g->why;
    enum status st = g->st;

    if (st == ST_OK)
        st = make_stable(g, &why);
    if (st == ST_OK) {
        memcpy(r->text.mem + r->text.at + (r->text.n - r->sums_from_end), g->sums.mem + g->sums.at, g->sums.n);
        g->tmp = false;
        commit_give(b->sp, r);
    } else {
        commit_refuse(b->sp, r, ST_AGAIN, &why);
    }
    large_free(g);
}

static void do_job(struct bodies *b, struct body_job *j)
{
    struct large *g = j->large;
    struct why why;
    enum status st = g->st;

    switch (j->kind) {
    case JOB_WRITE:
        if (st == ST_OK)
            st = write_part(g, buf_str(&j->bytes), &why);
        pthread_mutex_lock(&b->lock);
        if (st != ST_OK && g->st == ST_OK) {
            g->st = st;
            g->why = why;
        }
        g->behind -= j->bytes.n;
        b->behind -= j->bytes.n;
        pthread_cond_broadcast(&b->done);
        pthread_mutex_unlock(&b->lock);
        break;
    case JOB_KEEP:
        keep(b, j);
        break;
    case JOB_DROP:
        large_free(g);
        break;
    }
}

static void *body_thread(void *ctx)
{
    struct bodies *b = ctx;

    pthread_mutex_lock(&b->lock);
    for (;;) {
        struct body_job *j = b->first;

        if (!j && b->stop)
            break;
        if (!j) {
            pthread_cond_wait(&b->work, &b->lock);
            continue;
        }
        b->first = j->next;
        if (!b->first)
            b->last = &b->first;
        pthread_mutex_unlock(&b->lock);
        do_job(b, j);
        buf_free(&j->bytes);
        free(j);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* bytes moves into the job. */
static void give_job(struct bodies *b, enum job_kind kind, struct large *g, struct buf *bytes, struct request *r)
{
    struct body_job *j = must_alloc(sizeof *j);

    *j = (struct body_job){ NULL, kind, g, { 0 }, r };
    if (bytes) {
        j->bytes = *bytes;
        *bytes = (struct buf){ 0 };
    }
    pthread_mutex_lock(&b->lock);
    g->behind += j->bytes.n;
    b->behind += j->bytes.n;
    *b->last = j;
    b->last = &j->next;
    pthread_mutex_unlock(&b->lock);
    pthread_cond_signal(&b->work);
}

struct bodies *bodies_start(struct disk *sp, struct why *why)
{
    struct bodies *b = must_alloc(sizeof *b);

    b->sp = sp;
    b->last = &b->first;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    pthread_cond_init(&b->done, NULL);
    if (pthread_create(&b->thread, NULL, body_thread, b)) {
        why_set(why, ST_AGAIN, "cannot start the body thread");
        free(b);
        return NULL;
    }
    return b;
}

void bodies_stop(struct bodies *b)
{
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_mutex_unlock(&b->lock);
    pthread_cond_signal(&b->work);
    pthread_join(b->thread, NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->work);
    pthread_cond_destroy(&b->done);
    free(b);
}

/* ---- drafts, on the loop */

static struct disk_draft *draft_of(const struct draft *d)
{
    return (struct disk_draft *)(uintptr_t)d;
}

static struct shard *shard_of(const struct disk *sp, unsigned n)
{
    struct shard *sh = queue_shard((struct queue){ sp->shards, sp->nshards }, n);

    return sh && !sh->closing ? sh : NULL;
}

static enum status start_large(struct disk_draft *d, struct why *why)
{
    const struct shard *sh = shard_of(d->sp, d->shard);
    struct large *g;
    int fd;

    if (!sh)
        return why_set(why, ST_AGAIN, "shard %u is not served here any more", d->shard);
    fd = fcntl(sh->bodyfd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return why_errno(why, ST_AGAIN, "open the body file of %s", d->base.id.s);
    g = must_alloc(sizeof *g);
    g->dirfd = fd;
    g->fd = -1;
    memcpy(g->name, d->base.id.s, sizeof d->base.id.s);
    d->large = g;
    return ST_OK;
}

/* Whole chunks go over; what is left stays until there is more, or the end. */
static void hand_over(struct disk_draft *d, bool all)
{
    size_t n = all ? d->mem.n : d->mem.n / WIRE_CHUNK * WIRE_CHUNK;
    struct buf part = { 0 };

    if (n == 0)
        return;
    if (n == d->mem.n) {
        part = d->mem;
        d->mem = (struct buf){ 0 };
    } else {
        buf_add(&part, str_head(buf_str(&d->mem), n));
        buf_drop(&d->mem, n);
    }
    d->sp->memory -= n;
    give_job(d->sp->bodies, JOB_WRITE, d->large, &part, NULL);
}

static enum status large_status(struct disk_draft *d, struct why *why)
{
    struct bodies *b = d->sp->bodies;
    enum status st;

    pthread_mutex_lock(&b->lock);
    st = d->large->st;
    if (st != ST_OK && why)
        *why = d->large->why;
    else if (b->behind > BEHIND_MAX)
        st = why_set(why, ST_AGAIN, "%" PRIu64 " bytes of large bodies wait to be written", b->behind);
    pthread_mutex_unlock(&b->lock);
    return st;
}

static enum status draft_add_disk(struct draft *base, struct str bytes, struct why *why)
{
    struct disk_draft *d = draft_of(base);
    struct disk *sp = d->sp;
    enum status st;

    buf_add(&d->mem, bytes);
    d->size += bytes.n;
    sp->memory += bytes.n;
    if (!d->large && (d->size > sp->config.body_memory_max || sp->memory > sp->config.memory_max)) {
        st = start_large(d, why);
        if (st != ST_OK)
            return st;
    }
    if (!d->large)
        return ST_OK;
    if (d->mem.n >= PART)
        hand_over(d, false);
    return large_status(d, why);
}

static uint64_t draft_size_disk(const struct draft *d)
{
    return draft_of(d)->size;
}

/* What was handed over is read from the file, once the thread has written it. */
static size_t peek_file(struct disk_draft *d, uint64_t offset, char *out, size_t n)
{
    struct bodies *b = d->sp->bodies;
    ssize_t did;

    pthread_mutex_lock(&b->lock);
    while (d->large->behind)
        pthread_cond_wait(&b->done, &b->lock);
    pthread_mutex_unlock(&b->lock);
    did = d->large->fd < 0 || FAULT(READ) ? -1 : pread(d->large->fd, out, n, (off_t)offset);
    return did < 0 ? 0 : (size_t)did;
}

static size_t draft_peek_disk(struct draft *base, uint64_t offset, char *out, size_t n)
{
    struct disk_draft *d = draft_of(base);
    uint64_t in_file = d->size - d->mem.n;
    size_t got = 0;
    struct str rest;

    if (offset >= d->size)
        return 0;
    if (offset < in_file) {
        size_t want = in_file - offset < n ? (size_t)(in_file - offset) : n;

        got = peek_file(d, offset, out, want);
        if (got < want)
            return got;
    }
    rest = str_head(str_from(buf_str(&d->mem), (size_t)(offset + got - in_file)), n - got);
    memcpy(out + got, rest.p, rest.n);
    return got + rest.n;
}

static void draft_drop_disk(struct draft *base)
{
    struct disk_draft *d = draft_of(base);

    d->sp->memory -= d->mem.n;
    buf_free(&d->mem);
    if (d->large)
        give_job(d->sp->bodies, JOB_DROP, d->large, NULL, NULL);
    free(d);
}

static const struct draft_ops disk_draft_ops = {
    draft_add_disk, draft_size_disk, draft_peek_disk, draft_drop_disk,
};

/* ---- ids */

/* The next step is logged long before the last is used up. */
static void ask_ids(struct disk *sp, struct shard *sh)
{
    struct request *r;

    if (sh->ids_limit - sh->ids_next > IDS_STEP / 2 || sh->ids_asked || sh->ids_limit + IDS_STEP > ID_BASE6)
        return;
    r = request_new(sh, REC_IDS, (struct id_parts){ 0, sh->ids_limit + IDS_STEP, sh->n });
    sh->ids_asked = true;
    sh->pending++;
    pthread_mutex_unlock(&sp->lock);
    commit_give(sp, r);
    pthread_mutex_lock(&sp->lock);
}

static bool take_id(struct disk *sp, struct shard *sh, struct msg_id *id)
{
    bool ok;

    pthread_mutex_lock(&sp->lock);
    ask_ids(sp, sh);
    ok = sh->ids_next < sh->ids_limit;
    pthread_mutex_unlock(&sp->lock);
    if (ok)
        *id = id_make((struct id_parts){ (uint64_t)clock_wall() % ID_BASE6, sh->ids_next++, sh->n });
    return ok;
}

static struct shard *next_home(struct disk *sp)
{
    for (unsigned i = 0; i < sp->nshards; i++) {
        struct shard *sh = sp->shards[sp->next_home++ % sp->nshards];

        if (sh->home && !sh->closing)
            return sh;
    }
    return NULL;
}

enum status disk_draft(struct spool *base, struct draft **out, struct why *why)
{
    struct disk *sp = (struct disk *)base;
    struct shard *sh = next_home(sp);
    struct disk_draft *d;
    struct msg_id id;

    if (!sh)
        return why_set(why, ST_AGAIN, "no shard of the spool takes messages here");
    if (!spool_has_room(base, 0))
        return why_set(why, ST_AGAIN, "the spool's file system is below its reserve");
    if (!take_id(sp, sh, &id))
        return why_set(why, ST_AGAIN, "shard %u has no message ids ready", sh->n);
    d = must_alloc(sizeof *d);
    d->base = (struct draft){ &disk_draft_ops, id };
    d->sp = sp;
    d->shard = sh->n;
    *out = &d->base;
    return ST_OK;
}

/* ---- commit */

static struct request *message_request(struct shard *sh, struct disk_draft *d, const struct spool_entry *e)
{
    struct meta m = {
        .received = e->received, .next_try = e->state.next_try, .flags = e->state.flags, .pending = e->state.pending,
        .body_size = d->size, .envelope = e->envelope, .header = e->header, .blob = e->state.blob,
        .summary = str_head(e->summary, SUMMARY_MAX),
    };
    struct id_parts id = { 0, 0, 0 };
    struct request *r;
    size_t tail = m.envelope.n + m.header.n + m.blob.n + m.summary.n;

    id_read(d->base.id, &id);
    r = request_new(sh, REC_MESSAGE, id);
    buf_room(&r->text, tail + body_chunks(d->size) * 4 + 128);
    meta_put(&m, &r->text);
    r->sums_from_end = tail + (size_t)body_chunks(d->size) * 4;
    r->entry.received = m.received;
    r->entry.next_try = m.next_try;
    r->entry.flags = m.flags;
    r->entry.pending = m.pending;
    r->entry.size = m.header.n + m.body_size;
    r->entry.summary = str_from(buf_str(&r->text), r->text.n - m.summary.n);
    return r;
}

void disk_commit(struct spool *base, struct draft *draft, const struct spool_entry *e, spool_done *done, void *ctx)
{
    struct disk *sp = (struct disk *)base;
    struct disk_draft *d = draft_of(draft);
    struct shard *sh = shard_of(sp, d->shard);
    struct request *r = message_request(sh, d, e);
    struct why why;

    r->done = done;
    r->ctx = ctx;
    if (!sh || r->text.n > REC_META_MAX) {
        r->sh = NULL;
        commit_refuse(sp, r, ST_AGAIN, (why_set(&why, ST_AGAIN, sh ? "the envelope is too large" : "the shard is not served here any more"), &why));
        draft_drop_disk(draft);
        return;
    }
    pthread_mutex_lock(&sp->lock);
    sh->pending++;
    pthread_mutex_unlock(&sp->lock);
    if (d->large) {
        r->entry.large = true;
        hand_over(d, true);
        give_job(sp->bodies, JOB_KEEP, d->large, NULL, r);
    } else {
        r->memory = d->mem.n;
        r->body = d->mem;
        r->body_len = (uint32_t)d->mem.n;
        commit_give(sp, r);
    }
    free(d);
}
