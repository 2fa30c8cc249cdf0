/*
 * master - the process that keeps the others alive (design section 3)
 *
 * It opens the listening sockets and keeps them, starts the workers, and
 * starts them again when they die. It reads the bytes of rule files and never
 * runs one, and parses nothing that comes from the network. A reload goes
 * snapshot, checker, every worker builds, all switch or none (design 4.8).
 */
#ifndef PROCESS_MASTER_H
#define PROCESS_MASTER_H

#include "base/str.h"
#include "base/why.h"
#include "engine/engine.h"

struct serve_config {
    const char *rules;          /* directory */
    const char *spool;          /* NULL: spool_directory of the rules, else /var/spool/perigee */
    unsigned workers;           /* 0: the option, else one a core */
    bool foreground;            /* stay, and log to standard error too */
    bool allow_root;
    bool tls_on_connect;        /* on every port, whatever the rules say */
};

/* Runs until stopped. Without foreground the caller's process ends here once
 * the engine serves, or could not. Returns an exit status: 0 stopped, 64 and up
 * as sysexits.h: 69 somebody has this spool, 71, 73 system, 78 configuration. */
int master_serve(const struct serve_config *c);

/* ---- SPOOL/control.sock, the caller's side (control_client.c)
 *
 * A request is one JSON object, without its LF: {"v":1,"verb":"reload"}. Verbs:
 *   reload | status | reopen | run        no more members
 *   stop                                  "drain": seconds
 *   retry freeze thaw remove bounce       "id": message
 *   hold release                          "domain": name, none for all deliveries
 * Each answer is one object a line: {"v":1,"line":"text to print"} any number
 * of times, then {"v":1,"done":true,"status":0,...}; status is the exit status
 * a command line gives, "text" says why if it is not 0. The last object of
 * status holds the numbers, that of reload "generation" and "restart", an array
 * of the options that wait for one. */
/* on_line gets each object. ST_OK: the last one came, and *status is its
 * status; ST_NONE: no engine runs there; ST_AGAIN: none answered in time. */
enum status control_call(const char *spool_dir, struct str request, int64_t timeout_ms,
                         void (*on_line)(void *ctx, struct str object), void *ctx,
                         int *status, struct why *why);

/* ---- SPOOL/submit.sock, the caller's side (submit_client.c)
 *
 * login, uid and gid of s are not sent: the engine takes them from the socket.
 * ST_OK: stored, as id; ST_NONE: no engine runs there; ST_AGAIN: not now;
 * ST_NEVER: refused. Blocks for at most five minutes. */
enum status submit_call(const char *spool_dir, const struct submission *s, struct msg_id *id, struct why *why);

#endif
