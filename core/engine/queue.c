/*
 * queue - what is due, and a bounded number of messages on their way
 *
 * The spool's index says what is due; nothing here grows with the queue. At
 * most WALKS messages of a worker are on their way. Those whose destination
 * has no room wait in links.c; when one slow destination would take all
 * places, further mail for it is parked here by id, so that other mail passes.
 */
#include "base/fault.h"
#include "engine/walk.h"

#include <stdlib.h>

#include "base/clock.h"

enum {
    WALKS = 400,
    ASK = 64,                   /* rows fetched at a time */
    FROZEN_EVERY_MS = 600 * 1000,
    FIRST_LOOK_MS = 1000,
    PAGE = 500
};

struct order {                  /* a command for one message */
    struct msg_id id;
    enum walk_mode mode;
    bool force;
    struct buf by;
    void (*done)(void *ctx, enum status st, const struct why *why);
    void *ctx;
    struct order *next;
};

struct queue {
    struct map *walks;          /* by id */
    struct walk *first;
    size_t n;
    struct timer next;          /* the next try of what is not yet due */
    struct job look;
    bool looking;
    struct order *orders, **orders_end;

    int64_t run_before;         /* queue_only: what came before this goes all the same */
    struct timer frozen_timer;
    struct msg_id frozen_cursor;
};

static void look(void *ctx);
static void frozen_look(void *ctx);

void queue_new(struct engine *e)
{
    struct queue *q = calloc(1, sizeof *q);

    if (!q)
        die("no memory for a queue");
    q->walks = map_new();
    q->orders_end = &q->orders;
    q->next = (struct timer){ .fn = (void (*)(void *))queue_kick, .ctx = e };
    q->frozen_timer = (struct timer){ .fn = frozen_look, .ctx = e };
    q->look = (struct job){ .fn = look, .ctx = e };
    e->queue = q;
}

static struct str id_key(const struct msg_id *id)
{
    return (struct str){ id->s, MSG_ID_LEN };
}

static bool queue_has(const struct engine *e, struct msg_id id)
{
    return map_get(e->queue->walks, id_key(&id)) != NULL;
}

bool queue_idle(const struct engine *e)
{
    return e->queue->n == 0;
}

size_t queue_on_the_way(const struct engine *e)
{
    return e->queue->n;
}

/* ---- one walk */

void walk_hold(struct walk *w)
{
    w->refs++;
}

void walk_release(void *ctx)
{
    struct walk *w = ctx;

    if (--w->refs)
        return;
    if (w->msg.body)
        spool_body_close(w->msg.body);
    if (w->t)
        txn_free(w->t);
    conn_free(&w->conn);
    arena_free(&w->arena);
    settings_release(w->set);
    free(w);
}

void walk_end(struct walk *w)
{
    struct engine *e = w->e;

    w->over = true;
    if (w->noted)
        spool_note_clear(e->spool, w->id);
    w->noted = false;
    timer_clear(e->loop, &w->again);
    map_del(e->queue->walks, id_key(&w->id));
    if (w->next)
        w->next->link = w->link;
    *w->link = w->next;
    e->queue->n--;
    walk_release(w);
    queue_kick(e);
    engine_check_drained(e);
}

static enum status walk_load(struct walk *w, struct why *why)
{
    struct engine *e = w->e;
    enum status st;

    spool_note_active(e->spool, w->id);
    w->noted = true;
    CRASH_POINT("route.noted");
    st = spool_load(e->spool, w->id, &w->arena, &w->msg, why);
    if (st != ST_OK)
        return st;
    conn_init(&w->conn);
    w->t = txn_new(&w->conn);
    w->t->id = w->id;
    st = envelope_read(w->msg.envelope, &w->conn, w->t, why);
    if (st == ST_OK)
        st = envelope_state_read(w->msg.state.blob, w->t, why);
    if (st != ST_OK)
        return st == ST_NONE ? ST_NEVER : st;
    w->t->header_text = w->msg.header;
    header_parse(&w->t->arena, w->msg.header, &w->t->header);
    w->t->body = (struct body_source){ .read = walk_read_body, .ctx = w };
    w->size = w->msg.header.n + 2 + w->msg.body_size;
    w->held = arena_array(&w->arena, uint8_t, w->t->nrcpts + 1);
    return ST_OK;
}

/* A message that cannot be read stays where it is, frozen, with an alert
 * (R1.5); the spool has set aside what is damaged on disk. */
static void walk_unreadable(struct walk *w, enum status st, const struct why *why)
{
    struct spool_state s = w->msg.state;

    if (st == ST_NEVER) {
        log_text(LOG_PANIC, str_of(w->id.s), str_of(why->text));
        if (w->msg.state.blob.p) {
            s.flags |= SPOOL_FROZEN;
            spool_update(w->e->spool, w->id, &s, NULL, NULL);
        }
    } else if (st == ST_AGAIN) {
        log_text(LOG_MAIN, str_of(w->id.s), str_of(why->text));
        s.next_try = engine_now(w->e) + 300;
        if (w->msg.state.blob.p)
            spool_update(w->e->spool, w->id, &s, NULL, NULL);
    }
    walk_end(w);
}

static void walk_begin(struct engine *e, struct msg_id id, enum walk_mode mode, bool force, struct str by)
{
    struct queue *q = e->queue;
    struct walk *w;
    struct why why = { 0 };
    enum status st;

    w = calloc(1, sizeof *w);
    if (!w)
        die("no memory for a delivery");
    w->e = e;
    w->refs = 1;
    w->set = settings_hold(e->settings);
    w->id = id;
    w->mode = mode;
    w->force = force;
    w->items_end = &w->items;
    w->began_us = clock_wall_us();
    w->by = arena_dup(&w->arena, by);
    w->next = q->first;
    w->link = &q->first;
    if (w->next)
        w->next->link = &w->next;
    q->first = w;
    q->n++;
    map_put(q->walks, id_key(&id), w);

    st = walk_load(w, &why);
    if (st != ST_OK) {
        walk_unreadable(w, st, &why);
        return;
    }
    if (mode == WALK_DELIVER && w->t->frozen && !force) {
        walk_end(w);
        return;
    }
    if (mode == WALK_DELIVER)
        route_all(w);
    else
        settle_all(w);
}

/* ---- what is due */

struct due {
    struct engine *e;
    size_t n;
    struct msg_id ids[ASK];
};

static bool busy(void *ctx, struct msg_id id)
{
    struct due *d = ctx;

    return queue_has(d->e, id) || links_parked(d->e, id) || crash_is_aside(d->e->shared, id);
}

static void due_row(void *ctx, const struct spool_row *r)
{
    struct due *d = ctx;

    if (setting_bool(d->e->settings, SET_queue_only, false) && r->received > d->e->queue->run_before)
        return;
    if (d->n < ASK)
        d->ids[d->n++] = r->id;
}

/* A next try that lies further ahead than any retry rule may set means that
 * the wall clock was set back while we were down: it is due. */
static int64_t due_until(struct engine *e)
{
    int64_t now = engine_now(e), next = spool_next_due(e->spool);
    int64_t max = setting_time(e->settings, SET_retry_interval_max, 24 * 3600);

    return next != INT64_MAX && next > now + max + 3600 ? next : now;
}

static bool may_start(const struct engine *e)
{
    return e->started && !e->draining && e->settings && !e->cfg.no_delivery && !hold_all(e)
        && setting_everybody(e->settings, SET_hold_domains, false) != 1;
}

static void arm_next(struct engine *e)
{
    int64_t next = spool_next_due(e->spool), now = engine_now(e), wait;

    if (next == INT64_MAX) {
        timer_clear(e->loop, &e->queue->next);
        return;
    }
    /* Something due that was not taken (queue_only, parked) is looked at again
     * when a place or a destination becomes free, and now and then. */
    wait = next > now ? (next - now) * 1000 : FIRST_LOOK_MS;
    if (wait > 3600 * 1000)
        wait = 3600 * 1000;
    timer_set(e->loop, &e->queue->next, wait);
}

/* ---- on command, and runs (runs.c) */

bool queue_try(struct engine *e, struct msg_id id, bool force)
{
    if (queue_has(e, id))
        return false;
    walk_begin(e, id, WALK_DELIVER, force, STR(""));
    return true;
}

static void take_orders(struct engine *e)
{
    struct queue *q = e->queue;
    struct order **at = &q->orders, *o;
    struct spool_row row;
    struct arena a = { 0 };

    while ((o = *at)) {
        if (queue_has(e, o->id)) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        if (!*at)
            q->orders_end = at;
        if (!spool_row_get(e->spool, o->id, &row, &a)) {
            if (o->done)
                o->done(o->ctx, ST_NONE, NULL);
        } else {
            links_unpark(e, o->id);
            walk_begin(e, o->id, o->mode, o->force, buf_str(&o->by));
            if (o->done)
                o->done(o->ctx, ST_OK, NULL);
        }
        buf_free(&o->by);
        free(o);
        at = &q->orders;
    }
    arena_free(&a);
}

static void look(void *ctx)
{
    struct engine *e = ctx;
    struct queue *q = e->queue;
    struct due d = { .e = e };
    size_t room;

    q->looking = false;
    take_orders(e);
    if (!may_start(e))
        return;
    runs_take(e, q->n < WALKS ? WALKS - q->n : 0);
    room = q->n < WALKS ? WALKS - q->n : 0;
    if (room > links_explore(e))
        room = links_explore(e);
    if (room == 0)
        return;
    spool_due(e->spool, due_until(e), room < ASK ? room : ASK, busy, due_row, &d);
    for (size_t i = 0; i < d.n; i++)
        walk_begin(e, d.ids[i], WALK_DELIVER, false, STR(""));
    if (d.n)
        queue_kick(e);
    else
        arm_next(e);
}

void queue_kick(struct engine *e)
{
    struct queue *q = e->queue;

    if (q->looking || !e->started)
        return;
    q->looking = true;
    loop_soon(e->loop, &q->look);
}

void queue_arrived(struct engine *e, struct msg_id id)
{
    struct spool_row row;
    struct arena a = { 0 };

    if (!may_start(e) || setting_bool(e->settings, SET_queue_only, false))
        return;
    if (e->queue->n >= WALKS || queue_has(e, id))
        return;
    if (spool_row_get(e->spool, id, &row, &a) && !(row.flags & (SPOOL_FROZEN | SPOOL_HELD)))
        walk_begin(e, id, WALK_DELIVER, false, STR(""));
    arena_free(&a);
}

static void put_order(struct engine *e, struct msg_id id, enum walk_mode mode, struct str by,
                      void (*done)(void *ctx, enum status st, const struct why *why), void *ctx)
{
    struct order *o = calloc(1, sizeof *o);

    if (!o)
        die("no memory for a command");
    o->id = id;
    o->mode = mode;
    o->force = true;
    buf_add(&o->by, by);
    o->done = done;
    o->ctx = ctx;
    *e->queue->orders_end = o;
    e->queue->orders_end = &o->next;
    if (!e->queue->looking) {       /* commands are obeyed before delivery starts, too */
        e->queue->looking = true;
        loop_soon(e->loop, &e->queue->look);
    }
}

void engine_queue(struct engine *e, enum queue_verb v, struct msg_id id, struct str by,
                  void (*done)(void *ctx, enum status st, const struct why *why), void *ctx)
{
    static const enum walk_mode modes[] = {
        [QUEUE_RETRY] = WALK_DELIVER, [QUEUE_FREEZE] = WALK_FREEZE, [QUEUE_THAW] = WALK_THAW,
        [QUEUE_REMOVE] = WALK_REMOVE, [QUEUE_BOUNCE] = WALK_BOUNCE,
    };

    put_order(e, id, modes[v], by, done, ctx);
}

/* As lua/mail/words.lua's words.queue: it is a name in files and in the log. */
static bool is_queue_name(struct str s)
{
    if (s.n > 64 || (s.n && (s.p[0] == '.' || s.p[0] == '-')))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f || s.p[i] == '/')
            return false;
    return true;
}

void engine_queue_move(struct engine *e, struct msg_id id, struct str queue, struct str by,
                       void (*done)(void *ctx, enum status st, const struct why *why), void *ctx)
{
    struct buf both = { 0 };
    struct why why;

    if (!is_queue_name(queue)) {
        why_set(&why, ST_NEVER, "\"%.*s\" is no name for a queue: up to 64 printable characters without blanks and /, no . or - first",
                STR_ARG(str_head(queue, 64)));
        done(ctx, ST_NEVER, &why);
        return;
    }
    buf_addf(&both, "%.*s\n%.*s", STR_ARG(queue), STR_ARG(by));
    put_order(e, id, WALK_MOVE, buf_str(&both), done, ctx);
    buf_free(&both);
}

bool queue_passed(const struct engine *e, int64_t received)
{
    return received <= e->queue->run_before;
}

void queue_run_all(struct engine *e)
{
    e->queue->run_before = clock_wall();
}

/* ---- frozen mail: thawed, given up or dropped when its time has come */

static void frozen_row(void *ctx, const struct spool_row *r)
{
    struct engine *e = ctx;
    struct settings *set = e->settings;
    int64_t frozen_for = engine_now(e) - r->next_try;   /* when it was frozen */
    int64_t thaw = setting_time(set, SET_auto_thaw, 0);
    int64_t give_up = setting_time(set, SET_timeout_frozen_after, 0);
    int64_t drop = setting_time(set, SET_ignore_bounce_errors_after, 10 * 7 * 24 * 3600);

    e->queue->frozen_cursor = r->id;
    if (!(r->flags & SPOOL_FROZEN))
        return;
    if (give_up > 0 && frozen_for >= give_up)
        put_order(e, r->id, (r->flags & SPOOL_BOUNCE) ? WALK_REMOVE : WALK_BOUNCE, STR("timeout_frozen_after"), NULL, NULL);
    else if ((r->flags & SPOOL_BOUNCE) && frozen_for >= drop)
        put_order(e, r->id, WALK_REMOVE, STR("ignore_bounce_errors_after"), NULL, NULL);
    else if (!(r->flags & SPOOL_BOUNCE) && thaw > 0 && frozen_for >= thaw)
        put_order(e, r->id, WALK_THAW, STR("auto_thaw"), NULL, NULL);
}

static void frozen_look(void *ctx)
{
    struct engine *e = ctx;
    size_t seen;

    if (!e->started || e->draining || !e->settings)
        return;
    seen = spool_list(e->spool, e->queue->frozen_cursor, PAGE, frozen_row, e);
    if (seen == PAGE) {
        timer_set(e->loop, &e->queue->frozen_timer, 50);
        return;
    }
    e->queue->frozen_cursor = (struct msg_id){ "" };
    timer_set(e->loop, &e->queue->frozen_timer, FROZEN_EVERY_MS);
}

void queue_start(struct engine *e)
{
    timer_set(e->loop, &e->queue->frozen_timer, FIRST_LOOK_MS);
    runs_held(e);                   /* what is held now may no longer have to be */
}

/* Everything on its way is given up. What was submitted to the spool still
 * calls back, so the walks themselves stay until it is closed. */
void queue_stop(struct engine *e)
{
    for (struct walk *w = e->queue->first; w; w = w->next) {
        deliver_cancel(w);
        settle_cancel(w);
        if (w->msg.body)
            spool_body_close(w->msg.body);
        w->msg.body = NULL;
        if (w->t)
            w->t->body.read = NULL;
    }
}

void queue_free(struct engine *e)
{
    struct queue *q = e->queue;
    struct order *o;

    timer_clear(e->loop, &q->next);
    timer_clear(e->loop, &q->frozen_timer);
    while (q->first) {
        struct walk *w = q->first;

        timer_clear(e->loop, &w->again);
        q->first = w->next;
        if (w->next)
            w->next->link = &q->first;
        walk_release(w);
    }
    loop_forget(e->loop, &q->look);
    while ((o = q->orders)) {
        q->orders = o->next;
        buf_free(&o->by);
        free(o);
    }
    map_free(q->walks);
    free(q);
    e->queue = NULL;
}
