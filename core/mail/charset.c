#include "mail/charset.h"

#include <iconv.h>

#include "mail/utf8.h"

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

const char *charset_find(struct str name)
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

bool charset_utf8(const char *charset, struct str s, struct buf *out)
{
    if (charset == CHARSETS[0] || charset == CHARSETS[1]) {
        if (charset == CHARSETS[0] ? !utf8_valid(s) : !utf8_ascii(s))
            return false;
        buf_add(out, s);
        return true;
    }
    return charset == CHARSETS[2] ? convert_latin1(s, out) : convert_iconv(charset, s, out);
}
