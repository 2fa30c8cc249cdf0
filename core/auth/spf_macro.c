#include "auth/spf_macro.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- syntax */

struct macro {                  /* "%{" letter digits "r" delimiters "}" */
    char letter;                /* lower case */
    bool escape;                /* it was upper case */
    bool reverse;
    size_t parts;               /* 0: all */
    struct str delimiters;      /* empty: "." */
};

static bool is_delimiter(char c)
{
    return c && strchr(".-+,/_=", c);
}

/* Reads the inside of "%{" ... "}"; the bytes used, the brace included, or 0. */
static size_t macro_read(struct str s, enum spf_macro_in in, struct macro *out)
{
    size_t i = 1;

    *out = (struct macro){ 0 };
    if (!s.n || !s.p[0])
        return 0;
    out->letter = ascii_lower(s.p[0]);
    out->escape = out->letter != s.p[0];
    /* c, r and t are for explanations only (section 7.2). */
    if (!strchr(in == SPF_MACRO_DOMAIN ? "slodiphv" : "slodiphvcrt", out->letter))
        return 0;
    if (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') {
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            if (out->parts < 100000)
                out->parts = out->parts * 10 + (size_t)(s.p[i] - '0');
        if (!out->parts)
            return 0;
    }
    if (i < s.n && ascii_lower(s.p[i]) == 'r') {
        out->reverse = true;
        i++;
    }
    out->delimiters = str_from(s, i);
    while (i < s.n && is_delimiter(s.p[i]))
        i++;
    out->delimiters.n -= s.n - i;
    return i < s.n && s.p[i] == '}' ? i + 1 : 0;
}

/* One piece of a macro-string: a macro, or one literal byte. The bytes used, or 0. */
static size_t piece_read(struct str s, enum spf_macro_in in, struct macro *m, char *literal)
{
    size_t n;

    *literal = '\0';
    if (s.p[0] != '%') {
        *literal = s.p[0];
        return (s.p[0] > 0x20 && s.p[0] < 0x7f) || (in == SPF_MACRO_TEXT && s.p[0] == ' ') ? 1 : 0;
    }
    if (s.n < 2)
        return 0;
    if (s.p[1] == '{') {
        n = macro_read(str_from(s, 2), in, m);
        return n ? n + 2 : 0;
    }
    *m = (struct macro){ .letter = s.p[1] };
    return s.p[1] == '%' || s.p[1] == '_' || s.p[1] == '-' ? 2 : 0;
}

bool spf_macro_valid(struct str text, enum spf_macro_in in, struct str *end)
{
    struct macro m;
    char literal;

    *end = text;
    for (size_t i = 0, n; i < text.n; i += n) {
        n = piece_read(str_from(text, i), in, &m, &literal);
        if (!n)
            return false;
        if (!literal)
            *end = str_from(text, i + n);
    }
    return true;
}

bool spf_macro_has_p(struct str text)
{
    struct macro m;
    char literal;

    for (size_t i = 0, n; i < text.n; i += n) {
        n = piece_read(str_from(text, i), SPF_MACRO_TEXT, &m, &literal);
        if (!n)
            return false;
        if (!literal && m.letter == 'p')
            return true;
    }
    return false;
}

/* ---- what comes out */

struct out {
    char *p;
    size_t n;
    bool tail;                  /* only the end is wanted */
    size_t *work;
};

enum { KEEP = SPF_EXPANDED_MAX / 2 };

static void put(struct out *o, struct str s)
{
    if (o->work)
        *o->work += s.n;
    if (o->tail && s.n > KEEP)
        s = str_from(s, s.n - KEEP);
    if (o->tail && o->n + s.n > SPF_EXPANDED_MAX) {
        memmove(o->p, o->p + o->n - KEEP, KEEP);
        o->n = KEEP;
    }
    s = str_head(s, SPF_EXPANDED_MAX - o->n);
    memcpy(o->p + o->n, s.p, s.n);
    o->n += s.n;
}

/* Upper-case letters: what is not unreserved in a URI is escaped (RFC 3986 2.3). */
static void put_part(struct out *o, struct str s, bool escape)
{
    if (!escape) {
        put(o, s);
        return;
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], hex[4];
        bool plain = (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));

        snprintf(hex, sizeof hex, "%%%02X", (unsigned char)c);
        put(o, plain ? (struct str){ s.p + i, 1 } : (struct str){ hex, 3 });
    }
}

static bool divides(const struct macro *m, char c)
{
    return m->delimiters.n ? str_find(m->delimiters, c) != SIZE_MAX : c == '.';
}

static size_t count_parts(const struct macro *m, struct str value)
{
    size_t n = 1;

    for (size_t i = 0; i < value.n; i++)
        n += divides(m, value.p[i]);
    return n;
}

/* The parts from the left, of which the last `parts` are wanted. */
static void put_forward(struct out *o, const struct macro *m, struct str value, size_t skip)
{
    size_t from = 0;

    for (size_t i = 0; i <= value.n; i++) {
        if (i < value.n && !divides(m, value.p[i]))
            continue;
        if (skip) {
            skip--;
        } else {
            put_part(o, (struct str){ value.p + from, i - from }, m->escape);
            if (i < value.n)
                put(o, STR("."));
        }
        from = i + 1;
    }
}

/* Reversed, the last `parts` are the first ones of the value, from right to left. */
static void put_reversed(struct out *o, const struct macro *m, struct str value, size_t parts)
{
    size_t end = 0, from;

    for (size_t left = parts; end < value.n; end++)
        if (divides(m, value.p[end]) && !--left)
            break;
    for (;;) {
        for (from = end; from > 0 && !divides(m, value.p[from - 1]); from--)
            ;
        put_part(o, (struct str){ value.p + from, end - from }, m->escape);
        if (!from)
            return;
        put(o, STR("."));
        end = from - 1;
    }
}

static void put_value(struct out *o, const struct macro *m, struct str value)
{
    size_t all;

    if (!m->parts && !m->reverse && !m->delimiters.n) {
        put_part(o, value, m->escape);
        return;
    }
    all = count_parts(m, value);
    if (m->reverse)
        put_reversed(o, m, value, m->parts && m->parts < all ? m->parts : all);
    else
        put_forward(o, m, value, m->parts && m->parts < all ? all - m->parts : 0);
}

/* ---- values */

enum { DOTTED = 64 };

/* i: dotted quad, or nibbles with dots (section 7.3). */
static struct str dotted(struct ip ip, char out[DOTTED])
{
    const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    if (ip.v == IP_V4)
        return (struct str){ out, (size_t)snprintf(out, DOTTED, "%u.%u.%u.%u", ip.b[0], ip.b[1], ip.b[2], ip.b[3]) };
    for (size_t i = 0; i < 16; i++) {
        out[n++] = digits[ip.b[i] >> 4];
        out[n++] = '.';
        out[n++] = digits[ip.b[i] & 15];
        out[n++] = '.';
    }
    return (struct str){ out, n - 1 };
}

static void put_client(struct out *o, const struct macro *m, struct ip client)
{
    struct arena a = { 0 };

    put_value(o, m, ip_text(&a, client));
    arena_free(&a);
}

static void put_macro(struct out *o, const struct macro *m, const struct spf_macros *v)
{
    char text[DOTTED];

    switch (m->letter) {
    case '%': put(o, STR("%")); break;
    case '_': put(o, STR(" ")); break;
    case '-': put(o, STR("%20")); break;
    case 's': put_value(o, m, v->sender); break;
    case 'l': put_value(o, m, v->local); break;
    case 'o': put_value(o, m, v->sender_domain); break;
    case 'd': put_value(o, m, v->domain); break;
    case 'h': put_value(o, m, v->helo); break;
    case 'p': put_value(o, m, v->validated); break;
    case 'r': put_value(o, m, v->receiver); break;
    case 'i': put_value(o, m, dotted(v->client, text)); break;
    case 'c': put_client(o, m, v->client); break;
    case 'v': put_value(o, m, v->client.v == IP_V4 ? STR("in-addr") : STR("ip6")); break;
    default:
        snprintf(text, sizeof text, "%" PRId64, v->now);
        put_value(o, m, str_of(text));
    }
}

size_t spf_macro_expand(struct str text, enum spf_macro_in in, const struct spf_macros *m, char *out)
{
    struct out o = { .p = out, .tail = in == SPF_MACRO_DOMAIN, .work = m->work };
    struct macro macro;
    char literal;

    for (size_t i = 0, n; i < text.n; i += n) {
        n = piece_read(str_from(text, i), in, &macro, &literal);
        if (!n)
            break;
        if (literal)
            put(&o, (struct str){ text.p + i, 1 });
        else
            put_macro(&o, &macro, m);
    }
    return o.n;
}
