/*
 * history - what was tried to deliver a message, for whoever asks why it failed
 *
 * Each attempt notes the hosts it went to and what they said, in the walk's
 * arena and within bounds. Nothing is made of it unless a destination was
 * refused or put off: then it stands in the ring under the id in the log line.
 */
#ifndef ENGINE_HISTORY_H
#define ENGINE_HISTORY_H

#include "engine/attempt.h"

/* A host is turned to; one is passed over until a time. */
void history_begin(struct attempt *a);
void history_skip(struct attempt *a, int64_t until);
/* How that went: "failed", "refused", "deferred", "taken". it NULL: for all that were open. */
void history_note(struct attempt *a, const char *how, const struct item *it, struct str text);
/* The attempt is over: its items know what was tried. */
void history_end(struct attempt *a);

/* Gives the item an id to be asked under, if it has none; not if nothing is kept, or too much is. */
void history_explain(struct walk *w, struct item *it);

#endif
