/*
 * encoded - text for a header field that may not be ASCII (RFC 2047)
 *
 * Printable ASCII stays as it is. Anything else becomes encoded words of
 * UTF-8, each on a line of its own, none with half a character; line ends and
 * control bytes become blanks, so that no text can begin another field (R4.6).
 */
#ifndef MAIL_ENCODED_H
#define MAIL_ENCODED_H

#include "base/arena.h"
#include "base/str.h"

struct str encoded_text(struct arena *a, struct str text);

#endif
