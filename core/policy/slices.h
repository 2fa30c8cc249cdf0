/*
 * slices - the body of a message read piece by piece, a piece a turn of the loop
 *
 * So a long body never stalls the others (P4). Nothing is called inside
 * slices_begin; done is called once, unless it was cancelled. The body must be there until then.
 */
#ifndef POLICY_SLICES_H
#define POLICY_SLICES_H

#include "base/why.h"
#include "mail/txn.h"
#include "net/loop.h"

struct slices;
/* False: that was enough. slices_hold may be called in it. */
typedef bool slices_take(void *ctx, struct str bytes);
/* ST_AGAIN: it could not be read. */
typedef void slices_done(void *ctx, enum status st, const struct why *why);

/* Bytes from to to of what b reads. */
struct slices *slices_begin(struct loop *l, const struct body_source *b, uint64_t from, uint64_t to,
                            slices_take *take, slices_done *done, void *ctx);
/* No next piece, and no end, before slices_go: the taker writes what it took. */
void slices_hold(struct slices *s);
void slices_go(struct slices *s);
/* The taker failed elsewhere: done is not called any more. Also what cancels. */
void slices_cancel(struct slices *s);

/* Finds the parts of t (t->mime), or answers at once with NULL when they are known. */
struct slices *slices_parts(struct loop *l, struct txn *t, slices_done *done, void *ctx);

#endif
