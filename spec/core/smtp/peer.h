/*
 * peer - a client and an engine for one SMTP session, in a few lines
 *
 * The specs and the fuzz target drive a session through it. Every question is
 * answered from a table, inside the call or after it (late); what the server
 * says, what it notes and what it keeps are collected.
 */
#ifndef SPEC_PEER_H
#define SPEC_PEER_H

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "smtp/server.h"

struct peer {
    struct conn c;
    struct smtp_config cfg;
    struct smtp_server *s;
    struct verdict verdicts[PH_COUNT];
    struct verdict by_address[4];       /* for rcpt: r0@... r3@... */
    bool use_address;
    bool late;                  /* answers come after the call */
    int open;                   /* the phase waiting for a late answer; PH_COUNT: keep; -1 */
    struct txn *open_txn;
    enum status begin, body, keep;
    bool no_tls;                /* STARTTLS cannot be had */
    enum { SHAKE_YES, SHAKE_NO, SHAKE_WAIT } shake;
    struct buf said, notes, asked, content, kept;
    unsigned begins, drops, keeps;
    struct txn *live;           /* begun and not yet dropped or kept */
    void (*on_ask)(struct peer *p, enum phase ph, struct txn *t);
    void (*on_keep)(struct peer *p, struct txn *t);
};

static inline void peer_answer(struct peer *p, enum phase ph, struct txn *t)
{
    struct verdict v = p->verdicts[ph];

    if (ph == PH_RCPT && p->use_address && t->addr->local_part.n == 2)
        v = p->by_address[(t->addr->local_part.p[1] - '0') & 3];
    smtp_server_answer(p->s, &v);
}

static inline void peer_keep(struct peer *p)
{
    struct why why = { 0 };

    if (p->keep != ST_OK)
        why_set(&why, p->keep, "disk on fire");
    else
        p->live = NULL;
    smtp_server_kept(p->s, p->keep, &why);
}

static inline void peer_ask(void *ctx, enum phase ph, struct txn *t)
{
    struct peer *p = ctx;

    buf_addf(&p->asked, "%s ", phase_name(ph));
    if (p->on_ask)
        p->on_ask(p, ph, t);
    if (p->late) {
        p->open = (int)ph;
        p->open_txn = t;
    } else {
        peer_answer(p, ph, t);
    }
}

static inline enum status peer_begin(void *ctx, struct txn *t, struct why *why)
{
    struct peer *p = ctx;

    if (p->begin != ST_OK)
        return why_set(why, p->begin, "no room");
    p->begins++;
    p->live = t;
    buf_clear(&p->content);
    snprintf(t->id.s, sizeof t->id.s, "1xUQe2-0100AB-15");
    return ST_OK;
}

static inline enum status peer_body(void *ctx, struct txn *t, struct str bytes, struct why *why)
{
    struct peer *p = ctx;

    if (t != p->live)
        die("body bytes without a draft");
    if (p->body != ST_OK)
        return why_set(why, p->body, "disk full");
    buf_add(&p->content, bytes);
    return ST_OK;
}

static inline void peer_kept(void *ctx, struct txn *t)
{
    struct peer *p = ctx;

    p->keeps++;
    buf_clear(&p->kept);
    buf_add(&p->kept, t->header_text);
    buf_add(&p->kept, STR("|"));
    buf_add(&p->kept, buf_str(&p->content));
    if (p->on_keep)
        p->on_keep(p, t);
    if (p->late)
        p->open = PH_COUNT;
    else
        peer_keep(p);
}

static inline void peer_drop(void *ctx, struct txn *t)
{
    struct peer *p = ctx;

    if (t != p->live)
        die("drop of a transaction that was not begun");
    p->live = NULL;
    p->drops++;
}

static inline void peer_note(void *ctx, enum smtp_note note, const struct txn *t, struct str text, struct str reply)
{
    struct peer *p = ctx;

    (void)t;
    buf_addf(&p->notes, "%d %.*s [%.*s]\n", (int)note, STR_ARG(text), STR_ARG(reply));
}

enum { PEER_TLS = PH_COUNT + 1 };

static inline void peer_starttls(void *ctx)
{
    struct peer *p = ctx;

    if (p->late)
        p->open = PEER_TLS;
    else
        smtp_server_tls_ready(p->s, !p->no_tls);
}

static inline void peer_secured(struct peer *p)
{
    struct why why;

    why_set(&why, ST_AGAIN, "(SSL_accept): bad handshake");
    if (p->shake == SHAKE_YES)
        p->c.tls.version = STR("TLS1.3");
    smtp_server_secured(p->s, p->shake == SHAKE_YES ? NULL : &why);
}

static const struct smtp_server_ops peer_ops = {
    .ask = peer_ask, .begin = peer_begin, .body = peer_body, .keep = peer_kept, .drop = peer_drop, .note = peer_note,
    .starttls = peer_starttls,
};

static inline void peer_init(struct peer *p)
{
    *p = (struct peer){ .open = -1 };
    conn_init(&p->c);
    ip_parse(STR("192.0.2.7"), &p->c.client_ip);
    p->cfg = (struct smtp_config){
        .limits = smtp_limits_default, .enforce_sync = true, .offer_8bitmime = true, .offer_pipelining = true,
        .offer_size = true, .require_helo = true, .banner = STR_INIT("mx.example ESMTP"), .hostname = STR_INIT("mx.example"),
    };
}

static inline void peer_collect(struct peer *p)
{
    struct buf *out = smtp_server_output(p->s);

    buf_add(&p->said, buf_str(out));
    buf_free(out);
}

/* Gives the answers that are due, until nothing is open. */
static inline void peer_settle(struct peer *p)
{
    while (p->open >= 0 || (p->shake != SHAKE_WAIT && smtp_server_handshaking(p->s) && !smtp_server_waiting(p->s))) {
        int ph = p->open;

        p->open = -1;
        if (ph < 0)
            peer_secured(p);
        else if (ph == PH_COUNT)
            peer_keep(p);
        else if (ph == PEER_TLS)
            smtp_server_tls_ready(p->s, !p->no_tls);
        else
            peer_answer(p, (enum phase)ph, p->open_txn);
    }
    peer_collect(p);
}

static inline void peer_start(struct peer *p)
{
    p->s = smtp_server_new(&p->c, &p->cfg, &peer_ops, p);
    smtp_server_start(p->s);
    peer_settle(p);
}

/* Offers bytes as a socket would: what was not taken is offered again. */
static inline void peer_send(struct peer *p, struct str bytes)
{
    while (bytes.n > 0) {
        /* A copy of exactly this size, so that a read beyond it is seen. */
        char *copy = malloc(bytes.n);
        size_t n;

        memcpy(copy, bytes.p, bytes.n);
        n = smtp_server_input(p->s, (struct str){ copy, bytes.n });
        free(copy);
        bytes = str_from(bytes, n);
        peer_settle(p);
    }
}

static inline void peer_say(struct peer *p, const char *text)
{
    peer_send(p, str_of(text));
}

static inline void peer_free(struct peer *p)
{
    smtp_server_free(p->s);
    conn_free(&p->c);
    buf_free(&p->said);
    buf_free(&p->notes);
    buf_free(&p->asked);
    buf_free(&p->content);
    buf_free(&p->kept);
}

#endif
