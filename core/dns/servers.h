/*
 * servers - the resolvers to forward to
 */
#ifndef DNS_SERVERS_H
#define DNS_SERVERS_H

#include "base/ip.h"
#include "base/why.h"

enum { SERVERS_MAX = 8 };

struct servers {
    struct { struct ip ip; uint16_t port; } v[SERVERS_MAX];
    size_t n;
};

/* A list as rules write it: "192.0.2.1 : 192.0.2.2#5353"; a literal colon is
 * doubled, or another separator is named first: "<; 2001:db8::1 ; 192.0.2.1".
 * ST_NEVER: an item is no address. */
enum status servers_read(struct str list, struct servers *out, struct why *why);
/* The nameserver lines of a resolv.conf; without any, this machine (resolv.conf(5)).
 * Lines that hold no address of ours are passed over, as the C library does. */
void servers_resolv(struct str text, struct servers *out);
void servers_resolv_file(const char *path, struct servers *out);

#endif
