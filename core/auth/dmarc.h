/*
 * dmarc - does what the domain in From: says of its mail hold for this message?
 *
 * A machine that does no I/O, as spf.h: it says which record it must know next,
 * and is told. Discovery by the public suffix list (RFC 7489) or by walking up
 * the tree (RFC 9989). What could not be found out is temperror, never a refusal.
 */
#ifndef AUTH_DMARC_H
#define AUTH_DMARC_H

#include "auth/dmarc_record.h"
#include "auth/inquiry.h"
#include "auth/suffixes.h"
#include "mail/header.h"

enum dmarc_status {
    DMARC_NONE, DMARC_ACCEPT, DMARC_REJECT, DMARC_QUARANTINE, DMARC_NORECORD, DMARC_NOFROM, DMARC_TEMPERROR, DMARC_OFF
};
const char *dmarc_status_name(enum dmarc_status s);
bool dmarc_status_find(struct str name, enum dmarc_status *out);
const char *dmarc_status_text(enum dmarc_status s);     /* "No DMARC record" */
const char *dmarc_status_word(enum dmarc_status s);     /* in Authentication-Results: "pass", "fail", "none", "temperror" */

/* What is known of an identifier (SPF's domain, a DKIM signature's d=). */
struct dmarc_identifier {
    struct str domain;
    bool pass;
    bool again;                 /* could not be found out */
};

enum { DMARC_IDENTIFIERS_MAX = 20 };

struct dmarc_want {             /* all of it outlives the machine */
    struct str from;            /* the author's domain, of dmarc_from; empty: there is none */
    struct dmarc_identifier spf;        /* domain empty: SPF was not asked */
    const struct dmarc_identifier *dkim;
    size_t ndkim;
    const struct suffixes *suffixes;
    bool treewalk;              /* RFC 9989 */
};

struct dmarc_answer {
    enum dmarc_status status;
    enum dmarc_policy policy;   /* that applies to this author domain, before sampling */
    bool subdomain_policy;      /* it is that of sp= or np= */
    bool has_record;
    struct dmarc_record record;
    struct str domain;          /* where the record was found; without one the author's */
    bool aligned_spf, aligned_dkim;     /* and passed */
    struct why why;             /* temperror: the reason */
};

/* The author's domain, lower case, in A-labels: one From field with one address. Anything else (none,
 * several, a group, what cannot be read) gives an empty one: it may never pass (R4.3). */
struct str dmarc_from(struct arena *a, const struct header *h);

struct dmarc;
struct dmarc *dmarc_new(struct arena *a, const struct dmarc_want *w);
const struct question *dmarc_question(const struct dmarc *d);      /* NULL: it is done */
void dmarc_tell(struct dmarc *d, const struct dns_answer *a);
extern const struct inquiry_kind dmarc_inquiry;
const struct dmarc_answer *dmarc_answer(const struct dmarc *d);
/* What pct= leaves of a policy, with a number from 0 to 99 (RFC 7489 section 6.6.4). */
enum dmarc_policy dmarc_sampled(const struct dmarc_answer *r, unsigned dice);

#endif
