/* What stands in place of files (worlds), and when it changes. */
#include "tls/cache.h"

void tls_cache_given(struct tls_cache *c, tls_given *fn, void *ctx)
{
    c->given = fn;
    c->given_ctx = ctx;
}

/* Connections under way keep theirs. */
void tls_cache_forget(struct tls_cache *c)
{
    struct str key;
    size_t at = 0;
    void *v;

    while (map_next(c->contexts, &at, &key, &v)) {
        struct tls_context *one = v;

        map_del(c->contexts, one->key);
        one->cache = NULL;
        tls_context_drop(one);
    }
    tls_anchors_orphan(c);
}
