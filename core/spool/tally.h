/*
 * tally - how often each result was seen, by hour and domain
 *
 * dmarc.mdb (LMDB) beside hints.mdb. Entries are counted in batches, each one
 * transaction that is on the disk when it returns; so it runs on a helper
 * thread. Bounded in size and age: what is too much is not counted. The file may be
 * deleted at any time; then what was in it was never counted, nor was a report of it sent.
 */
#ifndef SPOOL_TALLY_H
#define SPOOL_TALLY_H

#include "base/arena.h"
#include "base/str.h"
#include "base/why.h"

enum { TALLY_HOUR = 3600 };

struct tally;

struct tally_entry {
    int64_t at;                 /* wall seconds; its hour counts */
    struct str domain, policy;  /* policy: what the domain published, the latest of the hour is kept */
    struct str row;             /* at most 8 KiB */
};

/* make: a missing or damaged file is made anew; else it is ST_NONE, or ST_AGAIN. */
enum status tally_open(const char *dir, bool make, struct tally **out, struct why *why);
void tally_close(struct tally *t);      /* NULL is allowed */

/* All of it or nothing. What is older than `oldest` (wall seconds) goes, a bounded part of it at a time. ST_NONE: it is full. */
enum status tally_add(struct tally *t, const struct tally_entry *v, size_t n, int64_t oldest, struct why *why);

/* What is kept of [from, until), both at whole hours. Stop by returning false; nothing may be changed meanwhile. */
typedef bool tally_domain_fn(void *ctx, struct str domain);
typedef bool tally_row_fn(void *ctx, struct str row, uint64_t count);
enum status tally_domains(struct tally *t, int64_t from, int64_t until, tally_domain_fn *fn, void *ctx, struct why *why);     /* a name may come again */
enum status tally_rows(struct tally *t, struct str domain, int64_t from, int64_t until, tally_row_fn *fn, void *ctx, struct why *why);
/* The latest policy of that time; ST_NONE: there is none. */
enum status tally_policy(struct tally *t, struct arena *a, struct str domain, int64_t from, int64_t until, struct str *policy, struct why *why);
/* The hour the oldest entry is of; ST_NONE: there is none. */
enum status tally_oldest(struct tally *t, int64_t *at, struct why *why);

/* A report is sent by whoever claims it first, and never by another: ST_NONE, somebody has. Kept as long as
 * entries of that hour are. */
enum status tally_claim(struct tally *t, int64_t at, struct str what, struct why *why);
enum status tally_unclaim(struct tally *t, int64_t at, struct str what, struct why *why);

#endif
