#include "world/papers.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/why.h"

/* A world's time may go on for years. */
enum { DAY = 86400, LONG = 3650 * DAY, NAME_LONGEST = 64 };

struct holder { X509 *cert; EVP_PKEY *key; };

struct revoked { struct revoked *next; X509 *cert; };

struct authority {
    struct authority *next;
    struct str name, crl;
    struct holder root, mid;
    struct revoked *revoked;
};

struct papers {
    struct arena arena;
    struct authority *authorities;
    EVP_PKEY *key;              /* of our own certificates */
    uint64_t serial, keys;
};

struct papers *papers_new(void)
{
    struct papers *p = calloc(1, sizeof *p);

    if (!p)
        die("papers: out of memory");
    return p;
}

static void holder_free(struct holder *h)
{
    X509_free(h->cert);
    EVP_PKEY_free(h->key);
}

void papers_free(struct papers *p)
{
    if (!p)
        return;
    for (struct authority *a = p->authorities; a; a = a->next) {
        holder_free(&a->root);
        holder_free(&a->mid);
        for (struct revoked *r = a->revoked; r; r = r->next)
            X509_free(r->cert);
    }
    EVP_PKEY_free(p->key);
    arena_free(&p->arena);
    free(p);
}

/* ---- one certificate */

/* What can fail here is memory alone: all that goes in is ours or was looked at. */
static void must(int ok, const char *what)
{
    if (ok <= 0)
        die("papers: %s: %s", what, ERR_reason_error_string(ERR_peek_error()));
}

/* The n-th key of a world is the same in every run, and Ed25519 signs without chance: so are the certificates, byte for byte. */
static EVP_PKEY *new_key(struct papers *p)
{
    unsigned char secret[EVP_MAX_MD_SIZE];
    char text[64];
    int n = snprintf(text, sizeof text, "key %" PRIu64 " of a world", ++p->keys);
    EVP_PKEY *key;

    must(EVP_Digest(text, (size_t)n, secret, NULL, EVP_sha256(), NULL), "key");
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    must(key != NULL, "key");
    return key;
}

static void add_name(X509 *x, const char *what, struct str value)
{
    value = str_head(value, NAME_LONGEST);
    must(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), what, MBSTRING_UTF8, (const unsigned char *)value.p, (int)value.n, -1, 0),
         "name");
}

static X509 *blank(struct papers *p, EVP_PKEY *key, int64_t from, int64_t until)
{
    X509 *x = X509_new();

    must(x && X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), ++p->serial) &&
         ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from) && ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until) &&
         X509_set_pubkey(x, key), "certificate");
    return x;
}

static void extend(X509 *x, X509 *by, int nid, const char *value)
{
    X509V3_CTX c;
    X509_EXTENSION *e;

    X509V3_set_ctx_nodb(&c);
    X509V3_set_ctx(&c, by, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
    must(e && X509_add_ext(x, e, -1), value);
    X509_EXTENSION_free(e);
}

/* by NULL: itself. */
static void finish(X509 *x, const struct holder *by, EVP_PKEY *own)
{
    X509 *issuer = by ? by->cert : x;

    must(X509_set_issuer_name(x, X509_get_subject_name(issuer)), "issuer");
    extend(x, issuer, NID_subject_key_identifier, "hash");
    extend(x, issuer, NID_authority_key_identifier, "keyid");
    must(X509_sign(x, by ? by->key : own, NULL), "signature");
}

/* ---- authorities */

static struct holder make_step(struct papers *p, const char *what, struct str name, const struct holder *by)
{
    struct holder h = { .key = new_key(p) };

    h.cert = blank(p, h.key, clock_wall() - LONG, clock_wall() + 2 * (int64_t)LONG);
    add_name(h.cert, "O", name);
    add_name(h.cert, "CN", str_of(what));
    extend(h.cert, h.cert, NID_basic_constraints, "critical,CA:TRUE");
    extend(h.cert, h.cert, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
    finish(h.cert, by, h.key);
    return h;
}

static struct authority *find(const struct papers *p, struct str name)
{
    struct authority *a = p->authorities;

    while (a && !str_same(a->name, name))
        a = a->next;
    return a;
}

static struct authority *find_or_make(struct papers *p, struct str name)
{
    struct authority *a = find(p, name);

    if (a)
        return a;
    a = arena_new(&p->arena, struct authority);
    a->name = arena_dup(&p->arena, name);
    a->root = make_step(p, "Root", name, NULL);
    a->mid = make_step(p, "Intermediate", name, &a->root);
    a->next = p->authorities;
    p->authorities = a;
    return a;
}

/* ---- what they say of certificates later */

static ASN1_TIME *moment(int64_t at)
{
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)at);

    must(t != NULL, "time");
    return t;
}

static void prove(const struct authority *a, enum papers_proof want, struct papers_shown *s)
{
    static const int status[] = {
        [PROOF_GOOD] = V_OCSP_CERTSTATUS_GOOD, [PROOF_OLD] = V_OCSP_CERTSTATUS_GOOD,
        [PROOF_REVOKED] = V_OCSP_CERTSTATUS_REVOKED, [PROOF_UNKNOWN] = V_OCSP_CERTSTATUS_UNKNOWN,
    };
    int64_t now = clock_wall();
    OCSP_BASICRESP *b = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), s->cert, s->above);
    ASN1_TIME *from = moment(now - 8 * DAY), *until = moment(want == PROOF_OLD ? now - DAY : now + LONG);
    OCSP_RESPONSE *r;

    must(b && id && OCSP_basic_add1_status(b, id, status[want], OCSP_REVOKED_STATUS_KEYCOMPROMISE, from, from, until), "proof");
    /* Its time would be the machine's; there is no other way to set it. */
    must(ASN1_GENERALIZEDTIME_set((ASN1_GENERALIZEDTIME *)(uintptr_t)OCSP_resp_get0_produced_at(b), (time_t)(now - 8 * DAY)) != NULL, "proof");
    must(OCSP_basic_sign(b, a->mid.cert, a->mid.key, NULL, NULL, OCSP_NOTIME), "proof");
    r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
    s->proof_n = r ? i2d_OCSP_RESPONSE(r, &s->proof) : 0;
    must(s->proof_n, "proof");
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(b);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
}

static void enlist(struct papers *p, struct authority *a, X509 *cert)
{
    struct revoked *r = arena_new(&p->arena, struct revoked);

    must(X509_up_ref(cert), "certificate");
    r->cert = cert;
    r->next = a->revoked;
    a->revoked = r;
}

static void write_list(BIO *out, const struct holder *by, const struct revoked *all)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = moment(clock_wall() - DAY), *until = moment(clock_wall() + LONG);

    must(list && X509_CRL_set_version(list, X509_CRL_VERSION_2) && X509_CRL_set_issuer_name(list, X509_get_subject_name(by->cert)) &&
         X509_CRL_set1_lastUpdate(list, from) && X509_CRL_set1_nextUpdate(list, until), "list");
    for (; all; all = all->next) {
        X509_REVOKED *one = X509_REVOKED_new();

        must(one && X509_REVOKED_set_serialNumber(one, X509_get_serialNumber(all->cert)) && X509_REVOKED_set_revocationDate(one, from) &&
             X509_CRL_add0_revoked(list, one), "list");
    }
    must(X509_CRL_sort(list) && X509_CRL_sign(list, by->key, NULL) && PEM_write_bio_X509_CRL(out, list), "list");
    X509_CRL_free(list);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
}

/* ---- for servers */

static void name_it(X509 *x, const struct papers_wish *w)
{
    struct buf names = { 0 };

    for (size_t i = 0; i < w->n; i++)
        buf_addf(&names, "%sDNS:%.*s", i ? "," : "", STR_ARG(w->names[i]));
    buf_byte(&names, '\0');
    extend(x, x, NID_subject_alt_name, buf_str(&names).p);
    buf_free(&names);
}

/* host: the names are those of one. out->key is the caller's. */
static struct authority *make(struct papers *p, const struct papers_wish *w, bool host, EVP_PKEY *key, struct papers_shown *out)
{
    struct authority *a = str_same(w->by, STR("itself")) ? NULL : find_or_make(p, w->by.n ? w->by : STR("system"));
    int64_t now = clock_wall();

    out->cert = blank(p, key, w->state == PAPERS_EARLY ? now + DAY : now - 90 * DAY, w->state == PAPERS_EXPIRED ? now - DAY : now + LONG);
    add_name(out->cert, "CN", w->names[0]);
    extend(out->cert, out->cert, NID_basic_constraints, "critical,CA:FALSE");
    extend(out->cert, out->cert, NID_ext_key_usage, "serverAuth,clientAuth");
    if (host)
        name_it(out->cert, w);
    finish(out->cert, a ? &a->mid : NULL, key);
    if (a) {
        out->above = a->mid.cert;
        must(X509_up_ref(out->above), "certificate");
    }
    return a;
}

void papers_make(struct papers *p, const struct papers_wish *w, struct papers_shown *out)
{
    struct authority *a;

    *out = (struct papers_shown){ .key = new_key(p) };
    a = make(p, w, true, out->key, out);
    if (!a)
        return;
    if (w->crl.n)
        a->crl = arena_dup(&p->arena, w->crl);
    if (w->state == PAPERS_REVOKED)
        enlist(p, a, out->cert);
    if (w->proof != PROOF_NONE)
        prove(a, w->proof, out);
}

void papers_shown_free(struct papers_shown *s)
{
    X509_free(s->cert);
    X509_free(s->above);
    EVP_PKEY_free(s->key);
    OPENSSL_free(s->proof);
}

/* ---- for who trusts */

/* One key does for all of our certificates: which file holds the key of which cannot be seen. */
static void write_ours(struct papers *p, BIO *out, enum tls_file what, struct str path)
{
    struct papers_wish w = { .names = &path, .n = 1, .by = STR("system") };
    struct papers_shown ours = { 0 };

    if (!p->key)
        p->key = new_key(p);
    if (what == TLS_FILE_KEY) {
        must(PEM_write_bio_PrivateKey(out, p->key, NULL, NULL, 0, NULL, NULL), "text");
        return;
    }
    make(p, &w, false, p->key, &ours);
    must(PEM_write_bio_X509(out, ours.cert) && PEM_write_bio_X509(out, ours.above), "text");
    papers_shown_free(&ours);
}

static bool is_file(struct str path)
{
    struct arena a = { 0 };
    bool is = access(arena_z(&a, path), F_OK) == 0;

    arena_free(&a);
    return is;
}

static void write_trust(struct papers *p, BIO *out, enum tls_file what, struct str name)
{
    if (what == TLS_FILE_CA && str_same(name, STR("system")))
        find_or_make(p, name);
    for (const struct authority *a = p->authorities; a; a = a->next) {
        if (what == TLS_FILE_CRL && str_same(a->crl, name)) {
            write_list(out, &a->root, NULL);
            write_list(out, &a->mid, a->revoked);
        } else if (what == TLS_FILE_CA && str_same(a->name, name)) {
            must(PEM_write_bio_X509(out, a->root.cert), "text");
        }
    }
}

bool papers_given(void *ctx, enum tls_file what, struct str name, struct str *pem)
{
    struct papers *p = ctx;
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    long n;

    must(out != NULL, "text");
    if (what == TLS_FILE_CA || what == TLS_FILE_CRL)
        write_trust(p, out, what, name);
    else if (!is_file(name))
        write_ours(p, out, what, name);
    n = BIO_get_mem_data(out, &text);
    if (n > 0)
        *pem = arena_dup(&p->arena, (struct str){ text, (size_t)n });
    BIO_free(out);
    return n > 0;
}

struct str papers_tlsa(struct arena *a, const struct papers_shown *s, unsigned usage, unsigned selector, unsigned matching)
{
    const X509 *x = usage == 2 && s->above ? s->above : s->cert;
    unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
    int n = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der) : i2d_X509(x, &der);
    unsigned size = 0;
    struct buf hex = { 0 };
    struct str out;

    must(n, "TLSA");
    if (matching)
        must(EVP_Digest(der, (size_t)n, digest, &size, matching == 1 ? EVP_sha256() : EVP_sha512(), NULL), "TLSA");
    for (unsigned i = 0; i < (matching ? size : (unsigned)n); i++)
        buf_addf(&hex, "%02x", matching ? digest[i] : der[i]);
    out = arena_dup(a, buf_str(&hex));
    buf_free(&hex);
    OPENSSL_free(der);
    return out;
}
