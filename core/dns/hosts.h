/*
 * hosts - from a mail domain to the addresses to try, in order (F40)
 *
 * MX records (RFC 5321 5.1), else the domain itself; null MX (RFC 7505); then
 * A and AAAA of each. Equal preference is random, so are several addresses of
 * a host, but IPv6 comes before IPv4 unless ipv4_prefer. An address found
 * twice is tried once, at its first place. Bounds: 20 MX hosts, 20 addresses a
 * host.
 */
#ifndef DNS_HOSTS_H
#define DNS_HOSTS_H

#include "dns/dns.h"

struct host {
    struct str name;            /* lower case; the literal for an address given as such */
    struct ip ip;
    uint16_t port;              /* 0: the transport's */
    int32_t preference;         /* MX; -1: none */
    bool secure;                /* MX (if any) and address answers were DNSSEC-secure */
    /* Whose MX record named it, as asked for and, where that is an alias, what it leads to; empty: there was none,
     * or it was not secure. */
    struct str mx_of, mx_at;
};

/* One host, and found as safely: where one domain's MX record is signed and another's is not, only one has DANE there. */
bool host_same(const struct host *a, const struct host *b);
/* With its texts in a. */
struct host host_dup(struct arena *a, const struct host *h);

enum hosts_end {
    HOSTS_OK,
    HOSTS_NONE,                 /* no such domain, or nothing usable */
    HOSTS_NULL_MX,              /* it says it takes no mail */
    HOSTS_AGAIN                 /* could not find out */
};

struct hosts_want {
    bool mx;                    /* look for MX; false: addresses of the name only */
    bool mx_required;           /* no MX: HOSTS_NONE (mx_domains) */
    bool ipv4_only, ipv4_prefer;
    bool dnssec_require;        /* an answer that is not secure is HOSTS_AGAIN */
    bool mx_to_ip;              /* an MX that points to an address is taken for it (allow_mx_to_ip) */
    bool randomize;             /* mx = false: shuffle addresses */
};

struct hosts_answer {
    enum hosts_end end;
    struct host *host;          /* in the order to try */
    size_t n;
    bool secure;                /* the MX (or address) answer itself */
    bool nxdomain;
    bool has_mx;
    /* Least preference of an MX host left out because its addresses could not be
     * found out now; -1: none. Whoever decides that "we are the best MX" must
     * look: a better one may only be hidden by a DNS failure. */
    int32_t again_preference;
    struct why why;             /* HOSTS_AGAIN and HOSTS_NONE: the reason */
};

struct hosts_query;
typedef void hosts_fn(void *ctx, const struct hosts_answer *a);
/* As dns_ask: cb may run first, then NULL is returned. */
struct hosts_query *hosts_ask(struct dns *d, struct str domain, const struct hosts_want *w, hosts_fn *cb, void *ctx);
void hosts_cancel(struct hosts_query *q);

/* The verified names of an address: PTR, then A or AAAA of each name (of the
 * first 10) must hold the address (RFC 8601 iprev). end: OK with the names in
 * host[].name; NONE, with nxdomain if there is no PTR at all; AGAIN if no name
 * is verified and one could not be looked up. */
struct hosts_query *hosts_reverse(struct dns *d, struct ip ip, hosts_fn *cb, void *ctx);

#endif
