/*
 * spf_inside - the machine of spf.h, seen by its own files
 *
 * spf.c walks the records' terms; spf_hosts.c knows the names a term leads to: its
 * target with the macros expanded, the client's own, the hosts of an MX.
 */
#ifndef AUTH_SPF_INSIDE_H
#define AUTH_SPF_INSIDE_H

#include "auth/spf.h"
#include "auth/spf_macro.h"
#include "auth/spf_record.h"

/* What the next answer is for. */
enum stage {
    RECORD,                     /* the TXT records of the domain */
    TERM,                       /* nothing: the next term is to be looked at */
    ADDRESS, EXISTS,            /* of a term's target */
    MX, MX_ADDRESS,
    NAMES, NAME_ADDRESS,        /* the validated names of the client (section 5.5) */
    EXPLAIN,                    /* the TXT record exp= names */
    DONE
};

struct frame {                  /* one check_host: the first, and one for each include under way */
    struct str domain;          /* <domain>: no final dot */
    struct spf_record record;
    struct str rest;            /* of its terms */
    struct spf_term term;       /* being looked at */
    bool redirected;
};

struct spf {
    struct arena *arena;
    struct spf_want want;
    struct spf_macros macros;
    size_t work;
    enum stage stage;
    struct question question;
    bool asking;
    struct frame frames[SPF_TERMS_MAX + 1];     /* each include is one of the terms */
    unsigned depth;
    bool was_void;              /* the term at work asked in vain */
    struct str names[SPF_NAMES_MAX];            /* MX hosts, or names the client claims */
    size_t nnames, at;
    bool more_names;            /* than may be looked at */
    struct str valid[SPF_NAMES_MAX];
    size_t nvalid;
    bool names_known, names_void;
    bool explaining;            /* the result is known: fail */
    void (*then)(struct spf *s);                /* once the names are known */
    struct str text;            /* the explanation, unexpanded */
    struct spf_answer answer;
};

static inline struct frame *spf_top(struct spf *s)
{
    return &s->frames[s->depth];
}

/* ---- spf.c */
void spf_want_name(struct spf *s, enum stage stage, struct str name, uint16_t type);
void spf_fail(struct spf *s, enum spf_result r, const char *what, struct str about);    /* permerror, temperror */
/* A term that asks in vain counts once, however many questions it asked (section 4.6.4). False: the check is over. */
bool spf_count_void(struct spf *s);

/* ---- spf_hosts.c */
uint16_t spf_address_type(const struct spf *s);
bool spf_holds(const struct spf *s, const struct dns_answer *a, unsigned bits4, unsigned bits6);
struct str spf_expanded(struct spf *s, struct str text, enum spf_macro_in in);
/* The target of a term; false: no name that could be asked for. An 8-bit local part makes none (RFC 8616 section 4). */
bool spf_target(struct spf *s, struct str spec, unsigned labels, struct str *out);
/* Calls then once the client's names are known, at once where they are; with_macros: if the text needs them. */
void spf_with_names(struct spf *s, void (*then)(struct spf *s));
void spf_with_macros(struct spf *s, struct str text, void (*then)(struct spf *s));
void spf_told_names(struct spf *s, const struct dns_answer *a);
void spf_told_name_address(struct spf *s, const struct dns_answer *a);
void spf_told_mx(struct spf *s, const struct dns_answer *a);
void spf_next_mx(struct spf *s);

#endif
