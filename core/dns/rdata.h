/*
 * rdata - the data of a record, from a zone file's words to wire form
 */
#ifndef DNS_RDATA_H
#define DNS_RDATA_H

#include "base/buf.h"
#include "dns/dname.h"

struct word {               /* one word of a line, escapes still in it */
    struct str text;
    bool quoted;
};

/* Appends to out. NULL, or what is wrong. */
const char *rdata_read(uint16_t type, const struct word *w, size_t n, const struct dname *origin, struct buf *out);

#endif
