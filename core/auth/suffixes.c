#include "auth/suffixes.h"

#include <errno.h>
#include <libpsl.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/file.h"

struct suffixes {
    psl_ctx_t *psl;
    char *path;                 /* NULL: the system's */
    struct file_identity was;
};

enum status suffixes_open(const char *path, struct suffixes **out, struct why *why)
{
    struct suffixes *s = calloc(1, sizeof *s);
    struct stat st;

    if (!s)
        die("no memory for the public suffix list");
    *out = s;
    if (path && !(s->path = strdup(path)))
        die("no memory for the public suffix list");
    if (path && (FAULT(OPEN) || stat(path, &st) < 0)) {
        why_errno(why, ST_AGAIN, "public suffix list %s", path);
        goto fail;
    }
    if (path)
        s->was = file_identity_stat(&st);
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
    struct file_identity now;

    if (!s->path)
        return false;
    now = file_identity_of(str_of(s->path));
    return !file_identity_same(&now, &s->was);
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
