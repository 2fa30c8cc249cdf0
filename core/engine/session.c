#include "engine/session.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/callout.h"
#include "engine/counted.h"
#include "engine/cutthrough.h"
#include "engine/debug.h"
#include "engine/logline.h"
#include "engine/prove.h"
#include "engine/secure.h"
#include "engine/space.h"

enum { LINGER_MS = 5000, SLOW_MS = 20, SMALL_BODY = 128 << 10 };

/* ---- what the server asks of us */

static enum status begin(void *ctx, struct txn *t, struct why *why)
{
    struct session *s = ctx;
    enum status st;

    if (!engine_has_room(s->e, s->set, t->size_declared, why))
        return ST_AGAIN;
    st = spool_draft(s->e->spool, &s->draft, why);
    if (st == ST_OK) {
        t->id = draft_id(s->draft);
        keep_lend_body(t, s->draft);
    } else {
        s->draft = NULL;
    }
    return st == ST_OK ? ST_OK : ST_AGAIN;
}

/* With the header known, once a message. */
static void try_cutthrough(struct session *s, struct txn *t)
{
    if (s->cut_tried || !s->draft || !t->header_text.p)
        return;
    s->cut_tried = true;
    s->cut = cutthrough_begin(s->e, s->set, t, s->draft);
}

static enum status body(void *ctx, struct txn *t, struct str bytes, struct why *why)
{
    struct session *s = ctx;

    enum status st;

    if (!s->draft)
        return why_set(why, ST_AGAIN, "no room in the spool");
    if (!s->prove)
        s->prove = prove_begin(s->e, s->set, t);
    prove_body(s->prove, bytes);
    st = draft_add(s->draft, bytes, why);
    if (st == ST_OK)
        try_cutthrough(s, t);
    if (s->cut)
        cutthrough_more(s->cut);
    return st;
}

static void drop(void *ctx, struct txn *t)
{
    struct session *s = ctx;

    if (t)
        keep_lend_body(t, NULL);
    if (s->cut)
        cutthrough_cancel(s->cut);
    s->cut = NULL;
    s->cut_tried = false;
    prove_free(s->prove);
    s->prove = NULL;
    callout_let_go(s->e, &s->conn, false);
    if (s->keep) {
        keep_forget(s->keep);
        s->keep = NULL;
    }
    if (s->draft)
        draft_drop(s->draft);
    s->draft = NULL;
}

static void kept(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct session *s = ctx;
    bool late = s->keep != NULL;

    (void)id;
    s->keep = NULL;
    callout_let_go(s->e, &s->conn, st == ST_OK);
    if (st == ST_OK && smtp_server_txn(s->srv))
        counted_message(s->e, s->set, smtp_server_txn(s->srv), FINDING_TAKEN);
    if (late && s->st)
        smtp_server_pending(s->srv, stream_unread(s->st));
    smtp_server_kept(s->srv, st, why);
    if (late)
        session_pump(s);
}

static void keep_here(struct session *s, struct txn *t)
{
    struct keep_want w = { .e = s->e, .set = s->set, .t = t, .draft = s->draft };
    struct keep *k;
    struct why why;

    if (!s->draft) {
        why_set(&why, ST_AGAIN, "no room in the spool");
        smtp_server_kept(s->srv, ST_AGAIN, &why);
        return;
    }
    s->draft = NULL;
    engine_count(s->e, COUNT_recipients_accepted, t->nrcpts);
    k = keep_message(&w, kept, s);
    if (k)
        s->keep = k;
}

/* What the next hop made of a message that was passed on while it came. */
static void passed_on(void *ctx, enum status st, struct str text)
{
    struct session *s = ctx;
    struct txn *t = smtp_server_txn(s->srv);
    bool late = !s->keeping, pass = t->cutthrough == CUTTHROUGH_PASS && text.n;
    struct why why;

    s->cut = NULL;
    s->cut_tried = false;
    if (st == ST_AGAIN && !pass) {
        keep_here(s, t);                /* the ordinary way */
        if (late && !s->keep)
            session_pump(s);
        return;
    }
    if (st == ST_OK) {
        engine_count(s->e, COUNT_recipients_accepted, t->nrcpts);
        keep_lend_body(t, NULL);
        draft_drop(s->draft);
        s->draft = NULL;
    } else {
        t->next_hop_said = text;
        why_set(&why, st, "next hop (cutthrough): %.*s", STR_ARG(text));
    }
    if (late && s->st)
        smtp_server_pending(s->srv, stream_unread(s->st));
    smtp_server_kept(s->srv, st, st == ST_OK ? NULL : &why);
    if (late)
        session_pump(s);
}

static void keep(void *ctx, struct txn *t)
{
    struct session *s = ctx;

    prove_free(s->prove);
    s->prove = NULL;
    try_cutthrough(s, t);
    if (!s->cut) {
        s->cut_tried = false;
        keep_here(s, t);
        return;
    }
    s->keeping = true;
    cutthrough_end(s->cut, passed_on, s);
    s->keeping = false;
}

static const struct smtp_server_ops server_ops = {
    .ask = check_ask, .begin = begin, .body = body, .keep = keep, .drop = drop, .note = check_note, .path = check_path,
    .auth = authenticate_begin, .auth_heard = authenticate_heard, .starttls = secure_prepare,
};

/* ---- deadline */

/* The timer is left where it is when the deadline moves on, and set again when
 * it fires: a busy session does not touch the heap at every command. */
static void arm(struct session *s)
{
    int64_t due = smtp_server_deadline(s->srv), now;

    if (due == 0) {
        timer_clear(s->e->loop, &s->deadline);
        return;
    }
    if (timer_is_set(&s->deadline) && s->deadline.due_ms <= due)
        return;
    now = clock_mono_ms();
    timer_set(s->e->loop, &s->deadline, due > now ? due - now : 0);
}

static void deadline(void *ctx)
{
    struct session *s = ctx;
    int64_t due = smtp_server_deadline(s->srv);

    if (due == 0)
        return;
    if (due > clock_mono_ms()) {
        arm(s);
        return;
    }
    smtp_server_timeout(s->srv);
    session_pump(s);
}

/* ---- bytes */

static void session_free(struct session *s);

static void ended_now(void *ctx)
{
    struct session *s = ctx;

    session_free(s);
}

/* What came and went: Exim's line for a session that brought no mail, and the
 * end of a connection whose beginning was logged. */
static void log_end(struct session *s)
{
    struct buf *line = &s->e->line;
    bool no_mail = s->srv && s->conn.transactions == 0 && log_sel_has(s->set->log, LS_smtp_no_mail);

    if (s->quiet || !(no_mail || log_sel_has(s->set->log, LS_smtp_connection)))
        return;
    buf_add(line, no_mail ? STR("no MAIL in SMTP connection from ") : STR("SMTP connection from "));
    logline_peer(line, s->set->log, &s->conn);
    logline_connection(line, s->set->log, &s->conn);
    if (!no_mail)
        buf_addf(line, " %s", s->conn.notquit_reason ? "lost" : "closed by QUIT");
    buf_add(line, STR(" D="));
    logline_time(line, s->set->log, clock_wall_us() - s->conn.since_us);
    if (no_mail)
        logline_tls(line, s->set->log, &s->conn.tls, true);
    for (unsigned i = s->conn.history_n > HISTORY_MAX ? s->conn.history_n - HISTORY_MAX : 0, first = i; no_mail && i < s->conn.history_n; i++)
        buf_addf(line, "%s%s", i == first ? " C=" : ",", s->conn.history[i % HISTORY_MAX]);
    engine_log(s->e, LOG_MAIN, STR(""));
}

static void finish(struct session *s)
{
    if (s->ending)
        return;
    s->ending = true;
    log_end(s);
    secure_cancel(s);
    timer_clear(s->e->loop, &s->deadline);
    timer_clear(s->e->loop, &s->slow);
    if (!s->st && !s->lost)
        return;                 /* the caller of a bytes session closes it */
    if (s->st) {
        if (s->lost)
            stream_abort(s->st);
        else
            stream_close(s->st, LINGER_MS);
        s->st = NULL;
        s->lost = true;
    }
    s->end = (struct job){ .fn = ended_now, .ctx = s };
    loop_soon(s->e->loop, &s->end);
}

static void send_output(struct session *s)
{
    struct buf *out = smtp_server_output(s->srv);

    if (out->n == 0)
        return;
    debug_text(s->debug, "reply", buf_str(out));
    if (s->st)
        stream_write(s->st, buf_str(out));
    else
        buf_add(&s->output, buf_str(out));
    buf_free(out);
}

static void offer_unread(struct session *s)
{
    size_t n;

    if (s->lost)
        return;
    if (s->st) {
        if (stream_unread(s->st)) {     /* offered again by a resume only */
            stream_pause(s->st);
            stream_resume(s->st);
        }
        return;
    }
    while (s->unread.n && !smtp_server_waiting(s->srv) && !smtp_server_over(s->srv)) {
        s->answering = true;
        n = smtp_server_input(s->srv, buf_str(&s->unread));
        s->answering = false;
        buf_drop(&s->unread, n);
        send_output(s);
        if (n == 0)
            break;
    }
    if (s->unread.n == 0)
        buf_free(&s->unread);
}

void session_pump(struct session *s)
{
    if (s->ending || s->answering)
        return;
    if (!s->lost)
        send_output(s);
    if (smtp_server_over(s->srv)) {
        finish(s);
        return;
    }
    arm(s);
    if (!smtp_server_waiting(s->srv) && !smtp_server_handshaking(s->srv))
        offer_unread(s);
    if (!s->ending && smtp_server_handshaking(s->srv))
        secure_begin(s);
    if (!s->ending && smtp_server_over(s->srv))
        finish(s);
}

/* A client that sends faster than the disk writes waits for it as it would for a
 * slow line: its bytes stay in its own buffers (R2.6 asks for bounds, not for
 * refusals). Small messages pass. */
static bool must_wait(struct session *s)
{
    if (!s->st || !s->draft || draft_size(s->draft) < SMALL_BODY || !spool_behind(s->e->spool))
        return false;
    stream_pause(s->st);
    timer_set(s->e->loop, &s->slow, SLOW_MS);
    return true;
}

static void look_again(void *ctx)
{
    struct session *s = ctx;

    if (s->st && !s->ending && !must_wait(s))
        stream_resume(s->st);
}

/* Who says QUIT behind the dot and ends its side, as Exim does, still reads: the end waits for its turn behind
 * the QUIT. A client that ends without a further word is gone, and so is its message unless it is kept by then. */
static void hold_end(struct session *s)
{
    if (smtp_server_deciding(s->srv))
        stream_pause(s->st);            /* until session_pump offers what is unread */
}

static size_t input(void *ctx, struct str bytes)
{
    struct session *s = ctx;
    size_t n, taken = 0;

    if (!s->srv || s->ending)
        return s->ending ? bytes.n : 0;
    if (must_wait(s))
        return 0;
    s->answering = true;
    while (taken < bytes.n && !smtp_server_waiting(s->srv) && !smtp_server_over(s->srv)) {
        n = smtp_server_input(s->srv, str_from(bytes, taken));
        if (n == 0)
            break;
        taken += n;
    }
    s->answering = false;
    send_output(s);
    if (smtp_server_over(s->srv)) {
        finish(s);
        return bytes.n;
    }
    arm(s);
    if (smtp_server_handshaking(s->srv))
        secure_begin(s);
    if (taken < bytes.n)
        hold_end(s);
    return taken;
}

static void flushed(void *ctx)
{
    secure_flushed(ctx);
}

static void ended(void *ctx, const struct why *why)
{
    struct session *s = ctx;

    (void)why;
    if (s->ending)
        return;
    s->lost = true;
    if (!s->srv) {
        finish(s);
        return;
    }
    check_cancel(s);
    secure_cancel(s);
    smtp_server_lost(s->srv);
    if (smtp_server_over(s->srv))
        finish(s);              /* else the notquit rules are still at it */
}

static const struct stream_user stream_ops_user = { .input = input, .flushed = flushed, .ended = ended };

/* ---- life */

static struct session *session_new(struct engine *e, const struct sock_addr *peer, const struct sock_addr *local)
{
    struct session *s = calloc(1, sizeof *s);

    if (!s)
        die("no memory for a session");
    s->e = e;
    s->set = settings_hold(e->settings);
    conn_init(&s->conn);
    s->conn.serial = ++e->serial;
    s->conn.smtp = true;
    s->conn.since_us = clock_wall_us();
    s->conn.uid = s->conn.gid = -1;
    if (peer) {
        s->conn.client_ip = peer->ip;
        s->conn.client_port = peer->port;
    }
    if (local) {
        s->conn.local_ip = local->ip;
        s->conn.local_port = local->port;
    }
    s->cfg.tls_on_connect = s->conn.tls_on_connect = settings_tls_on_connect(s->set, s->conn.local_port);
    s->deadline = (struct timer){ .fn = deadline, .ctx = s };
    s->slow = (struct timer){ .fn = look_again, .ctx = s };
    s->next = e->sessions;
    s->link = &e->sessions;
    if (s->next)
        s->next->link = &s->next;
    e->sessions = s;
    e->nsessions++;
    engine_count(e, COUNT_connections_total, 1);
    engine_count(e, COUNT_connections_now, 1);
    s->conn.count_at_start = (uint32_t)shared_sum(e->shared, COUNT_connections_now);
    return s;
}

static void session_free(struct session *s)
{
    struct engine *e = s->e;

    check_cancel(s);
    if (s->reverse)
        hosts_cancel(s->reverse);
    if (s->srv)
        smtp_server_free(s->srv);
    drop(s, NULL);
    if (s->setup)
        txn_free(s->setup);
    if (s->st)
        stream_abort(s->st);
    debug_close(s->debug, false);
    timer_clear(e->loop, &s->deadline);
    timer_clear(e->loop, &s->slow);
    if (s->end.fn)
        loop_forget(e->loop, &s->end);
    secure_cancel(s);
    callers_uncount(s);
    if (s->next)
        s->next->link = s->link;
    *s->link = s->next;
    e->nsessions--;
    engine_count(e, COUNT_connections_now, -1);
    buf_free(&s->unread);
    buf_free(&s->output);
    conn_free(&s->conn);
    settings_release(s->set);
    free(s);
    if (e->over_share)
        listeners_share(e);
    engine_check_drained(e);
}

void session_begin(struct session *s)
{
    if (s->setup) {
        txn_free(s->setup);
        s->setup = NULL;
    }
    if (log_sel_has(s->set->log, LS_smtp_connection) && !s->quiet) {
        buf_add(&s->e->line, STR("SMTP connection from "));
        logline_peer(&s->e->line, s->set->log, &s->conn);
        logline_connection(&s->e->line, s->set->log, &s->conn);
        buf_addf(&s->e->line, " (TCP/IP connection count = %u)", s->conn.count_at_start);
        engine_log(s->e, LOG_MAIN, STR(""));
    }
    s->srv = smtp_server_new(&s->conn, &s->cfg, &server_ops, s);
    s->answering = true;
    smtp_server_start(s->srv);
    s->answering = false;
    session_pump(s);
}

/* Where TLS comes first, nothing is said in clear. */
void session_refuse(struct session *s, const char *reply)
{
    engine_count(s->e, COUNT_connections_refused, 1);
    if (s->cfg.tls_on_connect)
        ;
    else if (s->st)
        stream_write(s->st, str_of(reply));
    else
        buf_add(&s->output, str_of(reply));
    finish(s);
}

struct session *engine_session(struct engine *e, int fd, const struct sock_addr *peer, const struct sock_addr *local)
{
    struct session *s;

    if (!e->settings || e->draining) {
        if (e->settings ? !settings_tls_on_connect(e->settings, local->port) : !e->cfg.tls_on_connect)
            (void)!write(fd, "421 4.3.2 service not available\r\n", 33);
        close(fd);
        return NULL;
    }
    if (peer->ip.v != IP_NONE) {
        sock_mark(fd, setting_bool(e->settings, SET_smtp_accept_keepalive, true), -1);
        if (!setting_bool(e->settings, SET_tcp_nodelay, true))
            sock_nodelay(fd, false);
    }
    s = session_new(e, peer, local);
    s->st = stream_new(e->loop, fd, &stream_ops_user, s);
    if (s->cfg.tls_on_connect)
        stream_pause(s->st);    /* its first octets are the handshake's */
    session_setup(s);
    return s;
}

struct session *engine_session_bytes(struct engine *e, const struct sock_addr *peer, const struct sock_addr *local)
{
    struct session *s = session_new(e, peer, local);

    session_setup(s);
    return s;
}

size_t session_input(struct session *s, struct str bytes)
{
    if (s->ending)
        return 0;
    buf_add(&s->unread, bytes);
    if (s->srv)
        session_pump(s);
    return bytes.n;
}

struct pretended *session_pretend(struct session *s)
{
    if (!s->pretended) {
        s->pretended = arena_new(&s->conn.arena, struct pretended);
        s->pretended->tls = (struct at_tls){
            .version = STR("TLS1.3"), .cipher = STR("TLS1.3:TLS_AES_256_GCM_SHA384:256"),
            .cipher_std = STR("TLS_AES_256_GCM_SHA384"), .bits = 256,
        };
    }
    return s->pretended;
}

struct buf *session_output(struct session *s)
{
    return &s->output;
}

bool session_over(const struct session *s)
{
    return s->ending;
}

void session_close(struct session *s)
{
    if (!s->ending && s->srv) {
        s->lost = true;
        check_cancel(s);
        s->answering = true;    /* notquit rules may still run; they are not waited for */
        smtp_server_lost(s->srv);
    }
    if (s->st) {
        stream_abort(s->st);
        s->st = NULL;
    }
    session_free(s);
}

void sessions_shutdown(struct engine *e, const char *text)
{
    struct session *s, *next;

    for (s = e->sessions; s; s = next) {
        next = s->next;
        if (s->ending)
            continue;
        if (!s->srv) {
            finish(s);
            continue;
        }
        smtp_server_leave(s->srv, str_of(text));
        session_pump(s);
    }
}

void sessions_abort(struct engine *e)
{
    while (e->sessions)
        session_free(e->sessions);
}

static void end_generation(struct engine *e, const struct settings *old)
{
    for (struct session *s = e->sessions, *next; s; s = next) {
        next = s->next;
        if (s->set != old || s->ending || !s->srv)
            continue;
        smtp_server_shutdown(s->srv, STR("421 4.3.2 rules have changed, please connect again"));
        session_pump(s);
    }
}

/* Generations live at most an hour after they were replaced, and at most eight
 * at a time (design 4.8): their sessions end at the next pause. */
void sessions_tick(struct engine *e)
{
    enum { OLD_MS = 3600 * 1000, LIVE_MAX = 8 };
    size_t live = 0;

    for (size_t i = 0; i < e->npast; i++) {
        if (e->past[i]->refs == 1)
            settings_release(e->past[i]);
        else
            e->past[live++] = e->past[i];
    }
    e->npast = live;
    for (size_t i = 0; i < e->npast; i++)
        if (e->npast + 1 - i > LIVE_MAX || clock_mono_ms() - e->past[i]->replaced_ms > OLD_MS)
            end_generation(e, e->past[i]);
}
