#include "engine/callout_inside.h"

#include <stdlib.h>

static void next_host(struct callout *c);
static void approach(struct callout *c);

/* ---- the end */

static void forget_asking(struct callout *c)
{
    shield_cancel(c->asking);
    c->asking = NULL;
    if (c->view)
        event_view_free(c->view);
    c->view = NULL;
}

void callout_free(struct callout *c)
{
    timer_clear(c->e->loop, &c->limit);
    forget_asking(c);
    link_forget(&c->use);
    settings_release(c->set);
    arena_free(&c->arena);
    free(c);
}

static void finish(struct callout *c, enum status st)
{
    callout_done *done = c->done;
    void *ctx = c->ctx;
    struct callout_end end;
    struct arena ends;

    c->end.st = st;
    c->end.host = c->host.name;
    c->end.ip = c->host.ip.v ? ip_text(&c->arena, c->host.ip) : STR("");
    c->end.several = c->w.nhosts > 1;
    end = c->end;
    timer_clear(c->e->loop, &c->limit);
    if (held_may(c, st)) {
        c->done = NULL;
        held_put(c, st == ST_OK);
        done(ctx, &end);
        return;
    }
    link_quit(&c->use);
    ends = c->arena;                    /* what the answer reads outlives the callout */
    c->arena = (struct arena){ 0 };
    callout_free(c);
    done(ctx, &end);
    arena_free(&ends);
}

/* What a host said or did that decides nothing; the next may do better. */
static void say(struct callout *c, struct str what)
{
    struct str ip = c->host.ip.v ? ip_text(&c->arena, c->host.ip) : STR("");

    c->end.text = arena_printf(&c->arena, "%.*s [%.*s] : %.*s", STR_ARG(c->host.name), STR_ARG(ip), STR_ARG(what));
}

static void say_answer(struct callout *c, struct str asked, struct str answer)
{
    c->end.asked = asked;
    c->end.answer = answer;
    say(c, arena_printf(&c->arena, "response to \"%.*s\" was: %.*s", STR_ARG(asked), STR_ARG(answer)));
}

static void refused(struct callout *c, const char *failure)
{
    c->end.failure = failure;
    finish(c, ST_NEVER);
}

static void give_up_host(struct callout *c)
{
    link_quit(&c->use);
    c->nrcpts = 0;
    c->taken = NULL;
    c->at_host++;
    next_host(c);
}

static void too_late(void *ctx)
{
    struct callout *c = ctx;

    forget_asking(c);
    link_forget(&c->use);
    say(c, STR("overall timeout for callout exceeded"));
    finish(c, ST_AGAIN);
}

/* ---- questions */

static void ask(struct callout *c, struct str rcpt, struct str sender, bool resume)
{
    c->rcpt = (struct client_rcpt){ .addr = rcpt };
    c->msg = (struct client_message){
        .arena = &c->arena, .probe = true, .resume = resume, .sender = sender, .rcpts = &c->rcpt, .n = 1,
        .size = c->step == ASK_ADDRESS ? c->w.size : 0,
    };
    link_send(&c->use, &c->msg);
}

static void ask_step(struct callout *c)
{
    struct str domain = c->w.at.domain;

    switch (c->step) {
    case ASK_RANDOM:
        ask(c, arena_printf(&c->arena, "%.*s@%.*s", STR_ARG(c->w.random), STR_ARG(domain)), c->w.sender, false);
        break;
    case ASK_ADDRESS:
        ask(c, c->w.address, c->w.sender, c->nrcpts > 0);
        break;
    case ASK_POSTMASTER:
        ask(c, arena_printf(&c->arena, "postmaster@%.*s", STR_ARG(domain)), c->w.postmaster_sender, false);
        break;
    case ASK_BARE:
        ask(c, STR("postmaster"), c->w.postmaster_sender, true);
        break;
    }
}

static void go_on(struct callout *c, enum callout_step next)
{
    c->step = next;
    ask_step(c);
}

/* ---- answers */

/* What is asked now was answered with yes. */
static void on_yes(struct callout *c)
{
    switch (c->step) {
    case ASK_RANDOM:                    /* it takes everything: asking about one address says nothing */
        c->end.random = CALLOUT_ACCEPT;
        c->end.failure = "random";
        finish(c, ST_OK);
        return;
    case ASK_ADDRESS:
        if (c->w.postmaster)
            go_on(c, ASK_POSTMASTER);
        else
            finish(c, ST_OK);
        return;
    case ASK_POSTMASTER:
    case ASK_BARE:
        c->end.postmaster = CALLOUT_ACCEPT;
        finish(c, ST_OK);
        return;
    }
}

static void on_no(struct callout *c)
{
    switch (c->step) {
    case ASK_RANDOM:
        c->end.random = CALLOUT_REJECT;
        c->end.asked = c->end.answer = c->end.text = (struct str){ 0 };
        go_on(c, ASK_ADDRESS);
        return;
    case ASK_ADDRESS:
        refused(c, "recipient");
        return;
    case ASK_POSTMASTER:
        if (c->w.full_postmaster) {
            go_on(c, ASK_BARE);
            return;
        }
        /* fall through */
    case ASK_BARE:
        c->end.postmaster = CALLOUT_REJECT;
        refused(c, "postmaster");
        return;
    }
}

/* The answer to MAIL: one that says never is about us or about the null sender. */
static void on_mail_refused(struct callout *c)
{
    say_answer(c, arena_printf(&c->arena, "MAIL FROM:<%.*s>", STR_ARG(c->msg.sender)), c->rcpt.text);
    if (c->msg.mail_code / 100 != 5) {
        give_up_host(c);
        return;
    }
    if (c->msg.sender.n == 0)
        c->end.domain = CALLOUT_REJECT_NULL;
    if (c->step == ASK_POSTMASTER)
        c->end.postmaster = CALLOUT_REJECT;
    refused(c, c->step == ASK_POSTMASTER ? "postmaster" : "mail");
}

static void on_answer(struct callout *c)
{
    if (c->msg.mail_code) {
        on_mail_refused(c);
        return;
    }
    if (c->rcpt.outcome != CLIENT_OK)
        say_answer(c, arena_printf(&c->arena, "RCPT TO:<%.*s>", STR_ARG(c->rcpt.addr)), c->rcpt.text);
    if (c->rcpt.outcome == CLIENT_OK)
        on_yes(c);
    else if (c->rcpt.outcome == CLIENT_NEVER)
        on_no(c);
    else
        give_up_host(c);
}

/* Some servers take one recipient a connection, and say so at RSET: the address
 * itself then gets a connection of its own. */
static bool second_connection(struct callout *c)
{
    if (c->end.random != CALLOUT_REJECT || c->step != ASK_ADDRESS || c->again)
        return false;
    c->again = true;
    next_host(c);
    return true;
}

static void broke(struct callout *c, const struct why *why)
{
    if (second_connection(c))
        return;
    if (c->nrcpts) {                    /* what was held has died: as if there had been nothing */
        c->nrcpts = 0;
        c->taken = NULL;
        next_host(c);
        return;
    }
    say(c, str_of(why->text[0] ? why->text : "connection dropped"));
    c->at_host++;
    next_host(c);
}

/* ---- the connection */

static void linked(struct link_user *u)
{
    struct callout *c = callout_of(u);

    /* It took our greeting: no refusal of everybody, whatever follows. */
    if (c->end.domain == CALLOUT_UNKNOWN)
        c->end.domain = CALLOUT_ACCEPT;
    c->step = c->w.random.n && !c->again ? ASK_RANDOM : ASK_ADDRESS;
    ask_step(c);
}

static void sent(struct link_user *u, bool reused)
{
    struct callout *c = callout_of(u);

    (void)reused;
    if (c->msg.mail_code || c->rcpt.code || c->rcpt.outcome == CLIENT_NEVER)
        on_answer(c);
    else
        broke(c, &u->why);
}

static void failed(struct link_user *u, const struct why *why, const char *kind, bool host_error, bool reused)
{
    struct callout *c = callout_of(u);

    (void)kind; (void)host_error; (void)reused;
    if (!c->done) {                     /* it was held, and is no more */
        held_let_go(c->e, c->conn, false);
        return;
    }
    if (u->refused == 0) {
        broke(c, why);
        return;
    }
    say_answer(c, arena_dup(&c->arena, u->asked), arena_dup(&c->arena, u->answer));
    if (u->refused / 100 == 5) {
        c->end.domain = CALLOUT_REJECT;
        refused(c, "mail");
    } else {
        c->at_host++;
        next_host(c);
    }
}

static struct event_view *view(struct link_user *u, const struct at_host *host, bool after)
{
    struct callout *c = callout_of(u);

    if (!c->done)
        return NULL;
    /* The transaction may be gone when an event of the past is read. */
    return after ? event_view_apart(c->w.t, &c->w.at, host) : event_view(c->w.t, &c->w.at, host, NULL, NULL);
}

static const struct link_ops ops = { linked, sent, failed, view };

/* ---- how the host is to be spoken to */

static void shield_known(void *ctx, enum status st, const struct why *why, const char *event)
{
    struct callout *c = ctx;

    c->asking = NULL;
    if (st == ST_OK) {
        c->use.shield = &c->shield;
        if (!link_request(&c->use))
            finish(c, ST_AGAIN);
        return;
    }
    if (event && event_wanted(c->set, "dane:fail", c->tr.name)) {
        struct event_view *v = event_view_apart(c->w.t, &c->w.at, &c->host);

        if (v)
            event_after(c->e, c->set, "dane:fail", v, str_of(event), 0);
    }
    say(c, str_of(why->text));
    c->at_host++;
    next_host(c);
}

static void approach(struct callout *c)
{
    struct shield_want w = {
        .e = c->e, .set = c->set, .tr = &c->tr, .host = &c->host, .found = &c->hosts[c->at_host], .callout = true, .arena = &c->arena,
    };
    struct shield_ask *k;

    c->use.shield = NULL;
    c->use.clear = false;
    if (c->tr.driver == DRIVER_LMTP) {
        if (!link_request(&c->use))
            finish(c, ST_AGAIN);
        return;
    }
    forget_asking(c);
    c->view = event_view(c->w.t, &c->w.at, &c->host, NULL, NULL);
    c->view->t.phase = PH_TRANSPORT;
    w.view = &c->view->t;
    k = shield_start(&w, &c->shield, shield_known, c);
    if (k)
        c->asking = k;
}

static void next_host(struct callout *c)
{
    const struct host *h;

    while (c->at_host < c->w.nhosts && !c->hosts[c->at_host].ip.v)
        c->at_host++;
    if (c->at_host >= c->w.nhosts) {
        finish(c, ST_AGAIN);
        return;
    }
    h = &c->hosts[c->at_host];
    c->found = *h;
    c->host = (struct at_host){ .name = h->name, .ip = h->ip, .port = h->port ? h->port : c->tr.port, .secure = h->secure };
    approach(c);
}

/* ---- starting */

/* The generation whose rules ask. */
static struct settings *settings_of(struct engine *e, const struct policy *p)
{
    for (size_t i = 0; i < e->npast; i++)
        if (e->past[i]->policy == p)
            return settings_hold(e->past[i]);
    return settings_hold(e->settings);
}

static void copy_want(struct callout *c, const struct callout_want *w)
{
    struct arena *a = &c->arena;

    c->w = *w;
    c->w.transport = NULL;
    c->w.address = arena_dup(a, w->address);
    c->w.original = arena_dup(a, w->original);
    c->w.sender = arena_dup(a, w->sender);
    c->w.random = arena_dup(a, w->random);
    c->w.postmaster_sender = arena_dup(a, w->postmaster_sender);
    c->w.at.transport = c->tr.name;
    c->w.at.router = arena_dup(a, w->at.router);
    c->hosts = arena_array(a, struct host, w->nhosts + 1);
    for (size_t i = 0; i < w->nhosts; i++)
        c->hosts[i] = host_dup(a, &w->hosts[i]);
    c->w.hosts = c->hosts;
}

static struct callout *callout_new(struct engine *e, const struct callout_want *w)
{
    struct callout *c = calloc(1, sizeof *c);

    if (!c)
        die("no memory for a callout");
    c->e = e;
    c->set = settings_of(e, w->policy);
    transport_read(&c->arena, w->transport, c->set->hostname, &c->tr);
    c->tr.connect_ms = w->connect_ms;
    c->tr.command_ms = w->answer_ms;
    c->use = (struct link_user){
        .ops = &ops, .e = e, .set = c->set, .tr = &c->tr, .host = &c->host, .arena = &c->arena,
        .fresh = true, .force = true, .urgent = true, .keep = true,
    };
    return c;
}

static void begin(struct callout *c, const struct callout_want *w)
{
    copy_want(c, w);
    c->end = (struct callout_end){ .st = ST_AGAIN };
    c->limit = (struct timer){ .fn = too_late, .ctx = c };
    timer_set(c->e->loop, &c->limit, w->whole_ms);
}

/* The recipient is asked about over what is held, which is taken out of the map meanwhile. */
static void join(struct callout *c, const struct callout_want *w)
{
    held_out(c);
    begin(c, w);
    c->at_host = 0;
    c->use.resting = false;
    c->end.domain = CALLOUT_ACCEPT;
    go_on(c, ASK_ADDRESS);
}

static bool usable(const struct callout_want *w)
{
    for (size_t i = 0; i < w->nhosts; i++)
        if (w->hosts[i].ip.v)
            return true;
    return false;
}

struct callout *callout_start(void *engine, const struct callout_want *w, callout_done *done, void *ctx)
{
    struct engine *e = engine;
    struct callout *c, *held = held_of(e, w->t->conn->serial);

    if (!usable(w)) {
        struct callout_end none = { .st = ST_AGAIN, .text = STR("no host address to ask at") };

        done(ctx, &none);
        return NULL;
    }
    c = callout_new(e, w);
    if (held && held_joins(held, w, &c->tr)) {
        callout_free(c);
        if (held_has_taken(held, w->original)) {     /* the same name again */
            struct callout_end again = { .st = ST_OK, .domain = CALLOUT_ACCEPT };

            w->t->held_rcpt = arena_dup(&w->t->arena, w->original);
            done(ctx, &again);
            return NULL;
        }
        held->done = done;
        held->ctx = ctx;
        join(held, w);
        return held;
    }
    held_let_go(e, w->t->conn->serial, false);
    c->done = done;
    c->ctx = ctx;
    begin(c, w);
    next_host(c);
    return c;
}

void callout_cancel(struct callout *c)
{
    callout_free(c);
}
