#include "auth/seal.h"

#include <stdio.h>

#include "auth/authres.h"
#include "base/base64.h"

enum { MONTH = 30 * 24 * 3600 };

/* ---- the option */

static bool plain_chars(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return true;
}

static void read_expire(struct str value, int64_t now, struct seal_want *out)
{
    bool relative = value.n == 0 || value.p[0] == '+';
    uint64_t n;

    out->expires = now + MONTH;
    if (str_u64(relative ? str_from(value, 1) : value, INT64_MAX / 4, &n))
        out->expires = relative ? now + (int64_t)n : (int64_t)n;
}

static bool read_options(struct str text, int64_t now, struct seal_want *out)
{
    struct str word;

    while (str_cut(&text, ',', &word)) {
        word = str_trim(word);
        if (str_same(word, STR("timestamps")))
            out->created = now;
        else if (str_same(str_head(word, str_find(word, '=')), STR("expire")))
            read_expire(str_find(word, '=') == SIZE_MAX ? STR("") : str_from(word, str_find(word, '=') + 1), now, out);
        else if (word.n)
            return false;
    }
    return true;
}

bool seal_read(struct str text, int64_t now, struct seal_want *out, const char **fault)
{
    struct str rest = text, first = { 0 }, second = { 0 }, options;
    size_t colon;

    *out = (struct seal_want){ .created = -1, .expires = -1 };
    str_cut(&rest, ':', &first);
    str_cut(&rest, ':', &second);
    out->admd = str_trim(first);
    out->selector = str_trim(second);
    out->key = rest.p ? str_trim(rest) : STR("");
    /* A path holds no colon and PEM ends in dashes: what stands behind the last one is options, if it reads like some. */
    colon = str_rfind(out->key, ':');
    options = colon == SIZE_MAX ? STR("") : str_from(out->key, colon + 1);
    if (colon != SIZE_MAX && read_options(options, now, out))
        out->key = str_trim(str_head(out->key, colon));
    *fault = out->admd.n == 0 ? "identity empty" : out->selector.n == 0 ? "selector empty" : out->key.n == 0 ? "privkey empty"
           : !plain_chars(out->admd) ? "identity chars" : !plain_chars(out->selector) ? "selector chars" : NULL;
    return *fault == NULL;
}

void seal_prepare(struct seal_want *w, struct bodyhash *b)
{
    w->body_number = bodyhash_want(b, CANON_RELAXED, HASH_SHA256, UINT64_MAX);
}

/* ---- what we found */

struct found {
    struct buf results;             /* parts, divided as the field has them */
    struct str cv;                  /* behind "arc="; empty: not there */
    bool some;
};

static void add_results(struct found *found, struct str results)
{
    struct str one;

    while (authres_next(&results, &one)) {
        if (one.n == 0 || str_same_fold(one, STR("none")))
            continue;
        buf_add(&found->results, STR(";\r\n\t"));
        buf_add(&found->results, one);
    }
}

static void collect_results(struct arena *a, const struct header *h, struct str admd, struct found *found)
{
    struct str id, results, word;

    for (const struct field *f = h->first; f; f = f->next) {
        if (!authres_claims(f, &admd, 1) || !authres_read(a, f->value, &id, &results))
            continue;
        found->some = true;
        add_results(found, results);
        word = authres_word(a, results, STR("arc"));
        if (!found->cv.n)
            found->cv = arena_lower(a, word);
    }
}

/* ---- the chain so far */

struct old { const struct field *results, *message, *seal; };

static unsigned collect_chain(const struct header *h, struct old *old)
{
    unsigned highest = 0;

    for (const struct field *f = h->first; f; f = f->next) {
        unsigned i = arc_field(f) ? arc_instance(f) : 0;

        if (i > highest)
            highest = i;
        if (i && str_same_fold(f->name, STR("ARC-Seal")))
            old[i].seal = f;
        else if (i && str_same_fold(f->name, STR("ARC-Message-Signature")))
            old[i].message = f;
        else if (i)
            old[i].results = f;
    }
    return highest;
}

/* Section 5.1.2: a chain that was sealed as failed is over. */
static bool sealed_as_failed(const struct old *o)
{
    struct arena a = { 0 };
    struct str text = o->seal ? o->seal->value : STR("");
    struct tags t;
    bool failed;

    if (str_ends(text, STR("\r\n")))
        text.n -= 2;
    failed = o->seal && tags_read(&a, text, &t, NULL) && str_same(tags_value(&t, "cv", STR("")), STR("fail"));
    arena_free(&a);
    return failed;
}

static enum status decide(const struct found *found, const struct old *old, unsigned highest, struct str *cv, struct why *why)
{
    if (!found->some)
        return why_set(why, ST_NONE, "no Authentication-Results header for signing");
    if (highest && sealed_as_failed(&old[highest]))
        return why_set(why, ST_NONE, "the chain was sealed as failed");
    if (highest >= ARC_SETS)
        return why_set(why, ST_NONE, "the chain has %u sets", highest);
    *cv = STR("none");
    if (highest == 0)
        return ST_OK;
    *cv = found->cv;
    if (str_same(*cv, STR("pass")) || str_same(*cv, STR("fail")))
        return ST_OK;
    return why_set(why, ST_NONE, "the chain was not verified: Authentication-Results has no arc=pass or arc=fail");
}

/* ---- the fields */

static void put_tag(struct buf *out, const char *name, struct str value)
{
    size_t lf = str_rfind(buf_str(out), '\n'), column = out->n - (lf == SIZE_MAX ? 0 : lf + 1);

    buf_add(out, column + strlen(name) + value.n > 74 ? STR("\r\n\t") : STR(" "));
    buf_addf(out, "%s=%.*s;", name, STR_ARG(value));
}

static void put_number(struct buf *out, const char *name, int64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);

    if (n >= 0)
        put_tag(out, name, (struct str){ text, (size_t)len });
}

static struct str algorithm(const struct sign_key *key)
{
    return key->kind == KEY_RSA ? STR("rsa-sha256") : STR("ed25519-sha256");
}

static enum status put_message(const struct seal_want *w, const struct sign_key *key, unsigned i, const struct header *h,
                               struct fieldset *fields, const struct bodyhash *b, struct buf *out, struct why *why)
{
    struct arena a = { 0 };
    struct str *names = arena_array(&a, struct str, sign_nnames_default + 1);
    const struct hash_value *body = bodyhash_value(b, w->body_number, NULL);
    struct buf list = { 0 }, text = { 0 }, field = { 0 };
    enum status st;

    names[0] = STR("=DKIM-Signature");
    for (size_t k = 0; k < sign_nnames_default; k++) {
        struct str s = sign_names_default[k];

        names[k + 1] = arena_printf(&a, "=%.*s", STR_ARG(s.p[0] == '+' || s.p[0] == '=' ? str_from(s, 1) : s));
    }
    sign_list(names, sign_nnames_default + 1, h, fields, CANON_RELAXED, &list, &text);
    buf_addf(&field, "ARC-Message-Signature: i=%u;", i);
    put_tag(&field, "a", algorithm(key));
    put_tag(&field, "c", STR("relaxed/relaxed"));
    put_tag(&field, "d", w->admd);
    put_tag(&field, "s", w->selector);
    put_number(&field, "t", w->created);
    put_number(&field, "x", w->expires);
    buf_add(&field, STR("\r\n\th="));
    sign_fold(&field, buf_str(&list), ':');
    buf_addf(&field, ";\r\n\tbh=%.*s;\r\n\tb=", STR_ARG(base64_encode(&a, (struct str){ (const char *)body->b, body->n })));
    st = sign_finish(buf_str(&field), key, HASH_SHA256, CANON_RELAXED, &text, out, why);
    buf_free(&list);
    buf_free(&text);
    buf_free(&field);
    arena_free(&a);
    return st;
}

static void add_canonical(struct buf *text, struct str field)
{
    canon_text(text, field, CANON_RELAXED);
    buf_add(text, STR("\r\n"));
}

static enum status put_seal(const struct seal_want *w, const struct sign_key *key, unsigned i, struct str cv, const struct old *old,
                            struct str results, struct str message, struct buf *out, struct why *why)
{
    struct buf text = { 0 }, field = { 0 };
    enum status st;

    /* Of a broken chain nothing can be signed but what is ours (section 5.1.2). */
    for (unsigned k = 1; k < i && !str_same(cv, STR("fail")); k++) {
        if (!old[k].results || !old[k].message || !old[k].seal) {
            buf_free(&text);
            return why_set(why, ST_NONE, "the chain has no whole set %u", k);
        }
        add_canonical(&text, old[k].results->whole);
        add_canonical(&text, old[k].message->whole);
        add_canonical(&text, old[k].seal->whole);
    }
    add_canonical(&text, results);
    add_canonical(&text, message);
    buf_addf(&field, "ARC-Seal: i=%u;", i);
    put_tag(&field, "a", algorithm(key));
    put_tag(&field, "cv", cv);
    put_tag(&field, "d", w->admd);
    put_tag(&field, "s", w->selector);
    put_number(&field, "t", w->created);
    buf_add(&field, STR("\r\n\tb="));
    st = sign_finish(buf_str(&field), key, HASH_SHA256, CANON_RELAXED, &text, out, why);
    buf_free(&text);
    buf_free(&field);
    return st;
}

enum status seal_fields(const struct seal_want *w, struct signkeys *keys, const struct header *h, struct fieldset *fields,
                        const struct bodyhash *b, struct buf *out, struct why *why)
{
    struct arena a = { 0 };
    struct old old[ARC_SETS + 1] = { { NULL, NULL, NULL } };
    struct found found = { .cv = STR_INIT("") };
    struct buf results = { 0 }, message = { 0 };
    struct sign_key key = { 0 };
    unsigned i = collect_chain(h, old);
    struct str cv;
    enum status st;

    collect_results(&a, h, w->admd, &found);
    st = decide(&found, old, i, &cv, why);
    i++;
    if (st == ST_OK)
        st = signkey_get(keys, w->key, &key, why);
    if (st == ST_OK) {
        buf_addf(&results, "ARC-Authentication-Results: i=%u; %.*s", i, STR_ARG(w->admd));
        buf_add(&results, found.results.n ? buf_str(&found.results) : STR("; none"));
        buf_add(&results, STR("\r\n"));
        st = put_message(w, &key, i, h, fields, b, &message, why);
    }
    if (st == ST_OK)
        st = put_seal(w, &key, i, cv, old, buf_str(&results), buf_str(&message), out, why);
    if (st == ST_OK) {
        buf_add(out, buf_str(&results));
        buf_add(out, buf_str(&message));
    }
    signkey_release(&key);
    buf_free(&found.results);
    buf_free(&results);
    buf_free(&message);
    arena_free(&a);
    return st;
}
