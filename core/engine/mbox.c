/*
 * mbox - one file for all messages of a mailbox
 *
 * Two locks, since programs that read mailboxes differ: a file beside it, and
 * fcntl on it. What a failed write leaves is cut off again under the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/appendfile.h"

enum { NAME_ROOM = 300 };

static void pause_for(int64_t seconds)
{
    struct timespec ts = { .tv_sec = (time_t)seconds };

    nanosleep(&ts, NULL);
}

static void drop_stale(const struct appendfile *f, int dir, const char *lock)
{
    struct stat st;

    if (f->lockfile_timeout > 0 && fstatat(dir, lock, &st, AT_SYMLINK_NOFOLLOW) == 0
        && time(NULL) - st.st_ctime > f->lockfile_timeout)
        unlinkat(dir, lock, 0);
}

static enum status take_lockfile(struct appendfile *f, int dir, const char *lock)
{
    int fd;

    for (int i = 0;; i++) {
        fd = openat(dir, lock, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->lockfile_mode);
        if (fd >= 0) {
            close(fd);
            return ST_OK;
        }
        if (errno != EEXIST)
            return why_errno(&f->why, ST_AGAIN, "create lock file %s", lock);
        if (i >= f->lock_retries)
            return why_set(&f->why, ST_AGAIN, "mailbox is locked (%s exists)", lock);
        drop_stale(f, dir, lock);
        pause_for(f->lock_interval);
    }
}

/* An open file description's lock: it excludes other threads of ours as well as
 * other programs' fcntl locks. */
static enum status take_fcntl(struct appendfile *f, int fd, const char *name)
{
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    for (int i = 0; fcntl(fd, F_OFD_SETLK, &fl) < 0; i++) {
        if (errno != EACCES && errno != EAGAIN)
            return why_errno(&f->why, ST_AGAIN, "lock %s", name);
        if (i >= f->lock_retries)
            return why_set(&f->why, ST_AGAIN, "mailbox %s is locked by another process", name);
        pause_for(f->lock_interval);
    }
    return ST_OK;
}

/* Made exclusively, or one that was there and is what a mailbox has to be: a
 * plain file, with one name, owned by us (R7.3). */
static enum status open_box(struct appendfile *f, int dir, const char *name, int *out)
{
    struct stat st;
    int fd = -1;

    if (!f->file_must_exist)
        fd = openat(dir, name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, f->mode);
    if (fd < 0 && (f->file_must_exist || errno == EEXIST))
        fd = openat(dir, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        why_errno(&f->why, ST_AGAIN, "open mailbox %s", name);
        goto fail;
    }
    if (!S_ISREG(st.st_mode)) {
        why_set(&f->why, ST_AGAIN, "mailbox %s is not a plain file", name);
        goto fail;
    }
    if (st.st_nlink != 1) {
        why_set(&f->why, ST_AGAIN, "mailbox %s has %lu links", name, (unsigned long)st.st_nlink);
        goto fail;
    }
    if ((f->check_owner && st.st_uid != geteuid()) || (f->check_group && st.st_gid != getegid())) {
        why_set(&f->why, ST_AGAIN, "mailbox %s has wrong uid or gid (%u, %u)", name, st.st_uid, st.st_gid);
        goto fail;
    }
    if (f->mode_fail_narrower && (f->mode & ~st.st_mode & 0777)) {
        why_set(&f->why, ST_AGAIN, "mailbox %s has a narrower mode (%03o) than asked for", name, st.st_mode & 0777);
        goto fail;
    }
    *out = fd;
    return ST_OK;

fail:
    if (fd >= 0)
        close(fd);
    return ST_AGAIN;
}

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
    enum status st;
    int fd = -1;

    snprintf(lock, sizeof lock, "%s.lock", name);
    if (f->lockfile && (st = take_lockfile(f, dir, lock)) != ST_OK)
        return st;
    st = open_box(f, dir, name, &fd);
    if (st == ST_OK && f->fcntl_lock)
        st = take_fcntl(f, fd, name);
    if (st == ST_OK)
        st = append(f, fd, dir, name);
    if (fd >= 0 && close(fd) < 0 && st == ST_OK)
        st = why_errno(&f->why, ST_AGAIN, "close %s", name);
    if (f->lockfile)
        unlinkat(dir, lock, 0);
    return st;
}
