/*
 * gzip - bytes made smaller (RFC 1952), by zlib
 */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include "base/buf.h"

/* Adds one gzip member. The same bytes give the same: no time and no name stand in it. */
void gzip_add(struct str text, struct buf *out);

#endif
