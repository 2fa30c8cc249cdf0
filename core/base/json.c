#include "base/json.h"

#include <stdlib.h>

enum { DEPTH_MAX = 16 };

/* ---- writing */

/* Bytes of the UTF-8 sequence at s, 0 if there is none (RFC 3629). */
static size_t utf8_length(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

    if (n == 0 || n > s.n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if (n == 3 && ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] >= 0xA0)))
        return 0;
    if (n == 4 && ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] >= 0x90)))
        return 0;
    return n;
}

static void put_byte(struct buf *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        buf_addf(out, "\\%c", c);
    else if (c == '\n')
        buf_add(out, STR("\\n"));
    else if (c < 0x20 || c == 0x7F)
        buf_addf(out, "\\u%04x", c);
    else
        buf_byte(out, (char)c);
}

/* C1 controls and the separators of lines: whole characters that no reader of
 * lines, and no terminal, should meet. The code point, or 0. */
static unsigned odd_character(struct str s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s.p;

    if (n == 2 && p[0] == 0xC2 && p[1] < 0xA0)
        return p[1];
    return n == 3 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9) ? 0x2000u | (p[2] & 0x3F) : 0;
}

void json_text(struct buf *out, struct str s)
{
    buf_byte(out, '"');
    while (s.n > 0) {
        size_t n = utf8_length(s);

        if (n == 0)
            buf_add(out, STR("\\ufffd"));
        else if (n == 1)
            put_byte(out, (unsigned char)s.p[0]);
        else if (odd_character(s, n))
            buf_addf(out, "\\u%04x", odd_character(s, n));
        else
            buf_add(out, str_head(s, n));
        s = str_from(s, n ? n : 1);
    }
    buf_byte(out, '"');
}

void json_name(struct buf *out, const char *name)
{
    struct str so_far = buf_str(out);

    if (so_far.n > 0 && so_far.p[so_far.n - 1] != '{' && so_far.p[so_far.n - 1] != '[')
        buf_byte(out, ',');
    json_text(out, str_of(name));
    buf_byte(out, ':');
}

void json_member(struct buf *out, const char *name, struct str value)
{
    json_name(out, name);
    json_text(out, value);
}

void json_member_int(struct buf *out, const char *name, int64_t value)
{
    json_name(out, name);
    buf_addf(out, "%lld", (long long)value);
}

void json_member_bool(struct buf *out, const char *name, bool value)
{
    json_name(out, name);
    buf_add(out, value ? STR("true") : STR("false"));
}

/* ---- reading */

static void skip_space(struct str *s)
{
    while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t' || s->p[0] == '\r' || s->p[0] == '\n'))
        *s = str_from(*s, 1);
}

static bool take(struct str *s, char c)
{
    skip_space(s);
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

/* The bytes between the quotes, still escaped. */
static bool take_string(struct str *s, struct str *raw)
{
    size_t i = 0;

    if (!take(s, '"'))
        return false;
    while (i < s->n && s->p[i] != '"') {
        if ((unsigned char)s->p[i] < 0x20)
            return false;
        i += s->p[i] == '\\' ? 2 : 1;
    }
    if (i >= s->n)
        return false;
    *raw = str_head(*s, i);
    *s = str_from(*s, i + 1);
    return true;
}

static bool take_value(struct str *s, struct str *text, bool *is_string, unsigned depth);

static bool take_many(struct str *s, char close, bool named, unsigned depth)
{
    struct str text;
    bool is_string;

    if (take(s, close))
        return true;
    do {
        if (named && (!take_string(s, &text) || !take(s, ':')))
            return false;
        if (!take_value(s, &text, &is_string, depth + 1))
            return false;
    } while (take(s, ','));
    return take(s, close);
}

static bool take_word(struct str *s)
{
    size_t i = 0;

    while (i < s->n && (memchr("+-.", s->p[i], 3) || (s->p[i] >= '0' && s->p[i] <= '9') ||
                        (ascii_lower(s->p[i]) >= 'a' && ascii_lower(s->p[i]) <= 'z')))
        i++;
    *s = str_from(*s, i);
    return i > 0;
}

static bool take_value(struct str *s, struct str *text, bool *is_string, unsigned depth)
{
    const char *from;
    bool ok;

    skip_space(s);
    *is_string = s->n > 0 && s->p[0] == '"';
    if (*is_string)
        return take_string(s, text);
    from = s->p;
    if (depth > DEPTH_MAX)
        return false;
    if (take(s, '{'))
        ok = take_many(s, '}', true, depth);
    else if (take(s, '['))
        ok = take_many(s, ']', false, depth);
    else
        ok = take_word(s);
    *text = (struct str){ from, (size_t)(s->p - from) };
    return ok;
}

static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        char c = ascii_lower(p[i]);

        if (c >= '0' && c <= '9')
            v = v * 16 + (c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v * 16 + (c - 'a' + 10);
        else
            return -1;
    }
    return v;
}

static void put_utf8(struct buf *b, unsigned c)
{
    if (c < 0x80) {
        buf_byte(b, (char)c);
    } else if (c < 0x800) {
        buf_byte(b, (char)(0xC0 | c >> 6));
        buf_byte(b, (char)(0x80 | (c & 0x3F)));
    } else {
        if (c < 0x10000) {
            buf_byte(b, (char)(0xE0 | c >> 12));
        } else {
            buf_byte(b, (char)(0xF0 | c >> 18));
            buf_byte(b, (char)(0x80 | (c >> 12 & 0x3F)));
        }
        buf_byte(b, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_byte(b, (char)(0x80 | (c & 0x3F)));
    }
}

/* \uXXXX, two of them for what lies beyond 16 bits; a lone half is U+FFFD.
 * Returns how many bytes after the backslash were taken. */
static size_t decode_u(struct str s, struct buf *b)
{
    int c = s.n >= 5 ? hex4(s.p + 1) : -1, low;

    if (c < 0) {
        put_utf8(b, 0xFFFD);
        return 1;
    }
    if (c >= 0xD800 && c < 0xDC00 && s.n >= 11 && s.p[5] == '\\' && s.p[6] == 'u') {
        low = hex4(s.p + 7);
        if (low >= 0xDC00 && low < 0xE000) {
            put_utf8(b, 0x10000u + ((unsigned)(c - 0xD800) << 10) + (unsigned)(low - 0xDC00));
            return 11;
        }
    }
    put_utf8(b, c >= 0xD800 && c < 0xE000 ? 0xFFFD : (unsigned)c);
    return 5;
}

static struct str decode(struct arena *a, struct str raw)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    struct buf b = { 0 };
    struct str out;

    for (size_t i = 0; i < raw.n; i++) {
        const char *at;

        if (raw.p[i] != '\\' || i + 1 >= raw.n) {
            buf_byte(&b, raw.p[i]);
            continue;
        }
        i++;
        at = strchr(from, raw.p[i]);
        if (raw.p[i] == 'u')
            i += decode_u(str_from(raw, i), &b) - 1;
        else
            buf_byte(&b, at && *at ? to[at - from] : raw.p[i]);
    }
    out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

/* value is only touched if it is there. */
static bool find(struct str object, const char *name, struct str *value, bool *is_string)
{
    struct str key, text;

    if (!take(&object, '{') || take(&object, '}'))
        return false;
    do {
        if (!take_string(&object, &key) || !take(&object, ':') || !take_value(&object, &text, is_string, 0))
            return false;
        if (str_same(key, str_of(name))) {
            *value = text;
            return true;
        }
    } while (take(&object, ','));
    return false;
}

bool json_get(struct arena *a, struct str object, const char *name, struct str *value)
{
    struct str text;
    bool is_string;

    if (!find(object, name, &text, &is_string))
        return false;           /* *value keeps the caller's default */
    *value = is_string ? decode(a, text) : text;
    return true;
}

bool json_get_int(struct str object, const char *name, int64_t *value)
{
    struct str text = { 0 };
    bool is_string, minus;
    uint64_t n;

    if (!find(object, name, &text, &is_string) || is_string)
        return false;
    minus = text.n > 0 && text.p[0] == '-';
    if (!str_u64(str_from(text, minus), INT64_MAX, &n))
        return false;
    *value = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

bool json_get_bool(struct str object, const char *name)
{
    struct str text;
    bool is_string;

    return find(object, name, &text, &is_string) && !is_string && str_same(text, STR("true"));
}

bool json_next_member(struct arena *a, struct str *object, struct str *name, struct str *value)
{
    bool is_string;

    if ((!take(object, '{') && !take(object, ',')) || !take_string(object, name) || !take(object, ':') ||
        !take_value(object, value, &is_string, 0))
        return false;
    *name = decode(a, *name);
    if (is_string)
        *value = decode(a, *value);
    return true;
}

bool json_next(struct arena *a, struct str *array, struct str *value)
{
    bool is_string;

    if (!take(array, '[') && !take(array, ','))
        return false;
    skip_space(array);
    if (array->n > 0 && array->p[0] == ']')
        return false;
    if (!take_value(array, value, &is_string, 0))
        return false;
    if (is_string)
        *value = decode(a, *value);
    return true;
}
