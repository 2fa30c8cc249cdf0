/*
 * stapler - keeps the proofs of our certificates fresh (tls_ocsp_fetch)
 *
 * Each pair of a certificate's and a proof's file that is in use is looked at
 * now and then. When half of a proof's time is over (or it is missing, damaged, of another
 * certificate) a new one is asked for, a little earlier or later at random; a
 * responder that does not answer is asked less and less often. Of several
 * workers the first gets it, and the others find it there.
 */
#ifndef ENGINE_STAPLER_H
#define ENGINE_STAPLER_H

#include "base/buf.h"
#include "dns/dns.h"
#include "tls/context.h"

struct stapler;

struct stapler *stapler_new(struct loop *l);
void stapler_free(struct stapler *k);

/* Whether proofs are asked for, and by whose DNS. Off: what was known is forgotten. */
void stapler_switch(struct stapler *k, struct dns *d, bool on);
/* These are in use: a proof for each certificate, in the same order, else none is asked for. Cheap for what is
 * known; changed: a file of theirs was read anew. */
void stapler_saw(struct stapler *k, struct tls_list certificates, struct tls_list proofs, bool changed);
/* Fetching now, for specs. */
size_t stapler_busy(const struct stapler *k);

#endif
