/*
 * identity - which file it is, so that another one in its place is noticed, and other rights to it
 */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/why.h"

/* All zero: there is no such file. */
struct tls_identity {
    uint64_t dev, ino, size;
    int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct tls_identity tls_identity_of(struct str path);
bool tls_identity_same(const struct tls_identity *a, const struct tls_identity *b);

/* The whole file, behind what is in out, and what it was when read: of one descriptor, so that
 * bytes and identity belong together. st may be NULL. */
enum status tls_file_read(struct str path, size_t most, struct buf *out, struct stat *st, struct why *why);
struct tls_identity tls_identity_stat(const struct stat *st);

#endif
