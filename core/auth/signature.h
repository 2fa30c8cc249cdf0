/*
 * signature - one signature of a message: what it says, and whether it is so
 *
 * A DKIM-Signature (RFC 6376), or the ARC-Message-Signature that is made of
 * the same parts (RFC 8617 section 4.1.2). Reading comes first and asks for
 * nothing; judging needs the body's hash and the key. Words of reasons are those
 * of the variable dkim_verify_reason.
 */
#ifndef AUTH_SIGNATURE_H
#define AUTH_SIGNATURE_H

#include "auth/bodyhash.h"
#include "auth/fieldset.h"
#include "auth/keyrecord.h"
#include "auth/tags.h"

enum sig_result { SIG_NONE, SIG_PASS, SIG_FAIL, SIG_INVALID, SIG_TEMPERROR, SIG_POLICY };
const char *sig_result_name(enum sig_result r);

/* What a site asks of signatures (dkim_verify_* options). */
struct sig_rules {
    unsigned hashes;            /* 1 << enum auth_hash: those accepted */
    unsigned kinds;             /* 1 << enum key_kind */
    unsigned min_bits[2];       /* by enum key_kind */
    unsigned most;              /* signatures looked at */
    bool minimal;               /* the first that passes is enough */
    int64_t now;
};
extern const struct sig_rules sig_rules_default;       /* RFC 8301; now is 0 */

enum { SIG_MOST = 8, SIG_MOST_MAX = 20 };

struct signature {
    const struct field *field;
    struct tags tags;
    struct str domain, selector, algorithm, identity;   /* d=, s=, a= as given; i= decoded, or "@" and d= */
    struct str names, copied;                           /* h=, z= */
    struct str domain_key;      /* d= in A-labels, lower case */
    struct str key_name;        /* where the key is asked for; empty: nothing has to be asked */
    enum key_kind kind;
    enum auth_hash hash;
    enum canon_kind header, body;
    bool limited;               /* l= */
    uint64_t length;
    int64_t created, expires;   /* t=, x=; -1: not there */
    struct str b, bh;           /* decoded */
    bool same_domain;           /* i= has d= itself behind its '@' */
    size_t body_number;         /* of a bodyhash, if body_wanted */
    bool body_wanted;
    struct key_record *key;     /* held */
    bool key_known;             /* it was asked for; key NULL: there is none */
    bool key_again;             /* and could not be found out */
    enum sig_result result;
    bool judged;                /* result is the last word */
    const char *reason;         /* one word, or "" */
    struct str detail;          /* more, or empty */
};

/* Reads the field. What cannot be judged is judged at once. arc: as an ARC-Message-Signature. */
void signature_read(struct arena *a, const struct field *f, const struct sig_rules *r, bool arc, struct signature *s);
void signature_want(struct signature *s, struct bodyhash *b);  /* if it is not judged */
/* Of several records the first that can be used is. Texts are those of TXT records. */
void signature_key(struct signature *s, struct keys *keys, const struct str *texts, size_t n, bool again);
/* After the body's end, with the key known. */
void signature_judge(struct arena *a, struct signature *s, const struct sig_rules *r, struct fieldset *fields,
                     const struct bodyhash *b);
void signature_drop(struct signature *s);                      /* lets the key go */

/* ---- for ARC seals */
/* "rsa-sha256"; false: no such algorithm. */
bool signature_algorithm(struct str text, enum key_kind *kind, enum auth_hash *hash);
/* The field with the value of its b= taken out, canonical, without a line end. */
void signature_own(struct buf *out, const struct field *f, const struct tags *t, enum canon_kind k);
/* d= and s= as names; key_name in the arena. False: they are none. */
bool signature_names(struct arena *a, struct signature *s);
/* The key fits what the signature says of itself; false: it is judged. */
bool signature_key_fits(struct signature *s, const struct sig_rules *r);
void signature_end(struct signature *s, enum sig_result r, const char *reason, struct str detail);

#endif
