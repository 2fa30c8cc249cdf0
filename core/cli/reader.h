/*
 * reader - the small parts of a transcript's line: words, numbers, escapes
 */
#ifndef CLI_READER_H
#define CLI_READER_H

#include "base/buf.h"
#include "base/str.h"

/* The first word, up to a blank; rest is what follows it, trimmed. */
struct str reader_word(struct str *rest);
bool reader_number(struct str text, uint64_t *n);
/* Adds s with its escapes made bytes: \r \n \t \0 \\ \{ \xHH, and {600*a} for a run. What is no escape stays. */
void reader_unescape(struct str s, struct buf *out);

#endif
