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
/* Those of opendkim have no verdict of their own: what is not to pass, with the title of its test or the RFC's sentence. */
static const char BODY_ADDED[] = "text was added to the body, and this one has no l=";
static const char TIMES[] = "title: expired, negative or bogus time (failure); RFC 6376 3.5: t= and x= are digits, at most twelve";
static const char SPACES[] = "title: extra signature spaces (failure): simple keeps them (RFC 6376 3.4.1)";
static const char NO_KEY[] = "title: no such key";
static const char WRONG_HASH[] = "title: the first of two is none: its bh= was changed after it was signed";
static const char CANON[] = "title: bogus canonicalization; RFC 6376 3.5: c= names simple or relaxed";
static const char NO_BH[] = "title: missing bh=, which is REQUIRED (RFC 6376 3.5)";
static const char OTHER_KEY[] = "the third signature of key reuse was not made with this key";
static const char MALFORMED[] = "title: malformed signature";
static const char STRICT_KEY[] = "RFC 6376 3.6.1: the key says t=s, so the domain of i= MUST be d= itself";
static const char TWICE[] = "the row has the body twice: its test signs two messages";
static const char BARE[] = "lines end in a bare CR or LF, which no message that is accepted here has (RFC 5322 2.3)";
static const char OUTSIDE[] = "RFC 6376 3.5: i= MUST be d= or below it";
static const char REUSED[] = "b= was made for a field with another c= or s=: only body and key are looked at in this test";
static const char KEY_ODD[] = "title: key anomalies; RFC 6376 3.6.1: v= MUST be DKIM1, an unknown k= is none, h= names the hashes, p= is REQUIRED and base64";
static const char REVOKED[] = "RFC 6376 3.6.1: an empty p= says that the key was revoked";
static const char BAD_FIELD[] = "title: bad/good signatures; RFC 6376 3.5: s= and v= are REQUIRED";
static const char ALTERED[] = "title: header diffing, From: missing or bogus: a field that is signed is another one now";
static const struct { const char *id, *want, *reason; } DIFFER[] = {
    { "opendkim/t-test105/SIG2", "invalid", TIMES }, { "opendkim/t-test106/SIG2", "invalid", TIMES },
    { "opendkim/t-test107/SIG2", "fail", REUSED }, { "opendkim/t-test115/SIG", "fail", REUSED }, { "opendkim/t-test130/SIG2", "fail", REUSED },
    { "opendkim/t-test115/SIG2", "invalid", KEY_ODD }, { "opendkim/t-test115/SIG3", "invalid", KEY_ODD },
    { "opendkim/t-test115/SIG4", "invalid", KEY_ODD }, { "opendkim/t-test115/SIG5", "invalid", KEY_ODD },
    { "opendkim/t-test115/SIG6", "invalid", KEY_ODD }, { "opendkim/t-test115/SIG8", "invalid", KEY_ODD },
    { "opendkim/t-test115/SIG7", "invalid", REVOKED }, { "opendkim/t-test125/SIG7", "invalid", REVOKED },
    { "opendkim/t-test130/SIG1", "invalid", BAD_FIELD }, { "opendkim/t-test130/SIG3", "invalid", BAD_FIELD },
    { "opendkim/t-test63/SIG2", "fail", ALTERED }, { "opendkim/t-test66/SIG2", "fail", ALTERED }, { "opendkim/t-test70/SIG2", "fail", ALTERED },
    { "opendkim/t-test100/SIG", "fail", BODY_ADDED }, { "opendkim/t-test103/SIG2", "fail", TIMES },
    { "opendkim/t-test87/SIG2", "invalid", TIMES }, { "opendkim/t-test35/SIG2", "fail", SPACES }, { "opendkim/t-test36/SIG2", "invalid", NO_KEY },
    { "opendkim/t-test45/SIG1", "fail", WRONG_HASH }, { "opendkim/t-test46/SIG1", "fail", WRONG_HASH },
    { "opendkim/t-test60/SIG2", "invalid", CANON }, { "opendkim/t-test62/SIG2", "invalid", NO_BH }, { "opendkim/t-test74/SIG3", "fail", OTHER_KEY },
    { "opendkim/t-test76/SIG", "invalid", MALFORMED }, { "opendkim/t-test81/SIG2", "invalid", STRICT_KEY },
    { "opendkim/t-test82/SIG2", "invalid", STRICT_KEY }, { "opendkim/t-test83/SIG2", "invalid", STRICT_KEY },
    { "opendkim/t-test84/SIG1", "invalid", STRICT_KEY }, { "opendkim/t-test84/SIG2", "invalid", STRICT_KEY },
    { "opendkim/t-test132/SIG2", "invalid", OUTSIDE },
    { "opendkim/t-test128/SIG2", "fail", TWICE }, { "opendkim/t-test129/SIG2", "fail", TWICE },
    { "opendkim/t-test90/SIG2", "fail", BARE }, { "opendkim/t-test91/SIG2", "fail", BARE },
    { "mail-dkim/bad_1.txt", "invalid", NO_VERSION }, { "mail-dkim/bad_ietf01_1.txt", "invalid", NO_VERSION },
    { "mail-dkim/good_ietf01_1.txt", "invalid", NO_VERSION }, { "mail-dkim/good_ietf01_2.txt", "invalid", NO_VERSION },
    { "mail-dkim/mine_ietf01_1.txt", "invalid", NO_VERSION }, { "mail-dkim/mine_ietf01_2.txt", "invalid", NO_VERSION },
    { "mail-dkim/mine_ietf01_4.txt", "invalid", NO_VERSION }, { "mail-dkim/mine_ietf05_1.txt", "invalid", NO_VERSION },
    { "mail-dkim/no_body_1.txt", "invalid", NO_VERSION }, { "mail-dkim/no_body_2.txt", "invalid", NO_VERSION },
    { "mail-dkim/no_body_3.txt", "invalid", NO_VERSION },
    { "mail-dkim/badkey_12.txt", "pass", GRANULARITY }, { "mail-dkim/badkey_13.txt", "pass", GRANULARITY },
    { "mail-dkim/badkey_8.txt", "pass", GRANULARITY }, { "mail-dkim/badkey_9.txt", "pass", GRANULARITY },
};

static const struct { const char *id, *reason; } NOT_RUN[] = {
    { "opendkim/t-test120", "all its fields and its body are its own, and not among the macros" },
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

/* 1, and said: the first signature is not found to be that. */
static unsigned differs(const char *title, const struct dkim *d, const char *want)
{
    const char *got = d->n ? dkim_status(&d->v[0]) : "none";

    if (strcmp(got, want) == 0)
        return 0;
    print_message("%s: %s (%s %.*s), wanted %s\n", title, got, d->n ? d->v[0].reason : "", d->n ? (int)d->v[0].detail.n : 0,
                  d->n ? d->v[0].detail.p : "", want);
    return 1;
}

/* All of them, in order: "pass:fail". */
static void expect_all(const char *title, const struct dkim *d, const char *want)
{
    struct buf got = { 0 };

    for (size_t k = 0; k < d->n; k++)
        buf_addf(&got, "%s%s", k ? ":" : "", dkim_status(&d->v[k]));
    buf_byte(&got, '\0');
    if (strcmp(buf_str(&got).p, want) != 0)
        fail_msg("%s: %s, wanted %s (%s)", title, buf_str(&got).p, want, d->n ? d->v[0].reason : "");
    buf_free(&got);
}

/* ---- Mail::DKIM */

static unsigned mail_dkim_row(struct corpus *c, struct str row)
{
    struct sig_rules rules = everything();
    struct str id, kind, want, message;
    struct dkim d;
    char path[512];
    unsigned wrong;

    assert_true(json_get(&c->arena, row, "id", &id) && json_get(&c->arena, row, "kind", &kind) && json_get(&c->arena, row, "expect", &want));
    snprintf(path, sizeof path, FOLDER "%s", id.p);
    assert_true(corpus_file(c, path, &message));
    corpus_judge(c, corpus_wire(&c->arena, message), &rules, 7, &d);
    /* DomainKeys is another format: what carries it alone is unsigned to us. The drafts before DKIM had no v=1. */
    wrong = differs(id.p, &d, str_same(kind, STR("dkim")) ? expected(id.p, want.p) : str_same(kind, STR("prestandard")) ? "invalid" : "none");
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
        while (corpus_row(&rows, &row))
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
        char path[512];

        corpus_open(&c);
        snprintf(path, sizeof path, FOLDER "%s", rows[i].file);
        if (no_vectors(corpus_file(&c, path, &file)))
            return;
        file = corpus_records(&c, file);
        corpus_judge(&c, corpus_wire(&c.arena, file), &rules, 1, &d);
        expect_all(rows[i].file, &d, rows[i].want);
        dkim_drop(&d);
        corpus_close(&c);
    }
}

/* ---- messages with their keys elsewhere */

static const char ED_RECORD[] = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
static const char TEST_RECORD[] = "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/b"
                                  "yYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

/* The example of RFC 8463, as several projects keep it, and of RFC 6376 with keys of its own. */
static void of_rfcs(void **state)
{
    static const struct { const char *file, *want; } rows[] = {
        { "mimekit/rfc8463-example.msg", "pass:pass" }, { "mailauth-ec/signed.eml", "pass:pass" }, { "dkimpy/ed25519test2.msg", "pass" },
        { "dkimpy/rfc6376.signed.rsa.msg", "pass" }, { "dkimpy/rfc6376.signed.msg", "pass:pass" },
    };
    struct sig_rules rules = everything();
    struct str file;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct corpus c;
        struct dkim d;
        char path[512];

        corpus_open(&c);
        corpus_record(&c, STR("brisbane._domainkey.football.example.com"), str_of(ED_RECORD));
        corpus_record(&c, STR("test._domainkey.football.example.com"), str_of(TEST_RECORD));
        corpus_record(&c, STR("sed._domainkey.test.ex"), STR("v=DKIM1; k=ed25519; p=sPs07Vu29FpHT/80UXUcYHFOHifD4o2ZlP2+XUh9g6E="));
        snprintf(path, sizeof path, FOLDER "%s", rows[i].file);
        if (no_vectors(corpus_file(&c, path, &file)))
            return;
        corpus_judge(&c, corpus_wire(&c.arena, file), &rules, 3, &d);
        expect_all(rows[i].file, &d, rows[i].want);
        dkim_drop(&d);
        corpus_close(&c);
    }
}

/* rspamd's: hostile shapes, whose keys are not there; what counts is that each is read, and how. */
static void hostile_shapes(void **state)
{
    static const struct { const char *file, *want; } rows[] = {
        { "rspamd/dkim_sigs_at_limit.eml", "syntax" }, { "rspamd/dkim_huge_hlist.eml", "pubkey_unavailable" },
        { "rspamd/dkim_large_hlist.eml", "pubkey_unavailable" }, { "rspamd/dkim_key_too_wide.eml", "pubkey_unavailable" },
        { "rspamd/dkim_key_wide_ok.eml", "pubkey_unavailable" },
        { "rspamd/dmarc/dkim_unknown_tags.eml", "pubkey_unavailable" },
    };
    struct sig_rules rules = everything();
    struct str file;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct corpus c;
        struct dkim d;
        char path[512];

        corpus_open(&c);
        snprintf(path, sizeof path, FOLDER "%s", rows[i].file);
        if (no_vectors(corpus_file(&c, path, &file)))
            return;
        corpus_judge(&c, corpus_wire(&c.arena, file), &rules, 0, &d);
        assert_true(d.n > 0);
        if (strcmp(d.v[0].reason, rows[i].want) != 0)
            fail_msg("%s: %s %.*s, wanted %s", rows[i].file, d.v[0].reason, STR_ARG(d.v[0].detail), rows[i].want);
        dkim_drop(&d);
        corpus_close(&c);
    }
}

/* ---- opendkim: texts that its tests put together */

/* Fields that some tests define for themselves, so that the macros lack them. Those that are signed follow from
 * the row, and its signature proves them; of the others only the title counts: that they are not signed, or altered. */
static const struct { const char *name, *text; } OWN[] = {
    { "XHEADER05", "From: Murray S. Kucherawy <msk@eng.sendmail.com>" },        /* i=@eng.sendmail.com */
    { "XHEADER07", "Date   : Thu, 05 May 2005 11:59:09 -0700" },                /* space-laden names */
    { "XHEADER1", "X-Extra-1: not signed" }, { "XHEADER2", "X-Extra-2: not signed" }, { "SKIPHEADER", "X-Skip: not signed" },
    { "PHONYHEADER", "From: Somebody Else <else@example.org>" },
    { "ALTHEADER02", "Received: altered 1" }, { "ALTHEADER03", "Received: altered 2" }, { "ALTHEADER04", "Received: altered 3" },
    { "ALTHEADER05", "From: altered" },
};

static bool macro_find(struct corpus *c, struct str all, struct str name, struct str *value)
{
    for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
        if (str_same(name, str_of(OWN[i].name))) {
            *value = str_of(OWN[i].text);
            return true;
        }
    return json_get(&c->arena, all, name.p, value);
}

static struct str macro(struct corpus *c, struct str all, struct str name)
{
    struct str value = STR("");

    macro_find(c, all, name, &value);
    return value;
}

/* False: a text is nowhere to be had. */
static bool all_there(struct corpus *c, struct str all, struct str names)
{
    struct str name, value;

    while (json_next(&c->arena, &names, &name))
        if (!macro_find(c, all, name, &value))
            return false;
    return true;
}

static size_t names_count(struct corpus *c, struct str names)
{
    struct str name;
    size_t n = 0;

    while (json_next(&c->arena, &names, &name))
        n++;
    return n;
}

static void opendkim_records(struct corpus *c, struct str all)
{
    static const char *const pairs[][2] = {
        { "SELECTOR", "PUBLICKEY" }, { "SELECTOR2", "PUBLICKEY2" }, { "SELECTOR256", "PUBLICKEY256" }, { "SELECTORBADH", "PUBLICKEYBADH" },
        { "SELECTORBADK", "PUBLICKEYBADK" }, { "SELECTORBADV", "PUBLICKEYBADV" }, { "SELECTORCORRUPTP", "PUBLICKEYCORRUPTP" },
        { "SELECTOREMPTYP", "PUBLICKEYEMPTYP" }, { "SELECTORNOK", "PUBLICKEYNOK" }, { "SELECTORNOP", "PUBLICKEYNOP" },
    };
    static const char *const domains[] = { "DOMAIN", "DOMAIN2" };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (size_t d = 0; d < 2; d++)
            corpus_record(c, arena_printf(&c->arena, "%.*s._domainkey.%.*s", STR_ARG(macro(c, all, str_of(pairs[i][0]))),
                                          STR_ARG(macro(c, all, str_of(domains[d])))), macro(c, all, str_of(pairs[i][1])));
}

static void join(struct corpus *c, struct str all, struct str names, struct str end, struct buf *out)
{
    struct str name;

    while (json_next(&c->arena, &names, &name)) {
        buf_add(out, macro(c, all, name));
        buf_add(out, end);
    }
}

/* What the tests give in one piece, or in a loop, is not in the rows: nearly all have this message. Their bh= is of this body. */
static const char COMMON_HEADER[] = "[\"HEADER01\",\"HEADER02\",\"HEADER03\",\"HEADER04\",\"HEADER05\",\"HEADER06\",\"HEADER07\",\"HEADER08\",\"HEADER09\"]";
static const char COMMON_BODY[] = "[\"BODY00\",\"BODY01\",\"BODY01A\",\"BODY01B\",\"BODY01C\",\"BODY01D\",\"BODY01E\",\"BODY02\",\"BODY03\","
                                  "\"BODY04\",\"BODY03\",\"BODY03\",\"BODY05\",\"BODY03\",\"BODY03\"]";

/* The bodies of "large bodies" and "large lines", which are made in a loop: as much of one text, in lines as long, as their bh= says. */
static void large_body(struct corpus *c, struct str all, bool lines, struct buf *out)
{
    struct str text = macro(c, all, STR("GIBBERISH"));

    for (unsigned i = 1; i <= (lines ? 689 : 675); i++) {
        buf_add(out, lines ? str_trim(text) : text);
        if (lines && i % 44 == 0)
            buf_add(out, STR("\r\n"));
    }
}

static void body_of(struct corpus *c, struct str all, struct str id, struct str bodies, struct buf *out)
{
    struct str rest = bodies, first = STR("");

    json_next(&c->arena, &rest, &first);
    if (str_same(first, STR("CRLF")))
        large_body(c, all, str_same(id, STR("opendkim/t-test122")), out);
    join(c, all, names_count(c, bodies) > 1 || str_same(first, STR("CRLF")) ? bodies : str_of(COMMON_BODY), STR(""), out);
}

static unsigned judged;

static unsigned opendkim_row(struct corpus *c, struct str all, struct str row)
{
    struct sig_rules rules = everything();
    struct str id, sigs, name, sig, headers = STR(""), bodies = STR("");
    unsigned wrong = 0;

    assert_true(json_get(&c->arena, row, "id", &id) && json_get(&c->arena, row, "sigs", &sigs));
    json_get(&c->arena, row, "headers", &headers);
    json_get(&c->arena, row, "body", &bodies);
    if (names_count(c, headers) == 0)
        headers = str_of(COMMON_HEADER);
    for (size_t i = 0; i < sizeof NOT_RUN / sizeof *NOT_RUN; i++)
        if (str_same(id, str_of(NOT_RUN[i].id))) {
            print_message("%s: not run: %s\n", id.p, NOT_RUN[i].reason);
            return 0;
        }
    if (!all_there(c, all, headers) || !all_there(c, all, bodies))
        fail_msg("%s: a text is missing", id.p);
    judged++;
    while (json_next_member(&c->arena, &sigs, &name, &sig)) {
        struct buf message = { 0 };
        struct dkim d;
        struct str title = arena_printf(&c->arena, "%.*s/%.*s", STR_ARG(id), STR_ARG(name));
        const char *want = expected(title.p, "pass");

        buf_addf(&message, "DKIM-Signature: %.*s\r\n", STR_ARG(sig));
        join(c, all, headers, STR("\r\n"), &message);
        buf_add(&message, STR("\r\n"));
        body_of(c, all, id, bodies, &message);
        corpus_judge(c, corpus_wire(&c->arena, buf_str(&message)), &rules, 11, &d);
        wrong += differs(title.p, &d, want);
        dkim_drop(&d);
        buf_free(&message);
    }
    return wrong;
}

static void opendkim(void **state)
{
    struct corpus c;
    struct str rows, row, all;
    unsigned wrong = 0;

    (void)state;
    corpus_open(&c);
    if (!no_vectors(corpus_file(&c, FOLDER "opendkim.jsonl", &rows) && corpus_file(&c, FOLDER "opendkim-macros.json", &all))) {
        opendkim_records(&c, all);
        while (corpus_row(&rows, &row))
            wrong += opendkim_row(&c, all, row);
        print_message("opendkim: %u rows judged\n", judged);
        assert_int_equal(judged, 87);
        assert_int_equal(wrong, 0);
    }
    corpus_close(&c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_dkim),
        cmocka_unit_test(with_records),
        cmocka_unit_test(of_rfcs),
        cmocka_unit_test(hostile_shapes),
        cmocka_unit_test(opendkim),
    };

    return cmocka_run_group_tests_name("other projects' DKIM messages", tests, NULL, NULL);
}
