/*
 * file - which file it is, so that another one in its place is noticed, and other rights to it; and all of it
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/why.h"

/* All zero: there is no such file. */
struct file_identity {
    uint64_t dev, ino, size;
    int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct file_identity file_identity_of(struct str path);
struct file_identity file_identity_stat(const struct stat *st);
/* As file_identity_of, and of a directory what is in it too: a file there may be written over, or be a link to one
 * elsewhere. A stat for each entry. */
struct file_identity file_identity_deep(struct str path);
bool file_identity_same(const struct file_identity *a, const struct file_identity *b);

/* The whole file, behind what is in out, and what it was when read: of one descriptor, so that
 * bytes and identity belong together. st may be NULL. */
enum status file_read(struct str path, size_t most, struct buf *out, struct stat *st, struct why *why);

#endif
