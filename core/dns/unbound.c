#include "dns/unbound.h"
#include "dns/query.h"

enum status unbound_open(struct loop *l, const struct dns_config *c, struct unbound **out, struct why *why)
{
    (void)l; (void)c; (void)out;
    return why_set(why, ST_AGAIN, "resolver is not built yet");
}
void unbound_close(struct unbound *u) { (void)u; }
void unbound_ask(struct unbound *u, struct dns_query *q) { (void)u; query_failed(q, "no resolver", DNS_INSECURE); }
void unbound_cancel(struct unbound *u, struct dns_query *q) { (void)u; (void)q; }
