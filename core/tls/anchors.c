/* Whom chains may end at, and what was revoked. A store of a hundred authorities is
 * read once, whatever number of contexts trusts in it. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tls/cache.h"
#include "tls/errors.h"

/* Names shown to clients (RFC 5246 7.4.4) are for choosing by; beyond this many
 * they only fill the handshake. */
enum { NAMES_SHOWN_MAX = 64 };

struct tls_anchors {
    struct tls_anchors *next;
    struct tls_cache *cache;
    unsigned held;
    struct str ca, crl;
    struct file_identity of_ca, of_crl;
    X509_STORE *store;
    STACK_OF(X509_NAME) *names;
    struct arena arena;
};

X509_STORE *tls_anchors_store(const struct tls_anchors *n)
{
    return n->store;
}

STACK_OF(X509_NAME) *tls_anchors_names(const struct tls_anchors *n)
{
    return n->names;
}

static void unlink_from_cache(struct tls_anchors *n)
{
    for (struct tls_anchors **at = n->cache ? &n->cache->anchors : NULL; at && *at; at = &(*at)->next)
        if (*at == n) {
            *at = n->next;
            return;
        }
}

void tls_anchors_drop(struct tls_anchors *n)
{
    if (!n || --n->held > 0)
        return;
    unlink_from_cache(n);
    X509_STORE_free(n->store);
    sk_X509_NAME_pop_free(n->names, X509_NAME_free);
    arena_free(&n->arena);
    free(n);
}

static bool is_dir(struct str path)
{
    struct arena a = { 0 };
    struct stat st;
    bool yes = stat(arena_z(&a, path), &st) == 0 && S_ISDIR(st.st_mode);

    arena_free(&a);
    return yes;
}

static enum status add_dir(X509_STORE *store, struct str path, struct why *why)
{
    struct arena a = { 0 };
    X509_LOOKUP *dir = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    bool ok = dir && X509_LOOKUP_add_dir(dir, arena_z(&a, path), X509_FILETYPE_PEM);

    arena_free(&a);
    return ok ? ST_OK : why_set(why, ST_AGAIN, "%.*s cannot be used as a directory of certificates", STR_ARG(path));
}

static void show_name(struct tls_anchors *n, const X509 *x)
{
    if (!n->names)
        n->names = sk_X509_NAME_new_null();
    if (sk_X509_NAME_num(n->names) <= NAMES_SHOWN_MAX)
        sk_X509_NAME_push(n->names, X509_NAME_dup(X509_get_subject_name(x)));
}

/* The certificates (lists false) or the revocation lists of a text of PEM; path is where it is from. */
static enum status add_text(struct tls_anchors *n, struct str text, struct str path, bool lists, struct why *why)
{
    STACK_OF(X509_INFO) *all;
    enum status got = ST_OK;
    size_t added = 0;
    BIO *b = BIO_new_mem_buf(text.p, (int)text.n);

    tls_errors_clear();
    all = PEM_X509_INFO_read_bio(b, NULL, tls_no_phrase, NULL);
    BIO_free(b);
    for (int i = 0; all && i < sk_X509_INFO_num(all); i++) {
        const X509_INFO *x = sk_X509_INFO_value(all, i);

        if (!lists && x->x509 && X509_STORE_add_cert(n->store, x->x509)) {
            show_name(n, x->x509);
            added++;
        } else if (lists && x->crl && X509_STORE_add_crl(n->store, x->crl)) {
            added++;
        }
    }
    if (added == 0)
        got = why_set(why, ST_AGAIN, "%.*s holds no %s", STR_ARG(path), lists ? "list of revoked certificates" : "certificate");
    sk_X509_INFO_pop_free(all, X509_INFO_free);
    ERR_clear_error();
    return got;
}

static enum status add_file(struct tls_anchors *n, struct str path, bool lists, struct file_identity *id, struct why *why)
{
    struct buf text = { 0 };
    struct stat st;
    enum status got = file_read(path, ANCHORS_TEXT_MAX, &text, &st, why);

    if (got == ST_OK) {
        *id = file_identity_stat(&st);
        got = add_text(n, buf_str(&text), path, lists, why);
    }
    buf_free(&text);
    return got;
}

static enum status add(struct tls_cache *cache, struct tls_anchors *n, struct str path, bool lists, struct file_identity *id,
                       struct why *why)
{
    struct str pem;

    if (tls_is_given(cache, lists ? TLS_FILE_CRL : TLS_FILE_CA, path, &pem)) {
        *id = lists ? file_identity_deep(path) : file_identity_of(path);
        return add_text(n, pem, path, lists, why);
    }
    if (is_dir(path)) {
        *id = lists ? file_identity_deep(path) : file_identity_of(path);
        return add_dir(n->store, path, why);
    }
    return add_file(n, path, lists, id, why);
}

static bool is_system(struct str ca)
{
    return str_same(ca, STR("system")) || str_same(ca, STR("system,cache"));
}

/* "system" is two places of OpenSSL's, and this one of them is made anew with the other. What is in it is looked up when
 * it is needed, and then kept. */
struct str tls_anchors_place(struct str ca)
{
    const char *told = secure_getenv(X509_get_default_cert_dir_env());

    return !is_system(ca) ? ca : str_of(told ? told : X509_get_default_cert_dir());
}

static struct file_identity identity(struct str path)
{
    return path.n ? file_identity_of(tls_anchors_place(path)) : (struct file_identity){ 0 };
}

static enum status add_system(struct tls_cache *cache, struct tls_anchors *n, struct why *why)
{
    struct str pem;

    n->of_ca = identity(n->ca);
    if (tls_is_given(cache, TLS_FILE_CA, STR("system"), &pem))
        return add_text(n, pem, n->ca, false, why);
    return X509_STORE_set_default_paths(n->store) ? ST_OK : why_set(why, ST_AGAIN, "the system's certificates cannot be read");
}

static enum status read_in(struct tls_cache *cache, struct tls_anchors *n, struct why *why)
{
    enum status got = ST_OK;

    if (is_system(n->ca))
        got = add_system(cache, n, why);
    else if (n->ca.n > 0)
        got = add(cache, n, n->ca, false, &n->of_ca, why);
    if (got == ST_OK && n->crl.n > 0) {
        got = add(cache, n, n->crl, true, &n->of_crl, why);
        X509_STORE_set_flags(n->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    }
    if (n->names && sk_X509_NAME_num(n->names) > NAMES_SHOWN_MAX) {
        sk_X509_NAME_pop_free(n->names, X509_NAME_free);
        n->names = NULL;
    }
    ERR_clear_error();
    return got;
}

enum status tls_anchors_get(struct tls_cache *cache, struct str ca, struct str crl, struct tls_anchors **out, struct why *why)
{
    struct file_identity of_ca = identity(ca), of_crl = crl.n ? file_identity_deep(crl) : identity(crl);
    struct tls_anchors *n;
    enum status got;

    for (n = cache->anchors; n; n = n->next)
        if (str_same(n->ca, ca) && str_same(n->crl, crl) && file_identity_same(&n->of_ca, &of_ca) &&
            file_identity_same(&n->of_crl, &of_crl)) {
            n->held++;
            *out = n;
            return ST_OK;
        }
    n = calloc(1, sizeof *n);
    if (!n || !(n->store = X509_STORE_new()))
        die("out of memory: a store of certificates");
    n->held = 1;
    n->ca = arena_dup(&n->arena, ca);
    n->crl = arena_dup(&n->arena, crl);
    got = read_in(cache, n, why);
    if (got != ST_OK) {
        tls_anchors_drop(n);
        return got;
    }
    n->cache = cache;
    n->next = cache->anchors;
    cache->anchors = n;
    *out = n;
    return ST_OK;
}

void tls_anchors_orphan(struct tls_cache *cache)
{
    for (struct tls_anchors *n = cache->anchors; n; n = n->next)
        n->cache = NULL;
    cache->anchors = NULL;
}
