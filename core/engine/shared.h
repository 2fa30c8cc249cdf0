/*
 * shared - the one page all workers share: counters, slots, rates, crash slots
 *
 * Made by the master before fork (design section 3). Everything in it is a
 * plain counter or a claimed row, changed with atomic operations; no lock is
 * ever held in it, so a worker may die at any instruction. A successor clears
 * its own column. In a hermetic world it is private memory.
 */
#ifndef ENGINE_SHARED_H
#define ENGINE_SHARED_H

#include <stdbool.h>
#include <stdint.h>
#include "base/str.h"
#include "mail/txn.h"

enum { WORKERS_MAX = 64, SHARDS_MAX = 256, SLOT_ROWS = 4096, CALLER_ROWS = 16384, RATE_ROWS = 16384 };

/* One table per public name: status --json prints these names, in this order. */
#define COUNTERS(X) \
    X(connections_total) X(connections_now) X(connections_refused) X(sessions_timeout) X(sessions_lost) \
    X(messages_received) X(bytes_received) X(recipients_accepted) X(recipients_refused) X(recipients_deferred) \
    X(messages_refused) X(messages_deferred) X(messages_submitted) \
    X(deliveries) X(deliveries_deferred) X(deliveries_failed) X(messages_completed) \
    X(bounces_sent) X(bounces_dropped) X(warnings_sent) X(outbound_connections) X(outbound_now) X(outbound_reused) \
    X(tls_in_full) X(tls_in_resumed) X(tls_in_failed) X(tls_out_full) X(tls_out_resumed) X(tls_out_failed) \
    X(deliveries_tls) X(deliveries_verified) X(deliveries_dane) \
    X(rule_evaluations) X(rule_errors) X(rule_overruns) X(explain_dropped) X(events_run) X(events_dropped) \
    X(reloads) X(reloads_failed) X(log_dropped) X(worker_deaths) X(set_aside)

enum counter {
#define X(name) COUNT_##name,
    COUNTERS(X)
#undef X
    COUNT_COUNT
};
const char *counter_name(enum counter c);

struct shared;

struct tls_tickets;
struct shared *shared_new(unsigned workers);        /* MAP_SHARED|MAP_ANONYMOUS */
void shared_free(struct shared *s);
/* The keys of session tickets: the same for all workers, gone at a restart. */
struct tls_tickets *shared_tickets(struct shared *s);
/* worker WORKERS_MAX is the master. */
void shared_count(struct shared *s, unsigned worker, enum counter c, int64_t by);
int64_t shared_sum(const struct shared *s, enum counter c);
void shared_clear_worker(struct shared *s, unsigned worker);    /* gauges and slots of a dead one */

/* Heartbeats: the worker stamps clock_mono_ms, the master reads. */
void shared_beat(struct shared *s, unsigned worker);
/* Before a step that may take long (opening a shard): not missed for ms. */
void shared_beat_ahead(struct shared *s, unsigned worker, int64_t ms);
int64_t shared_last_beat(const struct shared *s, unsigned worker);
/* Workers that have stamped and were not cleared since. */
unsigned shared_live(const struct shared *s);

/* ---- destination slots: at most `limit` connections to a destination over all
 * workers. False: none free; the row's waiting bit is set for this worker, and
 * shared_waiting says so to whoever gives a slot back. */
bool slot_take(struct shared *s, unsigned worker, struct str destination, unsigned limit);
/* Returns a bit set of workers that were refused and should be woken. */
uint64_t slot_give(struct shared *s, unsigned worker, struct str destination);
/* Is somebody waiting for a slot of this destination? Idle kept connections give way. */
bool slot_wanted(const struct shared *s, struct str destination);

/* ---- callers: at most `limit` connections from an address over all workers.
 * Nobody waits for one of these, and they have rows of their own: a crowd of
 * strangers cannot take away the limits of destinations. CALLER_UNKNOWN: no row
 * is free and nothing was counted; the worker has its own count to go by. */
enum caller_room { CALLER_IN, CALLER_OUT, CALLER_UNKNOWN };
enum caller_room caller_take(struct shared *s, unsigned worker, struct str who, unsigned limit);
void caller_give(struct shared *s, unsigned worker, struct str who);    /* after CALLER_IN only */

/* ---- rates: may `who` come once more, if n in every per_us are allowed? At most
 * n at once, after that one whenever per_us / n have passed. A refusal counts for
 * nothing. What has not come for per_us takes no room; if all places are taken
 * the one least used is forgotten, so that a crowd locks nobody out. */
bool rate_take(struct shared *s, struct str who, uint64_t n, int64_t per_us, int64_t now_us);

/* ---- crash slots: the messages a shard's owner is parsing, routing or handing to a rule now */
void crash_note(struct shared *s, unsigned shard, struct msg_id id);
void crash_clear(struct shared *s, unsigned shard, struct msg_id id);
/* It is being set aside: nobody touches it until crash_clear. */
void crash_aside(struct shared *s, unsigned shard, struct msg_id id);
bool crash_is_aside(const struct shared *s, struct msg_id id);
/* After a death, by the next owner: ids found noted since the last call; each has its death count raised. Two: set aside. */
size_t crash_found(struct shared *s, unsigned shard, struct msg_id *ids, unsigned *deaths, size_t max);

#endif
