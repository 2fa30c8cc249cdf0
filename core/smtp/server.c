#include "smtp/server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "smtp/state.h"

enum { STRESS_MS = 10000, STRESS_ERRORS = 1, TEXT_MAX = 512 };

const struct smtp_limits smtp_limits_default = {
    .line_max = 2048, .auth_line_max = 12288, .header_max = 256 * 1024, .header_fields_max = 2000,
    .recipients_max = 1000, .transactions_max = 1000, .errors_max = 20, .unknown_max = 3, .nonmail_max = 100,
    .data_line_max = 16 * 1024, .received_max = 50, .auth_failures_max = 3, .header_line_max = UINT32_MAX, .message_max = 50 * 1024 * 1024,
    .greeting_ms = 300 * 1000, .command_ms = 300 * 1000, .handshake_ms = 30 * 1000, .data_ms = 180 * 1000, .message_ms = 3600 * 1000,
    .data_rate_min = 500,
};

/* ---- life */

struct smtp_server *smtp_server_new(struct conn *c, const struct smtp_config *cfg,
                                    const struct smtp_server_ops *ops, void *ctx)
{
    struct smtp_server *s = calloc(1, sizeof *s);

    if (!s)
        die("out of memory for an SMTP session");
    s->c = c;
    s->cfg = cfg;
    s->ops = ops;
    s->ctx = ctx;
    s->asked = ASKED_NONE;
    c->smtp = true;
    return s;
}

static void drop_txn(struct smtp_server *s)
{
    if (s->begun)
        s->ops->drop(s->ctx, s->t);
    s->begun = s->discarded = s->too_many = false;
    intake_free(s->content);
    s->content = NULL;
    if (s->t)
        s->c->auth_sender = s->auth_claimed = (struct str){ NULL, 0 };
    txn_free(s->t);
    s->t = NULL;
}

void smtp_server_free(struct smtp_server *s)
{
    if (!s)
        return;
    drop_txn(s);
    txn_free(s->aside);
    auth_free(s->login);
    s->c->command = s->c->command_argument = s->c->helo = (struct str){ NULL, 0 };
    free(s->text);
    free(s->helo);
    free(s->farewell);
    free(s->banner);
    buf_free(&s->line);
    buf_free(&s->out);
    free(s);
}

void server_end_txn(struct smtp_server *s, const char *what)
{
    if (s->t && what)
        server_note(s, NOTE_INCOMPLETE, (struct str){ "", 0 }, "incomplete transaction (%s)", what);
    drop_txn(s);
    if (s->state == SERVER_CONTENT)
        s->state = SERVER_COMMAND;
}

enum place server_place(const struct smtp_server *s)
{
    if (s->t)
        return s->t->nrcpts || s->discarded ? AT_RECIPIENT : AT_SENDER;
    return s->c->helo.p || !s->cfg->require_helo ? AT_READY : AT_GREETING;
}

/* ---- time */

static int64_t command_ms(const struct smtp_server *s, int64_t ms)
{
    return s->cfg->stress && ms > STRESS_MS ? STRESS_MS : ms;
}

/* A command's time begins with the reply to the one before; a client that
 * sends octet by octet gains nothing. */
void server_wait(struct smtp_server *s, int64_t ms)
{
    s->deadline = clock_mono_ms() + command_ms(s, ms);
}

int64_t smtp_server_deadline(const struct smtp_server *s)
{
    if (s->state == SERVER_OVER || s->asked != ASKED_NONE)
        return 0;
    return s->state == SERVER_CONTENT ? intake_deadline(s) : s->deadline;
}

/* ---- speaking */

static struct str first_line(struct str s)
{
    return str_head(s, str_find(s, '\n'));
}

void server_reply_str(struct smtp_server *s, int code, const char *enhanced, struct str text)
{
    if (!starttls_silent(s))
        reply_put(&s->out, code, enhanced, s->c->no_multiline ? first_line(text) : text);
}

void server_reply(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    server_reply_str(s, code, enhanced, str_of(text));
}

static void note(struct smtp_server *s, enum smtp_note kind, struct str reply, const char *fmt, va_list ap)
{
    struct buf text = { 0 };

    buf_addv(&text, fmt, ap);
    s->ops->note(s->ctx, kind, s->t, buf_str(&text), reply);
    buf_free(&text);
}

void server_note(struct smtp_server *s, enum smtp_note kind, struct str reply, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    note(s, kind, reply, fmt, ap);
    va_end(ap);
}

void server_limit(struct smtp_server *s, enum smtp_note kind, const char *option, uint64_t value, struct str reply, const char *fmt, ...)
{
    struct smtp_limit limit = { option, value > INT64_MAX ? INT64_MAX : (int64_t)value };
    va_list ap;

    s->limit = &limit;
    va_start(ap, fmt);
    note(s, kind, reply, fmt, ap);
    va_end(ap);
    s->limit = NULL;
}

const struct smtp_limit *smtp_server_limit(const struct smtp_server *s)
{
    return s->limit;
}

void server_error(struct smtp_server *s, enum smtp_note kind, int code, const char *enhanced, const char *text)
{
    uint32_t most = s->cfg->stress ? STRESS_ERRORS : s->cfg->limits.errors_max;
    bool last = ++s->c->errors > most;
    char line[TEXT_MAX];
    int n = snprintf(line, sizeof line, "%d %s%s%s", code, enhanced ? enhanced : "", enhanced ? " " : "", text);

    server_note(s, kind, (struct str){ line, n < (int)sizeof line ? (size_t)n : sizeof line - 1 }, "SMTP %s error in \"%.*s\"",
                kind == NOTE_SYNTAX ? "syntax" : "protocol", STR_ARG(s->c->command));
    snprintf(line, sizeof line, "%s%s", text, last ? "\ntoo many syntax or protocol errors" : "");
    server_reply(s, code, enhanced, line);
    if (!last)
        return;
    server_limit(s, NOTE_TOO_MANY, "smtp_max_synprot_errors", most, (struct str){ "", 0 }, "too many syntax or protocol errors (last command was \"%.*s\")",
                STR_ARG(s->c->command));
    server_close(s, "bad-commands");
}

/* ---- questions */

struct txn *server_question(struct smtp_server *s)
{
    if (s->t)
        return s->t;
    if (!s->aside)
        s->aside = txn_new(s->c);
    return s->aside;
}

void server_ask(struct smtp_server *s, enum phase ph)
{
    struct txn *t = server_question(s);

    t->phase = ph;
    s->asked = (int16_t)ph;
    s->ops->ask(s->ctx, ph, t);
}

void server_over(struct smtp_server *s)
{
    drop_txn(s);
    s->state = SERVER_OVER;
}

void server_close(struct smtp_server *s, const char *reason)
{
    s->c->notquit_reason = reason;
    server_ask(s, PH_NOTQUIT);
}

/* No transaction, no question. */
static bool idle(const struct smtp_server *s)
{
    return !s->t && !s->login && s->asked == ASKED_NONE;
}

static void farewell(struct smtp_server *s)
{
    if (!s->farewell || !idle(s) || s->state != SERVER_COMMAND)
        return;
    server_reply(s, 421, "4.3.2", s->farewell);
    server_close(s, "signal-exit");
}

void server_settle(struct smtp_server *s)
{
    if (s->asked != ASKED_NONE || s->state == SERVER_OVER)
        return;
    if (s->state == SERVER_COMMAND || s->state == SERVER_AUTH)
        server_wait(s, s->cfg->limits.command_ms);
    if (!s->lost) {
        farewell(s);
        return;
    }
    server_note(s, NOTE_LOST, (struct str){ "", 0 }, "SMTP connection lost after final dot");
    server_close(s, "connection-lost");
}

static void answered_connect(struct smtp_server *s, const struct verdict *v)
{
    if (v->verb != V_ACCEPT && v->verb != V_DISCARD) {
        if (server_refuse(s, PH_CONNECT, v, "connection in \"connect\" ACL"))
            server_close(s, "acl-drop");
        return;
    }
    if (s->cfg->tls_on_connect) {
        starttls_on_connect(s, v->message.n ? v->message : s->cfg->banner);
        return;
    }
    if (s->unread && server_enforces_sync(s)) {
        server_desync(s, "input sent without waiting for greeting");
        return;
    }
    s->state = SERVER_COMMAND;
    server_reply_str(s, 220, NULL, v->message.n ? v->message : s->cfg->banner);
}

void smtp_server_answer(struct smtp_server *s, const struct verdict *v)
{
    int ph = s->asked;
    struct txn *aside = s->aside;

    if (ph == ASKED_NONE || ph >= ASKED_KEEP)
        return;
    s->asked = ASKED_NONE;
    s->aside = NULL;            /* an answer may lead to the next question */
    if (ph == PH_CONNECT)
        answered_connect(s, v);
    else if (ph == PH_NOTQUIT)
        server_over(s);
    else if (ph == PH_DKIM || ph == PH_MIME || ph == PH_DATA)
        intake_answered(s, (enum phase)ph, v);
    else
        verb_answered(s, (enum phase)ph, v);
    if (s->state == SERVER_COMMAND && ph == PH_CONNECT)
        server_wait(s, s->cfg->limits.greeting_ms);
    else
        server_settle(s);
    txn_free(aside);
}

void smtp_server_kept(struct smtp_server *s, enum status st, const struct why *why)
{
    if (s->asked != ASKED_KEEP)
        return;
    s->asked = ASKED_NONE;
    intake_kept(s, st, why);
    server_settle(s);
}

void smtp_server_start(struct smtp_server *s)
{
    server_ask(s, PH_CONNECT);
}

/* ---- refusing */

static const struct { int deny, defer; const char *mark; } CODES[PH_COUNT] = {
    [PH_CONNECT] = { 554, 421, "7.1" }, [PH_HELO] = { 550, 451, "7.1" }, [PH_STARTTLS] = { 550, 454, "7.0" },
    [PH_AUTH] = { 503, 454, "7.0" }, [PH_MAIL] = { 550, 451, "7.1" },
    [PH_RCPT] = { 550, 451, "7.1" }, [PH_PREDATA] = { 550, 451, "7.1" }, [PH_DATA] = { 550, 451, "7.1" }, [PH_MIME] = { 550, 451, "7.1" },
    [PH_DKIM] = { 550, 451, "7.1" },
    /* RFC 5321 3.5.3: a server that will not verify says so with 252. */
    [PH_VRFY] = { 252, 451, "5.2" }, [PH_EXPN] = { 550, 451, "7.1" },
};

static const char *default_text(enum phase ph, const struct verdict *v)
{
    if (v->error)
        return "temporary local problem, please try again later";
    if (v->verb == V_DEFER)
        return "not now, please try again later";
    if (ph == PH_VRFY)
        return "addresses are not verified here; send some mail, it will be tried";
    if (v->by_default)
        return ph == PH_RCPT ? "no rule accepted this recipient" : "no rule accepted this";
    return "refused by local policy";
}

bool server_refuse(struct smtp_server *s, enum phase ph, const struct verdict *v, const char *what)
{
    bool later = v->verb == V_DEFER;
    int want = later ? CODES[ph].defer : CODES[ph].deny, code;
    struct str text = v->message.n ? v->message : str_of(default_text(ph, v)), mark, rest, log;
    char enhanced[8];
    size_t at = s->out.n;

    reply_split(text, &code, &mark, &rest);
    if (ph == PH_VRFY && !later && code / 100 == 5)
        want = 550;             /* a rule that says who is not here is taken at its word */
    snprintf(enhanced, sizeof enhanced, "%c.%s", '0' + want / 100, v->error && later ? "3.0" : CODES[ph].mark);
    server_reply_str(s, want, enhanced, text);
    log = v->log_message.n ? v->log_message : first_line(rest);
    if (want / 100 != 2)
        server_note(s, NOTE_REJECTED, str_trim(first_line(str_from(buf_str(&s->out), at))), "%srejected %s: %.*s%s",
                    later ? "temporarily " : "", what, STR_ARG(log), v->by_default && v->message.n ? " (by default)" : "");
    if (v->verb != V_DROP && !(later && code == 421))
        return true;
    server_close(s, "acl-drop");
    return false;
}

/* ---- synchronisation */

bool server_enforces_sync(const struct smtp_server *s)
{
    if (s->c->sync)
        return s->c->sync > 0;
    return s->cfg->enforce_sync && !s->c->no_sync;
}

void server_desync(struct smtp_server *s, const char *how)
{
    struct str said = s->c->command;

    server_reply(s, 554, "5.5.0", "SMTP synchronization error");
    server_limit(s, NOTE_SYNC, "smtp_enforce_sync", 1, STR("554 5.5.0 SMTP synchronization error"),
                said.n ? "SMTP protocol synchronization error (%s): rejected \"%.*s\"" : "SMTP protocol synchronization error (%s): rejected connection%.*s",
                how, STR_ARG(said));
    server_close(s, "synchronization-error");
}

void smtp_server_pending(struct smtp_server *s, size_t unread)
{
    s->unread = unread;
}

size_t smtp_server_input(struct smtp_server *s, struct str bytes)
{
    size_t at = 0;

    s->unread = 0;
    while (at < bytes.n && s->asked == ASKED_NONE) {
        struct str rest = str_from(bytes, at);

        if (s->state == SERVER_OVER)
            return bytes.n;
        if (s->state == SERVER_BANNER || s->state == SERVER_TLS)
            return at;
        at += s->state == SERVER_CONTENT ? intake_input(s, rest) : line_input(s, rest);
        if (s->state == SERVER_COMMAND && s->asked == ASKED_NONE)
            farewell(s);
    }
    return at;
}

/* ---- ends */

/* A question asked on behalf of a client that is gone has no answer; the caller
 * has cancelled it. */
static void abandon(struct smtp_server *s)
{
    s->asked = ASKED_NONE;
    txn_free(s->aside);
    s->aside = NULL;
    auth_free(s->login);
    s->login = NULL;
}

void smtp_server_lost(struct smtp_server *s)
{
    bool content = s->state == SERVER_CONTENT, quitting = s->asked == PH_QUIT || s->asked == PH_NOTQUIT;

    s->lost = true;
    if (s->state == SERVER_OVER || s->asked == ASKED_KEEP)
        return;
    abandon(s);
    if (quitting) {
        server_over(s);
        return;
    }
    if (s->state == SERVER_TLS) {
        starttls_failed(s, "(SSL_accept): the client closed the connection");
        return;
    }
    server_note(s, NOTE_LOST, (struct str){ "", 0 }, "unexpected disconnection while reading SMTP %s", content ? "data" : "command");
    server_close(s, "connection-lost");
}

void smtp_server_timeout(struct smtp_server *s)
{
    int64_t now = clock_mono_ms();
    bool content = s->state == SERVER_CONTENT;

    if (s->state == SERVER_OVER || s->asked != ASKED_NONE)
        return;
    if (content ? !intake_late(s, now) : now < s->deadline)
        return;
    if (s->state == SERVER_TLS) {
        starttls_failed(s, "(SSL_accept): timed out");
        return;
    }
    server_note(s, NOTE_TIMEOUT, STR("421 4.4.2 timeout"),
                content ? "SMTP data timeout (message abandoned) on connection" : "SMTP command timeout on connection");
    server_reply(s, 421, "4.4.2", content ? "data timeout, closing connection" : "command timeout, closing connection");
    server_close(s, content ? "data-timeout" : "command-timeout");
}

void smtp_server_shutdown(struct smtp_server *s, struct str text)
{
    free(s->farewell);
    s->farewell = malloc(text.n + 1);
    if (!s->farewell)
        die("out of memory for a farewell");
    memcpy(s->farewell, text.p, text.n);
    s->farewell[text.n] = '\0';
    /* An exchange of AUTH that waits for the client is given up, which leads back here. */
    if (s->state == SERVER_AUTH && s->asked == ASKED_NONE) {
        s->asked = ASKED_AUTH;
        s->ops->auth_heard(s->ctx, (struct str){ NULL, 0 });
    }
    farewell(s);
}

void smtp_server_leave(struct smtp_server *s, struct str text)
{
    s->leaving = true;
    smtp_server_shutdown(s, text);
    if (s->state == SERVER_TLS && s->asked == ASKED_NONE)
        server_close(s, "signal-exit");
}

/* ---- looking */

struct buf *smtp_server_output(struct smtp_server *s)
{
    return &s->out;
}

bool smtp_server_over(const struct smtp_server *s)
{
    return s->state == SERVER_OVER;
}

bool smtp_server_deciding(const struct smtp_server *s)
{
    return s->asked == PH_DKIM || s->asked == PH_MIME || s->asked == PH_DATA || s->asked == ASKED_KEEP;
}

bool smtp_server_waiting(const struct smtp_server *s)
{
    return s->asked != ASKED_NONE;
}

struct txn *smtp_server_txn(struct smtp_server *s)
{
    return s->t;
}
