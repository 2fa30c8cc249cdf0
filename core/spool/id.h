/*
 * id - the name of a message: tttttt-ssnnnn-nn
 *
 * Seconds in six base-62 digits, the shard in two, a counter in six that is
 * split four and two, so that the 16 characters have the form Exim's tools
 * read. The counter of a shard never goes back, so a name is unique whatever
 * the clock does. The alphabet is in byte order: names of one shard sort by
 * time, then counter, as text and as numbers.
 */
#ifndef SPOOL_ID_H
#define SPOOL_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "mail/txn.h"

#define ID_BASE6 56800235584ull     /* 62^6: one beyond the last counter */

enum { ID_SHARDS = 62 * 62 };

struct id_parts {
    uint64_t time;          /* seconds, < ID_BASE6 */
    uint64_t counter;       /* < ID_BASE6 */
    unsigned shard;         /* < ID_SHARDS; where it was made, not always where it lies */
};

/* Order of time, shard, counter: that of the names. */
int id_cmp(struct id_parts a, struct id_parts b);
struct msg_id id_make(struct id_parts p);
/* False for anything that is no id in our form. */
bool id_read(struct msg_id id, struct id_parts *out);

#endif
