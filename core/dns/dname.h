/*
 * dname - a domain name as the DNS compares it
 *
 * Wire form (length, label, ..., 0) in lower case, held by value: equal bytes
 * are equal names. As text a name is in the form of master files: an octet
 * that is no printable ASCII is \DDD, a dot or backslash inside a label has
 * a backslash before it, and no final dot stands at the end. So a label with
 * a dot in it is never taken for two, and every text can be asked for again.
 */
#ifndef DNS_DNAME_H
#define DNS_DNAME_H

#include "base/arena.h"
#include "base/str.h"

enum { DNAME_MAX = 255, DNAME_LABEL_MAX = 63 };

struct dname {
    uint8_t n;                  /* bytes used, the root's 0 included; 0: no name at all */
    uint8_t b[DNAME_MAX];
};

extern const struct dname dname_root;

/* From text; "" and "." are the root. A name without final dot is completed
 * by origin. False: an empty or long label, a name too long, a bad escape. */
bool dname_read(struct str text, const struct dname *origin, struct dname *out);
struct str dname_text(struct arena *a, const struct dname *name);

static inline struct str dname_str(const struct dname *n)
{
    return (struct str){ (const char *)n->b, n->n };
}

bool dname_same(const struct dname *a, const struct dname *b);
/* Takes the first label off; false at the root. */
bool dname_up(struct dname *n);
unsigned dname_labels(const struct dname *n);       /* the root has none */
/* Whether n is below top (not top itself). */
bool dname_below(const struct dname *n, const struct dname *top);
/* One label in front; false if that is too long. label is raw bytes. */
bool dname_prefix(struct dname *n, struct str label);
/* n with the end `from` replaced by `to`: what a DNAME does (RFC 6672 2.2). */
bool dname_move(const struct dname *n, const struct dname *from, const struct dname *to, struct dname *out);

/* An octet of text, escapes resolved; advances *s. -1: a bad escape. */
int dname_octet(struct str *s, bool *escaped);

#endif
