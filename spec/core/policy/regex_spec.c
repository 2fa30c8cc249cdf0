/* R8.5: the limits of regular expressions hold, interpreted and as machine code, and both give the same answers. */
#include "rig.h"

#include "policy/lua.h"
#include "policy/regex.h"

extern const struct lib lib_regex;

enum { OFTEN = 8 };

static struct rig rig;

/* The expression stays on the stack, so Lua holds it. */
static struct regex *compiled(const char *pattern, const char *flags)
{
    lua_State *L = rig.policy->L;

    lua_settop(L, 0);
    lua_pushcfunction(L, lib_regex.plain[0].func);
    lua_pushstring(L, pattern);
    lua_pushstring(L, flags);
    lua_call(L, 2, 1);
    return regex_arg(L, 1);
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
        struct regex *re = compiled(rows[i].pattern, rows[i].flags);
        char *subject = repeated(rows[i].what, rows[i].n, rows[i].end);
        struct str groups[REGEX_GROUPS];
        struct why why;

        assert_true(regex_machine_code(re) == 0);
        for (int turn = 0; turn < OFTEN; turn++) {
            enum status st = regex_find(re, str_of(subject), groups, &why);

            if (st != rows[i].st)
                fail_msg("%s, turn %d (%zu bytes of machine code): %d %s", rows[i].title, turn, regex_machine_code(re), st,
                         st == ST_NEVER ? why.text : "");
            if (st == ST_OK && (rows[i].group1 ? !str_same(groups[1], str_of(rows[i].group1)) : groups[1].p != NULL))
                fail_msg("%s, turn %d: %.*s", rows[i].title, turn, STR_ARG(groups[1]));
        }
        if (!regex_machine_code(re))
            print_message("%s: no machine code can be made here\n", rows[i].title);
        free(subject);
    }
}

static void what_is_used_once_is_interpreted(void **state)
{
    struct regex *re = compiled("(a)", "");
    struct str groups[REGEX_GROUPS];
    struct why why;

    (void)state;
    assert_int_equal(regex_find(re, STR("a"), groups, &why), ST_OK);
    assert_true(regex_machine_code(re) == 0);
}

/* More than the bounded machine stack holds is no error, as long as the interpreter's limits allow it. */
static void what_the_machine_stack_cannot_hold_is_interpreted(void **state)
{
    struct regex *re = compiled("^(?:(a)|b)*c", "");
    char *subject = repeated("ab", 100, "c"), *longer = repeated("ab", 30000, "d");
    struct str groups[REGEX_GROUPS];
    struct why why;

    (void)state;
    for (int turn = 0; turn < OFTEN; turn++)
        assert_int_equal(regex_find(re, str_of(subject), groups, &why), ST_OK);
    for (int turn = 0; turn < OFTEN; turn++)
        assert_int_not_equal(regex_find(re, str_of(longer), groups, &why), ST_OK);
    free(subject);
    free(longer);
}

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig, "");
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_limits_are_the_same_either_way),
        cmocka_unit_test(what_is_used_once_is_interpreted),
        cmocka_unit_test(what_the_machine_stack_cannot_hold_is_interpreted),
    };

    return cmocka_run_group_tests(tests, open_rig, close_rig);
}
