/*
 * account - what a record of the log means for index and segments
 *
 * The one place where records take effect: for groups just written, for
 * replay after a start, and when everything is made anew. All of it happens in
 * one index transaction and is taken back if that fails.
 */
#ifndef SPOOL_ACCOUNT_H
#define SPOOL_ACCOUNT_H

#include "spool/shard.h"

/* In which order entries come. Made anew, all messages come before all states,
 * since compaction may have moved a message behind its states. */
enum account_mode { ACCOUNT_LOG, ACCOUNT_MESSAGES, ACCOUNT_STATES };

enum status account_begin(struct shard *sh, struct why *why);
/* e stands in s. ended: set if a message with a large body ended. */
enum status account_apply(struct shard *sh, struct segment *s, const struct entry *e, enum account_mode mode, bool *ended, struct why *why);
enum status account_commit(struct shard *sh, struct covered c, bool ready, struct why *why);
void account_abort(struct shard *sh);

/* Entries of s at and behind `from`, in one transaction or several. */
enum status account_dir(struct shard *sh, struct segment *s, struct str dir, uint64_t from, enum account_mode mode, struct why *why);
/* The first segment in use of generation gen or later. */
struct segment *account_next(const struct shard *sh, uint32_t gen);
/* Brings the index up to the end of the log, from sh->covered on. */
enum status account_catch_up(struct shard *sh, struct why *why);

/* A segment in the index: file number, live bytes, tombs. */
bool account_segment_get(struct str bytes, struct segment *s);
/* Whether an end in s of a message with records in [born, origin] must be kept. */
bool account_end_needed(const struct shard *sh, const struct segment *s, uint32_t born, uint32_t origin);
/* Generation gen is no more: nobody needs to know what ended there. */
void account_forget_tombs(struct shard *sh, uint32_t gen);

#endif
