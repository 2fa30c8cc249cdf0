/*
 * attempt - one go at delivering a message to one place
 *
 * Some items of a walk that share a transport and hosts, with everything the
 * transport needs to know. deliver.c makes and ends them; remote.c, mailbox.c
 * and command.c carry them out and end each item.
 */
#ifndef ENGINE_ATTEMPT_H
#define ENGINE_ATTEMPT_H

#include "engine/event.h"
#include "engine/links.h"
#include "engine/transport.h"
#include "engine/walk.h"
#include "local/appendfile.h"
#include "local/program.h"
#include "smtp/client.h"

struct attempt {
    struct walk *w;
    struct attempt *next, **at;         /* in the walk's waiting or running list */
    struct item *items;                 /* by peer */
    uint32_t nitems;
    bool alone;                         /* divided: takes no further items */
    bool elsewhere;                     /* sent here by another transport's file_format */
    struct event_view *view;            /* what transport options and events read */
    struct transport tr;
    const struct val *values;           /* its options, while others are asked whether theirs are the same */
    struct item **batch_at;             /* who is asked */
    uint32_t batched;
    struct attempt *rest;               /* takes those that do not fit */
    struct eval *eval;
    struct event_run *event;
    struct buf header_room;
    struct str header;                  /* as it leaves */
    int64_t began_us;
    /* what transport_filter made of the message: header is its header */
    bool filtered;
    int filtered_fd;
    bool filtered_8bit;
    uint32_t filtered_max_line;
    uint64_t filtered_at, filtered_size, filtered_lines;    /* its body in that file */
    struct job job;                     /* goes on outside of a callback */

    /* remote */
    struct host *hosts;
    size_t nhosts, at_host;
    uint32_t tried;
    size_t resolving;                   /* of tr.hosts */
    struct hosts_query *query;
    struct policy_asker asker;
    int64_t skipped_until;
    bool young_skipped;                 /* a host was skipped whose schedule is not over */
    struct at_host host;
    struct history *history;            /* hosts and what they said; NULL: none yet */
    struct shield shield;               /* how it is to be spoken to */
    struct shield_ask *asking;
    uint32_t impossible;                /* hosts that cannot be used whenever they are tried: no DANE where it is required */
    bool hint_seen;                     /* the host has failed before */
    struct client_message msg;
    struct client_rcpt *rcpts;
    struct item **by_rcpt;
    uint64_t read_at;
    struct link_user use;               /* its connection, or its place in line for one */
    struct why failed;                  /* the host's failure, while retry rules are asked */
    const char *failed_kind;

    /* local */
    struct appendfile *file;
    bool file_busy;                     /* a helper thread has it */
    struct local_delivery *local;       /* another user's mailbox */
    struct str box;                     /* the mailbox file it holds or waits for */
    struct attempt *box_next;
    struct program *program;
    struct filter *filter;
    struct vouch *vouch;                /* it is being signed */
    struct str signed_by;               /* "domain:selector:domain:selector" */
    struct autoreply *reply;
    struct pair_job *pair;
    struct content content;

    /* turns (max_parallel) */
    struct turns *turns;                /* has one, or waits for one */
    bool has_turn;
    struct attempt *turn_next;

    /* shadows (shadow_transport) */
    struct attempt *shadow_of;          /* this one is the shadow of that */
    struct attempt *shadow;
    struct str shown;                   /* for the line that waits until it is over */
};

/* ---- deliver.c */
void attempt_end(struct attempt *a);                        /* every item has ended */
void attempt_all(struct attempt *a, enum item_end end, int err, const char *kind, struct str error);
/* A local transport has delivered to every open item. shown: file, directory or
 * command in place of the address. A shadow may follow; then the attempt ends. */
void attempt_delivered(struct attempt *a, struct str shown);
struct engine *attempt_engine(struct attempt *a);
/* The items go through another transport instead (file_format); a is gone. */
void attempt_elsewhere(struct attempt *a, struct str transport);

/* ---- divide.c: attempts, and which of them an item joins */
struct attempt *attempt_new(struct walk *w);                /* among those that wait */
void attempt_free(struct attempt *a);                       /* its items stay the walk's */
void attempt_link(struct attempt *a, struct attempt **list);
void attempt_unlink(struct attempt *a);
void attempt_add(struct attempt *a, struct item *it);
/* The item joins an attempt that waits and is like it, or makes one. */
void attempt_for(struct walk *w, struct item *it);
/* *at does not fit in: it becomes part of *more, which is made if it is NULL. */
void attempt_move_on(struct attempt *a, struct item **at, struct attempt **more);
void attempt_split(struct attempt *a);                      /* to what multi_domain and max_rcpt allow */

/* ---- outgoing.c */
void attempt_header(struct attempt *a);                     /* sets a->header */
struct str attempt_return_path(const struct attempt *a);
/* The address as an RCPT or an LMTP server gets it: without affixes unless asked for. */
struct str attempt_rcpt(struct attempt *a, const struct item *it);

/* ---- body.c */
uint64_t attempt_body_size(const struct attempt *a);
uint64_t attempt_lines(const struct attempt *a);            /* header, border and body */
ssize_t attempt_read_body(void *attempt, uint64_t offset, char *p, size_t n);
struct str attempt_from_line(struct attempt *a);            /* of an mbox */
/* Header and body with the options every file and program has; check and escape are the defaults. */
void attempt_content(struct attempt *a, struct content *c, struct str check, struct str escape);
/* A path() carries the mark of its trusted root; for any other string names from
 * the wire must be ones that cannot leave the directory they are put in (P5). */
bool path_safe(const struct at_address *at, struct str path);
bool attempt_safe_path(const struct attempt *a, struct str path);
/* Whose files they are to be, or who runs the program: -1: the engine itself, -2: there is no such user. */
int64_t attempt_uid(const struct attempt *a);
struct str attempt_user(const struct attempt *a, int64_t uid);
void attempt_bsmtp(struct attempt *a, struct content *c);   /* use_bsmtp: after prefix and suffix are set */

/* Options are known and there is room: the filter, if there is one, and then the driver take over. */
void attempt_go(struct attempt *a);
void attempt_filtered(struct attempt *a);

/* ---- turn.c: at most max_parallel attempts of a transport over all workers.
 * False: it waits in line and goes on later, in turn_go, or has been put off. */
bool turn_take(struct attempt *a);
void turn_give(struct attempt *a);                          /* or leave the line */

/* ---- one file each: start, and give up (the engine ends) */
void remote_start(struct attempt *a);
void remote_cancel(struct attempt *a);
void mailbox_start(struct attempt *a);
void mailbox_cancel(struct attempt *a);
void command_start(struct attempt *a);
void command_cancel(struct attempt *a);
char **command_environment(struct attempt *a);
struct local_end;
void program_end_of(const struct local_end *end, struct program_end *out);
void autoreply_start(struct attempt *a);
void autoreply_cancel(struct attempt *a);
void queuefile_start(struct attempt *a);
void queuefile_cancel(struct attempt *a);
/* transport_filter: attempt_filtered or the end of the attempt follows. */
void filter_start(struct attempt *a);
void filter_cancel(struct attempt *a);

#endif
