/*
 * inspect - a rule set looked at as closely as can be without serving it
 *
 * What `perigee check` prints and a reload's checker judges by: the rules are
 * loaded to be checked (lua/mail/check.lua reads their text), then run against
 * pretended strangers (openrelay.h). Everything happens in a hermetic world: no
 * network is asked, time stands still; files that rules name are read.
 */
#ifndef WORLD_INSPECT_H
#define WORLD_INSPECT_H

#include "policy/policy.h"
#include "policy/world_lua.h"

struct inspect {
    struct world *world;
    struct policy *policy;          /* NULL: the rules do not load */
    struct problems problems;       /* errors and warnings, in the order of the text */
    bool good;                      /* no errors among them */
};

/* s must live as long as the result. spool: what m.spool_directory says; may be NULL. strict: somebody wants to know, and
 * nothing is at stake: a certificate that cannot be used is an error, not a warning with which an engine starts. */
void inspect_rules(const struct snapshot *s, const char *spool, bool strict, struct inspect *out);
void inspect_free(struct inspect *i);

/* For specs: the problems as `perigee check` prints them. False: there are errors. */
bool inspect_config(const struct world_config *c, struct buf *out);

#endif
