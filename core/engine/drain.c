#include "engine/drain.h"

#include <stdlib.h>

#include "base/log.h"

enum {
    AT_ONCE = 32,           /* messages moved together: a group or two of the spool's log */
    PAUSE_MS = 10,
    SLOW_MS = 2000          /* when a pass could move nothing */
};

struct moving { struct drain *d; struct msg_id id; unsigned shard; };

static void step(void *ctx);

void drain_init(struct drain *d, struct engine *e, void (*passed)(void *ctx), void *ctx)
{
    *d = (struct drain){ .engine = e, .passed = passed, .ctx = ctx };
    d->again = (struct timer){ .fn = step, .ctx = d };
}

static void go_on(struct drain *d, int64_t ms)
{
    if (!d->stopped)
        timer_set(engine_loop(d->engine), &d->again, ms);
}

static void on_moved(void *ctx, enum status st, const struct why *why)
{
    struct moving *m = ctx;
    struct drain *d = m->d;

    (void)why;
    if (st == ST_OK) {
        log_line(LOG_MAIN, "%s moved from shard %u", m->id.s, m->shard);
        d->moved = true;
    }
    free(m);
    if (--d->under_way == 0)
        go_on(d, PAUSE_MS);
}

struct page { struct msg_id ids[AT_ONCE], last; size_t n; };

static void on_row(void *ctx, const struct spool_row *r)
{
    struct page *p = ctx;

    p->last = r->id;
    if (!(r->flags & SPOOL_DAMAGED))
        p->ids[p->n++] = r->id;
}

static bool next_shard(struct drain *d)
{
    for (unsigned i = 1; i <= SHARDS_MAX; i++) {
        unsigned n = (d->shard + i) % SHARDS_MAX;

        if (!d->leaving[n])
            continue;
        d->shard = n;
        d->cursor = (struct msg_id){ "" };
        return true;
    }
    return false;
}

static void pass_ended(struct drain *d)
{
    bool moved = d->moved;

    d->moved = false;
    d->passed(d->ctx);
    if (next_shard(d))
        go_on(d, moved ? PAUSE_MS : SLOW_MS);
}

static void step(void *ctx)
{
    struct drain *d = ctx;
    struct page p = { .n = 0 };
    size_t seen;

    if (d->under_way || (!d->leaving[d->shard] && !next_shard(d)))
        return;
    seen = spool_list_of(engine_spool(d->engine), d->shard, d->cursor, AT_ONCE, on_row, &p);
    if (seen == 0) {
        pass_ended(d);
        return;
    }
    d->cursor = p.last;
    d->under_way = (unsigned)p.n + 1;
    for (size_t i = 0; i < p.n; i++) {
        struct moving *m = malloc(sizeof *m);

        if (!m)
            die("no memory to move a message");
        *m = (struct moving){ d, p.ids[i], d->shard };
        spool_move(engine_spool(d->engine), m->id, on_moved, m);
    }
    if (--d->under_way == 0)
        go_on(d, PAUSE_MS);
}

void drain_add(struct drain *d, unsigned shard)
{
    if (shard < SHARDS_MAX)
        d->leaving[shard] = 1;
    if (!d->under_way)
        go_on(d, PAUSE_MS);
}

void drain_forget(struct drain *d, unsigned shard)
{
    if (shard < SHARDS_MAX)
        d->leaving[shard] = 0;
}

void drain_stop(struct drain *d)
{
    d->stopped = true;
    timer_clear(engine_loop(d->engine), &d->again);
}
