#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"

/* What one read takes; how much nobody took may pile up before reading stops;
 * how often one turn reads a layer that keeps bytes of its own. */
enum { READ_SIZE = 64 * 1024, UNREAD_MAX = 64 * 1024, READS_A_TURN = 8 };

struct stream {
    struct loop *loop;
    struct watch *watch;
    const struct stream_user *user;
    void *ctx;
    const struct stream_ops *ops;
    void *below;
    int fd;
    int err;                    /* errno that broke it */
    int watching;
    bool paused, eof, ended;
    bool working;               /* the layer talks for itself: ops->work */
    bool closing, dead;         /* lingering; to be freed when the callback returns */
    bool soon_set;
    unsigned busy;              /* callbacks under way */
    struct buf in, out;         /* both empty and without memory while idle */
    struct job soon;
    struct timer linger;
};

static ssize_t raw_read(struct stream *s, char *p, size_t n)
{
    return FAULT(RECV) ? -1 : recv(s->fd, p, n, 0);
}

static ssize_t raw_write(struct stream *s, const char *p, size_t n)
{
    return FAULT(SEND) ? -1 : send(s->fd, p, n, MSG_NOSIGNAL);
}

static void raw_close(struct stream *s)
{
    close(s->fd);
}

static const struct stream_ops raw = { .read = raw_read, .write = raw_write, .close = raw_close };

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void watch(struct stream *s, int what)
{
    s->watching = what;
    watch_set(s->watch, what);
}

static void release(struct stream *s)
{
    if (s->soon_set)
        loop_forget(s->loop, &s->soon);
    timer_clear(s->loop, &s->linger);
    watch_free(s->watch);
    s->ops->close(s);
    buf_free(&s->in);
    buf_free(&s->out);
    free(s);
}

/* Ends the life of s, or has the callback under way end it. */
static void bury(struct stream *s)
{
    s->dead = true;
    watch(s, 0);
    if (s->busy == 0)
        release(s);
}

static void soon(struct stream *s)
{
    if (!s->soon_set)
        loop_soon(s->loop, &s->soon);
    s->soon_set = true;
}

/* A write that fails says nothing of what the peer sent before: reading goes
 * on, and finds the 421 that explains the broken pipe, or the end. */
static void broke(struct stream *s, int err)
{
    if (s->err == 0)
        s->err = err;
    buf_free(&s->out);
    soon(s);
}

/* ---- writing */

static size_t write_some(struct stream *s, struct str bytes)
{
    size_t done = 0;

    while (done < bytes.n) {
        ssize_t n = s->ops->write(s, bytes.p + done, bytes.n - done);

        if (n > 0) {
            done += (size_t)n;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            if (n == 0 || !would_wait())
                broke(s, n == 0 ? EPIPE : errno);
            break;
        }
    }
    return done;
}

/* False: the layer still holds some, which waits for room. */
static bool push(struct stream *s)
{
    if (!s->ops->push || s->ops->push(s) >= 0)
        return true;
    if (!would_wait())
        broke(s, errno);
    else
        watch(s, s->watching | WATCH_WRITE);
    return false;
}

void stream_write(struct stream *s, struct str bytes)
{
    if (s->err || s->ended || s->dead || s->closing || bytes.n == 0)
        return;
    if (s->out.n == 0 && !s->working)
        bytes = str_from(bytes, write_some(s, bytes));
    if (bytes.n > 0 && !s->err) {
        buf_add(&s->out, bytes);
        if (!s->working)
            watch(s, s->watching | WATCH_WRITE);
    }
    if (s->busy == 0)
        push(s);
}

/* True when nothing is left. */
static bool write_queued(struct stream *s)
{
    buf_drop(&s->out, write_some(s, buf_str(&s->out)));
    if (s->out.n > 0) {
        watch(s, s->watching | WATCH_WRITE);
        return false;
    }
    if (!push(s))
        return false;
    buf_free(&s->out);
    watch(s, s->watching & ~WATCH_WRITE);
    return true;
}

size_t stream_queued(const struct stream *s)
{
    return s->out.n;
}

/* ---- reading */

/* What the user does not take waits in s->in. Bytes that came lately point into
 * the scratch of this thread until then, so that an idle stream holds none. */
static void offer(struct stream *s, struct str fresh)
{
    struct str all;
    size_t taken;

    if (s->in.n > 0) {
        buf_add(&s->in, fresh);
        all = buf_str(&s->in);
    } else {
        all = fresh;
    }
    taken = all.n ? s->user->input(s->ctx, all) : 0;
    if (s->dead || s->closing)
        return;
    if (s->in.n > 0)
        buf_drop(&s->in, taken);
    else if (taken < fresh.n)
        buf_add(&s->in, str_from(fresh, taken));
    if (s->in.n == 0)
        buf_free(&s->in);
}

static bool may_read(const struct stream *s)
{
    return !s->paused && !s->dead && !s->ended && !s->closing && !s->eof && s->in.n < UNREAD_MAX;
}

/* Level-triggered: one read a turn is fair and saves the read that only says
 * EAGAIN. A layer with bytes of its own (TLS) must be read until it says so. */
static void read_some(struct stream *s)
{
    static _Thread_local char scratch[READ_SIZE];
    bool drain = s->ops != &raw || s->err;

    for (int i = 0; may_read(s); i++) {
        ssize_t n;

        if (i == READS_A_TURN) {
            soon(s);
            return;
        }
        n = s->ops->read(s, scratch, sizeof scratch);
        if (n > 0) {
            offer(s, (struct str){ scratch, (size_t)n });
        } else if (n == 0) {
            s->eof = true;
        } else if (errno == EINTR) {
            continue;
        } else {
            if (!would_wait()) {
                s->err = s->err ? s->err : errno;
                s->eof = true;
            }
            break;
        }
        if (!drain && !s->err)
            break;
    }
    if (s->err)
        s->eof = true;          /* it was written to in vain and read to its end */
}

static void tell_end(struct stream *s)
{
    struct why why = { 0 };

    s->ended = true;
    watch(s, 0);
    errno = s->err;
    if (s->err)
        why_errno(&why, ST_AGAIN, "connection");
    s->user->ended(s->ctx, &why);
}

/* Reading costs a system call to stop and one to go on; so a pause is noticed
 * here, when bytes come although it is paused, and often never. */
static void settle(struct stream *s)
{
    if (s->dead || s->ended || s->closing || s->working)
        return;
    if (s->eof && s->in.n > 0 && s->soon_set && !s->paused && !s->err)
        watch(s, s->watching & ~WATCH_READ);        /* what came before the end is about to be offered */
    else if (s->eof && (!s->paused || s->err))
        tell_end(s);
    else if (s->eof || s->in.n >= UNREAD_MAX)
        watch(s, s->watching & ~WATCH_READ);
    else if (!s->paused)
        watch(s, s->watching | WATCH_READ);
}

static void leave(struct stream *s)
{
    if (s->busy == 1 && !s->dead)
        push(s);
    if (--s->busy == 0 && s->dead)
        release(s);
}

/* ---- a layer's own talk */

static void write_waiting(struct stream *s)
{
    if (write_queued(s) && !s->err && s->user->flushed)
        s->user->flushed(s->ctx);
}

static void work(struct stream *s)
{
    int wants = s->ops->work(s);

    if (s->dead || s->closing)
        return;
    if (wants == STREAM_WORK_FAILED) {
        s->working = false;
        s->ended = true;
        buf_free(&s->out);
        watch(s, 0);
    } else if (wants == STREAM_WORK_DONE) {
        s->working = false;
        watch(s, WATCH_READ);
        if (s->out.n > 0)
            write_waiting(s);
    } else {
        watch(s, wants);
    }
}

void stream_work(struct stream *s)
{
    if (s->working && !s->dead && !s->closing)
        soon(s);
}

/* What was read before, and what a layer or a broken connection has kept. */
static void hear(struct stream *s)
{
    if (!s->paused && s->in.n > 0)
        offer(s, (struct str){ NULL, 0 });
    if (s->ops != &raw || s->err)
        read_some(s);
    if (s->err && s->paused)
        s->eof = true;
    settle(s);
}

/* When the layer's talk is over the user's begins at once: what came behind the one
 * is the first of the other, and their answers may go in one piece. */
static void work_on(struct stream *s)
{
    work(s);
    if (!s->working && !s->dead && !s->ended && !s->closing)
        hear(s);
}

static void on_soon(void *ctx)
{
    struct stream *s = ctx;

    s->soon_set = false;
    if (s->dead || s->ended || s->closing)
        return;
    s->busy++;
    if (s->working)
        work_on(s);
    else
        hear(s);
    leave(s);
}

/* ---- the end */

/* A close while the peer's bytes are unread makes the kernel send a reset, and
 * that may overtake our last reply. So the write side ends first and what still
 * comes is thrown away, for as long as the linger lasts. */
static bool unread_in_kernel(struct stream *s)
{
    char c;

    return recv(s->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void linger_on(struct stream *s, int what)
{
    char junk[4096];
    ssize_t n;

    if (s->out.n > 0) {
        if (what & WATCH_WRITE)
            write_queued(s);
        if (s->err)
            bury(s);
        if (s->out.n > 0 || s->dead)
            return;
    }
    if (!(s->watching & WATCH_READ)) {
        if (s->ops->finish)
            s->ops->finish(s);
        if (!push(s)) {
            if (s->err)
                bury(s);
            return;
        }
        if (s->eof || !unread_in_kernel(s) || shutdown(s->fd, SHUT_WR) < 0) {
            bury(s);
            return;
        }
        watch(s, WATCH_READ);
    }
    n = recv(s->fd, junk, sizeof junk, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && !would_wait()))
        bury(s);
}

static void on_linger_end(void *ctx)
{
    bury(ctx);
}

void stream_close(struct stream *s, int64_t linger_ms)
{
    if (s->dead || s->closing)
        return;
    s->closing = true;
    if (s->err || s->working || linger_ms <= 0) {
        if (s->out.n > 0 && !s->err && !s->working)
            write_queued(s);
        bury(s);
        return;
    }
    watch(s, s->out.n > 0 ? WATCH_WRITE : 0);
    timer_set(s->loop, &s->linger, linger_ms);
    s->busy++;
    linger_on(s, 0);
    leave(s);
}

void stream_abort(struct stream *s)
{
    if (!s->dead)
        bury(s);
}

/* ---- events and the rest */

static void on_watch(void *ctx, int what)
{
    struct stream *s = ctx;

    s->busy++;
    if (s->closing) {
        linger_on(s, what);
    } else if (s->working) {
        work_on(s);
    } else {
        if (what & WATCH_WRITE)
            write_waiting(s);
        if (what & WATCH_READ && s->paused && !s->dead && !s->closing)
            watch(s, s->watching & ~WATCH_READ);
        else if (what & WATCH_READ)
            read_some(s);
        settle(s);
    }
    leave(s);
}

void stream_pause(struct stream *s)
{
    s->paused = true;
}

void stream_resume(struct stream *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    if (!s->dead && !s->ended && !s->closing)
        soon(s);
}

size_t stream_unread(const struct stream *s)
{
    return s->in.n;
}

struct stream *stream_new(struct loop *l, int fd, const struct stream_user *u, void *ctx)
{
    struct stream *s = calloc(1, sizeof *s);

    if (!s)
        die("out of memory: a stream");
    s->loop = l;
    s->fd = fd;
    s->user = u;
    s->ctx = ctx;
    s->ops = &raw;
    s->soon = (struct job){ .fn = on_soon, .ctx = s };
    s->linger = (struct timer){ .fn = on_linger_end, .ctx = s };
    s->watch = watch_new(l, fd, on_watch, s);
    watch(s, WATCH_READ);
    return s;
}

void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *below)
{
    s->ops = ops ? ops : &raw;
    s->below = below;
    s->working = s->ops->work != NULL;
    if (s->working)
        soon(s);
}

const struct stream_ops *stream_ops_of(const struct stream *s)
{
    return s->ops;
}

void *stream_below(const struct stream *s)
{
    return s->below;
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}
