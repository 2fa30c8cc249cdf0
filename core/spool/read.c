/*
 * read - a message back from the log
 *
 * The loop reads while the helper thread may be moving the very message: a
 * record that is not where the index said is looked up again, and only one
 * that has not moved and still does not match its checksums is damaged.
 *
 * A body in the log is at most 128 KiB or so and is read at once, so that an
 * open one needs nothing of the spool. A large one is its file, read and
 * checked a chunk at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "spool/crc.h"
#include "spool/disk.h"

struct kept_body {
    struct spool_body base;
    char *record;               /* as read */
    struct str bytes;           /* in it */
};

struct file_body {
    struct spool_body base;
    struct disk *sp;            /* NULL: closed meanwhile */
    struct file_body *next;
    unsigned shard;
    struct id_parts id;
    int fd;
    uint64_t size;
    char *sums;
    char *chunk;                /* the one read last */
    uint64_t have;              /* its number + 1; 0: none */
};

/* ---- records */

/* A whole record at (gen, at): header, meta and body. NULL with ST_NONE: it is
 * not there (any more); ST_AGAIN: it cannot be read. */
static char *read_record(struct shard *sh, uint32_t gen, uint32_t at, uint32_t len, struct rec *r, enum status *st, struct why *why)
{
    struct segment *s;
    struct seg_head head = { .gen = 0 };
    char *p;

    pthread_mutex_lock(sh->lock);
    s = shard_segment(sh, gen);
    if (s) {
        s->refs++;
        head = s->head;
    }
    pthread_mutex_unlock(sh->lock);
    if (!s || len < REC_HEAD || len > head.size) {
        *st = why_set(why, ST_NONE, "generation %u of the log is not there", gen);
        p = NULL;
    } else {
        p = must_alloc(len);
        *st = segment_read(s, at, p, len, why);
        if (*st == ST_OK && (rec_get(p, r) != WIRE_OK || r->gen != gen || r->tag != head.tag || rec_size(r) != len
                             || crc32c(0, p + REC_HEAD, r->meta_len) != r->meta_crc))
            *st = why_set(why, ST_NONE, "segment %u holds no such record at %u", s->file, at);
    }
    if (s) {
        pthread_mutex_lock(sh->lock);
        s->refs--;
        pthread_mutex_unlock(sh->lock);
    }
    if (*st != ST_OK) {
        free(p);
        p = NULL;
    }
    return p;
}

static struct str meta_of(const char *record, const struct rec *r)
{
    return (struct str){ record + REC_HEAD, r->meta_len };
}

/* Empty if it is damaged. ST_AGAIN: it cannot be read now, and may be another time. */
static enum status read_blob(struct shard *sh, const struct row *row, struct buf *out, struct buf *summary)
{
    uint32_t gen = row->state_gen ? row->state_gen : row->gen, at = row->state_gen ? row->state_at : row->at;
    struct state_meta s;
    struct meta m;
    struct rec r;
    enum status st;
    char *p = read_record(sh, gen, at, row->state_gen ? row->state_len : row->len, &r, &st, NULL);

    if (!p)
        return st == ST_NONE ? ST_OK : st;
    if (row->state_gen && state_get(meta_of(p, &r), &s)) {
        buf_add(out, s.blob);
        buf_add(summary, s.summary);
    } else if (!row->state_gen && meta_get(meta_of(p, &r), &m)) {
        buf_add(out, m.blob);
    }
    free(p);
    return ST_OK;
}

struct request *read_set_aside(struct shard *sh, const struct row *row)
{
    struct buf blob = { 0 }, summary = { 0 };
    struct state_meta s;
    struct request *r;

    if (read_blob(sh, row, &blob, &summary) != ST_OK)
        return NULL;
    r = request_new(sh, REC_STATE, row->id);
    r->entry.flags = row->flags | SPOOL_FROZEN | SPOOL_DAMAGED;
    r->entry.pending = row->pending;
    r->entry.next_try = row->next_try;
    s = (struct state_meta){
        .next_try = row->next_try, .flags = r->entry.flags, .pending = row->pending, .blob = buf_str(&blob), .summary = buf_str(&summary),
    };
    request_state(r, &s);
    buf_free(&blob);
    buf_free(&summary);
    return r;
}

/* ---- bodies */

static ssize_t kept_read(struct spool_body *base, uint64_t offset, char *out, size_t n)
{
    struct str s = ((struct kept_body *)base)->bytes;

    s = str_head(str_from(s, offset > s.n ? s.n : (size_t)offset), n);
    memcpy(out, s.p, s.n);
    return (ssize_t)s.n;
}

static void kept_close(struct spool_body *base)
{
    free(((struct kept_body *)base)->record);
    free(base);
}

static size_t chunk_size(uint64_t body, uint64_t chunk)
{
    uint64_t left = body - chunk * WIRE_CHUNK;

    return left < WIRE_CHUNK ? (size_t)left : WIRE_CHUNK;
}

static bool file_chunk(struct file_body *b, uint64_t chunk)
{
    size_t n = chunk_size(b->size, chunk);
    uint32_t sum;
    ssize_t did;

    if (b->have == chunk + 1)
        return true;
    b->have = 0;
    errno = EIO;
    did = FAULT(READ) ? -1 : pread(b->fd, b->chunk, n, (off_t)(chunk * WIRE_CHUNK));
    if (did < 0)
        return false;
    memcpy(&sum, b->sums + chunk * 4, sizeof sum);
    if ((size_t)did == n && crc32c(0, b->chunk, n) == le32toh(sum)) {
        b->have = chunk + 1;
        return true;
    }
    if (b->sp) {
        struct shard *sh = queue_shard((struct queue){ b->sp->shards, b->sp->nshards }, b->shard);

        if (sh)
            disk_set_aside(b->sp, sh, b->id, "its body does not match its checksum");
    }
    errno = EIO;
    return false;
}

static ssize_t file_read(struct spool_body *base, uint64_t offset, char *out, size_t n)
{
    struct file_body *b = (struct file_body *)base;
    size_t got = 0;

    while (got < n && offset < b->size) {
        size_t in = (size_t)(offset % WIRE_CHUNK), have;

        if (!file_chunk(b, offset / WIRE_CHUNK))
            return -1;
        have = chunk_size(b->size, offset / WIRE_CHUNK) - in;
        if (have > n - got)
            have = n - got;
        memcpy(out + got, b->chunk + in, have);
        got += have;
        offset += have;
    }
    return (ssize_t)got;
}

static void file_close(struct spool_body *base)
{
    struct file_body *b = (struct file_body *)base, **at;

    for (at = b->sp ? &b->sp->open_bodies : NULL; at && *at; at = &(*at)->next)
        if (*at == b) {
            *at = b->next;
            break;
        }
    close(b->fd);
    free(b->sums);
    free(b->chunk);
    free(b);
}

struct str read_sums(const struct spool_body *b)
{
    const struct file_body *f = (const struct file_body *)b;

    return b->read == file_read ? (struct str){ f->sums, (size_t)body_chunks(f->size) * 4 } : STR("");
}

void read_orphan_bodies(struct disk *sp)
{
    for (struct file_body *b = sp->open_bodies; b; b = b->next)
        b->sp = NULL;
    sp->open_bodies = NULL;
}

/* ST_NONE: damaged, if the message did not end meanwhile. */
static enum status open_file(struct disk *sp, struct shard *sh, struct id_parts id, const struct meta *m, struct spool_body **out, struct why *why)
{
    struct msg_id name = id_make(id);
    int fd = FAULT(OPEN) ? -1 : openat(sh->bodyfd, name.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct file_body *b;
    struct stat st;

    if (fd < 0)
        return why_errno(why, errno == ENOENT ? ST_NONE : ST_AGAIN, "open the body of %s", name.s);
    if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != m->body_size) {
        close(fd);
        return why_set(why, ST_NONE, "%s: the body's file has another size", name.s);
    }
    b = must_alloc(sizeof *b);
    *b = (struct file_body){ { file_read, file_close }, sp, NULL, sh->n, id, fd, m->body_size, NULL, NULL, 0 };
    b->sums = must_alloc(m->sums.n);
    memcpy(b->sums, m->sums.p, m->sums.n);
    b->chunk = must_alloc(WIRE_CHUNK);
    if (sp) {
        b->next = sp->open_bodies;
        sp->open_bodies = b;
    }
    *out = &b->base;
    return ST_OK;
}

static bool body_whole(struct str body, const struct meta *m)
{
    for (uint32_t i = 0; body.n; i++) {
        struct str part = str_head(body, WIRE_CHUNK);

        if (crc32c(0, part.p, part.n) != meta_sum(m, i))
            return false;
        body = str_from(body, part.n);
    }
    return true;
}

/* ---- a message */

static enum status read_state(struct shard *sh, const struct row *row, struct arena *a, struct spool_msg *out, struct why *why)
{
    struct state_meta s;
    struct rec r;
    enum status st;
    char *p = read_record(sh, row->state_gen, row->state_at, row->state_len, &r, &st, why);

    if (!p)
        return st;
    if (r.type != REC_STATE || id_cmp(r.id, row->id) != 0 || !state_get(meta_of(p, &r), &s))
        st = why_set(why, ST_NONE, "the state's record is not the message's");
    else
        out->state = (struct spool_state){ s.next_try, s.flags, s.pending, false, arena_dup(a, s.blob), arena_dup(a, s.summary) };
    free(p);
    return st;
}

/* p is the record; it moves into out->body, or is freed. */
static enum status take_record(struct disk *sp, struct shard *sh, const struct row *row, char *p, const struct rec *r,
                               struct arena *a, struct spool_msg *out, struct why *why)
{
    struct id_parts id = row->id;
    struct str body = { p + REC_HEAD + r->meta_len, r->body_len };
    struct kept_body *b;
    enum status st = ST_NONE;
    struct meta m;

    if ((r->type != REC_MESSAGE && r->type != REC_COPY) || id_cmp(r->id, id) != 0
        || !meta_get(meta_of(p, r), &m) || (!r->large && m.body_size != r->body_len)) {
        why_set(why, ST_NONE, "the record is not the message's");
        goto drop;
    }
    if (!body_whole(body, &m)) {
        why_set(why, ST_NONE, "the body does not match its checksum");
        goto drop;
    }
    out->envelope = arena_dup(a, m.envelope);
    out->header = arena_dup(a, m.header);
    out->state = (struct spool_state){ m.next_try, m.flags, m.pending, false, arena_dup(a, m.blob), STR("") };
    out->received = m.received;
    out->body_size = m.body_size;
    if (r->large) {
        st = open_file(sp, sh, id, &m, &out->body, why);
        goto drop;
    }
    b = must_alloc(sizeof *b);
    *b = (struct kept_body){ { kept_read, kept_close }, p, body };
    out->body = &b->base;
    return ST_OK;

drop:
    free(p);
    return st;
}

static enum status read_row(struct disk *sp, struct shard *sh, const struct row *row, struct arena *a, struct spool_msg *out, struct why *why)
{
    struct rec r;
    enum status st;
    char *p = read_record(sh, row->gen, row->at, row->len, &r, &st, why);

    if (!p)
        return st;
    st = take_record(sp, sh, row, p, &r, a, out, why);
    if (st == ST_OK && row->state_gen)
        st = read_state(sh, row, a, out, why);
    if (st != ST_OK) {
        spool_body_close(out->body);
        out->body = NULL;
    }
    return st;
}

static bool same_place(const struct row *a, const struct row *b)
{
    return a->gen == b->gen && a->at == b->at && a->state_gen == b->state_gen && a->state_at == b->state_at;
}

enum status read_message(struct disk *sp, struct shard *sh, struct id_parts id, struct arena *a, struct spool_msg *out, struct why *why)
{
    struct msg_id name = id_make(id);
    struct row row, was = { .gen = 0 };
    struct why cause;

    for (int tries = 0; tries < 10; tries++) {
        enum status st = index_get(sh->index, id, &row, NULL);

        if (st != ST_OK)
            return why_set(why, st, "%s: %s", name.s, st == ST_NONE ? "no such message in the spool" : "the index cannot be read");
        if (tries > 0 && same_place(&row, &was))
            return why_set(why, ST_NEVER, "%s: %s", name.s, cause.text);
        st = read_row(sp, sh, &row, a, out, &cause);
        if (st == ST_AGAIN && why)
            *why = cause;
        if (st != ST_NONE)
            return st;
        was = row;
    }
    return why_set(why, ST_AGAIN, "%s moves too often to be read", name.s);
}

enum status disk_load(struct spool *base, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why)
{
    struct disk *sp = (struct disk *)base;
    struct id_parts parts;
    struct shard *sh;
    struct why cause = { 0, "" };
    enum status st = ST_NONE;
    struct row row;

    if (!id_read(id, &parts))
        return why_set(why, ST_NONE, "%s: no such message in this spool", id.s);
    /* It may end in one shard just now, since it is in another already. */
    for (int tries = 0; tries < 2 && st == ST_NONE; tries++) {
        st = queue_find((struct queue){ sp->shards, sp->nshards }, parts, &sh, &row, NULL);
        if (st != ST_OK)
            return why_set(why, st, "%s: %s", id.s, st == ST_NONE ? "no such message in this spool" : "the index cannot be read");
        st = read_message(sp, sh, parts, a, out, &cause);
    }
    if (st != ST_OK && why)
        *why = cause;
    if (st == ST_NEVER)
        disk_set_aside(sp, sh, parts, cause.text);
    return st;
}
