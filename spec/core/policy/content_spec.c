/*
 * Bodies in slices: what is read when, and what becomes of bodies that cannot be read, askers that go away and files
 * that cannot be written.
 */
#include "rig.h"

#include <errno.h>
#include <sys/stat.h>

#include "policy/slices.h"

enum { BODY = 300000 };

/* ---- a body made of numbers */

struct source { bool ready, broken; unsigned reads; uint64_t fails_at; };

static ssize_t source_read(void *ctx, uint64_t offset, char *out, size_t n)
{
    struct source *s = ctx;

    s->reads++;
    if (s->broken || (s->fails_at && offset >= s->fails_at))
        return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)('a' + (offset + i) % 26);
    return (ssize_t)n;
}

static bool source_ready(void *ctx)
{
    return ((struct source *)ctx)->ready;
}

static struct body_source body_of(struct source *s)
{
    return (struct body_source){ .read = source_read, .ctx = s, .ready = source_ready };
}

/* ---- a taker that counts */

struct taker {
    struct slices *slices;
    uint64_t taken, enough_at;
    bool wrong, hold, cancel;
    int ends;
    enum status st;
};

static bool take(void *ctx, struct str bytes)
{
    struct taker *t = ctx;

    for (size_t i = 0; i < bytes.n; i++)
        t->wrong |= bytes.p[i] != (char)('a' + (t->taken + i) % 26);
    t->taken += bytes.n;
    if (t->hold)
        slices_hold(t->slices);
    if (t->cancel)
        slices_cancel(t->slices);
    return !t->enough_at || t->taken < t->enough_at;
}

static void end(void *ctx, enum status st, const struct why *why)
{
    struct taker *t = ctx;

    t->ends++;
    t->st = st;
    assert_true(st == ST_OK || why->text[0]);
}

static void begin(struct loop *l, struct taker *t, const struct body_source *b, uint64_t to)
{
    t->slices = slices_begin(l, b, 0, to, take, end, t);
    assert_int_equal(t->taken, 0);
    assert_int_equal(t->ends, 0);
}

static void pieces_come_in_order_and_none_inside_the_call(void **state)
{
    struct loop *l = loop_new();
    struct source s = { .ready = true };
    struct body_source b = body_of(&s);
    struct taker t = { 0 };

    (void)state;
    begin(l, &t, &b, BODY);
    loop_settle(l, false, 0);
    assert_true(t.ends == 1 && t.st == ST_OK && t.taken == BODY && !t.wrong && s.reads > 3);

    t = (struct taker){ .enough_at = 1 };
    s.reads = 0;
    begin(l, &t, &b, BODY);
    loop_settle(l, false, 0);
    assert_true(t.ends == 1 && t.st == ST_OK && s.reads == 1);

    t = (struct taker){ 0 };
    begin(l, &t, &b, 0);
    loop_settle(l, false, 0);
    assert_true(t.ends == 1 && t.st == ST_OK && !t.taken);
    loop_free(l);
}

static void a_body_that_cannot_be_read_is_could_not_find_out(void **state)
{
    struct loop *l = loop_new();
    struct source s = { .ready = true, .fails_at = 100000 };
    struct body_source b = body_of(&s), none = { .read = NULL };
    struct taker t = { 0 };

    (void)state;
    begin(l, &t, &b, BODY);
    loop_settle(l, false, 0);
    assert_true(t.ends == 1 && t.st == ST_AGAIN && t.taken && t.taken < BODY);
    t = (struct taker){ 0 };
    begin(l, &t, &none, BODY);
    loop_settle(l, false, 0);
    assert_true(t.ends == 1 && t.st == ST_AGAIN && !t.taken);
    loop_free(l);
}

static void what_is_not_written_yet_is_waited_for_a_minute_at_most(void **state)
{
    struct loop *l = loop_new();
    struct source s = { 0 };
    struct body_source b = body_of(&s);
    struct taker t = { 0 };

    (void)state;
    begin(l, &t, &b, BODY);
    loop_settle(l, true, clock_wall_us() + 1000000);
    assert_true(!t.ends && !s.reads);
    s.ready = true;
    loop_settle(l, true, clock_wall_us() + 1000000);
    assert_true(t.ends == 1 && t.st == ST_OK && t.taken == BODY);

    s = (struct source){ .ready = false };
    t = (struct taker){ 0 };
    begin(l, &t, &b, BODY);
    loop_settle(l, true, clock_wall_us() + 70 * 1000000LL);
    assert_true(t.ends == 1 && t.st == ST_AGAIN && !s.reads);
    loop_free(l);
}

static void a_taker_may_hold_and_cancel(void **state)
{
    struct loop *l = loop_new();
    struct source s = { .ready = true };
    struct body_source b = body_of(&s);
    struct taker t = { .hold = true };

    (void)state;
    begin(l, &t, &b, BODY);
    loop_settle(l, false, 0);
    assert_true(!t.ends && s.reads == 1);
    t.hold = false;
    slices_go(t.slices);
    loop_settle(l, false, 0);
    assert_true(t.ends == 1 && t.taken == BODY && !t.wrong);

    t = (struct taker){ .cancel = true };
    begin(l, &t, &b, BODY);
    loop_settle(l, false, 0);
    assert_true(!t.ends && t.taken);

    t = (struct taker){ 0 };
    begin(l, &t, &b, BODY);
    slices_cancel(t.slices);
    loop_settle(l, false, 0);
    assert_true(!t.ends && !t.taken);
    loop_free(l);
}

/* ---- rules: a message whose one part is its body */

static void part(struct rig *r, struct source *s, uint64_t size)
{
    struct txn *t = r->txn;

    strcpy(t->id.s, "1xUQe2-0100AB-15");
    t->header_text = STR("Content-Type: text/plain\r\n");
    header_parse(&t->arena, t->header_text, &t->header);
    t->body = body_of(s);
    t->body_size = size;
    t->mime = calloc(1, sizeof *t->mime);
    mime_begin(t->mime, &t->header);
    for (uint64_t at = 0; at < size; at++) {
        char c = (char)('a' + at % 26);

        mime_feed(t->mime, (struct str){ &c, 1 });
    }
    mime_end(t->mime);
    t->part = &t->mime->v[0];
}

static const char *ask(struct rig *r, const char *code)
{
    r->answers = 0;
    rig_expr(r, PH_MIME, code);
    loop_settle(r->loop, true, clock_wall_us() + 200 * 1000000LL);
    assert_int_equal(r->answers, 1);
    if (r->st == ST_OK)
        snprintf(r->text, sizeof r->text, "%.*s", STR_ARG(str_trim(buf_str(&r->out))));
    return r->text;
}

static void conditions_about_content_find_out_or_defer(void **state)
{
    static const char *const codes[] = {
        "check.regex('nothing')", "check.mime_regex('nothing')", "check.decode('default')", "mime.content(1)",
    };
    struct source s = { .ready = true };
    struct rig r;

    (void)state;
    rig_open(&r, "");
    part(&r, &s, BODY);
    assert_string_equal(ask(&r, "check.regex('xyzab')"), "true");
    assert_string_equal(ask(&r, "m.regex[0]"), "xyzab");
    assert_string_equal(ask(&r, "check.regex('nothing')"), "false");
    assert_string_equal(ask(&r, "m.regex_match_string"), "xyzab");
    assert_string_equal(ask(&r, "check.mime_regex('^abc')"), "true");
    assert_string_equal(ask(&r, "check.mime_regex('^bcd')"), "false");
    assert_string_equal(ask(&r, "#mime.content(1), #mime.content(1, 5)"), "32768\n5");
    assert_string_equal(ask(&r, "mime.parts()[1].size"), "300000");
    s.broken = true;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        ask(&r, codes[i]);
        assert_int_equal(r.st, ST_AGAIN);
        assert_string_equal(r.text, "the body cannot be read");
    }
    s = (struct source){ .ready = false };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        ask(&r, codes[i]);
        assert_int_equal(r.st, ST_AGAIN);
    }
    rig_close(&r);
}

static void a_message_has_so_much_of_the_processor_and_no_more(void **state)
{
    struct source s = { .ready = true };
    struct rig r;

    (void)state;
    rig_open(&r, "");
    part(&r, &s, BODY);
    ask(&r, "check.regex('nothing')");
    assert_true(r.st == ST_OK && r.txn->match_us > 0);
    r.txn->match_us = 10000000;
    ask(&r, "check.regex('nothing')");
    assert_true(r.st == ST_NEVER && strstr(r.text, "take more than 10 s for this message"));
    ask(&r, "check.mime_regex('nothing')");
    assert_true(r.st == ST_NEVER && strstr(r.text, "take more than 10 s for this message"));
    rig_close(&r);
}

static void an_asker_that_goes_away_leaves_nothing(void **state)
{
    static const char *const codes[] = {
        "check.regex('nothing')", "check.mime_regex('nothing')", "check.decode('default')", "mime.content(1)",
    };
    struct source s = { .ready = true };
    struct rig r;

    (void)state;
    rig_open(&r, "");
    part(&r, &s, BODY);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct eval *e;

        r.answers = 0;
        buf_clear(&r.out);
        e = policy_expr(r.policy, r.txn, PH_MIME, str_of(codes[i]), false, &r.out, rig_answered, &r);
        assert_non_null(e);
        loop_turn(r.loop, 0);
        policy_cancel(e);
        loop_settle(r.loop, false, 0);
        assert_int_equal(r.answers, 0);
    }
    rig_close(&r);
}

/* ---- files */

static bool exists(const char *dir, const char *below)
{
    char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, below);
    return access(path, F_OK) == 0;
}

#define OWN "scan/1xUQe2-0100AB-15"

static void a_decoded_part_is_a_file_until_the_transaction_ends(void **state)
{
    char dir[] = "/tmp/perigee-content.XXXXXX", want[256], outside[512];
    struct source s = { .ready = true };
    struct stat st;
    struct rig r;

    (void)state;
    assert_non_null(mkdtemp(dir));
    rig_open(&r, "");
    r.policy->env.hermetic = false;
    r.policy->env.spool_dir = dir;
    part(&r, &s, BODY);
    snprintf(want, sizeof want, "true\n%s/" OWN "/1xUQe2-0100AB-15-00000", dir);
    assert_string_equal(ask(&r, "check.decode('default'), m.mime_decoded_filename"), want);
    snprintf(want, sizeof want, "%s/" OWN "/1xUQe2-0100AB-15-00000", dir);
    assert_int_equal(stat(want, &st), 0);
    assert_int_equal(st.st_size, BODY);
    assert_int_equal(st.st_mode & 07777, 0640);

    /* nothing is written through a link, and nothing outside */
    snprintf(want, sizeof want, "%s/" OWN "/link", dir);
    snprintf(outside, sizeof outside, "%s/outside", dir);
    assert_int_equal(symlink(outside, want), 0);
    ask(&r, "check.decode('link')");
    assert_int_equal(r.st, ST_AGAIN);
    ask(&r, "check.decode('../../outside')");
    assert_true(r.st == ST_NEVER && strstr(r.text, "no safe name"));
    assert_false(exists(dir, "outside"));

    /* what was begun and cannot be finished is taken away */
    s.fails_at = 100000;
    ask(&r, "check.decode('half')");
    assert_int_equal(r.st, ST_AGAIN);
    assert_false(exists(dir, OWN "/half"));
    assert_true(exists(dir, OWN "/1xUQe2-0100AB-15-00000"));
    assert_int_equal(unlink(want) , -1);        /* the link went with the failed file */
    rig_close(&r);
    assert_true(exists(dir, "scan"));
    assert_false(exists(dir, OWN));
    snprintf(want, sizeof want, "%s/scan", dir);
    assert_int_equal(rmdir(want), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void a_disk_that_takes_nothing_defers(void **state)
{
    struct source s = { .ready = true };
    struct rig r;

    (void)state;
    rig_open(&r, "");
    r.policy->env.hermetic = false;
    part(&r, &s, BODY);
    ask(&r, "check.decode('default')");
    assert_int_equal(r.st, ST_AGAIN);
    assert_non_null(strstr(r.text, "decode: make the directory of /nonexistent/scan/"));
    rig_close(&r);
}

static int fake_time(void **state)
{
    (void)state;
    clock_fake(1700000000000000);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_come_in_order_and_none_inside_the_call, fake_time),
        cmocka_unit_test_setup(a_body_that_cannot_be_read_is_could_not_find_out, fake_time),
        cmocka_unit_test_setup(what_is_not_written_yet_is_waited_for_a_minute_at_most, fake_time),
        cmocka_unit_test_setup(a_taker_may_hold_and_cancel, fake_time),
        cmocka_unit_test_setup(conditions_about_content_find_out_or_defer, fake_time),
        cmocka_unit_test_setup(a_message_has_so_much_of_the_processor_and_no_more, fake_time),
        cmocka_unit_test_setup(an_asker_that_goes_away_leaves_nothing, fake_time),
        cmocka_unit_test_setup(a_decoded_part_is_a_file_until_the_transaction_ends, fake_time),
        cmocka_unit_test_setup(a_disk_that_takes_nothing_defers, fake_time),
    };

    return cmocka_run_group_tests_name("policy: content", tests, NULL, NULL);
}
