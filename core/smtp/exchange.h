/*
 * exchange - one message from a client to its peer
 *
 * Commands out, replies in, an outcome for each recipient; as many
 * transactions as the recipients need. It knows nothing of the connection but
 * what the peer offered in its answer to EHLO.
 */
#ifndef SMTP_EXCHANGE_H
#define SMTP_EXCHANGE_H

#include "smtp/client.h"
#include "smtp/wire.h"

struct offer {                  /* what the peer offers, and we use */
    bool pipelining, eightbit, utf8, size, ignore_quota, auth, starttls;
    bool authenticated;         /* we have */
    uint64_t size_max;          /* 0: it names none */
};

enum exchange_stage { X_COMMANDS, X_BODY, X_FINAL };
enum exchange_end {
    X_GO_ON,
    X_DONE,                     /* every recipient is settled, the connection is usable */
    X_BROKEN                    /* every recipient is settled, the connection is not usable: see why */
};

struct exchange {
    struct client_message *m;
    const struct smtp_client_config *config;
    const struct offer *offer;
    enum exchange_stage stage;
    bool need_rset;             /* a transaction was left open; outlives the message */
    bool open;                  /* ... by a probe, and it may go on; likewise */
    bool starved;               /* the body's next bytes are not there yet */

    /* The transaction: [RSET] MAIL RCPT... DATA are numbered 0, 1, ... */
    bool rset;
    uint32_t *pick;             /* its recipients, as places in m->rcpts */
    bool *taken;                /* which were accepted */
    uint32_t picked, accepted;  /* LMTP: accepted and not yet answered */
    uint32_t sent, answered;    /* commands */
    bool mail_refused;
    bool dot_only;              /* DATA was taken for no recipient: the dot is due */
    uint32_t final;             /* LMTP: the place in pick whose answer is next */
    bool body_begun;            /* m->read was called since the last rewind */
    struct wire wire;
    struct why why;             /* X_BROKEN */
    bool host_error;
};

/* A peer's text for logs and bounces: printable ASCII, bounded. */
struct str exchange_printable(struct arena *a, struct str s);
/* X_DONE: it was refused here (size, line length, addresses) before a byte was sent. */
enum exchange_end exchange_begin(struct exchange *x, struct client_message *m);
/* Writes what may be sent now, until out holds a piece. */
enum exchange_end exchange_pump(struct exchange *x, struct buf *out);
/* How many replies are due. */
uint32_t exchange_due(const struct exchange *x);
/* The next reply; also one that was not due (it ends the exchange). */
enum exchange_end exchange_reply(struct exchange *x, const struct reply *r);
/* What is not settled is settled with text. */
void exchange_settle(struct exchange *x, enum client_outcome how, int code, struct str text);
/* "MAIL FROM:<a@b>", "end of data": what the peer was to answer. */
struct str exchange_command(const struct exchange *x, struct arena *a);

#endif
