/*
 * engine - one worker: the rooms connected to a loop
 *
 * A message's walk (style section 1): accept speaks SMTP and fills a txn;
 * check asks policy at each phase; keep commits to the spool, and only then is
 * 250 said; route picks a destination per recipient; deliver makes one attempt;
 * settle records done, later or never. A bounce is a new message that begins at
 * keep. The same engine runs in a worker process, in `perigee smtp`, `filter`,
 * `route`, `test`, and in specs: hermetic then (no threads, no sockets but
 * scripted peers, memory for spool, hints and log).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/log.h"
#include "dns/dns.h"
#include "engine/shared.h"
#include "net/loop.h"
#include "net/sock.h"
#include "policy/policy.h"
#include "spool/hints.h"
#include "spool/spool.h"

struct engine;
struct tls_cache;

struct engine_config {
    unsigned worker;                /* column in the shared page */
    unsigned workers;               /* in all; 0: 1 */
    struct shared *shared;          /* NULL: its own */
    const char *spool_dir;          /* NULL: memory */
    const struct dns_config *dns;   /* NULL: from the options */
    bool hermetic;
    bool no_delivery;               /* filter, smtp --dry-run: accept only */
    bool tls_on_connect;            /* on every port, whatever the options say */
    int wake_fd;                    /* eventfd others write when a slot is free; -1: none */
    /* Asks another process of the engine to wake these workers (bit set). May be NULL. */
    void (*wake)(void *ctx, uint64_t workers);
    /* Local delivery as another user: bytes to the local process (local.h). NULL: only as ourselves. */
    struct local_link *local;
    void *ctx;
};

/* The policy must stay valid until engine_switch or engine_free. */
enum status engine_new(struct loop *l, const struct engine_config *c, struct engine **out, struct why *why);
/* The environment generations are built with: resolver, hints, pool of this engine. */
const struct policy_env *engine_env(struct engine *e);
/* First and later generations: sessions begun before stay on theirs (P2). */
void engine_switch(struct engine *e, struct policy *p);
struct policy *engine_policy(struct engine *e);
/* Begin delivering what is due. Again after spool_take of one more shard: looks there too. */
void engine_start(struct engine *e);
void engine_free(struct engine *e);

/* ---- signatures of a message at hand, judged without asking any rule: t->proof is filled in. done may run
 * inside the call. Free it before t. */
struct prove;
struct prove *engine_prove(struct engine *e, struct txn *t, struct str body, void (*done)(void *ctx), void *ctx);
void prove_free(struct prove *p);       /* NULL is allowed; the transaction may be gone */

struct spool *engine_spool(struct engine *e);
struct loop *engine_loop(struct engine *e);

/* ---- accept */
void engine_listen(struct engine *e, int listen_fd);        /* not owned; stops when draining or over its share */
void engine_unlisten(struct engine *e, int listen_fd);
/* A session over a descriptor (a socket, an end of a socketpair). Owned from here on. */
struct session;
struct session *engine_session(struct engine *e, int fd, const struct sock_addr *peer, const struct sock_addr *local);
/* A session without a descriptor: bytes in by session_input, replies by session_output. */
struct session *engine_session_bytes(struct engine *e, const struct sock_addr *peer, const struct sock_addr *local);
size_t session_input(struct session *s, struct str bytes);
struct buf *session_output(struct session *s);
bool session_over(const struct session *s);
void session_close(struct session *s);
/* For a session in bytes: what its handshake shall come to. Text in it must live as long as the session's conn (its arena). */
struct pretended {
    struct at_tls tls;
    struct str fails;               /* not empty: it fails, and why */
};
struct pretended *session_pretend(struct session *s);

/* A message that did not come by SMTP: not_smtp ACLs, fixups, keep (send, submit socket, bounces of tests). */
struct submission {
    struct str sender;              /* envelope sender; p NULL: made from login */
    const struct str *rcpts; size_t nrcpts;
    bool from_headers;              /* -t: recipients from To, Cc, Bcc, but none of rcpts */
    struct str name;                /* the sender's full name, for a From or Sender we make; empty: none */
    struct str message;             /* header and body, LF or CRLF lines */
    struct str login; int32_t uid, gid;
    bool trusted;                   /* may set the sender */
    /* A message that was accepted before, by a session elsewhere or another engine: envelope_write's and
     * envelope_state_write's bytes. Then no rule is asked and nothing is made or added; message is header CRLF lines
     * of header bytes, then the body in CRLF lines; sender, rcpts and from_headers are not looked at. Only who is
     * trusted may. was: the id it had, which our Received field may name; empty: none. */
    struct str envelope, state;     /* envelope.n 0: a new message */
    size_t header;
    struct str was;
};
/* st ST_OK: stored, id is its name; ST_AGAIN: later; ST_NEVER: refused, why->text says what. */
typedef void submit_done(void *ctx, enum status st, struct msg_id id, const struct why *why);
void engine_submit(struct engine *e, const struct submission *s, submit_done *done, void *ctx);

/* ---- the queue, on command (control socket, specs) */
enum queue_verb { QUEUE_RETRY, QUEUE_FREEZE, QUEUE_THAW, QUEUE_REMOVE, QUEUE_BOUNCE };
/* To a named queue; an empty name is none. done as engine_queue's. ST_NEVER: that is no name. */
void engine_queue_move(struct engine *e, struct msg_id id, struct str queue, struct str by,
                       void (*done)(void *ctx, enum status st, const struct why *why), void *ctx);
/* Done on the loop; ST_NONE: no such message here. by names who asked, for the log. */
void engine_queue(struct engine *e, enum queue_verb v, struct msg_id id, struct str by,
                  void (*done)(void *ctx, enum status st, const struct why *why), void *ctx);
/* Hold or release a destination domain; an empty one: all deliveries. Kept over restarts in hints. */
void engine_hold(struct engine *e, struct str domain, bool hold);
/* Everything in this named queue, or in none, that is not frozen is due now, hints ignored. */
bool engine_logs(const struct engine *e, struct str selector);     /* is this selector of the log on? */
void engine_run_queue(struct engine *e, struct str name);
void engine_reopen_logs(struct engine *e);

/* ---- the end: 421 to idle sessions, transactions and attempts finish; done when none is left or ms passed. */
void engine_drain(struct engine *e, int64_t ms, void (*done)(void *ctx), void *ctx);

/* What the rules of the generation in use cost, as policy_costs. */
void engine_costs(struct engine *e, struct buf *out);
/* JSON object of this worker's numbers, for status. */
void engine_status(struct engine *e, struct buf *out);

/* ---- hermetic worlds: what delivered what (specs, perigee test, filter) */
struct delivery_seen { struct str id, recipient, transport, host, file; struct str message; };
void engine_on_delivery(struct engine *e, void (*fn)(void *ctx, const struct delivery_seen *d), void *ctx);
/* A scripted peer: when the engine connects there it gets this end of a socketpair. ret -1: refused; -2: never answers. */
void engine_on_connect(struct engine *e, int (*fn)(void *ctx, const struct sock_addr *to), void *ctx);
/* Where its TLS keeps what was read: a world says there whom to trust. */
struct tls_cache *engine_tls(struct engine *e);
/* Who is told why an ACL ended as it did, in place of a ring: a JSON object. With policy_explain_all: every end. */
void engine_on_explain(struct engine *e, void (*fn)(void *ctx, struct str id, struct str object), void *ctx);
/* What specs answer in place of lookups; before rules are loaded. See struct policy_env. */
void engine_on_lookup(struct engine *e, bool (*fn)(void *ctx, struct str kind, struct str file, struct str key, enum status *st,
                                                   struct str *value), void *ctx);

#endif
