/*
 * dns - ask for names; the answer's truth is kept with it
 *
 * libunbound on the worker's own loop, or a zone file in its place: same
 * interface, same answers. "There is none" (ST_NONE) and "could not find out"
 * (ST_AGAIN) are never confused: a bogus answer, SERVFAIL, REFUSED, a time-out
 * are ST_AGAIN.
 *
 * Names, asked and answered, are text as in master files (dns/dname.h): ordinary
 * names are themselves; an odd octet is \DDD, a dot inside a label "\.". A
 * backslash in a name made from mail data must be escaped by whoever makes it.
 * A final dot may be there or not. A name that cannot be (empty or too long
 * label, too long) does not exist: ST_NONE with nxdomain.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include "base/arena.h"
#include "base/ip.h"
#include "base/str.h"
#include "base/why.h"
#include "net/loop.h"

enum dns_type {
    DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16,
    DNS_AAAA = 28, DNS_SRV = 33, DNS_DNAME = 39, DNS_DS = 43, DNS_TLSA = 52, DNS_SPF = 99, DNS_CAA = 257
};
enum dns_security { DNS_INSECURE, DNS_SECURE, DNS_BOGUS };

struct dns_rr {
    struct str name;            /* owner, lower case, no final dot */
    uint16_t type;
    uint32_t ttl;
    struct str data;            /* as in the packet, names inside expanded and in lower case */
    /* by type */
    struct ip ip;               /* A, AAAA */
    struct str target;          /* MX, PTR, NS, CNAME, SRV: lower case, no final dot; "" is the root */
    uint16_t preference, weight, port;  /* MX; SRV (preference is its priority) */
    struct str text;            /* TXT, SPF: the strings joined */
};

struct dns_answer {
    enum status status;         /* ST_OK, ST_NONE, ST_AGAIN */
    bool nxdomain;              /* ST_NONE: the name does not exist (else: no such record) */
    enum dns_security security;
    struct dns_rr *rr;          /* those of the type asked for, CNAMEs followed */
    size_t n;
    uint32_t ttl;               /* least of the answer, or the negative TTL */
    struct why why;             /* ST_AGAIN: "MX example.org: SERVFAIL" */
};

struct dns_config {
    const char *zone_file;      /* hermetic: this file is the whole world */
    struct str zone_text;       /* likewise, given as text (zone_file is then its name in errors) */
    struct str servers;         /* colon list "addr[#port]"; empty: resolv.conf */
    bool recurse;               /* ask the authorities, no forwarder */
    struct str anchors;         /* as anchor_add made them: answers are validated by these; empty: by the root's */
    const char *hosts_file;     /* NULL: /etc/hosts; "": none */
    int64_t timeout_ms;         /* per query; 0: 30 s */
    bool ipv6_off;              /* hosts_ask looks for no AAAA (disable_ipv6) */
};

struct dns;
struct dns_query;
typedef void dns_fn(void *ctx, const struct dns_answer *a);     /* a is valid in the call only */

enum status dns_open(struct loop *l, const struct dns_config *c, struct dns **out, struct why *why);
void dns_close(struct dns *d);          /* what is under way is cancelled; not inside a dns_fn */
/* Hermetic: another zone in place of the one there is; errors as in dns_open, and the old one stays. */
enum status dns_zone(struct dns *d, struct str text, const char *file, struct why *why);
bool dns_ipv6_off(const struct dns *d);
/* cb may run before this returns (cache, zone): NULL is returned then. cb runs
 * exactly once unless the query is cancelled. */
struct dns_query *dns_ask(struct dns *d, struct str name, uint16_t type, dns_fn *cb, void *ctx);
void dns_cancel(struct dns_query *q);

/* Who asks from here on, until it is set again: questions remember it, and so do those that follow from their
 * answers. It lives at least as long as its questions. Returns who asked before. d may be NULL. */
void *dns_asker(struct dns *d, void *asker);
/* Told of every question that could not be answered, before its dns_fn. reason: "timeout", "servfail", "refused",
 * "bogus", or "again" for any other. */
typedef void dns_fail_fn(void *ctx, void *asker, const char *reason, struct str name, uint16_t type);
void dns_on_fail(struct dns *d, dns_fail_fn *fn, void *ctx);

/* "1.2.0.192.in-addr.arpa" or the ip6.arpa form. */
struct str dns_reverse_name(struct arena *a, struct ip ip);
bool dns_type_find(struct str name, uint16_t *type);
const char *dns_type_name(uint16_t type);       /* "MX"; "TYPE65280" in a static ring for others */

#endif
