/*
 * links - connections to other hosts, for whoever has something to say there
 *
 * A link_user wants a connection to one host: a delivery (remote.c) or a
 * question about an address (callout.c). links.c decides who gets which
 * connection and when, within the limits of the destination; link.c opens it
 * and runs the conversation. What the user points at must live until the link
 * is given back.
 */
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "engine/event.h"
#include "engine/shield.h"
#include "smtp/client.h"

struct link;
struct dest;
struct link_user;

struct link_ops {
    /* The connection is ready: link_send. */
    void (*linked)(struct link_user *u);
    /* Every recipient of what was sent is settled. The connection is the user's
     * no longer, unless it keeps it. */
    void (*sent)(struct link_user *u, bool reused);
    /* No connection, or it broke. host_error: it says something about the host. */
    void (*failed)(struct link_user *u, const struct why *why, const char *kind, bool host_error, bool reused);
    /* What events about this connection read; NULL: none is told. after: it is
     * read when the user may be gone. */
    struct event_view *(*view)(struct link_user *u, const struct at_host *host, bool after);
};

struct link_user {
    const struct link_ops *ops;
    struct engine *e;
    struct settings *set;
    const struct transport *tr;
    struct at_host *host;               /* where to; where from is filled in */
    struct arena *arena;
    struct str as_user;                 /* a program at the other end runs as that user; empty: as the engine */
    const struct shield *shield;        /* how; NULL: in clear (a socket of this machine, a program) */
    struct str id;                      /* of the message, for the log */
    bool clear;                         /* TLS failed and may be done without */
    bool fresh;                         /* no connection that was used before */
    bool force;                         /* however many wait there already */
    bool urgent;                        /* in front of those who wait: somebody waits for this one */
    bool keep;                          /* after sent the connection stays with this user */
    bool resting;                       /* ... which could do without it, if somebody else wants one */
    /* filled in */
    bool put_off;                       /* failed: the engine ends; nothing was tried */
    const char *kind;                   /* sent: the connection is over, for this reason; NULL: it lives on */
    struct why why;
    int refused;                        /* failed: the code of the answer that was the reason; 0: none */
    struct str asked, answer;           /* ... to what, and its text; valid in the call */
    /* links.c's own */
    struct dest *dest;                  /* in line there */
    struct link_user *next;
    struct link *link;
};

/* A connection to u->host, new or kept. False: the destination has no room for
 * more work of this worker. */
bool link_request(struct link_user *u);
/* On the link that was given. */
void link_send(struct link_user *u, struct client_message *m);
/* The transaction of a probe is open there, and nothing is on its way. */
bool link_is_open(const struct link_user *u);
/* More of the message's body can be read now. */
void link_more(struct link_user *u);
/* A kept link goes to whoever has use for it; or it ends with QUIT. */
void link_release(struct link_user *u);
void link_quit(struct link_user *u);
/* The user goes away, whatever its link is doing. */
void link_forget(struct link_user *u);
/* The message waits, known by its id only, until the destination has room. */
void links_park(struct link_user *u, struct msg_id id);

#endif
