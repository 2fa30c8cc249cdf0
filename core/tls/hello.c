/* What OpenSSL asks while it reads a hello: the name, the protocols. */
#include "tls/inside.h"

struct tls *tls_of_ssl(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

void tls_of_ssl_set(SSL *ssl, struct tls *t)
{
    SSL_set_app_data(ssl, t);
}

struct str tls_host_named(const struct tls *t)
{
    return t->sni;
}

static unsigned two(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* Rules make names of files from it: nothing but a host's name, or an address for want of one, gets through, no "/", no "..". */
static bool is_host(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ':' ||
              (c == '.' && i > 0 && s.p[i - 1] != '.')))
            return false;
    }
    return true;
}

/* The one host_name of RFC 6066 3. False: the extension is malformed. */
static bool name_read(const unsigned char *p, size_t n, struct str *out)
{
    if (n < 5 || two(p) + 2U != n || p[2] != TLSEXT_NAMETYPE_host_name || two(p + 3) + 5U != n)
        return false;
    *out = (struct str){ (const char *)p + 5, n - 5 };
    return out->n > 0 && out->n <= TLSEXT_MAXLEN_host_name && is_host(*out);
}

static bool has(SSL *ssl, unsigned type, size_t least)
{
    const unsigned char *p;
    size_t n = 0;

    return SSL_client_hello_get0_ext(ssl, type, &p, &n) && n >= least;
}

static void tickets_seen(struct tls *t, SSL *ssl)
{
    if (has(ssl, TLSEXT_TYPE_session_ticket, 0) || has(ssl, TLSEXT_TYPE_psk_kex_modes, 0))
        t->ticket_asked = true;
    if (has(ssl, TLSEXT_TYPE_session_ticket, 1) || has(ssl, TLSEXT_TYPE_psk, 1))
        t->ticket_offered = true;
}

/* Called again after each answer, and for a second hello of TLS 1.3. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls *t = tls_of_ssl(ssl);
    const unsigned char *p;
    struct str name = { "", 0 };
    size_t n;

    (void)arg;
    if (t->refused) {
        *alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    tickets_seen(t, ssl);
    if (t->chosen)
        return SSL_CLIENT_HELLO_SUCCESS;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) && !name_read(p, n, &name)) {
        *alert = SSL_AD_DECODE_ERROR;
        t->refused = true;
        t->reason = STR("the client's server name is malformed");
        return SSL_CLIENT_HELLO_ERROR;
    }
    t->sni = arena_dup(&t->arena, name);
    t->chosen = name.n == 0 || !t->ops->hello;
    return t->chosen ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_RETRY;
}

/* Says in the handshake that the name was looked at. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl, (void)alert, (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in, unsigned in_n, void *arg)
{
    const struct tls_context *c = tls_of_ssl(ssl)->context;
    unsigned char *choice;

    (void)arg;
    if (c->alpn_wire_n == 0)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&choice, n, c->alpn_wire, (unsigned)c->alpn_wire_n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;      /* RFC 7301 3.2: another protocol is spoken here */
    *out = choice;
    return SSL_TLSEXT_ERR_OK;
}

void tls_callbacks_server(struct tls_context *c)
{
    SSL_CTX_set_client_hello_cb(c->ctx, on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(c->ctx, on_name);
    SSL_CTX_set_alpn_select_cb(c->ctx, on_alpn, NULL);
    SSL_CTX_set_tlsext_status_cb(c->ctx, tls_on_status);
    tls_resume_server(c);
}

void tls_callbacks_client(struct tls_context *c)
{
    SSL_CTX_dane_enable(c->ctx);
    SSL_CTX_set_tlsext_status_cb(c->ctx, tls_on_status);
    tls_resume_client(c);
}
