/*
 * ring - a file of records that never grows: the newest push the oldest out
 *
 * For what is good to have and may be lost: why mail was refused. Nothing is
 * synced. A record is numbered, and found by its number; numbers go on over
 * restarts, and over a file that was lost. What is put waits in memory until
 * it is written, which a helper thread may do: one at a time. A record that is
 * damaged, or was half written over, is as one that was never there.
 */
#ifndef SPOOL_RING_H
#define SPOOL_RING_H

#include "base/arena.h"
#include "base/str.h"
#include "base/why.h"

struct ring;

enum { RING_LEAST = 64 * 1024 };        /* bytes of the smallest */

/* floor: numbers begin there if the file knows no higher one. The file is made, or cut to size. */
enum status ring_open(const char *path, uint64_t size, uint64_t floor, struct ring **out, struct why *why);
/* Writes what waits. */
void ring_close(struct ring *r);

/* The number of what was put; 0: it is too large, or too much waits to be written. */
uint64_t ring_put(struct ring *r, struct str record);
bool ring_waits(const struct ring *r);  /* something is to be written, and nobody is about it */

/* ring_begin, then ring_write on any thread, then ring_end where ring_begin was. */
void ring_begin(struct ring *r);
enum status ring_write(struct ring *r, struct why *why);
void ring_end(struct ring *r);

/* A record of a file that somebody else may be writing. ST_NONE: it is not there, or no more. */
enum status ring_find(const char *path, uint64_t number, struct arena *a, struct str *record, struct why *why);

#endif
