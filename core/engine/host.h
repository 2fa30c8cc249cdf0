/*
 * host - what is remembered of hosts that failed (hints, table "retry")
 *
 * A hint: it may be lost at any time, and says only when a host is worth
 * another try. What a recipient's mail waits for stands in its own record.
 */
#ifndef ENGINE_HOST_H
#define ENGINE_HOST_H

#include "engine/parts.h"
#include "engine/retry.h"
#include "mail/txn.h"

/* expired: the schedule is over, and it failed once more. */
struct host_hint { int64_t first, next; bool expired; };

/* False: nothing is known, the host may be tried. */
bool host_hint_get(struct engine *e, const struct at_host *h, bool with_ip, struct host_hint *out);
void host_hint_failed(struct engine *e, const struct settings *set, const struct at_host *h, bool with_ip,
                      const struct retry_rule *r);
void host_hint_worked(struct engine *e, const struct at_host *h, bool with_ip);

#endif
