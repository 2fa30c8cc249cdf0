/*
 * utf8 - is it UTF-8?
 *
 * Strict (R4.4): no overlong form, no surrogate, nothing above U+10FFFF. Two
 * readers that disagree about one byte disagree about who is meant.
 */
#ifndef MAIL_UTF8_H
#define MAIL_UTF8_H

#include "base/str.h"

/* The length of the character at the front, 1 to 4; 0 if there is no valid one. */
size_t utf8_char(struct str s, uint32_t *code);
bool utf8_valid(struct str s);
bool utf8_ascii(struct str s);          /* bytes below 0x80 only */
/* Not fit for an address: C0 and C1 controls, DEL, line and paragraph separators, noncharacters. */
bool utf8_control(uint32_t code);

#endif
