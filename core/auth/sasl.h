/*
 * sasl - mechanisms of RFC 4422, by libgsasl, as bytes in and bytes out
 *
 * Nothing here waits and nothing here decides: who may log in is known before a step
 * that needs it. So a server asks sasl_identity who a response claims to be, finds out
 * what it needs to know of that user, sets it, and only then takes the step.
 */
#ifndef AUTH_SASL_H
#define AUTH_SASL_H

#include "base/arena.h"
#include "base/why.h"

struct sasl;

enum sasl_side { SASL_SERVER, SASL_CLIENT };
enum sasl_fact {                /* what a side knows */
    SASL_AUTHID,                /* the user */
    SASL_AUTHZID,               /* whom they want to be */
    SASL_PASSWORD,
    SASL_SCRAM_ITER, SASL_SCRAM_SALT,           /* a decimal number; base64 */
    SASL_SCRAM_SERVERKEY, SASL_SCRAM_STOREDKEY, /* base64: instead of the password */
    SASL_SCRAM_SALTED,          /* hex: instead of the password, client side too */
    SASL_HOSTNAME, SASL_SERVICE, SASL_REALM,
    SASL_FACTS
};
enum sasl_end {
    SASL_MORE,                  /* send out, take the answer to the next step */
    SASL_DONE,                  /* the other side is who they say; out may hold a last word */
    SASL_REFUSED,               /* they are not */
    SASL_GARBLED                /* what they sent is none of the mechanism */
};

/* The TLS connection an exchange can be bound to: bytes of tls-exporter and tls-unique, empty where it has none. */
struct sasl_channel { struct str exporter, unique; };

/* Is the mechanism one of ours? CRAM-MD5, SCRAM-SHA-1, SCRAM-SHA-256, those two with -PLUS, and for clients
 * PLAIN, LOGIN, EXTERNAL. DIGEST-MD5, NTLM and the like are not offered: they are broken. */
bool sasl_knows(struct str mechanism, enum sasl_side side);
/* -PLUS needs a channel. A server that has one without -PLUS offers -PLUS as well: a client that could have
 * bound the exchange and says it was not offered (RFC 5802 6) had somebody in between, and is refused. */
enum status sasl_new(struct str mechanism, enum sasl_side side, const struct sasl_channel *channel, struct sasl **out, struct why *why);
void sasl_free(struct sasl *s);
void sasl_set(struct sasl *s, enum sasl_fact fact, struct str value);
/* Whom the response about to be given to sasl_step claims to be, in a; empty if it does
 * not say (a later step of SCRAM). False: it is none of the mechanism. */
bool sasl_identity(struct sasl *s, struct arena *a, struct str response, struct str *authid, struct str *authzid);
/* in p NULL: the other side has said nothing yet. out is in a. */
enum sasl_end sasl_step(struct sasl *s, struct str in, struct arena *a, struct str *out);

#endif
