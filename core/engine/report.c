/*
 * report - what senders are told: bounces and delay warnings
 *
 * A bounce is a message of its own that begins at keep. It is on disk before
 * the recipient it is about is dropped, so a crash between the two sends it
 * twice, never not at all. None is ever sent to <>, and none about one (R3.11).
 */
#include "engine/walk.h"

#include "base/clock.h"
#include "base/fault.h"
#include "engine/bounce.h"
#include "engine/keep.h"
#include "engine/logline.h"

enum { COPIES_MAX = 50, NO_BOUNCE_WAIT = 300 };

static struct str report_address(struct walk *w, const struct item *it)
{
    const struct rcpt *r = &w->t->rcpts[it->rcpt];

    if (w->t->sender.n == 0)
        return STR("");
    if (it->at.return_path.p)
        return it->at.return_path;
    return r->errors_to.p ? r->errors_to : w->t->sender;
}

/* ---- mail that may not be bounced */

static void put_off(struct walk *w, struct item *it)
{
    it->end = ITEM_AGAIN;
    it->not_tried = true;
    it->next_try = engine_now(w->e) + NO_BOUNCE_WAIT;
}

/* A bounce that cannot be delivered is frozen for someone to look at, until
 * ignore_bounce_errors_after says that nobody will. */
static void bounce_failed(struct walk *w, struct item *it)
{
    int64_t keep_for = setting_time(w->set, SET_ignore_bounce_errors_after, 10 * 7 * 24 * 3600);
    int64_t age = engine_now(w->e) - w->msg.received;

    it->reported = true;
    if (keep_for <= 0 || age >= keep_for || w->mode != WALK_DELIVER) {
        log_text(LOG_MAIN, str_of(w->id.s), STR("error ignored"));
        engine_count(w->e, COUNT_bounces_dropped, 1);
        return;
    }
    put_off(w, it);
    if (!w->t->frozen) {
        w->t->frozen = true;
        w->t->frozen_at = engine_now(w->e);
        w->freeze_note = STR("Frozen (delivery error message)");
    }
}

/* ---- composing */

static struct str message_id(struct walk *w)
{
    const struct field *f = header_field(&w->t->header, STR("Message-ID"), 0);

    return f ? str_head(str_trim(header_unfold(&w->arena, f->value)), 900) : STR("");
}

static bool belongs(struct walk *w, const struct item *it, bool warning)
{
    if (it->same)
        return false;
    if (warning)
        return it->end == ITEM_AGAIN;
    return it->end == ITEM_NEVER && !it->reported && str_same(report_address(w, it), w->report_to);
}

static const struct bounce_rcpt *collect(struct walk *w, bool warning, size_t *n)
{
    struct bounce_rcpt *v = arena_array(&w->arena, struct bounce_rcpt, w->nitems + w->t->nrcpts + 1);

    *n = 0;
    for (const struct item *it = w->items; it; it = it->next) {
        const struct rcpt *r = &w->t->rcpts[it->rcpt];
        struct bounce_rcpt *b = &v[*n];

        if (!belongs(w, it, warning))
            continue;
        b->addr = r->addr;
        b->orcpt = r->orcpt;
        b->child = it->hide_child ? r->addr : it->at.address;
        b->error = it->error;
        b->output = it->output;
        if (it->host.name.n)
            b->host = arena_printf(&w->arena, "%.*s [%.*s]", STR_ARG(it->host.name), STR_ARG(ip_text(&w->arena, it->host.ip)));
        (*n)++;
    }
    return v;
}

static void compose(struct walk *w, struct msg_id own, int64_t delayed, struct buf *header, struct buf *body)
{
    struct settings *set = w->set;
    struct str own_id = str_of(own.s);
    struct bounce b = {
        .hostname = set->hostname, .to = w->report_to, .id = str_of(w->id.s), .own_id = own_id,
        .reply_to = setting_str(set, SET_errors_reply_to, STR("")), .text = setting_str(set, SET_bounce_message_text, STR("")),
        .message_id = message_id(w), .envid = w->t->envid, .arrived = w->msg.received, .now = clock_wall(), .delayed = delayed,
        .return_message = setting_bool(set, SET_bounce_return_message, true),
        .return_body = !delayed && setting_bool(set, SET_bounce_return_body, true),
        .size_limit = (uint64_t)setting_int(set, SET_bounce_return_size_limit, 100 * 1024),
        .line_limit = (uint64_t)setting_int(set, SET_bounce_return_linesize_limit, 998),
        .header = w->msg.header, .body_size = w->msg.body_size, .max_line = w->t->max_line,
        .read = walk_read_body, .ctx = w,
    };

    b.words = delayed ? &set->warn : &set->bounce;
    b.from = setting_str(set, SET_dsn_from, STR(""));
    if (b.from.n == 0)
        b.from = arena_printf(&w->arena, "Mail Delivery System <Mailer-Daemon@%.*s>", STR_ARG(set->qualify_domain));
    b.rcpts = collect(w, delayed > 0, &b.n);
    bounce_write(&b, header, body);
}

/* ---- keeping it */

static void report_next(struct walk *w);

static void close_report(struct walk *w)
{
    if (w->report_txn)
        txn_free(w->report_txn);
    w->report_txn = NULL;
    conn_free(&w->report_conn);
}

static void mark_reported(struct walk *w)
{
    for (struct item *it = w->items; it; it = it->next)
        if (belongs(w, it, false))
            it->reported = true;
}

static void not_now(struct walk *w)
{
    for (struct item *it = w->items; it; it = it->next)
        if (belongs(w, it, false))
            put_off(w, it);
}

static void kept(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct walk *w = ctx;
    bool late = w->report != NULL;

    (void)id;
    w->report = NULL;
    close_report(w);
    if (st == ST_OK) {
        CRASH_POINT("bounce.kept");
        if (!w->note)
            engine_count(w->e, w->report_warning ? COUNT_warnings_sent : COUNT_bounces_sent, 1);
    } else {
        log_line(LOG_MAIN, "%s no report could be kept: %s", w->id.s, why ? why->text : "");
    }
    if (w->note)
        w->note = NULL;         /* one try: it is news, not mail of somebody's */
    else if (w->report_warning)
        w->warned = true;
    else if (st == ST_OK)
        mark_reported(w);
    else
        not_now(w);
    if (late)
        report_next(w);
}

/* What a router has to say is a message of its own, as a bounce is. */
static void compose_note(struct walk *w, struct buf *header, struct buf *body)
{
    struct arena *a = &w->arena;
    struct str from = setting_str(w->set, SET_dsn_from, STR("")), rest = w->note->text, line;

    if (from.n == 0)
        from = arena_printf(a, "Mail Delivery System <Mailer-Daemon@%.*s>", STR_ARG(w->set->qualify_domain));
    buf_addf(header, "Auto-Submitted: auto-generated\r\nFrom: %.*s\r\nTo: %.*s\r\n", STR_ARG(from), STR_ARG(w->note->to));
    buf_addf(header, "Subject: error(s) in forwarding or filtering\r\nMessage-Id: <N%s@%.*s>\r\nDate: %.*s\r\n", w->id.s,
             STR_ARG(w->set->hostname), STR_ARG(clock_rfc5322(a, clock_wall())));
    while (str_cut(&rest, '\n', &line))
        buf_addf(body, "%.*s\r\n", STR_ARG(line));
}

static enum status make_draft(struct walk *w, int64_t delayed, struct draft **out, struct why *why)
{
    struct buf header = { 0 }, body = { 0 };
    struct txn *t = w->report_txn;
    enum status st = spool_draft(w->e->spool, out, why);

    if (st != ST_OK)
        return st;
    if (w->note)
        compose_note(w, &header, &body);
    else
        compose(w, draft_id(*out), delayed, &header, &body);
    st = draft_add(*out, buf_str(&body), why);
    if (st == ST_OK) {
        t->header_text = arena_dup(&t->arena, buf_str(&header));
        header_parse(&t->arena, t->header_text, &t->header);
        t->body_size = body.n;
    } else {
        draft_drop(*out);
    }
    buf_free(&header);
    buf_free(&body);
    return st;
}

static void report_keep(struct walk *w, int64_t delayed)
{
    struct keep_want want = { .e = w->e, .set = w->set, .cause = str_of(w->id.s), .trusted = true, .rewrite = true };
    struct draft *d;
    struct keep *k;
    struct why why = { 0 };

    if (make_draft(w, delayed, &d, &why) != ST_OK) {
        kept(w, ST_AGAIN, (struct msg_id){ "" }, &why);
        return;
    }
    want.t = w->report_txn;
    want.draft = d;
    k = keep_message(&want, kept, w);
    if (k)
        w->report = k;
}

/* errors_copy: who else gets this bounce. A list that cannot be read copies to nobody. */
static void copies_known(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct walk *w = ctx;
    bool late = w->eval != NULL;

    w->eval = NULL;
    if (st != ST_OK)
        log_line(LOG_MAIN, "%s errors_copy: %s", w->id.s, why ? why->text : "failed");
    for (size_t i = 0; st == ST_OK && v->type == VAL_LIST && i < v->u.list.n && i < COPIES_MAX; i++)
        if (!txn_has_recipient(w->report_txn, v->u.list.v[i]))
            txn_add_rcpt(w->report_txn, arena_dup(&w->report_txn->arena, v->u.list.v[i]));
    report_keep(w, 0);
    if (late && !w->report)
        report_next(w);
}

static void report(struct walk *w, struct str to, int64_t delayed)
{
    struct txn *t;

    w->report_to = to;
    w->report_warning = delayed > 0;
    conn_init(&w->report_conn);
    w->report_conn.ident = STR("perigee");
    w->report_conn.protocol = STR("local");
    w->report_conn.uid = w->report_conn.gid = -1;
    w->report_conn.auth_sender = setting_str(w->set, SET_bounce_sender_authentication, STR(""));
    t = w->report_txn = txn_new(&w->report_conn);
    t->sender = STR("");
    t->received_us = clock_wall_us();
    t->size_declared = -1;
    t->local_error = true;
    txn_add_rcpt(t, to);
    if (!delayed && setting_is_function(w->set, SET_errors_copy)) {
        struct eval *eval;

        t->phase = PH_TRANSPORT;
        eval = policy_option(w->set->policy, setting_opt(SET_errors_copy), t, copies_known, w);
        if (eval)
            w->eval = eval;
        return;
    }
    report_keep(w, delayed);
}

/* ---- which */

static bool bulk(struct walk *w)
{
    static const struct { struct str field, word; } signs[] = {
        { STR_INIT("Precedence"), STR_INIT("bulk") }, { STR_INIT("Precedence"), STR_INIT("list") },
        { STR_INIT("Precedence"), STR_INIT("junk") }, { STR_INIT("Auto-Submitted"), STR_INIT("auto-generated") },
        { STR_INIT("Auto-Submitted"), STR_INIT("auto-replied") }, { STR_INIT("List-Id"), STR_INIT("") },
    };

    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        const struct field *f = header_field(&w->t->header, signs[i].field, 0);

        if (f && str_starts_fold(str_trim(f->value), signs[i].word))
            return true;
    }
    return false;
}

static bool waits(struct walk *w)
{
    for (const struct item *it = w->items; it; it = it->next)
        if (it->end == ITEM_AGAIN && !it->same)
            return true;
    return false;
}

/* How long the message has waited, if that is longer than the sender was last
 * told; 0 if there is nothing to tell. */
static int64_t warning_due(struct walk *w)
{
    const struct settings *set = w->set;
    int64_t age = engine_now(w->e) - w->msg.received, due = 0;
    unsigned passed = 0;

    for (size_t i = 0; i < set->nwarnings && age >= set->warnings[i]; i++) {
        due = set->warnings[i];
        passed++;
    }
    if (passed <= w->t->warnings_sent || w->warned || w->t->frozen || w->t->sender.n == 0 || w->mode != WALK_DELIVER)
        return 0;
    w->t->warnings_sent = passed;
    return waits(w) ? due : 0;
}

static void warn_condition(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct walk *w = ctx;
    bool late = w->eval != NULL;
    int64_t due;

    (void)why;
    w->eval = NULL;
    due = warning_due(w);
    if (due && st == ST_OK && val_bool(v, true))
        report(w, w->t->sender, due);
    w->warned = w->warned || !w->report;
    if (late && !w->report)
        report_next(w);
}

static void warn(struct walk *w)
{
    int opt = setting_opt(SET_delay_warning_condition);
    struct eval *eval;
    int64_t due;

    if (setting_is_function(w->set, SET_delay_warning_condition)) {
        eval = policy_option(w->set->policy, opt, w->t, warn_condition, w);
        if (eval)
            w->eval = eval;
        return;
    }
    due = warning_due(w);
    if (due && !bulk(w) && setting_bool(w->set, SET_delay_warning_condition, true))
        report(w, w->t->sender, due);
    w->warned = w->warned || !w->report;
}

static void report_notes(struct walk *w)
{
    while (w->notes && !w->report) {
        w->note = w->notes;
        w->notes = w->note->next;
        report(w, w->note->to, 0);
    }
}

static void report_next(struct walk *w)
{
    report_notes(w);
    for (struct item *it = w->items; it && !w->report && !w->eval; it = it->next) {
        struct str to;

        if (it->same || it->end != ITEM_NEVER || it->reported)
            continue;
        to = report_address(w, it);
        if (w->t->sender.n == 0) {
            bounce_failed(w, it);
        } else if (to.n == 0) {
            it->reported = true;
            log_text(LOG_MAIN, str_of(w->id.s), STR("error ignored"));
            engine_count(w->e, COUNT_bounces_dropped, 1);
        } else {
            report(w, to, 0);
        }
    }
    if (!w->report && !w->eval && !w->warned)
        warn(w);
    if (!w->report && !w->eval)
        settle_write(w);
}

void report_all(struct walk *w)
{
    w->t->phase = PH_TRANSPORT;
    report_next(w);
}

void report_cancel(struct walk *w)
{
    if (w->report)
        keep_forget(w->report);
    w->report = NULL;
    if (w->report_txn)
        close_report(w);
}
