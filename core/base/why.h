/*
 * why - how an operation ended, and the sentence that says why
 *
 * Mail knows three ends: done, later, never; lookups add "there is none"
 * (style section 5). The sentence is made where the failure is seen, with the
 * name of the thing, and carried up unchanged. It is cut at WHY_MAX bytes and
 * its control bytes are escaped, so it can go to a log line as it is.
 */
#ifndef BASE_WHY_H
#define BASE_WHY_H

#include "base/str.h"

enum status { ST_OK, ST_NONE, ST_AGAIN, ST_NEVER };

enum { WHY_MAX = 512 };

struct why {
    int err;                    /* errno behind it, 0 if none */
    char text[WHY_MAX];
};

/* Both store the sentence and return st, so that a caller can return at once.
 * why may be NULL where nobody will read it. why_errno appends strerror(errno). */
enum status why_set(struct why *why, enum status st, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum status why_errno(struct why *why, enum status st, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#ifdef __clang_analyzer__
/* It reads one file at a time, and would follow every failure as a success too. */
#define why_set(why, st, ...) ((void)(why_set)(why, st, __VA_ARGS__), (st))
#define why_errno(why, st, ...) ((void)(why_errno)(why, st, __VA_ARGS__), (st))
#endif

const char *status_name(enum status st);    /* "ok", "none", "again", "never" */

/* Prints to standard error and aborts: memory ran out or an invariant broke. */
_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
