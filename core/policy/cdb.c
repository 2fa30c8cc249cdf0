#include "policy/cdb.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "policy/beneath.h"
#include "policy/look.h"

enum { HEADER = 2048, SLOTS_AT_ONCE = 64, PROBES_MAX = 1 << 16 };

static uint32_t get32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static uint32_t hash_of(struct str key)
{
    uint32_t h = 5381;

    for (size_t i = 0; i < key.n; i++)
        h = (h + (h << 5)) ^ (unsigned char)key.p[i];
    return h;
}

static enum status damaged(const struct cdb *c, struct why *why, const char *what)
{
    return why_set(why, ST_AGAIN, "%s is damaged: %s", c->path, what);
}

static enum status fetch(const struct cdb *c, uint64_t offset, char *out, size_t n, struct why *why)
{
    if (offset > c->size || n > c->size - offset)
        return damaged(c, why, "a position is outside of the file");
    errno = 0;
    if (c->read(c->ctx, offset, out, n))
        return ST_OK;
    return errno ? why_errno(why, ST_AGAIN, "read %s", c->path) : damaged(c, why, "it ends too early");
}

/* ST_NONE: the record at this place is another key's. */
static enum status record(const struct cdb *c, uint32_t at, struct str key, struct arena *a, struct str *value,
                          struct why *why)
{
    char head[8], part[LOOK_KEY_MAX];
    uint32_t data;
    char *p;
    enum status st = fetch(c, at, head, sizeof head, why);

    if (st != ST_OK)
        return st;
    if (get32(head) != key.n)
        return ST_NONE;
    st = fetch(c, (uint64_t)at + 8, part, key.n, why);
    if (st != ST_OK)
        return st;
    if (memcmp(part, key.p, key.n) != 0)
        return ST_NONE;
    data = get32(head + 4);
    if (data > LOOK_VALUE_MAX)
        return why_set(why, ST_AGAIN, "%s: the value is larger than %d bytes", c->path, LOOK_VALUE_MAX);
    if ((uint64_t)at + 8 + key.n + data > c->size)
        return damaged(c, why, "a value reaches beyond its end");
    p = arena_alloc(a, (size_t)data + 1);
    st = fetch(c, (uint64_t)at + 8 + key.n, p, data, why);
    *value = (struct str){ p, data };
    return st;
}

/* Slots first .. first + n of the table, as long as they are taken. *over: an empty one came. */
static enum status probe(const struct cdb *c, uint64_t table, uint32_t first, size_t n, uint32_t hash, struct str key,
                         struct arena *a, struct str *value, bool *over, struct why *why)
{
    char slots[SLOTS_AT_ONCE * 8];
    enum status st = fetch(c, table + (uint64_t)first * 8, slots, n * 8, why);

    for (size_t i = 0; st == ST_OK && i < n; i++) {
        uint32_t at = get32(slots + i * 8 + 4);

        if (at == 0) {
            *over = true;
            return ST_NONE;
        }
        if (get32(slots + i * 8) != hash)
            continue;
        st = record(c, at, key, a, value, why);
        if (st != ST_NONE)
            return st;
        st = ST_OK;
    }
    return st == ST_OK ? ST_NONE : st;
}

enum status cdb_find(const struct cdb *c, struct str key, struct arena *a, struct str *value, struct why *why)
{
    uint32_t hash = hash_of(key), table, slots, first, probed = 0;
    char head[8];
    bool over = false;
    enum status st;

    if (key.n > LOOK_KEY_MAX)
        return ST_NONE;
    if (c->size < HEADER)
        return why_set(why, ST_AGAIN, "%s is no cdb file: it is too short", c->path);
    st = fetch(c, (uint64_t)(hash & 255) * 8, head, sizeof head, why);
    if (st != ST_OK)
        return st;
    table = get32(head);
    slots = get32(head + 4);
    if (slots == 0)
        return ST_NONE;
    if (table < HEADER || (uint64_t)table + (uint64_t)slots * 8 > c->size)
        return damaged(c, why, "a table reaches beyond its end");
    first = (hash >> 8) % slots;
    while (probed < slots && !over) {
        uint32_t n = slots - first;

        if (probed >= PROBES_MAX)
            return damaged(c, why, "a chain of keys does not end");
        if (n > SLOTS_AT_ONCE)
            n = SLOTS_AT_ONCE;
        if (n > slots - probed)
            n = slots - probed;
        st = probe(c, table, first, n, hash, key, a, value, &over, why);
        if (st != ST_NONE)
            return st;
        probed += n;
        first = (first + n) % slots;
    }
    return ST_NONE;
}

/* ---- of a file */

static enum status look_open(struct look *l, int fd, struct why *why)
{
    struct cdb c = { .read = look_read_at, .ctx = &fd, .path = l->path };
    enum status st = ST_NONE;
    struct stat s;

    if (fstat(fd, &s) < 0)
        return why_errno(why, ST_AGAIN, "stat %s", l->path);
    if (!S_ISREG(s.st_mode))
        return why_set(why, ST_AGAIN, "%s is no plain file", l->path);
    c.size = (uint64_t)s.st_size;
    for (l->which = 0; l->which < l->nkeys; l->which++) {
        st = cdb_find(&c, l->key[l->which], l->arena, &l->value, why);
        if (st != ST_NONE)
            break;
    }
    return st;
}

look_fn cdb_look;
enum status cdb_look(struct look *l, struct why *why)
{
    int fd = beneath_open(l->path, l->below, O_RDONLY);
    enum status st;

    if (fd < 0)
        return why_errno(why, ST_AGAIN, "open %s", l->path);
    st = look_open(l, fd, why);
    close(fd);
    return st;
}
