#include "tls/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tls/errors.h"
#include "tls/inside.h"

/* ---- the layer of a stream */

/* An end without close-notify is taken as an end: SMTP says itself where a message ends (RFC 3207 4.1 leaves
 * truncation to it), and many close so. */
static ssize_t read_failed(struct tls *t, int n)
{
    char text[256];
    int why = SSL_get_error(t->ssl, n);

    if (why == SSL_ERROR_WANT_READ) {
        errno = EAGAIN;
        return -1;
    }
    if (why == SSL_ERROR_ZERO_RETURN || t->eof) {
        tls_errors_clear();
        return 0;
    }
    t->fatal = true;
    if (why == SSL_ERROR_SYSCALL && errno)
        return -1;
    if (why == SSL_ERROR_SSL && t->ops->note) {
        struct buf line = { 0 };

        buf_addf(&line, "(SSL_read): %s", tls_error_text(text, sizeof text));
        t->ops->note(t->ctx, buf_str(&line));
        buf_free(&line);
    }
    tls_errors_clear();
    errno = EPROTO;
    return -1;
}

static ssize_t clear_write(struct tls *t, const char *p, size_t n)
{
    return tls_wire_push(t) < 0 ? -1 : tls_wire_send(t, p, n);
}

static ssize_t clear_read(struct tls *t, char *p, size_t n)
{
    if (t->raw.n > 0) {
        size_t got = t->raw.n < n ? t->raw.n : n;

        memcpy(p, buf_str(&t->raw).p, got);
        buf_drop(&t->raw, got);
        if (t->raw.n == 0)
            buf_free(&t->raw);
        return (ssize_t)got;
    }
    return tls_wire_recv(t, p, n);
}

static ssize_t tls_read(struct stream *s, char *p, size_t n)
{
    struct tls *t = stream_below(s);
    int got;

    if (t->stage == T_CLEAR)
        return clear_read(t, p, n);
    tls_errors_clear();
    errno = 0;
    got = SSL_read(t->ssl, p, (int)n);
    if (got > 0) {
        tls_wire_leave(t);
        return got;
    }
    if (t->stage == T_ENDING && SSL_get_error(t->ssl, got) == SSL_ERROR_ZERO_RETURN) {
        tls_wire_leave(t);
        SSL_free(t->ssl);
        t->ssl = NULL;
        t->stage = T_CLEAR;
        return clear_read(t, p, n);
    }
    got = (int)read_failed(t, got);
    tls_wire_leave(t);
    return got;
}

static ssize_t tls_write(struct stream *s, const char *p, size_t n)
{
    struct tls *t = stream_below(s);
    int done;

    if (t->stage == T_CLEAR || t->stage == T_ENDING)
        return clear_write(t, p, n);
    tls_errors_clear();
    errno = 0;
    done = SSL_write(t->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);
    tls_wire_leave(t);
    if (done > 0)
        return done;
    switch (SSL_get_error(t->ssl, done)) {
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_SYSCALL:
        errno = errno ? errno : EPIPE;
        break;
    default:
        errno = EPROTO;
    }
    t->fatal = true;
    tls_errors_clear();
    return -1;
}

/* True: it went out, or had before. */
static bool say_goodbye(struct tls *t)
{
    int said;

    if (t->stage != T_OPEN || t->fatal)
        return false;
    if (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)
        return true;
    tls_errors_clear();
    said = SSL_shutdown(t->ssl);
    tls_wire_leave(t);
    tls_errors_clear();
    return said >= 0;
}

static void tls_finish(struct stream *s)
{
    say_goodbye(stream_below(s));
}

static void release(struct tls *t)
{
    SSL_free(t->ssl);
    SSL_SESSION_free(t->session);
    tls_cert_drop(t->facts.ourcert);
    tls_cert_drop(t->facts.peercert);
    tls_context_drop(t->context);
    buf_free(&t->raw);
    buf_free(&t->out);
    buf_free(&t->hello);
    arena_free(&t->arena);
    free(t);
}

static void tls_close(struct stream *s)
{
    struct tls *t = stream_below(s);

    say_goodbye(t);
    tls_wire_push(t);
    release(t);
    close(stream_fd(s));
}

static int tls_work(struct stream *s)
{
    return tls_shake(stream_below(s));
}

static int tls_push(struct stream *s)
{
    struct tls *t = stream_below(s);

    t->drained = false;
    if (tls_wire_push(t) < 0)
        return -1;
    tls_wire_hurry(t);
    return 0;
}

static const struct stream_ops secret = {
    .read = tls_read, .write = tls_write, .close = tls_close, .work = tls_work, .finish = tls_finish, .push = tls_push,
};

/* ---- in and out */

static void how_keep(struct tls *t, const struct tls_how *how)
{
    t->server = how->server;
    t->verify = how->verify;
    t->staple = how->staple;
    t->resume = how->resume;
    t->alpn_required = how->alpn_required;
    t->dane = how->dane_base.n > 0;
    t->sni = arena_dup(&t->arena, how->sni);
}

struct tls *tls_start(struct stream *s, struct tls_context *c, const struct tls_how *how, const struct tls_ops *ops, void *ctx)
{
    struct tls *t = calloc(1, sizeof *t), *old = stream_ops_of(s) == &secret ? stream_below(s) : NULL;

    if (!t)
        die("out of memory: TLS on a stream");
    t->stream = s;
    t->context = tls_context_hold(c);
    t->ops = ops;
    t->ctx = ctx;
    t->stage = T_SHAKING;
    t->late = stream_queued(s) > 0;
    t->drained = how->server;           /* the hello is still to come */
    how_keep(t, how);
    if (old && old->stage == T_CLEAR)
        buf_add(&t->raw, buf_str(&old->raw));
    tls_ssl_make(t, how);
    stream_set_ops(s, &secret, t);
    if (old)
        release(old);
    return t;
}

bool tls_end(struct tls *t)
{
    if (!say_goodbye(t) || tls_wire_push(t) < 0)
        return false;
    t->stage = T_ENDING;
    return true;
}

struct tls *tls_of(const struct stream *s)
{
    struct tls *t = stream_ops_of(s) == &secret ? stream_below(s) : NULL;

    return t && t->stage == T_OPEN ? t : NULL;
}
