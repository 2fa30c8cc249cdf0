#include "smtp/client.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/clock.h"

/*
 * A dialogue is one string of steps, separated by LF:
 *   S text     the server says this line (~: and these, all at once)
 *   C text     the client must have said this line next (C= joins nothing)
 *   C* n       the client has said n bytes of content, up to and with the dot
 *   CLOSE      the server closes       TIMEOUT   the deadline passes
 *   QUIET      the client has said nothing more
 *   SECURED    the handshake is over
 * The result is compared as text: one word a recipient (ok, again, never; "!"
 * where the answer to RCPT decided), then the state of the connection.
 */
enum { RCPTS = 5 };

struct talk {
    struct smtp_client *client;
    struct client_message messages[3];
    struct client_rcpt rcpts[3][RCPTS];
    unsigned next, count;           /* messages sent, to send */
    struct arena arena;
    struct str unread;              /* what the client has not taken */
    struct buf pending, said, result;
    size_t split;                   /* 1: server's bytes come one by one */
    struct str body;
    size_t body_at;
    size_t body_here;               /* how much of the body can be read; 0: all */
    bool body_fails, no_rewind;
    bool closed, host_error, quit_when_done, wants_tls, secured;
    const char *login[3];           /* lines of AUTH, if it is offered */
    unsigned login_at;
    struct why why;
};

static ssize_t read_body(void *ctx, char *p, size_t n)
{
    struct talk *t = ctx;
    size_t left = (t->body_here ? t->body_here : t->body.n) - t->body_at;

    if (t->body_here && left == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (t->body_fails && t->body_at > 0) {
        errno = EIO;
        return -1;
    }
    n = n < left ? n : left;
    if (t->body_fails && n > 1)
        n = 1;
    memcpy(p, t->body.p + t->body_at, n);
    t->body_at += n;
    return (ssize_t)n;
}

static bool rewind_body(void *ctx)
{
    struct talk *t = ctx;

    t->body_at = 0;
    return !t->no_rewind;
}

static void on_banner(void *ctx, struct str text)
{
    struct talk *t = ctx;

    (void)text;
    smtp_client_go(t->client);
}

static void next_message(struct talk *t)
{
    t->body_at = 0;
    if (t->next < t->count)
        smtp_client_send(t->client, &t->messages[t->next++]);
    else if (t->quit_when_done)
        smtp_client_quit(t->client);
}

static void on_ready(void *ctx)
{
    struct talk *t = ctx;

    if (t->wants_tls && !t->secured && smtp_client_offers_tls(t->client))
        smtp_client_starttls(t->client);
    else if (t->login[0] && t->login_at == 0 && smtp_client_auth(t->client).n)
        smtp_client_auth_say(t->client, str_of(t->login[t->login_at++]));
    else
        next_message(t);
}

/* A challenge is answered with the next line, or "*"; anything else is the end of it. */
static void on_auth(void *ctx, struct str reply)
{
    struct talk *t = ctx;

    assert_true(reply.n >= 3);
    if (str_starts(reply, STR("334"))) {
        const char *line = t->login_at < 3 ? t->login[t->login_at++] : NULL;

        smtp_client_auth_say(t->client, str_of(line ? line : "*"));
        return;
    }
    smtp_client_auth_over(t->client, str_starts(reply, STR("235")));
    next_message(t);
}

static void on_starttls(void *ctx, int code, struct str reply)
{
    struct talk *t = ctx;

    assert_true(reply.n >= 3);
    t->secured = true;                  /* or it never will be */
    if (code != 220)
        next_message(t);
}

static void on_sent(void *ctx, struct client_message *m)
{
    static const char *const words[] = { "ok", "again", "never" };
    struct talk *t = ctx;

    for (size_t i = 0; i < m->n; i++) {
        assert_true(m->rcpts[i].settled);
        if (m->rcpts[i].outcome == CLIENT_OK && !m->probe)
            assert_true(m->confirmation.n > 0);
        buf_addf(&t->result, "%s%s ", words[m->rcpts[i].outcome], m->rcpts[i].by_rcpt ? "!" : "");
    }
    buf_addf(&t->result, "| ");
    if (smtp_client_state(t->client) == CLIENT_READY)
        next_message(t);
}

static void on_closed(void *ctx, const struct why *why, bool host_error)
{
    struct talk *t = ctx;

    assert_false(t->closed);
    t->closed = true;
    t->why = *why;
    t->host_error = host_error;
}

static const struct smtp_client_ops ops = {
    .banner = on_banner, .ready = on_ready, .starttls = on_starttls, .auth = on_auth, .sent = on_sent, .closed = on_closed,
};

static void collect(struct talk *t)
{
    struct buf *out;

    do {
        out = smtp_client_output(t->client);
        assert_in_range(out->n, 0, 200 * 1024);         /* the body comes in pieces */
        buf_add(&t->said, buf_str(out));
        buf_clear(out);
        smtp_client_drained(t->client);
    } while (smtp_client_output(t->client)->n > 0);
}

static void hear(struct talk *t, struct str s)
{
    for (size_t i = 0; i < s.n; ) {
        size_t n = t->split ? t->split : s.n;

        n = n < s.n - i ? n : s.n - i;
        buf_add(&t->pending, (struct str){ s.p + i, n });
        i += n;
        buf_drop(&t->pending, smtp_client_input(t->client, buf_str(&t->pending)));
        collect(t);
    }
}

static void expect_line(struct talk *t, struct str want, const char *title)
{
    struct str said = buf_str(&t->said), line = str_head(said, str_find(said, '\n'));

    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    if (line.n == said.n || !str_same(line, want))
        fail_msg("%s: client said \"%.*s\", expected \"%.*s\"", title, STR_ARG(line), STR_ARG(want));
    buf_drop(&t->said, line.n + 2);
}

static void expect_content(struct talk *t, const char *title)
{
    struct str said = buf_str(&t->said);
    size_t dot = str_find_str(said, STR("\r\n.\r\n"));

    if (dot == SIZE_MAX)
        fail_msg("%s: no content: \"%.*s\"", title, STR_ARG(said));
    buf_drop(&t->said, dot + 5);
}

static void step(struct talk *t, struct str s, const char *title)
{
    if (str_starts(s, STR("S "))) {
        char line[512];
        int n = snprintf(line, sizeof line, "%.*s\r\n", STR_ARG(str_from(s, 2)));

        for (int i = n - 2; i > 0; i--)         /* lines that come together */
            if (line[i] == '~') {
                memmove(line + i + 2, line + i + 1, (size_t)(n++ - i) - 1);
                memcpy(line + i, "\r\n", 2);
            }
        hear(t, (struct str){ line, (size_t)n });
    } else if (str_same(s, STR("C*"))) {
        expect_content(t, title);
    } else if (str_starts(s, STR("C "))) {
        expect_line(t, str_from(s, 2), title);
    } else if (str_same(s, STR("CLOSE"))) {
        smtp_client_eof(t->client, NULL);
    } else if (str_same(s, STR("TIMEOUT"))) {
        assert_true(smtp_client_deadline(t->client) > 0);
        smtp_client_timeout(t->client);
    } else if (str_same(s, STR("SECURED"))) {
        smtp_client_again(t->client);
        collect(t);
    } else if (str_same(s, STR("QUIET"))) {
        if (t->said.n)
            fail_msg("%s: client said \"%.*s\"", title, STR_ARG(buf_str(&t->said)));
    } else {
        fail_msg("%s: no such step: %.*s", title, STR_ARG(s));
    }
}

struct setting {
    unsigned rcpts, messages;
    unsigned probes;                /* the first messages; each asks about one recipient, the next is for all of them */
    bool resume;                    /* each message after the first */
    bool lmtp, no_pipelining, no_esmtp, eightbit, fail_body, no_rewind, quit, tls;
    uint32_t max_rcpt, line_max, max_line;
    int32_t size_addition;
    uint64_t size;
    const char *login[3], *auth_sender;
    bool auth_force;
};

static void open_talk(struct talk *t, const struct setting *s, size_t split)
{
    static const char *const addrs[RCPTS] = { "a@x", "b@x", "c@x", "d@x", "e@x" };
    struct smtp_client_config c = { .helo = STR("me"), .lmtp = s->lmtp, .avoid_pipelining = s->no_pipelining,
        .avoid_esmtp = s->no_esmtp, .max_rcpt = s->max_rcpt, .line_max = s->line_max,
        .size_addition = s->size_addition };

    memset(t, 0, sizeof *t);
    t->split = split;
    t->count = s->messages ? s->messages : 1;
    t->body = STR(".dot\r\nline\r\n");
    t->body_fails = s->fail_body;
    t->no_rewind = s->no_rewind;
    t->quit_when_done = s->quit;
    t->wants_tls = s->tls;
    memcpy(t->login, s->login, sizeof t->login);
    for (unsigned i = 0; i < t->count; i++) {
        for (unsigned k = 0; k < RCPTS; k++)
            t->rcpts[i][k].addr = str_of(addrs[k]);
        t->messages[i] = (struct client_message){ .arena = &t->arena, .sender = STR("s@y"), .rcpts = t->rcpts[i],
            .n = s->rcpts ? s->rcpts : 1, .body_8bit = s->eightbit, .size = s->size ? s->size : 100,
            .max_line = s->max_line, .header = STR("Subject: x\r\n"), .read = read_body, .rewind = rewind_body, .ctx = t,
            .auth_sender = s->auth_sender ? str_of(s->auth_sender) : (struct str){ 0 }, .auth_force = s->auth_force };
    }
    for (unsigned i = 0; i < t->count && s->probes; i++) {
        struct client_message *m = &t->messages[i];

        m->probe = i < s->probes;
        m->resume = s->resume && i > 0;
        m->n = m->probe ? 1 : s->probes;
        if (m->probe)
            m->rcpts[0].addr = str_of(addrs[i]);
    }
    t->client = smtp_client_new(&c, &ops, t);
}

static void close_talk(struct talk *t)
{
    smtp_client_free(t->client);
    arena_free(&t->arena);
    buf_free(&t->pending);
    buf_free(&t->said);
    buf_free(&t->result);
}

#define HELLO "S 220 hi\nC EHLO me\nS 250 you\n"
#define PIPED "S 220 hi\nC EHLO me\nS 250-you\nS 250 PIPELINING\n"
#define LPIPED "S 220 hi\nC LHLO me\nS 250-you\nS 250 PIPELINING\n"
#define TLS "S 220 hi\nC EHLO me\nS 250-you\nS 250 STARTTLS\nC STARTTLS\n"
#define AUTH "S 220 hi\nC EHLO me\nS 250-you\nS 250 AUTH PLAIN LOGIN\n"
#define PLAIN .login = { "AUTH PLAIN AGEAYg==" }
#define LOGIN .login = { "AUTH LOGIN", "YQ==", "Yg==" }
#define MAIL "C MAIL FROM:<s@y>\n"
#define A "C RCPT TO:<a@x>\n"
#define B "C RCPT TO:<b@x>\n"
#define D "C RCPT TO:<c@x>\n"
#define DATA "C DATA\n"
#define GO "S 354 go\nC*\n"

static const struct dialogue {
    const char *title;
    struct setting with;
    const char *steps, *result, *why;       /* why: part of the reason of the end, or of the first recipient's text */
    bool host_error;
} dialogues[] = {
    { "one message, step by step", { 0 },
      HELLO MAIL "QUIET\nS 250 ok\n" A "S 250 ok\n" DATA GO "S 250 queued\nQUIET\n", "ok | ready", "250 queued", false },
    { "one message, pipelined", { 0 },
      PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 queued\n", "ok | ready", "250 queued", false },
    { "PIPELINING not used when told so", { .no_pipelining = true },
      PIPED MAIL "QUIET\nS 250 ok\n" A "S 250 ok\n" DATA GO "S 250 queued\n", "ok | ready", NULL, false },
    { "QUIT at the end", { .quit = true }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 queued\nC QUIT\n", "ok | over", NULL, false },

    /* probes */
    { "a probe asks for a recipient and sends nothing", { .probes = 1 },
      PIPED MAIL A "QUIET\nS 250 ok\nS 250 yes\nQUIET\n", "ok! | ready", "250 yes", false },
    { "a probe's no is told as it came", { .probes = 1 },
      HELLO MAIL "S 250 ok\n" A "S 550 no such\nQUIET\n", "never! | ready", "550 no such", false },
    { "a probe whose MAIL is refused", { .probes = 1 }, HELLO MAIL "S 550 no\nQUIET\n", "never | ready", "550 no", false },
    { "a probe whose MAIL is refused, pipelined", { .probes = 1 }, PIPED MAIL A "S 450 no\nS 503 what\nQUIET\n", "again | ready", "450 no", false },
    { "a probe is answered even by too many", { .probes = 1 },
      PIPED MAIL A "S 250 ok\nS 452 too many recipients\nQUIET\n", "again! | ready", NULL, false },
    { "another probe begins anew", { .probes = 2, .messages = 2 },
      HELLO MAIL "S 250 ok\n" A "S 250 yes\nC RSET\nS 250 ok\n" MAIL "S 250 ok\n" B "S 550 no\n", "ok! | never! | ready", NULL, false },
    { "or goes on with the transaction", { .probes = 2, .messages = 2, .resume = true },
      PIPED MAIL A "S 250 ok\nS 250 yes\n" B "S 250 yes\nQUIET\n", "ok! | ok! | ready", NULL, false },
    { "which the message for all of them ends", { .probes = 2, .messages = 3, .resume = true },
      PIPED MAIL A "S 250 ok\nS 250 yes\n" B "S 250 yes\n" DATA GO "S 250 queued\nQUIET\n", "ok! | ok! | ok ok | ready", NULL, false },
    { "or the host refuses it for all", { .probes = 2, .messages = 3, .resume = true },
      PIPED MAIL A "S 250 ok\nS 250 yes\n" B "S 250 yes\n" DATA GO "S 554 spam\n", "ok! | ok! | never never | ready", NULL, false },
    { "a message after a probe begins anew if it is to", { .probes = 1, .messages = 2 },
      PIPED MAIL A "S 250 ok\nS 250 yes\nC RSET\n" MAIL A DATA "S 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 queued\n", "ok! | ok | ready",
      NULL, false },
    { "a server that goes while a probe's transaction is open", { .probes = 1 },
      PIPED MAIL A "S 250 ok\nS 250 yes\nS 421 idle\n", "ok! | over", "closed the connection: 421 idle", false },

    /* hello */
    { "HELO for a server of old", { 0 }, "S 220 hi\nC EHLO me\nS 502 what\nC HELO me\nS 250 you\n" MAIL "S 250 ok\n",
      "busy", NULL, false },
    { "HELO when ESMTP is to be avoided", { .no_esmtp = true }, "S 220 hi\nC HELO me\nS 250 you\n" MAIL, "busy", NULL, false },
    { "HELO refused too", { 0 }, "S 220 hi\nC EHLO me\nS 502 what\nC HELO me\nS 550 go away\nC QUIT\n",
      "over", "after HELO me: 550 go away", true },
    { "EHLO deferred: no HELO", { 0 }, "S 220 hi\nC EHLO me\nS 450 later\nC QUIT\n", "over", "after EHLO me: 450 later", true },
    { "LHLO refused: no HELO", { .lmtp = true }, "S 220 hi\nC LHLO me\nS 500 what\nC QUIT\n", "over", "after LHLO me: 500 what", true },
    { "refused at the door", { 0 }, "S 554 no\nC QUIT\n", "over", "after initial connection: 554 no", true },
    { "busy at the door", { 0 }, "S 421 busy\nC QUIT\n", "over", "after initial connection: 421 busy", true },
    { "silence at the door", { 0 }, "TIMEOUT\n", "over", "SMTP timeout after initial connection", true },
    { "closed at the door", { 0 }, "CLOSE\n", "over", "Remote host closed connection in response to initial connection", true },
    { "silence after EHLO", { 0 }, "S 220 hi\nC EHLO me\nTIMEOUT\n", "over", "SMTP timeout after EHLO me", true },
    { "closed after EHLO", { 0 }, "S 220 hi\nC EHLO me\nCLOSE\n", "over", "in response to EHLO me", true },
    { "a banner that is no SMTP", { 0 }, "S HTTP/1.1 400 Bad Request\n", "over", "malformed reply", true },
    { "a banner of several lines", { 0 }, "S 220-hi\nS 220 there\nC EHLO me\n", "connecting", NULL, false },
    { "a second greeting nobody asked for", { 0 }, "S 220 hi\nS 220 hi\n", "over", "unexpected reply", true },

    /* STARTTLS */
    { "STARTTLS, and EHLO again", { .tls = true },
      TLS "S 220 go\nQUIET\nSECURED\nC EHLO me\nS 250 you\n" MAIL, "busy", NULL, false },
    { "what was offered in clear is forgotten", { .tls = true, .eightbit = true },
      "S 220 hi\nC EHLO me\nS 250-you\nS 250-8BITMIME\nS 250-PIPELINING\nS 250-SIZE 10\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nSECURED\n"
      "C EHLO me\nS 250 you\n" MAIL "QUIET\n", "busy", NULL, false },
    { "STARTTLS refused: as before", { .tls = true }, TLS "S 454 not now\n" MAIL, "busy", NULL, false },
    { "STARTTLS answered by 421", { .tls = true }, TLS "S 421 bye\nC QUIT\n", "over", "after STARTTLS: 421 bye", true },
    { "bytes behind the answer to STARTTLS (R3.4)", { .tls = true },
      TLS "S 220 go~250-you~250 AUTH PLAIN\nQUIET\n", "over", "unexpected data from remote mail server at STARTTLS: 2", true },
    { "half a line behind the answer to STARTTLS", { .tls = true }, TLS "S 220 go~2\n", "over", "unexpected data", true },
    { "closed after STARTTLS", { .tls = true }, TLS "CLOSE\n", "over", "in response to STARTTLS", true },
    { "silence after STARTTLS", { .tls = true }, TLS "TIMEOUT\n", "over", "SMTP timeout after STARTTLS", true },
    { "a server that talks while it shakes hands", { .tls = true }, TLS "S 220 go\nS 220 again\n", "over", "unexpected data", true },

    /* extensions */
    { "8BITMIME and SIZE are used when offered", { .eightbit = true, .size_addition = 1024 },
      "S 220 hi\nC EHLO me\nS 250-you\nS 250-SIZE 1000000\nS 250 8BITMIME\nC MAIL FROM:<s@y> SIZE=1124 BODY=8BITMIME\n", "busy", NULL, false },
    { "8-bit content goes as it is when 8BITMIME is not offered", { .eightbit = true }, HELLO MAIL, "busy", NULL, false },
    { "a 7-bit message does not say 8BITMIME", { 0 }, "S 220 hi\nC EHLO me\nS 250-you\nS 250 8bitmime\n" MAIL, "busy", NULL, false },
    { "no SIZE= when told so", { .size_addition = -1 }, "S 220 hi\nC EHLO me\nS 250-you\nS 250 SIZE\n" MAIL, "busy", NULL, false },
    { "too big for the peer: refused here", { .size = 2000 },
      "S 220 hi\nC EHLO me\nS 250-you\nS 250 SIZE 1999\nQUIET\n", "never | ready", "too big for the remote mail server (its limit is 1999)", false },
    { "SIZE 0 is no limit", { .size = 2000, .size_addition = -1 }, "S 220 hi\nC EHLO me\nS 250-you\nS 250 SIZE 0\n" MAIL, "busy", NULL, false },
    { "a limit that is no number is none", { .size = 2000, .size_addition = -1 },
      "S 220 hi\nC EHLO me\nS 250-you\nS 250 SIZE many\n" MAIL, "busy", NULL, false },
    { "a line too long: refused before anything is sent", { .line_max = 998, .max_line = 999 },
      HELLO "QUIET\n", "never | ready", "lines too long", false },
    { "a line just short enough", { .line_max = 998, .max_line = 998 }, HELLO MAIL, "busy", NULL, false },

    /* MAIL */
    { "sender refused", { .rcpts = 2 }, HELLO MAIL "S 550 no\nQUIET\n", "never never | ready", "after MAIL FROM:<s@y>: 550 no", false },
    { "sender deferred", { .rcpts = 2 }, HELLO MAIL "S 451 later\n", "again again | ready", "451 later", false },
    { "sender refused under pipelining", { .rcpts = 2 },
      PIPED MAIL A B DATA "S 550 no\nS 503 what\nS 503 what\nS 503 what\nQUIET\n", "never never | ready", "after pipelined MAIL FROM:<s@y>: 550 no", false },
    { "sender refused, DATA accepted all the same: only the dot", { 0 },
      PIPED MAIL A DATA "S 550 no\nS 503 what\nS 354 go\nC .\nS 554 none\nQUIET\n", "never | ready", NULL, false },
    { "421 at MAIL", { .rcpts = 2 }, HELLO MAIL "S 421 bye\n", "again again | over", "421 bye", true },
    { "silence at MAIL", { 0 }, HELLO MAIL "TIMEOUT\n", "again | over", "SMTP timeout after MAIL FROM:<s@y>", false },
    { "closed at MAIL", { 0 }, HELLO MAIL "CLOSE\n", "again | over", "in response to MAIL FROM:<s@y>", true },
    { "300 to MAIL", { 0 }, HELLO MAIL "S 354 what\n", "again | over", "unexpected reply", true },

    /* RCPT */
    { "each recipient its own answer", { .rcpts = 3 },
      PIPED MAIL A B D DATA "S 250 ok\nS 250 ok\nS 550 5.1.1 no\nS 450 later\n" GO "S 250 queued\n",
      "ok never! again! | ready", NULL, false },
    { "all refused: no DATA", { .rcpts = 2 },
      HELLO MAIL "S 250 ok\n" A "S 550 no\n" B "S 450 later\nQUIET\n", "never! again! | ready", "after RCPT TO:<a@x>: 550 no", false },
    { "all refused, DATA refused", { .rcpts = 2 },
      PIPED MAIL A B DATA "S 250 ok\nS 550 no\nS 550 no\nS 554 none\nQUIET\n", "never! never! | ready", NULL, false },
    { "all refused, DATA accepted: only the dot", { .rcpts = 2 },
      PIPED MAIL A B DATA "S 250 ok\nS 550 no\nS 450 no\nS 354 go\nC .\nS 250 fine\nQUIET\n", "never! again! | ready", NULL, false },
    { "421 at the second recipient", { .rcpts = 3 },
      HELLO MAIL "S 250 ok\n" A "S 550 no\n" B "S 421 bye\n", "never! again again | over", NULL, true },
    { "closed at the second recipient", { .rcpts = 3 },
      HELLO MAIL "S 250 ok\n" A "S 250 ok\n" B "CLOSE\n", "again again again | over", "in response to RCPT TO:<b@x>", true },
    { "silence at RCPT", { 0 }, HELLO MAIL "S 250 ok\n" A "TIMEOUT\n", "again | over", "SMTP timeout after RCPT TO:<a@x>", true },
    { "too many recipients for the peer: the rest in a further transaction", { .rcpts = 3 },
      PIPED MAIL A B D DATA "S 250 ok\nS 250 ok\nS 452 4.5.3 too many\nS 452 4.5.3 too many\n" GO "S 250 one\n"
      MAIL B D DATA "S 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 two\n", "ok ok ok | ready", NULL, false },
    { "a full mailbox is not too many recipients", { .rcpts = 2 },
      PIPED MAIL A B DATA "S 250 ok\nS 250 ok\nS 452 4.2.2 full\n" GO "S 250 one\nQUIET\n", "ok again! | ready", NULL, false },
    { "at most max_rcpt a transaction", { .rcpts = 3, .max_rcpt = 2 },
      PIPED MAIL A B DATA "S 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 one\n" MAIL D DATA "S 250 ok\nS 250 ok\n" GO "S 250 two\n",
      "ok ok ok | ready", NULL, false },
    { "further transactions need the content again", { .rcpts = 2, .max_rcpt = 1, .no_rewind = true },
      PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 one\nQUIET\n", "ok again | ready", NULL, false },

    /* DATA and the dot */
    { "DATA refused", { .rcpts = 2 }, PIPED MAIL A B DATA "S 250 ok\nS 250 ok\nS 550 no\nS 554 5.7.1 no\nQUIET\n",
      "never never! | ready", "after pipelined DATA: 554 5.7.1 no", false },
    { "DATA deferred", { 0 }, HELLO MAIL "S 250 ok\n" A "S 250 ok\n" DATA "S 451 later\n", "again | ready", "after DATA: 451 later", false },
    { "250 to DATA", { 0 }, HELLO MAIL "S 250 ok\n" A "S 250 ok\n" DATA "S 250 ok\n", "again | over", "unexpected reply", true },
    { "some servers say 300", { 0 }, HELLO MAIL "S 250 ok\n" A "S 250 ok\n" DATA "S 300 go\nC*\nS 250 ok\n", "ok | ready", NULL, false },
    { "421 at DATA", { 0 }, HELLO MAIL "S 250 ok\n" A "S 250 ok\n" DATA "S 421 bye\n", "again | over", "421 bye", true },
    { "closed at DATA", { 0 }, HELLO MAIL "S 250 ok\n" A "S 250 ok\n" DATA "CLOSE\n", "again | over", "in response to DATA", true },
    { "silence at DATA", { 0 }, HELLO MAIL "S 250 ok\n" A "S 250 ok\n" DATA "TIMEOUT\n", "again | over", "SMTP timeout after DATA", true },
    { "content refused", { .rcpts = 2 }, PIPED MAIL A B DATA "S 250 ok\nS 250 ok\nS 250 ok\n" GO "S 550 spam\nQUIET\n",
      "never never | ready", "after end of data: 550 spam", false },
    { "content deferred", { 0 }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 451 later\n", "again | ready", "after end of data: 451 later", false },
    { "the dot's answer lost: again for all that were not settled", { .rcpts = 2 },
      PIPED MAIL A B DATA "S 250 ok\nS 550 no\nS 250 ok\n" GO "CLOSE\n", "never! again | over", NULL, false },
    { "silence after the dot", { 0 }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "TIMEOUT\n", "again | over", "SMTP timeout after end of data", false },
    { "421 after the dot", { 0 }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 421 bye\n", "again | over", "421 bye", false },
    { "354 after the dot", { 0 }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 354 more\n", "again | over", "unexpected reply", true },
    { "content that cannot be read is never ended with a dot", { .fail_body = true },
      PIPED MAIL A DATA "S 250 ok\nS 250 ok\nS 354 go\nC Subject: x\n", "again | over", "message could not be read", false },

    /* several messages */
    { "a second message on the same connection", { .messages = 2 },
      PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 one\n" MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 two\n", "ok | ok | ready", NULL, false },
    { "RSET first where a transaction was left open", { .messages = 2 },
      PIPED MAIL A DATA "S 250 ok\nS 550 no\nS 554 none\nC RSET\n" MAIL A DATA "S 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 two\n",
      "never! | ok | ready", NULL, false },
    { "RSET waits for its answer without pipelining", { .messages = 2 },
      HELLO MAIL "S 250 ok\n" A "S 550 no\nC RSET\nQUIET\nS 250 ok\n" MAIL "S 250 ok\n" A "S 250 ok\n" DATA GO "S 250 two\n",
      "never! | ok | ready", NULL, false },
    { "RSET refused", { .messages = 2 }, HELLO MAIL "S 250 ok\n" A "S 550 no\nC RSET\nS 500 what\n", "never! | again | over", NULL, true },
    { "no RSET after a refused MAIL", { .messages = 2 }, HELLO MAIL "S 550 no\n" MAIL, "never | busy", NULL, false },
    { "a message refused here does not disturb the next", { .messages = 2, .line_max = 10, .max_line = 11 }, HELLO "QUIET\n", "never | never | ready", NULL, false },
    { "closed between two messages", { .quit = false }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 one\nCLOSE\n", "ok | over", NULL, false },
    { "421 between two messages", { 0 }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 one\nS 421 idle\n", "ok | over", "421 idle", false },
    { "text between two messages", { 0 }, PIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 one\nS 250 two\n", "ok | over", "unexpected reply", true },

    /* AUTH */
    { "AUTH with an initial response", { PLAIN },
      AUTH "C AUTH PLAIN AGEAYg==\nQUIET\nS 235 welcome\n" MAIL "S 250 ok\n" A "S 250 ok\n" DATA GO "S 250 queued\n", "ok | ready", NULL, false },
    { "AUTH with challenges", { LOGIN },
      AUTH "C AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC YQ==\nQUIET\nS 334 UGFzc3dvcmQ6\nC Yg==\nS 235 welcome\n" MAIL "QUIET\n", "busy", NULL, false },
    { "AUTH that is not offered is not tried", { PLAIN }, HELLO MAIL "QUIET\n", "busy", NULL, false },
    { "AUTH refused: the message may still go", { PLAIN },
      AUTH "C AUTH PLAIN AGEAYg==\nS 535 no\n" MAIL "S 530 log in first\nQUIET\n", "never | ready", "530 log in first", false },
    { "AUTH put off", { PLAIN }, AUTH "C AUTH PLAIN AGEAYg==\nS 454 later\n" MAIL "QUIET\n", "busy", NULL, false },
    { "AUTH refused in more than one line", { PLAIN }, AUTH "C AUTH PLAIN AGEAYg==\nS 535-no\nS 535 really\n" MAIL "QUIET\n", "busy", NULL, false },
    { "a challenge there is no answer to is cancelled", { PLAIN },
      AUTH "C AUTH PLAIN AGEAYg==\nS 334 bW9yZQ==\nC *\nS 501 cancelled\n" MAIL "QUIET\n", "busy", NULL, false },
    { "who wrote it is said to a server that knows us", { PLAIN, .auth_sender = "w@y" },
      AUTH "C AUTH PLAIN AGEAYg==\nS 235 welcome\nC MAIL FROM:<s@y> AUTH=w@y\nQUIET\n", "busy", NULL, false },
    { "and to no other", { PLAIN, .auth_sender = "w@y" }, AUTH "C AUTH PLAIN AGEAYg==\nS 535 no\n" MAIL "QUIET\n", "busy", NULL, false },
    { "unless we must", { .auth_sender = "w@y", .auth_force = true }, AUTH "C MAIL FROM:<s@y> AUTH=w@y\nQUIET\n", "busy", NULL, false },
    { "whatever is offered", { .auth_sender = "w@y", .auth_force = true }, HELLO "C MAIL FROM:<s@y> AUTH=w@y\nQUIET\n", "busy", NULL, false },
    { "closed during AUTH", { PLAIN }, AUTH "C AUTH PLAIN AGEAYg==\nCLOSE\n", "over", NULL, true },
    { "421 to AUTH", { PLAIN }, AUTH "C AUTH PLAIN AGEAYg==\nS 421 bye\nC QUIT\n", "over", "421", true },
    { "no answer to AUTH", { PLAIN }, AUTH "C AUTH PLAIN AGEAYg==\nTIMEOUT\n", "over", NULL, true },

    /* LMTP */
    { "LMTP: one answer a recipient", { .lmtp = true, .rcpts = 3 },
      LPIPED MAIL A B D DATA "S 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 one\nS 550 no\nS 450 full\n", "ok! never! again! | ready", "250 one", false },
    { "LMTP: refused recipients get no second answer", { .lmtp = true, .rcpts = 3 },
      LPIPED MAIL A B D DATA "S 250 ok\nS 550 no\nS 250 ok\nS 250 ok\n" GO "S 250 b\nS 450 c\nQUIET\n", "never! ok! again! | ready", NULL, false },
    { "LMTP: closed between two answers", { .lmtp = true, .rcpts = 3 },
      LPIPED MAIL A B D DATA "S 250 ok\nS 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 a\nCLOSE\n", "ok! again again | over", NULL, false },
    { "LMTP: 421 between two answers", { .lmtp = true, .rcpts = 2 },
      LPIPED MAIL A B DATA "S 250 ok\nS 250 ok\nS 250 ok\n" GO "S 250 a\nS 421 bye\n", "ok! again | over", NULL, false },
    { "LMTP: one answer too many", { .lmtp = true, .rcpts = 1 },
      LPIPED MAIL A DATA "S 250 ok\nS 250 ok\n" GO "S 250 a\nS 250 b\n", "ok! | over", "unexpected reply", true },
    { "LMTP: data for nobody", { .lmtp = true }, LPIPED MAIL A DATA "S 250 ok\nS 550 no\nS 354 go\n", "never! | over", "data for no recipient", false },
};

static void run_dialogue(const struct dialogue *d, size_t split)
{
    static const char *const states[] = { "connecting", "ready", "busy", "over" };
    struct str steps = str_of(d->steps), s;
    struct talk t;

    open_talk(&t, &d->with, split);
    while (str_cut(&steps, '\n', &s))
        if (s.n)
            step(&t, s, d->title);
    buf_addf(&t.result, "%s", states[smtp_client_state(t.client)]);
    if (!str_same(buf_str(&t.result), str_of(d->result)))
        fail_msg("%s: got \"%.*s\", want \"%s\"", d->title, STR_ARG(buf_str(&t.result)), d->result);
    if (d->why && !strstr(t.why.text, d->why) && str_find_str(t.rcpts[0][0].text, str_of(d->why)) == SIZE_MAX)
        fail_msg("%s: reason \"%s\", text \"%.*s\"", d->title, t.why.text, STR_ARG(t.rcpts[0][0].text));
    if (t.host_error != d->host_error)
        fail_msg("%s: host_error is %d", d->title, t.host_error);
    close_talk(&t);
}

static void dialogues_end_as_they_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++)
        run_dialogue(&dialogues[i], 0);
}

static void however_replies_are_split(void **state)
{
    (void)state;
    for (size_t split = 1; split < 12; split++)
        for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++)
            run_dialogue(&dialogues[i], split);
}

/* All that the server says, in one piece; what came before it was asked for must not count. */
static const struct { const char *title, *said, *result; } eager[] = {
    { "everything answered before the banner was read",
      "220 hi\r\n250 you\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n", "over" },
    { "half a reply after the banner", "220 hi\r\n25", "connecting" },
};

static void answers_that_come_early_do_not_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof eager / sizeof *eager; i++) {
        struct setting s = { 0 };
        struct talk t;

        open_talk(&t, &s, 0);
        hear(&t, str_of(eager[i].said));
        hear(&t, STR("0 you\r\n"));
        assert_int_equal(smtp_client_state(t.client), CLIENT_CLOSED);
        assert_true(str_same(buf_str(&t.result), STR("")));
        close_talk(&t);
    }
}

static void an_answer_after_the_last_is_not_for_the_next_message(void **state)
{
    static const char *const tails[] = { "250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n250 too\r\n", "250 queued\r\n25" };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct setting s = { .messages = 2 };
        struct talk t;

        open_talk(&t, &s, 0);
        hear(&t, STR("220 hi\r\n"));
        hear(&t, STR("250-you\r\n250 PIPELINING\r\n"));
        hear(&t, STR("250 ok\r\n250 ok\r\n354 go\r\n"));
        hear(&t, str_of(tails[i]));
        hear(&t, STR("0 ok\r\n250 ok\r\n354 go\r\n"));
        hear(&t, STR("250 queued\r\n"));
        /* The first is delivered. The second was begun or not, but no early word made it "ok". */
        assert_true(str_starts(buf_str(&t.result), STR("ok | ")));
        assert_true(str_find_str(str_from(buf_str(&t.result), 2), STR("ok")) == SIZE_MAX);
        assert_int_equal(smtp_client_state(t.client), CLIENT_CLOSED);
        close_talk(&t);
    }
}

static void a_refusal_while_the_body_is_sent_counts_an_acceptance_not(void **state)
{
    static const struct { const char *said, *result; } rows[] = {
        { "552 too big\r\n", "never | " }, { "451 disk full\r\n", "again | " }, { "250 queued\r\n", "again | " },
        { "421 bye\r\n", "again | " }, { "garbage\r\n", "again | " },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct setting s = { 0 };
        struct talk t;
        char *big = calloc(1, 300000);

        memset(big, 'x', 300000);
        open_talk(&t, &s, 0);
        t.body = (struct str){ big, 300000 };
        hear(&t, STR("220 hi\r\n"));
        hear(&t, STR("250-you\r\n250 PIPELINING\r\n"));
        smtp_client_input(t.client, STR("250 ok\r\n250 ok\r\n354 go\r\n"));     /* output is not drained */
        assert_true(smtp_client_output(t.client)->n < 200000);
        smtp_client_input(t.client, str_of(rows[i].said));
        assert_true(str_same(buf_str(&t.result), str_of(rows[i].result)));
        assert_true(t.closed);
        close_talk(&t);
        free(big);
    }
}

static const struct { const char *header, *body, *wire; } contents[] = {
    { "A: b\r\n", "text\r\n", "A: b\r\n\r\ntext\r\n.\r\n" },
    { "A: b\r\n", "no end", "A: b\r\n\r\nno end\r\n.\r\n" },
    { "A: b", "", "A: b\r\n\r\n.\r\n" },
    { "A: b\r\n", ".\r\n", "A: b\r\n\r\n..\r\n.\r\n" },
    { "A: b\r\n", "..\r\n.x\r\n", "A: b\r\n\r\n...\r\n..x\r\n.\r\n" },
    { "A: b\r\n", "a\n.\nb\n", "A: b\r\n\r\na\r\n..\r\nb\r\n.\r\n" },
    { "A: b\r\n", "a\r.\rb", "A: b\r\n\r\na\r\n..\r\nb\r\n.\r\n" },
    { "A: b\r\n", "a\r\r\nb\r", "A: b\r\n\r\na\r\n\r\nb\r\n.\r\n" },
    { "A: b\r\n", "a\n\r.\r\nMAIL", "A: b\r\n\r\na\r\n\r\n..\r\nMAIL\r\n.\r\n" },
    { ".A: b\r\n", "x\r\n", "..A: b\r\n\r\nx\r\n.\r\n" },
    { "A: b\r\n", "\r\n\r\n.\r\n", "A: b\r\n\r\n\r\n\r\n..\r\n.\r\n" },
};

#include "smtp/wire.h"

static void only_crlf_and_no_lone_dot_however_content_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++)
        for (size_t cut = 1; cut < 8; cut++) {
            struct buf out = { 0 };
            struct wire w = { 0 };
            struct str body = str_of(contents[i].body);

            wire_put(&w, str_of(contents[i].header), &out);
            wire_put(&w, w.in_line ? STR("\r\n\r\n") : STR("\r\n"), &out);
            for (size_t at = 0; at < body.n; at += cut)
                wire_put(&w, str_head(str_from(body, at), cut), &out);
            wire_end(&w, &out);
            if (!str_same(buf_str(&out), str_of(contents[i].wire)))
                fail_msg("content %zu in pieces of %zu: \"%.*s\"", i, cut, STR_ARG(buf_str(&out)));
            buf_free(&out);
        }
}

static void addresses_cannot_carry_commands(void **state)
{
    static const char *const bad[] = { "a@x>\r\nDATA", "a\n@x", "a@x\177", "\303\244@x" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct setting s = { .rcpts = 2 };
        struct talk t;

        open_talk(&t, &s, 0);
        t.rcpts[0][0].addr = str_of(bad[i]);
        hear(&t, STR("220 hi\r\n"));
        hear(&t, STR("250 you\r\n"));
        hear(&t, STR("250 ok\r\n"));
        assert_true(str_same(buf_str(&t.said), STR("EHLO me\r\nMAIL FROM:<s@y>\r\nRCPT TO:<b@x>\r\n")));
        assert_true(t.rcpts[0][0].settled);
        assert_int_equal(t.rcpts[0][0].outcome, CLIENT_NEVER);
        close_talk(&t);
    }
}

static void a_large_message_comes_in_pieces(void **state)
{
    struct setting s = { 0 };
    struct talk t;
    size_t n = 3000000;
    char *big = malloc(n);

    (void)state;
    for (size_t i = 0; i < n; i++)
        big[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : 'x';
    open_talk(&t, &s, 0);
    t.body = (struct str){ big, n };
    hear(&t, STR("220 hi\r\n"));
    hear(&t, STR("250-you\r\n250 PIPELINING\r\n"));
    hear(&t, STR("250 ok\r\n250 ok\r\n354 go\r\n"));
    assert_true(t.said.n > n);
    assert_true(str_ends(buf_str(&t.said), STR("\r\n.\r\n")));
    hear(&t, STR("250 queued\r\n"));
    assert_true(str_same(buf_str(&t.result), STR("ok | ")));
    close_talk(&t);
    free(big);
}

static void every_stage_has_its_deadline(void **state)
{
    struct setting s = { 0 };
    struct talk t;
    struct smtp_client_config c = { .helo = STR("me"), .greeting_ms = 1000, .command_ms = 2000, .data_ms = 3000, .final_ms = 4000 };
    int64_t start;

    (void)state;
    clock_fake(1772600000000000);
    start = clock_mono_ms();
    open_talk(&t, &s, 0);
    smtp_client_free(t.client);
    t.client = smtp_client_new(&c, &ops, &t);
    assert_int_equal(smtp_client_deadline(t.client), start + 1000);
    hear(&t, STR("220 hi\r\n"));
    assert_int_equal(smtp_client_deadline(t.client), start + 2000);
    clock_step(500);
    smtp_client_input(t.client, STR("250-yo"));         /* half a reply buys no time */
    assert_int_equal(smtp_client_deadline(t.client), start + 2000);
    smtp_client_input(t.client, STR("250-you\r\n250 PIPELINING\r\n"));
    assert_int_equal(smtp_client_deadline(t.client), start + 2500);
    buf_clear(smtp_client_output(t.client));
    smtp_client_input(t.client, STR("250 ok\r\n250 ok\r\n354 go\r\n"));
    assert_int_equal(smtp_client_deadline(t.client), start + 4500);     /* the dot is out: final */
    smtp_client_input(t.client, STR("250 queued\r\n"));
    assert_int_equal(smtp_client_deadline(t.client), 0);                /* an idle connection is the engine's matter */
    close_talk(&t);
}

/* Cutthrough: the body comes from somewhere that is slower than the peer. */
static void a_body_that_is_still_to_come_is_waited_for(void **state)
{
    struct setting s = { 0 };
    struct talk t;

    (void)state;
    open_talk(&t, &s, 0);
    t.body_here = 6;
    hear(&t, STR("220 hi\r\n"));
    hear(&t, STR("250-you\r\n250 PIPELINING\r\n"));
    hear(&t, STR("250 ok\r\n250 ok\r\n354 go\r\n"));
    assert_true(str_ends(buf_str(&t.said), STR("\r\n\r\n..dot\r\n")));
    assert_int_equal(smtp_client_deadline(t.client), 0);        /* the peer is not the one who keeps us waiting */
    smtp_client_timeout(t.client);
    collect(&t);
    assert_false(t.closed);
    t.body_here = 0;
    smtp_client_drained(t.client);
    collect(&t);
    assert_true(str_ends(buf_str(&t.said), STR("..dot\r\nline\r\n.\r\n")));
    assert_true(smtp_client_deadline(t.client) > 0);
    hear(&t, STR("250 queued\r\n"));
    assert_true(str_same(buf_str(&t.result), STR("ok | ")));
    close_talk(&t);
}

static void free_on_sent(void *ctx, struct client_message *m)
{
    struct talk *t = ctx;

    (void)m;
    smtp_client_free(t->client);
    t->client = NULL;
}

static void it_may_be_freed_in_a_callback(void **state)
{
    static const struct smtp_client_ops freeing = {
        .banner = on_banner, .ready = on_ready, .starttls = on_starttls, .sent = free_on_sent, .closed = on_closed,
    };
    struct smtp_client_config c = { .helo = STR("me") };
    struct setting s = { 0 };
    struct talk t;

    (void)state;
    open_talk(&t, &s, 0);
    smtp_client_free(t.client);
    t.client = smtp_client_new(&c, &freeing, &t);
    smtp_client_input(t.client, STR("220 hi\r\n"));
    smtp_client_input(t.client, STR("250 you\r\n"));
    smtp_client_eof(t.client, NULL);
    assert_null(t.client);
    assert_false(t.closed);
    close_talk(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "every dialogue ends as it should, at each stage", dialogues_end_as_they_should, NULL, NULL, NULL },
        { "and ends the same however the replies are split", however_replies_are_split, NULL, NULL, NULL },
        { "answers that come before they were asked for do not count", answers_that_come_early_do_not_count, NULL, NULL, NULL },
        { "text after the final reply is never for the next message", an_answer_after_the_last_is_not_for_the_next_message, NULL, NULL, NULL },
        { "while content is sent a refusal counts, an acceptance does not",
          a_refusal_while_the_body_is_sent_counts_an_acceptance_not, NULL, NULL, NULL },
        { "content goes out as CRLF lines with dots doubled, however it is cut", only_crlf_and_no_lone_dot_however_content_is_cut, NULL, NULL, NULL },
        { "an address cannot carry a command", addresses_cannot_carry_commands, NULL, NULL, NULL },
        { "a large message comes in bounded pieces", a_large_message_comes_in_pieces, NULL, NULL, NULL },
        { "every stage has its own deadline, and half a reply moves none", every_stage_has_its_deadline, NULL, NULL, NULL },
        { "a body that is still to come is waited for, without a deadline for the peer", a_body_that_is_still_to_come_is_waited_for, NULL, NULL, NULL },
        { "the client may be freed inside its own callback", it_may_be_freed_in_a_callback, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
