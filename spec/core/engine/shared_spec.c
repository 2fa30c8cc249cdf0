#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/shared.h"

static void counters_add_up_over_workers_and_gauges_die_with_theirs(void **state)
{
    struct shared *s = shared_new(3);
    (void)state;

    for (unsigned w = 0; w < 3; w++) {
        shared_count(s, w, COUNT_deliveries, 5);
        shared_count(s, w, COUNT_connections_now, 2);
    }
    shared_count(s, WORKERS_MAX, COUNT_reloads, 1);
    assert_int_equal(shared_sum(s, COUNT_deliveries), 15);
    assert_int_equal(shared_sum(s, COUNT_reloads), 1);
    shared_clear_worker(s, 1);
    assert_int_equal(shared_sum(s, COUNT_deliveries), 15);
    assert_int_equal(shared_sum(s, COUNT_connections_now), 4);
    assert_string_equal(counter_name(COUNT_connections_total), "connections_total");
    assert_string_equal(counter_name(COUNT_set_aside), "set_aside");
    shared_free(s);
}

static void a_destination_has_so_many_slots_over_all_workers(void **state)
{
    struct shared *s = shared_new(2);
    const struct str d = STR("mx.example.org");
    (void)state;

    assert_true(slot_take(s, 0, d, 2));
    assert_true(slot_take(s, 1, STR("MX.Example.org"), 2));
    assert_false(slot_wanted(s, d));
    assert_false(slot_take(s, 0, d, 2));
    assert_true(slot_wanted(s, d));
    assert_true(slot_take(s, 0, STR("other"), 2));
    assert_int_equal(slot_give(s, 1, d), 1);        /* worker 0 waits */
    assert_false(slot_wanted(s, d));
    assert_int_equal(slot_give(s, 1, d), 0);        /* it had one only */
    assert_true(slot_take(s, 0, d, 2));
    assert_false(slot_take(s, 1, d, 2));
    shared_clear_worker(s, 0);                      /* it died with both */
    assert_true(slot_take(s, 1, d, 2));
    assert_true(slot_take(s, 1, d, 2));
    shared_free(s);
}

static void rows_are_used_again_and_a_full_page_limits_nobody(void **state)
{
    struct shared *s = shared_new(1);
    char name[32];
    (void)state;

    for (int i = 0; i < 5 * SLOT_ROWS; i++) {
        snprintf(name, sizeof name, "host%d", i);
        assert_true(slot_take(s, 0, str_of(name), 1));
        assert_false(slot_take(s, 0, str_of(name), 1));
        slot_give(s, 0, str_of(name));
    }
    for (int i = 0; i < 2 * SLOT_ROWS; i++) {
        snprintf(name, sizeof name, "held%d", i);
        assert_true(slot_take(s, 0, str_of(name), 1));
    }
    shared_free(s);
}

/* Each destination is new to all processes at once: whoever makes its row twice
 * holds more than the limit. */
static void a_destination_met_by_all_at_once_has_one_limit(void **state)
{
    enum { WORKERS = 4, NAMES = 2000 };
    struct shared *s = shared_new(WORKERS);
    struct { _Atomic unsigned here[NAMES], now[NAMES], gone[NAMES], most; } *seen =
        mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    (void)state;

    assert_true(seen != MAP_FAILED);
    for (unsigned w = 0; w < WORKERS; w++) {
        if (fork() != 0)
            continue;
        for (unsigned i = 0; i < NAMES; i++) {
            char name[16];
            bool mine;

            snprintf(name, sizeof name, "d%u", i);
            atomic_fetch_add(&seen->here[i], 1);
            for (unsigned spin = 0; seen->here[i] < WORKERS && spin < 100000; spin++)
                if (spin % 100 == 99)
                    sched_yield();
            mine = slot_take(s, w, str_of(name), 1);
            if (mine && atomic_fetch_add(&seen->now[i], 1) > 0)
                seen->most = 2;
            atomic_fetch_add(&seen->gone[i], 1);
            for (unsigned spin = 0; seen->gone[i] < WORKERS && spin < 100000; spin++)
                if (spin % 100 == 99)
                    sched_yield();
            if (mine) {
                atomic_fetch_sub(&seen->now[i], 1);
                slot_give(s, w, str_of(name));
            }
        }
        _exit(0);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(seen->most, 0);
    munmap(seen, sizeof *seen);
    shared_free(s);
}

/* Four processes fight for two slots of each of three destinations. */
static void processes_never_hold_more_than_the_limit(void **state)
{
    enum { WORKERS = 4, TURNS = 20000, LIMIT = 2 };
    struct shared *s = shared_new(WORKERS);
    static const char *const names[] = { "a", "b", "c" };
    struct { _Atomic int now[3], most; } *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    (void)state;

    for (unsigned w = 0; w < WORKERS; w++) {
        if (fork() != 0)
            continue;
        for (unsigned i = 0; i < TURNS; i++) {
            struct str d = str_of(names[i % 3]);

            if (!slot_take(s, w, d, LIMIT))
                continue;
            if (atomic_fetch_add(&seen->now[i % 3], 1) >= LIMIT)
                seen->most = LIMIT + 1;
            if (i % 7 == 0)
                sched_yield();
            atomic_fetch_sub(&seen->now[i % 3], 1);
            slot_give(s, w, d);
            shared_count(s, w, COUNT_deliveries, 1);
        }
        _exit(0);
    }
    for (unsigned w = 0; w < WORKERS; w++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_true(shared_sum(s, COUNT_deliveries) > TURNS);
    assert_int_equal(seen->most, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(slot_take(s, 0, str_of(names[i]), LIMIT));
        assert_true(slot_take(s, 1, str_of(names[i]), LIMIT));
        assert_false(slot_take(s, 2, str_of(names[i]), LIMIT));
    }
    shared_free(s);
}

static void a_caller_is_counted_over_all_workers(void **state)
{
    struct shared *s = shared_new(2);
    struct str who = STR("192.0.2.1");
    char name[16];
    (void)state;

    assert_int_equal(caller_take(s, 0, who, 2), CALLER_IN);
    assert_int_equal(caller_take(s, 1, who, 2), CALLER_IN);
    assert_int_equal(caller_take(s, 0, who, 2), CALLER_OUT);
    assert_int_equal(caller_take(s, 0, STR("192.0.2.97"), 2), CALLER_IN);
    assert_true(slot_take(s, 0, who, 1));       /* a destination of that name is something else */
    shared_clear_worker(s, 1);
    assert_int_equal(caller_take(s, 0, who, 2), CALLER_IN);
    assert_int_equal(caller_take(s, 1, who, 2), CALLER_OUT);
    caller_give(s, 0, who);
    assert_int_equal(caller_take(s, 1, who, 2), CALLER_IN);
    /* A crowd fills the table and is told so; destinations keep their limits. */
    for (unsigned i = 0, unknown = 0; unknown == 0; i++) {
        assert_true(i < 2 * CALLER_ROWS);
        snprintf(name, sizeof name, "crowd%u", i);
        unknown = caller_take(s, 0, str_of(name), 1) == CALLER_UNKNOWN;
    }
    assert_true(slot_take(s, 0, STR("mx"), 1));
    assert_false(slot_take(s, 0, STR("mx"), 1));
    shared_free(s);
}

static void a_rate_lets_so_many_in_and_then_one_by_one(void **state)
{
    static const struct { int64_t at; bool in; } rows[] = {
        { 0, true }, { 0, true }, { 1, true }, { 1, false }, { 19, false }, { 20, true }, { 20, false }, { 39, false },
        { 40, true }, { 1000, true }, { 1000, true }, { 1000, true }, { 1000, false },
    };
    enum { START = 5000000, UNIT = 1000000 };
    struct shared *s = shared_new(1);
    char name[16];
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rate_take(s, STR("a"), 3, 60 * UNIT, START + rows[i].at * UNIT) != rows[i].in)
            fail_msg("row %zu", i);
    assert_true(rate_take(s, STR("b"), 1, 60 * UNIT, START));
    assert_false(rate_take(s, STR("b"), 1, 60 * UNIT, START));
    for (unsigned i = 0; i < 4 * RATE_ROWS; i++) {      /* a crowd is let in, in bounded room */
        snprintf(name, sizeof name, "%u", i);
        assert_true(rate_take(s, str_of(name), 1, 60 * UNIT, START + 1));
    }
    shared_free(s);
}

static void who_lives_is_known(void **state)
{
    struct shared *s = shared_new(3);
    (void)state;

    assert_int_equal(shared_live(s), 0);
    shared_beat(s, 0);
    shared_beat(s, 2);
    assert_int_equal(shared_live(s), 2);
    shared_clear_worker(s, 2);
    assert_int_equal(shared_live(s), 1);
    shared_free(s);
}

static void a_message_found_after_two_deaths_says_so(void **state)
{
    struct shared *s = shared_new(1);
    struct msg_id one = { "1xUQe2-0100AB-15" }, two = { "1xUQe2-0100AC-15" }, found[8];
    unsigned deaths[8];
    (void)state;

    crash_note(s, 3, one);
    crash_note(s, 3, two);
    crash_clear(s, 3, two);
    assert_int_equal(crash_found(s, 4, found, deaths, 8), 0);
    assert_int_equal(crash_found(s, 3, found, deaths, 8), 1);
    assert_string_equal(found[0].s, one.s);
    assert_int_equal(deaths[0], 1);
    assert_int_equal(crash_found(s, 3, found, deaths, 8), 0);   /* one death counts once */
    crash_note(s, 3, one);
    assert_int_equal(crash_found(s, 3, found, deaths, 8), 1);
    assert_int_equal(deaths[0], 2);

    crash_note(s, 3, one);                                      /* it got through: forgotten */
    crash_clear(s, 3, one);
    crash_note(s, 3, one);
    assert_int_equal(crash_found(s, 3, found, deaths, 8), 1);
    assert_int_equal(deaths[0], 1);
    shared_free(s);
}

static void what_is_being_set_aside_is_known_to_all(void **state)
{
    struct shared *s = shared_new(1);
    struct msg_id id = { "1xUQe2-0100AB-15" }, found[8];
    unsigned deaths[8];
    (void)state;

    assert_false(crash_is_aside(s, id));
    crash_note(s, 3, id);
    assert_int_equal(crash_found(s, 3, found, deaths, 8), 1);
    crash_aside(s, 3, id);
    assert_true(crash_is_aside(s, id));
    assert_int_equal(crash_found(s, 3, found, deaths, 8), 1);   /* died again before it was done */
    assert_int_equal(deaths[0], 2);
    assert_false(crash_is_aside(s, id));
    crash_aside(s, 3, id);
    crash_clear(s, 3, id);
    assert_false(crash_is_aside(s, id));
    shared_free(s);
}

static void a_beat_may_lie_ahead(void **state)
{
    struct shared *s = shared_new(1);
    (void)state;

    clock_fake(0);
    shared_beat(s, 0);
    assert_true(shared_last_beat(s, 0) == clock_mono_ms());
    shared_beat_ahead(s, 0, 5000);
    assert_true(shared_last_beat(s, 0) == clock_mono_ms() + 5000);
    shared_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_add_up_over_workers_and_gauges_die_with_theirs),
        cmocka_unit_test(a_destination_has_so_many_slots_over_all_workers),
        cmocka_unit_test(rows_are_used_again_and_a_full_page_limits_nobody),
        cmocka_unit_test(a_destination_met_by_all_at_once_has_one_limit),
        cmocka_unit_test(processes_never_hold_more_than_the_limit),
        cmocka_unit_test(a_caller_is_counted_over_all_workers),
        cmocka_unit_test(a_rate_lets_so_many_in_and_then_one_by_one),
        cmocka_unit_test(who_lives_is_known),
        cmocka_unit_test(a_message_found_after_two_deaths_says_so),
        cmocka_unit_test(what_is_being_set_aside_is_known_to_all),
        cmocka_unit_test(a_beat_may_lie_ahead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
