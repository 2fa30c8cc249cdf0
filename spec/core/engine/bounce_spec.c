#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/bounce.h"

static void the_status_is_the_servers_own(void **state)
{
    static const struct { const char *error; bool delayed; const char *want; } rows[] = {
        { "SMTP error from remote mail server after RCPT TO:<x@y>: 550 5.1.1 no such user", false, "5.1.1" },
        { "SMTP error from remote mail server after end of data: 552 5.7.10 no", false, "5.7.10" },
        { "SMTP error ... : 550 no such user", false, "5.0.0" },
        { "Unrouteable address", false, "5.0.0" },
        { "SMTP error ...: 451 4.3.0 later: retry timeout exceeded", false, "5.4.7" },
        { "SMTP error ...: 451 4.3.0 later", true, "4.3.0" },
        { "Connection refused", true, "4.0.0" },
        { "x: 550 5.1.1.1 not a code", false, "5.0.0" },
        { "550", false, "5.0.0" }, { "", false, "5.0.0" },
    };
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str s = bounce_status(&a, str_of(rows[i].error), rows[i].delayed);

        assert_true(str_same(s, str_of(rows[i].want)));
    }
    arena_free(&a);
}

static const char body_text[] = "Hello\r\n.dot\r\n";

static ssize_t read_text(void *ctx, uint64_t offset, char *p, size_t n)
{
    size_t left = sizeof body_text - 1 - (size_t)offset;

    (void)ctx;
    if (n > left)
        n = left;
    memcpy(p, body_text + offset, n);
    return (ssize_t)n;
}

static struct bounce a_bounce(const struct bounce_rcpt *r, size_t n)
{
    return (struct bounce){
        .hostname = STR("mail.example.org"), .from = STR("Mail Delivery System <Mailer-Daemon@example.org>"),
        .to = STR("ann@example.org"), .id = STR("1xUQe2-0100AB-15"), .own_id = STR("1xUQe3-0100AB-16"),
        .arrived = 1000000000, .now = 1000000100, .rcpts = r, .n = n, .return_message = true, .return_body = true,
        .size_limit = 100, .line_limit = 998, .header = STR("Subject: hi\r\n"), .body_size = sizeof body_text - 1,
        .max_line = 5, .read = read_text,
    };
}

static char *text_of(const struct bounce *b)
{
    struct buf header = { 0 }, body = { 0 };

    bounce_write(b, &header, &body);
    buf_add(&header, STR("\r\n"));
    buf_add(&header, buf_str(&body));
    buf_byte(&header, 0);
    buf_free(&body);
    for (size_t i = 0; i + 1 < header.n; i++)       /* lines end in CRLF, all of them */
        if (buf_str(&header).p[i] == '\n')
            assert_true(i > 0 && buf_str(&header).p[i - 1] == '\r');
    return header.mem;
}

static void a_report_has_three_parts(void **state)
{
    struct bounce_rcpt r[] = {
        { .addr = STR("bob@example.net"), .error = STR("SMTP error from remote mail server after RCPT TO:<bob@example.net>: 550 5.1.1 no such user"),
          .host = STR("mx.example.net [192.0.2.25]") },
        { .addr = STR("list@example.org"), .child = STR("eve@example.com"), .error = STR("Unrouteable address") },
    };
    struct bounce b = a_bounce(r, 2);
    char *text = text_of(&b);
    static const char *const wanted[] = {
        "Content-Type: multipart/report; report-type=delivery-status;", "Auto-Submitted: auto-replied\r\n",
        "To: ann@example.org\r\n", "X-Failed-Recipients: bob@example.net,\r\n  list@example.org\r\n",
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n",
        "\r\n\r\nAction: failed\r\nFinal-Recipient: rfc822;bob@example.net\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.example.net\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
        "Final-Recipient: rfc822;list@example.org\r\nStatus: 5.0.0\r\n", "(redirected to eve@example.com)",
        "Content-Type: message/rfc822\r\n\r\nSubject: hi\r\n\r\nHello\r\n.dot\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(text, wanted[i]))
            fail_msg("not there: %s\n%s", wanted[i], text);
    free(text);
}

static void too_much_is_not_returned(void **state)
{
    struct bounce_rcpt r = { .addr = STR("bob@example.net"), .error = STR("Unrouteable address") };
    struct bounce b = a_bounce(&r, 1);
    char *text;

    (void)state;
    b.size_limit = 5;
    text = text_of(&b);
    assert_non_null(strstr(text, "text/rfc822-headers"));
    assert_null(strstr(text, "Hello"));
    free(text);
    b.size_limit = 0;
    b.line_limit = 4;
    text = text_of(&b);
    assert_null(strstr(text, "Hello"));
    free(text);
    b.return_message = false;
    text = text_of(&b);
    assert_null(strstr(text, "Subject: hi"));
    free(text);
}

static void a_warning_says_that_nothing_need_be_done(void **state)
{
    struct bounce_rcpt r = { .addr = STR("bob@example.net"), .error = STR("Connection refused") };
    struct bounce b = a_bounce(&r, 1);
    char *text;

    (void)state;
    b.delayed = 24 * 3600;
    b.return_body = false;
    text = text_of(&b);
    assert_non_null(strstr(text, "Action: delayed"));
    assert_non_null(strstr(text, "Status: 4.0.0"));
    assert_non_null(strstr(text, "after more than 1d on the queue"));
    assert_null(strstr(text, "X-Failed-Recipients"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_is_the_servers_own),
        cmocka_unit_test(a_report_has_three_parts),
        cmocka_unit_test(too_much_is_not_returned),
        cmocka_unit_test(a_warning_says_that_nothing_need_be_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
