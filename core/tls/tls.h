/*
 * tls - puts TLS into a stream, and takes it out again
 *
 * A struct tls belongs to its stream and goes with it; after tls_end it stays,
 * passing bytes through, until the stream is closed or tls_start puts another
 * in. The owner of the stream must not close it inside ops->hello and
 * ops->cert, and may in ops->over. From tls_start to over no input is called
 * and what is written waits. A deadline for the handshake is the owner's: it
 * closes the stream. TLS 1.2 and up, no renegotiation, no compression, no early
 * data (R6.1).
 */
#ifndef TLS_TLS_H
#define TLS_TLS_H

#include "base/arena.h"
#include "base/why.h"
#include "net/stream.h"
#include "tls/cert.h"
#include "tls/context.h"
#include "tls/ocsp.h"

struct tls;

enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_TRY, TLS_VERIFY_REQUIRE };
enum tls_staple { TLS_STAPLE_LEAVE, TLS_STAPLE_REQUEST, TLS_STAPLE_REQUIRE };

/* A TLSA record: the octets of RFC 6698 2.1. */
struct tls_tlsa {
    unsigned char usage, selector, matching;
    struct str data;
};

/* How one connection is made. Texts and records are copied. */
struct tls_how {
    bool server;
    enum tls_verify verify;         /* server: ask for a certificate (TRY), require one (REQUIRE). Client: TRY goes on unverified */
    bool alpn_required;             /* none agreed on: it fails */
    bool resume;                    /* server: sends tickets and takes them; client: keeps a session for tls_session */
    /* client */
    struct str sni;                 /* empty: none sent */
    const struct str *names;        /* the certificate must be for one of them, as A-labels; none: not compared */
    size_t names_n;
    struct str dane_base;           /* not empty: DANE with tlsa, verify is REQUIRE, names and CA count for usage 2 as RFC 7672 says */
    const struct tls_tlsa *tlsa;
    size_t tlsa_n;
    enum tls_staple staple;
    struct str session;             /* from tls_session; one that cannot be used is passed over */
};

/* All but over may be NULL. */
struct tls_ops {
    /* Server: the client named a host. Answer by tls_choose, here or later; NULL: no need to choose. */
    void (*hello)(void *ctx, struct str sni);
    /* Each certificate of the chain, the last (highest depth) first; 0 is the peer's own. Answer
     * by tls_cert_answer, here or later. Not called in a resumed session. The handshake's bytes may
     * have passed already; no byte of the application has. */
    void (*cert)(void *ctx, int depth, struct tls_cert *cert);
    /* For the main log: what is wrong with a certificate, whether or not it must verify, and with what
     * is read later ("SSL verify error: depth=0 error=...", "(SSL_read): ..."). Only listens. */
    void (*note)(void *ctx, struct str text);
    /* Done (why->text empty) or failed: "(SSL_accept): ..." as Exim logs behind "TLS error on
     * connection from ..." and "TLS session: ". After a failure the stream says nothing more: close it. */
    void (*over)(void *ctx, const struct why *why);
};

/* Puts TLS into s. No callback runs inside; the loop begins. Nobody may have
 * left bytes in s (R3.4: stream_unread is 0). The context is counted up. */
struct tls *tls_start(struct stream *s, struct tls_context *c, const struct tls_how *how, const struct tls_ops *ops, void *ctx);
/* The answer to hello: go on with this context, or with NULL as before. */
void tls_choose(struct tls *t, struct tls_context *c);
/* No TLS for this client: the handshake fails with an alert, and why says it in over. */
void tls_refuse(struct tls *t, struct str reason);
/* ok false: the certificate is not verified; where that was required the handshake fails. */
void tls_cert_answer(struct tls *t, bool ok);

/* Server: the host the client named, once its hello was read; empty: none. It lives as long as t. */
struct str tls_host_named(const struct tls *t);

/* Says close-notify and goes on in clear: what is written from here is clear, what is read is
 * clear once the other side has said close-notify too. Nothing may be queued. False: it could not be
 * said; close the stream. */
bool tls_end(struct tls *t);
/* Whether s talks under TLS now. */
struct tls *tls_of(const struct stream *s);

struct tls_facts {
    struct str version;             /* "TLS1.3" */
    struct str cipher;              /* Exim's: "TLS1.3:TLS_AES_256_GCM_SHA384:256" */
    struct str cipher_std;          /* "TLS_AES_256_GCM_SHA384" */
    int bits;
    bool verified;                  /* the peer's certificate; a resumed session: as it was found then */
    bool dane;                      /* by TLSA */
    unsigned tlsa_usage;            /* a bit for each usage among the usable records; 0: no DANE */
    struct str sni, alpn;
    enum tls_staple_state ocsp;     /* server: 0 not asked, 1 asked and none sent, 4 sent */
    unsigned resumption;            /* 1 supported, 2 ticket asked for, 4 session offered, 8 ticket issued, 16 resumed */
    struct tls_cert *ourcert;       /* the connection's: hold what is kept */
    struct tls_cert *peercert;
    struct str peerdn;              /* empty: the peer showed no certificate */
};
/* After over: valid until the stream is closed. ticket bits of a client may still come. */
const struct tls_facts *tls_facts(struct tls *t);

/* What to store for another connection to the same place, in a; empty: nothing (yet). TLS 1.3
 * brings it with the first bytes after the handshake. */
struct str tls_session(struct arena *a, struct tls *t);
/* Until when (seconds since 1970) such bytes are of use; 0: they are none of ours. */
int64_t tls_session_until(struct str session);

/* The usages of records that SMTP can use (RFC 7672 3.1: 2 and 3), a bit each; 0: none is usable. */
unsigned tls_tlsa_usable(const struct tls_tlsa *records, size_t n);

/* Channel bindings (RFC 5929, RFC 9266): "tls-unique" (1.2), "tls-exporter" (1.3),
 * "tls-server-end-point". False: this connection has none of that kind. */
bool tls_binding(struct arena *a, struct tls *t, struct str kind, struct str *out);

#endif
