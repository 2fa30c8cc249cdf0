/* index_spec - rows in order of id, due rows in order of time, a map that grows, a file that may be no good */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "spool/index.h"
#include "spool/ops.h"

static struct { char dir[64]; struct index *ix; } w;

static int begin(void **state)
{
    (void)state;
    strcpy(w.dir, "/tmp/perigee-index.XXXXXX");
    return !mkdtemp(w.dir) || index_open(w.dir, false, 1 << 20, &w.ix, NULL) != ST_OK;
}

static int end(void **state)
{
    (void)state;
    index_close(w.ix);
    index_remove(w.dir);
    return rmdir(w.dir);
}

static struct row row_of(uint64_t n)
{
    static const char summary[SUMMARY_MAX + 1] =
        "somebody.with.a.long.name@a.rather.long.domain.example.org\nanother.one@example.net\nand.a.third@example.com\n"
        "a.fourth@example.com\na.fifth@example.com\na.sixth@example.com\na.seventh@example.com\n";

    return (struct row){
        .id = { 1000 + n / 10, n, 3 }, .gen = 1, .at = (uint32_t)n * 64, .len = 64, .pending = 1,
        .received = 5, .next_try = (int64_t)(n * 7919 % 1000) - 500, .size = n, .summary = { summary, n % (SUMMARY_MAX + 1) },
    };
}

static void fill(uint64_t n)
{
    assert_int_equal(index_begin(w.ix, NULL), ST_OK);
    for (uint64_t i = 0; i < n; i++) {
        struct row r = row_of(i);

        assert_int_equal(index_put(w.ix, &r, NULL, NULL), ST_OK);
        if (i % 500 == 499) {
            assert_int_equal(index_commit(w.ix, (struct covered){ 1, i }, true, NULL), ST_OK);
            assert_int_equal(index_begin(w.ix, NULL), ST_OK);
        }
    }
    assert_int_equal(index_commit(w.ix, (struct covered){ 3, n }, true, NULL), ST_OK);
}

/* The first map is a megabyte; this is about six. */
static void rows_and_due_rows_come_in_order_and_the_map_grows(void **state)
{
    struct row v[100];
    struct due_place d[100];
    struct arena a = { 0 };
    uint64_t n = 0, count;
    int64_t last = INT64_MIN;
    size_t got;

    (void)state;
    fill(20000);
    assert_int_equal(index_count(w.ix, &count), ST_OK);
    assert_int_equal(count, 20000);
    while ((got = index_after(w.ix, n ? &v[99].id : NULL, v, 100, &a)) > 0)
        for (size_t i = 0; i < got; i++, n++) {
            struct row want = row_of(n);

            assert_true(id_cmp(v[i].id, want.id) == 0 && v[i].at == want.at && v[i].next_try == want.next_try);
            assert_true(str_same(v[i].summary, want.summary));
        }
    assert_int_equal(n, 20000);
    assert_true(index_first_due(w.ix) == -500);
    n = 0;
    while ((got = index_due(w.ix, 100, n ? &d[99] : NULL, d, 100)) == 100)
        for (size_t i = 0; i < got; i++, n++) {
            assert_true(d[i].next_try >= last && d[i].next_try <= 100);
            last = d[i].next_try;
        }
    assert_int_equal(n + got, 20000 / 1000 * 601);
    arena_free(&a);
}

static void an_aborted_transaction_leaves_nothing(void **state)
{
    struct row r = row_of(3), got;

    (void)state;
    assert_int_equal(index_begin(w.ix, NULL), ST_OK);
    assert_int_equal(index_put(w.ix, &r, NULL, NULL), ST_OK);
    index_abort(w.ix);
    assert_int_equal(index_get(w.ix, r.id, &got, NULL), ST_NONE);
    assert_true(index_first_due(w.ix) == INT64_MAX);
}

static void a_changed_row_moves_in_the_due_list_and_a_removed_one_leaves_it(void **state)
{
    struct row r = row_of(3), was = r;

    (void)state;
    fill(4);
    assert_int_equal(index_begin(w.ix, NULL), ST_OK);
    r.next_try = -9000;
    assert_int_equal(index_put(w.ix, &r, &was, NULL), ST_OK);
    assert_int_equal(index_commit(w.ix, (struct covered){ 1, 1 }, true, NULL), ST_OK);
    assert_true(index_first_due(w.ix) == -9000);
    was = r;
    r.flags = SPOOL_FROZEN;
    assert_int_equal(index_begin(w.ix, NULL), ST_OK);
    assert_int_equal(index_put(w.ix, &r, &was, NULL), ST_OK);
    assert_int_equal(index_commit(w.ix, (struct covered){ 1, 1 }, true, NULL), ST_OK);
    assert_true(index_first_due(w.ix) == row_of(0).next_try);
    assert_int_equal(index_begin(w.ix, NULL), ST_OK);
    assert_int_equal(index_del(w.ix, &r, NULL), ST_OK);
    assert_int_equal(index_commit(w.ix, (struct covered){ 1, 1 }, true, NULL), ST_OK);
    assert_int_equal(index_get(w.ix, r.id, &was, NULL), ST_NONE);
}

static void what_it_covers_is_believed_only_when_it_was_finished(void **state)
{
    struct covered c;

    (void)state;
    assert_false(index_covers(w.ix, &c));
    fill(10);
    assert_true(index_covers(w.ix, &c) && c.gen == 3 && c.at == 10);
    index_close(w.ix);
    assert_int_equal(index_open(w.dir, false, 0, &w.ix, NULL), ST_OK);
    assert_true(index_covers(w.ix, &c) && c.gen == 3 && c.at == 10);
    assert_int_equal(index_begin(w.ix, NULL), ST_OK);
    assert_int_equal(index_commit(w.ix, (struct covered){ 4, 0 }, false, NULL), ST_OK);
    assert_false(index_covers(w.ix, &c));
}

static void a_file_that_is_cut_or_garbage_is_refused(void **state)
{
    char path[128], junk[16384];
    struct index *ix;
    int fd;

    (void)state;
    fill(2000);
    index_close(w.ix);
    w.ix = NULL;
    snprintf(path, sizeof path, "%s/index.mdb", w.dir);
    assert_int_equal(truncate(path, 40000), 0);
    assert_int_equal(index_open(w.dir, false, 0, &ix, NULL), ST_AGAIN);
    fd = open(path, O_WRONLY | O_TRUNC);
    memset(junk, 0x77, sizeof junk);
    assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
    close(fd);
    assert_int_equal(index_open(w.dir, false, 0, &ix, NULL), ST_AGAIN);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rows_and_due_rows_come_in_order_and_the_map_grows),
        CASE(an_aborted_transaction_leaves_nothing),
        CASE(a_changed_row_moves_in_the_due_list_and_a_removed_one_leaves_it),
        CASE(what_it_covers_is_believed_only_when_it_was_finished),
        CASE(a_file_that_is_cut_or_garbage_is_refused),
    };

    return cmocka_run_group_tests_name("the index", tests, NULL, NULL);
}
