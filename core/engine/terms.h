/*
 * terms - on what terms a client gets TLS: the tls_ options, evaluated for it
 *
 * Twice, if need be: before the handshake, and when the client has said what
 * server it wants (TLSC-04). Only functions cost anything, and only those that
 * can matter then are asked again; nil means "as before".
 */
#ifndef ENGINE_TERMS_H
#define ENGINE_TERMS_H

#include "engine/session.h"
#include "tls/tls.h"

enum term {
    TERM_CERTIFICATE, TERM_KEY, TERM_PROOF, TERM_CRL, TERM_CA,     /* asked again when the name is known */
    TERM_CIPHERS, TERM_CURVES, TERM_DH, TERM_ALPN,
    TERM_VERIFY, TERM_TRY_VERIFY, TERM_RESUME, TERM_REQUIRE_ALPN,   /* lists of hosts */
    TERM_COUNT
};

struct terms {
    struct session *s;
    struct arena arena;
    struct txn *t;              /* what the evaluations read */
    struct eval *eval;
    struct val v[TERM_COUNT];
    struct why why;             /* text not empty: an option could not be evaluated */
    uint8_t step;
    bool named;                 /* the second time */
    void (*done)(struct session *s, bool late);
};

/* Whether TLS is set up at all here. */
bool terms_offered(const struct settings *set);
/* done is called once, here (late: false) or later; then why says whether it went well. */
void terms_ask(struct terms *x, struct session *s, void (*done)(struct session *s, bool late));
/* Whether anything depends on the name the client has asked for; then as terms_ask. */
bool terms_named(const struct terms *x);
void terms_ask_again(struct terms *x, void (*done)(struct session *s, bool late));
void terms_free(struct terms *x);       /* the question is withdrawn */

/* What core/tls wants to know; lives as long as x. */
void terms_config(struct terms *x, struct tls_config *c);
void terms_how(const struct terms *x, struct tls_how *how);

#endif
