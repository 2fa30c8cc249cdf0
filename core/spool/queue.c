/*
 * queue - the rows of several shards as one list
 *
 * Rows are fetched some at a time, and given only after the index has been let
 * go: a callback may do with the spool what it likes.
 */
#include <stdlib.h>

#include "spool/disk.h"

enum { SOME = 64 };

struct shard *queue_shard(struct queue q, unsigned n)
{
    for (unsigned i = 0; i < q.n; i++)
        if (q.v[i]->n == n)
            return q.v[i];
    return NULL;
}

static struct spool_row row_of(const struct shard *sh, const struct row *r)
{
    return (struct spool_row){
        .id = id_make((struct id_parts){ r->time, r->counter, sh->n }),
        .received = r->received, .next_try = r->next_try, .size = r->size,
        .flags = r->flags, .pending = r->pending, .summary = r->summary,
    };
}

enum status queue_count(struct queue q, uint64_t *out)
{
    enum status st = ST_OK;
    uint64_t n;

    *out = 0;
    for (unsigned i = 0; i < q.n; i++) {
        enum status one = index_count(q.v[i]->index, &n);

        *out += n;
        st = one != ST_OK ? one : st;
    }
    return st;
}

int64_t queue_next_due(struct queue q)
{
    int64_t first = INT64_MAX;

    for (unsigned i = 0; i < q.n; i++) {
        int64_t due = index_first_due(q.v[i]->index);

        if (due < first)
            first = due;
    }
    return first;
}

bool queue_row(struct queue q, struct msg_id id, struct spool_row *out, struct arena *a)
{
    struct id_parts p;
    struct shard *sh;
    struct row r;

    if (!id_read(id, &p) || !(sh = queue_shard(q, p.shard)) || index_get(sh->index, p.time, p.counter, &r, a) != ST_OK)
        return false;
    *out = row_of(sh, &r);
    return true;
}

/* ---- all, in order of id: time, then shard, then counter */

struct lister {
    struct shard *sh;
    struct row v[SOME];
    size_t n, at;
    struct arena arena;
    bool from_start, end;
    uint64_t time, counter;     /* behind this one */
};

/* Ids of other shards are compared too: what stands behind `after` here. */
static void lister_begin(struct lister *l, struct shard *sh, struct msg_id after)
{
    const uint64_t last = (1ull << 40) - 1;
    struct id_parts p;

    l->sh = sh;
    if (!id_read(after, &p)) {
        l->from_start = true;
        return;
    }
    l->time = p.time;
    l->counter = p.shard == sh->n ? p.counter : last;
    if (p.shard < sh->n) {
        l->from_start = p.time == 0;
        l->time = p.time - 1;
    }
}

static struct row *lister_head(struct lister *l)
{
    if (l->at == l->n && !l->end) {
        arena_reset(&l->arena);
        l->n = index_after(l->sh->index, l->from_start, l->time, l->counter, l->v, SOME, &l->arena);
        l->at = 0;
        l->from_start = false;
        l->end = l->n == 0;
        if (l->n) {
            l->time = l->v[l->n - 1].time;
            l->counter = l->v[l->n - 1].counter;
        }
    }
    return l->at < l->n ? &l->v[l->at] : NULL;
}

static bool before(const struct lister *a, const struct row *x, const struct lister *b, const struct row *y)
{
    if (x->time != y->time)
        return x->time < y->time;
    if (a->sh->n != b->sh->n)
        return a->sh->n < b->sh->n;
    return x->counter < y->counter;
}

size_t queue_list(struct queue q, struct msg_id after, size_t max, void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct lister *v = must_alloc((q.n + 1) * sizeof *v);
    size_t given = 0;

    for (unsigned i = 0; i < q.n; i++)
        lister_begin(&v[i], q.v[i], after);
    while (given < max) {
        struct lister *best = NULL;
        struct spool_row r;

        for (unsigned i = 0; i < q.n; i++)
            if (lister_head(&v[i]) && (!best || before(&v[i], lister_head(&v[i]), best, lister_head(best))))
                best = &v[i];
        if (!best)
            break;
        r = row_of(best->sh, lister_head(best));
        best->at++;
        given++;
        row(ctx, &r);
    }
    for (unsigned i = 0; i < q.n; i++)
        arena_free(&v[i].arena);
    free(v);
    return given;
}

/* ---- what is due, in order of time */

struct due_lister {
    struct shard *sh;
    struct due_place v[SOME], last;
    size_t n, at;
    bool begun, end;
};

static struct due_place *due_head(struct due_lister *l, int64_t now)
{
    if (l->at == l->n && !l->end) {
        l->n = index_due(l->sh->index, now, l->begun ? &l->last : NULL, l->v, SOME);
        l->at = 0;
        l->begun = true;
        l->end = l->n == 0;
        if (l->n)
            l->last = l->v[l->n - 1];
    }
    return l->at < l->n ? &l->v[l->at] : NULL;
}

static bool give_due(struct due_lister *l, const struct due_place *d, struct arena *a, bool (*busy)(void *ctx, struct msg_id id),
                     void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct msg_id id = id_make((struct id_parts){ d->time, d->counter, l->sh->n });
    struct spool_row out;
    struct row r;

    if (busy && busy(ctx, id))
        return false;
    arena_reset(a);
    if (index_get(l->sh->index, d->time, d->counter, &r, a) != ST_OK)
        return false;
    out = row_of(l->sh, &r);
    row(ctx, &out);
    return true;
}

size_t queue_due(struct queue q, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                 void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct due_lister *v = must_alloc((q.n + 1) * sizeof *v);
    struct arena a = { 0 };
    size_t given = 0;

    for (unsigned i = 0; i < q.n; i++)
        v[i].sh = q.v[i];
    while (given < max) {
        struct due_lister *best = NULL;
        struct due_place d;

        for (unsigned i = 0; i < q.n; i++)
            if (due_head(&v[i], now) && (!best || due_head(&v[i], now)->next_try < due_head(best, now)->next_try))
                best = &v[i];
        if (!best)
            break;
        d = *due_head(best, now);
        best->at++;
        given += give_due(best, &d, &a, busy, row, ctx);
    }
    arena_free(&a);
    free(v);
    return given;
}
