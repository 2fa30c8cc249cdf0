/*
 * master - the text of a zone file, taken apart into records
 *
 * Master file form (RFC 1035 5.1) with the rules of reference "Zone file":
 * one record a line (or several in parentheses), $ORIGIN, $TTL, $SECURE,
 * $INSECURE, and NAME SERVFAIL | TIMEOUT | BOGUS. Nothing is skipped: a line
 * that cannot be read ends the reading with "file:line: why".
 */
#ifndef DNS_MASTER_H
#define DNS_MASTER_H

#include "base/buf.h"
#include "base/why.h"
#include "dns/dname.h"

enum master_failure { MASTER_RECORD, MASTER_SERVFAIL, MASTER_TIMEOUT, MASTER_BOGUS };

struct master_record {          /* valid in the call only */
    struct dname owner;
    enum master_failure failure;
    bool secure;
    uint16_t type;              /* MASTER_RECORD: */
    uint32_t ttl;
    struct str data;            /* wire form, no compression */
};

/* Returns NULL, or why the record cannot stand. */
typedef const char *master_fn(void *ctx, const struct master_record *r);

/* The whole of a file, at most 64 MiB. ST_OK, or ST_NEVER with why. */
enum status master_load(const char *path, struct buf *out, struct why *why);
/* ST_OK, or ST_NEVER with why. */
enum status master_read(struct str text, const char *file, master_fn *fn, void *ctx, struct why *why);

#endif
