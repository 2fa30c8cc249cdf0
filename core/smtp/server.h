/*
 * server - an SMTP session as bytes in, bytes out
 *
 * No socket, no disk, no clock of its own but base/clock: the same session
 * runs in a daemon, a pipe and a test. Parsing depends on bytes only, never on
 * how they were split into reads (R3.2). Who runs it (engine/accept.c) feeds
 * input, sends output, keeps the deadline, and answers questions.
 *
 * A question is asked through ops->ask and answered by smtp_server_answer,
 * now (inside ask) or later; while one is open no input is taken. All of a transaction hangs
 * off one txn that is destroyed whole (R3.3).
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include "base/buf.h"
#include "mail/txn.h"

struct smtp_server;

enum verb { V_ACCEPT, V_DEFER, V_DENY, V_DISCARD, V_DROP };

/* What policy says; also what keeping a message says. Text must live until
 * smtp_server_answer returns. */
struct verdict {
    enum verb verb;
    bool by_default;            /* the end of the ACL was reached */
    bool error;                 /* a rule failed: verb is the fallback */
    struct str message;         /* "550 5.7.1 text", "text", may have LF for several lines; empty: default */
    struct str log_message;     /* empty: none */
    struct str explain;         /* under which name it can be asked why; empty: none */
};

struct smtp_limits {            /* R3.7, R3.8; 0 is never "no limit" */
    uint32_t line_max, auth_line_max, header_max, header_fields_max, recipients_max,
             transactions_max, errors_max, unknown_max, nonmail_max, data_line_max, received_max, auth_failures_max,
             header_line_max;   /* a field with its continuations; header_max is the most it can be */
    uint64_t message_max;       /* from message_size_limit, per session */
    int64_t greeting_ms, command_ms, handshake_ms, data_ms, message_ms;
    uint32_t data_rate_min;     /* bytes a second over a minute */
};
extern const struct smtp_limits smtp_limits_default;

struct smtp_config {            /* read at start of session; owned by the engine, outlives it */
    struct smtp_limits limits;
    bool enforce_sync;          /* smtp_enforce_sync */
    bool offer_8bitmime, offer_pipelining, offer_size, offer_vrfy, offer_expn;
    bool require_helo;          /* hosts_require_helo */
    bool helo_junk_ok;          /* helo_accept_junk_hosts */
    struct str helo_allow_chars;
    bool allow_literals;        /* allow_domain_literals */
    bool strip_trailing_dot, strip_angle_brackets;
    struct str banner;          /* after "220 "; one or more lines separated by LF */
    struct str hostname;        /* smtp_active_hostname */
    struct str qualify_sender, qualify_recipient;   /* domain to add, or empty: refuse bare addresses */
    struct str postmaster;      /* domain of a bare <postmaster>, who is always taken; empty: hostname */
    bool bare_lf_ok;            /* R3.1: turn a bare LF in content into CRLF; never ends data on it */
    struct str auth;            /* mechanisms offered now, separated by blanks; empty: none. May change at each EHLO */
    bool auth_needs_tls;        /* some would be, were the connection encrypted */
    bool offer_tls;             /* STARTTLS; looked at at each EHLO */
    bool tls_on_connect;        /* TLS comes before the first reply, and nothing is said without */
    bool remember_esmtp;        /* tls_remember_esmtp: EHLO still counts after STARTTLS */
    bool max_reject;            /* recipients_max_reject */
    bool stress;                /* shortened deadlines, one error */
};

/* Why a line for the reject or main log is due. The text is Exim's, with its
 * beginning ("SMTP call from", host, F=<sender>) left to engine/accept.c. */
enum smtp_note {
    NOTE_REJECTED,              /* "rejected RCPT <x>: why", "temporarily rejected MAIL <x>: why", "rejected after DATA: why" */
    NOTE_SYNTAX, NOTE_PROTOCOL, /* smtp_syntax_error, smtp_protocol_error: "SMTP syntax error in \"RCPT TO:<\"" */
    NOTE_TOO_MANY,              /* dropped: "too many syntax or protocol errors (last command was \"X\")" */
    NOTE_SYNC,                  /* "SMTP protocol synchronization error (...): rejected \"X\"" */
    NOTE_SIZE,                  /* "message too big: read=N max=M" */
    NOTE_TIMEOUT, NOTE_LOST,    /* ended without QUIT: "SMTP command timeout on connection",
                                   "unexpected disconnection while reading SMTP command" */
    NOTE_TLS,                   /* the handshake failed, or there was none to be had: text is why */
    NOTE_INCOMPLETE,            /* "incomplete transaction (RSET)" */
    NOTE_DISCARDED              /* "RCPT <x>: discarded by RCPT ACL" */
};

/* An option of ours that stands behind a refusal. */
struct smtp_limit { const char *option; int64_t value; };

struct smtp_server_ops {
    /* The ACL of a phase wants its answer: smtp_server_answer. For PH_RCPT,
     * txn->addr is the address asked about; for PH_VRFY/EXPN command_argument.
     * Outside of a transaction t is made for the question and ends with the
     * answer. What the answer frees (t itself, if it refuses) must not be
     * touched after smtp_server_answer was called. */
    void (*ask)(void *ctx, enum phase ph, struct txn *t);
    /* A transaction begins, the ACL of MAIL said yes: make the draft. ST_AGAIN: MAIL
     * gets 452 4.3.1, why goes to the log. t->id set here stands in the final 250. */
    enum status (*begin)(void *ctx, struct txn *t, struct why *why);
    /* Body bytes, unstuffed, CRLF lines, header section not included. */
    enum status (*body)(void *ctx, struct txn *t, struct str bytes, struct why *why);
    /* The message is whole and policy accepts it: keep it, then
     * smtp_server_kept. Nothing is answered before. */
    void (*keep)(void *ctx, struct txn *t);
    /* The transaction ends without keep (or keep failed): drop the draft. Called
     * once for each begin that said ST_OK and was not followed by kept(ST_OK). */
    void (*drop)(void *ctx, struct txn *t);
    /* Something for the log. reply is what the client was told, may be empty.
     * t is NULL outside of a transaction. smtp_server_limit tells of the limit behind it. */
    void (*note)(void *ctx, enum smtp_note note, const struct txn *t, struct str text, struct str reply);
    /* What stands between < and > of MAIL FROM: or RCPT TO:, to be read instead, in
     * a or text itself; it may be no address on either side. May be NULL. */
    struct str (*path)(void *ctx, bool sender, struct str text, struct arena *a);
    /* The client wants to log in and the ACL of AUTH said yes: smtp_server_challenge, or
     * smtp_server_authenticated. initial: the response given with the command; p NULL: none. */
    void (*auth)(void *ctx, struct txn *t, struct str mechanism, struct str initial);
    /* The response to the last challenge. p NULL: the client gave up, or sent what is no
     * base64; smtp_server_authenticated(AUTH_BAD) ends it. */
    void (*auth_heard)(void *ctx, struct str response);
    /* The client is to be spoken to under TLS: get ready, then smtp_server_tls_ready. */
    void (*starttls)(void *ctx);
};

struct smtp_server *smtp_server_new(struct conn *c, const struct smtp_config *cfg,
                                    const struct smtp_server_ops *ops, void *ctx);
/* Drops an open transaction. Cancel what was asked before calling. c's helo,
 * command and command_argument go with it; c itself is the caller's. */
void smtp_server_free(struct smtp_server *s);

/* Starts: asks PH_CONNECT, then the banner. */
void smtp_server_start(struct smtp_server *s);
/* Takes input; returns how many bytes were consumed: all of it, or what came
 * before a question was opened. Offer the rest again once that is answered.
 * Nothing of it is needed afterwards. */
size_t smtp_server_input(struct smtp_server *s, struct str bytes);
/* In note(): the limit that was met; NULL: none. */
const struct smtp_limit *smtp_server_limit(const struct smtp_server *s);
/* Answers to ask and keep. id of the message goes into the 250. */
void smtp_server_answer(struct smtp_server *s, const struct verdict *v);
void smtp_server_kept(struct smtp_server *s, enum status st, const struct why *why);
/* During an exchange of AUTH. Who was authenticated is in the conn before AUTH_OK is said. */
enum auth_end { AUTH_OK, AUTH_NO, AUTH_LATER, AUTH_BAD };
void smtp_server_challenge(struct smtp_server *s, struct str challenge);
void smtp_server_authenticated(struct smtp_server *s, enum auth_end end, struct str text);
/* TLS can be begun, or not. Tell smtp_server_pending before. If smtp_server_handshaking then says so, send the
 * output to its last octet, and then let the handshake begin; input is not taken until smtp_server_secured. */
void smtp_server_tls_ready(struct smtp_server *s, bool ready);
bool smtp_server_handshaking(const struct smtp_server *s);
/* why NULL: everything from here on is encrypted, and c->tls says how. Else it failed: the session ends without a word. */
void smtp_server_secured(struct smtp_server *s, const struct why *why);
/* The peer closed, or the deadline passed: runs PH_NOTQUIT, then is over. Cancel
 * a question of a phase first: its answer is no longer waited for. A message
 * being kept is waited for: the session is over after smtp_server_kept. A call of
 * timeout before the deadline does nothing. */
void smtp_server_lost(struct smtp_server *s);
void smtp_server_timeout(struct smtp_server *s);
/* 421 and the end: now if idle, else at the end of the transaction (old generation). */
void smtp_server_shutdown(struct smtp_server *s, struct str text);
/* The same when the engine ends: a handshake, under way or about to begin, is not waited for. There is no
 * mail of it, and the client can be told nothing. */
void smtp_server_leave(struct smtp_server *s, struct str text);

/* Replies to send. The caller drains it after each call above, also while a
 * question is open (a delay flushes first), and gives the memory back
 * (buf_free) when it is empty, so that an idle session stays small. */
struct buf *smtp_server_output(struct smtp_server *s);
/* Milliseconds on clock_mono_ms when smtp_server_timeout is due; 0: none (a question is open). */
int64_t smtp_server_deadline(const struct smtp_server *s);
bool smtp_server_over(const struct smtp_server *s);         /* send output, then close */
bool smtp_server_waiting(const struct smtp_server *s);      /* a question is open */
bool smtp_server_deciding(const struct smtp_server *s);     /* ... of what becomes of a message that is all here */
struct txn *smtp_server_txn(struct smtp_server *s);         /* NULL: none */
/* Bytes the caller has read and not yet offered, to be told before an answer: the
 * sync check needs to know that the client spoke before it was its turn
 * (smtp_enforce_sync): before the banner, or before the reply to the last command
 * of a group. Forgotten at the next smtp_server_input. */
void smtp_server_pending(struct smtp_server *s, size_t unread);

#endif
