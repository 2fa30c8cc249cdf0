/* Sessions taken up again: a server's tickets, a client's stored bytes. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "base/clock.h"
#include "base/rnd.h"
#include "tls/inside.h"

/* A resumed session is as verified as the one it goes on from, and each brings the ticket for the next: it would never end
 * otherwise. */
static bool outlived(SSL_SESSION *session)
{
    X509 *peer = SSL_SESSION_get0_peer(session);

    return peer && tls_asn1_time(X509_get0_notAfter(peer)) < clock_wall();
}

/* ---- a server's tickets */

/* Fetched once: what EVP_aes_256_cbc() stands for is looked up by name at each use. */
static const EVP_CIPHER *ticket_cipher(void)
{
    static EVP_CIPHER *c;

    if (!c && !(c = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL)))
        die("OpenSSL has no AES-256-CBC for tickets");
    return c;
}

static int cipher_start(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, struct tls_ticket_key *key, const unsigned char *iv, int enc)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    int ok = EVP_CipherInit_ex2(cipher, ticket_cipher(), key->cipher, iv, enc, NULL) && EVP_MAC_CTX_set_params(mac, params);

    OPENSSL_cleanse(key, sizeof *key);
    return ok ? 1 : -1;
}

/* TLS 1.3 uses a ticket once, so each resumption brings a new one (2); TLS 1.2 renews
 * those of the last hour's key. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int enc)
{
    struct tls *t = tls_of_ssl(ssl);
    struct tls_ticket_key key;
    bool old = false;
    int ok;

    if (enc) {
        if (!tls_ticket_new(t->context->tickets, &key))
            return 0;
        memcpy(name, key.name, sizeof key.name);
        rnd_bytes(iv, 16);
        t->ticket_sent = true;
        return cipher_start(cipher, mac, &key, iv, 1);
    }
    if (!tls_ticket_find(t->context->tickets, name, &key, &old))
        return 0;
    ok = cipher_start(cipher, mac, &key, iv, 0);
    return ok < 0 ? -1 : old || SSL_version(ssl) >= TLS1_3_VERSION ? 2 : 1;
}

/* What goes with a ticket: how the client's certificate was found. OpenSSL's own
 * word for it is the last error of a chain, and ours the first. */
static int on_ticket_made(SSL *ssl, void *arg)
{
    const struct tls *t = tls_of_ssl(ssl);
    unsigned char verified = SSL_session_reused(ssl) ? t->old_verified : t->doubt == X509_V_OK;

    (void)arg;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &verified, 1);
}

static SSL_TICKET_RETURN on_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t n, SSL_TICKET_STATUS status,
                                        void *arg)
{
    struct tls *t = tls_of_ssl(ssl);
    unsigned char *verified = NULL;
    size_t len = 0;

    (void)name, (void)n, (void)arg;
    if (status == SSL_TICKET_EMPTY || status == SSL_TICKET_NO_DECRYPT)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (!SSL_SESSION_get0_ticket_appdata(session, (void **)&verified, &len) || len != 1)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    if (*verified && outlived(session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    t->old_verified = *verified != 0;
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

void tls_resume_server(struct tls_context *c)
{
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
    if (!c->tickets)
        return;
    SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ctx, on_ticket);
    SSL_CTX_set_session_ticket_cb(c->ctx, on_ticket_made, on_ticket_read, NULL);
}

/* R6.1: a session is of use only where everything is as it was: listener, virtual host
 * (scope), certificates, the files behind them, and what is asked of a client. */
static const unsigned char *scope_sum(struct tls_context *c, enum tls_verify verify)
{
    struct tls_scope *scope = &c->scope[verify];
    struct buf all = { 0 };

    if (!scope->known) {
        buf_add(&all, c->key);
        buf_add(&all, (struct str){ (const char *)c->identity, c->files * sizeof *c->identity });
        buf_byte(&all, (char)verify);
        SHA256((const unsigned char *)buf_str(&all).p, all.n, scope->sum);
        scope->known = true;
        buf_free(&all);
    }
    return scope->sum;
}

void tls_session_scope(struct tls *t)
{
    SSL_set_session_id_context(t->ssl, scope_sum(t->context, t->verify), SHA256_DIGEST_LENGTH);
}

/* ---- a client's stored bytes: "T2", what was found, until when, by which files (a list of revocations that was
 * replaced since may have the certificate), OpenSSL's session */

enum { AT_SUM = 2 + 1 + 1 + 8, HEAD = AT_SUM + SHA256_DIGEST_LENGTH, LIFE_MAX_S = 7 * 24 * 3600 };
enum { WAS_VERIFIED = 1, WAS_DANE = 2 };

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = tls_of_ssl(ssl);

    if (!t->resume)
        return 0;
    SSL_SESSION_free(t->session);
    t->session = session;
    t->ticket_sent = true;
    t->facts.resumption |= 8;
    return 1;
}

void tls_resume_client(struct tls_context *c)
{
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, on_session);
}

static int64_t life_s(const SSL_SESSION *s)
{
    unsigned long hint = SSL_SESSION_get_ticket_lifetime_hint(s);

    return hint == 0 ? TLS_TICKET_LIFE_S : hint > LIFE_MAX_S ? LIFE_MAX_S : (int64_t)hint;
}

/* No longer than the certificate, where that is what was verified. */
static int64_t good_until(const struct tls *t)
{
    int64_t until = clock_wall() + life_s(t->session), ends;
    X509 *peer = t->facts.verified && !t->facts.dane ? SSL_get0_peer_certificate(t->ssl) : NULL;

    ends = peer ? tls_asn1_time(X509_get0_notAfter(peer)) : until;
    return ends < until ? ends : until;
}

struct str tls_session(struct arena *a, struct tls *t)
{
    int n = t->session && SSL_SESSION_is_resumable(t->session) ? i2d_SSL_SESSION(t->session, NULL) : 0;
    unsigned char *p, *at;
    uint64_t until;

    if (n <= 0)
        return (struct str){ "", 0 };
    until = (uint64_t)good_until(t);
    p = arena_alloc(a, HEAD + (size_t)n);
    memcpy(p, "T2", 2);
    p[2] = (unsigned char)((t->facts.verified ? WAS_VERIFIED : 0) | (t->facts.dane ? WAS_DANE : 0));
    p[3] = (unsigned char)t->facts.ocsp;
    for (int i = 0; i < 8; i++)
        p[4 + i] = (unsigned char)(until >> (56 - 8 * i));
    memcpy(p + AT_SUM, scope_sum(t->context, TLS_VERIFY_NONE), SHA256_DIGEST_LENGTH);
    at = p + HEAD;
    i2d_SSL_SESSION(t->session, &at);
    return (struct str){ (const char *)p, HEAD + (size_t)n };
}

int64_t tls_session_until(struct str session)
{
    uint64_t until = 0;

    if (session.n <= HEAD || !str_starts(session, STR("T2")))
        return 0;
    for (int i = 0; i < 8; i++)
        until = until << 8 | (unsigned char)session.p[4 + i];
    return (int64_t)(until & INT64_MAX);
}

/* Not offered if what is asked for now was not found then: a resumed session shows no
 * certificate and no proof anew (OCSP-11). */
static bool fits(const struct tls *t, unsigned found, unsigned ocsp)
{
    if (t->dane)
        return (found & WAS_DANE) != 0;
    if (t->verify == TLS_VERIFY_REQUIRE && !(found & WAS_VERIFIED))
        return false;
    return t->staple != TLS_STAPLE_REQUIRE || ocsp == TLS_STAPLE_GOOD;
}

bool tls_session_offer(struct tls *t, const struct tls_how *how)
{
    const unsigned char *p = (const unsigned char *)how->session.p;
    int64_t until = tls_session_until(how->session);
    SSL_SESSION *s;
    bool offered = false;

    if (until == 0 || until <= clock_wall() || p[3] > TLS_STAPLE_GOOD || !fits(t, p[2], p[3]))
        return false;
    if (memcmp(p + AT_SUM, scope_sum(t->context, TLS_VERIFY_NONE), SHA256_DIGEST_LENGTH) != 0)
        return false;
    t->old_verified = p[2] & WAS_VERIFIED;
    t->old_dane = p[2] & WAS_DANE;
    t->old_ocsp = p[3];
    p += HEAD;
    s = d2i_SSL_SESSION(NULL, &p, (long)(how->session.n - HEAD));
    /* RFC 7672 3.1.1: where a record vouches for a key, the certificate's dates mean nothing. */
    if (s && SSL_SESSION_get_protocol_version(s) >= TLS1_2_VERSION && (t->dane || !t->old_verified || !outlived(s)))
        offered = SSL_set_session(t->ssl, s) == 1;
    SSL_SESSION_free(s);
    ERR_clear_error();
    return offered;
}
