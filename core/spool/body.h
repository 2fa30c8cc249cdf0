/*
 * body - large bodies, and the thread that writes them
 *
 * The loop hands over bytes a few chunks at a time; they end in a file without
 * a name. At commit the file is flushed and named, its name is flushed, and
 * only then does its record join a group.
 */
#ifndef SPOOL_BODY_H
#define SPOOL_BODY_H

#include "spool/disk.h"

/* A body in a file. The loop fills jobs, the thread does them in order. */
struct large {
    int dirfd, fd;
    bool tmp;                   /* it has a name already: no O_TMPFILE here */
    char name[24];
    uint64_t written;
    struct buf sums;
    enum status st;             /* under the lock: the first failure */
    struct why why;
    uint64_t behind;            /* under the lock: bytes in jobs */
};

enum job_kind { JOB_WRITE, JOB_KEEP, JOB_DROP, JOB_MOVE };
/* JOB_MOVE has no large. bytes moves into the job. Jobs of a body are done in order. */
void body_give(struct bodies *b, enum job_kind kind, struct large *g, struct buf *bytes, struct request *r);
/* How it goes; ST_AGAIN also while too much of all bodies waits to be written. */
enum status body_status(struct bodies *b, struct large *g, struct why *why);
/* Waits until all that was handed over is written. */
/* So much waits to be written that nobody should bring more just now. */
bool body_behind(struct bodies *b);
void body_wait(struct bodies *b, struct large *g);
bool body_written(struct bodies *b, struct large *g);    /* nothing of it waits to be written */

#endif
