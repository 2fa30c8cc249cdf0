/*
 * maildirsize - the file in which a Maildir's programs add up what is in it
 *
 * Its first line is the quota it was made for, "1000000S,50C"; every other is
 * a change, "size count". Whoever delivers or removes appends a line; when the
 * file is long, is for another quota, or says that the mailbox is full although
 * that was long ago, the directories are measured and it is made anew.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/names.h"
#include "local/quota.h"

enum { FILE_MAX = 5120, FULL_AGAIN_S = 900, ENTRIES_MAX = 2000000 };

struct sum { struct appendfile *f; struct names size, folder; int64_t bytes, files; unsigned entries; };

/* ---- the directories */

static bool marked_size(const char *digits, int64_t *out)
{
    uint64_t n;

    if (!str_u64((struct str){ digits, strspn(digits, "0123456789") }, (uint64_t)1 << 40, &n))
        return false;
    *out = (int64_t)n;
    return true;
}

static bool add_file(struct sum *s, int dir, const char *name)
{
    struct stat st;
    int64_t size;
    const char *mark = strstr(name, ",S=");

    if (name[0] == '.')
        return true;
    if (s->size.expr ? names_number(&s->size, name, &size) : mark && marked_size(mark + 3, &size)) {
        s->bytes += size;
        s->files++;
        return true;
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (S_ISREG(st.st_mode)) {
        s->bytes += (int64_t)st.st_size;
        s->files++;
    }
    return true;
}

static enum status failed(struct sum *s)
{
    return why_errno(&s->f->why, ST_AGAIN, "measure the mailbox %.*s", STR_ARG(s->f->rest));
}

/* Opens name in dir for reading; a directory that is not there is NULL with ENOENT. */
static DIR *list_of(int dir, const char *name, int *fd)
{
    DIR *list;

    *fd = FAULT(OPEN) ? -1 : openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0)
        return NULL;
    list = fdopendir(*fd);
    if (!list)
        close(*fd);
    return list;
}

static enum status add_part(struct sum *s, int dir, const char *name)
{
    int fd;
    DIR *list = list_of(dir, name, &fd);
    struct dirent *d;
    enum status st = ST_OK;

    if (!list)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? ST_OK : failed(s);
    while (st == ST_OK && (d = readdir(list)))
        if (++s->entries > ENTRIES_MAX || !add_file(s, fd, d->d_name))
            st = failed(s);
    closedir(list);
    return st;
}

static bool counts(const struct sum *s, const char *name)
{
    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    if (s->folder.expr)
        return names_match(&s->folder, name);
    return name[0] == '.' || !strcmp(name, "cur") || !strcmp(name, "new");
}

static enum status add_folder(struct sum *s, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    enum status st;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? ST_OK : failed(s);
    st = add_part(s, fd, "cur");
    if (st == ST_OK)
        st = add_part(s, fd, "new");
    close(fd);
    return st;
}

static enum status add_all(struct sum *s, int top)
{
    int fd;
    DIR *list = list_of(top, ".", &fd);
    struct dirent *d;
    enum status st = ST_OK;

    if (!list)
        return failed(s);
    while (st == ST_OK && (d = readdir(list))) {
        if (++s->entries > ENTRIES_MAX)
            st = why_set(&s->f->why, ST_AGAIN, "the mailbox %.*s has too many files to be measured", STR_ARG(s->f->rest));
        else if (counts(s, d->d_name))
            st = d->d_name[0] == '.' ? add_folder(s, fd, d->d_name) : add_part(s, fd, d->d_name);
    }
    closedir(list);
    return st;
}

/* A folder (".Lists") belongs to the Maildir it lies in, and says so itself. */
static int top_of(int dir)
{
    bool folder = faccessat(dir, "maildirfolder", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

    return openat(dir, folder ? ".." : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum status measure(struct appendfile *f, int top, struct sum *s)
{
    enum status st;

    *s = (struct sum){ .f = f };
    st = names_open(&s->size, f->size_regex, &f->why);
    if (st == ST_OK)
        st = names_open(&s->folder, f->directory_regex, &f->why);
    if (st == ST_OK)
        st = add_all(s, top);
    names_close(&s->size);
    names_close(&s->folder);
    return st;
}

enum status maildir_measure(struct appendfile *f, int dir, int64_t *bytes, int64_t *files)
{
    int top = top_of(dir);
    struct sum s;
    enum status st;

    if (top < 0)
        return why_errno(&f->why, ST_AGAIN, "open the mailbox %.*s", STR_ARG(f->rest));
    st = measure(f, top, &s);
    close(top);
    *bytes = s.bytes;
    *files = s.files;
    return st;
}

/* ---- the file */

static void first_line(const struct appendfile *f, char line[64])
{
    int n = 0;

    if (f->quota > 0)
        n += snprintf(line + n, 64 - (size_t)n, "%lldS", (long long)f->quota);
    if (f->quota_files > 0)
        n += snprintf(line + n, 64 - (size_t)n, "%s%lldC", n ? "," : "", (long long)f->quota_files);
    snprintf(line + n, 64 - (size_t)n, "\n");
}

/* A number with or without a sign, blanks before it. */
static bool take_number(struct str *line, int64_t *out)
{
    struct str s = str_trim(*line);
    bool minus = s.n && s.p[0] == '-';
    size_t n = minus;
    uint64_t value;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    if (!str_u64((struct str){ s.p + minus, n - minus }, (uint64_t)1 << 50, &value))
        return false;
    *out = minus ? -(int64_t)value : (int64_t)value;
    *line = str_from(s, n);
    return true;
}

/* Adds up the changes. False: it is not one of these files, or for another quota. */
static bool add_up(const struct appendfile *f, struct str text, struct quota *q, unsigned *lines)
{
    char head[64];
    struct str line;
    int64_t bytes, files;

    first_line(f, head);
    if (!str_starts(text, str_of(head)))
        return false;
    text = str_from(text, strlen(head));
    q->bytes = q->files = 0;
    for (*lines = 0; str_cut(&text, '\n', &line);) {
        if (str_trim(line).n == 0)
            continue;
        if (!take_number(&line, &bytes) || !take_number(&line, &files))
            return false;
        q->bytes += bytes;         /* at most 5 KiB of lines: no overflow */
        q->files += files;
        (*lines)++;
    }
    return q->bytes >= 0 && q->files >= 0;
}

static bool over(const struct appendfile *f, const struct quota *q)
{
    return (f->quota > 0 && q->bytes + f->message_size > f->quota)
        || (f->quota_files > 0 && q->files + 1 > f->quota_files);
}

/* What the file says, if it can be believed. */
static bool believe(struct appendfile *f, int top, struct quota *q)
{
    char text[FILE_MAX + 1];
    struct stat st;
    unsigned lines;
    ssize_t n;
    int fd = openat(top, "maildirsize", O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return false;
    n = FAULT(READ) ? -1 : read(fd, text, sizeof text);
    if (n >= 0 && n <= FILE_MAX && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1
        && add_up(f, (struct str){ text, (size_t)n }, q, &lines)
        && !(over(f, q) && (lines > 1 || time(NULL) - st.st_mtime > FULL_AGAIN_S))) {
        q->size_fd = fd;
        return true;
    }
    close(fd);
    return false;
}

/* Written beside it and moved into its place: readers see the old one or the new one. */
static int make(struct appendfile *f, int top, const struct sum *s)
{
    char name[300], text[128];
    int fd, n;

    first_line(f, text);
    n = (int)strlen(text);
    n += snprintf(text + n, sizeof text - (size_t)n, "%lld %lld\n", (long long)s->bytes, (long long)s->files);
    snprintf(name, sizeof name, "tmp/%lld.M%06lldP%dQ%lld.maildirsize", (long long)(f->wall_us / 1000000),
             (long long)(f->wall_us % 1000000), (int)getpid(), (long long)f->serial);
    fd = openat(top, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)f->mode);
    if (fd < 0)
        return -1;
    if (FAULT(WRITE) || write(fd, text, (size_t)n) != n || FAULT(RENAME) || renameat(top, name, top, "maildirsize") < 0) {
        unlinkat(top, name, 0);
        close(fd);
        return -1;
    }
    return fd;
}

/* A file that cannot be made costs the next delivery its time, no mail. */
enum status maildirsize_read(struct appendfile *f, int dir, struct quota *q)
{
    int top = top_of(dir);
    struct sum s;
    enum status st;

    if (top < 0)
        return why_errno(&f->why, ST_AGAIN, "open the mailbox %.*s", STR_ARG(f->rest));
    if (believe(f, top, q)) {
        close(top);
        return ST_OK;
    }
    st = measure(f, top, &s);
    if (st == ST_OK) {
        if (mkdirat(top, "tmp", (mode_t)f->directory_mode) == 0 || errno == EEXIST)
            q->size_fd = make(f, top, &s);
        q->bytes = s.bytes;
        q->files = s.files;
    }
    close(top);
    return st;
}

/* One write to the end, as all its writers do it: no lock is needed. */
void maildirsize_add(struct quota *q, int64_t bytes)
{
    char line[40];
    int n = snprintf(line, sizeof line, "%lld 1\n", (long long)bytes);

    if (q->size_fd >= 0)
        (void)!write(q->size_fd, line, (size_t)n);
}
