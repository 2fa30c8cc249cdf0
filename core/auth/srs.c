#include "auth/srs.h"

#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "mail/addr.h"

enum { DAYS = 1024, STAMP = 2, EXIM_HASH = 4, PREFIX = 4 };

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

const char *srs_words(enum srs_result result)
{
    static const char *const words[] = {
        [SRS_OK] = "ok", [SRS_CASE] = "case broken", [SRS_NOT] = "not SRS", [SRS_SYNTAX] = "bad SRS", [SRS_SHORT] = "hash too short",
        [SRS_HASH] = "bad hash", [SRS_STAMP] = "bad timestamp", [SRS_EXPIRED] = "timestamp expired", [SRS_LONG] = "address too long",
        [SRS_DOMAIN] = "no domain",
    };

    return words[result];
}

/* ---- words of the form */

/* "SRS0" or "SRS1" and one of the separators: '0', '1', or '\0' if it is neither. */
static char prefix(struct str local)
{
    if (local.n <= PREFIX || !str_same_fold(str_head(local, 3), STR("SRS")) || !strchr("=+-", local.p[PREFIX]) || !local.p[PREFIX])
        return '\0';
    return local.p[3] == '0' || local.p[3] == '1' ? local.p[3] : '\0';
}

bool srs_is(struct str local)
{
    return prefix(local) != '\0';
}

/* Everything before the next '=', which is taken away; false if there is none, or nothing before it. */
static bool part(struct str *rest, struct str *out)
{
    size_t at = str_find(*rest, '=');

    if (at == SIZE_MAX || at == 0)
        return false;
    *out = str_head(*rest, at);
    *rest = str_from(*rest, at + 1);
    return true;
}

static struct str lower(struct arena *a, struct str s)
{
    struct str copy = arena_dup(a, s);

    for (size_t i = 0; i < copy.n; i++)
        ((char *)copy.p)[i] = (char)tolower((unsigned char)copy.p[i]);
    return copy;
}

static struct str stamp(struct arena *a, int64_t day)
{
    unsigned n = (unsigned)(((day % DAYS) + DAYS) % DAYS);

    return arena_printf(a, "%c%c", base32[n >> 5], base32[n & 31]);
}

static int digit(char c)
{
    const char *at = c ? strchr(base32, toupper((unsigned char)c)) : NULL;

    return at ? (int)(at - base32) : -1;
}

/* Days go round every 1024: what is not among the last few lies so far back, or ahead, that it is not ours. */
static enum srs_result stamp_check(const struct srs_rules *r, struct str text)
{
    int64_t high, low, age;

    if (text.n != STAMP || (high = digit(text.p[0])) < 0 || (low = digit(text.p[1])) < 0)
        return SRS_STAMP;
    age = ((r->day - (high * 32 + low)) % DAYS + DAYS) % DAYS;
    return age <= (int64_t)r->max_age ? SRS_OK : SRS_EXPIRED;
}

/* ---- hashes */

/* A digest that is not to be had makes a hash that fits nothing. */
static struct str hmac(const EVP_MD *md, struct str secret, struct str text, unsigned char *sum)
{
    unsigned n = 0;

    if (!HMAC(md, secret.n ? secret.p : "", (int)secret.n, (const unsigned char *)text.p, text.n, sum, &n))
        n = 0;
    return (struct str){ (const char *)sum, n };
}

static struct str base64_hash(struct arena *a, struct str secret, struct str text)
{
    unsigned char sum[EVP_MAX_MD_SIZE];

    return base64_encode(a, hmac(EVP_sha1(), secret, lower(a, text), sum));
}

static struct str hex_hash(struct arena *a, struct str secret, struct str text)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    struct str s = hmac(EVP_md5(), secret, lower(a, text), sum);

    return s.n < 2 ? STR("") : arena_printf(a, "%02x%02x", sum[0], sum[1]);
}

static struct str hash_of(struct arena *a, const struct srs_rules *r, struct str secret, struct str text)
{
    struct str whole = r->kind == SRS_EXIM ? hex_hash(a, secret, text) : base64_hash(a, secret, text);

    return r->kind == SRS_EXIM ? whole : str_head(whole, r->hash_length);
}

/* In a time that does not tell where they differ, nor which secret it was. */
static bool same_bytes(struct str a, struct str b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

static enum srs_result hash_check(struct arena *a, const struct srs_rules *r, struct str given, struct str text)
{
    struct srs_rules as_given = *r;
    struct str folded = lower(a, given);
    bool exact = false, but_case = false;

    if (r->nsecrets == 0)
        return SRS_OK;
    if (r->kind == SRS_EXIM ? given.n != EXIM_HASH : given.n < r->hash_min)
        return r->kind == SRS_EXIM ? SRS_HASH : SRS_SHORT;
    as_given.hash_length = (unsigned)given.n;       /* compared over its own length */
    for (size_t i = 0; i < r->nsecrets; i++) {
        struct str want = hash_of(a, &as_given, r->secrets[i], text);

        exact |= same_bytes(want, given);
        but_case |= same_bytes(lower(a, want), folded);
    }
    if (exact)
        return SRS_OK;
    return but_case && r->kind != SRS_EXIM ? SRS_CASE : SRS_HASH;
}

/* ---- there */

struct str srs_key(struct arena *a, const struct srs_rules *r, struct str sender)
{
    return str_head(base64_hash(a, r->nsecrets ? r->secrets[0] : STR(""), sender), SRS_DB_KEY);
}

static struct str joined(struct arena *a, struct str x, struct str y, struct str z)
{
    return arena_printf(a, "%.*s%.*s%.*s", STR_ARG(x), STR_ARG(y), STR_ARG(z));
}

static struct str sign(struct arena *a, const struct srs_rules *r, struct str text)
{
    return hash_of(a, r, r->secrets[0], text);
}

/* "hash=" in front of what it vouches for; nothing where there is to be none. */
static struct str signed_part(struct arena *a, const struct srs_rules *r, struct str text)
{
    return r->no_hash ? STR("") : arena_printf(a, "%.*s=", STR_ARG(sign(a, r, text)));
}

static struct str encode_srs0(struct arena *a, const struct srs_rules *r, struct str local, struct str domain, struct str sender)
{
    struct str day = r->no_stamp ? STR("") : stamp(a, r->day), key;
    struct str shown = r->no_stamp ? STR("") : arena_printf(a, "%.*s=", STR_ARG(day));

    if (r->database) {
        key = srs_key(a, r, sender);
        return arena_printf(a, "SRS0%c%.*s%.*s%.*s", r->separator, STR_ARG(signed_part(a, r, joined(a, day, key, STR("")))),
                            STR_ARG(shown), STR_ARG(key));
    }
    return arena_printf(a, "SRS0%c%.*s%.*s%.*s=%.*s", r->separator,
                        STR_ARG(signed_part(a, r, r->kind == SRS_EXIM ? sender : joined(a, day, domain, local))), STR_ARG(shown),
                        STR_ARG(domain), STR_ARG(local));
}

/* first: the forwarder that made the SRS0 address; rest: its local part behind "SRS0", separator first. */
static struct str encode_srs1(struct arena *a, const struct srs_rules *r, struct str first, struct str rest)
{
    return arena_printf(a, "SRS1%c%.*s=%.*s=%.*s", r->separator, STR_ARG(sign(a, r, joined(a, first, rest, STR("")))), STR_ARG(first),
                        STR_ARG(rest));
}

/* Of an SRS1 local part: hash, first forwarder, what stood behind its "SRS0". */
static bool split_srs1(struct str local, struct str *hash, struct str *first, struct str *rest)
{
    *rest = str_from(local, PREFIX + 1);
    return part(rest, hash) && part(rest, first) && rest->n > 0;
}

enum srs_result srs_encode(struct arena *a, const struct srs_rules *r, struct str sender, struct str domain, struct str *out)
{
    struct str local, made, hash, first, rest;
    const char *reason;
    struct addr whole;
    char was;

    *out = STR("");
    if (!addr_split(sender, &whole))
        return SRS_DOMAIN;
    if (!addr_parse(sender, &whole, &reason))       /* '=' in a domain would be read as the end of it */
        return SRS_SYNTAX;
    local = addr_unquote(a, whole.local);
    if (local.n == 0)           /* ""@domain: nothing would stand behind the last '=' */
        return SRS_SYNTAX;
    sender = addr_join(a, addr_quote(a, local), whole.domain);
    was = r->kind == SRS_EXIM ? '\0' : prefix(local);
    if (was == '0')
        made = encode_srs1(a, r, whole.domain, str_from(local, PREFIX));
    else if (was == '1' && split_srs1(local, &hash, &first, &rest))
        made = encode_srs1(a, r, first, rest);
    else
        made = encode_srs0(a, r, local, whole.domain, sender);
    made = addr_join(a, addr_quote(a, made), domain);
    if (!addr_parse(made, &whole, &reason))
        return made.n > ADDR_LOCAL_MAX ? SRS_LONG : SRS_SYNTAX;
    *out = made;
    return SRS_OK;
}

/* ---- and back */

static enum srs_result sound(struct arena *a, struct str address, struct str *out)
{
    struct addr parsed;
    const char *reason;

    /* It goes on as a recipient: nothing is, that could not have come as one. */
    if (!addr_parse(address, &parsed, &reason))
        return SRS_SYNTAX;
    *out = arena_dup(a, address);
    return SRS_OK;
}

static enum srs_result decode_srs1(struct arena *a, const struct srs_rules *r, struct str local, struct str *out)
{
    struct str hash, first, rest;
    enum srs_result st;

    if (!split_srs1(local, &hash, &first, &rest) || !strchr("=+-", *rest.p) || !*rest.p)
        return SRS_SYNTAX;
    st = sound(a, addr_join(a, addr_quote(a, arena_printf(a, "SRS0%.*s", STR_ARG(rest))), first), out);
    return st == SRS_OK ? hash_check(a, r, hash, joined(a, first, rest, STR(""))) : st;
}

/* The day and the hash, in the order each scheme asks for them. */
static enum srs_result judge(struct arena *a, const struct srs_rules *r, struct str hash, struct str day, struct str text)
{
    enum srs_result code = r->no_hash ? SRS_OK : hash_check(a, r, hash, text);
    enum srs_result age = r->no_stamp || r->nsecrets == 0 ? SRS_OK : stamp_check(r, day);
    bool good = code == SRS_OK || code == SRS_CASE;

    if (r->kind == SRS_ALT)
        return age != SRS_OK ? age : code;
    return !good ? code : age != SRS_OK ? age : code;
}

static enum srs_result decode_srs0(struct arena *a, const struct srs_rules *r, struct str local, struct str *out)
{
    struct str rest = str_from(local, PREFIX + 1), hash = STR(""), day = STR(""), domain, text;
    struct str address;
    enum srs_result st;

    if ((!r->no_hash && !part(&rest, &hash)) || (!r->no_stamp && !part(&rest, &day)))
        return SRS_SYNTAX;
    if (r->database) {
        if (rest.n == 0 || rest.n > SRS_DB_KEY)
            return SRS_SYNTAX;
        *out = arena_dup(a, rest);
        return judge(a, r, hash, day, joined(a, day, rest, STR("")));
    }
    if (!part(&rest, &domain) || rest.n == 0 || (r->kind != SRS_ALT && !r->no_stamp && (day.n != STAMP || digit(day.p[0]) < 0 || digit(day.p[1]) < 0)))
        return SRS_SYNTAX;
    address = addr_join(a, addr_quote(a, rest), domain);
    if (r->kind == SRS_EXIM)
        address = lower(a, address);
    st = sound(a, address, out);
    if (st != SRS_OK)
        return st;
    text = r->kind == SRS_EXIM ? address : joined(a, day, domain, rest);
    return judge(a, r, hash, day, text);
}

enum srs_result srs_decode(struct arena *a, const struct srs_rules *r, struct str local, struct str *out)
{
    char kind = prefix(local);

    *out = STR("");
    if (kind == '\0' || (r->kind == SRS_EXIM && (kind != '0' || local.p[PREFIX] != '=')))
        return SRS_NOT;
    if (local.n > ADDR_LOCAL_MAX)
        return SRS_LONG;
    return kind == '1' ? decode_srs1(a, r, local, out) : decode_srs0(a, r, local, out);
}
