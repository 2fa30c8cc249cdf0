/*
 * disk - the spool on disk: loop, helper thread and body thread
 *
 * The loop makes requests and gets answers; the helper thread writes and
 * flushes them in groups; the body thread writes large bodies. One lock stands
 * between the three; it is held for a few instructions at a time.
 */
#ifndef SPOOL_DISK_H
#define SPOOL_DISK_H

#include <pthread.h>

#include "spool/shard.h"

/* A record on its way into the log. */
struct request {
    struct request *next;
    struct shard *sh;
    struct entry entry;         /* at and len are set when it is placed */
    struct buf text;            /* REC_HEAD bytes of room, then the meta (a copy: and the body) */
    struct buf body;
    size_t sums_from_end;       /* where in text the checksums of the body stand */
    uint32_t body_len;          /* in the record, whether in text or in body */
    uint32_t meta_crc;          /* of a copy: as it was, so that damage stays visible */
    uint32_t copied_from;       /* generation, for what compaction moves; 0: not a copy */
    bool internal;              /* nobody waits for it */
    bool no_row;                /* an end to be written whether the index knows it or not */
    struct move *move;          /* it brings a message here from another shard */
    bool keep_body;             /* an end: a body of that name may be there anew */
    enum status st;
    struct why *why;            /* NULL: none */
    spool_done *done;
    void *ctx;
    uint64_t memory;            /* bytes counted against memory_max */
};

struct abandoned { struct id_parts id; uint32_t gen; bool keep_body; };

struct note;                    /* an alert on its way to the loop */
struct bodies;
struct file_body;               /* a large body that is open (read.c) */
struct move;                    /* a message between two shards (move.c) */

/* Run by the loop; it may outlive the spool by one turn. */
struct waker { struct job job; struct disk *sp; };

struct disk {
    struct spool base;
    struct loop *loop;
    struct spool_config config;
    char *dir;
    pthread_t helper;
    bool helper_runs;
    pthread_mutex_t lock;       /* for what follows down to the line */
    pthread_cond_t work;        /* for the helper */
    pthread_cond_t idle;        /* a shard has no pending request left */
    struct shard **shards;
    unsigned nshards, turn;
    bool stop;
    bool quiet;                 /* nothing was asked for a while */
    struct request *answered, **answered_last;
    struct note *notes;
    struct waker *waker;
    bool waker_out;
    struct spool_stats stats;
    /* ---- */
    struct bodies *bodies;

    /* the loop's own */
    uint64_t memory;            /* bodies held in memory */
    int64_t room_asked_ms;      /* when the file system was last asked */
    bool room;
    uint64_t room_bytes;        /* above the reserve */
    unsigned next_home;
    struct file_body *open_bodies;
    struct move *moves;
};

void *must_alloc(size_t n);

/* ---- request.c */
struct request *request_new(struct shard *sh, enum rec_type type, struct id_parts id);
/* The state of a message, last of what is put into r. */
void request_state(struct request *r, const struct state_meta *m);
void request_free(struct request *r);
/* What it will be answered with; the first reason counts. */
void request_fail(struct request *r, enum status st, const struct why *why);
/* From any thread. Answered on the loop. */
void request_give(struct disk *sp, struct request *r);
/* Hands a list of answered ones over; nobody waits for internal ones. */
void request_answer(struct disk *sp, struct request *list);
/* Not to be written: it is answered with why. */
void request_refuse(struct disk *sp, struct request *r, enum status st, const struct why *why);
/* On the loop: runs callbacks. */
void request_callbacks(struct disk *sp);
/* An alert from any thread, to be given on the loop. */
void disk_alert(void *sp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- commit.c, helper.c: the helper thread */
void commit_serve(struct disk *sp, struct shard *sh, struct request *list, bool stop);
void *helper_thread(void *sp);

/* ---- compact.c: on the helper thread */
bool compact_wanted(const struct shard *sh);
/* Records to move next, at most about budget bytes; frees what nothing is live in. */
struct request *compact_more(struct shard *sh, uint64_t budget);
/* They could not be written: begin again some other time. */
void compact_stop(struct shard *sh);

/* ---- body.c and draft.c */
struct bodies *bodies_start(struct disk *sp, struct why *why);
/* Finishes what it was given. */
void bodies_stop(struct bodies *b);
enum status disk_draft(struct spool *sp, struct draft **out, struct why *why);
void disk_commit(struct spool *sp, struct draft *d, const struct spool_entry *e, spool_done *done, void *ctx);

/* A message's first record; the body stands in it or beside it later. sums: of a
 * large one that is there already. */
struct request *message_request(struct shard *sh, struct id_parts id, uint64_t body_size, struct str sums, const struct spool_entry *e);

/* ---- move.c */
void disk_move(struct spool *sp, struct msg_id id, spool_done *done, void *ctx);
/* On the body thread: what must be durable before the message comes into the other shard. */
enum status move_prepare(struct disk *sp, struct request *r, struct why *why);
/* On the helper thread: the log may have it, though it was answered "later". */
void move_doubtful(struct move *m);
/* Whether id is just being moved: then r is kept for later, or answered. */
bool move_holds(struct disk *sp, struct id_parts id, struct request *r);
bool move_under_way(const struct disk *sp, struct id_parts id);
bool move_touches(const struct disk *sp, const struct shard *sh);
/* sh is given back. */
void move_forget(struct disk *sp, const struct shard *sh);
void move_free_all(struct disk *sp);
/* A crash may have left messages both in `to` and in shards they were moved
 * out of: they end there. */
enum status move_settle(struct disk *sp, struct shard *to, struct why *why);

/* ---- disk.c */
void disk_give(struct disk *sp, struct request *r);
/* Sets a message aside, frozen, and says so; once. On the loop. */
void disk_set_aside(struct disk *sp, struct shard *sh, struct id_parts id, const char *text);

/* ---- read.c */
enum status disk_load(struct spool *sp, struct msg_id id, struct arena *a, struct spool_msg *out, struct why *why);
/* ST_NEVER: damaged. sp is NULL when looked at from outside. */
enum status read_message(struct disk *sp, struct shard *sh, struct id_parts id, struct arena *a, struct spool_msg *out, struct why *why);
/* The spool closes: open bodies can be read on, but no longer set a message aside. */
void read_orphan_bodies(struct disk *sp);
/* Checksums of a large body that is open; empty for one that is in the log. */
struct str read_sums(const struct spool_body *b);
/* A request that sets a message aside, frozen. NULL: its state cannot be read now, and must not be lost. */
struct request *read_set_aside(struct shard *sh, const struct row *row);

/* ---- queue.c: over a list of shards, in order of id or time */
struct queue { struct shard **v; unsigned n; };
size_t queue_due(struct queue q, int64_t now, size_t max, bool (*busy)(void *ctx, struct msg_id id),
                 void (*row)(void *ctx, const struct spool_row *r), void *ctx);
int64_t queue_next_due(struct queue q);
size_t queue_list(struct queue q, struct msg_id after, size_t max, void (*row)(void *ctx, const struct spool_row *r), void *ctx);
bool queue_row(struct queue q, struct msg_id id, struct spool_row *out, struct arena *a);
enum status queue_count(struct queue q, uint64_t *out);
struct shard *queue_shard(struct queue q, unsigned n);
/* The shard a message lies in: the one it was made in, or any other. ST_NONE:
 * in none of them; ST_AGAIN: that could not be found out. a may be NULL. */
enum status queue_find(struct queue q, struct id_parts id, struct shard **sh, struct row *row, struct arena *a);

#endif
