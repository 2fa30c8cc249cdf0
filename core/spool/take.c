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

/* ---- the counter of a shard that was removed */

static void ids_path(const char *spool, unsigned n, struct buf *b)
{
    buf_addf(b, "%s/shard-%03u.ids%c", spool, n, 0);
}

static uint64_t ids_kept(const char *spool, unsigned n)
{
    struct buf b = { 0 };
    char text[32] = "";
    uint64_t v = 0;
    ssize_t got = -1;
    int fd;

    ids_path(spool, n, &b);
    fd = open(b.mem + b.at, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, text, sizeof text);
        close(fd);
    }
    buf_free(&b);
    return got > 0 && str_u64(str_trim((struct str){ text, (size_t)got }), ID_BASE6, &v) ? v : 0;
}

static enum status ids_keep(const char *spool, unsigned n, uint64_t limit, struct why *why)
{
    struct buf b = { 0 };
    char text[32];
    int len = snprintf(text, sizeof text, "%" PRIu64 "\n", limit), fd;
    bool ok;

    ids_path(spool, n, &b);
    fd = FAULT(OPEN) ? -1 : open(b.mem + b.at, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ok = fd >= 0 && !FAULT(WRITE) && write(fd, text, (size_t)len) == len && ftruncate(fd, len) == 0 && !FAULT(FLUSH) && fsync(fd) == 0;
    if (!ok)
        why_errno(why, ST_AGAIN, "write %s", b.mem + b.at);
    if (fd >= 0)
        close(fd);
    buf_free(&b);
    return ok ? ST_OK : ST_AGAIN;
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

enum status shard_open(const char *spool, unsigned n, uint64_t segment_size, pthread_mutex_t *lock,
                       void (*alert)(void *ctx, const char *fmt, ...), void *alert_ctx, struct shard **out, struct why *why)
{
    struct shard *sh = shard_new(spool, n, lock);
    uint64_t kept;
    enum status st;

    *out = NULL;
    sh->segment_size = segment_size;
    sh->alert = alert;
    sh->alert_ctx = alert_ctx;
    sh->secret = rnd_u64();
    st = open_dirs(sh, false, why);
    if (st == ST_OK)
        st = read_segments(sh, false, why);
    CRASH_POINT("spool.take.read");
    if (st == ST_OK)
        st = flush_dirs(sh, spool, why);
    kept = ids_kept(spool, n);
    if (kept > sh->ids_logged)
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

enum status shard_remove(struct shard *sh, const char *spool, struct why *why)
{
    char *path = sh->path;
    enum status st = ids_keep(spool, sh->n, sh->ids_logged, why);
    DIR *d;
    struct dirent *e;
    int fd;

    if (st != ST_OK) {
        shard_close(sh);
        return st;
    }
    CRASH_POINT("spool.remove");
    index_remove(path);
    /* The lock goes last: whoever gets the directory before finds it empty. */
    fd = dup(sh->dirfd);
    d = fd < 0 ? NULL : fdopendir(fd);
    if (d)
        rewinddir(d);
    while (d && (e = readdir(d)) != NULL)
        if (str_starts(str_of(e->d_name), STR("segment.")))
            unlinkat(sh->dirfd, e->d_name, 0);
    if (d)
        closedir(d);
    unlinkat(sh->dirfd, "body", AT_REMOVEDIR);
    unlinkat(sh->dirfd, "lock", 0);
    if (rmdir(path) < 0)
        st = why_errno(why, ST_AGAIN, "remove %s", path);
    shard_forget(sh);
    return st;
}
