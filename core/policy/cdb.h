/*
 * cdb - read a constant database (D. J. Bernstein's cdb)
 *
 * Two small reads find a slot and one more the record, however large the file is.
 * The file is read, never mapped: a file cut short below a mapping kills the
 * process. Nothing in it is trusted: every position is checked against the size,
 * every chain and every value is bounded, and what does not fit together is damage
 * (ST_AGAIN), not "no such key".
 */
#ifndef POLICY_CDB_H
#define POLICY_CDB_H

#include "base/arena.h"
#include "base/why.h"

struct cdb {
    /* n bytes from offset, all of them or false (with errno, or 0 at the end of the file). */
    bool (*read)(void *ctx, uint64_t offset, char *out, size_t n);
    void *ctx;
    uint64_t size;
    const char *path;           /* for errors */
};

/* The first record of the key. */
enum status cdb_find(const struct cdb *c, struct str key, struct arena *a, struct str *value, struct why *why);

#endif
