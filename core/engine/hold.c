/*
 * hold - destinations, or everything, that wait until an operator says go
 *
 * Kept in hints, so that a restart does not release what was held, and read
 * again now and then, since any worker may have been told.
 */
#include "engine/parts.h"

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

void hold_status(const struct engine *e, struct buf *out)
{
    size_t at = 0, n = 0;
    struct str domain;
    void *value;

    buf_byte(out, '[');
    while (map_next(e->holds, &at, &domain, &value)) {
        if (n++)
            buf_byte(out, ',');
        json_text(out, domain.n ? domain : ALL);
    }
    buf_byte(out, ']');
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
