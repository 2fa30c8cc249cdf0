#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "engine/logjson.h"

enum { LONG = 100000, LINE_MOST = 60000 };

static struct str whole(struct buf *b)
{
    struct buf o = { 0 };

    buf_addf(&o, "{%.*s}", STR_ARG(buf_str(b)));
    buf_free(b);
    *b = o;
    return buf_str(b);
}

static void what_a_stranger_writes_stays_in_its_member(void **state)
{
    static const struct { struct str in; const char *out; } rows[] = {
        { STR_INIT("a\"b\\c"), "a\"b\\c" },
        { STR_INIT("a\",\"event\":\"completion\",\"x\":\""), "a\",\"event\":\"completion\",\"x\":\"" },
        { STR_INIT("a\r\nb"), "a\r\nb" },
        { STR_INIT("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f" },
        { STR_INIT("\xff\xfe"), "\xef\xbf\xbd\xef\xbf\xbd" },
        { STR_INIT("\xc2\x9b" "2J"), "\xc2\x9b" "2J" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct log_delivery d = { .address = rows[i].in, .sender = rows[i].in, .error = rows[i].in };
        struct buf b = { 0 };
        struct arena a = { 0 };
        struct str line, value;

        logjson_delivery(&b, "failure", STR("1xUQe2-0100AB-15"), &d);
        line = whole(&b);
        for (size_t k = 0; k < line.n; k++)
            assert_true((unsigned char)line.p[k] >= 0x20 && line.p[k] != 0x7f);
        assert_true(json_get(&a, line, "event", &value) && str_same(value, STR("failure")));
        assert_true(json_get(&a, line, "recipient", &value) && str_same(value, str_of(rows[i].out)));
        assert_true(json_get(&a, line, "error", &value) && str_same(value, str_of(rows[i].out)));
        assert_false(json_get(&a, line, "x", &value));
        arena_free(&a);
        buf_free(&b);
    }
}

static struct str much(char *room, const char *unit)
{
    size_t n = strlen(unit);

    for (size_t i = 0; i + n <= LONG; i += n)
        memcpy(room + i, unit, n);
    return (struct str){ room, LONG / n * n };
}

static void an_object_is_bounded_whatever_comes(void **state)
{
    static char room[LONG];
    static const char *const units[] = { "\xff", "x", "\xe2\x82\xac" };
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        struct str s = much(room, units[i]), value;
        struct at_host host = { .name = s };
        struct log_delivery d = {
            .address = s, .original = s, .sender = s, .return_path = s, .router = s, .transport = s, .queue = s, .shown = s,
            .confirmation = s, .error = s, .host = &host,
        };
        struct conn c;
        struct txn *t;
        struct arena a = { 0 };
        struct buf b = { 0 };

        logjson_delivery(&b, "delivery", STR("id"), &d);
        assert_in_range(whole(&b).n, 1000, LINE_MOST);
        assert_true(json_get(&a, buf_str(&b), "sender", &value));
        if (i == 2)
            assert_int_equal(value.n, 510);     /* not in the middle of a character */
        buf_free(&b);

        conn_init(&c);
        c.helo = c.host_name = c.ident = c.auth_id = s;
        t = txn_new(&c);
        t->sender = t->protocol = t->queue_name = s;
        for (int n = 0; n < 1000; n++)
            txn_add_rcpt(t, str_head(s, 300));
        logjson_arrival(&b, STR("id"), t, s);
        assert_in_range(whole(&b).n, 1000, LINE_MOST);
        assert_true(json_get(&a, buf_str(&b), "recipients_count", &value) && str_same(value, STR("1000")));
        assert_true(json_get(&a, buf_str(&b), "receive_ms", &value));
        buf_free(&b);

        logjson_refused(&b, &(struct log_refusal){ .conn = &c, .t = t, .error = s, .reply = s });
        assert_in_range(whole(&b).n, 1000, LINE_MOST);
        assert_true(json_get(&a, buf_str(&b), "reply", &value));
        buf_free(&b);
        txn_free(t);
        conn_free(&c);
        arena_free(&a);
    }
}

static void times_are_of_rfc_3339(void **state)
{
    struct buf b = { 0 };
    (void)state;

    logjson_time(&b, 1772600767123456);
    assert_true(str_same(buf_str(&b), STR("2026-03-04T05:06:07.123Z")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_stranger_writes_stays_in_its_member),
        cmocka_unit_test(an_object_is_bounded_whatever_comes),
        cmocka_unit_test(times_are_of_rfc_3339),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
