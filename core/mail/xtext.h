/*
 * xtext - RFC 3461 section 4: text as a parameter of an SMTP command
 */
#ifndef MAIL_XTEXT_H
#define MAIL_XTEXT_H

#include "base/arena.h"

struct str xtext_encode(struct arena *a, struct str s);
/* False: it is no xtext. */
bool xtext_decode(struct arena *a, struct str s, struct str *out);

#endif
