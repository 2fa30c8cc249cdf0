#include "auth/prvs.h"

#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "mail/addr.h"

enum { ROUND = 1000, HASH = 6, DIGITS = 4, HEAD = 5 };

static struct str hash_of(struct arena *a, int key, int day, struct str address, struct str secret)
{
    struct str text = arena_printf(a, "%d%03d%.*s", key, day, STR_ARG(address));
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!HMAC(EVP_sha1(), secret.n ? secret.p : "", (int)secret.n, (const unsigned char *)text.p, text.n, sum, &n) || n < HASH / 2)
        return STR("");
    return arena_printf(a, "%02x%02x%02x", sum[0], sum[1], sum[2]);
}

static int day_of(int64_t day)
{
    return (int)((day % ROUND + ROUND) % ROUND);
}

struct str prvs_create(struct arena *a, struct str address, struct str secret, int key, int64_t day)
{
    int through = day_of(day + PRVS_DAYS);
    struct str local, made;
    struct addr whole;
    const char *reason;

    if (!addr_parse(address, &whole, &reason) || secret.n > PRVS_SECRET_MAX || key < 0 || key > 9)
        return STR("");
    local = addr_unquote(a, whole.local);
    if (local.n == 0)
        return STR("");
    address = addr_join(a, addr_quote(a, local), whole.domain);
    made = arena_printf(a, "prvs=%d%03d%.*s=%.*s", key, through, STR_ARG(hash_of(a, key, through, address, secret)), STR_ARG(local));
    made = addr_join(a, addr_quote(a, made), whole.domain);
    return addr_parse(made, &whole, &reason) ? made : STR("");
}

static bool all(struct str s, int (*is)(int))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is((unsigned char)s.p[i]))
            return false;
    return true;
}

/* prvs=KDDDHHHHHH=local@domain, its letters in any case. */
bool prvs_read(struct arena *a, struct str text, struct prvs *out)
{
    struct str local, digits;
    struct addr whole;
    const char *reason;

    if (!addr_parse(text, &whole, &reason))
        return false;
    local = addr_unquote(a, whole.local);
    if (local.n <= HEAD + DIGITS + HASH + 1 || !str_same_fold(str_head(local, HEAD), STR("prvs=")))
        return false;
    digits = (struct str){ local.p + HEAD, DIGITS };
    out->hash = (struct str){ local.p + HEAD + DIGITS, HASH };
    if (!all(digits, isdigit) || !all(out->hash, isxdigit) || local.p[HEAD + DIGITS + HASH] != '=')
        return false;
    out->key = digits.p[0] - '0';
    out->day = (digits.p[1] - '0') * 100 + (digits.p[2] - '0') * 10 + (digits.p[3] - '0');
    out->address = addr_join(a, addr_quote(a, str_from(local, HEAD + DIGITS + HASH + 1)), whole.domain);
    return addr_parse(out->address, &whole, &reason);
}

/* Days go round every thousand: one of those that we would write now, or too old. */
bool prvs_good(struct arena *a, const struct prvs *p, struct str secret, int64_t day)
{
    struct str want = hash_of(a, p->key, p->day, p->address, secret);
    bool ours = secret.n > 0 && want.n == p->hash.n && CRYPTO_memcmp(want.p, p->hash.p, want.n) == 0;

    return ours && day_of(p->day - day) <= PRVS_DAYS;
}
