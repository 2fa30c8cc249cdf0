#include "engine/shared.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/rnd.h"
#include "base/why.h"
#include "tls/ticket.h"

/* A row has a few places it may stand in; crash slots a shard. Beyond either
 * a destination is not limited, a message not noted: both only guard. */
enum { PLACES = 16, CRASH_SLOTS = 64, MASTER = WORKERS_MAX, COLUMNS = WORKERS_MAX + 1 };

struct row {
    _Atomic uint64_t name;              /* hash of the destination; 0: free */
    _Atomic uint64_t waiting;           /* workers that were refused */
    _Atomic uint16_t held[WORKERS_MAX]; /* each written by its worker alone */
};

/* Rows of one kind; a name may stand in any of PLACES from where its hash says. */
struct table { struct row *row; size_t n; };

/* A rate is one instant: when everything taken so far would be used up at the
 * allowed pace (GCRA, ITU-T I.371). In the past it says nothing any more. */
struct rate {
    _Atomic uint64_t name;
    _Atomic int64_t until_us;
};

enum crash_state { CRASH_FREE, CRASH_NOTED, CRASH_FOUND, CRASH_ASIDE };
struct crash_slot {
    _Atomic uint32_t state;
    uint32_t deaths;
    struct msg_id id;
};

struct shared {
    unsigned workers;
    uint64_t seed[2];
    struct { _Alignas(64) _Atomic int64_t n[COUNT_COUNT]; } count[COLUMNS];
    struct { _Alignas(64) _Atomic int64_t ms; } beat[WORKERS_MAX];
    struct row row[SLOT_ROWS];
    _Atomic bool called;                /* a caller row was ever taken: else they need no look */
    struct row caller[CALLER_ROWS];
    struct rate rate[RATE_ROWS];
    _Atomic unsigned asides;            /* slots being set aside; nearly always 0 */
    struct crash_slot crash[SHARDS_MAX][CRASH_SLOTS];
};

const char *counter_name(enum counter c)
{
    static const char *const name[] = {
#define X(name) #name,
        COUNTERS(X)
#undef X
    };

    return (unsigned)c < COUNT_COUNT ? name[c] : "?";
}

/* What falls again when a worker is gone; everything else only grows. */
static const enum counter gauges[] = { COUNT_connections_now, COUNT_outbound_now };

/* The ticket keys stand behind the rest. */
static size_t whole(void)
{
    return (sizeof(struct shared) + 63) & ~(size_t)63;
}

static size_t pages(void)
{
    return whole() + tls_tickets_size();
}

struct shared *shared_new(unsigned workers)
{
    struct shared *s = mmap(NULL, pages(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (s == MAP_FAILED)
        die("out of memory: the shared page");
    s->workers = workers;
    rnd_bytes(s->seed, sizeof s->seed);
    return s;
}

void shared_free(struct shared *s)
{
    if (s)
        munmap(s, pages());
}

struct tls_tickets *shared_tickets(struct shared *s)
{
    return tls_tickets_at((char *)s + whole());
}

void shared_count(struct shared *s, unsigned worker, enum counter c, int64_t by)
{
    atomic_fetch_add_explicit(&s->count[worker < COLUMNS ? worker : MASTER].n[c], by, memory_order_relaxed);
}

int64_t shared_sum(const struct shared *s, enum counter c)
{
    int64_t sum = 0;

    for (unsigned w = 0; w < COLUMNS; w++)
        sum += atomic_load_explicit(&s->count[w].n[c], memory_order_relaxed);
    return sum;
}

static struct table destinations(const struct shared *s)
{
    return (struct table){ (struct row *)s->row, SLOT_ROWS };
}

static struct table callers(const struct shared *s)
{
    return (struct table){ (struct row *)s->caller, CALLER_ROWS };
}

static void clear_column(struct table t, unsigned worker)
{
    for (size_t i = 0; i < t.n; i++) {
        if (atomic_load(&t.row[i].name) == 0)
            continue;
        atomic_store(&t.row[i].held[worker], 0);
        atomic_fetch_and(&t.row[i].waiting, ~(UINT64_C(1) << worker));
    }
}

void shared_clear_worker(struct shared *s, unsigned worker)
{
    assert(worker < WORKERS_MAX);
    for (size_t i = 0; i < sizeof gauges / sizeof *gauges; i++)
        atomic_store(&s->count[worker].n[gauges[i]], 0);
    atomic_store(&s->beat[worker].ms, 0);
    clear_column(destinations(s), worker);
    if (atomic_load(&s->called))
        clear_column(callers(s), worker);
}

/* ---- heartbeats */

void shared_beat(struct shared *s, unsigned worker)
{
    atomic_store_explicit(&s->beat[worker].ms, clock_mono_ms(), memory_order_relaxed);
}

void shared_beat_ahead(struct shared *s, unsigned worker, int64_t ms)
{
    atomic_store_explicit(&s->beat[worker].ms, clock_mono_ms() + ms, memory_order_relaxed);
}

int64_t shared_last_beat(const struct shared *s, unsigned worker)
{
    return atomic_load_explicit(&s->beat[worker].ms, memory_order_relaxed);
}

unsigned shared_live(const struct shared *s)
{
    unsigned n = 0;

    for (unsigned w = 0; w < s->workers; w++)
        n += shared_last_beat(s, w) != 0;
    return n;
}

/* ---- slots of destinations and callers
 *
 * The truth is the columns: nothing else is stored, so a worker that dies
 * between two steps leaves at most its own column wrong, and that is cleared.
 * A worker first takes, then adds up; two that meet at the last slot may both
 * step back, so each looks again. */

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}

/* Two destinations with one hash would share a limit; the seed keeps a
 * stranger from arranging that. */
static uint64_t name_of(const struct shared *s, struct str destination)
{
    uint64_t h = s->seed[0];

    for (size_t i = 0; i < destination.n; i++)
        h = mix(h ^ (unsigned char)ascii_lower(destination.p[i])) + s->seed[1];
    h = mix(h ^ destination.n);
    return h ? h : 1;
}

static unsigned held_by_all(const struct shared *s, const struct row *r)
{
    unsigned sum = 0;

    for (unsigned w = 0; w < s->workers; w++)
        sum += atomic_load(&r->held[w]);
    return sum;
}

static struct row *place(struct table t, uint64_t name, unsigned i)
{
    return t.row + (name + i) % t.n;
}

/* A taker that is about to change this row has the name in hand and looks
 * again after its step (slot_take); a renamer looks at the columns after its
 * own. One of the two sees the other. */
static bool rename_idle(const struct shared *s, struct row *r, uint64_t old, uint64_t name)
{
    if (held_by_all(s, r) > 0 || atomic_load(&r->waiting) || !atomic_compare_exchange_strong(&r->name, &old, name))
        return false;
    if (held_by_all(s, r) == 0)
        return true;
    atomic_compare_exchange_strong(&r->name, &name, old);
    return false;
}

static struct row *row_find(struct table t, uint64_t name)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (atomic_load(&place(t, name, i)->name) == name)
            return place(t, name, i);
    return NULL;
}

/* Two processes that make a row at once may make two of one name; they stay so
 * until one is idle and renamed. So what counts is the sum of all. */
static unsigned held_of(const struct shared *s, struct table t, uint64_t name)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < PLACES; i++)
        if (atomic_load(&place(t, name, i)->name) == name)
            sum += held_by_all(s, place(t, name, i));
    return sum;
}

/* Whoever waits on any of them. */
static uint64_t waiting_of(struct table t, uint64_t name, bool take)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < PLACES; i++)
        if (atomic_load(&place(t, name, i)->name) == name)
            bits |= take ? atomic_exchange(&place(t, name, i)->waiting, 0) : atomic_load(&place(t, name, i)->waiting);
    return bits;
}

static struct row *row_make(const struct shared *s, struct table t, uint64_t name)
{
    struct row *r = row_find(t, name);

    for (unsigned i = 0; i < PLACES && !r; i++) {
        uint64_t there = 0;

        if (atomic_compare_exchange_strong(&place(t, name, i)->name, &there, name) || there == name)
            r = place(t, name, i);
    }
    for (unsigned i = 0; i < PLACES && !r; i++)
        if (rename_idle(s, place(t, name, i), atomic_load(&place(t, name, i)->name), name))
            r = place(t, name, i);
    return r;
}

/* One more of worker's, unless that is more than limit or the row has become
 * another's. */
static bool row_add(const struct shared *s, struct table t, struct row *r, uint64_t name, unsigned worker, unsigned limit)
{
    uint16_t mine = atomic_load(&r->held[worker]);

    if (mine == UINT16_MAX)
        return false;
    atomic_store(&r->held[worker], mine + 1);
    if (atomic_load(&r->name) == name && held_of(s, t, name) <= limit)
        return true;
    atomic_store(&r->held[worker], mine);
    return false;
}

static struct row *row_drop(struct table t, uint64_t name, unsigned worker)
{
    struct row *r = NULL;
    uint16_t mine;

    /* A renamer may hold the name for a moment. */
    for (int try = 0; try < 100 && !r; try++)
        for (unsigned i = 0; i < PLACES && !r; i++)
            if (atomic_load(&place(t, name, i)->name) == name && atomic_load(&place(t, name, i)->held[worker]) > 0)
                r = place(t, name, i);
    if (!r)
        return NULL;
    mine = atomic_load(&r->held[worker]);
    atomic_store(&r->held[worker], mine - 1);
    return r;
}

bool slot_take(struct shared *s, unsigned worker, struct str destination, unsigned limit)
{
    uint64_t name = name_of(s, destination), bit = UINT64_C(1) << worker;

    assert(worker < s->workers);
    for (int try = 0; try < 64; try++) {
        struct row *r = row_make(s, destinations(s), name);

        if (!r)
            return true;
        if (row_add(s, destinations(s), r, name, worker, limit)) {
            atomic_fetch_and(&r->waiting, ~bit);
            return true;
        }
        if (atomic_load(&r->name) != name)
            continue;
        /* The bit first, then a second look: whoever gives back in between
         * either sees the bit or has left us the slot. */
        atomic_fetch_or(&r->waiting, bit);
        if (held_of(s, destinations(s), name) >= limit)
            return false;
    }
    return false;
}

uint64_t slot_give(struct shared *s, unsigned worker, struct str destination)
{
    uint64_t name = name_of(s, destination);

    return row_drop(destinations(s), name, worker) ? waiting_of(destinations(s), name, true) : 0;
}

bool slot_wanted(const struct shared *s, struct str destination)
{
    return waiting_of(destinations(s), name_of(s, destination), false) != 0;
}

enum caller_room caller_take(struct shared *s, unsigned worker, struct str who, unsigned limit)
{
    uint64_t name = name_of(s, who);

    assert(worker < s->workers);
    if (!atomic_load_explicit(&s->called, memory_order_relaxed))
        atomic_store(&s->called, true);
    for (int try = 0; try < 64; try++) {
        struct row *r = row_make(s, callers(s), name);

        if (!r)
            return CALLER_UNKNOWN;
        if (row_add(s, callers(s), r, name, worker, limit))
            return CALLER_IN;
        if (atomic_load(&r->name) == name && held_of(s, callers(s), name) >= limit)
            return CALLER_OUT;
    }
    return CALLER_OUT;
}

void caller_give(struct shared *s, unsigned worker, struct str who)
{
    row_drop(callers(s), name_of(s, who), worker);
}

/* ---- rates */

/* Its place; else one that says nothing any more; else the one that says least. */
static struct rate *rate_place(struct shared *s, uint64_t name, int64_t now_us)
{
    struct rate *best = NULL;

    for (unsigned i = 0; i < PLACES; i++) {
        struct rate *r = &s->rate[(name + i) % RATE_ROWS];

        if (atomic_load(&r->name) == name)
            return r;
        if (!best || atomic_load(&r->until_us) < atomic_load(&best->until_us))
            best = r;
    }
    /* Two that take one place at once both begin anew in it: a count lost, none
     * invented. The instant goes first, so that nobody inherits another's. */
    atomic_store(&best->until_us, now_us);
    atomic_store(&best->name, name);
    return best;
}

bool rate_take(struct shared *s, struct str who, uint64_t n, int64_t per_us, int64_t now_us)
{
    struct rate *r = rate_place(s, name_of(s, who), now_us);
    int64_t until = atomic_load(&r->until_us), step = n < (uint64_t)per_us ? per_us / (int64_t)n : 1, from;

    do {
        from = until > now_us ? until : now_us;
        if (from - now_us > per_us - step)
            return false;
    } while (!atomic_compare_exchange_weak(&r->until_us, &until, from + step));
    return true;
}

/* ---- crash slots: written by the shard's owner alone */

static struct crash_slot *crash_slot_of(struct shared *s, unsigned shard, const struct msg_id *id)
{
    for (unsigned i = 0; i < CRASH_SLOTS; i++) {
        struct crash_slot *c = &s->crash[shard][i];

        if (atomic_load(&c->state) != CRASH_FREE && memcmp(c->id.s, id->s, MSG_ID_LEN) == 0)
            return c;
    }
    return NULL;
}

void crash_note(struct shared *s, unsigned shard, struct msg_id id)
{
    struct crash_slot *c;

    if (shard >= SHARDS_MAX)
        return;
    c = crash_slot_of(s, shard, &id);
    for (unsigned i = 0; i < CRASH_SLOTS && !c; i++)
        if (atomic_load(&s->crash[shard][i].state) == CRASH_FREE) {
            c = &s->crash[shard][i];
            c->id = id;
            c->deaths = 0;
        }
    if (c)
        atomic_store(&c->state, CRASH_NOTED);
}

void crash_clear(struct shared *s, unsigned shard, struct msg_id id)
{
    struct crash_slot *c = shard < SHARDS_MAX ? crash_slot_of(s, shard, &id) : NULL;

    if (c && atomic_exchange(&c->state, CRASH_FREE) == CRASH_ASIDE)
        atomic_fetch_sub(&s->asides, 1);
}

void crash_aside(struct shared *s, unsigned shard, struct msg_id id)
{
    struct crash_slot *c = shard < SHARDS_MAX ? crash_slot_of(s, shard, &id) : NULL;

    if (c && atomic_exchange(&c->state, CRASH_ASIDE) != CRASH_ASIDE)
        atomic_fetch_add(&s->asides, 1);
}

bool crash_is_aside(const struct shared *s, struct msg_id id)
{
    if (atomic_load(&s->asides) == 0)
        return false;
    for (unsigned n = 0; n < SHARDS_MAX; n++)
        for (unsigned i = 0; i < CRASH_SLOTS; i++) {
            const struct crash_slot *c = &s->crash[n][i];

            if (atomic_load(&c->state) == CRASH_ASIDE && memcmp(c->id.s, id.s, MSG_ID_LEN) == 0)
                return true;
        }
    return false;
}

/* A found one keeps its deaths until its message gets through a note unharmed. */
size_t crash_found(struct shared *s, unsigned shard, struct msg_id *ids, unsigned *deaths, size_t max)
{
    size_t n = 0;

    for (unsigned i = 0; shard < SHARDS_MAX && i < CRASH_SLOTS && n < max; i++) {
        struct crash_slot *c = &s->crash[shard][i];

        unsigned state = atomic_load(&c->state);

        if (state != CRASH_NOTED && state != CRASH_ASIDE)
            continue;
        if (state == CRASH_ASIDE)       /* its owner died before that was on disk: once more */
            atomic_fetch_sub(&s->asides, 1);
        c->deaths++;
        atomic_store(&c->state, CRASH_FOUND);
        ids[n] = c->id;
        ids[n].s[MSG_ID_LEN] = 0;
        deaths[n++] = c->deaths;
    }
    return n;
}
