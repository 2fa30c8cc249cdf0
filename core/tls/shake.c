/* The handshake: OpenSSL's part, then what rules say of name and chain. */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "base/clock.h"
#include "tls/errors.h"
#include "tls/inside.h"

static const char *phase(const struct tls *t)
{
    return t->server ? "SSL_accept" : "SSL_connect";
}

static int failed(struct tls *t, const struct why *why)
{
    if (!t->fatal && SSL_is_init_finished(t->ssl))
        SSL_shutdown(t->ssl);
    tls_errors_clear();
    t->stage = T_BROKEN;
    t->ops->over(t->ctx, why);
    return STREAM_WORK_FAILED;
}

static int fail(struct tls *t, const char *reason)
{
    struct why why = { 0 };

    why_set(&why, ST_AGAIN, "(%s): %s", phase(t), reason);
    return failed(t, &why);
}

/* ---- making the connection's SSL */

static bool dane_use(struct tls *t, const struct tls_how *how)
{
    bool any = false;

    SSL_dane_enable(t->ssl, arena_z(&t->arena, how->dane_base));
    SSL_dane_set_flags(t->ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);    /* RFC 7672 3.1.1 */
    for (size_t i = 0; i < how->tlsa_n; i++) {
        const struct tls_tlsa *r = &how->tlsa[i];

        if (r->usage != 2 && r->usage != 3)
            continue;
        if (SSL_dane_tlsa_add(t->ssl, r->usage, r->selector, r->matching, (const unsigned char *)r->data.p, r->data.n) > 0)
            any = true;
    }
    t->usage = tls_tlsa_usable(how->tlsa, how->tlsa_n);
    tls_errors_clear();
    return any;
}

static void client_make(struct tls *t, const struct tls_how *how)
{
    if (t->dane && !dane_use(t, how))
        t->reason = STR("No usable TLSA records");
    if (t->sni.n > 0)
        SSL_set_tlsext_host_name(t->ssl, arena_z(&t->arena, t->sni));
    SSL_set_hostflags(t->ssl, HOST_FLAGS);
    for (size_t i = 0; i < how->names_n; i++)
        SSL_add1_host(t->ssl, arena_z(&t->arena, how->names[i]));
    if (t->dane || t->verify != TLS_VERIFY_NONE)
        SSL_set_verify(t->ssl, SSL_VERIFY_PEER, tls_on_verify);
    if (t->staple != TLS_STAPLE_LEAVE)
        SSL_set_tlsext_status_type(t->ssl, TLSEXT_STATUSTYPE_ocsp);
    if (t->resume)
        t->ticket_offered = tls_session_offer(t, how);
    else
        SSL_set_options(t->ssl, SSL_OP_NO_TICKET);
    SSL_set_connect_state(t->ssl);
}

/* A chain that rules have yet to speak of must not go into a ticket as verified. */
static bool may_send_tickets(const struct tls *t)
{
    return t->resume && t->context->tickets && !(t->ops->cert && t->verify != TLS_VERIFY_NONE);
}

static void server_make(struct tls *t)
{
    int mode = SSL_VERIFY_PEER | (t->verify == TLS_VERIFY_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);

    if (t->verify != TLS_VERIFY_NONE)
        SSL_set_verify(t->ssl, mode, tls_on_verify);
    tls_session_scope(t);
    if (!may_send_tickets(t)) {
        /* Without tickets TLS 1.3 would keep sessions in memory instead: none of those either. */
        SSL_set_options(t->ssl, SSL_OP_NO_TICKET);
        SSL_set_num_tickets(t->ssl, 0);
    } else {
        SSL_set_num_tickets(t->ssl, 1);
    }
    SSL_set_accept_state(t->ssl);
}

void tls_ssl_make(struct tls *t, const struct tls_how *how)
{
    BIO *wire;

    tls_errors_clear();
    SSL_free(t->ssl);
    t->ssl = SSL_new(t->context->ctx);
    if (!t->ssl)
        die("out of memory: a connection of TLS");
    wire = tls_wire_new(t);
    SSL_set_bio(t->ssl, wire, wire);
    tls_of_ssl_set(t->ssl, t);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(t->ssl), (time_t)clock_wall());
    if (t->server)
        server_make(t);
    else
        client_make(t, how);
}

/* ---- the name */

/* The hello goes to another context as if nobody had read it: whatever that
 * context says (certificates, ciphers, protocols, who must show one) holds. */
static void read_again(struct tls *t, struct tls_context *c)
{
    static const struct tls_how as_before = { .server = true };
    struct buf rest = t->raw;

    t->raw = t->hello;
    t->hello = (struct buf){ 0 };
    buf_add(&t->raw, buf_str(&rest));
    buf_free(&rest);
    tls_context_hold(c);
    tls_context_drop(t->context);
    t->context = c;
    t->ticket_asked = t->ticket_offered = false;
    tls_ssl_make(t, &as_before);
}

void tls_choose(struct tls *t, struct tls_context *c)
{
    if (t->stage != T_NAMED || t->chosen)
        return;
    t->chosen = true;
    if (c && c != t->context)
        read_again(t, c);
    buf_free(&t->hello);
    t->stage = T_SHAKING;
    if (!t->in_call)
        stream_work(t->stream);
}

void tls_refuse(struct tls *t, struct str reason)
{
    if (t->stage != T_NAMED || t->chosen)
        return;
    t->chosen = t->refused = true;
    t->reason = arena_dup(&t->arena, reason);
    t->stage = T_SHAKING;
    if (!t->in_call)
        stream_work(t->stream);
}

static void ask_name(struct tls *t)
{
    t->stage = T_NAMED;
    t->in_call = true;
    t->ops->hello(t->ctx, t->sni);
    t->in_call = false;
}

/* ---- after OpenSSL's part */

static int weak_prime(struct tls *t)
{
    EVP_PKEY *key = NULL;
    int bits = 0;

    if (!t->server && SSL_get_peer_tmp_key(t->ssl, &key) && EVP_PKEY_get_base_id(key) == EVP_PKEY_DH)
        bits = EVP_PKEY_get_bits(key);
    EVP_PKEY_free(key);
    return bits > 0 && bits < (int)t->context->dh_min_bits ? bits : 0;
}

/* What the handshake itself does not look at. NULL: nothing is missing. */
static const char *lacking(struct tls *t)
{
    const unsigned char *alpn;
    unsigned n = 0;

    if (weak_prime(t))
        return "the other side's DH parameters are too small (tls_dh_min_bits)";
    SSL_get0_alpn_selected(t->ssl, &alpn, &n);
    if (t->alpn_required && n == 0)
        return "no ALPN protocol was agreed on";
    return NULL;
}

static void shaken(struct tls *t)
{
    STACK_OF(X509) *chain = tls_chain(t);

    t->stage = T_JUDGING;
    t->depth = t->ops->cert && !SSL_session_reused(t->ssl) && (t->verify != TLS_VERIFY_NONE || t->dane) ? sk_X509_num(chain) - 1 : -1;
}

static int end(struct tls *t)
{
    const char *reason = lacking(t);
    static const struct why none;

    if (reason)
        return fail(t, reason);
    if (t->untrusted && (t->verify == TLS_VERIFY_REQUIRE || t->dane))
        return fail(t, "certificate verification failed: a certificate was refused by the event tls:cert");
    tls_staple_judge(t);
    tls_facts_fill(t);
    if (t->staple == TLS_STAPLE_REQUIRE && t->facts.ocsp != TLS_STAPLE_GOOD) {
        struct why why = { 0 };

        why_set(&why, ST_AGAIN, t->facts.ocsp == TLS_STAPLE_NONE ? "(%s) Required TLS certificate status not received" :
                "(%s) Required TLS certificate status not good: %.*s", phase(t), STR_ARG(t->reason));
        return failed(t, &why);
    }
    t->stage = T_OPEN;
    buf_free(&t->hello);
    t->ops->over(t->ctx, &none);
    return STREAM_WORK_DONE;
}

void tls_cert_answer(struct tls *t, bool ok)
{
    if (t->stage != T_JUDGING || t->answered)
        return;
    t->answered = true;
    if (!ok)
        t->untrusted = true;
    if (!t->in_call)
        stream_work(t->stream);
}

/* From the end of the chain to the peer's own. */
static int judge(struct tls *t)
{
    while (t->depth >= 0) {
        STACK_OF(X509) *chain = tls_chain(t);
        struct tls_cert *cert;

        if (!t->asked) {
            cert = tls_cert_of(sk_X509_value(chain, t->depth));
            t->asked = t->in_call = true;
            t->answered = false;
            t->ops->cert(t->ctx, t->depth, cert);
            t->in_call = false;
            tls_cert_drop(cert);
        }
        if (!t->answered)
            return 0;
        t->asked = false;
        t->depth = t->untrusted ? -1 : t->depth - 1;
    }
    return end(t);
}

/* ---- the work of a stream */

static const char *failure(struct tls *t, int why, int err_no, char *out, size_t n)
{
    unsigned long err = ERR_peek_error(), last = ERR_peek_last_error();
    char text[256];

    if (t->refused) {
        snprintf(out, n, "%.*s", STR_ARG(str_head(t->reason, n - 1)));
    } else if (t->eof && (why == SSL_ERROR_SYSCALL || why == SSL_ERROR_ZERO_RETURN || ERR_GET_REASON(err) == SSL_R_UNEXPECTED_EOF_WHILE_READING)) {
        snprintf(out, n, "TCP connection closed by peer");
    } else if (why == SSL_ERROR_SYSCALL && err == 0) {
        snprintf(out, n, "%s", err_no ? strerror(err_no) : "TCP connection closed by peer");
    } else if (ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED && t->doubt != X509_V_OK) {
        ERR_error_string_n(last, text, sizeof text);    /* before it may stand what was tried on the way */
        snprintf(out, n, "%s: %s", text, X509_verify_cert_error_string(t->doubt));
    } else {
        tls_error_text(out, n);
    }
    tls_errors_clear();
    return out;
}

/* What shake returns when there is more to do at once. */
enum { GO_ON = -3 };

static int shake(struct tls *t)
{
    char text[400];
    int done, why, err;

    tls_errors_clear();
    errno = 0;
    done = SSL_do_handshake(t->ssl);
    why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
    err = errno;
    tls_wire_leave(t);
    switch (why) {
    case SSL_ERROR_NONE:
        shaken(t);
        return GO_ON;
    case SSL_ERROR_WANT_READ:
        t->hurry = t->server && t->out.n > 0 && SSL_version(t->ssl) >= TLS1_3_VERSION;
        return WATCH_READ;
    case SSL_ERROR_WANT_WRITE:
        return WATCH_WRITE;
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
        ask_name(t);
        return t->stage == T_SHAKING ? GO_ON : 0;
    default:
        t->fatal = true;
        return fail(t, failure(t, why, err, text, sizeof text));
    }
}

/* Bytes that came behind STARTTLS would be taken for what was said under TLS
 * (R3.4), and ours that are still queued would go under it. */
static const char *not_fit(struct tls *t)
{
    if (stream_unread(t->stream) > 0)
        return "bytes came in clear where TLS was to begin";
    if (t->late)
        return "our answer could not be sent";
    if (!t->server && t->reason.n > 0)
        return "No usable TLSA records";
    return NULL;
}

int tls_shake(struct tls *t)
{
    if (!t->begun) {
        const char *reason = not_fit(t);

        t->begun = true;
        if (reason)
            return fail(t, reason);
    }
    while (t->stage == T_SHAKING) {
        int wants = shake(t);

        if (wants != GO_ON)
            return wants;
    }
    return t->stage == T_JUDGING ? judge(t) : 0;
}
