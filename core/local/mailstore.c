/*
 * mailstore - a message in two files: NAME.msg, and its envelope in NAME.env
 *
 * Whoever reads such a directory waits for both. The envelope lies beside as
 * NAME.tmp until the message is whole; its new name is what makes it a message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/appendfile.h"

enum { TRIES = 10, NAME_ROOM = 300, BASE_ROOM = 200 };

static enum status write_envelope(struct appendfile *f, int fd, const char *name)
{
    struct str s = f->envelope;
    enum status st = ST_OK;
    ssize_t n;

    while (st == ST_OK && s.n) {
        n = FAULT(WRITE) ? -1 : write(fd, s.p, s.n);
        if (n <= 0 && errno != EINTR)
            st = why_errno(&f->why, ST_AGAIN, "write %s", name);
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
    if (st == ST_OK && (FAULT(FLUSH) || fsync(fd) < 0))
        st = why_errno(&f->why, ST_AGAIN, "flush %s", name);
    if (close(fd) < 0 && st == ST_OK)
        st = why_errno(&f->why, ST_AGAIN, "close %s", name);
    return st;
}

/* The message's file takes the name for both. */
static int take_name(struct appendfile *f, int dir, char *base, char *msg)
{
    int fd = -1;

    for (int i = 0; i < TRIES; i++) {
        snprintf(base, BASE_ROOM, "%.*s_%d", (int)(f->file_name.n > 150 ? 150 : f->file_name.n), f->file_name.p, i);
        snprintf(msg, NAME_ROOM, "%s.msg", base);
        fd = FAULT(OPEN) ? -1 : openat(dir, msg, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->mode);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

static enum status put_envelope(struct appendfile *f, int dir, const char *tmp)
{
    int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->mode);

    if (fd < 0)
        return why_errno(&f->why, ST_AGAIN, "create %s", tmp);
    return write_envelope(f, fd, tmp);
}

static enum status put_message(struct appendfile *f, int fd, const char *msg)
{
    enum status st = appendfile_write(f, fd, msg);

    if (close(fd) < 0 && st == ST_OK)
        st = why_errno(&f->why, ST_AGAIN, "close %s", msg);
    return st;
}

enum status mailstore_deliver(struct appendfile *f, int dir)
{
    char base[BASE_ROOM] = "", msg[NAME_ROOM] = "", tmp[NAME_ROOM], env[NAME_ROOM];
    int fd = take_name(f, dir, base, msg);
    enum status st;

    if (fd < 0)
        return why_errno(&f->why, ST_AGAIN, "create %s in %.*s", msg, STR_ARG(f->rest));
    snprintf(tmp, sizeof tmp, "%s.tmp", base);
    snprintf(env, sizeof env, "%s.env", base);
    st = put_envelope(f, dir, tmp);
    if (st == ST_OK)
        st = put_message(f, fd, msg);
    else
        close(fd);
    if (st == ST_OK && (FAULT(RENAME) || renameat2(dir, tmp, dir, env, RENAME_NOREPLACE) < 0))
        st = why_errno(&f->why, ST_AGAIN, "rename %s", tmp);
    if (st == ST_OK && (FAULT(FLUSH) || fsync(dir) < 0)) {
        st = why_errno(&f->why, ST_AGAIN, "flush the directory of %s", msg);
        unlinkat(dir, env, 0);
    }
    if (st != ST_OK) {
        unlinkat(dir, tmp, 0);
        unlinkat(dir, msg, 0);
    }
    return st;
}
