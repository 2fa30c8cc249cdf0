/* What stands in place of files (worlds), and when it changes. */
#include "tls/cache.h"

void tls_cache_given(struct tls_cache *c, tls_given *fn, void *ctx)
{
    c->given = fn;
    c->given_ctx = ctx;
}

bool tls_is_given(const struct tls_cache *c, enum tls_file what, struct str name, struct str *pem)
{
    return c && c->given && c->given(c->given_ctx, what, name, pem);
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
