/*
 * cli_queue - the queue from outside, running engine or not
 */
#ifndef CLI_CLI_QUEUE_H
#define CLI_CLI_QUEUE_H

#include "cli/cli.h"
#include "engine/engine.h"
#include "spool/spool.h"

/* A write verb on a stopped spool, under its locks (cli_offline.c). */
int cli_queue_offline(struct cli *c, const char *verb, struct msg_id id);
/* hold and release on a stopped spool; domain NULL: all deliveries. */
int cli_hold_offline(struct cli *c, const char *domain, bool hold);
/* A stopped spool that takes messages, as if a trusted local program had sent them. NULL: *why. */
struct offline *cli_offline_open(struct cli *c, struct why *why);
enum status cli_offline_submit(struct offline *o, const struct submission *s, struct msg_id *id, struct why *why);
void cli_offline_close(struct offline *o);      /* NULL is allowed */
/* An id as typed; false and a line on standard error if it is none. */
bool cli_msg_id(struct cli *c, const char *text, struct msg_id *id);
/* Control verbs (cli_control.c). absent, if not NULL: no engine runs there, and nothing was printed. */
int cli_control_id(struct cli *c, const char *verb, const char *id, bool *absent);
int cli_control_move(struct cli *c, const char *id, const char *queue, bool *absent);
/* Asks a verb of the running engine; reply is the last object, in a. Not CLI_YES: why was printed. */
int cli_control_ask(struct cli *c, const char *verb, struct arena *a, struct str *reply);
/* Reads a queue that is running or not; NULL: *status, and why was printed. */
struct spool *cli_peek(struct cli *c, int *status);

#endif
