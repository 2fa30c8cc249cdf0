#include "policy/look.h"

#include <errno.h>
#include <unistd.h>

#include "base/fault.h"

look_fn keyfile_look, wildfile_look, netfile_look_first, netfile_look_longest, cdb_look, lmdbfile_look, dirfile_look,
        jsonfile_look, sqlitefile_look, listfile_look;

/* Nothing is expanded in a file of patterns, so Exim's two kinds are one. */
static const struct look_row rows[] = {
    { "lsearch", keyfile_look },
    { "wildlsearch", wildfile_look },
    { "nwildlsearch", wildfile_look },
    { "iplsearch", netfile_look_first },
    { "cidr", netfile_look_longest },
    { "cdb", cdb_look },
    { "lmdb", lmdbfile_look },
    { "dsearch", dirfile_look },
    { "json", jsonfile_look },
    { "sqlite", sqlitefile_look },
    { "list", listfile_look },
};

const struct look_row *look_find(struct str name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_same(name, str_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

bool look_read_at(void *ctx, uint64_t offset, char *out, size_t n)
{
    int fd = *(int *)ctx;
    ssize_t k;

    while (n > 0) {
        k = FAULT(READ) ? -1 : pread(fd, out, n, (off_t)offset);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        out += k;
        offset += (uint64_t)k;
        n -= (size_t)k;
    }
    return true;
}
