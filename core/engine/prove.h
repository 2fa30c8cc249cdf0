/*
 * prove - a message's signatures while it comes in, and the dkim ACL about them
 *
 * Begun when the header is known: the keys are asked for while the body comes,
 * and the body is hashed as it passes. The question of the phase dkim waits for the
 * keys, judges, asks the ACL once for each signature of each signer of
 * dkim_verify_signers (F14), and is answered with the first verdict that is not yes.
 * What was found is t->proof, which the transaction lets go.
 */
#ifndef ENGINE_PROVE_H
#define ENGINE_PROVE_H

#include "engine/parts.h"

struct sig_rules;

/* Whether a word of dkim_verify_hashes, _keytypes or _min_keysizes is one. */
enum status prove_check(struct str option, struct str word, struct why *why);

/* With t's header known, before anything changes it. Fields that claim to be our own Authentication-Results are taken
 * off it (R4.8); signatures are judged over what came. */
struct prove *prove_begin(struct engine *e, struct settings *set, struct txn *t);
void prove_body(struct prove *p, struct str bytes);
/* The body is whole. done may run inside the call. */
void prove_ask(struct prove *p, acl_done *done, void *ctx);
void prove_quiet(struct prove *p);      /* nobody waits for the answer any more */

#endif
