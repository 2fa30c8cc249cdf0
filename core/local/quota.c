#include "local/quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/names.h"

/* A directory tree is its owner's, who may make it as deep and wide as he likes. */
enum { DEPTH_MAX = 20, ENTRIES_MAX = 2000000 };

struct tree { struct appendfile *f; struct names size; int64_t bytes, files; unsigned entries; };

/* ---- measuring */

static bool add_file(struct tree *t, int dir, const char *name)
{
    struct stat st;
    int64_t size;

    if (!names_number(&t->size, name, &size)) {
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT;             /* a reader has just moved it */
        if (!S_ISREG(st.st_mode))
            return true;
        size = (int64_t)st.st_size;
    }
    t->bytes += size;
    t->files++;
    return true;
}

static enum status add_directory(struct tree *t, int dir, unsigned depth);

static enum status add_entry(struct tree *t, int dir, const struct dirent *d, unsigned depth)
{
    enum status st;
    int fd;

    if (d->d_type != DT_DIR && d->d_type != DT_UNKNOWN)
        return d->d_type != DT_REG || add_file(t, dir, d->d_name) ? ST_OK
             : why_errno(&t->f->why, ST_AGAIN, "measure %s", d->d_name);
    fd = depth < DEPTH_MAX ? openat(dir, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0)
        return errno == ENOTDIR && !add_file(t, dir, d->d_name)
             ? why_errno(&t->f->why, ST_AGAIN, "measure %s", d->d_name) : ST_OK;
    st = add_directory(t, fd, depth + 1);
    close(fd);
    return st;
}

/* dir stays open: readdir works on another descriptor of it. */
static enum status add_directory(struct tree *t, int dir, unsigned depth)
{
    int fd = FAULT(OPEN) ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    enum status st = ST_OK;
    struct dirent *d;

    if (!list) {
        st = why_errno(&t->f->why, ST_AGAIN, "measure the mailbox %.*s", STR_ARG(t->f->rest));
        if (fd >= 0)
            close(fd);
        return st;
    }
    while (st == ST_OK && (d = readdir(list))) {
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
            continue;
        if (++t->entries > ENTRIES_MAX)
            st = why_set(&t->f->why, ST_AGAIN, "the mailbox %.*s has too many files to be measured", STR_ARG(t->f->rest));
        else
            st = add_entry(t, dir, d, depth);
    }
    closedir(list);
    return st;
}

/* Sums up a directory and what lies below it. size_regex may be empty. */
static enum status sum_up(struct appendfile *f, int dir, int64_t *bytes, int64_t *files)
{
    struct tree t = { .f = f };
    enum status st = names_open(&t.size, f->size_regex, &f->why);

    if (st == ST_OK)
        st = add_directory(&t, dir, 0);
    names_close(&t.size);
    *bytes = t.bytes;
    *files = t.files;
    return st;
}

static enum status measure_elsewhere(struct appendfile *f, int64_t *bytes, int64_t *files)
{
    char path[4096];
    enum status st;
    int fd;

    if (f->quota_directory.n >= sizeof path)
        return why_set(&f->why, ST_AGAIN, "quota_directory is too long");
    memcpy(path, f->quota_directory.p, f->quota_directory.n);
    path[f->quota_directory.n] = 0;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return why_errno(&f->why, ST_AGAIN, "open quota_directory %s", path);
    st = sum_up(f, fd, bytes, files);
    close(fd);
    return st;
}

static enum status measure_file(struct appendfile *f, int dir, const char *name, struct quota *q)
{
    struct stat st;

    if (fstatat(dir, name, &st, f->allow_symlink ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return why_errno(&f->why, ST_AGAIN, "measure %s", name);
        st = (struct stat){ 0 };
    }
    q->bytes = (int64_t)st.st_size;
    q->files = 0;
    return ST_OK;
}

/* Sums up a directory and what lies below it. size_regex may be empty. */
static enum status measure(struct appendfile *f, int dir, const char *name, struct quota *q)
{
    if (f->used_known && (f->files_known || f->quota_files == 0))
        return ST_OK;
    if (name)
        return measure_file(f, dir, name, q);
    if (f->quota_directory.n)
        return measure_elsewhere(f, &q->bytes, &q->files);
    if (f->maildir)
        return f->size_file ? maildirsize_read(f, dir, q) : maildir_measure(f, dir, &q->bytes, &q->files);
    return sum_up(f, dir, &q->bytes, &q->files);
}

/* ---- checking */

/* Retry rules may ask how long nobody has read the mailbox (quota_7d). */
static int64_t unread(struct appendfile *f, int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name ? name : f->maildir ? "cur" : ".", &st, 0) < 0)
        return -1;
    return (int64_t)time(NULL) - (int64_t)(name ? st.st_atime : st.st_mtime);
}

static enum status full(struct appendfile *f, int dir, const char *name, const char *what)
{
    f->full = true;
    f->unread_s = unread(f, dir, name);
    why_set(&f->why, ST_AGAIN, "mailbox is full (%s exceeded for %.*s)", what, STR_ARG(f->rest));
    f->why.err = QUOTA_FULL_ERR;
    return ST_AGAIN;
}

enum status quota_check(struct appendfile *f, int dir, const char *name, struct quota *q)
{
    enum status st;

    *q = (struct quota){ .size_fd = -1 };
    q->wanted = f->quota > 0 || f->quota_files > 0 || f->warn_at > 0 || (f->maildir && f->size_file);
    if (!q->wanted)
        return ST_OK;
    if ((st = measure(f, dir, name, q)) != ST_OK)
        return st;
    if (f->used_known)
        q->bytes = f->used;
    if (f->files_known)
        q->files = f->files;
    if (f->quota > 0 && q->bytes + (f->quota_exclusive ? 0 : f->message_size) > f->quota)
        return full(f, dir, name, "quota");
    if (f->quota_files > 0 && !name && q->files + (f->quota_exclusive ? 0 : 1) > f->quota_files)
        return full(f, dir, name, "quota_filecount");
    return ST_OK;
}

void quota_add(struct appendfile *f, struct quota *q)
{
    int64_t more = f->written ? (int64_t)f->written : f->message_size;

    if (!q->wanted)
        return;
    f->warn = f->warn_at > 0 && q->bytes < f->warn_at && q->bytes + more >= f->warn_at;
    maildirsize_add(q, more);
}

void quota_close(struct quota *q)
{
    if (q->size_fd >= 0)
        close(q->size_fd);
    q->size_fd = -1;
}
