/*
 * dkim_bench - what verifying and signing cost beside the bare work of OpenSSL
 *
 * A 10 KB message under RSA-2048, relaxed/relaxed, the key known. "Bare" is one hash of the body, one of the header,
 * and the operation with the key, with everything made ready beforehand. Prints two ratios of processor time.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/dkim.h"
#include "auth/sign.h"
#include "base/why.h"

enum { ROUNDS = 3000, BODY = 10 * 1024, RUNS = 5 };

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct str make_body(struct arena *a)
{
    struct buf b = { 0 };
    struct str out;

    for (int i = 0; b.n < BODY; i++)
        buf_addf(&b, "Line %d of a message as people write them, with a few words and then an end.\r\n", i);
    out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static const char FIELDS[] =
    "Received: from a.example.org ([192.0.2.1]) by mx.example.net with esmtps; Tue, 03 Mar 2026 10:00:00 +0000\r\n"
    "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.net>\r\nSubject: a message of ten kilobytes\r\n"
    "Date: Tue, 03 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n";

static void verify_once(const struct header *h, struct str body, struct keys *keys, struct str record)
{
    struct sig_rules rules = sig_rules_default;
    struct bodyhash *b = bodyhash_new();
    struct dkim d;

    dkim_init(&d, h, &rules, b);
    dkim_answer(&d, 0, keys, &record, 1, false);
    for (struct str rest = body; rest.n; rest = str_from(rest, 4096))
        bodyhash_add(b, str_head(rest, 4096));
    bodyhash_end(b);
    dkim_judge(&d, b);
    if (d.v[0].result != SIG_PASS)
        die("the message does not verify: %s", d.v[0].reason);
    dkim_drop(&d);
    bodyhash_free(b);
}

static void sign_once(struct sign_want *w, struct signkeys *keys, const struct header *h, struct str body, struct buf *out)
{
    struct bodyhash *b = bodyhash_new();
    struct fieldset *fields = fieldset_new(h);
    struct why why;

    sign_prepare(w, b);
    bodyhash_add(b, body);
    bodyhash_end(b);
    if (sign_field(w, keys, h, fields, b, out, &why) != ST_OK)
        die("%s", why.text);
    fieldset_free(fields);
    bodyhash_free(b);
}

static double best(double *v)
{
    double least = v[0];

    for (int i = 1; i < RUNS; i++)
        least = v[i] < least ? v[i] : least;
    return least;
}

int main(void)
{
    struct arena a = { 0 };
    struct str pem, p, body = make_body(&a), record;
    struct sign_want want = { .domain = STR_INIT("example.org"), .selector = STR_INIT("s"), .hash = HASH_SHA256, .header = CANON_RELAXED,
                              .body = CANON_RELAXED, .created = -1, .expires = -1 };
    struct signkeys *signkeys = signkeys_new();
    struct keys *keys = keys_new();
    struct header plain, h;
    struct buf field = { 0 };
    struct sign_key key;
    struct key_record *public;
    struct hash_value hash, other;
    struct str signature;
    struct why why;
    double bare[RUNS], ours[RUNS], bare_sign[RUNS], our_sign[RUNS];

    if (!signkey_make(&a, KEY_RSA, 2048, &pem, &p))
        die("no key");
    want.key = pem;
    record = arena_printf(&a, "v=DKIM1; p=%.*s", STR_ARG(p));
    header_parse(&a, str_of(FIELDS), &plain);
    sign_once(&want, signkeys, &plain, body, &field);
    header_parse(&a, arena_printf(&a, "%.*s%s", STR_ARG(buf_str(&field)), FIELDS), &h);
    if (signkey_get(signkeys, pem, &key, &why) != ST_OK)
        die("%s", why.text);
    hash_bytes(HASH_SHA256, str_of(FIELDS), &hash);
    signkey_sign(&key, HASH_SHA256, &hash, &a, &signature);
    public = keys_read(keys, record);
    for (int run = 0; run < RUNS; run++) {
        double at = cpu_us();

        for (int i = 0; i < ROUNDS; i++) {
            hash_bytes(HASH_SHA256, body, &other);
            hash_bytes(HASH_SHA256, str_of(FIELDS), &other);
            if (!key_verifies(public, HASH_SHA256, &hash, signature))
                die("bare verification failed");
        }
        bare[run] = (cpu_us() - at) / ROUNDS;
        at = cpu_us();
        for (int i = 0; i < ROUNDS; i++)
            verify_once(&h, body, keys, record);
        ours[run] = (cpu_us() - at) / ROUNDS;
        at = cpu_us();
        for (int i = 0; i < ROUNDS / 10; i++) {
            hash_bytes(HASH_SHA256, body, &other);
            hash_bytes(HASH_SHA256, str_of(FIELDS), &other);
            signkey_sign(&key, HASH_SHA256, &hash, &a, &signature);
        }
        bare_sign[run] = (cpu_us() - at) / (ROUNDS / 10);
        at = cpu_us();
        for (int i = 0; i < ROUNDS / 10; i++) {
            buf_clear(&field);
            sign_once(&want, signkeys, &plain, body, &field);
        }
        our_sign[run] = (cpu_us() - at) / (ROUNDS / 10);
    }
    printf("verify: %.1f us, bare %.1f us, ratio %.2f (at most 2.0)\n", best(ours), best(bare), best(ours) / best(bare));
    printf("sign:   %.1f us, bare %.1f us, ratio %.2f (at most 1.15)\n", best(our_sign), best(bare_sign), best(our_sign) / best(bare_sign));
    key_release(public);
    signkey_release(&key);
    keys_free(keys);
    signkeys_free(signkeys);
    buf_free(&field);
    arena_free(&a);
    return best(ours) / best(bare) > 2.0 || best(our_sign) / best(bare_sign) > 1.15;
}
