/*
 * callout_inside - a callout, for the three that know one
 *
 * callout.c asks; callout_held.c keeps its connection for the rest of the transaction;
 * cutthrough.c takes over what is held and sends the message there.
 */
#ifndef ENGINE_CALLOUT_INSIDE_H
#define ENGINE_CALLOUT_INSIDE_H

#include <stddef.h>

#include "engine/callout.h"
#include "engine/links.h"

/* What is being asked: an address nobody has, the address itself, postmaster
 * with its domain, postmaster alone. */
enum callout_step { ASK_RANDOM, ASK_ADDRESS, ASK_POSTMASTER, ASK_BARE };

/* A recipient the peer has taken in the transaction that is open there. */
struct taken {
    struct str original;                /* of our envelope */
    struct str rcpt;                    /* as it was said there */
    struct at_address at;
    struct taken *next;
};

struct callout {
    struct engine *e;
    struct settings *set;
    struct arena arena;
    struct callout_want w;              /* its texts are in the arena */
    struct host *hosts;
    size_t at_host;
    enum callout_step step;
    bool again;                         /* this host gets a second connection, without the made-up address */
    struct transport tr;
    struct at_host host;
    struct host found;                  /* host, as it was found */
    struct shield shield;
    struct shield_ask *asking;
    struct event_view *view;            /* what options that are functions of the host read */
    struct link_user use;
    struct client_message msg;
    struct client_rcpt rcpt;
    struct timer limit;
    struct callout_end end;
    callout_done *done;                 /* NULL: it only holds its connection */
    void *ctx;

    /* held */
    uint64_t conn, txn;                 /* the session and the transaction it belongs to */
    struct str sender;
    struct taken *taken;
    uint32_t nrcpts;                    /* the peer has taken so far */
    bool plain;                         /* its message goes there as it is kept: no router edits its header */
};

static inline struct callout *callout_of(struct link_user *u)
{
    return (struct callout *)(void *)((char *)u - offsetof(struct callout, use));
}

/* ---- callout_held.c: at most one a session, known by the serial of its connection */
/* Only what a delivery would send: the real sender, the real recipient, and the
 * first of the message (F35). A later one that is refused costs the others nothing. */
bool held_may(const struct callout *c, enum status st);
/* taken: what was asked about is a recipient there now. */
void held_put(struct callout *c, bool taken);
struct callout *held_of(struct engine *e, uint64_t conn);       /* NULL: nothing is held */
void held_out(struct callout *c);                               /* the caller has it again */
/* Ends it; kept: its connection may serve others. */
void held_let_go(struct engine *e, uint64_t conn, bool kept);
/* May this question go over the connection that is held? Was it asked there, and taken? */
bool held_joins(const struct callout *held, const struct callout_want *w, const struct transport *tr);
bool held_has_taken(const struct callout *c, struct str original);
/* What is held for this transaction becomes the caller's; NULL: nothing usable. */
struct callout *callout_take(struct engine *e, const struct txn *t);
void callout_free(struct callout *c);

#endif
