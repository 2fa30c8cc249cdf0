/*
 * mailbox - what an appendfile transport says about one address's mailbox
 *
 * For deliveries (mailbox.c) and for those who only want to know whether there
 * is room (room.c).
 */
#ifndef ENGINE_MAILBOX_H
#define ENGINE_MAILBOX_H

#include "engine/transport.h"
#include "local/appendfile.h"

/* Where it is, by the options file and directory. False: there is no safe path. */
bool mailbox_where(const struct transport *t, const struct at_address *at, struct appendfile *f);
/* How much may be in it; after mailbox_where. All but message_size. */
void mailbox_quota(const struct transport *t, struct appendfile *f);
/* Whose files they are to be. -1: our own; -2: there is no such user. */
int64_t mailbox_owner(const struct transport *t, const struct at_address *at);

#endif
