#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <malloc.h>

#include "peer.h"

#define EHLO "EHLO there.example\r\n"
#define MAIL "MAIL FROM:<a@there.example>\r\n"
#define RCPT "RCPT TO:<b@example.org>\r\n"
#define MSG "Subject: x\r\n\r\nhello\r\n.\r\n"

/* ---- conversations: groups that a client may send in one go. After each
 * group stands the reply in full, lines joined by "|"; a trailing * matches any rest. */

struct talk { const char *say, *hear; };
struct conversation { const char *title; struct talk talk[24]; };

#define HELLO { EHLO, "250-mx.example Hello there.example [192.0.2.7]|250-SIZE 52428800|250-8BITMIME|250-PIPELINING|250-ENHANCEDSTATUSCODES|250 HELP" }
#define OK_MAIL { MAIL, "250 2.1.0 OK" }
#define OK_RCPT { RCPT, "250 2.1.5 Accepted" }
#define GO_DATA { "DATA\r\n", "354 *" }
#define OK_DATA { MSG, "250 2.0.0 OK id=1xUQe2-0100AB-15" }
#define BYE { "QUIT\r\n", "221 2.0.0 mx.example closing connection" }

static const struct conversation CONVERSATIONS[] = {
    { "a message", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, OK_DATA, BYE } },
    { "a pipelined message", { HELLO, { MAIL RCPT "DATA\r\n", "250 2.1.0 OK|250 2.1.5 Accepted|354 *" }, { MSG "QUIT\r\n", "250 *" } } },
    { "two messages, the second behind the dot of the first", {
        HELLO, OK_MAIL, OK_RCPT, GO_DATA, { MSG MAIL RCPT "DATA\r\n", "250 2.0.0 OK id=1xUQe2-0100AB-15|250 2.1.0 OK|250 2.1.5 Accepted|354 *" }, OK_DATA, BYE } },
    { "HELO gets no extensions", { { "HELO there.example\r\n", "250 mx.example Hello there.example [192.0.2.7]" }, OK_MAIL, OK_RCPT, GO_DATA, OK_DATA, BYE } },
    { "verbs in any case", { { "ehlo there.example\r\n", "250-*" }, { "mail from:<a@b.example>\r\n", "250 *" }, { "rcpt to:<c@d.example>\r\n", "250 *" },
        { "Data\r\n", "354 *" }, OK_DATA, { "quit\r\n", "221 *" } } },
    { "the null sender", { HELLO, { "MAIL FROM:<>\r\n", "250 2.1.0 OK" }, OK_RCPT, GO_DATA, OK_DATA } },
    { "an empty message", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, { ".\r\n", "250 2.0.0 OK id=1xUQe2-0100AB-15" } } },
    { "order: MAIL needs HELO", { { MAIL, "503 5.5.1 HELO or EHLO comes first" }, HELLO, OK_MAIL } },
    { "order: RCPT needs MAIL, DATA needs RCPT", { HELLO, { RCPT, "503 5.5.1 MAIL comes first" }, { "DATA\r\n", "503 5.5.1 *" },
        OK_MAIL, { "DATA\r\n", "503 5.5.1 a valid RCPT comes first" }, { MAIL, "503 5.5.1 a sender was given already" }, OK_RCPT, GO_DATA, OK_DATA } },
    { "RSET ends a transaction", { HELLO, OK_MAIL, OK_RCPT, { "RSET\r\n", "250 2.0.0 Reset OK" }, { "DATA\r\n", "503 5.5.1 *" }, OK_MAIL } },
    { "EHLO ends a transaction", { HELLO, OK_MAIL, OK_RCPT, HELLO, { "DATA\r\n", "503 5.5.1 *" }, OK_MAIL } },
    { "the end of DATA ends a transaction", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, OK_DATA, { RCPT, "503 5.5.1 *" }, { "DATA\r\n", "503 5.5.1 *" } } },
    { "NOOP, HELP, RSET at any time", { { "NOOP\r\n", "250 2.0.0 OK" }, { "HELP\r\n", "214-2.0.0 Commands supported:|214 2.0.0 HELO *" }, { "RSET\r\n", "250 *" },
        HELLO, { "NOOP with words\r\n", "250 *" } } },
    { "VRFY is not told, EXPN refused", { HELLO, { "VRFY ann\r\n", "252 2.5.2 *" }, { "EXPN list\r\n", "550 5.7.1 *" }, { "VRFY\r\n", "501 5.5.4 *" } } },
    { "unknown verbs", { HELLO, { "FROB x\r\n", "500 5.5.2 unrecognized command" }, { "\r\n", "500 5.5.2 *" }, { "MAILX FROM:<a@b.c>\r\n", "500 5.5.2 *" }, OK_MAIL } },
    { "verbs that are not offered", { HELLO, { "STARTTLS\r\n", "503 5.5.1 STARTTLS is not offered here" }, { "AUTH PLAIN AAAA\r\n", "503 5.5.1 *" },
        { "ETRN example.org\r\n", "502 5.5.1 *" }, { "TURN\r\n", "502 5.5.1 *" }, OK_MAIL } },
    { "BDAT ends the session: its octets are no commands", { HELLO, OK_MAIL, OK_RCPT, { "BDAT 20 LAST\r\nRSET\r\nQUIT\r\n", "503 5.5.1 BDAT is not offered here" } } },
    { "HELO names", { { "EHLO\r\n", "501 5.5.4 a host name is needed" }, { "EHLO under_score\r\n", "501 5.5.4 *" }, { "EHLO a b\r\n", "501 *" },
        { "EHLO [192.0.2.1]\r\n", "250-*" }, { "EHLO [IPv6:2001:db8::1]\r\n", "250-*" }, { "EHLO [300.1.1.1]\r\n", "501 *" }, { "EHLO localhost\r\n", "250-*" } } },
    { "addresses that are none", { HELLO,
        { "MAIL FROM:<a@b@c.example>\r\n", "501 5.1.7 local part: character not allowed outside quotes" },
        { "MAIL FROM:a b@c\r\n", "501 5.1.7 the address must contain a domain" },
        { "MAIL FROM:<a@-b.example>\r\n", "501 5.1.7 domain: label starts with a hyphen" },
        { "MAIL FROM:<\x01@b.example>\r\n", "501 5.1.7 local part: control character" },
        { "MAIL FROM:<a(c)@b.example>\r\n", "501 5.1.7 local part: comment" },
        { "MAIL FROM:<a@b.example>>\r\n", "501 5.1.7 address: text after the closing >" },
        { "MAIL FROM:<a@[192.0.2.1]>\r\n", "501 5.1.7 domain literals are not taken here" },
        { "MAIL FROM:<\xc3\xa9@b.example>\r\n", "553 5.6.7 *" },
        { "MAIL FROM:\r\n", "501 5.1.7 address: missing" },
        { "MAIL a@b.example\r\n", "501 5.5.4 syntax is MAIL FROM:<address>" },
        OK_MAIL, { "RCPT TO:<>\r\n", "501 5.1.3 address: empty" }, { "RCPT TO:<a>\r\n", "501 5.1.3 the address must contain a domain" },
        { "RCPT TO:<Postmaster>\r\n", "250 2.1.5 Accepted" }, { "RCPT FROM:<a@b.example>\r\n", "501 5.5.4 *" },
        { "RCPT TO:<@x.example,@y.example:a@b.example>\r\n", "250 *" }, { "RCPT TO: <\"a b\"@c.example>\r\n", "250 *" } } },
    { "parameters of MAIL", { HELLO,
        { "MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME\r\n", "250 2.1.0 OK" }, { "RSET\r\n", "250 *" },
        { "MAIL FROM:<a@b.example> body=7bit size=0\r\n", "250 2.1.0 OK" }, { "RSET\r\n", "250 *" },
        { "MAIL FROM:<a@b.example> SIZE=52428801\r\n", "552 5.3.4 message too big" },
        { "MAIL FROM:<a@b.example> SIZE=x\r\n", "501 5.5.4 *" }, { "MAIL FROM:<a@b.example> SIZE\r\n", "501 5.5.4 *" },
        { "MAIL FROM:<a@b.example> SIZE=99999999999999999999\r\n", "501 5.5.4 *" },
        { "MAIL FROM:<a@b.example> SIZE=1 SIZE=2\r\n", "501 5.5.4 *" }, { "MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n", "501 5.5.4 *" },
        { "MAIL FROM:<a@b.example> SMTPUTF8\r\n", "555 5.5.4 *" }, { "MAIL FROM:<a@b.example> AUTH=<>\r\n", "555 5.5.4 *" },
        { "MAIL FROM:<a@b.example> =x\r\n", "555 5.5.4 *" }, OK_MAIL, { "RCPT TO:<a@b.example> NOTIFY=NEVER\r\n", "555 5.5.4 *" } } },
    { "dots are unstuffed, and only CR LF . CR LF ends", { HELLO, OK_MAIL, OK_RCPT, GO_DATA,
        { "S: x\r\n\r\n..\r\n..a\r\n.b\r\n. \r\n.\r\n", "250 *" } } },
    { "a bare LF in content is refused, and . LF ends nothing", { HELLO, OK_MAIL, OK_RCPT, GO_DATA,
        { "S: x\r\n\r\na\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n", "554 5.6.0 the message has a CR or LF that is not part of a CR LF" }, OK_MAIL } },
    { "a bare CR in content is refused", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, { "S: x\r\n\r\na\rb\r\n.\r\n", "554 5.6.0 *" } } },
    { "smuggling: LF . CR LF", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, { "a\n.\r\nMAIL FROM:<e@x>\r\n.\r\n", "554 5.6.0 *" } } },
    { "smuggling: CR LF . LF", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, { "a\r\n.\nMAIL FROM:<e@x>\r\n.\r\n", "554 5.6.0 *" } } },
    { "smuggling: CR . CR", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, { "a\r.\rMAIL FROM:<e@x>\r\n.\r\n", "554 5.6.0 *" } } },
    { "smuggling: CR LF . CR, CR LF NUL . CR LF, CR LF . NUL CR LF", { HELLO, OK_MAIL, OK_RCPT, GO_DATA,
        { "S: a\r\n\r\n.\rX\r\n.\r\n", "554 5.6.0 *" } } },
    { "a bare LF in a command ends the session", { HELLO, { "NOOP\nQUIT\r\n", "500 5.5.2 lines must end in CR LF and hold neither alone" } } },
    { "a bare CR in a command ends the session", { HELLO, { "NOOP\rQUIT\r\n", "500 5.5.2 lines must end in CR LF and hold neither alone" } } },
    { "HTTP ends the session (R3.9)", { { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "554 5.5.1 this is a mail server" } } },
    { "a TLS hello ends the session", { { "\x16\x03\x01", "500 5.5.2 TLS does not begin here" } } },
    { "header without a body", { HELLO, OK_MAIL, OK_RCPT, GO_DATA, { "Subject: x\r\n.\r\n", "250 *" } } },
};

static bool hears(struct str said, const char *want)
{
    char flat[4096];
    size_t n = 0;
    bool open = want[0] && want[strlen(want) - 1] == '*';
    struct str w = open ? str_head(str_of(want), strlen(want) - 1) : str_of(want), f;

    while (said.n >= 2 && said.p[said.n - 1] == '\n')
        said = str_head(said, said.n - 2);
    for (size_t i = 0; i < said.n && n < sizeof flat; i++) {
        if (said.p[i] == '\r' && i + 1 < said.n && said.p[i + 1] == '\n') {
            flat[n++] = '|';
            i++;
        } else {
            flat[n++] = said.p[i];
        }
    }
    f = (struct str){ flat, n };
    if (open ? str_starts(f, w) : str_same(f, w))
        return true;
    print_error("heard: %.*s\nwanted: %s\n", STR_ARG(f), want);
    return false;
}

static void run(const struct conversation *c, bool late, struct buf *all)
{
    struct peer p;

    peer_init(&p);
    p.late = late;
    peer_start(&p);
    buf_clear(&p.said);
    for (const struct talk *t = c->talk; t->say; t++) {
        peer_say(&p, t->say);
        if (!hears(buf_str(&p.said), t->hear))
            fail_msg("%s: after %s", c->title, t->say);
        if (all)
            buf_add(all, buf_str(&p.said));
        buf_clear(&p.said);
    }
    assert_int_equal(p.begins, p.drops + (p.live != NULL) + p.keeps);
    peer_free(&p);
}

static void conversations_go_as_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CONVERSATIONS / sizeof *CONVERSATIONS; i++)
        run(&CONVERSATIONS[i], false, NULL);
}

static void answers_that_come_later_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CONVERSATIONS / sizeof *CONVERSATIONS; i++)
        run(&CONVERSATIONS[i], true, NULL);
}

/* R3.2. Each group in two pieces at every place, and octet by octet. */
static void replies_do_not_depend_on_where_input_was_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CONVERSATIONS / sizeof *CONVERSATIONS; i++) {
        const struct conversation *c = &CONVERSATIONS[i];
        struct buf whole = { 0 };

        run(c, false, &whole);
        for (size_t g = 0; c->talk[g].say; g++) {
            struct str say = str_of(c->talk[g].say);

            for (size_t cut = 0; cut < say.n; cut++) {
                struct peer p;
                struct buf all = { 0 };

                peer_init(&p);
                peer_start(&p);
                buf_clear(&p.said);
                for (size_t k = 0; c->talk[k].say; k++) {
                    struct str s = str_of(c->talk[k].say);

                    if (k != g) {
                        peer_send(&p, s);
                    } else if (cut == 0) {
                        for (size_t b = 0; b < s.n; b++)
                            peer_send(&p, (struct str){ s.p + b, 1 });
                    } else {
                        peer_send(&p, str_head(s, cut));
                        peer_send(&p, str_from(s, cut));
                    }
                }
                buf_add(&all, buf_str(&p.said));
                if (!str_same(buf_str(&all), buf_str(&whole)))
                    fail_msg("%s: group %zu cut at %zu:\n%.*s", c->title, g, cut, STR_ARG(buf_str(&all)));
                buf_free(&all);
                peer_free(&p);
            }
        }
        buf_free(&whole);
    }
}

/* ---- content */

static void accept_message(struct peer *p, const char *content, size_t n)
{
    peer_init(p);
    peer_start(p);
    peer_say(p, EHLO);
    peer_say(p, MAIL);
    peer_say(p, RCPT);
    peer_say(p, "DATA\r\n");
    buf_clear(&p->said);
    peer_send(p, (struct str){ content, n ? n : strlen(content) });
}

static struct { uint64_t size, lines, zeros, max; int64_t all; bool damaged; size_t fields; } seen;

static void look(struct peer *p, struct txn *t)
{
    (void)p;
    seen.size = t->body_size;
    seen.lines = t->body_lines;
    seen.zeros = t->body_zeros;
    seen.max = t->max_line;
    seen.all = t->lines;
    seen.damaged = t->header.damaged;
    seen.fields = t->header.count;
}

static const struct { const char *title, *sent, *kept; size_t fields, lines; bool damaged; } CONTENTS[] = {
    { "header and body", "A: 1\r\nB: 2\r\n\r\nx\r\ny\r\n.\r\n", "A: 1\r\nB: 2\r\n|x\r\ny\r\n", 2, 2, false },
    { "stuffed dots", "A: 1\r\n\r\n..\r\n...a\r\n.b\r\n.\r\n", "A: 1\r\n|.\r\n..a\r\nb\r\n", 1, 3, false },
    { "nothing", ".\r\n", "|", 0, 0, false },
    { "an empty line", "\r\n.\r\n", "|", 0, 0, false },
    { "no header", "\r\nhello\r\n.\r\n", "|hello\r\n", 0, 1, false },
    { "no body", "A: 1\r\n.\r\n", "A: 1\r\n|", 1, 0, false },
    { "a body without a border", "A: 1\r\nhello world\r\nB: 2\r\n.\r\n", "A: 1\r\n|hello world\r\nB: 2\r\n", 1, 2, true },
    { "a body and nothing else", "hello world\r\n.\r\n", "|hello world\r\n", 0, 1, true },
    { "folding", "A: 1\r\n 2\r\n\t3\r\n\r\n\r\n.\r\n", "A: 1\r\n 2\r\n\t3\r\n|\r\n", 1, 1, false },
    { "a dot in the header section", "A: 1\r\n..b: 2\r\n\r\n.\r\n", "A: 1\r\n.b: 2\r\n|", 2, 0, false },
};

static void content_is_kept_as_it_was_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CONTENTS / sizeof *CONTENTS; i++) {
        size_t n = strlen(CONTENTS[i].sent);

        for (size_t cut = 1; cut <= n; cut++) {
            struct peer p;

            accept_message(&p, "", 0);
            p.on_keep = look;
            peer_send(&p, (struct str){ CONTENTS[i].sent, cut });
            peer_send(&p, (struct str){ CONTENTS[i].sent + cut, n - cut });
            if (!str_same(buf_str(&p.kept), str_of(CONTENTS[i].kept)) || p.keeps != 1)
                fail_msg("%s, cut at %zu: %.*s", CONTENTS[i].title, cut, STR_ARG(buf_str(&p.kept)));
            assert_int_equal(seen.fields, CONTENTS[i].fields);
            assert_int_equal(seen.lines, CONTENTS[i].lines);
            assert_int_equal(seen.damaged, CONTENTS[i].damaged);
            assert_int_equal(seen.size, p.content.n);
            peer_free(&p);
        }
    }
}

static void what_is_counted_about_content(void **state)
{
    struct peer p;
    static const char text[] = "A: 1\r\n\r\nx\0y\0\r\nlonger line\r\n.\r\n";

    (void)state;
    accept_message(&p, "", 0);
    p.on_keep = look;
    peer_send(&p, (struct str){ text, sizeof text - 1 });
    assert_int_equal(p.keeps, 1);
    assert_int_equal(seen.zeros, 2);
    assert_int_equal(seen.max, 11);
    assert_int_equal(seen.all, 3);
    peer_free(&p);
}

static void a_bare_lf_may_become_crlf_but_ends_nothing(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.bare_lf_ok = true;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL RCPT "DATA\r\n");
    peer_say(&p, "A: 1\n\nx\n.\ny\r\n.\nz\r\n..w\n.\r\nq\r\n.\r\n");
    assert_int_equal(p.keeps, 1);
    assert_true(str_same(buf_str(&p.kept), STR("A: 1\r\n|x\r\n.\r\ny\r\n\r\nz\r\n.w\r\n.\r\nq\r\n")));
    peer_free(&p);
}

/* ---- limits: R3.7. A limit is tried with what just fits and what just does not. */

static void expect_last(struct peer *p, const char *want)
{
    if (!hears(buf_str(&p->said), want))
        fail_msg("not the reply");
    buf_clear(&p->said);
}

static void a_command_line_of_2048_fits_and_one_more_does_not(void **state)
{
    struct peer p;
    char line[2050];

    (void)state;
    peer_init(&p);
    peer_start(&p);
    buf_clear(&p.said);
    memset(line, 'x', sizeof line);
    memcpy(line, "NOOP ", 5);
    memcpy(line + 2046, "\r\n", 2);
    peer_send(&p, (struct str){ line, 2048 });
    expect_last(&p, "250 2.0.0 OK");
    memcpy(line + 2046, "x\r\n", 3);
    peer_send(&p, (struct str){ line, 2049 });
    expect_last(&p, "500 5.5.2 line too long");
    for (size_t i = 0; i < 2049; i++)
        peer_send(&p, (struct str){ line + i, 1 });
    expect_last(&p, "500 5.5.2 line too long");
    peer_say(&p, "NOOP\r\n");
    expect_last(&p, "250 2.0.0 OK");
    peer_free(&p);
}

static void a_line_without_end_is_not_kept_and_not_endured(void **state)
{
    struct peer p;
    char part[1000];

    (void)state;
    peer_init(&p);
    peer_start(&p);
    buf_clear(&p.said);
    memset(part, 'x', sizeof part);
    for (int i = 0; i < 100; i++)
        peer_send(&p, (struct str){ part, sizeof part });
    expect_last(&p, "500 5.5.2 line too long");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void recipients_beyond_the_limit_wait_and_far_too_many_end_it(void **state)
{
    struct peer p;
    char line[64];

    (void)state;
    peer_init(&p);
    p.cfg.limits.recipients_max = 10;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL);
    for (int i = 0; i < 21; i++) {
        if (i == 20) {
            expect_last(&p, "*");
            break;
        }
        if (i == 10)
            buf_clear(&p.said);
        snprintf(line, sizeof line, "RCPT TO:<r%d@example.org>\r\n", i);
        peer_say(&p, line);
        if (i == 10)
            expect_last(&p, "452 4.5.3 too many recipients");
    }
    assert_int_equal(smtp_server_txn(p.s)->nrcpts, 10);
    peer_say(&p, RCPT);
    expect_last(&p, "421 4.5.3 *");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void recipients_max_reject_refuses_the_message(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.limits.recipients_max = 1;
    p.cfg.max_reject = true;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL RCPT);
    buf_clear(&p.said);
    peer_say(&p, "RCPT TO:<c@example.org>\r\n");
    expect_last(&p, "552 5.5.3 too many recipients");
    peer_say(&p, "DATA\r\n");
    expect_last(&p, "554 5.5.3 too many recipients");
    assert_null(smtp_server_txn(p.s));
    peer_free(&p);
}

static void the_same_recipient_twice_is_kept_once(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL "RCPT TO:<b@example.org>\r\nRCPT TO:<\"b\"@EXAMPLE.org>\r\nRCPT TO:<B@example.org>\r\n");
    assert_int_equal(smtp_server_txn(p.s)->nrcpts, 2);
    peer_free(&p);
}

static void errors_have_a_limit(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    for (int i = 0; i < 20; i++)
        peer_say(&p, "DATA\r\n");
    assert_false(smtp_server_over(p.s));
    buf_clear(&p.said);
    peer_say(&p, "DATA\r\n");
    expect_last(&p, "503-5.5.1 HELO or EHLO comes first|503 5.5.1 too many syntax or protocol errors");
    assert_true(smtp_server_over(p.s));
    assert_string_equal(p.c.notquit_reason, "bad-commands");
    peer_free(&p);
}

static void unknown_commands_have_a_limit_of_their_own(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    for (int i = 0; i < 3; i++)
        peer_say(&p, "FROB\r\n");
    assert_false(smtp_server_over(p.s));
    buf_clear(&p.said);
    peer_say(&p, "FROB\r\n");
    expect_last(&p, "500 5.5.2 too many unrecognized commands");
    assert_true(smtp_server_over(p.s));
    assert_string_equal(p.c.notquit_reason, "bad-commands");
    peer_free(&p);
}

static void commands_that_bring_no_mail_have_a_limit(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    for (int i = 0; i < 100; i++)
        peer_say(&p, "NOOP\r\n");
    assert_false(smtp_server_over(p.s));
    peer_say(&p, "NOOP\r\n");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void transactions_have_a_limit(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.limits.transactions_max = 2;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL);
    peer_say(&p, "RSET\r\n");
    peer_say(&p, MAIL);
    peer_say(&p, "RSET\r\n");
    buf_clear(&p.said);
    peer_say(&p, MAIL);
    expect_last(&p, "421 4.7.0 too many messages in this connection");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void send_times(struct peer *p, const char *text, size_t times)
{
    while (times--)
        peer_say(p, text);
}

static void begin_data(struct peer *p)
{
    peer_start(p);
    peer_say(p, EHLO);
    peer_say(p, MAIL);
    peer_say(p, RCPT);
    peer_say(p, "DATA\r\n");
    buf_clear(&p->said);
}

static void a_message_that_is_too_big_is_read_to_its_end_and_refused(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.limits.message_max = 100;
    begin_data(&p);
    peer_say(&p, "A: 1\r\n\r\n");
    send_times(&p, "0123456789\r\n", 20);
    expect_last(&p, "");
    peer_say(&p, ".\r\n");
    expect_last(&p, "552 5.3.4 message too big");
    assert_int_equal(p.keeps, 0);
    assert_int_equal(p.drops, 1);
    peer_say(&p, MAIL);
    expect_last(&p, "250 2.1.0 OK");
    peer_free(&p);
}

static void content_far_beyond_the_limit_ends_the_session(void **state)
{
    struct peer p;
    static char block[65536];

    (void)state;
    peer_init(&p);
    p.cfg.limits.message_max = 1000;
    begin_data(&p);
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 20; i++)
        peer_send(&p, (struct str){ block, sizeof block });
    expect_last(&p, "552 5.3.4 message too big");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void header_sections_have_limits(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.limits.header_max = 100;
    begin_data(&p);
    send_times(&p, "A: 0123456\r\n", 9);
    peer_say(&p, "\r\nx\r\n.\r\n");
    expect_last(&p, "552 5.3.4 header section too big");
    peer_free(&p);

    peer_init(&p);
    begin_data(&p);
    send_times(&p, "A: 1\r\n", 2000);
    peer_say(&p, "\r\n.\r\n");
    expect_last(&p, "250 *");
    peer_free(&p);

    peer_init(&p);
    begin_data(&p);
    send_times(&p, "A: 1\r\n", 2001);
    peer_say(&p, "\r\n.\r\n");
    expect_last(&p, "552 5.3.4 too many header fields");
    peer_free(&p);

    peer_init(&p);
    begin_data(&p);
    peer_send(&p, STR("A: 1\0\r\n\r\n.\r\n"));
    expect_last(&p, "554 5.6.0 the header section has a NUL");
    peer_free(&p);
}

static void lines_of_content_have_a_limit_of_16384(void **state)
{
    static char line[16400];

    (void)state;
    memset(line, 'x', sizeof line);
    for (size_t over = 0; over < 2; over++) {
        struct peer p;

        peer_init(&p);
        begin_data(&p);
        peer_say(&p, "A: 1\r\n\r\n");
        peer_send(&p, (struct str){ line, 16384 + over });
        peer_say(&p, "\r\n.\r\n");
        expect_last(&p, over ? "554 5.6.0 the message has a line that is too long" : "250 *");
        peer_free(&p);
    }
}

static void more_than_50_hops_look_like_a_loop(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct peer p;

        peer_init(&p);
        begin_data(&p);
        send_times(&p, "Received: from x by y;\r\n", 50 + over);
        peer_say(&p, "\r\n.\r\n");
        expect_last(&p, over ? "554 5.4.6 *" : "250 *");
        peer_free(&p);
    }
}

/* ---- synchronisation */

static void speaking_before_the_banner_is_refused(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.late = true;
    p.s = smtp_server_new(&p.c, &p.cfg, &peer_ops, &p);
    smtp_server_start(p.s);
    smtp_server_pending(p.s, 10);
    peer_settle(&p);
    expect_last(&p, "554 5.5.0 SMTP synchronization error");
    assert_true(smtp_server_over(p.s));
    assert_string_equal(p.c.notquit_reason, "synchronization-error");
    peer_free(&p);
}

static const struct { const char *before, *say, *hear; } OUT_OF_TURN[] = {
    { NULL, EHLO MAIL, "554 5.5.0 SMTP synchronization error" },
    { EHLO, "NOOP\r\nNOOP\r\n", "554 5.5.0 SMTP synchronization error" },
    { EHLO, MAIL RCPT "DATA\r\nSubject: x\r\n", "250 2.1.0 OK|250 2.1.5 Accepted|554 5.5.0 SMTP synchronization error" },
    { "HELO there.example\r\n", MAIL RCPT, "554 5.5.0 SMTP synchronization error" },
    { "HELO there.example\r\n", MAIL "QUIT\r\n", "554 5.5.0 SMTP synchronization error" },
};

static void speaking_out_of_turn_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof OUT_OF_TURN / sizeof *OUT_OF_TURN; i++) {
        struct peer p;

        peer_init(&p);
        peer_start(&p);
        if (OUT_OF_TURN[i].before)
            peer_say(&p, OUT_OF_TURN[i].before);
        buf_clear(&p.said);
        peer_say(&p, OUT_OF_TURN[i].say);
        expect_last(&p, OUT_OF_TURN[i].hear);
        assert_true(smtp_server_over(p.s));
        peer_free(&p);
    }
}

static void early_words_are_seen_while_a_question_is_open(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    p.late = true;
    buf_clear(&p.said);
    smtp_server_input(p.s, STR(EHLO));
    assert_true(smtp_server_waiting(p.s));
    smtp_server_pending(p.s, 6);
    peer_settle(&p);
    expect_last(&p, "554 5.5.0 SMTP synchronization error");
    peer_free(&p);
}

static void a_control_turns_the_check_off(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.c.sync = -1;
    peer_start(&p);
    buf_clear(&p.said);
    peer_say(&p, "HELO there.example\r\n" MAIL RCPT "DATA\r\n" MSG "QUIT\r\n");
    assert_int_equal(p.keeps, 1);
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

/* ---- verdicts */

static const struct { const char *title; enum phase ph; struct verdict v; const char *say, *hear; bool over; } VERDICTS[] = {
    { "text", PH_RCPT, { .verb = V_DENY, .message = STR_INIT("relay not permitted") }, MAIL RCPT, "250 2.1.0 OK|550 5.7.1 relay not permitted", false },
    { "code and text", PH_RCPT, { .verb = V_DENY, .message = STR_INIT("551 5.1.6 moved") }, MAIL RCPT, "250 2.1.0 OK|551 5.1.6 moved", false },
    { "a code of the wrong class", PH_RCPT, { .verb = V_DENY, .message = STR_INIT("451 4.7.1 later") }, MAIL RCPT, "250 2.1.0 OK|550 5.7.1 later", false },
    { "several lines", PH_RCPT, { .verb = V_DENY, .message = STR_INIT("550 5.7.1 one\ntwo") }, MAIL RCPT, "250 2.1.0 OK|550-5.7.1 one|550 5.7.1 two", false },
    { "by default", PH_RCPT, { .verb = V_DENY, .by_default = true }, MAIL RCPT, "250 2.1.0 OK|550 5.7.1 no rule accepted this recipient", false },
    { "deny without words", PH_RCPT, { .verb = V_DENY }, MAIL RCPT, "250 2.1.0 OK|550 5.7.1 refused by local policy", false },
    { "defer", PH_RCPT, { .verb = V_DEFER, .message = STR_INIT("come back") }, MAIL RCPT, "250 2.1.0 OK|451 4.7.1 come back", false },
    { "a failed rule", PH_RCPT, { .verb = V_DEFER, .error = true }, MAIL RCPT, "250 2.1.0 OK|451 4.3.0 temporary local problem, please try again later", false },
    { "drop", PH_RCPT, { .verb = V_DROP, .message = STR_INIT("go away") }, MAIL RCPT, "250 2.1.0 OK|550 5.7.1 go away", true },
    { "accept with words", PH_RCPT, { .verb = V_ACCEPT, .message = STR_INIT("250 2.1.5 gladly") }, MAIL RCPT, "250 2.1.0 OK|250 2.1.5 gladly", false },
    { "discard a recipient", PH_RCPT, { .verb = V_DISCARD }, MAIL RCPT "DATA\r\n", "250 2.1.0 OK|250 2.1.5 Accepted|354 *", false },
    { "MAIL refused", PH_MAIL, { .verb = V_DENY, .message = STR_INIT("no") }, MAIL RCPT, "550 5.7.1 no|503 5.5.1 MAIL comes first", false },
    { "MAIL deferred", PH_MAIL, { .verb = V_DEFER }, MAIL RCPT, "451 4.7.1 not now, please try again later|503 5.5.1 MAIL comes first", false },
    { "MAIL dropped", PH_MAIL, { .verb = V_DROP }, MAIL, "550 5.7.1 refused by local policy", true },
    { "DATA refused ends the transaction", PH_PREDATA, { .verb = V_DENY, .message = STR_INIT("554 5.7.0 no") }, MAIL RCPT "DATA\r\n",
        "250 2.1.0 OK|250 2.1.5 Accepted|554 5.7.0 no", false },
    { "a defer of 421 closes", PH_RCPT, { .verb = V_DEFER, .message = STR_INIT("421 4.7.0 busy") }, MAIL RCPT, "250 2.1.0 OK|421 4.7.0 busy", true },
    { "text of a rule is made safe", PH_RCPT, { .verb = V_DENY, .message = STR_INIT("no \x01\r\x80") }, MAIL RCPT, "250 2.1.0 OK|550 5.7.1 no ???", false },
};

static void verdicts_become_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof VERDICTS / sizeof *VERDICTS; i++) {
        struct peer p;

        peer_init(&p);
        peer_start(&p);
        peer_say(&p, EHLO);
        buf_clear(&p.said);
        p.verdicts[VERDICTS[i].ph] = VERDICTS[i].v;
        peer_say(&p, VERDICTS[i].say);
        if (!hears(buf_str(&p.said), VERDICTS[i].hear))
            fail_msg("%s", VERDICTS[i].title);
        assert_int_equal(smtp_server_over(p.s), VERDICTS[i].over);
        peer_free(&p);
    }
}

static void a_refused_connection_ends_at_once(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.verdicts[PH_CONNECT] = (struct verdict){ .verb = V_DENY, .message = STR_INIT("not you") };
    peer_start(&p);
    expect_last(&p, "554 5.7.1 not you");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void a_refused_helo_is_not_remembered(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    p.verdicts[PH_HELO] = (struct verdict){ .verb = V_DENY };
    buf_clear(&p.said);
    peer_say(&p, EHLO);
    expect_last(&p, "550 5.7.1 *");
    assert_null(p.c.helo.p);
    peer_say(&p, MAIL);
    expect_last(&p, "503 5.5.1 HELO or EHLO comes first");
    peer_free(&p);
}

static void refusals_are_noted_in_exims_words(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.verdicts[PH_RCPT] = (struct verdict){ .verb = V_DENY, .message = STR_INIT("550 5.7.1 relay not permitted") };
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL);
    peer_say(&p, RCPT);
    assert_true(str_same(buf_str(&p.notes), STR("0 rejected RCPT <b@example.org>: relay not permitted [550 5.7.1 relay not permitted]\n")));
    buf_clear(&p.notes);
    p.verdicts[PH_RCPT] = (struct verdict){ .verb = V_DEFER, .message = STR_INIT("later"), .log_message = STR_INIT("greylisted") };
    peer_say(&p, RCPT);
    assert_true(str_same(buf_str(&p.notes), STR("0 temporarily rejected RCPT <b@example.org>: greylisted [451 4.7.1 later]\n")));
    peer_free(&p);
}

static void message_verdict(struct verdict v, const char *want, unsigned keeps, bool over)
{
    struct peer p;

    peer_init(&p);
    p.verdicts[PH_DATA] = v;
    begin_data(&p);
    peer_say(&p, MSG);
    expect_last(&p, want);
    assert_int_equal(p.keeps, keeps);
    assert_int_equal(p.drops, 1 - keeps);
    assert_int_equal(smtp_server_over(p.s), over);
    assert_null(smtp_server_txn(p.s));
    peer_free(&p);
}

static void the_data_acl_decides_about_the_message(void **state)
{
    (void)state;
    message_verdict((struct verdict){ .verb = V_ACCEPT, .message = STR_INIT("thanks") }, "250 2.0.0 thanks", 1, false);
    message_verdict((struct verdict){ .verb = V_DENY, .message = STR_INIT("spam") }, "550 5.7.1 spam", 0, false);
    message_verdict((struct verdict){ .verb = V_DEFER }, "451 4.7.1 *", 0, false);
    message_verdict((struct verdict){ .verb = V_DISCARD }, "250 2.0.0 OK id=*", 0, false);
    message_verdict((struct verdict){ .verb = V_DROP }, "550 5.7.1 *", 0, true);
}

static void discarded_mail_is_read_and_forgotten(void **state)
{
    static const enum phase where[] = { PH_MAIL, PH_RCPT, PH_PREDATA };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct peer p;

        peer_init(&p);
        p.verdicts[where[i]].verb = V_DISCARD;
        begin_data(&p);
        peer_say(&p, MSG);
        expect_last(&p, "250 2.0.0 OK*");
        assert_int_equal(p.keeps, 0);
        assert_null(p.live);
        peer_say(&p, MAIL);
        expect_last(&p, "250 2.1.0 OK");
        peer_free(&p);
    }
}

static void set_fake(struct peer *p, enum phase ph, struct txn *t)
{
    (void)p;
    if (ph == PH_DATA)
        t->fake_code = 550;
}

static void a_fake_reject_keeps_the_message(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.on_ask = set_fake;
    begin_data(&p);
    peer_say(&p, MSG);
    expect_last(&p, "550-5.7.1 Your message has been rejected but is being kept for evaluation.|550 5.7.1 *");
    assert_int_equal(p.keeps, 1);
    assert_int_equal(p.drops, 0);
    peer_free(&p);
}

/* ---- storage */

static void mail_is_deferred_when_there_is_no_room(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.begin = ST_AGAIN;
    peer_start(&p);
    peer_say(&p, EHLO);
    buf_clear(&p.said);
    peer_say(&p, MAIL);
    expect_last(&p, "452 4.3.1 *");
    assert_null(smtp_server_txn(p.s));
    peer_free(&p);
}

static void a_message_that_cannot_be_stored_is_deferred_at_its_end(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.body = ST_AGAIN;
    begin_data(&p);
    peer_say(&p, "A: 1\r\n\r\nx\r\n");
    expect_last(&p, "");
    peer_say(&p, "y\r\n.\r\n");
    expect_last(&p, "452 4.3.1 *");
    assert_int_equal(p.drops, 1);
    peer_free(&p);

    peer_init(&p);
    p.keep = ST_AGAIN;
    begin_data(&p);
    peer_say(&p, MSG);
    expect_last(&p, "452 4.3.1 *");
    assert_int_equal(p.drops, 1);
    peer_free(&p);
}

static void nothing_is_said_before_the_message_is_kept(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    begin_data(&p);
    p.late = true;
    smtp_server_input(p.s, STR(MSG));
    assert_int_equal(p.open, PH_DKIM);
    p.open = -1;
    peer_answer(&p, PH_DKIM, p.open_txn);
    assert_int_equal(p.open, PH_DATA);
    p.open = -1;
    peer_answer(&p, PH_DATA, p.open_txn);
    assert_int_equal(p.open, PH_COUNT);
    peer_collect(&p);
    expect_last(&p, "");
    peer_settle(&p);
    expect_last(&p, "250 2.0.0 OK *");
    peer_free(&p);
}

/* ---- time, loss, shutdown */

static void deadlines(void **state)
{
    struct peer p;
    int64_t start;

    (void)state;
    clock_fake(1000000000000);
    peer_init(&p);
    peer_start(&p);
    start = clock_mono_ms();
    assert_int_equal(smtp_server_deadline(p.s) - start, 300000);
    clock_step(1000);
    peer_say(&p, EHLO);
    assert_int_equal(smtp_server_deadline(p.s) - start, 301000);
    clock_step(1000);
    peer_say(&p, "MAI");
    assert_int_equal(smtp_server_deadline(p.s) - start, 301000);
    p.cfg.stress = true;
    peer_say(&p, "L FROM:<a@b.example>\r\n");
    assert_int_equal(smtp_server_deadline(p.s) - start, 12000);
    smtp_server_timeout(p.s);
    assert_false(smtp_server_over(p.s));
    clock_step(10000);
    buf_clear(&p.said);
    smtp_server_timeout(p.s);
    peer_collect(&p);
    expect_last(&p, "421 4.4.2 command timeout, closing connection");
    assert_true(smtp_server_over(p.s));
    assert_string_equal(p.c.notquit_reason, "command-timeout");
    assert_int_equal(p.drops, 1);
    peer_free(&p);
}

static void content_has_deadlines_too(void **state)
{
    struct peer p;
    int64_t start;

    (void)state;
    clock_fake(1000000000000);
    /* silence: the time of a block */
    peer_init(&p);
    begin_data(&p);
    start = clock_mono_ms();
    assert_int_equal(smtp_server_deadline(p.s) - start, 180000);
    clock_step(180000);
    smtp_server_timeout(p.s);
    peer_collect(&p);
    expect_last(&p, "421 4.4.2 data timeout, closing connection");
    assert_string_equal(p.c.notquit_reason, "data-timeout");
    peer_free(&p);

    /* a drip: the rate of a minute */
    peer_init(&p);
    begin_data(&p);
    start = clock_mono_ms();
    peer_say(&p, "A: 1\r\n");
    for (int i = 0; i < 5; i++) {
        clock_step(10000);
        smtp_server_timeout(p.s);
        peer_say(&p, "B: 2\r\n");
    }
    assert_int_equal(smtp_server_deadline(p.s) - start, 60000);
    clock_step(10000);
    smtp_server_timeout(p.s);
    assert_true(smtp_server_over(p.s));
    peer_free(&p);

    /* enough in each minute, but never an end: the whole hour */
    peer_init(&p);
    begin_data(&p);
    start = clock_mono_ms();
    peer_say(&p, "A: 1\r\n\r\n");
    for (int i = 0; i < 120 && !smtp_server_over(p.s); i++) {
        send_times(&p, "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n", 400);
        clock_step(30000);
        if (clock_mono_ms() >= smtp_server_deadline(p.s))
            smtp_server_timeout(p.s);
    }
    assert_true(smtp_server_over(p.s));
    assert_true(clock_mono_ms() - start >= 3600000);
    peer_free(&p);
}

static void a_lost_client_is_told_apart(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    begin_data(&p);
    peer_say(&p, "A: 1\r\n\r\nhalf a mess");
    smtp_server_lost(p.s);
    assert_true(smtp_server_over(p.s));
    assert_string_equal(p.c.notquit_reason, "connection-lost");
    assert_int_equal(p.keeps, 0);
    assert_int_equal(p.drops, 1);
    assert_true(str_ends(buf_str(&p.asked), STR("notquit ")));
    peer_free(&p);
}

static void a_client_lost_while_its_message_is_kept_does_not_undo_it(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    begin_data(&p);
    p.late = true;
    smtp_server_input(p.s, STR(MSG));
    p.open = -1;
    peer_answer(&p, PH_DKIM, p.open_txn);
    p.open = -1;
    peer_answer(&p, PH_DATA, p.open_txn);
    smtp_server_lost(p.s);
    assert_false(smtp_server_over(p.s));
    peer_settle(&p);
    assert_true(smtp_server_over(p.s));
    assert_int_equal(p.drops, 0);
    assert_int_equal(p.keeps, 1);
    peer_free(&p);
}

static void a_question_of_a_lost_client_is_dropped(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    p.late = true;
    smtp_server_input(p.s, STR(MAIL));
    assert_int_equal(p.open, PH_MAIL);
    p.open = -1;
    p.late = false;
    smtp_server_lost(p.s);
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

static void a_shutdown_waits_for_the_transaction(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    begin_data(&p);
    smtp_server_shutdown(p.s, STR("mx.example is going down"));
    assert_false(smtp_server_over(p.s));
    peer_say(&p, MSG);
    expect_last(&p, "250 2.0.0 OK id=1xUQe2-0100AB-15|421 4.3.2 mx.example is going down");
    assert_true(smtp_server_over(p.s));
    peer_free(&p);

    peer_init(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    buf_clear(&p.said);
    smtp_server_shutdown(p.s, STR("bye"));
    peer_collect(&p);
    expect_last(&p, "421 4.3.2 bye");
    assert_string_equal(p.c.notquit_reason, "signal-exit");
    peer_free(&p);
}

/* ---- history: F37 */

static char history[256];

static void note_history(struct peer *p, enum phase ph, struct txn *t)
{
    unsigned n = p->c.history_n, from = n > HISTORY_MAX ? n - HISTORY_MAX : 0;

    (void)ph;
    (void)t;
    history[0] = '\0';
    for (unsigned i = from; i < n; i++) {
        strcat(history, i > from ? "," : "");
        strcat(history, p->c.history[i % HISTORY_MAX]);
    }
}

static void history_holds_the_command_under_way(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.on_ask = note_history;
    peer_start(&p);
    peer_say(&p, "ehlo there.example\r\n");
    peer_say(&p, "mail FROM:<a@b.example>\r\nfrob\r\nRcPt to:<b@c.example>\r\n");
    assert_string_equal(history, "EHLO,MAIL,RCPT");
    peer_say(&p, "RSET\r\n");
    for (int i = 0; i < 30; i++)
        peer_say(&p, "noop\r\n");
    peer_say(&p, MAIL);
    assert_string_equal(history, "NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,"
                                 "NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,NOOP,MAIL");
    peer_free(&p);
}

/* ---- small things */

static void replies_hold_little_of_what_the_client_said(void **state)
{
    struct peer p;
    char line[400];

    (void)state;
    peer_init(&p);
    p.cfg.helo_junk_ok = true;
    peer_start(&p);
    buf_clear(&p.said);
    memset(line, '\x7f', sizeof line);
    memcpy(line, "HELO ", 5);
    memcpy(line + 398, "\r\n", 2);
    peer_send(&p, (struct str){ line, sizeof line });
    assert_true(p.said.n < 300);
    for (size_t i = 0; i < p.said.n; i++)
        assert_true((buf_str(&p.said).p[i] >= ' ' && buf_str(&p.said).p[i] < 0x7f) || strchr("\r\n", buf_str(&p.said).p[i]));
    peer_free(&p);
}

static void unqualified_addresses_may_get_a_domain(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.qualify_sender = STR("site.example");
    p.cfg.qualify_recipient = STR("Site.Example");
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, "MAIL FROM:<root>\r\nRCPT TO:<Ann>\r\nRCPT TO:<Bob@EXAMPLE.org>\r\n");
    assert_true(str_same(smtp_server_txn(p.s)->sender, STR("root@site.example")));
    assert_true(str_same(smtp_server_txn(p.s)->rcpts[0].addr, STR("Ann@site.example")));
    assert_true(str_same(smtp_server_txn(p.s)->rcpts[1].addr, STR("Bob@example.org")));
    peer_free(&p);
}

static void sloppy_paths_are_taken_where_a_site_wants_them(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    buf_clear(&p.said);
    peer_say(&p, "MAIL FROM:<<a@b.example.>>\r\n");
    expect_last(&p, "501 *");
    p.cfg.strip_trailing_dot = p.cfg.strip_angle_brackets = true;
    peer_say(&p, "MAIL FROM:<<a@b.example.>> SIZE=5\r\n");
    expect_last(&p, "250 *");
    assert_true(str_same(smtp_server_txn(p.s)->sender, STR("a@b.example")));
    peer_free(&p);
}

static void the_addresses_asked_about_are_taken_apart(void **state)
{
    struct peer p;
    struct txn *t;

    (void)state;
    peer_init(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, MAIL);
    p.late = true;
    smtp_server_input(p.s, STR("RCPT TO:<\"Ann Lee\"@EXAMPLE.org>\r\n"));
    t = smtp_server_txn(p.s);
    assert_true(str_same(t->addr->local_part, STR("ann lee")));
    assert_true(str_same(t->addr->local_part_as_is, STR("Ann Lee")));
    assert_true(str_same(t->addr->domain, STR("example.org")));
    assert_int_equal(t->phase, PH_RCPT);
    peer_settle(&p);
    peer_free(&p);
}

/* What ten thousand idle clients cost us, sockets aside. */
static void an_idle_session_is_small(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)state;
    skip();     /* another allocator */
#else
    enum { N = 500 };
    static struct peer p[N];
    struct mallinfo2 before = mallinfo2(), after;

    (void)state;
    for (int i = 0; i < N; i++) {
        peer_init(&p[i]);
        peer_start(&p[i]);
        peer_say(&p[i], EHLO);
        peer_say(&p[i], MAIL RCPT "DATA\r\n");
        peer_say(&p[i], MSG);
        peer_say(&p[i], "NOOP\r\nNO");
        peer_say(&p[i], "OP\r\n");
        buf_free(&p[i].said);
        buf_free(&p[i].notes);
        buf_free(&p[i].asked);
        buf_free(&p[i].content);
        buf_free(&p[i].kept);
    }
    after = mallinfo2();
    assert_true(sizeof(struct conn) + (after.uordblks - before.uordblks) / N < 1024 + sizeof(struct at_tls));
    for (int i = 0; i < N; i++)
        peer_free(&p[i]);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_go_as_written),
        cmocka_unit_test(answers_that_come_later_change_nothing),
        cmocka_unit_test(replies_do_not_depend_on_where_input_was_split),
        cmocka_unit_test(content_is_kept_as_it_was_sent),
        cmocka_unit_test(what_is_counted_about_content),
        cmocka_unit_test(a_bare_lf_may_become_crlf_but_ends_nothing),
        cmocka_unit_test(a_command_line_of_2048_fits_and_one_more_does_not),
        cmocka_unit_test(a_line_without_end_is_not_kept_and_not_endured),
        cmocka_unit_test(recipients_beyond_the_limit_wait_and_far_too_many_end_it),
        cmocka_unit_test(recipients_max_reject_refuses_the_message),
        cmocka_unit_test(the_same_recipient_twice_is_kept_once),
        cmocka_unit_test(errors_have_a_limit),
        cmocka_unit_test(unknown_commands_have_a_limit_of_their_own),
        cmocka_unit_test(commands_that_bring_no_mail_have_a_limit),
        cmocka_unit_test(transactions_have_a_limit),
        cmocka_unit_test(a_message_that_is_too_big_is_read_to_its_end_and_refused),
        cmocka_unit_test(content_far_beyond_the_limit_ends_the_session),
        cmocka_unit_test(header_sections_have_limits),
        cmocka_unit_test(lines_of_content_have_a_limit_of_16384),
        cmocka_unit_test(more_than_50_hops_look_like_a_loop),
        cmocka_unit_test(speaking_before_the_banner_is_refused),
        cmocka_unit_test(speaking_out_of_turn_is_refused),
        cmocka_unit_test(early_words_are_seen_while_a_question_is_open),
        cmocka_unit_test(a_control_turns_the_check_off),
        cmocka_unit_test(verdicts_become_replies),
        cmocka_unit_test(a_refused_connection_ends_at_once),
        cmocka_unit_test(a_refused_helo_is_not_remembered),
        cmocka_unit_test(refusals_are_noted_in_exims_words),
        cmocka_unit_test(the_data_acl_decides_about_the_message),
        cmocka_unit_test(discarded_mail_is_read_and_forgotten),
        cmocka_unit_test(a_fake_reject_keeps_the_message),
        cmocka_unit_test(mail_is_deferred_when_there_is_no_room),
        cmocka_unit_test(a_message_that_cannot_be_stored_is_deferred_at_its_end),
        cmocka_unit_test(nothing_is_said_before_the_message_is_kept),
        cmocka_unit_test(a_lost_client_is_told_apart),
        cmocka_unit_test(a_client_lost_while_its_message_is_kept_does_not_undo_it),
        cmocka_unit_test(a_question_of_a_lost_client_is_dropped),
        cmocka_unit_test(a_shutdown_waits_for_the_transaction),
        { .name = "HIST-T1 HIST-T2 HIST-T5 history holds the command under way", .test_func = history_holds_the_command_under_way },
        cmocka_unit_test(replies_hold_little_of_what_the_client_said),
        cmocka_unit_test(unqualified_addresses_may_get_a_domain),
        cmocka_unit_test(sloppy_paths_are_taken_where_a_site_wants_them),
        cmocka_unit_test(the_addresses_asked_about_are_taken_apart),
        cmocka_unit_test(an_idle_session_is_small),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(content_has_deadlines_too),
    };

    return cmocka_run_group_tests_name("smtp server", tests, NULL, NULL);
}
