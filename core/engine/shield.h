/*
 * shield - how the connection to one host is to be secured
 *
 * Worked out before a connection is asked for, from the options of the
 * transport, those of them that are functions of the host, and the host's TLSA
 * records (RFC 7672). Where those bind, nothing else does: they take the place
 * of every option about verifying, and there is no way back to clear text.
 */
#ifndef ENGINE_SHIELD_H
#define ENGINE_SHIELD_H

#include "engine/parts.h"
#include "engine/transport.h"
#include "tls/tls.h"

enum { SHIELD_ERR_DNS = -36, SHIELD_ERR_TLS = -37, SHIELD_ERR_REQUIRED = -38 };     /* Exim's numbers */

struct shield {
    bool ask;                   /* STARTTLS where it is offered */
    bool must;                  /* in clear it is not used */
    bool smtps;                 /* TLS from the first byte */
    bool tryclear;              /* a handshake that fails costs the encryption only */
    bool once;                  /* the connection ends after a message (hosts_nopass_tls) */
    bool anew;                  /* the next message begins TLS again (hosts_noproxy_tls) */
    bool dane;
    bool sought;                /* TLSA records were asked for */
    struct tls_how how;
    struct tls_config config;
    struct str base;            /* where the TLSA records stand: the host's name, or what it is an alias of */
    struct str also[2];         /* usage 2: what else the certificate may be for */
    size_t also_n;
    struct str name, alpn, certificate, key_file;   /* what lists in how and config have as their only item */
    struct str key;             /* everything that must agree where a connection, or a session, is shared */
};

struct shield_want {
    struct engine *e;
    struct settings *set;
    struct transport *tr;       /* its lists of hosts become what they say of this one */
    struct at_host *host;       /* gets its tlsa_usage */
    const struct host *found;   /* how it was found: by DNSSEC, from whose MX record on */
    bool callout;
    struct txn *view;           /* what functions read; its host is the one, too */
    struct arena *arena;        /* of out */
};

/* ST_OK: out is filled. ST_AGAIN: the host is not used now; ST_NEVER: it cannot be used (DANE is
 * required and not there). event: the word of dane:fail; NULL: an option could not be worked out. */
typedef void shield_done(void *ctx, enum status st, const struct why *why, const char *event);

/* Whether recipients of several domains may share a transaction: what a function of the transport's says of
 * TLS for one domain must not count for another. */
bool shield_mixes_domains(const struct settings *set, const struct transport *tr);

/* Both are valid until done. done may run before this returns: NULL then. */
struct shield_ask;
struct shield_ask *shield_start(const struct shield_want *w, struct shield *out, shield_done *done, void *ctx);
void shield_cancel(struct shield_ask *k);

#endif
