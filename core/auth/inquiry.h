/*
 * inquiry - a machine that has to know names, run over a resolver
 *
 * SPF and DMARC are evaluated by machines without I/O: each says which records it
 * must know next, and is told. Here one is run until it is done, or until its
 * time is up.
 */
#ifndef AUTH_INQUIRY_H
#define AUTH_INQUIRY_H

#include "dns/dns.h"
#include "net/loop.h"

struct question {
    struct str name;            /* as dns_ask wants it */
    uint16_t type;
};

struct inquiry_kind {           /* what a machine answers to */
    const struct question *(*question)(const void *machine);    /* NULL: it is done */
    void (*tell)(void *machine, const struct dns_answer *a);
    void (*give_up)(void *machine, const char *text);           /* ends it as a temporary error */
};

enum { INQUIRY_SECONDS = 20 };  /* RFC 7208 section 4.6.4 */

struct inquiry;
typedef void inquiry_done(void *ctx);
/* The machine is the caller's and lives as long. done may run before this returns: NULL is returned then.
 * It runs once, unless the inquiry is cancelled. */
struct inquiry *inquiry_begin(struct loop *l, struct dns *d, const struct inquiry_kind *kind, void *machine, inquiry_done *done,
                              void *ctx);
void inquiry_cancel(struct inquiry *q);         /* NULL: there is none */

#endif
