/*
 * The signed messages of other projects, read in place. Where we judge one differently it stands in DIFFER with
 * the sentence of the RFC that says why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "corpus.h"

#define FOLDER VECTORS "dkim/"

static const char NO_VERSION[] = "RFC 6376 3.5: v= is REQUIRED and its value MUST be \"1\"; drafts of before 2007 had none or 0.5";
static const char GRANULARITY[] = "RFC 6376 appendix E.1, 18: g= is no tag any more, and unknown tags MUST be ignored (3.2)";
static const struct { const char *id, *want, *reason; } DIFFER[] = {
    { "mail-dkim/bad_1.txt", "invalid", NO_VERSION }, { "mail-dkim/bad_ietf01_1.txt", "invalid", NO_VERSION },
    { "mail-dkim/good_ietf01_1.txt", "invalid", NO_VERSION }, { "mail-dkim/good_ietf01_2.txt", "invalid", NO_VERSION },
    { "mail-dkim/mine_ietf01_1.txt", "invalid", NO_VERSION }, { "mail-dkim/mine_ietf01_2.txt", "invalid", NO_VERSION },
    { "mail-dkim/mine_ietf01_4.txt", "invalid", NO_VERSION }, { "mail-dkim/mine_ietf05_1.txt", "invalid", NO_VERSION },
    { "mail-dkim/no_body_1.txt", "invalid", NO_VERSION }, { "mail-dkim/no_body_2.txt", "invalid", NO_VERSION },
    { "mail-dkim/no_body_3.txt", "invalid", NO_VERSION },
    { "mail-dkim/badkey_12.txt", "pass", GRANULARITY }, { "mail-dkim/badkey_13.txt", "pass", GRANULARITY },
    { "mail-dkim/badkey_8.txt", "pass", GRANULARITY }, { "mail-dkim/badkey_9.txt", "pass", GRANULARITY },
};

/* As the time of these messages had it: every hash, short keys. */
static struct sig_rules everything(void)
{
    struct sig_rules r = sig_rules_default;

    r.hashes = 1u << HASH_SHA1 | 1u << HASH_SHA256 | 1u << HASH_SHA512;
    r.min_bits[KEY_RSA] = 256;
    r.most = SIG_MOST_MAX;
    r.now = 1000000000;
    return r;
}

static const char *expected(const char *id, const char *said)
{
    for (size_t i = 0; i < sizeof DIFFER / sizeof *DIFFER; i++)
        if (strcmp(id, DIFFER[i].id) == 0)
            return DIFFER[i].want;
    return said;
}

static bool no_vectors(bool there)
{
    if (!there) {
        print_message("skipped: no vectors\n");
        skip();
    }
    return !there;
}

/* ---- Mail::DKIM */

static unsigned mail_dkim_row(struct corpus *c, struct str row)
{
    struct sig_rules rules = everything();
    struct str id, kind, want, message;
    struct dkim d;
    const char *got, *expect;
    char path[512];
    unsigned wrong;

    assert_true(json_get(&c->arena, row, "id", &id) && json_get(&c->arena, row, "kind", &kind) && json_get(&c->arena, row, "expect", &want));
    /* DomainKeys and the drafts before DKIM are other formats: what carries them is unsigned to us. */
    if (!str_same(kind, STR("dkim")))
        return 0;
    snprintf(path, sizeof path, FOLDER "%s", id.p);
    assert_true(corpus_file(c, path, &message));
    corpus_judge(c, corpus_wire(&c->arena, message), &rules, 7, &d);
    got = d.n ? dkim_status(&d.v[0]) : "none";
    expect = expected(id.p, want.p);
    wrong = strcmp(got, expect) != 0;
    if (wrong)
        print_message("%s: %s (%s %.*s), wanted %s\n", id.p, got, d.n ? d.v[0].reason : "", d.n ? (int)d.v[0].detail.n : 0,
                      d.n ? d.v[0].detail.p : "", expect);
    dkim_drop(&d);
    return wrong;
}

static void mail_dkim(void **state)
{
    struct corpus c;
    struct str rows, row, records;
    unsigned wrong = 0;

    (void)state;
    corpus_open(&c);
    if (!no_vectors(corpus_file(&c, FOLDER "mail-dkim-expect.jsonl", &rows) && corpus_file(&c, FOLDER "mail-dkim/FAKE_DNS.dat", &records))) {
        while (records.n)
            records = corpus_records(&c, records);
        while (str_cut(&rows, '\n', &row))
            if (str_trim(row).n)
                wrong += mail_dkim_row(&c, row);
        assert_int_equal(wrong, 0);
    }
    corpus_close(&c);
}

/* ---- files of records and a message */

static void with_records(void **state)
{
    static const struct { const char *file; const char *want; } rows[] = {
        { "stalwart/001.txt", "pass:pass" }, { "stalwart/002.txt", "pass" }, { "stalwart/004.txt", "pass" }, { "stalwart/006.txt", "pass" },
    };
    struct sig_rules rules = everything();
    struct str file;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct corpus c;
        struct dkim d;
        struct buf got = { 0 };
        char path[512];

        corpus_open(&c);
        snprintf(path, sizeof path, FOLDER "%s", rows[i].file);
        if (no_vectors(corpus_file(&c, path, &file)))
            return;
        file = corpus_records(&c, file);
        corpus_judge(&c, corpus_wire(&c.arena, file), &rules, 1, &d);
        for (size_t k = 0; k < d.n; k++)
            buf_addf(&got, "%s%s", k ? ":" : "", dkim_status(&d.v[k]));
        buf_byte(&got, '\0');
        if (strcmp(buf_str(&got).p, rows[i].want) != 0)
            fail_msg("%s: %s, wanted %s", rows[i].file, buf_str(&got).p, rows[i].want);
        buf_free(&got);
        dkim_drop(&d);
        corpus_close(&c);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_dkim),
        cmocka_unit_test(with_records),
    };

    return cmocka_run_group_tests_name("other projects' DKIM messages", tests, NULL, NULL);
}
