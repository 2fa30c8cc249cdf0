/*
 * openrelay - does this rule set send anybody's mail to anywhere?
 *
 * The rules are really run: a stranger from outside, not authenticated, comes to
 * each port we listen on and sends to a domain that is not ours, under several
 * senders and names, since a rule that trusts what a client says of itself trusts everybody.
 * It relays for everyone if the message is taken, if its recipient would be sent
 * on by SMTP, and if the same works from networks that have nothing in common: a
 * list of friends may hold the first, never all of them.
 */
#ifndef WORLD_OPENRELAY_H
#define WORLD_OPENRELAY_H

#include "base/buf.h"
#include "policy/policy.h"

struct world;

/* The zone of its world: the stranger, the far domain, and every name that the
 * rules write, so that smart hosts are found. */
void openrelay_zone(const struct snapshot *s, struct buf *zone);

/* s: what the world's rules were made of. True: it does; *out has the statement that let it in, and the conversation. */
bool openrelay_find(struct world *w, const struct snapshot *s, struct arena *a, struct problem *out);

#endif
