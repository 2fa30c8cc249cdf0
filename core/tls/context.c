/* Contexts: got by configuration, kept while no file of theirs changes. */
#include "tls/context.h"

#include <stdlib.h>

#include "tls/cache.h"

/* Options are functions of what a client says, so their number is the client's to
 * choose; the one not asked for the longest time makes room. */
enum { CONTEXTS_MAX = 256 };

struct tls_cache *tls_cache_new(struct tls_tickets *tickets)
{
    struct tls_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        die("out of memory: a cache of TLS contexts");
    cache->contexts = map_new();
    cache->tickets = tickets;
    return cache;
}

static void forget(struct tls_cache *cache, struct tls_context *c)
{
    map_del(cache->contexts, c->key);
    c->cache = NULL;
    tls_context_drop(c);
}

void tls_cache_free(struct tls_cache *cache)
{
    size_t at = 0;
    struct str key;
    void *c;

    if (!cache)
        return;
    while (map_next(cache->contexts, &at, &key, &c))
        forget(cache, c);
    map_free(cache->contexts);
    tls_anchors_orphan(cache);
    free(cache);
}

struct tls_context *tls_context_hold(struct tls_context *c)
{
    c->held++;
    return c;
}

void tls_context_drop(struct tls_context *c)
{
    if (c && --c->held == 0)
        tls_context_free(c);
}

/* ---- the octets a context is kept by: each session has its own made, so they are those of memory */

static void key_size(struct buf *b, size_t n)
{
    buf_add(b, (struct str){ (const char *)&n, sizeof n });
}

static void key_str(struct buf *b, struct str s)
{
    key_size(b, s.n);
    buf_add(b, s);
}

static void key_list(struct buf *b, struct tls_list l)
{
    key_size(b, l.n);
    for (size_t i = 0; i < l.n; i++)
        key_str(b, l.item[i]);
}

static void key_of(struct buf *b, const struct tls_config *config)
{
    buf_byte(b, config->server ? 's' : 'c');
    key_list(b, config->certificates);
    key_list(b, config->keys);
    key_list(b, config->proofs);
    key_list(b, config->alpn);
    key_str(b, config->ca);
    key_str(b, config->crl);
    key_str(b, config->ciphers);
    key_str(b, config->groups);
    key_str(b, config->dhparam);
    key_str(b, config->options);
    key_str(b, config->scope);
    key_size(b, config->dh_min_bits);
    key_size(b, config->dh_max_bits);
}

static bool is_current(const struct tls_context *c)
{
    for (size_t i = 0; i < c->files; i++) {
        struct file_identity now = i == c->lists_at ? file_identity_deep(c->file[i]) : file_identity_of(c->file[i]);

        if (!file_identity_same(&now, &c->identity[i]))
            return false;
    }
    return true;
}

static void make_room(struct tls_cache *cache)
{
    struct tls_context *oldest = NULL;
    size_t at = 0;
    struct str key;
    void *c;

    if (map_count(cache->contexts) < CONTEXTS_MAX)
        return;
    while (map_next(cache->contexts, &at, &key, &c))
        if (!oldest || ((struct tls_context *)c)->used < oldest->used)
            oldest = c;
    if (oldest)
        forget(cache, oldest);
}

enum status tls_context_get(struct tls_cache *cache, const struct tls_config *config, struct tls_context **out, struct why *why)
{
    struct buf key = { 0 };
    struct tls_context *c;
    enum status st = ST_OK;

    key_of(&key, config);
    c = map_get(cache->contexts, buf_str(&key));
    if (c && !is_current(c)) {
        forget(cache, c);
        c = NULL;
    }
    if (!c) {
        st = tls_context_build(cache, config, &c, why);
        if (st == ST_OK) {
            make_room(cache);
            c->key = arena_dup(&c->arena, buf_str(&key));
            c->cache = cache;
            map_put(cache->contexts, c->key, c);
        }
    }
    if (st == ST_OK) {
        c->used = ++cache->asked;
        *out = tls_context_hold(c);
    }
    buf_free(&key);
    return st;
}

struct str tls_context_note(const struct tls_context *c, size_t i)
{
    return i < c->notes ? c->note[i] : (struct str){ "", 0 };
}

bool tls_context_fresh(struct tls_context *c)
{
    bool fresh = c->fresh;

    c->fresh = false;
    return fresh;
}
