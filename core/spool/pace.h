/*
 * pace - how fast something comes, and when it was last seen, in hints
 *
 * The rates of `ratelimit` and the times of `seen`. Every worker changes an
 * entry in one transaction, so all of them agree. An entry goes when it can no
 * longer change an answer. With no room for a new one it is not kept, and its
 * event counts as the first of its kind.
 */
#ifndef SPOOL_PACE_H
#define SPOOL_PACE_H

#include "spool/hints.h"

enum pace_keep {
    PACE_LEAKY,                 /* kept while under the limit, so that who asks too often is let in at the limit */
    PACE_STRICT,                /* always kept: who goes on asking stays out */
    PACE_READ                   /* what it would be with this event; nothing is kept */
};

struct pace_ask {
    double limit, count;        /* count >= 0: what this event adds */
    int64_t period;             /* seconds, > 0 */
    enum pace_keep keep;
    struct str unique;          /* not NULL: adds only if it was not there in this period */
};

/* The smoothed rate, this event included. ST_AGAIN: hints cannot be read or written. */
enum status pace_rate(struct hints *h, struct str key, const struct pace_ask *ask, int64_t now_us, double *rate, struct why *why);

struct seen_ask {
    int64_t interval;           /* seconds, >= 0 */
    bool before;                /* asks for longer ago than that, not for within it */
    bool read, write;           /* never kept; always kept */
    int64_t refresh;            /* with before: the time is renewed when it is older than this */
};

enum status pace_seen(struct hints *h, struct str key, const struct seen_ask *ask, int64_t now, bool *yes, struct why *why);

#endif
