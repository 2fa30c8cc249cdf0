#include "engine/parts.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/signkey.h"
#include "auth/oracle.h"
#include "base/clock.h"
#include "base/fault.h"
#include "engine/callout.h"
#include "engine/counted.h"
#include "engine/debug.h"
#include "engine/event.h"
#include "engine/explain.h"
#include "engine/letter.h"
#include "engine/room.h"
#include "engine/stapler.h"
#include "engine/walk.h"
#include "policy/decode.h"
#include "tls/context.h"

enum { TICK_MS = 1000, HELPERS = 4, TIDY_AT_ONCE = 200, HOLD_EVERY = 10, CROWD = 16 };

int64_t engine_now(const struct engine *e)
{
    return e->wall_at_start + (clock_mono_ms() - e->mono_at_start) / 1000;
}

void engine_count(struct engine *e, enum counter c, int64_t by)
{
    shared_count(e->shared, e->cfg.worker, c, by);
}

void engine_count_delivery(struct engine *e, const struct at_tls *t)
{
    engine_count(e, COUNT_deliveries, 1);
    if (!tls_is_on(t))
        return;
    engine_count(e, COUNT_deliveries_tls, 1);
    if (t->verified)
        engine_count(e, t->dane ? COUNT_deliveries_dane : COUNT_deliveries_verified, 1);
}

void engine_log(struct engine *e, enum log_file f, struct str id)
{
    log_text(f, id, buf_str(&e->line));
    buf_clear(&e->line);
}

struct spool *engine_spool(struct engine *e) { return e->spool; }
struct loop *engine_loop(struct engine *e) { return e->loop; }
const struct policy_env *engine_env(struct engine *e) { return &e->env; }
struct policy *engine_policy(struct engine *e) { return e->settings ? e->settings->policy : NULL; }

/* ---- making one */

static void alert(void *ctx, struct str line)
{
    (void)ctx;
    log_text(LOG_PANIC, STR(""), line);
}

bool engine_logs(const struct engine *e, struct str selector)
{
    return e->settings && setting_logs(e->settings, selector);
}

static bool log_selected(void *ctx, struct str name)
{
    return engine_logs(ctx, name);
}

static uint64_t queue_size(void *ctx)
{
    struct engine *e = ctx;

    return spool_count(e->spool);
}

static void overran(void *ctx)
{
    engine_count(ctx, COUNT_rule_overruns, 1);
}

/* A worker that dies leaves its notes in the shared page for the next owner of
 * the shard (design section 3). */
static void note(void *ctx, unsigned shard, struct msg_id id, bool on)
{
    const struct engine *e = ctx;

    if (on)
        crash_note(e->shared, shard, id);
    else
        crash_clear(e->shared, shard, id);
}

static enum status open_storage(struct engine *e, struct why *why)
{
    struct spool_config sc = { .dir = e->cfg.spool_dir, .shards = e->cfg.workers, .alert = alert, .alert_ctx = e, .note = note, .note_ctx = e };
    enum status st;

    if (!e->cfg.spool_dir) {
        e->spool = spool_memory(e->loop);
        e->hints = hints_memory();
        return ST_OK;
    }
    st = spool_open(e->loop, &sc, &e->spool, why);
    if (st != ST_OK)
        return st;
    /* Hints are worth having, never worth not starting for (R2.5). */
    if (hints_open(e->cfg.spool_dir, &e->hints, why) != ST_OK) {
        log_line(LOG_PANIC, "hints are kept in memory only: %s", why->text);
        e->hints = hints_memory();
    }
    return ST_OK;
}

static void tick(void *ctx);
static void woken(void *ctx, int what);

static void make_parts(struct engine *e)
{
    e->callers = map_new();
    e->holds = map_new();
    e->boxes = map_new();
    e->turns = map_new();
    events_new(e);
    links_new(e);
    callouts_new(e);
    queue_new(e);
    runs_new(e);
    hold_load(e);
    e->tick = (struct timer){ .fn = tick, .ctx = e };
    if (e->cfg.wake_fd >= 0) {
        e->wake = watch_new(e->loop, e->cfg.wake_fd, woken, e);
        watch_set(e->wake, WATCH_READ);
    }
    e->env = (struct policy_env){
        .loop = e->loop, .dns = e->dns, .hints = e->hints, .pool = e->pool, .hermetic = e->cfg.hermetic,
        .check_option = settings_check, .service_port = settings_port, .program_run = asked_run, .program_cancel = asked_cancel,
        .spool_dir = e->cfg.spool_dir, .queue_size = queue_size, .log_selected = log_selected, .ctx = e,
        .callout = callout_start, .callout_cancel = callout_cancel,
        .oracle = e->oracle = oracle_new(e->loop, NULL),
        .room = room_ask, .room_cancel = room_cancel, .letter = letter_for_rules, .overran = overran,
    };
    e->keys = keys_new();
    e->signkeys = signkeys_new();
    explain_new(e);
    counted_new(e);
}

enum status engine_new(struct loop *l, const struct engine_config *c, struct engine **out, struct why *why)
{
    static const struct dns_config plain = { 0 };
    struct engine *e = calloc(1, sizeof *e);
    enum status st;

    if (!e)
        die("no memory for an engine");
    signal(SIGPIPE, SIG_IGN);       /* programs may close what they read from us */
    e->loop = l;
    e->cfg = *c;
    e->wall_at_start = clock_wall();
    e->mono_at_start = clock_mono_ms();
    e->shared = c->shared;
    if (!e->shared) {
        e->shared = shared_new(1);
        e->own_shared = true;
    }
    st = dns_open(l, c->dns ? c->dns : &plain, &e->dns, why);
    if (st != ST_OK)
        goto fail;
    st = open_storage(e, why);
    if (st != ST_OK)
        goto fail;
    dns_on_fail(e->dns, event_dns_failed, e);
    e->pool = pool_new(l, c->hermetic ? 0 : HELPERS);
    e->tls = tls_cache_new(shared_tickets(e->shared));
    e->stapler = stapler_new(l);
    make_parts(e);
    *out = e;
    return ST_OK;

fail:
    if (e->dns)
        dns_close(e->dns);
    if (e->own_shared)
        shared_free(e->shared);
    free(e);
    return st;
}

/* ---- generations */

struct settings *engine_settings_of(struct engine *e, const struct policy *p)
{
    if (e->settings && e->settings->policy == p)
        return e->settings;
    for (size_t i = 0; i < e->npast; i++)
        if (e->past[i]->policy == p)
            return e->past[i];
    return NULL;
}

static bool same_setting(const struct settings *a, const struct settings *b, enum setting which)
{
    const struct val *x = setting_val(a, which), *y = setting_val(b, which);

    return !x || !y ? !x && !y : val_same(x, y);
}

static struct tls_list files_of(const struct settings *set, enum setting which)
{
    const struct val *v = setting_val(set, which);

    return v && v->type == VAL_LIST ? (struct tls_list){ v->u.list.v, v->u.list.n } : (struct tls_list){ NULL, 0 };
}

/* Files that functions name become known when a client makes them say so. */
static void stapler_begin(struct engine *e)
{
    bool on = setting_bool(e->settings, SET_tls_ocsp_fetch, false) && !e->cfg.hermetic;

    stapler_switch(e->stapler, e->dns, on);
    stapler_saw(e->stapler, files_of(e->settings, SET_tls_certificate), files_of(e->settings, SET_tls_ocsp_file), false);
}

void engine_switch(struct engine *e, struct policy *p)
{
    struct settings *old = e->settings;
    bool held_anew;

    e->settings = settings_new(p);
    e->settings->secure_all |= e->cfg.tls_on_connect;
    logline_ports(setting_val(e->settings, SET_log_ports));
    clock_zone(setting_str(e->settings, SET_timezone, STR("")));
    held_anew = old && !same_setting(old, e->settings, SET_hold_domains);   /* sessions_tick may end old */
    resolver_switch(e);
    stapler_begin(e);
    explain_switch(e);
    policy_use_dns(p, e->dns);      /* it was built before its options could be read */
    if (old) {
        e->past = realloc(e->past, (e->npast + 1) * sizeof *e->past);
        if (!e->past)
            die("no memory for a generation");
        old->replaced_ms = clock_mono_ms();
        e->past[e->npast++] = old;
        sessions_tick(e);
    }
    listeners_update(e);
    if (held_anew)
        runs_held(e);
    runs_update(e);
    queue_kick(e);
}

/* A directory of a message that came to a shard of ours. */
static bool id_is_ours(void *ctx, const char *name)
{
    struct engine *e = ctx;
    struct msg_id id;

    if (strlen(name) != MSG_ID_LEN)
        return false;
    memcpy(id.s, name, MSG_ID_LEN + 1);
    return spool_owns(e->spool, id);
}

void engine_start(struct engine *e)
{
    if (e->started) {
        queue_kick(e);          /* one more shard was taken */
        return;
    }
    e->started = true;
    if (e->cfg.spool_dir)
        decode_sweep(e->cfg.spool_dir, id_is_ours, e, engine_now(e));
    timer_set(e->loop, &e->tick, TICK_MS);
    queue_start(e);
}

void engine_reopen_logs(struct engine *e)
{
    (void)e;
    log_reopen();
}

/* ---- once a second, and when another worker gave a slot back */

/* What a crowd left behind is megabytes of small free pieces, which malloc
 * keeps for the next one. A quiet engine does not hold them. */
static void give_back_memory(struct engine *e)
{
    size_t n = e->nsessions + queue_on_the_way(e);

    if (n >= CROWD) {
        e->crowded = true;
    } else if (n == 0 && e->crowded) {
        malloc_trim(0);
        e->crowded = false;
    }
}

static void count_dropped(struct engine *e)
{
    uint64_t now = log_dropped();

    if (now > e->log_dropped)
        engine_count(e, COUNT_log_dropped, (int64_t)(now - e->log_dropped));
    e->log_dropped = now;       /* less than before: the log was opened anew */
}

static void tick(void *ctx)
{
    struct engine *e = ctx;

    count_dropped(e);
    sessions_tick(e);
    give_back_memory(e);
    links_tick(e);
    turns_wake(e);
    if (e->over_share)
        listeners_share(e);         /* shares grow when a worker dies */
    if (++e->ticks % HOLD_EVERY == 0) {
        bool held = hold_all(e);

        hold_load(e);
        if (held && !hold_all(e))
            queue_kick(e);
        hints_tidy(e->hints, TIDY_AT_ONCE);
    }
    /* In a hermetic world nothing may keep time going that waits for nothing. */
    if (!e->cfg.hermetic)
        timer_set(e->loop, &e->tick, TICK_MS);
}

static void woken(void *ctx, int what)
{
    struct engine *e = ctx;
    uint64_t n;

    (void)what;
    (void)!read(e->cfg.wake_fd, &n, sizeof n);
    links_wake(e);
    turns_wake(e);
}

/* ---- the end */

static void drained(void *ctx)
{
    struct engine *e = ctx;
    void (*done)(void *) = e->drain_done;

    timer_clear(e->loop, &e->drain_limit);
    e->drain_done = NULL;
    if (done)
        done(e->drain_ctx);
}

void engine_check_drained(struct engine *e)
{
    if (!e->drain_done || e->nsessions || !queue_idle(e) || !events_idle(e))
        return;
    CRASH_POINT("drain");
    loop_forget(e->loop, &e->drained);
    e->drained = (struct job){ .fn = drained, .ctx = e };
    loop_soon(e->loop, &e->drained);
}

void engine_drain(struct engine *e, int64_t ms, void (*done)(void *ctx), void *ctx)
{
    e->draining = true;
    e->drain_done = done;
    e->drain_ctx = ctx;
    listeners_update(e);
    sessions_shutdown(e, "421 4.3.2 service is shutting down, please try again");
    links_drain(e);
    e->drain_limit = (struct timer){ .fn = drained, .ctx = e };
    timer_set(e->loop, &e->drain_limit, ms);
    engine_check_drained(e);
}

/* Storage first: what was submitted to it still calls back, and those it calls
 * must be there. */
void engine_free(struct engine *e)
{
    e->draining = true;
    e->drain_done = NULL;
    loop_forget(e->loop, &e->drained);
    timer_clear(e->loop, &e->tick);
    timer_clear(e->loop, &e->drain_limit);
    listeners_free(e);
    sessions_abort(e);
    submits_free(e);
    oracle_free(e->oracle);
    pool_free(e->pool);
    counted_free(e);
    debugs_free(e);
    explain_free(e);
    queue_stop(e);
    spool_close(e->spool);
    queue_free(e);
    runs_free(e);
    keeps_free(e);
    keys_free(e->keys);
    signkeys_free(e->signkeys);
    letters_free(e);
    events_free(e);
    rooms_free(e);
    callouts_free(e);
    links_free(e);
    stapler_free(e->stapler);
    tls_cache_free(e->tls);
    if (e->wake)
        watch_free(e->wake);
    settings_release(e->settings);
    for (size_t i = 0; i < e->npast; i++)
        settings_release(e->past[i]);
    free(e->past);
    hints_close(e->hints);
    resolver_free(e);
    map_free(e->callers);
    map_free(e->holds);
    boxes_free(e);
    turns_free(e);
    buf_free(&e->line);
    if (e->own_shared)
        shared_free(e->shared);
    free(e);
}

/* ---- for hermetic worlds */

void engine_on_delivery(struct engine *e, void (*fn)(void *ctx, const struct delivery_seen *d), void *ctx)
{
    e->on_delivery = fn;
    e->on_delivery_ctx = ctx;
}

void engine_on_connect(struct engine *e, int (*fn)(void *ctx, const struct sock_addr *to), void *ctx)
{
    e->on_connect = fn;
    e->on_connect_ctx = ctx;
}

struct tls_cache *engine_tls(struct engine *e)
{
    return e->tls;
}

void engine_on_explain(struct engine *e, void (*fn)(void *ctx, struct str id, struct str object), void *ctx)
{
    e->on_explain = fn;
    e->on_explain_ctx = ctx;
}

void engine_on_lookup(struct engine *e, bool (*fn)(void *ctx, struct str kind, struct str file, struct str key, enum status *st,
                                                   struct str *value), void *ctx)
{
    e->env.scripted = fn;
    e->env.scripted_ctx = ctx;
}

/* ---- status */

static void put_number(struct buf *out, bool *first, const char *name, uint64_t n)
{
    buf_addf(out, "%s\"%s\":%llu", *first ? "" : ",", name, (unsigned long long)n);
    *first = false;
}

void engine_costs(struct engine *e, struct buf *out)
{
    enum { MOST = 200 };

    if (e->settings)
        policy_costs(e->settings->policy, MOST, out);
    else
        buf_add(out, STR("[]"));
}

void engine_status(struct engine *e, struct buf *out)
{
    struct spool_stats s;
    bool first = true;

    spool_stats(e->spool, &s);
    buf_byte(out, '{');
    put_number(out, &first, "worker", e->cfg.worker);
    put_number(out, &first, "generation", e->settings ? policy_generation(e->settings->policy) : 0);
    put_number(out, &first, "generations_live", e->npast + 1);
    put_number(out, &first, "rules_memory", e->settings ? policy_memory(e->settings->policy) : 0);
    put_number(out, &first, "sessions", e->nsessions);
    put_number(out, &first, "deliveries_now", queue_on_the_way(e));
    put_number(out, &first, "messages_queued", spool_count(e->spool));
    put_number(out, &first, "loop_lag_us", (uint64_t)loop_lag_us(e->loop));
    buf_add(out, STR(",\"held\":"));
    hold_status(e, out);
    buf_add(out, STR(",\"spool\":{"));
    first = true;
    put_number(out, &first, "messages", s.messages);
    put_number(out, &first, "commits", s.commits);
    put_number(out, &first, "flushes", s.flushes);
    put_number(out, &first, "updates", s.updates);
    put_number(out, &first, "segments", s.segments);
    put_number(out, &first, "bytes_live", s.bytes_live);
    put_number(out, &first, "bytes_total", s.bytes_total);
    put_number(out, &first, "compactions", s.compactions);
    put_number(out, &first, "large_bodies", s.large_bodies);
    put_number(out, &first, "failed_flushes", s.failed_flushes);
    buf_add(out, STR("}}"));
}
