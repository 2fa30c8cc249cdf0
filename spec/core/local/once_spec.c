#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/once.h"

static char root[64], path[128];

static int up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/perigee-spec-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    snprintf(path, sizeof path, "%s/once", root);
    return 0;
}

static int down(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static int64_t seen(const char *name)
{
    struct once o = { .path = path, .mode = 0600 };
    struct why why;
    int64_t at = -1;

    assert_int_equal(once_look(&o, str_of(name), &at, &why), ST_OK);
    return at;
}

static void note(const char *name, int64_t now, int64_t size)
{
    struct once o = { .path = path, .mode = 0600, .size_max = size };
    struct why why;

    if (once_note(&o, str_of(name), now, &why) != ST_OK)
        fail_msg("%s", why.text);
}

static void a_name_is_remembered_with_its_last_time(void **state)
{
    (void)state;
    assert_int_equal(seen("ann@example.org"), 0);
    note("ann@example.org", 100, 0);
    note("bob@example.org", 110, 0);
    note("ann@example.org", 120, 0);
    assert_int_equal(seen("ann@example.org"), 120);
    assert_int_equal(seen("ANN@Example.org"), 120);
    assert_int_equal(seen("bob@example.org"), 110);
    assert_int_equal(seen("nn@example.org"), 0);
}

static void the_oldest_are_forgotten_and_the_file_stays_small(void **state)
{
    struct stat st;

    (void)state;
    for (int i = 0; i < 100; i++) {
        char name[64];

        snprintf(name, sizeof name, "someone-%d@example.org", i);
        note(name, 1000 + i, 500);
        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size <= 500);
    }
    assert_int_equal(seen("someone-99@example.org"), 1099);
    assert_int_equal(seen("someone-90@example.org"), 1090);
    assert_int_equal(seen("someone-1@example.org"), 0);
}

static void what_is_no_line_of_ours_says_nothing(void **state)
{
    FILE *f = fopen(path, "w");

    (void)state;
    fputs("rubbish\n\n99999999999999999999999 x@y\n7\n12 good@example.org\n13 torn@exam", f);
    fclose(f);
    assert_int_equal(seen("good@example.org"), 12);
    assert_int_equal(seen("x@y"), 0);
    note("evil\n15 ann@example.org", 20, 0);
    assert_int_equal(seen("ann@example.org"), 0);
}

static void a_link_or_a_directory_is_no_such_file(void **state)
{
    struct once o = { .path = path, .mode = 0600 };
    struct why why;
    int64_t at;

    (void)state;
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(once_look(&o, STR("x"), &at, &why), ST_AGAIN);
    assert_int_equal(once_note(&o, STR("x"), 1, &why), ST_AGAIN);
    unlink(path);
    mkdir(path, 0700);
    assert_int_equal(once_look(&o, STR("x"), &at, &why), ST_AGAIN);
    assert_int_equal(once_note(&o, STR("x"), 1, &why), ST_AGAIN);
}

static void a_crash_leaves_the_old_file(void **state)
{
    char half[160];
    FILE *f;

    (void)state;
    note("ann@example.org", 5, 0);
    snprintf(half, sizeof half, "%s.new", path);
    f = fopen(half, "w");
    fputs("9", f);
    fclose(f);
    assert_int_equal(seen("ann@example.org"), 5);
    note("bob@example.org", 6, 0);
    assert_int_equal(seen("ann@example.org"), 5);
    assert_int_not_equal(access(half, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
        T(a_name_is_remembered_with_its_last_time),
        T(the_oldest_are_forgotten_and_the_file_stays_small),
        T(what_is_no_line_of_ours_says_nothing),
        T(a_link_or_a_directory_is_no_such_file),
        T(a_crash_leaves_the_old_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
