/*
 * cutthrough - a message goes on while it comes in (F34)
 *
 * control = "cutthrough_delivery": the recipients were taken by their next hop
 * in a transaction that a callout holds open. When the header is here, DATA is
 * said there and what arrives is passed on; the dot only once the rules have
 * accepted the message. A yes or a no of the next hop is then the client's
 * answer, and nothing is kept. Until then the draft has all of it: whatever else
 * happens, the message goes the ordinary way.
 */
#ifndef ENGINE_CUTTHROUGH_H
#define ENGINE_CUTTHROUGH_H

#include "engine/parts.h"

struct cutthrough;

/* The header is known. NULL: the message goes the ordinary way. */
struct cutthrough *cutthrough_begin(struct engine *e, struct settings *set, struct txn *t, struct draft *d);
void cutthrough_more(struct cutthrough *c);         /* the draft has grown */

/* ST_OK: the next hop has the message, and the log has it. ST_NEVER, and ST_AGAIN with
 * text: what it said. ST_AGAIN without: nothing that is anybody's business. */
typedef void cutthrough_done(void *ctx, enum status st, struct str text);
/* The draft is whole and accepted. done may run inside. After it the cutthrough is gone. */
void cutthrough_end(struct cutthrough *c, cutthrough_done *done, void *ctx);
/* The message was not accepted: the connection ends before a dot. */
void cutthrough_cancel(struct cutthrough *c);

#endif
