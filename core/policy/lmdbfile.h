/*
 * lmdbfile - read one value of an LMDB file
 *
 * The format is LMDB 0.9's (data version 1, 64-bit, little-endian), read by our own
 * code: the library maps the file, and a file cut short below a mapping kills the
 * process; it also wants to write a lock file beside it. Here nothing is mapped,
 * locked or trusted. A writer may be at work: pages of the newest committed state
 * are not written over before the next state is committed, so an answer counts
 * only if the newest state is still the one it was read from; else it is read again.
 */
#ifndef POLICY_LMDBFILE_H
#define POLICY_LMDBFILE_H

#include "base/arena.h"
#include "base/why.h"

struct lmdbfile {
    /* n bytes from offset, all of them or false (with errno, or 0 at the end of the file). */
    bool (*read)(void *ctx, uint64_t offset, char *out, size_t n);
    void *ctx;
    const char *path;           /* for errors */
};

/* The value of a key in the unnamed database; the first of several. */
enum status lmdbfile_find(const struct lmdbfile *f, struct str key, struct arena *a, struct str *value, struct why *why);

#endif
