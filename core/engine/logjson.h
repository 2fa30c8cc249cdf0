/*
 * logjson - the events of the main log as members of JSON objects
 *
 * One function per kind, made of the same facts as logline's. Names are a
 * contract with whoever reads the file (docs/guide/logs.md): one may be added,
 * none changes its meaning. What is not known is left out. Every text is cut
 * at a bound, bytes that are no UTF-8 become U+FFFD, and a whole object stays
 * below what base/log takes as one line.
 */
#ifndef ENGINE_LOGJSON_H
#define ENGINE_LOGJSON_H

#include "engine/logline.h"

/* Each adds `"event":...,"id":...` and what follows, without braces: the time is
 * put before it when the line is written (record.h). */
void logjson_arrival(struct buf *out, struct str id, const struct txn *t, struct str cause);
/* event: "delivery", "deferral", "failure", "discard" */
void logjson_delivery(struct buf *out, const char *event, struct str id, const struct log_delivery *d);
void logjson_completed(struct buf *out, struct str id, int64_t queue_us, struct str queue);

struct log_refusal {
    const struct conn *conn;
    const struct txn *t;        /* NULL: none under way */
    const char *phase;          /* NULL: no rule was asked */
    struct str error;           /* as in the text line */
    struct str reply;           /* what the client was told; may be empty */
    bool temporary;
    struct str explain;         /* for perigee explain; empty: nothing is kept */
};
void logjson_refused(struct buf *out, const struct log_refusal *r);

/* "2026-03-04T05:06:07.123Z" */
void logjson_time(struct buf *out, int64_t wall_us);

#endif
