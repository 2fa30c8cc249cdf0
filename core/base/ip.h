/*
 * ip - addresses of hosts, without ports
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/arena.h"
#include "base/str.h"

enum { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

struct ip {
    uint8_t v;              /* IP_V4, IP_V6, or IP_NONE */
    uint8_t b[16];          /* network order; IPv4 uses the first four, the rest is zero */
};

bool ip_parse(struct str text, struct ip *out);         /* bare; IPv4-mapped IPv6 becomes IPv4 */
struct str ip_text(struct arena *a, struct ip ip);      /* RFC 5952 */
bool ip_same(struct ip a, struct ip b);
bool ip_in(struct ip ip, struct ip net, unsigned bits); /* is it in that CIDR block? */
bool ip_is_loopback(struct ip ip);

#endif
