/*
 * cache - contexts and anchors by what they were made from
 */
#ifndef TLS_CACHE_H
#define TLS_CACHE_H

#include "base/map.h"
#include "tls/inside.h"

struct tls_cache {
    struct map *contexts;           /* by the text of the configuration: struct tls_context */
    struct tls_anchors *anchors;
    struct tls_tickets *tickets;
    tls_given *given;               /* what stands in place of files; or NULL */
    void *given_ctx;
    uint64_t asked;
};

bool tls_is_given(const struct tls_cache *cache, enum tls_file what, struct str name, struct str *pem);
void tls_anchors_orphan(struct tls_cache *cache);   /* the cache goes; who holds anchors keeps them */

/* Reads everything config names. */
enum status tls_context_build(struct tls_cache *cache, const struct tls_config *config, struct tls_context **out, struct why *why);
void tls_context_free(struct tls_context *c);

#endif
