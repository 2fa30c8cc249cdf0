/*
 * clock - what time it is: the one seam for time (design P6)
 *
 * Timers use the monotonic clock, stamps the wall clock (R2.10). In a
 * hermetic world both are ours: clock_fake sets the wall clock, and only
 * clock_step moves either. File-scope state: a process has one time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

int64_t clock_wall_us(void);        /* microseconds since 1970, UTC */
int64_t clock_wall(void);           /* seconds since 1970 */
int64_t clock_mono_ms(void);        /* milliseconds since some start */
int64_t clock_mono_us(void);

void clock_fake(int64_t wall_us);   /* from here on time stands still */
bool clock_is_fake(void);
/* What lies outside of a pretended world, such as a certificate on disk, has the real time: on false, then true again. */
void clock_fake_is(bool on);
void clock_step(int64_t ms);        /* hermetic: both clocks go on by ms */

/* RFC 3339 ("2026-03-04T05:06:07Z", with fraction and offset) to microseconds. */
bool clock_parse(struct str text, int64_t *wall_us);
/* Exim's time words: "4d6h", "15m", "30s", "1w2d"; a bare number is seconds. */
bool clock_interval(struct str text, int64_t *seconds);
/* The reverse, as Exim's log prints it: 225 -> "3m45s", 0 -> "0s". */
struct str clock_interval_text(struct arena *a, int64_t seconds);
/* The zone of local times from here on, "UTC" or "Europe/Berlin"; empty: what the environment says.
 * Outside of hermetic worlds only the first call counts. */
void clock_zone(struct str zone);
/* "Tue, 02 Mar 1999 09:44:33 +0000" in the process's time zone (RFC 5322). */
struct str clock_rfc5322(struct arena *a, int64_t wall_s);

#endif
