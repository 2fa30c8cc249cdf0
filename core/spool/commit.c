/*
 * commit - many messages, one flush
 *
 * What waits is written as one group of whole pages, flushed once, put into
 * the index in one transaction, and answered. What arrives meanwhile is the
 * next group; nothing is ever delayed to make a group larger.
 */
#include "base/fault.h"
#include "spool/account.h"
#include "spool/crc.h"
#include "spool/disk.h"

enum {
    GROUP_RECORDS = 300,
    GROUP_VECS = GROUP_RECORDS * 3 + 1,     /* text, body, padding; IOV_MAX is 1024 */
    GROUP_BYTES = 8 << 20,
    COPY_BUDGET = 512 << 10,                /* moved by compaction with each group */
    ABANDONED_MAX = 1 << 20
};

struct group {
    struct request *first, **last;
    unsigned n;
    uint64_t bytes;             /* of records, without the padding of the last page */
    size_t dir_bytes;
};

/* ---- a group: made */

static void group_add(struct group *g, struct request *r)
{
    r->next = NULL;
    *g->last = r;
    g->last = &r->next;
    g->n++;
    g->bytes += r->entry.len;
    g->dir_bytes += entry_size(&r->entry);
}

static struct rec rec_of(const struct request *r)
{
    return (struct rec){
        .type = r->entry.type, .large = r->entry.large, .gone = r->entry.gone,
        .id = r->entry.id,
        .meta_len = (uint32_t)(r->text.n + r->body.n - REC_HEAD - r->body_len), .body_len = r->body_len,
        .origin = r->entry.origin, .born = r->entry.born,
    };
}

/* An end must name every generation that may hold a record of the message, also
 * one that compaction puts there with this very group. */
static void name_origins(struct request *r, const struct group *before, const struct row *row)
{
    r->entry.born = row->born;
    r->entry.origin = row->gen;
    for (const struct request *c = before->first; c; c = c->next)
        if (c->copied_from && c->entry.type == REC_COPY && id_cmp(c->entry.id, r->entry.id) == 0)
            r->entry.origin = r->sh->active->head.gen;
}

/* Once for each: checksums of the body and the length. */
static void measure(struct request *r)
{
    struct str body = buf_str(&r->body);
    struct rec rec;

    for (uint32_t i = 0; body.n; i++) {
        struct str part = str_head(body, WIRE_CHUNK);

        meta_set_sum(r->text.mem + r->text.at + REC_HEAD, i, crc32c(0, part.p, part.n));
        body = str_from(body, part.n);
    }
    rec = rec_of(r);
    r->entry.len = (uint32_t)rec_size(&rec);
}

/* Whether r may be written; if not it has its answer. */
static bool make_ready(struct request *r, const struct group *before)
{
    struct shard *sh = r->sh;
    struct row row;
    struct why why;
    enum status st;

    if (r->entry.len == 0)
        measure(r);
    if (r->entry.len > shard_record_most(sh)) {
        request_fail(r, why_set(&why, ST_AGAIN, "a record of %u bytes is too large for a segment", r->entry.len), &why);
        return false;
    }
    if (r->entry.type == REC_MESSAGE && sh->full) {
        shard_keep_reserve(sh);
        if (sh->full) {
            request_fail(r, why_set(&why, ST_AGAIN, "the spool's file system is full"), &why);
            return false;
        }
    }
    if (r->entry.type != REC_STATE || r->copied_from || r->no_row)
        return true;
    st = index_get(sh->index, r->entry.id, &row, NULL);
    if (st != ST_OK) {
        struct msg_id id = id_make(r->entry.id);

        request_fail(r, why_set(&why, st, "%s: %s", id.s, st == ST_NONE ? "no such message in the spool" : "the index cannot be read"), &why);
        return false;
    }
    if (r->entry.gone)
        name_origins(r, before, &row);
    return true;
}

/* ---- a group: written */

static unsigned make_vecs(const struct group *g, struct segment *s, struct iovec *v)
{
    static const char zero[WIRE_PAGE];
    uint64_t at = s->at;
    unsigned n = 0;

    for (struct request *r = g->first; r; r = r->next) {
        struct rec rec = rec_of(r);
        size_t bytes = r->text.n + r->body.n;
        char *text = r->text.mem + r->text.at;

        rec.gen = s->head.gen;
        rec.tag = s->head.tag;
        rec.group = s->group;
        rec.meta_crc = r->copied_from ? r->meta_crc : crc32c(0, text + REC_HEAD, rec.meta_len);
        rec_put(&rec, text);
        r->entry.at = (uint32_t)at;
        v[n++] = (struct iovec){ text, r->text.n };
        if (r->body.n)
            v[n++] = (struct iovec){ r->body.mem + r->body.at, r->body.n };
        if (bytes < r->entry.len)
            v[n++] = (struct iovec){ (char *)(uintptr_t)zero, r->entry.len - bytes };
        at += r->entry.len;
    }
    if (at % WIRE_PAGE)
        v[n++] = (struct iovec){ (char *)(uintptr_t)zero, WIRE_PAGE - at % WIRE_PAGE };
    return n;
}

static enum status write_and_flush(struct shard *sh, const struct group *g, struct why *why)
{
    struct segment *s = sh->active;
    struct iovec v[GROUP_VECS];
    unsigned n = make_vecs(g, s, v);
    uint64_t bytes = (g->bytes + WIRE_PAGE - 1) / WIRE_PAGE * WIRE_PAGE;
    enum status st;

    CRASH_POINT("spool.commit.write");
    st = segment_write(s, v, (int)n, bytes, why);
    CRASH_POINT("spool.commit.written");
    if (st == ST_OK)
        st = segment_flush(s, bytes, why);
    CRASH_POINT("spool.commit.flushed");
    if (st != ST_OK) {
        shard_condemn(sh, s, why);
        return st;
    }
    for (const struct request *r = g->first; r; r = r->next)
        entry_put(&r->entry, &s->dir);
    return ST_OK;
}

static enum status index_once(struct shard *sh, struct segment *s, struct str entries, struct buf *ended, struct why *why)
{
    enum status st = account_begin(sh, why);
    struct entry e;
    bool end;

    buf_clear(ended);
    while (st == ST_OK && entry_get(&entries, &e)) {
        st = account_apply(sh, s, &e, ACCOUNT_LOG, &end, why);
        if (st == ST_OK && end)
            buf_add(ended, (struct str){ (const char *)&e.id, sizeof e.id });
    }
    if (st != ST_OK) {
        account_abort(sh);
        return st;
    }
    return account_commit(sh, (struct covered){ s->head.gen, s->at }, true, why);
}

/* Once more if it fails, since a map that was full has grown meanwhile. If it
 * still fails, the log is ahead of the index and says so. */
static enum status index_group(struct shard *sh, struct segment *s, struct str entries, struct buf *ended, struct why *why)
{
    enum status st = index_once(sh, s, entries, ended, why);

    if (st != ST_OK)
        st = index_once(sh, s, entries, ended, why);
    if (st != ST_OK) {
        sh->behind = true;
        sh->alert(sh->alert_ctx, "shard %u: %s; the queue is not shown whole until that works again", sh->n, why->text);
    }
    return st;
}

/* Answered "later", but the log may have it: its end is written with the next
 * group, so that it does not come back with the next start. */
static void abandon(struct shard *sh, const struct request *r)
{
    struct abandoned a = { r->entry.id, r->entry.origin, r->keep_body || r->move };

    if (sh->abandoned.n < ABANDONED_MAX) {
        if (!r->no_row)
            a.gen = sh->active ? sh->active->head.gen : sh->next_gen - 1;
        buf_add(&sh->abandoned, (struct str){ (const char *)&a, sizeof a });
    }
}

static void unlink_ended(struct shard *sh, struct buf *ended)
{
    struct str s = buf_str(ended);

    for (; s.n >= sizeof(struct id_parts); s = str_from(s, sizeof(struct id_parts))) {
        struct id_parts id;

        memcpy(&id, s.p, sizeof id);
        shard_unlink_body(sh, id);
    }
}

static void count(struct disk *sp, const struct group *g)
{
    pthread_mutex_lock(&sp->lock);
    sp->stats.flushes++;
    for (const struct request *r = g->first; r; r = r->next) {
        sp->stats.commits += r->entry.type == REC_MESSAGE && !r->move;
        sp->stats.updates += r->entry.type == REC_STATE && !r->copied_from;
        sp->stats.large_bodies += r->entry.type == REC_MESSAGE && r->entry.large && !r->move;
        if (r->entry.type == REC_IDS) {
            r->sh->ids_logged = r->entry.id.counter;
            r->sh->ids_limit = r->entry.id.counter;
        }
    }
    pthread_mutex_unlock(&sp->lock);
}

/* Takes the messages out of a group: they are durable. The entries stay, in
 * the segment's directory, for the index. */
static struct request *take_messages(struct group *g)
{
    struct request *list = NULL, **last = &list, **at = &g->first;

    while (*at) {
        struct request *r = *at;

        if (r->entry.type != REC_MESSAGE) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        r->next = NULL;
        *last = r;
        last = &r->next;
    }
    g->last = at;
    return list;
}

static void all_failed(struct shard *sh, struct group *g, const struct why *why)
{
    for (struct request *r = g->first; r; r = r->next) {
        request_fail(r, ST_AGAIN, why);
        if (r->entry.type == REC_MESSAGE || r->no_row)
            abandon(sh, r);
        if (r->move)
            move_doubtful(r->move);
    }
}

/* One group in one segment; every request in it is answered. A message is
 * answered once it is durable, and whoever asks the index for it waits until
 * it is there. A result is answered when the index has it too: else it would
 * still be due, and be tried again. */
static void write_group(struct disk *sp, struct shard *sh, struct group *g, bool *ok)
{
    struct buf ended = { 0 };
    struct segment *s = sh->active;
    size_t dir_from = s->dir.n;
    struct why why;
    enum status st = write_and_flush(sh, g, &why);

    if (st != ST_OK) {
        all_failed(sh, g, &why);
        request_answer(sp, g->first);
        *ok = false;
        return;
    }
    count(sp, g);
    index_hold(sh->index);
    request_answer(sp, take_messages(g));
    st = index_group(sh, s, str_from(buf_str(&s->dir), dir_from), &ended, &why);
    index_let_go(sh->index);
    CRASH_POINT("spool.commit.indexed");
    if (st != ST_OK)
        all_failed(sh, g, &why);
    for (const struct request *r = g->first; r && st == ST_OK; r = r->next)
        if (r->no_row && !r->keep_body)
            shard_unlink_body(sh, r->entry.id);
    request_answer(sp, g->first);
    unlink_ended(sh, &ended);
    buf_free(&ended);
    *ok = *ok && st == ST_OK;
}

/* ---- all that waits */

static void refuse(struct disk *sp, struct request *r)
{
    if (r->entry.type == REC_MESSAGE && r->entry.large)
        shard_unlink_body(r->sh, r->entry.id);
    if (r->no_row)
        abandon(r->sh, r);
    r->next = NULL;
    request_answer(sp, r);
}

static bool fits(const struct shard *sh, const struct group *g, const struct request *r)
{
    return sh->active && g->n < GROUP_RECORDS && g->bytes + r->entry.len <= GROUP_BYTES
        && g->bytes + r->entry.len <= segment_room(sh->active, g->dir_bytes + entry_size(&r->entry));
}

/* False: r can stand nowhere, and has its answer. */
static bool make_room(struct shard *sh, struct request *r)
{
    struct why why;

    if (shard_roll(sh, r->entry.type != REC_MESSAGE, &why) == ST_OK)
        return true;
    request_fail(r, ST_AGAIN, &why);
    return false;
}

static bool serve_list(struct disk *sp, struct shard *sh, struct request *list)
{
    struct group g = { NULL, &g.first, 0, 0, 0 };
    bool ok = true;

    while (list || g.n) {
        struct request *r = list;

        if (r && !make_ready(r, &g)) {
            list = r->next;
            ok = ok && !r->copied_from;
            refuse(sp, r);
            continue;
        }
        if (r && fits(sh, &g, r)) {
            list = r->next;
            group_add(&g, r);
            continue;
        }
        if (g.n) {
            write_group(sp, sh, &g, &ok);
            g = (struct group){ NULL, &g.first, 0, 0, 0 };
        } else if (!make_room(sh, r)) {
            list = r->next;
            ok = ok && !r->copied_from;
            refuse(sp, r);
        }
    }
    return ok;
}

static struct request *ends_of_abandoned(struct shard *sh)
{
    struct request *list = NULL;
    struct str s = buf_str(&sh->abandoned);

    for (; s.n >= sizeof(struct abandoned); s = str_from(s, sizeof(struct abandoned))) {
        struct abandoned a;
        struct request *r;

        memcpy(&a, s.p, sizeof a);
        r = request_new(sh, REC_STATE, a.id);
        state_put(&(struct state_meta){ .blob = STR("") }, &r->text);
        r->entry.gone = r->no_row = r->internal = true;
        r->entry.born = r->entry.origin = a.gen;
        r->keep_body = a.keep_body;
        r->next = list;
        list = r;
    }
    buf_clear(&sh->abandoned);
    return list;
}

static struct request *joined(struct request *a, struct request *b)
{
    struct request **at = &a;

    while (*at)
        at = &(*at)->next;
    *at = b;
    return a;
}

/* Nothing new is written while the index lacks part of the log: it must know
 * what a record it is asked about means. */
static bool caught_up(struct disk *sp, struct shard *sh, struct request *list)
{
    struct why why;

    if (!sh->behind)
        return true;
    if (account_catch_up(sh, &why) == ST_OK) {
        sh->behind = false;
        return true;
    }
    while (list) {
        struct request *r = list;

        list = r->next;
        request_fail(r, ST_AGAIN, &why);
        refuse(sp, r);
    }
    return false;
}

void commit_serve(struct disk *sp, struct shard *sh, struct request *list, bool stop)
{
    struct request *copies;

    if (!caught_up(sp, sh, list))
        return;
    list = joined(ends_of_abandoned(sh), list);
    copies = stop ? NULL : compact_more(sh, COPY_BUDGET);
    if (!serve_list(sp, sh, joined(copies, list)))
        compact_stop(sh);
}
