/* Canonical forms, whatever pieces a body comes in; hashes shared; keys and signatures that are hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "auth/dkim.h"

static void take(void *ctx, struct str run)
{
    buf_add(ctx, run);
}

static const struct { const char *body, *simple, *relaxed; } bodies[] = {
    { "", "\r\n", "" },
    { "\r\n", "\r\n", "" },
    { "\r\n\r\n\r\n", "\r\n", "" },
    { " \r\n\t\r\n", " \r\n\t\r\n", "" },
    { "a", "a\r\n", "a\r\n" },
    { "a\r\n", "a\r\n", "a\r\n" },
    { "a\r\n\r\n\r\n", "a\r\n", "a\r\n" },
    { " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },      /* RFC 6376 3.4.5 */
    { "a \t b  \r\n", "a \t b  \r\n", "a b\r\n" },
    { "\r\n\r\na\r\n \r\nb\r\n\t \r\n", "\r\n\r\na\r\n \r\nb\r\n\t \r\n", "\r\n\r\na\r\n\r\nb\r\n" },
    { "a\rb\r\n", "a\rb\r\n", "a\rb\r\n" },
    { "a\r\r\n", "a\r\r\n", "a\r\r\n" },
    { "a\r", "a\r\r\n", "a\r\r\n" },
    { "a \r", "a \r\r\n", "a \r\r\n" },
    { "a  ", "a  \r\n", "a\r\n" },
    { "a\nb\r\n", "a\nb\r\n", "a\nb\r\n" },
};

static void one_body(const char *body, enum canon_kind k, const char *want, size_t first, size_t step)
{
    struct canon *c = calloc(1, sizeof *c);
    struct buf out = { 0 };
    struct str rest = str_of(body);

    c->kind = k;
    c->sink = take;
    c->ctx = &out;
    canon_body(c, str_head(rest, first));
    for (rest = str_from(rest, first); rest.n; rest = str_from(rest, step))
        canon_body(c, str_head(rest, step));
    canon_end(c);
    if (!str_same(buf_str(&out), str_of(want)))
        fail_msg("%s of \"%s\" (%zu, %zu): \"%.*s\"", canon_name(k), body, first, step, STR_ARG(buf_str(&out)));
    buf_free(&out);
    free(c);
}

static void bodies_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (size_t first = 0; first <= strlen(bodies[i].body); first++)
            for (size_t step = 1; step <= 4; step++) {
                one_body(bodies[i].body, CANON_SIMPLE, bodies[i].simple, first, step);
                one_body(bodies[i].body, CANON_RELAXED, bodies[i].relaxed, first, step);
            }
}

static void lines_longer_than_the_room(void **state)
{
    char *body = malloc(3 * CANON_ROOM + 8), *want = malloc(3 * CANON_ROOM + 8);

    (void)state;
    memset(body, 'x', 3 * CANON_ROOM);
    strcpy(body + 3 * CANON_ROOM, " \r\n\r\n");
    memset(want, 'x', 3 * CANON_ROOM);
    strcpy(want + 3 * CANON_ROOM, "\r\n");
    one_body(body, CANON_RELAXED, want, 0, 1000);
    one_body(body, CANON_RELAXED, want, CANON_ROOM - 1, 2 * CANON_ROOM);
    free(body);
    free(want);
}

static void fields(void **state)
{
    static const struct { const char *field, *relaxed; } rows[] = {
        { "A: X\r\n", "a:X\r\n" }, { "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },            /* RFC 6376 3.4.5 */
        { "SUBJect:AbC\r\n", "subject:AbC\r\n" }, { "X:\r\n", "x:\r\n" }, { "X: \r\n \r\n \t a\r\n", "x:a\r\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a = { 0 };
        struct header h;
        struct buf out = { 0 };

        header_parse(&a, str_of(rows[i].field), &h);
        canon_field(&out, h.first, CANON_RELAXED);
        assert_true(str_same(buf_str(&out), str_of(rows[i].relaxed)));
        buf_clear(&out);
        canon_field(&out, h.first, CANON_SIMPLE);
        assert_true(str_same(buf_str(&out), str_of(rows[i].field)));
        buf_free(&out);
        arena_free(&a);
    }
}

static void hashes_are_shared_and_cut(void **state)
{
    struct bodyhash *b = bodyhash_new();
    struct hash_value want;
    size_t all = bodyhash_want(b, CANON_RELAXED, HASH_SHA256, UINT64_MAX), part = bodyhash_want(b, CANON_RELAXED, HASH_SHA256, 3);
    uint64_t octets;

    (void)state;
    assert_int_equal(bodyhash_want(b, CANON_RELAXED, HASH_SHA256, UINT64_MAX), all);
    assert_int_not_equal(bodyhash_want(b, CANON_SIMPLE, HASH_SHA256, UINT64_MAX), all);
    bodyhash_add(b, STR("a  "));
    bodyhash_add(b, STR("b\r\n\r\n"));
    bodyhash_end(b);
    bodyhash_end(b);
    hash_bytes(HASH_SHA256, STR("a b\r\n"), &want);
    assert_memory_equal(bodyhash_value(b, all, &octets)->b, want.b, 32);
    assert_int_equal(octets, 5);
    hash_bytes(HASH_SHA256, STR("a b"), &want);
    assert_memory_equal(bodyhash_value(b, part, NULL)->b, want.b, 32);
    bodyhash_free(b);
}

static void tag_lists(void **state)
{
    static const char *const good[] = { "a=1", "a=1;", " a = 1 ; b=;\r\n c=x=y ", "a=1; A=2", "a=\r\n 1" };
    static const char *const bad[] = { "", ";", "a", "a=1;;", "a=1;;b=2", "a=1; a=2", "=1", "1a=2", "a b=1", "a=\x01", "a=1; ;b=2" };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct arena a = { 0 };
        struct tags t;

        assert_true(tags_read(&a, str_of(good[i]), &t, NULL));
        arena_free(&a);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a = { 0 };
        struct tags t;
        const char *fault = NULL;

        if (tags_read(&a, str_of(bad[i]), &t, &fault) || !fault)
            fail_msg("\"%s\" was read", bad[i]);
        arena_free(&a);
    }
}

static void key_records(void **state)
{
#define ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    static const struct { const char *text; enum key_state want; } rows[] = {
        { "v=DKIM1; k=ed25519; p=" ED, KEY_GOOD }, { "k=ed25519; p=" ED "; x=unknown", KEY_GOOD }, { "p=" ED "; k=ed25519", KEY_GOOD },
        { "k=ed25519; p=" ED "; v=DKIM1", KEY_SYNTAX }, { "v=DKIM2; k=ed25519; p=" ED, KEY_SYNTAX }, { "v=DKIM1; p=", KEY_REVOKED },
        { "v=DKIM1", KEY_SYNTAX }, { "v=DKIM1; p=" ED, KEY_SYNTAX }, { "v=DKIM1; k=dsa; p=" ED, KEY_SYNTAX },
        { "v=DKIM1; k=ed25519; p=AAAA", KEY_SYNTAX }, { "v=DKIM1; k=ed25519; s=tlsrpt; p=" ED, KEY_FOREIGN },
        { "v=DKIM1; k=ed25519; s=tlsrpt:email; p=" ED, KEY_GOOD }, { "v=DKIM1; k=ed25519; p=" ED "; p=" ED, KEY_SYNTAX }, { "", KEY_SYNTAX },
    };
    struct keys *keys = keys_new();

    (void)state;
    for (int round = 0; round < 2; round++)         /* the second comes from what was kept */
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct key_record *r = keys_read(keys, str_of(rows[i].text));

            if (r->state != rows[i].want)
                fail_msg("\"%s\": %d", rows[i].text, r->state);
            key_release(r);
        }
    keys_free(keys);
}

/* A thousand signatures, and one that names ten thousand fields over two thousand: both are a moment's work. */
static void much_is_bounded(void **state)
{
    struct buf text = { 0 };
    struct arena a = { 0 };
    struct header h;
    struct sig_rules r = sig_rules_default;
    struct bodyhash *b = bodyhash_new();
    struct keys *keys = keys_new();
    struct dkim d;
    struct str txt = STR("k=ed25519; p=" ED);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        buf_addf(&text, "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s%d; bh=AAAA; b=AAAA; h=from", i);
        for (int k = 0; k < 10000 && i == 0; k++)
            buf_addf(&text, ":x-%d", k % 100);
        buf_add(&text, STR("\r\n"));
    }
    for (int i = 0; i < 2000; i++)
        buf_addf(&text, "X-%d: value\r\n", i % 100);
    header_parse(&a, buf_str(&text), &h);
    dkim_init(&d, &h, &r, b);
    assert_int_equal(d.n, 1000);
    assert_int_equal(d.nwanted, SIG_MOST);
    for (size_t i = 0; i < d.nwanted; i++)
        dkim_answer(&d, i, keys, &txt, 1, false);
    bodyhash_end(b);
    dkim_judge(&d, b);
    assert_int_equal(d.v[0].result, SIG_FAIL);
    assert_int_equal(d.v[SIG_MOST].result, SIG_NONE);
    assert_string_equal(d.v[999].reason, "limit");
    dkim_drop(&d);
    keys_free(keys);
    bodyhash_free(b);
    buf_free(&text);
    arena_free(&a);
}

static void signatures_that_cannot_be_judged(void **state)
{
#define REST "; bh=AAAA; b=AAAA"
    static const struct { const char *value, *reason; } rows[] = {
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from" REST, "" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; q=dns/txt:http" REST, "" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; q=x : dns/txt" REST, "" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; i=a@b.e.org" REST, "" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; i==40e.org" REST, "" },
        { "a=rsa-sha256; d=e.org; s=s; h=from" REST, "syntax" }, { "v=2; a=rsa-sha256; d=e.org; s=s; h=from" REST, "syntax" },
        { "v=1; a=rsa-md5; d=e.org; s=s; h=from" REST, "algorithm" }, { "v=1; a=RSA-SHA256; d=e.org; s=s; h=from" REST, "algorithm" },
        { "v=1; a=rsa-sha1; d=e.org; s=s; h=from" REST, "algorithm" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=to" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from::to" REST, "syntax" }, { "v=1; a=rsa-sha256; d=e.org; s=s" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; i=a@x.org" REST, "syntax" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; i=a@xe.org" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; i=a" REST, "syntax" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; q=http" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; c=nofws" REST, "syntax" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; x=1" REST, "expired" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; t=200; x=100" REST, "syntax" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; t=-1" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; l=x" REST, "syntax" }, { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA", "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s; h=from; bh=AAAA; b=!!", "syntax" }, { "v=1; a=rsa-sha256; d=e org; s=s; h=from" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org(x; s=s; h=from" REST, "syntax" }, { "v=1; a=rsa-sha256; d=org; s=s; h=from" REST, "syntax" },
        { "v=1; a=rsa-sha256; d=e.org; s=s_; s=t; h=from" REST, "syntax" }, { "no tags", "syntax" },
    };
    struct sig_rules r = sig_rules_default;

    (void)state;
    r.now = 1000;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a = { 0 };
        struct header h;
        struct signature s;

        header_parse(&a, arena_printf(&a, "DKIM-Signature: %s\r\n", rows[i].value), &h);
        signature_read(&a, h.first, &r, false, &s);
        if (strcmp(s.reason, rows[i].reason) != 0 || s.judged != (rows[i].reason[0] != '\0'))
            fail_msg("%s: \"%s\" (%.*s)", rows[i].value, s.reason, STR_ARG(s.detail));
        arena_free(&a);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_in_any_pieces),
        cmocka_unit_test(lines_longer_than_the_room),
        cmocka_unit_test(fields),
        cmocka_unit_test(hashes_are_shared_and_cut),
        cmocka_unit_test(tag_lists),
        cmocka_unit_test(key_records),
        cmocka_unit_test(signatures_that_cannot_be_judged),
        cmocka_unit_test(much_is_bounded),
    };

    return cmocka_run_group_tests_name("signatures", tests, NULL, NULL);
}
