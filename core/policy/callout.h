/*
 * callout - what a rule asks others about an address: its server, or its mailbox
 *
 * The rule library (lib_callout.c) asks and the engine answers
 * (engine/callout.c), as policy_env says: this room opens no connections. What
 * is remembered of earlier answers is the library's (lua/mail/verify_cache.lua).
 */
#ifndef POLICY_CALLOUT_H
#define POLICY_CALLOUT_H

#include "policy/policy.h"

struct callout;

/* The engine copies what it needs after it has returned; t lives until the end
 * or the cancelling. */
struct callout_want {
    struct policy *policy;          /* whose rules ask */
    struct txn *t;                  /* whose transaction asks */
    const struct transport_values *transport;
    const struct host *hosts;
    size_t nhosts;
    struct at_address at;           /* what events are told it is about */
    struct str address, sender;     /* RCPT TO, MAIL FROM */
    struct str original;            /* the recipient of our envelope that led to the address */
    bool plain;                     /* no router on the way edits the header */
    struct str random;              /* asked for before the address; empty: not */
    bool postmaster, full_postmaster;
    struct str postmaster_sender;
    bool hold;                      /* keep the connection if it was a yes */
    bool recipient;                 /* a recipient is being verified: its transaction may be held */
    uint64_t size;                  /* for SIZE=; 0: none */
    int64_t answer_ms, connect_ms, whole_ms;
};

/* What was learned of the domain and may be remembered. */
enum callout_fact { CALLOUT_UNKNOWN, CALLOUT_ACCEPT, CALLOUT_REJECT, CALLOUT_REJECT_NULL };

struct callout_end {
    enum status st;                 /* ST_OK yes, ST_NEVER no, ST_AGAIN could not find out */
    const char *failure;            /* "mail", "recipient", "postmaster"; "random" with ST_OK; NULL */
    enum callout_fact domain, random, postmaster;
    struct str host, ip;            /* that answered, or was tried last; may be empty */
    struct str asked, answer;       /* the command and its reply, if that decided */
    struct str text;                /* why not, in a line */
    bool several;                   /* there was more than one host to ask */
};

typedef void callout_done(void *ctx, const struct callout_end *end);     /* end is valid in the call */

/* Is there room for a message of this size in the mailbox of this address
 * (engine/room.c)? */
struct room_want {
    struct txn *t;
    const struct transport_values *transport;
    struct at_address at;
    uint64_t size;
};
/* ST_OK yes; ST_NEVER no; ST_AGAIN could not find out: text says why. */
typedef void room_done(void *ctx, enum status st, struct str text);

#endif
