#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

static const struct { struct str in; const char *out; } texts[] = {
    { STR_INIT("plain"), "\"plain\"" },
    { STR_INIT("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"" },
    { STR_INIT("\0\x7f"), "\"\\u0000\\u007f\"" },
    { STR_INIT("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"" },
    { STR_INIT("\xc2\x9b\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9"), "\"\\u009b\xc2\xa0\\u2028\\u2029\"" },
    { STR_INIT("\xff x"), "\"\\ufffd x\"" },
    { STR_INIT("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"" },
};

static void text_is_escaped_and_always_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf b = { 0 };

        json_text(&b, texts[i].in);
        assert_int_equal(b.n, strlen(texts[i].out));
        assert_memory_equal(buf_str(&b).p, texts[i].out, b.n);
        buf_free(&b);
    }
}

static void members_are_separated(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_byte(&b, '{');
    json_member(&b, "a", STR("x"));
    json_member_int(&b, "n", -5);
    json_member_bool(&b, "t", true);
    buf_byte(&b, '}');
    assert_true(str_same(buf_str(&b), STR("{\"a\":\"x\",\"n\":-5,\"t\":true}")));
    buf_free(&b);
}

static void what_was_written_is_read(void **state)
{
    struct arena a = { 0 };
    struct str object = STR(" {\"verb\":\"queue list\", \"o\":{\"verb\":\"no\"},\"n\":-42,\"yes\":true,\"l\":[\"a\",1,\"\\u00fc\\ud83d\\ude00\"]}");
    struct str v, array;
    int64_t n;

    (void)state;
    assert_true(json_get(&a, object, "verb", &v));
    assert_true(str_same(v, STR("queue list")));
    assert_true(json_get_int(object, "n", &n));
    assert_int_equal(n, -42);
    assert_true(json_get_bool(object, "yes"));
    assert_false(json_get_bool(object, "missing"));
    v = STR("as it was");
    assert_false(json_get(&a, object, "missing", &v));
    assert_true(str_same(v, STR("as it was")));
    assert_true(json_get(&a, object, "l", &array));
    assert_true(json_next(&a, &array, &v) && str_same(v, STR("a")));
    assert_true(json_next(&a, &array, &v) && str_same(v, STR("1")));
    assert_true(json_next(&a, &array, &v) && str_same(v, STR("\xc3\xbc\xf0\x9f\x98\x80")));
    assert_false(json_next(&a, &array, &v));
    arena_free(&a);
}

static void an_object_is_walked(void **state)
{
    struct arena a = { 0 };
    struct str object = STR("{\"a\":1, \"b\":{\"c\":2},\"d\":\"x\\ny\"}"), name, value;

    (void)state;
    assert_true(json_next_member(&a, &object, &name, &value) && str_same(name, STR("a")) && str_same(value, STR("1")));
    assert_true(json_next_member(&a, &object, &name, &value) && str_same(value, STR("{\"c\":2}")));
    assert_true(json_next_member(&a, &object, &name, &value) && str_same(value, STR("x\ny")));
    assert_false(json_next_member(&a, &object, &name, &value));
    object = STR("{}");
    assert_false(json_next_member(&a, &object, &name, &value));
    arena_free(&a);
}

static const char *const damaged[] = {
    "", "{", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":\"\\", "{a:1}", "[1]", "{\"b\":[}", "{\"b\":\"\n\",\"a\":1}",
    "{\"b\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],\"a\":1}",
};

static void damaged_objects_have_no_members(void **state)
{
    struct arena a = { 0 };
    struct str v;

    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++)
        assert_false(json_get(&a, str_of(damaged[i]), "a", &v));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped_and_always_utf8),
        cmocka_unit_test(members_are_separated),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(an_object_is_walked),
        cmocka_unit_test(damaged_objects_have_no_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
