/*
 * explain - the names under which one can ask why
 *
 * SPOOL/explain/N is the ring of worker N. A name is a number of that ring and
 * the worker's: "fq3k2a-0". An engine without a spool of its own keeps nothing
 * and tells whoever listens.
 */
#ifndef ENGINE_EXPLAIN_H
#define ENGINE_EXPLAIN_H

#include "engine/parts.h"

void explain_new(struct engine *e);
void explain_switch(struct engine *e);      /* the size the options of the generation in use want */
void explain_free(struct engine *e);        /* after the pool */

/* Somebody keeps, or listens. */
bool explain_wanted(const struct engine *e);
/* So many a second of what is worth little each: mail that was not tried, since its time has not come. */
bool explain_allowed(struct engine *e);

/* For policy_env. */
bool explain_keep(void *engine, struct str members, char id[EXPLAIN_ID]);
/* " E=fq3k2a-0" at the end of a log line; nothing for an empty id. */
void explain_put(struct buf *line, struct str id);

/* The record of an id, a JSON object. ST_NEVER: it is no id; ST_NONE: it is not there, or no longer. */
enum status explain_find(const char *spool, struct str id, struct arena *a, struct str *object, struct why *why);
/* It as people read it. */
void explain_text(struct str object, struct buf *out);

#endif
