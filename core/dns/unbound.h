/*
 * unbound - libunbound on the worker's own loop
 *
 * By default it forwards to the servers of resolv.conf and honours the hosts
 * file. Before the first question it asks each forwarder for the root's
 * signatures; where one strips them, nothing is validated and answers
 * count as insecure, rather than failing every signed domain (design section 7).
 */
#ifndef DNS_UNBOUND_H
#define DNS_UNBOUND_H

#include "dns/dns.h"

struct unbound;

enum status unbound_open(struct loop *l, const struct dns_config *c, struct unbound **out, struct why *why);
void unbound_close(struct unbound *u);          /* all questions are over or cancelled */
/* The end is query_done, perhaps before this returns. */
void unbound_ask(struct unbound *u, struct dns_query *q);
/* Forgets q; query_done will not be called for it. */
void unbound_cancel(struct unbound *u, struct dns_query *q);

#endif
