/*
 * segment - one file of a shard's log
 *
 * A segment is made at its full size, written from front to back in groups,
 * sealed with a directory of its records, and used again once nothing in it is
 * live. A group begins at a new page and is written in whole pages: no page
 * that holds an answered message is ever written again, and nothing has to be
 * read to write.
 *
 * Everything here blocks. It belongs to the helper thread, or to whoever
 * recovers or looks; only refs is shared, under the shard's lock.
 */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H

#include <sys/uio.h>

#include "base/buf.h"
#include "base/why.h"
#include "spool/wire.h"

enum seg_use {
    SEG_FREE,           /* may be used again once refs is 0 */
    SEG_ACTIVE,         /* groups are added to it */
    SEG_SEALED,
    SEG_CONDEMNED       /* a write or flush failed: read from, never written again */
};

/* Ends of messages in this segment that must be known as long as a generation
 * of the range is there, since records of the messages lie in it. They count as
 * live. */
struct tomb { uint32_t born, origin, bytes, staged; };

struct segment {
    struct segment *next;
    unsigned file;              /* the number in its name */
    int fd;
    _Atomic enum seg_use use;
    struct seg_head head;
    uint64_t at;                /* where the next group goes */
    uint32_t group;             /* its number */
    uint64_t filled;            /* bytes from the start that were written in some use */
    struct buf dir;             /* entries; kept while active or condemned */
    unsigned refs;              /* reads under way on the loop */
    /* what the index txn under way would make of it (account.h) */
    _Atomic int64_t live;       /* status reads it too */
    int64_t live_was;
    struct tomb *tombs;
    unsigned ntombs, tombs_cap;
    bool dirty;                 /* differs from what the index holds */
    bool stuck;                 /* something in it cannot be read: never freed */
};

/* "segment.000017"; false from segment_number: no such name. */
void segment_name(unsigned file, char out[32]);
bool segment_number(const char *name, unsigned *file);

/* Makes a file and gives it its full size. ST_AGAIN: no room. */
enum status segment_create(int dirfd, unsigned file, uint64_t size, struct segment **out, struct why *why);
enum { SHARD_UNKNOWN = 0xffff };    /* head.shard, where only records told generation and tag */
/* Opens one and reads its heads and foot. ST_NEVER: another version, or the
 * file is damaged: *read says which; nothing is changed. */
enum status segment_open(int dirfd, unsigned file, bool readonly, struct segment **out, enum wire_read *read, struct why *why);
void segment_close(struct segment *s);

/* Begins a new use, flushed. */
enum status segment_begin(struct segment *s, const struct seg_head *h, struct why *why);
/* Bytes a group may still take, if entries of dir_more bytes come with it. */
uint64_t segment_room(const struct segment *s, size_t dir_more);
/* Writes a group of bytes from v at s->at and fills its last page. Not yet
 * flushed. v is used up. */
enum status segment_write(struct segment *s, struct iovec *v, int n, uint64_t bytes, struct why *why);
/* Flushes; s->at is then behind the group. */
enum status segment_flush(struct segment *s, uint64_t bytes, struct why *why);
/* Writes and flushes some zeros ahead of where groups go, for a first use: to
 * overwrite takes half the time of writing what was only reserved. ST_NONE:
 * nothing left to fill. */
enum status segment_fill(struct segment *s, struct why *why);
bool segment_unfilled(const struct segment *s);
enum status segment_seal(struct segment *s, struct why *why);
enum status segment_mark_free(struct segment *s, struct why *why);

/* All of n bytes at, or ST_AGAIN. */
enum status segment_read(const struct segment *s, uint64_t at, void *out, size_t n, struct why *why);
/* The directory of a sealed segment. ST_NEVER: damaged. */
enum status segment_dir(const struct segment *s, struct buf *out, struct why *why);

#endif
