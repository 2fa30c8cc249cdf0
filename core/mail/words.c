/* header_decode: the encoded words of RFC 2047. Never used inside an addr-spec
 * (R4.2). header_encode: text as encoded words. */
#include "base/buf.h"
#include "mail/charset.h"
#include "mail/header.h"
#include "mail/utf8.h"

struct word {
    const char *charset;
    char encoding;              /* 'Q' or 'B' */
    struct str text;            /* still encoded */
    size_t length;              /* of the whole word */
};

/* An encoded word at the front of s ("=?" stands there)? */
static bool word_at(struct str s, struct word *w)
{
    struct str rest = str_from(s, 2);
    size_t q = str_find(str_head(rest, CHARSET_NAME_MAX), '?');

    if (q == SIZE_MAX || q + 3 >= rest.n || rest.p[q + 2] != '?')
        return false;
    w->charset = charset_find(str_head(rest, q));
    w->encoding = ascii_upper(rest.p[q + 1]);
    if (!w->charset || (w->encoding != 'Q' && w->encoding != 'B'))
        return false;
    rest = str_from(rest, q + 3);
    /* The text ends at its first '?'; so a line of many beginnings is still
     * read once. "?=" of a Q text that ends in "=" cannot be meant (4.2). */
    q = str_find(rest, '?');
    if (q == SIZE_MAX || q + 1 >= rest.n || rest.p[q + 1] != '=')
        return false;
    w->text = str_head(rest, q);
    w->length = (size_t)(rest.p + q + 2 - s.p);
    return true;
}

static bool decode_q(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        int byte = s.p[i] == '=' && i + 2 < s.n ? ascii_hex(s.p[i + 1], s.p[i + 2]) : -1;

        if (s.p[i] != '=') {
            buf_byte(out, s.p[i] == '_' ? ' ' : s.p[i]);
        } else if (byte >= 0) {
            buf_byte(out, (char)byte);
            i += 2;
        } else {
            return false;
        }
    }
    return true;
}

static int base64(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(letters, c) : NULL;

    return at ? (int)(at - letters) : -1;
}

static bool decode_b(struct str s, struct buf *out)
{
    unsigned bits = 0, have = 0;

    while (s.n > 0 && s.p[s.n - 1] == '=')
        s.n--;
    for (size_t i = 0; i < s.n; i++) {
        int v = base64(s.p[i]);

        if (v < 0)
            return false;
        bits = (bits << 6 | (unsigned)v) & 0xFFFFFF;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_byte(out, (char)(bits >> have & 0xFF));
        }
    }
    return true;
}

/* Words of one character set that follow each other, decoded but not yet
 * converted: senders cut multi-byte characters in two. */
struct run {
    const char *charset;        /* NULL: no run is open */
    struct buf bytes;
    struct str raw;             /* as it stood, should it turn out damaged */
};

static void run_end(struct run *r, struct buf *out)
{
    struct buf text = { 0 };

    if (!r->charset)
        return;
    if (charset_utf8(r->charset, buf_str(&r->bytes), &text)) {
        char *p = buf_room(out, text.n);

        /* Encoded line ends and NULs would be field ends to whoever prints it. */
        for (size_t i = 0; i < text.n; i++) {
            char c = buf_str(&text).p[i];

            p[i] = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
        }
        buf_grew(out, text.n);
    } else {
        buf_add(out, r->raw);
    }
    buf_free(&text);
    buf_clear(&r->bytes);
    r->charset = NULL;
}

/* The word's bytes join the run or begin another. False: damaged. */
static bool run_add(struct run *r, const struct word *w, struct str whole, struct str between, struct buf *out)
{
    struct buf bytes = { 0 };
    bool ok = w->encoding == 'Q' ? decode_q(w->text, &bytes) : decode_b(w->text, &bytes);

    if (ok && r->charset && (r->charset != w->charset || str_trim(between).n)) {
        bool apart = str_trim(between).n > 0;

        run_end(r, out);
        if (apart)
            buf_add(out, between);      /* white space between words is not text (6.2) */
    } else if (ok && !r->charset) {
        buf_add(out, between);
    }
    if (ok) {
        if (!r->charset)
            r->raw = whole;
        r->raw.n = (size_t)(whole.p + whole.n - r->raw.p);
        r->charset = w->charset;
        buf_add(&r->bytes, buf_str(&bytes));
    }
    buf_free(&bytes);
    return ok;
}

struct str header_decode(struct arena *a, struct str value)
{
    struct buf out = { 0 };
    struct run run = { 0 };
    struct word w;
    struct str made;
    size_t done = 0, at = 0;        /* everything before done is in out or in the run */

    while (at + 1 < value.n) {
        size_t skip = str_find_str(str_from(value, at), STR("=?"));

        if (skip == SIZE_MAX)
            break;
        at += skip;
        if (word_at(str_from(value, at), &w) &&
            run_add(&run, &w, (struct str){ value.p + at, w.length }, (struct str){ value.p + done, at - done }, &out))
            done = at += w.length;
        else
            at += 2;
    }
    run_end(&run, &out);
    buf_add(&out, str_from(value, done));
    made = arena_dup(a, buf_str(&out));
    buf_free(&out);
    buf_free(&run.bytes);
    return made;
}

/* ---- encoding */

enum { WORD_MAX = 75 };         /* RFC 2047 2 */

/* What may stand for itself in every place an encoded word may stand (RFC 2047 5). */
static bool plain_in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("!*+-/", c));
}

static bool needs_encoding(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] > 126 || (text.p[i] == '=' && i + 1 < text.n && text.p[i + 1] == '?'))
            return true;
    return false;
}

static size_t q_size(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ' ' || plain_in_word(text.p[i]) ? 1 : 3;
    return n;
}

static void put_q(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ')
            buf_byte(out, '_');
        else if (plain_in_word(text.p[i]))
            buf_byte(out, text.p[i]);
        else
            buf_addf(out, "=%02X", (unsigned char)text.p[i]);
    }
}

static void put_b(struct str text, struct buf *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < text.n; i += 3) {
        unsigned char b[3] = { 0 };
        size_t n = text.n - i < 3 ? text.n - i : 3;

        memcpy(b, text.p + i, n);
        buf_byte(out, letters[b[0] >> 2]);
        buf_byte(out, letters[(b[0] & 3) << 4 | b[1] >> 4]);
        buf_byte(out, n > 1 ? letters[(b[1] & 15) << 2 | b[2] >> 6] : '=');
        buf_byte(out, n > 2 ? letters[b[2] & 63] : '=');
    }
}

/* A character is not cut in two: words are read alone (RFC 2047 5). */
static size_t character(struct str s, bool utf8)
{
    size_t n = 1;

    while (utf8 && n < s.n && ((unsigned char)s.p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

struct str header_encode(struct arena *a, struct str text)
{
    bool utf8 = utf8_valid(text), b = q_size(text) > (text.n + 2) / 3 * 4;
    const char *charset = utf8 ? "UTF-8" : "unknown-8bit";      /* RFC 1428 3 */
    size_t room = WORD_MAX - strlen(charset) - strlen("=???Q?=");
    struct buf out = { 0 };
    struct str made;

    if (!needs_encoding(text))
        return arena_dup(a, text);
    while (text.n) {
        size_t n = 0, next;

        do {
            next = n + character(str_from(text, n), utf8);
            if (n && (b ? (next + 2) / 3 * 4 : q_size(str_head(text, next))) > room)
                break;
            n = next;
        } while (n < text.n);
        if (out.n)
            buf_byte(&out, ' ');
        buf_addf(&out, "=?%s?%c?", charset, b ? 'B' : 'Q');
        (b ? put_b : put_q)(str_head(text, n), &out);
        buf_add(&out, STR("?="));
        text = str_from(text, n);
    }
    made = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return made;
}
