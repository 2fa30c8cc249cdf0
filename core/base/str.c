#include "base/str.h"

bool str_same(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_same_fold(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n ? memcmp(a.p, b.p, n) : 0;

    return r ? r : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str head)
{
    return s.n >= head.n && str_same(str_head(s, head.n), head);
}

bool str_starts_fold(struct str s, struct str head)
{
    return s.n >= head.n && str_same_fold(str_head(s, head.n), head);
}

bool str_ends(struct str s, struct str tail)
{
    return s.n >= tail.n && str_same(str_from(s, s.n - tail.n), tail);
}

bool str_ends_fold(struct str s, struct str tail)
{
    return s.n >= tail.n && str_same_fold(str_from(s, s.n - tail.n), tail);
}

size_t str_find(struct str s, char c)
{
    const char *p = s.n ? memchr(s.p, c, s.n) : NULL;

    return p ? (size_t)(p - s.p) : SIZE_MAX;
}

size_t str_rfind(struct str s, char c)
{
    const char *p = s.n ? memrchr(s.p, c, s.n) : NULL;

    return p ? (size_t)(p - s.p) : SIZE_MAX;
}

/* memmem is linear in glibc (two-way), so a hostile text costs no more (R4.5). */
size_t str_find_str(struct str s, struct str what)
{
    const char *p;

    if (what.n == 0)
        return 0;
    if (s.n < what.n)
        return SIZE_MAX;
    p = memmem(s.p, s.n, what.p, what.n);
    return p ? (size_t)(p - s.p) : SIZE_MAX;
}

/* Adding 0 to NULL is no C, hence the test: an absent str stays absent. */
struct str str_from(struct str s, size_t at)
{
    if (at > s.n)
        at = s.n;
    return at ? (struct str){ s.p + at, s.n - at } : s;
}

struct str str_head(struct str s, size_t n)
{
    return (struct str){ s.p, n < s.n ? n : s.n };
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    while (s.n > 0 && is_blank(s.p[0]))
        s = str_from(s, 1);
    return s;
}

/* "a,b," gives a, b and an empty last one: the rest's pointer, not its
 * length, says whether there is one more. */
bool str_cut(struct str *rest, char sep, struct str *head)
{
    size_t at;

    if (!rest->p)
        return false;
    at = str_find(*rest, sep);
    if (at == SIZE_MAX) {
        *head = *rest;
        *rest = (struct str){ NULL, 0 };
    } else {
        *head = str_head(*rest, at);
        *rest = str_from(*rest, at + 1);
    }
    return true;
}

bool str_u64(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - '0';

        if (d > 9 || v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    if (v > max)
        return false;
    *out = v;
    return true;
}

/* Length of the well-formed UTF-8 sequence at p that is no control character
 * (C1 controls move a terminal just as ESC does), 0 if there is none. */
static size_t utf8_visible(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xc2 && p[1] < 0xa0)               /* C1 */
        || (p[0] == 0xe0 && p[1] < 0xa0)            /* overlong */
        || (p[0] == 0xed && p[1] > 0x9f)            /* surrogates */
        || (p[0] == 0xf0 && p[1] < 0x90)
        || (p[0] == 0xf4 && p[1] > 0x8f)
        || (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)))    /* line and paragraph separator */
        return 0;
    return len;
}

struct str str_word(struct str *rest)
{
    size_t n = 0;
    struct str w;

    *rest = str_trim(*rest);
    while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    w = str_head(*rest, n);
    *rest = str_from(*rest, n);
    return w;
}

uint64_t str_hash(uint64_t h, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 0x100000001b3ull;
    return h;
}

size_t str_escape(struct str s, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n;) {
        const unsigned char *p = (const unsigned char *)s.p + i;
        size_t len = *p >= 0x20 && *p < 0x7f ? 1 : utf8_visible(p, s.n - i);

        if (len > 0) {
            if (n + len > cap)
                break;
            memcpy(out + n, p, len);
            n += len;
            i += len;
        } else {
            if (n + 4 > cap)
                break;
            out[n++] = '\\';
            out[n++] = (char)('0' + (*p >> 6));
            out[n++] = (char)('0' + (*p >> 3 & 7));
            out[n++] = (char)('0' + (*p & 7));
            i++;
        }
    }
    return n;
}
