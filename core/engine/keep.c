#include "engine/keep.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/fixup.h"
#include "engine/received.h"
#include "engine/record.h"
#include "engine/space.h"
#include "engine/tell.h"

enum { SUMMARY_MAX = 200, QUEUE_NAME_MAX = 64 };

/* Options that may be functions of the finished message, asked in this order. */
enum { OWN_RECEIVED, OWN_ID_DOMAIN, OWN_ID_TEXT, ASKED };
static const enum setting own_options[ASKED] = {
    [OWN_RECEIVED] = SET_received_header_text, [OWN_ID_DOMAIN] = SET_message_id_header_domain,
    [OWN_ID_TEXT] = SET_message_id_header_text,
};

struct keep {
    struct keep_want w;
    struct eval *eval;
    struct str own[ASKED];      /* what the site's own options said, as far as they were asked */
    unsigned asked;
    struct arrival said;        /* made before the txn may go */
    struct msg_id id;
    uint64_t size;
    bool tell;                  /* it was frozen by a rule */
    struct why waits;           /* why it is not delivered at once; empty: it is */
    bool id_made, forgotten, returned, over;
    keep_done *done;
    void *ctx;
    struct keep *next, **link;
};

static void keep_free(struct keep *k)
{
    if (k->next)
        k->next->link = k->link;
    *k->link = k->next;
    arrival_free(&k->said);
    settings_release(k->w.set);
    free(k);
}

static void finish(struct keep *k, enum status st, const struct why *why)
{
    if (!k->forgotten)
        k->done(k->ctx, st, k->id, why);
    if (k->returned)
        keep_free(k);
    else
        k->over = true;
}

static void committed(void *ctx, enum status st, const struct why *why)
{
    struct keep *k = ctx;
    struct engine *e = k->w.e;
    struct msg_id id = k->id;
    bool try_now = !k->w.no_queue;

    if (st != ST_OK) {
        finish(k, ST_AGAIN, why);
        return;
    }
    CRASH_POINT("keep.committed");
    record_arrived(str_of(k->id.s), &k->said);
    if (k->waits.text[0]) {
        buf_addf(&e->line, "no immediate delivery: %s", k->waits.text);
        engine_log(e, LOG_MAIN, str_of(id.s));
    }
    engine_count(e, COUNT_messages_received, 1);
    engine_count(e, COUNT_bytes_received, (int64_t)k->size);
    if (k->tell && !k->forgotten)
        tell_frozen(e, k->w.set, k->w.t, STR("by ACL control"));
    finish(k, ST_OK, NULL);
    if (try_now)
        queue_arrived(e, id);
    engine_check_drained(e);
}

/* The name of a queue decides what is delivered: a sender, who is only shown, may not push it out. */
void keep_summary(struct buf *out, const struct txn *t)
{
    buf_add(out, t->queue_name.n ? str_head(t->sender, SUMMARY_MAX - QUEUE_NAME_MAX - 1) : t->sender);
    if (t->queue_name.n) {      /* no address holds a tab */
        buf_byte(out, '\t');
        buf_add(out, t->queue_name);
    }
    for (uint32_t i = 0; i < t->nrcpts && out->n < SUMMARY_MAX; i++) {
        buf_byte(out, '\n');
        buf_add(out, t->rcpts[i].addr);
    }
    if (out->n > SUMMARY_MAX)
        buf_cut(out, SUMMARY_MAX);
}

static uint32_t first_flags(struct txn *t, bool queues_only, int64_t now)
{
    uint32_t flags = 0;

    if (t->freeze && !t->frozen) {
        t->frozen = true;
        t->frozen_at = now;
    }
    if (t->frozen)
        flags |= SPOOL_FROZEN;
    if (t->queue_only || t->queue_first_pass || queues_only)
        flags |= SPOOL_HELD;
    if (t->queue_name.n)
        flags |= SPOOL_HELD | SPOOL_NAMED;
    if (t->sender.n == 0)
        flags |= SPOOL_BOUNCE;
    return flags;
}

static uint32_t count_pending(const struct txn *t)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->nrcpts; i++)
        n += t->rcpts[i].state == RCPT_PENDING;
    return n;
}

static ssize_t read_draft(void *ctx, uint64_t offset, char *out, size_t n)
{
    return (ssize_t)draft_peek(ctx, offset, out, n);
}

static bool draft_is_ready(void *ctx)
{
    return draft_ready(ctx);
}

void keep_lend_body(struct txn *t, struct draft *d)
{
    t->body.read = d ? read_draft : NULL;
    t->body.ready = d ? draft_is_ready : NULL;
    t->body.ctx = d;
}

/* What a rule says counts before what the engine finds. */
static void note_waits(struct keep *k, const struct why *waits)
{
    const struct txn *t = k->w.t;

    if (!log_sel_has(k->w.set->log, LS_delay_delivery) || t->frozen)
        return;
    if (t->queue_only || t->queue_first_pass || t->queue_name.n)
        why_set(&k->waits, ST_AGAIN, "queued%s%.*s by ACL", t->queue_name.n ? " in " : "", STR_ARG(t->queue_name));
    else
        k->waits = *waits;
}

static void commit(struct keep *k, struct str header)
{
    struct txn *t = k->w.t;
    struct engine *e = k->w.e;
    struct buf envelope = { 0 }, state = { 0 }, summary = { 0 };
    struct spool_entry entry = { 0 };
    int64_t now = engine_now(e);
    struct why waits;

    entry.received = t->received_us / 1000000;
    entry.state.flags = first_flags(t, engine_queues_only(e, k->w.set, t, &waits), now);
    if (entry.state.flags & SPOOL_HELD)
        note_waits(k, &waits);
    k->tell = t->freeze && !t->freeze_no_tell;
    entry.state.next_try = t->frozen ? t->frozen_at : now;
    entry.state.pending = count_pending(t);
    envelope_write(t, &envelope);
    envelope_state_write(t, &state);
    keep_summary(&summary, t);
    entry.envelope = buf_str(&envelope);
    entry.header = header;
    entry.state.blob = buf_str(&state);
    entry.summary = buf_str(&summary);
    keep_lend_body(t, NULL);
    CRASH_POINT("keep.before_commit");
    spool_commit(e->spool, k->w.draft, &entry, committed, k);
    buf_free(&envelope);
    buf_free(&state);
    buf_free(&summary);
}

/* Every edit at once, then the facts that are read off the finished message. */
static void assemble(struct keep *k, struct str received)
{
    struct txn *t = k->w.t;
    struct buf header = { 0 };

    t->received_text = received;
    fixup(k->w.set, t, k->w.trusted, k->own[OWN_ID_DOMAIN], k->own[OWN_ID_TEXT], &k->id_made);
    header_apply(t->header_text, t->edits, received, &header);
    t->size = header.n + 2 + draft_size(k->w.draft);
    t->received_done_us = clock_wall_us();
    k->size = t->size;
    if (k->id_made)
        header_parse(&t->arena, arena_dup(&t->arena, buf_str(&header)), &t->header);
    record_arrival(&k->said, k->w.set, t, k->w.cause, k->id_made);
    commit(k, buf_str(&header));
    buf_free(&header);
}

static void take_as_it_was(struct keep *k)
{
    struct txn *t = k->w.t;

    t->size = t->header_text.n + 2 + draft_size(k->w.draft);
    k->size = t->size;
    record_arrival(&k->said, k->w.set, t, k->w.cause, false);
    commit(k, t->header_text);
}

static void compose(struct keep *k);

static void option_known(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct keep *k = ctx;
    struct txn *t = k->w.t;
    enum setting which = own_options[k->asked];
    bool late = k->eval != NULL;

    k->eval = NULL;
    if (st == ST_OK && v->type == VAL_STR)
        k->own[k->asked] = arena_dup(&t->arena, v->u.s);
    else if (st != ST_OK)
        log_line(LOG_MAIN, "%s %.*s: %s", t->id.s, STR_ARG(setting_name(which)), why ? why->text : "failed");
    k->asked++;
    if (late)
        compose(k);
}

/* A function that does not wait has answered before policy_option returns. */
static void compose(struct keep *k)
{
    struct settings *set = k->w.set;
    struct txn *t = k->w.t;
    struct str field = STR("");

    while (k->asked < ASKED) {
        enum setting which = own_options[k->asked];
        struct eval *eval;

        if (!setting_is_function(set, which) || (k->asked != OWN_RECEIVED && !fixup_makes_id(t))) {
            k->own[k->asked++] = setting_str(set, which, STR(""));
            continue;
        }
        eval = policy_option(set->policy, setting_opt(which), t, option_known, k);
        if (eval) {
            k->eval = eval;
            return;
        }
    }
    if (k->own[OWN_RECEIVED].n)
        field = received_custom(&t->arena, k->own[OWN_RECEIVED], t->received_us / 1000000);
    assemble(k, field.n ? field : received_default(&t->arena, t, set->hostname));
}

/* All recipients were discarded by rules: the client is told 250 and nothing
 * is kept. */
static void discard(struct keep *k)
{
    struct txn *t = k->w.t;

    t->size = draft_size(k->w.draft);
    t->received_done_us = clock_wall_us();
    record_arrival(&k->said, k->w.set, t, k->w.cause, false);
    record_arrived(str_of(k->id.s), &k->said);
    log_text(LOG_MAIN, str_of(k->id.s), STR("=> blackhole (ACL discarded recipients)"));
    record_completed(k->w.e, k->w.set, str_of(k->id.s), 0, t->queue_name);
    keep_lend_body(t, NULL);
    draft_drop(k->w.draft);
    finish(k, ST_OK, NULL);
}

static void go_on(struct keep *k)
{
    struct txn *t = k->w.t;

    if (k->w.as_it_was)
        take_as_it_was(k);
    else if (t->discard || t->nrcpts == 0)
        discard(k);
    else
        compose(k);
}

/* What rules cannot find out now changes nothing: a report that waits may be one that is lost. */
static void rewritten(void *ctx, enum status st, const struct why *why)
{
    struct keep *k = ctx;

    k->eval = NULL;
    if (st != ST_OK)
        log_line(LOG_MAIN, "%s rewriting: %s", k->id.s, why ? why->text : "failed");
    go_on(k);
}

static void rewrite(struct keep *k)
{
    struct eval *eval;

    k->w.t->phase = PH_NOT_SMTP;
    k->w.t->rewritten = true;
    eval = policy_rewrite(k->w.set->policy, k->w.t, rewritten, k);
    if (eval)
        k->eval = eval;
}

struct keep *keep_message(const struct keep_want *w, keep_done *done, void *ctx)
{
    struct keep *k = calloc(1, sizeof *k);
    struct txn *t = w->t;

    if (!k)
        die("no memory to keep a message");
    k->w = *w;
    k->w.set = settings_hold(w->set);
    k->done = done;
    k->ctx = ctx;
    k->next = w->e->keeps;
    k->link = &w->e->keeps;
    if (k->next)
        k->next->link = &k->next;
    w->e->keeps = k;
    k->id = t->id = draft_id(w->draft);
    if (!w->as_it_was)
        t->protocol = received_protocol(t);

    if (w->rewrite && policy_rewrites(w->set->policy))
        rewrite(k);
    else
        go_on(k);
    k->returned = true;
    if (k->over) {
        keep_free(k);
        return NULL;
    }
    return k;
}

void keep_forget(struct keep *k)
{
    k->forgotten = true;
    if (k->eval) {
        policy_cancel(k->eval);
        draft_drop(k->w.draft);
        keep_free(k);
    }
}

void keeps_free(struct engine *e)
{
    while (e->keeps)
        keep_free(e->keeps);
}
