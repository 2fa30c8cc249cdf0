/*
 * callout - ask the server of an address whether it takes mail for it
 *
 * Host after host: MAIL and RCPT without DATA, over connections that count
 * towards the destination's limit like those of deliveries (links.h), within
 * one deadline for the whole. What the rule library wants is in
 * policy/callout.h.
 *
 * A connection can be held until the end of the transaction that asked (F35):
 * its later recipients join it, and the delivery finds it open. At most one a
 * session; it gives way when somebody waits for its place.
 */
#ifndef ENGINE_CALLOUT_H
#define ENGINE_CALLOUT_H

#include "engine/parts.h"
#include "policy/callout.h"

void callouts_new(struct engine *e);
void callouts_free(struct engine *e);

/* For struct policy_env; ctx is the engine. */
struct callout *callout_start(void *engine, const struct callout_want *w, callout_done *done, void *ctx);
void callout_cancel(struct callout *c);

/* The transaction of this connection is over. kept: the message is ours, and
 * what is held is of use to its delivery; else it ends with QUIT. */
void callout_let_go(struct engine *e, const struct conn *conn, bool kept);

#endif
