/* segment_spec - a segment is written, sealed, searched and used again */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "spool/crc.h"
#include "spool/id.h"
#include "spool/ops.h"
#include "spool/scan.h"

enum { SIZE = 256 << 10 };
static struct { char dir[64]; int dirfd; struct segment *s; } w;

static int begin(void **state)
{
    struct seg_head h = { .shard = 1, .gen = 4, .tag = 0xfeedfacecafe };

    (void)state;
    strcpy(w.dir, "/tmp/perigee-segment.XXXXXX");
    if (!mkdtemp(w.dir))
        return -1;
    w.dirfd = open(w.dir, O_RDONLY | O_DIRECTORY);
    return segment_create(w.dirfd, 1, SIZE, &w.s, NULL) || segment_begin(w.s, &h, NULL);
}

static int end(void **state)
{
    (void)state;
    segment_close(w.s);
    unlinkat(w.dirfd, "segment.000001", 0);
    close(w.dirfd);
    return rmdir(w.dir);
}

/* A message of n body bytes as it stands in a segment. */
static void put_record(struct buf *out, uint64_t counter, struct str body, struct seg_head h, uint32_t group)
{
    struct meta m = { .body_size = body.n, .pending = 1, .envelope = STR("e"), .header = STR("h"), .summary = STR("s") };
    struct rec r = { .type = REC_MESSAGE, .gen = h.gen, .tag = h.tag, .id = { 1, counter, 0 }, .group = group, .body_len = (uint32_t)body.n };
    struct buf meta = { 0 };
    char head[REC_HEAD];
    struct str rest = body;

    meta_put(&m, &meta);
    for (uint32_t i = 0; rest.n; i++) {
        struct str part = str_head(rest, WIRE_CHUNK);

        meta_set_sum(meta.mem + meta.at, i, crc32c(0, part.p, part.n));
        rest = str_from(rest, part.n);
    }
    r.meta_len = (uint32_t)meta.n;
    r.meta_crc = crc32c(0, buf_str(&meta).p, meta.n);
    rec_put(&r, head);
    buf_add(out, (struct str){ head, sizeof head });
    buf_add(out, buf_str(&meta));
    buf_add(out, body);
    while (out->n % WIRE_ALIGN)
        buf_byte(out, '\0');
    buf_free(&meta);
}

static void write_group(struct buf *b)
{
    uint64_t n;

    while (b->n % WIRE_PAGE)
        buf_byte(b, '\0');
    n = b->n;
    assert_int_equal(segment_write(w.s, &(struct iovec){ b->mem + b->at, b->n }, 1, n, NULL), ST_OK);
    assert_int_equal(segment_flush(w.s, n, NULL), ST_OK);
    buf_clear(b);
}

static struct str body_of(size_t n)
{
    static char b[100000];

    memset(b, 'b', sizeof b);
    return (struct str){ b, n };
}

/* Groups of 3, 1 and 2 messages; 6 in all, at known places. */
static uint64_t six(void)
{
    struct buf b = { 0 };
    uint64_t last;

    put_record(&b, 1, body_of(100), w.s->head, w.s->group);
    put_record(&b, 2, body_of(5000), w.s->head, w.s->group);
    put_record(&b, 3, body_of(0), w.s->head, w.s->group);
    write_group(&b);
    put_record(&b, 4, body_of(70000), w.s->head, w.s->group);
    write_group(&b);
    last = w.s->at;
    put_record(&b, 5, body_of(200), w.s->head, w.s->group);
    put_record(&b, 6, body_of(9000), w.s->head, w.s->group);
    write_group(&b);
    buf_free(&b);
    return last;
}

/* Counters found, as digits. */
static const char *found_in(uint64_t from, struct scan_found *f)
{
    static char text[64];
    struct buf dir = { 0 };
    struct str s;
    struct entry e;
    size_t n = 0;

    scan_segment(w.s, from, &dir, f);
    s = buf_str(&dir);
    while (entry_get(&s, &e))
        text[n++] = e.flags & SPOOL_DAMAGED ? 'x' : (char)('0' + e.id.counter);
    text[n] = '\0';
    buf_free(&dir);
    return text;
}

static void every_record_is_found_from_the_start_and_from_any_group(void **state)
{
    struct scan_found f;
    uint64_t last = six();

    (void)state;
    assert_string_equal(found_in(WIRE_PAGE, &f), "123456");
    assert_int_equal(f.end, w.s->at);
    assert_int_equal(f.group, w.s->group);
    assert_string_equal(found_in(last, &f), "56");
}

static void flip(uint64_t at)
{
    char c;

    assert_int_equal(pread(w.s->fd, &c, 1, (off_t)at), 1);
    c = (char)(c ^ 4);
    assert_int_equal(pwrite(w.s->fd, &c, 1, (off_t)at), 1);
}

/* Whatever byte of the first group is damaged: the groups behind are found,
 * and no record is made up. */
static void damage_hides_nothing_behind_it(void **state)
{
    struct scan_found f;

    (void)state;
    six();
    for (uint64_t at = WIRE_PAGE; at < WIRE_PAGE + 5600; at += 7) {
        const char *got;

        flip(at);
        got = found_in(WIRE_PAGE, &f);
        if (!strstr(got, "456") || strlen(got) < 5)
            fail_msg("damage at %d left only %s", (int)at, got);
        for (const char *c = got; *c; c++)
            assert_true(*c == 'x' || (*c >= '1' && *c <= '6'));
        flip(at);
    }
}

/* What a crash leaves of the last group: any part of it. */
static void a_torn_last_group_is_left_out(void **state)
{
    struct scan_found f;
    uint64_t last = six(), end_at = w.s->at;

    (void)state;
    for (uint64_t cut = end_at - WIRE_PAGE; cut >= last; cut -= WIRE_PAGE) {
        static const char zero[WIRE_PAGE];
        const char *got;

        assert_int_equal(pwrite(w.s->fd, zero, sizeof zero, (off_t)cut), WIRE_PAGE);
        got = found_in(WIRE_PAGE, &f);
        assert_true(!strncmp(got, "1234", 4) && !strchr(got, 'x'));
        if (cut == last)
            assert_string_equal(got, "1234");
    }
}

static void an_answered_message_whose_body_rotted_stays_visible(void **state)
{
    struct scan_found f;

    (void)state;
    six();
    flip(WIRE_PAGE + REC_HEAD + 59 + 50);       /* in the body of the first */
    assert_string_equal(found_in(WIRE_PAGE, &f), "123456");
    assert_int_equal(f.damaged, 1);
    assert_int_equal(f.torn, 0);
}

static void records_of_an_earlier_use_are_never_found(void **state)
{
    struct seg_head h = { .shard = 1, .gen = 9, .tag = 0x1234 };
    struct buf b = { 0 };
    struct scan_found f;

    (void)state;
    six();
    assert_int_equal(segment_mark_free(w.s, NULL), ST_OK);
    assert_int_equal(segment_begin(w.s, &h, NULL), ST_OK);
    assert_string_equal(found_in(WIRE_PAGE, &f), "");
    put_record(&b, 7, body_of(10), w.s->head, w.s->group);
    write_group(&b);
    assert_string_equal(found_in(WIRE_PAGE, &f), "7");
    buf_free(&b);
}

/* A client may send what looks like a record. It cannot know the tag. */
static void a_record_in_a_body_is_never_found(void **state)
{
    struct seg_head guess = w.s->head;
    struct buf forged = { 0 }, b = { 0 };
    struct scan_found f;
    char *pages = calloc(8, WIRE_PAGE);

    (void)state;
    guess.tag = 1;
    put_record(&forged, 8, body_of(10), guess, 1);
    for (int i = 0; i < 8; i++)
        memcpy(pages + i * WIRE_PAGE, forged.mem + forged.at, forged.n);
    put_record(&b, 1, (struct str){ pages, 8 * WIRE_PAGE }, w.s->head, w.s->group);
    write_group(&b);
    put_record(&b, 2, body_of(10), w.s->head, w.s->group);
    write_group(&b);
    assert_string_equal(found_in(WIRE_PAGE, &f), "12");
    flip(WIRE_PAGE);                    /* the header before the body: a search goes through the body */
    assert_string_equal(found_in(WIRE_PAGE, &f), "2");
    buf_free(&forged);
    buf_free(&b);
    free(pages);
}

static void reopen(enum status want, enum seg_use use)
{
    enum wire_read read;
    struct segment *s;
    struct why why;

    assert_int_equal(segment_open(w.dirfd, 1, false, &s, &read, &why), want);
    if (want != ST_OK)
        return;
    assert_int_equal(s->use, use);
    if (use != SEG_FREE)
        assert_int_equal(s->head.gen, 4);
    segment_close(s);
}

static void a_sealed_segment_gives_its_directory_back(void **state)
{
    struct entry e = { .type = REC_MESSAGE, .at = 4096, .len = 96, .id = { 1, 1, 0 }, .summary = STR("x") }, out;
    struct buf b = { 0 };
    struct str s;

    (void)state;
    six();
    reopen(ST_OK, SEG_ACTIVE);
    entry_put(&e, &w.s->dir);
    assert_int_equal(segment_seal(w.s, NULL), ST_OK);
    reopen(ST_OK, SEG_SEALED);
    assert_int_equal(segment_dir(w.s, &b, NULL), ST_OK);
    s = buf_str(&b);
    assert_true(entry_get(&s, &out) && out.at == 4096 && !entry_get(&s, &out));
    flip(w.s->at + 8);
    assert_int_equal(segment_dir(w.s, &b, NULL), ST_NEVER);
    buf_free(&b);
}

static void one_head_is_enough_and_the_first_record_too(void **state)
{
    (void)state;
    six();
    flip(20);
    reopen(ST_OK, SEG_ACTIVE);
    flip(SIZE - WIRE_TAIL + 20);
    reopen(ST_OK, SEG_ACTIVE);
    flip(WIRE_PAGE + 20);
    reopen(ST_NEVER, SEG_ACTIVE);
}

static void another_version_is_refused(void **state)
{
    char page[WIRE_PAGE], after[WIRE_PAGE];
    enum wire_read read;
    struct segment *s;
    struct why why;

    (void)state;
    seg_head_put(&w.s->head, page);
    page[4] = WIRE_VERSION + 1;
    page[12] ^= 1;
    assert_int_equal(pwrite(w.s->fd, page, sizeof page, 0), WIRE_PAGE);
    assert_int_equal(segment_open(w.dirfd, 1, false, &s, &read, &why), ST_NEVER);
    assert_int_equal(read, WIRE_VERSION_OTHER);
    assert_non_null(strstr(why.text, "another version of Perigee"));
    assert_int_equal(pread(w.s->fd, after, sizeof after, 0), WIRE_PAGE);
    assert_memory_equal(page, after, WIRE_PAGE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_record_is_found_from_the_start_and_from_any_group),
        CASE(damage_hides_nothing_behind_it),
        CASE(a_torn_last_group_is_left_out),
        CASE(an_answered_message_whose_body_rotted_stays_visible),
        CASE(records_of_an_earlier_use_are_never_found),
        CASE(a_record_in_a_body_is_never_found),
        CASE(a_sealed_segment_gives_its_directory_back),
        CASE(one_head_is_enough_and_the_first_record_too),
        CASE(another_version_is_refused),
    };

    return cmocka_run_group_tests_name("segments", tests, NULL, NULL);
}
