#include "auth/dmarc_tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static struct dmarc_tally sample(void)
{
    struct dmarc_tally t = {
        .count = 3, .domain = STR("example.org"), .record = STR("v=DMARC1; p=reject; sp=none; adkim=s; pct=50; fo=1:d; rua=mailto:a@example.org"),
        .disposition = STR("quarantine"), .aligned_dkim = true, .header_from = STR("example.org"), .envelope_from = STR("b.example"),
        .spf_domain = STR("b.example"), .spf_result = STR("softfail"), .ndkim = 2,
    };

    ip_parse(STR("192.0.2.1"), &t.client);
    t.dkim[0].domain = STR("example.org");
    t.dkim[0].selector = STR("s1");
    t.dkim[0].result = STR("pass");
    t.dkim[1].domain = STR("other.example");
    t.dkim[1].selector = STR("<&\"\r\n\xff");
    t.dkim[1].result = STR("invalid");
    return t;
}

static void a_row_is_read_as_it_was_written_and_nothing_else_is(void **state)
{
    struct dmarc_tally t = sample(), back;
    struct buf b = { 0 };

    (void)state;
    dmarc_tally_write(&t, &b);
    assert_true(dmarc_tally_read(buf_str(&b), &back));
    assert_int_equal(back.count, 3);
    assert_true(ip_same(back.client, t.client));
    assert_true(str_same(back.record, t.record) && str_same(back.spf_result, t.spf_result) && back.aligned_dkim && !back.aligned_spf);
    assert_int_equal(back.ndkim, 2);
    assert_true(str_same(back.dkim[1].selector, t.dkim[1].selector));
    for (size_t n = 0; n < b.n; n++) {
        struct str cut = str_head(buf_str(&b), n);

        if (dmarc_tally_read(cut, &back) && back.ndkim == 2)
            fail_msg("%zu bytes of %zu are a row", n, b.n);
    }
    assert_false(dmarc_tally_read(STR("what"), &back));
    buf_free(&b);
}

static void rows_of_a_day_and_a_domain_lie_together_and_differ_by_outcome(void **state)
{
    struct dmarc_tally t = sample();
    struct arena a = { 0 };
    struct str one = dmarc_tally_key(&a, &t, 1609459200), two;

    (void)state;
    assert_true(str_starts(one, STR("2021-01-01 example.org ")));
    t.count = 9;
    assert_true(str_same(one, dmarc_tally_key(&a, &t, 1609459200 + 86399)));
    t.aligned_spf = true;
    two = dmarc_tally_key(&a, &t, 1609459200);
    assert_false(str_same(one, two));
    assert_true(str_starts(two, STR("2021-01-01 example.org ")));
    assert_true(str_starts(dmarc_tally_key(&a, &t, 1609459200 + 86400), STR("2021-01-02 ")));
    arena_free(&a);
}

static void a_report_is_rfc_7489_s_xml_whatever_strangers_wrote(void **state)
{
    struct dmarc_tally t = sample();
    struct dmarc_report r = { .org = STR("mx.example.net"), .email = STR("dmarc@example.net"), .id = STR("1"), .begin = 1609459200,
                              .end = 1609545599, .rows = &t, .n = 1 };
    struct buf out = { 0 };
    static const char *const parts[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n<version>1.0</version>\n<report_metadata>\n<org_name>mx.example.net</org_name>",
        "<date_range>\n<begin>1609459200</begin>\n<end>1609545599</end>\n</date_range>",
        "<policy_published>\n<domain>example.org</domain>\n<adkim>s</adkim>\n<aspf>r</aspf>\n<p>reject</p>\n<sp>none</sp>\n<pct>50</pct>\n<fo>1:d</fo>\n",
        "<source_ip>192.0.2.1</source_ip>\n<count>3</count>",
        "<disposition>quarantine</disposition>\n<dkim>pass</dkim>\n<spf>fail</spf>",
        "<envelope_from>b.example</envelope_from>\n<header_from>example.org</header_from>",
        "<selector>&#60;&#38;&#34;?\?\?</selector>\n<result>permerror</result>",
        "<spf>\n<domain>b.example</domain>\n<scope>mfrom</scope>\n<result>softfail</result>\n</spf>",
        "</record>\n</feedback>\n",
    };

    (void)state;
    dmarc_report_xml(&out, &r);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (str_find_str(buf_str(&out), str_of(parts[i])) == SIZE_MAX)
            fail_msg("%s is not in\n%.*s", parts[i], STR_ARG(buf_str(&out)));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_read_as_it_was_written_and_nothing_else_is),
        cmocka_unit_test(rows_of_a_day_and_a_domain_lie_together_and_differ_by_outcome),
        cmocka_unit_test(a_report_is_rfc_7489_s_xml_whatever_strangers_wrote),
    };

    return cmocka_run_group_tests_name("DMARC tallies", tests, NULL, NULL);
}
