/*
 * client - the sending end of SMTP and LMTP, bytes in, bytes out
 *
 * One client is one connection; it carries several messages one after the
 * other. It owns no socket; the engine (engine/deliver.c) connects, feeds input,
 * sends output and keeps the deadline. Every recipient has its own outcome. The
 * wire encoder dot-stuffs and writes only CRLF, whatever the source of content
 * (R4.6).
 *
 * A peer's replies are hostile: one that comes before it was asked for ends the
 * connection, so that no answer is ever taken for another command's; likewise
 * whatever comes in clear behind the answer to STARTTLS (R3.4). A recipient is CLIENT_OK only after the answer to its final dot.
 *
 * Callbacks run inside the calls that cause them and may call back into the
 * client, smtp_client_free included.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "smtp/reply.h"

struct smtp_client;

struct smtp_client_config {
    struct str helo;                /* helo_data */
    bool lmtp;
    bool avoid_esmtp, avoid_pipelining;
    int64_t greeting_ms, command_ms, data_ms, final_ms;     /* deadlines: command_timeout, data_timeout, final_timeout; 0: 5, 5, 5, 10 minutes */
    uint32_t max_rcpt;              /* per transaction; 0: 100 */
    int32_t size_addition;          /* size_addition; negative: no SIZE= */
    uint32_t line_max;              /* message_linelength_limit; 0: none */
    bool ignore_quota;              /* LMTP: IGNOREQUOTA on RCPT if offered */
};

enum client_outcome { CLIENT_OK, CLIENT_AGAIN, CLIENT_NEVER };
struct client_rcpt {
    struct str addr;                /* local@domain */
    /* filled in */
    enum client_outcome outcome;
    bool settled;                   /* outcome is known */
    bool by_rcpt;                   /* from the answer to its RCPT (or its LMTP answer after the dot) */
    struct str text;                /* one line for the log and the bounce, in the message's arena */
    int code;
};

struct client_message {
    struct arena *arena;            /* the attempt's */
    /* MAIL and RCPT only: what the peer says to them is what is wanted, and each
     * recipient's text is its answer as it came. The transaction stays open. */
    bool probe;
    /* The transaction that a probe left open goes on: without MAIL, and, if this is
     * no probe, without RCPT: its recipients are those the peer has taken. */
    bool resume;
    struct str sender;
    struct str auth_sender;         /* AUTH= of MAIL, where the peer offers AUTH; p NULL: none */
    bool auth_force;                /* ... though we have not authenticated */
    struct client_rcpt *rcpts;
    size_t n;
    bool body_8bit;
    uint64_t size;                  /* of the content */
    uint32_t max_line;              /* its longest line without CRLF: checked before anything is sent */
    struct str header;              /* final header section, CRLF lines, without the empty line */
    /* Next body bytes, CRLF lines, not stuffed: >0 bytes, 0 end, -1 error (errno);
     * EAGAIN: none yet, smtp_client_drained when there are.
     * A message with more recipients than max_rcpt is read once a transaction: rewind. */
    ssize_t (*read)(void *ctx, char *p, size_t n);
    bool (*rewind)(void *ctx);      /* back to the first byte; NULL: only one transaction is made */
    void *ctx;
    /* filled in */
    int mail_code;                  /* MAIL was refused with it; 0: it was not */
    struct str refusal;             /* the last refusal, as it came */
    struct str confirmation;        /* the answer to the final dot, for C= and msg:delivery */
};

enum client_state {
    CLIENT_CONNECTING,              /* banner and EHLO are not done */
    CLIENT_READY,                   /* a message may be sent */
    CLIENT_BUSY,
    CLIENT_CLOSED                   /* over, see why */
};

struct smtp_client_ops {
    /* Before-events (design 4.5): the banner came (event smtp:connect; text is
     * the whole reply, "220 mx.example ESMTP"), the
     * EHLO answer came. Continue with smtp_client_go or give up with smtp_client_quit. */
    void (*banner)(void *ctx, struct str text);
    void (*ready)(void *ctx);
    /* The message is done: every recipient is settled. The client is READY or CLOSED. */
    void (*sent)(void *ctx, struct client_message *m);
    /* Over before or while sending: unsettled recipients of a message under way
     * are CLIENT_AGAIN with the reason, sent() has been called for it. host_error:
     * the failure says something about the host, not about a message. What stands
     * in output (a QUIT) may still be sent. Not called after smtp_client_quit. */
    void (*closed)(void *ctx, const struct why *why, bool host_error);
    /* A whole answer to a line of AUTH: "334 dGVzdA==". Goes on with smtp_client_auth_say or _over. */
    void (*auth)(void *ctx, struct str reply);
    /* The answer to STARTTLS. 220: the handshake may begin, and smtp_client_again follows it; nothing is
     * said and nothing may be heard meanwhile. Other codes: the client is READY as before. */
    void (*starttls)(void *ctx, int code, struct str reply);
};

struct smtp_client *smtp_client_new(const struct smtp_client_config *c, const struct smtp_client_ops *ops, void *ctx);
void smtp_client_free(struct smtp_client *c);
void smtp_client_go(struct smtp_client *c);                 /* after banner */
/* In ready(): the answer to EHLO without its codes, lines joined by LF; empty after HELO. */
struct str smtp_client_hello(const struct smtp_client *c);
/* What EHLO offered: "PLAIN LOGIN"; empty: no AUTH. */
struct str smtp_client_auth(const struct smtp_client *c);
/* READY, in clear: STARTTLS if the peer offers it (RFC 3207). */
bool smtp_client_offers_tls(const struct smtp_client *c);
void smtp_client_starttls(struct smtp_client *c);
/* The connection is another from here on: secured (after 220 to STARTTLS), or in clear again (READY).
 * What the peer has offered is forgotten, and who we are to it; EHLO is said once more and ready() follows. */
void smtp_client_again(struct smtp_client *c);
/* READY, or during AUTH: the next line of it, without CRLF. Not READY until it is over. */
void smtp_client_auth_say(struct smtp_client *c, struct str line);
void smtp_client_auth_over(struct smtp_client *c, bool authenticated);
/* Other deadlines from here on: 0 as in the config. */
void smtp_client_pace(struct smtp_client *c, int64_t command_ms, int64_t data_ms, int64_t final_ms);
/* READY only; m and its arena live until sent. sent() may be called before this returns. */
void smtp_client_send(struct smtp_client *c, struct client_message *m);
/* Puts QUIT out if that is possible now; CLOSED. A message under way is CLIENT_AGAIN. Send output, then close. */
void smtp_client_quit(struct smtp_client *c);
/* Returns how many bytes were taken; half a reply is not, and is offered again with what follows. */
size_t smtp_client_input(struct smtp_client *c, struct str bytes);
void smtp_client_eof(struct smtp_client *c, const struct why *why);
void smtp_client_timeout(struct smtp_client *c);
struct buf *smtp_client_output(struct smtp_client *c);
void smtp_client_drained(struct smtp_client *c);            /* output went out: more body may follow */
int64_t smtp_client_deadline(const struct smtp_client *c);  /* clock_mono_ms; 0: none */
enum client_state smtp_client_state(const struct smtp_client *c);
unsigned smtp_client_messages(const struct smtp_client *c); /* for which sent() was called */
/* The answer to the banner, EHLO or HELO that ended it: its code, what was asked, its text (printable).
 * 0: nothing of the kind. The text lives as long as the client. */
int smtp_client_refused(const struct smtp_client *c, struct str *asked, struct str *answer);
/* The order of its beginning, a letter a step: e EHLO, h HELO, l LHLO, s TLS, a AUTH. */
const char *smtp_client_start(const struct smtp_client *c);
bool smtp_client_pipelining(const struct smtp_client *c);   /* offered and used */
bool smtp_client_open(const struct smtp_client *c);         /* a probe left its transaction open, with recipients */

#endif
