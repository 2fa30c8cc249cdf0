#include "engine/parts.h"

#include <stdlib.h>

#include "base/log.h"
#include "dns/anchor.h"
#include "engine/event.h"

/* An IPv6 address holds colons of its own. */
static struct str servers(struct arena *a, const struct settings *set)
{
    const struct val *list = setting_val(set, SET_dns_servers);
    struct str s = setting_str(set, SET_dns_servers, STR(""));

    if (list && list->type == VAL_LIST)
        for (size_t i = 0; i < list->u.list.n; i++)
            s = arena_printf(a, "%.*s;%.*s", STR_ARG(i ? s : STR("<")), STR_ARG(list->u.list.v[i]));
    return s;
}

/* A file that cannot be read now leaves the anchors that are: answers that nobody
 * validates would be worse than those of yesterday's keys. */
static enum status anchors(const struct settings *set, struct buf *out, struct why *why)
{
    const struct val *list = setting_val(set, SET_dns_trust_anchors);
    enum status st = ST_OK;

    if (!list || list->type != VAL_LIST)
        return ST_OK;
    for (size_t i = 0; st == ST_OK && i < list->u.list.n; i++)
        st = anchor_add(list->u.list.v[i], out, why);
    return st;
}

/* The one before stays open for queries under way. */
static enum status change(struct engine *e, const struct dns_config *c, struct why *why)
{
    struct dns *d;
    enum status st = dns_open(e->loop, c, &d, why);

    if (st != ST_OK)
        return st;
    dns_on_fail(d, event_dns_failed, e);
    e->old_dns = realloc(e->old_dns, (e->nold_dns + 1) * sizeof *e->old_dns);
    if (!e->old_dns)
        die("no memory for a resolver");
    e->old_dns[e->nold_dns++] = e->dns;
    e->env.dns = e->dns = d;
    return ST_OK;
}

void resolver_switch(struct engine *e)
{
    struct arena a = { 0 };
    struct buf keys = { 0 };
    struct why why;
    struct dns_config c;
    struct str from;

    if (e->cfg.dns || e->cfg.hermetic)
        return;
    c = (struct dns_config){ .servers = servers(&a, e->settings), .recurse = setting_bool(e->settings, SET_dns_recurse, false) };
    if (anchors(e->settings, &keys, &why) != ST_OK)
        goto stays;
    c.anchors = buf_str(&keys);
    from = arena_printf(&a, "%d%.*s\n%.*s", c.recurse, STR_ARG(c.servers), STR_ARG(c.anchors));
    if (!str_same(from, e->dns_from.n ? buf_str(&e->dns_from) : STR("0\n"))) {
        if (change(e, &c, &why) != ST_OK)
            goto stays;
        buf_clear(&e->dns_from);
        buf_add(&e->dns_from, from);
    }
    goto done;

stays:
    log_line(LOG_PANIC, "the resolver stays as it is: %s", why.text);
done:
    buf_free(&keys);
    arena_free(&a);
}

void resolver_free(struct engine *e)
{
    dns_close(e->dns);
    for (size_t i = 0; i < e->nold_dns; i++)
        dns_close(e->old_dns[i]);
    free(e->old_dns);
    buf_free(&e->dns_from);
}
