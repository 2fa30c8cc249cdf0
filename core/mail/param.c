#include "mail/param.h"

#include "base/buf.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/utf8.h"

/* One "name*1*=value" as it stands. */
struct piece {
    struct str name;        /* without the star and what follows */
    unsigned number;        /* of a continuation */
    bool numbered, coded;   /* *0, and the star at the end */
    bool quoted;
    struct str value;       /* unquoted */
    bool used;
};

/* ---- words */

/* Comments nest and may hold quoted pairs (RFC 5322 3.2.2). Up to the end, if they are not closed. */
static size_t comment_end(struct str s, size_t at)
{
    unsigned depth = 0;

    for (; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '(')
            depth++;
        else if (s.p[at] == ')' && --depth == 0)
            return at + 1;
    }
    return s.n;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip(struct str s, size_t at)
{
    while (at < s.n) {
        if (s.p[at] == '(')
            at = comment_end(s, at);
        else if (blank(s.p[at]))
            at++;
        else
            break;
    }
    return at < s.n ? at : s.n;
}

/* Behind the quoted string that begins at `at`. */
static size_t quoted(struct arena *a, struct str s, size_t at, struct str *out, bool *damaged)
{
    char *p = arena_alloc(a, s.n - at + 1);
    size_t n = 0;

    for (at++; at < s.n && s.p[at] != '"'; at++) {
        if (s.p[at] == '\\' && at + 1 < s.n)
            at++;
        p[n++] = s.p[at];
    }
    if (at >= s.n)
        *damaged = true;
    *out = (struct str){ p, n };
    return at < s.n ? at + 1 : s.n;
}

/* A value without quotes: readers take it up to the semicolon, blanks or not. */
static size_t plain(struct str s, size_t at, struct str *out, bool *damaged)
{
    size_t from = at, end;

    while (at < s.n && s.p[at] != ';' && !(s.p[at] == '(' && at > from && blank(s.p[at - 1])))
        at++;
    *out = str_trim((struct str){ s.p + from, at - from });
    for (end = 0; end < out->n; end++)
        if (blank(out->p[end]))
            *damaged = true;
    while (at < s.n && s.p[at] != ';')
        at = s.p[at] == '(' ? comment_end(s, at) : at + 1;
    return at < s.n ? at : s.n;
}

static void split_name(struct str name, struct piece *out)
{
    size_t star = str_find(name, '*');
    struct str rest;
    uint64_t n;

    out->name = str_head(name, star);
    if (star == SIZE_MAX)
        return;
    rest = str_from(name, star + 1);
    out->coded = rest.n == 0 || rest.p[rest.n - 1] == '*';
    if (rest.n && out->coded)
        rest.n--;
    if (rest.n == 0)
        return;
    out->numbered = str_u64(rest, PARAMS_MAX - 1, &n);
    out->number = out->numbered ? (unsigned)n : 0;
    if (!out->numbered) {               /* a star, and no number: part of the name */
        out->name = name;
        out->coded = false;
    }
}

static size_t read_pieces(struct arena *a, struct str s, size_t at, struct piece *v, bool *damaged)
{
    size_t n = 0;

    while (at < s.n) {
        size_t from;

        at = skip(s, at + 1);           /* over the semicolon */
        from = at;
        while (at < s.n && s.p[at] != '=' && s.p[at] != ';')
            at++;
        if (at == s.n || s.p[at] == ';')
            continue;
        if (n == PARAMS_MAX) {
            *damaged = true;
            break;
        }
        split_name(arena_lower(a, str_trim((struct str){ s.p + from, at - from })), &v[n]);
        at = skip(s, at + 1);
        if (at < s.n && s.p[at] == '"') {
            v[n].quoted = true;
            at = quoted(a, s, at, &v[n].value, damaged);
            while (at < s.n && s.p[at] != ';')
                at = s.p[at] == '(' ? comment_end(s, at) : at + 1;
        } else {
            at = plain(s, at, &v[n].value, damaged);
        }
        n++;
    }
    return n;
}

/* ---- values */

static void put_percent(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int byte = s.p[i] == '%' && i + 2 < s.n ? ascii_hex(s.p[i + 1], s.p[i + 2]) : -1;

        if (byte >= 0) {
            buf_byte(out, (char)byte);
            i += 2;
        } else {
            buf_byte(out, s.p[i]);
        }
    }
}

/* The charset and language in front of an extended value; *s goes on behind them. */
static const char *take_charset(struct str *s)
{
    size_t first = str_find(*s, '\''), second;
    const char *charset;

    if (first == SIZE_MAX)
        return NULL;
    second = str_find(str_from(*s, first + 1), '\'');
    if (second == SIZE_MAX)
        return NULL;
    charset = charset_find(str_head(*s, first));
    *s = str_from(*s, first + 1 + second + 1);
    return charset;
}

/* Bytes in a set, or, if they are none of it, as they are. Line ends and NULs would
 * be ends to whoever prints them. */
static struct str converted(struct arena *a, const char *charset, struct str bytes)
{
    struct buf text = { 0 };
    char *p;

    if (!charset || !charset_utf8(charset, bytes, &text))
        buf_add(&text, bytes);
    p = arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        char c = buf_str(&text).p[i];

        p[i] = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    }
    bytes = (struct str){ p, text.n };
    buf_free(&text);
    return bytes;
}

/* RFC 2231 3: name*0, name*1 ... in whatever order; a number that is missing ends it. */
static struct str joined(struct arena *a, struct piece *v, size_t n, struct piece *head)
{
    const char *charset = NULL;
    struct buf bytes = { 0 };
    struct str out;

    for (unsigned want = 0; want < PARAMS_MAX; want++) {
        struct piece *p = want == head->number ? head : NULL;

        for (size_t i = 0; !p && i < n; i++)
            if (v[i].numbered && !v[i].used && v[i].number == want && str_same(v[i].name, head->name))
                p = &v[i];
        if (!p)
            break;
        p->used = true;
        if (p->coded && want == 0)
            charset = take_charset(&p->value);
        if (p->coded)
            put_percent(p->value, &bytes);
        else
            buf_add(&bytes, p->value);
    }
    out = converted(a, charset, buf_str(&bytes));
    buf_free(&bytes);
    return out;
}

static struct str single(struct arena *a, const struct piece *p)
{
    struct str value = p->value, out;
    const char *charset = take_charset(&value);
    struct buf bytes = { 0 };

    put_percent(value, &bytes);
    out = converted(a, charset, buf_str(&bytes));
    buf_free(&bytes);
    return out;
}

static void add_other(struct param *p, struct str s)
{
    size_t i = 0;

    if (str_same(s, p->value))
        return;
    while (i < PARAM_READINGS - 1 && p->other[i].p && !str_same(p->other[i], s))
        i++;
    if (i < PARAM_READINGS - 1)
        p->other[i] = s;
}

/* Encoded words, in quotes or not; and without quotes, what stands before the first blank. */
static void plain_readings(struct arena *a, const struct piece *piece, struct param *p)
{
    struct str s = piece->value, first = s;

    p->value = header_decode(a, s);
    add_other(p, s);
    if (piece->quoted)
        return;
    for (size_t i = 0; i < s.n; i++)
        if (blank(s.p[i])) {
            first.n = i;
            break;
        }
    add_other(p, first);
}

static struct param *param_of(struct arena *a, struct piece *v, size_t n, struct piece *piece)
{
    struct param *p = arena_new(a, struct param);

    p->name = piece->name;
    piece->used = true;
    if (piece->numbered) {
        p->extended = true;
        p->value = joined(a, v, n, piece);
    } else if (piece->coded) {
        p->extended = true;
        p->value = single(a, piece);
    } else {
        plain_readings(a, piece, p);
    }
    return p;
}

void params_read(struct arena *a, struct str text, struct params *out)
{
    struct piece v[PARAMS_MAX] = { 0 };
    struct str s = header_unfold(a, text);
    size_t at, from, n;
    struct param **end = &out->first;

    *out = (struct params){ 0 };
    from = at = skip(s, 0);
    while (at < s.n && s.p[at] != ';' && s.p[at] != '(' && !blank(s.p[at]))
        at++;
    out->value = (struct str){ s.p + from, at - from };
    at = skip(s, at);
    /* The semicolon is missing: what follows is read as if it were there. */
    if (at < s.n && s.p[at] != ';') {
        out->damaged = true;
        at--;
    }
    n = read_pieces(a, s, at, v, &out->damaged);
    for (size_t i = 0; i < n; i++) {
        /* A continuation comes where its first piece stands; one without a first piece is damaged. */
        if (v[i].used || (v[i].numbered && v[i].number))
            continue;
        *end = param_of(a, v, n, &v[i]);
        end = &(*end)->next;
    }
    for (size_t i = 0; i < n; i++)
        out->damaged |= !v[i].used;
}

const struct param *params_find(const struct params *p, struct str name)
{
    const struct param *plain_one = NULL;

    for (const struct param *q = p->first; q; q = q->next) {
        if (!str_same(q->name, name))
            continue;
        if (q->extended)
            return q;
        if (!plain_one)
            plain_one = q;
    }
    return plain_one;
}

bool params_twice(const struct params *p, struct str name)
{
    unsigned forms[2] = { 0 };

    for (const struct param *q = p->first; q; q = q->next)
        if (str_same(q->name, name) && ++forms[q->extended] > 1)
            return true;
    return false;
}
