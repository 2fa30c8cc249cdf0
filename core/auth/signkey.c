#include "auth/signkey.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/map.h"
#include "tls/secret.h"

enum { KEYS_KEPT = 1024, PEM_MAX = 64 << 10 };

struct kept {
    EVP_PKEY *pkey;
    struct file_identity file;   /* all zero: text */
};

struct signkeys {
    pthread_mutex_t lock;
    struct map *map;            /* path or text: struct kept */
};

struct signkeys *signkeys_new(void)
{
    struct signkeys *k = calloc(1, sizeof *k);

    if (!k)
        die("no memory for keys");
    pthread_mutex_init(&k->lock, NULL);
    k->map = map_new();
    return k;
}

static void forget(struct kept *e)
{
    if (!e)
        return;
    EVP_PKEY_free(e->pkey);
    free(e);
}

static void forget_all(struct signkeys *k)
{
    struct str name;
    void *e;
    size_t at = 0;

    while (map_next(k->map, &at, &name, &e)) {
        map_del(k->map, name);
        forget(e);
    }
}

void signkeys_free(struct signkeys *k)
{
    if (!k)
        return;
    forget_all(k);
    map_free(k->map);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

/* ---- reading */

/* A key under a password is none: there is nobody to ask. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1;
}

static EVP_PKEY *read_pem(struct str text)
{
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    if (pkey && !EVP_PKEY_is_a(pkey, "RSA") && !EVP_PKEY_is_a(pkey, "ED25519")) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return pkey;
}

static struct kept *keep(struct signkeys *k, struct str name, EVP_PKEY *pkey, struct file_identity file)
{
    struct kept *e = calloc(1, sizeof *e);

    if (!e)
        die("no memory for a key");
    *e = (struct kept){ pkey, file };
    if (map_count(k->map) >= KEYS_KEPT)
        forget_all(k);
    forget(map_put(k->map, name, e));
    return e;
}

/* A file that cannot be read now is refused like one that never can: signing has no way to wait. */
static enum status read_file(struct signkeys *k, struct str path, struct kept **out, struct why *why)
{
    struct buf text = { 0 };
    struct file_identity id;
    enum status st = secret_read(path, PEM_MAX, &text, &id, why) == ST_OK ? ST_OK : ST_NEVER;
    EVP_PKEY *pkey = st == ST_OK ? read_pem(buf_str(&text)) : NULL;

    secret_wipe(&text);
    if (pkey)
        *out = keep(k, path, pkey, id);
    else if (st == ST_OK)
        st = why_set(why, ST_NEVER, "%.*s holds no private key of RSA or Ed25519 in PEM without a password", STR_ARG(path));
    return st;
}

static enum status from_file(struct signkeys *k, struct str path, struct kept **out, struct why *why)
{
    struct kept *e = map_get(k->map, path);
    struct file_identity now = file_identity_of(path);

    if (!e || !file_identity_same(&e->file, &now))
        return read_file(k, path, out, why);
    *out = e;
    return ST_OK;
}

static enum status from_text(struct signkeys *k, struct str text, struct kept **out, struct why *why)
{
    struct kept *e = map_get(k->map, text);
    EVP_PKEY *pkey = e || text.n > PEM_MAX ? NULL : read_pem(text);

    if (!e && !pkey)
        return why_set(why, ST_NEVER, "the text of a private key is no PEM of an RSA or Ed25519 key without a password");
    *out = e ? e : keep(k, text, pkey, (struct file_identity){ 0 });
    return ST_OK;
}

enum status signkey_get(struct signkeys *k, struct str where, struct sign_key *out, struct why *why)
{
    struct kept *e = NULL;
    enum status st;

    pthread_mutex_lock(&k->lock);
    st = where.n && where.p[0] == '/' ? from_file(k, where, &e, why) : from_text(k, where, &e, why);
    if (st == ST_OK) {
        EVP_PKEY_up_ref(e->pkey);
        *out = (struct sign_key){ .pkey = e->pkey, .kind = EVP_PKEY_is_a(e->pkey, "RSA") ? KEY_RSA : KEY_ED25519 };
    }
    pthread_mutex_unlock(&k->lock);
    return st;
}

void signkey_release(struct sign_key *key)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
}

/* ---- signing */

static bool sign_rsa(EVP_PKEY *pkey, enum auth_hash h, const struct hash_value *hash, unsigned char *out, size_t *n)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    const EVP_MD *md = h == HASH_SHA1 ? EVP_sha1() : h == HASH_SHA256 ? EVP_sha256() : EVP_sha512();
    bool good = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1
        && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 && EVP_PKEY_sign(ctx, out, n, hash->b, hash->n) == 1;

    EVP_PKEY_CTX_free(ctx);
    return good;
}

static bool sign_ed25519(EVP_PKEY *pkey, const struct hash_value *hash, unsigned char *out, size_t *n)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1 && EVP_DigestSign(ctx, out, n, hash->b, hash->n) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

bool signkey_sign(const struct sign_key *key, enum auth_hash h, const struct hash_value *hash, struct arena *a, struct str *out)
{
    size_t n = (size_t)EVP_PKEY_get_size(key->pkey);
    unsigned char *p = arena_alloc(a, n + 1);
    bool good = key->kind == KEY_RSA ? sign_rsa(key->pkey, h, hash, p, &n) : sign_ed25519(key->pkey, hash, p, &n);

    ERR_clear_error();
    *out = (struct str){ (char *)p, good ? n : 0 };
    return good;
}

/* ---- making */

static bool write_pem(struct arena *a, EVP_PKEY *pkey, struct str *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    long n;
    bool good = bio && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1 && (n = BIO_get_mem_data(bio, &p)) > 0;

    if (good)
        *pem = arena_dup(a, (struct str){ p, (size_t)n });
    BIO_free(bio);
    return good;
}

/* RSA: SubjectPublicKeyInfo; Ed25519: the bare key (RFC 8463 section 4.2). */
static bool write_public(struct arena *a, EVP_PKEY *pkey, enum key_kind kind, struct str *p)
{
    unsigned char raw[32], *der = NULL;
    size_t n = sizeof raw;
    int len;

    if (kind == KEY_ED25519) {
        if (EVP_PKEY_get_raw_public_key(pkey, raw, &n) != 1)
            return false;
        *p = base64_encode(a, (struct str){ (char *)raw, n });
        return true;
    }
    len = i2d_PUBKEY(pkey, &der);
    if (len <= 0)
        return false;
    *p = base64_encode(a, (struct str){ (char *)der, (size_t)len });
    OPENSSL_free(der);
    return true;
}

bool signkey_make(struct arena *a, enum key_kind kind, unsigned bits, struct str *pem, struct str *p)
{
    EVP_PKEY *pkey = kind == KEY_RSA ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    bool good = pkey && write_pem(a, pkey, pem) && write_public(a, pkey, kind, p);

    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return good;
}
