/* wire_spec - what is written is read back, and nothing else is (R2.7) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "spool/crc.h"
#include "spool/id.h"
#include "spool/wire.h"

/* RFC 3720 B.4 has the first four. */
static void sums_are_crc32c_by_table_and_by_processor(void **state)
{
    static const struct { const char *text; int fill; size_t n; uint32_t sum; } rows[] = {
        { NULL, 0, 32, 0x8a9136aa }, { NULL, 0xff, 32, 0x62a8ab43 }, { "123456789", 0, 9, 0xe3069283 }, { "", 0, 0, 0 },
    };
    unsigned char b[20000];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(b, rows[i].fill, rows[i].n);
        if (rows[i].text)
            memcpy(b, rows[i].text, rows[i].n);
        assert_int_equal(crc32c(0, b, rows[i].n), rows[i].sum);
        assert_int_equal(crc32c_plain(0, b, rows[i].n), rows[i].sum);
    }
    for (size_t i = 0; i < sizeof b; i++)
        b[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t n = 0; n < sizeof b; n += n < 40 ? 1 : 997) {
        assert_int_equal(crc32c(0, b, n), crc32c_plain(0, b, n));
        assert_int_equal(crc32c(crc32c(0, b, n / 3), b + n / 3, n - n / 3), crc32c(0, b, n));
    }
}

static void ids_have_exims_form_and_sort_by_time(void **state)
{
    static const struct { struct id_parts p; const char *text; } rows[] = {
        { { 0, 0, 0 }, "000000-000000-00" },
        { { 1, 1, 1 }, "000001-010000-01" },
        { { 61, 62, 61 }, "00000z-0z0000-10" },
        { { ID_BASE6 - 1, ID_BASE6 - 1, 62 * 62 - 1 }, "zzzzzz-zzzzzz-zz" },
        { { 1795272421, 3844, 62 }, "1xUmMn-100001-00" },
    };
    static const char *const bad[] = { "", "1xUmMn-100001-0", "1xUmMn_100001-00", "1xUmMn-100001000", "1xUmM/-100001-00", "1xUmMn-1000 1-00" };
    struct id_parts p;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg_id id = id_make(rows[i].p);

        assert_string_equal(id.s, rows[i].text);
        assert_true(id_read(id, &p));
        assert_true(p.time == rows[i].p.time && p.counter == rows[i].p.counter && p.shard == rows[i].p.shard);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct msg_id id = { "" };

        memcpy(id.s, bad[i], strlen(bad[i]));
        assert_false(id_read(id, &p));
    }
    for (uint64_t n = 0; n < 100000; n += 61)
        assert_true(strcmp(id_make((struct id_parts){ 7, n, 3 }).s, id_make((struct id_parts){ 7, n + 1, 3 }).s) < 0);
}

static const struct seg_head a_head = { .shard = 7, .gen = 12, .tag = 0x1122334455667788, .size = 1 << 20, .ids_limit = 300000, .free = true };
static const struct seg_foot a_foot = { .gen = 12, .tag = 99, .dir_at = 8192, .dir_len = 720, .dir_crc = 0xdeadbeef };
static const struct rec a_rec = {
    .type = REC_MESSAGE, .large = false, .gen = 5, .tag = 77, .id = { 1795272421, 41, 7 },
    .meta_len = 100, .body_len = 4000, .meta_crc = 1, .origin = 2, .born = 3, .group = 9,
};

static void no_bit_of_head_foot_or_record_can_change_unseen(void **state)
{
    char page[WIRE_PAGE], rec[REC_HEAD];
    struct seg_head h;
    struct seg_foot f;
    struct rec r;

    (void)state;
    seg_head_put(&a_head, page);
    assert_int_equal(seg_head_get(page, &h), WIRE_OK);
    assert_true(h.shard == 7 && h.gen == 12 && h.tag == a_head.tag && h.size == a_head.size && h.ids_limit == 300000 && h.free);
    for (int bit = 0; bit < 64 * 8; bit++) {
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(seg_head_get(page, &h), WIRE_DAMAGED);
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
    }
    seg_foot_put(&a_foot, page);
    assert_int_equal(seg_foot_get(page, &f), WIRE_OK);
    assert_true(f.gen == 12 && f.tag == 99 && f.dir_at == 8192 && f.dir_len == 720 && f.dir_crc == 0xdeadbeef);
    for (int bit = 0; bit < 64 * 8; bit++) {
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(seg_foot_get(page, &f), WIRE_DAMAGED);
        page[bit / 8] = (char)(page[bit / 8] ^ 1 << bit % 8);
    }
    rec_put(&a_rec, rec);
    assert_int_equal(rec_get(rec, &r), WIRE_OK);
    assert_true(r.type == REC_MESSAGE && r.gen == 5 && r.tag == 77 && id_cmp(r.id, a_rec.id) == 0 && r.meta_len == 100
                && r.body_len == 4000 && r.meta_crc == 1 && r.origin == 2 && r.born == 3 && r.group == 9 && !r.gone && !r.large);
    assert_int_equal(rec_size(&r), 4176);
    for (int bit = 0; bit < REC_HEAD * 8; bit++) {
        rec[bit / 8] = (char)(rec[bit / 8] ^ 1 << bit % 8);
        assert_int_equal(rec_get(rec, &r), WIRE_DAMAGED);
        rec[bit / 8] = (char)(rec[bit / 8] ^ 1 << bit % 8);
    }
}

static void another_version_is_not_taken_for_damage(void **state)
{
    char page[WIRE_PAGE];
    struct seg_head h;

    (void)state;
    seg_head_put(&a_head, page);
    page[4] = WIRE_VERSION + 1;
    page[12] ^= 1;      /* a later form has its checksum, and whatever else, elsewhere */
    assert_int_equal(seg_head_get(page, &h), WIRE_VERSION_OTHER);
    memset(page, 0, sizeof page);
    assert_int_equal(seg_head_get(page, &h), WIRE_EMPTY);
}

/* Values that a checksum would let pass. */
static void a_record_out_of_range_is_damaged(void **state)
{
    struct { const char *what; struct rec r; } rows[] = {
        { "no type", a_rec }, { "a type too many", a_rec }, { "text too long", a_rec }, { "a time beyond ids", a_rec },
        { "an end that is a message", a_rec }, { "a large body inside", a_rec }, { "a state with a body", a_rec },
    };
    char rec[REC_HEAD];
    struct rec r;

    (void)state;
    rows[0].r.type = (enum rec_type)0;
    rows[1].r.type = (enum rec_type)(REC_IDS + 1);
    rows[2].r.meta_len = REC_META_MAX + 1;
    rows[3].r.id.time = ID_BASE6;
    rows[4].r.gone = true;
    rows[5].r.large = true;
    rows[6].r.type = REC_STATE;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        rec_put(&rows[i].r, rec);
        if (rec_get(rec, &r) != WIRE_DAMAGED)
            fail_msg("%s was read", rows[i].what);
    }
}

static void a_meta_cut_anywhere_is_refused(void **state)
{
    struct meta m = {
        .received = -5, .next_try = INT64_MAX, .flags = 3, .pending = 9, .body_size = 70000,
        .envelope = STR("env"), .header = STR("Subject: x\r\n"), .blob = STR(""), .summary = STR("a@b\nc@d"),
    }, out;
    struct buf b = { 0 };
    struct str s;

    (void)state;
    meta_put(&m, &b);
    meta_set_sum(b.mem + b.at, 1, 0xabcdef01);
    s = buf_str(&b);
    assert_true(meta_get(s, &out));
    assert_true(out.received == -5 && out.next_try == INT64_MAX && out.flags == 3 && out.pending == 9 && out.body_size == 70000);
    assert_true(str_same(out.envelope, m.envelope) && str_same(out.header, m.header) && str_same(out.summary, m.summary) && out.blob.n == 0);
    assert_int_equal(out.sums.n, 8);
    assert_int_equal(meta_sum(&out, 1), 0xabcdef01);
    for (size_t n = 0; n < s.n; n++)
        assert_false(meta_get(str_head(s, n), &out));
    for (size_t i = 26; i < 52; i++) {      /* every length in it */
        b.mem[b.at + i] ^= 0x40;
        assert_false(meta_get(s, &out));
        b.mem[b.at + i] ^= 0x40;
    }
    buf_free(&b);
}

static void a_directory_cut_anywhere_gives_only_whole_entries(void **state)
{
    struct entry e = {
        .type = REC_STATE, .gone = true, .at = 4096, .len = 96, .origin = 3, .born = 2, .id = { 9, 10, 3843 },
        .received = 1, .next_try = -2, .size = 3, .flags = 4, .pending = 5, .summary = STR("who"),
    }, out;
    struct buf b = { 0 };

    (void)state;
    entry_put(&e, &b);
    entry_put(&e, &b);
    for (size_t n = 0; n <= b.n; n++) {
        struct str s = str_head(buf_str(&b), n);
        size_t got = 0;

        while (entry_get(&s, &out))
            got++;
        assert_int_equal(got, n / entry_size(&e));
    }
    assert_true(out.type == REC_STATE && out.gone && !out.large && out.at == 4096 && out.len == 96 && out.origin == 3 && out.born == 2
                && out.id.time == 9 && out.id.counter == 10 && out.id.shard == 3843 && out.received == 1 && out.next_try == -2 && out.size == 3 && out.flags == 4
                && out.pending == 5 && str_same(out.summary, STR("who")));
    buf_free(&b);
}

static void a_state_has_a_summary_only_where_it_was_moved(void **state)
{
    struct state_meta m = { .next_try = 7, .flags = 3, .pending = 2, .blob = STR_INIT("blob") }, out;
    struct buf b = { 0 };

    (void)state;
    state_put(&m, &b);
    assert_true(state_get(buf_str(&b), &out));
    assert_true(out.summary.n == 0 && str_same(out.blob, m.blob) && out.flags == 3 && out.next_try == 7 && out.pending == 2);
    buf_clear(&b);
    m.summary = STR("a@there.example\tnight");
    state_put(&m, &b);
    assert_true(state_get(buf_str(&b), &out));
    assert_true(str_same(out.summary, m.summary) && str_same(out.blob, m.blob) && out.flags == 3);
    for (size_t n = 0; n < STATE_HEAD + 1 + m.summary.n; n++)      /* cut anywhere before the blob */
        assert_false(state_get(str_head(buf_str(&b), n), &out));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_has_a_summary_only_where_it_was_moved),
        cmocka_unit_test(sums_are_crc32c_by_table_and_by_processor),
        cmocka_unit_test(ids_have_exims_form_and_sort_by_time),
        cmocka_unit_test(no_bit_of_head_foot_or_record_can_change_unseen),
        cmocka_unit_test(another_version_is_not_taken_for_damage),
        cmocka_unit_test(a_record_out_of_range_is_damaged),
        cmocka_unit_test(a_meta_cut_anywhere_is_refused),
        cmocka_unit_test(a_directory_cut_anywhere_gives_only_whole_entries),
    };

    return cmocka_run_group_tests_name("the spool's form on disk", tests, NULL, NULL);
}
