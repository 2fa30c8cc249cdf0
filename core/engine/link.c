/*
 * One link: the conversation, idling, the end (link_dial.c: its beginning). What
 * follows from a callback of the client happens outside of it, in link_step.
 */
#include "engine/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "local/local.h"
#include "net/sock.h"

enum { IDLE_MS = 5000, QUIT_MS = 10000 };

/* ---- a link's life */

static void link_arm(struct link *l)
{
    int64_t due = l->client ? smtp_client_deadline(l->client) : 0, now = clock_mono_ms();

    if (l->idle)
        return;                         /* its timer ends the idling */
    if (due)
        timer_set(l->e->loop, &l->timer, due > now ? due - now : 0);
    else
        timer_clear(l->e->loop, &l->timer);
}

void link_flush(struct link *l)
{
    struct buf *out;

    while (l->stream && l->client && (out = smtp_client_output(l->client))->n) {
        stream_write(l->stream, buf_str(out));
        buf_clear(out);
        if (stream_queued(l->stream) > 0)
            break;
        smtp_client_drained(l->client);
    }
    if (l->client && smtp_client_state(l->client) == CLIENT_READY)
        buf_free(smtp_client_output(l->client));
    if (l->state == LINK_OPEN)
        link_arm(l);
}

/* QUIT goes out as the connection closes; nobody waits for its answer. */
void link_end(struct link *l)
{
    l->idle = false;
    timer_clear(l->e->loop, &l->timer);
    smtp_client_quit(l->client);
    link_flush(l);
    l->state = LINK_CLOSED;
    link_step_soon(l);
}

/* Who asks on behalf of a session's transaction is waited for, as the transaction is. */
void link_put_off(struct link *l)
{
    bool early = l->state == LINK_ASKING || l->state == LINK_CONNECTING || l->shake || l->shaking;

    if (!early || !l->user || l->user->urgent)
        return;
    l->shake = l->shaking = l->fell_back = false;
    l->put_off = true;
    l->state = LINK_CLOSED;
    link_step_soon(l);
}

void link_failed(struct link *l, const char *kind)
{
    l->state = LINK_CLOSED;
    l->kind = kind;
    l->host_error = true;
    link_step_soon(l);
}

static size_t link_input(void *ctx, struct str bytes)
{
    struct link *l = ctx;
    size_t n;

    l->heard = true;
    n = l->client ? smtp_client_input(l->client, bytes) : bytes.n;

    link_flush(l);
    return n;
}

static void link_flushed(void *ctx)
{
    struct link *l = ctx;

    if (!l->client)
        return;
    smtp_client_drained(l->client);
    link_flush(l);
}

void link_ended(void *ctx, const struct why *why)
{
    struct link *l = ctx;

    l->mute_end = l->local && !l->heard;        /* the program never was: why, the local process is about to say */
    if (l->client && !l->mute_end)
        smtp_client_eof(l->client, why);
    link_flush(l);
}

static const struct stream_user link_user = { .input = link_input, .flushed = link_flushed, .ended = link_ended };

/* ---- the client's callbacks */

struct event_view *link_view(struct link *l, const char *name, bool after)
{
    struct link_user *u = l->user;

    if (!u || !event_wanted(l->set, name, u->tr->name))
        return NULL;
    return u->ops->view(u, &l->host, after);
}

static void connect_allowed(void *ctx, struct str objection)
{
    struct link *l = ctx;

    l->event = NULL;
    if (objection.n) {
        why_set(&l->why, ST_AGAIN, "deferred by smtp:connect event expansion: %.*s", STR_ARG(objection));
        l->kind = "*";
        link_end(l);
    } else {
        smtp_client_go(l->client);
        link_flush(l);
    }
}

static void on_banner(void *ctx, struct str text)
{
    struct link *l = ctx;
    struct event_view *v = link_view(l, "smtp:connect", false);

    if (v) {
        struct event_run *r = event_before(l->e, l->set, "smtp:connect", v, text, connect_allowed, l);

        if (r)
            l->event = r;
        return;
    }
    smtp_client_go(l->client);
}

static void on_ready(void *ctx)
{
    struct link *l = ctx;
    struct str hello = smtp_client_hello(l->client);
    struct event_view *v = hello.n ? link_view(l, "smtp:ehlo", true) : NULL;

    if (v)
        event_after(l->e, l->set, "smtp:ehlo", v, hello, 0);
    link_step_soon(l);
}

static void on_sent(void *ctx, struct client_message *m)
{
    struct link *l = ctx;

    (void)m;
    l->sent = true;
    link_step_soon(l);
}

static void on_closed(void *ctx, const struct why *why, bool host_error)
{
    struct link *l = ctx;

    if (l->why.text[0] == 0 && why)
        l->why = *why;
    l->host_error = l->host_error || host_error;
    l->state = LINK_CLOSED;
    link_step_soon(l);
}

static const struct smtp_client_ops client_ops = {
    .banner = on_banner, .ready = on_ready, .starttls = link_tls_heard, .auth = link_login_heard, .sent = on_sent, .closed = on_closed,
};

/* ---- a connection */

static void on_timer(void *ctx)
{
    struct link *l = ctx;

    if (l->idle) {
        link_end(l);
        return;
    }
    if (l->shaking) {
        link_tls_late(l);
        return;
    }
    if (l->state == LINK_CONNECTING) {
        why_set(&l->why, ST_AGAIN, "Connection timed out");
        l->why.err = ETIMEDOUT;
        link_failed(l, "timeout_connect");
        return;
    }
    if (l->client && l->state == LINK_OPEN) {
        if (smtp_client_deadline(l->client) > clock_mono_ms()) {
            link_arm(l);
            return;
        }
        l->timed_out = true;
        smtp_client_timeout(l->client);
        link_flush(l);
    }
}

void link_talk(struct link *l)
{
    const struct transport *tr = l->user->tr;
    struct smtp_client_config c = {
        .helo = tr->helo,
        .lmtp = tr->lmtp,
        .avoid_esmtp = host_listed(&tr->avoid_esmtp, l->host.name, l->host.ip),
        .avoid_pipelining = host_listed(&tr->avoid_pipelining, l->host.name, l->host.ip),
        .greeting_ms = tr->command_ms, .command_ms = tr->command_ms, .data_ms = tr->data_ms, .final_ms = tr->final_ms,
        .max_rcpt = tr->max_rcpt,
        .size_addition = (int32_t)tr->size_addition,
        .line_max = tr->line_max > 0 ? (uint32_t)tr->line_max : 0,
        .ignore_quota = tr->ignore_quota,
    };

    l->state = LINK_OPEN;
    l->may_log_in = true;
    l->client = smtp_client_new(&c, &client_ops, l);
    engine_count(l->e, COUNT_outbound_connections, 1);
    engine_count(l->e, COUNT_outbound_now, 1);
    link_flush(l);
}

void link_open(struct link *l, int fd)
{
    const struct shield *s = l->user->shield;
    struct sock_addr local = { 0 };

    timer_clear(l->e->loop, &l->timer);
    if (sock_local(fd, &local)) {
        l->host.from_ip = local.ip;
        l->host.from_port = local.port;
    }
    l->stream = stream_new(l->e->loop, fd, &link_user, l);
    l->may_secure = true;
    if (s && s->smtps)
        link_tls_shake(l);
    else
        link_talk(l);
}

char *name_copy(struct str s)
{
    char *z = malloc(s.n + 1);

    if (!z)
        die("no memory for a name of %zu bytes", s.n);
    if (s.n)
        memcpy(z, s.p, s.n);
    z[s.n] = 0;
    return z;
}

void link_open_for(struct dest *d, struct link_user *u)
{
    struct link *l = calloc(1, sizeof *l);

    if (!l)
        die("no memory for a connection");
    l->e = d->e;
    l->set = settings_hold(u->set);
    l->dest = d;
    l->user = u;
    u->link = l;
    l->fd = -1;
    l->kind = "*";
    l->host = *u->host;
    l->host.tls = (struct at_tls){ .tlsa_usage = u->host->tls.tlsa_usage };
    l->host.name = (struct str){ name_copy(u->host->name), u->host->name.n };
    l->max_messages = u->tr->max_messages;
    l->timer = (struct timer){ .fn = on_timer, .ctx = l };
    l->next = d->links;
    l->at = &d->links;
    if (l->next)
        l->next->at = &l->next;
    d->links = l;
    d->nlinks++;
    link_dial(l);
}

void link_free(struct link *l)
{
    struct dest *d = l->dest;
    struct engine *e = l->e;
    uint64_t wake;

    if (l->event)
        event_cancel(l->event);
    link_login_cancel(l);
    free((void *)(uintptr_t)l->host.auth.p);
    if (l->watch)
        watch_free(l->watch);
    if (l->fd >= 0)
        close(l->fd);
    if (l->client) {
        smtp_client_free(l->client);
        engine_count(e, COUNT_outbound_now, -1);
    }
    if (l->stream)
        stream_close(l->stream, QUIT_MS);
    if (l->program)
        program_cancel(l->program);
    if (l->local)
        local_cancel(l->local);
    timer_clear(e->loop, &l->timer);
    if (l->stepping)
        loop_forget(e->loop, &l->step);
    if (l->next)
        l->next->at = l->at;
    *l->at = l->next;
    d->nlinks--;
    wake = slot_give(e->shared, e->cfg.worker, str_of(d->slot));
    if (wake && e->cfg.wake)
        e->cfg.wake(e->cfg.ctx, wake);
    free((void *)(uintptr_t)l->host.name.p);
    arena_free(&l->room);
    settings_release(l->set);
    free(l);
}

/* ---- what happens next, outside of everybody's callbacks */

static void close_event(struct link *l)
{
    struct event_view *v = l->client ? link_view(l, "tcp:close", true) : NULL;

    if (v)
        event_after(l->e, l->set, "tcp:close", v, STR(""), 0);
}

/* What is known of the connection, for the log and for events. */
static void show(struct link *l, struct link_user *u)
{
    uint8_t usage = u->host->tls.tlsa_usage;

    link_tls_keep(l);
    u->host->from_ip = l->host.from_ip;
    u->host->from_port = l->host.from_port;
    if (l->client) {
        u->host->pipelining = smtp_client_pipelining(l->client);
        memcpy(u->host->start, smtp_client_start(l->client), strlen(smtp_client_start(l->client)) + 1);
    }
    u->host->auth = l->host.auth.n ? arena_dup(u->arena, l->host.auth) : (struct str){ 0 };
    u->host->tls = at_tls_dup(u->arena, &l->host.tls);
    u->host->tls.tlsa_usage = usage;
}

static void take_back(struct link *l, struct link_user *u)
{
    show(l, u);
    l->user = NULL;
    u->link = NULL;
}

/* TLS failed where it may be done without: the user is in line again, for a connection in clear. */
static bool goes_on_in_clear(struct link_user *u, const struct why *why)
{
    struct arena a = { 0 };

    log_text(LOG_MAIN, u->id, arena_printf(&a, "%s: delivering unencrypted to H=%.*s [%.*s] (not in hosts_require_tls)", why->text,
                                           STR_ARG(u->host->name), STR_ARG(ip_text(&a, u->host->ip))));
    arena_free(&a);
    u->clear = true;
    return link_request(u);
}

static void link_over(struct link *l)
{
    struct dest *d = l->dest;
    struct link_user *u = l->user;
    struct why why = l->why;
    const char *kind = l->kind;
    bool sent = l->sent, host_error = l->host_error;
    bool reused = l->client && smtp_client_messages(l->client) > (sent ? 1u : 0u);
    struct smtp_client *client = l->client;
    bool in_clear = l->fell_back && !sent;

    if (l->timed_out && why.err == 0) {
        why.err = ETIMEDOUT;
        kind = "timeout";
    }
    close_event(l);
    link_login_cancel(l);
    if (u) {
        take_back(l, u);
        u->kind = kind;
        u->why = why;
        u->put_off = l->put_off;
        u->refused = client ? smtp_client_refused(client, &u->asked, &u->answer) : 0;
    }
    l->client = NULL;                   /* its words are read below */
    link_free(l);
    if (client)
        engine_count(d->e, COUNT_outbound_now, -1);
    if (u && in_clear && goes_on_in_clear(u, &why))
        ;                               /* it will hear of its new connection */
    else if (u && sent && !host_error)
        u->ops->sent(u, reused);
    else if (u)
        u->ops->failed(u, &why, kind, host_error, reused);
    smtp_client_free(client);
    dest_serve(d);
}

/* A rule that wants to see tcp:close sees it before the results of the last
 * message, as in the original (EV-08): so the connection is not kept then. */
static bool closes_first(struct link *l)
{
    return !l->dest->first && event_wanted(l->set, "tcp:close", l->user->tr->name);
}

static void go_idle(struct link *l)
{
    struct dest *d = l->dest;

    l->idle = true;
    timer_set(l->e->loop, &l->timer, IDLE_MS);
    if (smtp_client_messages(l->client) >= l->max_messages || l->e->draining
        || (!d->first && slot_wanted(l->e->shared, str_of(d->slot))))
        timer_set(l->e->loop, &l->timer, 0);
}

static void link_done(struct link *l)
{
    struct link_user *u = l->user;
    struct dest *d = l->dest;
    bool reused = smtp_client_messages(l->client) > 1;

    if (smtp_client_state(l->client) != CLIENT_READY)
        return;                         /* closed() follows */
    u->kind = NULL;
    if (u->keep) {
        l->sent = false;
        u->ops->sent(u, reused);
        return;
    }
    if (closes_first(l) || (l->secured && (u->shield->once || (u->shield->anew && u->shield->smtps)))) {
        link_tls_keep(l);
        link_end(l);
        return;
    }
    l->sent = false;
    take_back(l, u);
    go_idle(l);
    u->ops->sent(u, reused);
    dest_serve(d);
}

/* A new connection logs in before it is anybody's. */
static void link_ready(struct link *l)
{
    bool first = l->may_log_in, clear = l->may_secure;

    l->may_secure = false;
    if (clear && link_tls_begin(l))
        return;
    l->may_log_in = false;
    if (first && link_login_begin(l))
        return;
    show(l, l->user);
    l->user->ops->linked(l->user);
}

static void link_step(void *ctx)
{
    struct link *l = ctx;

    l->stepping = false;
    if (l->state == LINK_CLOSED)
        link_over(l);
    else if (l->shake)
        link_tls_shake(l);
    else if (l->sent)
        link_done(l);
    else if (l->user && !l->user->resting && !l->login && l->client && smtp_client_state(l->client) == CLIENT_READY)
        link_ready(l);
}

void link_step_soon(struct link *l)
{
    if (l->stepping)
        return;
    l->stepping = true;
    l->step = (struct job){ .fn = link_step, .ctx = l };
    loop_soon(l->e->loop, &l->step);
}

void link_give(struct link *l, struct link_user *u)
{
    const struct transport *tr = u->tr;

    l->idle = false;
    timer_clear(l->e->loop, &l->timer);
    l->user = u;
    u->link = l;
    smtp_client_pace(l->client, tr->command_ms, tr->data_ms, tr->final_ms);
    engine_count(l->e, COUNT_outbound_reused, 1);
    if (!link_tls_anew(l))
        link_step_soon(l);
}

void link_send(struct link_user *u, struct client_message *m)
{
    struct link *l = u->link;

    smtp_client_send(l->client, m);
    link_flush(l);
}

void link_more(struct link_user *u)
{
    struct link *l = u->link;

    if (!l || !l->client || stream_queued(l->stream) > 0)
        return;
    smtp_client_drained(l->client);
    link_flush(l);
}

static bool at_rest(const struct link *l)
{
    return l->state == LINK_OPEN && !l->sent && smtp_client_state(l->client) == CLIENT_READY;
}

bool link_is_open(const struct link_user *u)
{
    return u->link && at_rest(u->link) && smtp_client_open(u->link->client);
}

void link_release(struct link_user *u)
{
    struct link *l = u->link;
    struct dest *d;

    if (!l)
        return;
    if (!at_rest(l)) {
        link_forget(u);
        return;
    }
    d = l->dest;
    take_back(l, u);
    go_idle(l);
    dest_serve(d);
}

void link_quit(struct link_user *u)
{
    struct link *l = u->link;

    if (!l)
        return;
    if (!at_rest(l)) {
        link_forget(u);
        return;
    }
    close_event(l);
    take_back(l, u);
    link_end(l);
}
