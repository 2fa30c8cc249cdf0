/*
 * packet - what one DNS packet says to one question
 *
 * Packets are hostile whoever sent them: every pointer and length is bounded,
 * compression pointers only lead backwards and at most PACKET_JUMPS of them
 * in one name, a packet is at most 64 KiB, a CNAME chain 16 long (R5.3). A
 * packet that breaks a rule has said nothing: ST_AGAIN, never ST_NONE.
 */
#ifndef DNS_PACKET_H
#define DNS_PACKET_H

#include "dns/dname.h"
#include "dns/dns.h"

enum { PACKET_MAX = 65535, PACKET_JUMPS = 64, CNAME_MAX = 16 };

/* Fills in all of out but security; texts are in the arena. */
void packet_answer(struct arena *a, struct str packet, const struct dname *name, uint16_t type,
                   struct dns_answer *out);

/* The answer that is none: ST_AGAIN and "MX example.org: what". */
void packet_again(struct arena *a, const struct dname *name, uint16_t type, const char *what,
                  struct dns_answer *out);

/* Whether the answer section of a well-formed packet holds a record of that type. */
bool packet_holds(struct str packet, uint16_t type);
/* A name at *at, which is moved behind it. False: malformed. */
bool packet_name(struct str packet, size_t *at, struct dname *out);
/* The n bytes of data at `at` into rr, whose type is set already. False: malformed. */
bool packet_data(struct arena *a, struct str packet, size_t at, size_t n, struct dns_rr *rr);

/* "NXDOMAIN" and so on. */
const char *packet_rcode_name(unsigned rcode);

#endif
