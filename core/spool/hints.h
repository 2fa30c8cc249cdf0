/*
 * hints - what is known of hosts and addresses, shared by all workers
 *
 * hints.mdb (LMDB, NOSYNC): retry data of hosts, callout cache, TLS sessions,
 * rules' store. Derived: may be deleted at any time, thrown away after a
 * reboot (boot id). A full or damaged file costs hints, never mail: a failure
 * to write is counted and ignored, a failure to read is "none".
 */
#ifndef SPOOL_HINTS_H
#define SPOOL_HINTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/why.h"

struct hints;

enum status hints_open(const char *dir, struct hints **out, struct why *why);   /* after fork */
struct hints *hints_memory(void);
void hints_close(struct hints *h);

/* name is a table ("retry", "store.greylist"); expires in wall seconds, 0: never. */
bool hints_get(struct hints *h, struct arena *a, struct str name, struct str key, struct str *value, int64_t *expires);
enum status hints_put(struct hints *h, struct str name, struct str key, struct str value, int64_t expires, struct why *why);
enum status hints_del(struct hints *h, struct str name, struct str key, struct why *why);
/* Adds to a decimal number kept under key (missing: 0) in one transaction; the
 * expiry is set when it is made. */
enum status hints_incr(struct hints *h, struct str name, struct str key, int64_t by, int64_t expires, int64_t *out, struct why *why);
/* Changes one entry in one transaction: fn is shown what is there (p NULL: nothing,
 * or expired) and puts the value into the empty buffer, and when that expires. False: it is
 * left as it is. ST_NONE: there is no room for a new entry; nothing was kept. */
typedef bool hints_change_fn(void *ctx, struct str old, struct buf *value, int64_t *expires);
enum status hints_change(struct hints *h, struct str name, struct str key, hints_change_fn *fn, void *ctx, struct why *why);
/* Every entry of a table, for lists; stop by returning false. */
void hints_each(struct hints *h, struct str name, bool (*fn)(void *ctx, struct str key, struct str value, int64_t expires), void *ctx);
/* Removes expired entries, at most max; called from a timer. */
size_t hints_tidy(struct hints *h, size_t max);

#endif
