/*
 * maildir - one file a message: tmp, then new
 *
 * A reader of the Maildir sees a message only once all of it is on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/appendfile.h"
#include "local/names.h"

enum { TRIES = 10, NAME_ROOM = 300, TAG_MAX = 64 };

static int64_t tries(const struct appendfile *f)
{
    return f->maildir_retries > 0 ? f->maildir_retries : TRIES;
}

static enum status open_part(struct appendfile *f, int dir, const char *part, int *fd)
{
    *fd = appendfile_step(f, dir, part);
    if (*fd < 0)
        return why_errno(&f->why, ST_AGAIN, "open %s in %.*s", part, STR_ARG(f->rest));
    return ST_OK;
}

/* The pieces are the ones the format's author gives: the time, what makes it
 * unique within it, and the host, with '/' and ':' written in octal. */
static void file_name(const struct appendfile *f, int try, char *out, size_t room)
{
    size_t n = (size_t)snprintf(out, room, "%lld.M%06lldP%dQ%llu_%d.", (long long)(f->wall_us / 1000000),
                                (long long)(f->wall_us % 1000000), (int)getpid(), (unsigned long long)f->serial, try);

    for (size_t i = 0; i < f->hostname.n && n + 5 < room; i++) {
        char c = f->hostname.p[i];

        if (c == '/' || c == ':')
            n += (size_t)snprintf(out + n, room - n, "\\%03o", (unsigned)c);
        else
            out[n++] = c;
    }
    out[n] = 0;
}

static int create(struct appendfile *f, int tmp, char *name, size_t room)
{
    int fd = -1;

    for (int i = 0; i < tries(f); i++) {
        file_name(f, i, name, room);
        fd = FAULT(OPEN) ? -1 : openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->mode);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

static int rename_new(struct appendfile *f, int tmp, int new, const char *name, char *final, size_t room)
{
    char base[NAME_ROOM];
    int rc = -1;

    for (int i = 0; i < tries(f); i++) {
        file_name(f, i, base, sizeof base);
        snprintf(final, room, "%s,S=%llu%.*s", base, (unsigned long long)f->written,
                 (int)(f->tag.n > TAG_MAX ? TAG_MAX : f->tag.n), f->tag.p ? f->tag.p : "");
        rc = FAULT(RENAME) ? -1 : renameat2(tmp, name, new, final, RENAME_NOREPLACE);
        if (rc == 0 || errno != EEXIST)
            break;
    }
    return rc;
}

static enum status move(struct appendfile *f, int tmp, int new, const char *name)
{
    char final[NAME_ROOM + 100];

    if (f->tag.n && memchr(f->tag.p, '/', f->tag.n))
        return why_set(&f->why, ST_AGAIN, "maildir_tag holds a slash");
    if (rename_new(f, tmp, new, name, final, sizeof final) < 0)
        return why_errno(&f->why, ST_AGAIN, "move %s to new in %.*s", name, STR_ARG(f->rest));
    if (FAULT(FLUSH) || fsync(new) < 0) {
        enum status st = why_errno(&f->why, ST_AGAIN, "flush new in %.*s", STR_ARG(f->rest));

        unlinkat(new, final, 0);
        return st;
    }
    return ST_OK;
}

/* A folder carries an empty file of that name, so that readers and maildirsize
 * know it for one (Maildir++). */
static enum status mark_folder(struct appendfile *f, int dir)
{
    struct str last = str_from(f->rest, str_rfind(f->rest, '/') + 1);
    struct names n;
    char name[NAME_ROOM];
    bool marked;
    int fd;

    if (f->folder_regex.n == 0 || last.n >= sizeof name)
        return ST_OK;
    if (names_open(&n, f->folder_regex, &f->why) != ST_OK)
        return ST_AGAIN;
    memcpy(name, last.p, last.n);
    name[last.n] = 0;
    marked = names_match(&n, name);
    names_close(&n);
    if (!marked)
        return ST_OK;
    fd = openat(dir, "maildirfolder", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? ST_OK : why_errno(&f->why, ST_AGAIN, "mark the folder %s", name);
    close(fd);
    return ST_OK;
}

enum status maildir_deliver(struct appendfile *f, int dir)
{
    char name[NAME_ROOM] = "";
    int tmp = -1, new = -1, cur = -1, fd = -1;
    enum status st;

    if ((st = mark_folder(f, dir)) != ST_OK
        || (st = open_part(f, dir, "tmp", &tmp)) != ST_OK
        || (st = open_part(f, dir, "new", &new)) != ST_OK
        || (st = open_part(f, dir, "cur", &cur)) != ST_OK)
        goto out;

    fd = create(f, tmp, name, sizeof name);
    if (fd < 0) {
        st = why_errno(&f->why, ST_AGAIN, "create a file in tmp of %.*s", STR_ARG(f->rest));
        goto out;
    }
    st = appendfile_write(f, fd, name);
    if (close(fd) < 0 && st == ST_OK)
        st = why_errno(&f->why, ST_AGAIN, "close %s", name);
    if (st == ST_OK)
        st = move(f, tmp, new, name);
    if (st != ST_OK)
        unlinkat(tmp, name, 0);

out:
    if (tmp >= 0)
        close(tmp);
    if (new >= 0)
        close(new);
    if (cur >= 0)
        close(cur);
    return st;
}
