#include "auth/bodyhash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/why.h"

struct one {
    enum canon_kind canon;
    enum auth_hash hash;
    uint64_t length, left;
    EVP_MD_CTX *ctx;
    struct hash_value value;
};

struct form {                   /* a canonicalisation that somebody wants */
    struct bodyhash *of;
    struct canon canon;
    bool wanted;
    uint64_t octets;
};

struct bodyhash {
    struct form form[2];
    struct one *v;
    size_t n;
    bool over;
};

static const char *const names[] = { [HASH_SHA1] = "sha1", [HASH_SHA256] = "sha256", [HASH_SHA512] = "sha512" };

const char *hash_name(enum auth_hash h)
{
    return names[h];
}

bool hash_find(struct str name, enum auth_hash *out)
{
    for (int i = 0; i < HASH_COUNT; i++)
        if (str_same(name, str_of(names[i]))) {
            *out = (enum auth_hash)i;
            return true;
        }
    return false;
}

/* Fetched once a process: looking an algorithm up costs more than hashing a short
 * text with it. Threads that sign come here too. */
static EVP_MD *fetched[HASH_COUNT];

static void fetch_all(void)
{
    for (int h = 0; h < HASH_COUNT; h++)
        if (!(fetched[h] = EVP_MD_fetch(NULL, names[h], NULL)))
            die("OpenSSL has no %s", names[h]);
}

static const EVP_MD *md_of(enum auth_hash h)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fetch_all);
    return fetched[h];
}

static void end_one(EVP_MD_CTX *ctx, struct hash_value *out)
{
    unsigned n = 0;

    if (EVP_DigestFinal_ex(ctx, out->b, &n) != 1)
        die("OpenSSL cannot end a hash");
    out->n = n;
}

void hash_bytes(enum auth_hash h, struct str s, struct hash_value *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_DigestInit_ex(ctx, md_of(h), NULL) != 1 || EVP_DigestUpdate(ctx, s.p, s.n) != 1)
        die("OpenSSL cannot hash");
    end_one(ctx, out);
    EVP_MD_CTX_free(ctx);
}

struct hash_run { EVP_MD_CTX *ctx; };

struct hash_run *hash_run_new(enum auth_hash h)
{
    struct hash_run *r = calloc(1, sizeof *r);

    if (!r || !(r->ctx = EVP_MD_CTX_new()) || EVP_DigestInit_ex(r->ctx, md_of(h), NULL) != 1)
        die("OpenSSL cannot begin a hash");
    return r;
}

void hash_run_add(struct hash_run *r, struct str s)
{
    if (EVP_DigestUpdate(r->ctx, s.p, s.n) != 1)
        die("OpenSSL cannot hash");
}

void hash_run_with(const struct hash_run *r, struct str last, struct hash_value *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_MD_CTX_copy_ex(ctx, r->ctx) != 1 || EVP_DigestUpdate(ctx, last.p, last.n) != 1)
        die("OpenSSL cannot hash");
    end_one(ctx, out);
    EVP_MD_CTX_free(ctx);
}

void hash_run_free(struct hash_run *r)
{
    if (r)
        EVP_MD_CTX_free(r->ctx);
    free(r);
}

static void take(void *ctx, struct str run)
{
    struct form *f = ctx;
    struct bodyhash *b = f->of;

    f->octets += run.n;
    for (size_t i = 0; i < b->n; i++) {
        struct one *o = &b->v[i];
        size_t n = o->left < run.n ? (size_t)o->left : run.n;

        if (o->canon != f->canon.kind || n == 0)
            continue;
        if (EVP_DigestUpdate(o->ctx, run.p, n) != 1)
            die("OpenSSL cannot hash");
        if (o->left != UINT64_MAX)
            o->left -= n;
    }
}

struct bodyhash *bodyhash_new(void)
{
    struct bodyhash *b = calloc(1, sizeof *b);

    if (!b)
        die("no memory for hashes of a body");
    for (int k = 0; k < 2; k++) {
        b->form[k].of = b;
        b->form[k].canon.kind = (enum canon_kind)k;
        b->form[k].canon.sink = take;
        b->form[k].canon.ctx = &b->form[k];
    }
    return b;
}

void bodyhash_free(struct bodyhash *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        EVP_MD_CTX_free(b->v[i].ctx);
    free(b->v);
    free(b);
}

size_t bodyhash_want(struct bodyhash *b, enum canon_kind k, enum auth_hash h, uint64_t length)
{
    struct one *o;

    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].canon == k && b->v[i].hash == h && b->v[i].length == length)
            return i;
    b->v = realloc(b->v, (b->n + 1) * sizeof *b->v);
    if (!b->v)
        die("no memory for hashes of a body");
    o = &b->v[b->n];
    *o = (struct one){ .canon = k, .hash = h, .length = length, .left = length, .ctx = EVP_MD_CTX_new() };
    if (!o->ctx || EVP_DigestInit_ex(o->ctx, md_of(h), NULL) != 1)
        die("OpenSSL cannot begin a hash");
    b->form[k].wanted = true;
    return b->n++;
}

void bodyhash_add(struct bodyhash *b, struct str piece)
{
    for (int k = 0; k < 2; k++)
        if (b->form[k].wanted && !b->over)
            canon_body(&b->form[k].canon, piece);
}

void bodyhash_end(struct bodyhash *b)
{
    if (b->over)
        return;
    for (int k = 0; k < 2; k++)
        if (b->form[k].wanted)
            canon_end(&b->form[k].canon);
    for (size_t i = 0; i < b->n; i++)
        end_one(b->v[i].ctx, &b->v[i].value);
    b->over = true;
}

const struct hash_value *bodyhash_value(const struct bodyhash *b, size_t number, uint64_t *canonical)
{
    if (canonical)
        *canonical = b->form[b->v[number].canon].octets;
    return &b->v[number].value;
}
