/*
 * walk - one message on its way: loaded, routed, attempted, settled
 *
 * A walk holds everything of one message while it is being delivered. It
 * begins in queue.c, is routed by route.c, divided into attempts by deliver.c
 * (with remote.c, mailbox.c and command.c below it), and ends in settle.c.
 * It is counted by reference: events that are still running keep it readable.
 */
#ifndef ENGINE_WALK_H
#define ENGINE_WALK_H

#include "engine/parts.h"

enum walk_mode { WALK_DELIVER, WALK_FREEZE, WALK_THAW, WALK_REMOVE, WALK_BOUNCE, WALK_MOVE };

enum item_end { ITEM_OPEN, ITEM_DONE, ITEM_AGAIN, ITEM_NEVER };

/* One destination of one recipient. */
struct item {
    struct item *next;              /* of the walk, in order of routing */
    uint32_t rcpt;
    struct at_address at;
    struct header_edit *edits;
    struct host *hosts;
    size_t nhosts, nfallback;       /* the fallback hosts stand behind the others */
    bool unseen;
    bool one_time;                  /* its address takes the place of the recipient */
    bool hide_child;                /* bounces do not show its address */
    enum log_style style;
    bool initgroups;                /* of the router; a transport may ask for it too */
    struct str directory;           /* where its program starts, if the transport does not say */
    struct item *same;              /* the same destination was there before: shares its end */
    struct item *peer;              /* next item of the same attempt */
    enum item_end end;
    bool internal;                  /* ended without a transport */
    int order;                      /* remote_sort_domains */
    bool not_tried;                 /* AGAIN because no host was due */
    bool reported;                  /* a bounce about it is kept, or not wanted */
    bool expired;
    struct str explain;             /* why it ended: a name for perigee explain, or empty */
    const struct tried *routed;     /* what the routers tried; NULL: not kept */
    struct history *history;        /* what its attempt tried; NULL: there was none */
    struct str error;               /* one line */
    int err;
    const char *kind;               /* for retry rules: "*", "rcpt_4xx", "refused", "timeout_connect" ... */
    struct at_host host;            /* the last one tried; ip.v 0: none */
    int64_t next_try;               /* AGAIN: when; for not_tried, when a host is due */
    bool quiet;                     /* its router or its transport has disable_logging */
    struct str output;              /* what a program printed, for the bounce */
    struct str signed_by;           /* for its line: "domain:selector" of each signature */
    struct str shadow;              /* for its line: "copy", or "copy(what went wrong)" */
};

struct walk {
    struct engine *e;
    struct settings *set;
    unsigned refs;
    struct msg_id id;
    enum walk_mode mode;
    bool force;                     /* on command: hints and holds are ignored */
    bool noted;                     /* its crash slot is on */
    bool over;                      /* settled: only events may still hold it */
    struct str by;                  /* who asked; WALK_MOVE: the queue's name and a LF before it */

    struct arena arena;
    struct conn conn;
    struct txn *t;
    struct spool_msg msg;
    uint64_t size;
    int64_t began_us;

    /* route */
    uint32_t at_rcpt;               /* next recipient to route */
    struct eval *eval;
    struct item *items, **items_end;
    uint32_t nitems;
    uint8_t *held;                  /* by recipient: 1 held, 2 not due yet */
    unsigned hold_asked;                /* how many of hold_domains and queue_domains have let this recipient through */
    bool freeze; struct str freeze_why;
    size_t routed_size;             /* of what is kept of routing */

    /* deliver */
    struct attempt *waiting, *running;
    unsigned nrunning;
    bool starting;

    /* settle */
    struct item *settling;          /* whose retry rule is being asked for */
    struct event_view *settle_view;
    struct str freeze_note;         /* the log says it once, when it is so on disk */
    bool gone, warned;
    struct timer again;             /* a result that could not be written yet */

    /* report */
    struct note { struct note *next; struct str to, text; } *notes;     /* what routers have to say to somebody */
    struct note *note;              /* the one being told */
    struct keep *report;
    struct txn *report_txn;
    struct conn report_conn;
    struct str report_to;
    bool report_warning;

    struct walk *next, **link;
};

/* ---- queue.c */
void walk_hold(struct walk *w);
void walk_release(void *walk);      /* as events want it */
void walk_end(struct walk *w);      /* the place is free; what remains belongs to events */

/* ---- route.c: asks the routers for each pending recipient, then deliver_all */
void route_all(struct walk *w);
/* A fact about a destination, so that it is not delivered twice while others
 * of its recipient are still open. */
struct str item_key(struct arena *a, const struct item *it);

/* ---- deliver.c */
void deliver_all(struct walk *w);
void deliver_cancel(struct walk *w);
ssize_t walk_read_body(void *walk, uint64_t offset, char *p, size_t n);

/* ---- report.c: bounces and warnings, one after the other, then settle_write */
void report_all(struct walk *w);
void report_cancel(struct walk *w);

/* ---- settle.c */
void settle_write(struct walk *w);  /* the last word about each recipient goes to disk */
void settle_step(struct walk *w);   /* an attempt is over: what is done is committed */
void settle_all(struct walk *w);    /* the last one is */
void settle_cancel(struct walk *w);
/* Lines and events of one finished item. */
void settle_delivered(struct walk *w, struct item *it, struct str confirmation, struct str shown,
                      int64_t took_us, bool local, bool further, bool reused);

#endif
