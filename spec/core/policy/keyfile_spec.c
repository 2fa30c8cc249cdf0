/* keyfile: what lines mean, and that a changed file is seen */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy/kept.h"
#include "policy/look.h"

static char path[] = "/tmp/keyfile-XXXXXX";

static void write_file(const char *text, int second)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    struct timespec times[2] = { { .tv_sec = 1000 + second }, { .tv_sec = 1000 + second } };

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static enum status find_in(const char *file, struct arena *a, const char *key, struct str *value, struct why *why)
{
    struct str wanted = str_of(key);
    struct look l = { .path = file, .below = "", .key = &wanted, .nkeys = 1, .arena = a };
    enum status st = look_find(STR("lsearch"))->look(&l, why);

    if (st == ST_OK)
        *value = l.value;
    return st;
}

static enum status find(struct arena *a, const char *key, struct str *value)
{
    struct why why = { 0 };

    return find_in(path, a, key, value, &why);
}

static const char TEXT[] =
    "# a comment\n"
    "ann: bob@example.org\n"
    "Carl   dora@example.org , eve@example.org\n"
    "long: one,\n"
    "# a comment inside\n"
    "   two,\n"
    "\n"
    "\tthree\r\n"
    "\"with: colon\": quoted\n"
    "\"with \\\" quote\": escaped\n"
    "ann: the first one counts\n"
    "empty:\n"
    ": no key\n"
    "last:without an end";

static const struct { const char *key, *value; } rows[] = {
    { "ann", "bob@example.org" },
    { "ANN", "bob@example.org" },
    { "carl", "dora@example.org , eve@example.org" },
    { "long", "one, two, three" },
    { "with: colon", "quoted" },
    { "with \" quote", "escaped" },
    { "empty", "" },
    { "last", "without an end" },
    { "two,", NULL },
    { "#", NULL },
    { "", NULL },
    { "an", NULL },
};

static void test_lines(void **state)
{
    struct arena a = { 0 };
    struct str value;

    (void)state;
    write_file(TEXT, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum status st = find(&a, rows[i].key, &value);

        if (!rows[i].value) {
            assert_int_equal(st, ST_NONE);
            continue;
        }
        assert_int_equal(st, ST_OK);
        assert_true(str_same(value, str_of(rows[i].value)));
    }
    arena_free(&a);
}

static void test_changed(void **state)
{
    struct arena a = { 0 };
    struct str value;

    (void)state;
    write_file("k: old\n", 1);
    assert_int_equal(find(&a, "k", &value), ST_OK);
    write_file("k: new\n", 2);
    assert_int_equal(find(&a, "k", &value), ST_OK);
    assert_true(str_same(value, STR("new")));
    write_file("other: new\n", 3);
    assert_int_equal(find(&a, "k", &value), ST_NONE);
    arena_free(&a);
}

/* More files than are kept: the ones not used longest are read again. */
static void test_many(void **state)
{
    struct arena a = { 0 };
    struct why why;
    char name[64], text[64];
    struct str value;

    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 50; i++) {
            int fd;

            snprintf(name, sizeof name, "%s.%d", path, i);
            snprintf(text, sizeof text, "k: %d\n", i);
            fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
            assert_true(fd >= 0);
            assert_true(write(fd, text, strlen(text)) > 0);
            close(fd);
            assert_int_equal(find_in(name, &a, "k", &value, &why), ST_OK);
            assert_true(str_same(value, str_of(text + 3)) || strncmp(value.p, text + 3, value.n) == 0);
            unlink(name);
        }
    arena_free(&a);
}

static void test_no_file(void **state)
{
    struct arena a = { 0 };
    struct why why = { 0 };
    struct str value;

    (void)state;
    assert_int_equal(find_in("/", &a, "k", &value, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "no plain file"));
    arena_free(&a);
}

static int begin(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    close(fd);
    return fd < 0;
}

static int end(void **state)
{
    (void)state;
    kept_forget();
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, NULL, NULL),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests_name("keyfile: a look-up is a look at the file as it is now", tests, begin, end);
}
