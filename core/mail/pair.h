/*
 * pair - a message as Exim keeps it: an -H file and a -D file
 *
 * Written by `queue export`, read by `queue import`, so that mail can move
 * between the two engines either way. The form is Exim 4.96's, which later
 * versions read. Reading treats the text as hostile: a count or length that
 * does not fit is damage, an item nobody knows is skipped.
 */
#ifndef MAIL_PAIR_H
#define MAIL_PAIR_H

#include "mail/txn.h"

/* The -H text of t under the name id, with header as its live header section
 * (CRLF lines). Recipients that are done or failed are its non-recipients. */
void pair_write(const struct txn *t, struct msg_id id, struct str header, bool frozen, struct buf *out);
/* The -D text before the body: the name of the file, which is its first line. */
void pair_body_head(struct msg_id id, struct buf *out);

struct pair {
    struct str id;              /* 16 or 23 characters */
    struct str login;
    int32_t uid, gid;           /* -1: none */
    struct str sender;          /* known; empty: the null sender */
    int64_t received_us, complete_us;   /* wall */
    unsigned warnings;          /* delay warnings sent */
    struct str *rcpts;          /* those still to be delivered to */
    size_t nrcpts;
    struct str *done;           /* those that are settled */
    size_t ndone;
    struct pair_rcpt {
        struct str addr;
        bool done;
        uint8_t dsn;            /* DSN_NEVER ... */
        struct str orcpt, errors_to;    /* as txn.h's; p NULL: none */
    } *all;                     /* both, in their order */
    struct str *others;         /* settled too: what recipients became on the way */
    size_t nothers;
    struct str header;          /* CRLF lines, removed ones left out */
    struct str helo, host, host_name, interface, active_hostname, ident, protocol, auth_name, auth_id, auth_sender;
    struct str envid; uint8_t dsn_ret;  /* 1: the whole message, 2: its header */
    struct user_var *acl_c, *acl_m;
    uint64_t body_lines, body_zeros, max_line;
    int64_t frozen_at;          /* wall seconds */
    bool frozen, manual_thaw, local, smtputf8, first;
    bool wire;                  /* body lines of the -D file end in CRLF */
};
/* ST_NEVER: damaged, why says where. Results point into text or live in a. */
enum status pair_read(struct arena *a, struct str text, struct pair *out, struct why *why);
/* Everything but the body into a new t and its conn. What p points to must outlive t. */
void pair_fill(const struct pair *p, struct txn *t);

#endif
