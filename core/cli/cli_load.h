/*
 * cli_load - the rules, loaded to be looked at and not to serve
 */
#ifndef CLI_CLI_LOAD_H
#define CLI_CLI_LOAD_H

#include "cli/cli.h"
#include "policy/policy.h"

struct cli_rules {
    struct loop *loop;
    struct policy *policy;          /* NULL: they do not load */
    struct problems problems;
    struct snapshot snapshot;
    struct why why;                 /* ST_NEVER of the directory itself */
};

/* False: there is no directory to read; r->why says so. Nothing is asked of the network. */
bool cli_load(struct cli *c, struct cli_rules *r);
void cli_unload(struct cli_rules *r);

/* Where the spool is (design section 5): the option, the environment, what the
 * rules say, the default. Rules are only loaded if the first two say nothing. */
const char *cli_spool_dir(struct cli *c);

#endif
