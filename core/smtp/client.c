#include "smtp/client.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "smtp/exchange.h"

enum { MINUTE = 60000, TEXT_MAX = 300 };

/* What the connection waits for. Messages have their own steps (exchange.h). */
enum step { S_BANNER, S_GO, S_EHLO, S_HELO, S_IDLE, S_STARTTLS, S_SECURING, S_AUTH, S_MESSAGE, S_OVER };

struct smtp_client {
    struct smtp_client_config config;
    const struct smtp_client_ops *ops;
    void *ctx;
    struct buf out;
    struct arena scratch;           /* one reply */
    enum step step;
    struct offer offer;
    struct exchange exchange;
    int64_t deadline;
    unsigned messages;

    struct client_message *next;    /* given, not begun */
    /* Callbacks that are due; they run when no input is left half looked at. */
    bool tell_banner, tell_ready, tell_starttls, tell_auth, tell_sent, tell_closed;
    struct str banner;              /* in scratch; or the answer to EHLO, or to a line of AUTH */
    struct str auth;                /* mechanisms offered, in kept */
    int starttls_code;
    bool asked;                     /* S_AUTH: a line of it waits for its answer */
    struct why why;
    bool host_error;
    struct arena kept;              /* what refused says */
    struct { int code; struct str asked, answer; } refused;
    bool stray;                     /* half a reply that nobody asked for came */
    char start[8];                  /* what is said of how it began */
    bool running, doomed;           /* inside run(); freed meanwhile */
};

struct smtp_client *smtp_client_new(const struct smtp_client_config *c, const struct smtp_client_ops *ops, void *ctx)
{
    struct smtp_client *k = calloc(1, sizeof *k);

    if (!k)
        die("out of memory");
    k->config = *c;
    k->ops = ops;
    k->ctx = ctx;
    k->exchange.config = &k->config;
    k->exchange.offer = &k->offer;
    k->deadline = clock_mono_ms() + (c->greeting_ms > 0 ? c->greeting_ms : 5 * MINUTE);
    return k;
}

void smtp_client_free(struct smtp_client *c)
{
    if (!c)
        return;
    if (c->running) {
        c->doomed = true;
        return;
    }
    buf_free(&c->out);
    arena_free(&c->scratch);
    arena_free(&c->kept);
    free(c);
}

/* ---- deadlines */

static int64_t allowed(const struct smtp_client *c)
{
    const struct smtp_client_config *f = &c->config;

    if (c->step == S_IDLE || c->step == S_GO || c->step == S_OVER || (c->step == S_AUTH && !c->asked))
        return 0;
    if (c->step == S_MESSAGE && c->exchange.stage == X_BODY && c->exchange.starved)
        return 0;                       /* it is not the peer that keeps us waiting */
    if (c->step == S_MESSAGE && c->exchange.stage == X_BODY)
        return f->data_ms > 0 ? f->data_ms : 5 * MINUTE;
    if (c->step == S_MESSAGE && c->exchange.stage == X_FINAL)
        return f->final_ms > 0 ? f->final_ms : 10 * MINUTE;
    return f->command_ms > 0 ? f->command_ms : 5 * MINUTE;
}

static void set_deadline(struct smtp_client *c)
{
    int64_t ms = allowed(c);

    c->deadline = ms ? clock_mono_ms() + ms : 0;
}

/* ---- the end */

/* The connection is over: a message under way is settled, sent() and closed() are due. */
static void end(struct smtp_client *c, bool host_error, struct str text)
{
    if (c->step == S_OVER)
        return;
    if (c->step == S_MESSAGE) {
        exchange_settle(&c->exchange, CLIENT_AGAIN, 0, text);
        c->tell_sent = true;
    }
    c->step = S_OVER;
    c->host_error = host_error;
    c->tell_banner = c->tell_ready = c->tell_starttls = c->tell_auth = false;
    c->tell_closed = true;
    why_set(&c->why, ST_AGAIN, "%.*s", STR_ARG(text));
}

/* What it was that the peer had to answer. */
static struct str waited_for(struct smtp_client *c)
{
    switch (c->step) {
    case S_BANNER:
    case S_GO:
        return STR("initial connection");
    case S_EHLO:
        return arena_printf(&c->scratch, "%s %.*s", c->config.lmtp ? "LHLO" : "EHLO", STR_ARG(c->config.helo));
    case S_STARTTLS:
    case S_SECURING:
        return STR("STARTTLS");
    case S_AUTH:
        return STR("AUTH");
    case S_HELO:
        return arena_printf(&c->scratch, "HELO %.*s", STR_ARG(c->config.helo));
    case S_MESSAGE:
        return exchange_command(&c->exchange, &c->scratch);
    default:
        return STR("nothing");
    }
}

/* Broken replies and replies to nothing: what else this peer says cannot be trusted. */
static void end_bad(struct smtp_client *c, const char *what, struct str said)
{
    end(c, true, arena_printf(&c->scratch, "%s at %.*s: %.*s", what, STR_ARG(waited_for(c)),
                              STR_ARG(str_head(said, TEXT_MAX))));
}

static void end_refused(struct smtp_client *c, const struct reply *r)
{
    c->refused.code = r->code;
    c->refused.asked = arena_dup(&c->kept, waited_for(c));
    c->refused.answer = exchange_printable(&c->kept, r->line);
    end(c, true, arena_printf(&c->scratch, "SMTP error from remote mail server after %.*s: %.*s",
                              STR_ARG(waited_for(c)), STR_ARG(r->line)));
    buf_add(&c->out, STR("QUIT\r\n"));
}

/* ---- banner and EHLO */

static void note_start(struct smtp_client *c, char letter)
{
    size_t n = strlen(c->start);

    if (n + 1 < sizeof c->start)
        c->start[n] = letter;
}

const char *smtp_client_start(const struct smtp_client *c)
{
    return c->start;
}

static void say_hello(struct smtp_client *c)
{
    const char *verb = c->config.lmtp ? "LHLO" : c->step == S_EHLO ? "EHLO" : "HELO";

    note_start(c, c->config.lmtp ? 'l' : c->step == S_EHLO ? 'e' : 'h');
    buf_addf(&c->out, "%s %.*s\r\n", verb, STR_ARG(c->config.helo));
    set_deadline(c);
}

void smtp_client_go(struct smtp_client *c)
{
    if (c->step != S_GO)
        return;
    c->step = c->config.avoid_esmtp && !c->config.lmtp ? S_HELO : S_EHLO;
    say_hello(c);
}

static void read_offer(struct smtp_client *c, struct str text)
{
    struct str line, word;

    str_cut(&text, '\n', &line);        /* the first line is a greeting */
    while (str_cut(&text, '\n', &line)) {
        str_cut(&line, ' ', &word);
        if (str_same_fold(word, STR("PIPELINING")))
            c->offer.pipelining = !c->config.avoid_pipelining;
        else if (str_same_fold(word, STR("8BITMIME")))
            c->offer.eightbit = true;
        else if (str_same_fold(word, STR("AUTH")) && !c->auth.n)
            c->auth = exchange_printable(&c->kept, str_trim(line));
        else if (str_same_fold(word, STR("SMTPUTF8")))
            c->offer.utf8 = true;
        else if (str_same_fold(word, STR("STARTTLS")))
            c->offer.starttls = true;
        else if (str_same_fold(word, STR("IGNOREQUOTA")))
            c->offer.ignore_quota = c->config.lmtp && c->config.ignore_quota;
        else if (str_same_fold(word, STR("SIZE"))) {
            c->offer.size = true;
            /* What is no number names no limit. */
            if (!str_u64(str_trim(line), UINT64_MAX, &c->offer.size_max))
                c->offer.size_max = 0;
        }
    }
}

static void on_hello(struct smtp_client *c, const struct reply *r)
{
    if (r->code == 220) {               /* a second greeting: from here every answer would be one late */
        end_bad(c, "unexpected reply from remote mail server", r->line);
    } else if (r->code / 100 == 2) {
        c->banner = c->step == S_EHLO ? r->text : STR("");
        if (c->step == S_EHLO)
            read_offer(c, r->text);
        c->step = S_IDLE;
        c->tell_ready = true;
    } else if (c->step == S_EHLO && !c->config.lmtp && r->code / 100 == 5) {
        c->step = S_HELO;               /* RFC 5321 3.2: a server of old */
        say_hello(c);
    } else {
        end_refused(c, r);
    }
}

static void on_banner(struct smtp_client *c, const struct reply *r)
{
    if (r->code != 220) {
        end_refused(c, r);
        return;
    }
    c->step = S_GO;
    c->tell_banner = true;
    c->banner = r->line;
}

struct str smtp_client_hello(const struct smtp_client *c)
{
    return c->banner;
}

/* ---- STARTTLS (RFC 3207) */

bool smtp_client_offers_tls(const struct smtp_client *c)
{
    return c->offer.starttls;
}

void smtp_client_starttls(struct smtp_client *c)
{
    if (c->step != S_IDLE)
        return;
    c->step = S_STARTTLS;
    buf_add(&c->out, STR("STARTTLS\r\n"));
    set_deadline(c);
}

static void on_starttls(struct smtp_client *c, const struct reply *r)
{
    if (r->code == 421) {
        end_refused(c, r);
        return;
    }
    c->step = r->code == 220 ? S_SECURING : S_IDLE;
    c->starttls_code = r->code;
    c->banner = r->line;
    c->tell_starttls = true;
}

/* Nothing that was said in clear may count once nobody can have changed it (RFC 3207 4.2). */
void smtp_client_again(struct smtp_client *c)
{
    if (c->step != S_SECURING && c->step != S_IDLE)
        return;
    if (c->step == S_SECURING)
        note_start(c, 's');
    c->offer = (struct offer){ 0 };
    c->auth = (struct str){ 0 };
    c->exchange.need_rset = c->exchange.open = false;
    c->step = S_EHLO;
    say_hello(c);
}

/* ---- AUTH (RFC 4954): lines that the caller makes, answers that it reads */

struct str smtp_client_auth(const struct smtp_client *c)
{
    return c->auth;
}

void smtp_client_auth_say(struct smtp_client *c, struct str line)
{
    if (c->step != S_IDLE && c->step != S_AUTH)
        return;
    c->step = S_AUTH;
    c->asked = true;
    buf_add(&c->out, line);
    buf_add(&c->out, STR("\r\n"));
    set_deadline(c);
}

void smtp_client_auth_over(struct smtp_client *c, bool authenticated)
{
    if (c->step == S_AUTH)
        c->step = S_IDLE;
    c->offer.auth = c->auth.n > 0;
    c->offer.authenticated = authenticated;
    if (authenticated)
        note_start(c, 'a');
    set_deadline(c);
}

static void on_auth(struct smtp_client *c, const struct reply *r)
{
    c->asked = false;
    c->banner = arena_printf(&c->scratch, "%d %.*s", r->code, STR_ARG(r->text));
    c->tell_auth = true;
    if (r->code == 421)
        end_refused(c, r);
}

/* ---- messages */

static void take_end(struct smtp_client *c, enum exchange_end how)
{
    if (how == X_GO_ON || c->step != S_MESSAGE)
        return;
    c->tell_sent = true;
    c->step = S_IDLE;
    if (how == X_BROKEN) {
        c->step = S_OVER;
        c->tell_closed = true;
        c->host_error = c->exchange.host_error;
        c->why = c->exchange.why;
    }
}

static void begin_message(struct smtp_client *c)
{
    struct client_message *m = c->next;

    c->next = NULL;
    c->step = S_MESSAGE;
    take_end(c, exchange_begin(&c->exchange, m));
}

/* ---- what is due */

static bool tell_one(struct smtp_client *c)
{
    if (c->tell_banner) {
        c->tell_banner = false;
        c->ops->banner(c->ctx, c->banner);
    } else if (c->tell_ready) {
        c->tell_ready = false;
        c->ops->ready(c->ctx);
    } else if (c->tell_starttls) {
        c->tell_starttls = false;
        c->ops->starttls(c->ctx, c->starttls_code, c->banner);
    } else if (c->tell_auth) {
        c->tell_auth = false;
        c->ops->auth(c->ctx, c->banner);
    } else if (c->tell_sent) {
        struct client_message *m = c->exchange.m;

        c->tell_sent = false;
        c->exchange.m = NULL;
        c->messages++;
        c->ops->sent(c->ctx, m);
    } else if (c->tell_closed) {
        c->tell_closed = false;
        c->ops->closed(c->ctx, &c->why, c->host_error);
    } else {
        return false;
    }
    return true;
}

/* Callbacks that are due, then the next message, until nothing is left to do
 * now. Calls from within callbacks leave their wish here instead of going
 * deeper: a thousand messages refused in a row need no stack. */
static void run(struct smtp_client *c)
{
    if (c->running)
        return;
    c->running = true;
    while (!c->doomed) {
        if (tell_one(c))
            continue;
        if (c->next && c->step == S_IDLE)
            begin_message(c);
        if (c->step == S_MESSAGE && !c->tell_sent) {
            size_t before = c->out.n;

            take_end(c, exchange_pump(&c->exchange, &c->out));
            if (c->out.n != before || c->step != S_MESSAGE)
                set_deadline(c);
        }
        if (!c->tell_sent && !c->tell_closed)
            break;
    }
    c->running = false;
    if (c->doomed)
        smtp_client_free(c);
}

void smtp_client_send(struct smtp_client *c, struct client_message *m)
{
    assert(smtp_client_state(c) == CLIENT_READY);
    c->next = m;
    run(c);
}

void smtp_client_quit(struct smtp_client *c)
{
    bool may_say = c->step == S_IDLE || c->step == S_GO || (c->step == S_AUTH && !c->asked);

    end(c, false, STR("delivery was given up"));
    if (may_say)
        buf_add(&c->out, STR("QUIT\r\n"));
    c->tell_closed = false;
    set_deadline(c);
    run(c);
}

/* ---- input */

/* Replies to what has been written so far. */
static uint32_t replies_due(const struct smtp_client *c)
{
    switch (c->step) {
    case S_BANNER:
    case S_EHLO:
    case S_HELO:
    case S_STARTTLS:
        return 1;
    case S_AUTH:
        return c->asked;
    case S_MESSAGE:
        return exchange_due(&c->exchange);
    default:
        return 0;
    }
}

static void take_reply(struct smtp_client *c, const struct reply *r)
{
    if (c->step == S_BANNER)
        on_banner(c, r);
    else if (c->step == S_MESSAGE)
        take_end(c, exchange_reply(&c->exchange, r));
    else if (c->step == S_AUTH)
        on_auth(c, r);
    else if (c->step == S_STARTTLS)
        on_starttls(c, r);
    else
        on_hello(c, r);
}

/* A reply nobody asked for. A server may say 421 at any time (RFC 5321 3.8) and
 * may refuse a message while it is still being sent; else what it says next
 * would be taken for the answer to another command. */
static void take_stray(struct smtp_client *c, const struct reply *r)
{
    bool in_message = c->step == S_MESSAGE;

    if (in_message && c->exchange.stage != X_COMMANDS) {
        c->exchange.stage = X_BODY;     /* it began before the dot was out */
        take_end(c, exchange_reply(&c->exchange, r));
    } else if (in_message && r->code == 421) {
        take_end(c, exchange_reply(&c->exchange, r));
    } else if (r->code == 421) {
        end(c, c->step != S_IDLE, arena_printf(&c->scratch, "remote mail server closed the connection: %.*s",
                                               STR_ARG(r->line)));
    } else {
        end_bad(c, "unexpected reply from remote mail server", r->line);
    }
}

/* What is left once all replies that were due are read came too early: the peer
 * cannot have seen what is written next (R3.4). Half a line of that kind is
 * remembered as stray until it is whole. */
size_t smtp_client_input(struct smtp_client *c, struct str bytes)
{
    uint32_t due = c->stray ? 0 : replies_due(c);
    struct str rest = bytes;

    while (rest.n > 0 && c->step != S_OVER) {
        struct reply r;
        enum reply_end got;

        /* In clear, behind the answer to STARTTLS: whoever put it there wants it believed after the handshake. */
        if (c->step == S_SECURING) {
            end_bad(c, "unexpected data from remote mail server", str_trim(str_head(rest, str_find(rest, '\n'))));
            break;
        }
        if (!c->tell_banner && !c->tell_starttls && !c->tell_auth)
            arena_reset(&c->scratch);
        got = reply_read(&c->scratch, &rest, &r);
        if (got == REPLY_MORE) {
            c->stray = due == 0;
            break;
        }
        if (got == REPLY_BAD)
            end_bad(c, "malformed reply from remote mail server", str_head(rest, str_find(rest, '\n')));
        else if (due == 0)
            take_stray(c, &r);
        else
            take_reply(c, &r);
        due -= due > 0;
    }
    if (c->step == S_OVER)
        rest.n = 0;
    if (rest.n < bytes.n)               /* half a reply buys no time */
        set_deadline(c);
    run(c);
    return bytes.n - rest.n;
}

/* Whether silence now says something about the host, and not about this message:
 * a server may choke on what it was just given (Exim's distinction). */
static bool is_host_error(const struct smtp_client *c, bool timeout)
{
    if (c->step != S_MESSAGE)
        return c->step != S_IDLE;
    if (c->exchange.stage == X_FINAL)
        return false;
    return !timeout || c->exchange.stage != X_COMMANDS || c->exchange.answered > c->exchange.rset;
}

void smtp_client_eof(struct smtp_client *c, const struct why *why)
{
    const char *reason = why && why->text[0] ? why->text : NULL;
    struct str text = c->step == S_IDLE ? STR("remote mail server closed the connection")
        : arena_printf(&c->scratch, "Remote host closed connection in response to %.*s", STR_ARG(waited_for(c)));

    end(c, is_host_error(c, false),
        reason ? arena_printf(&c->scratch, "%.*s: %s", STR_ARG(text), reason) : text);
    run(c);
}

void smtp_client_timeout(struct smtp_client *c)
{
    if (allowed(c))
        end(c, is_host_error(c, true),
            arena_printf(&c->scratch, "SMTP timeout after %.*s", STR_ARG(waited_for(c))));
    run(c);
}

void smtp_client_drained(struct smtp_client *c)
{
    run(c);
}

struct buf *smtp_client_output(struct smtp_client *c)
{
    return &c->out;
}

int64_t smtp_client_deadline(const struct smtp_client *c)
{
    return c->deadline;
}

enum client_state smtp_client_state(const struct smtp_client *c)
{
    switch (c->step) {
    case S_IDLE: return c->next ? CLIENT_BUSY : CLIENT_READY;
    case S_MESSAGE: return CLIENT_BUSY;
    case S_OVER: return CLIENT_CLOSED;
    default: return CLIENT_CONNECTING;
    }
}

unsigned smtp_client_messages(const struct smtp_client *c)
{
    return c->messages;
}

void smtp_client_pace(struct smtp_client *c, int64_t command_ms, int64_t data_ms, int64_t final_ms)
{
    c->config.command_ms = command_ms;
    c->config.data_ms = data_ms;
    c->config.final_ms = final_ms;
}

int smtp_client_refused(const struct smtp_client *c, struct str *asked, struct str *answer)
{
    *asked = c->refused.asked;
    *answer = c->refused.answer;
    return c->refused.code;
}

bool smtp_client_open(const struct smtp_client *c)
{
    return c->step == S_IDLE && c->exchange.open;
}

bool smtp_client_pipelining(const struct smtp_client *c)
{
    return c->offer.pipelining;
}
