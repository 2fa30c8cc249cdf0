/*
 * near - the name that was most likely meant
 *
 * For every "there is no such name": the person who slipped on the keyboard is told which name is the nearest.
 */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include "base/buf.h"

/* How many letters to change, add or leave out to make a of b, or of two to exchange. SIZE_MAX: one is no word (64 bytes or more). */
size_t near_distance(struct str a, struct str b);

/* The one of n names that a slip or three make of word; p NULL: none. ASCII case ignored. */
struct str near_name(struct str word, const struct str *names, size_t n);

/* ", did you mean rcpt?" if one is near, then " (there are banner, ehlo and rcpt)": the end of such a sentence. */
void near_say(struct buf *b, struct str word, const struct str *names, size_t n);

#endif
