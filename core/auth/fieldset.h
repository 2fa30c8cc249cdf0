/*
 * fieldset - the fields of a header as signatures name them
 *
 * A signature names fields, and a name that stands n times in it means the n
 * last fields of that name, from the bottom up (RFC 6376 section 5.4.2). Found by
 * hash, so that a list of ten thousand names over two thousand fields costs
 * what reading it costs.
 */
#ifndef AUTH_FIELDSET_H
#define AUTH_FIELDSET_H

#include "mail/header.h"

struct fieldset;

/* The header must live as long. */
struct fieldset *fieldset_new(const struct header *h);
void fieldset_free(struct fieldset *s);
void fieldset_restart(struct fieldset *s);      /* the next signature begins at the bottom again */
/* The next field of that name upwards; NULL: there is none (more). */
const struct field *fieldset_take(struct fieldset *s, struct str name);

#endif
