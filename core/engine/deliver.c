/*
 * deliver - a message's items divided into attempts, and each made
 */
#include "engine/attempt.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
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

/* ---- lists */

static void attempt_link(struct attempt *a, struct attempt **list)
{
    a->next = *list;
    a->at = list;
    if (a->next)
        a->next->at = &a->next;
    *list = a;
}

static void attempt_unlink(struct attempt *a)
{
    if (a->next)
        a->next->at = a->at;
    *a->at = a->next;
}

static void attempt_free(struct attempt *a)
{
    attempt_unlink(a);
    turn_give(a);
    if (a->shadow)
        a->shadow->shadow_of = NULL;
    if (a->shadow_of)
        a->shadow_of->shadow = NULL;
    buf_free(&a->header_room);
    if (a->filtered)
        close(a->filtered_fd);
    if (a->view)
        event_view_free(a->view);
    free(a);
}

static struct attempt *attempt_new(struct walk *w)
{
    struct attempt *a = calloc(1, sizeof *a);

    if (!a)
        die("no memory for a delivery");
    a->w = w;
    attempt_link(a, &w->waiting);
    return a;
}

static void attempt_add(struct attempt *a, struct item *it)
{
    struct item **end = &a->items;

    while (*end)
        end = &(*end)->peer;
    it->peer = NULL;
    *end = it;
    a->nitems++;
}

/* ---- division: one transport, one set of hosts, one sender, one header */

static bool same_hosts(const struct item *a, const struct item *b)
{
    if (a->nhosts != b->nhosts || a->nfallback != b->nfallback)
        return false;
    for (size_t i = 0; i < a->nhosts + a->nfallback; i++) {
        bool found = false;

        for (size_t k = 0; k < b->nhosts + b->nfallback && !found; k++)
            found = ip_same(a->hosts[i].ip, b->hosts[k].ip) && a->hosts[i].port == b->hosts[k].port
                 && str_same(a->hosts[i].name, b->hosts[k].name);
        if (!found)
            return false;
    }
    return true;
}

static bool same_edits(const struct header_edit *a, const struct header_edit *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (a->remove != b->remove || a->place != b->place || !str_same(a->text, b->text))
            return false;
    return !a && !b;
}

static bool goes_with(const struct attempt *a, const struct item *it)
{
    const struct item *o = a->items;

    return !a->alone && str_same(o->at.transport, it->at.transport) && !o->at.file.n && !it->at.file.n
        && !o->at.pipe.n && !it->at.pipe.n && same_hosts(o, it)
        && (o->at.return_path.p == NULL) == (it->at.return_path.p == NULL)
        && str_same(o->at.return_path, it->at.return_path) && same_edits(o->edits, it->edits);
}

/* A walk of a thousand recipients looks at the newest few groups only. */
static void divide(struct walk *w, struct item *it)
{
    enum { GROUPS_LOOKED_AT = 64 };
    struct attempt *a = w->waiting;

    for (int i = 0; a && i < GROUPS_LOOKED_AT; a = a->next, i++)
        if (goes_with(a, it)) {
            attempt_add(a, it);
            return;
        }
    attempt_add(attempt_new(w), it);
}

/* An item that does not fit in becomes part of an attempt that comes later. */
static void move_on(struct attempt *a, struct item **at, struct attempt **more)
{
    struct item *it = *at;

    *at = it->peer;
    if (!*more)
        *more = attempt_new(a->w);
    attempt_add(*more, it);
    a->nitems--;
}

/* multi_domain and max_rcpt bound a remote transport. */
static void split(struct attempt *a)
{
    struct item **at = &a->items;
    struct attempt *more = NULL;
    uint32_t kept = 0;

    while (*at) {
        if (kept && (kept >= a->tr.max_rcpt || !(a->tr.multi_domain || str_same_fold((*at)->at.domain, a->items->at.domain)))) {
            move_on(a, at, &more);
            continue;
        }
        kept++;
        at = &(*at)->peer;
    }
}

/* ---- the header as it leaves */

static void add_edit(struct arena *a, struct header_edit ***end, struct header_edit e)
{
    struct header_edit *h = arena_new(a, struct header_edit);

    *h = e;
    h->next = NULL;
    **end = h;
    *end = &h->next;
}

static void transport_edits(struct attempt *a, struct header_edit ***end)
{
    struct arena *ar = &a->w->arena;
    struct str rest = a->tr.headers_remove, word, wire;
    const char *reason;

    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] == '\n')
            ((char *)(uintptr_t)rest.p)[i] = ':';
    while (str_cut(&rest, ':', &word))
        if ((word = str_trim(word)).n)
            add_edit(ar, end, (struct header_edit){ .remove = true, .text = word });
    for (rest = a->tr.headers_add; str_cut(&rest, '\n', &word);)
        if (str_trim(word).n && header_make(ar, str_trim(word), &wire, &reason))
            add_edit(ar, end, (struct header_edit){ .place = HEADER_AT_END, .text = wire });
}

/* As the addresses came, each once; folded, so that no line grows too long. */
static void envelope_to(const struct attempt *a, struct buf *out)
{
    buf_add(out, STR("Envelope-to: "));
    for (const struct item *it = a->items; it; it = it->peer) {
        bool before = false;

        for (const struct item *o = a->items; o != it && !before; o = o->peer)
            before = o->rcpt == it->rcpt;
        if (before)
            continue;
        buf_addf(out, "%s%.*s", it == a->items ? "" : ",\r\n\t", STR_ARG(a->w->t->rcpts[it->rcpt].addr));
    }
    buf_add(out, STR("\r\n"));
}

static void trace_fields(struct attempt *a, struct str sender, struct buf *out)
{
    struct arena *ar = &a->w->arena;

    if (a->tr.return_path_add)
        buf_addf(out, "Return-path: <%.*s>\r\n", STR_ARG(sender));
    if (a->tr.envelope_to_add)
        envelope_to(a, out);
    if (a->tr.delivery_date_add)
        buf_addf(out, "Delivery-date: %.*s\r\n", STR_ARG(clock_rfc5322(ar, clock_wall())));
}

static void build_header(struct attempt *a)
{
    struct arena *ar = &a->w->arena;
    struct header_edit *edits = NULL, **end = &edits;
    struct buf trace = { 0 };

    for (const struct header_edit *e = a->items->edits; e; e = e->next)
        add_edit(ar, &end, *e);
    transport_edits(a, &end);
    trace_fields(a, a->msg.sender, &trace);
    if (!edits && trace.n == 0) {
        a->header = a->w->msg.header;
        return;
    }
    header_apply(a->w->msg.header, edits, buf_str(&trace), &a->header_room);
    a->header = buf_str(&a->header_room);
    buf_free(&trace);
}

static struct str return_path(const struct attempt *a)
{
    if (a->tr.return_path.p)
        return str_same(a->tr.return_path, STR("<>")) ? STR("") : a->tr.return_path;
    if (a->items->at.return_path.p)
        return a->items->at.return_path;
    return a->w->t->sender;
}

struct str attempt_rcpt(struct attempt *a, const struct item *it)
{
    const struct at_address *at = &it->at;

    if ((at->prefix.n == 0 && at->suffix.n == 0) || a->tr.include_affixes)
        return at->address;
    return addr_join(&a->w->arena, addr_quote(&a->w->arena, at->local_part_as_is), at->domain);
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
        move_on(a, a->batch_at, &a->rest);
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
            move_on(a, a->batch_at, &a->rest);
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
        split(a);
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

    a->msg.sender = return_path(a);
    build_header(a);
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
            divide(w, it);
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
