/*
 * addr - take mail addresses apart
 *
 * An address is kept as one run of bytes and read as two: a local part and
 * a domain. Results point into the text they were read from and live exactly
 * as long as it does, unless the function takes an arena. The one parser for
 * SMTP, policy, routing, logging and headers (R4.1); linear, depth-limited.
 */
#ifndef MAIL_ADDR_H
#define MAIL_ADDR_H

#include "base/arena.h"
#include "base/str.h"

enum {
    ADDR_LOCAL_MAX = 255,       /* octets; RFC 5321 asks for 64 and allows more */
    ADDR_MAX = 512,
    ADDR_COMMENT_DEPTH = 32
};

struct addr {
    struct str local;   /* as written, quotes included */
    struct str domain;  /* as written */
};

/* Splits at the last '@'. False if either half is empty. */
bool addr_split(struct str text, struct addr *out);

/* Exactly one Mailbox of RFC 5321 4.1.2, with RFC 6531's UTF-8: what may stand
 * between < and > (reference/functions-contract.md, address.parse). On refusal
 * *reason names the place: "domain: label starts with a hyphen". */
bool addr_parse(struct str text, struct addr *out, const char **reason);

/* A path as SMTP writes it: "<a@b>", "<>" (if null_ok), "<@x,@y:a@b>" (the
 * source route is dropped, RFC 5321 F.2), "<postmaster>", and bare "a@b".
 * *rest is what follows the path (the ESMTP parameters). out->domain is empty
 * for an unqualified local part, both halves for the null path. */
bool addr_path(struct str text, bool null_ok, struct addr *out, struct str *rest, const char **reason);

/* The local part without quotes and backslashes. */
struct str addr_unquote(struct arena *a, struct str local);
/* The reverse: quoted only if it has to be. */
struct str addr_quote(struct arena *a, struct str unquoted);
/* local@domain as one text; just local when domain is empty. */
struct str addr_join(struct arena *a, struct str local, struct str domain);

/* One item of an address header (RFC 5322 3.4, obsolete forms read). */
struct addr_item {
    struct str display;         /* raw, may be empty */
    struct str addr;            /* the addr-spec without comments and folding, in the arena */
    struct str spec;            /* where it stands in the text, comments inside it included */
    struct str whole;           /* the whole item there: display name, angle brackets, what follows */
    bool in_group;
};
enum addr_list_end { ADDR_LIST_OK, ADDR_LIST_SYNTAX };
/* Reads a whole address list into *items. On a syntax error what was read
 * before it stands and *reason says what and where. At most max items. */
enum addr_list_end addr_list(struct arena *a, struct str text, size_t max,
                             struct addr_item **items, size_t *n, const char **reason);

#endif
