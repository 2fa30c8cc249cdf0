/* The socket as OpenSSL sees it: its reads of five bytes come from one read of ours,
 * what it has not taken is kept, and the seam for faults is where it is for clear text. */
#include <errno.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "tls/inside.h"

/* A record and its head; a thread talks with one connection at a time. */
enum { READ_SIZE = 16 * 1024 + 2048, HELLO_MAX = 256 * 1024 };

static _Thread_local struct {
    struct tls *of;
    size_t at, n;
    char mem[READ_SIZE];
} fresh;

ssize_t tls_wire_recv(struct tls *t, char *p, size_t n)
{
    return FAULT(RECV) ? -1 : recv(stream_fd(t->stream), p, n, 0);
}

ssize_t tls_wire_send(struct tls *t, const char *p, size_t n)
{
    return FAULT(SEND) ? -1 : send(stream_fd(t->stream), p, n, MSG_NOSIGNAL);
}

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* A hello that may have to be read again by another context is kept; OpenSSL bounds it. */
static void keep_hello(struct tls *t, const char *p, size_t n)
{
    if (t->stage == T_SHAKING && t->server && t->ops->hello && !t->chosen && t->hello.n < HELLO_MAX)
        buf_add(&t->hello, (struct str){ p, n });
}

static int take_kept(struct tls *t, char *p, size_t most)
{
    size_t n = t->raw.n < most ? t->raw.n : most;

    memcpy(p, buf_str(&t->raw).p, n);
    buf_drop(&t->raw, n);
    if (t->raw.n == 0)
        buf_free(&t->raw);
    return (int)n;
}

static int bio_read(BIO *b, char *p, int most)
{
    struct tls *t = BIO_get_data(b);
    int n;

    BIO_clear_retry_flags(b);
    if (most <= 0)
        return 0;
    if (t->raw.n > 0) {
        n = take_kept(t, p, (size_t)most);
    } else {
        if (fresh.of != t || fresh.at == fresh.n) {
            ssize_t got = tls_wire_recv(t, fresh.mem, sizeof fresh.mem);

            if (got < 0 && would_wait())
                BIO_set_retry_read(b);
            t->eof = got == 0;
            if (got <= 0)
                return (int)got;
            fresh.of = t;
            fresh.at = 0;
            fresh.n = (size_t)got;
        }
        n = fresh.n - fresh.at < (size_t)most ? (int)(fresh.n - fresh.at) : most;
        memcpy(p, fresh.mem + fresh.at, (size_t)n);
        fresh.at += (size_t)n;
    }
    keep_hello(t, p, (size_t)n);
    return n;
}

void tls_wire_leave(struct tls *t)
{
    if (fresh.of != t)
        return;
    if (fresh.at < fresh.n)
        buf_add(&t->raw, (struct str){ fresh.mem + fresh.at, fresh.n - fresh.at });
    fresh.of = NULL;
}

static int bio_write(BIO *b, const char *p, int n)
{
    ssize_t done = tls_wire_send(BIO_get_data(b), p, (size_t)n);

    BIO_clear_retry_flags(b);
    if (done < 0 && would_wait())
        BIO_set_retry_write(b);
    return (int)done;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    const struct tls *t = BIO_get_data(b);

    (void)num, (void)ptr;
    switch (cmd) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return t->eof;
    default: return 0;
    }
}

/* The one of the process: OpenSSL counts types of BIO, and this is one. */
static BIO_METHOD *method(void)
{
    static BIO_METHOD *m;

    if (m)
        return m;
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (!m || !BIO_meth_set_read(m, bio_read) || !BIO_meth_set_write(m, bio_write) || !BIO_meth_set_ctrl(m, bio_ctrl))
        die("out of memory: TLS on a stream");
    return m;
}

BIO *tls_wire_new(struct tls *t)
{
    BIO *b = BIO_new(method());

    if (!b)
        die("out of memory: TLS on a stream");
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    return b;
}
