/*
 * stream - a connection's bytes, in clear or under TLS
 *
 * One object owns the descriptor and closes it once. Whoever uses it sees
 * bytes in and bytes out with back-pressure and does not know what is below;
 * core/tls puts itself in by replacing ops. No buffer is held while
 * a stream is idle: 10,000 idle sessions must stay small.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/why.h"
#include "net/loop.h"
#include "net/sock.h"

struct stream;

struct stream_user {
    /* Bytes came. Returns how many were taken; the rest is offered again
     * with what follows, or at stream_resume. */
    size_t (*input)(void *ctx, struct str bytes);
    /* What had to wait is with the kernel. Not called for a stream_write that
     * went through at once: stream_queued tells. May be NULL. */
    void (*flushed)(void *ctx);
    /* The end: clean (why->text empty) or broken, told once unread bytes were
     * offered. Nothing is called after it; the stream stays the user's to close. */
    void (*ended)(void *ctx, const struct why *why);
};

/* What a layer's own work waits for: WATCH_READ, WATCH_WRITE, 0 (stream_work says when), or: */
enum { STREAM_WORK_DONE = -1, STREAM_WORK_FAILED = -2 };

/* The raw layer; TLS wraps one in another. read and write return as read(2) and
 * write(2) do, -1 with EAGAIN to wait. */
struct stream_ops {
    ssize_t (*read)(struct stream *s, char *p, size_t n);
    ssize_t (*write)(struct stream *s, const char *p, size_t n);
    void (*close)(struct stream *s);
    /* A talk of the layer's own before the user's (a handshake), or NULL. Called soon after stream_set_ops, then
     * whenever what it waits for is there. Until it is done nothing is read for the user, and what the
     * user writes waits. Failed: the stream says nothing more to its user. */
    int (*work)(struct stream *s);
    /* The layer's last words, before the write side ends; or NULL. Called again while they wait for room. */
    void (*finish)(struct stream *s);
    /* A callback is over: what the layer held back of its writing, so that it goes in one piece, goes out; or NULL.
     * Below 0: not all of it could (errno as of send). Called again when there is room. */
    int (*push)(struct stream *s);
};

/* Reads from the start. Owns fd. No callback runs inside stream_new,
 * stream_write, stream_resume or stream_close: they come from the loop. Every
 * function may be called in every callback. */
struct stream *stream_new(struct loop *l, int fd, const struct stream_user *u, void *ctx);
void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *below);
void stream_work(struct stream *s);                     /* soon: the layer's work goes on */
void *stream_below(const struct stream *s);
const struct stream_ops *stream_ops_of(const struct stream *s);
int stream_fd(const struct stream *s);

void stream_write(struct stream *s, struct str bytes);  /* tries at once, queues the rest */
size_t stream_queued(const struct stream *s);
void stream_pause(struct stream *s);                    /* no input is called, and soon nothing read */
void stream_resume(struct stream *s);                   /* soon: offers unread bytes again, then reads */
/* Bytes read from the socket that nobody took (R3.4: STARTTLS must find none). */
size_t stream_unread(const struct stream *s);
/* Writes what is queued for at most ms, then closes and frees. No callback follows. */
void stream_close(struct stream *s, int64_t linger_ms);
void stream_abort(struct stream *s);                    /* closes and frees now */

#endif
