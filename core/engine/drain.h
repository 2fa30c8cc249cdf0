/*
 * drain - mail leaves a shard that is beyond `workers` (design section 3)
 *
 * What is due is delivered from where it lies; what is frozen, held or waits
 * for days would keep the shard for as long. So all of it is moved to the home
 * shard, a bounded number at a time, and the empty shard is removed.
 */
#ifndef ENGINE_DRAIN_H
#define ENGINE_DRAIN_H

#include "engine/engine.h"
#include "engine/shared.h"
#include "spool/spool.h"

struct drain {
    struct engine *engine;
    struct timer again;
    uint8_t leaving[SHARDS_MAX];    /* by shard */
    unsigned shard;                 /* the one it is at */
    struct msg_id cursor;
    unsigned under_way;
    bool moved, stopped;            /* moved: in this pass over the shard */
    void (*passed)(void *ctx);      /* after a pass: an empty shard may go */
    void *ctx;
};

void drain_init(struct drain *d, struct engine *e, void (*passed)(void *ctx), void *ctx);
void drain_add(struct drain *d, unsigned shard);
void drain_forget(struct drain *d, unsigned shard);
/* Begins nothing more; what is under way ends by itself. */
void drain_stop(struct drain *d);

#endif
