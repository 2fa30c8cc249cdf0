/*
 * local - deliveries that need another user's rights (design section 3, R7.3)
 *
 * Where mailboxes of other users are delivered, one process keeps root's
 * rights for the sole purpose of giving them up: per delivery it forks a child
 * that becomes the user and acts. It gets a message as bytes over a socket,
 * never a spool descriptor; it resolves the user itself; and it acts only
 * within limits the master fixed at start: beneath local_delivery_roots, never
 * as uid 0, as one of never_users or below the lowest uid.
 *
 * A worker uses a link; all workers share the socket behind it.
 */
#ifndef ENGINE_LOCAL_H
#define ENGINE_LOCAL_H

#include "base/str.h"
#include "base/why.h"
#include "engine/appendfile.h"
#include "net/loop.h"

struct local_limits {
    const struct str *roots; size_t nroots;     /* absolute directories */
    const struct str *never; size_t nnever;     /* user names */
    uint32_t lowest_uid;                        /* 0: 100 */
    unsigned most;                              /* deliveries at once; 0: 20 */
};

struct local_link;
struct local_delivery;

/* What to deliver. Strings are copied by local_deliver. */
struct local_want {
    struct str user;                    /* a name, or a uid in digits */
    const struct appendfile *file;      /* where and how; its content is not used */
    int64_t timeout_ms;                 /* 0: five minutes */
};

/* The next piece of the message, as content_next. Called on the loop: it must
 * not block (read the body ahead, or deliver bodies that are in memory). */
typedef enum content_end local_source(void *ctx, struct buf *out);
/* st as appendfile_deliver's. Called once, never inside local_deliver. */
typedef void local_done(void *ctx, enum status st, uint64_t written, const struct why *why);

struct local_delivery *local_deliver(struct local_link *l, const struct local_want *w,
                                     local_source *source, local_done *done, void *ctx);
void local_cancel(struct local_delivery *d);    /* done is not called */

/* ---- the master's and the worker's side */
struct local_link *local_link_new(struct loop *l, int fd);     /* owns fd, one end of the pair */
void local_link_free(struct local_link *l);
/* The process itself: serves fd, the other end, until it closes. Returns an exit status. */
int local_serve(int fd, const struct local_limits *limits);

#endif
