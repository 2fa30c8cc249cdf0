/*
 * oracle_wire - what the engine and its oracle say to each other
 *
 * A frame is a length and fields; a field is a length and bytes. What an oracle
 * answers was made by libraries we do not trust: it is read as hostile.
 *
 *   ask     "spf" ip helo sender receiver record, then of each known name: name type status count values...
 *           "dmarc" ip from spf_domain spf_result spf_is_helo, dkim_domain dkim_result ... "", record domain organisation
 *   answer  "result" word...  |  "missing" name type
 */
#ifndef AUTH_ORACLE_WIRE_H
#define AUTH_ORACLE_WIRE_H

#include "base/buf.h"

enum { ORACLE_FRAME_MAX = 1 << 20 };

void oracle_put(struct buf *out, struct str field);
void oracle_put_number(struct buf *out, unsigned n);
/* False: there is no field left, or it is damaged. */
bool oracle_take(struct str *rest, struct str *field);
bool oracle_take_number(struct str *rest, unsigned max, unsigned *n);
/* The frame around fields. */
void oracle_frame(struct buf *out, struct str fields);
/* 1: *fields is the first frame's, *used bytes long with its head; 0: not whole yet; -1: no frame. */
int oracle_frame_read(struct str in, struct str *fields, size_t *used);

#endif
