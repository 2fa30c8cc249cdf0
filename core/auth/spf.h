/*
 * spf - may this host send for this domain? (RFC 7208, check_host)
 *
 * A machine that does no I/O: it says which record it must know next, and is
 * told; spf_check.h does that over a resolver. All its memory is the arena's it
 * was made in. What it costs is bounded by section 4.6.4: 10 terms that ask
 * the DNS, 2 of them in vain, 10 names of mx and ptr.
 *
 * "Could not find out" is temperror, never fail: a rule may defer then.
 */
#ifndef AUTH_SPF_H
#define AUTH_SPF_H

#include "auth/inquiry.h"
#include "base/arena.h"
#include "base/ip.h"
#include "base/why.h"

enum spf_result { SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR };
const char *spf_result_name(enum spf_result r);         /* "softfail" */
bool spf_result_find(struct str name, enum spf_result *out);

enum { SPF_TERMS_MAX = 10, SPF_VOID_MAX = 2, SPF_NAMES_MAX = 10 };

struct spf_want {               /* all of it outlives the machine */
    struct ip client;
    struct str helo;            /* as it was given */
    struct str sender;          /* of MAIL FROM; empty: the identity is postmaster@HELO (section 2.4) */
    struct str receiver;        /* who we are, for %{r}; empty: "unknown" */
    int64_t now;                /* seconds since 1970, for %{t} */
    struct str record;          /* p not NULL: taken for the domain's record, which is not asked for (best guess) */
};

struct spf_answer {
    enum spf_result result;
    bool helo;                  /* the identity was HELO */
    struct str domain;          /* the domain of the identity, as given */
    struct str mechanism;       /* the term that matched, "default" where none did, "" for errors and none */
    struct str explanation;     /* what the domain says of a fail, or "" */
    struct why why;             /* temperror, permerror: the reason */
    unsigned terms, voids;      /* that asked the DNS; in vain */
};

struct spf;

struct spf *spf_new(struct arena *a, const struct spf_want *w);
/* What it must know next; NULL: it is done. */
const struct question *spf_question(const struct spf *s);
void spf_tell(struct spf *s, const struct dns_answer *a);
extern const struct inquiry_kind spf_inquiry;
/* Once it is done. */
const struct spf_answer *spf_answer(const struct spf *s);
/* A text of our own with macros, expanded for this check; false: its syntax is wrong. A %{p} that
 * nobody asked for before is "unknown". */
bool spf_expand(struct spf *s, struct str text, struct str *out);

#endif
