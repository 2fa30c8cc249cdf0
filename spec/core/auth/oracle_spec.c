#include "auth/oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"

static const char zone[] =
    "ex.test. TXT \"v=spf1 a:one.ex.test mx include:in.ex.test -all exp=why.ex.test\"\n"
    "one.ex.test. A 192.0.2.1\n"
    "ex.test. MX 10 mail.ex.test.\nmail.ex.test. A 192.0.2.2\nmail.ex.test. AAAA 2001:db8::2\n"
    "in.ex.test. TXT \"v=spf1 ip4:192.0.2.3 -all\"\n"
    "why.ex.test. TXT \"not from there\"\n"
    "down.test. SERVFAIL\n";

struct world {
    struct arena arena;
    struct loop *loop;
    struct dns *dns;
    struct oracle *oracle;
    enum status st;
    char said[8][64];
    size_t n;
    unsigned calls;
    struct why why;
};

static const char *program(void)
{
    static char path[4096];
    const char *perigee = getenv("PERIGEE");

    snprintf(path, sizeof path, "%s-oracle", perigee ? perigee : "build/test/perigee");
    return path;
}

static void open_with(struct world *w, const char *path)
{
    struct dns_config c = { .zone_text = { zone, sizeof zone - 1 } };
    struct why why = { 0 };

    w->loop = loop_new();
    if (dns_open(w->loop, &c, &w->dns, &why) != ST_OK)
        fail_msg("%s", why.text);
    w->oracle = oracle_new(w->loop, path);
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    open_with(w, program());
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    oracle_free(w->oracle);
    dns_close(w->dns);
    loop_free(w->loop);
    arena_free(&w->arena);
    free(w);
    return 0;
}

static void on_end(void *ctx, enum status st, struct str rest, const struct why *why)
{
    struct world *w = ctx;
    struct str field;

    w->calls++;
    w->st = st;
    w->why = why ? *why : (struct why){ 0 };
    for (w->n = 0; w->n < 8 && oracle_take(&rest, &field); w->n++)
        snprintf(w->said[w->n], sizeof w->said[0], "%.*s", STR_ARG(field));
}

static struct oracle_ask *begin(struct world *w, const char *const *fields)
{
    struct buf b = { 0 };
    struct oracle_ask *a;

    for (; *fields; fields++)
        oracle_put(&b, str_of(*fields));
    a = oracle_ask(w->oracle, w->dns, buf_str(&b), on_end, w);
    buf_free(&b);
    return a;
}

static void ask(struct world *w, const char *const *fields)
{
    w->calls = 0;
    begin(w, fields);
    loop_settle(w->loop, false, 0);
    assert_int_equal(w->calls, 1);
}

static void spf(struct world *w, const char *ip, const char *sender)
{
    const char *const fields[] = { "spf", ip, "helo.test", sender, "mx.test", "", NULL };

    ask(w, fields);
}

static void libspf2_is_told_what_it_asks_for_until_it_knows(void **state)
{
    static const struct { const char *ip, *sender, *result; } rows[] = {
        { "192.0.2.1", "a@ex.test", "pass" }, { "192.0.2.2", "a@ex.test", "pass" }, { "192.0.2.3", "a@ex.test", "pass" },
        { "2001:db8::2", "a@ex.test", "pass" }, { "192.0.2.9", "a@ex.test", "fail" }, { "192.0.2.1", "a@none.test", "none" },
        { "192.0.2.1", "a@down.test", "temperror" },
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        spf(w, rows[i].ip, rows[i].sender);
        if (w->st != ST_OK || strcmp(w->said[0], rows[i].result) != 0)
            fail_msg("%s %s: %s %s", rows[i].ip, rows[i].sender, w->said[0], w->why.text);
    }
}

static void libopendmarc_judges_a_record_that_was_found_for_it(void **state)
{
    static const char *const passes[] = { "dmarc", "192.0.2.1", "ex.test", "ex.test", "pass", "0", "", "v=DMARC1; p=reject", "ex.test", "", NULL };
    static const char *const fails[] = { "dmarc", "192.0.2.1", "ex.test", "other.test", "pass", "0", "ex.test", "fail", "",
                                         "v=DMARC1; p=reject", "ex.test", "", NULL };
    static const char *const signedby[] = { "dmarc", "2001:db8::1", "a.ex.test", "", "", "0", "other.test", "pass", "ex.test", "pass", "",
                                            "v=DMARC1; p=reject; sp=none", "a.ex.test", "ex.test", NULL };
    struct world *w = *state;

    ask(w, passes);
    assert_string_equal(w->said[0], "accept");
    ask(w, fails);
    assert_string_equal(w->said[0], "reject");
    ask(w, signedby);
    assert_string_equal(w->said[0], "accept");
    assert_string_equal(w->said[1], "yes");
}

/* What the kernel says of our only child. */
static bool child_has(const char *line)
{
    char path[64], text[4096];
    unsigned pid = 0;
    bool found = false;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    f = fopen(path, "r");
    if (!f || fscanf(f, "%u", &pid) != 1)
        fail_msg("it has no process");
    fclose(f);
    snprintf(path, sizeof path, "/proc/%u/status", pid);
    f = fopen(path, "r");
    while (f && fgets(text, sizeof text, f))
        found = found || strstr(text, line);
    if (f)
        fclose(f);
    return found;
}

static void it_runs_confined(void **state)
{
    struct world *w = *state;

    spf(w, "192.0.2.1", "a@ex.test");
#ifdef __SANITIZE_ADDRESS__
    assert_true(child_has("Seccomp:"));         /* such a build cannot be confined: it is there */
#else
    assert_true(child_has("Seccomp:\t2"));
    assert_true(child_has("NoNewPrivs:\t1"));
#endif
}

static void its_death_is_not_found_out_and_it_is_left_alone_for_a_while(void **state)
{
    struct world *w = *state;

    oracle_free(w->oracle);
    w->oracle = oracle_new(w->loop, "/bin/false");
    spf(w, "192.0.2.1", "a@ex.test");
    assert_int_equal(w->st, ST_AGAIN);
    assert_non_null(strstr(w->why.text, "died"));
    spf(w, "192.0.2.1", "a@ex.test");
    assert_int_equal(w->st, ST_AGAIN);
    assert_non_null(strstr(w->why.text, "does not run"));
    oracle_free(w->oracle);
    w->oracle = oracle_new(w->loop, "/nowhere/perigee-oracle");
    spf(w, "192.0.2.1", "a@ex.test");
    assert_int_equal(w->st, ST_AGAIN);
}

static void nonsense_from_it_is_not_found_out(void **state)
{
    static const char *const words[] = { "spf", NULL };
    static const char *const other[] = { "what", NULL };
    struct world *w = *state;

    ask(w, other);
    assert_int_equal(w->st, ST_AGAIN);
    ask(w, words);
    assert_int_equal(w->st, ST_OK);
    assert_string_equal(w->said[0], "permerror");
    oracle_free(w->oracle);
    w->oracle = oracle_new(w->loop, "/bin/cat");
    spf(w, "192.0.2.1", "a@ex.test");       /* cat writes to its standard output, which leads nowhere, and never ends */
    assert_int_equal(w->st, ST_AGAIN);
}

static void whoever_does_not_want_his_answer_any_more_gets_none(void **state)
{
    static const char *const fields[] = { "spf", "192.0.2.1", "helo.test", "a@ex.test", "mx.test", "", NULL };
    struct world *w = *state;
    struct oracle_ask *first = begin(w, fields), *second = begin(w, fields);

    begin(w, fields);
    oracle_cancel(first);
    oracle_cancel(second);
    loop_settle(w->loop, false, 0);
    assert_int_equal(w->calls, 1);
    assert_string_equal(w->said[0], "pass");
}

static void damaged_frames_are_no_frames(void **state)
{
    struct str rest = { "\4\0\0\0abcd\5\0\0\0x", 13 }, field;
    size_t used;

    (void)state;
    assert_true(oracle_take(&rest, &field) && str_same(field, STR("abcd")));
    assert_false(oracle_take(&rest, &field));
    assert_int_equal(oracle_frame_read((struct str){ "\377\377\377\377", 4 }, &field, &used), -1);
    assert_int_equal(oracle_frame_read((struct str){ "\2\0\0\0a", 5 }, &field, &used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(libspf2_is_told_what_it_asks_for_until_it_knows, open_world, close_world),
        cmocka_unit_test_setup_teardown(libopendmarc_judges_a_record_that_was_found_for_it, open_world, close_world),
        cmocka_unit_test_setup_teardown(it_runs_confined, open_world, close_world),
        cmocka_unit_test_setup_teardown(its_death_is_not_found_out_and_it_is_left_alone_for_a_while, open_world, close_world),
        cmocka_unit_test_setup_teardown(nonsense_from_it_is_not_found_out, open_world, close_world),
        cmocka_unit_test_setup_teardown(whoever_does_not_want_his_answer_any_more_gets_none, open_world, close_world),
        cmocka_unit_test(damaged_frames_are_no_frames),
    };

    return cmocka_run_group_tests_name("the oracle", tests, NULL, NULL);
}
