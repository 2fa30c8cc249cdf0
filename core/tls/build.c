/* A context from its files: certificates with their chains and keys, anchors, proofs. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tls/cache.h"
#include "tls/errors.h"
#include "tls/secret.h"

enum { CERTIFICATES_MAX = 16, CHAIN_MAX = 16, DEPTH_MAX = 16, NOTES_MAX = 32 };
/* Bytes of a client's chain. A ticket holds its certificate and has a length of 16 bits: where more came through,
 * OpenSSL would fail at the ticket, with an "internal error". */
enum { CLIENT_CHAIN_MAX = 60 * 1024 };

void tls_context_free(struct tls_context *c)
{
    SSL_CTX_free(c->ctx);
    tls_anchors_drop(c->anchors);
    for (size_t i = 0; i < c->proofs; i++)
        tls_proof_free(c->proof[i]);
    tls_cert_drop(c->shown);
    arena_free(&c->arena);
    free(c);
}

static void note(struct tls_context *c, struct str text)
{
    if (c->notes < NOTES_MAX)
        c->note[c->notes++] = arena_dup(&c->arena, text);
}

static void seen(struct tls_context *c, struct str path, struct file_identity id)
{
    c->file[c->files] = arena_dup(&c->arena, path);
    c->identity[c->files++] = id;
}

/* What a world has in the file's place. */
static bool is_given(struct tls_context *c, enum tls_file what, struct str path, struct buf *text)
{
    struct str pem;

    if (!tls_is_given(c->cache, what, path, &pem))
        return false;
    seen(c, path, file_identity_of(path));
    buf_add(text, pem);
    return true;
}

/* ---- key files */

static EVP_PKEY *key_parse(struct str text)
{
    BIO *b = BIO_new_mem_buf(text.p, (int)text.n);
    EVP_PKEY *key;

    tls_errors_clear();
    key = PEM_read_bio_PrivateKey(b, NULL, tls_no_phrase, NULL);
    BIO_free(b);
    return key;
}

static enum status key_read(struct tls_context *c, struct str path, EVP_PKEY **out, struct why *why)
{
    struct buf text = { 0 };
    struct file_identity id;
    bool given = is_given(c, TLS_FILE_KEY, path, &text);
    enum status st = given ? ST_OK : secret_read(path, CERT_TEXT_MAX, &text, &id, why);
    char reason[160];

    if (st == ST_OK) {
        if (!given)
            seen(c, path, id);
        *out = key_parse(buf_str(&text));
        if (!*out && str_find_str(buf_str(&text), STR("ENCRYPTED")) != SIZE_MAX)
            st = why_set(why, ST_AGAIN, "%.*s: the private key is encrypted; a server cannot ask for its pass phrase", STR_ARG(path));
        else if (!*out)
            st = why_set(why, ST_AGAIN, "%.*s holds no private key: %s", STR_ARG(path), tls_error_reason(reason, sizeof reason));
    }
    secret_wipe(&text);
    return st;
}

/* ---- certificates */

/* *whole is false where what stands behind the last one read is damaged, or more than a chain needs. */
static STACK_OF(X509) *certs_read(struct str pem, bool *whole)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x;

    tls_errors_clear();
    while (sk_X509_num(all) <= CHAIN_MAX && (x = PEM_read_bio_X509(b, NULL, tls_no_phrase, NULL)))
        sk_X509_push(all, x);
    *whole = sk_X509_num(all) <= CHAIN_MAX && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(b);
    ERR_clear_error();
    if (sk_X509_num(all) > 0)
        return all;
    sk_X509_free(all);
    return NULL;
}

STACK_OF(X509) *tls_certs_read(struct str pem)
{
    bool whole;

    return certs_read(pem, &whole);
}

/* A chain that lost its end would still be shown, and those who do not know the issuer by heart would turn away. */
static enum status chain_read(struct tls_context *c, struct str path, STACK_OF(X509) **out, struct why *why)
{
    struct buf text = { 0 };
    struct stat file;
    bool whole, given = is_given(c, TLS_FILE_CERTIFICATE, path, &text);
    enum status st = given ? ST_OK : file_read(path, CERT_TEXT_MAX, &text, &file, why);

    if (st == ST_OK) {
        if (!given)
            seen(c, path, file_identity_stat(&file));
        *out = certs_read(buf_str(&text), &whole);
        if (!*out)
            st = why_set(why, ST_AGAIN, "%.*s holds no certificate", STR_ARG(path));
        else if (sk_X509_num(*out) > CHAIN_MAX)
            st = why_set(why, ST_AGAIN, "%.*s holds more than %d certificates: ours and those between it and its root belong there",
                         STR_ARG(path), CHAIN_MAX);
        else if (!whole)
            st = why_set(why, ST_AGAIN, "%.*s: what stands behind certificate %d cannot be read", STR_ARG(path), sk_X509_num(*out));
    }
    buf_free(&text);
    return st;
}

static bool key_is_of_another(STACK_OF(X509) *chain, EVP_PKEY *key)
{
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (X509_check_private_key(sk_X509_value(chain, i), key))
            return true;
    return false;
}

static enum status pair_use(struct tls_context *c, struct str cert_path, struct str key_path, STACK_OF(X509) *chain, EVP_PKEY *key,
                            struct why *why)
{
    X509 *leaf = sk_X509_shift(chain);
    char reason[160];
    enum status st = ST_OK;

    tls_errors_clear();
    if (!X509_check_private_key(leaf, key))
        st = why_set(why, ST_AGAIN, "the key in %.*s does not belong to the certificate in %.*s%s", STR_ARG(key_path), STR_ARG(cert_path),
                     key_is_of_another(chain, key) ? ", but to another one there: ours must stand first" : "");
    else if (!SSL_CTX_use_cert_and_key(c->ctx, leaf, key, chain, 0))
        st = ERR_GET_REASON(ERR_peek_error()) == SSL_R_NOT_REPLACING_CERTIFICATE ?
             why_set(why, ST_AGAIN, "%.*s: another certificate before it has the same kind of key; one of each kind can be used",
                     STR_ARG(cert_path)) :
             why_set(why, ST_AGAIN, "%.*s cannot be used: %s", STR_ARG(cert_path), tls_error_reason(reason, sizeof reason));
    else if (tls_asn1_time(X509_get0_notAfter(leaf)) < clock_wall())
        note(c, arena_printf(&c->arena, "the certificate in %.*s is out of date", STR_ARG(cert_path)));
    else if (tls_asn1_time(X509_get0_notBefore(leaf)) > clock_wall())
        note(c, arena_printf(&c->arena, "the certificate in %.*s is not valid yet", STR_ARG(cert_path)));
    ERR_clear_error();
    sk_X509_unshift(chain, leaf);
    return st;
}

static enum status pair_read(struct tls_context *c, struct str cert_path, struct str key_path, struct why *why)
{
    STACK_OF(X509) *chain = NULL;
    EVP_PKEY *key = NULL;
    enum status st = chain_read(c, cert_path, &chain, why);

    if (key_path.n == 0)
        key_path = cert_path;
    if (st == ST_OK)
        st = key_read(c, key_path, &key, why);
    if (st == ST_OK)
        st = pair_use(c, cert_path, key_path, chain, key, why);
    EVP_PKEY_free(key);
    sk_X509_pop_free(chain, X509_free);
    return st;
}

static enum status pairs_read(struct tls_context *c, const struct tls_config *config, struct why *why)
{
    size_t n = config->certificates.n;
    enum status st = ST_OK;

    if (n > CERTIFICATES_MAX)
        return why_set(why, ST_NEVER, "tls_certificate: %zu files, at most %d are used", n, CERTIFICATES_MAX);
    if (n == 0 && config->server)
        return why_set(why, ST_AGAIN, "there is no certificate: tls_certificate is not set");
    if (config->keys.n > 0 && config->keys.n != n)
        return why_set(why, ST_NEVER, "tls_privatekey names %zu files and tls_certificate %zu: a key for each, or none where the key stands "
                       "with the certificate", config->keys.n, n);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = pair_read(c, config->certificates.item[i], config->keys.n ? config->keys.item[i] : (struct str){ "", 0 }, why);
    return st;
}

/* ---- proofs: one that is of no use is told of and left out, TLS goes on (OCSP-03) */

struct of_cert { X509 *leaf; STACK_OF(X509) *chain; };

/* Goes through the certificates of the context, whatever their kind. */
static bool cert_of_proof(struct tls_context *c, const struct tls_proof *p, struct of_cert *out)
{
    for (long at = SSL_CTX_set_current_cert(c->ctx, SSL_CERT_SET_FIRST); at == 1;
         at = SSL_CTX_set_current_cert(c->ctx, SSL_CERT_SET_NEXT)) {
        out->leaf = SSL_CTX_get0_certificate(c->ctx);
        SSL_CTX_get0_chain_certs(c->ctx, &out->chain);
        if (out->leaf && tls_proof_is_of_x509(p, out->leaf))
            return true;
    }
    return false;
}

static enum status proof_read(struct tls_context *c, struct str path, struct why *why)
{
    struct buf text = { 0 };
    struct stat file;
    struct tls_proof *p = NULL;
    struct of_cert of;
    bool revoked = false;
    enum status st = file_read(path, CERT_TEXT_MAX, &text, &file, why);

    if (st != ST_OK)
        goto done;
    c->identity[c->files - 1] = file_identity_stat(&file);
    st = tls_proof_read(buf_str(&text), &p, why);
    if (st == ST_OK && !cert_of_proof(c, p, &of))
        st = why_set(why, ST_NEVER, "it is about none of our certificates");
    if (st == ST_OK)
        st = tls_proof_check_by(p, of.leaf, of.chain, c->anchors ? tls_anchors_store(c->anchors) : NULL, clock_wall(), &revoked, why);
    if (st == ST_OK) {
        c->proof[c->proofs++] = p;
        p = NULL;
    }
done:
    tls_proof_free(p);
    buf_free(&text);
    return st;
}

static void proofs_read(struct tls_context *c, struct tls_list paths)
{
    c->proof = arena_array(&c->arena, struct tls_proof *, paths.n);
    for (size_t i = 0; i < paths.n; i++) {
        struct str path = paths.item[i];
        struct why why = { 0 };

        if (str_starts(path, STR("DER ")) || str_starts(path, STR("PEM ")))
            path = str_trim(str_from(path, 4));
        seen(c, path, file_identity_of(path));
        if (proof_read(c, path, &why) != ST_OK)
            note(c, arena_printf(&c->arena, "the OCSP proof in %.*s is not sent: %s", STR_ARG(path), why.text));
    }
    ERR_clear_error();
}

/* ---- the whole */

static void alpn_use(struct tls_context *c, struct tls_list alpn)
{
    struct buf wire = { 0 };

    for (size_t i = 0; i < alpn.n; i++)
        if (alpn.item[i].n > 0 && alpn.item[i].n < 256) {
            buf_byte(&wire, (char)alpn.item[i].n);
            buf_add(&wire, alpn.item[i]);
        }
    c->alpn_wire_n = wire.n;
    c->alpn_wire = (unsigned char *)arena_dup(&c->arena, buf_str(&wire)).p;
    if (!c->server && wire.n)
        SSL_CTX_set_alpn_protos(c->ctx, c->alpn_wire, (unsigned)wire.n);
    buf_free(&wire);
}

static void rules_set(struct tls_context *c)
{
    SSL_CTX *ctx = c->ctx;

    SSL_CTX_set_app_data(ctx, c);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    /* A stream writes from wherever its queue lies, and an idle session must stay small. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(ctx, tls_no_phrase);
    SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFE_S);
    SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
    SSL_CTX_set_max_early_data(ctx, 0);
    if (c->server) {
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
    }
}

static enum status anchors_use(struct tls_context *c, struct tls_cache *cache, const struct tls_config *config, struct why *why)
{
    enum status st;

    if (config->ca.n == 0 && config->crl.n == 0)
        return ST_OK;
    st = tls_anchors_get(cache, config->ca, config->crl, &c->anchors, why);
    if (st != ST_OK)
        return st;
    SSL_CTX_set1_cert_store(c->ctx, tls_anchors_store(c->anchors));
    if (c->server && tls_anchors_names(c->anchors))
        SSL_CTX_set_client_CA_list(c->ctx, SSL_dup_CA_list(tls_anchors_names(c->anchors)));
    if (config->ca.n)
        seen(c, tls_anchors_place(config->ca), file_identity_of(tls_anchors_place(config->ca)));
    if (config->crl.n) {
        c->lists_at = c->files;
        seen(c, config->crl, file_identity_deep(config->crl));
    }
    return ST_OK;
}

enum status tls_context_build(struct tls_cache *cache, const struct tls_config *config, struct tls_context **out, struct why *why)
{
    struct tls_context *c = calloc(1, sizeof *c);
    size_t files = 2 * config->certificates.n + config->proofs.n + 3;
    enum status st;

    if (!c || !(c->ctx = SSL_CTX_new(config->server ? TLS_server_method() : TLS_client_method())))
        die("out of memory: a context of TLS");
    c->held = 1;
    c->server = config->server;
    c->fresh = true;
    c->cache = cache;
    c->tickets = cache->tickets;
    c->lists_at = SIZE_MAX;
    c->dh_min_bits = config->dh_min_bits ? config->dh_min_bits : 1024;
    c->file = arena_array(&c->arena, struct str, files);
    c->identity = arena_array(&c->arena, struct file_identity, files);
    c->note = arena_array(&c->arena, struct str, NOTES_MAX);
    rules_set(c);
    alpn_use(c, config->alpn);
    if (str_starts(config->dhparam, STR("/")))
        seen(c, config->dhparam, file_identity_of(config->dhparam));     /* before it is read: a later one is noticed */
    st = tls_words_apply(c->ctx, config, why);
    if (st == ST_OK)
        st = anchors_use(c, cache, config, why);
    if (st == ST_OK)
        st = pairs_read(c, config, why);
    if (st == ST_OK && config->proofs.n)
        proofs_read(c, config->proofs);
    if (st != ST_OK) {
        tls_context_free(c);
        return st;
    }
    (c->server ? tls_callbacks_server : tls_callbacks_client)(c);
    *out = c;
    return ST_OK;
}
