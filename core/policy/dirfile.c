/*
 * dirfile - is there an entry of that name in a directory? (lookup.dsearch)
 *
 * The key becomes a name in a path, so it must be one safe component (R7.3);
 * anything else is simply not there. A link is looked at, not followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "policy/beneath.h"
#include "policy/look.h"

static bool safe(struct str key)
{
    if (key.n == 0 || key.n > 255 || key.p[0] == '.' || key.p[0] == '-')
        return false;
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] == '/' || (unsigned char)key.p[i] < 32 || key.p[i] == 127)
            return false;
    return true;
}

static bool wanted(const struct look *l, mode_t mode)
{
    if (l->flags & LOOK_FILES)
        return S_ISREG(mode);
    return !(l->flags & LOOK_DIRS) || S_ISDIR(mode);
}

static enum status entry(struct look *l, int dir, struct str key, struct why *why)
{
    char name[256];
    struct stat st;

    if (!safe(key))
        return ST_NONE;
    memcpy(name, key.p, key.n);
    name[key.n] = 0;
    if (FAULT(READ) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? ST_NONE : why_errno(why, ST_AGAIN, "stat %s/%s", l->path, name);
    if (!wanted(l, st.st_mode))
        return ST_NONE;
    l->value = l->flags & LOOK_FULL ? arena_printf(l->arena, "%s/%s", l->path, name) : arena_dup(l->arena, key);
    return ST_OK;
}

look_fn dirfile_look;
enum status dirfile_look(struct look *l, struct why *why)
{
    int dir = beneath_open(l->path, l->below, O_RDONLY | O_DIRECTORY);
    enum status st = ST_NONE;

    if (dir < 0)
        return why_errno(why, ST_AGAIN, "open directory %s", l->path);
    for (l->which = 0; l->which < l->nkeys && st == ST_NONE; l->which++)
        st = entry(l, dir, l->key[l->which], why);
    l->which -= st != ST_NONE;
    close(dir);
    return st;
}
