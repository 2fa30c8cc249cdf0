/* Exim's two files in a directory: whole or not at all, and nothing is written over. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "local/pairfile.h"

static char root[64];
static int dir;
static struct str body = STR_INIT("one\r\ntwo\r\n");
static bool broken;

static ssize_t read_body(void *ctx, uint64_t offset, char *p, size_t n)
{
    (void)ctx;
    if (offset >= body.n) {
        errno = EIO;
        return broken ? -1 : 0;
    }
    n = n < 4 ? n : 4;
    if (n > body.n - offset)
        n = body.n - offset;
    memcpy(p, body.p + offset, n);
    return (ssize_t)n;
}

static int up(void **state)
{
    (void)state;
    broken = false;
    snprintf(root, sizeof root, "/tmp/perigee-spec-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    dir = open(root, O_RDONLY | O_DIRECTORY);
    return dir < 0;
}

static int down(void **state)
{
    char command[100];

    (void)state;
    close(dir);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static enum status write_pair(struct why *why)
{
    struct pairfile p = { .dir = dir, .id = { "1xUp9N-000000-00" }, .head = STR("1xUp9N-000000-00-H\nrest\n"), .read = read_body };

    memset(why, 0, sizeof *why);
    return pairfile_write(&p, why);
}

static void put(const char *name)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT, 0600);

    assert_int_equal(write(fd, "old", 3), 3);
    close(fd);
}

static char *slurp(const char *name)
{
    static char text[200];
    int fd = openat(dir, name, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    text[n] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

static unsigned count(void)
{
    DIR *d = opendir(root);
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void both_files_are_there_with_lf_lines(void **state)
{
    struct why why;

    (void)state;
    assert_int_equal(write_pair(&why), ST_OK);
    assert_int_equal(count(), 2);
    assert_string_equal(slurp("1xUp9N-000000-00-D"), "1xUp9N-000000-00-D\none\ntwo\n");
    assert_string_equal(slurp("1xUp9N-000000-00-H"), "1xUp9N-000000-00-H\nrest\n");
}

static void qf_t7_a_file_that_is_there_is_left_alone(void **state)
{
    static const char *const names[] = { "1xUp9N-000000-00-D", "1xUp9N-000000-00-H", "hdr.1xUp9N-000000-00" };
    struct why why;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        put(names[i]);
        assert_int_equal(write_pair(&why), ST_AGAIN);
        assert_int_equal(why.err, EEXIST);
        assert_string_equal(slurp(names[i]), "old");
        assert_int_equal(count(), 1);
        unlinkat(dir, names[i], 0);
    }
}

static void half_a_message_leaves_nothing(void **state)
{
    struct why why;

    (void)state;
    broken = true;
    assert_int_equal(write_pair(&why), ST_AGAIN);
    assert_int_equal(count(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
        T(both_files_are_there_with_lf_lines),
        { "QF-T7 a file that is there is left alone", qf_t7_a_file_that_is_there_is_left_alone, up, down, NULL },
        { "QF-T4 half a message leaves nothing", half_a_message_leaves_nothing, up, down, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
