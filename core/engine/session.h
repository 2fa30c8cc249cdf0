/*
 * session - one SMTP session: its bytes, its deadline, its questions
 *
 * Connects core/smtp's server to a stream (or to a caller's bytes), to policy
 * (check.c) and to the spool (keep.c). Between engine files only; the public
 * calls are in engine.h. An idle session holds no buffer and no evaluation.
 */
#ifndef ENGINE_SESSION_H
#define ENGINE_SESSION_H

#include "engine/keep.h"
#include "engine/mimewalk.h"
#include "engine/parts.h"
#include "net/stream.h"
#include "smtp/server.h"

struct prove;

struct session {
    struct engine *e;
    struct settings *set;           /* its generation, for good (P2) */
    struct conn conn;
    struct smtp_config cfg;
    struct smtp_server *srv;        /* NULL while the session is being set up */
    struct stream *st;              /* NULL: bytes */
    struct timer deadline;
    struct timer slow;              /* set: the spool is behind, and nothing is read */
    struct job end;                 /* frees it, outside everybody's callbacks */
    /* set-up: options that have to be evaluated for this client */
    uint8_t step;
    struct txn *setup;              /* what those evaluations read */
    struct hosts_query *reverse;
    struct policy_asker asker;
    /* the open question */
    struct txn *asked;              /* what it is about */
    struct eval *eval;
    struct mimewalk *parts;
    struct prove *prove;            /* the signatures of the message that is coming in */
    char explain[EXPLAIN_ID];       /* what the last answer can be asked under, while it is being told */
    bool proving;                   /* inside prove_ask */
    char explain_own[EXPLAIN_ID];   /* likewise, of a line that no rule stands behind */
    bool refusing;                  /* what is being told is not "yes" */
    bool late;                      /* the question before it had to wait */
    bool vouched;                   /* its certificate was looked at by the driver tls */
    struct keep *keep;
    struct draft *draft;
    struct debug *debug;            /* control debug */
    struct secure *secure;          /* until the handshake is over */
    struct pretended *pretended;    /* what a handshake without a descriptor comes to; NULL: the usual */
    bool reserved;                  /* one of smtp_reserve_hosts */
    struct cutthrough *cut;         /* the message goes on while it comes */
    bool cut_tried, keeping;        /* keeping: inside the call that asks to keep it */
    bool answering;                 /* inside smtp_server_input, or a call it makes */
    bool lost, ending, quiet;
    bool counted, host_in_table, net_in_table;      /* callers.c: among those of its address */
    /* bytes sessions */
    struct buf unread;
    struct buf output;
    struct session *next, **link;
};

void session_begin(struct session *s);      /* set-up is over: the server starts */
void session_setup(struct session *s);
void session_refuse(struct session *s, const char *reply);  /* one line, then the end */
/* After something happened outside of input: sends, goes on reading, re-arms. */
void session_pump(struct session *s);

/* ---- check */
void check_cancel(struct session *s);       /* nobody waits for the answer any more */
void check_ask(void *ctx, enum phase ph, struct txn *t);
struct str check_path(void *ctx, bool sender, struct str text, struct arena *a);
void check_note(void *ctx, enum smtp_note note, const struct txn *t, struct str text, struct str reply);

void check_answer(struct session *s, const struct verdict *v);

/* ---- authenticate */
bool authenticate_offer(struct session *s, struct txn *t);
void authenticate_begin(void *ctx, struct txn *t, struct str mechanism, struct str initial);
void authenticate_heard(void *ctx, struct str response);

/* ---- callers */
bool callers_count(struct session *s, int64_t per_host);    /* false: too many at a time */
void callers_uncount(struct session *s);
bool callers_rate(struct session *s, struct str rate);      /* "60 / 1m"; false: too many in that time */

#endif
