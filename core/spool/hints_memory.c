/*
 * hints_memory - hints for hermetic worlds
 *
 * A table is a map from name, NUL, key to an entry. Names come from rules and
 * the engine and hold no NUL. Lists are sorted, so that the same world gives
 * the same bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "spool/hints_ops.h"

struct entry {
    struct buf key, value;
    int64_t expires;
};

struct hints_mem {
    struct hints base;
    struct map *map;
};

static struct map *map_of(struct hints *h)
{
    return ((struct hints_mem *)h)->map;
}

static struct str full_key(struct buf *b, struct str name, struct str key)
{
    buf_add(b, name);
    buf_byte(b, '\0');
    buf_add(b, key);
    return buf_str(b);
}

static void entry_free(struct entry *e)
{
    if (!e)
        return;
    buf_free(&e->key);
    buf_free(&e->value);
    free(e);
}

static bool expired(const struct entry *e)
{
    return e->expires && e->expires <= clock_wall();
}

static struct entry *find(struct hints *h, struct str name, struct str key)
{
    struct buf b = { 0 };
    struct entry *e = map_get(map_of(h), full_key(&b, name, key));

    buf_free(&b);
    return e && !expired(e) ? e : NULL;
}

static bool mem_get(struct hints *h, struct arena *a, struct str name, struct str key, struct str *value, int64_t *expires)
{
    struct entry *e = find(h, name, key);

    if (!e)
        return false;
    *value = arena_dup(a, buf_str(&e->value));
    if (expires)
        *expires = e->expires;
    return true;
}

static enum status mem_put(struct hints *h, struct str name, struct str key, struct str value, int64_t expires, struct why *why)
{
    struct entry *e = calloc(1, sizeof *e);
    struct buf b = { 0 };

    (void)why;
    if (!e)
        die("out of memory");
    buf_add(&e->key, key);
    buf_add(&e->value, value);
    e->expires = expires;
    entry_free(map_put(map_of(h), full_key(&b, name, key), e));
    buf_free(&b);
    return ST_OK;
}

static enum status mem_del(struct hints *h, struct str name, struct str key, struct why *why)
{
    struct buf b = { 0 };

    (void)why;
    entry_free(map_del(map_of(h), full_key(&b, name, key)));
    buf_free(&b);
    return ST_OK;
}

static enum status mem_incr(struct hints *h, struct str name, struct str key, int64_t by, int64_t expires, int64_t *out, struct why *why)
{
    struct entry *e = find(h, name, key);
    char text[24];

    *out = hints_sum(e ? buf_str(&e->value) : STR(""), by);
    snprintf(text, sizeof text, "%" PRId64, *out);
    return mem_put(h, name, key, str_of(text), e ? e->expires : expires, why);
}

static enum status mem_change(struct hints *h, struct str name, struct str key, hints_change_fn *fn, void *ctx, struct why *why)
{
    struct entry *e = find(h, name, key);
    struct buf value = { 0 };
    int64_t until = 0;
    enum status st = ST_OK;

    if (!e && map_count(map_of(h)) >= HINTS_ENTRIES_MAX)
        return why_set(why, ST_NONE, "hints are full");
    if (e)
        until = e->expires;
    if (fn(ctx, e ? buf_str(&e->value) : (struct str){ 0 }, &value, &until))
        st = mem_put(h, name, key, buf_str(&value), until, why);
    buf_free(&value);
    return st;
}

static int by_key(const void *a, const void *b)
{
    const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

    return str_cmp(buf_str(&x->key), buf_str(&y->key));
}

/* Copies of the entries of a table in order of keys, since fn may change it. */
static struct entry **copy_table(struct hints *h, struct str name, size_t *n)
{
    struct entry **v = calloc(map_count(map_of(h)) + 1, sizeof *v);
    struct buf head = { 0 };
    size_t at = 0;
    struct str key;
    void *p;

    if (!v)
        die("out of memory");
    full_key(&head, name, STR(""));
    *n = 0;
    while (map_next(map_of(h), &at, &key, &p)) {
        const struct entry *e = p;
        struct entry *c;

        if (expired(e) || !str_starts(key, buf_str(&head)))
            continue;
        c = calloc(1, sizeof *c);
        if (!c)
            die("out of memory");
        buf_add(&c->key, buf_str(&e->key));
        buf_add(&c->value, buf_str(&e->value));
        c->expires = e->expires;
        v[(*n)++] = c;
    }
    buf_free(&head);
    qsort(v, *n, sizeof *v, by_key);
    return v;
}

static void mem_each(struct hints *h, struct str name, hints_fn *fn, void *ctx)
{
    size_t n;
    struct entry **v = copy_table(h, name, &n);
    bool more = true;

    for (size_t i = 0; i < n; i++) {
        if (more)
            more = fn(ctx, buf_str(&v[i]->key), buf_str(&v[i]->value), v[i]->expires);
        entry_free(v[i]);
    }
    free(v);
}

static size_t mem_tidy(struct hints *h, size_t max)
{
    size_t at = 0, n = 0;
    struct str key;
    void *p;

    while (n < max && map_next(map_of(h), &at, &key, &p)) {
        if (!expired(p))
            continue;
        map_del(map_of(h), key);
        entry_free(p);
        n++;
    }
    return n;
}

static void mem_close(struct hints *h)
{
    size_t at = 0;
    struct str key;
    void *p;

    while (map_next(map_of(h), &at, &key, &p))
        entry_free(p);
    map_free(map_of(h));
    free(h);
}

static const struct hints_ops mem_ops = {
    mem_close, mem_get, mem_put, mem_del, mem_incr, mem_change, mem_each, mem_tidy,
};

struct hints *hints_memory(void)
{
    struct hints_mem *h = calloc(1, sizeof *h);

    if (!h)
        die("out of memory");
    h->base.ops = &mem_ops;
    h->map = map_new();
    return &h->base;
}
