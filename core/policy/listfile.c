/*
 * listfile - a file of list items, one a line, read when it is another than before
 *
 * The key is what is known of the file already (or nothing); the answer begins with
 * what is to be remembered, then, if it is another, a line end and the text.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/beneath.h"
#include "policy/kept.h"
#include "policy/look.h"

enum { LIST_MAX = 4 << 20 };

static enum status take(struct look *l, int fd, const struct stat *st, struct why *why)
{
    struct str mark = arena_printf(l->arena, "%llx.%llx.%lld.%lld.%ld", (unsigned long long)st->st_dev,
                                   (unsigned long long)st->st_ino, (long long)st->st_size, (long long)st->st_mtim.tv_sec,
                                   st->st_mtim.tv_nsec);
    char *text;
    size_t n;

    l->value = mark;
    if (l->nkeys && str_same(l->key[0], mark))
        return ST_OK;
    if (st->st_size > LIST_MAX)
        return why_set(why, ST_AGAIN, "%s is larger than %d bytes; a list that long is a lookup: lsearch;%s", l->path, LIST_MAX, l->path);
    if (!kept_read(fd, l->path, st, &text, &n, why))
        return ST_AGAIN;
    l->value = arena_printf(l->arena, "%.*s\n%.*s", STR_ARG(mark), (int)n, text);
    free(text);
    return ST_OK;
}

look_fn listfile_look;
enum status listfile_look(struct look *l, struct why *why)
{
    int fd = beneath_open(l->path, l->below, O_RDONLY);
    enum status status;
    struct stat st;

    if (fd < 0)
        return why_errno(why, ST_AGAIN, "open %s", l->path);
    if (fstat(fd, &st) < 0)
        status = why_errno(why, ST_AGAIN, "stat %s", l->path);
    else if (!S_ISREG(st.st_mode))
        status = why_set(why, ST_AGAIN, "%s is no plain file", l->path);
    else
        status = take(l, fd, &st, why);
    close(fd);
    return status;
}
