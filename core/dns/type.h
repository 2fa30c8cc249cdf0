/*
 * type - record types: their names and what their data is made of
 *
 * The shape of a type's data is written once, as one letter per field, and
 * read twice: by the packet parser and by the zone file's reader.
 */
#ifndef DNS_TYPE_H
#define DNS_TYPE_H

#include "base/str.h"

/*
 *  n  domain name                 4  IPv4 address        6  IPv6 address
 *  b  8-bit number                s  16-bit number       l  32-bit number or interval
 *  d  32-bit date                 T  16-bit type
 *  c  one character string        t  character strings, to the end, one at least
 *  x  hex, to the end             k  base64, to the end  v  text, to the end
 */
struct dns_type_row {
    const char *name;
    uint16_t type;
    const char *shape;
};

/* NULL: a type we know nothing of (its data is opaque, RFC 3597). */
const struct dns_type_row *dns_type_row(uint16_t type);

#endif
