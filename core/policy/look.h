/*
 * look - one question to a file, as lookup.NAME and list items put it
 *
 * A question carries the keys that may answer it, best first (partial matching
 * and defaults make several of one); the first that is there counts. It is
 * answered on a helper thread: ST_OK with value and which, ST_NONE, or
 * ST_AGAIN with the reason, which names the file. A file that is missing or damaged is
 * ST_AGAIN: its absence is not "no such key".
 */
#ifndef POLICY_LOOK_H
#define POLICY_LOOK_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/why.h"

enum { LOOK_KEY_MAX = 4096, LOOK_VALUE_MAX = 4 << 20, LOOK_KEYS_MAX = 300 };

struct look {
    const char *path, *below;
    const struct str *key;      /* of a query: its parameters, p NULL is NULL */
    size_t nkeys;
    struct str query;
    unsigned flags;
    int64_t busy_ms;            /* how long another's lock is waited for */
    const atomic_bool *gone;    /* true: nobody waits for the answer any more */
    struct arena *arena;        /* for the answer */
    /* the answer */
    struct str value;
    size_t which;
    struct str *cell;           /* LOOK_ROWS: rows of columns, after one row of their names; p NULL is NULL */
    size_t columns, rows;
};
/* LOOK_EVERY: the one parameter stands at every place of the query. */
enum { LOOK_ROWS = 1, LOOK_WRITE = 2, LOOK_FULL = 4, LOOK_FILES = 8, LOOK_DIRS = 16, LOOK_EVERY = 32 };

typedef enum status look_fn(struct look *l, struct why *why);
struct look_row { const char *name; look_fn *look; };
/* For readers of files that are not mapped: n bytes at offset of the descriptor ctx points to, all of them. */
bool look_read_at(void *ctx, uint64_t offset, char *out, size_t n);
/* NULL: there is none of that name. */
const struct look_row *look_find(struct str name);

#endif
