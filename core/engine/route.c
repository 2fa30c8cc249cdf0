/*
 * route - where each recipient of a message goes
 *
 * One evaluation a pending recipient, one after the other. What the routers
 * say becomes items; a destination that was there before is not visited twice,
 * and one that was reached on an earlier walk is not visited again.
 */
#include "engine/walk.h"

#include "base/clock.h"
#include "engine/record.h"

enum { CHILD_MARK = '>', QUEUED_LOOK = 3600, ROUTED_MAX = 256 << 10 };

/* ">router/transport/where": no address begins so, and no recipient of a
 * message can be taken for it. */
struct str item_key(struct arena *a, const struct item *it)
{
    struct str where = it->at.file.n ? it->at.file : it->at.pipe.n ? it->at.pipe : it->at.address;

    return arena_printf(a, "%c%.*s/%.*s/%.*s", CHILD_MARK, STR_ARG(it->at.router), STR_ARG(it->at.transport), STR_ARG(where));
}

static bool was_reached(struct walk *w, const struct item *it)
{
    struct str key = { 0 };

    for (uint32_t i = 0; i < w->t->nrcpts; i++) {
        const struct rcpt *r = &w->t->rcpts[i];

        if (!r->added || r->addr.n == 0)
            continue;
        if (r->addr.p[0] != CHILD_MARK) {       /* of another engine: the address itself (mail/pair.h) */
            if (r->state == RCPT_DONE && str_same(r->addr, it->at.address))
                return true;
            continue;
        }
        if (!key.n)
            key = item_key(&w->arena, it);
        if (str_same(r->addr, key))
            return true;
    }
    return false;
}

static bool same_place(const struct item *a, const struct item *b)
{
    return str_same(a->at.transport, b->at.transport) && str_same_fold(a->at.domain, b->at.domain)
        && str_same(a->at.address, b->at.address) && str_same(a->at.file, b->at.file)
        && str_same(a->at.pipe, b->at.pipe) && a->unseen == b->unseen
        /* the same program for two people runs for each of them */
        && ((!a->at.pipe.n && !a->at.file.n) || str_same_fold(a->at.parent, b->at.parent));
}

static struct item *earlier(struct walk *w, const struct item *it)
{
    for (struct item *o = w->items; o && o != it; o = o->next)
        if (!o->same && o->at.transport.n && same_place(o, it))
            return o;
    return NULL;
}

static struct str dup(struct walk *w, struct str s)
{
    return s.p ? arena_dup(&w->arena, s) : s;
}

static void copy_at(struct walk *w, struct at_address *to, const struct at_address *from)
{
    *to = *from;
    to->address = dup(w, from->address);
    to->local_part = dup(w, from->local_part);
    to->domain = dup(w, from->domain);
    to->local_part_as_is = dup(w, from->local_part_as_is);
    to->prefix = dup(w, from->prefix);
    to->prefix_v = dup(w, from->prefix_v);
    to->suffix = dup(w, from->suffix);
    to->suffix_v = dup(w, from->suffix_v);
    to->domain_data = dup(w, from->domain_data);
    to->local_part_data = dup(w, from->local_part_data);
    to->parent = dup(w, from->parent);
    to->original = dup(w, from->original);
    to->router = dup(w, from->router);
    to->transport = dup(w, from->transport);
    to->address_data = dup(w, from->address_data);
    to->home = dup(w, from->home);
    to->self_hostname = dup(w, from->self_hostname);
    to->return_path = dup(w, from->return_path);
    to->file = dup(w, from->file);
    to->pipe = dup(w, from->pipe);
    to->srs = (struct srs_facts){
        .sender = dup(w, from->srs.sender), .recipient = dup(w, from->srs.recipient), .orig_recipient = dup(w, from->srs.orig_recipient),
        .orig_sender = dup(w, from->srs.orig_sender), .status = dup(w, from->srs.status),
        .db_key = dup(w, from->srs.db_key), .db_address = dup(w, from->srs.db_address),
    };
    to->r_vars = NULL;
    for (const struct user_var *v = from->r_vars; v; v = v->next)
        user_var_set(&w->arena, &to->r_vars, v->name, &v->v);
}

static void copy_hosts(struct walk *w, struct item *it, const struct route_item *r)
{
    it->nhosts = r->nhosts;
    it->nfallback = r->nfallback;
    if (r->nhosts + r->nfallback == 0)
        return;
    it->hosts = arena_array(&w->arena, struct host, r->nhosts + r->nfallback);
    for (size_t i = 0; i < r->nhosts + r->nfallback; i++) {
        const struct host *h = i < r->nhosts ? &r->hosts[i] : &r->fallback[i - r->nhosts];

        it->hosts[i] = host_dup(&w->arena, h);
    }
}

static void copy_edits(struct walk *w, struct item *it, const struct header_edit *from)
{
    struct header_edit **end = &it->edits;

    for (; from; from = from->next) {
        struct header_edit *h = arena_new(&w->arena, struct header_edit);

        *h = *from;
        h->text = dup(w, from->text);
        h->next = NULL;
        *end = h;
        end = &h->next;
    }
}

static struct item *item_add(struct walk *w, uint32_t rcpt)
{
    struct item *it = arena_new(&w->arena, struct item);

    it->rcpt = rcpt;
    it->kind = "*";
    *w->items_end = it;
    w->items_end = &it->next;
    w->nitems++;
    return it;
}

static void blackhole(struct walk *w, const struct item *it)
{
    struct log_delivery d = {
        .original = w->t->rcpts[it->rcpt].addr, .sender = w->t->sender, .router = it->at.router, .size = w->size,
        .queue = w->t->queue_name, .queue_us = clock_wall_us() - w->t->received_us,
        .explain = it->explain,
    };

    record_discarded(w->e, w->set, str_of(w->id.s), &d);
}

/* Told once: on the first walk, not at every retry. */
static void take_note(struct walk *w, const struct route_item *r)
{
    struct note *n;

    if (w->t->rcpts[w->at_rcpt].attempts || w->mode != WALK_DELIVER)
        return;
    for (n = w->notes; n; n = n->next)
        if (str_same(n->to, r->at.address) && str_same(n->text, r->text))
            return;
    n = arena_new(&w->arena, struct note);
    n->to = dup(w, r->at.address);
    n->text = dup(w, r->text);
    n->next = w->notes;
    w->notes = n;
}

/* Not tried yet, and no pass over the queue was asked for since it came. */
static bool is_new(const struct walk *w)
{
    return !w->force && w->t->rcpts[w->at_rcpt].attempts == 0 && !queue_passed(w->e, w->msg.received);
}

static void wait_in_queue(struct walk *w, struct item *it)
{
    it->end = ITEM_AGAIN;
    it->not_tried = true;
    it->next_try = engine_now(w->e) + QUEUED_LOOK;
    it->error = STR("domain is in queue_smtp_domains");
    w->held[w->at_rcpt] = 1;
}

static void ends(struct item *it, enum item_end end, const char *text)
{
    it->end = end;
    it->internal = true;
    if (it->error.n == 0)
        it->error = str_of(text);
}

/* What becomes of it now: it is delivered to, or this was all. */
static void decide(struct walk *w, struct item *it, const struct route_item *r)
{
    switch (r->kind) {
    case ROUTE_TO:
        copy_hosts(w, it, r);
        if (was_reached(w, it))
            it->end = ITEM_DONE;
        else if (r->queue && is_new(w))
            wait_in_queue(w, it);
        else
            it->same = earlier(w, it);
        break;
    case ROUTE_DISCARD:
        it->end = ITEM_DONE;
        it->internal = true;
        if (!it->quiet)
            blackhole(w, it);
        break;
    case ROUTE_FAIL:
    case ROUTE_UNROUTEABLE:
        ends(it, ITEM_NEVER, "Unrouteable address");
        break;
    case ROUTE_NOTE:
        break;
    case ROUTE_FREEZE:
        w->freeze = true;
        w->freeze_why = it->error;
        /* fall through */
    case ROUTE_DEFER:
        ends(it, ITEM_AGAIN, "deferred by a router");
        it->err = -1;
        break;
    }
}

static void take_item(struct walk *w, const struct route_item *r)
{
    struct item *it = item_add(w, w->at_rcpt);

    copy_at(w, &it->at, &r->at);
    /* A member that took the place of its list is not routed through it again: its errors_to was kept. */
    if (!it->at.return_path.p && w->t->rcpts[it->rcpt].errors_to.p)
        it->at.return_path = w->t->rcpts[it->rcpt].errors_to;
    if (it->at.address.n == 0)
        it->at.address = w->t->rcpts[it->rcpt].addr;
    it->unseen = r->unseen;
    it->one_time = r->one_time;
    it->quiet = r->quiet;
    it->initgroups = r->initgroups;
    it->hide_child = r->hide_child;
    it->style = r->style;
    it->directory = dup(w, r->directory);
    it->order = r->order;
    it->error = dup(w, r->text);
    it->explain = dup(w, r->explain);
    copy_edits(w, it, r->edits);
    decide(w, it, r);
}

/* For a message with very many recipients, of the first. */
static const struct tried *keep_tried(struct walk *w, const struct tried *t)
{
    if (!t || w->routed_size > ROUTED_MAX)
        return NULL;
    w->routed_size += tried_size(t);
    return tried_keep(&w->arena, t);
}

static void routed(void *ctx, struct route_item *items, size_t n)
{
    struct walk *w = ctx;
    const struct tried *tried = keep_tried(w, n ? items[0].tried : NULL);
    struct item **from = w->items_end;
    bool late = w->eval != NULL;

    w->eval = NULL;
    engine_count(w->e, COUNT_rule_evaluations, 1);
    for (size_t i = 0; i < n; i++)
        if (items[i].kind == ROUTE_NOTE)
            take_note(w, &items[i]);
        else
            take_item(w, &items[i]);
    for (struct item *it = *from; it; it = it->next)
        it->routed = tried;
    if (n == 0) {
        struct item *it = item_add(w, w->at_rcpt);

        it->at.address = w->t->rcpts[w->at_rcpt].addr;
        it->end = ITEM_AGAIN;
        it->err = -1;
        it->internal = true;
        it->error = STR("routing gave no answer");
    }
    w->at_rcpt++;
    if (late)
        route_all(w);
}

static struct str domain_of(const struct rcpt *r)
{
    return str_from(r->addr, str_rfind(r->addr, '@') + 1);
}

static void matched(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct walk *w = ctx;
    bool late = w->eval != NULL;

    (void)why;
    w->eval = NULL;
    w->hold_asked++;
    /* A list that cannot be read holds nothing back: mail is not lost by going. */
    if (st == ST_OK && val_bool(v, false)) {
        w->held[w->at_rcpt++] = 1;
        w->hold_asked = 0;
    }
    if (late)
        route_all(w);
}

/* hold_domains and queue_domains of the options, which may hold lookups. True: the
 * recipient at hand may be routed; false: it is held, or the answer is still to come. */
static bool not_held_by_option(struct walk *w, const struct rcpt *r)
{
    static const enum setting lists[] = { SET_hold_domains, SET_queue_domains };

    while (!w->force && w->hold_asked < (is_new(w) ? 2 : 1)) {
        enum setting which = lists[w->hold_asked];
        int all = setting_everybody(w->set, which, false);
        struct eval *eval;

        if (all == 1) {
            w->held[w->at_rcpt++] = 1;
            w->hold_asked = 0;
            return false;
        }
        if (all == 0) {
            w->hold_asked++;
            continue;
        }
        eval = policy_match(w->set->policy, setting_opt(which), w->t, domain_of(r), matched, w);
        if (eval)
            w->eval = eval;
        return false;
    }
    return true;
}

/* A hold an operator asked for, or a recipient that failed before and is not
 * due: another one of the message woke it. */
static bool waits(struct walk *w, const struct rcpt *r)
{
    if (w->force)
        return false;
    if (hold_domain(w->e, domain_of(r))) {
        w->held[w->at_rcpt] = 1;
        return true;
    }
    if (r->attempts && r->next_try > engine_now(w->e) + 1) {
        w->held[w->at_rcpt] = 2;
        return true;
    }
    return false;
}

void route_all(struct walk *w)
{
    w->t->phase = PH_ROUTE;
    while (w->at_rcpt < w->t->nrcpts && !w->eval) {
        const struct rcpt *r = &w->t->rcpts[w->at_rcpt];
        struct eval *eval;

        if (r->state != RCPT_PENDING || waits(w, r)) {
            w->at_rcpt++;
            continue;
        }
        if (!not_held_by_option(w, r))
            continue;
        w->hold_asked = 0;
        eval = policy_route(w->set->policy, w->t, r->addr, routed, w);
        if (eval)
            w->eval = eval;
    }
    if (w->eval)
        return;
    spool_note_clear(w->e->spool, w->id);
    w->noted = false;
    deliver_all(w);
}
