#include "auth/keyrecord.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "auth/tags.h"
#include "base/map.h"
#include "base/why.h"

enum { KEYS_KEPT = 1024, RECORD_MAX = 16384, EXPONENT_BITS = 64 };

struct keys { struct map *map; };

/* ---- life */

static struct key_record *hold(struct key_record *r)
{
    r->refs++;
    return r;
}

void key_release(struct key_record *r)
{
    if (!r || --r->refs)
        return;
    EVP_PKEY_CTX_free(r->rsa);
    EVP_PKEY_free(r->pkey);
    arena_free(&r->arena);
    free(r);
}

struct keys *keys_new(void)
{
    struct keys *k = calloc(1, sizeof *k);

    if (!k)
        die("no memory for keys");
    k->map = map_new();
    return k;
}

static void forget_all(struct keys *k)
{
    struct str text;
    void *r;
    size_t at = 0;

    while (map_next(k->map, &at, &text, &r)) {
        map_del(k->map, text);
        key_release(r);
    }
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    forget_all(k);
    map_free(k->map);
    free(k);
}

/* ---- the key itself */

static bool exponent_sane(EVP_PKEY *pkey)
{
    BIGNUM *e = NULL;
    bool sane = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= EXPONENT_BITS;

    BN_free(e);
    return sane;
}

/* SubjectPublicKeyInfo, as everybody publishes, or RSAPublicKey, as the text of section 3.6.1 has it. */
static EVP_PKEY *read_rsa(struct str der)
{
    const unsigned char *p = (const unsigned char *)der.p, *end = p + der.n;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)der.n);

    if (!pkey) {
        p = (const unsigned char *)der.p;
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)der.n);
    }
    if (pkey && (p != end || !EVP_PKEY_is_a(pkey, "RSA"))) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey;
}

static EVP_PKEY *read_ed25519(struct str raw)
{
    return raw.n == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)raw.p, raw.n) : NULL;
}

static bool ready(struct key_record *r)
{
    r->bits = (unsigned)EVP_PKEY_get_bits(r->pkey);
    if (r->kind == KEY_ED25519)
        return true;
    r->too_big = r->bits > KEY_RSA_MAX;
    if (r->too_big)
        return true;
    r->rsa = EVP_PKEY_CTX_new(r->pkey, NULL);
    return exponent_sane(r->pkey) && r->rsa && EVP_PKEY_verify_init(r->rsa) == 1
        && EVP_PKEY_CTX_set_rsa_padding(r->rsa, RSA_PKCS1_PADDING) == 1;
}

static enum key_state read_key(struct key_record *r, struct str p)
{
    struct str bytes;

    if (!tag_base64(&r->arena, p, &bytes))
        return KEY_SYNTAX;
    r->pkey = r->kind == KEY_RSA ? read_rsa(bytes) : read_ed25519(bytes);
    ERR_clear_error();
    return r->pkey && ready(r) ? KEY_GOOD : KEY_SYNTAX;
}

/* ---- the record */

static unsigned read_hashes(struct str list)
{
    unsigned allowed = 0;
    struct str item;
    enum auth_hash h;

    while (tag_next(&list, &item))
        if (hash_find(item, &h))
            allowed |= 1u << h;
    return allowed;
}

static bool for_mail(struct str list)
{
    struct str item;

    while (tag_next(&list, &item))
        if (str_same(item, STR("*")) || str_same(item, STR("email")))
            return true;
    return false;
}

static void read_flags(struct key_record *r, struct str list)
{
    struct str item;

    while (tag_next(&list, &item)) {
        r->testing = r->testing || str_same(item, STR("y"));
        r->no_subdomains = r->no_subdomains || str_same(item, STR("s"));
    }
}

static enum key_state read_record(struct key_record *r, struct str text)
{
    struct tags tags;
    const struct tag *p;
    struct str k;

    r->service = r->granularity = STR("*");
    if (text.n > RECORD_MAX || !tags_read(&r->arena, arena_dup(&r->arena, text), &tags, NULL))
        return KEY_SYNTAX;
    /* Section 3.6.1: v= must be the first, if it is there at all. */
    if (tags_find(&tags, "v") && (!str_same(tags.v[0].name, STR("v")) || !str_same(tags.v[0].value, STR("DKIM1"))))
        return KEY_SYNTAX;
    k = tags_value(&tags, "k", STR("rsa"));
    r->kind = str_same(k, STR("rsa")) ? KEY_RSA : str_same(k, STR("ed25519")) ? KEY_ED25519 : KEY_OTHER;
    r->hashes = tags_find(&tags, "h") ? read_hashes(tags_find(&tags, "h")->value) : (1u << HASH_COUNT) - 1;
    r->notes = tags_value(&tags, "n", STR(""));
    r->service = tags_value(&tags, "s", STR("*"));
    r->granularity = tags_value(&tags, "g", STR("*"));
    read_flags(r, tags_value(&tags, "t", STR("")));
    if (!for_mail(r->service))
        return KEY_FOREIGN;
    p = tags_find(&tags, "p");
    if (!p || r->kind == KEY_OTHER)
        return KEY_SYNTAX;
    return p->value.n ? read_key(r, p->value) : KEY_REVOKED;
}

struct key_record *keys_read(struct keys *k, struct str text)
{
    struct key_record *r = map_get(k->map, text);

    if (r)
        return hold(r);
    r = calloc(1, sizeof *r);
    if (!r)
        die("no memory for a key");
    r->refs = 1;
    r->state = read_record(r, text);
    if (text.n > RECORD_MAX)
        return r;
    /* Rather all anew once in a while than books about who was used when. */
    if (map_count(k->map) >= KEYS_KEPT)
        forget_all(k);
    map_put(k->map, text, hold(r));
    return r;
}

/* ---- use */

static const EVP_MD *named(enum auth_hash h)
{
    return h == HASH_SHA1 ? EVP_sha1() : h == HASH_SHA256 ? EVP_sha256() : EVP_sha512();
}

static bool verify_ed25519(EVP_PKEY *pkey, const struct hash_value *hash, struct str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1
        && EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n, hash->b, hash->n) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

bool key_verifies(struct key_record *r, enum auth_hash h, const struct hash_value *hash, struct str signature)
{
    bool good;

    if (r->state != KEY_GOOD || r->too_big)
        return false;
    if (r->kind == KEY_ED25519)
        good = verify_ed25519(r->pkey, hash, signature);
    else
        good = EVP_PKEY_CTX_set_signature_md(r->rsa, named(h)) == 1
            && EVP_PKEY_verify(r->rsa, (const unsigned char *)signature.p, signature.n, hash->b, hash->n) == 1;
    ERR_clear_error();
    return good;
}
