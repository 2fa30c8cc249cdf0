/*
 * index - what the queue is asked, answered without reading the log
 *
 * An LMDB file in the shard's directory, opened NOSYNC (never WRITEMAP: a full
 * disk would be a fatal signal; never NOLOCK). It is derived: it carries the
 * boot id and how far into the log it goes, and whoever opens it replays from
 * there or makes it anew (recover.c).
 *
 * One thread writes, between index_begin and index_commit; another may read.
 * Every read ends inside the call that began it.
 */
#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "spool/id.h"

struct index;

struct row {
    struct id_parts id;
    uint32_t gen, at, len;          /* its message record */
    uint32_t state_gen, state_at, state_len;    /* its last state record; gen 0: the message record's */
    uint32_t born;                  /* the generation it was first written in: copies lie between it and gen */
    bool large;
    uint32_t flags, pending;
    int64_t received, next_try;
    uint64_t size;
    struct str summary;
};

/* How far the log is known: everything before `at` in generation `gen`, and
 * all generations before it. */
struct covered { uint32_t gen; uint64_t at; };

/* dir is the shard's directory, as a path. map: first size of the map, 0: 64 MiB. */
enum status index_open(const char *dir, bool readonly, size_t map, struct index **out, struct why *why);
void index_close(struct index *ix);
/* Removes the files; the index must be closed. */
void index_remove(const char *dir);
/* False: not ours, of another boot, or not finished. */
bool index_covers(struct index *ix, struct covered *out);

/* ---- writing */
/* Reads that begin from here on wait until index_let_go: for what was answered
 * as durable and is just being put in. */
void index_hold(struct index *ix);
void index_let_go(struct index *ix);
enum status index_begin(struct index *ix, struct why *why);
void index_abort(struct index *ix);
/* ready: what is written so far may be believed by whoever opens it. */
enum status index_commit(struct index *ix, struct covered c, bool ready, struct why *why);
/* Inside a transaction. The summary points into the file until the next write. */
enum status index_find(struct index *ix, struct id_parts id, struct row *out, struct why *why);
/* was: the row as it stands now, NULL if there is none. */
enum status index_put(struct index *ix, const struct row *r, const struct row *was, struct why *why);
enum status index_del(struct index *ix, const struct row *was, struct why *why);
/* What is to be known of a segment in use; bytes are account.c's. */
enum status index_put_segment(struct index *ix, uint32_t gen, struct str bytes, struct why *why);
enum status index_del_segment(struct index *ix, uint32_t gen, struct why *why);

/* ---- reading, from either thread */
/* ST_AGAIN: it could not be found out. Summaries are copied to a, if a is not NULL. */
enum status index_get(struct index *ix, struct id_parts id, struct row *out, struct arena *a);
/* Rows behind id, or all from the first if after is NULL. */
size_t index_after(struct index *ix, const struct id_parts *after, struct row *v, size_t max, struct arena *a);
/* Rows due, behind the place *resume if there is one. */
struct due_place { int64_t next_try; struct id_parts id; };
size_t index_due(struct index *ix, int64_t now, const struct due_place *resume, struct due_place *v, size_t max);
int64_t index_first_due(struct index *ix);
enum status index_count(struct index *ix, uint64_t *out);
/* Every segment, in order of generation. */
void index_segments(struct index *ix, void (*fn)(void *ctx, uint32_t gen, struct str bytes), void *ctx);

#endif
