/*
 * sign - our own signatures of a message that leaves (RFC 6376 section 5)
 *
 * The header and the body's hash are those of the bytes that are sent. Plain
 * work without a loop: engine/vouch.c runs it on a helper thread.
 */
#ifndef AUTH_SIGN_H
#define AUTH_SIGN_H

#include "auth/fieldset.h"
#include "auth/signkey.h"

struct sign_want {
    struct str domain, selector;
    struct str key;             /* a path or PEM */
    enum auth_hash hash;
    enum canon_kind header, body;
    struct str identity;        /* i=; empty: none */
    const struct str *names;    /* "Subject", "=Received", "+From"; NULL: sign_names_default */
    size_t nnames;
    int64_t created, expires;   /* -1: none */
    size_t body_number;         /* of the bodyhash: sign_prepare */
};

/* Names that are signed if nothing is said, "+" before those nobody may add another of. */
extern const struct str sign_names_default[];
extern const size_t sign_nnames_default;

void sign_prepare(struct sign_want *w, struct bodyhash *b);
/* Appends "DKIM-Signature: ...\r\n". The hash is over; fields are those that are sent. */
enum status sign_field(const struct sign_want *w, struct signkeys *keys, const struct header *h, struct fieldset *fields,
                       const struct bodyhash *b, struct buf *out, struct why *why);

/* ---- for seals */
/* The names as h= lists them, and their fields canonical. */
void sign_list(const struct str *names, size_t n, const struct header *h, struct fieldset *fields, enum canon_kind k,
               struct buf *list, struct buf *canonical);
/* Appends s to a field, folded between items that end with sep, or anywhere (sep 0), at most 76 columns. */
void sign_fold(struct buf *out, struct str s, char sep);
/* Puts the value behind the "b=" a field ends with, and ends the field. text: what is signed before it. */
enum status sign_finish(struct str field, const struct sign_key *key, enum auth_hash h, enum canon_kind k, struct buf *text,
                        struct buf *out, struct why *why);

#endif
