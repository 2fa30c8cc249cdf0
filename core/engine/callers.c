/*
 * callers - how many connections an address has, and how fast it comes (R3.8)
 *
 * Both hold over all workers: the counts are rows of the shared page. An IPv6
 * address costs nothing, so its /64 is counted too, with NET_FACTOR times the
 * room. Nothing is counted that no option asks for.
 */
#include "engine/session.h"

#include "base/clock.h"
#include "engine/logline.h"

enum { NET_FACTOR = 4, US = 1000000 };

/* "192.0.2.1", "2001:db8::1"; the network "2001:db8::/64". */
static struct str host_name(struct arena *a, const struct session *s)
{
    return ip_text(a, s->conn.client_ip);
}

static struct str net_name(struct arena *a, const struct session *s)
{
    struct ip net = s->conn.client_ip;

    memset(net.b + 8, 0, 8);
    return arena_printf(a, "%.*s/64", STR_ARG(ip_text(a, net)));
}

static bool has_net(const struct session *s)
{
    return s->conn.client_ip.v == IP_V6;
}

/* ---- connections at a time */

static size_t own_add(struct map *m, struct str key, intptr_t by)
{
    intptr_t n = (intptr_t)map_get(m, key) + by;

    if (n > 0)
        map_put(m, key, (void *)n);
    else
        map_del(m, key);
    return (size_t)n;
}

/* Where the shared table has no room, what this worker knows must do. */
static bool one_more(struct session *s, struct str who, uint64_t limit, bool *in_table)
{
    struct engine *e = s->e;
    unsigned most = limit < UINT32_MAX ? (unsigned)limit : UINT32_MAX;
    size_t own = own_add(e->callers, who, 1);
    enum caller_room room = caller_take(e->shared, e->cfg.worker, who, most);

    *in_table = room == CALLER_IN;
    return room == CALLER_UNKNOWN ? own <= limit : room == CALLER_IN;
}

static void one_less(struct session *s, struct str who, bool in_table)
{
    own_add(s->e->callers, who, -1);
    if (in_table)
        caller_give(s->e->shared, s->e->cfg.worker, who);
}

bool callers_count(struct session *s, int64_t per_host)
{
    struct arena a = { 0 };
    bool ok;

    if (per_host <= 0 || !s->conn.client_ip.v)
        return true;
    s->counted = true;
    ok = one_more(s, host_name(&a, s), (uint64_t)per_host, &s->host_in_table);
    if (has_net(s))
        ok = one_more(s, net_name(&a, s), (uint64_t)per_host * NET_FACTOR, &s->net_in_table) && ok;
    arena_free(&a);
    return ok;
}

void callers_uncount(struct session *s)
{
    struct arena a = { 0 };

    if (!s->counted)
        return;
    s->counted = false;
    one_less(s, host_name(&a, s), s->host_in_table);
    if (has_net(s))
        one_less(s, net_name(&a, s), s->net_in_table);
    arena_free(&a);
}

/* ---- new connections in a time */

static bool read_rate(struct str text, uint64_t *n, int64_t *per_us)
{
    struct str first;
    int64_t seconds;

    if (!str_cut(&text, '/', &first) || !str_u64(str_trim(first), UINT32_MAX, n) || *n == 0
        || !clock_interval(str_trim(text), &seconds) || seconds <= 0 || seconds > INT32_MAX)
        return false;
    *per_us = seconds * US;
    return true;
}

bool callers_rate(struct session *s, struct str rate)
{
    struct shared *shared = s->e->shared;
    struct arena a = { 0 };
    int64_t per_us, now = clock_mono_us();
    uint64_t n;
    bool ok;

    rate = str_trim(rate);
    if (rate.n == 0 || !s->conn.client_ip.v)
        return true;
    if (!read_rate(rate, &n, &per_us)) {    /* a function's answer: constants are checked at load */
        log_line(LOG_MAIN, "smtp_accept_rate_per_host: \"%.*s\" is not written as \"60 / 1m\"; no limit", STR_ARG(str_head(rate, 100)));
        return true;
    }
    ok = rate_take(shared, host_name(&a, s), n, per_us, now)
      && (!has_net(s) || rate_take(shared, net_name(&a, s), n * NET_FACTOR, per_us, now));
    arena_free(&a);
    return ok;
}

/* Ahead of an even share of the sessions there are, by more than an eighth and
 * a few. */
bool callers_ahead(const struct engine *e)
{
    int64_t live = shared_live(e->shared), all;

    if (live <= 1)
        return false;
    all = shared_sum(e->shared, COUNT_connections_now);
    return (int64_t)e->nsessions > (all + all / 8) / live + 2;
}

/* ---- this worker's share
 *
 * All workers wait in one socket, so the quickest could take everybody. A part
 * more than an even share is allowed, and the shares of all add up to more than
 * smtp_accept_max: somebody always answers, if only with 421. */
bool callers_over_share(const struct engine *e)
{
    int64_t max = e->settings ? setting_int(e->settings, SET_smtp_accept_max, 20000) : 0;
    int64_t live = shared_live(e->shared), share;

    if (max <= 0 || live <= 1)
        return false;
    share = (max + live - 1) / live;
    return e->nsessions > share + share / 8;
}
