/*
 * record - an event, told in every log that is kept
 *
 * The text line and the JSON object of an event are made here, of the same
 * facts, so that neither says what the other does not know.
 */
#ifndef ENGINE_RECORD_H
#define ENGINE_RECORD_H

#include "engine/logjson.h"
#include "engine/parts.h"

void record_delivered(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d);
void record_deferred(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d);
void record_failed(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d);
void record_discarded(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d);
void record_completed(struct engine *e, const struct settings *set, struct str id, int64_t queue_us, struct str queue);

/* An arrival is put into words while the message is in hand, and said once it is kept. */
struct arrival { struct buf line, json; };
void record_arrival(struct arrival *a, const struct settings *set, const struct txn *t, struct str cause, bool id_made);
void record_arrived(struct str id, const struct arrival *a);
void arrival_free(struct arrival *a);

/* A refusal's text lines differ in form and place, so they stay with whoever refuses. */
void record_refused(const struct settings *set, const struct log_refusal *r);

#endif
