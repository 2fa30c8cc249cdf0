/* The ring: what is put is found, the newest push the oldest out, and neither damage nor a lost file hurts. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spool/ring.h"

static char dir[64], path[96];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/ring.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/0", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static struct ring *opened(uint64_t size, uint64_t floor)
{
    struct ring *r;
    struct why why;

    if (ring_open(path, size, floor, &r, &why) != ST_OK)
        fail_msg("%s", why.text);
    return r;
}

static void flush(struct ring *r)
{
    struct why why;

    if (!ring_waits(r))
        return;
    ring_begin(r);
    assert_int_equal(ring_write(r, &why), ST_OK);
    ring_end(r);
}

static uint64_t put(struct ring *r, int i, size_t n)
{
    char text[9000];

    memset(text, 'a' + i % 26, sizeof text);
    snprintf(text, sizeof text, "record %d", i);
    return ring_put(r, (struct str){ text, n });
}

static enum status found(uint64_t number, int i)
{
    struct arena a = { 0 };
    struct str record;
    struct why why;
    char want[32];
    enum status st = ring_find(path, number, &a, &record, &why);

    if (st == ST_OK) {
        snprintf(want, sizeof want, "record %d", i);
        assert_string_equal(record.p, want);
    }
    arena_free(&a);
    return st;
}

static void what_is_put_is_found(void **state)
{
    struct ring *r = opened(RING_LEAST, 1);

    (void)state;
    for (int i = 1; i <= 20; i++)
        assert_int_equal(put(r, i, 40 + (size_t)i), i);
    flush(r);
    for (int i = 1; i <= 20; i++)
        assert_int_equal(found((uint64_t)i, i), ST_OK);
    assert_int_equal(found(21, 21), ST_NONE);
    ring_close(r);
}

static void the_newest_push_the_oldest_out_and_the_file_never_grows(void **state)
{
    struct ring *r = opened(RING_LEAST, 1);
    struct stat st;
    int kept = 0;

    (void)state;
    for (int i = 1; i <= 500; i++) {
        assert_int_equal(put(r, i, 700 + (size_t)(i * 37 % 5000)), i);
        flush(r);
        assert_int_equal(found((uint64_t)i, i), ST_OK);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, RING_LEAST);
    assert_int_equal(found(1, 1), ST_NONE);
    for (int i = 400; i <= 500; i++)
        kept += found((uint64_t)i, i) == ST_OK;
    assert_true(kept > 10);
    assert_int_equal(found(490, 490), ST_OK);
    ring_close(r);
}

static void numbers_and_records_survive_a_restart(void **state)
{
    struct ring *r = opened(RING_LEAST, 7);

    (void)state;
    assert_int_equal(put(r, 7, 100), 7);
    ring_close(r);                      /* writes what waits */
    r = opened(RING_LEAST, 3);
    assert_int_equal(put(r, 8, 100), 8);
    flush(r);
    assert_int_equal(found(7, 7), ST_OK);
    assert_int_equal(found(8, 8), ST_OK);
    ring_close(r);
}

static void another_size_and_a_lost_file_begin_anew(void **state)
{
    struct ring *r = opened(4 * RING_LEAST, 1);
    struct stat st;

    (void)state;
    for (int i = 1; i <= 30; i++) {
        assert_int_equal(put(r, i, 8000), i);
        flush(r);
    }
    ring_close(r);
    r = opened(RING_LEAST, 1);
    assert_int_equal(put(r, 31, 100), 31);
    ring_close(r);
    assert_int_equal(found(31, 31), ST_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, RING_LEAST);
    unlink(path);
    r = opened(RING_LEAST, 1000);
    assert_int_equal(put(r, 1000, 100), 1000);
    ring_close(r);
}

static void scribble(long at, const char *text)
{
    FILE *f = fopen(path, "r+");

    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    fputs(text, f);
    fclose(f);
}

static void a_damaged_record_is_not_there_and_the_others_are(void **state)
{
    struct ring *r = opened(RING_LEAST, 1);
    struct why why;
    struct arena a = { 0 };
    struct str record;

    (void)state;
    for (int i = 1; i <= 3; i++)
        put(r, i, 1000);
    ring_close(r);
    scribble(64 + 1024 + 200, "damage");
    assert_int_equal(found(1, 1), ST_OK);
    assert_int_equal(found(2, 2), ST_NONE);
    assert_int_equal(found(3, 3), ST_OK);
    assert_int_equal(truncate(path, 64 + 2 * 1024 + 300), 0);   /* and a tail that is gone */
    assert_int_equal(found(1, 1), ST_OK);
    assert_int_equal(found(3, 3), ST_NONE);
    scribble(0, "no head of ours");
    r = opened(RING_LEAST, 50);
    assert_int_equal(put(r, 50, 100), 50);
    ring_close(r);
    assert_int_equal(found(50, 50), ST_OK);
    assert_int_equal(ring_find("/nonexistent/ring", 1, &a, &record, &why), ST_NONE);
    arena_free(&a);
}

static void what_is_too_large_or_too_much_is_dropped(void **state)
{
    struct ring *r = opened(RING_LEAST, 1);
    static char big[RING_LEAST / 4 + 1];
    int took = 0;

    (void)state;
    assert_int_equal(ring_put(r, (struct str){ big, sizeof big }), 0);
    while (put(r, took + 1, 4000))      /* nobody writes */
        took++;
    assert_in_range(took, 5, 9);
    flush(r);
    assert_int_equal(put(r, took + 1, 4000), took + 1);
    ring_close(r);
}

static void a_disk_that_fails_is_said_and_forgotten(void **state)
{
    struct ring *r = opened(RING_LEAST, 1);
    struct rlimit was, little;
    struct why why;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    little = was;
    little.rlim_cur = 16;
    put(r, 1, 100);
    ring_begin(r);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(ring_write(r, &why), ST_AGAIN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    ring_end(r);
    put(r, 2, 100);
    flush(r);
    assert_int_equal(found(2, 2), ST_OK);
    ring_close(r);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_put_is_found), CASE(the_newest_push_the_oldest_out_and_the_file_never_grows),
        CASE(numbers_and_records_survive_a_restart), CASE(another_size_and_a_lost_file_begin_anew),
        CASE(a_damaged_record_is_not_there_and_the_others_are), CASE(what_is_too_large_or_too_much_is_dropped),
        CASE(a_disk_that_fails_is_said_and_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
