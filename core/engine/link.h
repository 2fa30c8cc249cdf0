/*
 * link - one connection to another host, and the destination it belongs to
 *
 * Between link.c, which carries messages over it, link_dial.c, which opens it, and
 * links.c, which decides who gets one.
 */
#ifndef ENGINE_LINK_H
#define ENGINE_LINK_H

#include "engine/links.h"
#include "local/program.h"
#include "net/stream.h"

enum link_state { LINK_ASKING, LINK_CONNECTING, LINK_OPEN, LINK_CLOSED };

struct link {
    struct engine *e;
    struct settings *set;
    struct dest *dest;
    struct link *next, **at;            /* of the destination */
    enum link_state state;
    bool idle, sent, host_error, timed_out, put_off;
    struct link_user *user;
    struct stream *stream;
    struct smtp_client *client;
    struct link_login *login;           /* AUTH is under way */
    bool may_log_in;                    /* it has not been tried */
    struct program *program;            /* LMTP over a program, */
    struct local_delivery *local;       /* or one of another user */
    bool heard, mute_end;               /* it has said something; it ended without a word */
    /* TLS (link_tls.c) */
    struct tls *tls;                    /* while it lasts; the stream's */
    bool may_secure;                    /* it has not been tried since the connection was in clear */
    bool shake;                         /* the handshake is to begin */
    bool shaking;
    bool secured;
    bool session_kept;
    bool fell_back;                     /* it failed, and the user may go on in clear */
    struct arena room;                  /* what host.tls says */
    struct watch *watch;                /* connecting */
    int fd;
    struct timer timer;
    struct event_run *event;
    struct job step;
    bool stepping;
    uint32_t max_messages;
    struct at_host host;
    struct why why;
    const char *kind;
};

struct dest {
    struct engine *e;
    struct str key;                     /* own memory */
    char *slot;                         /* "[192.0.2.1]:25" */
    unsigned limit, nlinks, nwaiting;
    struct link *links;
    struct link_user *first, **last;
    struct parked *parked, **parked_last;
    unsigned nparked;
};

struct parked {
    struct msg_id id;
    struct dest *dest;
    struct parked *next;
};

/* In own memory, with a NUL behind. */
char *name_copy(struct str s);

/* Opens one for a user; the slot is taken already. */
void link_open_for(struct dest *d, struct link_user *u);
/* An idle one gets work. */
void link_give(struct link *l, struct link_user *u);
/* Sends what the client has written, and sets its deadline. */
void link_flush(struct link *l);
/* What happens next, outside of everybody's callbacks. */
void link_step_soon(struct link *l);

/* The conversation begins: the server's banner is next. */
void link_talk(struct link *l);
/* NULL: nobody listens, or there is nothing to show them. */
struct event_view *link_view(struct link *l, const char *name, bool after);
/* It can be of no use; what was wrong stands in why. */
void link_failed(struct link *l, const char *kind);

/* It has its socket. */
void link_open(struct link *l, int fd);
/* The other end is gone: a stream's callback. */
void link_ended(void *ctx, const struct why *why);

/* ---- link_dial.c */
/* Rules are asked, then it connects: link_open or link_failed follows. */
void link_dial(struct link *l);

/* ---- link_tls.c */
/* EHLO was answered: true if TLS begins, or the connection ends for want of it. */
bool link_tls_begin(struct link *l);
void link_tls_heard(void *ctx, int code, struct str reply);
/* The handshake, outside of every callback of the stream. */
void link_tls_shake(struct link *l);
void link_tls_late(struct link *l);                         /* its deadline has passed */
/* Facts that may have changed since the handshake, and the session for another time. */
void link_tls_keep(struct link *l);
/* True: the user's link is in clear again, EHLO is under way. */
bool link_tls_anew(struct link *l);

/* ---- link_auth.c */
bool link_login_begin(struct link *l);
void link_login_heard(void *ctx, struct str reply);
void link_login_cancel(struct link *l);

/* The engine ends, and it has not come to speak yet: its user's message is for another time. */
void link_put_off(struct link *l);
/* It has nothing to do any more: QUIT. */
void link_end(struct link *l);
/* Gives its slot back. */
void link_free(struct link *l);
/* Users in line get what is free. d may be gone afterwards. */
void dest_serve(struct dest *d);

#endif
