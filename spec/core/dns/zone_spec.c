#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"

/* One answer as a line of text: "OK data data [secure]", "NONE", "NXDOMAIN", "AGAIN what". */
static void show_rr(struct arena *a, struct buf *out, const struct dns_rr *rr)
{
    switch (rr->type) {
    case DNS_A: case DNS_AAAA:
        buf_addf(out, " %.*s", STR_ARG(ip_text(a, rr->ip)));
        break;
    case DNS_MX:
        buf_addf(out, " %u:%.*s", rr->preference, STR_ARG(rr->target));
        break;
    case DNS_SRV:
        buf_addf(out, " %u:%u:%u:%.*s", rr->preference, rr->weight, rr->port, STR_ARG(rr->target));
        break;
    case DNS_TXT: case DNS_SPF:
        buf_addf(out, " '%.*s'", STR_ARG(rr->text));
        break;
    case DNS_CNAME: case DNS_PTR: case DNS_NS: case DNS_DNAME:
        buf_addf(out, " %.*s", STR_ARG(rr->target));
        break;
    default:
        buf_byte(out, ' ');
        for (size_t i = 0; i < rr->data.n; i++)
            buf_addf(out, "%02x", (unsigned char)rr->data.p[i]);
    }
}

static struct str ask(struct zone *z, struct arena *a, const char *name, const char *type_name, bool *timeout)
{
    struct buf out = { 0 };
    struct dns_answer ans;
    struct dname n;
    struct str text;
    uint16_t type;

    assert_true(dname_read(str_of(name), &dname_root, &n));
    assert_true(dns_type_find(str_of(type_name), &type));
    *timeout = !zone_answer(z, a, &n, type, &ans);
    if (ans.status == ST_OK) {
        buf_addf(&out, "OK");
        for (size_t i = 0; i < ans.n; i++)
            show_rr(a, &out, &ans.rr[i]);
    } else if (ans.status == ST_NONE) {
        buf_addf(&out, "%s", ans.nxdomain ? "NXDOMAIN" : "NONE");
    } else {
        buf_addf(&out, "AGAIN %s", ans.why.text);
    }
    if (ans.security == DNS_SECURE)
        buf_addf(&out, " secure");
    if (ans.security == DNS_BOGUS)
        buf_addf(&out, " (bogus)");
    text = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return text;
}

static const char world[] =
    "example.org. 60 IN MX 10 mx1.example.org.   ; a comment\n"
    "             IN 60 MX 20 mx2.example.org.\n"
    "mx1.example.org. A 192.0.2.1\n"
    "mx1.example.org. A 192.0.2.2\n"
    "mx1.example.org. AAAA 2001:db8::1\n"
    "Null.example. MX 0 .\n"
    "$ORIGIN example.net.\n"
    "@ TXT \"v=spf1 \" \"-all\" ; two strings\n"
    "@ TXT \"\"\n"
    "odd TXT \"a\\\"b;c\\\\d\\200\" plain\\ word\n"
    "srv SRV 1 2 3 target\n"
    "www CNAME web\n"
    "web A 192.0.2.80\n"
    "loop CNAME loop2\n"
    "loop2 CNAME loop\n"
    "dangling CNAME nowhere.invalid.\n"
    "*.wild A 192.0.2.99\n"
    "*.wild MX 5 wildmx\n"
    "host.wild TXT here\n"
    "a.ent.wild TXT below\n"
    "x.*.star TXT ent\n"
    "*.cn CNAME web\n"
    "old DNAME new\n"
    "deep.new A 192.0.2.77\n"
    "bad SERVFAIL\n"
    "slow TIMEOUT\n"
    "forged BOGUS\n"
    "part A 192.0.2.5\n"
    "part SERVFAIL\n"
    "tobad CNAME bad\n"
    "*.allbad TIMEOUT\n"
    "new1 TYPE65280 \\# 4 00 01 fffe\n"
    "asmx TYPE15 \\# 4 000a 01 78 00 ; ends a byte early\n";

static const char good_world_tail[] =
    "dot\\.ted A 192.0.2.6\n"
    "ctrl\\001\\000x A 192.0.2.7\n"
    "soa SOA ns hostmaster ( 1 2h\n"
    "   3 4 ; inside\n"
    "   77 )\n"
    "tlsa TLSA 3 1 1 ABCDEF 01\n"
    "caa CAA 0 issue \"ca.example\"\n"
    "dskey DNSKEY 257 3 13 AQIDBA== ; key\n"
    "sig RRSIG A 13 2 60 20300101000000 20200101000000 12345 example.net. AQID\n"
    "mapped AAAA ::ffff:192.0.2.44\n"
    "$SECURE\n"
    "safe A 192.0.2.8\n"
    "safe MX 1 safe\n"
    "safecn CNAME web\n"
    "safe2 CNAME safe\n"
    "$INSECURE\n"
    "unsafe A 192.0.2.9\n"
    "unsafe2 CNAME safe\n"
    "spf SPF \"v=spf1 +all\"\n"
    "MX A 192.0.2.10\n"
    "in IN A 192.0.2.11\n";

static const struct { const char *name, *type, *want; } rows[] = {
    { "example.org", "MX", "OK 10:mx1.example.org 20:mx2.example.org" },
    { "EXAMPLE.Org.", "mx", "OK 10:mx1.example.org 20:mx2.example.org" },
    { "example.org", "A", "NONE" },
    { "mx1.example.org", "A", "OK 192.0.2.1 192.0.2.2" },
    { "mx1.example.org", "AAAA", "OK 2001:db8::1" },
    { "mx3.example.org", "A", "NXDOMAIN" },
    { "org", "A", "NONE" },                                 /* above a name with records */
    { "com", "A", "NXDOMAIN" },
    { "", "NS", "NONE" },
    { "null.example", "MX", "OK 0:" },
    { "example.net", "TXT", "OK 'v=spf1 -all' ''" },
    { "odd.example.net", "TXT", "OK 'a\"b;c\\d\310plain word'" },
    { "srv.example.net", "SRV", "OK 1:2:3:target.example.net" },
    /* CNAME */
    { "www.example.net", "A", "OK 192.0.2.80" },
    { "www.example.net", "CNAME", "OK web.example.net" },
    { "www.example.net", "MX", "NONE" },
    { "loop.example.net", "A", "AGAIN A loop.example.net: SERVFAIL (CNAME chain)" },
    { "dangling.example.net", "A", "NXDOMAIN" },
    { "tobad.example.net", "A", "AGAIN A tobad.example.net: SERVFAIL" },
    /* RFC 4592 */
    { "any.wild.example.net", "A", "OK 192.0.2.99" },
    { "two.labels.wild.example.net", "A", "OK 192.0.2.99" },
    { "any.wild.example.net", "MX", "OK 5:wildmx.example.net" },
    { "any.wild.example.net", "TXT", "NONE" },
    { "host.wild.example.net", "A", "NONE" },               /* it exists: no synthesis */
    { "sub.host.wild.example.net", "A", "NXDOMAIN" },       /* its closest encloser is host */
    { "ent.wild.example.net", "A", "NONE" },                /* empty non-terminal */
    { "b.ent.wild.example.net", "A", "NXDOMAIN" },
    { "*.wild.example.net", "A", "OK 192.0.2.99" },
    { "wild.example.net", "A", "NONE" },
    { "any.star.example.net", "A", "NONE" },                /* *.star exists, without records */
    { "any.cn.example.net", "A", "OK 192.0.2.80" },
    /* RFC 6672 */
    { "deep.old.example.net", "A", "OK 192.0.2.77" },
    { "old.example.net", "A", "NONE" },
    { "old.example.net", "DNAME", "OK new.example.net" },
    { "nothing.old.example.net", "A", "NXDOMAIN" },
    /* failing */
    { "bad.example.net", "A", "AGAIN A bad.example.net: SERVFAIL" },
    { "slow.example.net", "MX", "AGAIN MX slow.example.net: timed out" },
    { "forged.example.net", "A", "AGAIN A forged.example.net: bogus (bogus)" },
    { "part.example.net", "A", "OK 192.0.2.5" },
    { "part.example.net", "MX", "AGAIN MX part.example.net: SERVFAIL" },
    { "x.allbad.example.net", "A", "AGAIN A x.allbad.example.net: timed out" },
    /* other data */
    { "new1.example.net", "TYPE65280", "OK 0001fffe" },
    { "dot\\.ted.example.net", "A", "OK 192.0.2.6" },
    { "dot.ted.example.net", "A", "NXDOMAIN" },
    { "ctrl\\001\\000x.example.net", "A", "OK 192.0.2.7" },
    { "soa.example.net", "SOA", "OK 026e73076578616d706c65036e657400"
      "0a686f73746d6173746572076578616d706c65036e657400" "00000001" "00001c20" "00000003" "00000004" "0000004d" },
    { "tlsa.example.net", "TLSA", "OK 030101abcdef01" },
    { "caa.example.net", "CAA", "OK 0005697373756563612e6578616d706c65" },
    { "dskey.example.net", "DNSKEY", "OK 0101030d01020304" },
    { "sig.example.net", "RRSIG", "OK 00010d020000003c70dbd8805e0be1003039076578616d706c65036e657400010203" },
    { "mapped.example.net", "AAAA", "OK 192.0.2.44" },
    { "spf.example.net", "SPF", "OK 'v=spf1 +all'" },
    { "mx.example.net", "A", "OK 192.0.2.10" },
    { "in.example.net", "A", "OK 192.0.2.11" },
    /* validated or not */
    { "safe.example.net", "A", "OK 192.0.2.8 secure" },
    { "safe.example.net", "AAAA", "NONE secure" },
    { "sub.safe.example.net", "AAAA", "NXDOMAIN secure" },
    { "safe2.example.net", "A", "OK 192.0.2.8 secure" },
    { "safecn.example.net", "A", "OK 192.0.2.80" },         /* the target is not */
    { "unsafe2.example.net", "A", "OK 192.0.2.8" },         /* the alias is not */
    { "unsafe.example.net", "A", "OK 192.0.2.9" },
};

static struct str world_text(struct arena *a)
{
    /* The last line of `world` is the damaged one, for the error case. */
    const char *damaged = strstr(world, "asmx");

    return arena_printf(a, "%.*s%s", (int)(damaged - world), world, good_world_tail);
}

static void answers_like_a_resolver(void **state)
{
    struct arena a = { 0 };
    struct zone *z;
    struct why why;

    (void)state;
    if (zone_open(world_text(&a), "world", &z, &why) != ST_OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool timeout;
        struct str got = ask(z, &a, rows[i].name, rows[i].type, &timeout);

        if (!str_same(got, str_of(rows[i].want)) || timeout != str_ends(got, STR("timed out")))
            fail_msg("%s %s: got %.*s, want %s", rows[i].type, rows[i].name, STR_ARG(got), rows[i].want);
    }
    zone_free(z);
    arena_free(&a);
}

static void long_chains_end(void **state)
{
    static const struct { unsigned links; enum status want; } chains[] = { { 16, ST_OK }, { 17, ST_AGAIN } };
    struct arena a = { 0 };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct buf text = { 0 };
        struct dns_answer ans;
        struct zone *z;
        struct dname n;

        for (unsigned k = 0; k < chains[i].links; k++)
            buf_addf(&text, "c%u. CNAME c%u.\n", k, k + 1);
        buf_addf(&text, "c%u. A 192.0.2.1\n", chains[i].links);
        assert_int_equal(zone_open(buf_str(&text), "z", &z, NULL), ST_OK);
        assert_true(dname_read(STR("c0"), &dname_root, &n));
        zone_answer(z, &a, &n, DNS_A, &ans);
        assert_int_equal(ans.status, chains[i].want);
        zone_free(z);
        buf_free(&text);
    }
    arena_free(&a);
}

static const struct { const char *text, *want; } bad[] = {
    { "a. A 1.2.3\n", "z:1: an IPv4 address is expected" },
    { "\n\na. AAAA 1.2.3.4\n", "z:3: an IPv6 address is expected" },
    { "a. MX mx.b.\n", "z:1: a number is expected, or it is too large" },
    { "a. MX 65536 mx.b.\n", "z:1: a number is expected, or it is too large" },
    { "a. MX 10\n", "z:1: the record ends too early" },
    { "a. A 1.2.3.4 5\n", "z:1: more words than the type has" },
    { "a. NONSENSE 1\n", "z:1: unknown type" },
    { "a.\n", "z:1: a type is expected" },
    { "  A 1.2.3.4\n", "z:1: the first record must have a name" },
    { "a..b. A 1.2.3.4\n", "z:1: not a domain name" },
    { "a. TXT \"open\nb. A 1.2.3.4\n", "z:1: a quote is not closed" },
    { "a. SOA ( a b 1 2 3 4 5\n", "z:1: a parenthesis is not closed" },
    { "a. A 1.2.3.4 )\n", "z:1: unexpected parenthesis" },
    { "$INCLUDE other\n", "z:1: unknown directive, or not the words it takes ($ORIGIN, $TTL, $SECURE, $INSECURE)" },
    { "$TTL x\n", "z:1: an interval is expected" },
    { "a. TYPE65280 abcd\n", "z:1: data of this type must be written as \\# LENGTH HEX" },
    { "a. TYPE65280 \\# 3 abcd\n", "z:1: the length after \\# is not that of the data" },
    { "a. TYPE65280 \\# 2 abc\n", "z:1: an odd number of hex digits" },
    { "a. TYPE15 \\# 4 000a0178\n", "z:1: the data does not fit the type" },
    { "a. TLSA 3 1 1 xyz\n", "z:1: hex digits are expected" },
    { "a. DNSKEY 257 3 13 A\n", "z:1: base64 ends too early" },
    { "a. TXT \"\\999\"\n", "z:1: bad escape" },
    { "a. CNAME b.\na. CNAME c.\n", "z:2: a name can have only one record of this type" },
    { "a. SERVFAIL\na. TIMEOUT\n", "z:2: this name fails in another way already" },
    { "a. SERVFAIL now\n", "z:1: nothing may follow this word" },
    { "a. A 1.2.3.4\nb. TXT (\n \"x\"\n )\nc. A nope\n", "z:5: an IPv4 address is expected" },
};

static void names_the_line_it_cannot_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct zone *z = NULL;
        struct why why = { 0 };

        assert_int_equal(zone_open(str_of(bad[i].text), "z", &z, &why), ST_NEVER);
        assert_string_equal(why.text, bad[i].want);
    }
}

static void refuses_a_string_of_256(void **state)
{
    struct buf text = { 0 };
    struct zone *z = NULL;
    struct why why;

    (void)state;
    buf_addf(&text, "a. TXT ");
    for (int i = 0; i < 255; i++)
        buf_byte(&text, 'x');
    assert_int_equal(zone_open(buf_str(&text), "z", &z, &why), ST_OK);
    zone_free(z);
    buf_byte(&text, 'x');
    assert_int_equal(zone_open(buf_str(&text), "z", &z, &why), ST_NEVER);
    assert_string_equal(why.text, "z:1: a string is longer than 255 octets");
    buf_free(&text);
}

static void a_missing_file_is_named(void **state)
{
    struct zone *z;
    struct why why;

    (void)state;
    assert_int_equal(zone_open_file("/nonexistent/zone", &z, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "open /nonexistent/zone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "a zone answers as a resolver would", answers_like_a_resolver, NULL, NULL, NULL },
        { "a chain of 16 CNAMEs is followed, one of 17 is SERVFAIL", long_chains_end, NULL, NULL, NULL },
        { "a line that cannot be read is an error with file and line", names_the_line_it_cannot_read, NULL, NULL, NULL },
        { "a character string holds 255 octets and no more", refuses_a_string_of_256, NULL, NULL, NULL },
        { "a zone file that is not there is named", a_missing_file_is_named, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
