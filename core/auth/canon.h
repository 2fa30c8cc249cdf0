/*
 * canon - a message in the one form that signer and verifier agree on
 *
 * The canonicalisations of RFC 6376 section 3.4. The body comes in pieces
 * cut anywhere, and what goes on depends on its bytes alone; nothing of it
 * is kept but what may yet turn out to be its end.
 */
#ifndef AUTH_CANON_H
#define AUTH_CANON_H

#include "base/buf.h"
#include "mail/header.h"

enum canon_kind { CANON_SIMPLE, CANON_RELAXED };
const char *canon_name(enum canon_kind k);

/* Appends the field, its final CRLF included. */
void canon_field(struct buf *out, const struct field *f, enum canon_kind k);
/* The same for a text "Name: value" with or without a final CRLF; none is appended. */
void canon_text(struct buf *out, struct str whole, enum canon_kind k);

enum { CANON_ROOM = 4096 };

/* Zeroed but for the first three to begin with. */
struct canon {
    enum canon_kind kind;
    void (*sink)(void *ctx, struct str run);
    void *ctx;
    uint64_t held;          /* line ends that are dropped if nothing follows */
    bool cr;                /* the last byte was a CR */
    bool wsp;               /* white space that is one space if something follows on its line */
    bool some;              /* there was more than empty lines */
    size_t n;
    char room[CANON_ROOM];
};
void canon_body(struct canon *c, struct str piece);
void canon_end(struct canon *c);

#endif
