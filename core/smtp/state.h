/*
 * state - what an SMTP session is, for the files that make one up
 *
 * server.c asks questions and ends sessions, line.c takes lines, verb.c is the
 * table of verbs, auth.c logs in, starttls.c
 * begins TLS, transaction.c what MAIL, RCPT and DATA do, intake.c takes a
 * message. Only they include this.
 *
 *     BANNER --accept--> COMMAND --354--> CONTENT --dot, answers--> COMMAND
 *     COMMAND --STARTTLS--> TLS --done--> COMMAND (starttls.c)
 *        any state --quit, refusal, loss, time, limits--> OVER
 *
 * Within COMMAND the place in the dialogue is computed, not stored: no HELO yet,
 * ready, sender given, recipient given (server_place). All of a transaction is
 * t and content; server_end_txn destroys both.
 */
#ifndef SMTP_STATE_H
#define SMTP_STATE_H

#include "smtp/command.h"
#include "smtp/data.h"
#include "smtp/reply.h"
#include "smtp/server.h"

enum server_state { SERVER_BANNER, SERVER_COMMAND, SERVER_AUTH, SERVER_TLS, SERVER_CONTENT, SERVER_OVER };
enum place { AT_GREETING, AT_READY, AT_SENDER, AT_RECIPIENT };

enum { ASKED_NONE = -1, ASKED_KEEP = PH_COUNT, ASKED_AUTH, ASKED_TLS };    /* else an enum phase */

struct intake;
struct login;

struct smtp_server {
    struct conn *c;
    const struct smtp_config *cfg;
    const struct smtp_server_ops *ops;
    void *ctx;
    struct txn *t;              /* the transaction; NULL: none */
    struct txn *aside;          /* for a question asked outside of one */
    struct intake *content;    /* while in SERVER_CONTENT and until its answer */
    struct login *login;        /* from AUTH to its end */
    struct buf line, out;
    char *text;                 /* the last command: c->command points into it */
    char *helo;                 /* c->helo points to it */
    char *farewell;             /* smtp_server_shutdown's text */
    bool leaving;               /* smtp_server_leave */
    char *banner;               /* to be said when TLS is there; NULL: it was said */
    size_t unread;              /* bytes the caller holds for us */
    size_t too_long;            /* octets of an over-long line thrown away */
    int64_t deadline;
    int16_t asked;
    uint8_t state;              /* enum server_state */
    uint8_t command;            /* enum command under way */
    bool begun;                 /* ops->begin made a draft */
    bool discarded;             /* a recipient was accepted and thrown away */
    bool too_many;              /* recipients: logged, and the end of the message with recipients_max_reject */
    bool pipelining, tls_offered;   /* in the last EHLO */
    struct str auth_claimed;    /* AUTH= of MAIL, in the arena of t */
    bool login_garbled;         /* the last response was no base64 */
    bool lost;                  /* the peer went while its message was being kept */
    const struct smtp_limit *limit;     /* what the note under way is about; NULL: none */
    char last;                  /* last octet of the over-long line */
};

/* ---- server.c */
enum place server_place(const struct smtp_server *s);
void server_reply(struct smtp_server *s, int code, const char *enhanced, const char *text);
void server_reply_str(struct smtp_server *s, int code, const char *enhanced, struct str text);
/* A reply the client brought upon itself: counted, noted, and too many of them are the end. */
void server_error(struct smtp_server *s, enum smtp_note kind, int code, const char *enhanced, const char *text);
/* A note about a limit. */
void server_limit(struct smtp_server *s, enum smtp_note note, const char *option, uint64_t value, struct str reply, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void server_note(struct smtp_server *s, enum smtp_note note, struct str reply, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Must be the last thing its caller does: the answer may come inside. */
/* The transaction a question is about: the one that is open, else one that has only the connection. */
struct txn *server_question(struct smtp_server *s);
void server_ask(struct smtp_server *s, enum phase ph);
/* The transaction is over; what: the word for the log, NULL if it came to its proper end. */
void server_end_txn(struct smtp_server *s, const char *what);
/* The session is over without QUIT: asks PH_NOTQUIT first. Like server_ask, the last thing. */
void server_close(struct smtp_server *s, const char *reason);
void server_desync(struct smtp_server *s, const char *how);
bool server_enforces_sync(const struct smtp_server *s);
void server_over(struct smtp_server *s);
/* What every command ends with, whether it was answered at once or later. */
void server_settle(struct smtp_server *s);
/* Replies for a verdict other than accept or discard, notes it, and closes if
 * the verdict says so. What it says the answer to is `what` in the log. False: closed. */
bool server_refuse(struct smtp_server *s, enum phase ph, const struct verdict *v, const char *what);

/* A command's time begins. */
void server_wait(struct smtp_server *s, int64_t ms);

/* ---- verb.c */
void verb_do(struct smtp_server *s, enum command cmd, struct str arg, size_t unread);
void verb_answered(struct smtp_server *s, enum phase ph, const struct verdict *v);
void verb_forget_helo(struct smtp_server *s);

/* ---- transaction.c: MAIL, RCPT, DATA */
void transaction_mail(struct smtp_server *s, struct str arg);
void transaction_rcpt(struct smtp_server *s, struct str arg);
void transaction_data(struct smtp_server *s);
void transaction_mailauth_answered(struct smtp_server *s, const struct verdict *v);
void transaction_mail_answered(struct smtp_server *s, const struct verdict *v);
void transaction_rcpt_answered(struct smtp_server *s, const struct verdict *v);
void transaction_data_answered(struct smtp_server *s, const struct verdict *v);

/* ---- auth.c */
void auth_command(struct smtp_server *s, struct str arg);
void auth_acl_answered(struct smtp_server *s, const struct verdict *v);
void auth_line(struct smtp_server *s, struct str line);
void auth_free(struct login *l);

/* ---- starttls.c */
void starttls_command(struct smtp_server *s, struct str arg);
void starttls_acl_answered(struct smtp_server *s, const struct verdict *v);
/* The ACL of connect accepted a client that speaks TLS from its first octet. */
void starttls_on_connect(struct smtp_server *s, struct str banner);
/* Whatever was said now would be in clear where it must not be, or no TLS to a client that speaks it. */
bool starttls_silent(const struct smtp_server *s);
void starttls_failed(struct smtp_server *s, const char *text);

/* ---- line.c */
size_t line_input(struct smtp_server *s, struct str bytes);

/* ---- intake.c */
void intake_begin(struct smtp_server *s);
void intake_free(struct intake *m);
size_t intake_input(struct smtp_server *s, struct str bytes);
void intake_answered(struct smtp_server *s, enum phase ph, const struct verdict *v);
void intake_kept(struct smtp_server *s, enum status st, const struct why *why);
/* When the content is too slow; intake_late: is it, now? */
int64_t intake_deadline(const struct smtp_server *s);
bool intake_late(struct smtp_server *s, int64_t now);

#endif
