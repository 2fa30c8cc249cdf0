/*
 * take - a shard is opened, looked at, closed and removed
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/rnd.h"
#include "spool/account.h"
#include "spool/shard.h"

/* ---- opening */

static enum status open_dirs(struct shard *sh, bool readonly, struct why *why)
{
    if (!readonly && mkdir(sh->path, 0700) < 0 && errno != EEXIST)
        return why_errno(why, ST_AGAIN, "make %s", sh->path);
    sh->dirfd = FAULT(OPEN) ? -1 : open(sh->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sh->dirfd < 0)
        return why_errno(why, ST_AGAIN, "open %s", sh->path);
    if (readonly) {
        sh->bodyfd = openat(sh->dirfd, "body", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return ST_OK;
    }
    sh->lockfd = FAULT(OPEN) ? -1 : openat(sh->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (sh->lockfd < 0)
        return why_errno(why, ST_AGAIN, "open %s/lock", sh->path);
    if (flock(sh->lockfd, LOCK_EX | LOCK_NB) < 0)
        return why_errno(why, ST_AGAIN, "%s is in use by another process", sh->path);
    if (mkdirat(sh->dirfd, "body", 0700) < 0 && errno != EEXIST)
        return why_errno(why, ST_AGAIN, "make %s/body", sh->path);
    sh->bodyfd = FAULT(OPEN) ? -1 : openat(sh->dirfd, "body", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sh->bodyfd < 0)
        return why_errno(why, ST_AGAIN, "open %s/body", sh->path);
    return ST_OK;
}

/* Whoever waited for the lock may have got that of a directory just removed. */
static enum status still_there(const struct shard *sh, struct why *why)
{
    struct stat held, named;

    if (fstat(sh->dirfd, &held) < 0 || stat(sh->path, &named) < 0 || held.st_ino != named.st_ino || held.st_dev != named.st_dev)
        return why_set(why, ST_AGAIN, "%s was just removed", sh->path);
    return ST_OK;
}

/* The names of these directories must last as what they hold. */
static enum status flush_dirs(struct shard *sh, const char *spool, struct why *why)
{
    int fd = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && !FAULT(FLUSH) && fsync(fd) == 0 && fsync(sh->dirfd) == 0;

    if (!ok)
        why_errno(why, ST_AGAIN, "flush %s", spool);
    if (fd >= 0)
        close(fd);
    return ok ? ST_OK : ST_AGAIN;
}

static void set_aside(struct shard *sh, unsigned file, const struct why *why)
{
    char name[32], aside[32];

    segment_name(file, name);
    snprintf(aside, sizeof aside, "damaged.%06u", file);
    sh->damaged = sh->keep_bodies = true;
    renameat(sh->dirfd, name, sh->dirfd, aside);
    sh->alert(sh->alert_ctx, "shard %u: %s; it was set aside as %s/%s", sh->n, why->text, sh->path, aside);
}

struct found_file { unsigned file; enum wire_read read; struct why why; };

/* First all are looked at; only when none is of another version is anything
 * changed. */
static enum status open_files(struct shard *sh, bool readonly, struct buf *odd, struct why *why)
{
    int fd = dup(sh->dirfd);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    enum status st = ST_OK;

    if (!d)
        return why_errno(why, ST_AGAIN, "read %s", sh->path);
    rewinddir(d);
    while (st == ST_OK && (e = readdir(d)) != NULL) {
        struct found_file f = { .read = WIRE_OK };
        struct segment *s;

        if (str_starts(str_of(e->d_name), STR("damaged.")))
            sh->keep_bodies = true;
        if (!segment_number(e->d_name, &f.file))
            continue;
        if (f.file >= sh->next_file)
            sh->next_file = f.file + 1;
        st = segment_open(sh->dirfd, f.file, readonly, &s, &f.read, &f.why);
        if (st == ST_OK && s->use != SEG_FREE && ((s->head.shard != sh->n && s->head.shard != SHARD_UNKNOWN) || shard_segment(sh, s->head.gen))) {
            why_set(&f.why, ST_NEVER, "segment %u is not of this shard, or there twice", f.file);
            segment_close(s);
            f.read = WIRE_DAMAGED;
            st = ST_NEVER;
        }
        if (st == ST_OK) {
            if (s->head.shard == SHARD_UNKNOWN && !readonly)
                sh->alert(sh->alert_ctx, "shard %u: the heads of segment %u are damaged; it is read all the same", sh->n, f.file);
            shard_add(sh, s);
        } else if (st == ST_NEVER && f.read != WIRE_VERSION_OTHER) {
            buf_add(odd, (struct str){ (const char *)&f, sizeof f });
            st = ST_OK;
        } else {
            why_set(why, st, "%s: %s", sh->path, f.why.text);
        }
    }
    closedir(d);
    return st;
}

static enum status read_segments(struct shard *sh, bool readonly, struct why *why)
{
    struct buf odd = { 0 };
    enum status st = open_files(sh, readonly, &odd, why);
    struct str s = buf_str(&odd);

    for (; st == ST_OK && !readonly && s.n >= sizeof(struct found_file); s = str_from(s, sizeof(struct found_file))) {
        struct found_file f;
        char name[32];

        memcpy(&f, s.p, sizeof f);
        segment_name(f.file, name);
        if (f.read == WIRE_EMPTY)
            unlinkat(sh->dirfd, name, 0);
        else
            set_aside(sh, f.file, &f.why);
    }
    buf_free(&odd);
    for (const struct segment *g = sh->segs; g; g = g->next) {
        if (g->head.gen >= sh->next_gen)
            sh->next_gen = g->head.gen + 1;
        if (g->head.ids_limit > sh->ids_logged)
            sh->ids_logged = g->head.ids_limit;
    }
    /* The one set aside may have been the last. */
    if (sh->damaged)
        sh->next_gen += 1000;
    return st;
}

/* ---- small numbers beside the log: the counter of a removed shard, and the mark */

/* Replaced whole, and durable. */
static enum status number_write(int dirfd, const char *name, uint64_t v, struct why *why)
{
    char text[32], fresh[64];
    int len = snprintf(text, sizeof text, "%" PRIu64 "\n", v), fd;
    bool ok;

    snprintf(fresh, sizeof fresh, "%s.new", name);
    fd = FAULT(OPEN) ? -1 : openat(dirfd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    ok = fd >= 0 && !FAULT(WRITE) && write(fd, text, (size_t)len) == len && !FAULT(FLUSH) && fsync(fd) == 0;
    ok = ok && !FAULT(RENAME) && renameat(dirfd, fresh, dirfd, name) == 0 && !FAULT(FLUSH) && fsync(dirfd) == 0;
    if (!ok)
        why_errno(why, ST_AGAIN, "write %s", name);
    if (fd >= 0)
        close(fd);
    return ok ? ST_OK : ST_AGAIN;
}

/* ST_NONE: there is none. What cannot be read is not taken for none. */
static enum status number_read(int dirfd, const char *name, uint64_t max, uint64_t *v, struct why *why)
{
    int fd = FAULT(OPEN) ? -1 : openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[32] = "";
    ssize_t got;

    if (fd < 0)
        return why_errno(why, errno == ENOENT ? ST_NONE : ST_AGAIN, "open %s", name);
    got = FAULT(READ) ? -1 : read(fd, text, sizeof text);
    close(fd);
    if (got < 0)
        return why_errno(why, ST_AGAIN, "read %s", name);
    if (!str_u64(str_trim((struct str){ text, (size_t)got }), max, v))
        return why_set(why, ST_NEVER, "%s: not a number", name);
    return ST_OK;
}

static int open_dir(const char *path)
{
    return FAULT(OPEN) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum status ids_kept(const char *spool, unsigned n, uint64_t *limit, struct why *why)
{
    int fd = open_dir(spool);
    char name[32];
    enum status st;

    *limit = 0;
    if (fd < 0)
        return why_errno(why, ST_AGAIN, "open %s", spool);
    snprintf(name, sizeof name, "shard-%03u.ids", n);
    st = number_read(fd, name, ID_BASE6, limit, why);
    close(fd);
    return st == ST_NONE ? ST_OK : st;
}

static enum status ids_keep(int spoolfd, unsigned n, uint64_t limit, struct why *why)
{
    char name[32];

    snprintf(name, sizeof name, "shard-%03u.ids", n);
    return number_write(spoolfd, name, limit, why);
}

enum status shard_mark_leaving(struct shard *sh, unsigned into, struct why *why)
{
    return number_write(sh->dirfd, "leaving", into, why);
}

enum status shard_clear_leaving(struct shard *sh, struct why *why)
{
    if (FAULT(UNLINK) || (unlinkat(sh->dirfd, "leaving", 0) < 0 && errno != ENOENT) || FAULT(FLUSH) || fsync(sh->dirfd) < 0)
        return why_errno(why, ST_AGAIN, "remove %s/leaving", sh->path);
    return ST_OK;
}

static enum status leaving_at(int dirfd, unsigned *into, struct why *why)
{
    uint64_t v;
    enum status st = number_read(dirfd, "leaving", SHARD_LIMIT - 1, &v, why);

    if (st == ST_OK)
        *into = (unsigned)v;
    return st;
}

enum status shard_leaving(const char *spool, unsigned n, unsigned *into, struct why *why)
{
    char *path = shard_path(spool, n);
    int fd = open_dir(path);
    enum status st = fd < 0 ? why_errno(why, errno == ENOENT ? ST_NONE : ST_AGAIN, "open %s", path) : leaving_at(fd, into, why);

    if (fd >= 0)
        close(fd);
    free(path);
    return st;
}

/* What is marked may hold messages that the other shard has already. */
static enum status check_leaving(struct shard *sh, const char *spool, struct why *why)
{
    unsigned into;
    enum status st = leaving_at(sh->dirfd, &into, why);
    char *path;

    if (st != ST_OK)
        return st == ST_NONE ? ST_OK : st;
    path = shard_path(spool, into);
    if (access(path, F_OK) == 0 || errno != ENOENT)
        st = why_set(why, ST_AGAIN, "%s is being moved into shard %u, which must be taken first", sh->path, into);
    else
        st = shard_clear_leaving(sh, why);      /* a shard is removed only when all its mail is elsewhere or ended */
    free(path);
    return st;
}

/* ---- as a whole */

static struct shard *shard_new(const char *spool, unsigned n, pthread_mutex_t *lock)
{
    struct shard *sh = calloc(1, sizeof *sh);

    if (!sh)
        die("out of memory");
    sh->n = n;
    sh->path = shard_path(spool, n);
    sh->lock = lock;
    sh->lockfd = sh->dirfd = sh->bodyfd = -1;
    sh->last = &sh->first;
    sh->next_file = sh->next_gen = 1;
    return sh;
}

void shard_forget(struct shard *sh)
{
    index_close(sh->index);
    while (sh->segs) {
        struct segment *s = sh->segs;

        sh->segs = s->next;
        segment_close(s);
    }
    for (int i = 0; i < 3; i++) {
        int fd = i == 0 ? sh->bodyfd : i == 1 ? sh->dirfd : sh->lockfd;

        if (fd >= 0)
            close(fd);
    }
    buf_free(&sh->abandoned);
    buf_free(&sh->compact.dir);
    free(sh->path);
    free(sh);
}

/* The counters reserved here are logged with the head of the first segment,
 * before any is used. */
static enum status begin_serving(struct shard *sh, struct why *why)
{
    uint64_t first = sh->ids_logged;
    enum status st;

    if (first + IDS_STEP > ID_BASE6)
        return why_set(why, ST_NEVER, "%s has no message ids left", sh->path);
    sh->ids_logged = first + IDS_STEP;
    st = shard_roll(sh, true, why);
    if (st != ST_OK)
        return st;
    sh->ids_next = first;
    sh->ids_limit = sh->ids_logged;
    sh->compact.check = true;
    return ST_OK;
}

enum status shard_open(const char *spool, unsigned n, bool settling, uint64_t segment_size, pthread_mutex_t *lock,
                       void (*alert)(void *ctx, const char *fmt, ...), void *alert_ctx, struct shard **out, struct why *why)
{
    struct shard *sh = shard_new(spool, n, lock);
    uint64_t kept = 0;
    enum status st;

    *out = NULL;
    sh->segment_size = segment_size;
    sh->alert = alert;
    sh->alert_ctx = alert_ctx;
    sh->secret = rnd_u64();
    st = open_dirs(sh, false, why);
    if (st == ST_OK)
        st = still_there(sh, why);
    if (st == ST_OK && !settling)
        st = check_leaving(sh, spool, why);
    if (st == ST_OK)
        st = ids_kept(spool, n, &kept, why);
    if (st == ST_OK)
        st = read_segments(sh, false, why);
    CRASH_POINT("spool.take.read");
    if (st == ST_OK)
        st = flush_dirs(sh, spool, why);
    if (st == ST_OK && kept > sh->ids_logged)
        sh->ids_logged = kept;
    if (st == ST_OK)
        st = recover_shard(sh, why);
    CRASH_POINT("spool.take.recovered");
    if (st == ST_OK)
        st = begin_serving(sh, why);
    if (st != ST_OK) {
        shard_forget(sh);
        return st;
    }
    *out = sh;
    return ST_OK;
}

enum status shard_look(const char *spool, unsigned n, pthread_mutex_t *lock, struct shard **out, struct why *why)
{
    struct shard *sh = shard_new(spool, n, lock);
    enum status st = open_dirs(sh, true, why);

    *out = NULL;
    if (st == ST_OK)
        st = read_segments(sh, true, why);
    if (st != ST_OK) {
        shard_forget(sh);
        return st;
    }
    *out = sh;
    return ST_OK;
}

void shard_close(struct shard *sh)
{
    CRASH_POINT("spool.close");
    shard_seal(sh);
    sh->segments_changed = true;
    if (!sh->behind && account_begin(sh, NULL) == ST_OK)
        account_commit(sh, sh->covered, true, NULL);
    shard_forget(sh);
}

/* A directory that is no shard any more. */
static void empty_out(int dirfd)
{
    int fd = dup(dirfd);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;

    if (d)
        rewinddir(d);
    while (d && (e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && unlinkat(dirfd, e->d_name, 0) < 0)
            unlinkat(dirfd, e->d_name, AT_REMOVEDIR);
    if (d)
        closedir(d);
}

void shard_sweep(const char *spool)
{
    DIR *d = opendir(spool);
    struct dirent *e;

    while (d && (e = readdir(d)) != NULL) {
        int fd = str_starts(str_of(e->d_name), STR("removed-")) ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;

        if (fd < 0)
            continue;
        empty_out(fd);
        close(fd);
        unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
    }
    if (d)
        closedir(d);
}

/* First it gets a name that is no shard's, in one step: were files removed one
 * by one, a crash could leave messages whose ends are gone already. */
enum status shard_remove(struct shard *sh, const char *spool, struct why *why)
{
    int fd = open_dir(spool);
    char from[32], to[32];
    enum status st;

    snprintf(from, sizeof from, "shard-%03u", sh->n);
    snprintf(to, sizeof to, "removed-%03u", sh->n);
    st = fd < 0 ? why_errno(why, ST_AGAIN, "open %s", spool) : ids_keep(fd, sh->n, sh->ids_logged, why);
    CRASH_POINT("spool.remove");
    if (st == ST_OK && (FAULT(RENAME) || renameat(fd, from, fd, to) < 0))
        st = why_errno(why, ST_AGAIN, "rename %s", sh->path);
    if (st != ST_OK) {
        shard_close(sh);
        if (fd >= 0)
            close(fd);
        return st;
    }
    fsync(fd);
    CRASH_POINT("spool.removed");
    empty_out(sh->dirfd);
    unlinkat(fd, to, AT_REMOVEDIR);
    close(fd);
    shard_forget(sh);
    return ST_OK;
}
