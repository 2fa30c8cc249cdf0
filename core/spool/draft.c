/*
 * draft - a message arrives
 *
 * A draft is memory of the loop. When it grows too large, or all of them
 * together, its bytes go to the body thread (body.h) and end in a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "spool/body.h"

enum { PART = 4 * WIRE_CHUNK };     /* handed over at once */

struct disk_draft {
    struct draft base;
    struct disk *sp;
    unsigned shard;
    struct buf mem;
    uint64_t size;
    struct large *large;
};

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
    body_give(d->sp->bodies, JOB_WRITE, d->large, &part, NULL);
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
    return body_status(sp->bodies, d->large, why);
}

static uint64_t draft_size_disk(const struct draft *d)
{
    return draft_of(d)->size;
}

/* What was handed over is read from the file, once the thread has written it. */
static size_t peek_file(struct disk_draft *d, uint64_t offset, char *out, size_t n)
{
    ssize_t did;

    body_wait(d->sp->bodies, d->large);
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

static bool draft_ready_disk(struct draft *base)
{
    struct disk_draft *d = draft_of(base);

    return !d->large || body_written(d->sp->bodies, d->large);
}

static void draft_drop_disk(struct draft *base)
{
    struct disk_draft *d = draft_of(base);

    d->sp->memory -= d->mem.n;
    buf_free(&d->mem);
    if (d->large)
        body_give(d->sp->bodies, JOB_DROP, d->large, NULL, NULL);
    free(d);
}

static const struct draft_ops disk_draft_ops = {
    draft_add_disk, draft_size_disk, draft_peek_disk, draft_ready_disk, draft_drop_disk,
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
    request_give(sp, r);
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

struct request *message_request(struct shard *sh, struct id_parts id, uint64_t body_size, struct str sums, const struct spool_entry *e)
{
    struct meta m = {
        .received = e->received, .next_try = e->state.next_try, .flags = e->state.flags, .pending = e->state.pending,
        .body_size = body_size, .sums = sums, .envelope = e->envelope, .header = e->header, .blob = e->state.blob,
        .summary = str_head(e->summary, SUMMARY_MAX),
    };
    struct request *r;
    size_t tail = m.envelope.n + m.header.n + m.blob.n + m.summary.n;

    r = request_new(sh, REC_MESSAGE, id);
    buf_room(&r->text, tail + body_chunks(body_size) * 4 + 128);
    meta_put(&m, &r->text);
    r->sums_from_end = tail + (size_t)body_chunks(body_size) * 4;
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
    struct id_parts id = { 0, 0, 0 };
    struct request *r;
    struct why why;

    id_read(draft->id, &id);
    r = message_request(sh, id, d->size, STR(""), e);
    r->done = done;
    r->ctx = ctx;
    if (!sh || r->text.n > REC_META_MAX) {
        r->sh = NULL;
        request_refuse(sp, r, ST_AGAIN, (why_set(&why, ST_AGAIN, sh ? "the envelope is too large" : "the shard is not served here any more"), &why));
        draft_drop_disk(draft);
        return;
    }
    pthread_mutex_lock(&sp->lock);
    sh->pending++;
    pthread_mutex_unlock(&sp->lock);
    if (d->large) {
        r->entry.large = true;
        hand_over(d, true);
        body_give(sp->bodies, JOB_KEEP, d->large, NULL, r);
    } else {
        r->memory = d->mem.n;
        r->body = d->mem;
        r->body_len = (uint32_t)d->mem.n;
        request_give(sp, r);
    }
    free(d);
}
