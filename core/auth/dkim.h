/*
 * dkim - the signatures of one message, verified while it arrives (F14)
 *
 * Begun when the header is known; then it says which keys it wants, the
 * body's hashes are made elsewhere (bodyhash.h, one pass for everybody), and
 * when both are there it judges. It asks nobody itself: whoever runs it fetches
 * the TXT records of each name. At most rules.most signatures are looked at, from
 * the top of the header down, which is the newest first; the others are "none".
 */
#ifndef AUTH_DKIM_H
#define AUTH_DKIM_H

#include "auth/signature.h"

struct dkim_name {              /* a key that is wanted */
    struct str name;
};

struct dkim {
    struct arena arena;
    struct sig_rules rules;
    struct signature *v;        /* from the top of the header down */
    size_t n;
    struct dkim_name *wanted;   /* each once */
    size_t nwanted;
    struct fieldset *fields;    /* NULL without signatures */
    bool judged;
};

/* The header must live as long. hashes gets what is wanted of the body. */
void dkim_init(struct dkim *d, const struct header *h, const struct sig_rules *r, struct bodyhash *hashes);
void dkim_drop(struct dkim *d);
/* Domains and identities of all signatures, each once, in the arena. */
size_t dkim_signers(const struct dkim *d, struct arena *a, struct str **out);
/* The TXT records of a wanted name; again: could not be found out. */
void dkim_answer(struct dkim *d, size_t wanted, struct keys *keys, const struct str *texts, size_t n, bool again);
void dkim_judge(struct dkim *d, const struct bodyhash *hashes);

/* The word of dkim_verify_status: "none", "invalid", "fail", "pass". */
const char *dkim_status(const struct signature *s);

#endif
