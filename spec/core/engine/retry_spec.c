#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rnd.h"
#include "engine/retry.h"

enum { H = 3600, D = 24 * H };

/* F,2h,15m; G,16h,1h,1.5; F,4d,6h, the first failure at 1000. */
static void the_default_rule_goes_through_its_steps(void **state)
{
    static const struct { int64_t passed, gap; bool expired; } rows[] = {
        { 0, 15 * 60, false }, { H, 15 * 60, false }, { 2 * H - 1, 15 * 60, false },
        { 2 * H, H, false },                    /* G begins at its own interval */
        { 3 * H, H * 3 / 2, false },            /* and grows by its factor once that has passed */
        { 5 * H, (int64_t)(H * 2.25), false },
        { 16 * H, 6 * H, false }, { 4 * D - 1, 6 * H, false },
        { 4 * D, 6 * H, true }, { 40 * D, 6 * H, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct retry_plan p = retry_next(&retry_default, 1000, 1000 + rows[i].passed, D);

        assert_int_equal(p.next - 1000 - rows[i].passed, rows[i].gap);
        assert_int_equal(p.expired, rows[i].expired);
    }
}

static void no_interval_is_longer_than_the_option_says(void **state)
{
    struct retry_step g = { 'G', 100 * D, H, 3.0 };
    struct retry_rule r = { &g, 1, true };

    (void)state;
    assert_int_equal(retry_next(&r, 0, 50 * D, D).next, 51 * D);
    assert_int_equal(retry_next(&r, 0, 50 * D, 2 * H).next, 50 * D + 2 * H);
}

static void h_chooses_between_the_interval_and_what_g_gives(void **state)
{
    struct retry_step h = { 'H', 10 * D, H, 2.0 };
    struct retry_rule r = { &h, 1, true };

    (void)state;
    rnd_seed(1);
    for (int i = 0; i < 200; i++) {
        int64_t gap = retry_next(&r, 0, 8 * H, D).next - 8 * H;

        assert_in_range(gap, H, 8 * H);
    }
}

static void odd_rules_end_and_never_give_a_time_that_is_past(void **state)
{
    struct retry_step steps[] = { { 'G', D, 1, 1.0 }, { 'G', D, 0, 0.5 }, { 'F', 0, 0, 0 } };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct retry_rule r = { &steps[i], 1, true };

        assert_true(retry_next(&r, 0, 20 * H, D).next > 20 * H);
        assert_true(retry_next(&r, 500, 100, D).next > 100);        /* the clock went back */
    }
}

static void nobody_is_given_up_because_a_clock_jumped(void **state)
{
    struct retry_plan over = { .expired = true }, not = { .expired = false };

    (void)state;
    assert_false(retry_may_expire(&not, 5, 1000, 1000));
    assert_true(retry_may_expire(&over, 5, 1000, 1000 + H));
    /* planned for long ago: we were down, or the clock went on; one try more */
    assert_false(retry_may_expire(&over, 5, 1000, 1000 + 30 * D));
    assert_true(retry_may_expire(&over, 0, 1000, 1000 + 30 * D));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_rule_goes_through_its_steps),
        cmocka_unit_test(no_interval_is_longer_than_the_option_says),
        cmocka_unit_test(h_chooses_between_the_interval_and_what_g_gives),
        cmocka_unit_test(odd_rules_end_and_never_give_a_time_that_is_past),
        cmocka_unit_test(nobody_is_given_up_because_a_clock_jumped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
