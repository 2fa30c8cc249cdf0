/* spool_spec - a spool on disk and one in memory behave alike; then what only a disk can do */
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
#include "spool/id.h"
#include "spool/segment.h"
#include "spool/spool.h"

static struct {
    char dir[64];
    struct loop *l;
    struct spool *sp;
    struct arena a;
    enum status st;         /* what the last callback said */
    int answers;
    char alerts[2000];
    struct msg_id rows[500];
    struct spool_row row;   /* the last; its summary in text */
    char text[300];
    size_t n;
} w;

static void alert(void *ctx, struct str line)
{
    (void)ctx;
    snprintf(w.alerts + strlen(w.alerts), sizeof w.alerts - strlen(w.alerts), "%.*s\n", STR_ARG(line));
}

static enum status open_disk(struct why *why)
{
    struct spool_config c = { .dir = w.dir, .segment_size = 1 << 20, .memory_max = 1 << 20, .reserve_bytes = 1, .alert = alert };
    enum status st = spool_open(w.l, &c, &w.sp, why);

    if (st == ST_OK)
        st = spool_take(w.sp, 1, why);
    if (st == ST_OK)
        spool_set_home(w.sp, 1, true);
    return st;
}

static int on_disk(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    strcpy(w.dir, "/tmp/perigee-spool.XXXXXX");
    w.l = loop_new();
    return !mkdtemp(w.dir) || open_disk(NULL) != ST_OK;
}

static int in_memory(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    w.l = loop_new();
    w.sp = spool_memory(w.l);
    return 0;
}

static int drop(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st, (void)flag, (void)f;
    return remove(path);
}

static void close_spool(void)
{
    spool_close(w.sp);
    w.sp = NULL;
    loop_turn(w.l, 0);
}

static int end(void **state)
{
    (void)state;
    close_spool();
    loop_free(w.l);
    arena_free(&w.a);
    if (w.dir[0])
        nftw(w.dir, drop, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void reopen(void)
{
    struct why why;

    close_spool();
    w.alerts[0] = '\0';
    if (open_disk(&why) != ST_OK)
        fail_msg("%s", why.text);
}

/* ---- words for the cases */

static void answered(void *ctx, enum status st, const struct why *why)
{
    (void)ctx, (void)why;
    w.st = st;
    w.answers++;
}

static void wait_answers(int n)
{
    for (int i = 0; w.answers < n && i < 500; i++)
        loop_turn(w.l, 20);
    assert_int_equal(w.answers, n);
    w.answers = 0;
}

static char byte_at(size_t i)
{
    return (char)('a' + i % 23 + i / 65536);
}

static struct draft *draft(size_t size)
{
    struct draft *d;
    char part[4096];
    struct why why;

    if (spool_draft(w.sp, &d, &why) != ST_OK)
        fail_msg("%s", why.text);
    for (size_t at = 0; at < size;) {
        size_t n = 0;

        while (n < sizeof part && at < size)
            part[n++] = byte_at(at++);
        assert_int_equal(draft_add(d, (struct str){ part, n }, &why), ST_OK);
    }
    return d;
}

static struct msg_id give(size_t size, int64_t next_try, uint32_t flags)
{
    struct spool_entry e = {
        .envelope = STR("an envelope"), .header = STR("Subject: hello\r\n"), .summary = STR("a@b\nc@d"), .received = 1234567,
        .state = { .next_try = next_try, .flags = flags, .pending = 2, .blob = STR("first state") },
    };
    struct draft *d = draft(size);
    struct msg_id id = draft_id(d);

    spool_commit(w.sp, d, &e, answered, NULL);
    return id;
}

static struct msg_id put(size_t size, int64_t next_try, uint32_t flags)
{
    struct msg_id id = give(size, next_try, flags);

    wait_answers(1);
    assert_int_equal(w.st, ST_OK);
    return id;
}

static enum status update(struct msg_id id, struct spool_state s)
{
    spool_update(w.sp, id, &s, answered, NULL);
    wait_answers(1);
    return w.st;
}

static enum status finish(struct msg_id id)
{
    return update(id, (struct spool_state){ .gone = true });
}

static bool body_is(struct spool_body *b, size_t size)
{
    char part[5000];
    size_t at = 0;
    ssize_t n;

    while ((n = spool_body_read(b, at, part, sizeof part)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (part[i] != byte_at(at++))
                return false;
    return n == 0 && at == size;
}

static void must_load(struct msg_id id, size_t size)
{
    struct spool_msg m;
    struct why why;

    if (spool_load(w.sp, id, &w.a, &m, &why) != ST_OK)
        fail_msg("%s", why.text);
    assert_int_equal(m.body_size, size);
    assert_true(str_same(m.envelope, STR("an envelope")) && str_same(m.header, STR("Subject: hello\r\n")) && m.received == 1234567);
    assert_true(body_is(m.body, size));
    spool_body_close(m.body);
}

static void note_row(void *ctx, const struct spool_row *r)
{
    (void)ctx;
    w.row = *r;
    snprintf(w.text, sizeof w.text, "%.*s", STR_ARG(r->summary));
    if (w.n < 500)
        w.rows[w.n++] = r->id;
}

static bool is_first_row(void *ctx, struct msg_id id)
{
    return !strcmp(((struct msg_id *)ctx)->s, id.s);
}

static size_t due(int64_t now, size_t max)
{
    w.n = 0;
    return spool_due(w.sp, now, max, NULL, note_row, NULL);
}

/* ---- both */

static void what_was_kept_is_loaded_and_listed(void **state)
{
    static const size_t sizes[] = { 0, 1, 4096, 65536, 65537, 140000, 400000 };
    struct spool_row r;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct msg_id id = put(sizes[i], 50, 0);

        must_load(id, sizes[i]);
        assert_true(spool_row_get(w.sp, id, &r, &w.a));
        assert_true(r.size == sizes[i] + 16 && r.received == 1234567 && r.next_try == 50 && r.pending == 2 && r.flags == 0);
        assert_true(str_same(r.summary, STR("a@b\nc@d")));
        assert_true(spool_owns(w.sp, id));
        assert_int_equal(spool_count(w.sp), i + 1);
    }
    w.n = 0;
    assert_int_equal(spool_list(w.sp, (struct msg_id){ "" }, 500, note_row, NULL), 7);
    for (size_t i = 1; i < 7; i++)
        assert_true(strcmp(w.rows[i - 1].s, w.rows[i].s) < 0);
    w.n = 0;
    assert_int_equal(spool_list(w.sp, w.rows[4], 1, note_row, NULL), 1);
    assert_string_equal(w.rows[0].s, w.row.id.s);
}

static void a_draft_can_be_looked_at_and_dropped(void **state)
{
    static const size_t sizes[] = { 1000, 500000 };
    char part[300];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct draft *d = draft(sizes[k]);

        assert_int_equal(draft_size(d), sizes[k]);
        for (uint64_t at = 0; at < sizes[k]; at += sizes[k] / 7 + 1) {
            size_t n = draft_peek(d, at, part, sizeof part), want = sizes[k] - at < sizeof part ? sizes[k] - at : sizeof part;

            assert_int_equal(n, want);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(part[i], byte_at(at + i));
        }
        assert_int_equal(draft_peek(d, sizes[k], part, 1), 0);
        draft_drop(d);
    }
    assert_int_equal(spool_count(w.sp), 0);
}

static void the_answer_never_comes_inside_the_call(void **state)
{
    struct msg_id id = give(10, 0, 0);

    (void)state;
    assert_int_equal(w.answers, 0);
    wait_answers(1);
    spool_update(w.sp, id, &(struct spool_state){ .gone = true }, answered, NULL);
    assert_int_equal(w.answers, 0);
    wait_answers(1);
}

static void a_state_replaces_the_one_before(void **state)
{
    struct msg_id id = put(100, 50, 0);
    struct spool_msg m;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(update(id, (struct spool_state){ .next_try = 60 + i, .flags = SPOOL_BOUNCE, .pending = 1, .blob = STR("second state") }), ST_OK);
        assert_int_equal(spool_load(w.sp, id, &w.a, &m, NULL), ST_OK);
        assert_true(m.state.next_try == 60 + i && m.state.flags == SPOOL_BOUNCE && m.state.pending == 1 && str_same(m.state.blob, STR("second state")));
        spool_body_close(m.body);
    }
    assert_int_equal(finish(id), ST_OK);
    assert_int_equal(spool_load(w.sp, id, &w.a, &m, NULL), ST_NONE);
    assert_int_equal(spool_count(w.sp), 0);
    assert_int_equal(finish(id), ST_NONE);
    assert_int_equal(update((struct msg_id){ "no id" }, (struct spool_state){ .gone = true }), ST_NONE);
}

static void an_open_body_outlives_its_message(void **state)
{
    static const size_t sizes[] = { 1000, 400000 };
    struct spool_msg m[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct msg_id id = put(sizes[i], 50, 0);

        assert_int_equal(spool_load(w.sp, id, &w.a, &m[i], NULL), ST_OK);
        assert_int_equal(finish(id), ST_OK);
    }
    for (int i = 0; i < 150; i++)       /* segments go round meanwhile */
        finish(put(30000, 0, 0));
    for (int i = 0; i < 2; i++) {
        assert_true(body_is(m[i].body, sizes[i]));
        spool_body_close(m[i].body);
    }
}

static void due_rows_come_in_order_without_frozen_held_and_busy_ones(void **state)
{
    struct msg_id late = put(1, 300, 0), first = put(1, -100, 0), second = put(1, 200, 0), frozen = put(1, 10, SPOOL_FROZEN);

    (void)state;
    put(1, 10, SPOOL_HELD);
    assert_true(spool_next_due(w.sp) == -100);
    assert_int_equal(due(250, 10), 2);
    assert_string_equal(w.rows[0].s, first.s);
    assert_string_equal(w.rows[1].s, second.s);
    assert_int_equal(due(250, 1), 1);
    assert_string_equal(w.rows[0].s, first.s);
    w.n = 0;
    assert_int_equal(spool_due(w.sp, 250, 10, is_first_row, note_row, &first), 1);
    assert_string_equal(w.rows[0].s, second.s);
    assert_int_equal(update(frozen, (struct spool_state){ .next_try = 5, .pending = 1 }), ST_OK);
    assert_int_equal(update(first, (struct spool_state){ .next_try = 5, .flags = SPOOL_FROZEN, .pending = 1 }), ST_OK);
    assert_int_equal(finish(second), ST_OK);
    assert_int_equal(due(1000, 10), 2);
    assert_string_equal(w.rows[0].s, frozen.s);
    assert_string_equal(w.rows[1].s, late.s);
    finish(frozen);
    finish(late);
    assert_true(spool_next_due(w.sp) == INT64_MAX);
}

static void end_one(void *ctx, const struct spool_row *r)
{
    (void)ctx;
    spool_update(w.sp, r->id, &(struct spool_state){ .gone = true }, answered, NULL);
    assert_true(spool_count(w.sp) > 0);
}

static void rows_may_be_ended_while_they_are_given(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++)
        put(1, i, 0);
    assert_int_equal(spool_due(w.sp, 1000, 1000, NULL, end_one, NULL), 150);
    wait_answers(150);
    assert_int_equal(spool_count(w.sp), 0);
}

/* ---- the disk alone */

static void everything_is_there_after_opening_again_with_index_and_without(void **state)
{
    struct msg_id id[4] = { put(100, 50, 0), put(300000, 60, SPOOL_FROZEN), put(9000, 70, 0), put(5, 80, 0) };
    char path[128];

    (void)state;
    update(id[2], (struct spool_state){ .next_try = 99, .flags = SPOOL_HELD, .pending = 1, .blob = STR("new") });
    finish(id[3]);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            close_spool();
            snprintf(path, sizeof path, "%s/shard-001/index.mdb", w.dir);
            assert_int_equal(truncate(path, 20000), 0);
            assert_int_equal(open_disk(NULL), ST_OK);
        } else {
            reopen();
        }
        assert_int_equal(spool_count(w.sp), 3);
        must_load(id[0], 100);
        must_load(id[1], 300000);
        must_load(id[2], 9000);
        assert_true(spool_row_get(w.sp, id[2], &w.row, &w.a) && w.row.next_try == 99 && w.row.flags == SPOOL_HELD && w.row.pending == 1);
        assert_true(spool_row_get(w.sp, id[1], &w.row, &w.a) && w.row.flags == SPOOL_FROZEN);
        assert_false(spool_row_get(w.sp, id[3], &w.row, &w.a));
        assert_string_equal(w.alerts, "");
    }
    assert_true(strcmp(put(1, 0, 0).s + 7, id[3].s + 7) > 0);
}

static int child_peek(struct msg_id id)
{
    struct spool *sp;
    struct spool_msg m;
    struct why why;

    if (spool_peek(w.dir, &sp, &why) != ST_OK)
        return 10;
    if (spool_count(sp) != 2 || spool_load(sp, id, &w.a, &m, &why) != ST_OK || !body_is(m.body, 5000))
        return 11;
    spool_body_close(m.body);
    w.n = 0;
    if (spool_list(sp, (struct msg_id){ "" }, 10, note_row, NULL) != 2 || spool_take(sp, 1, &why) == ST_OK)
        return 12;
    spool_close(sp);
    return 0;
}

static int in_child(int (*fn)(struct msg_id id), struct msg_id id)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(fn(id));
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void it_can_be_looked_at_running_stopped_and_without_an_index(void **state)
{
    struct msg_id id = put(5000, 1, 0);
    char path[128];

    (void)state;
    put(1, 1, 0);
    assert_int_equal(spool_count(w.sp), 2);     /* another process does not wait for the index */
    assert_int_equal(in_child(child_peek, id), 0);
    close_spool();
    assert_int_equal(in_child(child_peek, id), 0);
    snprintf(path, sizeof path, "%s/shard-001/index.mdb", w.dir);
    unlink(path);
    assert_int_equal(in_child(child_peek, id), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(open_disk(NULL), ST_OK);
}

static int child_take(struct msg_id id)
{
    struct spool_config c = { .dir = w.dir };
    struct spool *sp;
    struct why why;
    enum status st;

    (void)id;
    if (spool_open(w.l, &c, &sp, &why) != ST_OK)
        return 20;
    st = spool_take(sp, 1, &why);
    return st == ST_AGAIN && strstr(why.text, "in use by another process") ? 0 : 21;
}

static void one_shard_has_one_holder(void **state)
{
    (void)state;
    assert_int_equal(in_child(child_take, (struct msg_id){ "" }), 0);
}

static void shards_are_taken_released_and_removed_and_ids_go_on(void **state)
{
    struct msg_id one = put(10, 5, 0), two, again;
    unsigned list[10];
    struct why why;

    (void)state;
    assert_int_equal(spool_take(w.sp, 2, &why), ST_OK);
    spool_set_home(w.sp, 1, false);
    spool_set_home(w.sp, 2, true);
    two = put(20, 4, 0);
    assert_int_equal(memcmp(two.s + 7, "02", 2), 0);
    assert_int_equal(spool_count(w.sp), 2);
    assert_int_equal(due(10, 10), 2);
    assert_string_equal(w.rows[0].s, two.s);
    w.n = 0;
    assert_int_equal(spool_list(w.sp, one, 10, note_row, NULL), 1);
    assert_string_equal(w.rows[0].s, two.s);
    assert_int_equal(spool_remove_shard(w.sp, 1, &why), ST_AGAIN);
    spool_release(w.sp, 1);
    assert_int_equal(spool_count(w.sp), 1);
    assert_false(spool_owns(w.sp, one));
    assert_int_equal(spool_take(w.sp, 1, &why), ST_OK);
    must_load(one, 10);
    finish(one);
    assert_int_equal(spool_remove_shard(w.sp, 1, &why), ST_OK);
    assert_int_equal(spool_shards(w.dir, list, 10), 1);
    assert_int_equal(list[0], 2);
    assert_int_equal(spool_take(w.sp, 1, &why), ST_OK);
    spool_set_home(w.sp, 2, false);
    spool_set_home(w.sp, 1, true);
    again = put(1, 0, 0);
    assert_true(strcmp(again.s + 9, one.s + 9) > 0);
}

static void a_drained_backlog_gives_its_segments_back(void **state)
{
    static struct msg_id id[400];
    struct spool_stats s;

    (void)state;
    for (int i = 0; i < 400; i++) {
        id[i] = give(20000, i, 0);
        if (i % 20 == 19)
            wait_answers(20);
    }
    spool_stats(w.sp, &s);
    assert_int_equal(s.commits, 400);
    assert_true(s.segments >= 8);
    assert_true(s.messages == 400 && s.bytes_live > 7000000);
    assert_true(s.flushes < 400);
    for (int i = 0; i < 400; i++)
        if (i % 20)
            spool_update(w.sp, id[i], &(struct spool_state){ .gone = true }, answered, NULL);
    wait_answers(380);
    for (int i = 0; i < 200 && s.segments > 7; i++) {
        usleep(5000);
        spool_stats(w.sp, &s);
    }
    if (s.segments > 7 || s.compactions == 0)
        fail_msg("%d segments, %d compactions, %d bytes live", (int)s.segments, (int)s.compactions, (int)s.bytes_live);
    reopen();
    assert_int_equal(spool_count(w.sp), 20);
    for (int i = 0; i < 400; i += 20)
        must_load(id[i], 20000);
    assert_string_equal(w.alerts, "");
}

/* The place of a message's body on disk, found by its bytes. */
static void spoil_body(const char *file, off_t behind)
{
    char path[128], c;
    int fd;

    snprintf(path, sizeof path, "%s/shard-001/%s", w.dir, file);
    fd = open(path, O_RDWR);
    assert_true(fd >= 0 && pread(fd, &c, 1, behind) == 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, behind), 1);
    close(fd);
}

static void a_damaged_message_is_set_aside_and_others_go_on(void **state)
{
    struct msg_id bad = put(3000, 10, 0), good = put(3000, 20, 0), large = put(300000, 15, 0);
    struct spool_msg m;
    struct why why;
    char part[70000], name[64];

    (void)state;
    spoil_body("segment.000001", WIRE_PAGE + 1000);
    snprintf(name, sizeof name, "body/%s", large.s);
    spoil_body(name, 200000);
    assert_int_equal(spool_load(w.sp, bad, &w.a, &m, &why), ST_NEVER);
    assert_null(m.body);
    must_load(good, 3000);
    assert_int_equal(spool_load(w.sp, large, &w.a, &m, &why), ST_OK);
    assert_int_equal(spool_body_read(m.body, 0, part, 65536), 65536);
    assert_int_equal(spool_body_read(m.body, 199000, part, 2000), -1);
    spool_body_close(m.body);
    for (int i = 0; i < 20; i++)
        loop_turn(w.l, 10);
    assert_non_null(strstr(w.alerts, bad.s));
    assert_non_null(strstr(w.alerts, large.s));
    for (int i = 0; i < 2; i++) {
        assert_true(spool_row_get(w.sp, i ? large : bad, &w.row, &w.a));
        assert_true(w.row.flags == (SPOOL_FROZEN | SPOOL_DAMAGED) && w.row.pending == 2);
    }
    assert_int_equal(due(100, 10), 1);
    assert_string_equal(w.rows[0].s, good.s);
    reopen();
    assert_int_equal(spool_count(w.sp), 3);
    assert_int_equal(due(100, 10), 1);
    assert_int_equal(finish(bad), ST_OK);
}

static void a_segment_without_any_head_is_set_aside_and_its_messages_stay_listed(void **state)
{
    struct msg_id id = put(3000, 10, 0);
    struct spool_msg m;

    (void)state;
    close_spool();
    spoil_body("segment.000001", 20);
    spoil_body("segment.000001", WIRE_PAGE + 20);
    spoil_body("segment.000001", (1 << 20) - WIRE_TAIL + 20);
    assert_int_equal(open_disk(NULL), ST_OK);
    loop_turn(w.l, 20);
    assert_non_null(strstr(w.alerts, "set aside as"));
    assert_int_equal(spool_count(w.sp), 1);
    assert_int_equal(spool_load(w.sp, id, &w.a, &m, NULL), ST_NEVER);
    put(10, 5, 0);
    assert_int_equal(due(7, 10), 1);
}

static void a_spool_of_another_version_is_refused_and_not_touched(void **state)
{
    struct seg_head h;
    char page[WIRE_PAGE], path[128];
    struct why why;
    int fd;

    (void)state;
    put(10, 5, 0);
    close_spool();
    snprintf(path, sizeof path, "%s/shard-001/segment.000001", w.dir);
    fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, page, sizeof page, 0), WIRE_PAGE);
    assert_int_equal(seg_head_get(page, &h), WIRE_OK);
    page[4] = 9;
    page[12] ^= 1;
    assert_int_equal(pwrite(fd, page, sizeof page, 0), WIRE_PAGE);
    assert_int_equal(open_disk(&why), ST_NEVER);
    assert_non_null(strstr(why.text, "another version of Perigee"));
    assert_int_equal(pread(fd, page, sizeof page, 0), WIRE_PAGE);
    assert_int_equal(page[4], 9);
    close(fd);
}

static void below_the_reserve_no_draft_is_begun_but_results_are_kept(void **state)
{
    struct spool_config c = { .dir = w.dir, .segment_size = 1 << 20, .reserve_bytes = UINT64_MAX / 2 };
    struct msg_id id = put(10, 5, 0);
    struct draft *d;
    struct why why;

    (void)state;
    assert_true(spool_has_room(w.sp, 1000));
    assert_false(spool_has_room(w.sp, UINT64_MAX / 2));
    close_spool();
    assert_int_equal(spool_open(w.l, &c, &w.sp, &why), ST_OK);
    assert_int_equal(spool_take(w.sp, 1, &why), ST_OK);
    spool_set_home(w.sp, 1, true);
    assert_int_equal(spool_draft(w.sp, &d, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "reserve"));
    assert_false(spool_has_room(w.sp, 0));
    assert_int_equal(finish(id), ST_OK);
}

static void ids_are_reserved_in_steps_and_none_comes_twice(void **state)
{
    struct id_parts p, last = { 0, 0, 0 };

    (void)state;
    for (int life = 0; life < 3; life++) {
        for (int i = 0; i < 60000; i++) {
            struct draft *d = draft(0);

            assert_true(id_read(draft_id(d), &p));
            assert_true((life == 0 && i == 0) || p.counter > last.counter);
            last = p;
            draft_drop(d);
            if (i % 1000 == 0)
                loop_turn(w.l, 1);
        }
        reopen();
    }
}

static void close_keeps_what_was_given(void **state)
{
    struct msg_id small = give(100, 1, 0), large = give(400000, 1, 0);

    (void)state;
    reopen();
    assert_int_equal(w.answers, 2);
    assert_int_equal(spool_count(w.sp), 2);
    must_load(small, 100);
    must_load(large, 400000);
}

#define DISK(f) cmocka_unit_test_setup_teardown(f, on_disk, end)
#define BOTH(f) cmocka_unit_test_setup_teardown(f, in_memory, end), DISK(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_was_kept_is_loaded_and_listed),
        BOTH(a_draft_can_be_looked_at_and_dropped),
        BOTH(the_answer_never_comes_inside_the_call),
        BOTH(a_state_replaces_the_one_before),
        BOTH(an_open_body_outlives_its_message),
        BOTH(due_rows_come_in_order_without_frozen_held_and_busy_ones),
        BOTH(rows_may_be_ended_while_they_are_given),
        DISK(everything_is_there_after_opening_again_with_index_and_without),
        DISK(it_can_be_looked_at_running_stopped_and_without_an_index),
        DISK(one_shard_has_one_holder),
        DISK(shards_are_taken_released_and_removed_and_ids_go_on),
        DISK(a_drained_backlog_gives_its_segments_back),
        DISK(a_damaged_message_is_set_aside_and_others_go_on),
        DISK(a_segment_without_any_head_is_set_aside_and_its_messages_stay_listed),
        DISK(a_spool_of_another_version_is_refused_and_not_touched),
        DISK(below_the_reserve_no_draft_is_begun_but_results_are_kept),
        DISK(ids_are_reserved_in_steps_and_none_comes_twice),
        DISK(close_keeps_what_was_given),
    };

    return cmocka_run_group_tests_name("the spool", tests, NULL, NULL);
}
