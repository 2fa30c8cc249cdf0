/*
 * cli_ask - what the asking verbs share: a world as the options describe it
 */
#ifndef CLI_CLI_ASK_H
#define CLI_CLI_ASK_H

#include "cli/cli.h"
#include "world/world.h"

/* --dns, --now, --seed, --dry-run: any of them makes the world hermetic. */
bool cli_hermetic(const struct cli *c);
/* NULL: *status is the exit status, and why has been printed. */
struct world *cli_world(struct cli *c, bool deliver, int *status);
/* No rules are needed: without --rules, PERIGEE_RULES and the usual directory there are none. */
struct world *cli_world_any(struct cli *c, int *status);
/* --client, --helo, --sender, --rcpt, --message into the world's conn and txn.
 * 0, or the exit status. *phase, if not NULL, is the last phase they tell of. */
int cli_facts(struct cli *c, struct world *w, enum phase *phase);
/* A message as it would have come by SMTP: lines of any kind. Its body lives as long as t. */
struct str cli_message(struct txn *t, struct str text);
/* An expression of a world: what policy_expr tells, and world_until waits for. */
struct cli_answer { bool done; enum status st; struct why why; };
opt_done cli_answered;
bool cli_answered_yet(void *answer);
/* What an ACL tried, in words or with --json as it is; id empty: it has none (cli_explain.c). */
void cli_explain_show(const struct cli *c, struct str id, struct str object, struct buf *out);

#endif
