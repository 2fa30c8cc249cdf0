/*
 * refusal - what perigee explain tells where no rule was asked
 *
 * The protocol's limits, the ends of a login: there is no tree of statements,
 * but a limit, its value, and the place where it is set.
 */
#ifndef ENGINE_REFUSAL_H
#define ENGINE_REFUSAL_H

#include "engine/parts.h"

struct refusal {
    const struct conn *conn;
    const struct txn *t;        /* NULL: none under way */
    const char *phase;          /* NULL: the protocol itself */
    const char *verdict;        /* "deny", "defer", "drop" */
    struct str error, reply;
    struct str option;          /* the limit; empty: none */
    struct str value;
};

/* id: empty if nothing is kept. */
void refusal_explain(struct engine *e, const struct settings *set, const struct refusal *r, char id[EXPLAIN_ID]);

#endif
