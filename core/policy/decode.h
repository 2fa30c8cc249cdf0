/*
 * decode - files that hold decoded MIME parts, below SPOOL/scan
 *
 * They go when their transaction ends (lib_decode.c); those of a process that died are swept.
 */
#ifndef POLICY_DECODE_H
#define POLICY_DECODE_H

#include <stdbool.h>
#include <stdint.h>

/* Removes SPOOL/scan/NAME where ours says so and nothing in it was changed since `before` (wall seconds). */
void decode_sweep(const char *spool_dir, bool (*ours)(void *ctx, const char *name), void *ctx, int64_t before);

#endif
