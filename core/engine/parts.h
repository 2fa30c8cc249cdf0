/*
 * parts - the engine's own insides, shared by the files of this room
 *
 * Each file has a struct of its own hanging off struct engine; this header
 * holds the engine and the few calls that connect them. Nobody outside
 * core/engine's flow includes it.
 */
#ifndef ENGINE_PARTS_H
#define ENGINE_PARTS_H

#include "base/map.h"
#include "engine/engine.h"
#include "engine/settings.h"

struct listener;
struct keep;
struct letter;
struct submit;
struct queue;
struct runs;
struct links;
struct events;
struct callouts;
struct counted;
struct room;
struct explain;
struct keys;
struct signkeys;
struct tls_cache;

struct engine {
    struct loop *loop;
    struct engine_config cfg;
    struct shared *shared;
    bool own_shared;
    struct dns *dns;
    struct dns **old_dns;           /* resolvers of options that have changed since */
    size_t nold_dns;
    struct buf dns_from;            /* what the present one was made of, in words */
    struct hints *hints;
    struct pool *pool;
    struct oracle *oracle;          /* libspf2 and libopendmarc (auth/oracle.h); starts when it is asked */
    struct tls_cache *tls;          /* contexts of both ends */
    struct stapler *stapler;        /* proofs of our certificates */
    struct spool *spool;
    struct policy_env env;
    struct settings *settings;      /* the current generation; NULL before the first */
    struct settings **past;         /* those with sessions still on them, oldest first */
    size_t npast;
    struct buf line;                /* a log line under way */
    uint64_t serial;                /* for file names and the like */
    bool started, draining;
    unsigned ticks;
    uint64_t log_dropped;           /* lines already counted */
    bool crowded;               /* since memory was last given back */

    /* accept */
    struct listener *listeners;
    struct session *sessions;       /* all of them, newest first */
    unsigned nsessions;
    struct map *callers;            /* by address or network: connections, as pointers */
    bool over_share;                /* others are to accept */
    struct timer tick;              /* once a second: housekeeping */

    struct keep *keeps;             /* commits under way */
    struct letter *letters;         /* messages of our own under way */
    struct submit *submits;
    struct debug *debugs;           /* files of control debug */
    struct queue *queue;
    struct runs *runs;
    bool queue_file;                /* queue_only_file: one was there, when last looked for */
    int64_t queue_file_ms;
    struct links *links;
    struct events *events;
    struct room *rooms;             /* looks into mailboxes */
    struct callouts *callouts;      /* connections held after one */
    struct keys *keys;              /* of signatures, as domains publish them */
    struct signkeys *signkeys;      /* our own */
    struct explain *explain;        /* why mail was refused */
    struct counted *counted;        /* what DMARC found, for reports; NULL: a hermetic world keeps none */
    struct map *holds;              /* domain, "" for all deliveries */
    struct map *turns;              /* by transport: attempts that wait for max_parallel */
    struct map *boxes;              /* mailbox files being written, with who waits for them */

    /* hermetic */
    void (*on_delivery)(void *ctx, const struct delivery_seen *d);
    void *on_delivery_ctx;
    int (*on_connect)(void *ctx, const struct sock_addr *to);
    void *on_connect_ctx;
    void (*on_explain)(void *ctx, struct str id, struct str object);
    void *on_explain_ctx;

    /* drain */
    struct timer drain_limit;
    struct job drained;
    void (*drain_done)(void *ctx);
    void *drain_ctx;

    /* wake from another worker */
    struct watch *wake;

    /* the wall clock's course against the monotonic one (R2.10) */
    int64_t wall_at_start, mono_at_start;
};

/* Seconds for everything that schedules: the wall clock's time at start plus
 * what the monotonic clock says has passed. A jump of the wall clock moves no
 * retry and expires nothing. */
int64_t engine_now(const struct engine *e);
void engine_count(struct engine *e, enum counter c, int64_t by);
/* One more, and under TLS as t says. */
void engine_count_delivery(struct engine *e, const struct at_tls *t);
/* Logs e->line under an id, and empties it. */
void engine_log(struct engine *e, enum log_file f, struct str id);
/* Called by whoever may have ended the last thing a drain waits for. */
void engine_check_drained(struct engine *e);
/* The settings of a generation that is in use; NULL: of one that is not. */
struct settings *engine_settings_of(struct engine *e, const struct policy *p);

/* ---- accept */
void sessions_shutdown(struct engine *e, const char *text);     /* 421, or at the end of the transaction */
void sessions_abort(struct engine *e);
void listeners_update(struct engine *e);                        /* accept or not */
bool listeners_share(struct engine *e);                         /* the same, after a look at its share; true: over it */
bool callers_over_share(const struct engine *e);
bool callers_ahead(const struct engine *e);                     /* has more sessions than the other workers */
void sessions_tick(struct engine *e);                           /* generations that are too old */
void listeners_free(struct engine *e);

/* ---- queue */
void queue_new(struct engine *e);
void queue_stop(struct engine *e);                              /* before the spool closes; queue_free after */
void queue_free(struct engine *e);
void queue_start(struct engine *e);
/* Something is due, or there is room: looks when the loop comes round. */
void queue_kick(struct engine *e);

/* ---- resolver.c: the resolver that the options describe, unless whoever made the engine chose it */
void resolver_switch(struct engine *e);
void resolver_free(struct engine *e);

/* A message has just been kept: it is tried at once if there is room. */
void queue_arrived(struct engine *e, struct msg_id id);
void queue_run_all(struct engine *e);                           /* queue_only: what came before now goes all the same */
bool queue_try(struct engine *e, struct msg_id id, bool force); /* false: it is on its way */
bool queue_idle(const struct engine *e);                        /* no message is on its way */
/* Was a pass over the queue asked for since? Received in wall seconds. */
bool queue_passed(const struct engine *e, int64_t received);
size_t queue_on_the_way(const struct engine *e);

/* ---- runs: passes over the queue */
void runs_new(struct engine *e);
void runs_free(struct engine *e);
void runs_update(struct engine *e);                             /* queue_runs of the settings in use */
void runs_held(struct engine *e);                               /* what is held may no longer have to be */
void runs_take(struct engine *e, size_t room);                  /* the next page, at most room messages */
/* What a row of the index says: put there by keep.c. */
struct str row_queue(const struct spool_row *r);                /* the named queue; empty: none */
struct str row_sender(const struct spool_row *r);

/* ---- asked: programs that rules ask, for policy_env */
void *asked_run(void *engine, const struct policy_program *p, policy_program_done *done, void *ctx);
void asked_cancel(void *asked);

/* ---- links */
void links_new(struct engine *e);
void links_free(struct engine *e);
void links_wake(struct engine *e);                              /* a slot was freed elsewhere */
void links_drain(struct engine *e);                             /* idle connections end */
void links_tick(struct engine *e);
/* Messages whose destination has no room: known by id only, until it has. */
bool links_parked(const struct engine *e, struct msg_id id);
void links_unpark(struct engine *e, struct msg_id id);
/* How many more due messages may be looked at now, while some are parked. */
size_t links_explore(const struct engine *e);

/* ---- turn.c: max_parallel of transports */
void turns_wake(struct engine *e);                              /* one was given back elsewhere */
void turns_free(struct engine *e);

void boxes_free(struct engine *e);                              /* mailbox.c: those a delivery held to the end */
void letters_free(struct engine *e);                            /* after keeps_free */
void keeps_free(struct engine *e);                              /* the spool is closed: nothing calls back */
void submits_free(struct engine *e);

/* ---- hold */
void hold_load(struct engine *e);
bool hold_all(const struct engine *e);
void hold_status(const struct engine *e, struct buf *out);      /* JSON array; "*" is everything */
bool hold_domain(const struct engine *e, struct str domain);

#endif
