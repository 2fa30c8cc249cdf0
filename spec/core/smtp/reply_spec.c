#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "smtp/reply.h"

static void same(struct str got, const char *want)
{
    if (!str_same(got, str_of(want)))
        fail_msg("got:\n%.*s\nwanted:\n%s", STR_ARG(got), want);
}

static const struct { int want; const char *enhanced, *text, *wire; } MADE[] = {
    { 250, "2.0.0", "OK", "250 2.0.0 OK\r\n" },
    { 250, NULL, "OK", "250 OK\r\n" },
    { 550, "5.7.1", "", "550 5.7.1 \r\n" },
    { 550, "5.7.1", "no", "550 5.7.1 no\r\n" },
    { 550, "5.7.1", "551 no", "551 5.7.1 no\r\n" },
    { 550, "5.7.1", "551 5.1.6 no", "551 5.1.6 no\r\n" },
    { 550, "5.7.1", "5.1.1 no", "550 5.1.1 no\r\n" },
    { 550, "5.7.1", "250 2.0.0 yes", "550 5.7.1 yes\r\n" },
    { 451, "4.7.1", "550 5.1.1 never", "451 4.7.1 never\r\n" },
    { 550, "5.7.1", "550 4.1.1 mixed", "550 5.7.1 mixed\r\n" },
    { 550, "5.7.1", "one\ntwo\nthree", "550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n" },
    { 550, "5.7.1", "one\r\ntwo", "550-5.7.1 one\r\n550 5.7.1 two\r\n" },
    { 550, "5.7.1", "one\n", "550 5.7.1 one\r\n" },
    { 550, "5.7.1", "a\rb\x01\x80\t.", "550 5.7.1 a?b?? .\r\n" },
    { 550, "5.7.1", "5000 things", "550 5.7.1 5000 things\r\n" },
    { 550, "5.7.1", "5.1.1234 x", "550 5.7.1 5.1.1234 x\r\n" },
    { 250, NULL, "mx Hello\nSIZE 5\nHELP", "250-mx Hello\r\n250-SIZE 5\r\n250 HELP\r\n" },
};

static void replies_are_made_with_code_and_mark_on_each_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof MADE / sizeof *MADE; i++) {
        struct buf out = { 0 };

        reply_put(&out, MADE[i].want, MADE[i].enhanced, str_of(MADE[i].text));
        same(buf_str(&out), MADE[i].wire);
        buf_free(&out);
    }
}

static void a_long_line_is_broken_within_512_octets(void **state)
{
    struct buf text = { 0 }, out = { 0 };
    struct str rest, line;

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_byte(&text, i % 7 == 6 ? ' ' : 'x');
    reply_put(&out, 550, "5.7.1", buf_str(&text));
    rest = buf_str(&out);
    while (str_cut(&rest, '\n', &line))
        assert_true(line.n <= 511);
    buf_clear(&text);
    for (int i = 0; i < 50000; i++)
        buf_byte(&text, 'x');
    buf_clear(&out);
    reply_put(&out, 550, "5.7.1", buf_str(&text));
    assert_true(out.n < 2 * REPLY_BYTES_MAX);
    assert_true(str_find_str(buf_str(&out), STR("\r\n550 5.7.1 ")) != SIZE_MAX);
    buf_free(&text);
    buf_free(&out);
}

static const struct { const char *text; int code; const char *enhanced, *rest; } SPLIT[] = {
    { "550 5.1.1 no", 550, "5.1.1", "no" }, { "550 no", 550, "", "no" }, { "no", 0, "", "no" }, { "5.1.1 no", 0, "5.1.1", "no" },
    { "550", 550, "", "" }, { "5501 x", 0, "", "5501 x" }, { "150 x", 0, "", "150 x" }, { "650 x", 0, "", "650 x" }, { "550 3.1.1 x", 550, "", "3.1.1 x" },
    { "550 5.1 x", 550, "", "5.1 x" }, { "550  5.1.1  x", 550, "5.1.1", "x" }, { "", 0, "", "" }, { "250 2.0.0", 250, "2.0.0", "" },
};

static void a_text_is_split_into_code_mark_and_words(void **state)
{
    int code;
    struct str enhanced, rest;

    (void)state;
    for (size_t i = 0; i < sizeof SPLIT / sizeof *SPLIT; i++) {
        reply_split(str_of(SPLIT[i].text), &code, &enhanced, &rest);
        assert_int_equal(code, SPLIT[i].code);
        same(enhanced, SPLIT[i].enhanced);
        same(rest, SPLIT[i].rest);
    }
}

static void client_text_is_printable_and_short(void **state)
{
    struct arena a = { 0 };
    char text[300];

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(reply_safe(&a, (struct str){ text, sizeof text }).n, 256);
    same(reply_safe(&a, STR("a\r\n\x7f\xe9z")), "a????z");
    arena_free(&a);
}

static const struct { const char *in; enum reply_end end; int code; const char *enhanced, *text, *line, *left; } READ[] = {
    { "250 OK\r\n", REPLY_OK, 250, "", "OK", "250 OK", "" },
    { "250\r\n", REPLY_OK, 250, "", "", "250", "" },
    { "250 OK\nmore", REPLY_OK, 250, "", "OK", "250 OK", "more" },
    { "550 5.1.1 no such user\r\n", REPLY_OK, 550, "5.1.1", "no such user", "550 5.1.1 no such user", "" },
    { "550-5.1.1 one\r\n550 5.1.1 two\r\n220", REPLY_OK, 550, "5.1.1", "one\ntwo", "550 5.1.1 one two", "220" },
    { "250-mx\r\n250-SIZE 5\r\n250 HELP\r\n", REPLY_OK, 250, "", "mx\nSIZE 5\nHELP", "250 mx SIZE 5 HELP", "" },
    { "250-a\r\n250\r\n", REPLY_OK, 250, "", "a\n", "250 a ", "" },
    { "250-a\r\n", REPLY_MORE, 0, NULL, NULL, NULL, NULL },
    { "250 a", REPLY_MORE, 0, NULL, NULL, NULL, NULL },
    { "", REPLY_MORE, 0, NULL, NULL, NULL, NULL },
    { "250-a\r\n251 b\r\n", REPLY_BAD, 0, NULL, NULL, NULL, NULL },
    { "hello\r\n", REPLY_BAD, 0, NULL, NULL, NULL, NULL },
    { "\r\n", REPLY_BAD, 0, NULL, NULL, NULL, NULL },
    { "150 x\r\n", REPLY_BAD, 0, NULL, NULL, NULL, NULL },
    { "25x x\r\n", REPLY_BAD, 0, NULL, NULL, NULL, NULL },
    { "2500 x\r\n", REPLY_BAD, 0, NULL, NULL, NULL, NULL },
};

static void replies_of_others_are_read(void **state)
{
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof READ / sizeof *READ; i++) {
        struct str in = str_of(READ[i].in);
        struct reply r;

        assert_int_equal(reply_read(&a, &in, &r), READ[i].end);
        if (READ[i].end != REPLY_OK) {
            assert_int_equal(in.n, strlen(READ[i].in));
            continue;
        }
        assert_int_equal(r.code, READ[i].code);
        same(r.enhanced, READ[i].enhanced);
        same(r.text, READ[i].text);
        same(r.line, READ[i].line);
        same(in, READ[i].left);
    }
    arena_free(&a);
}

static void an_endless_reply_is_given_up(void **state)
{
    struct arena a = { 0 };
    struct buf in = { 0 };
    struct str s;
    struct reply r;

    (void)state;
    for (int i = 0; i < REPLY_LINES_MAX + 1; i++)
        buf_add(&in, STR("250-x\r\n"));
    s = buf_str(&in);
    assert_int_equal(reply_read(&a, &s, &r), REPLY_BAD);
    buf_clear(&in);
    for (int i = 0; i < REPLY_LINE_MAX; i++)
        buf_byte(&in, '2');
    s = buf_str(&in);
    assert_int_equal(reply_read(&a, &s, &r), REPLY_BAD);
    buf_free(&in);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_made_with_code_and_mark_on_each_line),
        cmocka_unit_test(a_long_line_is_broken_within_512_octets),
        cmocka_unit_test(a_text_is_split_into_code_mark_and_words),
        cmocka_unit_test(client_text_is_printable_and_short),
        cmocka_unit_test(replies_of_others_are_read),
        cmocka_unit_test(an_endless_reply_is_given_up),
    };

    return cmocka_run_group_tests_name("replies", tests, NULL, NULL);
}
