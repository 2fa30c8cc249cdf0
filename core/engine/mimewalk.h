/*
 * mimewalk - the ACL asked about each MIME part of a message (phases mime, not_smtp_mime)
 *
 * The message's own parts come first, then those of each attached message, in the
 * order they begin. The first answer that is not yes is the answer. A message that exceeds a
 * bound of mail/mime.h cannot be checked whole and is refused, since what is
 * behind the bound would go by unseen.
 */
#ifndef ENGINE_MIMEWALK_H
#define ENGINE_MIMEWALK_H

#include "net/loop.h"
#include "policy/policy.h"

struct mimewalk;

/* Whether there is anything to ask: an ACL of that phase, and a Content-Type field. */
bool mimewalk_wanted(const struct policy *p, enum phase ph, const struct txn *t);
/* t->body must be readable. Answers by done, never inside the call. */
struct mimewalk *mimewalk_ask(struct loop *l, struct policy *p, enum phase ph, struct txn *t, acl_done *done, void *ctx);
void mimewalk_cancel(struct mimewalk *w);

#endif
