/*
 * args - how this program was called, for the log
 */
#ifndef BASE_ARGS_H
#define BASE_ARGS_H

#include "base/buf.h"

enum { ARGS_TEXT_MAX = 4096 };

/* "cwd=/home/ann 3 args: sendmail -t 'a b'": at most ARGS_TEXT_MAX bytes; nothing where the system does not tell. */
void args_text(struct buf *out);

#endif
