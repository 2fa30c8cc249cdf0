#include "local/notes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/once.h"

static struct once once_of(const struct notes *n)
{
    return (struct once){ .path = n->once, .size_max = n->once_size, .mode = n->mode };
}

static enum status read_text(struct notes *n, struct why *why)
{
    int fd = FAULT(OPEN) ? -1 : open(n->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    ssize_t got = 1;

    if (fd < 0)
        return errno == ENOENT && n->file_optional ? ST_OK : why_errno(why, ST_AGAIN, "open %s", n->file);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return why_set(why, ST_AGAIN, "%s is no plain file", n->file);
    }
    while (got > 0 && n->text.n <= NOTES_TEXT_MAX)
        if ((got = FAULT(READ) ? -1 : read(fd, buf_room(&n->text, 65536), 65536)) > 0)
            buf_grew(&n->text, (size_t)got);
    if (got < 0)
        why_errno(why, ST_AGAIN, "read %s", n->file);
    else if (n->text.n > NOTES_TEXT_MAX)
        why_set(why, ST_AGAIN, "%s is longer than a text for people", n->file);
    close(fd);
    return got < 0 || n->text.n > NOTES_TEXT_MAX ? ST_AGAIN : ST_OK;
}

enum status notes_look(struct notes *n, struct why *why)
{
    struct once o = once_of(n);
    enum status st = n->once ? once_look(&o, n->key, &n->seen, why) : ST_OK;

    return st == ST_OK && n->file ? read_text(n, why) : st;
}

static void append_log(const struct notes *n)
{
    int fd = open(n->log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, n->mode);

    if (fd < 0)
        return;
    (void)!write(fd, n->line.p, n->line.n);
    close(fd);
}

enum status notes_keep(const struct notes *n, struct why *why)
{
    struct once o = once_of(n);
    enum status st = n->once ? once_note(&o, n->key, n->now, why) : ST_OK;

    if (n->log)
        append_log(n);
    return st;
}
