/* Hints of both kinds, on disk (hints_disk.c) and in memory (hints_memory.c). */
#include "spool/hints_ops.h"

int64_t hints_sum(struct str text, int64_t by)
{
    bool minus = text.n && text.p[0] == '-';
    uint64_t n;
    int64_t old = 0, sum;

    if (str_u64(str_from(text, minus), INT64_MAX, &n))
        old = minus ? -(int64_t)n : (int64_t)n;
    if (__builtin_add_overflow(old, by, &sum))
        sum = by < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

void hints_close(struct hints *h)
{
    if (h)
        h->ops->close(h);
}

bool hints_get(struct hints *h, struct arena *a, struct str name, struct str key, struct str *value, int64_t *expires)
{
    return h->ops->get(h, a, name, key, value, expires);
}

enum status hints_put(struct hints *h, struct str name, struct str key, struct str value, int64_t expires, struct why *why)
{
    return h->ops->put(h, name, key, value, expires, why);
}

enum status hints_del(struct hints *h, struct str name, struct str key, struct why *why)
{
    return h->ops->del(h, name, key, why);
}

enum status hints_incr(struct hints *h, struct str name, struct str key, int64_t by, int64_t expires, int64_t *out, struct why *why)
{
    return h->ops->incr(h, name, key, by, expires, out, why);
}

enum status hints_change(struct hints *h, struct str name, struct str key, hints_change_fn *fn, void *ctx, struct why *why)
{
    return h->ops->change(h, name, key, fn, ctx, why);
}

void hints_each(struct hints *h, struct str name, hints_fn *fn, void *ctx)
{
    h->ops->each(h, name, fn, ctx);
}

size_t hints_tidy(struct hints *h, size_t max)
{
    return h->ops->tidy(h, max);
}
