/*
 * local - deliveries that need another user's rights (design section 3, R7.3)
 *
 * Where mailboxes of other users are delivered, one process keeps root's
 * rights for the sole purpose of giving them up: per delivery it forks a child
 * that becomes the user and acts. It gets a message as bytes over a socket,
 * never a spool descriptor; it resolves the user itself; and it acts only
 * within limits the master fixed at start: beneath local_delivery_roots, with
 * programs of local_delivery_programs, never as uid 0, as one of never_users or
 * below the lowest uid.
 *
 * A worker uses a link; all workers share the socket behind it.
 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

#include "base/buf.h"
#include "base/str.h"
#include "base/why.h"
#include "local/appendfile.h"
#include "net/loop.h"

struct local_limits {
    const struct str *roots; size_t nroots;     /* absolute directories */
    const struct str *programs; size_t nprograms;   /* absolute: programs, or directories of them */
    const struct str *never; size_t nnever;     /* user names */
    uint32_t lowest_uid;                        /* 0: 100 */
    unsigned most;                              /* deliveries at once; 0: 20 */
};

struct local_link;
struct local_delivery;
struct notes;

/* A program that gets the message on its standard input (R7.4). */
struct local_program {
    char *const *argv, *const *envp;    /* argv[0] is a path */
    struct str directory;
    mode_t umask;
    size_t output_max;
    int out_fd;                         /* its standard output goes there, at most file_max bytes; -1: it is collected */
    uint64_t file_max;
    bool talk;                          /* out_fd is a socket: standard input and output, and there is no message. The
                                         * program is ended when the delivery is cancelled */
};

/* What to deliver. Strings are copied by local_deliver. One of file, program and notes is set. */
struct local_want {
    struct str user;                    /* a name, or a uid in digits */
    struct str group;                   /* empty: the user's own */
    bool initgroups;                    /* and all others it is in */
    const struct appendfile *file;      /* where and how; its content is not used */
    const struct local_program *program;
    const struct notes *notes;          /* an autoreply's files, looked at, or kept; there is no message */
    bool keep;
    int64_t timeout_ms;                 /* 0: five minutes */
};

struct local_end {
    enum status status;                 /* of a program: ST_NEVER if it could not be started */
    struct why why;
    /* a mailbox: as in struct appendfile */
    uint64_t written;
    bool full, warn;
    int64_t unread_s;
    unsigned format;
    /* a program */
    bool late, too_much;
    int exit_status, signal;
    struct str output;                  /* valid in the call; of notes: the text */
    int64_t seen;                       /* of notes */
};

/* The next piece of the message, as content_next. Called on the loop: it must
 * not block (read the body ahead, or deliver bodies that are in memory). */
typedef enum content_end local_source(void *ctx, struct buf *out);
/* Called once, never inside local_deliver. */
typedef void local_done(void *ctx, const struct local_end *end);

/* source is not asked where the program talks, and for notes. */
struct local_delivery *local_deliver(struct local_link *l, const struct local_want *w,
                                     local_source *source, local_done *done, void *ctx);
void local_cancel(struct local_delivery *d);    /* done is not called */

/* ---- the master's and the worker's side */
struct local_link *local_link_new(struct loop *l, int fd);     /* owns fd, one end of the pair */
void local_link_free(struct local_link *l);
/* The process itself: serves fd, the other end, until it closes. Returns an exit status. */
int local_serve(int fd, const struct local_limits *limits);

/* ---- local_program.c, in a child that has become the user: input is the message */
struct local_run {
    char **argv, **envp;
    const char *directory;
    mode_t umask;
    int64_t timeout_ms;
    size_t output_max;
    uint64_t file_max;
    int input, out_fd;
    int asker;                  /* talk: input is nothing, out_fd both ways, and who asked hangs up to end it; else -1 */
};
/* end->output lives in out. */
void local_program_run(const struct local_run *r, struct buf *out, struct local_end *end);

#endif
