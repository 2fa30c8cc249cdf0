/* A throw-away authority for specs: keys, certificates, revocation lists and OCSP answers, made as
 * each spec needs them and written below a directory of its own. */
#ifndef SPEC_TLS_RIG_H
#define SPEC_TLS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "tls/context.h"

#define MAYBE static __attribute__((unused))    /* a spec takes what it needs */

enum { DAY = 24 * 3600 };

struct made {
    X509 *x;
    EVP_PKEY *key;
    const struct made *by;
};

struct wants {
    const char *cn, *alt;           /* alt: OpenSSL's "DNS:a,DNS:b" */
    bool ca, rsa, ocsp_signer;
    int from, to;                   /* days from now; 0, 0: -1, 30 */
    const char *aia, *crl;          /* OpenSSL's "OCSP;URI:http://..." and "URI:http://..." */
    const char *o;
};

static int serials = 0xc8;

MAYBE void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(e);
    assert_true(X509_add_ext(x, e, -1));
    X509_EXTENSION_free(e);
}

MAYBE void part(X509_NAME *n, const char *kind, const char *text)
{
    if (text)
        assert_true(X509_NAME_add_entry_by_txt(n, kind, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0));
}

/* by: its issuer; NULL: itself. */
MAYBE struct made make_cert(const struct made *by, struct wants w)
{
    struct made m = { X509_new(), w.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), by };
    X509_NAME *n = X509_get_subject_name(m.x);
    time_t now = (time_t)clock_wall();

    part(n, "O", w.o);
    part(n, "CN", w.cn);
    X509_set_version(m.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m.x), ++serials);
    X509_time_adj_ex(X509_getm_notBefore(m.x), w.to || w.from ? w.from : -1, 0, &now);
    X509_time_adj_ex(X509_getm_notAfter(m.x), w.to || w.from ? w.to : 30, 0, &now);
    X509_set_issuer_name(m.x, by ? X509_get_subject_name(by->x) : n);
    X509_set_pubkey(m.x, m.key);
    extend(m.x, by ? by->x : m.x, NID_basic_constraints, w.ca ? "critical,CA:TRUE" : "CA:FALSE");
    extend(m.x, by ? by->x : m.x, NID_subject_key_identifier, "hash");
    if (w.alt)
        extend(m.x, by ? by->x : m.x, NID_subject_alt_name, w.alt);
    if (w.ocsp_signer)
        extend(m.x, by ? by->x : m.x, NID_ext_key_usage, "OCSPSigning");
    if (w.aia)
        extend(m.x, by ? by->x : m.x, NID_info_access, w.aia);
    if (w.crl)
        extend(m.x, by ? by->x : m.x, NID_crl_distribution_points, w.crl);
    assert_true(X509_sign(m.x, by ? by->key : m.key, EVP_sha256()) > 0);
    return m;
}

MAYBE void made_free(struct made *m)
{
    X509_free(m->x);
    EVP_PKEY_free(m->key);
    *m = (struct made){ 0 };
}

/* ---- files */

static char rig_dir[64];

MAYBE void rig_open(void)
{
    snprintf(rig_dir, sizeof rig_dir, "/tmp/perigee-tls-XXXXXX");
    assert_non_null(mkdtemp(rig_dir));
}

static struct arena rig_paths;

MAYBE void rig_close(void)
{
    char cmd[128];

    snprintf(cmd, sizeof cmd, "rm -rf %s", rig_dir);
    assert_int_equal(system(cmd), 0);
    arena_free(&rig_paths);
}

MAYBE const char *in_dir(const char *name)
{
    return arena_printf(&rig_paths, "%s/%s", rig_dir, name).p;
}

MAYBE FILE *file_new(const char *name, mode_t mode)
{
    const char *path = in_dir(name);
    FILE *f;

    unlink(path);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), mode), 0);
    return f;
}

/* Certificates one behind the other; the last is NULL. */
MAYBE struct str write_certs(const char *name, ...)
{
    FILE *f = file_new(name, 0644);
    const struct made *m;
    va_list ap;

    va_start(ap, name);
    while ((m = va_arg(ap, const struct made *)))
        assert_true(PEM_write_X509(f, m->x));
    va_end(ap);
    fclose(f);
    return str_of(in_dir(name));
}

MAYBE struct str write_key(const char *name, const struct made *m, mode_t mode)
{
    FILE *f = file_new(name, mode);

    assert_true(PEM_write_PrivateKey(f, m->key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
    return str_of(in_dir(name));
}

MAYBE struct str write_bytes(const char *name, struct str bytes, mode_t mode)
{
    FILE *f = file_new(name, mode);

    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    fclose(f);
    return str_of(in_dir(name));
}

/* A list of what this authority takes back; revoked may be NULL. */
MAYBE void crl_add(FILE *f, const struct made *ca, const struct made *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)clock_wall() - DAY);

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x));
    X509_CRL_set1_lastUpdate(crl, t);
    if (revoked) {
        X509_REVOKED *r = X509_REVOKED_new();

        X509_REVOKED_set_serialNumber(r, X509_get_serialNumber(revoked->x));
        X509_REVOKED_set_revocationDate(r, t);
        X509_CRL_add0_revoked(crl, r);
    }
    ASN1_TIME_set(t, (time_t)clock_wall() + 7 * DAY);
    X509_CRL_set1_nextUpdate(crl, t);
    X509_CRL_sort(crl);
    assert_true(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
    assert_true(PEM_write_X509_CRL(f, crl));
    ASN1_TIME_free(t);
    X509_CRL_free(crl);
}

/* ---- OCSP */

struct says {
    const struct made *signer;      /* NULL: the issuer itself */
    int status;                     /* V_OCSP_CERTSTATUS_* */
    int from_s, to_s;               /* from now; to_s 0: no next update */
    bool no_cert;                   /* the signer's certificate is not in it */
};

MAYBE struct str make_proof(struct arena *a, const struct made *of, struct says s)
{
    const struct made *signer = s.signer ? s.signer : of->by;
    OCSP_BASICRESP *b = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), of->x, of->by->x);
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)clock_wall() + s.from_s);
    ASN1_TIME *to = s.to_s ? ASN1_TIME_set(NULL, (time_t)clock_wall() + s.to_s) : NULL;
    OCSP_RESPONSE *r;
    unsigned char *der = NULL;
    int n;
    struct str out;

    assert_non_null(OCSP_basic_add1_status(b, id, s.status, OCSP_REVOKED_STATUS_KEYCOMPROMISE, from, from, to));
    assert_true(OCSP_basic_sign(b, signer->x, signer->key, EVP_sha256(), NULL, s.no_cert ? OCSP_NOCERTS : 0));
    r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
    n = i2d_OCSP_RESPONSE(r, &der);
    assert_true(n > 0);
    out = arena_dup(a, (struct str){ (char *)der, (size_t)n });
    OPENSSL_free(der);
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(b);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return out;
}

#endif
