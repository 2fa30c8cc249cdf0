#include "local/pairfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "mail/pair.h"

enum { MODE = 0640, NAME_ROOM = 64 };

static enum status create(const struct pairfile *p, const char *name, int *fd, struct why *why)
{
    *fd = FAULT(OPEN) ? -1 : openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
    return *fd < 0 ? why_errno(why, ST_AGAIN, "creating file: %s", name) : ST_OK;
}

static enum status write_all(int fd, struct str s, const char *name, struct why *why)
{
    while (s.n > 0) {
        ssize_t n = FAULT(WRITE) ? -1 : write(fd, s.p, s.n);

        if (n <= 0 && errno != EINTR)
            return why_errno(why, ST_AGAIN, "write %s", name);
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
    return ST_OK;
}

static enum status end(int fd, const char *name, enum status st, struct why *why)
{
    if (st == ST_OK && (FAULT(FLUSH) || fsync(fd) < 0))
        st = why_errno(why, ST_AGAIN, "flush %s", name);
    if (close(fd) < 0 && st == ST_OK)
        st = why_errno(why, ST_AGAIN, "close %s", name);
    return st;
}

/* CRLF lines become LF lines. */
static enum status write_body(const struct pairfile *p, int fd, const char *name, struct why *why)
{
    struct buf b = { 0 };
    char part[65536];
    uint64_t at = 0;
    ssize_t n = 1;
    enum status st;

    pair_body_head(p->id, &b);
    st = write_all(fd, buf_str(&b), name, why);
    while (st == ST_OK && (n = p->read(p->ctx, at, part, sizeof part)) > 0) {
        buf_clear(&b);
        for (ssize_t i = 0; i < n; i++)
            if (part[i] != '\r')    /* our lines hold no CR but before LF (R3.1) */
                buf_byte(&b, part[i]);
        st = write_all(fd, buf_str(&b), name, why);
        at += (uint64_t)n;
    }
    if (st == ST_OK && n < 0)
        st = why_errno(why, ST_AGAIN, "read the message for %s", name);
    buf_free(&b);
    return st;
}

static enum status put_data(const struct pairfile *p, const char *name, struct why *why)
{
    enum status st;
    int fd;

    if ((st = create(p, name, &fd, why)) != ST_OK)
        return st;
    st = end(fd, name, write_body(p, fd, name, why), why);
    if (st != ST_OK)
        unlinkat(p->dir, name, 0);
    return st;
}

static enum status put_head(const struct pairfile *p, const char *name, struct why *why)
{
    char temp[NAME_ROOM];
    enum status st;
    int fd;

    snprintf(temp, sizeof temp, "hdr.%s", p->id.s);
    if ((st = create(p, temp, &fd, why)) != ST_OK)
        return st;
    st = end(fd, temp, write_all(fd, p->head, temp, why), why);
    if (st == ST_OK && (FAULT(RENAME) || renameat2(p->dir, temp, p->dir, name, RENAME_NOREPLACE) < 0))
        st = why_errno(why, ST_AGAIN, "creating file: %s", name);
    if (st != ST_OK)
        unlinkat(p->dir, temp, 0);
    return st;
}

static enum status flush_directory(const struct pairfile *p, struct why *why)
{
    int fd = FAULT(FLUSH) ? -1 : openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status st = fd < 0 || fsync(fd) < 0 ? why_errno(why, ST_AGAIN, "flush the directory of %s", p->id.s) : ST_OK;

    if (fd >= 0)
        close(fd);
    return st;
}

enum status pairfile_write(const struct pairfile *p, struct why *why)
{
    char d[NAME_ROOM], h[NAME_ROOM];
    enum status st;

    snprintf(d, sizeof d, "%s-D", p->id.s);
    snprintf(h, sizeof h, "%s-H", p->id.s);
    if ((st = put_data(p, d, why)) != ST_OK)
        return st;
    if ((st = put_head(p, h, why)) != ST_OK) {
        unlinkat(p->dir, d, 0);
        return st;
    }
    if ((st = flush_directory(p, why)) != ST_OK) {
        unlinkat(p->dir, h, 0);
        unlinkat(p->dir, d, 0);
    }
    return st;
}
