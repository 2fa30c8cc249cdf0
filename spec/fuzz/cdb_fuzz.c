/* cdb and LMDB files: hostile bytes as a database. The first byte chooses the reader. */
#include <stdlib.h>
#include <string.h>

#include "policy/cdb.h"
#include "policy/lmdbfile.h"
#include "replay.h"

static volatile unsigned sum;

static bool read_bytes(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct str *s = ctx;

    if (offset > s->n || n > s->n - offset)
        return false;
    memcpy(out, s->p + offset, n);
    return true;
}

static enum status ask(struct str bytes, bool lmdb, struct str key, struct arena *a, struct str *value, struct why *why)
{
    struct cdb c = { .read = read_bytes, .ctx = &bytes, .size = bytes.n, .path = "f" };
    struct lmdbfile f = { .read = read_bytes, .ctx = &bytes, .path = "f" };

    return lmdb ? lmdbfile_find(&f, key, a, value, why) : cdb_find(&c, key, a, value, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const keys[] = { "", "ann", "example.org", "a key that is somewhat longer than the others" };
    struct str bytes = { (const char *)data + 1, n - 1 };

    if (n == 0)
        return 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct arena a = { 0 };
        struct str value = { 0 };
        struct why why = { 0 };
        enum status st = ask(bytes, data[0] & 1, str_of(keys[i]), &a, &value, &why);

        if (st == ST_NEVER || (st == ST_AGAIN && !why.text[0]) || (st == ST_OK && !value.p))
            abort();
        /* All of it can be read. */
        for (size_t k = 0; st == ST_OK && k < value.n; k++)
            sum += (unsigned char)value.p[k];
        arena_free(&a);
    }
    return 0;
}
