#include "engine/stapler.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rnd.h"
#include "engine/staple.h"

/* Pairs come from functions of what a client says, so their number is bounded. A look costs two small files;
 * every ten minutes finds a certificate that was renewed soon enough. */
enum { PAIRS_MAX = 64, LOOK_MS = 10 * 60 * 1000, SOON_MS = 2000, BUSY_MS = 5000, RETRY_MS = 60 * 1000, RETRY_MAX_MS = 3600 * 1000 };

struct pair {
    struct pair *next;
    struct stapler *of;
    struct str certificate, proof;
    struct timer timer;
    struct staple *fetch;
    unsigned failures;
    uint32_t chance;            /* of this worker, so that not all ask at once: 0 .. 999 */
    struct arena arena;
};

struct stapler {
    struct loop *loop;
    struct dns *dns;            /* NULL: off */
    struct pair *pairs;
    size_t n;
};

struct stapler *stapler_new(struct loop *l)
{
    struct stapler *k = calloc(1, sizeof *k);

    if (!k)
        die("out of memory: the keeper of OCSP proofs");
    k->loop = l;
    return k;
}

static void forget_all(struct stapler *k)
{
    struct pair *p;

    while ((p = k->pairs)) {
        k->pairs = p->next;
        timer_clear(k->loop, &p->timer);
        staple_cancel(p->fetch);
        arena_free(&p->arena);
        free(p);
    }
    k->n = 0;
}

void stapler_free(struct stapler *k)
{
    if (!k)
        return;
    forget_all(k);
    free(k);
}

void stapler_switch(struct stapler *k, struct dns *d, bool on)
{
    forget_all(k);
    k->dns = on ? d : NULL;
}

size_t stapler_busy(const struct stapler *k)
{
    size_t n = 0;

    for (const struct pair *p = k->pairs; p; p = p->next)
        n += p->fetch != NULL;
    return n;
}

/* ---- when */

/* Milliseconds until a proof of these dates is to be replaced: at half of its time, a tenth earlier or later. */
static int64_t due_ms(const struct pair *p, int64_t from, int64_t until)
{
    int64_t life = until > from ? until - from : 0;
    int64_t at = from + life / 2 + life / 5 * ((int64_t)p->chance - 500) / 1000;
    int64_t left = at - clock_wall();

    return left <= 0 ? 0 : left < LOOK_MS / 1000 ? left * 1000 : LOOK_MS;
}

static int64_t back_off_ms(const struct pair *p)
{
    unsigned n = p->failures > 6 ? 6 : p->failures - 1;
    int64_t ms = (int64_t)RETRY_MS << n;

    ms = ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
    return ms + (int64_t)rnd_below((uint32_t)(ms / 4));
}

static void on_end(void *ctx, const struct staple_end *end)
{
    struct pair *p = ctx;
    int64_t from, until;
    struct why why;

    p->fetch = NULL;
    if (end->st == ST_OK) {
        p->failures = 0;
        log_line(LOG_MAIN, "OCSP: a new proof for %.*s from %.*s", STR_ARG(p->certificate), STR_ARG(end->url));
        timer_set(p->of->loop, &p->timer, LOOK_MS);
        return;
    }
    if (end->busy) {
        timer_set(p->of->loop, &p->timer, BUSY_MS);
        return;
    }
    p->failures++;
    /* What is there still serves, and will be asked for again; when it does not, somebody must see to it. */
    if (staple_dates(p->certificate, p->proof, &from, &until, &why) == ST_OK)
        log_line(LOG_MAIN, "OCSP: no new proof for %.*s yet: %s", STR_ARG(p->certificate), end->why.text);
    else
        for (int f = LOG_MAIN; f <= LOG_PANIC; f += LOG_PANIC - LOG_MAIN)
            log_line((enum log_file)f, "OCSP: no proof for %.*s can be sent: %s", STR_ARG(p->certificate), end->why.text);
    timer_set(p->of->loop, &p->timer, back_off_ms(p));
}

static void look(void *ctx)
{
    struct pair *p = ctx;
    struct staple_want w = { .certificate = p->certificate, .proof = p->proof };
    int64_t from = 0, until = 0, ms = 0;
    struct why why;

    if (p->fetch)
        return;
    if (staple_dates(p->certificate, p->proof, &from, &until, &why) == ST_OK)
        ms = due_ms(p, from, until);
    if (ms > 0) {
        p->failures = 0;
        timer_set(p->of->loop, &p->timer, ms);
    } else {
        p->fetch = staple_fetch(p->of->loop, p->of->dns, &w, on_end, p);
    }
}

/* ---- what */

static struct pair *find(struct stapler *k, struct str certificate, struct str proof)
{
    for (struct pair *p = k->pairs; p; p = p->next)
        if (str_same(p->certificate, certificate) && str_same(p->proof, proof))
            return p;
    return NULL;
}

/* The words Exim puts before the name of a file. */
static struct str file_of(struct str proof)
{
    return str_starts(proof, STR("DER ")) || str_starts(proof, STR("PEM ")) ? str_trim(str_from(proof, 4)) : proof;
}

static void saw(struct stapler *k, struct str certificate, struct str proof, bool changed)
{
    struct pair *p = find(k, certificate, proof);
    bool known = p != NULL;

    if (!known && k->n >= PAIRS_MAX)
        return;
    if (!known) {
        p = calloc(1, sizeof *p);
        if (!p)
            die("out of memory: an OCSP proof to be kept");
        *p = (struct pair){ .next = k->pairs, .of = k, .timer = { .fn = look, .ctx = p }, .chance = rnd_below(1000) };
        p->certificate = arena_dup(&p->arena, certificate);
        p->proof = arena_dup(&p->arena, proof);
        k->pairs = p;
        k->n++;
    }
    if ((!known || changed) && !p->fetch && p->failures == 0)
        timer_set(k->loop, &p->timer, known ? SOON_MS : 1 + p->chance);
}

void stapler_saw(struct stapler *k, struct tls_list certificates, struct tls_list proofs, bool changed)
{
    if (!k->dns || certificates.n != proofs.n)
        return;
    for (size_t i = 0; i < proofs.n; i++)
        saw(k, certificates.item[i], file_of(proofs.item[i]), changed);
}
