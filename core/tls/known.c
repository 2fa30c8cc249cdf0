/* What is known of a connection once its handshake is over. */
#include <openssl/err.h>

#include "tls/inside.h"

/* Exim writes TLS1.3 where OpenSSL writes TLSv1.3. */
static struct str version(struct tls *t)
{
    const char *name = SSL_get_version(t->ssl);

    return str_starts(str_of(name), STR("TLSv")) ? arena_printf(&t->arena, "TLS%s", name + 4) : arena_dup(&t->arena, str_of(name));
}

/* Nearly always the one as before: it is made once, and its DER with it. */
static struct tls_cert *shown(struct tls_context *c, X509 *our)
{
    if (!c->shown || tls_cert_x509(c->shown) != our) {
        tls_cert_drop(c->shown);
        c->shown = tls_cert_of(our);
    }
    return tls_cert_hold(c->shown);
}

static void peer_facts(struct tls *t, struct tls_facts *f)
{
    X509 *peer = SSL_get0_peer_certificate(t->ssl), *our = SSL_get_certificate(t->ssl);
    bool reused = SSL_session_reused(t->ssl);

    if (our)
        f->ourcert = shown(t->context, our);
    if (!peer)
        return;
    f->peercert = tls_cert_of(peer);
    f->peerdn = tls_cert_dn(&t->arena, f->peercert);
    if (t->dane)
        f->dane = reused ? t->old_dane : !t->untrusted && SSL_get0_dane_authority(t->ssl, NULL, NULL) >= 0;
    f->verified = f->dane || (reused ? t->old_verified : t->verify != TLS_VERIFY_NONE && t->doubt == X509_V_OK && !t->untrusted);
}

void tls_facts_fill(struct tls *t)
{
    struct tls_facts *f = &t->facts;
    const SSL_CIPHER *c = SSL_get_current_cipher(t->ssl);
    const unsigned char *alpn;
    unsigned n = 0;

    f->version = version(t);
    f->bits = SSL_CIPHER_get_bits(c, NULL);
    f->cipher = arena_printf(&t->arena, "%.*s:%s:%d", STR_ARG(f->version), SSL_CIPHER_get_name(c), f->bits);
    f->cipher_std = str_of(SSL_CIPHER_standard_name(c));
    f->sni = t->sni;
    SSL_get0_alpn_selected(t->ssl, &alpn, &n);
    f->alpn = arena_dup(&t->arena, (struct str){ (const char *)alpn, n });
    f->tlsa_usage = t->usage;
    f->resumption |= 1U | (t->server ? (t->ticket_asked ? 2U : 0) : (t->resume ? 2U : 0)) | (t->ticket_offered ? 4U : 0) |
                     (t->ticket_sent ? 8U : 0) | (SSL_session_reused(t->ssl) ? 16U : 0);
    peer_facts(t, f);
    ERR_clear_error();
}

const struct tls_facts *tls_facts(struct tls *t)
{
    return &t->facts;
}

/* ---- channel bindings */

static struct str bytes(struct arena *a, const unsigned char *p, size_t n)
{
    return arena_dup(a, (struct str){ (const char *)p, n });
}

/* The first Finished of the handshake (RFC 5929 3): the client's, or a resuming server's. */
static bool unique(struct arena *a, struct tls *t, struct str *out)
{
    unsigned char mem[EVP_MAX_MD_SIZE];
    bool ours = t->server == (SSL_session_reused(t->ssl) == 1);
    size_t n;

    if (SSL_version(t->ssl) != TLS1_2_VERSION || SSL_get_extms_support(t->ssl) != 1)
        return false;
    n = ours ? SSL_get_finished(t->ssl, mem, sizeof mem) : SSL_get_peer_finished(t->ssl, mem, sizeof mem);
    *out = bytes(a, mem, n);
    return n > 0;
}

/* RFC 9266: where the keys do not depend on the whole handshake it binds nothing. */
static bool exporter(struct arena *a, struct tls *t, struct str *out)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    unsigned char mem[32];

    if (SSL_version(t->ssl) < TLS1_3_VERSION && SSL_get_extms_support(t->ssl) != 1)
        return false;
    if (SSL_export_keying_material(t->ssl, mem, sizeof mem, label, sizeof label - 1, (const unsigned char *)"", 0, 1) != 1)
        return false;
    *out = bytes(a, mem, sizeof mem);
    return true;
}

/* RFC 5929 4.1: by the hash of the certificate's signature, and never a weak one. */
static bool end_point(struct arena *a, struct tls *t, struct str *out)
{
    X509 *cert = t->server ? SSL_get_certificate(t->ssl) : SSL_get0_peer_certificate(t->ssl);
    unsigned char mem[EVP_MAX_MD_SIZE];
    const EVP_MD *md;
    unsigned n = 0;
    int nid = NID_undef;

    if (!cert || !X509_get_signature_info(cert, &nid, NULL, NULL, NULL) || nid == NID_undef)
        return false;
    md = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
    if (!md || !X509_digest(cert, md, mem, &n))
        return false;
    *out = bytes(a, mem, n);
    return true;
}

bool tls_binding(struct arena *a, struct tls *t, struct str kind, struct str *out)
{
    bool ok;

    if (t->stage != T_OPEN)
        return false;
    if (str_same(kind, STR("tls-unique")))
        ok = unique(a, t, out);
    else if (str_same(kind, STR("tls-exporter")))
        ok = exporter(a, t, out);
    else
        ok = str_same(kind, STR("tls-server-end-point")) && end_point(a, t, out);
    ERR_clear_error();
    return ok;
}
