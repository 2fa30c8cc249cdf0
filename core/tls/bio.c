/* The socket as OpenSSL sees it: its reads of five bytes come from one read of ours,
 * what it has not taken is kept, small writes of one callback go in one piece (a ticket
 * with the first reply, a last reply with the close-notify), and the seam for faults is
 * where it is for clear text. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "tls/inside.h"

/* A record and its head; a thread talks with one connection at a time. */
enum { READ_SIZE = 16 * 1024 + 2048, HELLO_MAX = 256 * 1024 };
/* A write up to this size is held back, and so many octets of them. */
enum { SMALL = 4096, HELD_MAX = 16 * 1024 };

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

/* A read that got less than it asked for has emptied the socket: what has come since
 * wakes us again, so the read that only says EAGAIN is saved. */
static int fill(BIO *b, struct tls *t)
{
    ssize_t got;

    if (t->drained) {
        t->drained = false;
        BIO_set_retry_read(b);
        return -1;
    }
    got = tls_wire_recv(t, fresh.mem, sizeof fresh.mem);
    if (got < 0 && would_wait())
        BIO_set_retry_read(b);
    t->eof = got == 0;
    if (got <= 0)
        return (int)got;
    t->drained = (size_t)got < sizeof fresh.mem;
    fresh.of = t;
    fresh.at = 0;
    fresh.n = (size_t)got;
    return 1;
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
        if ((fresh.of != t || fresh.at == fresh.n) && (n = fill(b, t)) <= 0)
            return n;
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

int tls_wire_push(struct tls *t)
{
    while (t->out.n > 0) {
        struct str all = buf_str(&t->out);
        ssize_t n = tls_wire_send(t, all.p, all.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (!would_wait())
                buf_free(&t->out);      /* it will not go another time either, and nobody is to try for ever */
            return -1;
        }
        buf_drop(&t->out, (size_t)n);
    }
    buf_free(&t->out);
    return 0;
}

/* A server of TLS 1.3 has nothing to say to the client's Finished, but for a ticket. A client with Nagle's algorithm on
 * keeps its EHLO until that was acknowledged, and the kernel is in no hurry, since we have answered so far: 40 ms for
 * each session. Told so beforehand it acknowledges before we are even awake, and both come with one read. */
void tls_wire_hurry(struct tls *t)
{
    int on = 1;

    if (t->hurry)
        setsockopt(stream_fd(t->stream), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    t->hurry = false;
}

static int bio_write(BIO *b, const char *p, int n)
{
    struct tls *t = BIO_get_data(b);
    ssize_t done;

    BIO_clear_retry_flags(b);
    if (n <= SMALL && t->out.n + (size_t)n <= HELD_MAX) {
        buf_add(&t->out, (struct str){ p, (size_t)n });
        return n;
    }
    done = tls_wire_push(t) < 0 ? -1 : tls_wire_send(t, p, (size_t)n);
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
