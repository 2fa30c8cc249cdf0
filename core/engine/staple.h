/*
 * staple - gets a proof for one of our certificates from its issuer
 *
 * One attempt: the certificate's responder is asked (F01), its answer judged
 * as core/tls judges it before sending it, written beside and renamed. On any failure
 * the proof that was there stays.
 */
#ifndef ENGINE_STAPLE_H
#define ENGINE_STAPLE_H

#include "dns/dns.h"
#include "net/loop.h"

struct staple_want {
    struct str certificate;     /* path: PEM, ours first, its issuers behind it */
    struct str issuer;          /* path of the issuer's, if it is not there; may be empty */
    struct str url;             /* of the responder; empty: the certificate names it */
    struct str proof;           /* path to write; DER, or PEM if it ends in .pem */
    int64_t ms;                 /* for everything; 0: 60 s */
};

struct staple_end {
    enum status st;             /* ST_OK: written. ST_AGAIN: not to be had now. ST_NEVER: what is there is of no use. */
    struct why why;
    struct str url;             /* who was asked; empty: it did not come to that */
    bool busy;                  /* ST_AGAIN: another process is at it now */
    int64_t made, until;        /* of the new proof; until: or of its signer, if that ends earlier */
};
typedef void staple_fn(void *ctx, const struct staple_end *end);

struct staple;
/* Texts are copied. fn runs once, perhaps before this returns (NULL then), and not after staple_cancel. */
struct staple *staple_fetch(struct loop *l, struct dns *d, const struct staple_want *w, staple_fn *fn, void *ctx);
void staple_cancel(struct staple *k);

/* When the proof that is there, if it is a good one, was valid from and is until. */
enum status staple_dates(struct str certificate, struct str proof, int64_t *from, int64_t *until, struct why *why);

#endif
