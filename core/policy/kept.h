/*
 * kept - what was made of a file, for as long as the file stays as it was
 *
 * Device, inode, mtime and size say whether it did. A thing that follows the file's
 * changes by itself (a database) is known by device and inode alone and is never
 * made twice at one time. Any thread may call; while a file is being read only
 * those wait who want that very file. What is not used longest goes when there
 * are too many, or when all of them are too large.
 */
#ifndef POLICY_KEPT_H
#define POLICY_KEPT_H

#include <sys/stat.h>

#include "base/arena.h"
#include "base/why.h"

enum { KEPT_FILE_MAX = 64 << 20 };

struct kept_kind {
    const char *name;
    void *(*make)(int fd, const char *path, const struct stat *st, struct why *why);    /* NULL: *why */
    void (*drop)(void *thing);
    bool live;
};

/* The thing of the file at path (as beneath_open has it), held until it is given back; NULL: it
 * cannot be had now, and *why. */
void *kept_take(const struct kept_kind *kind, const char *path, const char *below, struct why *why);
void kept_give(void *thing);
/* Forgets all that nobody holds (tests, the end of the process). */
void kept_forget(void);

/* For make: the whole plain file, at most KEPT_FILE_MAX, to be freed. False: *why. */
bool kept_read(int fd, const char *path, const struct stat *st, char **text, size_t *n, struct why *why);

#endif
