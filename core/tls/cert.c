#include "tls/cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "tls/errors.h"
#include "tls/inside.h"

struct tls_cert {
    unsigned held;
    X509 *x;
    unsigned char *der;         /* once it was asked for */
    int der_n;
};

struct tls_cert *tls_cert_of(struct x509_st *x)
{
    struct tls_cert *c = calloc(1, sizeof *c);

    if (!c || !X509_up_ref(x))
        die("out of memory: a certificate");
    c->held = 1;
    c->x = x;
    return c;
}

struct tls_cert *tls_cert_hold(struct tls_cert *c)
{
    c->held++;
    return c;
}

void tls_cert_drop(struct tls_cert *c)
{
    if (!c || --c->held > 0)
        return;
    X509_free(c->x);
    OPENSSL_free(c->der);
    free(c);
}

struct x509_st *tls_cert_x509(const struct tls_cert *c)
{
    return c->x;
}

/* A text that would be asked for a pass phrase on the terminal is not what we read. */
int tls_no_phrase(char *out, int size, int writing, void *ctx)
{
    (void)out, (void)size, (void)writing, (void)ctx;
    return -1;
}

enum status tls_cert_read(struct str bytes, struct tls_cert **out, struct why *why)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    char reason[160];
    X509 *x = NULL;

    tls_errors_clear();
    if (bytes.n > CERT_TEXT_MAX)
        return why_set(why, ST_NEVER, "a certificate of %zu bytes is not read", bytes.n);
    if (str_find_str(bytes, STR("-----BEGIN")) != SIZE_MAX) {
        BIO *b = BIO_new_mem_buf(bytes.p, (int)bytes.n);

        x = b ? PEM_read_bio_X509(b, NULL, tls_no_phrase, NULL) : NULL;
        BIO_free(b);
    } else {
        x = d2i_X509(NULL, &p, (long)bytes.n);
    }
    if (!x)
        return why_set(why, ST_NEVER, "no certificate: %s", tls_error_reason(reason, sizeof reason));
    *out = tls_cert_of(x);
    X509_free(x);
    return ST_OK;
}

struct str tls_cert_der(struct arena *a, struct tls_cert *c)
{
    if (!c->der)
        c->der_n = i2d_X509(c->x, &c->der);
    if (c->der_n <= 0)
        return (struct str){ "", 0 };
    return arena_dup(a, (struct str){ (const char *)c->der, (size_t)c->der_n });
}

struct str tls_bio_text(struct arena *a, BIO *b)
{
    char *p = NULL;
    long n = BIO_get_mem_data(b, &p);

    return n > 0 ? arena_dup(a, (struct str){ p, (size_t)n }) : (struct str){ "", 0 };
}

BIO *tls_bio_new(void)
{
    BIO *b = BIO_new(BIO_s_mem());

    if (!b)
        die("out of memory: a text of OpenSSL");
    return b;
}

struct str tls_cert_pem(struct arena *a, const struct tls_cert *c)
{
    BIO *b = tls_bio_new();
    struct str text;

    PEM_write_bio_X509(b, c->x);
    text = tls_bio_text(a, b);
    BIO_free(b);
    return text;
}

struct str tls_name_text(struct arena *a, const X509_NAME *name)
{
    BIO *b = tls_bio_new();
    struct str text;

    X509_NAME_print_ex(b, name, 0, XN_FLAG_RFC2253);
    text = tls_bio_text(a, b);
    BIO_free(b);
    return text;
}

struct str tls_cert_dn(struct arena *a, const struct tls_cert *c)
{
    return tls_name_text(a, X509_get_subject_name(c->x));
}

bool tls_cert_is_for(const struct tls_cert *c, struct str name)
{
    if (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    /* OpenSSL takes a first dot for "anything below". */
    return name.n > 0 && name.p[0] != '.' && !memchr(name.p, 0, name.n) &&
            X509_check_host(c->x, name.p, name.n, HOST_FLAGS, NULL) == 1;
}
