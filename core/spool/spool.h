/*
 * spool - messages we answer for
 *
 * A worker's spool is one or more shards; a shard is a log of segments
 * (design section 6, docs/spool.md). A message is envelope, header and body
 * with a state; envelope and state are bytes to us. The loop never writes: a
 * helper thread writes and flushes, and what arrives while a flush runs shares
 * the next one. Callbacks come on the loop.
 *
 * After spool_commit's callback said ST_OK the message survives any crash; it
 * ends only by spool_update with gone set. A state replaces the one before.
 *
 * spool_memory makes one with the same behaviour that lives in memory, for
 * hermetic worlds.
 */
#ifndef SPOOL_SPOOL_H
#define SPOOL_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/str.h"
#include "base/why.h"
#include "mail/txn.h"       /* struct msg_id */
#include "net/loop.h"

struct spool;

struct spool_config {
    const char *dir;                /* SPOOL; made if missing */
    uint64_t segment_size;          /* 0: 64 MiB; less on a small file system */
    unsigned shards;                /* how many share the file system, roughly; 0: 1 */
    uint64_t memory_max;            /* bodies in memory for this worker; 0: 64 MiB */
    uint64_t body_memory_max;       /* one body; 0: 128 KiB */
    uint64_t reserve_bytes;         /* R2.6; 0: the smaller of 5 % and 256 MiB */
    unsigned reserve_inodes_pct;    /* 0: 5 */
    void (*alert)(void *ctx, struct str line);  /* panic-log lines: set aside, failed flush */
    void *alert_ctx;
    /* Crash slots: spool_note_active and spool_note_clear pass through here, with
     * the message's shard (engine/shared.h keeps them). May be NULL. */
    void (*note)(void *ctx, unsigned shard, struct msg_id id, bool on);
    void *note_ctx;
};

enum status spool_open(struct loop *l, const struct spool_config *c, struct spool **out, struct why *why);
struct spool *spool_memory(struct loop *l);
/* Finishes what was submitted, then marks a clean stop. */
void spool_close(struct spool *sp);

/* ---- shards: a directory with a lock, not a worker number (design section 3) */
/* Locks, recovers (index replay or rebuild) and serves shard n. ST_AGAIN: locked by another, or its
 * messages were being moved to a shard that has to be taken first. */
enum status spool_take(struct spool *sp, unsigned shard, struct why *why);
/* New messages go to the shards marked home; others only drain. */
void spool_set_home(struct spool *sp, unsigned shard, bool home);
void spool_release(struct spool *sp, unsigned shard);
/* The shards there are, in no order; needs no open spool. Returns how many. */
size_t spool_shards(const char *dir, unsigned *out, size_t max);
/* A message of a shard that is not home comes to lie in one that is, under its
 * id and with all that belongs to it. Whatever happens meanwhile, it is never
 * seen twice; a state given meanwhile waits for the end of the move. done:
 * ST_OK: it lies in a home shard; ST_NONE: no such message; ST_NEVER: it is
 * damaged and stays; ST_AGAIN: another time. */
typedef void spool_done(void *ctx, enum status st, const struct why *why);
void spool_move(struct spool *sp, struct msg_id id, spool_done *done, void *ctx);
/* An empty shard that is not home: removes its directory. ST_AGAIN if not empty. */
enum status spool_remove_shard(struct spool *sp, unsigned shard, struct why *why);

/* ---- arrival */
struct draft;
/* ST_AGAIN: below the reserve, or no home shard, or nothing left of memory_max and files fail. */
enum status spool_draft(struct spool *sp, struct draft **out, struct why *why);
struct msg_id draft_id(const struct draft *d);
enum status draft_add(struct draft *d, struct str body_bytes, struct why *why);
uint64_t draft_size(const struct draft *d);
/* Up to n body bytes from offset, into out; for message_body and filters. */
size_t draft_peek(struct draft *d, uint64_t offset, char *out, size_t n);
/* Whether draft_peek would answer without waiting for the thread that writes large bodies. */
bool draft_ready(struct draft *d);
void draft_drop(struct draft *d);

/* SPOOL_DAMAGED is set by the spool alone, with SPOOL_FROZEN: the message was
 * set aside, since what lies on disk does not match its checksum. */
enum { SPOOL_FROZEN = 1, SPOOL_HELD = 2, SPOOL_BOUNCE = 4, SPOOL_DAMAGED = 8, SPOOL_NAMED = 16 /* in a named queue */ };
struct spool_state {
    int64_t next_try;           /* wall seconds; when it is due */
    uint32_t flags;
    uint32_t pending;           /* recipients not yet settled */
    bool gone;                  /* settled: the message ends */
    struct str blob;            /* envelope_state_write */
    struct str summary;         /* in place of the entry's, from here on; empty: as it was. Each later state repeats it */
};
struct spool_entry {
    struct str envelope;        /* envelope_write */
    struct str header;          /* section as kept, without the empty line */
    struct str summary;         /* for lists, at most 200 bytes: see spool_row */
    int64_t received;           /* wall seconds */
    struct spool_state state;
};
/* Takes the draft. Copies e. done says ST_OK once durable, else ST_AGAIN and nothing is kept. */
void spool_commit(struct spool *sp, struct draft *d, const struct spool_entry *e, spool_done *done, void *ctx);
/* A new state, durable when done is called (done may be NULL). */
void spool_update(struct spool *sp, struct msg_id id, const struct spool_state *s, spool_done *done, void *ctx);

/* ---- reading */
struct spool_msg {
    struct str envelope, header;    /* in the arena given */
    struct spool_state state;
    int64_t received;
    uint64_t body_size;
    struct spool_body *body;        /* open; spool_body_close */
};
/* Checks checksums. ST_NONE: no such message. ST_NEVER: damaged (it has been
 * set aside and an alert logged). */
enum status spool_load(struct spool *sp, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why);
/* As much of n as there is from offset; -1 with errno. Valid while open, also after the message is gone. */
ssize_t spool_body_read(struct spool_body *b, uint64_t offset, char *out, size_t n);
void spool_body_close(struct spool_body *b);

/* ---- the queue: answered from the index, never from bodies */
struct spool_row {
    struct msg_id id;
    int64_t received, next_try;
    uint64_t size;                  /* header + body */
    uint32_t flags, pending;
    struct str summary;             /* sender LF recipients..., cut; valid in the callback only */
};
/* Rows due at now (next_try <= now, neither frozen nor held), earliest first,
 * at most max, skipping ids for which busy says true. Returns how many. */
size_t spool_due(struct spool *sp, int64_t now, size_t max,
                 bool (*busy)(void *ctx, struct msg_id id),
                 void (*row)(void *ctx, const struct spool_row *r), void *ctx);
/* The earliest next_try of what is neither frozen nor held; INT64_MAX: none. */
int64_t spool_next_due(struct spool *sp);
/* All rows with id > after (empty: all) in id order, at most max. Returns how many. */
size_t spool_list(struct spool *sp, struct msg_id after, size_t max,
                  void (*row)(void *ctx, const struct spool_row *r), void *ctx);
/* The same of one shard. */
size_t spool_list_of(struct spool *sp, unsigned shard, struct msg_id after, size_t max,
                     void (*row)(void *ctx, const struct spool_row *r), void *ctx);
bool spool_row_get(struct spool *sp, struct msg_id id, struct spool_row *out, struct arena *a);
uint64_t spool_count(struct spool *sp);
/* Whether it lies, or would lie, in a shard of ours: that it was made in, or one it was moved to. */
bool spool_owns(struct spool *sp, struct msg_id id);
/* Whether there is room for size more bytes above the reserve (MAIL's SIZE=). */
bool spool_has_room(struct spool *sp, uint64_t size);
/* Large bodies come faster than they are written: who has more of one should read no further for a moment. Past a
 * bound draft_add says ST_AGAIN. */
bool spool_behind(struct spool *sp);

/* Sets a message aside frozen: two workers died over it (design section 3). */
void spool_note_active(struct spool *sp, struct msg_id id);     /* crash slot on */
void spool_note_clear(struct spool *sp, struct msg_id id);      /* crash slot off */

/* ---- from outside, for the read verbs of a command line: a running engine's
 * spool (index only) or a stopped one's. Never writes, never waits for the engine. */
enum status spool_peek(const char *dir, struct spool **out, struct why *why);

/* ---- numbers for status */
struct spool_stats {
    uint64_t messages, commits, flushes, updates, segments, bytes_live, bytes_total, compactions, large_bodies, failed_flushes;
};
void spool_stats(const struct spool *sp, struct spool_stats *out);

#endif
