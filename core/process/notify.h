/*
 * notify - tell systemd how we are (sd_notify(3), without its library)
 */
#ifndef PROCESS_NOTIFY_H
#define PROCESS_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1" ...; nothing without NOTIFY_SOCKET. */
void notify_say(const char *state);
/* "RELOADING=1" with the time it wants. */
void notify_reloading(void);
/* How often WATCHDOG=1 must be said: half of what systemd waits. 0: never. */
int64_t notify_watchdog_ms(void);

#endif
