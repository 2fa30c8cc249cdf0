/*
 * dmarc_record - a DMARC policy record (RFC 7489 section 6.3, RFC 9989 section 4.7)
 *
 * Nothing is kept: texts point into the record. Tags that are unknown or wrong
 * count as not there, as both documents have it; only the version has to be right.
 */
#ifndef AUTH_DMARC_RECORD_H
#define AUTH_DMARC_RECORD_H

#include "base/arena.h"
#include "base/str.h"

enum dmarc_policy { DMARC_POLICY_MISSING, DMARC_POLICY_NONE, DMARC_POLICY_QUARANTINE, DMARC_POLICY_REJECT };
const char *dmarc_policy_name(enum dmarc_policy p);     /* "" for MISSING */

enum { DMARC_FO_ALL = 1, DMARC_FO_ANY = 2, DMARC_FO_DKIM = 4, DMARC_FO_SPF = 8 };       /* fo=0:1:d:s */

struct dmarc_record {
    enum dmarc_policy p, sp, np;
    bool strict_dkim, strict_spf;
    bool said_dkim, said_spf;   /* adkim=, aspf= stand there */
    bool test;                  /* t=y */
    char psd;                   /* 'y', 'n', 'u' */
    unsigned pct;               /* 0 to 100 */
    unsigned fo;
    uint32_t interval;          /* ri=, seconds */
    struct str rua, ruf;        /* comma lists of URIs */
    struct str text;            /* all of it */
};

/* Whether a TXT record is one of DMARC at all: its version stands first. */
bool dmarc_record_is(struct str text);
/* False: it names no policy and no address for reports either, so there is nothing to apply
 * (RFC 7489 section 6.6.3 step 6; with an address its policy is none). */
bool dmarc_record_read(struct str text, struct dmarc_record *out);
/* The next address of a mailto: URI in a list; *max is its size limit in bytes, 0: none. Others are
 * passed over. False at the end. */
bool dmarc_mailto(struct arena *a, struct str *uris, struct str *address, uint64_t *max);

#endif
