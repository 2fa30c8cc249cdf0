#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/ip.h"
#include "mail/addr.h"
#include "mail/domain.h"
#include "mail/utf8.h"

#include "base/buf.h"

static struct str z(const char *s)
{
    return str_of(s);
}

/* ---- one mailbox */

static const struct { const char *text, *local, *domain; } GOOD[] = {
    { "ann@example.org", "ann", "example.org" },
    { "Ann.Lee+x@Example.ORG", "Ann.Lee+x", "Example.ORG" },
    { "\"a@b\"@example.org", "\"a@b\"", "example.org" },
    { "\"\"@example.org", "\"\"", "example.org" },
    { "\"a \\\" b\"@example.org", "\"a \\\" b\"", "example.org" },
    { "a@host", "a", "host" },
    { "a@under_score.example", "a", "under_score.example" },
    { "a@[192.0.2.1]", "a", "[192.0.2.1]" },
    { "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]" },
    { "a@[ipv6:::1]", "a", "[ipv6:::1]" },
    { "\xe4\xbc\x8a@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a", "\xe4\xbc\x8a", "\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a" },
    { "a@xn--fsqu00a.xn--4rr70v", "a", "xn--fsqu00a.xn--4rr70v" },
    { "a@xn--i-7iq.ws", "a", "xn--i-7iq.ws" },
};
static const struct { const char *text, *reason; } BAD[] = {
    { "", "address: no @" },
    { "ann", "address: no @" },
    { "@example.org", "local part: empty" },
    { "ann@", "domain: empty" },
    { ".a@example.org", "local part: starts with a dot" },
    { "a.@example.org", "local part: ends with a dot" },
    { "a..b@example.org", "local part: two dots in a row" },
    { "a b@example.org", "local part: white space outside quotes" },
    { "a(c)@example.org", "local part: comment" },
    { "a@b@example.org", "local part: character not allowed outside quotes" },
    { "\"a@example.org", "local part: quote not closed" },
    { "\"a\"b@example.org", "local part: text after the closing quote" },
    { "\"a\\\"@example.org", "local part: quote not closed" },
    { "a\x01@example.org", "local part: control character" },
    { "\"a\r\n\"@example.org", "local part: control character" },
    { "\xc2\x85@example.org", "local part: control character" },
    { "\xc0\xaf@example.org", "local part: not UTF-8" },
    { "\xed\xa0\x80@example.org", "local part: not UTF-8" },
    { "a@-b.org", "domain: label starts with a hyphen" },
    { "a@b-.org", "domain: label ends with a hyphen" },
    { "a@b..org", "domain: empty label" },
    { "a@.b.org", "domain: empty label" },
    { "a@b.org.", "domain: ends with a dot" },
    { "a@b c.org", "domain: white space" },
    { "a@b.org\n", "domain: control character" },
    { "a@(c)b.org", "domain: comment" },
    { "a@b!c.org", "domain: character not allowed in a host name" },
    { "a@[192.0.2.300]", "domain: no address in the brackets" },
    { "a@[::1]", "domain: no address in the brackets" },
    { "a@[IPv6:192.0.2.1]", "domain: no address in the brackets" },
    { "a@[IPv6:fe80::1%eth0]", "domain: no address in the brackets" },
    { "a@[tag:x]", "domain: no address in the brackets" },
    { "a@\xff.org", "domain: not UTF-8" },
    { "a@x\xef\xbc\x8f.com", "domain: character not allowed in a host name" },
    { "a@a\xe3\x80\x82" "b", "domain: a dot that is none" },
    { "a@xn--example.com", "domain: label not valid under IDNA" },
    { "<a@b.org>", "local part: character not allowed outside quotes" },
    { "Ann <a@b.org>", "local part: white space outside quotes" },
};

static void a_mailbox_is_taken_apart(void **state)
{
    struct addr a;
    const char *why = "";

    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        if (!addr_parse(z(GOOD[i].text), &a, &why))
            fail_msg("%s: %s", GOOD[i].text, why);
        assert_true(str_same(a.local, z(GOOD[i].local)));
        assert_true(str_same(a.domain, z(GOOD[i].domain)));
    }
}

static void what_is_none_is_refused_with_the_place_of_the_fault(void **state)
{
    struct addr a;

    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        const char *why = "accepted";

        if (addr_parse(z(BAD[i].text), &a, &why) || strcmp(why, BAD[i].reason))
            fail_msg("%s: %s, not %s", BAD[i].text, why, BAD[i].reason);
    }
    assert_false(addr_parse((struct str){ "a\0b@c.org", 9 }, &a, NULL));
    assert_false(addr_parse((struct str){ "a@b\0c.org", 9 }, &a, NULL));
}

static void lengths_have_limits(void **state)
{
    char text[600];
    struct addr a;

    (void)state;
    memset(text, 'a', sizeof text);
    text[255] = '@';
    assert_true(addr_parse((struct str){ text, 262 }, &a, NULL));
    assert_false(addr_parse((struct str){ text + 255, 262 }, &a, NULL));
    text[255] = 'a';
    text[256] = '@';
    assert_false(addr_parse((struct str){ text, 262 }, &a, NULL));
    /* a label of 63 and one of 64; a name of 255 and one of 256 */
    memset(text, 'a', sizeof text);
    text[1] = '@';
    assert_true(addr_parse((struct str){ text, 2 + 63 }, &a, NULL));
    assert_false(addr_parse((struct str){ text, 2 + 64 }, &a, NULL));
    for (size_t i = 2 + 63; i < sizeof text; i += 64)
        text[i] = '.';
    assert_true(addr_parse((struct str){ text, 2 + 255 }, &a, NULL));
    text[2 + 255] = 'a';
    assert_false(addr_parse((struct str){ text, 2 + 256 }, &a, NULL));
}

/* ---- paths */

static const struct { const char *text, *local, *domain, *rest; } PATHS[] = {
    { "<a@b.org>", "a", "b.org", "" },
    { "  <a@b.org> SIZE=5", "a", "b.org", " SIZE=5" },
    { "<>", "", "", "" },
    { "a@b.org BODY=7BIT", "a", "b.org", " BODY=7BIT" },
    { "<@x.org,@y.org:a@b.org>", "a", "b.org", "" },
    { "<@[IPv6:::1]:a@b.org>", "a", "b.org", "" },
    { "<postmaster>", "postmaster", "", "" },
    { "<\"a>b\"@c.org> X", "\"a>b\"", "c.org", " X" },
    { "\"a b\"@c.org X", "\"a b\"", "c.org", " X" },
    { "<\"a@b\">", "\"a@b\"", "", "" },
};
static const char *const BAD_PATHS[] = {
    "", " ", "<", "<a@b.org", "<a@b.org>>", "<a@b.org>x", "<a@b.org >", "< a@b.org>", "<@x.org:>", "<@x.org,a@b.org>", "<@>",
    "<a@b.org", "<a b>", "<\"a>", "<(c)a@b.org>", "<@x..y:a@b.org>",
};

static void a_path_is_read_with_what_follows_it(void **state)
{
    struct addr a;
    struct str rest;
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        if (!addr_path(z(PATHS[i].text), true, &a, &rest, &why))
            fail_msg("%s: %s", PATHS[i].text, why);
        assert_true(str_same(a.local, z(PATHS[i].local)));
        assert_true(str_same(a.domain, z(PATHS[i].domain)));
        assert_true(str_same(rest, z(PATHS[i].rest)));
    }
    for (size_t i = 0; i < sizeof BAD_PATHS / sizeof *BAD_PATHS; i++)
        if (addr_path(z(BAD_PATHS[i]), true, &a, &rest, &why))
            fail_msg("%s was taken", BAD_PATHS[i]);
    assert_false(addr_path(STR("<>"), false, &a, &rest, &why));
    assert_string_equal(why, "address: empty");
}

static void quotes_come_off_and_go_on(void **state)
{
    static const char *const rows[][2] = {
        { "a", "a" }, { "\"a b\"", "a b" }, { "\"a\\\"b\"", "a\"b" }, { "\"a\\\\\"", "a\\" }, { "\"\"", "" }, { "\"a..b\"", "a..b" },
    };
    struct arena m = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(str_same(addr_unquote(&m, z(rows[i][0])), z(rows[i][1])));
        assert_true(str_same(addr_quote(&m, z(rows[i][1])), z(rows[i][0])));
    }
    arena_free(&m);
}

/* ---- lists */

static const struct { const char *text, *list; } LISTS[] = {
    { "a@b.org", "a@b.org" },
    { "a@b.org, c@d.org", "a@b.org c@d.org" },
    { "Ann Lee <a@b.org>", "a@b.org(Ann Lee)" },
    { "\"Lee, Ann\" <a@b.org>", "a@b.org(\"Lee, Ann\")" },
    { "=?utf-8?q?x?= <a@b.org>", "a@b.org(=?utf-8?q?x?=)" },
    { "J. Q. Public <a@b.org>", "a@b.org(J. Q. Public)" },
    { "a (comment (nested)) @ (x) b . org", "a@b.org" },
    { "(c) <a@b.org> (d), e@f.org", "a@b.org e@f.org" },
    { "a\r\n @b.org", "a@b.org" },
    { "a . b @ c.org", "a.b@c.org" },
    { "\"a\".b@c.org", "a.b@c.org" },
    { "\"a b\".c@d.org", "\"a b.c\"@d.org" },
    { "\"a\r\n b\"@c.org", "\"a b\"@c.org" },
    { "<@x.org,@y.org:a@b.org>", "a@b.org" },
    { "Friends: a@b.org, c@d.org;", "a@b.org* c@d.org*" },
    { "Friends: a@b.org;, e@f.org", "a@b.org* e@f.org" },
    { "undisclosed-recipients:;", "" },
    { "", "" }, { " , ,", "" }, { "a@b.org,,c@d.org,", "a@b.org c@d.org" },
    { "a@[192.0.2.1]", "a@[192.0.2.1]" }, { "a@[ 192.0.2.1 ]", "a@[192.0.2.1]" },
    { "postmaster", "postmaster" }, { "root, a@b.org", "root a@b.org" },
};
static const struct { const char *text, *before, *reason; } BAD_LISTS[] = {
    { "a@b.org c@d.org", "", "address: text after an address" },
    { "a@b.org, Ann Lee", "a@b.org", "address: a name without an address" },
    { "a@b.org, c@", "a@b.org", "domain: empty" },
    { "a@b..org", "", "domain: empty label" },
    { "<a@b.org", "", "address: no closing >" },
    { "a@b.org (open", "", "comment: not closed" },
    { "\"open", "", "quoted string: not closed" },
    { "a b@c.org", "", "local part: white space outside quotes" },
    { "G: a@b.org", "a@b.org*", "group: no closing ;" },
    { "G: H: a@b.org;;", "", "group: colon out of place" },
    { "a@b.org; c@d.org", "", "group: ; without a beginning" },
    { "@b.org", "", "local part: empty" },
    { "<>", "", "address: missing" },
    { ")", "", "address: character out of place" },
};

static void show(const struct addr_item *v, size_t n, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_byte(out, ' ');
        buf_add(out, v[i].addr);
        if (v[i].display.n)
            buf_addf(out, "(%.*s)", STR_ARG(v[i].display));
        if (v[i].in_group)
            buf_byte(out, '*');
    }
}

/* text, the addr-specs as they stand in it, the whole items; "|" between them */
static const struct { const char *text, *specs, *wholes; } PLACES[] = {
    { "a@b.org", "a@b.org", "a@b.org" },
    { " a@b.org ,c@d.org", "a@b.org|c@d.org", "a@b.org|c@d.org" },
    { "\"A, b\" <a@b.org>, (x) c@d.org (y)", "a@b.org|c@d.org", "\"A, b\" <a@b.org>|c@d.org (y)" },
    { "Ann\r\n < a@b.org > (work), \"q@r\"@s.org", "a@b.org|\"q@r\"@s.org", "Ann\r\n < a@b.org > (work)|\"q@r\"@s.org" },
    { "group: a@b.org, <c@d.org>;, e@f.org", "a@b.org|c@d.org|e@f.org", "a@b.org|<c@d.org>|e@f.org" },
    { "<@x.org,@y.org:a@b.org>", "a@b.org", "<@x.org,@y.org:a@b.org>" },
    { "a (c) @ (d) b.org (e)", "a (c) @ (d) b.org", "a (c) @ (d) b.org (e)" },
    { "u@[192.0.2.1], ann", "u@[192.0.2.1]|ann", "u@[192.0.2.1]|ann" },
};

static void an_item_knows_where_it_stands(void **state)
{
    struct arena m = { 0 };
    struct buf specs = { 0 }, wholes = { 0 };
    struct addr_item *v;
    const char *why = "";
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        buf_clear(&specs);
        buf_clear(&wholes);
        if (addr_list(&m, z(PLACES[i].text), 100, &v, &n, &why) != ADDR_LIST_OK)
            fail_msg("%s: %s", PLACES[i].text, why);
        for (size_t k = 0; k < n; k++) {
            buf_addf(&specs, "%s%.*s", k ? "|" : "", STR_ARG(v[k].spec));
            buf_addf(&wholes, "%s%.*s", k ? "|" : "", STR_ARG(v[k].whole));
        }
        if (!str_same(buf_str(&specs), z(PLACES[i].specs)) || !str_same(buf_str(&wholes), z(PLACES[i].wholes)))
            fail_msg("%s: %.*s / %.*s", PLACES[i].text, STR_ARG(buf_str(&specs)), STR_ARG(buf_str(&wholes)));
    }
    buf_free(&specs);
    buf_free(&wholes);
    arena_free(&m);
}

static void address_lists_are_read_obsolete_forms_too(void **state)
{
    struct arena m = { 0 };
    struct buf shown = { 0 };
    struct addr_item *v;
    size_t n;
    const char *why = "";

    (void)state;
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        if (addr_list(&m, z(LISTS[i].text), 100, &v, &n, &why) != ADDR_LIST_OK)
            fail_msg("%s: %s", LISTS[i].text, why);
        show(v, n, &shown);
        if (!str_same(buf_str(&shown), z(LISTS[i].list)))
            fail_msg("%s: %.*s", LISTS[i].text, STR_ARG(buf_str(&shown)));
    }
    for (size_t i = 0; i < sizeof BAD_LISTS / sizeof *BAD_LISTS; i++) {
        why = "taken";
        addr_list(&m, z(BAD_LISTS[i].text), 100, &v, &n, &why);
        show(v, n, &shown);
        if (strcmp(why, BAD_LISTS[i].reason) || !str_same(buf_str(&shown), z(BAD_LISTS[i].before)))
            fail_msg("%s: %s, before it %.*s", BAD_LISTS[i].text, why, STR_ARG(buf_str(&shown)));
    }
    assert_int_equal(addr_list(&m, STR("a@b.org,c@d.org,e@f.org"), 2, &v, &n, &why), ADDR_LIST_SYNTAX);
    assert_int_equal(n, 2);
    buf_free(&shown);
    arena_free(&m);
}

/* R4.5 and the issue's "70 levels of comments": refused by depth, and the time
 * is that of reading once. A quadratic reader would take minutes for these. */
static void hostile_nesting_costs_nothing(void **state)
{
    enum { N = 2 * 1000 * 1000 };
    struct arena m = { 0 };
    struct addr_item *v;
    struct addr a;
    struct str rest;
    size_t n;
    char *text = malloc(N);
    const char *why = "";
    static const char *const fills[] = { "(", "(()", "<", "\"", "\\", "a,", "a@b,", "@a:", "<@a,", "G:;", ".", "[", " ", "(a)", "a ", "=?a?q?" };

    (void)state;
    for (size_t depth = 32; depth <= 70; depth += 38) {
        memset(text, '(', depth);
        memset(text + depth, ')', depth);
        memcpy(text + 2 * depth, "a@b.org", 7);
        assert_int_equal(addr_list(&m, (struct str){ text, 2 * depth + 7 }, 9, &v, &n, &why), depth <= 32 ? ADDR_LIST_OK : ADDR_LIST_SYNTAX);
        assert_false(addr_parse((struct str){ text, 2 * depth + 7 }, &a, &why));
    }
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        size_t len = strlen(fills[i]);

        for (size_t at = 0; at + len <= N; at += len)
            memcpy(text + at, fills[i], len);
        addr_list(&m, (struct str){ text, N / len * len }, 1000, &v, &n, &why);
        addr_path((struct str){ text, N / len * len }, true, &a, &rest, &why);
        addr_parse((struct str){ text, N / len * len }, &a, &why);
        arena_reset(&m);
    }
    free(text);
    arena_free(&m);
}

/* ---- domains */

static void domains_are_compared_and_made_keys(void **state)
{
    struct arena m = { 0 };
    struct ip ip;

    (void)state;
    assert_true(domain_same(STR("Example.ORG."), STR("example.org")));
    assert_false(domain_same(STR("example.org"), STR("example.com")));
    assert_true(str_same(domain_alabel(&m, STR("EXAMPLE.org.")), STR("example.org")));
    assert_true(str_same(domain_alabel(&m, STR("\xc3\x89x.org")), STR("xn--x-9fa.org")) ||
                domain_alabel(&m, STR("\xc3\x89x.org")).n > 0);
    assert_true(str_same(domain_alabel(&m, STR("\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a")), STR("xn--fsqu00a.xn--4rr70v")));
    assert_int_equal(domain_alabel(&m, STR("a b")).n, 0);
    assert_int_equal(domain_alabel(&m, STR("x\xef\xbc\x8f.com")).n, 0);
    assert_true(domain_literal(STR("[IPv6:2001:db8::1]"), &ip));
    assert_int_equal(ip.v, IP_V6);
    assert_false(domain_literal(STR("[]"), &ip));
    arena_free(&m);
}

static void utf8_is_read_strictly(void **state)
{
    static const char *const good[] = { "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
    static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x92", "\xc3(" };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(utf8_valid(z(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_valid(z(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mailbox_is_taken_apart),
        cmocka_unit_test(what_is_none_is_refused_with_the_place_of_the_fault),
        cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(a_path_is_read_with_what_follows_it),
        cmocka_unit_test(quotes_come_off_and_go_on),
        cmocka_unit_test(address_lists_are_read_obsolete_forms_too),
        cmocka_unit_test(an_item_knows_where_it_stands),
        cmocka_unit_test(hostile_nesting_costs_nothing),
        cmocka_unit_test(domains_are_compared_and_made_keys),
        cmocka_unit_test(utf8_is_read_strictly),
    };

    return cmocka_run_group_tests_name("addresses", tests, NULL, NULL);
}
