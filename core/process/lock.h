/*
 * lock - one engine a spool (R2.9): SPOOL/lock
 *
 * An engine holds it exclusively, and so does a command that writes a stopped
 * spool; a command that reads one shares it. The lock ends with the last
 * descriptor: workers keep theirs, so that no second engine starts while one of
 * them still writes.
 */
#ifndef PROCESS_LOCK_H
#define PROCESS_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/why.h"

/* ST_AGAIN: somebody else has it; holder, if not NULL, is the engine's process
 * or 0. ST_NONE: no such spool. ST_NEVER: no right to it. */
enum status lock_take(const char *dir, bool exclusive, int *fd, pid_t *holder, struct why *why);

#endif
