/*
 * received - the trace field of a message we take (RFC 5321 4.4)
 */
#ifndef ENGINE_RECEIVED_H
#define ENGINE_RECEIVED_H

#include "mail/txn.h"

/* "Received: ...; date" in wire form, Exim's wording. */
struct str received_default(struct arena *a, const struct txn *t, struct str hostname);
/* The same from the text of received_header_text; empty if the text is unusable. */
struct str received_custom(struct arena *a, struct str text, int64_t wall);
/* "smtp", "esmtp", "local" ... if nothing else was said. */
struct str received_protocol(const struct txn *t);

#endif
