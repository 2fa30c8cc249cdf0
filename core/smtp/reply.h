/*
 * reply - a reply's code, enhanced code and text, made and read
 *
 * Making: printable ASCII only, at most 256 bytes of client text (R3.12), a
 * multi-line reply repeats code and enhanced code. Reading: replies of a remote
 * server are hostile; bounded in line length, lines and bytes.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* Writes "550 5.1.1 text" (LF in text starts a new line of the reply). The
 * text may begin with its own code and enhanced code; a code whose first digit
 * differs from want's is replaced by want. */
void reply_put(struct buf *out, int want, const char *enhanced, struct str text);
/* Takes "550 5.1.1 text" apart: code 0 if none; enhanced empty if none. */
void reply_split(struct str text, int *code, struct str *enhanced, struct str *rest);
/* Client text made safe for a reply or a log: printable ASCII, cut at 256. */
struct str reply_safe(struct arena *a, struct str text);

enum { REPLY_LINE_MAX = 2048, REPLY_LINES_MAX = 100, REPLY_BYTES_MAX = 16384 };
struct reply {
    int code;
    struct str enhanced;        /* "5.1.1" or empty */
    struct str text;            /* lines joined by LF, without codes, escaped nowhere */
    struct str line;            /* as a log wants it: "550 5.1.1 no such user", lines joined by a space */
};
enum reply_end { REPLY_OK, REPLY_MORE, REPLY_BAD };
/* Reads one whole reply off the front of *in (which is advanced past it).
 * REPLY_MORE: not complete. REPLY_BAD: not SMTP, or beyond a bound. */
enum reply_end reply_read(struct arena *a, struct str *in, struct reply *out);

#endif
