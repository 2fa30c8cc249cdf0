/*
 * remote - an attempt over SMTP or LMTP: host after host until all are settled
 */
#include "engine/attempt.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/history.h"
#include "engine/host.h"

enum { ERR_RCPT_4XX = -44, ERR_DATA_4XX = -46, ERR_RETRY = -53, ERR_LOCAL = -17, PARK_S = 60 };

static void next_host(struct attempt *a);
static bool ask_for_link(struct attempt *a);
static void approach(struct attempt *a);
static void host_failed(struct attempt *a);
static void log_host(struct attempt *a);

/* ---- hosts named by the transport */

static void add_host(struct attempt *a, struct host h)
{
    struct host *more = arena_array(&a->w->arena, struct host, a->nhosts + 1);

    if (a->nhosts)
        memcpy(more, a->hosts, a->nhosts * sizeof *more);
    more[a->nhosts] = h;
    a->hosts = more;
    a->nhosts++;
}

static void resolve_next(struct attempt *a);

static void resolved(void *ctx, const struct hosts_answer *ans)
{
    struct attempt *a = ctx;
    bool late = a->query != NULL;

    a->query = NULL;
    for (size_t i = 0; i < ans->n && ans->end == HOSTS_OK; i++) {
        struct host h = host_dup(&a->w->arena, &ans->host[i]);

        h.secure = h.secure && host_listed(&a->tr.dnssec_request, h.name, h.ip);
        if (!ip_is_loopback(h.ip) || a->tr.allow_localhost) {
            add_host(a, h);
        } else {
            a->failed.err = ERR_LOCAL;
            why_set(&a->failed, ST_AGAIN, "remote host address is the local host: %.*s", STR_ARG(h.name));
        }
    }
    if (ans->end == HOSTS_AGAIN)
        a->failed = ans->why;
    if (late)
        resolve_next(a);
}

static void resolve_one(struct attempt *a, struct str name)
{
    struct ip none = { 0 };
    struct hosts_want want = {
        .randomize = a->tr.hosts_randomize, .dnssec_require = host_listed(&a->tr.dnssec_require, name, none),
    };
    struct host h = { .name = name, .preference = -1 };
    struct dns *dns = attempt_engine(a)->dns;
    struct hosts_query *q;
    void *before;

    if (ip_parse(name, &h.ip)) {
        struct hosts_answer one = { .end = HOSTS_OK, .host = &h, .n = 1 };

        resolved(a, &one);
        return;
    }
    a->asker = (struct policy_asker){ a->w->set->policy, a->w->t, &a->items->at };
    before = dns_asker(dns, &a->asker);
    q = hosts_ask(dns, name, &want, resolved, a);
    dns_asker(dns, before);
    if (q)
        a->query = q;
}

static void resolve_next(struct attempt *a)
{
    size_t n = a->tr.nhosts + a->tr.nfallback;
    bool own = a->items->nhosts == 0 || a->tr.hosts_override;

    while (a->resolving < n && !a->query) {
        size_t i = a->resolving++;

        if (i < a->tr.nhosts && own)
            resolve_one(a, a->tr.hosts[i]);
        else if (i >= a->tr.nhosts && a->items->nfallback == 0)
            resolve_one(a, a->tr.fallback[i - a->tr.nhosts]);
    }
    if (a->query)
        return;
    if (a->nhosts == 0) {
        attempt_all(a, ITEM_AGAIN, a->failed.err, "*", str_of(a->failed.text[0] ? a->failed.text : "no host found for transport"));
        attempt_end(a);
        return;
    }
    next_host(a);
}

void remote_start(struct attempt *a)
{
    struct item *it = a->items;

    a->failed_kind = "*";
    if (a->tr.driver == DRIVER_LMTP) {
        add_host(a, (struct host){ .name = a->tr.socket.n ? a->tr.socket : STR("localhost"), .preference = -1 });
        next_host(a);
        return;
    }
    if (it->nhosts && !a->tr.hosts_override)
        for (size_t i = 0; i < it->nhosts; i++)
            add_host(a, it->hosts[i]);
    for (size_t i = it->nhosts; i < it->nhosts + it->nfallback && it->nfallback; i++)
        add_host(a, it->hosts[i]);
    resolve_next(a);
}

/* ---- the end: what no host took is for later */

static void give_up(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    bool skipped = a->tried == 0 && a->skipped_until, hopeless = skipped && !a->young_skipped;
    bool never = hopeless || (a->tried > 0 && a->impossible == a->tried && !a->skipped_until);

    for (struct item *it = a->items; it; it = it->peer) {
        if (it->end != ITEM_OPEN)
            continue;
        it->end = never ? ITEM_NEVER : ITEM_AGAIN;
        if (it->error.n)
            continue;                   /* a host's word about this recipient */
        it->host = a->host;
        it->err = skipped ? ERR_RETRY : a->failed.err;
        it->kind = a->failed_kind;
        it->not_tried = skipped && !hopeless;
        it->next_try = a->skipped_until;
        it->error = hopeless ? STR("retry time not reached for any host after a long failure period")
                  : skipped ? STR("retry time not reached for any host")
                            : arena_dup(&a->w->arena, str_of(a->failed.text));
    }
    if (!skipped && event_wanted(a->w->set, "msg:defer", a->tr.name)) {
        walk_hold(a->w);
        event_after(e, a->w->set, "msg:defer", event_view(a->w->t, &a->items->at, &a->host, a->w, walk_release),
                    str_of(a->failed.text), a->failed.err);
    }
    attempt_end(a);
}

/* Nothing was tried, and the log has nothing to say of it. */
static void put_off(struct attempt *a, int64_t seconds)
{
    for (struct item *it = a->items; it; it = it->peer)
        if (it->end == ITEM_OPEN) {
            it->end = ITEM_AGAIN;
            it->not_tried = true;
            it->kind = "park";
            it->next_try = engine_now(attempt_engine(a)) + seconds;
        }
    attempt_end(a);
}

static void park(struct attempt *a)
{
    links_park(&a->use, a->w->id);
    put_off(a, PARK_S);
}

/* Whoever watches a world's deliveries sees each with the message as it went. */
static void message_of(struct attempt *a, struct buf *out)
{
    buf_add(out, a->header);
    buf_add(out, STR("\r\n"));
    for (uint64_t at = 0; at < attempt_body_size(a);) {
        ssize_t n = attempt_read_body(a, at, buf_room(out, 65536), 65536);

        if (n <= 0)
            break;
        buf_grew(out, (size_t)n);
        at += (uint64_t)n;
    }
}

static void show_delivery(struct attempt *a, const struct item *it, struct str message)
{
    struct engine *e = attempt_engine(a);
    struct delivery_seen seen = {
        .id = str_of(a->w->id.s), .recipient = it->at.address, .transport = a->tr.name, .host = a->host.name, .message = message,
    };

    e->on_delivery(e->on_delivery_ctx, &seen);
}

/* In a world without sockets and without scripted peers the first host takes
 * everything. */
static void capture(struct attempt *a)
{
    struct buf message = { 0 };

    message_of(a, &message);
    for (struct item *it = a->items; it; it = it->peer) {
        show_delivery(a, it, buf_str(&message));
        it->end = ITEM_DONE;
        it->host = a->host;
        it->signed_by = a->signed_by;
        settle_delivered(a->w, it, STR(""), STR(""), clock_wall_us() - a->began_us, false, it != a->items, false);
    }
    buf_free(&message);
    attempt_end(a);
}

static bool open_items(const struct attempt *a)
{
    for (const struct item *it = a->items; it; it = it->peer)
        if (it->end == ITEM_OPEN)
            return true;
    return false;
}

static void next_host(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct host_hint hint;

    a->use.fresh = false;
    a->msg.n = 0;
    if (!open_items(a)) {
        attempt_end(a);
        return;
    }
    for (; a->at_host < a->nhosts && a->at_host < a->tr.hard_max_try && a->tried < a->tr.max_try; a->at_host++) {
        const struct host *h = &a->hosts[a->at_host];

        a->host = (struct at_host){ .name = h->name, .ip = h->ip, .port = h->port ? h->port : a->tr.port, .secure = h->secure };
        a->hint_seen = host_hint_get(e, &a->host, a->tr.include_ip, &hint);
        if (a->hint_seen && hint.next > engine_now(e) && !a->w->force && (!hint.expired || a->tr.delay_after_cutoff)) {
            if (a->skipped_until == 0 || hint.next < a->skipped_until)
                a->skipped_until = hint.next;
            a->young_skipped = a->young_skipped || !hint.expired;
            history_skip(a, hint.next);
            continue;
        }
        history_begin(a);
        event_view_host(a->view, &a->host);
        if (e->cfg.hermetic && !e->on_connect && e->on_delivery)
            capture(a);
        else
            approach(a);
        return;
    }
    give_up(a);
}

/* ---- how the host is to be spoken to */

static void tell_dane(struct attempt *a, const char *word)
{
    struct walk *w = a->w;

    if (!word || !event_wanted(w->set, "dane:fail", a->tr.name))
        return;
    walk_hold(w);
    event_after(attempt_engine(a), w->set, "dane:fail", event_view(w->t, &a->items->at, &a->host, w, walk_release), str_of(word), 0);
}

/* What may stand in a certificate for this domain's host may not for another one's (DANE-15). */
static void hold_back(struct attempt *a)
{
    struct attempt *more = NULL;

    for (struct item **at = &a->items->peer; *at;) {
        if ((*at)->end == ITEM_OPEN && !str_same_fold((*at)->at.domain, a->items->at.domain))
            attempt_move_on(a, at, &more);
        else
            at = &(*at)->peer;
    }
}

static void shield_known(void *ctx, enum status st, const struct why *why, const char *event)
{
    struct attempt *a = ctx;

    a->asking = NULL;
    if (st == ST_OK) {
        if (a->shield.also_n)
            hold_back(a);
        a->use.shield = &a->shield;
        if (!ask_for_link(a))
            park(a);
        return;
    }
    a->failed = *why;
    a->failed_kind = "*";
    if (!event) {                       /* a function of an option: no host is to blame */
        attempt_all(a, ITEM_AGAIN, -1, "*", arena_printf(&a->w->arena, "transport %.*s: %s", STR_ARG(a->tr.name), why->text));
        attempt_end(a);
        return;
    }
    tell_dane(a, event);
    history_note(a, "failed", NULL, str_of(a->failed.text));
    if (st == ST_AGAIN) {
        host_failed(a);
        return;
    }
    log_host(a);
    a->impossible++;
    a->tried++;
    a->at_host++;
    next_host(a);
}

static void approach(struct attempt *a)
{
    struct shield_want w = {
        .e = attempt_engine(a), .set = a->w->set, .tr = &a->tr, .host = &a->host, .found = &a->hosts[a->at_host],
        .view = &a->view->t, .arena = &a->w->arena,
    };
    struct shield_ask *k;

    a->use.shield = NULL;
    a->use.clear = false;
    a->use.id = str_of(a->w->id.s);
    if (a->tr.driver == DRIVER_LMTP) {  /* a socket of this machine, or a program */
        if (!ask_for_link(a))
            park(a);
        return;
    }
    k = shield_start(&w, &a->shield, shield_known, a);
    if (k)
        a->asking = k;
}

/* ---- one transaction */

static ssize_t read_body(void *ctx, char *p, size_t n)
{
    struct attempt *a = ctx;
    uint64_t left = attempt_body_size(a) - a->read_at;
    ssize_t got;

    if (left == 0)
        return 0;
    got = attempt_read_body(a, a->read_at, p, n < left ? n : (size_t)left);
    if (got == 0) {
        errno = EIO;                    /* the body is shorter than it was kept */
        return -1;
    }
    if (got > 0)
        a->read_at += (uint64_t)got;
    return got;
}

/* A message with more recipients than a transaction may have is sent again from its start. */
static bool rewind_body(void *ctx)
{
    struct attempt *a = ctx;

    a->read_at = 0;
    return true;
}

static struct attempt *attempt_of(struct link_user *u)
{
    return (struct attempt *)(void *)((char *)u - offsetof(struct attempt, use));
}

/* Who wrote it, for a server that knows us: what the transport says, else what we believed ourselves. */
static struct str auth_sender(const struct attempt *a)
{
    struct str known = a->w->t->conn->auth_sender;

    return a->tr.auth_sender.p ? a->tr.auth_sender : known.n ? known : (struct str){ NULL, 0 };
}

static void linked(struct link_user *u)
{
    struct attempt *a = attempt_of(u);
    struct walk *w = a->w;
    size_t n = 0;

    if (!a->rcpts) {
        a->rcpts = arena_array(&w->arena, struct client_rcpt, a->nitems);
        a->by_rcpt = arena_array(&w->arena, struct item *, a->nitems);
    }
    for (struct item *it = a->items; it; it = it->peer) {
        if (it->end != ITEM_OPEN)
            continue;
        a->rcpts[n] = (struct client_rcpt){ .addr = attempt_rcpt(a, it) };
        a->by_rcpt[n++] = it;
    }
    a->read_at = 0;
    a->msg = (struct client_message){
        .arena = &w->arena, .sender = a->msg.sender, .rcpts = a->rcpts, .n = n, .body_8bit = a->filtered ? a->filtered_8bit : w->t->body_8bit,
        .auth_sender = auth_sender(a), .auth_force = a->tr.auth_force,
        .size = a->header.n + 2 + attempt_body_size(a), .header = a->header, .max_line = a->filtered ? a->filtered_max_line : (uint32_t)w->t->max_line,
        .read = read_body, .rewind = rewind_body, .ctx = a,
    };
    link_send(&a->use, &a->msg);
}

/* A connection was closed under us before it took this message: another one
 * is tried, the host has done nothing wrong. */
static bool died_unused(const struct attempt *a, bool reused)
{
    if (!reused || a->use.fresh)
        return false;
    for (size_t i = 0; i < a->msg.n; i++)
        if (a->rcpts[i].code || a->rcpts[i].outcome != CLIENT_AGAIN)
            return false;
    return true;
}

static void deferred_here(struct attempt *a, struct item *it, const struct client_rcpt *r)
{
    struct engine *e = attempt_engine(a);

    it->error = r->text.n ? r->text : STR("no answer from the remote server");
    it->host = a->host;
    it->err = r->by_rcpt ? ERR_RCPT_4XX : ERR_DATA_4XX;
    it->kind = r->by_rcpt ? "rcpt_4xx" : "data_4xx";
    if (r->by_rcpt && event_wanted(a->w->set, "msg:rcpt:host:defer", a->tr.name)) {
        walk_hold(a->w);
        event_after(e, a->w->set, "msg:rcpt:host:defer", event_view(a->w->t, &it->at, &a->host, a->w, walk_release), it->error, it->err);
    }
}

/* Takes over what the client settled. True if something was answered. */
static void take_results(struct attempt *a, bool reused)
{
    struct walk *w = a->w;
    bool further = false, watched = attempt_engine(a)->on_delivery != NULL;
    struct buf message = { 0 };

    for (size_t i = 0; i < a->msg.n; i++) {
        struct client_rcpt *r = &a->rcpts[i];
        struct item *it = a->by_rcpt[i];

        if (r->outcome == CLIENT_OK) {
            CRASH_POINT("deliver.sent");
            it->end = ITEM_DONE;
            it->host = a->host;
            it->signed_by = a->signed_by;
            if (watched && message.n == 0)
                message_of(a, &message);
            if (watched)
                show_delivery(a, it, buf_str(&message));
            settle_delivered(w, it, a->tr.lmtp && r->text.n ? r->text : a->msg.confirmation, STR(""),
                             clock_wall_us() - a->began_us, transport_is_local(&a->tr), further, reused);
            further = true;
        } else if (r->outcome == CLIENT_NEVER) {
            it->end = ITEM_NEVER;
            it->host = a->host;
            it->err = 0;
            it->error = r->text.n ? r->text : STR("refused by the remote server");
            history_note(a, "refused", it, it->error);
        } else if (r->code) {
            deferred_here(a, it, r);
            history_note(a, "deferred", it, it->error);
        }
    }
    buf_free(&message);
}

static void sent(struct link_user *u, bool reused)
{
    struct attempt *a = attempt_of(u);

    if (u->kind) {                      /* what the peer left unanswered has this as its reason */
        a->failed = u->why;
        a->failed_kind = u->kind;
    }
    take_results(a, reused);
    if (u->kind && open_items(a))
        history_note(a, "failed", NULL, str_of(a->failed.text));
    if (a->hint_seen)
        host_hint_worked(attempt_engine(a), &a->host, a->tr.include_ip);
    a->tried++;
    a->at_host++;
    next_host(a);
}

static void log_host(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct arena ar = { 0 };

    buf_addf(&e->line, "H=%.*s [%.*s]", STR_ARG(a->host.name), STR_ARG(ip_text(&ar, a->host.ip)));
    if (log_sel_has(a->w->set->log, LS_outgoing_port))
        buf_addf(&e->line, ":%u", a->host.port);
    buf_addf(&e->line, " %s", a->failed.text);
    engine_log(e, LOG_MAIN, str_of(a->w->id.s));
    arena_free(&ar);
}

static void rule_known(void *ctx, enum status st, const struct retry_rule *r)
{
    struct attempt *a = ctx;

    a->eval = NULL;
    host_hint_failed(attempt_engine(a), a->w->set, &a->host, a->tr.include_ip, st == ST_OK && r ? r : &retry_default);
    a->tried++;
    a->at_host++;
    next_host(a);
}

static void host_failed(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct walk *w = a->w;
    struct eval *eval;

    log_host(a);
    if (event_wanted(w->set, "msg:host:defer", a->tr.name)) {
        struct str data = arena_printf(&w->arena, "%s", a->failed.text);

        walk_hold(w);
        event_after(e, w->set, "msg:host:defer", event_view(w->t, &a->items->at, &a->host, w, walk_release), data, a->failed.err);
    }
    eval = policy_retry(w->set->policy, &a->view->t, STR(""), a->host.name, str_of(a->failed_kind), rule_known, a);
    if (eval)
        a->eval = eval;
}

static void failed(struct link_user *u, const struct why *why, const char *kind, bool host_error, bool reused)
{
    struct attempt *a = attempt_of(u);

    if (u->put_off) {
        put_off(a, 0);
        return;
    }
    if (died_unused(a, reused)) {       /* likewise one that did not live to take it (TPRX-T4) */
        a->use.fresh = true;
        a->msg.n = 0;
        if (!ask_for_link(a))
            park(a);
        return;
    }
    if (a->msg.n)
        take_results(a, reused);
    a->msg.n = 0;
    a->failed = *why;
    a->failed_kind = kind;
    if (!a->failed.text[0])
        why_set(&a->failed, ST_AGAIN, "connection closed by the remote server");
    history_note(a, "failed", NULL, str_of(a->failed.text));
    if (host_error && open_items(a)) {
        host_failed(a);
        return;
    }
    a->tried++;
    a->at_host++;
    next_host(a);
}

static struct event_view *view(struct link_user *u, const struct at_host *host, bool after)
{
    struct attempt *a = attempt_of(u);

    (void)after;                        /* the walk is held for as long as it is read */
    walk_hold(a->w);
    return event_view(a->w->t, &a->items->at, host, a->w, walk_release);
}

static bool own_rights(const struct attempt *a)
{
    int64_t uid = attempt_uid(a);

    return uid == -1 || uid == (int64_t)geteuid();
}

static bool ask_for_link(struct attempt *a)
{
    static const struct link_ops ops = { linked, sent, failed, view };

    a->use.ops = &ops;
    a->use.e = attempt_engine(a);
    a->use.set = a->w->set;
    a->use.tr = &a->tr;
    a->use.host = &a->host;
    a->use.arena = &a->w->arena;
    a->use.force = a->w->force;
    if (a->tr.driver == DRIVER_LMTP && !a->tr.socket.n && !own_rights(a))
        a->use.as_user = attempt_user(a, attempt_uid(a));
    return link_request(&a->use);
}

void remote_cancel(struct attempt *a)
{
    if (a->query)
        hosts_cancel(a->query);
    a->query = NULL;
    shield_cancel(a->asking);
    a->asking = NULL;
    link_forget(&a->use);
}
