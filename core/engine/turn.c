/*
 * turn - at most max_parallel attempts of one transport, over all workers
 *
 * A turn is a slot of the shared page (shared.h), named after the transport.
 * Who finds none stands in line in this worker, and is started from the loop
 * when one comes back; a line that is long already puts mail off instead, so
 * that a slow transport does not hold every place the queue has.
 */
#include "engine/attempt.h"

#include <stdlib.h>

enum { LINE_MAX = 20, PUT_OFF_S = 30 };

struct turns {
    char *slot;                         /* "transport NAME" */
    struct str name;                    /* within it */
    unsigned limit, held, waiting;
    struct attempt *first, **last;
};

static struct turns *turns_of(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct turns *t = map_get(e->turns, a->tr.name);
    static const char head[] = "transport ";
    size_t n = sizeof head - 1;

    if (!t) {
        t = calloc(1, sizeof *t);
        if (!t || !(t->slot = calloc(1, n + a->tr.name.n + 1)))
            die("no memory for the turns of a transport");
        memcpy(t->slot, head, n);
        memcpy(t->slot + n, a->tr.name.p, a->tr.name.n);
        t->name = (struct str){ t->slot + n, a->tr.name.n };
        t->last = &t->first;
        map_put(e->turns, t->name, t);
    }
    t->limit = a->tr.max_parallel;      /* a reload may have changed it */
    return t;
}

static bool take(struct engine *e, struct turns *t)
{
    if (!slot_take(e->shared, e->cfg.worker, str_of(t->slot), t->limit))
        return false;
    t->held++;
    return true;
}

static void go(void *ctx)
{
    attempt_go(ctx);
}

static void serve(struct engine *e, struct turns *t)
{
    struct attempt *a;

    while ((a = t->first) && take(e, t)) {
        t->first = a->turn_next;
        if (!t->first)
            t->last = &t->first;
        t->waiting--;
        a->has_turn = true;
        a->job = (struct job){ .fn = go, .ctx = a };
        loop_soon(e->loop, &a->job);
    }
}

static void put_off(struct attempt *a)
{
    struct engine *e = attempt_engine(a);

    for (struct item *it = a->items; it; it = it->peer) {
        it->end = ITEM_AGAIN;
        it->not_tried = true;
        it->next_try = engine_now(e) + PUT_OFF_S;
        it->error = STR("max_parallel of the transport is reached");
    }
    attempt_end(a);
}

bool turn_take(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct turns *t = turns_of(a);

    if (!t->first && take(e, t)) {
        a->turns = t;
        a->has_turn = true;
        return true;
    }
    if (t->waiting >= LINE_MAX) {
        put_off(a);
        return false;
    }
    a->turns = t;
    a->turn_next = NULL;
    *t->last = a;
    t->last = &a->turn_next;
    t->waiting++;
    return false;
}

static void leave_line(struct turns *t, struct attempt *a)
{
    for (struct attempt **at = &t->first; *at; at = &(*at)->turn_next)
        if (*at == a) {
            *at = a->turn_next;
            if (!*at)
                t->last = at;
            t->waiting--;
            return;
        }
}

void turn_give(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct turns *t = a->turns;
    uint64_t wake;

    if (!t)
        return;
    a->turns = NULL;
    if (!a->has_turn) {
        leave_line(t, a);
        return;
    }
    loop_forget(e->loop, &a->job);
    t->held--;
    wake = slot_give(e->shared, e->cfg.worker, str_of(t->slot));
    if (wake && e->cfg.wake)
        e->cfg.wake(e->cfg.ctx, wake);
    serve(e, t);
}

void turns_wake(struct engine *e)
{
    size_t at = 0;
    struct str key;
    void *t;

    while (map_next(e->turns, &at, &key, &t))
        serve(e, t);
}

void turns_free(struct engine *e)
{
    size_t at = 0;
    struct str key;
    void *t;

    while (map_next(e->turns, &at, &key, &t)) {
        free(((struct turns *)t)->slot);
        free(t);
    }
    map_free(e->turns);
    e->turns = NULL;
}
