/* tally_spec - results are counted by hour and domain, claimed once, and kept within bounds */
#include "spool/tally.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"

enum { HOUR = TALLY_HOUR, DAY = 24 * HOUR };
static const int64_t T = (int64_t)20000 * DAY;

static struct { char dir[64]; struct tally *t; struct arena a; struct buf seen; } w;

static int begin(void **state)
{
    (void)state;
    strcpy(w.dir, "/tmp/perigee-tally.XXXXXX");
    return !mkdtemp(w.dir) || tally_open(w.dir, true, &w.t, NULL) != ST_OK;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    tally_close(w.t);
    arena_free(&w.a);
    buf_free(&w.seen);
    nftw(w.dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static enum status add(int64_t at, const char *domain, const char *policy, const char *row)
{
    struct tally_entry e = { at, str_of(domain), str_of(policy), str_of(row) };

    return tally_add(w.t, &e, 1, T - 10 * DAY, NULL);
}

static bool see_row(void *ctx, struct str row, uint64_t count)
{
    (void)ctx;
    buf_addf(&w.seen, "%.*s=%llu ", STR_ARG(row), (unsigned long long)count);
    return true;
}

static bool see_domain(void *ctx, struct str domain)
{
    (void)ctx;
    buf_addf(&w.seen, "%.*s ", STR_ARG(domain));
    return true;
}

static void seen(const char *want)
{
    if (!str_same(buf_str(&w.seen), str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(buf_str(&w.seen)), want);
    buf_clear(&w.seen);
}

static void rows(const char *domain, int64_t from, int64_t until)
{
    assert_int_equal(tally_rows(w.t, str_of(domain), from, until, see_row, NULL, NULL), ST_OK);
}

static void equal_rows_are_counted_by_hour_and_domain(void **state)
{
    struct str policy;
    int64_t oldest;

    (void)state;
    assert_int_equal(tally_oldest(w.t, &oldest, NULL), ST_NONE);
    add(T + 5, "a.example", "p1", "x");
    add(T + 3599, "a.example", "p1", "x");
    add(T + 7, "a.example", "p2", "y");
    add(T + HOUR, "a.example", "p3", "x");
    add(T + 5, "a.example.org", "q", "z");
    add(T + DAY, "b.example", "r", "z");
    rows("a.example", T, T + HOUR);
    seen("y=1 x=2 ");
    rows("a.example", T, T + DAY);
    seen("y=1 x=2 x=1 ");
    rows("nobody.example", T, T + DAY);
    seen("");
    tally_domains(w.t, T, T + DAY, see_domain, NULL, NULL);
    seen("a.example a.example.org a.example ");
    assert_int_equal(tally_policy(w.t, &w.a, STR("a.example"), T, T + DAY, &policy, NULL), ST_OK);
    assert_true(str_same(policy, STR("p3")));
    assert_int_equal(tally_policy(w.t, &w.a, STR("a.example"), T, T + HOUR, &policy, NULL), ST_OK);
    assert_true(str_same(policy, STR("p2")));
    assert_int_equal(tally_policy(w.t, &w.a, STR("b.example"), T, T + DAY, &policy, NULL), ST_NONE);
    assert_int_equal(tally_oldest(w.t, &oldest, NULL), ST_OK);
    assert_int_equal(oldest, T);
}

static void what_is_old_goes_and_claims_with_it(void **state)
{
    struct tally_entry e = { T, STR("new.example"), STR("p"), STR("x") };
    int64_t oldest;

    (void)state;
    add(T - 9 * DAY, "old.example", "p", "x");
    add(T - 9 * DAY, "older.example", "p", "x");
    tally_claim(w.t, T - 9 * DAY, STR("old"), NULL);
    tally_claim(w.t, T, STR("new"), NULL);
    assert_int_equal(tally_add(w.t, &e, 1, T - DAY, NULL), ST_OK);
    tally_domains(w.t, 0, T + DAY, see_domain, NULL, NULL);
    seen("new.example ");
    assert_int_equal(tally_oldest(w.t, &oldest, NULL), ST_OK);
    assert_int_equal(oldest, T);
    assert_int_equal(tally_claim(w.t, T - 9 * DAY, STR("old"), NULL), ST_OK);
    assert_int_equal(tally_claim(w.t, T, STR("new"), NULL), ST_NONE);
}

static void a_claim_is_somebodys_until_it_is_given_back(void **state)
{
    struct tally *other;

    (void)state;
    assert_int_equal(tally_claim(w.t, T, STR("a.example to x@y.example"), NULL), ST_OK);
    tally_close(w.t);
    assert_int_equal(tally_open(w.dir, false, &other, NULL), ST_OK);
    w.t = other;
    assert_int_equal(tally_claim(w.t, T, STR("a.example to x@y.example"), NULL), ST_NONE);
    assert_int_equal(tally_claim(w.t, T + HOUR, STR("a.example to x@y.example"), NULL), ST_OK);
    assert_int_equal(tally_unclaim(w.t, T, STR("a.example to x@y.example"), NULL), ST_OK);
    assert_int_equal(tally_claim(w.t, T, STR("a.example to x@y.example"), NULL), ST_OK);
}

static void the_file_may_go_at_any_time_and_is_made_anew_only_for_the_engine(void **state)
{
    char path[128];
    struct tally *other;
    struct why why;
    FILE *f;

    (void)state;
    snprintf(path, sizeof path, "%s/dmarc.mdb", w.dir);
    add(T, "a.example", "p", "x");
    unlink(path);
    assert_int_equal(tally_open(w.dir, false, &other, &why), ST_NONE);
    assert_int_equal(add(T, "b.example", "p", "x"), ST_OK);
    tally_domains(w.t, T, T + DAY, see_domain, NULL, NULL);
    seen("b.example ");
    tally_close(w.t);
    w.t = NULL;
    f = fopen(path, "w");
    for (int i = 0; i < 20000; i++)
        fputs("nonsense", f);
    fclose(f);
    assert_int_equal(tally_open(w.dir, false, &other, &why), ST_AGAIN);
    assert_int_equal(tally_open(w.dir, true, &w.t, &why), ST_OK);
    assert_int_equal(add(T, "c.example", "p", "x"), ST_OK);
}

/* This program again, as the process where the n-th use of LMDB fails: it counts two. */
static int child(const char *dir)
{
    struct tally_entry v[2] = { { T, STR("a.example"), STR("p"), STR("x") }, { T, STR("a.example"), STR("p"), STR("x") } };
    enum status st;
    struct tally *t;

    if (tally_open(dir, true, &t, NULL) != ST_OK)
        return 100;
    st = tally_add(t, v, 2, T - DAY, NULL);
    tally_close(t);
    return (int)st;
}

static int child_with(const char *fault)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setenv("PERIGEE_FAULT", fault, 1);
        execl("/proc/self/exe", "tally_spec", w.dir, (char *)NULL);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static void a_failure_counts_all_of_a_batch_or_nothing(void **state)
{
    (void)state;
#ifndef PERIGEE_FAULTS
    skip();
#endif
    assert_int_equal(child_with("lmdb:1:EIO"), 100);
    assert_int_equal(child_with("lmdb:2:EIO"), 100);
    assert_int_equal(child_with("lmdb:4:EIO"), ST_AGAIN);
    rows("a.example", T, T + HOUR);
    seen("");
    assert_int_equal(child_with("lmdb:5:EIO"), ST_AGAIN);
    rows("a.example", T, T + HOUR);
    seen("");
    assert_int_equal(child_with("lmdb:99:EIO"), ST_OK);
    rows("a.example", T, T + HOUR);
    seen("x=2 ");
}

static void it_never_grows_beyond_its_bound(void **state)
{
    static struct tally_entry v[1000];
    static char texts[1000][8000];
    enum status st = ST_OK;
    struct why why;
    int rounds = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        memset(texts[i], 'x', sizeof texts[i]);
    for (; st == ST_OK && rounds < 100; rounds++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(texts[i], 40, "%d %d", rounds, i);
            v[i] = (struct tally_entry){ T, STR("a.example"), STR("p"), { texts[i], sizeof texts[i] } };
        }
        st = tally_add(w.t, v, 1000, T - DAY, &why);
    }
    assert_int_equal(st, ST_NONE);
    assert_true(rounds > 10);
    /* and is of use again when what is old has gone */
    for (int i = 0; i < 20; i++)
        tally_add(w.t, v, 0, T + DAY, &why);
    v[0].at = T + DAY;
    assert_int_equal(tally_add(w.t, v, 1, T + DAY, &why), ST_OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(equal_rows_are_counted_by_hour_and_domain),
        CASE(what_is_old_goes_and_claims_with_it),
        CASE(a_claim_is_somebodys_until_it_is_given_back),
        CASE(the_file_may_go_at_any_time_and_is_made_anew_only_for_the_engine),
        CASE(a_failure_counts_all_of_a_batch_or_nothing),
        CASE(it_never_grows_beyond_its_bound),
    };

    if (argc == 2)
        return child(argv[1]);
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
