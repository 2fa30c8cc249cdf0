#include "base/map.h"

#include <stdlib.h>

#include "base/fault.h"
#include "base/rnd.h"
#include "base/why.h"

/* Open addressing, linear steps. A deleted entry leaves a mark so that an
 * iteration may delete what it was given; marks go at the next growth. */
struct entry {
    char *key;              /* NULL: free; marked: deleted */
    size_t n;
    uint64_t hash;
    void *value;
};

struct map {
    struct entry *e;
    size_t cap;             /* 0 or a power of two */
    size_t live, taken;     /* taken counts marks too */
    uint64_t k0, k1;
};

static char deleted;

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1]; v[1] = ROTL(v[1], 13); v[1] ^= v[0]; v[0] = ROTL(v[0], 32);
    v[2] += v[3]; v[3] = ROTL(v[3], 16); v[3] ^= v[2];
    v[0] += v[3]; v[3] = ROTL(v[3], 21); v[3] ^= v[0];
    v[2] += v[1]; v[1] = ROTL(v[1], 17); v[1] ^= v[2]; v[2] = ROTL(v[2], 32);
}

/* SipHash-1-3: keys come from the network, and whoever cannot know the seed
 * cannot make them meet. */
static uint64_t hash_of(const struct map *m, struct str s)
{
    uint64_t v[4] = { m->k0 ^ 0x736f6d6570736575u, m->k1 ^ 0x646f72616e646f6du,
                      m->k0 ^ 0x6c7967656e657261u, m->k1 ^ 0x7465646279746573u };
    uint64_t w;
    size_t i = 0;

    for (; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        v[3] ^= w;
        sip_round(v);
        v[0] ^= w;
    }
    w = (uint64_t)s.n << 56;
    for (size_t j = 0; i + j < s.n; j++)
        w |= (uint64_t)(unsigned char)s.p[i + j] << (8 * j);
    v[3] ^= w;
    sip_round(v);
    v[0] ^= w;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void *need(void *p)
{
    if (!p)
        die("out of memory: a map");
    return p;
}

struct map *map_new(void)
{
    /* One seed a process, taken once: a seed a map would cost a system call. */
    static uint64_t seed[2];
    struct map *m = need(FAULT(ALLOC) ? NULL : calloc(1, sizeof *m));

    if (!seed[0])
        rnd_bytes(seed, sizeof seed);
    m->k0 = seed[0];
    m->k1 = seed[1];
    return m;
}

void map_free(struct map *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->cap; i++)
        if (m->e[i].key != &deleted)
            free(m->e[i].key);
    free(m->e);
    free(m);
}

static struct entry *find(const struct map *m, struct str key, uint64_t hash)
{
    if (m->cap == 0)
        return NULL;
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct entry *e = &m->e[i];

        if (!e->key)
            return NULL;
        if (e->key != &deleted && e->hash == hash && str_same((struct str){ e->key, e->n }, key))
            return e;
    }
}

static void place(struct map *m, struct entry e)
{
    size_t i = e.hash & (m->cap - 1);

    while (m->e[i].key)
        i = (i + 1) & (m->cap - 1);
    m->e[i] = e;
    m->taken++;
}

static void grow(struct map *m)
{
    struct entry *old = m->e;
    size_t cap = m->cap;

    m->cap = cap == 0 ? 8 : m->live * 2 >= cap ? cap * 2 : cap;
    m->e = need(FAULT(ALLOC) ? NULL : calloc(m->cap, sizeof *m->e));
    m->taken = 0;
    for (size_t i = 0; i < cap; i++)
        if (old[i].key && old[i].key != &deleted)
            place(m, old[i]);
    free(old);
}

void *map_get(const struct map *m, struct str key)
{
    const struct entry *e = find(m, key, hash_of(m, key));

    return e ? e->value : NULL;
}

void *map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = hash_of(m, key);
    struct entry *e = find(m, key, hash);
    char *copy;

    if (e) {
        void *old = e->value;

        e->value = value;
        return old;
    }
    if ((m->taken + 1) * 4 > m->cap * 3)
        grow(m);
    copy = need(malloc(key.n + 1));
    if (key.n)
        memcpy(copy, key.p, key.n);
    copy[key.n] = 0;
    place(m, (struct entry){ copy, key.n, hash, value });
    m->live++;
    return NULL;
}

void *map_del(struct map *m, struct str key)
{
    struct entry *e = find(m, key, hash_of(m, key));
    void *old;

    if (!e)
        return NULL;
    old = e->value;
    free(e->key);
    *e = (struct entry){ .key = &deleted };
    m->live--;
    return old;
}

size_t map_count(const struct map *m)
{
    return m->live;
}

bool map_next(const struct map *m, size_t *at, struct str *key, void **value)
{
    while (*at < m->cap) {
        const struct entry *e = &m->e[(*at)++];

        if (!e->key || e->key == &deleted)
            continue;
        if (key)
            *key = (struct str){ e->key, e->n };
        if (value)
            *value = e->value;
        return true;
    }
    return false;
}
