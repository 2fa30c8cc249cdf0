/*
 * space - is there space for a message, and is it delivered at once?
 *
 * check_spool_space and the options of the queue_only kind.
 */
#ifndef ENGINE_SPACE_H
#define ENGINE_SPACE_H

#include "engine/parts.h"
#include "mail/txn.h"

/* Room for a message of this size (< 0: unknown) and the space that is to stay free. */
bool engine_has_room(struct engine *e, const struct settings *set, int64_t size, struct why *why);
/* Does this message wait for a pass over the queue, and why? Notes in its connection what concerns the next ones. */
bool engine_queues_only(struct engine *e, const struct settings *set, struct txn *t, struct why *why);

#endif
