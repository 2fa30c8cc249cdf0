/*
 * vars_address - recipients; the address, the host and the event a rule is about
 *
 * Outside the phases that have one, addr, host and event are NULL: then the
 * variable is absent. What routers find out is set on the at_address of a view
 * (host.view), never on the engine's own.
 */
#include "policy/vars.h"

#include "getters.h"

/* ---- recipients */

void get_rcpt_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->rcpt_seen);
}

void get_rcpt_defer_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->rcpt_deferred);
}

void get_rcpt_fail_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->rcpt_refused);
}

void get_recipients_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->nrcpts);
}

void get_recipients_list(const struct vars *v, struct val *out)
{
    const struct txn *t = v->t;
    struct str *list = arena_array(v->arena, struct str, t->nrcpts ? t->nrcpts : 1);

    for (uint32_t i = 0; i < t->nrcpts; i++)
        list[i] = t->rcpts[i].addr;
    out->type = VAL_LIST;
    out->u.list.v = list;
    out->u.list.n = t->nrcpts;
}

void get_recipients(const struct vars *v, struct val *out)
{
    const struct txn *t = v->t;
    size_t n = 0;
    char *p, *at;

    if (!t->nrcpts)
        return;
    for (uint32_t i = 0; i < t->nrcpts; i++)
        n += t->rcpts[i].addr.n + 2;
    at = p = arena_alloc(v->arena, n);
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        if (i) {
            *at++ = ',';
            *at++ = ' ';
        }
        memcpy(at, t->rcpts[i].addr.p, t->rcpts[i].addr.n);
        at += t->rcpts[i].addr.n;
    }
    val_text(out, (struct str){ p, (size_t)(at - p) });
}

void get_received_for(const struct vars *v, struct val *out)
{
    if (v->t->nrcpts == 1)
        val_text(out, v->t->rcpts[0].addr);
}

/* ---- the address */

void get_local_part(const struct vars *v, struct val *out)
{
    const struct at_address *at = v->t->addr;

    if (at && (at->local_part.n || at->domain.n))
        val_text(out, v->t->caseful && v->t->phase < PH_ACLS ? at->local_part_as_is : at->local_part);
}

/* Parents and originals are kept as one text; either half may be missing while
 * the library sets one after the other. */
static struct str half(struct str address, bool domain)
{
    size_t at = str_rfind(address, '@');

    if (at == SIZE_MAX && domain)
        return STR("");
    if (at == SIZE_MAX)
        return address;
    return domain ? str_from(address, at + 1) : str_head(address, at);
}

static void put_half(struct str *address, bool domain, struct arena *a, const struct val *v)
{
    struct str text = v->type == VAL_STR ? v->u.s : (struct str){ 0 };
    struct str local = domain ? half(*address, false) : text, name = domain ? text : half(*address, true);

    *address = local.n || name.n ? arena_printf(a, "%.*s@%.*s", STR_ARG(local), STR_ARG(name)) : (struct str){ 0 };
}

/* Nothing was redirected: the address is its own origin. */
static struct str origin(const struct at_address *at)
{
    return at->original.n ? at->original : at->address;
}

#define HALF(name, from, field, is_domain)                          \
    void get_##name(const struct vars *v, struct val *out)          \
    {                                                               \
        if (v->t->addr)                                             \
            val_text_if(out, half(from, is_domain));                \
    }                                                               \
    void put_##name(struct txn *t, struct arena *a, const struct val *v) \
    {                                                               \
        if (t->addr)                                                \
            put_half(&t->addr->field, is_domain, a, v);             \
    }

HALF(original_domain, origin(v->t->addr), original, true)
HALF(original_local_part, origin(v->t->addr), original, false)
HALF(parent_domain, v->t->addr->parent, parent, true)
HALF(parent_local_part, v->t->addr->parent, parent, false)

void get_return_path(const struct vars *v, struct val *out)
{
    val_text(out, txn_return_path(v->t, v->t->addr));
}

#define SHOWN(name, field)                                          \
    void get_##name(const struct vars *v, struct val *out)          \
    {                                                               \
        if (v->t->addr)                                             \
            val_text_if(out, v->t->addr->field);                    \
    }
#define KEPT(name, field)                                           \
    void put_##name(struct txn *t, struct arena *a, const struct val *v) \
    {                                                               \
        if (t->addr)                                                \
            t->addr->field = v->type == VAL_STR ? arena_dup(a, v->u.s) : (struct str){ 0 }; \
    }
#define ID(name, field)                                             \
    void get_##name(const struct vars *v, struct val *out)          \
    {                                                               \
        val_int(out, v->t->addr ? v->t->addr->field : -1);          \
    }                                                               \
    void put_##name(struct txn *t, struct arena *a, const struct val *v) \
    {                                                               \
        (void)a;                                                    \
        if (t->addr)                                                \
            t->addr->field = v->type == VAL_INT ? (int32_t)v->u.i : -1; \
    }

SHOWN(domain, domain)
SHOWN(domain_data, domain_data)                 KEPT(domain_data, domain_data)
SHOWN(local_part_data, local_part_data)         KEPT(local_part_data, local_part_data)
SHOWN(local_part_prefix, prefix)                KEPT(local_part_prefix, prefix)
SHOWN(local_part_prefix_v, prefix_v)            KEPT(local_part_prefix_v, prefix_v)
SHOWN(local_part_suffix, suffix)                KEPT(local_part_suffix, suffix)
SHOWN(local_part_suffix_v, suffix_v)            KEPT(local_part_suffix_v, suffix_v)
SHOWN(router_name, router)                      KEPT(router_name, router)
SHOWN(address_data, address_data)               KEPT(address_data, address_data)
SHOWN(self_hostname, self_hostname)             KEPT(self_hostname, self_hostname)
SHOWN(transport_name, transport)
SHOWN(home, home)                               KEPT(home, home)
SHOWN(address_file, file)                       KEPT(address_file, file)
SHOWN(address_pipe, pipe)                       KEPT(address_pipe, pipe)
KEPT(return_path, return_path)
KEPT(local_part, local_part)
ID(local_user_uid, local_uid)
ID(local_user_gid, local_gid)

/* ---- the host */

void get_host(const struct vars *v, struct val *out)
{
    if (v->t->host)
        val_text_if(out, v->t->host->name);
}

static void address(const struct vars *v, struct ip ip, struct val *out)
{
    if (ip.v != IP_NONE)
        val_text(out, ip_text(v->arena, ip));
}

void get_host_address(const struct vars *v, struct val *out)
{
    if (v->t->host)
        address(v, v->t->host->ip, out);
}

/* The router asks about one address of many (ignore_target_hosts). */
void put_host_address(struct txn *t, struct arena *a, const struct val *v)
{
    if (v->type != VAL_STR) {
        t->host = NULL;
        return;
    }
    t->host = arena_new(a, struct at_host);
    if (!ip_parse(v->u.s, &t->host->ip))
        t->host->ip.v = IP_NONE;
}

void get_host_port(const struct vars *v, struct val *out)
{
    if (v->t->host && v->t->host->port)
        val_int(out, v->t->host->port);
}

void get_sending_ip_address(const struct vars *v, struct val *out)
{
    if (v->t->host)
        address(v, v->t->host->from_ip, out);
}

void get_sending_port(const struct vars *v, struct val *out)
{
    if (v->t->host && v->t->host->from_port)
        val_int(out, v->t->host->from_port);
}

/* ---- the event */

void get_event_name(const struct vars *v, struct val *out)
{
    if (v->t->event)
        val_text(out, v->t->event->name);
}

void get_event_data(const struct vars *v, struct val *out)
{
    if (v->t->event)
        val_text(out, v->t->event->data);
}

void get_event_defer_errno(const struct vars *v, struct val *out)
{
    if (v->t->event && v->t->event->defer_errno)
        val_int(out, v->t->event->defer_errno);
}
