/*
 * param - "text/plain; charset=utf-8; name*0*=..." taken apart (RFC 2045 5, RFC 2231)
 *
 * Comments are dropped, quotes and continuations put together, character sets turned
 * into UTF-8, encoded words decoded where senders put them although RFC 2047 5 forbids it.
 * Nothing is refused. Where readers of mail take a value differently, it is
 * there in each of its readings (R4.7).
 */
#ifndef MAIL_PARAM_H
#define MAIL_PARAM_H

#include "base/arena.h"
#include "base/str.h"

enum { PARAMS_MAX = 64, PARAM_READINGS = 4 };

struct param {
    struct str name;                /* lower case, without * and numbers */
    struct str value;               /* decoded to UTF-8 where its character set is known */
    struct str other[PARAM_READINGS - 1];   /* other ways to read it; p NULL: none */
    bool extended;                  /* by RFC 2231 */
    struct param *next;
};

struct params {
    struct str value;               /* before the first semicolon, as it is written */
    struct param *first;            /* in order; a name may stand twice */
    bool damaged;                   /* a quote is not closed, a value has blanks without quotes, there are too many */
};

/* text: the value of a field, folded or not; results are in a or point into text. */
void params_read(struct arena *a, struct str text, struct params *out);
/* The first of that name (lower case), or NULL; extended ones come before plain ones. */
const struct param *params_find(const struct params *p, struct str name);
bool params_twice(const struct params *p, struct str name);     /* given more than once in one form */

#endif
