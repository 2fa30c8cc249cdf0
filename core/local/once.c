#include "local/once.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"

enum { DEFAULT_SIZE = 1 << 20, LEAST = 200, FILE_MAX = 64 << 20, NAME_MAX_LENGTH = 1000, PATH_ROOM = 4096, LOCK_TRIES = 100, LOCK_PAUSE_US = 50000 };

/* ---- the file as text */

static enum status read_file(const struct once *o, struct buf *out, struct why *why)
{
    int fd = FAULT(OPEN) ? -1 : open(o->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    ssize_t n = 1;

    if (fd < 0)
        return errno == ENOENT ? ST_OK : why_errno(why, ST_AGAIN, "open %s", o->path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        close(fd);
        return why_set(why, ST_AGAIN, "%s is no plain file with one name", o->path);
    }
    while (n > 0 && out->n <= FILE_MAX)
        if ((n = FAULT(READ) ? -1 : read(fd, buf_room(out, 65536), 65536)) > 0)
            buf_grew(out, (size_t)n);
    if (n < 0)
        why_errno(why, ST_AGAIN, "read %s", o->path);
    else if (n > 0)
        why_set(why, ST_AGAIN, "%s is too big", o->path);
    close(fd);
    return n == 0 ? ST_OK : ST_AGAIN;
}

/* "SECONDS NAME". Whatever is no such line says nothing. */
static bool take_line(struct str line, uint64_t *at, struct str *name)
{
    struct str head;

    if (!str_cut(&line, ' ', &head) || !str_u64(head, INT64_MAX, at) || line.n == 0)
        return false;
    *name = line;
    return true;
}

/* A name is one line, without bytes that would make it two. */
static struct str clean(struct str name, char room[NAME_MAX_LENGTH])
{
    size_t n = name.n < NAME_MAX_LENGTH ? name.n : NAME_MAX_LENGTH;

    for (size_t i = 0; i < n; i++)
        room[i] = (unsigned char)name.p[i] <= 0x20 || name.p[i] == 0x7f ? '_' : ascii_lower(name.p[i]);
    return (struct str){ room, n };
}

enum status once_look(const struct once *o, struct str name, int64_t *seen, struct why *why)
{
    char room[NAME_MAX_LENGTH];
    struct buf text = { 0 };
    struct str rest, line, who;
    uint64_t at;
    enum status st;

    *seen = 0;
    name = clean(name, room);
    st = read_file(o, &text, why);
    for (rest = buf_str(&text); st == ST_OK && str_cut(&rest, '\n', &line);)
        if (take_line(line, &at, &who) && str_same(who, name) && (int64_t)at > *seen)
            *seen = (int64_t)at;
    buf_free(&text);
    return st;
}

/* ---- a change */

/* Without the name's earlier line, with its new one, cut to size at the front. */
static void renew(const struct once *o, struct buf *text, struct str name, int64_t now)
{
    size_t most = (size_t)(o->size_max <= 0 ? DEFAULT_SIZE : o->size_max < LEAST ? LEAST : o->size_max > FILE_MAX ? FILE_MAX : o->size_max);
    struct buf out = { 0 };
    struct str rest = buf_str(text), line, who;
    uint64_t at;

    while (str_cut(&rest, '\n', &line))
        if (take_line(line, &at, &who) && !str_same(who, name)) {
            buf_add(&out, line);
            buf_byte(&out, '\n');
        }
    buf_addf(&out, "%lld %.*s\n", (long long)now, STR_ARG(name));
    while (out.n > most) {
        size_t eol = str_find(buf_str(&out), '\n');

        if (eol + 1 >= out.n)
            break;
        buf_drop(&out, eol + 1);
    }
    buf_free(text);
    *text = out;
}

static enum status put_file(const struct once *o, struct str s, struct why *why)
{
    char path[PATH_ROOM];
    enum status st = ST_OK;
    int fd;

    snprintf(path, sizeof path, "%s.new", o->path);
    unlink(path);                       /* a crash's; we have the lock */
    fd = FAULT(OPEN) ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, o->mode);
    if (fd < 0)
        return why_errno(why, ST_AGAIN, "create %s", path);
    while (s.n && st == ST_OK) {
        ssize_t n = FAULT(WRITE) ? -1 : write(fd, s.p, s.n);

        if (n < 0 && errno != EINTR)
            st = why_errno(why, ST_AGAIN, "write %s", path);
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
    if (st == ST_OK && (FAULT(FLUSH) || fsync(fd) < 0))
        st = why_errno(why, ST_AGAIN, "flush %s", path);
    if (close(fd) < 0 && st == ST_OK)
        st = why_errno(why, ST_AGAIN, "close %s", path);
    if (st == ST_OK && (FAULT(RENAME) || rename(path, o->path) < 0))
        st = why_errno(why, ST_AGAIN, "rename %s", path);
    if (st != ST_OK)
        unlink(path);
    return st;
}

static int take_lock(const struct once *o)
{
    char path[PATH_ROOM];
    int fd;

    snprintf(path, sizeof path, "%s.lock", o->path);
    fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, o->mode);
    for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
            int err = errno;

            close(fd);
            errno = err;
            return -1;
        }
        usleep(LOCK_PAUSE_US);
    }
    return fd;
}

enum status once_note(const struct once *o, struct str name, int64_t now, struct why *why)
{
    char room[NAME_MAX_LENGTH];
    struct buf text = { 0 };
    enum status st;
    int lock;

    if (strlen(o->path) + 10 > PATH_ROOM)
        return why_set(why, ST_AGAIN, "the path of the once file is too long");
    lock = take_lock(o);
    if (lock < 0)
        return why_errno(why, ST_AGAIN, "lock %s", o->path);
    st = read_file(o, &text, why);
    if (st == ST_OK) {
        renew(o, &text, clean(name, room), now);
        st = put_file(o, buf_str(&text), why);
    }
    buf_free(&text);
    close(lock);
    return st;
}
