/*
 * arc - the chain of those who passed a message on (RFC 8617)
 *
 * Each of them adds a set of three fields under one instance number: what it
 * found (ARC-Authentication-Results), a signature of the message as it left
 * (ARC-Message-Signature), and a seal over all sets so far (ARC-Seal). Like a
 * dkim it is begun when the header is known, says which keys it wants, and asks nobody.
 */
#ifndef AUTH_ARC_H
#define AUTH_ARC_H

#include "auth/dkim.h"

enum { ARC_SETS = 50 };

enum arc_state { ARC_NONE, ARC_PASS, ARC_FAIL };
const char *arc_state_name(enum arc_state s);

struct arc_set {
    const struct field *results, *message, *seal;
    struct signature ams;
    struct signature as;            /* of the seal: names, algorithm, b=, key */
    struct str cv;
    struct hash_value hash;         /* what the seal signs */
};

struct arc {
    struct arena arena;
    struct sig_rules rules;
    struct arc_set *set;            /* set[1] is instance 1; NULL: the message has no such fields */
    unsigned n;                     /* the highest instance */
    unsigned whole;                 /* sets, if the chain is well formed; else 0 */
    struct dkim_name *wanted;
    size_t nwanted;
    struct fieldset *fields;
    bool judged;
    bool again;                     /* a key could not be fetched: the state is not the last word */
    enum arc_state state;
    struct str reason;              /* of a failure */
    unsigned oldest;                /* the smallest instance whose message signature holds; 0: none */
};

void arc_init(struct arc *a, const struct header *h, const struct sig_rules *r, struct bodyhash *hashes);
void arc_drop(struct arc *a);
void arc_answer(struct arc *a, size_t wanted, struct keys *keys, const struct str *texts, size_t n, bool again);
void arc_judge(struct arc *a, const struct bodyhash *hashes);
/* d= of the seals in order of instances, in the arena; "" where one has none. */
size_t arc_domains(const struct arc *a, struct arena *arena, struct str **out);

/* The instance a field of one of the three names says; 0: none that can be. For whoever adds the next. */
unsigned arc_instance(const struct field *f);
bool arc_field(const struct field *f);          /* is it one of the three? */

#endif
