#include "dns/hosts.h"

#include <stdlib.h>

#include "base/rnd.h"
#include "mail/domain.h"
#include "mail/utf8.h"

enum { MX_MAX = 20, ADDRESSES_MAX = 20, PTR_MAX = 10 };

/* One name whose addresses are wanted: an MX host, the domain itself, or a
 * name an address claims. */
struct place {
    struct str name;
    int32_t preference;
    bool literal;                       /* its address is its name */
    struct ask {
        struct hosts_query *hosts;
        struct place *place;
        struct dns_query *query;        /* under way */
        uint16_t type;
        struct host *found;
        size_t n;
        bool again;
    } v6, v4;
};

struct hosts_query {
    struct arena arena;
    struct dns *dns;
    struct hosts_want want;
    bool reverse;
    struct ip ip;                       /* reverse: the address */
    struct str domain;
    bool name_secure;                   /* that these are the names to ask for */
    struct str mx_of, mx_at;            /* of every host */
    hosts_fn *cb;
    void *ctx;
    struct dns_query *first;            /* the MX or PTR question, under way */
    struct place *places;
    size_t n;
    unsigned waiting;                   /* questions without answer */
    bool starting;                      /* inside hosts_ask: it frees */
    bool done;
    struct hosts_answer answer;
};

static void end(struct hosts_query *q, enum hosts_end how)
{
    q->answer.end = how;
    q->done = true;
    q->cb(q->ctx, &q->answer);
    if (!q->starting) {
        arena_free(&q->arena);
        free(q);
    }
}

static void end_why(struct hosts_query *q, enum hosts_end how, const char *what)
{
    why_set(&q->answer.why, ST_NONE, "%s: %.*s", what, STR_ARG(q->domain));
    end(q, how);
}

static bool is_secure(const struct dns_answer *a)
{
    return a->security == DNS_SECURE;
}

bool host_same(const struct host *a, const struct host *b)
{
    return ip_same(a->ip, b->ip) && a->port == b->port && a->secure == b->secure && str_same(a->name, b->name);
}

struct host host_dup(struct arena *a, const struct host *h)
{
    struct host copy = *h;

    copy.name = arena_dup(a, h->name);
    copy.mx_of = arena_dup(a, h->mx_of);
    copy.mx_at = arena_dup(a, h->mx_at);
    return copy;
}

/* ---- order */

static void shuffle(struct host *h, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = rnd_below((uint32_t)i);
        struct host t = h[i - 1];

        h[i - 1] = h[k];
        h[k] = t;
    }
}

/* Random among equals: shuffled first, then sorted by a sort that keeps the order of equals. */
static void order_mx(struct dns_rr *rr, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = rnd_below((uint32_t)i);
        struct dns_rr t = rr[i - 1];

        rr[i - 1] = rr[k];
        rr[k] = t;
    }
    for (size_t i = 1; i < n; i++) {
        struct dns_rr t = rr[i];
        size_t k = i;

        for (; k > 0 && rr[k - 1].preference > t.preference; k--)
            rr[k] = rr[k - 1];
        rr[k] = t;
    }
}

static bool has_ip(const struct hosts_answer *a, struct ip ip)
{
    for (size_t i = 0; i < a->n; i++)
        if (ip_same(a->host[i].ip, ip))
            return true;
    return false;
}

static void add_hosts(struct hosts_query *q, const struct ask *k, size_t max)
{
    for (size_t i = 0; i < k->n && i < max; i++)
        if (!has_ip(&q->answer, k->found[i].ip))
            q->answer.host[q->answer.n++] = k->found[i];
}

/* A place's addresses: one family, then the other. */
static void add_place(struct hosts_query *q, struct place *p)
{
    struct ask *first = q->want.ipv4_prefer ? &p->v4 : &p->v6;
    struct ask *second = q->want.ipv4_prefer ? &p->v6 : &p->v4;
    size_t room = ADDRESSES_MAX;

    if (q->want.mx || q->want.randomize) {
        shuffle(p->v6.found, p->v6.n);
        shuffle(p->v4.found, p->v4.n);
    }
    add_hosts(q, first, room);
    room -= first->n < room ? first->n : room;
    add_hosts(q, second, room);
    if (p->v6.again || p->v4.again) {
        bool nothing = p->v6.n == 0 && p->v4.n == 0;

        if (nothing && q->answer.again_preference < 0 && p->preference >= 0)
            q->answer.again_preference = p->preference;
    }
}

static bool any_again(const struct hosts_query *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->places[i].v6.again || q->places[i].v4.again)
            return true;
    return false;
}

/* All answers are here. */
static void conclude(struct hosts_query *q)
{
    q->answer.host = arena_array(&q->arena, struct host, q->n * 2 * ADDRESSES_MAX);
    for (size_t i = 0; i < q->n; i++)
        add_place(q, &q->places[i]);
    if (q->answer.n > 0)
        end(q, HOSTS_OK);
    else if (any_again(q))
        end(q, HOSTS_AGAIN);            /* why was set by the answer that failed */
    else if (q->reverse)
        end_why(q, HOSTS_NONE, "no name of this address leads back to it");
    else if (q->answer.has_mx)
        end_why(q, HOSTS_NONE, "all MX records point to hosts without addresses");
    else
        end_why(q, HOSTS_NONE, "no address found for host");
}

/* ---- addresses */

static void keep_addresses(struct ask *k, const struct dns_answer *a)
{
    struct hosts_query *q = k->hosts;
    bool secure = is_secure(a) && q->name_secure;

    k->found = arena_array(&q->arena, struct host, a->n);
    for (size_t i = 0; i < a->n; i++) {
        if (q->reverse && !ip_same(a->rr[i].ip, q->ip))
            continue;
        k->found[k->n++] = (struct host){ .name = k->place->name, .ip = a->rr[i].ip,
                                          .preference = k->place->preference, .secure = secure,
                                          .mx_of = q->mx_of, .mx_at = q->mx_at };
        if (q->reverse)
            break;
    }
}

static void on_addresses(void *ctx, const struct dns_answer *a)
{
    struct ask *k = ctx;
    struct hosts_query *q = k->hosts;

    k->query = NULL;
    if (a->status == ST_OK && q->want.dnssec_require && !is_secure(a)) {
        k->again = true;
        why_set(&q->answer.why, ST_AGAIN, "%s %.*s: answer is not DNSSEC-secure",
                dns_type_name(k->type), STR_ARG(k->place->name));
    } else if (a->status == ST_OK) {
        keep_addresses(k, a);
        if (!q->answer.has_mx && !q->reverse)
            q->answer.secure = is_secure(a) && q->name_secure;
    } else if (a->status == ST_AGAIN) {
        k->again = true;
        q->answer.why = a->why;
    } else if (!q->answer.has_mx && !q->reverse) {
        q->answer.nxdomain = a->nxdomain;
    }
    if (--q->waiting == 0)
        conclude(q);
}

/* An answer may come inside dns_ask; the caller holds `waiting` up meanwhile. */
static void ask_address(struct hosts_query *q, struct place *p, struct ask *k, uint16_t type)
{
    k->hosts = q;
    k->place = p;
    k->type = type;
    q->waiting++;
    k->query = dns_ask(q->dns, p->name, type, on_addresses, k);
}

static void ask_places(struct hosts_query *q)
{
    bool v6 = q->reverse ? q->ip.v == IP_V6 : !q->want.ipv4_only && !dns_ipv6_off(q->dns);
    bool v4 = !q->reverse || q->ip.v == IP_V4;

    q->waiting++;
    for (size_t i = 0; i < q->n; i++) {
        if (q->places[i].literal)
            continue;
        if (v6)
            ask_address(q, &q->places[i], &q->places[i].v6, DNS_AAAA);
        if (v4)
            ask_address(q, &q->places[i], &q->places[i].v4, DNS_A);
    }
    if (--q->waiting == 0)
        conclude(q);
}

static void add_name(struct hosts_query *q, struct str name, int32_t preference)
{
    for (size_t i = 0; i < q->n; i++)
        if (str_same(q->places[i].name, name))
            return;                     /* listed twice: the better preference stands */
    q->places[q->n++] = (struct place){ .name = arena_dup(&q->arena, name), .preference = preference };
}

static void ask_domain_itself(struct hosts_query *q)
{
    q->places = arena_array(&q->arena, struct place, 1);
    add_name(q, q->domain, -1);
    ask_places(q);
}

/* ---- MX */

/* "MX 10 192.0.2.1" is against RFC 1035; some sites live with it. */
static bool add_literal(struct hosts_query *q, struct str target, int32_t preference)
{
    struct place *p;
    struct ip ip;

    if (!q->want.mx_to_ip || !ip_parse(target, &ip) || ip.v != IP_V4)
        return false;
    p = &q->places[q->n++];
    *p = (struct place){ .name = arena_dup(&q->arena, target), .preference = preference, .literal = true };
    p->v4.found = arena_new(&q->arena, struct host);
    *p->v4.found = (struct host){ .name = p->name, .ip = ip, .preference = preference };
    p->v4.n = 1;
    return true;
}

static void take_mx(struct hosts_query *q, const struct dns_answer *a)
{
    struct dns_rr *rr = arena_array(&q->arena, struct dns_rr, a->n);

    memcpy(rr, a->rr, a->n * sizeof *rr);
    if (is_secure(a)) {
        q->mx_of = q->domain;
        q->mx_at = (struct str){ 0 };
        if (!str_same(rr[0].name, q->domain))
            q->mx_at = arena_dup(&q->arena, rr[0].name);
    }
    order_mx(rr, a->n);
    q->places = arena_array(&q->arena, struct place, MX_MAX);
    for (size_t i = 0; i < a->n && q->n < MX_MAX; i++)
        /* Names that are no host names are of no use and would reach logs and TLS. "." beside
         * others is against RFC 7505 and no host either. */
        if (add_literal(q, rr[i].target, rr[i].preference))
            continue;
        else if (domain_valid(rr[i].target, NULL))
            add_name(q, rr[i].target, rr[i].preference);
    ask_places(q);
}

static void on_mx(void *ctx, const struct dns_answer *a)
{
    struct hosts_query *q = ctx;

    q->first = NULL;
    if (a->status == ST_AGAIN) {
        q->answer.why = a->why;
        end(q, HOSTS_AGAIN);
    } else if (a->status == ST_OK) {
        q->answer.has_mx = true;
        q->answer.secure = q->name_secure = is_secure(a);
        if (a->n == 1 && a->rr[0].target.n == 0)
            end_why(q, HOSTS_NULL_MX, "domain accepts no mail (null MX)");
        else if (q->want.dnssec_require && !is_secure(a))
            end_why(q, HOSTS_AGAIN, "MX answer is not DNSSEC-secure");
        else
            take_mx(q, a);
    } else if (a->nxdomain) {
        q->answer.nxdomain = true;
        end_why(q, HOSTS_NONE, "no such domain");
    } else if (q->want.mx_required) {
        end_why(q, HOSTS_NONE, "no MX record for domain");
    } else {
        q->name_secure = is_secure(a);  /* "no MX" may be forged like any answer */
        ask_domain_itself(q);           /* RFC 5321 5.1: the implicit MX */
    }
}

/* ---- the questions */

static struct hosts_query *make(struct dns *d, hosts_fn *cb, void *ctx)
{
    struct hosts_query *q = calloc(1, sizeof *q);

    if (!q)
        die("out of memory");
    q->dns = d;
    q->cb = cb;
    q->ctx = ctx;
    q->starting = true;
    q->name_secure = true;
    q->answer.again_preference = -1;
    return q;
}

static struct hosts_query *started(struct hosts_query *q)
{
    q->starting = false;
    if (!q->done)
        return q;
    arena_free(&q->arena);
    free(q);
    return NULL;
}

/* The domain is an address: there is nothing to ask. */
static void answer_literal(struct hosts_query *q, struct ip ip)
{
    q->answer.host = arena_new(&q->arena, struct host);
    q->answer.host[0] = (struct host){ .name = q->domain, .ip = ip, .preference = -1 };
    q->answer.n = 1;
    end(q, HOSTS_OK);
}

/* As the DNS has it, and certificates: what is written in another alphabet as A-labels. */
static struct str in_ascii(struct arena *a, struct str name)
{
    struct str ascii = !utf8_ascii(name) ? domain_alabel(a, name) : (struct str){ 0 };

    return ascii.n ? ascii : arena_lower(a, name);
}

struct hosts_query *hosts_ask(struct dns *d, struct str domain, const struct hosts_want *w, hosts_fn *cb, void *ctx)
{
    struct hosts_query *q = make(d, cb, ctx);
    struct ip ip;

    q->want = *w;
    q->domain = in_ascii(&q->arena, str_ends(domain, STR(".")) ? str_head(domain, domain.n - 1) : domain);
    if (ip_parse(q->domain, &ip) || domain_literal(q->domain, &ip))
        answer_literal(q, ip);
    else if (w->mx)
        q->first = dns_ask(d, q->domain, DNS_MX, on_mx, q);
    else
        ask_domain_itself(q);
    return started(q);
}

void hosts_cancel(struct hosts_query *q)
{
    if (q->first)
        dns_cancel(q->first);
    for (size_t i = 0; i < q->n; i++) {
        if (q->places[i].v6.query)
            dns_cancel(q->places[i].v6.query);
        if (q->places[i].v4.query)
            dns_cancel(q->places[i].v4.query);
    }
    arena_free(&q->arena);
    free(q);
}

static void on_ptr(void *ctx, const struct dns_answer *a)
{
    struct hosts_query *q = ctx;

    q->first = NULL;
    if (a->status == ST_AGAIN) {
        q->answer.why = a->why;
        end(q, HOSTS_AGAIN);
        return;
    }
    if (a->status == ST_NONE) {
        q->answer.nxdomain = true;
        end_why(q, HOSTS_NONE, "no name for address");
        return;
    }
    q->answer.secure = q->name_secure = is_secure(a);
    q->places = arena_array(&q->arena, struct place, PTR_MAX);
    for (size_t i = 0; i < a->n && i < PTR_MAX; i++)
        if (domain_valid(a->rr[i].target, NULL))
            add_name(q, a->rr[i].target, -1);
    ask_places(q);
}

struct hosts_query *hosts_reverse(struct dns *d, struct ip ip, hosts_fn *cb, void *ctx)
{
    struct hosts_query *q = make(d, cb, ctx);

    q->reverse = true;
    q->ip = ip;
    q->domain = dns_reverse_name(&q->arena, ip);
    q->first = dns_ask(d, q->domain, DNS_PTR, on_ptr, q);
    return started(q);
}
