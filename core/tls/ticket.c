#include "tls/ticket.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/rnd.h"

/* A place holds the key of one hour: of hour h it is place h % 2, so that a new
 * key overwrites the one before last, and what is no longer valid is no longer
 * there. state is 4 * hour + what it is; it is read before and after the key. */
enum { PLACES = 2 };
enum { EMPTY = 0, WRITING = 1, READY = 2 };

struct place {
    _Atomic uint64_t state;
    struct tls_ticket_key key;
};

struct tls_tickets {
    struct place place[PLACES];
};

size_t tls_tickets_size(void)
{
    return sizeof(struct tls_tickets);
}

struct tls_tickets *tls_tickets_at(void *zeroed)
{
    return zeroed;
}

/* From 1, so that zeroed memory is of no hour. */
static uint64_t hour_now(void)
{
    return (uint64_t)clock_mono_ms() / (1000 * TLS_TICKET_RENEW_S) + 1;
}

static bool copy_ready(struct place *p, uint64_t hour, struct tls_ticket_key *out)
{
    uint64_t want = hour * 4 + READY;

    if (atomic_load_explicit(&p->state, memory_order_acquire) != want)
        return false;
    memcpy(out, &p->key, sizeof *out);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&p->state, memory_order_relaxed) == want;
}

/* Whoever finds the hour without a key makes it. Who comes while it is being made
 * sends no ticket; so do all for the rest of the hour if the maker died. */
static bool make(struct place *p, uint64_t hour)
{
    uint64_t was = atomic_load(&p->state);

    if (was / 4 >= hour || !atomic_compare_exchange_strong(&p->state, &was, hour * 4 + WRITING))
        return false;
    atomic_thread_fence(memory_order_release);
    rnd_bytes(&p->key, sizeof p->key);
    atomic_store_explicit(&p->state, hour * 4 + READY, memory_order_release);
    return true;
}

/* The key of the hour before last goes when it is no longer valid, not only when
 * its place is wanted. */
static void forget_old(struct tls_tickets *t, uint64_t hour)
{
    for (int i = 0; i < PLACES; i++) {
        struct place *p = &t->place[i];
        uint64_t was = atomic_load(&p->state);

        if (was % 4 == READY && was / 4 + 1 < hour && atomic_compare_exchange_strong(&p->state, &was, was / 4 * 4 + WRITING)) {
            memset(&p->key, 0, sizeof p->key);
            atomic_store(&p->state, was / 4 * 4 + EMPTY);
        }
    }
}

bool tls_ticket_new(struct tls_tickets *t, struct tls_ticket_key *out)
{
    uint64_t hour = hour_now();
    struct place *p = &t->place[hour % PLACES];

    forget_old(t, hour);
    return copy_ready(p, hour, out) || (make(p, hour) && copy_ready(p, hour, out));
}

bool tls_ticket_find(struct tls_tickets *t, const unsigned char name[TLS_TICKET_NAME], struct tls_ticket_key *out, bool *old)
{
    uint64_t hour = hour_now();

    forget_old(t, hour);
    for (uint64_t back = 0; back < PLACES && back < hour; back++)
        if (copy_ready(&t->place[(hour - back) % PLACES], hour - back, out) && memcmp(out->name, name, TLS_TICKET_NAME) == 0) {
            *old = back > 0;
            return true;
        }
    return false;
}
