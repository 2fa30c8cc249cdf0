/*
 * vars_conn - what is known of the client
 */
#include "policy/vars.h"

#include "getters.h"

/* Facts of systems that no rule can have asked yet: known to be absent. */
void get_none(const struct vars *v, struct val *out)
{
    (void)v;
    out->type = VAL_NIL;
}

static void address(const struct vars *v, struct ip ip, struct val *out)
{
    if (ip.v != IP_NONE)
        val_text(out, ip_text(v->arena, ip));
}

void get_sender_host_address(const struct vars *v, struct val *out)
{
    address(v, v->t->conn->client_ip, out);
}

void get_sender_host_port(const struct vars *v, struct val *out)
{
    if (v->t->conn->client_ip.v != IP_NONE)
        val_int(out, v->t->conn->client_port);
}

void get_sender_host_name(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->host_name);
}

void get_host_lookup_failed(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->conn->host_lookup == LOOKUP_FAILED);
}

void get_host_lookup_deferred(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->conn->host_lookup == LOOKUP_DEFERRED);
}

void get_sender_host_dnssec(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->conn->host_dnssec);
}

/* A client that greets with the literal of its own address says nothing new. */
static bool helo_worth_showing(const struct vars *v, struct str ip)
{
    struct str helo = v->t->conn->helo;

    if (!helo.n || str_same_fold(helo, v->t->conn->host_name))
        return false;
    return !(helo.n == ip.n + 2 && helo.p[0] == '[' && str_same(str_head(str_from(helo, 1), ip.n), ip));
}

void get_sender_fullhost(const struct vars *v, struct val *out)
{
    const struct conn *c = v->t->conn;
    struct str ip = ip_text(v->arena, c->client_ip), helo = c->helo;
    const char *gap = c->host_name.n ? " " : "";

    if (c->client_ip.v == IP_NONE)
        return;
    if (helo_worth_showing(v, ip))
        val_text(out, arena_printf(v->arena, "%.*s%s(%.*s) [%.*s]", STR_ARG(c->host_name), gap, STR_ARG(helo), STR_ARG(ip)));
    else
        val_text(out, arena_printf(v->arena, "%.*s%s[%.*s]", STR_ARG(c->host_name), gap, STR_ARG(ip)));
}

void get_sender_rcvhost(const struct vars *v, struct val *out)
{
    const struct conn *c = v->t->conn;
    struct str ip = ip_text(v->arena, c->client_ip), more = STR("");

    if (c->client_ip.v == IP_NONE)
        return;
    if (helo_worth_showing(v, ip))
        more = arena_printf(v->arena, "helo=%.*s", STR_ARG(c->helo));
    if (c->ident.n)
        more = arena_printf(v->arena, "%.*s%sident=%.*s", STR_ARG(more), more.n ? " " : "", STR_ARG(c->ident));

    if (c->host_name.n)
        val_text(out, arena_printf(v->arena, "%.*s ([%.*s]%s%.*s)", STR_ARG(c->host_name), STR_ARG(ip),
                                   more.n ? " " : "", STR_ARG(more)));
    else if (more.n)
        val_text(out, arena_printf(v->arena, "[%.*s] (%.*s)", STR_ARG(ip), STR_ARG(more)));
    else
        val_text(out, arena_printf(v->arena, "[%.*s]", STR_ARG(ip)));
}

void get_sender_ident(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->ident);
}

void get_sender_helo_name(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->helo);
}

void get_sender_helo_verified(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->conn->helo_verified);
}

void get_sender_helo_dnssec(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->conn->helo_dnssec);
}

void get_received_ip_address(const struct vars *v, struct val *out)
{
    address(v, v->t->conn->local_ip, out);
}

void get_received_port(const struct vars *v, struct val *out)
{
    if (v->t->conn->local_ip.v != IP_NONE)
        val_int(out, v->t->conn->local_port);
}

void get_smtp_active_hostname(const struct vars *v, struct val *out)
{
    int opt = policy_opt_find(STR("primary_hostname"));

    if (v->t->conn->active_hostname.n)
        val_text(out, v->t->conn->active_hostname);
    else if (opt >= 0 && v->policy)
        val_text_if(out, policy_opt_str(v->policy, opt));
}

void get_connection_id(const struct vars *v, struct val *out)
{
    val_text(out, conn_identifier(v->arena, v->t->conn));
}

void get_smtp_command(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->command);
}

void get_smtp_command_argument(const struct vars *v, struct val *out)
{
    val_text(out, v->t->conn->command_argument);
}

void get_smtp_command_history(const struct vars *v, struct val *out)
{
    const struct conn *c = v->t->conn;
    unsigned n = c->history_n < HISTORY_MAX ? c->history_n : HISTORY_MAX;
    struct str *list = arena_array(v->arena, struct str, n ? n : 1);

    for (unsigned i = 0; i < n; i++)
        list[i] = str_of(c->history[(c->history_n - n + i) % HISTORY_MAX]);
    out->type = VAL_LIST;
    out->u.list.v = list;
    out->u.list.n = n;
}

void get_smtp_count(const struct vars *v, struct val *out)
{
    val_int(out, v->t->conn->count_at_start);
}

void get_smtp_notquit_reason(const struct vars *v, struct val *out)
{
    val_text(out, str_of(v->t->conn->notquit_reason));
}

/* ---- authentication */

void get_authenticated_id(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->auth_id);
}

void get_authenticated_fail_id(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->auth_fail_id);
}

void get_authentication_failed(const struct vars *v, struct val *out)
{
    val_bool(out, v->t->conn->auth_failed);
}

void get_sender_host_authenticated(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->conn->auth_name);
}

#define AUTH(n)                                                     \
    void get_auth##n(const struct vars *v, struct val *out)         \
    {                                                               \
        val_text(out, v->t->auth_given[(n) - 1]);                     \
    }                                                               \
    void put_auth##n(struct txn *t, struct arena *a, const struct val *v)   \
    {                                                               \
        t->auth_given[(n) - 1] = v->type == VAL_STR ? arena_dup(a, v->u.s) : (struct str){ 0 };   \
    }

AUTH(1) AUTH(2) AUTH(3) AUTH(4)

/* ---- facts that conditions leave behind */

void put_sender_host_name(struct txn *t, struct arena *a, const struct val *v)
{
    (void)a;
    t->conn->host_name = v->type == VAL_STR ? arena_dup(&t->conn->arena, v->u.s) : (struct str){ 0 };
    if (t->conn->host_name.n)
        t->conn->host_lookup = LOOKUP_DONE;
}

void put_sender_helo_verified(struct txn *t, struct arena *a, const struct val *v)
{
    (void)a;
    t->conn->helo_verified = v->type == VAL_BOOL && v->u.b;
    t->conn->helo_verify = t->conn->helo_verified ? LOOKUP_DONE : LOOKUP_FAILED;
}

VAR_TEXT(host_data, host_data)
VAR_TEXT(dnslist_domain, dnslist.domain)
VAR_TEXT(dnslist_matched, dnslist.matched)
VAR_TEXT(dnslist_text, dnslist.text)
VAR_TEXT(dnslist_value, dnslist.value)
VAR_TEXT(sender_rate, rate)
VAR_TEXT(sender_rate_limit, rate_limit)
VAR_TEXT(sender_rate_period, rate_period)
