#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/fault.h"

static bool path_z(struct str path, char out[PATH_MAX])
{
    if (path.n == 0 || path.n >= PATH_MAX || memchr(path.p, 0, path.n)) {
        errno = ENOENT;
        return false;
    }
    memcpy(out, path.p, path.n);
    out[path.n] = 0;
    return true;
}

struct file_identity file_identity_stat(const struct stat *st)
{
    return (struct file_identity){ (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                                  st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec };
}

struct file_identity file_identity_of(struct str path)
{
    char z[PATH_MAX];
    struct stat st;

    if (!path_z(path, z) || stat(z, &st) < 0)
        return (struct file_identity){ 0 };
    return file_identity_stat(&st);
}

enum { ENTRIES_MAX = 4096 };

/* In whatever order they come. */
static void fold(struct file_identity *id, const struct stat *st)
{
    const uint64_t parts[] = {
        (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec,
        (uint64_t)st->st_ctim.tv_sec, (uint64_t)st->st_ctim.tv_nsec,
    };
    uint64_t h = 14695981039346656037ULL;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        h = (h ^ parts[i]) * 1099511628211ULL;
        h ^= h >> 29;
    }
    id->size += h;
}

struct file_identity file_identity_deep(struct str path)
{
    struct file_identity id = file_identity_of(path);
    const struct dirent *e;
    char z[PATH_MAX];
    struct stat st;
    DIR *dir;

    if (!path_z(path, z) || !(dir = opendir(z)))
        return id;
    for (int n = 0; n < ENTRIES_MAX && (e = readdir(dir)); n++)
        if (e->d_name[0] != '.' && fstatat(dirfd(dir), e->d_name, &st, 0) == 0)
            fold(&id, &st);
    closedir(dir);
    return id;
}

bool file_identity_same(const struct file_identity *a, const struct file_identity *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

static enum status read_all(int fd, struct str path, size_t most, struct buf *out, struct why *why)
{
    size_t start = out->n;

    for (;;) {
        ssize_t n = FAULT(READ) ? -1 : read(fd, buf_room(out, 16384), 16384);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return why_errno(why, ST_AGAIN, "read %.*s", STR_ARG(path));
        if (n == 0)
            return ST_OK;
        buf_grew(out, (size_t)n);
        if (out->n - start > most)
            return why_set(why, ST_AGAIN, "%.*s is larger than %zu bytes", STR_ARG(path), most);
    }
}

enum status file_read(struct str path, size_t most, struct buf *out, struct stat *st, struct why *why)
{
    char z[PATH_MAX];
    struct stat own;
    enum status got;
    int fd;

    /* O_NONBLOCK: a pipe in the file's place must not hold the loop. */
    if (FAULT(OPEN) || !path_z(path, z) || (fd = open(z, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) < 0)
        return why_errno(why, ST_AGAIN, "open %.*s", STR_ARG(path));
    if (fstat(fd, &own) < 0)
        got = why_errno(why, ST_AGAIN, "stat %.*s", STR_ARG(path));
    else if (!S_ISREG(own.st_mode))
        got = why_set(why, ST_AGAIN, "%.*s is not a file", STR_ARG(path));
    else
        got = read_all(fd, path, most, out, why);
    if (got == ST_OK && st)
        *st = own;
    close(fd);
    return got;
}
