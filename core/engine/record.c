#include "engine/record.h"

#include "base/clock.h"
#include "engine/explain.h"

/* An object from its members; nothing from none. */
static void put_json(const struct buf *members)
{
    struct buf line = { 0 };

    if (members->n == 0)
        return;
    buf_add(&line, STR("{\"time\":\""));
    logjson_time(&line, clock_wall_us());
    buf_add(&line, STR("\","));
    buf_add(&line, buf_str(members));
    buf_byte(&line, '}');
    log_text(LOG_JSON, STR(""), buf_str(&line));
    buf_free(&line);
}

static void delivery(const struct settings *set, const char *event, struct str id, const struct log_delivery *d)
{
    struct buf b = { 0 };

    if (set->log_json)
        logjson_delivery(&b, event, id, d);
    put_json(&b);
    buf_free(&b);
}

void record_delivered(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d)
{
    logline_delivered(&e->line, set->log, d);
    engine_log(e, LOG_MAIN, id);
    delivery(set, "delivery", id, d);
}

void record_deferred(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d)
{
    logline_deferred(&e->line, set->log, d);
    explain_put(&e->line, d->explain);
    engine_log(e, LOG_MAIN, id);
    delivery(set, "deferral", id, d);
}

void record_failed(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d)
{
    logline_failed(&e->line, set->log, d);
    explain_put(&e->line, d->explain);
    engine_log(e, LOG_MAIN, id);
    delivery(set, "failure", id, d);
}

/* The address was routed into nothing. */
void record_discarded(struct engine *e, const struct settings *set, struct str id, const struct log_delivery *d)
{
    buf_addf(&e->line, "=> :blackhole: <%.*s>", STR_ARG(d->original));
    if (d->queue.n)
        buf_addf(&e->line, " Q=%.*s", STR_ARG(d->queue));
    if (d->router.n)
        buf_addf(&e->line, " R=%.*s", STR_ARG(d->router));
    explain_put(&e->line, d->explain);
    engine_log(e, LOG_MAIN, id);
    delivery(set, "discard", id, d);
}

void record_completed(struct engine *e, const struct settings *set, struct str id, int64_t queue_us, struct str queue)
{
    struct buf b = { 0 };

    logline_completed(&e->line, set->log, queue_us, queue);
    engine_log(e, LOG_MAIN, id);
    if (set->log_json)
        logjson_completed(&b, id, queue_us, queue);
    put_json(&b);
    buf_free(&b);
}

void record_arrival(struct arrival *a, const struct settings *set, const struct txn *t, struct str cause, bool id_made)
{
    logline_arrival(&a->line, set->log, t, cause, id_made);
    if (set->log_json)
        logjson_arrival(&a->json, str_of(t->id.s), t, cause);
}

void record_arrived(struct str id, const struct arrival *a)
{
    log_text(LOG_MAIN, id, buf_str(&a->line));
    put_json(&a->json);
}

void arrival_free(struct arrival *a)
{
    buf_free(&a->line);
    buf_free(&a->json);
}

void record_refused(const struct settings *set, const struct log_refusal *r)
{
    struct buf b = { 0 };

    if (set->log_json)
        logjson_refused(&b, r);
    put_json(&b);
    buf_free(&b);
}
