/*
 * ticket - the keys of session tickets, shared by all workers
 *
 * A page of two keys: this hour's and the one before (RES-02, RES-03). Made
 * at the first use in an hour by whoever comes first, from random bytes;
 * nothing is written to disk, so a restart ends every ticket. Changed with
 * atomic operations and no lock: a worker may die at any instruction, at the
 * cost of no tickets for the rest of the hour.
 */
#ifndef TLS_TICKET_H
#define TLS_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TLS_TICKET_LIFE_S = 7200, TLS_TICKET_RENEW_S = 3600 };
enum { TLS_TICKET_NAME = 16, TLS_TICKET_KEY = 32 };

struct tls_ticket_key {
    unsigned char name[TLS_TICKET_NAME];
    unsigned char cipher[TLS_TICKET_KEY];       /* AES-256-CBC */
    unsigned char mac[TLS_TICKET_KEY];          /* HMAC-SHA-256 */
};

struct tls_tickets;

/* The page: the owner gives this many zeroed bytes, shared (MAP_SHARED) before it
 * forks, and aligned as for any type. Nothing needs freeing. */
size_t tls_tickets_size(void);
struct tls_tickets *tls_tickets_at(void *zeroed);

/* The key for a new ticket. False: there is none now, no ticket is sent. */
bool tls_ticket_new(struct tls_tickets *t, struct tls_ticket_key *out);
/* The key of that name, while its tickets are valid; old: it is the last hour's, renew. */
bool tls_ticket_find(struct tls_tickets *t, const unsigned char name[TLS_TICKET_NAME], struct tls_ticket_key *out, bool *old);

#endif
