/*
 * vouch - what leaves is signed and sealed (F15, F16)
 *
 * After the header is as it leaves and a filter has had the message, before
 * a host is asked for: the bytes signed are the bytes sent. On a helper thread,
 * since an RSA signature costs more than all else of a delivery.
 */
#ifndef ENGINE_VOUCH_H
#define ENGINE_VOUCH_H

#include "engine/attempt.h"

/* What options say is to be done; before the first signature of an attempt. */
bool vouch_wanted(const struct transport *tr);
/* remote_start or the end of the attempt follows, later. */
void vouch_start(struct attempt *a);
void vouch_cancel(struct attempt *a);

#endif
