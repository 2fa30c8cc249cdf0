/*
 * counted - what DMARC found of messages, on its way into the spool's tally
 *
 * A message leaves one short record in memory; a helper thread writes them,
 * many at a time, and what does not fit is dropped and told of. Reports are
 * made of it by `perigee dmarc-report`.
 */
#ifndef ENGINE_COUNTED_H
#define ENGINE_COUNTED_H

#include "auth/finding.h"
#include "engine/parts.h"

void counted_new(struct engine *e);
void counted_free(struct engine *e);        /* after pool_free: writes what is left */
/* The message came to this end. Once a message; nothing if DMARC was not asked, or its domain wants no reports. */
void counted_message(struct engine *e, const struct settings *set, const struct txn *t, enum finding_end end);

#endif
