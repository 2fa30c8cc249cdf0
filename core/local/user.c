#include "local/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_DB_MAX = 256 * 1024 };

static bool is_number(struct str s, uint64_t *id)
{
    return str_u64(s, UINT32_MAX - 1, id);
}

static void user_set(struct user *out, const struct passwd *pw)
{
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    snprintf(out->name, sizeof out->name, "%s", pw->pw_name);
}

enum status user_find(struct str name, struct user *out, struct why *why)
{
    char z[64], *space = malloc(NAME_DB_MAX);
    struct passwd pw, *found = NULL;
    uint64_t id;
    int err;

    *out = (struct user){ 0 };
    if (!space)
        die("out of memory: a user's entry");
    if (name.n == 0 || name.n >= sizeof z || str_find(name, 0) != SIZE_MAX) {
        free(space);
        return why_set(why, ST_NONE, "no user \"%.*s\"", STR_ARG(name));
    }
    memcpy(z, name.p, name.n);
    z[name.n] = 0;
    if (is_number(name, &id))
        err = getpwuid_r((uid_t)id, &pw, space, NAME_DB_MAX, &found);
    else
        err = getpwnam_r(z, &pw, space, NAME_DB_MAX, &found);
    if (found)
        user_set(out, found);
    free(space);
    if (found)
        return ST_OK;
    /* What the C library returns for "no such user" differs by source (getpwnam(3)). */
    if (err == 0 || err == ENOENT || err == ESRCH || err == EBADF || err == EPERM)
        return why_set(why, ST_NONE, "no user \"%s\"", z);
    errno = err;
    return why_errno(why, ST_AGAIN, "look up user \"%s\"", z);
}

enum status user_group(struct str name, gid_t *gid, struct why *why)
{
    char z[64], *space;
    struct group gr, *found = NULL;
    uint64_t id;
    int err;

    if (is_number(name, &id)) {
        *gid = (gid_t)id;
        return ST_OK;
    }
    if (name.n >= sizeof z)
        return why_set(why, ST_NONE, "no group \"%.*s\"", STR_ARG(name));
    memcpy(z, name.p, name.n);
    z[name.n] = 0;
    space = malloc(NAME_DB_MAX);
    if (!space)
        die("out of memory: a group's entry");
    err = getgrnam_r(z, &gr, space, NAME_DB_MAX, &found);
    if (found)
        *gid = found->gr_gid;
    free(space);
    if (found)
        return ST_OK;
    errno = err;
    return err ? why_errno(why, ST_AGAIN, "look up group \"%s\"", z) : why_set(why, ST_NONE, "no group \"%s\"", z);
}

bool user_in_group(const struct user *u, gid_t gid)
{
    gid_t groups[1024];
    int n = sizeof groups / sizeof *groups;

    if (getgrouplist(u->name, u->gid, groups, &n) < 0)
        return gid == u->gid;
    for (int i = 0; i < n; i++)
        if (groups[i] == gid)
            return true;
    return false;
}

static bool owner_of(const char *dir, struct user *out)
{
    struct stat st;
    char digits[16];

    if (stat(dir, &st) < 0 || st.st_uid == 0)
        return false;
    snprintf(digits, sizeof digits, "%u", (unsigned)st.st_uid);
    if (user_find(str_of(digits), out, NULL) != ST_OK) {
        *out = (struct user){ .uid = st.st_uid };
        snprintf(out->name, sizeof out->name, "%s", digits);
    }
    out->gid = st.st_gid;
    return true;
}

enum status user_choose(struct str name, struct str group, const char *spool, bool allow_root,
                        struct user *out, struct why *why)
{
    enum status st;

    if (geteuid() != 0) {
        *out = (struct user){ .uid = geteuid(), .gid = getegid() };
        return ST_OK;
    }
    if (name.n > 0)
        st = user_find(name, out, why);
    else
        st = owner_of(spool, out) ? ST_OK : user_find(STR("perigee"), out, why);
    if (st == ST_OK && group.n > 0)
        st = user_group(group, &out->gid, why);
    if (st == ST_OK && out->uid != 0) {
        out->drop = true;
        return ST_OK;
    }
    if (allow_root && (st == ST_OK || name.n == 0)) {
        *out = (struct user){ 0 };
        return ST_OK;
    }
    if (st == ST_OK && name.n > 0)
        return why_set(why, ST_NEVER, "site { user = \"%.*s\" } is root: name a user without its rights (or start with --allow-root)", STR_ARG(name));
    if (st == ST_OK || (st == ST_NONE && name.n == 0))
        return why_set(why, ST_NEVER, "started as root and nobody to become: set site { user = \"...\" }, or make the user "
                       "perigee, or give %s to the user it shall run as (or start with --allow-root)", spool);
    if (st == ST_NONE)
        return why_set(why, ST_NEVER, "site { user = \"%.*s\", group = \"%.*s\" }: there is no such user or group", STR_ARG(name), STR_ARG(group));
    return st;
}

void user_for_checker(const char *spool, struct user *out)
{
    *out = (struct user){ 0 };
    if (geteuid() != 0)
        return;
    if (!owner_of(spool, out) && (user_find(STR("perigee"), out, NULL) != ST_OK || out->uid == 0)
        && user_find(STR("nobody"), out, NULL) != ST_OK)
        *out = (struct user){ .uid = 65534, .gid = 65534 };
    out->drop = true;
}

enum status user_become(const struct user *u, struct why *why)
{
    if (!u->drop)
        return ST_OK;
    if ((u->name[0] && !u->alone ? initgroups(u->name, u->gid) : setgroups(0, NULL)) < 0)
        return why_errno(why, ST_NEVER, "take the groups of %s", u->name);
    if (setresgid(u->gid, u->gid, u->gid) < 0)
        return why_errno(why, ST_NEVER, "become group %u", (unsigned)u->gid);
    if (setresuid(u->uid, u->uid, u->uid) < 0)
        return why_errno(why, ST_NEVER, "become user %u", (unsigned)u->uid);
    /* A way back would make all of the above theatre. */
    if (u->uid == 0 || setuid(0) == 0 || geteuid() != u->uid || getegid() != u->gid)
        return why_set(why, ST_NEVER, "user %s could become root again", u->name);
    return ST_OK;
}

void user_act(const struct user *u)
{
    if (!u->drop)
        return;
    setfsgid(u->gid);
    setfsuid(u->uid);
    /* setfsuid tells the old value only; asking again tells whether it held. */
    if ((uid_t)setfsuid((uid_t)-1) != u->uid)
        die("cannot act as user %u", (unsigned)u->uid);
}

void user_act_end(void)
{
    setfsuid(geteuid());
    setfsgid(getegid());
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

void user_keep_only(const int *fds, size_t n)
{
    int keep[128];
    unsigned from = 3;

    if (n > sizeof keep / sizeof *keep)
        die("too many descriptors to keep");
    memcpy(keep, fds, n * sizeof *keep);
    qsort(keep, n, sizeof *keep, by_number);
    for (size_t i = 0; i < n; i++) {
        if (keep[i] < (int)from)
            continue;
        if ((unsigned)keep[i] > from)
            close_range(from, (unsigned)keep[i] - 1, 0);
        from = (unsigned)keep[i] + 1;
    }
    close_range(from, ~0u, 0);
}

bool user_tie(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == parent;
}
