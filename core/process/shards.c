/*
 * shards - which worker has which shard of the spool (design section 3)
 *
 * A shard is a directory with a lock, not a worker number. A worker has one for
 * new mail, its home, and may have others that it only drains. When it dies the
 * living take its shards at once; it comes back to a free number, so nothing is
 * ever taken from a worker that lives.
 */
#include <assert.h>
#include <stdio.h>

#include "process/house.h"
#include "spool/shard.h"

void shards_scan(struct house *h)
{
    unsigned found[SHARDS_MAX];
    size_t n = shard_list(h->spool, found, SHARDS_MAX);

    for (unsigned i = 0; i < SHARDS_MAX; i++)
        h->owner[i] = NOBODY;
    for (size_t i = 0; i < n; i++) {
        if (found[i] < SHARDS_MAX)
            h->exists[found[i]] = true;
        else
            fprintf(stderr, "perigee: shard %u of %s is beyond what an engine serves (%d)\n", found[i], h->spool, SHARDS_MAX);
    }
}

static void tell(struct staff *s, const uint8_t *others, size_t n)
{
    staff_send(s, (struct ipc){ .type = IPC_SHARDS, .a = s->home, .text = { (const char *)others, n } });
}

/* The lowest number nobody has; its own number if that is free. */
static uint32_t free_home(const struct house *h, unsigned worker)
{
    if (h->owner[worker] == NOBODY)
        return worker;
    for (unsigned n = 0; n < SHARDS_MAX; n++)
        if (h->owner[n] == NOBODY && (n >= h->workers || h->staff[n].state == STAFF_UP))
            return n;
    return worker;
}

/* Whether a shard nobody has is for this one: the number of another worker is
 * that one's unless it is down; while all start together the rest is shared. */
static bool is_for(const struct staff *s, unsigned shard)
{
    const struct house *h = s->house;

    assert(h->workers > 0);
    if (shard < h->workers)
        return shard == s->number || h->staff[shard].state == STAFF_DOWN || h->staff[shard].home != UINT32_MAX;
    return h->ready || shard % h->workers == s->number;
}

void shards_give(struct staff *s)
{
    struct house *h = s->house;
    uint8_t others[SHARDS_MAX];
    size_t n = 0;

    s->home = free_home(h, s->number);
    h->owner[s->home] = (uint8_t)s->number;
    h->exists[s->home] = true;
    for (unsigned i = 0; i < SHARDS_MAX; i++)
        if (h->exists[i] && h->owner[i] == NOBODY && is_for(s, i)) {
            h->owner[i] = (uint8_t)s->number;
            others[n++] = (uint8_t)i;
        }
    tell(s, others, n);
}

void shards_lost(struct staff *s)
{
    struct house *h = s->house;
    uint8_t list[WORKERS_MAX][SHARDS_MAX];
    size_t n[WORKERS_MAX] = { 0 };
    unsigned w = s->number;

    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        if (h->owner[i] != s->number)
            continue;
        h->owner[i] = NOBODY;
        for (unsigned step = 0; step < h->workers && h->owner[i] == NOBODY; step++) {
            w = (w + 1) % h->workers;
            if (h->staff[w].state == STAFF_UP && !h->stopping) {
                h->owner[i] = (uint8_t)w;
                list[w][n[w]++] = (uint8_t)i;
            }
        }
    }
    s->home = UINT32_MAX;
    for (w = 0; w < h->workers; w++)
        if (n[w] > 0)
            tell(&h->staff[w], list[w], n[w]);
}

void shards_removed(struct house *h, unsigned shard)
{
    if (shard < SHARDS_MAX) {
        h->owner[shard] = NOBODY;
        h->exists[shard] = false;
    }
}
