/*
 * probe - do the forwarders hand signatures on?
 *
 * Each is asked for the root's SOA with the DNSSEC-OK bit. One that answers
 * without an RRSIG would make every signed domain look forged.
 */
#ifndef DNS_PROBE_H
#define DNS_PROBE_H

#include "dns/servers.h"
#include "net/loop.h"

enum probe_end {
    PROBE_SIGNED,           /* all that answered gave signatures */
    PROBE_STRIPPED,         /* one gave none */
    PROBE_SILENT            /* nobody answered: ask again later */
};

struct probe;
/* server: "192.0.2.1#53", the one that gave none. */
typedef void probe_fn(void *ctx, enum probe_end end, const char *server);

/* done runs once, later, unless stopped. */
struct probe *probe_start(struct loop *l, const struct servers *s, probe_fn *done, void *ctx);
void probe_stop(struct probe *p);

#endif
