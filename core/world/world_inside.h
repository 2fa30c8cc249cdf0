/*
 * world_inside - what the files of the world share
 */
#ifndef WORLD_WORLD_INSIDE_H
#define WORLD_WORLD_INSIDE_H

#include "base/clock.h"
#include "engine/session.h"
#include "world/peer.h"
#include "world/world.h"

enum { WORLD_PEERS_MAX = 32, SMTP_PORT = 25 };

/* A fixed day, so that a command without --now prints the same every time. */
#define WORLD_EPOCH_US (INT64_C(1767225600) * 1000000)     /* 2026-01-01T00:00:00Z */

struct world_line { struct world_line *next; enum log_file file; struct str text; };
/* An answer a spec wrote for lookups: an empty file or key stands for any. */
struct world_answer { struct world_answer *next; struct str kind, file, key, value; enum status status; };
struct world_seen { struct world_seen *next; struct world_delivery d; };

struct world {
    struct arena arena;
    struct loop *loop;
    struct engine *engine;
    struct snapshot snapshot;
    struct world_line *lines, **lines_end;
    struct world_seen *seen, **seen_end;
    struct world_answer *answers;   /* the newest first */
    struct peer *peers[WORLD_PEERS_MAX];
    size_t npeers;
    struct papers *papers;          /* what its peers show in handshakes */
    struct str zone;                /* with words for what they show; empty: it has none */
    const char *zone_name;          /* in errors */
    struct conn *conn;
    struct txn *txn;
    uint32_t generation;
    int64_t wall_us;                /* its time, while another world has the clock */
    struct log_config stamps;
    bool hermetic;
    bool deliver;
};

struct world_session {
    struct world *world;
    struct session *session;        /* NULL: over */
    struct buf in, out;
};

/* Clock, log and stamps become this world's. */
void world_own(struct world *w);

/* The scripted server there; NULL: there is none, or (make) none can be. */
struct peer *world_peer(struct world *w, struct str at, bool make);

/* A TLSA record may have @ADDRESS for its data: that of the peer there, told or yet to be told `tls`. world_zone takes the text of
 * c with zeros for it, *out in the arena of w; world_zone_again puts in what the peers show now. */
enum status world_zone(struct world *w, const struct world_config *c, struct str *out, struct why *why);
void world_zone_again(struct world *w);

bool world_reload(struct world *w, const struct world_config *c, struct buf *why);
void world_advance(struct world *w, int64_t ms);

/* A world without rules yet, and rules for it: a reference of p is taken over. */
struct world *world_empty(const struct world_config *c, struct buf *why);
void world_serve(struct world *w, struct policy *p);
/* The files and the text of c, as a snapshot. */
bool world_rules(const struct world_config *c, struct snapshot *s, struct buf *why);

struct world_session *world_session(struct world *w, struct str client, uint16_t port);
bool world_tls(struct world_session *s, struct str fact, struct str value, struct why *why);
void world_any_time(struct world_session *s);
void world_send(struct world_session *s, struct str bytes);
bool world_reply(struct world_session *s, struct arena *a, struct str *out);
void world_finish(struct world_session *s);
bool world_pending(struct world_session *s);
bool world_over(struct world_session *s);
void world_hang_up(struct world_session *s);

#endif
