#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/map.h"
#include "base/rnd.h"
#include "base/val.h"
#include "base/why.h"

#define assert_str(s, z) do { \
    struct str got_ = (s); \
    assert_int_equal(got_.n, strlen(z)); \
    assert_memory_equal(got_.p, z, got_.n); \
} while (0)

/* ---- str */

static void finding_and_cutting(void **state)
{
    struct str s = STR("a,b,,c"), head, rest = s;
    static const char *const parts[] = { "a", "b", "", "c" };
    (void)state;

    assert_int_equal(str_find(s, ','), 1);
    assert_int_equal(str_rfind(s, ','), 4);
    assert_true(str_find(s, 'x') == SIZE_MAX);
    assert_int_equal(str_find_str(s, STR(",,")), 3);
    assert_true(str_find_str(STR("ab"), STR("abc")) == SIZE_MAX);
    for (size_t i = 0; i < 4; i++) {
        assert_true(str_cut(&rest, ',', &head));
        assert_str(head, parts[i]);
    }
    assert_false(str_cut(&rest, ',', &head));
    assert_str(str_trim(STR(" \t x y\r\n")), "x y");
    assert_str(str_trim(STR(" \r\n")), "");
    assert_str(str_from(s, 99), "");
    assert_true(str_starts_fold(STR("MAIL FROM"), STR("mail")));
    assert_true(str_ends_fold(STR("a.EXAMPLE"), STR(".example")));
    assert_false(str_same_fold(STR("\xc3\x84"), STR("\xc3\xa4")));     /* ASCII only */
    assert_true(str_cmp(STR("ab"), STR("abc")) < 0);
}

static const struct { const char *text; uint64_t max; bool ok; uint64_t value; } numbers[] = {
    { "0", 10, true, 0 }, { "10", 10, true, 10 }, { "11", 10, false, 0 }, { "", 10, false, 0 },
    { "-1", 10, false, 0 }, { " 1", 10, false, 0 }, { "1x", 10, false, 0 },
    { "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
    { "18446744073709551616", UINT64_MAX, false, 0 }, { "99999999999999999999", UINT64_MAX, false, 0 },
};

static void numbers_are_digits_within_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uint64_t v = 77;

        assert_int_equal(str_u64(str_of(numbers[i].text), numbers[i].max, &v), numbers[i].ok);
        assert_true(v == (numbers[i].ok ? numbers[i].value : 77));
    }
}

/* What may stand in a log line: R9.4. */
static const struct { const char *in, *out; } escapes[] = {
    { "plain", "plain" }, { "a\nb\rc", "a\\012b\\015c" }, { "\x1b[2J", "\\033[2J" }, { "\x7f", "\\177" },
    { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" }, { "\xc2\x9b", "\\302\\233" }, { "\xff", "\\377" },
    { "\xc3", "\\303" }, { "\xc0\x8a", "\\300\\212" }, { "\xed\xa0\x80", "\\355\\240\\200" },
    { "\xe2\x80\xa8", "\\342\\200\\250" }, { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
};

static void control_bytes_are_escaped(void **state)
{
    char out[200];
    (void)state;

    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        assert_str(((struct str){ out, str_escape(str_of(escapes[i].in), out, sizeof out) }), escapes[i].out);
    assert_str(((struct str){ out, str_escape((struct str){ "a\0b", 3 }, out, sizeof out) }), "a\\000b");
    assert_int_equal(str_escape(STR("ab\n"), out, 5), 2);      /* never half an escape */
}

static void a_reason_is_one_printable_line(void **state)
{
    struct why why;
    char longer[2000];
    (void)state;

    assert_int_equal(why_set(&why, ST_NEVER, "a %s\r\nb", "x"), ST_NEVER);
    assert_string_equal(why.text, "a x\\015\\012b");
    memset(longer, '\n', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    why_set(&why, ST_AGAIN, "%s", longer);
    assert_true(strlen(why.text) < WHY_MAX);
    assert_int_equal(why_set(NULL, ST_AGAIN, "nobody reads it"), ST_AGAIN);
}

/* ---- memory */

static void an_arena_grows_and_is_zeroed(void **state)
{
    struct arena a = { 0 };
    (void)state;

    for (size_t n = 1; n < 200000; n = n * 3 + 1) {
        char *p = arena_alloc(&a, n);

        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(*(char *)arena_alloc(&a, 40), 0);
    assert_str(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_int_equal(arena_printf(&a, "%*d", 3000, 1).n, 3000);
    assert_str(arena_lower(&a, STR("AbC\xc3\x84")), "abc\xc3\x84");
    assert_string_equal(arena_z(&a, STR("z")), "z");
    arena_free(&a);
    assert_null(a.blocks);
    arena_free(&a);
}

static void a_buf_is_a_queue(void **state)
{
    struct buf b = { 0 };
    size_t put = 0, got = 0;
    (void)state;

    assert_str(buf_str(&b), "");
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < 50; i++)
            buf_byte(&b, (char)put++);
        while (b.n > 30) {
            assert_int_equal(buf_str(&b).p[0], (char)got);
            buf_drop(&b, 1);
            got++;
        }
    }
    assert_true(b.cap < 1024);
    buf_clear(&b);
    buf_addf(&b, "%0500d", 3);
    assert_int_equal(b.n, 500);
    buf_cut(&b, 3);
    assert_str(buf_str(&b), "000");
    buf_drop(&b, 99);
    assert_int_equal(b.n, 0);
    buf_free(&b);
    assert_null(b.mem);
}

static void a_map_keeps_what_it_is_given(void **state)
{
    struct map *m = map_new();
    char key[32];
    size_t at = 0, seen = 0;
    struct str k;
    void *v;
    (void)state;

    for (uintptr_t i = 1; i <= 1000; i++) {
        snprintf(key, sizeof key, "key%d", (int)i);
        assert_null(map_put(m, str_of(key), (void *)i));
    }
    assert_ptr_equal(map_put(m, STR("key7"), (void *)9999), (void *)7);
    assert_ptr_equal(map_get(m, STR("key7")), (void *)9999);
    assert_null(map_get(m, STR("key")));
    while (map_next(m, &at, &k, &v)) {
        seen++;
        if (seen % 2)
            assert_ptr_equal(map_del(m, k), v);
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(map_count(m), 500);
    for (int i = 0; i < 10000; i++) {       /* marks of deleted entries do not pile up */
        snprintf(key, sizeof key, "x%d", i);
        map_put(m, str_of(key), m);
        map_del(m, str_of(key));
    }
    assert_int_equal(map_count(m), 500);
    map_put(m, (struct str){ "a\0b", 3 }, m);
    assert_null(map_get(m, STR("a")));
    assert_ptr_equal(map_get(m, (struct str){ "a\0b", 3 }), m);
    map_free(m);
}

static void values_survive_the_wire(void **state)
{
    struct arena a = { 0 };
    struct buf b = { 0 };
    struct str items[] = { STR_INIT("one"), STR_INIT(""), STR_INIT("three") };
    const struct val all[] = {
        { .type = VAL_NIL }, { .type = VAL_BOOL, .u.b = true }, { .type = VAL_INT, .u.i = INT64_MIN },
        { .type = VAL_NUM, .u.d = 1.5 }, { .type = VAL_STR, .u.s = { "a\0b", 3 } },
        { .type = VAL_LIST, .u.list = { items, 3 } }, { .type = VAL_LIST },
    };
    struct str in;
    struct val v;
    (void)state;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        val_put(&b, &all[i]);
    in = buf_str(&b);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_true(val_get(&a, &in, &v));
        assert_true(val_same(&v, &all[i]));
        v = val_dup(&a, &v);
        assert_true(val_same(&v, &all[i]));
    }
    assert_int_equal(in.n, 0);
    /* Damaged bytes: every cut and every flipped byte ends in true or false, not elsewhere. */
    for (size_t cut = 0; cut < b.n; cut++) {
        in = str_head(buf_str(&b), cut);
        while (val_get(&a, &in, &v))
            ;
        buf_str(&b);
        b.mem[b.at + cut] = (char)(b.mem[b.at + cut] ^ 0x55);
        in = buf_str(&b);
        for (int n = 0; n < 100 && val_get(&a, &in, &v); n++)
            ;
        b.mem[b.at + cut] = (char)(b.mem[b.at + cut] ^ 0x55);
    }
    buf_free(&b);
    arena_free(&a);
}

/* ---- addresses */

static const struct { const char *in, *out; } ips[] = {
    { "192.0.2.1", "192.0.2.1" }, { "::1", "::1" }, { "::", "::" }, { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
    { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
    { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, { "fe80::", "fe80::" }, { "::ffff:192.0.2.1", "192.0.2.1" },
    { "1.2.3", NULL }, { "1.2.3.256", NULL }, { "01.2.3.4", NULL }, { "", NULL }, { "fe80::1%eth0", NULL },
    { "::1 ", NULL }, { "1:2:3:4:5:6:7:8:9", NULL }, { "[::1]", NULL },
};

static void addresses_read_and_print_in_one_form(void **state)
{
    struct arena a = { 0 };
    struct ip ip;
    (void)state;

    for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
        assert_int_equal(ip_parse(str_of(ips[i].in), &ip), ips[i].out != NULL);
        if (ips[i].out)
            assert_str(ip_text(&a, ip), ips[i].out);
    }
    arena_free(&a);
}

static const struct { const char *ip, *net; unsigned bits; bool in; } nets[] = {
    { "10.1.2.3", "10.0.0.0", 8, true }, { "11.1.2.3", "10.0.0.0", 8, false }, { "10.1.2.3", "0.0.0.0", 0, true },
    { "10.1.2.3", "10.1.2.2", 31, true }, { "10.1.2.3", "10.1.2.2", 32, false }, { "10.1.2.3", "10.1.2.3", 33, false },
    { "2001:db8::1", "2001:db8::", 32, true }, { "2001:db9::1", "2001:db8::", 32, false },
    { "::1", "0.0.0.0", 0, false }, { "2001:db8:7fff::", "2001:db8::", 33, true }, { "2001:db8:8000::", "2001:db8::", 33, false },
};

static void blocks_hold_their_addresses_only(void **state)
{
    struct ip ip, net;
    (void)state;

    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        assert_true(ip_parse(str_of(nets[i].ip), &ip) && ip_parse(str_of(nets[i].net), &net));
        assert_int_equal(ip_in(ip, net, nets[i].bits), nets[i].in);
    }
    assert_true(ip_parse(STR("127.9.9.9"), &ip) && ip_is_loopback(ip));
    assert_true(ip_parse(STR("::1"), &ip) && ip_is_loopback(ip));
    assert_true(ip_parse(STR("128.0.0.1"), &ip) && !ip_is_loopback(ip));
}

/* ---- time and chance */

static const struct { const char *in; int64_t us; } times[] = {
    { "1970-01-01T00:00:00Z", 0 }, { "2026-03-04T05:06:07Z", 1772600767000000 },
    { "2026-03-04t05:06:07.25+01:00", 1772597167250000 }, { "2026-03-04 05:06:07-00:30", 1772602567000000 },
    { "2024-02-29T00:00:00Z", 1709164800000000 },
    { "2026-02-29T00:00:00Z", -1 }, { "2026-13-01T00:00:00Z", -1 }, { "2026-01-01T24:00:00Z", -1 },
    { "2026-01-01T00:00:00", -1 }, { "2026-01-01T00:00:00.Z", -1 }, { "2026-01-01T00:00:00Zx", -1 }, { "", -1 },
};

static void times_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t us = -1;

        assert_int_equal(clock_parse(str_of(times[i].in), &us), times[i].us >= 0);
        assert_true(us == times[i].us);
    }
}

static const struct { const char *in; int64_t s; const char *out; } intervals[] = {
    { "225", 225, "3m45s" }, { "4d6h", 367200, "4d6h" }, { "15m", 900, "15m" }, { "1w2d", 777600, "1w2d" },
    { "0", 0, "0s" }, { "90s", 90, "1m30s" }, { "", -1, NULL }, { "5x", -1, NULL }, { "5m3", -1, NULL },
    { "m", -1, NULL }, { "-5m", -1, NULL }, { "99999999999999999w", -1, NULL },
};

static void intervals_are_read_and_printed(void **state)
{
    struct arena a = { 0 };
    (void)state;

    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        int64_t s = -1;

        assert_int_equal(clock_interval(str_of(intervals[i].in), &s), intervals[i].s >= 0);
        assert_true(s == intervals[i].s);
        if (intervals[i].out)
            assert_str(clock_interval_text(&a, s), intervals[i].out);
    }
    arena_free(&a);
}

static void a_fake_clock_moves_only_when_told(void **state)
{
    struct arena a = { 0 };
    int64_t mono;
    (void)state;

    setenv("TZ", "UTC-1", 1);
    tzset();
    clock_fake(1772600767000000);
    mono = clock_mono_ms();
    assert_str(clock_rfc5322(&a, clock_wall()), "Wed, 04 Mar 2026 06:06:07 +0100");
    clock_step(1500);
    assert_true(clock_wall_us() == 1772600768500000 && clock_mono_ms() == mono + 1500);
    arena_free(&a);
}

static void a_seed_gives_the_same_chance_again(void **state)
{
    char one[40], two[40];
    (void)state;

    rnd_bytes(one, sizeof one);
    rnd_bytes(two, sizeof two);
    assert_memory_not_equal(one, two, sizeof one);
    rnd_seed(0);
    rnd_bytes(one, sizeof one);
    rnd_seed(0);
    rnd_bytes(two, sizeof two);
    assert_memory_equal(one, two, sizeof one);
    for (int i = 0; i < 1000; i++)
        assert_true(rnd_below(7) < 7);
    assert_int_equal(rnd_below(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finding_and_cutting),
        cmocka_unit_test(numbers_are_digits_within_bounds),
        cmocka_unit_test(control_bytes_are_escaped),
        cmocka_unit_test(a_reason_is_one_printable_line),
        cmocka_unit_test(an_arena_grows_and_is_zeroed),
        cmocka_unit_test(a_buf_is_a_queue),
        cmocka_unit_test(a_map_keeps_what_it_is_given),
        cmocka_unit_test(values_survive_the_wire),
        cmocka_unit_test(addresses_read_and_print_in_one_form),
        cmocka_unit_test(blocks_hold_their_addresses_only),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(intervals_are_read_and_printed),
        cmocka_unit_test(a_fake_clock_moves_only_when_told),
        cmocka_unit_test(a_seed_gives_the_same_chance_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
