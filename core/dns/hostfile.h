/*
 * hostfile - names the machine's own hosts file gives (hosts(5))
 *
 * It answers A, AAAA and PTR only, and before the DNS does, as the C library
 * has it; other types of its names are asked as usual. What it says is not
 * DNSSEC. A changed file is noticed within seconds.
 */
#ifndef DNS_HOSTFILE_H
#define DNS_HOSTFILE_H

#include "dns/dname.h"
#include "dns/dns.h"

struct hostfile;

struct hostfile *hostfile_new(const char *path);    /* a missing file is an empty one */
void hostfile_free(struct hostfile *h);
/* False: the file does not know the name. A name it knows without an address
 * of that kind is ST_NONE. */
bool hostfile_answer(struct hostfile *h, struct arena *a, const struct dname *name, uint16_t type,
                     struct dns_answer *out);

#endif
