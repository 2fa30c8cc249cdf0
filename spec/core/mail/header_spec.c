#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mail/header.h"

static struct arena m;

static int fresh(void **state)
{
    (void)state;
    arena_reset(&m);
    return 0;
}

static void same(struct str got, const char *want)
{
    if (!str_same(got, str_of(want)))
        fail_msg("got:\n%.*s\nwanted:\n%s", STR_ARG(got), want);
}

/* ---- the border */

static const struct { const char *message, *section, *body; bool damaged; } BORDERS[] = {
    { "A: 1\r\n\r\nbody\r\n", "A: 1\r\n", "body\r\n", false },
    { "A: 1\n\nbody\n", "A: 1\n", "body\n", false },
    { "A: 1\r\nB : 2\r\n\tmore\r\n\r\n", "A: 1\r\nB : 2\r\n\tmore\r\n", "", false },
    { "A: 1\r\nbody\r\nB: 2\r\n", "A: 1\r\n", "body\r\nB: 2\r\n", true },
    { "body\r\n", "", "body\r\n", true },
    { "\r\nbody\r\n", "", "body\r\n", false },
    { " A: 1\r\n\r\n", "", " A: 1\r\n\r\n", true },
    { "A: 1", "A: 1", "", false },
    { "", "", "", false },
    { ": 1\r\n\r\n", "", ": 1\r\n\r\n", true },
    { "From x Thu\r\nA: 1\r\n\r\n", "", "From x Thu\r\nA: 1\r\n\r\n", true },
    { "A: 1\r\n \r\nB: 2\r\n\r\nx", "A: 1\r\n \r\nB: 2\r\n", "x", false },
    { "A: 1\r\n\xc3\xa9: 2\r\n\r\n", "A: 1\r\n", "\xc3\xa9: 2\r\n\r\n", true },
    { "A: 1\r\nB\x01: 2\r\n", "A: 1\r\n", "B\x01: 2\r\n", true },
    { "A: 1\r\n\rx\r\n", "A: 1\r\n", "\rx\r\n", true },
};

static void a_message_has_one_border(void **state)
{
    struct str section, body;
    bool damaged;
    struct header h;

    (void)state;
    for (size_t i = 0; i < sizeof BORDERS / sizeof *BORDERS; i++) {
        header_divide(str_of(BORDERS[i].message), &section, &body, &damaged);
        same(section, BORDERS[i].section);
        same(body, BORDERS[i].body);
        assert_int_equal(damaged, BORDERS[i].damaged);
        /* The reader of fields stops where the divider does. */
        header_parse(&m, str_of(BORDERS[i].message), &h);
        assert_int_equal(h.bytes, strlen(BORDERS[i].section));
        assert_int_equal(h.damaged, BORDERS[i].damaged);
    }
}

static void fields_are_found_by_name_without_case(void **state)
{
    struct header h;

    (void)state;
    header_parse(&m, STR("Received: a\r\n\tb\r\nSubject : x\r\nRECEIVED:c\r\nX:\r\n"), &h);
    assert_int_equal(h.count, 4);
    assert_int_equal(header_count(&h, STR("received")), 2);
    same(header_field(&h, STR("received"), 0)->value, " a\r\n\tb\r\n");
    same(header_field(&h, STR("Received"), 1)->whole, "RECEIVED:c\r\n");
    same(header_field(&h, STR("subject"), 0)->name, "Subject");
    same(header_field(&h, STR("subject"), 0)->value, " x\r\n");
    same(header_field(&h, STR("x"), 0)->value, "\r\n");
    assert_null(header_field(&h, STR("received"), 2));
    assert_null(header_field(&h, STR("receive"), 0));
}

static void folding_comes_out(void **state)
{
    (void)state;
    same(header_unfold(&m, STR(" a\r\n b\r\n\t c\r\n")), "a b\t c");
    same(header_unfold(&m, STR("a\n b")), "a b");
    same(header_unfold(&m, STR(" \r\n ")), "");
    same(header_unfold(&m, STR("a\r\nb")), "a\r\nb");
}

/* ---- RFC 2047 */

static const struct { const char *in, *out; } WORDS[] = {
    { "plain", "plain" },
    { "=?utf-8?q?caf=C3=A9?=", "caf\xc3\xa9" },
    { "=?UTF-8?B?Y2Fmw6k=?=", "caf\xc3\xa9" },
    { "=?iso-8859-1?q?caf=E9_x?=", "caf\xc3\xa9 x" },
    { "=?ISO-8859-2?Q?=B1?=", "\xc4\x85" },
    { "=?utf-8*en?q?a?=", "a" },
    { "a =?utf-8?q?b?= c", "a b c" },
    { "=?utf-8?q?a?= =?utf-8?q?b?=", "ab" },
    { "=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab" },
    { "=?utf-8?q?a?= =?iso-8859-1?q?b?=", "ab" },
    { "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b" },
    { "=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "\xc3\xa9" },
    { "=?euc-kr?b?sNTAuLinKGxhemluZXNzKSwgwvzB?=\r\n =?euc-kr?b?9ri7seIoaW1wYXRpZW5jZSksILGzuLgoaHVicmlzKQ==?=",
      "\xea\xb2\x8c\xec\x9c\xbc\xeb\xa6\x84(laziness), \xec\xb0\xb8\xec\xa7\x80\xeb\xa7\x90\xea\xb8\xb0(impatience), \xea\xb5\x90\xeb\xa7\x8c(hubris)" },
    { "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
    { "=?ISO-8859-1?Q?Andr=E9_?= (x)", "Andr\xc3\xa9  (x)" },
    { "=?utf-8?q?a?==?utf-8?q?b?=", "ab" },
    { "=?utf-8?q?two words?=", "two words" },
    /* damaged ones stay */
    { "=?utf-8?q?=C3?=", "=?utf-8?q?=C3?=" },
    { "=?utf-8?q?=C0=AF?=", "=?utf-8?q?=C0=AF?=" },
    { "=?utf-8?q?=ZZ?=", "=?utf-8?q?=ZZ?=" },
    { "=?utf-8?b?!!?=", "=?utf-8?b?!!?=" },
    { "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
    { "=?../../x?q?a?=", "=?../../x?q?a?=" },
    { "=?ISO-2022-CN-EXT?q?a?=", "=?ISO-2022-CN-EXT?q?a?=" },
    { "=?utf-8//TRANSLIT?q?a?=", "=?utf-8//TRANSLIT?q?a?=" },
    { "=?utf-8?q?a", "=?utf-8?q?a" },
    { "=?utf-8?q", "=?utf-8?q" }, { "=?", "=?" }, { "=?=?=?=", "=?=?=?=" }, { "=?us-ascii?q?=E9?=", "=?us-ascii?q?=E9?=" },
    { "x =?utf-8?q?=C3?= =?utf-8?q?ok?= y", "x =?utf-8?q?=C3?= =?utf-8?q?ok?= y" },
    /* line ends are not smuggled in */
    { "=?utf-8?q?a=0D=0AB:_c=00?=", "a  B: c " },
};

static void encoded_words_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        same(header_decode(&m, str_of(WORDS[i].in)), WORDS[i].out);
}

/* ---- R4.6 */

static const struct { const char *text, *wire; } MADE[] = {
    { "X-A: b", "X-A: b\r\n" }, { "X-A:b", "X-A:b\r\n" }, { "X-A:", "X-A:\r\n" }, { "X-A: b\n c", "X-A: b\r\n c\r\n" }, { "X-A: b\n\tc\n d", "X-A: b\r\n\tc\r\n d\r\n" },
};
static const char *const UNMADE[] = {
    "", "X-A", ": b", "X A: b", "X-A : b", "X-A: b\r\n c", "X-A: b\nB: c", "X-A: b\n", "X-A: b\n\nbody", "X-A: b\n \n c", "X-A: b\n ", "\nX-A: b", " X: b",
    "X-\xc3\xa9: b", "X-A: b\rB: c",
};

static void a_rule_cannot_make_two_fields_of_one(void **state)
{
    struct str wire;
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof MADE / sizeof *MADE; i++) {
        if (!header_make(&m, str_of(MADE[i].text), &wire, &why))
            fail_msg("%s: %s", MADE[i].text, why);
        same(wire, MADE[i].wire);
    }
    for (size_t i = 0; i < sizeof UNMADE / sizeof *UNMADE; i++)
        if (header_make(&m, str_of(UNMADE[i]), &wire, &why))
            fail_msg("%s was taken", UNMADE[i]);
    assert_false(header_make(&m, (struct str){ "X: a\0b", 6 }, &wire, NULL));
}

#define SECTION "Received: one\r\nReceived: two\r\nResent-From: r\r\nFrom: f\r\nX-Spam: 1\r\nX-Spam-Score: 2\r\nTo: t\r\n"
static struct header_edit add(enum header_place p, const char *wire) { return (struct header_edit){ .place = p, .text = str_of(wire) }; }
static struct header_edit del(const char *name) { return (struct header_edit){ .remove = true, .text = str_of(name) }; }

static void applied(struct header_edit *v, size_t n, const char *received, const char *want)
{
    struct buf out = { 0 };

    for (size_t i = 0; i + 1 < n; i++)
        v[i].next = &v[i + 1];
    header_apply(STR(SECTION), n ? v : NULL, str_of(received), &out);
    same(buf_str(&out), want);
    buf_free(&out);
}

static void edits_are_applied_together(void **state)
{
    (void)state;
    applied(NULL, 0, "Received: us\r\n", "Received: us\r\n" SECTION);
    struct header_edit all[] = { add(HEADER_AT_END, "E: 1\r\n"), add(HEADER_AT_START, "S: 1\r\n"), del("x-spam"), add(HEADER_AFTER_RECEIVED, "R: 1\r\n"),
        add(HEADER_AT_START_RFC, "F: 1\r\n"), add(HEADER_AT_END, "E: 2\r\n"), add(HEADER_AT_START, "S: 2\r\n") };
    applied(all, 7, "Received: us\r\n", "S: 1\r\nS: 2\r\nReceived: us\r\nReceived: one\r\nReceived: two\r\nR: 1\r\nResent-From: r\r\nF: 1\r\n"
            "From: f\r\nX-Spam-Score: 2\r\nTo: t\r\nE: 1\r\nE: 2\r\n");
    struct header_edit pattern[] = { del("^x-spam"), del("^(received|to)$") };
    applied(pattern, 2, "Received: us\r\n", "Received: us\r\nResent-From: r\r\nFrom: f\r\n");
    struct header_edit replace[] = { del("To"), add(HEADER_AT_END, "To: other\r\n") };
    applied(replace, 2, "", "Received: one\r\nReceived: two\r\nResent-From: r\r\nFrom: f\r\nX-Spam: 1\r\nX-Spam-Score: 2\r\nTo: other\r\n");
}

static void removals_are_names_or_patterns(void **state)
{
    (void)state;
    assert_true(header_removal(STR("X-Spam"), NULL));
    assert_true(header_removal(STR("^x-"), NULL));
    assert_false(header_removal(STR("X-Spam:"), NULL));
    assert_false(header_removal(STR("^(x"), NULL));
    assert_false(header_removal(STR(""), NULL));
}

/* A pattern that backtracks without end meets a limit and hits nothing. */
static void a_costly_pattern_ends(void **state)
{
    struct buf section = { 0 }, out = { 0 };
    struct header_edit e = del("^(a+)+$");

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_byte(&section, 'a');
    buf_add(&section, STR("!: x\r\n"));
    header_apply(buf_str(&section), &e, STR(""), &out);
    assert_int_equal(out.n, section.n);
    buf_free(&section);
    buf_free(&out);
}

static void hostile_headers_are_read_in_one_pass(void **state)
{
    enum { N = 1 << 20 };
    static const char *const fills[] = { "=?utf-8?q?", "=?", "A:", "A: 1\r\n", "\r\n", " \r\n", "=?utf-8?q?a?= ", "=?big5?b?AAAA?= =?utf-8?q?a?= ", "\r" };
    char *text = malloc(N);
    struct header h;

    (void)state;
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        size_t len = strlen(fills[i]), at;
        struct str s, a, b;
        bool damaged;

        for (at = 0; at + len <= N; at += len)
            memcpy(text + at, fills[i], len);
        s = (struct str){ text, at };
        header_parse(&m, s, &h);
        header_divide(s, &a, &b, &damaged);
        header_unfold(&m, s);
        header_decode(&m, str_head(s, 256 * 1024));
        arena_reset(&m);
    }
    free(text);
}

#define T(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_message_has_one_border), T(fields_are_found_by_name_without_case), T(folding_comes_out), T(encoded_words_are_decoded),
        T(a_rule_cannot_make_two_fields_of_one), T(edits_are_applied_together), T(removals_are_names_or_patterns),
        T(a_costly_pattern_ends), T(hostile_headers_are_read_in_one_pass),
    };
    int rc = cmocka_run_group_tests_name("headers", tests, NULL, NULL);

    arena_free(&m);
    return rc;
}
