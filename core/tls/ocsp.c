/* Proofs: read, judged, and asked for. */
#include "tls/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "tls/errors.h"
#include "tls/inside.h"

struct tls_proof {
    OCSP_RESPONSE *answer;
    OCSP_BASICRESP *basic;
    struct str der;             /* malloc'ed by OpenSSL */
    int64_t from, until;        /* found good between these; 0: it was not */
};

void tls_proof_free(struct tls_proof *p)
{
    if (!p)
        return;
    OCSP_BASICRESP_free(p->basic);
    OCSP_RESPONSE_free(p->answer);
    OPENSSL_free((void *)p->der.p);
    free(p);
}

static OCSP_RESPONSE *answer_parse(struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    OCSP_RESPONSE *answer = NULL;
    unsigned char *der = NULL;
    long n = 0;
    BIO *b;

    if (str_find_str(bytes, STR("-----BEGIN")) == SIZE_MAX)
        return d2i_OCSP_RESPONSE(NULL, &p, (long)bytes.n);
    b = BIO_new_mem_buf(bytes.p, (int)bytes.n);
    if (PEM_bytes_read_bio(&der, &n, NULL, PEM_STRING_OCSP_RESPONSE, b, tls_no_phrase, NULL)) {
        p = der;
        answer = d2i_OCSP_RESPONSE(NULL, &p, n);
        OPENSSL_free(der);
    }
    BIO_free(b);
    return answer;
}

enum status tls_proof_read(struct str bytes, struct tls_proof **out, struct why *why)
{
    OCSP_RESPONSE *answer;
    OCSP_BASICRESP *basic;
    struct tls_proof *p;
    unsigned char *der = NULL;
    int n;

    tls_errors_clear();
    if (bytes.n > CERT_TEXT_MAX || !(answer = answer_parse(bytes))) {
        ERR_clear_error();
        return why_set(why, ST_NEVER, "it is no OCSP answer");
    }
    if (OCSP_response_status(answer) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        enum status st = why_set(why, ST_AGAIN, "the responder's answer is \"%s\"", OCSP_response_status_str(OCSP_response_status(answer)));

        OCSP_RESPONSE_free(answer);
        return st;
    }
    basic = OCSP_response_get1_basic(answer);
    n = basic ? i2d_OCSP_RESPONSE(answer, &der) : -1;
    if (n <= 0 || !(p = calloc(1, sizeof *p))) {
        OCSP_BASICRESP_free(basic);
        OCSP_RESPONSE_free(answer);
        ERR_clear_error();
        return why_set(why, ST_NEVER, "it is no OCSP answer of the basic kind");
    }
    *p = (struct tls_proof){ answer, basic, { (char *)der, (size_t)n }, 0, 0 };
    *out = p;
    return ST_OK;
}

struct str tls_proof_der(const struct tls_proof *p)
{
    return p->der;
}

struct str tls_proof_pem(struct arena *a, const struct tls_proof *p)
{
    BIO *b = tls_bio_new();
    struct str text;

    PEM_write_bio(b, PEM_STRING_OCSP_RESPONSE, "", (const unsigned char *)p->der.p, (long)p->der.n);
    text = tls_bio_text(a, b);
    BIO_free(b);
    return text;
}

/* ---- of which certificate */

/* Without the issuer's certificate its key cannot be compared, only its name. */
static bool same_id(const OCSP_SINGLERESP *one, X509 *cert, X509 *issuer)
{
    ASN1_OBJECT *md_name;
    ASN1_INTEGER *serial;
    ASN1_OCTET_STRING *name_hash, *key_hash;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    const EVP_MD *md;

    OCSP_id_get0_info(&name_hash, &md_name, &key_hash, &serial, (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(one));
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(cert)) != 0 || !(md = EVP_get_digestbyobj(md_name)))
        return false;
    if (!X509_NAME_digest(X509_get_issuer_name(cert), md, sum, &n) || (int)n != ASN1_STRING_length(name_hash) ||
        memcmp(sum, ASN1_STRING_get0_data(name_hash), n) != 0)
        return false;
    return !issuer || (X509_pubkey_digest(issuer, md, sum, &n) && (int)n == ASN1_STRING_length(key_hash) &&
                       memcmp(sum, ASN1_STRING_get0_data(key_hash), n) == 0);
}

static OCSP_SINGLERESP *single_of(const struct tls_proof *p, X509 *cert, X509 *issuer)
{
    for (int i = 0; i < OCSP_resp_count(p->basic); i++) {
        OCSP_SINGLERESP *one = OCSP_resp_get0(p->basic, i);

        if (same_id(one, cert, issuer))
            return one;
    }
    return NULL;
}

bool tls_proof_is_of_x509(const struct tls_proof *p, X509 *cert)
{
    return single_of(p, cert, NULL) != NULL;
}

struct dates { int64_t from, until; };

static void dates_of(OCSP_SINGLERESP *one, struct dates *d, int *status, int *reason)
{
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    int code = -1;

    *status = OCSP_single_get0_status(one, &code, NULL, &from, &until);
    d->from = tls_asn1_time(from);
    d->until = tls_asn1_time(until);
    if (reason)
        *reason = code;
}

int64_t tls_proof_made(const struct tls_proof *p)
{
    return tls_asn1_time(OCSP_resp_get0_produced_at(p->basic));
}

static struct dates first_dates(const struct tls_proof *p)
{
    OCSP_SINGLERESP *one = OCSP_resp_get0(p->basic, 0);
    struct dates d = { 0 };
    int status;

    if (one)
        dates_of(one, &d, &status, NULL);
    return d;
}

int64_t tls_proof_from(const struct tls_proof *p)
{
    return first_dates(p).from;
}

int64_t tls_proof_until(const struct tls_proof *p)
{
    return p->until ? p->until : first_dates(p).until;
}

/* ---- is it good */

static X509 *issuer_among(X509 *cert, STACK_OF(X509) *certs)
{
    for (int i = 0; i < sk_X509_num(certs); i++)
        if (X509_check_issued(sk_X509_value(certs, i), cert) == X509_V_OK)
            return sk_X509_value(certs, i);
    return NULL;
}

/* The issuer itself is where the signer's chain may end: the certificate came to be trusted through it. */
static X509_STORE *issuer_alone(X509 *issuer, int64_t now_s)
{
    X509_STORE *store = X509_STORE_new();

    if (!store || !X509_STORE_add_cert(store, issuer))
        die("out of memory: a store of certificates");
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)now_s);
    return store;
}

static X509 *issuer_in_store(X509 *cert, X509_STORE *store)
{
    X509_STORE_CTX *x = store ? X509_STORE_CTX_new() : NULL;
    X509 *issuer = NULL;

    if (x && X509_STORE_CTX_init(x, store, cert, NULL) && X509_STORE_CTX_get1_issuer(&issuer, x, cert) != 1)
        issuer = NULL;
    X509_STORE_CTX_free(x);
    return issuer;
}

/* Who signed must be valid now as well (OCSP-08), and its end is the proof's. */
static enum status signer_dates(const struct tls_proof *p, STACK_OF(X509) *issuers, int64_t now_s, int64_t *until, struct why *why)
{
    X509 *signer = NULL;
    int64_t end;

    if (!OCSP_resp_get0_signer(p->basic, &signer, issuers) || !signer)
        return why_set(why, ST_NEVER, "its signer is not known");
    end = tls_asn1_time(X509_get0_notAfter(signer));
    if (end < now_s || tls_asn1_time(X509_get0_notBefore(signer)) > now_s + TLS_OCSP_SKEW_S)
        return why_set(why, ST_NEVER, "the certificate of the responder that signed it is out of date");
    if (end < *until)
        *until = end;
    return ST_OK;
}

static enum status signature(const struct tls_proof *p, X509 *issuer, STACK_OF(X509) *issuers, int64_t now_s, struct why *why)
{
    X509_STORE *store = issuer ? issuer_alone(issuer, now_s) : NULL;
    STACK_OF(X509) *certs = issuers ? sk_X509_dup(issuers) : sk_X509_new_null();
    enum status st = ST_OK;
    char reason[160];

    if (issuer)
        sk_X509_push(certs, issuer);
    tls_errors_clear();
    if (OCSP_basic_verify(p->basic, certs, store, issuer ? 0 : OCSP_NOVERIFY) <= 0)
        st = why_set(why, ST_NEVER, "its signature does not hold: %s", tls_error_reason(reason, sizeof reason));
    ERR_clear_error();
    sk_X509_free(certs);
    X509_STORE_free(store);
    return st;
}

static enum status dates_good(const struct dates *d, int64_t now_s, struct why *why)
{
    if (d->until == 0)
        return why_set(why, ST_NEVER, "it does not say until when it is valid");
    if (d->until + TLS_OCSP_SKEW_S < now_s)
        return why_set(why, ST_NEVER, "it is out of date");
    if (d->from > now_s + TLS_OCSP_SKEW_S || d->from > d->until)
        return why_set(why, ST_NEVER, "it is not valid yet");
    return ST_OK;
}

enum status tls_proof_check_by(struct tls_proof *p, X509 *cert, STACK_OF(X509) *issuers, X509_STORE *store, int64_t now_s,
                               bool *revoked, struct why *why)
{
    X509 *in_chain = issuer_among(cert, issuers), *in_store = in_chain ? NULL : issuer_in_store(cert, store);
    X509 *issuer = in_chain ? in_chain : in_store;
    OCSP_SINGLERESP *one = single_of(p, cert, issuer);
    struct dates d = { 0 };
    int status = -1, code = -1;
    STACK_OF(X509) *all = issuers ? sk_X509_dup(issuers) : sk_X509_new_null();
    enum status st;

    *revoked = false;
    if (in_store)
        sk_X509_push(all, in_store);
    st = one ? ST_OK : why_set(why, ST_NEVER, "it is about another certificate");
    if (one)
        dates_of(one, &d, &status, &code);
    if (st == ST_OK)
        st = dates_good(&d, now_s, why);
    if (st == ST_OK)
        st = signer_dates(p, all, now_s, &d.until, why);
    if (st == ST_OK)
        st = signature(p, issuer, all, now_s, why);
    if (st == ST_OK && status != V_OCSP_CERTSTATUS_GOOD) {
        *revoked = status == V_OCSP_CERTSTATUS_REVOKED;
        st = why_set(why, ST_NEVER, *revoked ? "the certificate is revoked (%s)" : "the responder does not know the certificate%.0s",
                     code >= 0 ? OCSP_crl_reason_str(code) : "no reason given");
    }
    if (st == ST_OK) {
        p->from = d.from;
        p->until = d.until;
    }
    sk_X509_free(all);
    X509_free(in_store);
    return st;
}

bool tls_proof_still_good(const struct tls_proof *p, int64_t now_s)
{
    return p->until != 0 && p->until + TLS_OCSP_SKEW_S >= now_s && p->from <= now_s + TLS_OCSP_SKEW_S;
}

enum status tls_proof_check(struct tls_proof *p, const struct tls_cert *cert, struct str issuers, int64_t now_s, struct why *why)
{
    STACK_OF(X509) *certs = issuers.n ? tls_certs_read(issuers) : NULL;
    bool revoked;
    enum status st = tls_proof_check_by(p, tls_cert_x509(cert), certs, NULL, now_s, &revoked, why);

    sk_X509_pop_free(certs, X509_free);
    return st;
}

/* ---- asking */

enum status tls_ocsp_question(struct arena *a, const struct tls_cert *cert, const struct tls_cert *issuer, struct str *der, struct why *why)
{
    OCSP_REQUEST *ask = OCSP_REQUEST_new();
    OCSP_CERTID *id;
    unsigned char *p = NULL;
    int n = -1;

    if (!ask)
        die("out of memory: a question of OCSP");
    if (X509_check_issued(tls_cert_x509(issuer), tls_cert_x509(cert)) != X509_V_OK) {
        OCSP_REQUEST_free(ask);
        tls_errors_clear();
        return why_set(why, ST_NEVER, "the certificate was not issued by the one given as its issuer");
    }
    /* SHA-1 names the certificate here and protects nothing: RFC 5019 2.1.1 asks for it. No nonce: a proof for
     * stapling is for everybody. */
    id = OCSP_cert_to_id(EVP_sha1(), tls_cert_x509(cert), tls_cert_x509(issuer));
    if (id && OCSP_request_add0_id(ask, id))
        n = i2d_OCSP_REQUEST(ask, &p);
    if (n > 0)
        *der = arena_dup(a, (struct str){ (char *)p, (size_t)n });
    OPENSSL_free(p);
    OCSP_REQUEST_free(ask);
    return n > 0 ? ST_OK : why_set(why, ST_NEVER, "no question could be made");
}

struct str tls_ocsp_url(struct arena *a, const struct tls_cert *cert)
{
    struct tls_field f;

    return tls_cert_field(a, cert, STR("ocsp_uri"), &f, NULL) == ST_OK ? f.item[0] : (struct str){ "", 0 };
}
