/* R8.5: the limits of regular expressions hold, interpreted and as machine code, and both give the same answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/expr.h"

enum { OFTEN = 8 };

static struct expr *compiled(const char *pattern, const char *flags)
{
    struct why why;
    struct expr *e = expr_new(str_of(pattern), strchr(flags, 'i') ? EXPR_FOLD : strchr(flags, 'b') ? EXPR_BYTES : 0, &why);

    if (!e)
        fail_msg("%s: %s", pattern, why.text);
    return e;
}

static char *repeated(const char *what, size_t n, const char *end)
{
    size_t each = strlen(what);
    char *s = malloc(n * each + strlen(end) + 1);

    for (size_t i = 0; i < n; i++)
        memcpy(s + i * each, what, each);
    strcpy(s + n * each, end);
    return s;
}

static const struct { const char *title, *pattern, *flags, *what; size_t n; const char *end; enum status st; const char *group1; } rows[] = {
    { "a plain match", "^(a+)b", "", "a", 5, "b", ST_OK, "aaaaa" },
    { "no match", "^b", "", "a", 5, "", ST_NONE, NULL },
    { "case", "^(SPAM)", "i", "spam", 1, "", ST_OK, "spam" },
    { "UTF-8", "^(.)$", "", "\xc3\xbc", 1, "", ST_OK, "\xc3\xbc" },
    { "octets that are no UTF-8 match nothing and harm nothing", "^(x.*y)", "", "x\xff\xfe", 1, "y", ST_NONE, NULL },
    { "a match behind octets that are no UTF-8", "(spam)", "", "\xff", 3, "spam", ST_OK, "spam" },
    { "a group that took no part", "(b)?a", "", "a", 1, "", ST_OK, NULL },
    { "backtracking without end", "^(a+)+$", "", "a", 60, "b", ST_NEVER, NULL },
    { "alternatives without end", "^(a|aa)+$", "", "a", 60, "b", ST_NEVER, NULL },
    { "nested without end", "^((a*)*)*$", "", "a", 60, "b", ST_NEVER, NULL },
    { "deep recursion", "^(\\((?1)*\\))$", "", "(", 60000, "x)", ST_NEVER, NULL },
};

/* Both ways; and the second is what it says it is. */
static void answers_and_limits_are_the_same_either_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct expr *re = compiled(rows[i].pattern, rows[i].flags);
        char *subject = repeated(rows[i].what, rows[i].n, rows[i].end);
        struct str groups[EXPR_GROUPS];
        struct why why;

        assert_true(expr_machine_code(re) == 0);
        for (int turn = 0; turn < OFTEN; turn++) {
            enum status st = expr_find(re, str_of(subject), groups, &why);

            if (st != rows[i].st)
                fail_msg("%s, turn %d (%zu bytes of machine code): %d %s", rows[i].title, turn, expr_machine_code(re), st,
                         st == ST_NEVER ? why.text : "");
            if (st == ST_OK && (rows[i].group1 ? !str_same(groups[1], str_of(rows[i].group1)) : groups[1].p != NULL))
                fail_msg("%s, turn %d: %.*s", rows[i].title, turn, STR_ARG(groups[1]));
        }
        if (!expr_machine_code(re))
            print_message("%s: no machine code can be made here\n", rows[i].title);
        free(subject);
        expr_free(re);
    }
}

static void what_is_used_once_is_interpreted(void **state)
{
    struct expr *re = compiled("(a)", "");
    struct str groups[EXPR_GROUPS];
    struct why why;

    (void)state;
    assert_int_equal(expr_find(re, STR("a"), groups, &why), ST_OK);
    assert_true(expr_machine_code(re) == 0);
    expr_free(re);
}

/* More than the bounded machine stack holds is no error, as long as the interpreter's limits allow it. */
static void what_the_machine_stack_cannot_hold_is_interpreted(void **state)
{
    struct expr *re = compiled("^(?:(a)|b)*c", "");
    char *subject = repeated("ab", 100, "c"), *longer = repeated("ab", 30000, "d");
    struct str groups[EXPR_GROUPS];
    struct why why;

    (void)state;
    for (int turn = 0; turn < OFTEN; turn++)
        assert_int_equal(expr_find(re, str_of(subject), groups, &why), ST_OK);
    for (int turn = 0; turn < OFTEN; turn++)
        assert_int_not_equal(expr_find(re, str_of(longer), groups, &why), ST_OK);
    free(subject);
    free(longer);
    expr_free(re);
}

/* A file of patterns is asked by many threads: its matches keep nothing, and have the same limits. */
static void what_is_shared_answers_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct expr *re = compiled(rows[i].pattern, rows[i].flags);
        char *subject = repeated(rows[i].what, rows[i].n, rows[i].end);

        for (int turn = 0; turn < 2; turn++) {
            if (turn)
                expr_hasten(re);
            if (expr_fits(re, str_of(subject), NULL) != rows[i].st)
                fail_msg("%s, turn %d", rows[i].title, turn);
            assert_int_equal(expr_groups(re), 0);
        }
        free(subject);
        expr_free(re);
    }
}

static const struct { const char *text, *why; } wrong[] = {
    { "(a", "missing closing parenthesis" }, { "a{2,1}", "out of order" }, { "\\C", "\\C" }, { "[", "missing terminating ]" },
};

static void what_is_no_expression_is_told(void **state)
{
    static char longest[EXPR_TEXT_MAX + 1];
    struct why why;
    (void)state;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(expr_new(str_of(wrong[i].text), 0, &why));
        if (!strstr(why.text, wrong[i].why))
            fail_msg("%s: %s", wrong[i].text, why.text);
    }
    memset(longest, 'a', sizeof longest);
    assert_null(expr_new((struct str){ longest, sizeof longest }, 0, &why));
    assert_non_null(strstr(why.text, "longer than 16384"));
}

static void matches_are_replaced(void **state)
{
    struct expr *re = compiled("(a)(b)?", "");
    char out[8];
    size_t n;
    struct why why;
    (void)state;

    for (int turn = 0; turn < OFTEN; turn++) {
        n = sizeof out;
        assert_int_equal(expr_replace(re, STR("abc"), STR("<$1>"), out, &n, &why), ST_OK);
        assert_true(str_same((struct str){ out, n }, STR("<a>c")));
    }
    n = sizeof out;
    assert_int_equal(expr_replace(re, STR("aaaaaa"), STR("<$1>"), out, &n, &why), ST_NEVER);
    n = sizeof out;
    assert_int_equal(expr_replace(re, STR("abc"), STR("$nine"), out, &n, &why), ST_NEVER);
    expr_free(re);
}

/* NUL is a byte like others, in the expression and in what it is asked about. */
static void nul_is_a_byte(void **state)
{
    struct why why;
    struct expr *re = expr_new(STR("a\0b"), EXPR_BYTES, &why);
    (void)state;

    assert_non_null(re);
    assert_int_equal(expr_text(re).n, 3);
    assert_int_equal(expr_find(re, STR("xa\0bx"), NULL, &why), ST_OK);
    assert_int_equal(expr_find(re, STR("a"), NULL, &why), ST_NONE);
    assert_int_equal(expr_find(re, (struct str){ NULL, 0 }, NULL, &why), ST_NONE);
    expr_free(re);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_limits_are_the_same_either_way),
        cmocka_unit_test(what_is_used_once_is_interpreted),
        cmocka_unit_test(what_the_machine_stack_cannot_hold_is_interpreted),
        cmocka_unit_test(what_is_shared_answers_alike),
        cmocka_unit_test(what_is_no_expression_is_told),
        cmocka_unit_test(matches_are_replaced),
        cmocka_unit_test(nul_is_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
