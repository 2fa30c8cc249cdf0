#include "auth/suffixes.h"

#include <errno.h>
#include <libpsl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fault.h"

struct suffixes {
    psl_ctx_t *psl;
    char *path;                 /* NULL: the system's */
    struct stat was;
};

enum status suffixes_open(const char *path, struct suffixes **out, struct why *why)
{
    struct suffixes *s = calloc(1, sizeof *s);

    if (!s)
        die("no memory for the public suffix list");
    *out = s;
    if (path && !(s->path = strdup(path)))
        die("no memory for the public suffix list");
    if (path && (FAULT(OPEN) || stat(path, &s->was) < 0)) {
        why_errno(why, ST_AGAIN, "public suffix list %s", path);
        goto fail;
    }
    s->psl = path ? psl_load_file(path) : psl_latest(NULL);
    if (!s->psl || (psl_suffix_count(s->psl) == 0)) {
        why_set(why, ST_AGAIN, "public suffix list %s: it has no suffixes", path ? path : "of the system");
        goto fail;
    }
    return ST_OK;

fail:
    suffixes_close(s);
    *out = NULL;
    return ST_AGAIN;
}

void suffixes_close(struct suffixes *s)
{
    if (!s)
        return;
    if (s->psl)
        psl_free(s->psl);
    free(s->path);
    free(s);
}

bool suffixes_stale(const struct suffixes *s)
{
    struct stat now;

    return s->path && (stat(s->path, &now) < 0 || now.st_ino != s->was.st_ino || now.st_dev != s->was.st_dev
                       || now.st_size != s->was.st_size || now.st_mtim.tv_sec != s->was.st_mtim.tv_sec
                       || now.st_mtim.tv_nsec != s->was.st_mtim.tv_nsec);
}

struct str suffixes_org(const struct suffixes *s, struct str name)
{
    char z[256];
    const char *found;

    if (!name.n || name.n >= sizeof z || name.p[0] == '.')
        return STR("");
    memcpy(z, name.p, name.n);
    z[name.n] = '\0';
    found = psl_registrable_domain(s->psl, z);
    return found ? str_from(name, (size_t)(found - z)) : STR("");
}
