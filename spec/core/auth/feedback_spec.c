/* feedback_spec - findings as text and back; aggregate reports to the byte */
#include "auth/feedback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/gzip.h"
#include "packed.h"

static void same(struct str a, const char *b)
{
    if (!str_same(a, str_of(b)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(a), b);
}

static void what_was_found_survives_as_text_within_bounds(void **state)
{
    static char longest[5000];
    struct arena a = { 0 };
    struct finding in = {
        .disposition = STR("none"), .reason = STR("local_policy"), .ip = STR("192.0.2.1"), .from = STR("a\nb\0c\xff<x"), .envelope_from = STR(""),
        .aligned_spf = true, .spf = STR("pass"), .spf_domain = { longest, sizeof longest }, .spf_helo = true, .ndkim = 2,
        .dkim = { { STR_INIT("d.example"), STR_INIT("s1"), STR_INIT("pass") }, { STR_INIT("e.example"), STR_INIT(""), STR_INIT("fail") } },
    }, out;
    struct str text;

    (void)state;
    memset(longest, 'x', sizeof longest);
    in.from.n = 8;
    text = packed(&a, &in);
    assert_true(finding_read(text, &out));
    same(out.disposition, "none");
    same(out.reason, "local_policy");
    same(out.from, "a?b?c?<x");
    same(out.envelope_from, "");
    assert_true(out.aligned_spf && out.spf_helo && !out.aligned_dkim);
    assert_int_equal(out.spf_domain.n, FINDING_VALUE_MAX);
    assert_int_equal(out.ndkim, 2);
    same(out.dkim[1].domain, "e.example");
    same(out.dkim[1].selector, "");
    same(out.dkim[1].result, "fail");
    for (size_t n = 0; n < text.n; n++)        /* cut anywhere it is read without harm */
        finding_read(str_head(text, n), &out);
    arena_free(&a);
}

static void what_was_done_is_told_with_why_it_is_not_what_the_domain_asks_for(void **state)
{
    static const struct { const char *status, *applied, *sampled; enum finding_end end; const char *disposition, *reason; } rows[] = {
        { "accept", "reject", "none", FINDING_TAKEN, "none", "" },
        { "accept", "reject", "none", FINDING_REFUSED, "none", "" },
        { "reject", "reject", "reject", FINDING_REFUSED, "reject", "" },
        { "reject", "reject", "reject", FINDING_DISCARDED, "reject", "" },
        { "reject", "reject", "reject", FINDING_TAKEN, "none", "local_policy" },
        { "reject", "reject", "quarantine", FINDING_TAKEN, "quarantine", "sampled_out" },
        { "quarantine", "quarantine", "quarantine", FINDING_TAKEN, "quarantine", "" },
        { "quarantine", "quarantine", "none", FINDING_TAKEN, "none", "sampled_out" },
        { "quarantine", "quarantine", "quarantine", FINDING_REFUSED, "reject", "local_policy" },
        { "none", "none", "none", FINDING_TAKEN, "none", "" },
        { "none", "none", "none", FINDING_REFUSED, "reject", "local_policy" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dmarc_facts f = { .status = str_of(rows[i].status), .applied = str_of(rows[i].applied), .disposition = str_of(rows[i].sampled) };
        struct str disposition, reason;

        finding_judge(&f, rows[i].end, &disposition, &reason);
        if (!str_same(disposition, str_of(rows[i].disposition)) || !str_same(reason, str_of(rows[i].reason)))
            fail_msg("row %zu: %.*s %.*s", i, STR_ARG(disposition), STR_ARG(reason));
    }
}

static const char golden[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n  <version>1.0</version>\n  <report_metadata>\n"
    "    <org_name>A &amp; B &quot;&lt;x&gt;&apos;?</org_name>\n    <email>r@mx.example</email>\n"
    "    <report_id>1c0ec2fe48f31850@mx.example</report_id>\n    <date_range>\n      <begin>1772582400</begin>\n      <end>1772668799</end>\n    </date_range>\n"
    "    <error>7 more messages had results too diverse to be listed</error>\n  </report_metadata>\n"
    "  <policy_published>\n    <domain>example.net</domain>\n    <adkim>r</adkim>\n    <aspf>s</aspf>\n    <p>reject</p>\n    <sp>reject</sp>\n"
    "    <pct>40</pct>\n    <fo>1:d</fo>\n  </policy_published>\n"
    "  <record>\n    <row>\n      <source_ip>2001:db8::1</source_ip>\n      <count>3</count>\n      <policy_evaluated>\n"
    "        <disposition>quarantine</disposition>\n        <dkim>fail</dkim>\n        <spf>fail</spf>\n        <reason>\n"
    "          <type>sampled_out</type>\n        </reason>\n      </policy_evaluated>\n    </row>\n    <identifiers>\n"
    "      <envelope_from></envelope_from>\n      <header_from>&lt;/header_from&gt;&amp;&apos;.example.net</header_from>\n    </identifiers>\n"
    "    <auth_results>\n      <dkim>\n        <domain>d.example</domain>\n        <selector>s1</selector>\n        <result>permerror</result>\n"
    "      </dkim>\n      <spf>\n        <domain>&lt;/header_from&gt;&amp;&apos;.example.net</domain>\n        <scope>mfrom</scope>\n"
    "        <result>none</result>\n      </spf>\n    </auth_results>\n  </record>\n</feedback>\n";

static struct feedback sample(struct arena *a, struct finding_policy *p, struct feedback_row *row)
{
    struct finding f = {
        .disposition = STR("quarantine"), .reason = STR("sampled_out"), .ip = STR("2001:db8::1"), .from = STR("</header_from>&'.example.net"),
        .envelope_from = STR(""), .spf = STR(""), .spf_domain = STR(""), .ndkim = 2,
        .dkim = { { STR_INIT("d.example"), STR_INIT("s1"), STR_INIT("invalid") }, { STR_INIT(""), STR_INIT("s2"), STR_INIT("pass") } },
    };
    struct dmarc_record r = { .p = DMARC_POLICY_REJECT, .strict_spf = true, .said_spf = true, .pct = 40, .fo = DMARC_FO_ANY | DMARC_FO_DKIM,
                              .rua = STR("mailto:x@example.net") };
    struct buf b = { 0 };

    finding_policy_pack(&r, &b);
    assert_true(finding_policy_read(arena_dup(a, buf_str(&b)), p));
    buf_free(&b);
    same(p->rua, "mailto:x@example.net");
    *row = (struct feedback_row){ packed(a, &f), 3 };
    return (struct feedback){ .org = STR("A & B \"<x>'\x01"), .email = STR("r@mx.example"), .contact = STR(""), .submitter = STR("mx.example"),
        .domain = STR("example.net"), .begin = 1772582400, .end = 1772668799, .policy = p, .rows = row, .nrows = 1, .left_out = 7 };
}

static void a_report_is_the_xml_of_rfc_7489_and_hostile_bytes_are_escaped(void **state)
{
    struct arena a = { 0 };
    struct finding_policy p;
    struct feedback_row row;
    struct feedback f = sample(&a, &p, &row);
    struct buf out = { 0 };

    (void)state;
    feedback_xml(&f, &out);
    if (!str_same(buf_str(&out), str_of(golden)))
        fail_msg("%.*s", STR_ARG(buf_str(&out)));
    same(feedback_file(&a, &f), "mx.example!example.net!1772582400!1772668799!1c0ec2fe48f31850.xml");
    buf_free(&out);
    arena_free(&a);
}

static void nothing_of_a_domain_begins_a_line_or_leaves_the_name_of_a_file(void **state)
{
    struct arena a = { 0 };
    struct finding_policy p;
    struct feedback_row row;
    struct feedback f = sample(&a, &p, &row);
    struct buf out = { 0 };

    (void)state;
    clock_zone(STR("UTC"));
    f.domain = STR("../x\"\nBcc: y@z.example\n!");
    assert_int_equal(str_find(feedback_file(&a, &f), '/'), SIZE_MAX);
    assert_int_equal(str_find(feedback_file(&a, &f), '\n'), SIZE_MAX);
    feedback_mail(&f, STR("x@example.net"), STR("bytes"), 1772700000, &out);
    assert_int_equal(str_find_str(buf_str(&out), STR("\nBcc")), SIZE_MAX);
    assert_true(str_find_str(buf_str(&out), STR("\nYnl0ZXM=\n")) != SIZE_MAX);
    assert_true(str_find_str(buf_str(&out), STR("\nFrom: r@mx.example\n")) != SIZE_MAX || str_starts(buf_str(&out), STR("From: r@mx.example\n")));
    buf_clear(&out);
    feedback_too_large(&f, STR("x@example.net"), 123, 1772700000, &out);
    assert_int_equal(str_find_str(buf_str(&out), STR("\nBcc")), SIZE_MAX);
    assert_true(str_find_str(buf_str(&out), STR("\nReport-Size: 123\n")) != SIZE_MAX);
    buf_free(&out);
    arena_free(&a);
}

static void gzip_gives_back_what_was_put_in(void **state)
{
    static char text[200000], back[200000];
    struct buf out = { 0 };
    z_stream z = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * i >> 7);
    gzip_add((struct str){ text, sizeof text }, &out);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    z.next_in = (Bytef *)out.mem + out.at;
    z.avail_in = (uInt)out.n;
    z.next_out = (Bytef *)back;
    z.avail_out = sizeof back;
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    inflateEnd(&z);
    assert_memory_equal(text, back, sizeof text);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_found_survives_as_text_within_bounds),
        cmocka_unit_test(what_was_done_is_told_with_why_it_is_not_what_the_domain_asks_for),
        cmocka_unit_test(a_report_is_the_xml_of_rfc_7489_and_hostile_bytes_are_escaped),
        cmocka_unit_test(nothing_of_a_domain_begins_a_line_or_leaves_the_name_of_a_file),
        cmocka_unit_test(gzip_gives_back_what_was_put_in),
    };

    return cmocka_run_group_tests_name("feedback", tests, NULL, NULL);
}
