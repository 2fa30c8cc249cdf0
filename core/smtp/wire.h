/*
 * wire - content as SMTP carries it: CRLF lines, leading dots doubled
 *
 * Whatever the bytes were: a bare CR or LF becomes CRLF, so nothing in a
 * message can look like its end to a careless reader (R3.1, R4.6). The
 * encoder keeps its place between pieces, however the content is cut.
 */
#ifndef SMTP_WIRE_H
#define SMTP_WIRE_H

#include "base/buf.h"

struct wire {
    bool in_line;       /* something stands on the current line */
    bool cr;            /* the last byte was a CR: written is CRLF, an LF now is part of it */
};

void wire_put(struct wire *w, struct str bytes, struct buf *out);
/* Ends the last line if it is not ended, then the dot alone. */
void wire_end(struct wire *w, struct buf *out);

#endif
