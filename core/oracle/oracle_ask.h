/*
 * oracle_ask - questions to libspf2 and libopendmarc
 *
 * Each takes the fields behind its word and adds those of an answer
 * (auth/oracle_wire.h).
 */
#ifndef ORACLE_ORACLE_ASK_H
#define ORACLE_ORACLE_ASK_H

#include "base/buf.h"

void oracle_spf(struct str fields, struct buf *out);

/* Once, before anything is given up: libopendmarc reads this public suffix list. */
void oracle_dmarc_prepare(const char *path);
void oracle_dmarc(struct str fields, struct buf *out);

#endif
