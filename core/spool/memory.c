/*
 * memory - a spool for hermetic worlds: the same behaviour, no disk, no thread
 *
 * A commit or update takes effect just before its callback, on the loop and
 * never inside the call, as on disk. Messages stand in an array in id order;
 * ids are made in that order, so putting one in is nearly always an append.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "spool/id.h"
#include "spool/ops.h"

struct kept {
    unsigned refs;              /* the queue, and each open body */
    struct msg_id id;
    struct buf body, envelope, header, summary, blob;
    struct spool_state state;   /* its blob points into ours */
    int64_t received;
};

struct memory;

/* A commit or update under way. Lives until the loop has run its job, even
 * if the spool is closed before: then m is NULL and the job only frees. */
struct answer {
    struct job job;
    struct memory *m;
    struct answer *next;
    struct kept *fresh;         /* a commit's message, else NULL */
    struct msg_id id;
    struct spool_state state;
    struct buf blob;
    spool_done *done;
    void *ctx;
};

struct memory {
    struct spool base;
    struct loop *loop;
    struct kept **v;
    size_t n, cap;
    struct answer *first, **last;
    uint64_t counter;
    struct spool_stats stats;
};

struct memory_draft {
    struct draft base;
    struct kept *msg;
};

struct memory_body {
    struct spool_body base;
    struct kept *msg;
};

static const struct spool_ops memory_ops;

static void *must(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

static void kept_drop(struct kept *k)
{
    if (--k->refs)
        return;
    buf_free(&k->body);
    buf_free(&k->envelope);
    buf_free(&k->header);
    buf_free(&k->summary);
    buf_free(&k->blob);
    free(k);
}

static struct memory *memory_of(const struct spool *sp)
{
    return (struct memory *)(uintptr_t)sp;
}

/* Index of the first message whose id is not less than id. */
static size_t place(const struct memory *m, struct msg_id id)
{
    size_t low = 0, high = m->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (strcmp(m->v[mid]->id.s, id.s) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct kept *find(const struct memory *m, struct msg_id id)
{
    size_t at = place(m, id);

    return at < m->n && !strcmp(m->v[at]->id.s, id.s) ? m->v[at] : NULL;
}

static void insert(struct memory *m, struct kept *k)
{
    size_t at = place(m, k->id);

    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->v = must(realloc(m->v, m->cap * sizeof *m->v));
    }
    memmove(m->v + at + 1, m->v + at, (m->n - at) * sizeof *m->v);
    m->v[at] = k;
    m->n++;
}

static void removed(struct memory *m, struct msg_id id)
{
    size_t at = place(m, id);
    struct kept *k = m->v[at];

    memmove(m->v + at, m->v + at + 1, (m->n - at - 1) * sizeof *m->v);
    m->n--;
    kept_drop(k);
}

static void set_state(struct kept *k, const struct spool_state *s)
{
    buf_clear(&k->blob);
    buf_add(&k->blob, s->blob);
    k->state = *s;
    k->state.blob = buf_str(&k->blob);
    k->state.summary = STR("");
    if (s->summary.n) {
        buf_clear(&k->summary);
        buf_add(&k->summary, str_head(s->summary, SUMMARY_MAX));
        k->state.summary = buf_str(&k->summary);
    }
}

/* ---- commits and updates */

static enum status apply(struct memory *m, struct answer *a, struct why *why)
{
    struct kept *k;

    if (a->fresh) {
        insert(m, a->fresh);
        m->stats.commits++;
        return ST_OK;
    }
    k = find(m, a->id);
    if (!k)
        return why_set(why, ST_NONE, "no message %s in the spool", a->id.s);
    m->stats.updates++;
    if (a->state.gone)
        removed(m, a->id);
    else
        set_state(k, &a->state);
    return ST_OK;
}

static void answer_now(struct answer *a)
{
    struct memory *m = a->m;
    struct why why = { 0, "" };
    enum status st = apply(m, a, &why);

    m->first = a->next;
    if (!m->first)
        m->last = &m->first;
    a->m = NULL;
    buf_free(&a->blob);
    if (a->done)
        a->done(a->ctx, st, &why);
}

/* Jobs run in the order they were given, so this one stands first in line
 * unless spool_close has answered it already. */
static void answer_job(void *ctx)
{
    struct answer *a = ctx;

    if (a->m)
        answer_now(a);
    free(a);
}

static struct answer *answer_new(struct memory *m, spool_done *done, void *ctx)
{
    struct answer *a = must(calloc(1, sizeof *a));

    a->m = m;
    a->done = done;
    a->ctx = ctx;
    a->job = (struct job){ answer_job, a, NULL };
    *m->last = a;
    m->last = &a->next;
    return a;
}

static void memory_commit(struct spool *sp, struct draft *d, const struct spool_entry *e, spool_done *done, void *ctx)
{
    struct memory *m = memory_of(sp);
    struct kept *k = ((struct memory_draft *)d)->msg;
    struct answer *a = answer_new(m, done, ctx);

    buf_add(&k->envelope, e->envelope);
    buf_add(&k->header, e->header);
    buf_add(&k->summary, str_head(e->summary, SUMMARY_MAX));
    k->received = e->received;
    set_state(k, &e->state);
    a->fresh = k;
    free(d);
    loop_soon(m->loop, &a->job);
}

static void memory_update(struct spool *sp, struct msg_id id, const struct spool_state *s, spool_done *done, void *ctx)
{
    struct memory *m = memory_of(sp);
    struct answer *a = answer_new(m, done, ctx);

    a->id = id;
    a->state = *s;
    buf_add(&a->blob, s->blob);
    buf_add(&a->blob, s->summary);
    a->state.blob = str_head(buf_str(&a->blob), s->blob.n);
    a->state.summary = str_from(buf_str(&a->blob), s->blob.n);
    loop_soon(m->loop, &a->job);
}

static void memory_close(struct spool *sp)
{
    struct memory *m = memory_of(sp);

    while (m->first)
        answer_now(m->first);
    for (size_t i = 0; i < m->n; i++)
        kept_drop(m->v[i]);
    free(m->v);
    free(m);
}

/* ---- arrival */

static enum status memory_draft_add(struct draft *d, struct str bytes, struct why *why)
{
    (void)why;
    buf_add(&((struct memory_draft *)d)->msg->body, bytes);
    return ST_OK;
}

static uint64_t memory_draft_size(const struct draft *d)
{
    return ((const struct memory_draft *)d)->msg->body.n;
}

static size_t copy_out(const struct buf *b, uint64_t offset, char *out, size_t n)
{
    struct str s = buf_str(b);

    s = str_head(str_from(s, offset > s.n ? s.n : (size_t)offset), n);
    memcpy(out, s.p, s.n);
    return s.n;
}

static size_t memory_draft_peek(struct draft *d, uint64_t offset, char *out, size_t n)
{
    return copy_out(&((struct memory_draft *)d)->msg->body, offset, out, n);
}

static bool memory_draft_ready(struct draft *d)
{
    (void)d;
    return true;
}

static void memory_draft_drop(struct draft *d)
{
    kept_drop(((struct memory_draft *)d)->msg);
    free(d);
}

static const struct draft_ops memory_draft_ops = {
    memory_draft_add, memory_draft_size, memory_draft_peek, memory_draft_ready, memory_draft_drop,
};

static enum status memory_draft(struct spool *sp, struct draft **out, struct why *why)
{
    struct memory *m = memory_of(sp);
    struct memory_draft *d = must(calloc(1, sizeof *d));

    (void)why;
    d->msg = must(calloc(1, sizeof *d->msg));
    d->msg->refs = 1;
    d->msg->id = id_make((struct id_parts){ (uint64_t)clock_wall() % ID_BASE6, m->counter++, 0 });
    d->base = (struct draft){ &memory_draft_ops, d->msg->id };
    *out = &d->base;
    return ST_OK;
}

/* ---- reading */

static ssize_t memory_body_read(struct spool_body *b, uint64_t offset, char *out, size_t n)
{
    return (ssize_t)copy_out(&((struct memory_body *)b)->msg->body, offset, out, n);
}

static void memory_body_close(struct spool_body *b)
{
    kept_drop(((struct memory_body *)b)->msg);
    free(b);
}

static enum status memory_load(struct spool *sp, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why)
{
    struct kept *k = find(memory_of(sp), id);
    struct memory_body *b;

    if (!k)
        return why_set(why, ST_NONE, "no message %s in the spool", id.s);
    b = must(calloc(1, sizeof *b));
    b->base = (struct spool_body){ memory_body_read, memory_body_close };
    b->msg = k;
    k->refs++;
    *out = (struct spool_msg){
        .envelope = arena_dup(a, buf_str(&k->envelope)),
        .header = arena_dup(a, buf_str(&k->header)),
        .state = k->state,
        .received = k->received,
        .body_size = k->body.n,
        .body = &b->base,
    };
    out->state.blob = arena_dup(a, k->state.blob);
    return ST_OK;
}

/* ---- the queue */

static struct spool_row row_of(const struct kept *k)
{
    return (struct spool_row){
        .id = k->id, .received = k->received, .next_try = k->state.next_try,
        .size = k->header.n + k->body.n, .flags = k->state.flags, .pending = k->state.pending,
        .summary = buf_str(&k->summary),
    };
}

static bool is_due(const struct kept *k, int64_t now)
{
    return !(k->state.flags & (SPOOL_FROZEN | SPOOL_HELD)) && k->state.next_try <= now;
}

static int by_due(const void *a, const void *b)
{
    const struct kept *x = *(struct kept *const *)a, *y = *(struct kept *const *)b;

    if (x->state.next_try != y->state.next_try)
        return x->state.next_try < y->state.next_try ? -1 : 1;
    return strcmp(x->id.s, y->id.s);
}

/* Calls row for each of v; held by a reference, since row may end a message. */
static size_t give_rows(struct kept **v, size_t n, void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    for (size_t i = 0; i < n; i++)
        v[i]->refs++;
    for (size_t i = 0; i < n; i++) {
        struct spool_row r = row_of(v[i]);

        row(ctx, &r);
        kept_drop(v[i]);
    }
    return n;
}

static size_t memory_due(struct spool *sp, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                         void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct memory *m = memory_of(sp);
    struct kept **v = must(calloc(m->n + 1, sizeof(*v)));
    size_t n = 0;

    for (size_t i = 0; i < m->n; i++)
        if (is_due(m->v[i], now) && !(busy && busy(ctx, m->v[i]->id)))
            v[n++] = m->v[i];
    qsort(v, n, sizeof *v, by_due);
    n = give_rows(v, n < max ? n : max, row, ctx);
    free(v);
    return n;
}

static int64_t memory_next_due(struct spool *sp)
{
    struct memory *m = memory_of(sp);
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < m->n; i++)
        if (is_due(m->v[i], INT64_MAX) && m->v[i]->state.next_try < first)
            first = m->v[i]->state.next_try;
    return first;
}

static size_t memory_list(struct spool *sp, struct msg_id after, size_t max,
                          void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct memory *m = memory_of(sp);
    size_t at = place(m, after), n;
    struct kept **v;

    if (at < m->n && !strcmp(m->v[at]->id.s, after.s))
        at++;
    n = m->n - at < max ? m->n - at : max;
    v = must(calloc(n + 1, sizeof(*v)));
    if (n)
        memcpy(v, m->v + at, n * sizeof *v);
    give_rows(v, n, row, ctx);
    free(v);
    return n;
}

static bool memory_row_get(struct spool *sp, struct msg_id id, struct spool_row *out, struct arena *a)
{
    struct kept *k = find(memory_of(sp), id);

    if (!k)
        return false;
    *out = row_of(k);
    out->summary = arena_dup(a, out->summary);
    return true;
}

static uint64_t memory_count(struct spool *sp)
{
    return memory_of(sp)->n;
}

static void memory_move(struct spool *sp, struct msg_id id, spool_done *done, void *ctx)
{
    struct why why;

    (void)sp;
    if (done)
        done(ctx, why_set(&why, ST_AGAIN, "%s: a spool in memory has one shard", id.s), &why);
}

static size_t memory_list_of(struct spool *sp, unsigned shard, struct msg_id after, size_t max,
                             void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    return shard == 0 ? memory_list(sp, after, max, row, ctx) : 0;
}

/* There is one shard here, and it is always ours. */
static bool memory_owns(struct spool *sp, struct msg_id id)
{
    struct id_parts p;

    (void)sp;
    return id_read(id, &p) && p.shard == 0;
}

static enum status memory_take(struct spool *sp, unsigned shard, struct why *why)
{
    (void)sp, (void)shard, (void)why;
    return ST_OK;
}

static void memory_set_home(struct spool *sp, unsigned shard, bool home)
{
    (void)sp, (void)shard, (void)home;
}

static void memory_release(struct spool *sp, unsigned shard)
{
    (void)sp, (void)shard;
}

static enum status memory_remove_shard(struct spool *sp, unsigned shard, struct why *why)
{
    (void)sp;
    return why_set(why, ST_AGAIN, "shard %u of a spool in memory stays", shard);
}

static bool memory_has_room(struct spool *sp, uint64_t size)
{
    (void)sp, (void)size;
    return true;
}

static void memory_note(struct spool *sp, struct msg_id id, bool on)
{
    (void)sp, (void)id, (void)on;
}

static void memory_stats(const struct spool *sp, struct spool_stats *out)
{
    const struct memory *m = memory_of(sp);

    *out = m->stats;
    out->messages = m->n;
    for (size_t i = 0; i < m->n; i++)
        out->bytes_live += m->v[i]->header.n + m->v[i]->body.n;
    out->bytes_total = out->bytes_live;
}

static bool memory_behind(struct spool *sp)
{
    (void)sp;
    return false;
}

static const struct spool_ops memory_ops = {
    .close = memory_close, .take = memory_take, .set_home = memory_set_home, .release = memory_release,
    .remove_shard = memory_remove_shard, .draft = memory_draft, .commit = memory_commit,
    .update = memory_update, .load = memory_load, .due = memory_due, .next_due = memory_next_due,
    .list = memory_list, .row_get = memory_row_get, .move = memory_move, .list_of = memory_list_of,
    .count = memory_count, .owns = memory_owns,
    .has_room = memory_has_room, .behind = memory_behind, .note = memory_note, .stats = memory_stats,
};

struct spool *spool_memory(struct loop *l)
{
    struct memory *m = must(calloc(1, sizeof *m));

    m->base.ops = &memory_ops;
    m->loop = l;
    m->last = &m->first;
    return &m->base;
}
