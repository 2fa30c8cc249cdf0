/*
 * checker - a short-lived process that loads a rule set to see whether it is good
 *
 * It runs without rights, asks nothing of the network, and tells the master the
 * facts (facts.h) over a pipe. A rule set that loops, crashes or eats memory at
 * load time ends this process and nothing else.
 */
#ifndef PROCESS_CHECKER_H
#define PROCESS_CHECKER_H

#include "engine/facts.h"
#include "local/user.h"

struct checker;

struct checker_want {
    int snapshot;               /* sealed memfd; stays the caller's */
    const char *rules, *spool;  /* for messages and for path(); spool may be NULL */
    struct user user;
    int64_t timeout_ms;         /* 0: one minute */
};

/* f is the callback's to keep (facts_free). A checker that died or hung gives
 * facts that are unsure and say so. */
typedef void checker_done(void *ctx, struct facts *f);
/* NULL with why if no process could be had. done comes from the loop. */
struct checker *checker_start(struct loop *l, const struct checker_want *w, checker_done *done, void *ctx, struct why *why);
void checker_cancel(struct checker *c);

#endif
