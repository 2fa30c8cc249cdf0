#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

static char dir[64], pattern[128];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/perigee-log-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(pattern, sizeof pattern, "%s/sub/%%slog", dir);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;

    log_close();
    log_to(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct str slurp(const char *name)
{
    static char text[1 << 20];
    char path[256];
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "%s/sub/%s", dir, name);
    fd = open(path, O_RDONLY);
    if (fd < 0)
        return (struct str){ "", 0 };
    n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return (struct str){ text, n > 0 ? (size_t)n : 0 };
}

static void matches(struct str s, const char *regex)
{
    regex_t re;

    assert_int_equal(regcomp(&re, regex, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, s.p, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", s.p, regex);
    regfree(&re);
}

static void open_with(struct log_config c)
{
    struct why why;

    c.path = pattern;
    if (log_open(&c, &why) != ST_OK)
        fail_msg("%s", why.text);
}

static void lines_have_exims_stamp(void **state)
{
    (void)state;
    open_with((struct log_config){ 0 });
    log_text(LOG_MAIN, STR("1xUQe2-0100AB-15"), STR("<= a@b"));
    log_close();
    matches(slurp("mainlog"), "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} 1xUQe2-0100AB-15 <= a@b\n$");
}

static void log_t6_millisec_adds_three_digits(void **state)
{
    (void)state;
    open_with((struct log_config){ .millisec = true, .zone = true, .pid = true });
    log_line(LOG_MAIN, "x %d", 1);
    log_close();
    matches(slurp("mainlog"), "^[-0-9]{10} [:0-9]{8}\\.[0-9]{3} [-+][0-9]{4} \\[[0-9]+\\] x 1\n$");
}

static void log_t8_control_characters_cannot_forge_a_line(void **state)
{
    struct str s;
    (void)state;

    open_with((struct log_config){ 0 });
    log_text(LOG_MAIN, STR("id\n"), STR("<= \"x\r\n2026-01-01 00:00:00 forged\"@b"));
    log_close();
    s = slurp("mainlog");
    assert_int_equal(str_find(s, '\n'), s.n - 1);
    matches(s, "id\\\\012 <= \"x\\\\015\\\\0122026-01-01 00:00:00 forged\"@b");
}

static void a_renamed_file_is_left_for_a_new_one(void **state)
{
    char from[256], to[256];
    (void)state;

    open_with((struct log_config){ 0 });
    log_line(LOG_MAIN, "before");
    for (int i = 0; i < 200 && slurp("mainlog").n == 0; i++)
        usleep(5000);
    snprintf(from, sizeof from, "%s/sub/mainlog", dir);
    snprintf(to, sizeof to, "%s/sub/old", dir);
    assert_int_equal(rename(from, to), 0);
    log_line(LOG_MAIN, "after");
    log_close();
    matches(slurp("old"), "before\n$");
    matches(slurp("mainlog"), "^[^b]*after\n$");
}

static void a_directory_that_is_gone_is_made_again(void **state)
{
    char sub[256], aside[256];
    (void)state;

    open_with((struct log_config){ 0 });
    log_line(LOG_MAIN, "before");
    while (slurp("mainlog").n == 0)
        usleep(1000);
    snprintf(sub, sizeof sub, "%s/sub", dir);
    snprintf(aside, sizeof aside, "%s/aside", dir);
    assert_int_equal(rename(sub, aside), 0);
    log_line(LOG_MAIN, "after");
    log_close();
    matches(slurp("mainlog"), "^[^b]*after\n$");
}

static void each_kind_has_its_file_and_its_switch(void **state)
{
    (void)state;
    open_with((struct log_config){ .json = true });
    log_line(LOG_MAIN, "main");
    log_line(LOG_REJECT, "not written");
    log_line(LOG_PANIC, "panic");
    log_text(LOG_JSON, STR(""), STR("{\"a\":1}"));
    log_close();
    assert_int_equal(slurp("rejectlog").n, 0);
    matches(slurp("paniclog"), "panic\n$");
    matches(slurp("jsonlog"), "^[{]\"a\":1[}]\n$");
}

/* A reader that never reads stands for a disk that stalls. */
static void a_stalled_log_drops_lines_and_says_so(void **state)
{
    char path[256], text[1000];
    int64_t began;
    int fd;
    (void)state;

    snprintf(path, sizeof path, "%s/sub", dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/sub/mainlog", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDWR | O_NONBLOCK);
    open_with((struct log_config){ 0 });
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    began = clock_mono_ms();
    for (int i = 0; i < 3000; i++)
        log_text(LOG_MAIN, STR(""), str_of(text));
    assert_true(clock_mono_ms() - began < 2000);
    for (int i = 0; i < 200 && log_dropped() == 0; i++)
        usleep(5000);
    assert_true(log_dropped() > 0);
    close(fd);
}

static void a_child_begins_with_a_closed_log(void **state)
{
    int status;
    pid_t pid;
    (void)state;

    open_with((struct log_config){ 0 });
    log_line(LOG_MAIN, "from the parent");
    pid = fork();
    if (pid == 0) {
        open_with((struct log_config){ 0 });
        log_line(LOG_MAIN, "from the child");
        log_close();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    log_close();
    matches(slurp("mainlog"), "from the child\n");
    matches(slurp("mainlog"), "from the parent\n");
}

/* Whether a line of the child reaches the file while the child goes on, as a worker does. */
static int child_logs(const char *line)
{
    open_with((struct log_config){ 0 });
    log_line(LOG_MAIN, "%s", line);
    for (int i = 0; i < 1000; i++) {
        if (str_find_str(slurp("mainlog"), str_of(line)) != SIZE_MAX)
            return 0;
        usleep(1000);
    }
    return 1;
}

static void a_child_made_while_the_writer_waits_for_more_is_not_deaf(void **state)
{
    struct timespec between = { .tv_nsec = 500000 };
    (void)state;

    open_with((struct log_config){ 0 });
    for (int i = 0; i < 10; i++) {
        char line[32];
        int status;
        pid_t pid;

        log_line(LOG_MAIN, "parent %d", i);
        nanosleep(&between, NULL);      /* the writer has written it and lingers */
        snprintf(line, sizeof line, "child %d", i);
        pid = fork();
        if (pid == 0)
            _exit(child_logs(line));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    log_close();
}

static void sink(void *ctx, enum log_file f, struct str line)
{
    if (f == LOG_MAIN)
        buf_add(ctx, line);
}

static void a_hermetic_log_goes_to_its_sink_by_the_clock_given(void **state)
{
    struct buf b = { 0 };
    (void)state;

    setenv("TZ", "UTC", 1);
    tzset();
    clock_fake(1772600767123456);
    log_to(sink, &b);
    log_line(LOG_MAIN, "hello");
    buf_byte(&b, 0);
    assert_string_equal(b.mem, "2026-03-04 05:06:07 hello");
    buf_free(&b);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lines_have_exims_stamp),
        CASE(log_t6_millisec_adds_three_digits),
        CASE(log_t8_control_characters_cannot_forge_a_line),
        CASE(a_renamed_file_is_left_for_a_new_one),
        CASE(a_directory_that_is_gone_is_made_again),
        CASE(each_kind_has_its_file_and_its_switch),
        CASE(a_stalled_log_drops_lines_and_says_so),
        CASE(a_child_begins_with_a_closed_log),
        CASE(a_child_made_while_the_writer_waits_for_more_is_not_deaf),
        CASE(a_hermetic_log_goes_to_its_sink_by_the_clock_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
