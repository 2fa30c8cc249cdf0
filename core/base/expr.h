/*
 * expr - regular expressions, with every limit set (R8.5)
 *
 * PCRE2 for all who match: rules, files of patterns, names of fields and of
 * mailbox files. The match limits stop backtracking; a cap on the subject stops
 * scans that are merely quadratic. A limit that is met is an error, never "no
 * match". Sentences speak of what happened, not of the expression.
 *
 * An expression that is used again becomes machine code. There the match limit
 * counts too, depth and heap are the machine stack's, which is bounded; what
 * needs more of it is left to the interpreter and its limits. Where no machine
 * code may be made (a hardened kernel), all is.
 */
#ifndef BASE_EXPR_H
#define BASE_EXPR_H

#include "base/str.h"
#include "base/why.h"

enum {
    EXPR_GROUPS = 10,
    EXPR_TEXT_MAX = 16384,              /* of an expression */
    EXPR_SUBJECT_MAX = 65536,           /* for callers whose subjects may be longer: they refuse or cut */
    EXPR_REPLACED_MAX = 4 * EXPR_SUBJECT_MAX
};

enum expr_how {
    EXPR_FOLD = 1,                      /* case is ignored */
    EXPR_BYTES = 2                      /* subjects are bytes; else UTF-8, and what is none matches nothing */
};

struct expr;

/* NULL: it is none, why says where not. */
struct expr *expr_new(struct str text, unsigned how, struct why *why);
void expr_free(struct expr *e);         /* NULL is fine */
struct str expr_text(const struct expr *e);     /* as it was written */

/* ST_OK: groups point into subject, those that took no part are absent; groups may be
 * NULL. ST_NONE: no match. ST_NEVER: a limit was met, why says which. For one thread
 * at a time. */
enum status expr_find(struct expr *e, struct str subject, struct str groups[EXPR_GROUPS], struct why *why);
/* All groups of the last match that was found: how many, and one of them. */
int expr_groups(const struct expr *e);
struct str expr_group(const struct expr *e, struct str subject, int i);
/* Every match replaced; $1 and ${1} are groups. out has room for *n bytes. */
enum status expr_replace(struct expr *e, struct str subject, struct str with, char *out, size_t *n, struct why *why);

/* For an expression that threads share: machine code at once, and matches that keep nothing. */
void expr_hasten(struct expr *e);
enum status expr_fits(const struct expr *e, struct str subject, struct why *why);

/* Bytes of machine code; 0: it is interpreted, as it was not used often yet, or cannot be otherwise. */
size_t expr_machine_code(const struct expr *e);

#endif
