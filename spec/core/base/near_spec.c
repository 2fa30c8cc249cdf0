#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/near.h"

static const struct str names[] = { STR_INIT("rcpt"), STR_INIT("data"), STR_INIT("starttls"), STR_INIT("quit") };
enum { NAMES = sizeof names / sizeof *names };

static void slips_are_counted(void **state)
{
    static const struct { struct str a, b; size_t distance; } rows[] = {
        { STR_INIT("rcpt"), STR_INIT("rcpt"), 0 },
        { STR_INIT("RCPT"), STR_INIT("rcpt"), 0 },
        { STR_INIT("rctp"), STR_INIT("rcpt"), 1 },      /* two exchanged */
        { STR_INIT("rcp"), STR_INIT("rcpt"), 1 },
        { STR_INIT("rcptt"), STR_INIT("rcpt"), 1 },
        { STR_INIT("rxpt"), STR_INIT("rcpt"), 1 },
        { STR_INIT(""), STR_INIT("rcpt"), 4 },
        { STR_INIT("quit"), STR_INIT("data"), 4 },
    };
    char longer[100] = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(near_distance(rows[i].a, rows[i].b), rows[i].distance);
        assert_int_equal(near_distance(rows[i].b, rows[i].a), rows[i].distance);
    }
    assert_true(near_distance((struct str){ longer, sizeof longer }, STR("x")) == SIZE_MAX);
}

static void what_was_meant_is_found_and_nothing_else(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_true(str_same(near_name(STR("rctp"), names, NAMES), STR("rcpt")));
    assert_true(str_same(near_name(STR("startlts"), names, NAMES), STR("starttls")));
    assert_null(near_name(STR("vrfy"), names, NAMES).p);
    assert_null(near_name(STR(""), names, NAMES).p);
    assert_null(near_name(STR("x"), names, NAMES).p);
    near_say(&b, STR("dato"), names, NAMES);
    assert_true(str_same(buf_str(&b), STR(", did you mean data? (there are rcpt, data, starttls and quit)")));
    buf_clear(&b);
    near_say(&b, STR("helo"), names, NAMES);
    assert_true(str_same(buf_str(&b), STR(" (there are rcpt, data, starttls and quit)")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slips_are_counted),
        cmocka_unit_test(what_was_meant_is_found_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
