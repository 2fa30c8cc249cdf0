/*
 * shard - one directory, one lock, one log
 *
 * What the rooms of the disk spool share. A shard belongs to the helper thread
 * once it serves; the loop touches only what is marked so, and what stands
 * under the spool's lock. Before and after, it belongs to who opens and closes
 * it.
 *
 *   SPOOL/shard-007/lock             held by who serves it
 *                   segment.000001   the log (segment.h)
 *                   index.mdb        derived (index.h)
 *                   body/ID          large bodies
 *                   leaving          number of the shard its messages are moved to
 *   SPOOL/shard-007.ids              of a removed shard: counters go on from here
 */
#ifndef SPOOL_SHARD_H
#define SPOOL_SHARD_H

#include <pthread.h>

#include "spool/id.h"
#include "spool/index.h"
#include "spool/ops.h"
#include "spool/segment.h"

enum {
    SHARD_LIMIT = ID_SHARDS,
    IDS_STEP = 100000,          /* counters logged before they are used */
    FREE_KEPT = 4               /* free segments kept to be used again */
};

struct request;
struct disk;

/* What compaction is doing (compact.c). */
struct compact {
    struct segment *from;       /* NULL: nothing */
    struct buf dir;             /* its entries */
    size_t at;                  /* how far */
    bool moved;                 /* this pass moved something */
    bool again;                 /* it is not the first pass */
    bool check;                 /* something may have become worth it */
};

struct shard {
    unsigned n;
    char *path;
    int lockfd, dirfd, bodyfd;
    struct index *index;
    pthread_mutex_t *lock;      /* the spool's; for what follows down to the line */

    struct segment *segs;       /* all; the list and each one's use and refs */
    struct request *first, **last;
    unsigned pending;           /* requests given and not yet answered */
    unsigned preparing;         /* moves out of it that a thread is at (move.c) */
    bool serving;               /* the helper thread is at it */
    bool closing;
    bool full;                  /* no segment left but the reserve: no new messages */
    uint64_t ids_limit;         /* counters below may be used */
    bool ids_asked;
    /* ---- */

    struct segment *active;
    struct covered covered;     /* what the index knows of the log */
    uint64_t segment_size;
    unsigned next_file;
    uint32_t next_gen;
    uint64_t secret;            /* tags come from it */
    uint64_t ids_logged;        /* limit in the log */
    struct buf abandoned;       /* struct abandoned: answered "later", but may lie on disk */
    struct compact compact;
    bool segments_changed;      /* the index must be told which there are */
    unsigned commits;
    bool behind;                /* the index lacks records of the log */
    bool damaged;               /* a segment was set aside just now */
    bool unsure;                /* a segment could not be read whole: this index lasts until the next start */
    bool keep_bodies;           /* or earlier: unknown large bodies may be its */

    /* the loop's own */
    uint64_t ids_next;
    bool home;
    bool gave_away;             /* messages were moved out of it: none may come back before it is taken anew */
    struct shard *into;         /* where its messages are moved to */
    /* the body thread's own */
    bool leaving;               /* the mark is on disk */

    void (*alert)(void *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
    void *alert_ctx;
    uint64_t compactions, failed_flushes;   /* for status */
};

/* The largest record a segment takes. */
uint64_t shard_record_most(const struct shard *sh);

/* Makes the directory if it is missing, locks it and reads what is there.
 * settling: also if it is marked as leaving. ST_AGAIN: locked by another, or so marked. ST_NEVER: another version; nothing is changed. */
enum status shard_open(const char *spool, unsigned n, bool settling, uint64_t segment_size, pthread_mutex_t *lock,
                       void (*alert)(void *ctx, const char *fmt, ...) __attribute__((format(printf, 2, 3))), void *alert_ctx,
                       struct shard **out, struct why *why);
/* Gives it back: the log is sealed, so that the next one need not search it. */
void shard_close(struct shard *sh);
/* Removes the directory of an empty one, keeping its counter. It is closed either way. */
enum status shard_remove(struct shard *sh, const char *spool, struct why *why);
/* The mark that messages of it are being moved into another (move.c). Clearing and setting are durable. */
enum status shard_mark_leaving(struct shard *sh, unsigned into, struct why *why);
enum status shard_clear_leaving(struct shard *sh, struct why *why);
/* Of a shard that need not be open. ST_NONE: there is no such mark. */
enum status shard_leaving(const char *spool, unsigned n, unsigned *into, struct why *why);
/* What a removal that was cut off left behind. */
void shard_sweep(const char *spool);
/* Which shards there are. */
size_t shard_list(const char *spool, unsigned *out, size_t max);
char *shard_path(const char *spool, unsigned n);
/* Opens every segment, for looking only: nothing is locked or changed. */
enum status shard_look(const char *spool, unsigned n, pthread_mutex_t *lock, struct shard **out, struct why *why);
/* Closes files and frees memory, and leaves the disk as it is. */
void shard_forget(struct shard *sh);
/* The entries of a segment: its own, or read to b; searched for where the
 * directory is damaged. */
struct str shard_entries(struct shard *sh, struct segment *s, struct buf *b);
/* Adds what is found in a segment without its directory. */
struct scan_found;
void shard_search(struct shard *sh, struct segment *s, struct buf *out, struct scan_found *found);
/* Brings index and log together after a start (recover.c). */
enum status recover_shard(struct shard *sh, struct why *why);
/* For a look from outside: an index in dir, made from the log. */
enum status recover_scratch(struct shard *sh, const char *dir, struct why *why);

/* In use, of that generation. */
struct segment *shard_segment(const struct shard *sh, uint32_t gen);
/* A segment to go on with. for_results: the reserve may be taken. */
enum status shard_roll(struct shard *sh, bool for_results, struct why *why);
/* Puts one on the list. */
void shard_add(struct shard *sh, struct segment *s);
/* Seals the active one; an empty one is free again. */
void shard_seal(struct shard *sh);
/* Nothing is written to it any more; what is in it stays. */
void shard_condemn(struct shard *sh, struct segment *s, const struct why *why);
/* Whether its file may be removed now. */
bool shard_may_drop(struct shard *sh, const struct segment *s);
/* Nothing in it is live: to be used again. False: it could not even be removed. */
bool shard_free_segment(struct shard *sh, struct segment *s);
/* Makes sure that there is a free segment in reserve; sets full if not. */
void shard_keep_reserve(struct shard *sh);
/* Removes the large body of a message that ended. */
void shard_unlink_body(struct shard *sh, struct id_parts id);

#endif
