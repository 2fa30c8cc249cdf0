#include "engine/host.h"

#define TABLE STR("retry")

static struct str key_of(struct arena *a, const struct at_host *h, bool with_ip)
{
    if (!with_ip)
        return arena_printf(a, "T:%.*s:%u", STR_ARG(h->name), h->port);
    return arena_printf(a, "T:%.*s:%.*s:%u", STR_ARG(h->name), STR_ARG(ip_text(a, h->ip)), h->port);
}

static bool parse(struct str value, struct host_hint *out)
{
    struct str first, next;
    uint64_t a, b;

    if (!str_cut(&value, ' ', &first) || !str_u64(first, INT64_MAX, &a) || !str_cut(&value, ' ', &next)
        || !str_u64(next, INT64_MAX, &b))
        return false;
    *out = (struct host_hint){ (int64_t)a, (int64_t)b, value.n > 0 };
    return true;
}

bool host_hint_get(struct engine *e, const struct at_host *h, bool with_ip, struct host_hint *out)
{
    struct arena a = { 0 };
    struct str value;
    int64_t expires;
    bool known = hints_get(e->hints, &a, TABLE, key_of(&a, h, with_ip), &value, &expires) && parse(value, out);

    /* A next try further ahead than any rule allows comes from a clock that
     * has been set back since (R2.10). */
    if (known && out->next > engine_now(e) + 8 * 24 * 3600)
        known = false;
    arena_free(&a);
    return known;
}

void host_hint_failed(struct engine *e, const struct settings *set, const struct at_host *h, bool with_ip,
                      const struct retry_rule *r)
{
    struct arena a = { 0 };
    struct host_hint hint = { 0 };
    int64_t now = engine_now(e);
    struct retry_plan plan;
    struct str value;
    bool known;

    if (!(known = host_hint_get(e, h, with_ip, &hint)) || hint.first > now)
        hint.first = now;
    plan = retry_next(r, hint.first, now, setting_time(set, SET_retry_interval_max, 24 * 3600));
    /* After a jump of the clock or a long stop a host gets one try more (R2.10). */
    hint.expired = retry_may_expire(&plan, known, hint.next, now);
    value = arena_printf(&a, "%lld %lld%s", (long long)hint.first, (long long)plan.next, hint.expired ? " expired" : "");
    hints_put(e->hints, TABLE, key_of(&a, h, with_ip), value, now + setting_time(set, SET_retry_data_expire, 7 * 24 * 3600), NULL);
    arena_free(&a);
}

void host_hint_worked(struct engine *e, const struct at_host *h, bool with_ip)
{
    struct arena a = { 0 };

    hints_del(e->hints, TABLE, key_of(&a, h, with_ip), NULL);
    arena_free(&a);
}
