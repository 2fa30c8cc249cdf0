/*
 * world - an engine with everything around it pretended
 *
 * A loop, an engine with its spool in memory, names from a zone, a clock we
 * move, seeded chance, a log in memory, deliveries that are seen and not made,
 * and scripted servers to deliver to. The same world stands behind `perigee
 * smtp`, `filter`, `eval`, `route`, `verify` and `test` (design P3, P6); without
 * config.hermetic the clock, chance and names are the real ones and only the
 * spool and log are pretended.
 *
 * Clock, chance and log belong to the process, so of several worlds the one
 * used last owns them: use one after the other.
 */
#ifndef WORLD_WORLD_H
#define WORLD_WORLD_H

#include "engine/engine.h"
#include "policy/world_lua.h"

extern const struct world_ops world_ops;

/* As world_ops.open, for C callers; the world's parts are theirs to use. */
struct world *world_open(const struct world_config *c, struct buf *why);
void world_close(struct world *w);
struct engine *world_engine(struct world *w);
struct policy *world_policy(struct world *w);

/* From here on every world of this process counts there what of its rules is run (policy/cover.h); NULL: no more. */
void world_cover(struct cover *c);

/* Runs what is ready; pretended time stands still. */
void world_settle(struct world *w);
/* Runs, and lets time pass as far as needed, until done says so or ms went by. */
bool world_until(struct world *w, bool (*done)(void *ctx), void *ctx, int64_t ms);

/* A policy question about this world's facts: a conn and a txn that live as
 * long as the world, filled by the caller. */
struct conn *world_conn(struct world *w);
struct txn *world_txn(struct world *w);
/* "ip" or "ip:port" into the conn. */
bool world_client(struct conn *c, struct str client);

#endif
