/*
 * base64 - RFC 4648 section 4, strictly
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"

/* One line, in the arena. At most 256 MiB of input. */
struct str base64_encode(struct arena *a, struct str s);
/* White space is passed over; anything else that is no base64 is refused, so that what
 * one filter reads is what everyone reads. *fault, if not NULL, is a static text. */
bool base64_decode(struct arena *a, struct str s, struct str *out, const char **fault);

#endif
