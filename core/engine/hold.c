/*
 * hold - destinations, or everything, that wait until an operator says go
 *
 * Kept in hints, so that a restart does not release what was held, and read
 * again now and then, since any worker may have been told.
 */
#include "engine/parts.h"

#include <stdlib.h>

#include "base/json.h"
#include "mail/domain.h"

#define TABLE STR("hold")
#define ALL STR("*")

static bool add(void *ctx, struct str key, struct str value, int64_t expires)
{
    struct engine *e = ctx;

    (void)value;
    (void)expires;
    map_put(e->holds, str_same(key, ALL) ? STR("") : key, e);
    return true;
}

void hold_load(struct engine *e)
{
    map_free(e->holds);
    e->holds = map_new();
    hints_each(e->hints, TABLE, add, e);
}

bool hold_all(const struct engine *e)
{
    return map_count(e->holds) && map_get(e->holds, STR(""));
}

bool hold_domain(const struct engine *e, struct str domain)
{
    struct arena a = { 0 };
    bool held;

    if (map_count(e->holds) == 0)
        return false;
    held = map_get(e->holds, arena_lower(&a, domain)) != NULL;
    arena_free(&a);
    return held;
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* By name: a map has no order that anybody could compare with the last one. */
void hold_status(const struct engine *e, struct buf *out)
{
    struct arena a = { 0 };
    struct str domain, *v;
    size_t at = 0, n = 0;
    void *value;

    while (map_next(e->holds, &at, &domain, &value))
        n++;
    v = arena_array(&a, struct str, n + 1);
    at = n = 0;
    while (map_next(e->holds, &at, &domain, &value))
        v[n++] = domain.n ? domain : ALL;
    qsort(v, n, sizeof *v, by_bytes);
    buf_byte(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_byte(out, ',');
        json_text(out, v[i]);
    }
    buf_byte(out, ']');
    arena_free(&a);
}

void engine_hold(struct engine *e, struct str domain, bool hold)
{
    struct arena a = { 0 };
    struct str name = arena_lower(&a, domain), key = name.n ? name : ALL;
    struct why why;
    enum status st;

    if (hold) {
        map_put(e->holds, name, e);
        st = hints_put(e->hints, TABLE, key, STR("1"), 0, &why);
    } else {
        map_del(e->holds, name);
        st = hints_del(e->hints, TABLE, key, &why);
    }
    if (st == ST_AGAIN || st == ST_NEVER)
        log_line(LOG_MAIN, "hold of %.*s may not outlast this process: %s", STR_ARG(key), why.text);
    buf_addf(&e->line, "deliveries to %.*s %s", STR_ARG(name.n ? name : STR("all destinations")), hold ? "held" : "released");
    engine_log(e, LOG_MAIN, STR(""));
    if (!hold) {
        runs_held(e);
        queue_kick(e);
    }
    arena_free(&a);
}
