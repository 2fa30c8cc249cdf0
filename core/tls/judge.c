/* What the peer's certificate and its proof are worth. */
#include <openssl/err.h>

#include "base/clock.h"
#include "tls/inside.h"

/* Matching 0: the thing itself, and nothing behind it. */
static bool is_whole(unsigned char selector, struct str data)
{
    const unsigned char *p = (const unsigned char *)data.p;
    X509 *cert = selector == 0 ? d2i_X509(NULL, &p, (long)data.n) : NULL;
    EVP_PKEY *key = selector == 1 ? d2i_PUBKEY(NULL, &p, (long)data.n) : NULL;
    bool whole = (cert || key) && p == (const unsigned char *)data.p + data.n;

    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return whole;
}

unsigned tls_tlsa_usable(const struct tls_tlsa *records, size_t n)
{
    unsigned usage = 0;

    for (size_t i = 0; i < n; i++) {
        const struct tls_tlsa *r = &records[i];
        size_t want = r->matching == 1 ? 32 : r->matching == 2 ? 64 : 0;

        if ((r->usage == 2 || r->usage == 3) && r->selector <= 1 && r->matching <= 2 &&
            (want ? r->data.n == want : is_whole(r->selector, r->data)))
            usage |= 1U << r->usage;
    }
    return usage;
}

STACK_OF(X509) *tls_chain(struct tls *t)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(t->ssl);

    return chain ? chain : t->server ? NULL : SSL_get_peer_cert_chain(t->ssl);
}

static void tell(struct tls *t, long err, int depth, X509 *x)
{
    struct buf line = { 0 };
    char name[512] = "";

    if (!t->ops->note)
        return;
    if (x)
        X509_NAME_oneline(X509_get_subject_name(x), name, sizeof name);
    if (err == X509_V_ERR_HOSTNAME_MISMATCH)
        buf_addf(&line, "SSL verify error: certificate name mismatch: DN=\"%s\"", name);
    else
        buf_addf(&line, "SSL verify error: depth=%d error=%s cert=%s", depth, X509_verify_cert_error_string(err), name);
    t->ops->note(t->ctx, buf_str(&line));
    buf_free(&line);
}

/* A chain that need not verify goes on, and the first thing wrong with it is kept. */
int tls_on_verify(int ok, X509_STORE_CTX *x)
{
    struct tls *t = tls_of_ssl(X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx()));
    long err = X509_STORE_CTX_get_error(x);

    if (ok)
        return 1;
    if (t->doubt == X509_V_OK) {
        t->doubt = err;
        tell(t, err, X509_STORE_CTX_get_error_depth(x), X509_STORE_CTX_get_current_cert(x));
    }
    return t->verify != TLS_VERIFY_REQUIRE && !t->dane;
}

/* ---- staples */

/* Server: which proof goes with the certificate that is being sent. */
static const struct tls_proof *proof_for(const struct tls_context *c, X509 *cert)
{
    for (size_t i = 0; i < c->proofs; i++)
        if (tls_proof_is_of_x509(c->proof[i], cert) && tls_proof_still_good(c->proof[i], clock_wall()))
            return c->proof[i];
    return NULL;
}

static int staple(struct tls *t)
{
    X509 *cert = SSL_get_certificate(t->ssl);
    const struct tls_proof *p = cert ? proof_for(t->context, cert) : NULL;
    struct str der = p ? tls_proof_der(p) : (struct str){ NULL, 0 };
    void *copy = p ? OPENSSL_memdup(der.p, der.n) : NULL;

    t->staple_asked = true;
    if (!copy)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(t->ssl, copy, (long)der.n);
    t->staple_sent = true;
    return SSL_TLSEXT_ERR_OK;
}

/* A client's is judged when the handshake is over: then the chain is known. */
int tls_on_status(SSL *ssl, void *arg)
{
    struct tls *t = tls_of_ssl(ssl);

    (void)arg;
    return t->server ? staple(t) : 1;
}

static enum tls_staple_state staple_state(struct tls *t, struct why *why)
{
    const unsigned char *der = NULL;
    long n = SSL_get_tlsext_status_ocsp_resp(t->ssl, &der);
    STACK_OF(X509) *chain = tls_chain(t), *issuers;
    struct tls_proof *p = NULL;
    enum status st;
    bool revoked = false;

    if (n <= 0 || !der)
        return TLS_STAPLE_NONE;
    if (t->doubt != X509_V_OK || t->untrusted || (t->verify == TLS_VERIFY_NONE && !t->dane) || sk_X509_num(chain) < 1) {
        why_set(why, ST_NEVER, "the certificate itself is not verified");
        return TLS_STAPLE_UNVERIFIED;
    }
    issuers = sk_X509_dup(chain);
    if (sk_X509_num(issuers) > 1)
        sk_X509_shift(issuers);
    st = tls_proof_read((struct str){ (const char *)der, (size_t)n }, &p, why);
    if (st == ST_OK)
        st = tls_proof_check_by(p, sk_X509_value(chain, 0), issuers, NULL, clock_wall(), &revoked, why);
    tls_proof_free(p);
    sk_X509_free(issuers);
    if (st != ST_OK && t->ops->note)
        t->ops->note(t->ctx, revoked ? STR("Server certificate revoked") : arena_printf(&t->arena, "the OCSP proof is not good: %s", why->text));
    return st == ST_OK ? TLS_STAPLE_GOOD : TLS_STAPLE_BAD;
}

void tls_staple_judge(struct tls *t)
{
    struct why why = { 0 };

    if (t->server)
        t->facts.ocsp = !t->staple_asked ? TLS_STAPLE_NOT_ASKED : t->staple_sent ? TLS_STAPLE_GOOD : TLS_STAPLE_NONE;
    else if (SSL_session_reused(t->ssl))
        t->facts.ocsp = t->old_ocsp;
    else if (t->staple != TLS_STAPLE_LEAVE)
        t->facts.ocsp = staple_state(t, &why);
    if (why.text[0])
        t->reason = arena_dup(&t->arena, str_of(why.text));
    ERR_clear_error();
}
