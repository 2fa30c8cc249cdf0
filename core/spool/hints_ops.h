/*
 * hints_ops - hints on disk (hints_disk.c) and in memory (hints_memory.c) behind one interface
 */
#ifndef SPOOL_HINTS_OPS_H
#define SPOOL_HINTS_OPS_H

#include "spool/hints.h"

/* Beyond these there is no room for new entries of hints_change: what strangers can fill stays bounded. */
enum { HINTS_ENTRIES_MAX = 4 << 20 };

typedef bool hints_fn(void *ctx, struct str key, struct str value, int64_t expires);

struct hints_ops {
    void (*close)(struct hints *h);
    bool (*get)(struct hints *h, struct arena *a, struct str name, struct str key, struct str *value, int64_t *expires);
    enum status (*put)(struct hints *h, struct str name, struct str key, struct str value, int64_t expires, struct why *why);
    enum status (*del)(struct hints *h, struct str name, struct str key, struct why *why);
    enum status (*incr)(struct hints *h, struct str name, struct str key, int64_t by, int64_t expires, int64_t *out, struct why *why);
    enum status (*change)(struct hints *h, struct str name, struct str key, hints_change_fn *fn, void *ctx, struct why *why);
    void (*each)(struct hints *h, struct str name, hints_fn *fn, void *ctx);
    size_t (*tidy)(struct hints *h, size_t max);
};

struct hints { const struct hints_ops *ops; };

/* by added to a number kept as decimal text; text that is none counts as 0. */
int64_t hints_sum(struct str text, int64_t by);

#endif
