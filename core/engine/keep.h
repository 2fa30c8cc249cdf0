/*
 * keep - from an accepted transaction to a message we answer for
 *
 * Adds the trace field, applies every header edit at once, writes envelope and
 * state, commits. Nobody hears "stored" before the spool said so, and the
 * arrival line is written between the two (R2.1).
 */
#ifndef ENGINE_KEEP_H
#define ENGINE_KEEP_H

#include "engine/parts.h"

struct keep_want {
    struct engine *e;
    struct settings *set;
    struct txn *t;              /* until done, or keep_forget */
    struct draft *draft;        /* taken */
    struct str cause;           /* a bounce: the message it is about */
    bool trusted;               /* a local caller that may set its sender */
    bool no_queue;              /* do not try it at once */
    bool as_it_was;             /* it was kept before: nothing is added to it */
    bool rewrite;               /* one of our own: the rewriting rules have not had it, and are to */
};

/* Lets policy read the body that is in d (message_body); NULL: no longer. */
void keep_lend_body(struct txn *t, struct draft *d);

/* What lists of the queue show: the sender, a named queue, recipients. */
void keep_summary(struct buf *out, const struct txn *t);

struct keep;
/* st ST_OK: stored under id. ST_AGAIN: not, why says what. */
typedef void keep_done(void *ctx, enum status st, struct msg_id id, const struct why *why);
/* done may run before this returns; then NULL is returned. */
struct keep *keep_message(const struct keep_want *w, keep_done *done, void *ctx);
/* The asker goes away: done is not called, want.t is not touched again. The
 * message may be kept all the same, which the client may not know (R1.3). */
void keep_forget(struct keep *k);

#endif
