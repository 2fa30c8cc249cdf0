#include "world/peer_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/near.h"
#include "tls/cert.h"
#include "tls/errors.h"

enum { NAMES_MAX = 16, WIRE_MAX = 255 };

struct peer_tls {
    struct arena arena;
    SSL_CTX *ctx;
    struct papers_shown shown;
    struct str alpn;            /* as in the extension */
    bool at_once;
};

struct reading {
    struct arena *arena;
    struct papers_wish wish;
    struct str names[NAMES_MAX];
    struct str ciphers, suites, alpn;
    int state, proof, version, client, at_once;     /* places in the lists below */
    struct why *why;
};

/* ---- what it is told */

static const struct str keys[] = {
    STR_INIT("names"), STR_INIT("by"), STR_INIT("is"), STR_INIT("crl"), STR_INIT("ocsp"), STR_INIT("version"), STR_INIT("ciphers"),
    STR_INIT("alpn"), STR_INIT("client"), STR_INIT("smtps"),
};
enum { KEYS = sizeof keys / sizeof *keys };

static const struct str states[] = { STR_INIT("good"), STR_INIT("expired"), STR_INIT("early"), STR_INIT("revoked") };
static const struct str proofs[] = { STR_INIT("none"), STR_INIT("good"), STR_INIT("revoked"), STR_INIT("unknown"), STR_INIT("old") };
static const struct str versions[] = { STR_INIT("any"), STR_INIT("TLS1"), STR_INIT("TLS1.1"), STR_INIT("TLS1.2"), STR_INIT("TLS1.3") };
static const struct str clients[] = { STR_INIT("ignore"), STR_INIT("ask"), STR_INIT("require") };
static const struct str switches[] = { STR_INIT("no"), STR_INIT("yes") };

#define LIST(l) (l), sizeof(l) / sizeof *(l)
static const struct { struct str key; const struct str *names; size_t n, at; } choices[] = {
    { STR_INIT("is"), LIST(states), offsetof(struct reading, state) },
    { STR_INIT("ocsp"), LIST(proofs), offsetof(struct reading, proof) },
    { STR_INIT("version"), LIST(versions), offsetof(struct reading, version) },
    { STR_INIT("client"), LIST(clients), offsetof(struct reading, client) },
    { STR_INIT("smtps"), LIST(switches), offsetof(struct reading, at_once) },
};

static bool unknown(struct reading *r, struct str what, struct str word, const struct str *names, size_t n)
{
    struct buf b = { 0 };

    near_say(&b, word, names, n);
    why_set(r->why, ST_NEVER, "tls: there is no %.*s \"%.*s\"%.*s", STR_ARG(what), STR_ARG(word), STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool choose(struct reading *r, size_t c, struct str word)
{
    for (size_t i = 0; i < choices[c].n; i++)
        if (str_same_fold(word, choices[c].names[i])) {
            *(int *)((char *)r + choices[c].at) = (int)i;
            return true;
        }
    return unknown(r, arena_printf(r->arena, "%.*s =", STR_ARG(choices[c].key)), word, choices[c].names, choices[c].n);
}

/* It goes into an extension's text, where a comma would begin another name. */
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-._*", ascii_lower(s.p[i])))
            return false;
    return s.n > 0 && s.n < WIRE_MAX;
}

static bool read_names(struct reading *r, struct str value)
{
    struct str word;

    for (value = str_trim(value); str_cut(&value, ' ', &word); value = str_trim(value)) {
        if (!is_name(word))
            why_set(r->why, ST_NEVER, "tls: \"%.*s\" is no host's name", STR_ARG(word));
        else if (r->wish.n == NAMES_MAX)
            why_set(r->why, ST_NEVER, "tls: more than %d names", NAMES_MAX);
        if (!is_name(word) || r->wish.n == NAMES_MAX)
            return false;
        r->names[r->wish.n++] = word;
    }
    return true;
}

/* OpenSSL keeps the suites of TLS 1.3 in a list of their own. */
static bool read_ciphers(struct reading *r, struct str value)
{
    struct str one, rest = value;

    while (str_cut(&rest, ':', &one)) {
        struct str *list = str_starts(one, STR("TLS_")) ? &r->suites : &r->ciphers;

        *list = arena_printf(r->arena, "%.*s%s%.*s", STR_ARG(*list), list->n ? ":" : "", STR_ARG(one));
    }
    return true;
}

/* In the extension each protocol has its length before it. */
static bool read_alpn(struct reading *r, struct str value)
{
    struct buf wire = { 0 };
    struct str one;

    for (value = str_trim(value); str_cut(&value, ' ', &one) && one.n < WIRE_MAX; value = str_trim(value)) {
        buf_byte(&wire, (char)one.n);
        buf_add(&wire, one);
    }
    r->alpn = arena_dup(r->arena, buf_str(&wire));
    buf_free(&wire);
    return true;
}

static bool read_item(struct reading *r, struct str key, struct str value)
{
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (str_same(key, choices[i].key))
            return choose(r, i, value);
    if (str_same(key, STR("names")))
        return read_names(r, value);
    if (str_same(key, STR("ciphers")))
        return read_ciphers(r, value);
    if (str_same(key, STR("alpn")))
        return read_alpn(r, value);
    if (str_same(key, STR("by")))
        r->wish.by = value;
    else if (str_same(key, STR("crl")))
        r->wish.crl = value;
    else
        return unknown(r, STR("option"), key, keys, KEYS);
    return true;
}

static bool is_key(struct str word)
{
    for (size_t i = 0; i < KEYS; i++)
        if (str_same(word, keys[i]))
            return true;
    return false;
}

static bool read_text(struct reading *r, struct str text)
{
    struct str item;
    bool first = true;

    for (; str_cut(&text, ';', &item); first = false) {
        size_t eq = str_find(item, '=');
        struct str key = str_trim(str_head(item, eq)), value = eq == SIZE_MAX ? STR("yes") : str_trim(str_from(item, eq + 1));

        if (key.n == 0)
            continue;
        if (eq == SIZE_MAX && first && !is_key(key))
            value = key, key = STR("names");
        if (!read_item(r, key, value))
            return false;
    }
    r->wish.state = (enum papers_state)r->state;
    r->wish.proof = (enum papers_proof)r->proof;
    if (r->wish.n == 0)
        why_set(r->why, ST_NEVER, "tls: a certificate is for a name: say names=mx.example first");
    else if (str_same(r->wish.by, STR("itself")) && (r->wish.crl.n || r->wish.proof != PROOF_NONE || r->wish.state == PAPERS_REVOKED))
        why_set(r->why, ST_NEVER, "tls: by=itself has no authority that could revoke it or answer for it");
    return !r->why->text[0];
}

/* ---- making it */

static int send_proof(SSL *ssl, void *arg)
{
    const struct peer_tls *t = arg;
    unsigned char *copy = OPENSSL_memdup(t->shown.proof, (size_t)t->shown.proof_n);

    return copy && SSL_set_tlsext_status_ocsp_resp(ssl, copy, t->shown.proof_n) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* It asks to be told who comes, and takes everybody. */
static int any_certificate(int ok, X509_STORE_CTX *x)
{
    (void)ok;
    (void)x;
    return 1;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n, void *arg)
{
    const struct peer_tls *t = arg;
    unsigned char *found;

    (void)ssl;
    if (SSL_select_next_proto(&found, out_n, (const unsigned char *)t->alpn.p, (unsigned)t->alpn.n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* Old versions are below what OpenSSL does of itself. */
static bool use_words(SSL_CTX *c, const struct reading *r)
{
    int version = r->version ? TLS1_VERSION + r->version - 1 : 0;
    bool ok = true;

    if (r->ciphers.n)
        ok = SSL_CTX_set_cipher_list(c, arena_z(r->arena, r->ciphers));
    else if (version && version < TLS1_2_VERSION)
        ok = SSL_CTX_set_cipher_list(c, "DEFAULT@SECLEVEL=0");
    if (ok && r->suites.n)
        ok = SSL_CTX_set_ciphersuites(c, arena_z(r->arena, r->suites));
    if (ok && version)
        ok = SSL_CTX_set_min_proto_version(c, version) && SSL_CTX_set_max_proto_version(c, version);
    return ok;
}

static bool use_shown(struct peer_tls *t)
{
    SSL_CTX *c = t->ctx;

    if (!SSL_CTX_use_certificate(c, t->shown.cert) || !SSL_CTX_use_PrivateKey(c, t->shown.key))
        return false;
    if (t->shown.above && !SSL_CTX_add1_chain_cert(c, t->shown.above))
        return false;
    if (t->shown.proof) {
        SSL_CTX_set_tlsext_status_cb(c, send_proof);
        SSL_CTX_set_tlsext_status_arg(c, t);
    }
    return true;
}

static enum status make(struct peer_tls *t, const struct reading *r)
{
    static const int modes[] = { SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT };
    char reason[160];

    ERR_clear_error();
    t->ctx = SSL_CTX_new(TLS_server_method());
    if (!t->ctx || !use_words(t->ctx, r) || !use_shown(t))
        return why_set(r->why, ST_NEVER, "tls: ciphers, version: %s", tls_error_reason(reason, sizeof reason));
    SSL_CTX_set_session_id_context(t->ctx, (const unsigned char *)"world", 5);
    SSL_CTX_set_verify(t->ctx, modes[r->client], any_certificate);
    if (t->alpn.n)
        SSL_CTX_set_alpn_select_cb(t->ctx, choose_protocol, t);
    return ST_OK;
}

enum status peer_tls_new(struct papers *papers, struct str text, struct peer_tls **out, struct why *why)
{
    struct peer_tls *t = calloc(1, sizeof *t);
    struct reading r = { .why = why };
    enum status st = ST_NEVER;

    if (!t)
        die("peer: out of memory");
    why->text[0] = '\0';
    r.arena = &t->arena;
    r.wish.names = r.names;
    if (read_text(&r, text)) {
        t->at_once = r.at_once;
        t->alpn = r.alpn;
        papers_make(papers, &r.wish, &t->shown);
        st = make(t, &r);
    }
    if (st == ST_OK)
        *out = t;
    else
        peer_tls_free(t);
    return st;
}

void peer_tls_free(struct peer_tls *t)
{
    SSL_CTX_free(t->ctx);
    papers_shown_free(&t->shown);
    arena_free(&t->arena);
    free(t);
}

bool peer_tls_at_once(const struct peer_tls *t)
{
    return t->at_once;
}

const struct papers_shown *peer_tls_shown(const struct peer_tls *t)
{
    return &t->shown;
}

/* ---- connections */

SSL *peer_tls_accept(const struct peer_tls *t, int fd)
{
    SSL *ssl = SSL_new(t->ctx);

    if (!ssl || !SSL_set_fd(ssl, fd))
        die("peer: out of memory");
    SSL_set_accept_state(ssl);
    return ssl;
}

static bool waits(SSL *ssl, int ret)
{
    int err = SSL_get_error(ssl, ret);

    return err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE;
}

enum peer_shake peer_tls_shake(SSL *ssl)
{
    int ret;

    ERR_clear_error();
    ret = SSL_do_handshake(ssl);
    return ret == 1 ? SHAKE_DONE : waits(ssl, ret) ? SHAKE_WAITS : SHAKE_FAILED;
}

ssize_t peer_tls_recv(SSL *ssl, char *p, size_t n)
{
    int ret;

    ERR_clear_error();
    ret = SSL_read(ssl, p, (int)n);
    if (ret > 0)
        return ret;
    if (SSL_get_error(ssl, ret) == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = waits(ssl, ret) ? EAGAIN : EPROTO;
    return -1;
}

void peer_tls_send(SSL *ssl, struct str bytes)
{
    ERR_clear_error();
    if (SSL_write(ssl, bytes.p, (int)bytes.n) <= 0)
        ERR_clear_error();
}

void peer_tls_end(SSL *ssl)
{
    ERR_clear_error();
    if (SSL_is_init_finished(ssl))
        SSL_shutdown(ssl);
    ERR_clear_error();
    SSL_free(ssl);
}

static void tell_facts(SSL *ssl, struct buf *out)
{
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    X509 *client = SSL_get1_peer_certificate(ssl);
    const unsigned char *alpn;
    unsigned n;

    SSL_get0_alpn_selected(ssl, &alpn, &n);
    if (sni)
        buf_addf(out, " SNI=%s", sni);
    if (n)
        buf_addf(out, " ALPN=%.*s", (int)n, (const char *)alpn);
    if (client) {
        struct arena a = { 0 };
        struct tls_cert *c = tls_cert_of(client);

        buf_addf(out, " DN=\"%.*s\"", STR_ARG(tls_cert_dn(&a, c)));
        tls_cert_drop(c);
        arena_free(&a);
    }
    if (SSL_session_reused(ssl))
        buf_add(out, STR(" resumed"));
    X509_free(client);
}

void peer_tls_tell(SSL *ssl, bool done, struct buf *out)
{
    char reason[160];

    if (!done) {
        buf_addf(out, "(TLS failed: %s)", tls_error_reason(reason, sizeof reason));
        return;
    }
    buf_addf(out, "(TLS%s", SSL_get_version(ssl) + strlen("TLSv"));
    tell_facts(ssl, out);
    buf_add(out, STR(")"));
}
