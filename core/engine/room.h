/*
 * room - is there room for a message in a mailbox of ours?
 *
 * Asked by verify = "recipient/quota" before the message comes. It looks as a
 * delivery would (quota.h), with the rights a delivery would have, on a helper
 * thread or in the local process, and writes nothing.
 */
#ifndef ENGINE_ROOM_H
#define ENGINE_ROOM_H

#include "engine/parts.h"
#include "policy/callout.h"

/* For struct policy_env; ctx is the engine. */
struct room *room_ask(void *engine, const struct room_want *w, room_done *done, void *ctx);
void room_cancel(struct room *r);

void rooms_free(struct engine *e);      /* the threads are gone */

#endif
