/*
 * dmarc_tally - what DMARC found, counted, and the reports domains asked for (RFC 7489 section 7.2)
 *
 * One row for each different outcome of a domain's day, kept among the hints
 * (spool/hints.h, table "dmarc") until it was reported. A row's bytes come from
 * our own file, but hold what strangers wrote: they are read with care, and
 * escaped where they become XML.
 */
#ifndef AUTH_DMARC_TALLY_H
#define AUTH_DMARC_TALLY_H

#include "auth/dmarc.h"
#include "base/buf.h"

enum { DMARC_TALLY_DKIM_MAX = 8, DMARC_TALLY_DAYS = 7 };      /* days a row is kept if nobody reports it */

struct dmarc_tally {
    uint64_t count;
    struct ip client;
    struct str domain;          /* where the record was */
    struct str record;          /* its text */
    struct str disposition;     /* "none", "quarantine", "reject" */
    bool aligned_dkim, aligned_spf;
    struct str header_from, envelope_from;
    struct str spf_domain, spf_result;          /* empty: SPF was not asked */
    bool spf_helo;
    struct { struct str domain, selector, result; } dkim[DMARC_TALLY_DKIM_MAX];
    size_t ndkim;
};

/* "2026-11-21 example.org DIGEST": rows of a day and a domain lie together. All but the count is in the digest. */
struct str dmarc_tally_key(struct arena *a, const struct dmarc_tally *t, int64_t now);
void dmarc_tally_write(const struct dmarc_tally *t, struct buf *out);
/* Points into bytes. False: they are none. */
bool dmarc_tally_read(struct str bytes, struct dmarc_tally *out);

struct dmarc_report {
    struct str org, email, id;  /* whose it is */
    int64_t begin, end;         /* seconds since 1970 */
    const struct dmarc_tally *rows;             /* of one domain; the last one's record is the one reported */
    size_t n;
};
void dmarc_report_xml(struct buf *out, const struct dmarc_report *r);

#endif
