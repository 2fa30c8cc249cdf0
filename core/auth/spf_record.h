/*
 * spf_record - an SPF record, term by term (RFC 7208 section 4.6.1, 5, 6, 12)
 *
 * Nothing is kept: a term points into the record it was read from. A record is
 * read twice, once whole for its syntax (an error anywhere in it is a
 * permerror, section 4.6) and once while it is evaluated.
 */
#ifndef AUTH_SPF_RECORD_H
#define AUTH_SPF_RECORD_H

#include "base/ip.h"
#include "base/str.h"
#include "base/why.h"

enum { SPF_RECORD_MAX = 16384 };        /* of one record; the DNS could bring 64 KiB */

enum spf_kind {
    SPF_ALL, SPF_INCLUDE, SPF_A, SPF_MX, SPF_PTR, SPF_IP4, SPF_IP6, SPF_EXISTS,
    SPF_REDIRECT, SPF_EXP, SPF_MODIFIER     /* modifiers; the last is any other, without meaning */
};

struct spf_term {
    enum spf_kind kind;
    char qualifier;             /* '+' '-' '~' '?' */
    struct str text;            /* the whole term */
    struct str spec;            /* its domain-spec, unexpanded; empty: none */
    struct ip ip;               /* ip4, ip6: the network */
    unsigned bits4, bits6;      /* prefix lengths; those not written are 32 and 128 */
};

struct spf_record {
    struct str terms;           /* behind the version */
    struct str redirect, exp;   /* domain-specs; p NULL: none. redirect is none where there is an `all` (6.1) */
};

/* Whether a TXT record is one of SPF at all: its version (section 4.5). */
bool spf_record_is(struct str text);
/* ST_OK, or ST_NEVER and what is wrong with it. */
enum status spf_record_read(struct str text, struct spf_record *out, struct why *why);
/* Takes the next term off. ST_OK, ST_NONE at the end, ST_NEVER: no term. */
enum status spf_term_next(struct str *rest, struct spf_term *out, struct why *why);

#endif
