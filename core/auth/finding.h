/*
 * finding - what DMARC found for one message, as it is counted for reports
 *
 * A text of lines: equal findings are equal texts, so counting texts counts
 * messages. Everything in it came from the wire: control bytes and what is no
 * ASCII have become '?', and each value has its bound.
 */
#ifndef AUTH_FINDING_H
#define AUTH_FINDING_H

#include "auth/dmarc.h"
#include "mail/txn.h"

enum { FINDING_DKIM_MAX = 10, FINDING_VALUE_MAX = 255, FINDING_RUA_MAX = 2048 };

struct finding_dkim { struct str domain, selector, result; };

struct finding {
    struct str disposition, reason;     /* what was done with it; why that is not what the domain asks for, or "" */
    struct str ip, from, envelope_from;
    bool aligned_dkim, aligned_spf;
    struct str spf_domain, spf;         /* spf "": not asked */
    bool spf_helo;
    struct finding_dkim dkim[FINDING_DKIM_MAX];
    size_t ndkim;
};

/* In two parts, since what is done with a message is known last. */
void finding_pack(const struct finding *f, struct buf *out);                        /* all but disposition and reason */
void finding_pack_end(struct str disposition, struct str reason, struct buf *out);  /* goes in front */
bool finding_read(struct str text, struct finding *out);        /* points into text; false: damaged */

/* What the domain publishes, likewise. */
struct finding_policy {
    struct str p, sp, np, adkim, aspf, rua;     /* "": it says nothing */
    unsigned pct;
    struct str fo;                              /* "0:d" */
};

void finding_policy_pack(const struct dmarc_record *r, struct buf *out);
bool finding_policy_read(struct str text, struct finding_policy *out);

/* How a message ended. */
enum finding_end { FINDING_TAKEN, FINDING_REFUSED, FINDING_DISCARDED };
/* What that was in the words of reports: disposition, and why it is another one than asked for. */
void finding_judge(const struct dmarc_facts *f, enum finding_end end, struct str *disposition, struct str *reason);

#endif
