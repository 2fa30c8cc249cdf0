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

static struct spool_row row_of(const struct row *r)
{
    return (struct spool_row){
        .id = id_make(r->id),
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

static enum status look_for(struct queue q, struct id_parts id, struct shard **sh, struct row *row, struct arena *a)
{
    struct shard *birth = queue_shard(q, id.shard);
    enum status st = ST_NONE;

    *sh = birth;
    if (birth)
        st = index_get(birth->index, id, row, a);
    for (unsigned i = 0; i < q.n && st != ST_OK; i++) {
        enum status one = q.v[i] == birth ? ST_NONE : index_get(q.v[i]->index, id, row, a);

        if (one == ST_OK)
            *sh = q.v[i];
        if (one != ST_NONE)
            st = one;
    }
    return st;
}

/* Looked for from outside, it may be moved just between two looks. */
enum status queue_find(struct queue q, struct id_parts id, struct shard **sh, struct row *row, struct arena *a)
{
    enum status st = look_for(q, id, sh, row, a);

    return st == ST_NONE && q.n > 1 ? look_for(q, id, sh, row, a) : st;
}

bool queue_row(struct queue q, struct msg_id id, struct spool_row *out, struct arena *a)
{
    struct id_parts p;
    struct shard *sh;
    struct row r;

    if (!id_read(id, &p) || queue_find(q, p, &sh, &r, a) != ST_OK)
        return false;
    *out = row_of(&r);
    return true;
}

/* ---- all, in order of id: time, then shard, then counter */

struct lister {
    struct shard *sh;
    struct row v[SOME];
    size_t n, at;
    struct arena arena;
    bool behind, end;
    struct id_parts last;       /* if behind: what comes after this one */
};

static struct row *lister_head(struct lister *l)
{
    if (l->at == l->n && !l->end) {
        arena_reset(&l->arena);
        l->n = index_after(l->sh->index, l->behind ? &l->last : NULL, l->v, SOME, &l->arena);
        l->at = 0;
        l->behind = true;
        l->end = l->n == 0;
        if (l->n)
            l->last = l->v[l->n - 1].id;
    }
    return l->at < l->n ? &l->v[l->at] : NULL;
}

/* One that is just being moved lies in two shards, and is given once. */
size_t queue_list(struct queue q, struct msg_id after, size_t max, void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct lister *v = must_alloc((q.n + 1) * sizeof *v);
    struct id_parts p, last = { 0 };
    bool behind = id_read(after, &p);
    size_t given = 0;

    for (unsigned i = 0; i < q.n; i++) {
        v[i].sh = q.v[i];
        v[i].behind = behind;
        v[i].last = p;
    }
    while (given < max) {
        struct lister *best = NULL;
        struct spool_row r;
        bool twice;

        for (unsigned i = 0; i < q.n; i++)
            if (lister_head(&v[i]) && (!best || id_cmp(lister_head(&v[i])->id, lister_head(best)->id) < 0))
                best = &v[i];
        if (!best)
            break;
        r = row_of(lister_head(best));
        twice = given > 0 && id_cmp(last, lister_head(best)->id) == 0;
        last = lister_head(best)->id;
        best->at++;
        given += !twice;
        if (!twice)
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

static bool sooner(const struct due_place *a, const struct due_place *b)
{
    return a->next_try != b->next_try ? a->next_try < b->next_try : id_cmp(a->id, b->id) < 0;
}

static bool give_due(struct due_lister *l, const struct due_place *d, struct arena *a, bool (*busy)(void *ctx, struct msg_id id),
                     void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct msg_id id = id_make(d->id);
    struct spool_row out;
    struct row r;

    if (busy && busy(ctx, id))
        return false;
    arena_reset(a);
    if (index_get(l->sh->index, d->id, &r, a) != ST_OK)
        return false;
    out = row_of(&r);
    row(ctx, &out);
    return true;
}

size_t queue_due(struct queue q, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                 void (*row)(void *ctx, const struct spool_row *r), void *ctx)
{
    struct due_lister *v = must_alloc((q.n + 1) * sizeof *v);
    struct arena a = { 0 };
    struct due_place d = { 0 }, was;
    size_t given = 0;
    bool any = false;

    for (unsigned i = 0; i < q.n; i++)
        v[i].sh = q.v[i];
    while (given < max) {
        struct due_lister *best = NULL;

        for (unsigned i = 0; i < q.n; i++)
            if (due_head(&v[i], now) && (!best || sooner(due_head(&v[i], now), due_head(best, now))))
                best = &v[i];
        if (!best)
            break;
        was = d;
        d = *due_head(best, now);
        best->at++;
        if (any && id_cmp(was.id, d.id) == 0)
            continue;           /* just being moved */
        any = true;
        given += give_due(best, &d, &a, busy, row, ctx);
    }
    arena_free(&a);
    free(v);
    return given;
}
