#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/http.h"

/* What the answers of a server come to is in spec/cli/ocsp_spec.py, with a server. */
static const struct { const char *text, *host; unsigned port; const char *path; } good[] = {
    { "http://ocsp.example.net", "ocsp.example.net", 80, "/" },
    { "HTTP://ocsp.example.net/", "ocsp.example.net", 80, "/" },
    { "http://ocsp.example.net:8080/a/b?c=d", "ocsp.example.net", 8080, "/a/b?c=d" },
    { "http://192.0.2.1/x", "192.0.2.1", 80, "/x" },
    { "http://[2001:db8::1]:81/x", "2001:db8::1", 81, "/x" },
    { "http://[2001:db8::1]", "2001:db8::1", 80, "/" },
};
static const char *const bad[] = {
    "", "http:", "http://", "http:///x", "https://x/", "ftp://x/", "x", "http://a@b/", "http://x:0/", "http://x:65536/", "http://x:/",
    "http://x y/", "http://x/a b", "http://x/\r\nHost: y", "http://[::1", "http://[::1]x/", "http://x#y", "http://x?y", "http://x/\xc3\xbc",
};

static void addresses_are_taken_apart(void **state)
{
    struct http_url u;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!http_url(str_of(good[i].text), &u))
            fail_msg("%s", good[i].text);
        assert_true(str_same(u.host, str_of(good[i].host)));
        assert_true(str_same(u.path, str_of(good[i].path)));
        assert_int_equal(u.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (http_url(str_of(bad[i]), &u))
            fail_msg("%s was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(addresses_are_taken_apart) };

    return cmocka_run_group_tests_name("net: addresses of web servers", tests, NULL, NULL);
}
