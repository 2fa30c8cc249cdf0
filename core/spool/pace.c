/*
 * A rate is Exim's: an exponentially weighted mean whose time constant is the
 * period, fed with count / interval at each event. N events at once give a
 * rate of about N; one alone gives its own count, however long nothing came.
 */
#include "spool/pace.h"

#include <math.h>
#include <string.h>

#include "base/rnd.h"

/* Strings met in a period are bits of a filter (Bloom, CACM 13/7): 16 for each that
 * the limit allows make one in two thousand look met. The salt is drawn with
 * the entry, so that nobody can choose strings that hide behind others. */
enum { BITS_EACH = 16, BITS_MIN = 1024, BITS_MAX = 262144, PROBES = 8, SEEN_KEPT = 31 * 86400 };

/* What an entry begins with; bits / 8 bytes of the filter follow. */
struct pace {
    int64_t at_us, since_us;    /* of the last event, of the filter */
    double rate;
    uint64_t salt;
    uint32_t bits, spare;
};

struct rating {
    const struct pace_ask *ask;
    int64_t now_us;
    double rate;
};

/* ---- the filter */

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}

static uint64_t hash(uint64_t salt, struct str s)
{
    uint64_t h = salt;

    for (size_t i = 0; i < s.n; i++)
        h = mix(h ^ (unsigned char)s.p[i]) + salt;
    return mix(h ^ s.n);
}

/* Marks the string; was it marked before? */
static bool filter_mark(unsigned char *filter, const struct pace *p, struct str s)
{
    uint64_t h = hash(p->salt, s), step = mix(h) | 1;
    bool met = true;

    for (int i = 0; i < PROBES; i++, h += step) {
        uint32_t at = (uint32_t)(h % p->bits);

        met = met && (filter[at / 8] >> (at % 8) & 1);
        filter[at / 8] |= (unsigned char)(1u << (at % 8));
    }
    return met;
}

static uint32_t filter_bits(double limit)
{
    double bits = limit * BITS_EACH;

    return bits <= BITS_MIN ? BITS_MIN : bits >= BITS_MAX ? BITS_MAX : ((uint32_t)bits + 7) / 8 * 8;
}

/* ---- rates */

/* Whether `old` is an entry of ours; all of it is copied, since it lies anywhere. */
static bool pace_read(struct str old, struct pace *p)
{
    if (old.n < sizeof *p)
        return false;
    memcpy(p, old.p, sizeof *p);
    return old.n == sizeof *p + p->bits / 8 && isfinite(p->rate) && p->rate >= 0;
}

static double smoothed(const struct pace *p, const struct rating *r, double count)
{
    double seconds = (double)(r->now_us - p->at_us) / 1e6, part, a, rate;

    /* The clock may have gone back; and two events may come in one instant. */
    if (seconds < 1e-9)
        seconds = 1e-9;
    part = seconds / (double)r->ask->period;
    a = exp(-part);
    rate = -expm1(-part) * count / part + a * p->rate;
    /* Long after the last one the mean says next to nothing, and the first of a
     * flood would weigh too little. One alone is worth its count. */
    return rate < count ? count : rate;
}

/* How long an entry matters: until an old rate has decayed to what one event says. */
static int64_t expiry(const struct rating *r)
{
    double periods = 2 + log(r->rate > 1 ? r->rate : 1);

    return r->now_us / 1000000 + 1 + (int64_t)ceil((double)r->ask->period * periods);
}

/* Fills *value with the entry after this event, r->rate with the rate; false: nothing is to be kept. */
static bool rate_next(struct rating *r, struct str old, struct buf *value)
{
    const struct pace_ask *ask = r->ask;
    struct pace p = { .bits = 0 }, was;
    bool known = pace_read(old, &was), met = false;
    unsigned char *filter;

    if (ask->unique.p) {
        p.bits = filter_bits(ask->limit);
        p.salt = rnd_u64();
        p.since_us = r->now_us;
        if (known && was.bits == p.bits && r->now_us - was.since_us < ask->period * 1000000) {
            p.salt = was.salt;
            p.since_us = was.since_us;
        }
    }
    memset(buf_room(value, sizeof p + p.bits / 8), 0, sizeof p + p.bits / 8);
    buf_grew(value, sizeof p + p.bits / 8);
    filter = (unsigned char *)value->mem + value->at + sizeof p;
    if (ask->unique.p) {
        if (known && p.salt == was.salt)
            memcpy(filter, old.p + sizeof p, p.bits / 8);
        met = filter_mark(filter, &p, ask->unique);
    }
    r->rate = met ? 0 : ask->count;
    if (known)
        r->rate = smoothed(&was, r, r->rate);
    p.at_us = r->now_us;
    p.rate = r->rate;
    memcpy(value->mem + value->at, &p, sizeof p);
    /* At the limit is over it: a limit of nothing lets nobody in. */
    return ask->keep == PACE_STRICT || (ask->keep == PACE_LEAKY && r->rate < ask->limit);
}

static bool rate_change(void *ctx, struct str old, struct buf *value, int64_t *expires)
{
    struct rating *r = ctx;
    bool keep = rate_next(r, old, value);

    *expires = expiry(r);
    return keep;
}

static void rate_look(struct rating *r, struct hints *h, struct str key)
{
    struct arena a = { 0 };
    struct buf value = { 0 };
    struct str old = { 0 };

    if (!hints_get(h, &a, STR("ratelimit"), key, &old, NULL))
        old = (struct str){ 0 };
    rate_next(r, old, &value);
    buf_free(&value);
    arena_free(&a);
}

enum status pace_rate(struct hints *h, struct str key, const struct pace_ask *ask, int64_t now_us, double *rate, struct why *why)
{
    struct rating r = { .ask = ask, .now_us = now_us };
    enum status st = ST_OK;

    if (ask->keep == PACE_READ)
        rate_look(&r, h, key);
    else
        st = hints_change(h, STR("ratelimit"), key, rate_change, &r, why);
    if (st == ST_NONE) {
        r.rate = ask->count;
        st = ST_OK;
    }
    *rate = r.rate;
    return st;
}

/* ---- seen */

struct sighting { const struct seen_ask *ask; int64_t now; bool yes; };

/* Is the answer yes, and is the time to be kept? */
static bool seen_next(struct sighting *s, struct str old)
{
    const struct seen_ask *ask = s->ask;
    int64_t at, ago;

    if (old.n != sizeof at)
        return true;
    memcpy(&at, old.p, sizeof at);
    ago = s->now - at;
    s->yes = ask->before ? ago >= ask->interval : ago < ask->interval;
    return ask->write || !ask->before || ago >= ask->refresh;
}

static bool seen_change(void *ctx, struct str old, struct buf *value, int64_t *expires)
{
    struct sighting *s = ctx;
    int64_t most = s->ask->interval > s->ask->refresh ? s->ask->interval : s->ask->refresh;

    if (!seen_next(s, old))
        return false;
    buf_add(value, (struct str){ (const char *)&s->now, sizeof s->now });
    *expires = s->now + (most > SEEN_KEPT ? most : SEEN_KEPT) + 86400;
    return true;
}

enum status pace_seen(struct hints *h, struct str key, const struct seen_ask *ask, int64_t now, bool *yes, struct why *why)
{
    struct sighting s = { .ask = ask, .now = now };
    enum status st = ST_OK;

    if (ask->read) {
        struct arena a = { 0 };
        struct str old;

        if (hints_get(h, &a, STR("seen"), key, &old, NULL))
            seen_next(&s, old);
        arena_free(&a);
    } else {
        st = hints_change(h, STR("seen"), key, seen_change, &s, why);
    }
    *yes = s.yes;
    return st == ST_NONE ? ST_OK : st;
}
