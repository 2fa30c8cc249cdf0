/*
 * retry - when to try again, and when to give up
 *
 * Arithmetic only: a rule's steps (Exim's F, G and H), the time of the first
 * failure and the time now give the next try. Nothing but the first failure
 * is kept, so a clock that jumped or an engine that stood still for a day
 * changes when the next try comes, never how the schedule goes on.
 */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "policy/policy.h"

struct retry_plan {
    int64_t next;       /* wall seconds */
    bool expired;       /* the last step's cutoff is behind us */
};

/* What a site without retry rules gets: F,2h,15m; G,16h,1h,1.5; F,4d,6h. */
extern const struct retry_rule retry_default;

/* first: the first failure, not after now. interval_max: the option of that name. */
struct retry_plan retry_next(const struct retry_rule *r, int64_t first, int64_t now, int64_t interval_max);

/* Whether a recipient that failed again may be given up (R2.10): the schedule
 * is over, and the try before this one was made when it was planned. After a
 * jump of the clock or a long stop a recipient gets one try more. */
bool retry_may_expire(const struct retry_plan *p, uint32_t attempts, int64_t planned, int64_t now);

#endif
