#include "engine/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/logjson.h"
#include "spool/ring.h"

/* Numbers begin with the milliseconds since 2025: a ring that was lost
 * gives none again, as long as a worker explained no more than one in each. */
enum { US_A_NUMBER = 1000, NUMBER_MAX = 16, A_SECOND = 20 };
static const int64_t SINCE_US = INT64_C(1735689600) * 1000000;

struct explain {
    struct engine *e;
    struct ring *ring;              /* NULL: none, or it cannot be opened */
    int64_t size;                   /* of all rings together, as it was last asked for */
    uint64_t number;                /* without a ring */
    struct why why;                 /* of the thread */
    enum status st;
    bool failing;                   /* it was said */
    int64_t second;                 /* of those that are allowed by the second */
    unsigned allowed;
};

void explain_new(struct engine *e)
{
    struct explain *x = calloc(1, sizeof *x);

    if (!x)
        die("out of memory: explanations");
    x->e = e;
    e->explain = x;
    e->env.explained = explain_keep;
}

static void say_failed(struct explain *x, const struct why *why)
{
    if (!x->failing)
        log_line(LOG_PANIC, "nothing can be kept for perigee explain: %s", why->text);
    x->failing = true;
}

void explain_switch(struct engine *e)
{
    struct explain *x = e->explain;
    int64_t size = setting_int(e->settings, SET_explain_ring, 64 << 20);
    unsigned workers = e->cfg.workers ? e->cfg.workers : 1;
    int64_t floor = (clock_wall_us() - SINCE_US) / US_A_NUMBER;
    char path[4096];
    struct why why;

    if (!e->cfg.spool_dir || (x->ring && size == x->size))
        return;
    ring_close(x->ring);
    x->ring = NULL;
    x->size = size;
    if (size <= 0)
        return;
    snprintf(path, sizeof path, "%s/explain", e->cfg.spool_dir);
    if (mkdir(path, 0750) < 0 && errno != EEXIST) {
        why_errno(&why, ST_AGAIN, "make %s", path);
        say_failed(x, &why);
        return;
    }
    snprintf(path, sizeof path, "%s/explain/%u", e->cfg.spool_dir, e->cfg.worker);
    if (ring_open(path, (uint64_t)size / workers, floor > 0 ? (uint64_t)floor : 1, &x->ring, &why) != ST_OK)
        say_failed(x, &why);
}

void explain_free(struct engine *e)
{
    ring_close(e->explain->ring);
    free(e->explain);
    e->explain = NULL;
}

/* ---- keeping */

bool explain_wanted(const struct engine *e)
{
    return e->on_explain || e->explain->ring;
}

bool explain_allowed(struct engine *e)
{
    struct explain *x = e->explain;
    int64_t now = clock_mono_ms() / 1000;

    if (x->second != now) {
        x->second = now;
        x->allowed = 0;
    }
    return ++x->allowed <= A_SECOND;
}

static void write_ring(void *ctx)
{
    struct explain *x = ctx;

    x->st = ring_write(x->ring, &x->why);
}

static void start_writing(struct explain *x);

static void written(void *ctx)
{
    struct explain *x = ctx;

    ring_end(x->ring);
    if (x->st != ST_OK)
        say_failed(x, &x->why);
    else
        x->failing = false;
    start_writing(x);
}

static void start_writing(struct explain *x)
{
    if (!ring_waits(x->ring))
        return;
    ring_begin(x->ring);
    pool_work(x->e->pool, write_ring, written, x);
}

static void put_id(uint64_t number, unsigned worker, char id[EXPLAIN_ID])
{
    static const char DIGITS[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char digits[NUMBER_MAX];
    size_t n = 0;

    do {
        digits[n++] = DIGITS[number % 36];
        number /= 36;
    } while (number && n < NUMBER_MAX);
    for (size_t i = 0; i < n; i++)
        id[i] = digits[n - 1 - i];
    snprintf(id + n, EXPLAIN_ID - n, "-%u", worker);
}

/* The time and the members; a record has no id in it, its number is one. */
static void compose(struct str members, struct buf *out)
{
    buf_add(out, STR("{\"time\":\""));
    logjson_time(out, clock_wall_us());
    buf_add(out, STR("\","));
    buf_add(out, members);
    buf_byte(out, '}');
}

bool explain_keep(void *engine, struct str members, char id[EXPLAIN_ID])
{
    struct engine *e = engine;
    struct explain *x = e->explain;
    struct buf record = { 0 };
    uint64_t number = 0;

    if (!e->on_explain && !x->ring)
        return false;
    compose(members, &record);
    if (e->on_explain) {
        number = ++x->number;
        put_id(number, 0, id);
        e->on_explain(e->on_explain_ctx, str_of(id), buf_str(&record));
    } else if (x->ring) {
        number = ring_put(x->ring, buf_str(&record));
        put_id(number, e->cfg.worker, id);
        start_writing(x);
    }
    buf_free(&record);
    if (number == 0)
        engine_count(e, COUNT_explain_dropped, 1);
    return number != 0;
}

void explain_put(struct buf *line, struct str id)
{
    if (id.n)
        buf_addf(line, " E=%.*s", STR_ARG(id));
}

/* ---- finding */

static bool read_id(struct str id, uint64_t *number, uint64_t *worker)
{
    size_t dash = str_find(id, '-');

    *number = 0;
    if (str_starts(id, STR("E=")))
        return read_id(str_from(id, 2), number, worker);
    if (dash == SIZE_MAX || dash == 0 || dash > 12 || !str_u64(str_from(id, dash + 1), 63, worker))
        return false;
    for (size_t i = 0; i < dash; i++) {
        char c = id.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
            return false;
        *number = *number * 36 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

enum status explain_find(const char *spool, struct str id, struct arena *a, struct str *object, struct why *why)
{
    uint64_t number, worker;
    char path[4096];
    enum status st;

    if (!read_id(id, &number, &worker))
        return why_set(why, ST_NEVER, "\"%.*s\" is no id of a log line: they look like E=fq3k2a-0", STR_ARG(str_head(id, 40)));
    snprintf(path, sizeof path, "%s/explain/%u", spool, (unsigned)worker);
    st = ring_find(path, number, a, object, why);
    if (st == ST_NONE)
        why_set(why, ST_NONE, "nothing is kept about %.*s, or no longer (%s)", STR_ARG(id), path);
    return st;
}
