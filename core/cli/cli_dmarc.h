/*
 * cli_dmarc - what the files of `perigee dmarc-report` share
 */
#ifndef CLI_CLI_DMARC_H
#define CLI_CLI_DMARC_H

#include "auth/feedback.h"
#include "auth/suffixes.h"
#include "cli/cli_ask.h"
#include "spool/tally.h"

struct dmarc_run {
    struct cli *cli;
    struct world *world;
    struct tally *tally;
    struct suffixes *suffixes;          /* NULL: none; then every other domain is a stranger */
    struct str org, email, contact, submitter;
    int64_t now;
    bool pretend;                       /* nothing is sent or recorded */
    int status;                         /* the worst so far */
    struct buf out;
};

/* To everybody who asked for it and did not get it; a line, or an object, for each. */
void cli_dmarc_send(struct dmarc_run *d, const struct feedback *f);

#endif
