/* pace_spec - rates follow Exim's formula, and every keeper of hints gives the same ones */
#include <ftw.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "spool/pace.h"

enum { HOUR = 3600 };
static struct { char dir[64]; struct hints *h; } w;

static int in_memory(void **state)
{
    (void)state;
    w.dir[0] = '\0';
    w.h = hints_memory();
    return 0;
}

static int in_file(void **state)
{
    (void)state;
    strcpy(w.dir, "/tmp/perigee-pace.XXXXXX");
    if (!mkdtemp(w.dir) || hints_open(w.dir, &w.h, NULL) != ST_OK)
        return 1;
    return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    hints_close(w.h);
    if (w.dir[0])
        nftw(w.dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static double event(const char *key, enum pace_keep keep, double limit, double count, const char *unique, double at)
{
    struct pace_ask ask = { .limit = limit, .count = count, .period = HOUR, .keep = keep };
    double rate = -1;

    if (unique)
        ask.unique = str_of(unique);
    assert_int_equal(pace_rate(w.h, str_of(key), &ask, clock_wall_us() + (int64_t)(at * 1e6), &rate, NULL), ST_OK);
    return rate;
}

/* Exim's ACL, line by line: rate' = (1 - a) * count / (i/p) + a * rate, a = exp(-i/p), never below count. */
static double by_the_book(double was, double seconds, double count)
{
    double x = seconds / HOUR, a = exp(-x), rate = (1 - a) * count / x + a * was;

    return rate < count ? count : rate;
}

static const struct { double at, count; } walk[] = {
    { 0, 1 }, { 1, 1 }, { 61, 1 }, { 600, 5 }, { 601, 0.5 }, { 4000, 1 }, { 4001, 1000 }, { 90000, 1 }, { 90060, 0 },
};

static void smooths_as_exim_does(void **state)
{
    double want = 0;

    (void)state;
    for (size_t i = 0; i < sizeof walk / sizeof *walk; i++) {
        double rate = event("walk", PACE_STRICT, 1e9, walk[i].count, NULL, walk[i].at);

        want = i == 0 ? walk[i].count : by_the_book(want, walk[i].at - walk[i - 1].at, walk[i].count);
        assert_true(fabs(rate - want) < 1e-6 * (1 + want));
    }
}

static void as_many_at_once_as_the_limit_says(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++)
        assert_true(fabs(event("burst", PACE_LEAKY, 5, 1, NULL, 0) - i) < 1e-6);
    assert_true(event("burst", PACE_LEAKY, 5, 1, NULL, 0) >= 5);
    assert_true(event("nobody", PACE_LEAKY, 0, 1, NULL, 0) >= 0);
}

static void leaky_forgets_what_was_refused_and_strict_does_not(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        event("leaky", PACE_LEAKY, 5, 1, NULL, i);
        event("strict", PACE_STRICT, 5, 1, NULL, i);
    }
    assert_true(event("leaky", PACE_READ, 5, 0, NULL, 100) < 5);
    assert_true(event("strict", PACE_READ, 5, 0, NULL, 100) > 90);
    assert_true(event("leaky", PACE_READ, 5, 1, NULL, 100 + HOUR) < 5);
    assert_true(event("strict", PACE_READ, 5, 1, NULL, 100 + HOUR) > 30);
}

static void reading_leaves_it_as_it_was(void **state)
{
    (void)state;
    event("read", PACE_STRICT, 5, 1, NULL, 0);
    for (int i = 0; i < 10; i++)
        assert_true(fabs(event("read", PACE_READ, 5, 1, NULL, 0.000001) - 2) < 1e-3);
    assert_true(fabs(event("never", PACE_READ, 5, 1, NULL, 0) - 1) < 1e-9);
    assert_true(fabs(event("never", PACE_STRICT, 5, 1, NULL, 0) - 1) < 1e-9);
}

static void a_string_counts_once_in_a_period(void **state)
{
    char text[40];

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "user%d@example.org", i / 3);
        event("unique", PACE_STRICT, 1000, 1, text, 0);
    }
    assert_true(fabs(event("unique", PACE_READ, 1000, 0, NULL, 0) - 100) < 1);
    assert_true(event("unique", PACE_STRICT, 1000, 1, "user1@example.org", 1) < 100.5);
    assert_true(event("unique", PACE_STRICT, 1000, 1, "user1@example.org", HOUR + 2) > 36);
}

static void a_clock_that_goes_back_gives_no_nonsense(void **state)
{
    double rate;

    (void)state;
    event("back", PACE_STRICT, 5, 1, NULL, 1000);
    rate = event("back", PACE_STRICT, 5, 1, NULL, 0);
    assert_true(rate > 1.9 && rate < 2.1);
}

static void what_is_no_entry_of_ours_counts_as_nothing(void **state)
{
    static const char *const bad[] = { "", "x", "0123456789012345678901234567890123456789" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hints_put(w.h, STR("ratelimit"), STR("bad"), str_of(bad[i]), 0, NULL);
        assert_true(fabs(event("bad", PACE_STRICT, 5, 1, i == 1 ? "u" : NULL, 0) - 1) < 1e-9);
    }
}

/* ---- seen */

static bool seen(const char *key, int64_t interval, bool before, char mode, int64_t at)
{
    struct seen_ask ask = { .interval = interval, .before = before, .read = mode == 'r', .write = mode == 'w', .refresh = 864000 };
    bool yes = false;

    assert_int_equal(pace_seen(w.h, str_of(key), &ask, clock_wall() + at, &yes, NULL), ST_OK);
    return yes;
}

static const struct { const char *key; int64_t interval; bool before; char mode; int64_t at; bool want; } sights[] = {
    { "a", 3600, false, 0, 0, false }, { "a", 3600, false, 0, 3599, true }, { "a", 3600, false, 0, 7100, true },
    { "a", 3600, false, 0, 10800, false },
    { "b", 300, true, 0, 0, false }, { "b", 300, true, 0, 299, false }, { "b", 300, true, 0, 300, true },
    { "b", 300, true, 0, 864000, true }, { "b", 300, true, 0, 864001, false },
    { "c", 300, false, 'r', 0, false }, { "c", 300, false, 'r', 1, false },
    { "d", 300, true, 'w', 0, false }, { "d", 300, true, 'w', 299, false }, { "d", 300, true, 'w', 500, false },
    { "d", 300, true, 'w', 900, true },
};

static void seen_within_and_seen_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sights / sizeof *sights; i++)
        assert_int_equal(seen(sights[i].key, sights[i].interval, sights[i].before, sights[i].mode, sights[i].at), sights[i].want);
}

/* Events of one instant add up to their number: with one lost, or one counted twice, a rate is missing or comes again. */
static void processes_that_race_for_one_key_count_each_event_once(void **state)
{
    enum { WORKERS = 4, EVENTS = 50, ALL = WORKERS * EVENTS };
    struct race { _Atomic unsigned here, rate[ALL + 2]; } *race =
        mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    (void)state;
    assert_true(race != MAP_FAILED);
    hints_close(w.h);                   /* nobody takes an open environment over a fork */
    w.h = NULL;
    for (unsigned i = 0; i < WORKERS; i++) {
        if (fork() != 0)
            continue;
        if (hints_open(w.dir, &w.h, NULL) != ST_OK)
            _exit(1);
        race->here++;
        while (race->here < WORKERS)
            sched_yield();
        for (unsigned n = 0; n < EVENTS; n++) {
            struct pace_ask ask = { .limit = 10, .count = 1, .period = HOUR, .keep = PACE_STRICT };
            double rate = 0;

            if (pace_rate(w.h, STR("one key"), &ask, clock_wall_us(), &rate, NULL) != ST_OK || rate < 0.5 || rate > ALL + 0.5)
                _exit(2);
            race->rate[lround(rate)]++;
        }
        hints_close(w.h);
        _exit(0);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (unsigned n = 1; n <= ALL; n++)
        assert_int_equal(race->rate[n], 1);
    assert_int_equal(hints_open(w.dir, &w.h, NULL), ST_OK);
    assert_true(fabs(event("one key", PACE_READ, 10, 1, NULL, 0) - (ALL + 1)) < 0.01);
    munmap(race, sizeof *race);
}

#define BOTH(test) cmocka_unit_test_setup_teardown(test, in_memory, end), cmocka_unit_test_setup_teardown(test, in_file, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(smooths_as_exim_does), BOTH(as_many_at_once_as_the_limit_says),
        BOTH(leaky_forgets_what_was_refused_and_strict_does_not), BOTH(reading_leaves_it_as_it_was),
        BOTH(a_string_counts_once_in_a_period), BOTH(a_clock_that_goes_back_gives_no_nonsense),
        BOTH(what_is_no_entry_of_ours_counts_as_nothing), BOTH(seen_within_and_seen_before),
        cmocka_unit_test_setup_teardown(processes_that_race_for_one_key_count_each_event_once, in_file, end),
    };

    clock_fake(1767225600000000);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
