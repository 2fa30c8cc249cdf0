#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>

#include "local/program.h"

struct seen { struct program_end end; char output[200]; bool done; };

static void ended(void *ctx, const struct program_end *end)
{
    struct seen *s = ctx;

    s->end = *end;
    memcpy(s->output, end->output.p, end->output.n < 199 ? end->output.n : 199);
    s->done = true;
}

static struct str body = STR_INIT("line one\r\nline two\r\n");

static ssize_t read_body(void *ctx, uint64_t offset, char *p, size_t n)
{
    (void)ctx;
    (void)n;
    memcpy(p, body.p + offset, body.n - (size_t)offset);
    return (ssize_t)(body.n - (size_t)offset);
}

static struct seen run(char *const *argv, int64_t timeout_ms, size_t output_max)
{
    static char *const env[] = { "RECIPIENT=ann@example.org", NULL };
    struct content c = { .header = STR("Subject: x\r\n"), .read = read_body, .body_size = body.n };
    struct program_want w = { .argv = argv, .envp = env, .umask = 022, .timeout_ms = timeout_ms, .output_max = output_max, .content = &c };
    struct loop *l = loop_new();
    struct seen s = { .done = false };

    program_run(l, &w, ended, &s);
    while (!s.done)
        loop_turn(l, 1000);
    content_free(&c);
    loop_free(l);
    return s;
}

static void a_program_reads_the_message_and_its_output_is_kept(void **state)
{
    struct seen s = run((char *[]){ "/bin/cat", NULL }, 5000, 1000);

    (void)state;
    assert_int_equal(s.end.started, ST_OK);
    assert_int_equal(s.end.status, 0);
    assert_string_equal(s.output, "Subject: x\n\nline one\nline two\n");
}

static void arguments_keep_their_places_and_nothing_is_expanded(void **state)
{
    struct seen s = run((char *[]){ "/usr/bin/printf", "[%s]", "", "$HOME;`id`", "a b", NULL }, 5000, 1000);

    (void)state;
    assert_string_equal(s.output, "[][$HOME;`id`][a b]");
}

static void the_environment_is_ours_alone(void **state)
{
    struct seen s = run((char *[]){ "/usr/bin/env", NULL }, 5000, 1000);

    (void)state;
    assert_string_equal(s.output, "RECIPIENT=ann@example.org\n");
}

static void its_end_is_told_as_it_was(void **state)
{
    struct seen s = run((char *[]){ "/bin/sh", "-c", "exit 75", NULL }, 5000, 1000);

    (void)state;
    assert_int_equal(s.end.status, 75);
    s = run((char *[]){ "/bin/sh", "-c", "kill -9 $$", NULL }, 5000, 1000);
    assert_int_equal(s.end.signal, SIGKILL);
    s = run((char *[]){ "/does/not/exist", NULL }, 5000, 1000);
    assert_int_equal(s.end.started, ST_NEVER);
    assert_non_null(strstr(s.end.why.text, "/does/not/exist"));
}

static void limits_of_time_and_output_end_it(void **state)
{
    struct seen s = run((char *[]){ "/bin/sleep", "20", NULL }, 50, 1000);

    (void)state;
    assert_true(s.end.timed_out);
    assert_int_equal(s.end.signal, SIGKILL);
    s = run((char *[]){ "/usr/bin/yes", NULL }, 5000, 100);
    assert_true(s.end.too_much);
    assert_int_equal(s.end.output.n, 100);
}

static void one_that_reads_nothing_may_still_succeed(void **state)
{
    struct seen s = run((char *[]){ "/bin/true", NULL }, 5000, 1000);

    (void)state;
    assert_int_equal(s.end.started, ST_OK);
    assert_int_equal(s.end.status, 0);
}

static int no_sigpipe(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_reads_the_message_and_its_output_is_kept),
        cmocka_unit_test(arguments_keep_their_places_and_nothing_is_expanded),
        cmocka_unit_test(the_environment_is_ours_alone),
        cmocka_unit_test(its_end_is_told_as_it_was),
        cmocka_unit_test(limits_of_time_and_output_end_it),
        cmocka_unit_test(one_that_reads_nothing_may_still_succeed),
    };

    return cmocka_run_group_tests(tests, no_sigpipe, NULL);
}
