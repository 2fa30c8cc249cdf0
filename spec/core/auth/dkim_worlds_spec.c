/*
 * Messages whose keys stand in a world of their own: dkimpy's DNS.json, MimeKit's mail of Gmail, go-msgauth's literals.
 * What dkimpy signs in its tests is signed here too, and judged in each of its worlds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "auth/sign.h"
#include "base/base64.h"
#include "corpus.h"

#define FOLDER VECTORS "dkim/"

/* As the time of these messages had it. */
static struct sig_rules of_their_time(void)
{
    struct sig_rules r = sig_rules_default;

    r.hashes = 1u << HASH_SHA1 | 1u << HASH_SHA256;
    r.min_bits[KEY_RSA] = 512;
    r.most = SIG_MOST_MAX;
    r.now = 1600000000;
    return r;
}

static bool no_vectors(bool there)
{
    if (!there) {
        print_message("skipped: no vectors\n");
        skip();
    }
    return !there;
}

static bool vector(struct corpus *c, const char *name, struct str *out)
{
    return corpus_file(c, arena_printf(&c->arena, FOLDER "%s", name).p, out);
}

/* "pass:invalid/pubkey_syntax": each signature from the top, with the reason of one that does not pass. */
static struct str verdict(struct corpus *c, struct str message, unsigned most)
{
    struct sig_rules rules = of_their_time();
    struct buf got = { 0 };
    struct str text;
    struct dkim d;

    rules.most = most;
    corpus_judge(c, message, &rules, 7, &d);
    for (size_t i = 0; i < d.n; i++)
        buf_addf(&got, "%s%s%s%s", i ? ":" : "", dkim_status(&d.v[i]), d.v[i].result == SIG_PASS ? "" : "/", d.v[i].result == SIG_PASS ? "" : d.v[i].reason);
    text = arena_dup(&c->arena, buf_str(&got));
    buf_free(&got);
    dkim_drop(&d);
    return text;
}

static void is(struct corpus *c, const char *title, struct str message, const char *want)
{
    struct str got = verdict(c, message, SIG_MOST_MAX);

    if (!str_same(got, str_of(want)))
        fail_msg("%s: %.*s, wanted %s", title, STR_ARG(got), want);
}

/* ---- dkimpy */

static void world(struct corpus *c, struct str worlds, const char *name)
{
    struct str all, record, text, file;

    assert_true(json_get(&c->arena, worlds, name, &all));
    while (json_next_member(&c->arena, &all, &record, &text)) {
        if (text.n && text.p[0] == '{') {
            assert_true(json_get(&c->arena, text, "file", &file));
            assert_true(vector(c, arena_printf(&c->arena, "dkimpy/%.*s", STR_ARG(file)).p, &text));
        }
        corpus_record(c, record, str_trim(text));
    }
}

/* The keys of Ed25519 are there as their 32 bytes, in base64; what is before them says so to OpenSSL (RFC 8410 section 7). */
static struct str key_of(struct corpus *c, struct str file)
{
    static const char prefix[] = "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    struct buf der = { 0 };
    struct str raw;

    if (str_starts(file, STR("-----")))
        return file;
    assert_true(base64_decode(&c->arena, str_trim(file), &raw, NULL));
    buf_add(&der, (struct str){ prefix, 16 });
    buf_add(&der, raw);
    raw = arena_printf(&c->arena, "-----BEGIN PRIVATE KEY-----\n%.*s\n-----END PRIVATE KEY-----\n", STR_ARG(base64_encode(&c->arena, buf_str(&der))));
    buf_free(&der);
    return raw;
}

static struct str signed_with(struct corpus *c, struct str message, struct sign_want *w)
{
    struct header *h = arena_new(&c->arena, struct header);
    struct bodyhash *b = bodyhash_new();
    struct signkeys *keys = signkeys_new();
    struct fieldset *fields;
    struct buf out = { 0 };
    struct str section, body, whole;
    struct why why;
    bool damaged;

    header_divide(message, &section, &body, &damaged);
    header_parse(&c->arena, section, h);
    fields = fieldset_new(h);
    sign_prepare(w, b);
    bodyhash_add(b, body);
    bodyhash_end(b);
    if (sign_field(w, keys, h, fields, b, &out, &why) != ST_OK)
        fail_msg("%.*s: %s", STR_ARG(w->domain), why.text);
    buf_add(&out, message);
    whole = arena_dup(&c->arena, buf_str(&out));
    buf_free(&out);
    fieldset_free(fields);
    signkeys_free(keys);
    bodyhash_free(b);
    return whole;
}

/* key NULL: the message brings its signatures. */
static const struct { const char *world, *file, *key, *domain, *selector, *want; } worlds_rows[] = {
    { "test_dkim.dnsfunc", "test.message", "test.private", "example.com", "test", "pass" },
    { "test_dkim.dnsfunc", "test_extra.message", "test.private", "example.com", "test", "pass" },
    { "test_dkim.dnsfunc", "rfc6376.w1258.msg", "test.private", "example.com", "test", "pass" },
    { "test_dkim.dnsfunc", "message.mbox", NULL, NULL, NULL, "invalid/pubkey_unavailable" },
    { "test_dkim.dnsfunc", "test2.message", NULL, NULL, NULL, "pass" },
    { "test_dkim.dnsfunc", "test.message.baddomain", NULL, NULL, NULL, "invalid/syntax" },
    { "test_dkim.dnsfunc2", "test.message", "test.private", "example.com", "test", "pass" },
    { "test_dkim.dnsfunc2", "test.message", "test2.private", "example.com", "test", "pass" },
    { "test_dkim.dnsfunc2", "test2.message", NULL, NULL, NULL, "pass" },
    { "test_dkim.dnsfunc3", "test.message", "test.private", "example.com", "test", "invalid/pubkey_syntax" },
    { "test_dkim.dnsfunc4", "test.message", "test.private", "example.com", "test", "invalid/pubkey_syntax" },
    { "test_dkim.dnsfunc5", "rfc6376.msg", "test.private", "football.example.com", "test", "pass" },
    { "test_dkim.dnsfunc5", "rfc6376.msg", "rfc8032_7_1.key", "football.example.com", "brisbane", "pass" },
    { "test_dkim.dnsfunc5", "rfc6376.signed.msg", NULL, NULL, NULL, "pass:pass" },
    { "test_dkim.dnsfunc6", "rfc6376.signed.msg", NULL, NULL, NULL, "pass:invalid/pubkey_syntax" },
    { "test_dkim.dnsfunc6", "rfc6376.signed.rsa.msg", NULL, NULL, NULL, "invalid/pubkey_syntax" },
    { "test_dkim.dnsfunc7", "test.message.baddomain", NULL, NULL, NULL, "invalid/syntax" },
    { "test_dkim_ed25519.dnsfunc", "ed25519test.msg", "ed25519test.key", "example.net", "test", "pass" },
    { "test_dkim_ed25519.dnsfunc", "ed25519test.msg", "ed25519test.key", "canonical.com", "example", "pass" },
    { "test_dkim_ed25519.dnsfunc", "ed25519test2.msg", NULL, NULL, NULL, "pass" },
    { "test_dkim_ed25519.dnsfunc", "rfc6376.msg", "rfc8032_7_1.key", "football.example.com", "brisbane", "pass" },
};

static void world_row(struct corpus *c, size_t i, enum canon_kind header, enum canon_kind body)
{
    struct sign_want w = { .hash = HASH_SHA256, .header = header, .body = body, .names = sign_names_default, .nnames = sign_nnames_default,
                           .created = -1, .expires = -1 };
    struct str worlds, message, key;

    assert_true(vector(c, "dkimpy/DNS.json", &worlds));
    world(c, worlds, worlds_rows[i].world);
    assert_true(vector(c, arena_printf(&c->arena, "dkimpy/%s", worlds_rows[i].file).p, &message));
    message = corpus_wire(&c->arena, message);
    if (worlds_rows[i].key) {
        assert_true(vector(c, arena_printf(&c->arena, "dkimpy/%s", worlds_rows[i].key).p, &key));
        w.domain = str_of(worlds_rows[i].domain);
        w.selector = str_of(worlds_rows[i].selector);
        w.key = key_of(c, key);
        message = signed_with(c, message, &w);
    }
    is(c, arena_printf(&c->arena, "%s: %s", worlds_rows[i].world, worlds_rows[i].file).p, message, worlds_rows[i].want);
}

static void dkimpy(void **state)
{
    struct corpus c;
    struct str all;

    (void)state;
    corpus_open(&c);
    if (no_vectors(vector(&c, "dkimpy/DNS.json", &all)))
        return;
    corpus_close(&c);
    for (size_t i = 0; i < 4 * sizeof worlds_rows / sizeof *worlds_rows; i++) {
        corpus_open(&c);
        world_row(&c, i / 4, i & 1 ? CANON_RELAXED : CANON_SIMPLE, i & 2 ? CANON_RELAXED : CANON_SIMPLE);
        corpus_close(&c);
    }
}

/* Records of dkimpy that no world of its names: one message, signed, and each in turn as its key. */
static void dkimpy_records(void **state)
{
    static const struct { const char *file, *want; } rows[] = {
        { "test.txt", "pass" }, { "test2.txt", "pass" },
        { "badversion.txt", "invalid/pubkey_syntax" }, { "badk.txt", "invalid/pubkey_syntax" }, { "test_bad.txt", "invalid/pubkey_syntax" },
        { "test_tlsrpt.txt", "invalid/pubkey_unavailable" },    /* RFC 6376 3.6.1: s= is not of mail, as if it were not there */
        { "ed25519test.dns", "invalid/algorithm" },
    };
    struct sign_want w = { .hash = HASH_SHA256, .header = CANON_RELAXED, .body = CANON_RELAXED, .domain = STR("example.com"), .selector = STR("test"),
                           .names = sign_names_default, .nnames = sign_nnames_default, .created = -1, .expires = -1 };
    struct str message, record;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct corpus c;

        corpus_open(&c);
        if (no_vectors(vector(&c, "dkimpy/test.message", &message)))
            return;
        assert_true(vector(&c, "dkimpy/test.private", &w.key) && vector(&c, arena_printf(&c.arena, "dkimpy/%s", rows[i].file).p, &record));
        corpus_record(&c, STR("test._domainkey.example.com"), str_trim(record));
        is(&c, rows[i].file, signed_with(&c, corpus_wire(&c.arena, message), &w), rows[i].want);
        corpus_close(&c);
    }
}

/* ---- MimeKit, go-msgauth */

/* "v=DKIM1; p=" and what stands between the armour of a public key. */
static struct str record_of_pem(struct corpus *c, struct str pem)
{
    struct buf out = { 0 };
    struct str line, record;

    buf_add(&out, STR("v=DKIM1; k=rsa; p="));
    while (str_cut(&pem, '\n', &line))
        if (!str_starts(line, STR("-----")))
            buf_add(&out, str_trim(line));
    record = arena_dup(&c->arena, buf_str(&out));
    buf_free(&out);
    return record;
}

static void mimekit(void **state)
{
    static const char *const files[] = { "mimekit/gmail.msg", "mimekit/multipart-no-end-boundary.msg" };
    struct str message, key;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct corpus c;

        corpus_open(&c);
        if (no_vectors(vector(&c, files[i], &message) && vector(&c, "mimekit/gmail.pub", &key)))
            return;
        corpus_record(&c, STR("20120113._domainkey.gmail.com"), record_of_pem(&c, key));
        is(&c, files[i], corpus_wire(&c.arena, message), "pass");
        corpus_close(&c);
    }
}

/* Keys as projects publish them beside the private half: what is signed with the one holds by the other. */
static void pairs(void **state)
{
    static const struct { const char *key, *record; } rows[] = {
        { "mimekit/example.pem", "mimekit/example.pub" },
        { "dkimpy/1024_testkey.key", "dkimpy/1024_testkey_wo_markers.pub.txt" },
        { "dkimpy/1024_testkey.key", "dkimpy/1024_testkey_wo_markers.pub.rsa.txt" },
        { "dkimpy/2048_testkey.key", "dkimpy/2048_testkey_wo_markers.pub.txt" },
        { "dkimpy/2048_testkey.key", "dkimpy/2048_testkey_wo_markers.pub.rsa.txt" },
        { "dkimpy/2048_testkey_PKCS8.key", "dkimpy/2048_testkey_PKCS8.key.pub.txt" },
    };
    struct sign_want w = { .hash = HASH_SHA256, .header = CANON_RELAXED, .body = CANON_RELAXED, .domain = STR("example.com"), .selector = STR("test"),
                           .names = sign_names_default, .nnames = sign_nnames_default, .created = -1, .expires = -1 };
    struct str record;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct corpus c;

        corpus_open(&c);
        if (no_vectors(vector(&c, rows[i].key, &w.key) && vector(&c, rows[i].record, &record)))
            return;
        corpus_record(&c, STR("test._domainkey.example.com"), str_starts(record, STR("v=")) ? str_trim(record) : record_of_pem(&c, record));
        is(&c, rows[i].record, signed_with(&c, STR("From: a@example.com\r\nSubject: x\r\n\r\nx\r\n"), &w), "pass");
        corpus_close(&c);
    }
}

/* Its key is that of RFC 6376 appendix C, which opendkim's macros have. The same signature thrice: as many are looked at as the rules say. */
static void go_msgauth(void **state)
{
    static const struct { unsigned most; const char *want; } rows[][2] = {
        { { 2, "pass" }, { SIG_MOST_MAX, "pass" } }, { { 2, "pass:pass:none/limit" }, { SIG_MOST_MAX, "pass:pass:pass" } },
    };
    struct corpus c;
    struct str all, macros, row, message, key;

    (void)state;
    corpus_open(&c);
    if (no_vectors(vector(&c, "go-msgauth.jsonl", &all) && vector(&c, "opendkim-macros.json", &macros)))
        return;
    assert_true(json_get(&c.arena, macros, "PUBLICKEY2", &key));
    corpus_record(&c, STR("brisbane._domainkey.example.com"), key);
    for (size_t i = 0; i < 2; i++) {
        assert_true(str_cut(&all, '\n', &row) && json_get(&c.arena, row, "message", &message));
        for (size_t k = 0; k < 2; k++) {
            struct str got = verdict(&c, corpus_wire(&c.arena, message), rows[i][k].most);

            if (!str_same(got, str_of(rows[i][k].want)))
                fail_msg("go-msgauth %zu: %.*s, wanted %s", i, STR_ARG(got), rows[i][k].want);
        }
    }
    corpus_close(&c);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dkimpy),
        cmocka_unit_test(dkimpy_records),
        cmocka_unit_test(mimekit),
        cmocka_unit_test(pairs),
        cmocka_unit_test(go_msgauth),
    };

    return cmocka_run_group_tests_name("other projects' messages and the worlds of their keys", tests, NULL, NULL);
}
