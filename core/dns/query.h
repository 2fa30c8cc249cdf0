/*
 * query - one question under way, seen by dns.c and by who answers it
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include "dns/dname.h"
#include "dns/dns.h"

struct dns_query {
    struct dns *dns;
    struct dns_query *next, *prev;
    struct dname name;
    uint16_t type;
    dns_fn *cb;
    void *ctx;
    void *asker;
    struct timer timer;         /* its deadline: what never answers ends in ST_AGAIN */
    bool starting;              /* inside dns_ask: it frees */
    bool done;
    /* unbound.c's */
    struct ub_ctx *at;          /* asked there; NULL: not yet */
    int id;
    bool *ended;                /* inside ub_resolve_event: set if the answer came there */
    struct dns_query *waiting, **waited;    /* until it is known whether answers can be validated */
};

/* Ends q: the callback runs, q is gone. */
void query_done(struct dns_query *q, const struct dns_answer *a);
void query_failed(struct dns_query *q, const char *what, enum dns_security security);

#endif
