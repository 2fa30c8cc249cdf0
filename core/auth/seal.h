/*
 * seal - our own set of a message's chain, as it leaves (RFC 8617 section 5.1)
 *
 * What we found when it came stands in its Authentication-Results under our
 * name; all such fields go into the set, and the word behind "arc=" in them is what the
 * seal says of the chain before us. Like sign.h: plain work, without a loop.
 */
#ifndef AUTH_SEAL_H
#define AUTH_SEAL_H

#include "auth/arc.h"
#include "auth/sign.h"

struct seal_want {
    struct str admd, selector, key;
    int64_t created, expires;       /* t= of both, x= of the message's signature; -1: none */
    size_t body_number;
};

/* "ADMD : SELECTOR : KEY [: OPTIONS]". False: *fault, a static text such as "selector empty". */
bool seal_read(struct str text, int64_t now, struct seal_want *out, const char **fault);
void seal_prepare(struct seal_want *w, struct bodyhash *b);
/* Appends the three fields. ST_NONE: this message is not sealed, and why says why not. */
enum status seal_fields(const struct seal_want *w, struct signkeys *keys, const struct header *h, struct fieldset *fields,
                        const struct bodyhash *b, struct buf *out, struct why *why);

#endif
