#include "auth/signature.h"

#include "mail/domain.h"

enum { NUMBER_DIGITS = 12, LENGTH_DIGITS = 76 };

const struct sig_rules sig_rules_default = {
    .hashes = 1u << HASH_SHA256 | 1u << HASH_SHA512, .kinds = 1u << KEY_RSA | 1u << KEY_ED25519,
    .min_bits = { [KEY_RSA] = 1024, [KEY_ED25519] = 250 }, .most = SIG_MOST,
};

const char *sig_result_name(enum sig_result r)
{
    static const char *const names[] = {
        [SIG_NONE] = "none", [SIG_PASS] = "pass", [SIG_FAIL] = "fail", [SIG_INVALID] = "invalid",
        [SIG_TEMPERROR] = "temperror", [SIG_POLICY] = "policy",
    };

    return names[r];
}

void signature_end(struct signature *s, enum sig_result r, const char *reason, struct str detail)
{
    s->result = r;
    s->reason = reason;
    s->detail = detail;
    s->judged = true;
}

static bool syntax(struct signature *s, const char *detail)
{
    signature_end(s, SIG_INVALID, "syntax", str_of(detail));
    return false;
}

/* ---- single tags */

bool signature_algorithm(struct str text, enum key_kind *kind, enum auth_hash *hash)
{
    static const struct { const char *name; enum key_kind kind; enum auth_hash hash; } rows[] = {
        { "rsa-sha256", KEY_RSA, HASH_SHA256 }, { "ed25519-sha256", KEY_ED25519, HASH_SHA256 },
        { "rsa-sha1", KEY_RSA, HASH_SHA1 }, { "rsa-sha512", KEY_RSA, HASH_SHA512 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_same(text, str_of(rows[i].name))) {
            *kind = rows[i].kind;
            *hash = rows[i].hash;
            return true;
        }
    return false;
}

static bool read_algorithm(struct signature *s)
{
    s->algorithm = tags_value(&s->tags, "a", STR(""));
    if (signature_algorithm(s->algorithm, &s->kind, &s->hash))
        return true;
    signature_end(s, SIG_INVALID, "algorithm", STR("a= names none that is known"));
    return false;
}

static bool read_kind(struct str text, enum canon_kind *k)
{
    *k = str_same(text, STR("relaxed")) ? CANON_RELAXED : CANON_SIMPLE;
    return *k == CANON_RELAXED || str_same(text, STR("simple"));
}

/* The test suite of ARC takes relaxed for an AMS that says nothing. */
static bool read_canon(struct signature *s, bool arc)
{
    struct str c = tags_value(&s->tags, "c", arc ? STR("relaxed/relaxed") : STR("simple/simple"));
    size_t slash = str_find(c, '/');

    return read_kind(str_head(c, slash), &s->header)
        && read_kind(slash == SIZE_MAX ? STR("simple") : str_from(c, slash + 1), &s->body);
}

/* Section 3.5: t= and x= may have up to twelve digits, and a reader must not fall over more. */
static bool read_time(const struct tags *t, const char *name, int64_t *out)
{
    const struct tag *tag = tags_find(t, name);
    uint64_t n;

    *out = -1;
    if (!tag)
        return true;
    if (tag->value.n > NUMBER_DIGITS || !str_u64(tag->value, INT64_MAX, &n))
        return false;
    *out = (int64_t)n;
    return true;
}

/* As many digits as the RFC lets stand there: more octets than any body has is all of it, and too many. */
static bool read_length(struct signature *s)
{
    const struct tag *l = tags_find(&s->tags, "l");

    s->length = UINT64_MAX;
    if (!l)
        return true;
    s->limited = true;
    if (l->value.n == 0 || l->value.n > LENGTH_DIGITS)
        return false;
    for (size_t i = 0; i < l->value.n; i++)
        if (l->value.p[i] < '0' || l->value.p[i] > '9')
            return false;
    if (!str_u64(l->value, UINT64_MAX - 1, &s->length))
        s->length = UINT64_MAX - 1;
    return true;
}

static bool read_bytes(struct arena *a, const struct tags *t, const char *name, struct str *out)
{
    const struct tag *tag = tags_find(t, name);

    return tag && tag_base64(a, tag->value, out);
}

static bool reads_dns(const struct tags *t)
{
    struct str list = tags_value(t, "q", STR("dns/txt")), item;

    while (tag_next(&list, &item))
        if (str_same(item, STR("dns/txt")))
            return true;
    return false;
}

bool signature_names(struct arena *a, struct signature *s)
{
    s->domain = tags_value(&s->tags, "d", STR(""));
    s->selector = tags_value(&s->tags, "s", STR(""));
    if (!domain_valid_idn(s->domain, NULL) || str_find(s->domain, '.') == SIZE_MAX || !domain_valid_idn(s->selector, NULL))
        return false;
    s->domain_key = domain_alabel(a, s->domain);
    s->key_name = arena_printf(a, "%.*s._domainkey.%.*s", STR_ARG(domain_alabel(a, s->selector)), STR_ARG(s->domain_key));
    return s->domain_key.n && s->key_name.n <= 253;
}

/* i= is d= or below it (section 3.5). */
static bool read_identity(struct arena *a, struct signature *s)
{
    const struct tag *i = tags_find(&s->tags, "i");
    struct str domain;
    size_t at;

    s->identity = s->domain.n ? arena_printf(a, "@%.*s", STR_ARG(s->domain)) : STR("");
    s->same_domain = true;
    if (!i)
        return true;
    if (!tag_unquote(a, i->value, &s->identity) || (at = str_rfind(s->identity, '@')) == SIZE_MAX)
        return false;
    domain = str_from(s->identity, at + 1);
    if (!domain_valid_idn(domain, NULL))
        return false;
    domain = domain_alabel(a, domain);
    s->same_domain = str_same(domain, s->domain_key);
    return s->same_domain || str_ends(domain, arena_printf(a, ".%.*s", STR_ARG(s->domain_key)));
}

static bool name_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7F || (unsigned char)s.p[i] >= 0x80)
            return false;
    return s.n > 0;
}

enum { NAMES_BAD = 1, NAMES_FROM = 2, NAMES_SEAL = 4 };

static unsigned look_at_names(struct str list)
{
    unsigned found = 0;
    struct str item;

    while (tag_next(&list, &item)) {
        found |= name_valid(item) ? 0 : NAMES_BAD;
        found |= str_same_fold(item, STR("From")) ? NAMES_FROM : 0;
        found |= str_same_fold(item, STR("ARC-Seal")) ? NAMES_SEAL : 0;
    }
    return found;
}

/* ---- reading */

static bool read_parts(struct arena *a, struct signature *s, bool arc)
{
    unsigned names;

    s->names = tags_value(&s->tags, "h", STR(""));
    s->copied = tags_value(&s->tags, "z", STR(""));
    names = look_at_names(s->names);
    if (!read_canon(s, arc))
        return syntax(s, "c= is none that is known");
    if (!reads_dns(&s->tags))
        return syntax(s, "q= has no way to the key that is known");
    /* What an AMS leaves unsigned is for whoever reads the chain to judge: that suite lets it be anything. */
    if (arc ? !tags_find(&s->tags, "h") : names & NAMES_BAD)
        return syntax(s, "h= is missing or malformed");
    if (!arc && !(names & NAMES_FROM))
        return syntax(s, "h= without From");
    /* RFC 8617 section 4.1.2: the seals are for the seals to sign. */
    if (arc && names & NAMES_SEAL)
        return syntax(s, "h= with ARC-Seal");
    if (!read_time(&s->tags, "t", &s->created) || !read_time(&s->tags, "x", &s->expires))
        return syntax(s, "t= or x= is no time");
    if (s->created >= 0 && s->expires >= 0 && s->expires <= s->created)
        return syntax(s, "x= is not after t=");
    if (!read_length(s))
        return syntax(s, "l= is no number");
    if (!read_bytes(a, &s->tags, "bh", &s->bh))
        return syntax(s, "bh= is missing or no base64");
    if (!read_bytes(a, &s->tags, "b", &s->b))
        return syntax(s, "b= is missing or no base64");
    return true;
}

static bool allowed(struct signature *s, const struct sig_rules *r)
{
    if (s->expires >= 0 && s->expires < r->now) {
        signature_end(s, SIG_INVALID, "expired", STR(""));
        return false;
    }
    if (!(r->hashes >> s->hash & 1) || !(r->kinds >> s->kind & 1)) {
        signature_end(s, SIG_POLICY, "algorithm", STR("not one this site accepts"));
        return false;
    }
    return true;
}

static bool read_all(struct arena *a, struct signature *s, const struct sig_rules *r, bool arc)
{
    struct str text = s->field->value;
    const char *fault;
    bool names, identity;

    if (str_ends(text, STR("\r\n")))
        text.n -= 2;
    if (!tags_read(a, text, &s->tags, &fault))
        return syntax(s, fault);
    s->algorithm = tags_value(&s->tags, "a", STR(""));
    s->same_domain = arc;           /* its i= is a number */
    names = signature_names(a, s);
    identity = arc || read_identity(a, s);
    if (!names)
        return syntax(s, "d= or s= is missing or no name");
    if (!arc && !str_same(tags_value(&s->tags, "v", STR("")), STR("1")))
        return syntax(s, "v= is not 1");
    if (!identity)
        return syntax(s, "i= is not below d=");
    return read_algorithm(s) && read_parts(a, s, arc) && allowed(s, r);
}

void signature_read(struct arena *a, const struct field *f, const struct sig_rules *r, bool arc, struct signature *s)
{
    *s = (struct signature){ .field = f, .reason = "", .created = -1, .expires = -1, .length = UINT64_MAX };
    if (!read_all(a, s, r, arc))
        s->key_name = STR("");
}

void signature_want(struct signature *s, struct bodyhash *b)
{
    if (s->judged)
        return;
    s->body_number = bodyhash_want(b, s->body, s->hash, s->length);
    s->body_wanted = true;
}

/* ---- the key */

static bool better(const struct key_record *a, const struct key_record *b)
{
    static const int rank[] = { [KEY_GOOD] = 3, [KEY_REVOKED] = 2, [KEY_SYNTAX] = 1, [KEY_FOREIGN] = 0 };

    return !b || rank[a->state] > rank[b->state];
}

/* Section 6.1.2: with several records a verifier may choose one. */
void signature_key(struct signature *s, struct keys *keys, const struct str *texts, size_t n, bool again)
{
    s->key_known = true;
    s->key_again = again;
    for (size_t i = 0; i < n && i < 8; i++) {
        struct key_record *r = keys_read(keys, texts[i]);

        if (better(r, s->key) || (s->key->state == KEY_GOOD && s->key->kind != s->kind && r->kind == s->kind && r->state == KEY_GOOD)) {
            key_release(s->key);
            s->key = r;
        } else {
            key_release(r);
        }
    }
}

static bool key_usable(struct signature *s)
{
    if (s->key_again)
        signature_end(s, SIG_TEMPERROR, "pubkey_unavailable", STR(""));
    else if (!s->key || s->key->state == KEY_FOREIGN)
        signature_end(s, SIG_INVALID, "pubkey_unavailable", STR(""));
    else if (s->key->state == KEY_REVOKED)
        signature_end(s, SIG_INVALID, "pubkey_revoked", STR(""));
    else if (s->key->state == KEY_SYNTAX)
        signature_end(s, SIG_INVALID, "pubkey_syntax", STR(""));
    return !s->judged;
}

bool signature_key_fits(struct signature *s, const struct sig_rules *r)
{
    if (!key_usable(s))
        return false;
    if (s->key->kind != s->kind || !(s->key->hashes >> s->hash & 1))
        signature_end(s, SIG_INVALID, "algorithm", STR("the key is not for this one"));
    else if (s->key->too_big)
        signature_end(s, SIG_INVALID, "keysize", STR("the key is too big"));
    else if (s->key->bits < r->min_bits[s->kind])
        signature_end(s, SIG_POLICY, "keysize", STR("the key is too small"));
    else if (s->key->no_subdomains && !s->same_domain)
        signature_end(s, SIG_INVALID, "syntax", STR("i= is below d=, which the key forbids"));
    return !s->judged;
}

/* ---- judging */

void signature_own(struct buf *out, const struct field *f, const struct tags *t, enum canon_kind k)
{
    const struct tag *b = tags_find(t, "b");
    struct str whole = f->whole;
    struct buf text = { 0 };
    size_t at;

    if (str_ends(whole, STR("\r\n")))
        whole.n -= 2;
    if (!b) {
        canon_text(out, whole, k);
        return;
    }
    at = (size_t)(b->raw.p - whole.p);
    buf_add(&text, str_head(whole, at));
    buf_add(&text, str_from(whole, at + b->raw.n));
    canon_text(out, buf_str(&text), k);
    buf_free(&text);
}

static void header_hash(const struct signature *s, struct fieldset *fields, struct hash_value *out)
{
    struct str list = s->names, name;
    const struct field *f;
    struct buf text = { 0 };

    fieldset_restart(fields);
    while (tag_next(&list, &name)) {
        f = fieldset_take(fields, name);
        if (f == s->field)              /* section 3.7: not its own */
            f = fieldset_take(fields, name);
        if (f)
            canon_field(&text, f, s->header);
    }
    signature_own(&text, s->field, &s->tags, s->header);
    hash_bytes(s->hash, buf_str(&text), out);
    buf_free(&text);
}

static bool same_bytes(const struct hash_value *v, struct str s)
{
    return v->n == s.n && memcmp(v->b, s.p, s.n) == 0;
}

void signature_judge(struct arena *a, struct signature *s, const struct sig_rules *r, struct fieldset *fields,
                     const struct bodyhash *b)
{
    struct hash_value header;
    uint64_t octets;

    if (s->judged || !signature_key_fits(s, r))
        return;
    if (!same_bytes(bodyhash_value(b, s->body_number, &octets), s->bh)) {
        signature_end(s, SIG_FAIL, "bodyhash_mismatch", STR(""));
        return;
    }
    header_hash(s, fields, &header);
    if (!key_verifies(s->key, s->hash, &header, s->b))
        signature_end(s, SIG_FAIL, "signature_incorrect", STR(""));
    else if (s->limited && s->length > octets)
        syntax(s, "l= is more than there is");
    else if (s->limited && s->length < octets)
        /* What anybody added behind it is not the signer's (R5.1, RFC 6376 section 8.2). */
        signature_end(s, SIG_PASS, "bodylength", arena_printf(a, "%llu of %llu octets are signed",
                      (unsigned long long)s->length, (unsigned long long)octets));
    else
        signature_end(s, SIG_PASS, "", STR(""));
}

void signature_drop(struct signature *s)
{
    key_release(s->key);
    s->key = NULL;
}
