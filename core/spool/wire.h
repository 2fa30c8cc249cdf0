/*
 * wire - what lies on disk, byte by byte (docs/spool.md has the pictures)
 *
 * A segment is a file of fixed size:
 *
 *   0            head        a page: whose, which generation, in use or free
 *   WIRE_PAGE    records     each begins at a multiple of WIRE_ALIGN; each
 *                            group of records begins at a new page
 *   ...          directory   once sealed: one entry a record
 *   size - 2 p.  head        the same as at 0
 *   size - 1 p.  foot        once sealed: where the directory is
 *
 * Numbers are little-endian. Heads, feet and records carry generation and tag:
 * the generation orders the uses of all segments of a shard, the tag is a
 * number nobody outside can know, drawn for each use. So what an earlier use
 * left behind, or a client put into a body, is never taken for a record.
 *
 * Every decoder takes its input as hostile (R2.7) and says false for anything
 * that is not exactly in this form.
 */
#ifndef SPOOL_WIRE_H
#define SPOOL_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "spool/id.h"

enum {
    WIRE_VERSION = 2,
    WIRE_PAGE = 4096,
    WIRE_ALIGN = 16,
    WIRE_TAIL = 2 * WIRE_PAGE,      /* second head and foot */
    WIRE_CHUNK = 64 << 10,          /* of a body, each with a checksum of its own */
    REC_HEAD = 64,
    REC_META_MAX = 32 << 20         /* envelope, header section and checksums together */
};

/* A version that is not ours is told from damage: damage is set aside, another
 * version is refused and not touched. */
enum wire_read { WIRE_OK, WIRE_DAMAGED, WIRE_VERSION_OTHER, WIRE_EMPTY };

/* ---- head and foot of a segment */

struct seg_head {
    uint32_t shard, gen;
    uint64_t tag;
    uint64_t size;
    uint64_t ids_limit;             /* counters below it may have been used */
    bool free;
};
struct seg_foot {
    uint32_t gen;
    uint64_t tag;
    uint32_t dir_at, dir_len, dir_crc;
};

void seg_head_put(const struct seg_head *h, char page[WIRE_PAGE]);
enum wire_read seg_head_get(const char page[WIRE_PAGE], struct seg_head *h);
void seg_foot_put(const struct seg_foot *f, char page[WIRE_PAGE]);
enum wire_read seg_foot_get(const char page[WIRE_PAGE], struct seg_foot *f);

/* ---- records */

enum rec_type {
    REC_MESSAGE = 1,                /* envelope, header, first state, body or where it is */
    REC_COPY,                       /* the same, moved here by compaction */
    REC_STATE,                      /* a message's state from here on, or its end */
    REC_IDS                         /* the next ids that may be used */
};
struct rec {
    enum rec_type type;
    bool large;                     /* body in a file of its own */
    bool gone;                      /* REC_STATE: the message ends */
    uint32_t gen;
    uint64_t tag;
    struct id_parts id;             /* REC_IDS: its counter is the limit */
    uint32_t meta_len, body_len;    /* bytes that follow the header */
    uint32_t meta_crc;
    uint32_t born, origin;          /* generations between which the message's records lie */
    uint32_t group;                 /* records flushed together; grows within a segment */
};
void rec_put(const struct rec *r, char out[REC_HEAD]);
enum wire_read rec_get(const char in[REC_HEAD], struct rec *r);
/* Whether a record may begin here, by its first four bytes. */
bool rec_begins(const char *p);
/* Bytes in the segment, with padding to WIRE_ALIGN. */
uint64_t rec_size(const struct rec *r);

/* Chunks a body of that size has. */
uint32_t body_chunks(uint64_t size);

struct meta {                       /* of REC_MESSAGE and REC_COPY */
    int64_t received, next_try;
    uint32_t flags, pending;
    uint64_t body_size;
    struct str sums;                /* four bytes a chunk */
    struct str envelope, header, blob, summary;
};
void meta_put(const struct meta *m, struct buf *out);
bool meta_get(struct str in, struct meta *m);
/* The checksum of a chunk, and where it stands in what meta_put wrote: the
 * helper thread computes it after the record was put together. */
uint32_t meta_sum(const struct meta *m, uint32_t chunk);
void meta_set_sum(char *meta, uint32_t chunk, uint32_t sum);

enum { STATE_HEAD = 16 };           /* before the summary or the blob of a state */
struct state_meta {                 /* of REC_STATE */
    int64_t next_try;
    uint32_t flags, pending;
    struct str blob, summary;       /* summary empty: the message's own */
};
void state_put(const struct state_meta *m, struct buf *out);
bool state_get(struct str in, struct state_meta *m);

/* ---- directory: what the index has to know of each record */

struct entry {
    enum rec_type type;
    bool large, gone;
    uint32_t at, len;               /* rec_size */
    uint32_t born, origin;
    struct id_parts id;
    int64_t received, next_try;
    uint64_t size;                  /* header section + body; REC_IDS: nothing */
    uint32_t flags, pending;
    struct str summary;
};
size_t entry_size(const struct entry *e);
void entry_put(const struct entry *e, struct buf *out);
/* Takes one off *in; false at the end and for damage (*in is then not empty). */
bool entry_get(struct str *in, struct entry *e);
/* The entry of a record whose meta has been checked. */
bool entry_of(const struct rec *r, uint32_t at, struct str meta, struct entry *e);

#endif
