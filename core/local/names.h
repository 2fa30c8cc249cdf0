/*
 * names - file names of a mailbox, matched with a rule's pattern
 *
 * The pattern is the rules', the names are whoever's the mailbox is: matching
 * has limits (R8.5). An empty pattern matches nothing.
 */
#ifndef LOCAL_NAMES_H
#define LOCAL_NAMES_H

#include <stdint.h>

#include "base/expr.h"
#include "base/why.h"

struct names { struct expr *expr; };

/* names_close in any case. */
enum status names_open(struct names *n, struct str pattern, struct why *why);
bool names_match(const struct names *n, const char *name);
/* The first group, if it is a number. */
bool names_number(const struct names *n, const char *name, int64_t *out);
void names_close(struct names *n);

#endif
