/*
 * mbox - one file for all messages of a mailbox
 *
 * Up to three locks, since programs that read mailboxes differ: a file beside
 * it, fcntl and flock on it. What a failed write leaves is cut off again under
 * the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/appendfile.h"

enum { NAME_ROOM = 300, BEGINNING = 256, LOCK_POLL_MS = 100 };
#define FORMAT_END 30           /* of a beginning in f->formats; before it '=' for our own format, '>' for another's */

static void pause_ms(int64_t ms)
{
    struct timespec ts = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

    nanosleep(&ts, NULL);
}

/* ---- the file beside it */

static void drop_stale(const struct appendfile *f, int dir, const char *lock)
{
    struct stat st;

    if (f->lockfile_timeout > 0 && fstatat(dir, lock, &st, AT_SYMLINK_NOFOLLOW) == 0
        && time(NULL) - st.st_ctime > f->lockfile_timeout)
        unlinkat(dir, lock, 0);
}

/* A file of a name nobody else has gets the lock's name as its second. Over
 * NFS the answer to link may be lost, so what counts is how many names the
 * file has then. 1: ours, 0: somebody else's, -1: errno. */
static int link_lock(struct appendfile *f, int dir, const char *lock)
{
    char own[NAME_ROOM];
    struct stat st;
    int fd, err, got = 0;

    snprintf(own, sizeof own, ".lock.%lld.%d.%lld", (long long)f->wall_us, (int)getpid(), (long long)f->serial);
    fd = FAULT(OPEN) ? -1 : openat(dir, own, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->lockfile_mode);
    if (fd < 0)
        return -1;
    if (linkat(dir, own, dir, lock, 0) < 0 && errno != EEXIST)
        got = -1;
    err = errno;
    if (fstat(fd, &st) == 0 && st.st_nlink == 2)
        got = 1;
    unlinkat(dir, own, 0);
    close(fd);
    errno = err;
    return got;
}

static enum status take_lockfile(struct appendfile *f, int dir, const char *lock)
{
    for (int64_t i = 0;; i++) {
        int got = link_lock(f, dir, lock);

        if (got > 0)
            return ST_OK;
        if (got < 0)
            return why_errno(&f->why, ST_AGAIN, "create lock file %s", lock);
        if (i >= f->lock_retries)
            return why_set(&f->why, ST_AGAIN, "mailbox is locked (%s exists)", lock);
        drop_stale(f, dir, lock);
        pause_ms(f->lock_interval * 1000);
    }
}

/* ---- locks on it */

/* An open file description's lock: it excludes other threads of ours as well as
 * other programs' fcntl locks. */
static int try_fcntl(int fd)
{
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    return fcntl(fd, F_OFD_SETLK, &fl);
}

static int try_flock(int fd)
{
    return flock(fd, LOCK_EX | LOCK_NB);
}

/* Where Exim blocks with an alarm clock, a thread looks again every moment. */
static bool within(int fd, int (*try)(int fd), int64_t seconds)
{
    for (int64_t left = seconds * 1000;; left -= LOCK_POLL_MS) {
        if (try(fd) == 0)
            return true;
        if ((errno != EACCES && errno != EAGAIN) || left <= 0)
            return false;
        pause_ms(LOCK_POLL_MS);
    }
}

static enum status take_lock(struct appendfile *f, int fd, const char *name, int (*try)(int fd), int64_t seconds)
{
    for (int64_t i = 0; !within(fd, try, seconds); i++) {
        if (errno != EACCES && errno != EAGAIN)
            return why_errno(&f->why, ST_AGAIN, "lock %s", name);
        if (i >= f->lock_retries)
            return why_set(&f->why, ST_AGAIN, "mailbox %s is locked by another process", name);
        pause_ms(f->lock_interval * 1000);
    }
    return ST_OK;
}

/* Whoever had the lock may have put another file in its place. */
static enum status still_there(struct appendfile *f, int fd, int dir, const char *name)
{
    struct stat a, b;

    if (fstat(fd, &a) < 0 || fstatat(dir, name, &b, f->allow_symlink ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return why_errno(&f->why, ST_AGAIN, "look at mailbox %s", name);
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return why_set(&f->why, ST_AGAIN, "mailbox %s was replaced by another process", name);
    return ST_OK;
}

static enum status take_locks(struct appendfile *f, int fd, int dir, const char *name)
{
    enum status st = ST_OK;

    if (f->fcntl_lock)
        st = take_lock(f, fd, name, try_fcntl, f->lock_fcntl_timeout);
    if (st == ST_OK && f->flock_lock)
        st = take_lock(f, fd, name, try_flock, f->lock_flock_timeout);
    return st == ST_OK ? still_there(f, fd, dir, name) : st;
}

/* ---- opening it (R7.3) */

/* A link is followed where that is asked for, if it was made by root or by
 * whose mailbox it is; what it leads to is checked like any mailbox. */
static enum status look_at_link(struct appendfile *f, int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode) || st.st_uid == 0 || st.st_uid == geteuid())
        return ST_OK;
    return why_set(&f->why, ST_AGAIN, "mailbox %s is a link of user %u", name, (unsigned)st.st_uid);
}

/* A plain file, with one name, owned by us; or a pipe somebody reads. */
static enum status check_box(struct appendfile *f, const struct stat *st, const char *name)
{
    bool fifo = S_ISFIFO(st->st_mode) && f->allow_fifo;

    if (!S_ISREG(st->st_mode) && !fifo)
        return why_set(&f->why, ST_AGAIN, "mailbox %s is not a plain file", name);
    if (st->st_nlink != 1)
        return why_set(&f->why, ST_AGAIN, "mailbox %s has %lu links", name, (unsigned long)st->st_nlink);
    if ((f->check_owner && st->st_uid != geteuid()) || (f->check_group && st->st_gid != getegid()))
        return why_set(&f->why, ST_AGAIN, "mailbox %s has wrong uid or gid (%u, %u)", name, st->st_uid, st->st_gid);
    if (f->mode_fail_narrower && ((mode_t)f->mode & ~st->st_mode & 0777))
        return why_set(&f->why, ST_AGAIN, "mailbox %s has a narrower mode (%03o) than asked for", name, st->st_mode & 0777);
    return ST_OK;
}

static int open_new(struct appendfile *f, int dir, const char *name)
{
    if (f->file_must_exist || f->no_create) {
        errno = EEXIST;
        return -1;
    }
    return openat(dir, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->mode);
}

static enum status open_box(struct appendfile *f, int dir, const char *name, int *out, bool *fifo)
{
    int follow = f->allow_symlink ? 0 : O_NOFOLLOW, fd;
    struct stat st;

    if (f->allow_symlink && look_at_link(f, dir, name) != ST_OK)
        return ST_AGAIN;
    fd = FAULT(OPEN) ? -1 : open_new(f, dir, name);
    if (fd < 0 && errno == EEXIST)
        fd = openat(dir, name, O_WRONLY | O_APPEND | follow | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT && f->no_create)
        return why_set(&f->why, ST_AGAIN, "create_file allows no new mailbox %s here", name);
    if (fd < 0 && errno == ENXIO)
        return why_set(&f->why, ST_AGAIN, "nobody reads the pipe %s", name);
    if (fd < 0 || fstat(fd, &st) < 0) {
        why_errno(&f->why, ST_AGAIN, "open mailbox %s", name);
        goto fail;
    }
    if (check_box(f, &st, name) != ST_OK)
        goto fail;
    *fifo = S_ISFIFO(st.st_mode);
    *out = fd;
    return ST_OK;

fail:
    if (fd >= 0)
        close(fd);
    return ST_AGAIN;
}

/* ---- file_format */

/* ST_OK: the file is empty, or begins as our own do; ST_NONE: it is another
 * transport's. */
static enum status look_at_format(struct appendfile *f, int dir, const char *name)
{
    char head[BEGINNING];
    struct str rest = f->formats, one;
    ssize_t n;
    int fd;

    if (f->formats.n == 0)
        return ST_OK;
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (f->allow_symlink ? 0 : O_NOFOLLOW));
    n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return why_errno(&f->why, ST_AGAIN, "read the beginning of mailbox %s", name);
    if (n == 0)
        return ST_OK;
    for (f->format = 0; str_cut(&rest, FORMAT_END, &one); f->format++)
        if (one.n && str_starts((struct str){ head, (size_t)n }, str_from(one, 1)))
            return one.p[0] == '=' ? ST_OK : ST_NONE;
    return why_set(&f->why, ST_AGAIN, "mailbox %s begins like none of file_format", name);
}

/* ---- writing */

static enum status append(struct appendfile *f, int fd, int dir, const char *name)
{
    off_t before = lseek(fd, 0, SEEK_END);
    enum status st;

    if (before < 0)
        return why_errno(&f->why, ST_AGAIN, "find the end of %s", name);
    st = appendfile_write(f, fd, name);
    if (st == ST_OK && before == 0 && (FAULT(FLUSH) || fsync(dir) < 0))
        st = why_errno(&f->why, ST_AGAIN, "flush the directory of %s", name);
    if (st != ST_OK && ftruncate(fd, before) < 0)
        why_errno(&f->why, ST_AGAIN, "cut off what was written to %s", name);
    return st;
}

enum status mbox_deliver(struct appendfile *f, int dir, const char *name)
{
    char lock[NAME_ROOM];
    bool fifo = false;
    enum status st;
    int fd = -1;

    snprintf(lock, sizeof lock, "%s.lock", name);
    if (f->lockfile && (st = take_lockfile(f, dir, lock)) != ST_OK)
        return st;
    st = open_box(f, dir, name, &fd, &fifo);
    if (st == ST_OK && !fifo)
        st = take_locks(f, fd, dir, name);
    if (st == ST_OK && !fifo)
        st = look_at_format(f, dir, name);
    if (st == ST_OK)
        st = fifo ? appendfile_pipe(f, fd, name) : append(f, fd, dir, name);
    if (fd >= 0 && close(fd) < 0 && st == ST_OK)
        st = why_errno(&f->why, ST_AGAIN, "close %s", name);
    if (f->lockfile)
        unlinkat(dir, lock, 0);
    return st;
}
