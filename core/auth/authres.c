#include "auth/authres.h"

#include "mail/domain.h"

enum { COMMENT_DEPTH = 100, TEXT_MAX = 255 };

static const struct str FIELD = STR_INIT("Authentication-Results");

/* ---- reading */

static bool white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the comment that begins at `at`, or the end. */
static size_t skip_comment(struct str s, size_t at)
{
    unsigned depth = 0;

    for (; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '(' && ++depth > COMMENT_DEPTH)
            return s.n;
        else if (s.p[at] == ')' && --depth == 0)
            return at + 1;
    }
    return s.n;
}

static size_t skip_quoted(struct str s, size_t at)
{
    for (at++; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '"')
            return at + 1;
    }
    return s.n;
}

static size_t skip_space(struct str s, size_t at)
{
    while (at < s.n && (white(s.p[at]) || s.p[at] == '('))
        at = s.p[at] == '(' ? skip_comment(s, at) : at + 1;
    return at;
}

static bool token_byte(char c)
{
    return (unsigned char)c > ' ' && c != 0x7F && !strchr("()<>@,;:\\\"/[]?=", c);
}

static size_t skip_token(struct str s, size_t at)
{
    while (at < s.n && token_byte(s.p[at]))
        at++;
    return at;
}

static struct str unquoted(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 1; i + 1 < s.n; i++) {
        if (s.p[i] == '\\' && i + 2 < s.n)
            i++;
        p[n++] = s.p[i];
    }
    return (struct str){ p, n };
}

bool authres_read(struct arena *a, struct str value, struct str *id, struct str *results)
{
    size_t at = skip_space(value, 0), end;

    if (at < value.n && value.p[at] == '"') {
        end = skip_quoted(value, at);
        *id = unquoted(a, (struct str){ value.p + at, end - at });
    } else {
        end = skip_token(value, at);
        *id = (struct str){ value.p + at, end - at };
    }
    end = skip_space(value, end);
    end = skip_space(value, skip_token(value, end));        /* a version, which is 1 */
    *results = end < value.n && value.p[end] == ';' ? str_from(value, end + 1) : STR("");
    return id->n > 0 && (end == value.n || value.p[end] == ';');
}

bool authres_next(struct str *results, struct str *one)
{
    size_t at = 0;

    if (!results->p)
        return false;
    while (at < results->n && results->p[at] != ';')
        at = results->p[at] == '(' ? skip_comment(*results, at) : results->p[at] == '"' ? skip_quoted(*results, at) : at + 1;
    *one = str_trim(str_head(*results, at));
    *results = at < results->n ? str_from(*results, at + 1) : (struct str){ NULL, 0 };
    return true;
}

struct str authres_word(struct arena *a, struct str results, struct str method)
{
    struct str one;

    (void)a;
    while (authres_next(&results, &one)) {
        size_t at = skip_space(one, 0), end = skip_token(one, at), eq = skip_space(one, end), word;

        if (!str_same_fold((struct str){ one.p + at, end - at }, method) || eq >= one.n || one.p[eq] != '=')
            continue;
        word = skip_space(one, eq + 1);
        return (struct str){ one.p + word, skip_token(one, word) - word };
    }
    return STR("");
}

/* ---- whose it is */

static bool same_name(struct arena *a, struct str x, struct str y)
{
    if (str_same_fold(x, y) || domain_same(x, y))
        return true;
    x = domain_alabel(a, x);
    return x.n && domain_same(x, domain_alabel(a, y));
}

bool authres_claims(const struct field *f, const struct str *ids, size_t n)
{
    struct arena a = { 0 };
    struct str id, results;
    bool claims;

    if (!str_same_fold(f->name, FIELD))
        return false;
    claims = !authres_read(&a, f->value, &id, &results);
    for (size_t i = 0; i < n && !claims; i++)
        claims = ids[i].n && same_name(&a, id, ids[i]);
    arena_free(&a);
    return claims;
}

bool authres_strip(struct txn *t, const struct str *ids, size_t n)
{
    struct buf kept = { 0 };
    bool some = false;

    for (const struct field *f = t->header.first; f && !some; f = f->next)
        some = authres_claims(f, ids, n);
    if (!some)
        return false;
    for (const struct field *f = t->header.first; f; f = f->next)
        if (!authres_claims(f, ids, n))
            buf_add(&kept, f->whole);
    some = t->header.damaged;
    t->header_text = arena_dup(&t->arena, buf_str(&kept));
    header_parse(&t->arena, t->header_text, &t->header);
    t->header.damaged |= some;
    buf_free(&kept);
    return true;
}

/* ---- writing */

static void begin(struct buf *out)
{
    buf_add(out, STR(";\n\t"));
}

/* A value: as it is if it is a token, else between quotes; control bytes and what is no ASCII never. */
static void put_value(struct buf *out, const char *name, struct str s)
{
    bool plain = s.n > 0;

    s = str_head(s, TEXT_MAX);
    for (size_t i = 0; i < s.n; i++)
        plain = plain && (token_byte(s.p[i]) || s.p[i] == '@') && (unsigned char)s.p[i] < 0x80;
    buf_addf(out, " %s=", name);
    if (plain) {
        buf_add(out, s);
        return;
    }
    buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_byte(out, '\\');
        buf_byte(out, (unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7F ? '?' : s.p[i]);
    }
    buf_byte(out, '"');
}

/* Text for a comment: nothing that could end it. */
static void put_comment(struct buf *out, struct str s)
{
    s = str_head(s, TEXT_MAX);
    buf_add(out, STR(" ("));
    for (size_t i = 0; i < s.n; i++)
        buf_byte(out, (unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] >= 0x7F || strchr("()\\", s.p[i]) ? '?' : s.p[i]);
    buf_byte(out, ')');
}

static void put_ip(struct arena *a, struct buf *out, const struct conn *c)
{
    if (c->client_ip.v != IP_NONE)
        put_value(out, "smtp.remote-ip", ip_text(a, c->client_ip));
}

static void put_local(struct buf *out, const struct conn *c)
{
    if (c->smtp)
        return;
    begin(out);
    buf_add(out, STR("local=pass"));
    if (c->ident.n)
        put_value(out, "u", c->ident);
}

static void put_iprev(struct arena *a, struct buf *out, const struct conn *c)
{
    if (c->client_ip.v == IP_NONE || c->host_lookup == LOOKUP_NOT_TRIED)
        return;
    begin(out);
    buf_addf(out, "iprev=%s", c->host_lookup == LOOKUP_DONE ? "pass" : c->host_lookup == LOOKUP_DEFERRED ? "temperror" : "fail");
    if (c->host_lookup == LOOKUP_DONE)
        put_comment(out, c->host_name);
    put_ip(a, out, c);
}

static void put_auth(struct buf *out, const struct conn *c)
{
    if (c->auth_name.n == 0)
        return;
    begin(out);
    buf_add(out, STR("auth=pass"));
    put_comment(out, c->auth_name);
    if (c->auth_id.n)
        put_value(out, "smtp.auth", c->auth_id);
}

static void put_spf(struct buf *out, const struct txn *t)
{
    if (!t->spf)
        return;
    begin(out);
    buf_addf(out, "spf=%.*s", STR_ARG(t->spf->result));
    if (t->spf->guessed)
        put_comment(out, STR("best guess record for domain"));
    put_value(out, t->spf->helo ? "smtp.helo" : "smtp.mailfrom", t->spf->domain);
}

/* The words of RFC 8601 section 2.7.1, with Exim's explanations. */
static void put_result(struct buf *out, const struct proof *p, size_t i)
{
    const struct signature *s = &p->dkim.v[i];
    const struct proof_override *o = &p->overrides[i];
    bool key = str_starts(str_of(s->reason), STR("pubkey"));

    if (o->status.p && !str_same(o->status, str_of(dkim_status(s)))) {
        struct buf text = { 0 };

        buf_addf(&text, "%.*s - %.*s", STR_ARG(o->status), STR_ARG(o->reason));
        buf_add(out, STR("dkim=policy"));
        put_comment(out, buf_str(&text));
        buf_free(&text);
        return;
    }
    buf_addf(out, "dkim=%s", s->result == SIG_INVALID ? key ? "permerror" : "neutral" : sig_result_name(s->result));
    if (s->reason[0])
        put_comment(out, str_of(s->reason));
}

static void put_dkim(struct buf *out, const struct txn *t)
{
    const struct proof *p = t->proof;

    for (size_t i = 0; p && p->dkim.judged && i < p->dkim.n; i++) {
        const struct signature *s = &p->dkim.v[i];
        enum key_kind kind;
        enum auth_hash hash;

        if (s->result == SIG_NONE)
            continue;
        begin(out);
        put_result(out, p, i);
        if (!s->domain_key.n)
            continue;                   /* what it says of itself is nothing to be told */
        put_value(out, "header.d", s->domain);
        if (tags_find(&s->tags, "i") && s->result != SIG_INVALID)
            put_value(out, "header.i", s->identity);
        put_value(out, "header.s", s->selector);
        if (signature_algorithm(s->algorithm, &kind, &hash))
            put_value(out, "header.a", s->algorithm);
    }
}

static void put_arc(struct arena *a, struct buf *out, const struct txn *t)
{
    const struct arc *c = t->proof ? &t->proof->arc : NULL;

    if (!c || !c->judged)
        return;
    begin(out);
    buf_addf(out, "arc=%s", arc_state_name(c->state));
    if (!c->set)
        return;
    buf_addf(out, " (i=%u)", c->n);
    if (c->reason.n)
        put_comment(out, c->reason);
    if (c->whole && c->set[c->n].as.selector.n && c->set[c->n].as.key_name.n)
        put_value(out, "header.s", c->set[c->n].as.selector);
    if (c->whole)
        buf_addf(out, " arc.oldest-pass=%u", c->oldest);
    put_ip(a, out, t->conn);
}

static bool names_service(struct str id)
{
    for (size_t i = 0; i < id.n; i++)
        if (!token_byte(id.p[i]))
            return false;
    return id.n > 0 && id.n <= TEXT_MAX;
}

struct str authres_make(struct arena *a, struct str id, const struct txn *t, struct str dmarc)
{
    struct buf out = { 0 };
    struct str text;
    size_t before;

    if (!names_service(id))
        return (struct str){ NULL, 0 };
    buf_addf(&out, "%.*s: %.*s", STR_ARG(FIELD), STR_ARG(id));
    before = out.n;
    put_local(&out, t->conn);
    put_iprev(a, &out, t->conn);
    put_auth(&out, t->conn);
    put_spf(&out, t);
    put_dkim(&out, t);
    if (dmarc.n) {
        begin(&out);
        buf_add(&out, dmarc);
    }
    put_arc(a, &out, t);
    if (out.n == before)
        buf_add(&out, STR("; none"));
    text = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return text;
}
