/*
 * tell - who is told when a message freezes (freeze_tell)
 */
#ifndef ENGINE_TELL_H
#define ENGINE_TELL_H

#include "engine/parts.h"
#include "mail/txn.h"

/* A letter to the addresses of the option, if there are any and the message is no report of ours. */
void tell_frozen(struct engine *e, struct settings *set, const struct txn *t, struct str why);

#endif
