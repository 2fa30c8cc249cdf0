#include "engine/cutthrough.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "engine/callout_inside.h"
#include "engine/event.h"
#include "engine/received.h"
#include "engine/record.h"

enum { END_MS = 300000, READ_AGAIN_MS = 20 };     /* a client waits ten minutes for the answer to its dot (RFC 5321 4.5.3.2.6) */

struct cutthrough {
    struct engine *e;
    struct settings *set;
    struct txn *t;
    struct draft *draft;
    struct callout *at;             /* whose connection it is */
    struct buf header;
    struct client_message msg;
    struct client_rcpt *rcpts;
    uint64_t read_at;
    size_t edits;                   /* of the header, that were known in time */
    bool whole, over;
    int64_t began_us;
    struct timer limit, again;
    struct arrival said;
    cutthrough_done *done;
    void *ctx;
};

/* ---- may it? */

static size_t count_edits(const struct txn *t)
{
    size_t n = 0;

    for (const struct header_edit *e = t->edits; e; e = e->next)
        n++;
    return n;
}

/* Everybody the client was told yes about is in the transaction there, and nobody else. */
static bool same_people(const struct callout *at, const struct txn *t)
{
    uint32_t n = 0;

    for (const struct taken *k = at->taken; k; k = k->next, n++)
        if (!txn_has_recipient(t, k->original))
            return false;
    return n > 0 && n == t->nrcpts;
}

/* What a delivery would do to the message and this does not. */
static bool needs_more(const struct transport *tr)
{
    return tr->signs || tr->filter.type != VAL_NIL || tr->headers_rewrite || tr->headers_add.n || tr->headers_remove.n || tr->return_path_add || tr->envelope_to_add
        || tr->delivery_date_add || tr->shadow.n || tr->body_only || tr->headers_only || tr->message_size_limit > 0;
}

static bool allowed(const struct settings *set, const struct txn *t)
{
    return t->cutthrough != CUTTHROUGH_NO && t->conn->smtp && !t->freeze && !t->queue_only && !t->queue_first_pass && !t->fake_code
        && !t->discard && !t->submission && !setting_is_function(set, SET_received_header_text);
}

/* ---- what goes */

static struct str received(struct cutthrough *c)
{
    struct txn *t = c->t;
    struct str text = setting_str(c->set, SET_received_header_text, STR(""));
    struct str field = text.n ? received_custom(&t->arena, text, t->received_us / 1000000) : STR("");

    return field.n ? field : received_default(&t->arena, t, c->set->hostname);
}

/* As keep.c would have it: the rules' edits so far, and without the fields of a final delivery. */
static void make_header(struct cutthrough *c)
{
    static const struct { enum setting which; struct str name; } final[] = {
        { SET_return_path_remove, STR_INIT("Return-path") },
        { SET_envelope_to_remove, STR_INIT("Envelope-to") },
        { SET_delivery_date_remove, STR_INIT("Delivery-date") },
    };
    struct arena *a = &c->t->arena;
    struct header_edit *edits = NULL, **end = &edits;

    for (const struct header_edit *e = c->t->edits; e; e = e->next) {
        *end = arena_new(a, struct header_edit);
        **end = *e;
        (*end)->next = NULL;
        end = &(*end)->next;
    }
    for (size_t i = 0; i < sizeof final / sizeof *final; i++) {
        if (!setting_bool(c->set, final[i].which, true))
            continue;
        *end = arena_new(a, struct header_edit);
        (*end)->remove = true;
        (*end)->text = final[i].name;
        end = &(*end)->next;
    }
    c->t->protocol = received_protocol(c->t);
    header_apply(c->t->header_text, edits, received(c), &c->header);
}

static ssize_t read_draft(void *ctx, char *p, size_t n)
{
    struct cutthrough *c = ctx;
    uint64_t left = draft_size(c->draft) - c->read_at;
    size_t got = left ? draft_peek(c->draft, c->read_at, p, left < n ? (size_t)left : n) : 0;

    c->read_at += got;
    if (got || (left == 0 && c->whole))
        return (ssize_t)got;
    if (left)                           /* on its way to a file */
        timer_set(c->e->loop, &c->again, READ_AGAIN_MS);
    errno = EAGAIN;
    return -1;
}

/* ---- the end */

static void cutthrough_free(struct cutthrough *c)
{
    timer_clear(c->e->loop, &c->limit);
    timer_clear(c->e->loop, &c->again);
    arrival_free(&c->said);
    buf_free(&c->header);
    callout_free(c->at);
    free(c);
}

static void tell(struct cutthrough *c, const struct taken *k)
{
    struct event_view *v;

    if (!event_wanted(c->set, "msg:delivery", k->at.transport))
        return;
    v = event_view_apart(c->t, &k->at, &c->at->host);
    if (v)
        event_after(c->e, c->set, "msg:delivery", v, c->msg.confirmation, 0);
}

static void log_delivered(struct cutthrough *c)
{
    struct callout *at = c->at;

    for (const struct taken *k = at->taken; k; k = k->next) {
        struct log_delivery d = {
            .address = k->at.address, .original = k->original, .sender = c->t->sender, .return_path = at->sender,
            .router = k->at.router, .transport = k->at.transport, .queue = c->t->queue_name, .host = &at->host,
            .confirmation = c->msg.confirmation, .size = c->t->size, .queue_us = clock_wall_us() - c->t->received_us,
            .deliver_us = clock_wall_us() - c->began_us, .cutthrough = true,
        };

        record_delivered(c->e, c->set, str_of(c->t->id.s), &d);
        engine_count_delivery(c->e, &at->host.tls);
        tell(c, k);
    }
}

/* ">>" before "<=" (F34): who reads the log sees a message that was never queued. */
static void log_taken(struct cutthrough *c)
{
    struct txn *t = c->t;

    t->size = c->header.n + 2 + draft_size(c->draft);
    t->received_done_us = clock_wall_us();
    log_delivered(c);
    record_arrival(&c->said, c->set, t, (struct str){ 0 }, false);
    record_arrived(str_of(t->id.s), &c->said);
    record_completed(c->e, c->set, str_of(t->id.s), 0, t->queue_name);
    engine_count(c->e, COUNT_messages_received, 1);
    engine_count(c->e, COUNT_bytes_received, (int64_t)t->size);
    engine_count(c->e, COUNT_messages_completed, 1);
    if (count_edits(t) != c->edits)
        log_line(LOG_MAIN, "%s header changes made after the header was passed on (cutthrough) were not applied", t->id.s);
}

static void finish(struct cutthrough *c)
{
    const struct client_rcpt *r = &c->rcpts[0];     /* one transaction, one answer */
    cutthrough_done *done = c->done;
    void *ctx = c->ctx;
    enum status st = !r->settled ? ST_AGAIN : r->outcome == CLIENT_OK ? ST_OK : r->outcome == CLIENT_NEVER ? ST_NEVER : ST_AGAIN;
    struct str text = r->settled && r->code ? arena_dup(&c->t->arena, c->msg.refusal) : STR("");

    if (st == ST_OK)
        log_taken(c);
    link_release(&c->at->use);
    cutthrough_free(c);
    done(ctx, st, text);
}

static void over(struct cutthrough *c)
{
    c->over = true;
    if (c->done)
        finish(c);
}

static void too_late(void *ctx)
{
    struct cutthrough *c = ctx;

    link_forget(&c->at->use);
    over(c);
}

static void read_again(void *ctx)
{
    cutthrough_more(ctx);
}

/* ---- the connection */

static struct cutthrough *cutthrough_of(struct link_user *u)
{
    return callout_of(u)->ctx;
}

static void linked(struct link_user *u)
{
    (void)u;
}

static void sent(struct link_user *u, bool reused)
{
    (void)reused;
    over(cutthrough_of(u));
}

static void failed(struct link_user *u, const struct why *why, const char *kind, bool host_error, bool reused)
{
    (void)why; (void)kind; (void)host_error; (void)reused;
    over(cutthrough_of(u));
}

static struct event_view *view(struct link_user *u, const struct at_host *host, bool after)
{
    (void)u; (void)host; (void)after;
    return NULL;
}

static const struct link_ops ops = { linked, sent, failed, view };

/* ---- */

static void start(struct cutthrough *c)
{
    struct callout *at = c->at;
    size_t n = 0;

    c->rcpts = arena_array(&at->arena, struct client_rcpt, at->nrcpts);
    for (const struct taken *k = at->taken; k; k = k->next)
        c->rcpts[n++] = (struct client_rcpt){ .addr = k->rcpt };
    c->msg = (struct client_message){
        .arena = &at->arena, .resume = true, .sender = at->sender, .rcpts = c->rcpts, .n = n, .body_8bit = c->t->body_8bit,
        .header = buf_str(&c->header), .read = read_draft, .ctx = c,
    };
    at->ctx = c;
    at->use.ops = &ops;
    at->use.resting = false;
    link_send(&at->use, &c->msg);
}

struct cutthrough *cutthrough_begin(struct engine *e, struct settings *set, struct txn *t, struct draft *d)
{
    struct callout *at = allowed(set, t) ? callout_take(e, t) : NULL;
    struct cutthrough *c;

    if (!at)
        return NULL;
    if (!at->plain || !same_people(at, t) || needs_more(&at->tr) || !link_is_open(&at->use)) {
        link_quit(&at->use);
        callout_free(at);
        return NULL;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        die("no memory for a cutthrough");
    c->e = e;
    c->set = set;
    c->t = t;
    c->draft = d;
    c->at = at;
    c->began_us = clock_wall_us();
    c->edits = count_edits(t);
    c->limit = (struct timer){ .fn = too_late, .ctx = c };
    c->again = (struct timer){ .fn = read_again, .ctx = c };
    make_header(c);
    start(c);
    return c;
}

void cutthrough_more(struct cutthrough *c)
{
    if (!c->over)
        link_more(&c->at->use);
}

void cutthrough_end(struct cutthrough *c, cutthrough_done *done, void *ctx)
{
    c->done = done;
    c->ctx = ctx;
    c->whole = true;
    if (c->over) {
        finish(c);
        return;
    }
    timer_set(c->e->loop, &c->limit, END_MS);
    link_more(&c->at->use);
}

void cutthrough_cancel(struct cutthrough *c)
{
    link_forget(&c->at->use);
    cutthrough_free(c);
}
