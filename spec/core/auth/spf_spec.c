#include "auth/spf.h"
#include "auth/spf_macro.h"
#include "auth/spf_record.h"
#include "auth/spf_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"

/* ---- records */

static const char *const good[] = {
    "v=spf1", "v=spf1 ", "V=SPF1 -ALL", "v=spf1 a mx ptr ~all", "v=spf1   a   -all  ", "v=spf1 a:example.org", "v=spf1 a:example.org.",
    "v=spf1 a:%{d}", "v=spf1 a:x.%{d2r-}", "v=spf1 a:%{d}.example.org", "v=spf1 a:a/b.example.org/24//64", "v=spf1 a/0//0",
    "v=spf1 a//128", "v=spf1 mx/32", "v=spf1 ip4:1.2.3.4", "v=spf1 ip4:1.2.3.4/0", "v=spf1 ip6:::1/128", "v=spf1 ip6:::ffff:1.2.3.4/96",
    "v=spf1 exists:%%.%_.%-.example.org", "v=spf1 redirect=_spf.example.org", "v=spf1 exp=why.example.org -all", "v=spf1 x=", "v=spf1 x.y-z_1=%{c}",
    "v=spf1 a=b", "v=spf1 ?include:a-b.1-2.x", "v=spf1 a:%{H9999R.-+,/_=}", "v=spf1 a:example.1-1",
};
static const char *const bad_record[] = {
    "v=spf1 al", "v=spf1 all:x", "v=spf1 all/24", "v=spf1 -", "v=spf1 ++all", "v=spf1 include", "v=spf1 include:", "v=spf1 include:example.org/24",
    "v=spf1 a:", "v=spf1 a:org", "v=spf1 a:org.", "v=spf1 a:example.123", "v=spf1 a:example.-org", "v=spf1 a:example.org-", "v=spf1 a:%{d}org",
    "v=spf1 a/33", "v=spf1 a/032", "v=spf1 a/", "v=spf1 a//", "v=spf1 a//129", "v=spf1 a/24/64", "v=spf1 a/24//", "v=spf1 ip4", "v=spf1 ip4:",
    "v=spf1 ip4:1.2.3", "v=spf1 ip4:1.2.3.256", "v=spf1 ip4:01.2.3.4", "v=spf1 ip4:::1", "v=spf1 ip4:1.2.3.4/33", "v=spf1 ip4:1.2.3.4/", "v=spf1 ip4:1.2.3.4//32",
    "v=spf1 ip6:1.2.3.4", "v=spf1 ip6:::1/129", "v=spf1 ip6:::1/00", "v=spf1 ptr:", "v=spf1 ptr/24", "v=spf1 exists", "v=spf1 exists:", "v=spf1 redirect:example.org",
    "v=spf1 redirect=", "v=spf1 redirect=org", "v=spf1 exp=", "v=spf1 +redirect=example.org", "v=spf1 exp=a.b exp=a.b", "v=spf1 redirect=a.b REDIRECT=a.b",
    "v=spf1 a:%{x}.org", "v=spf1 a:%{d", "v=spf1 a:%{d0}", "v=spf1 a:%{}", "v=spf1 a:%d", "v=spf1 a:%", "v=spf1 a:%{c}", "v=spf1 a:%{dr2}", "v=spf1 a:%{d!}",
    "v=spf1 x=%", "v=spf1 1x=y", "v=spf1 x/y=z", "v=spf1\tall", "v=spf1 a\tall", "v=spf1 a:\xc3\xa4.example.org", "v=spf1 ,",
};

static void records_are_read_as_the_grammar_has_them(void **state)
{
    struct spf_record r;
    struct why why;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!spf_record_is(str_of(good[i])) || spf_record_read(str_of(good[i]), &r, &why) != ST_OK)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad_record / sizeof *bad_record; i++)
        if (spf_record_is(str_of(bad_record[i])) && spf_record_read(str_of(bad_record[i]), &r, &why) != ST_NEVER)
            fail_msg("taken: %s", bad_record[i]);
    assert_false(spf_record_is(STR("v=spf10 all")));
    assert_false(spf_record_is(STR(" v=spf1")));
}

static void of_redirect_and_all_the_last_word_has_all(void **state)
{
    struct spf_record r;

    (void)state;
    assert_int_equal(spf_record_read(STR("v=spf1 redirect=a.example ?all exp=b.example"), &r, NULL), ST_OK);
    assert_null(r.redirect.p);
    assert_true(str_same(r.exp, STR("b.example")));
}

/* ---- macros */

static const struct { const char *text, *out; } macros[] = {
    /* RFC 7208 section 7.4 */
    { "%{s}", "strong-bad@email.example.com" },
    { "%{o}", "email.example.com" }, { "%{d}", "email.example.com" }, { "%{d4}", "email.example.com" },
    { "%{d3}", "email.example.com" }, { "%{d2}", "example.com" }, { "%{d1}", "com" }, { "%{dr}", "com.example.email" },
    { "%{d2r}", "example.email" }, { "%{l}", "strong-bad" }, { "%{l-}", "strong.bad" }, { "%{lr}", "strong-bad" },
    { "%{lr-}", "bad.strong" }, { "%{l1r-}", "strong" },
    { "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
    { "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
    { "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
    { "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net" },
    { "%{S}", "strong-bad%40email.example.com" }, { "%%%_%-", "% %20" }, { "%{c}/%{r}/%{t}", "192.0.2.3/mx.example.net/1000" },
    { "%{h9999r}", "example.helo" }, { "%{p}", "unknown" }, { "", "" },
};

static void macros_become_what_the_rfc_s_examples_say(void **state)
{
    struct spf_macros m = {
        .sender = STR("strong-bad@email.example.com"), .local = STR("strong-bad"), .sender_domain = STR("email.example.com"),
        .domain = STR("email.example.com"), .helo = STR("helo.example"), .validated = STR("unknown"), .receiver = STR("mx.example.net"), .now = 1000,
    };
    char out[SPF_EXPANDED_MAX];

    (void)state;
    ip_parse(STR("192.0.2.3"), &m.client);
    for (size_t i = 0; i < sizeof macros / sizeof *macros; i++) {
        size_t n = spf_macro_expand(str_of(macros[i].text), SPF_MACRO_TEXT, &m, out);

        if (!str_same((struct str){ out, n }, str_of(macros[i].out)))
            fail_msg("%s: %.*s", macros[i].text, (int)n, out);
    }
    ip_parse(STR("2001:db8::cb01"), &m.client);
    assert_int_equal(spf_macro_expand(STR("%{ir}.%{v}"), SPF_MACRO_TEXT, &m, out), 67);
    assert_memory_equal(out, "1.0.B.C.0.", 10);
}

static void of_a_domain_only_its_end_is_kept_however_much_a_record_asks_for(void **state)
{
    struct spf_macros m = { .helo = { NULL, 0 } };
    struct buf text = { 0 };
    char helo[600], out[SPF_EXPANDED_MAX];
    size_t n;

    (void)state;
    memset(helo, '\xe4', sizeof helo);
    m.helo = (struct str){ helo, sizeof helo };
    for (int i = 0; i < 1000; i++)
        buf_add(&text, STR("%{H9999r}."));
    buf_add(&text, STR("end.example"));
    n = spf_macro_expand(buf_str(&text), SPF_MACRO_DOMAIN, &m, out);
    assert_true(n <= SPF_EXPANDED_MAX && n > 300);
    assert_memory_equal(out + n - 15, "%E4.end.example", 15);
    buf_free(&text);
}

/* ---- checks over a zone */

static const char zone[] =
    "plain.test. TXT \"v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all\"\n"
    "exp.test. TXT \"v=spf1 ip4:192.0.2.1 -all exp=why.test\"\n"
    "why.test. TXT \"%{i} may not, %{s}: see %{R}\"\n"
    "badexp.test. TXT \"v=spf1 -all exp=bad.why.test\"\nbad.why.test. TXT \"%{\"\n"
    "ctlexp.test. TXT \"v=spf1 -all exp=ctl.why.test\"\nctl.why.test. TXT \"%{h}\"\n"
    "ten.test. TXT \"v=spf1 a a a a a a a a a a ip4:192.0.2.1 -all\"\nten.test. A 198.51.100.1\n"
    "eleven.test. TXT \"v=spf1 a a a a a a a a a a redirect=plain.test\"\neleven.test. A 198.51.100.1\n"
    "void2.test. TXT \"v=spf1 a:x1.test a:x2.test ip4:192.0.2.1 -all\"\n"
    "void3.test. TXT \"v=spf1 a:x1.test a:x2.test mx:x3.test ip4:192.0.2.1 -all\"\n"
    "voidmx.test. TXT \"v=spf1 mx ip4:192.0.2.1 -all\"\n"
    "voidmx.test. MX 1 x1.test.\nvoidmx.test. MX 2 x2.test.\nvoidmx.test. MX 3 x3.test.\nvoidmx.test. MX 4 x4.test.\n"
    "voidptr.test. TXT \"v=spf1 ptr ptr ptr ip4:203.0.113.99 -all\"\n"
    "loop.test. TXT \"v=spf1 include:loop.test -all\"\n"
    "ping.test. TXT \"v=spf1 redirect=pong.test\"\npong.test. TXT \"v=spf1 redirect=ping.test\"\n"
    "temp.test. TXT \"v=spf1 a:fails.test ip4:192.0.2.1 -all\"\nfails.test. SERVFAIL\n"
    "temp2.test. TXT \"v=spf1 include:temp.test -all\"\n"
    "early.test. TXT \"v=spf1 ip4:192.0.2.1 a:fails.test -all\"\n"
    "ptrfails.test. TXT \"v=spf1 ptr ~all\"\n9.2.0.192.in-addr.arpa. SERVFAIL\n"
    "slow.test. TXT \"v=spf1 a:slow1.test -all\"\nslow1.test. TIMEOUT\n"
    "deep.test. TXT \"v=spf1 include:d1.test ?all\"\nd1.test. TXT \"v=spf1 ~include:d2.test -all\"\nd2.test. TXT \"v=spf1 ip4:192.0.2.1\"\n"
    "inv.test. TXT \"v=spf1 -include:d2.test +all\"\n"
    "local.test. TXT \"v=spf1 exists:%{l}.users.test -all\"\nann.users.test. A 127.0.0.2\n"
    "named.test. TXT \"v=spf1 exists:%{p}.ok.test -all\"\nhost.named.test.ok.test. A 127.0.0.2\n"
    "7.2.0.192.in-addr.arpa. PTR other.test.\n7.2.0.192.in-addr.arpa. PTR host.named.test.\n"
    "other.test. A 192.0.2.7\nhost.named.test. A 192.0.2.7\n"
    "mapped.test. TXT \"v=spf1 ip6:::ffff:192.0.2.1 -all\"\n"
    "xn--bcher-kva.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
    "back.test. TXT \"v=spf1 exists:%{l}.back.test -all\"\n"
    "helo.test. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n";

struct world {
    struct arena arena;
    struct loop *loop;
    struct dns *dns;
    enum spf_result result;
    struct str explanation, comment, received, mechanism;
    unsigned calls;
    const struct spf_want *want;
    struct spf *spf;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct dns_config c = { .zone_text = { zone, sizeof zone - 1 }, .timeout_ms = 60000 };
    struct why why = { 0 };

    w->loop = loop_new();
    if (dns_open(w->loop, &c, &w->dns, &why) != ST_OK)
        fail_msg("%s", why.text);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    dns_close(w->dns);
    loop_free(w->loop);
    arena_free(&w->arena);
    free(w);
    return 0;
}

static void on_done(void *ctx)
{
    struct world *w = ctx;
    const struct spf_answer *r = spf_answer(w->spf);

    w->calls++;
    w->result = r->result;
    w->explanation = arena_dup(&w->arena, r->explanation);
    w->mechanism = arena_dup(&w->arena, r->mechanism);
    w->comment = spf_comment(&w->arena, w->want, r);
    w->received = spf_received(&w->arena, w->want, r);
}

static void check(struct world *w, const char *client, const char *helo, const char *sender)
{
    struct spf_want want = { .helo = str_of(helo), .sender = str_of(sender), .receiver = STR("mx.test"), .now = 1000 };

    assert_true(ip_parse(str_of(client), &want.client));
    w->want = &want;
    w->calls = 0;
    w->spf = spf_new(&w->arena, &want);
    inquiry_begin(w->loop, w->dns, &spf_inquiry, w->spf, on_done, w);
    loop_settle(w->loop, true, INT64_MAX);
    assert_int_equal(w->calls, 1);
    w->want = NULL;
}

static const struct { const char *client, *helo, *sender, *result; } checks[] = {
    { "192.0.2.1", "h.test", "a@plain.test", "pass" },
    { "::ffff:192.0.2.1", "h.test", "a@plain.test", "pass" },
    { "2001:db8::1", "h.test", "a@plain.test", "pass" },
    { "198.51.100.1", "h.test", "a@plain.test", "fail" },
    { "192.0.2.1", "h.test", "a@PLAIN.test.", "pass" },
    { "192.0.2.1", "h.test", "@plain.test", "pass" },
    { "192.0.2.1", "h.test", "a@nothing.test", "none" },
    { "192.0.2.1", "h.test", "a@single", "none" },
    { "192.0.2.1", "h.test", "a@", "none" },
    { "192.0.2.1", "helo.test", "", "pass" },
    { "192.0.2.2", "helo.test", "", "fail" },
    { "192.0.2.1", "[192.0.2.1]", "", "none" },
    { "192.0.2.1", "", "", "none" },
    { "192.0.2.1", "h.test", "a@ten.test", "pass" },
    { "192.0.2.1", "h.test", "a@eleven.test", "permerror" },
    { "192.0.2.1", "h.test", "a@void2.test", "pass" },
    { "192.0.2.1", "h.test", "a@void3.test", "permerror" },
    { "192.0.2.1", "h.test", "a@voidmx.test", "pass" },             /* one term, however many hosts */
    { "203.0.113.99", "h.test", "a@voidptr.test", "permerror" },
    { "192.0.2.1", "h.test", "a@loop.test", "permerror" },
    { "192.0.2.1", "h.test", "a@ping.test", "permerror" },
    { "192.0.2.1", "h.test", "a@temp.test", "temperror" },
    { "192.0.2.1", "h.test", "a@temp2.test", "temperror" },
    { "192.0.2.1", "h.test", "a@early.test", "pass" },
    { "192.0.2.1", "h.test", "a@fails.test", "temperror" },
    { "192.0.2.9", "h.test", "a@ptrfails.test", "softfail" },       /* section 5.5: a failure is no match */
    { "192.0.2.1", "h.test", "a@slow.test", "temperror" },
    { "192.0.2.1", "h.test", "a@deep.test", "neutral" },            /* d1 is softfail: no match */
    { "192.0.2.2", "h.test", "a@deep.test", "neutral" },
    { "192.0.2.1", "h.test", "a@inv.test", "fail" },
    { "192.0.2.2", "h.test", "a@inv.test", "pass" },
    { "192.0.2.1", "h.test", "ann@local.test", "pass" },
    { "192.0.2.1", "h.test", "bob@local.test", "fail" },
    { "192.0.2.1", "h.test", "\xc3\xa4nn@local.test", "fail" },     /* RFC 8616 section 4 */
    { "192.0.2.1", "h.test", "a\\.b@back.test", "fail" },
    { "192.0.2.7", "h.test", "a@named.test", "pass" },
    { "192.0.2.1", "h.test", "a@mapped.test", "fail" },
    { "192.0.2.1", "h.test", "a@b\xc3\xbc""cher.test", "pass" },
};

static void checks_end_as_the_rfc_says(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        check(w, checks[i].client, checks[i].helo, checks[i].sender);
        if (strcmp(spf_result_name(w->result), checks[i].result) != 0)
            fail_msg("%s %s: %s %.*s", checks[i].client, checks[i].sender, spf_result_name(w->result), STR_ARG(w->comment));
    }
}

static void a_fail_is_explained_by_the_domain_or_not_at_all(void **state)
{
    struct world *w = *state;

    check(w, "192.0.2.9", "h.test", "ann@exp.test");
    assert_true(str_same(w->explanation, STR("192.0.2.9 may not, ann@exp.test: see mx.test")));
    check(w, "192.0.2.9", "h.test", "ann@badexp.test");
    assert_int_equal(w->result, SPF_FAIL);
    assert_int_equal(w->explanation.n, 0);
    check(w, "192.0.2.9", "a\r\nb", "ann@ctlexp.test");
    assert_int_equal(w->result, SPF_FAIL);
    assert_int_equal(w->explanation.n, 0);
    check(w, "192.0.2.1", "h.test", "ann@exp.test");
    assert_int_equal(w->explanation.n, 0);
}

static void what_is_said_of_it_fits_in_a_header_field(void **state)
{
    struct world *w = *state;

    check(w, "192.0.2.1", "there.test", "ann@plain.test");
    assert_true(str_same(w->received, STR("Received-SPF: pass (mx.test: domain of plain.test designates 192.0.2.1 as permitted sender) "
        "client-ip=192.0.2.1; envelope-from=\"ann@plain.test\"; helo=there.test; receiver=mx.test; identity=mailfrom; "
        "mechanism=\"ip4:192.0.2.0/24\"")));
    check(w, "192.0.2.2", "helo.test", "");
    assert_true(str_find_str(w->received, STR("identity=helo")) != SIZE_MAX);
    assert_true(str_find_str(w->received, STR("envelope-from")) == SIZE_MAX);
    check(w, "192.0.2.1", "a\"b\r\nX: y", "x)(\\\xff@no.test");
    assert_true(str_find(w->received, '\r') == SIZE_MAX && str_find(w->received, '\n') == SIZE_MAX);
    assert_true(str_find_str(w->received, STR("helo=\"a\\\"b\\\\015\\\\012X: y\"")) != SIZE_MAX);
    check(w, "192.0.2.1", "h.test", "a@loop.test");
    assert_true(str_find_str(w->received, STR("problem=\"more than 10 terms")) != SIZE_MAX);
}

/* ---- limits that a zone file cannot show */

static void name_ends(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void a_cancelled_check_never_ends(void **state)
{
    struct world *w = *state;
    struct spf_want want = { .helo = STR("h.test"), .sender = STR("a@slow.test") };
    unsigned ended = 0;
    struct inquiry *c;

    ip_parse(STR("192.0.2.1"), &want.client);
    c = inquiry_begin(w->loop, w->dns, &spf_inquiry, spf_new(&w->arena, &want), name_ends, &ended);
    inquiry_cancel(c);
    loop_settle(w->loop, true, INT64_MAX);
    assert_int_equal(ended, c ? 0 : 1);
}

/* A machine that is told the same record for whatever it asks. */
static struct spf *fed(struct arena *a, struct str record, struct str helo, unsigned *asked)
{
    struct spf_want want = { .helo = helo, .sender = STR("a@example.org") };
    struct dns_rr rr = { .text = record };
    struct spf *s;

    ip_parse(STR("2001:db8::1"), &want.client);
    s = spf_new(a, &want);
    for (*asked = 0; spf_question(s); ++*asked) {
        struct dns_answer said = { .status = ST_NONE };

        assert_true(*asked < 100);
        if (spf_question(s)->type == DNS_TXT)
            said = (struct dns_answer){ .status = ST_OK, .rr = &rr, .n = 1 };
        spf_tell(s, &said);
    }
    return s;
}

static void a_record_cannot_cost_more_than_its_limits(void **state)
{
    static char helo[255];
    struct arena a = { 0 };
    struct buf text = { 0 };
    unsigned asked;

    (void)state;
    memset(helo, '.', sizeof helo);
    buf_add(&text, STR("v=spf1 exists:"));
    while (text.n < SPF_RECORD_MAX - 40)
        buf_add(&text, STR("%{H9999r}"));
    buf_add(&text, STR(".example include:%{d}"));
    assert_int_equal(spf_answer(fed(&a, buf_str(&text), (struct str){ helo, sizeof helo }, &asked))->result, SPF_PERMERROR);
    assert_true(asked < 12);
    while (text.n <= SPF_RECORD_MAX)
        buf_add(&text, STR(" ip4:192.0.2.1"));
    assert_int_equal(spf_answer(fed(&a, buf_str(&text), STR("h"), &asked))->result, SPF_PERMERROR);
    assert_int_equal(asked, 1);
    buf_free(&text);
    arena_free(&a);
}

static void of_many_names_of_the_client_ten_are_looked_at(void **state)
{
    struct arena a = { 0 };
    struct spf_want want = { .helo = STR("h.test"), .sender = STR("a@x.test"), .record = STR("v=spf1 ptr:p.test mx -all") };
    struct dns_rr names[30] = { 0 }, address = { 0 };
    struct dns_answer many = { .status = ST_OK, .rr = names, .n = 30 }, other = { .status = ST_OK, .rr = &address, .n = 1 };
    unsigned addresses = 0;
    struct spf *s;

    (void)state;
    ip_parse(STR("192.0.2.1"), &want.client);
    ip_parse(STR("192.0.2.2"), &address.ip);
    for (unsigned i = 0; i < 30; i++) {
        names[i].target = arena_printf(&a, "n%u.p.test", i);
        names[i].preference = (uint16_t)(100 - i);
    }
    s = spf_new(&a, &want);
    while (spf_question(s)) {
        bool list = spf_question(s)->type == DNS_PTR || spf_question(s)->type == DNS_MX;

        addresses += !list;
        if (addresses == 11)            /* the first of mx: the least preference */
            assert_true(str_same(spf_question(s)->name, STR("n29.p.test")));
        spf_tell(s, list ? &many : &other);
    }
    assert_int_equal(addresses, 20);
    assert_int_equal(spf_answer(s)->result, SPF_PERMERROR);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_as_the_grammar_has_them),
        cmocka_unit_test(of_redirect_and_all_the_last_word_has_all),
        cmocka_unit_test(macros_become_what_the_rfc_s_examples_say),
        cmocka_unit_test(of_a_domain_only_its_end_is_kept_however_much_a_record_asks_for),
        cmocka_unit_test_setup_teardown(checks_end_as_the_rfc_says, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_fail_is_explained_by_the_domain_or_not_at_all, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_is_said_of_it_fits_in_a_header_field, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_cancelled_check_never_ends, open_world, close_world),
        cmocka_unit_test(a_record_cannot_cost_more_than_its_limits),
        cmocka_unit_test(of_many_names_of_the_client_ten_are_looked_at),
    };

    clock_fake(1700000000000000);
    return cmocka_run_group_tests_name("SPF", tests, NULL, NULL);
}
