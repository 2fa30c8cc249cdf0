/*
 * accept - listeners, who may connect, and what a session is told about itself
 */
#include "engine/session.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/load.h"
#include "engine/explain.h"
#include "engine/record.h"
#include "engine/refusal.h"

enum { AT_A_TIME = 16, SHORT_MS = 500, SAY_AGAIN_MS = 60 * 1000, GIVE_WAY_MS = 2 };

struct listener {
    struct engine *e;
    int fd;
    struct watch *watch;
    struct timer again;
    int64_t said_ms;            /* when a shortage was last logged; 0: never */
    int64_t backlog_ms;         /* when a long queue was last logged; 0: never */
    struct listener *next;
    bool insists;               /* gave way a moment ago */
};

/* ---- set-up: one option after the other, most of them known at once */

enum kind { VALUE, HOSTS };

static void set_hostname(struct session *s, const struct val *v)
{
    struct str name = val_str(v, s->set->hostname);

    s->conn.active_hostname = arena_dup(&s->conn.arena, name.n ? name : s->set->hostname);
    s->cfg.hostname = s->conn.active_hostname;
    s->cfg.postmaster = s->set->qualify_recipient;
}

static void set_banner(struct session *s, const struct val *v)
{
    struct str text = val_str(v, STR(""));
    struct arena a = { 0 };

    if (text.n)
        s->cfg.banner = arena_dup(&s->conn.arena, text);
    else
        s->cfg.banner = arena_printf(&s->conn.arena, "%.*s ESMTP Perigee %.*s", STR_ARG(s->cfg.hostname),
                                     STR_ARG(clock_rfc5322(&a, clock_wall())));
    arena_free(&a);
}

static void set_size(struct session *s, const struct val *v)
{
    int64_t n = val_int(v, 0);

    s->cfg.limits.message_max = n > 0 ? (uint64_t)n : smtp_limits_default.message_max;
}

static void refuse_logged(struct session *s, enum setting limit, const char *why, const char *reply)
{
    struct str text = str_trim(str_of(reply));
    struct refusal r = {
        .conn = &s->conn, .phase = phase_name(PH_CONNECT), .verdict = reply[0] == '4' ? "defer" : "deny", .error = str_of(why), .reply = text,
        .option = setting_name(limit),
    };

    r.value = setting_text(s->set, limit, &s->conn.arena);
    refusal_explain(s->e, s->set, &r, s->explain_own);
    if (log_sel_has(s->set->log, LS_connection_reject)) {
        buf_add(&s->e->line, STR("Connection from "));
        logline_peer(&s->e->line, s->set->log, &s->conn);
        buf_addf(&s->e->line, " refused: %s", why);
        explain_put(&s->e->line, str_of(s->explain_own));
        engine_log(s->e, LOG_MAIN, STR(""));
    }
    record_refused(s->set, &(struct log_refusal){
        .conn = &s->conn, .phase = phase_name(PH_CONNECT), .error = r.error, .reply = text, .temporary = reply[0] == '4',
        .explain = str_of(s->explain_own),
    });
    session_refuse(s, reply);
}

static void set_rate(struct session *s, const struct val *v)
{
    if (!callers_rate(s, val_str(v, STR(""))))
        refuse_logged(s, SET_smtp_accept_rate_per_host, "too many new connections from that IP address in a short time",
                      "421 4.7.0 Too many new SMTP connections from this IP address; please try again later.\r\n");
}

static void set_per_host(struct session *s, const struct val *v)
{
    if (!callers_count(s, val_int(v, 0)))
        refuse_logged(s, SET_smtp_accept_max_per_host, "too many connections from that IP address",
                      "421 4.7.0 Too many concurrent SMTP connections from this IP address; please try again later.\r\n");
}

static void set_rejected(struct session *s, const struct val *v)
{
    if (val_bool(v, false))
        refuse_logged(s, SET_host_reject_connection, "host_reject_connection", "554 5.7.1 SMTP service not available\r\n");
}

static void set_helo(struct session *s, const struct val *v) { s->cfg.require_helo = val_bool(v, true); }
static void set_junk(struct session *s, const struct val *v) { s->cfg.helo_junk_ok = val_bool(v, false); }
static void set_pipelining(struct session *s, const struct val *v) { s->cfg.offer_pipelining = val_bool(v, true); }
static void set_quiet(struct session *s, const struct val *v) { s->quiet = val_bool(v, false); }

static void set_bare_sender(struct session *s, const struct val *v)
{
    if (val_bool(v, false))
        s->cfg.qualify_sender = s->set->qualify_domain;
}

static void set_bare_recipient(struct session *s, const struct val *v)
{
    if (val_bool(v, false))
        s->cfg.qualify_recipient = s->set->qualify_recipient;
}

static void set_nonmail(struct session *s, const struct val *v)
{
    if (!val_bool(v, true))
        s->cfg.limits.nonmail_max = UINT32_MAX;
}

/* Others are turned away before those for whom places are kept. */
static void set_reserved(struct session *s, const struct val *v)
{
    int64_t max = setting_int(s->set, SET_smtp_accept_max, 20000), kept = setting_int(s->set, SET_smtp_accept_reserve, 0);
    double load = setting_num(s->set, SET_smtp_load_reserve, -1);

    if (val_bool(v, false))
        return;
    if (max > 0 && kept > 0 && (int64_t)s->conn.count_at_start > max - kept)
        refuse_logged(s, SET_smtp_accept_reserve, "too many connections: the rest is reserved", "421 4.3.2 Too many concurrent SMTP connections; please try again later.\r\n");
    else if (load >= 0 && load_average() > load)
        refuse_logged(s, SET_smtp_load_reserve, "load average is too high", "421 4.3.2 Too much load; please try again later.\r\n");
}

static void set_lookup(struct session *s, const struct val *v);

static const struct step {
    enum setting which;
    enum kind kind;
    bool everybody;             /* a host list's default */
    void (*apply)(struct session *s, const struct val *v);
} steps[] = {
    { SET_smtp_active_hostname, VALUE, false, set_hostname },
    { SET_smtp_accept_rate_per_host, VALUE, false, set_rate },
    { SET_smtp_accept_max_per_host, VALUE, false, set_per_host },
    { SET_smtp_reserve_hosts, HOSTS, false, set_reserved },
    { SET_smtp_accept_max_nonmail_hosts, HOSTS, true, set_nonmail },
    { SET_host_lookup, HOSTS, false, set_lookup },
    { SET_host_reject_connection, HOSTS, false, set_rejected },
    { SET_hosts_connection_nolog, HOSTS, false, set_quiet },
    { SET_hosts_require_helo, HOSTS, true, set_helo },
    { SET_helo_accept_junk_hosts, HOSTS, false, set_junk },
    { SET_pipelining_advertise_hosts, HOSTS, true, set_pipelining },
    { SET_sender_unqualified_hosts, HOSTS, false, set_bare_sender },
    { SET_recipient_unqualified_hosts, HOSTS, false, set_bare_recipient },
    { SET_message_size_limit, VALUE, false, set_size },
    { SET_smtp_banner, VALUE, false, set_banner },
};
enum { STEPS = sizeof steps / sizeof *steps };

static void step_done(struct session *s, const struct val *v)
{
    const struct step *row = &steps[s->step++];

    row->apply(s, v);
}

static void looked_up(void *ctx, const struct hosts_answer *a)
{
    struct session *s = ctx;
    bool late = s->reverse != NULL;

    s->reverse = NULL;
    s->conn.host_lookup = a->end == HOSTS_OK ? LOOKUP_DONE : a->end == HOSTS_AGAIN ? LOOKUP_DEFERRED : LOOKUP_FAILED;
    if (s->conn.host_lookup == LOOKUP_FAILED && log_sel_has(s->set->log, LS_host_lookup_failed)) {
        buf_addf(&s->e->line, "no host name found for IP address %.*s", STR_ARG(ip_text(&s->conn.arena, s->conn.client_ip)));
        engine_log(s->e, LOG_MAIN, STR(""));
    }
    if (a->end == HOSTS_OK && a->n) {
        s->conn.host_name = arena_dup(&s->conn.arena, a->host[0].name);
        s->conn.host_dnssec = a->secure;
    }
    if (late)
        session_setup(s);
}

static void set_lookup(struct session *s, const struct val *v)
{
    void *before;

    if (!val_bool(v, false))
        return;
    s->asker = (struct policy_asker){ s->set->policy, s->setup, NULL };
    before = dns_asker(s->e->dns, s->setup ? &s->asker : NULL);
    s->reverse = hosts_reverse(s->e->dns, s->conn.client_ip, looked_up, s);
    dns_asker(s->e->dns, before);
}

static void evaluated(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct session *s = ctx;
    bool late = s->eval != NULL;

    (void)why;
    s->eval = NULL;
    step_done(s, st == ST_OK ? v : NULL);
    if (late)
        session_setup(s);
}

/* Whether the step had to be handed to policy. */
static void evaluate(struct session *s, const struct step *row)
{
    struct policy *p = s->set->policy;
    struct arena a = { 0 };
    struct eval *eval;

    if (!s->setup) {
        s->setup = txn_new(&s->conn);
        s->setup->phase = PH_CONNECT;
    }
    if (row->kind == VALUE)
        eval = policy_option(p, setting_opt(row->which), s->setup, evaluated, s);
    else
        eval = policy_match(p, setting_opt(row->which), s->setup, ip_text(&a, s->conn.client_ip), evaluated, s);
    if (eval)
        s->eval = eval;
    arena_free(&a);
}

static void constants(struct session *s)
{
    const struct settings *set = s->set;
    struct smtp_limits *l = &s->cfg.limits;
    int64_t max = setting_int(set, SET_smtp_accept_max, 20000);
    int64_t n;

    *l = smtp_limits_default;
    s->cfg.enforce_sync = setting_bool(set, SET_smtp_enforce_sync, true);
    s->cfg.offer_8bitmime = setting_bool(set, SET_accept_8bitmime, true);
    s->cfg.offer_size = true;
    s->cfg.offer_vrfy = policy_has_acl(set->policy, PH_VRFY);
    s->cfg.offer_expn = policy_has_acl(set->policy, PH_EXPN);
    s->cfg.helo_allow_chars = setting_str(set, SET_helo_allow_chars, STR(""));
    s->cfg.allow_literals = setting_bool(set, SET_allow_domain_literals, false);
    s->cfg.strip_trailing_dot = setting_bool(set, SET_strip_trailing_dot, false);
    s->cfg.strip_angle_brackets = setting_bool(set, SET_strip_excess_angle_brackets, false);
    s->cfg.remember_esmtp = setting_bool(set, SET_tls_remember_esmtp, false);
    s->cfg.max_reject = setting_bool(set, SET_recipients_max_reject, false);
    s->cfg.stress = max > 0 && (int64_t)s->conn.count_at_start * 5 > max * 4;
    if ((n = setting_int(set, SET_recipients_max, 0)) > 0)
        l->recipients_max = (uint32_t)n;
    if ((n = setting_int(set, SET_received_headers_max, 0)) > 0)
        l->received_max = (uint32_t)n;
    n = setting_int(set, SET_smtp_accept_max_per_connection, l->transactions_max);
    l->transactions_max = n > 0 ? (uint32_t)n : UINT32_MAX;     /* Exim's 0: as many as one likes */
    if ((n = setting_int(set, SET_smtp_accept_max_nonmail, 0)) > 0)
        l->nonmail_max = (uint32_t)n;
    if ((n = setting_int(set, SET_smtp_max_unknown_commands, 0)) > 0)
        l->unknown_max = (uint32_t)n;
    if ((n = setting_int(set, SET_smtp_max_synprot_errors, -1)) >= 0)
        l->errors_max = (uint32_t)n;
    if ((n = setting_int(set, SET_header_line_maxsize, 0)) > 0)
        l->header_line_max = (uint32_t)n;
    if ((n = setting_int(set, SET_auth_failures_max, 0)) > 0)
        l->auth_failures_max = (uint32_t)n;
    if ((n = setting_int(set, SET_header_maxsize, 0)) > 0)
        l->header_max = (uint32_t)n;
    if ((n = setting_time(set, SET_smtp_receive_timeout, 0)) > 0)
        l->command_ms = n * 1000;
    if (max > 0 && s->conn.count_at_start > max)
        refuse_logged(s, SET_smtp_accept_max, "too many connections", "421 4.3.2 Too many concurrent SMTP connections; please try again later.\r\n");
}

void session_setup(struct session *s)
{
    if (s->step == 0 && !s->cfg.limits.line_max)
        constants(s);
    while (s->step < STEPS && !s->ending && !s->reverse) {
        const struct step *row = &steps[s->step];
        struct val known = { .type = VAL_BOOL };
        int all;

        if (row->kind == VALUE && !setting_is_function(s->set, row->which)) {
            step_done(s, setting_val(s->set, row->which));
            continue;
        }
        if (row->kind == HOSTS && (all = setting_everybody(s->set, row->which, row->everybody)) >= 0) {
            known.u.b = all;
            step_done(s, &known);
            continue;
        }
        evaluate(s, row);
        if (s->eval)
            return;
    }
    if (s->step == STEPS && !s->ending && !s->reverse && !s->srv)
        session_begin(s);
}

/* ---- listeners */

/* Out of descriptors or memory. The socket stays ready as long as somebody
 * waits in it, so asking again at once would only burn the core that the
 * sessions need to end. */
static void rest(struct listener *l, int error)
{
    int64_t now = clock_mono_ms();

    if (!l->said_ms || now - l->said_ms >= SAY_AGAIN_MS) {
        log_line(LOG_MAIN, "accept failed: %s; who comes waits", strerror(error));
        l->said_ms = now;
    }
    watch_set(l->watch, 0);
    timer_set(l->e->loop, &l->again, SHORT_MS);
}

/* The worker that wakes first would take everybody who comes at once, and with
 * their mail all the work. One that is ahead of the others leaves who comes to
 * them for a moment; then it insists, since they may be busy. */
static bool give_way(struct listener *l)
{
    if (l->insists || !callers_ahead(l->e)) {
        l->insists = false;
        return false;
    }
    l->insists = true;
    watch_set(l->watch, 0);
    timer_set(l->e->loop, &l->again, GIVE_WAY_MS);
    return true;
}

/* How many wait in the socket for somebody to take them (smtp_backlog_monitor). */
static void watch_backlog(struct listener *l)
{
    int64_t most = setting_int(l->e->settings, SET_smtp_backlog_monitor, 0), now = clock_mono_ms();
    struct arena a = { 0 };
    struct sock_addr at;
    unsigned waiting;

    if (most <= 0 || !sock_backlog(l->fd, &waiting) || waiting <= most || (l->backlog_ms && now - l->backlog_ms < SAY_AGAIN_MS))
        return;
    l->backlog_ms = now;
    if (sock_local(l->fd, &at))
        log_line(LOG_MAIN, "listen backlog on %.*s is %u, over %lld", STR_ARG(sock_text(&a, &at)), waiting, (long long)most);
    arena_free(&a);
}

static void incoming(void *ctx, int what)
{
    struct listener *l = ctx;
    struct sock_addr peer, local;
    int fd;

    (void)what;
    if (l->e->settings)
        watch_backlog(l);
    for (int i = 0; i < AT_A_TIME && !listeners_share(l->e) && !give_way(l); i++) {
        peer = local = (struct sock_addr){ 0 };
        fd = sock_accept(l->fd, &peer, &local);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                rest(l, errno);
            return;
        }
        engine_session(l->e, fd, &peer, &local);
    }
}

static void update(struct listener *l)
{
    bool on = l->e->settings && !l->e->draining && !l->e->over_share && !timer_is_set(&l->again);

    watch_set(l->watch, on ? WATCH_READ : 0);
}

static void again(void *ctx)
{
    update(ctx);
}

void listeners_update(struct engine *e)
{
    for (struct listener *l = e->listeners; l; l = l->next)
        update(l);
}

bool listeners_share(struct engine *e)
{
    bool over = callers_over_share(e);

    if (over != e->over_share) {
        e->over_share = over;
        listeners_update(e);
    }
    return over;
}

void engine_listen(struct engine *e, int listen_fd)
{
    struct listener *l = calloc(1, sizeof *l);

    if (!l)
        die("no memory for a listener");
    l->e = e;
    l->fd = listen_fd;
    l->again = (struct timer){ .fn = again, .ctx = l };
    l->watch = watch_new(e->loop, listen_fd, incoming, l);
    l->next = e->listeners;
    e->listeners = l;
    listeners_update(e);
}

void engine_unlisten(struct engine *e, int listen_fd)
{
    for (struct listener **at = &e->listeners; *at; at = &(*at)->next) {
        struct listener *l = *at;

        if (l->fd != listen_fd)
            continue;
        watch_free(l->watch);
        timer_clear(e->loop, &l->again);
        *at = l->next;
        free(l);
        return;
    }
}

void listeners_free(struct engine *e)
{
    while (e->listeners)
        engine_unlisten(e, e->listeners->fd);
}
