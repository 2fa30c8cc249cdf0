/*
 * scan - find the records of a segment that has no directory
 *
 * For segments that were not sealed: the one a crash interrupted, one that was
 * condemned, one whose directory was damaged. A place that holds no record of
 * this use sends the search on; the tag in every record keeps
 * bytes of clients and of earlier uses from being taken for one.
 */
#ifndef SPOOL_SCAN_H
#define SPOOL_SCAN_H

#include "spool/segment.h"

struct scan_found {
    unsigned records;
    unsigned torn;          /* left out: of the last group, which was never answered */
    unsigned unread;        /* places that could not be read at all */
    unsigned damaged;       /* kept, but their text or body does not match its checksum */
    uint64_t end;           /* page behind the last record */
    uint32_t group;         /* behind the last one seen */
};

/* Adds the entries of records at from (a page) and behind to out. */
void scan_segment(const struct segment *s, uint64_t from, struct buf *out, struct scan_found *found);

#endif
