/*
 * header - the header section of a message, as bytes and as fields
 *
 * The bytes are kept as they came (wire form, CRLF). Fields point into them.
 * Names are compared without ASCII case.
 *
 * The border to the body is found in one way, header_line, used by everybody:
 * the section ends before the first line that is neither a field nor a
 * continuation. If that line is empty it is the border and belongs to neither
 * side. If it is not, it is the first line of the body, the section is damaged,
 * and since every writer puts an empty line there, whoever reads after us can
 * see no other border than we did.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct field {
    struct str name;        /* without the colon and white space before it */
    struct str value;       /* after the colon, folding and final CRLF included */
    struct str whole;       /* name to final CRLF */
    struct field *next;
};

struct header {
    struct field *first, *last;
    size_t count;
    size_t bytes;
    bool damaged;           /* a line that is neither field nor continuation ended it */
};

/* What a line (with or without its CRLF) is, standing in a header section;
 * first: nothing stands before it, so there is nothing to continue. */
enum header_line { HEADER_FIELD, HEADER_CONTINUATION, HEADER_BORDER, HEADER_BODY };
enum header_line header_line(struct str line, bool first);
/* Divides a whole message. *damaged: see above. */
void header_divide(struct str message, struct str *section, struct str *body, bool *damaged);

/* Reads a section (all of it, without the empty line). */
void header_parse(struct arena *a, struct str section, struct header *out);
/* The n-th field of that name, from 0; NULL if there is none. */
const struct field *header_field(const struct header *h, struct str name, size_t n);
size_t header_count(const struct header *h, struct str name);
/* Unfolded: CRLF before white space removed, outer white space trimmed. */
struct str header_unfold(struct arena *a, struct str value);
/* Encoded words decoded to UTF-8 (RFC 2047); damaged ones stay as they are. */
struct str header_decode(struct arena *a, struct str value);
/* The other way: as it is if it is printable ASCII, else encoded words of at most 75
 * characters with a space between, Q or B, whichever is shorter. Folding is the caller's. */
struct str header_encode(struct arena *a, struct str text);

/* Text a rule wants to add: "Name: text", inner LF followed by white space is
 * folding. CR, NUL, a bare LF or a name that is none is an error (R4.6). On
 * success *wire is "Name: text\r\n". */
bool header_make(struct arena *a, struct str text, struct str *wire, const char **reason);

/* What rules asked for, applied together or not at all (R8.6). */
enum header_place { HEADER_AT_END, HEADER_AT_START, HEADER_AFTER_RECEIVED, HEADER_AT_START_RFC };
struct header_edit {
    enum header_place place;
    bool remove;            /* text is a name, or a PCRE2 pattern beginning with ^ for the name */
    struct str text;        /* wire form for an addition */
    struct header_edit *next;
};
/* Whether text may stand in a removal. */
bool header_removal(struct str text, const char **reason);
/* The section after removals, then additions, with the field `received` (may be
 * empty) above it and below what goes to the start. Removals touch what came, neither `received` nor an
 * addition. Additions to one place stand there in the order they were asked for. */
void header_apply(struct str section, const struct header_edit *edits, struct str received, struct buf *out);

#endif
