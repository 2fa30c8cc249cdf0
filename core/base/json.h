/*
 * json - one object a line: what the control socket speaks and --json prints
 *
 * Writing: text that is no UTF-8 has its odd bytes shown as U+FFFD, so a
 * reader never chokes on what a stranger put into an address. Reading: one flat
 * object of strings, numbers, true, false and null, or arrays and objects that
 * are handed out as text; hostile input; depth and length are bounded.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"

void json_text(struct buf *out, struct str s);                  /* "..." */
/* `"name":` before a value, with the comma it needs after an earlier member. */
void json_name(struct buf *out, const char *name);
void json_member(struct buf *out, const char *name, struct str value);
void json_member_int(struct buf *out, const char *name, int64_t value);
void json_member_bool(struct buf *out, const char *name, bool value);

/* The value of a member of one object: a string decoded, anything else as its
 * text. False: not there, or the object is damaged up to there; *value is as it was. */
bool json_get(struct arena *a, struct str object, const char *name, struct str *value);
bool json_get_int(struct str object, const char *name, int64_t *value);
bool json_get_bool(struct str object, const char *name);        /* false if it is not true */
/* The next member of an object ("{...}", advanced past it), its value as json_get gives it. */
bool json_next_member(struct arena *a, struct str *object, struct str *name, struct str *value);
/* The next value of an array ("[1,2]", advanced past it), decoded as above. */
bool json_next(struct arena *a, struct str *array, struct str *value);

#endif
