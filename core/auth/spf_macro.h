/*
 * spf_macro - macros in domain-specs and explanations (RFC 7208 section 7)
 *
 * What comes out is bounded, whatever a record says: of a domain only its end
 * is ever wanted (section 7.3 cuts it at its left), so only that is kept.
 */
#ifndef AUTH_SPF_MACRO_H
#define AUTH_SPF_MACRO_H

#include "base/arena.h"
#include "base/ip.h"
#include "base/str.h"

enum spf_macro_in { SPF_MACRO_DOMAIN, SPF_MACRO_ANY, SPF_MACRO_TEXT };     /* TEXT: spaces too */

/* Whether the syntax is right for that place. *end: the literal text behind the last macro. */
bool spf_macro_valid(struct str text, enum spf_macro_in in, struct str *end);
/* Whether %{p} is in it, whose value costs questions. text is valid. */
bool spf_macro_has_p(struct str text);

struct spf_macros {             /* what the letters stand for */
    struct str sender, local, sender_domain;    /* s, l, o */
    struct str domain;          /* d */
    struct str helo;            /* h */
    struct str validated;       /* p */
    struct str receiver;        /* r */
    struct ip client;           /* i, c, v */
    int64_t now;                /* t: seconds since 1970 */
    size_t *work;               /* counts the bytes that were made */
};

enum { SPF_EXPANDED_MAX = 2048 };

/* Into out, which has room for SPF_EXPANDED_MAX; its length. In a domain no more than
 * the end that matters is kept; text is cut. text is valid. */
size_t spf_macro_expand(struct str text, enum spf_macro_in in, const struct spf_macros *m, char *out);

#endif
