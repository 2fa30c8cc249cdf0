/*
 * settle - done, later or never: what becomes of each recipient
 *
 * When the attempts of a message are over, every destination has an end. Those
 * that are for later get their next try from the retry rules, or are given up;
 * those that never will be delivered are reported (report.c) before the spool
 * hears of it. A recipient is dropped only after its result is on disk (R2.2).
 */
#include "engine/walk.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/event.h"
#include "engine/history.h"
#include "engine/keep.h"
#include "engine/record.h"
#include "engine/retry.h"
#include "engine/tell.h"

enum { WRITE_AGAIN_MS = 30000, NO_BOUNCE_WAIT = 300 };

static struct rcpt *rcpt_of(struct walk *w, const struct item *it)
{
    return &w->t->rcpts[it->rcpt];
}

/* ---- lines and events */

static int64_t queue_time(const struct walk *w)
{
    return clock_wall_us()
         - (log_sel_has(w->set->log, LS_queue_time_exclusive) ? w->t->received_done_us : w->t->received_us);
}

static void fill_line(struct walk *w, const struct item *it, struct log_delivery *d)
{
    *d = (struct log_delivery){
        .address = it->at.address, .original = rcpt_of(w, it)->addr, .parents = it->at.parent,
        .sender = w->t->sender, .return_path = txn_return_path(w->t, &it->at),
        .srs_sender = it->at.return_path.p ? STR("") : it->at.srs.sender,
        .router = it->at.router, .transport = it->at.transport, .queue = w->t->queue_name,
        .host = it->host.name.n ? &it->host : NULL, .error = it->error, .err = it->err, .size = w->size,
        .queue_us = queue_time(w), .explain = it->explain, .signed_by = it->signed_by,
    };
}

static void fire(struct walk *w, const char *name, const struct item *it, struct str data, int err)
{
    struct str transport = it ? it->at.transport : STR("");

    if (!event_wanted(w->set, name, transport))
        return;
    walk_hold(w);
    event_after(w->e, w->set, name,
                event_view(w->t, it ? &it->at : NULL, it && it->host.name.n ? &it->host : NULL, w, walk_release), data, err);
}

void settle_delivered(struct walk *w, struct item *it, struct str confirmation, struct str shown,
                      int64_t took_us, bool local, bool further, bool reused)
{
    struct log_delivery d;

    fill_line(w, it, &d);
    d.confirmation = confirmation;
    d.shown = shown;
    d.local = it->style == LOG_STYLE_TRANSPORT ? local : it->style == LOG_STYLE_LOCAL;
    d.further = further;
    d.reused = reused;
    d.deliver_us = took_us;
    d.shadow = it->shadow;
    if (!it->quiet)
        record_delivered(w->e, w->set, str_of(w->id.s), &d);
    engine_count_delivery(w->e, &it->host.tls);
    fire(w, "msg:delivery", it, confirmation, 0);
}

static void line_deferred(struct walk *w, struct item *it)
{
    struct log_delivery d;

    if (str_same(str_of(it->kind), STR("park")))
        return;
    if (it->not_tried && !log_sel_has(w->set->log, LS_retry_defer))
        return;
    if (!it->quiet)
        history_explain(w, it);
    fill_line(w, it, &d);
    if (!it->quiet)
        record_deferred(w->e, w->set, str_of(w->id.s), &d);
    engine_count(w->e, COUNT_deliveries_deferred, 1);
    if (it->at.transport.n && !it->not_tried)
        fire(w, "msg:rcpt:defer", it, it->error, it->err);
}

static void line_failed(struct walk *w, struct item *it)
{
    struct log_delivery d;

    if (!it->quiet)
        history_explain(w, it);
    fill_line(w, it, &d);
    if (!it->quiet)
        record_failed(w->e, w->set, str_of(w->id.s), &d);
    engine_count(w->e, COUNT_deliveries_failed, 1);
    fire(w, it->internal || it->at.transport.n == 0 ? "msg:fail:internal" : "msg:fail:delivery", it, it->error, it->err);
}

static void lines(struct walk *w)
{
    for (struct item *it = w->items; it; it = it->next) {
        if (it->same)
            continue;
        if (it->end == ITEM_AGAIN)
            line_deferred(w, it);
        else if (it->end == ITEM_NEVER)
            line_failed(w, it);
    }
}

/* ---- the state as it goes to disk */

struct tally { unsigned items, again, never, done; int64_t next; };

static void tally_of(struct walk *w, uint32_t rcpt, struct tally *y)
{
    *y = (struct tally){ .next = INT64_MAX };
    for (const struct item *it = w->items; it; it = it->next) {
        if (it->rcpt != rcpt)
            continue;
        y->items++;
        y->again += it->end == ITEM_AGAIN || it->end == ITEM_OPEN;
        y->never += it->end == ITEM_NEVER;
        y->done += it->end == ITEM_DONE;
        if (it->end == ITEM_AGAIN && it->next_try < y->next)
            y->next = it->next_try;
    }
}

static struct str summary_of(struct walk *w)
{
    struct buf b = { 0 };
    struct str s;

    keep_summary(&b, w->t);
    s = arena_dup(&w->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

static void write_state(struct walk *w, struct spool_state *s, struct buf *blob)
{
    const struct txn *t = w->t;
    bool all_held = true;

    *s = (struct spool_state){ .next_try = INT64_MAX };
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        const struct rcpt *r = &t->rcpts[i];

        if (r->state != RCPT_PENDING)
            continue;
        s->pending++;
        all_held = all_held && w->held[i] == 1;
        if (r->next_try < s->next_try)
            s->next_try = r->next_try;
    }
    s->gone = s->pending == 0;
    if (t->sender.n == 0)
        s->flags |= SPOOL_BOUNCE;
    if (t->queue_name.n)
        s->flags |= SPOOL_HELD | SPOOL_NAMED;
    if (t->frozen) {
        s->flags |= SPOOL_FROZEN;
        s->next_try = t->frozen_at;
    } else if (s->pending && all_held && w->mode == WALK_DELIVER) {
        s->flags |= SPOOL_HELD;
    }
    envelope_state_write(t, blob);
    s->blob = buf_str(blob);
    if (t->queue_moved.p)
        s->summary = summary_of(w);
}

void settle_step(struct walk *w)
{
    struct spool_state s;
    struct buf blob = { 0 };
    struct tally y;
    bool news = false;

    /* Items are looked at per recipient: for a message with very many that
     * would be a square, and its last result is written soon enough. */
    if (w->nitems > 64)
        return;
    for (uint32_t i = 0; i < w->t->nrcpts; i++) {
        if (w->t->rcpts[i].state != RCPT_PENDING)
            continue;
        tally_of(w, i, &y);
        if (y.items && y.done == y.items) {
            w->t->rcpts[i].state = RCPT_DONE;
            news = true;
        }
    }
    if (!news)
        return;
    write_state(w, &s, &blob);
    spool_update(w->e->spool, w->id, &s, NULL, NULL);
    buf_free(&blob);
}

/* ---- the end of a walk */

static void written(void *ctx, enum status st, const struct why *why);

static void write_now(void *ctx)
{
    struct walk *w = ctx;
    struct spool_state s;
    struct buf blob = { 0 };

    write_state(w, &s, &blob);
    w->gone = s.gone;
    CRASH_POINT("settle.before");
    spool_update(w->e->spool, w->id, &s, written, w);
    buf_free(&blob);
}

static void completed(struct walk *w)
{
    record_completed(w->e, w->set, str_of(w->id.s), queue_time(w), w->t->queue_name);
    engine_count(w->e, COUNT_messages_completed, 1);
    fire(w, "msg:complete", NULL, STR(""), 0);
}

/* As long as the result is not on disk the walk stays, so that at least this
 * process does not deliver a second time. */
static void written(void *ctx, enum status st, const struct why *why)
{
    struct walk *w = ctx;

    if (st == ST_AGAIN || st == ST_NEVER) {
        log_line(LOG_PANIC, "%s the result of a delivery cannot be written: %s", w->id.s, why ? why->text : "");
        w->again = (struct timer){ .fn = write_now, .ctx = w };
        timer_set(w->e->loop, &w->again, WRITE_AGAIN_MS);
        return;
    }
    CRASH_POINT("settle.after");
    if (w->freeze_note.n)
        log_text(LOG_MAIN, str_of(w->id.s), w->freeze_note);
    if (w->freeze_note.n && w->t->frozen && w->mode == WALK_DELIVER)
        tell_frozen(w->e, w->set, w->t, w->freeze_why);
    if (w->gone)
        completed(w);
    walk_end(w);
}

/* A recipient with several destinations, of which some are settled and some
 * are not, stays; what is settled is noted so that it is not visited again. */
static void note_reached(struct walk *w, uint32_t rcpt)
{
    for (struct item *it = w->items; it; it = it->next) {
        struct rcpt *r;

        if (it->rcpt != rcpt || (it->end != ITEM_DONE && it->end != ITEM_NEVER) || it->at.transport.n == 0)
            continue;
        r = txn_add_rcpt(w->t, item_key(&w->arena, it));
        r->added = true;
        r->state = RCPT_DONE;
    }
}

static void mark_failed(struct walk *w, uint32_t i, struct rcpt *r)
{
    for (const struct item *it = w->items; it; it = it->next)
        if (it->rcpt == i && it->end == ITEM_NEVER) {
            r->last_error = it->error;
            r->last_errno = it->err;
        }
}

static void mark_deferred(struct walk *w, uint32_t i, struct rcpt *r, int64_t next)
{
    bool tried = false;
    int64_t now = engine_now(w->e);

    for (const struct item *it = w->items; it; it = it->next) {
        if (it->rcpt != i || it->end != ITEM_AGAIN)
            continue;
        if (it->not_tried)
            continue;
        tried = true;
        r->last_error = it->error;
        r->last_errno = it->err;
        if (it->host.name.n)
            r->last_host = arena_printf(&w->arena, "%.*s [%.*s]", STR_ARG(it->host.name), STR_ARG(ip_text(&w->arena, it->host.ip)));
    }
    if (tried) {
        r->attempts++;
        if (!r->first_failed)
            r->first_failed = now;
    }
    r->next_try = next == INT64_MAX ? now + NO_BOUNCE_WAIT : next;
}

/* one_time: what a list was when the message came is what it is for it. The
 * members that are still open take the recipient's place, each with times of its
 * own, so that a list that changes meanwhile sends nobody a second copy. Only the
 * first walk does so; a destination that is no address stays with its recipient. */
static bool replaced(struct walk *w, uint32_t rcpt)
{
    const struct rcpt from = w->t->rcpts[rcpt];
    bool any = false;

    for (const struct item *it = w->items; it; it = it->next) {
        if (it->rcpt != rcpt)
            continue;
        if (!it->one_time || it->at.file.n || it->at.pipe.n || str_same_fold(it->at.address, from.addr))
            return false;
        any = any || it->end == ITEM_AGAIN;
    }
    for (const struct item *it = w->items; it && any; it = it->next) {
        struct rcpt *r;

        if (it->rcpt != rcpt || it->end != ITEM_AGAIN || txn_has_recipient(w->t, it->at.address))
            continue;
        r = txn_add_rcpt(w->t, it->at.address);
        r->added = true;
        r->dsn = from.dsn;
        r->errors_to = it->at.return_path.p ? it->at.return_path : from.errors_to;  /* "": the null sender */
        r->last_error = it->error;
        r->last_errno = it->err;
        r->attempts = !it->not_tried;
        r->first_failed = it->not_tried ? 0 : engine_now(w->e);
        r->next_try = it->next_try;
    }
    if (any)
        w->t->rcpts[rcpt].state = RCPT_DONE;
    return any;
}

void settle_write(struct walk *w)
{
    uint32_t n = w->t->nrcpts;
    struct tally y;

    for (uint32_t i = 0; i < n; i++) {
        if (w->t->rcpts[i].state != RCPT_PENDING)
            continue;
        tally_of(w, i, &y);
        if (y.items == 0)
            continue;
        if (y.again && replaced(w, i))
            continue;
        if (y.again) {
            if (y.items > y.again)
                note_reached(w, i);
            mark_deferred(w, i, &w->t->rcpts[i], y.next);
        } else if (y.never) {
            mark_failed(w, i, &w->t->rcpts[i]);
            w->t->rcpts[i].state = RCPT_FAILED;
        } else {
            w->t->rcpts[i].state = RCPT_DONE;
        }
    }
    w->t->manual_thaw = false;
    write_now(w);
}

/* ---- retry rules for what is for later */

static void next_rule(struct walk *w);

static void decide(struct walk *w, struct item *it, const struct retry_rule *rule)
{
    struct rcpt *r = rcpt_of(w, it);
    int64_t now = engine_now(w->e), first = r->first_failed && r->first_failed <= now ? r->first_failed : now;
    struct retry_plan p = retry_next(rule, first, now, setting_time(w->set, SET_retry_interval_max, 24 * 3600));

    it->next_try = p.next;
    if (!retry_may_expire(&p, r->attempts, r->next_try, now))
        return;
    CRASH_POINT("expire");
    it->end = ITEM_NEVER;
    it->expired = true;
    it->error = arena_printf(&w->arena, "%.*s: retry timeout exceeded", STR_ARG(it->error));
}

static void rule_known(void *ctx, enum status st, const struct retry_rule *r)
{
    struct walk *w = ctx;
    struct item *it = w->settling;
    bool late = w->eval != NULL;

    w->eval = NULL;
    event_view_free(w->settle_view);
    w->settle_view = NULL;
    decide(w, it, st == ST_OK && r && r->found ? r : &retry_default);
    w->settling = it->next;
    if (late)
        next_rule(w);
}

static void ask_rule(struct walk *w, struct item *it)
{
    struct eval *eval;

    w->settling = it;
    walk_hold(w);
    w->settle_view = event_view(w->t, &it->at, it->host.name.n ? &it->host : NULL, w, walk_release);
    w->settle_view->t.phase = PH_TRANSPORT;
    eval = policy_retry(w->set->policy, &w->settle_view->t, rcpt_of(w, it)->addr, it->host.name, str_of(it->kind), rule_known, w);
    if (eval)
        w->eval = eval;
}

static void follow_same(struct walk *w)
{
    for (struct item *it = w->items; it; it = it->next)
        if (it->same) {
            it->end = it->same->end;
            it->error = it->same->error;
            it->err = it->same->err;
            it->next_try = it->same->next_try;
            it->not_tried = it->same->not_tried;
            it->reported = true;
        }
}

static bool only_parked(const struct walk *w)
{
    for (const struct item *it = w->items; it; it = it->next)
        if (it->end != ITEM_AGAIN || !str_same(str_of(it->kind), STR("park")))
            return false;
    return w->items != NULL;
}

static void freeze(struct walk *w, struct str why)
{
    w->t->frozen = true;
    w->t->frozen_at = engine_now(w->e);
    w->freeze_note = why.n ? arena_printf(&w->arena, "Frozen (%.*s)", STR_ARG(why)) : STR("Frozen");
}

static void rules_known(struct walk *w)
{
    follow_same(w);
    lines(w);
    if (w->freeze)
        freeze(w, w->freeze_why);
    report_all(w);
}

static void next_rule(struct walk *w)
{
    while (w->settling && !w->eval) {
        struct item *it = w->settling;

        if (it->same || it->end != ITEM_AGAIN || it->not_tried) {
            w->settling = it->next;
            continue;
        }
        ask_rule(w, it);
    }
    if (!w->eval)
        rules_known(w);
}

/* ---- commands */

static void cancelled(struct walk *w, const char *how, bool bounce)
{
    buf_addf(&w->e->line, "%s %.*s", how, STR_ARG(w->by.n ? w->by : STR("administrator")));
    engine_log(w->e, LOG_MAIN, str_of(w->id.s));
    for (uint32_t i = 0; i < w->t->nrcpts; i++) {
        struct item *it;

        if (w->t->rcpts[i].state != RCPT_PENDING)
            continue;
        it = arena_new(&w->arena, struct item);
        it->rcpt = i;
        it->kind = "*";
        it->at.address = w->t->rcpts[i].addr;
        it->end = ITEM_NEVER;
        it->internal = true;
        it->reported = !bounce;
        it->error = bounce ? STR("delivery cancelled by administrator") : STR("removed by administrator");
        *w->items_end = it;
        w->items_end = &it->next;
        if (!bounce)
            fire(w, "msg:fail:internal", it, it->error, 0);
    }
    w->t->frozen = false;
    if (bounce) {
        lines(w);
        report_all(w);
    } else {
        settle_write(w);
    }
}

static void frozen_or_thawed(struct walk *w, bool frozen)
{
    struct txn *t = w->t;

    if (t->frozen != frozen)
        w->freeze_note = arena_printf(&w->arena, "%s by %.*s", frozen ? "frozen" : "Unfrozen", STR_ARG(w->by));
    if (frozen)
        t->frozen_at = engine_now(w->e);
    t->frozen = frozen;
    t->manual_thaw = !frozen;
    for (uint32_t i = 0; i < t->nrcpts && !frozen; i++)
        if (t->rcpts[i].state == RCPT_PENDING)
            t->rcpts[i].next_try = engine_now(w->e);
    write_now(w);
}

/* Where it is now is part of its state; what was kept says where it began. */
static void moved(struct walk *w)
{
    struct txn *t = w->t;
    struct str by = w->by, to = STR("");

    str_cut(&by, '\n', &to);
    w->freeze_note = arena_printf(&w->arena, "moved from queue '%.*s' to '%.*s' by %.*s", STR_ARG(t->queue_name), STR_ARG(to), STR_ARG(by));
    t->queue_moved = t->queue_name = arena_dup(&t->arena, to);
    write_now(w);
}

void settle_all(struct walk *w)
{
    switch (w->mode) {
    case WALK_FREEZE:
    case WALK_THAW:
        frozen_or_thawed(w, w->mode == WALK_FREEZE);
        return;
    case WALK_REMOVE:
        cancelled(w, "removed by", false);
        return;
    case WALK_BOUNCE:
        cancelled(w, "cancelled by", true);
        return;
    case WALK_MOVE:
        moved(w);
        return;
    case WALK_DELIVER:
        break;
    }
    if (only_parked(w)) {
        walk_end(w);
        return;
    }
    if (w->force && !w->freeze)
        w->t->frozen = false;
    w->settling = w->items;
    next_rule(w);
}

void settle_cancel(struct walk *w)
{
    report_cancel(w);
    if (w->eval)
        policy_cancel(w->eval);
    w->eval = NULL;
    if (w->settle_view)
        event_view_free(w->settle_view);
    w->settle_view = NULL;
    timer_clear(w->e->loop, &w->again);
}
