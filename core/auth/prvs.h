/*
 * prvs - sender addresses that only we can have used
 *
 * A bounce of what we never sent comes to an address without our tag. Bounce
 * Address Tag Validation writes ann@ours as prvs=0007d88dfd=ann@ours: the
 * number of a key, the day it is good through (modulo 1000), three bytes of
 * HMAC-SHA-1 in hex. Exim's ${prvs} and ${prvscheck} and the BATV draft agree.
 */
#ifndef AUTH_PRVS_H
#define AUTH_PRVS_H

#include "base/arena.h"
#include "base/str.h"

enum { PRVS_DAYS = 7, PRVS_SECRET_MAX = 64 };

struct prvs {
    int key;                /* 0 to 9 */
    int day;                /* good through it, modulo 1000 */
    struct str hash;        /* as written */
    struct str address;     /* without the tag */
};

/* address at its domain, tagged on this day. Empty if it has no domain, or would be longer than an address may be. */
struct str prvs_create(struct arena *a, struct str address, struct str secret, int key, int64_t day);

/* Reads a tagged address apart; false if it is none. Nothing is checked. */
bool prvs_read(struct arena *a, struct str text, struct prvs *out);

/* Is the tag ours, and not too old? */
bool prvs_good(struct arena *a, const struct prvs *p, struct str secret, int64_t day);

#endif
