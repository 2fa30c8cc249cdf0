/*
 * anchor - the keys that DNSSEC begins at
 *
 * A site names them as "root" (the root's keys: those Debian's dns-root-data
 * keeps current, else the copy in here), as a file ("/etc/unbound/root.key") or
 * as a record ("corp.example. DS 12345 13 2 49FD..."). Files and records are in
 * master file form, DS or DNSKEY (RFC 4034). What comes out is one record a
 * line, checked, as libunbound reads it.
 */
#ifndef DNS_ANCHOR_H
#define DNS_ANCHOR_H

#include "base/buf.h"
#include "base/why.h"

/* Adds what item names. ST_NEVER: "dns_trust_anchors: why". */
enum status anchor_add(struct str item, struct buf *out, struct why *why);

#endif
