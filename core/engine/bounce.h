/*
 * bounce - the text of reports about mail that cannot, or cannot yet, be delivered
 *
 * RFC 3464 inside RFC 6522: a part for people, a part for programs, and the
 * message or its header. Text only; keeping it is keep.c's work, and deciding
 * who gets one is settle.c's (R3.11).
 */
#ifndef ENGINE_BOUNCE_H
#define ENGINE_BOUNCE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "engine/template.h"

struct bounce_rcpt {
    struct str addr;            /* as it came to us */
    struct str child;           /* what it was redirected to; empty: itself */
    struct str orcpt;
    struct str error;           /* one line */
    struct str output;          /* what a program printed; may be empty */
    struct str host;            /* remote host's name, empty if none was involved */
};

struct bounce {
    struct str hostname;        /* primary_hostname */
    struct str from;            /* dsn_from */
    struct str to;
    struct str reply_to;        /* errors_reply_to */
    struct str text;            /* bounce_message_text */
    const struct template *words;   /* the site's own; NULL: none */
    struct str id;              /* of the message it is about */
    struct str own_id;          /* of the report: makes its Message-ID and boundary */
    struct str message_id;      /* Message-ID of the message it is about, with <> */
    struct str envid;
    int64_t arrived, now;       /* wall seconds */
    int64_t delayed;            /* a warning: how long it has been waiting, seconds; 0: a failure */
    const struct bounce_rcpt *rcpts;
    size_t n;
    /* what is returned */
    bool return_message, return_body;
    uint64_t size_limit;        /* 0: none */
    uint64_t line_limit;        /* longest line that may be returned; 0: any */
    struct str header;          /* wire form */
    uint64_t body_size, max_line;
    ssize_t (*read)(void *ctx, uint64_t offset, char *p, size_t n);
    void *ctx;
};

/* Wire form: the header section without its empty line, and the body. */
void bounce_write(const struct bounce *b, struct buf *header, struct buf *body);

/* "5.1.1" out of "... 550 5.1.1 no such user"; else the class's general code. */
struct str bounce_status(struct arena *a, struct str error, bool delayed);

#endif
