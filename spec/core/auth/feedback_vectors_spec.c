/*
 * Reports of other projects, read in place. What theirs say, put into ours, is said by our XML word for word; and the mails
 * that carry reports come apart into the parts they are made of. Reports are written here, never read: samples
 * of XML alone have nothing more to be held against (their schema is, by what dmarc-report sends).
 */
#include <jansson.h>
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/feedback.h"
#include "corpus.h"
#include "mail/mime.h"
#include "packed.h"

#define FOLDER VECTORS "reports/"

static bool no_vectors(bool there)
{
    if (!there) {
        print_message("skipped: no vectors\n");
        skip();
    }
    return !there;
}

/* ---- aggregate reports */

/* "TrustedForwarder" is trusted_forwarder, "Unspecified" and null are nothing. */
static struct str word(struct arena *a, json_t *j)
{
    const char *s = json_string_value(j);
    struct buf out = { 0 };
    struct str text;

    if (!s || !strcmp(s, "Unspecified"))
        return STR("");
    for (size_t i = 0; s[i]; i++) {
        if (i && isupper((unsigned char)s[i]))
            buf_byte(&out, '_');
        buf_byte(&out, (char)tolower((unsigned char)s[i]));
    }
    text = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return text;
}

static struct str text_of(json_t *j)
{
    return str_of(json_is_string(j) ? json_string_value(j) : "");
}

static json_t *at(json_t *j, const char *one, const char *two)
{
    return json_object_get(json_object_get(j, one), two);
}

static struct feedback_row row_of(struct arena *a, json_t *record)
{
    json_t *row = json_object_get(record, "row"), *judged = json_object_get(row, "policy_evaluated"), *dkim = at(record, "auth_results", "dkim"), *one;
    json_t *spf = json_array_get(at(record, "auth_results", "spf"), 0);
    struct finding f = {
        .disposition = word(a, json_object_get(judged, "disposition")), .ip = text_of(json_object_get(row, "source_ip")),
        .reason = word(a, json_object_get(json_array_get(json_object_get(judged, "reason"), 0), "type_")),
        .from = text_of(at(record, "identifiers", "header_from")), .envelope_from = text_of(at(record, "identifiers", "envelope_from")),
        .aligned_dkim = str_same(word(a, json_object_get(judged, "dkim")), STR("pass")),
        .aligned_spf = str_same(word(a, json_object_get(judged, "spf")), STR("pass")),
        .spf_domain = text_of(json_object_get(spf, "domain")), .spf = word(a, json_object_get(spf, "result")),
    };
    size_t i;

    json_array_foreach(dkim, i, one) {
        assert_true(f.ndkim < FINDING_DKIM_MAX);
        f.dkim[f.ndkim++] = (struct finding_dkim){ text_of(json_object_get(one, "domain")), text_of(json_object_get(one, "selector")),
                                                   word(a, json_object_get(one, "result")) };
    }
    return (struct feedback_row){ packed(a, &f), (uint64_t)json_integer_value(json_object_get(row, "count")) };
}

/* Goes behind the element, which has to come after what was found before. */
static void next_is(struct str *xml, struct arena *a, const char *file, const char *name, struct str value)
{
    struct str wanted = arena_printf(a, "<%s>%.*s</%s>\n", name, STR_ARG(value), name);
    size_t found = str_find_str(*xml, wanted);

    if (found == SIZE_MAX)
        fail_msg("%s: no %.*s in: %.*s", file, STR_ARG(wanted), STR_ARG(*xml));
    *xml = str_from(*xml, found + wanted.n);
}

static void record_is(struct str *xml, struct arena *a, const char *file, json_t *record)
{
    json_t *row = json_object_get(record, "row"), *judged = json_object_get(row, "policy_evaluated"), *dkim = at(record, "auth_results", "dkim"), *one;
    json_t *spf = json_array_get(at(record, "auth_results", "spf"), 0);
    size_t i;

    next_is(xml, a, file, "source_ip", text_of(json_object_get(row, "source_ip")));
    next_is(xml, a, file, "count", arena_printf(a, "%lld", (long long)json_integer_value(json_object_get(row, "count"))));
    next_is(xml, a, file, "disposition", word(a, json_object_get(judged, "disposition")));
    next_is(xml, a, file, "dkim", word(a, json_object_get(judged, "dkim")));
    next_is(xml, a, file, "spf", word(a, json_object_get(judged, "spf")));
    if (json_array_size(json_object_get(judged, "reason")))
        next_is(xml, a, file, "type", word(a, json_object_get(json_array_get(json_object_get(judged, "reason"), 0), "type_")));
    next_is(xml, a, file, "envelope_from", text_of(at(record, "identifiers", "envelope_from")));
    next_is(xml, a, file, "header_from", text_of(at(record, "identifiers", "header_from")));
    json_array_foreach(dkim, i, one) {
        next_is(xml, a, file, "domain", text_of(json_object_get(one, "domain")));
        next_is(xml, a, file, "selector", text_of(json_object_get(one, "selector")));
        next_is(xml, a, file, "result", word(a, json_object_get(one, "result")));
    }
    next_is(xml, a, file, "domain", text_of(json_object_get(spf, "domain")));
    next_is(xml, a, file, "result", word(a, json_object_get(spf, "result")));
}

static void report_is(struct arena *a, const char *file, json_t *theirs)
{
    json_t *meta = json_object_get(theirs, "report_metadata"), *published = json_object_get(theirs, "policy_published");
    json_t *records = json_object_get(theirs, "record"), *record;
    struct feedback_row *rows = arena_array(a, struct feedback_row, json_array_size(records));
    struct finding_policy p = { .p = word(a, json_object_get(published, "p")), .sp = word(a, json_object_get(published, "sp")), .pct = 100 };
    struct feedback f = { .org = text_of(json_object_get(meta, "org_name")), .email = text_of(json_object_get(meta, "email")),
                          .contact = text_of(json_object_get(meta, "extra_contact_info")), .submitter = STR("mx.example"),
                          .domain = text_of(json_object_get(published, "domain")), .begin = json_integer_value(at(meta, "date_range", "begin")),
                          .end = json_integer_value(at(meta, "date_range", "end")), .policy = &p, .rows = rows };
    struct buf out = { 0 };
    struct str xml;
    size_t i;

    json_array_foreach(records, i, record)
        rows[f.nrows++] = row_of(a, record);
    feedback_xml(&f, &out);
    xml = buf_str(&out);
    next_is(&xml, a, file, "org_name", f.org);
    next_is(&xml, a, file, "email", f.email);
    next_is(&xml, a, file, "begin", arena_printf(a, "%lld", (long long)f.begin));
    next_is(&xml, a, file, "end", arena_printf(a, "%lld", (long long)f.end));
    next_is(&xml, a, file, "domain", f.domain);
    next_is(&xml, a, file, "p", p.p);
    next_is(&xml, a, file, "sp", p.sp);
    json_array_foreach(records, i, record)
        record_is(&xml, a, file, record);
    assert_int_equal(str_find_str(xml, STR("<record>")), SIZE_MAX);
    buf_free(&out);
}

static void what_others_reports_say_ours_say(void **state)
{
    static const char *const files[] = { "001", "002", "003", "004", "100", "103", "104" };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct arena a = { 0 };
        json_t *theirs = json_load_file(arena_printf(&a, FOLDER "stalwart-dmarc-feedback/%s.json", files[i]).p, 0, NULL);

        if (no_vectors(theirs != NULL))
            return;
        report_is(&a, files[i], theirs);
        json_decref(theirs);
        arena_free(&a);
    }
}

/* ---- mails that carry reports */

static struct str content(struct arena *a, const struct mime *m, uint32_t part, struct str body)
{
    struct mime_reader r;
    struct buf out = { 0 };
    struct str text;

    mime_reader_begin(&r, m, part, true);
    mime_reader_feed(&r, str_head(str_from(body, (size_t)r.from), (size_t)(r.to - r.from)), &out);
    mime_reader_end(&r, &out);
    mime_reader_free(&r);
    text = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return text;
}

/* What kind of report a part is, by its type and its first bytes; "" for none. */
static const char *kind_of(struct arena *a, const struct mime_part *p, struct str bytes)
{
    struct header h;

    if (str_same(p->type, STR("message/feedback-report"))) {
        header_parse(a, bytes, &h);
        return header_field(&h, STR("Feedback-Type"), 0) && header_field(&h, STR("Version"), 0) ? "arf " : "arf? ";
    }
    if (str_starts(bytes, STR("\x1f\x8b")))
        return "gzip ";
    if (str_starts(bytes, STR("PK\x03\x04")))
        return "zip ";
    return str_starts(p->type, STR("application/tlsrpt")) ? "json " : "";
}

static const struct { const char *file, *kinds; } mails[] = {
    { "kumomta-arf/2.eml", "arf " }, { "kumomta-arf/4.eml", "arf " }, { "stalwart-arf/002.eml", "arf " }, { "stalwart-arf/003.eml", "arf " },
    { "stalwart-dmarc-feedback/100.eml", "zip " }, { "stalwart-dmarc-feedback/103.eml", "gzip " }, { "stalwart-dmarc-feedback/104.eml", "gzip " },
    { "stalwart-tlsrpt/rpt01.eml", "gzip " }, { "stalwart-tlsrpt/rpt02.eml", "json " },
    { "parsedmarc/aggregate/mimecast-weird-gzip.eml", "gzip " }, { "parsedmarc/aggregate/twilight.eml", "zip " },
    { "parsedmarc/failure/DMARC_Failure_Report_for_domain.de_mail-from_sharepoint@domain.de_ip_10.10.10.10_.eml", "arf " },
    { "parsedmarc/failure/dmarc_ruf_report_linkedin.eml", "arf " }, { "parsedmarc/failure/exim_plain_text_only_no_arf_part.eml", "" },
    { "parsedmarc/smtp_tls/google.com_smtp_tls_report.eml", "gzip " },
};

static void mail_row(struct corpus *c, size_t i, struct str file)
{
    struct str section, body, line;
    struct buf got = { 0 };
    struct header h;
    struct mime m;
    bool damaged;

    if (str_starts(file, STR("From ")))         /* of a mailbox (RFC 4155), and no field */
        str_cut(&file, '\n', &line);
    header_divide(corpus_wire(&c->arena, file), &section, &body, &damaged);
    header_parse(&c->arena, section, &h);
    mime_begin(&m, &h);
    mime_feed(&m, body);
    mime_end(&m);
    for (uint32_t k = 0; k < m.n; k++)
        if (!m.v[k].multipart)
            buf_addf(&got, "%s", kind_of(&c->arena, &m.v[k], content(&c->arena, &m, k, body)));
    if (!str_same(buf_str(&got), str_of(mails[i].kinds)))
        fail_msg("%s: \"%.*s\", wanted \"%s\"", mails[i].file, STR_ARG(buf_str(&got)), mails[i].kinds);
    buf_free(&got);
    mime_free(&m);
}

static void reports_come_out_of_their_mails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        struct corpus c;
        struct str file;

        corpus_open(&c);
        if (no_vectors(corpus_file(&c, arena_printf(&c.arena, FOLDER "%s", mails[i].file).p, &file)))
            return;
        mail_row(&c, i, file);
        corpus_close(&c);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_reports_say_ours_say),
        cmocka_unit_test(reports_come_out_of_their_mails),
    };

    return cmocka_run_group_tests_name("reports of other projects", tests, NULL, NULL);
}
