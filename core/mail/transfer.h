/*
 * transfer - the content transfer encodings of MIME (RFC 2045 6), undone
 *
 * Bytes in, bytes out, in pieces of any size; what is kept between two pieces is
 * bounded. Nothing is refused: what is damaged is passed over as mail readers do it,
 * and said.
 */
#ifndef MAIL_TRANSFER_H
#define MAIL_TRANSFER_H

#include "base/buf.h"
#include "base/str.h"

enum transfer_kind { TRANSFER_PLAIN, TRANSFER_BASE64, TRANSFER_QP };

enum { TRANSFER_BLANKS = 100 };     /* blanks at the end of a line that are seen to be its end */

struct transfer {
    enum transfer_kind kind;
    bool damaged;
    uint64_t size;                  /* of all that came out */
    /* base64 */
    uint32_t bits;
    uint8_t have;                   /* characters of the quantum */
    uint8_t pads;
    /* quoted-printable: what may yet be an escape or a soft end, or blanks at a line's end */
    char held[TRANSFER_BLANKS];
    uint8_t nheld;
};

/* By the value of Content-Transfer-Encoding; 7bit, 8bit, binary and what nobody knows are plain.
 * *known (may be NULL): is it one of RFC 2045's? */
enum transfer_kind transfer_find(struct str name, bool *known);
void transfer_begin(struct transfer *t, enum transfer_kind kind);
void transfer_feed(struct transfer *t, struct str in, struct buf *out);
void transfer_end(struct transfer *t, struct buf *out);

#endif
