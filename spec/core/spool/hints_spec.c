/* hints_spec - both kinds of hints answer alike; a file that is no good costs hints only */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "spool/hints.h"

static struct { char dir[64]; struct hints *h; struct arena a; } w;

static int in_file(void **state)
{
    (void)state;
    strcpy(w.dir, "/tmp/perigee-hints.XXXXXX");
    return !mkdtemp(w.dir) || hints_open(w.dir, &w.h, NULL) != ST_OK;
}

static int in_memory(void **state)
{
    (void)state;
    w.dir[0] = '\0';
    w.h = hints_memory();
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
    arena_free(&w.a);
    if (w.dir[0])
        nftw(w.dir, drop, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void is(const char *name, const char *key, const char *want)
{
    struct str v = STR("");
    int64_t until;
    bool found = hints_get(w.h, &w.a, str_of(name), str_of(key), &v, &until);

    assert_int_equal(found, want != NULL);
    if (want)
        assert_true(str_same(v, str_of(want)));
}

static void put(const char *name, const char *key, const char *value, int64_t expires)
{
    assert_int_equal(hints_put(w.h, str_of(name), str_of(key), str_of(value), expires, NULL), ST_OK);
}

static void kept_until_replaced_deleted_or_expired(void **state)
{
    int64_t now = clock_wall();

    (void)state;
    is("retry", "a", NULL);
    put("retry", "a", "1", 0);
    put("retry", "a", "2", now + 100);
    put("retr", "ya", "other", 0);
    put("retry", "old", "x", now - 1);
    put("retry", "", "empty key", 0);
    is("retry", "a", "2");
    is("retr", "ya", "other");
    is("retry", "old", NULL);
    is("retry", "", "empty key");
    assert_int_equal(hints_del(w.h, STR("retry"), STR("a"), NULL), ST_OK);
    assert_int_equal(hints_del(w.h, STR("retry"), STR("a"), NULL), ST_OK);
    is("retry", "a", NULL);
}

static void long_keys_are_told_apart(void **state)
{
    static char a[3000], b[3000];

    (void)state;
    memset(a, 'k', sizeof a - 1);
    memset(b, 'k', sizeof b - 1);
    b[sizeof b - 2] = 'z';
    put("t", a, "A", 0);
    put("t", b, "B", 0);
    is("t", a, "A");
    is("t", b, "B");
}

static void numbers_add_up_and_keep_the_expiry_they_were_made_with(void **state)
{
    int64_t now = clock_wall(), n, until;
    struct str v;

    (void)state;
    assert_int_equal(hints_incr(w.h, STR("c"), STR("k"), 5, now + 50, &n, NULL), ST_OK);
    assert_int_equal(n, 5);
    assert_int_equal(hints_incr(w.h, STR("c"), STR("k"), -7, now + 500, &n, NULL), ST_OK);
    assert_int_equal(n, -2);
    assert_true(hints_get(w.h, &w.a, STR("c"), STR("k"), &v, &until));
    assert_int_equal(until, now + 50);
    put("c", "k", "41", now - 1);
    assert_int_equal(hints_incr(w.h, STR("c"), STR("k"), 1, 0, &n, NULL), ST_OK);
    assert_int_equal(n, 1);
    put("c", "big", "9223372036854775807", 0);
    assert_int_equal(hints_incr(w.h, STR("c"), STR("big"), 1, 0, &n, NULL), ST_OK);
    assert_true(n == INT64_MAX);
}

static bool count_and_delete(void *ctx, struct str key, struct str value, int64_t expires)
{
    (void)value, (void)expires;
    ++*(int *)ctx;
    return hints_del(w.h, STR("many"), key, NULL) == ST_OK && *(int *)ctx < 250;
}

static void a_table_is_walked_while_it_changes(void **state)
{
    char key[32];
    int n = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "key %03d", i);
        put("many", key, key, i % 3 ? 0 : 1);
    }
    put("manz", "not this", "x", 0);
    hints_each(w.h, STR("many"), count_and_delete, &n);
    assert_int_equal(n, 200);
    is("manz", "not this", "x");
}

static void tidying_removes_what_expired_a_bounded_number_at_a_time(void **state)
{
    char key[32];
    size_t removed = 0;

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key %03d", i);
        put("t", key, "v", i % 2);
    }
    for (int i = 0; i < 100; i++) {
        size_t n = hints_tidy(w.h, 7);

        assert_true(n <= 7);
        removed += n;
    }
    assert_int_equal(removed, 50);
    is("t", "key 000", "v");
}

/* ---- the file alone */

static void reopen(void)
{
    hints_close(w.h);
    assert_int_equal(hints_open(w.dir, &w.h, NULL), ST_OK);
}

static void the_file_is_kept_within_a_boot_and_thrown_away_when_it_is_no_good(void **state)
{
    static const char *const spoil[] = { "garbage", "cut", "empty", "removed" };
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/hints.mdb", w.dir);
    for (int i = 0; i < 300; i++) {
        char key[16];

        snprintf(key, sizeof key, "%d", i);
        put("t", key, "a value that takes some place, so that the file has a few pages", 0);
    }
    reopen();
    is("t", "7", "a value that takes some place, so that the file has a few pages");
    for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
        put("t", "k", "v", 0);
        hints_close(w.h);
        if (i == 0) {
            int fd = open(path, O_WRONLY);
            char junk[8192];

            memset(junk, 0x5a, sizeof junk);
            assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
            close(fd);
        } else if (i < 3) {
            assert_int_equal(truncate(path, i == 1 ? 8192 + 100 : 0), 0);
        } else {
            unlink(path);
        }
        assert_int_equal(hints_open(w.dir, &w.h, NULL), ST_OK);
        is("t", "k", i == 1 ? (hints_get(w.h, &w.a, STR("t"), STR("k"), &(struct str){ 0 }, NULL) ? "v" : NULL) : NULL);
        put("t", "after", spoil[i], 0);
        is("t", "after", spoil[i]);
    }
}

static void two_processes_share_it(void **state)
{
    int status, fds[2];
    char c;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        struct hints *h;
        int64_t n;

        for (int i = 0; i < 200; i++) {
            if (i == 0 && hints_open(w.dir, &h, NULL) != ST_OK)
                _exit(1);
            if (hints_incr(h, STR("c"), STR("n"), 1, 0, &n, NULL) != ST_OK)
                _exit(2);
        }
        (void)!write(fds[1], "x", 1);
        _exit(0);
    }
    for (int i = 0; i < 200; i++) {
        int64_t n;

        assert_int_equal(hints_incr(w.h, STR("c"), STR("n"), 1, 0, &n, NULL), ST_OK);
    }
    assert_int_equal(read(fds[0], &c, 1), 1);
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    is("c", "n", "400");
}

static void it_grows_beyond_its_first_map(void **state)
{
    static char big[400000];
    char key[16];

    (void)state;
    memset(big, 'g', sizeof big - 1);
    for (int i = 0; i < 250; i++) {
        snprintf(key, sizeof key, "%d", i);
        put("t", key, big, 0);
    }
    is("t", "249", big);
}

#define BOTH(f) cmocka_unit_test_setup_teardown(f, in_file, end), cmocka_unit_test_setup_teardown(f, in_memory, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(kept_until_replaced_deleted_or_expired),
        BOTH(long_keys_are_told_apart),
        BOTH(numbers_add_up_and_keep_the_expiry_they_were_made_with),
        BOTH(a_table_is_walked_while_it_changes),
        BOTH(tidying_removes_what_expired_a_bounded_number_at_a_time),
        cmocka_unit_test_setup_teardown(the_file_is_kept_within_a_boot_and_thrown_away_when_it_is_no_good, in_file, end),
        cmocka_unit_test_setup_teardown(two_processes_share_it, in_file, end),
        cmocka_unit_test_setup_teardown(it_grows_beyond_its_first_map, in_file, end),
    };

    return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}
