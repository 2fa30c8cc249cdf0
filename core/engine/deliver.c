/*
 * deliver - a message's items divided into attempts, and each made
 */
#include "engine/attempt.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/history.h"
#include "engine/vouch.h"
#include "mail/addr.h"
#include "options.h"

struct engine *attempt_engine(struct attempt *a)
{
    return a->w->e;
}

ssize_t walk_read_body(void *walk, uint64_t offset, char *p, size_t n)
{
    struct walk *w = walk;

    return spool_body_read(w->msg.body, offset, p, n);
}

/* ---- one attempt */

void attempt_all(struct attempt *a, enum item_end end, int err, const char *kind, struct str error)
{
    struct str text = arena_dup(&a->w->arena, error);

    for (struct item *it = a->items; it; it = it->peer) {
        if (it->end != ITEM_OPEN)
            continue;
        it->end = end;
        it->err = err;
        it->kind = kind;
        it->error = text;
    }
}

static void start_more(struct walk *w);
static void attempt_start(struct attempt *a);

/* ---- a copy through another transport, once the message is delivered */

static void log_delivered(struct attempt *a)
{
    bool further = false;

    for (struct item *it = a->items; it && !a->shadow_of; it = it->peer) {
        if (it->end != ITEM_DONE)
            continue;
        settle_delivered(a->w, it, STR(""), a->shown, clock_wall_us() - a->began_us, true, further, false);
        further = true;
    }
    attempt_end(a);
}

static void shadow_over(struct attempt *shadow)
{
    struct attempt *a = shadow->shadow_of;
    const struct item *it = shadow->items;
    struct str name = a->tr.shadow, text = name;

    if (it->end != ITEM_DONE)
        text = arena_printf(&a->w->arena, "%.*s(%.*s)", STR_ARG(name), STR_ARG(it->error));
    for (struct item *o = a->items; o; o = o->peer)
        o->shadow = text;
    a->w->nrunning--;
    attempt_free(shadow);
    log_delivered(a);
}

/* The copy is of the first address; what becomes of it changes nothing. */
static void shadow_start(struct attempt *a)
{
    struct item *it = arena_new(&a->w->arena, struct item);

    assert(a->items);                   /* no attempt is for nobody */
    *it = *a->items;
    it->next = it->peer = it->same = NULL;
    it->end = ITEM_OPEN;
    it->at.transport = a->tr.shadow;
    it->at.file = it->at.pipe = STR("");
    a->shadow = attempt_new(a->w);
    a->shadow->shadow_of = a;
    a->shadow->alone = true;
    attempt_add(a->shadow, it);
    attempt_start(a->shadow);
}

void attempt_delivered(struct attempt *a, struct str shown)
{
    CRASH_POINT("deliver.sent");
    for (struct item *it = a->items; it; it = it->peer)
        if (it->end == ITEM_OPEN)
            it->end = ITEM_DONE;
    a->shown = shown;
    if (a->tr.shadow.n && a->tr.shadow_wanted && !a->shadow_of)
        shadow_start(a);
    else
        log_delivered(a);
}

void attempt_end(struct attempt *a)
{
    struct walk *w = a->w;

    if (a->shadow_of) {
        shadow_over(a);
        return;
    }
    history_end(a);
    w->nrunning--;
    attempt_free(a);
    if (w->nrunning || w->waiting)
        settle_step(w);
    start_more(w);
}

/* ---- batches: addresses that one local delivery is for */

static void prepare(struct attempt *a);

static void option_failed(struct attempt *a, const struct why *why)
{
    attempt_all(a, ITEM_AGAIN, -1, "*", str_of(why && why->text[0] ? why->text : "transport options could not be evaluated"));
    attempt_end(a);
}

static const struct val *value(const struct transport_values *tv, int opt)
{
    static const struct val none = { .type = VAL_NIL };

    return (size_t)opt < tv->n ? &tv->v[opt] : &none;
}

/* Without batch_id, one that would be delivered in exactly the same way. */
static bool batches(const struct attempt *a, const struct transport_values *tv)
{
    if (a->tr.batch_id.type != VAL_NIL)
        return val_same(&a->tr.batch_id, value(tv, TOPT_batch_id));
    for (size_t i = 0; i < tv->n && tv->v != a->values; i++)
        if (!val_same(&a->values[i], &tv->v[i]))
            return false;
    return true;
}

static void batch_next(struct attempt *a);

static void batch_known(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    struct attempt *a = ctx;
    bool late = a->eval != NULL;

    (void)why;
    a->eval = NULL;
    if (st == ST_OK && batches(a, tv)) {
        a->batched++;
        a->batch_at = &(*a->batch_at)->peer;
    } else {
        attempt_move_on(a, a->batch_at, &a->rest);
    }
    if (late)
        batch_next(a);
}

static void batch_next(struct attempt *a)
{
    const struct item *it;
    struct eval *eval;

    while ((it = *a->batch_at)) {
        if (a->batched >= a->tr.batch_max || it->at.local_uid != a->items->at.local_uid) {
            attempt_move_on(a, a->batch_at, &a->rest);
            continue;
        }
        a->view->at = it->at;
        eval = policy_transport(a->w->set->policy, it->at.transport, &a->view->t, batch_known, a);
        if (eval) {
            a->eval = eval;
            return;
        }
    }
    a->view->at = a->items->at;
    prepare(a);
}

/* A transport without functions has one set of values for everybody. */
static void batch(struct attempt *a, const struct transport_values *tv)
{
    struct val *v;

    a->batched = 1;
    a->batch_at = &a->items->peer;
    a->values = tv->v;
    if (*a->batch_at && a->tr.batch_max > 1 && a->tr.batch_id.type == VAL_NIL) {
        a->values = v = arena_array(&a->w->arena, struct val, tv->n);
        for (size_t i = 0; i < tv->n; i++)
            v[i] = tv->v[i].type == VAL_FUNC ? tv->v[i] : val_dup(&a->w->arena, &tv->v[i]);
    }
    batch_next(a);
}

/* ---- ready to go */

static void options_known(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    struct attempt *a = ctx;

    a->eval = NULL;
    if (st != ST_OK) {
        option_failed(a, why);
        return;
    }
    transport_read(&a->w->arena, tv, a->w->set->hostname, &a->tr);
    /* what the router says where the transport does not */
    a->tr.initgroups = a->tr.initgroups || a->items->initgroups;
    if (!a->tr.directory.n)
        a->tr.directory = a->items->directory;
    if (transport_is_local(&a->tr)) {
        batch(a, tv);
    } else {
        attempt_split(a);
        prepare(a);
    }
}

static void ready(struct attempt *a)
{
    struct walk *w = a->w;

    if (a->tr.message_size_limit > 0 && w->size > (uint64_t)a->tr.message_size_limit) {
        attempt_all(a, ITEM_NEVER, 0, "*", arena_printf(&w->arena, "message is too big (transport limit = %lld)",
                                                        (long long)a->tr.message_size_limit));
        attempt_end(a);
        return;
    }
    for (struct item *it = a->items; it; it = it->peer)
        it->quiet = it->quiet || a->tr.disable_logging;
    if (a->tr.max_parallel == 0 || turn_take(a))
        attempt_go(a);
}

/* headers_rewrite: what no rule changes stays byte for byte as it is. */
static void header_rewritten(void *ctx, enum status st, struct str section, const struct why *why)
{
    struct attempt *a = ctx;

    a->eval = NULL;
    if (st != ST_OK) {
        option_failed(a, why);
        return;
    }
    if (section.p)
        a->header = arena_dup(&a->w->arena, section);
    ready(a);
}

static void prepare(struct attempt *a)
{
    struct eval *eval;

    a->msg.sender = attempt_return_path(a);
    attempt_header(a);
    if (!a->tr.headers_rewrite) {
        ready(a);
        return;
    }
    eval = policy_rewrite_header(a->w->set->policy, a->tr.name, &a->view->t, a->header, header_rewritten, a);
    if (eval)
        a->eval = eval;
}

void attempt_elsewhere(struct attempt *a, struct str transport)
{
    struct walk *w = a->w;
    struct attempt *other;

    if (a->elsewhere) {
        attempt_all(a, ITEM_AGAIN, -1, "*", STR("file_format leads from transport to transport"));
        attempt_end(a);
        return;
    }
    other = attempt_new(w);
    other->alone = other->elsewhere = true;
    other->shadow_of = a->shadow_of;
    if (other->shadow_of)
        other->shadow_of->shadow = other;
    a->shadow_of = NULL;
    for (struct item *it = a->items, *next; it; it = next) {
        next = it->peer;
        it->at.transport = transport;
        attempt_add(other, it);
    }
    a->items = NULL;
    w->nrunning--;
    attempt_free(a);
    start_more(w);
}

void attempt_go(struct attempt *a)
{
    if (a->tr.filter.type != VAL_NIL)
        filter_start(a);
    else
        attempt_filtered(a);
}

void attempt_filtered(struct attempt *a)
{
    switch (a->tr.driver) {
    case DRIVER_SMTP:
    case DRIVER_LMTP:
        if (vouch_wanted(&a->tr))
            vouch_start(a);
        else
            remote_start(a);
        break;
    case DRIVER_APPENDFILE:
        mailbox_start(a);
        break;
    case DRIVER_PIPE:
        command_start(a);
        break;
    case DRIVER_AUTOREPLY:
        a->tr.return_limit = (uint64_t)setting_int(a->w->set, SET_bounce_return_size_limit, 100 * 1024);
        autoreply_start(a);
        break;
    case DRIVER_QUEUEFILE:
        queuefile_start(a);
        break;
    case DRIVER_OTHER:
        attempt_all(a, ITEM_AGAIN, -1, "*", arena_printf(&a->w->arena, "transport %.*s: driver %.*s cannot deliver",
                                                         STR_ARG(a->tr.name), STR_ARG(a->tr.driver_name)));
        attempt_end(a);
        break;
    }
}

static void attempt_start(struct attempt *a)
{
    struct walk *w = a->w;
    struct eval *eval;

    attempt_unlink(a);
    attempt_link(a, &w->running);
    w->nrunning++;
    a->began_us = clock_wall_us();
    walk_hold(w);
    a->view = event_view(w->t, &a->items->at, NULL, w, walk_release);
    a->view->t.phase = PH_TRANSPORT;
    if (!policy_has_transport(w->set->policy, a->items->at.transport)) {
        attempt_all(a, ITEM_AGAIN, -1, "*", arena_printf(&w->arena, "there is no transport %.*s", STR_ARG(a->items->at.transport)));
        attempt_end(a);
        return;
    }
    eval = policy_transport(w->set->policy, a->items->at.transport, &a->view->t, options_known, a);
    if (eval)
        a->eval = eval;
}

/* The first in the order of remote_sort_domains; the newest stand in front. */
static struct attempt *next_in_line(struct walk *w)
{
    struct attempt *best = w->waiting;

    for (struct attempt *a = best->next; a; a = a->next)
        if (a->items->order <= best->items->order)
            best = a;
    return best;
}

/* At most remote_max_parallel at a time for one message. Attempts that end
 * inside attempt_start come back here: the loop above them goes on. */
static void start_more(struct walk *w)
{
    unsigned max = (unsigned)setting_int(w->set, SET_remote_max_parallel, 6);

    if (w->starting)
        return;
    w->starting = true;
    while (w->waiting && w->nrunning < (max ? max : 1)) {
        attempt_start(next_in_line(w));
    }
    w->starting = false;
    if (!w->waiting && w->nrunning == 0)
        settle_all(w);
}

void deliver_all(struct walk *w)
{
    w->t->phase = PH_TRANSPORT;
    for (struct item *it = w->items; it && !w->freeze; it = it->next)
        if (it->end == ITEM_OPEN && !it->same)
            attempt_for(w, it);
    for (struct item *it = w->items; it && w->freeze; it = it->next)
        if (it->end == ITEM_OPEN) {
            it->end = ITEM_AGAIN;
            it->not_tried = true;
            it->error = STR("message is frozen");
        }
    start_more(w);
}

void deliver_cancel(struct walk *w)
{
    while (w->running) {
        struct attempt *a = w->running;

        if (a->eval)
            policy_cancel(a->eval);
        if (a->event)
            event_cancel(a->event);
        vouch_cancel(a);
        remote_cancel(a);
        mailbox_cancel(a);
        command_cancel(a);
        filter_cancel(a);
        autoreply_cancel(a);
        queuefile_cancel(a);
        attempt_free(a);
    }
    while (w->waiting)
        attempt_free(w->waiting);
    w->nrunning = 0;
}
