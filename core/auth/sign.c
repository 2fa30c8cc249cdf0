#include "auth/sign.h"

#include <stdio.h>

#include "base/base64.h"
#include "mail/domain.h"

enum { COLUMNS = 76, NAMES_MAX = 4000 };

/* RFC 6376 section 5.4.1 and Exim's list, which follows RFC 4871. Whoever could add a second one of the first
 * group would show the reader another message (section 8.15). */
#define N(name) STR_INIT(name)
const struct str sign_names_default[] = {
    N("+From"), N("+Sender"), N("+Reply-To"), N("+Subject"), N("+Date"), N("+Message-ID"), N("+To"), N("+Cc"), N("+MIME-Version"),
    N("+Content-Type"), N("+Content-Transfer-Encoding"), N("+In-Reply-To"), N("+References"), N("Content-ID"),
    N("Content-Description"), N("=Resent-Date"), N("=Resent-From"), N("=Resent-Sender"), N("=Resent-To"), N("=Resent-Cc"),
    N("=Resent-Message-ID"), N("=List-Id"), N("=List-Help"), N("=List-Unsubscribe"), N("=List-Unsubscribe-Post"),
    N("=List-Subscribe"), N("=List-Post"), N("=List-Owner"), N("=List-Archive"),
};
#undef N
const size_t sign_nnames_default = sizeof sign_names_default / sizeof *sign_names_default;

void sign_prepare(struct sign_want *w, struct bodyhash *b)
{
    w->body_number = bodyhash_want(b, w->body, w->hash, UINT64_MAX);
}

/* ---- what is signed */

static void sign_name(struct str name, size_t times, struct fieldset *fields, enum canon_kind k, struct buf *list, struct buf *canonical)
{
    for (size_t i = 0; i < times; i++) {
        const struct field *f = fieldset_take(fields, name);

        if (list->n)
            buf_byte(list, ':');
        buf_add(list, name);
        if (f)
            canon_field(canonical, f, k);
    }
}

static bool name_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7F || s.p[i] == ':' || s.p[i] == ';' || (unsigned char)s.p[i] >= 0x80)
            return false;
    return s.n > 0;
}

static bool lists(const struct str *names, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        struct str s = str_trim(names[i]);

        if (str_same_fold(s.n && (s.p[0] == '+' || s.p[0] == '=') ? str_from(s, 1) : s, name))
            return true;
    }
    return false;
}

void sign_list(const struct str *names, size_t n, const struct header *h, struct fieldset *fields, enum canon_kind k,
               struct buf *list, struct buf *canonical)
{
    fieldset_restart(fields);
    /* Section 5.4: From must be signed, whatever the list says. */
    if (!lists(names, n, STR("From")))
        sign_name(STR("From"), 1, fields, k, list, canonical);
    for (size_t i = 0; i < n && i < NAMES_MAX; i++) {
        struct str s = str_trim(names[i]);
        char mark = s.n ? s.p[0] : '\0';
        struct str name = mark == '+' || mark == '=' ? str_from(s, 1) : s;
        size_t times = 1;

        if (!name_valid(name))
            continue;
        if (mark == '+' || mark == '=')
            times = header_count(h, name) + (mark == '+');
        sign_name(name, times, fields, k, list, canonical);
    }
}

/* ---- the field */

static size_t column(const struct buf *out)
{
    struct str s = buf_str(out);
    size_t lf = str_rfind(s, '\n');

    return lf == SIZE_MAX ? s.n : s.n - lf - 1;
}

static void fold(struct buf *out)
{
    buf_add(out, STR("\r\n\t"));
}

void sign_fold(struct buf *out, struct str s, char sep)
{
    size_t at = column(out);

    while (s.n) {
        size_t room = COLUMNS - (at < COLUMNS ? at : COLUMNS), n = s.n;

        if (sep) {
            n = str_find(s, sep);
            n = n == SIZE_MAX ? s.n : n + 1;
            if (n > room && at > 1) {
                fold(out);
                at = 1;
            }
        } else if (n > room) {
            n = room;
        }
        buf_add(out, str_head(s, n));
        s = str_from(s, n);
        at += n;
        if (!sep && s.n) {
            fold(out);
            at = 1;
        }
    }
}

/* One "name=value;", on the next line if this one is full. */
static void put_tag(struct buf *out, const char *name, struct str value)
{
    if (column(out) + strlen(name) + value.n + 3 > COLUMNS)
        fold(out);
    else
        buf_byte(out, ' ');
    buf_addf(out, "%s=", name);
    buf_add(out, value);
    buf_byte(out, ';');
}

static void put_time(struct buf *out, const char *name, int64_t when)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%lld", (long long)when);

    if (when >= 0)
        put_tag(out, name, (struct str){ text, (size_t)n });
}

/* Section 2.11: what may not stand in a tag, as =XX. */
static struct str quoted(struct arena *a, struct str s)
{
    struct buf b = { 0 };
    struct str out;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c <= ' ' || c == 0x7F || c == ';' || c == '=')
            buf_addf(&b, "=%02X", c);
        else
            buf_byte(&b, s.p[i]);
    }
    out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

enum status sign_finish(struct str field, const struct sign_key *key, enum auth_hash h, enum canon_kind k, struct buf *text,
                        struct buf *out, struct why *why)
{
    struct arena a = { 0 };
    struct hash_value hash;
    struct str value;
    enum status st = ST_OK;

    canon_text(text, field, k);
    hash_bytes(h, buf_str(text), &hash);
    if (signkey_sign(key, h, &hash, &a, &value)) {
        buf_add(out, field);
        sign_fold(out, base64_encode(&a, value), 0);
        buf_add(out, STR("\r\n"));
    } else {
        st = why_set(why, ST_NEVER, "OpenSSL cannot sign with this key");
    }
    arena_free(&a);
    return st;
}

static void begin_field(const struct sign_want *w, const struct sign_key *key, struct str list, const struct hash_value *body,
                        struct arena *a, struct buf *out)
{
    struct str canon = arena_printf(a, "%s/%s", canon_name(w->header), canon_name(w->body));

    buf_addf(out, "DKIM-Signature: v=1; a=%s-%s;", key->kind == KEY_RSA ? "rsa" : "ed25519", hash_name(w->hash));
    put_tag(out, "q", STR("dns/txt"));
    put_tag(out, "c", canon);
    put_tag(out, "d", w->domain);
    put_tag(out, "s", w->selector);
    if (w->identity.n)
        put_tag(out, "i", quoted(a, w->identity));
    put_time(out, "t", w->created);
    put_time(out, "x", w->expires);
    fold(out);
    buf_add(out, STR("h="));
    sign_fold(out, list, ':');
    buf_byte(out, ';');
    fold(out);
    buf_addf(out, "bh=%.*s;", STR_ARG(base64_encode(a, (struct str){ (const char *)body->b, body->n })));
    fold(out);
    buf_add(out, STR("b="));
}

static enum status check_want(const struct sign_want *w, const struct sign_key *key, struct why *why)
{
    if (!domain_valid_idn(w->domain, NULL) || !domain_valid_idn(w->selector, NULL))
        return why_set(why, ST_NEVER, "domain %.*s or selector %.*s is no name", STR_ARG(str_head(w->domain, 100)),
                       STR_ARG(str_head(w->selector, 100)));
    if (key->kind == KEY_ED25519 && w->hash != HASH_SHA256)
        return why_set(why, ST_NEVER, "an Ed25519 key signs with sha256 only (RFC 8463)");
    return ST_OK;
}

enum status sign_field(const struct sign_want *w, struct signkeys *keys, const struct header *h, struct fieldset *fields,
                       const struct bodyhash *b, struct buf *out, struct why *why)
{
    struct arena a = { 0 };
    struct buf list = { 0 }, text = { 0 }, field = { 0 };
    struct sign_key key = { 0 };
    enum status st = signkey_get(keys, w->key, &key, why);

    if (st == ST_OK)
        st = check_want(w, &key, why);
    if (st == ST_OK) {
        sign_list(w->names ? w->names : sign_names_default, w->names ? w->nnames : sign_nnames_default, h, fields, w->header, &list, &text);
        begin_field(w, &key, buf_str(&list), bodyhash_value(b, w->body_number, NULL), &a, &field);
        st = sign_finish(buf_str(&field), &key, w->hash, w->header, &text, out, why);
    }
    signkey_release(&key);
    buf_free(&list);
    buf_free(&text);
    buf_free(&field);
    arena_free(&a);
    return st;
}
