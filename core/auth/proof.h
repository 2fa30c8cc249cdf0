/*
 * proof - what is known of who vouches for a message
 *
 * Made when the header is known, fed with the body, judged when the keys are
 * there; it hangs off the transaction and goes with it. Rules change what was
 * found (dkim_verify_status); what they said stands beside it.
 */
#ifndef AUTH_PROOF_H
#define AUTH_PROOF_H

#include "auth/arc.h"

/* One run of the dkim ACL: a signer, and a signature of that signer if there is one. */
struct proof_run {
    struct str signer;
    size_t signature;           /* index in dkim.v; SIZE_MAX: none */
    struct str status, reason;  /* as they stand now; reason may be empty */
};

struct proof {
    struct arena arena;
    struct keys *keys;          /* not owned */
    struct bodyhash *hashes;
    struct dkim dkim;
    struct arc arc;             /* judged when somebody asks for it */
    struct str *signers; size_t nsigners;       /* all of the message */
    struct str *wanted; size_t nwanted;         /* dkim_verify_signers */
    struct proof_run *runs; size_t nruns;       /* those that were; the last may be running */
    struct proof_run *run;      /* the one under way; NULL: none */
    struct proof_override { struct str status, reason; } *overrides;    /* by signature; p NULL: as it was found */
};

struct proof *proof_new(struct keys *keys, const struct header *h, const struct sig_rules *r);
void proof_free(void *proof);

/* The signatures are judged: who signed is known. */
void proof_judge(struct proof *p);
/* The runs that these signers ask for; each signer once. NULL: all that signed. */
void proof_plan(struct proof *p, const struct str *signers, size_t n);
/* What a rule says of the run under way. */
void proof_override(struct proof *p, struct str status, struct str reason);

/* "pass", or what rules made of it. */
struct str proof_status(const struct proof *p, size_t signature);
/* The first signature that passes, rules included; NULL: none. */
const struct signature *proof_passed(const struct proof *p);
/* "DKIM: d=... [verification succeeded]" (dkim_verbose). */
void proof_line(const struct proof *p, size_t signature, struct buf *out);

#endif
