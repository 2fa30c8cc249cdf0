#include "cli/reader.h"

#include <string.h>

struct str reader_word(struct str *rest)
{
    struct str w = { 0 };

    *rest = str_trim(*rest);
    str_cut(rest, ' ', &w);
    *rest = str_trim(*rest);
    return w;
}

bool reader_number(struct str text, uint64_t *n)
{
    return str_u64(str_trim(text), 1000000000, n);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* {600*a}: a run of one text. */
static size_t unescape_run(struct str s, struct buf *out)
{
    size_t star = str_find(s, '*'), end = str_find(s, '}');
    uint64_t n;

    if (star == SIZE_MAX || end == SIZE_MAX || star > end || !str_u64((struct str){ s.p + 1, star - 1 }, 100000000, &n))
        return 0;
    while (n-- > 0)
        buf_add(out, (struct str){ s.p + star + 1, end - star - 1 });
    return end + 1;
}

static size_t unescape_one(struct str s, struct buf *out)
{
    static const char from[] = "rnt0\\{", to[] = "\r\n\t\0\\{";
    const char *at;

    if (s.n >= 4 && s.p[1] == 'x' && hex(s.p[2]) >= 0 && hex(s.p[3]) >= 0) {
        buf_byte(out, (char)(hex(s.p[2]) * 16 + hex(s.p[3])));
        return 4;
    }
    at = s.n >= 2 ? memchr(from, s.p[1], sizeof from - 1) : NULL;
    if (!at)
        return 0;
    buf_byte(out, to[at - from]);
    return 2;
}

void reader_unescape(struct str s, struct buf *out)
{
    while (s.n > 0) {
        size_t took = s.p[0] == '\\' ? unescape_one(s, out) : s.p[0] == '{' ? unescape_run(s, out) : 0;

        if (took == 0) {
            buf_byte(out, s.p[0]);
            took = 1;
        }
        s = str_from(s, took);
    }
}
