#include "local/appendfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/quota.h"

enum { NAME_ROOM = 256, PIPE_WAIT_MS = 60000 };

bool appendfile_safe(struct str s)
{
    if (s.n == 0 || s.n >= NAME_ROOM || s.p[0] == '.' || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '/' || (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool component_legal(struct str s)
{
    if (s.n == 0 || s.n >= NAME_ROOM || str_same(s, STR(".")) || str_same(s, STR("..")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static bool components_legal(struct str path)
{
    struct str part;

    while (str_cut(&path, '/', &part))
        if (!component_legal(part))
            return false;
    return true;
}

bool appendfile_split(struct str path, struct str *root, struct str *rest)
{
    size_t at;

    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (path.n < 2 || path.p[0] != '/')
        return false;
    at = str_find_str(path, STR("/./"));
    if (at != SIZE_MAX) {
        *root = at == 0 ? STR("/") : str_head(path, at);
        *rest = str_from(path, at + 3);
        return rest->n > 0 && (at == 0 || components_legal(str_from(*root, 1))) && components_legal(*rest);
    }
    if (!components_legal(str_from(path, 1)))
        return false;
    at = str_rfind(path, '/');
    *root = at == 0 ? STR("/") : str_head(path, at);
    *rest = str_from(path, at + 1);
    return true;
}

static bool name_of(struct str s, char *name)
{
    if (!component_legal(s))
        return false;
    memcpy(name, s.p, s.n);
    name[s.n] = 0;
    return true;
}

/* A new directory's entry must be on disk before mail in it is (R2.1). */
int appendfile_step(struct appendfile *f, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT || !f->create_directory || f->no_create)
        return fd;
    if (mkdirat(dir, name, (mode_t)f->directory_mode) < 0 && errno != EEXIST)
        return -1;
    if (FAULT(FLUSH) || fsync(dir) < 0)
        return -1;
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The root is the administrator's: links in it are followed, and it is made
 * if its parent exists. */
static int open_root(struct appendfile *f)
{
    char path[4096];
    int fd;

    if (f->root.n == 0 || f->root.n >= sizeof path || f->root.p[0] != '/') {
        errno = EINVAL;
        return -1;
    }
    memcpy(path, f->root.p, f->root.n);
    path[f->root.n] = 0;
    fd = FAULT(OPEN) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !f->create_directory || f->no_create)
        return fd;
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        if (mkdir(path, (mode_t)f->directory_mode) < 0 && errno != EEXIST)
            return -1;
        *p = '/';
    }
    if (mkdir(path, (mode_t)f->directory_mode) < 0 && errno != EEXIST)
        return -1;
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Opens the directory that holds the last component (or is it, for one file a
 * message) and copies the component's name. */
static int walk(struct appendfile *f, char *name)
{
    struct str left = f->rest, part;
    int dir = open_root(f), next, err;

    if (dir < 0)
        return -1;
    while (str_cut(&left, '/', &part)) {
        bool last = left.n == 0;

        if (!name_of(part, name)) {
            errno = EINVAL;
            goto fail;
        }
        if (last && !f->directory)
            return dir;
        next = appendfile_step(f, dir, name);
        if (next < 0)
            goto fail;
        close(dir);
        dir = next;
        if (last)
            break;
    }
    return dir;

fail:
    err = errno;
    close(dir);
    errno = err;
    return -1;
}

/* A named pipe's reader has a minute for each piece. */
static bool pipe_has_room(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    return poll(&p, 1, PIPE_WAIT_MS) > 0 && !(p.revents & POLLERR);
}

static enum status write_content(struct appendfile *f, int fd, const char *name)
{
    struct buf out = { 0 };
    enum content_end end;
    struct str s;
    ssize_t n;

    do {
        end = content_next(&f->content, &out);
        if (end == CONTENT_ERROR) {
            buf_free(&out);
            return why_errno(&f->why, ST_AGAIN, "read the message for %s", name);
        }
        for (s = buf_str(&out); s.n; s = str_from(s, (size_t)n)) {
            n = FAULT(WRITE) ? -1 : write(fd, s.p, s.n);
            if (n < 0 && (errno == EINTR || (errno == EAGAIN && pipe_has_room(fd)))) {
                n = 0;
                continue;
            }
            if (n <= 0) {
                why_errno(&f->why, ST_AGAIN, "write %s", name);
                buf_free(&out);
                return ST_AGAIN;
            }
            f->written += (uint64_t)n;
        }
        buf_clear(&out);
    } while (end == CONTENT_MORE);
    buf_free(&out);
    return ST_OK;
}

enum status appendfile_write(struct appendfile *f, int fd, const char *name)
{
    enum status st = write_content(f, fd, name);

    if (st == ST_OK && (FAULT(FLUSH) || fsync(fd) < 0))
        st = why_errno(&f->why, ST_AGAIN, "flush %s", name);
    return st;
}

enum status appendfile_pipe(struct appendfile *f, int fd, const char *name)
{
    return write_content(f, fd, name);
}

static enum status single_file(struct appendfile *f, int dir)
{
    char name[NAME_ROOM];
    int fd;

    if (!name_of(f->file_name, name))
        return why_set(&f->why, ST_AGAIN, "directory_file gives no usable file name");
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->mode);
    if (fd < 0)
        return why_errno(&f->why, ST_AGAIN, "create %s", name);
    f->status = appendfile_write(f, fd, name);
    if (close(fd) < 0 && f->status == ST_OK)
        f->status = why_errno(&f->why, ST_AGAIN, "close %s", name);
    if (f->status == ST_OK && (FAULT(FLUSH) || fsync(dir) < 0))
        f->status = why_errno(&f->why, ST_AGAIN, "flush the directory of %s", name);
    if (f->status != ST_OK)
        unlinkat(dir, name, 0);
    return f->status;
}

static enum status in_its_form(struct appendfile *f, int dir, const char *name)
{
    if (f->maildir)
        return maildir_deliver(f, dir);
    if (f->mailstore)
        return mailstore_deliver(f, dir);
    return f->directory ? single_file(f, dir) : mbox_deliver(f, dir, name);
}

/* A mailbox that is not there yet has room for anything that fits at all. */
static void look_for_room(struct appendfile *f)
{
    int64_t bytes, files;
    enum status st = appendfile_used(f, &bytes, &files);

    f->full |= st == ST_NONE && f->quota > 0 && !f->quota_exclusive && f->message_size > f->quota;
    f->status = st == ST_NONE ? ST_OK : st;
    content_free(&f->content);
}

void appendfile_deliver(struct appendfile *f)
{
    char name[NAME_ROOM] = "";
    struct quota q = { .size_fd = -1 };
    int dir;

    if (f->only_room) {
        look_for_room(f);
        return;
    }
    dir = walk(f, name);
    if (dir < 0) {
        f->status = why_errno(&f->why, ST_AGAIN, "open %.*s/%.*s", STR_ARG(f->root), STR_ARG(f->rest));
        return;
    }
    f->status = quota_check(f, dir, f->directory ? NULL : name, &q);
    if (f->status == ST_OK)
        f->status = in_its_form(f, dir, name);
    if (f->status == ST_OK)
        quota_add(f, &q);
    quota_close(&q);
    close(dir);
    content_free(&f->content);
}

enum status appendfile_used(struct appendfile *f, int64_t *bytes, int64_t *files)
{
    char name[NAME_ROOM] = "";
    struct quota q;
    bool create = f->create_directory;
    int64_t warn_at = f->warn_at;
    enum status st;
    int dir;

    *bytes = *files = 0;
    f->create_directory = false;
    dir = walk(f, name);
    f->create_directory = create;
    if (dir < 0)
        return errno == ENOENT ? ST_NONE : why_errno(&f->why, ST_AGAIN, "open %.*s/%.*s", STR_ARG(f->root), STR_ARG(f->rest));
    f->warn_at = INT64_MAX;             /* measured in any case */
    st = quota_check(f, dir, f->directory ? NULL : name, &q);
    f->warn_at = warn_at;
    *bytes = q.bytes;
    *files = q.files;
    quota_close(&q);
    close(dir);
    return st == ST_AGAIN && f->full ? ST_OK : st;
}
