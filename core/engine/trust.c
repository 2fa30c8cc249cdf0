#include "engine/trust.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static int64_t uid_of(const char *name)
{
    const struct passwd *p = getpwnam(name);

    return p ? (int64_t)p->pw_uid : -1;
}

static int64_t gid_of(const char *name)
{
    const struct group *g = getgrnam(name);

    return g ? (int64_t)g->gr_gid : -1;
}

static int64_t *numbers(const struct val *v, const char *what, int64_t (*find)(const char *name), size_t *n)
{
    int64_t *out;
    char name[256];

    *n = 0;
    if (!v || v->type != VAL_LIST || v->u.list.n == 0)
        return NULL;
    out = calloc(v->u.list.n, sizeof *out);
    if (!out)
        die("no memory for options");
    for (size_t i = 0; i < v->u.list.n; i++) {
        struct str s = str_trim(v->u.list.v[i]);
        uint64_t number;
        int64_t id;

        snprintf(name, sizeof name, "%.*s", STR_ARG(s));
        id = str_u64(s, INT32_MAX, &number) ? (int64_t)number : find(name);
        if (id >= 0)
            out[(*n)++] = id;
        else
            log_line(LOG_MAIN, "there is no %s \"%s\": trusted is who is there", what, name);
    }
    return out;
}

void trust_read(struct trust *t, const struct val *users, const struct val *groups)
{
    t->uids = numbers(users, "user", uid_of, &t->nuids);
    t->gids = numbers(groups, "group", gid_of, &t->ngids);
}

bool trust_has(const struct trust *t, int64_t uid, int64_t gid)
{
    for (size_t i = 0; i < t->nuids; i++)
        if (t->uids[i] == uid)
            return true;
    for (size_t i = 0; i < t->ngids; i++)
        if (t->gids[i] == gid)
            return true;
    return false;
}

void trust_free(struct trust *t)
{
    free(t->uids);
    free(t->gids);
    *t = (struct trust){ .nuids = 0 };
}
