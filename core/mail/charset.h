/*
 * charset - text of the character sets mail is written in, as UTF-8
 *
 * Character sets are those of a table and no others: a name from the wire does
 * not choose which converter the C library loads.
 */
#ifndef MAIL_CHARSET_H
#define MAIL_CHARSET_H

#include "base/buf.h"
#include "base/str.h"

enum { CHARSET_NAME_MAX = 64 };

/* Our name for it, one pointer a set, or NULL. A language tag (RFC 2231 5) is passed over. */
const char *charset_find(struct str name);
/* Adds s, in that set, as UTF-8. False, and nothing is added: it is no text of that set. */
bool charset_utf8(const char *charset, struct str s, struct buf *out);

#endif
