/*
 * tlslook - what a delivery to one host would negotiate
 *
 * The host's TLSA records, a connection as a delivery would make it, and two
 * more that ask for everything and require nothing: what the certificate is
 * worth, and whether a session is resumed. No message is sent.
 */
#ifndef ENGINE_TLSLOOK_H
#define ENGINE_TLSLOOK_H

#include "engine/engine.h"
#include "mail/txn.h"
#include "tls/tls.h"

enum tlslook_verdict { LOOK_UNUSED, LOOK_UNSEEN, LOOK_CLEAR, LOOK_UNVERIFIED, LOOK_VERIFIED, LOOK_DANE };

struct tlslook_cert { struct str subject, issuer, until; };

struct tlslook {
    struct at_host host;            /* tls: of the look that requires nothing */
    struct str transport;
    struct str dane;                /* why the records do not count or forbid the host: empty: they were found, or nobody asked */
    const struct tls_tlsa *tlsa;
    size_t tlsa_n;
    bool sought;                    /* they were asked for */
    struct str tlsa_base;           /* whose they are: the host's name, or what that is an alias of; empty: there are none */
    bool offered;                   /* STARTTLS, or TLS is from the first byte */
    struct str failure;             /* of the connection a delivery would make; empty: it was made */
    struct tlslook_cert *chain;     /* the host's own first */
    size_t chain_n;
    bool looked;                    /* chain and host.tls are there */
    bool name_fits;
    struct str unverified;          /* why the chain or the name is not verified */
    bool resumed, tried_resuming;
    enum tlslook_verdict verdict;
    struct str words;
};

struct tlslook_run;
typedef void tlslook_done(void *ctx, const struct tlslook *found);     /* valid in the call only */

struct tlslook_want {
    struct engine *e;
    const struct txn *t;            /* what options read */
    const struct at_address *at;    /* its transport is the one */
    const struct host *host;
};

/* done may run before this returns: NULL then. */
struct tlslook_run *tlslook_start(const struct tlslook_want *w, tlslook_done *done, void *ctx);
void tlslook_cancel(struct tlslook_run *r);

#endif
