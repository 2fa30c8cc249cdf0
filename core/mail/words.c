/* header_decode: the encoded words of RFC 2047. Never used inside an addr-spec
 * (R4.2). Character sets are those of the table below and no others: a name
 * from the wire does not choose which converter the C library loads. */
#include <iconv.h>

#include "base/buf.h"
#include "mail/header.h"
#include "mail/utf8.h"

enum { CHARSET_NAME_MAX = 64 };

static const char *const CHARSETS[] = {
    "UTF-8", "US-ASCII", "ISO-8859-1",              /* these need no converter */
    "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8",
    "ISO-8859-9", "ISO-8859-10", "ISO-8859-11", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16",
    "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255",
    "WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "WINDOWS-874", "CP1250", "CP1251", "CP1252",
    "KOI8-R", "KOI8-U", "IBM850", "IBM866", "CP850", "CP866", "MACINTOSH", "TIS-620", "VISCII",
    "ISO-2022-JP", "SHIFT_JIS", "SHIFT-JIS", "EUC-JP", "CP932", "ISO-2022-KR", "EUC-KR", "CP949",
    "GB2312", "GBK", "GB18030", "BIG5", "BIG5-HKSCS", "UTF-7", "UTF-16BE", "UTF-16LE",
};
static const struct { const char *name, *is; } ALIASES[] = {
    { "ASCII", "US-ASCII" }, { "UTF8", "UTF-8" }, { "LATIN1", "ISO-8859-1" }, { "KS_C_5601-1987", "CP949" },
    { "UNICODE-1-1-UTF-7", "UTF-7" }, { "X-SJIS", "SHIFT_JIS" }, { "ISO-8859-8-I", "ISO-8859-8" },
};

static const char *charset_find(struct str name)
{
    name = str_head(name, str_find(name, '*'));     /* RFC 2231 5: a language tag */
    for (size_t i = 0; i < sizeof ALIASES / sizeof *ALIASES; i++)
        if (str_same_fold(name, str_of(ALIASES[i].name)))
            name = str_of(ALIASES[i].is);
    for (size_t i = 0; i < sizeof CHARSETS / sizeof *CHARSETS; i++)
        if (str_same_fold(name, str_of(CHARSETS[i])))
            return CHARSETS[i];
    return NULL;
}

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

static int hex(char c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_q(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '=') {
            buf_byte(out, s.p[i] == '_' ? ' ' : s.p[i]);
        } else if (i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            buf_byte(out, (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])));
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

static bool convert_latin1(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x80) {
            buf_byte(out, (char)c);
        } else {
            buf_byte(out, (char)(0xC0 | c >> 6));
            buf_byte(out, (char)(0x80 | (c & 0x3F)));
        }
    }
    return true;
}

static bool convert_iconv(const char *charset, struct str s, struct buf *out)
{
    iconv_t cd = iconv_open("UTF-8", charset);
    char *in = (char *)(uintptr_t)s.p, *to;
    size_t left = s.n, room = s.n * 4 + 16, had = room;
    bool ok;

    if (cd == (iconv_t)-1)
        return false;
    to = buf_room(out, room);
    ok = iconv(cd, &in, &left, &to, &room) != (size_t)-1 && left == 0;
    if (ok)
        buf_grew(out, had - room);
    iconv_close(cd);
    return ok;
}

static bool convert(const char *charset, struct str s, struct buf *out)
{
    if (charset == CHARSETS[0] || charset == CHARSETS[1]) {
        if (charset == CHARSETS[0] ? !utf8_valid(s) : !utf8_ascii(s))
            return false;
        buf_add(out, s);
        return true;
    }
    return charset == CHARSETS[2] ? convert_latin1(s, out) : convert_iconv(charset, s, out);
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
    if (convert(r->charset, buf_str(&r->bytes), &text)) {
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
