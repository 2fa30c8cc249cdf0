#include "mail/xtext.h"

static bool stands_for_itself(char c)
{
    return c >= '!' && c <= '~' && c != '+' && c != '=';
}

struct str xtext_encode(struct arena *a, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";
    char *p = arena_alloc(a, 3 * s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (stands_for_itself(s.p[i])) {
            p[n++] = s.p[i];
            continue;
        }
        p[n++] = '+';
        p[n++] = hex[c >> 4];
        p[n++] = hex[c & 15];
    }
    return (struct str){ p, n };
}

/* Upper case only (RFC 3461 section 4). */
static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool xtext_decode(struct arena *a, struct str s, struct str *out)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (stands_for_itself(s.p[i])) {
            p[n++] = s.p[i];
            continue;
        }
        if (s.p[i] != '+' || i + 2 >= s.n || digit(s.p[i + 1]) < 0 || digit(s.p[i + 2]) < 0)
            return false;
        p[n++] = (char)(digit(s.p[i + 1]) * 16 + digit(s.p[i + 2]));
        i += 2;
    }
    *out = (struct str){ p, n };
    return true;
}
