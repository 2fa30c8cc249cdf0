#include "dns/anchor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define DIGEST "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
#define KEY "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="

static const struct { const char *item, *out; } good[] = {
    { ". IN DS 20326 8 2 " DIGEST, ". IN DS \\# 36 4f660802e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n" },
    { "Corp.Example. 3600 DS 1 13 2 aabb", "corp.example. IN DS \\# 6 00010d02aabb\n" },
    { "corp.example. DS 1 13 2 aabb\nother.example. DS 2 13 2 ccdd\n", "corp.example. IN DS \\# 6 00010d02aabb\nother.example. IN DS \\# 6 00020d02ccdd\n" },
    { "corp.example. DNSKEY 257 3 13 " KEY "\ncorp.example. DS 1 13 2 aabb ; was", NULL },
    { "old.example. DNSKEY 385 3 13 " KEY "\ncorp.example. DS 1 13 2 aabb", "corp.example. IN DS \\# 6 00010d02aabb\n" },
};

static const struct { const char *item, *why; } bad[] = {
    { "", "dns_trust_anchors: record: there is no DS or DNSKEY record" },
    { "roots", "dns_trust_anchors: record:1: a type is expected" },
    { "corp.example. A 192.0.2.1", "dns_trust_anchors: record:1: a trust anchor is a DS or a DNSKEY record" },
    { "corp.example. DS 1 13 2 aab", "dns_trust_anchors: record:1: an odd number of hex digits" },
    { "corp.example. DNSKEY 0 3 13 " KEY, "dns_trust_anchors: record:1: this DNSKEY is no zone's key" },
    { "/no/such/file", "dns_trust_anchors: open /no/such/file: No such file or directory" },
};

static void records_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct buf out = { 0 };
        struct why why = { 0 };

        if (anchor_add(str_of(good[i].item), &out, &why) != ST_OK)
            fail_msg("%s: %s", good[i].item, why.text);
        if (good[i].out && !str_same(buf_str(&out), str_of(good[i].out)))
            fail_msg("%s: %.*s", good[i].item, STR_ARG(buf_str(&out)));
        buf_free(&out);
    }
}

static void others_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct buf out = { 0 };
        struct why why = { 0 };

        assert_int_equal(anchor_add(str_of(bad[i].item), &out, &why), ST_NEVER);
        assert_string_equal(why.text, bad[i].why);
        assert_int_equal(out.n, 0);
        buf_free(&out);
    }
}

static void the_root_is_known(void **state)
{
    struct buf out = { 0 };
    struct why why = { 0 };

    (void)state;
    assert_int_equal(anchor_add(STR("root"), &out, &why), ST_OK);
    assert_true(str_starts(buf_str(&out), STR(". IN D")));
    buf_free(&out);
}

static void a_file_is_read(void **state)
{
    char path[] = "/tmp/perigee-anchor-XXXXXX";
    int fd = mkstemp(path);
    struct str text = STR("; of our own\ncorp.example. DS 1 13 2 aabb\n");
    struct buf out = { 0 };
    struct why why = { 0 };

    (void)state;
    assert_int_equal(write(fd, text.p, text.n), text.n);
    close(fd);
    assert_int_equal(anchor_add(str_of(path), &out, &why), ST_OK);
    assert_true(str_same(buf_str(&out), STR("corp.example. IN DS \\# 6 00010d02aabb\n")));
    unlink(path);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_taken),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(the_root_is_known),
        cmocka_unit_test(a_file_is_read),
    };

    return cmocka_run_group_tests_name("trust anchors", tests, NULL, NULL);
}
