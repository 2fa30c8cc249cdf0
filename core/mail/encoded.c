#include "mail/encoded.h"

#include "base/buf.h"

enum { WORD_BYTES = 42 };       /* in base64, with the frame: within 75 (RFC 2047, 2) */

static bool plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x7f || (s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] == '?'))
            return false;
    return true;
}

static void put_base64(struct buf *out, struct str s)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        unsigned v = (unsigned)(unsigned char)s.p[i] << 16 | (left > 1 ? (unsigned)(unsigned char)s.p[i + 1] << 8 : 0)
                   | (left > 2 ? (unsigned)(unsigned char)s.p[i + 2] : 0);

        buf_byte(out, digit[v >> 18]);
        buf_byte(out, digit[v >> 12 & 63]);
        buf_byte(out, left > 1 ? digit[v >> 6 & 63] : '=');
        buf_byte(out, left > 2 ? digit[v & 63] : '=');
    }
}

/* As many bytes as fit, up to the beginning of a character. */
static size_t whole_characters(struct str s)
{
    size_t n = s.n < WORD_BYTES ? s.n : WORD_BYTES;

    while (n < s.n && n > WORD_BYTES - 4 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

struct str encoded_text(struct arena *a, struct str text)
{
    struct buf clean = { 0 }, out = { 0 };
    struct str s;

    for (size_t i = 0; i < text.n; i++)
        buf_byte(&clean, (unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f ? ' ' : text.p[i]);
    s = str_trim(buf_str(&clean));
    if (plain(s)) {
        s = arena_dup(a, s);
        buf_free(&clean);
        return s;
    }
    while (s.n) {
        struct str word = str_head(s, whole_characters(s));

        buf_add(&out, out.n ? STR("\r\n =?UTF-8?B?") : STR("=?UTF-8?B?"));
        put_base64(&out, word);
        buf_add(&out, STR("?="));
        s = str_from(s, word.n);
    }
    s = arena_dup(a, buf_str(&out));
    buf_free(&clean);
    buf_free(&out);
    return s;
}
