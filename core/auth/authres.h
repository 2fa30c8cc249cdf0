/*
 * authres - Authentication-Results: what we found, told to whoever comes after us (RFC 8601)
 *
 * Made of everything a transaction knows. Fields of others that bear our name are
 * forgeries and are taken off (R4.8). What senders wrote goes into the field only
 * where it is a name, or as a quoted string.
 */
#ifndef AUTH_AUTHRES_H
#define AUTH_AUTHRES_H

#include "auth/proof.h"
#include "mail/txn.h"

/* "Authentication-Results: id; none", or a part a line, the lines divided by LF TAB. p NULL: id can be no name of a
 * service. dmarc: its part, or empty. */
struct str authres_make(struct arena *a, struct str id, const struct txn *t, struct str dmarc);

/* The name of the service and what follows its semicolon; false: it has none that can be read. */
bool authres_read(struct arena *a, struct str value, struct str *id, struct str *results);
/* The next result, "dkim=pass (...) header.d=x"; false at the end. Semicolons in comments and quotes divide nothing. */
bool authres_next(struct str *results, struct str *one);
/* The word behind "method=", or empty. */
struct str authres_word(struct arena *a, struct str results, struct str method);

/* A field of that name by one of these, or by nobody that can be made out. */
bool authres_claims(const struct field *f, const struct str *ids, size_t n);
/* The header without fields that claim to be ours; false: there were none, and nothing changed. */
bool authres_strip(struct txn *t, const struct str *ids, size_t n);

#endif
