/*
 * callout_inside - a callout, for the two that know one
 *
 * callout.c asks and holds; cutthrough.c takes over what is held and sends the
 * message there.
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

/* What is held for this transaction becomes the caller's; NULL: nothing usable. */
struct callout *callout_take(struct engine *e, const struct txn *t);
void callout_free(struct callout *c);

#endif
