#include "base/base64.h"

#include <openssl/evp.h>
#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct str base64_encode(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, (s.n + 2) / 3 * 4 + 1);

    return (struct str){ out, (size_t)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)s.p, (int)s.n) };
}

/* Without white space, its length a multiple of four. */
static const char *pack(struct str s, char *packed, size_t *n)
{
    size_t digits = 0, pads = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=')
            pads++;
        else if (pads > 0)
            return "something follows the padding";
        else if (!memchr(ALPHABET, c, 64))
            return "a character that is none of base64";
        packed[digits++] = c;
    }
    if (digits % 4 != 0 || pads > 2)
        return "its length is none of base64";
    *n = digits;
    return NULL;
}

bool base64_decode(struct arena *a, struct str s, struct str *out, const char **fault)
{
    char *packed = arena_alloc(a, s.n + 1), *bytes;
    size_t n = 0;
    const char *wrong = pack(s, packed, &n);
    int got = 0;

    if (!wrong) {
        bytes = arena_alloc(a, n / 4 * 3 + 1);
        got = EVP_DecodeBlock((unsigned char *)bytes, (const unsigned char *)packed, (int)n);
        if (got < 0)
            wrong = "a character that is none of base64";
    }
    if (wrong) {
        if (fault)
            *fault = wrong;
        return false;
    }
    for (size_t i = n; i > 0 && packed[i - 1] == '='; i--)
        got--;
    bytes[got] = 0;
    *out = (struct str){ bytes, (size_t)got };
    return true;
}
