#include "process/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/drain.h"
#include "engine/facts.h"
#include "engine/submit.h"
#include "local/local.h"
#include "process/ipc.h"

enum { BEAT_MS = 500, FIRST_TIDY_MS = 1000, TIDY_MS = 30000, SHARD_RETRY_MS = 500, SAY_AT = 20, OPENING_MS = 600000, BUILDING_MS = 120000, FOUND_MAX = 64 };

struct worker {
    const struct worker_config *c;
    struct loop *loop;
    struct engine *engine;
    struct local_link *local;
    struct submit *submit;
    struct orders orders;
    struct watch *link;
    struct timer beat, tidy, shard_retry;
    struct drain drain;                 /* of shards beyond `workers` */
    struct policy *built;               /* waits for SWITCH */
    uint32_t built_generation;
    int snapshot, built_snapshot;       /* memfds of the current generation and of the built one */
    struct { char name[256]; int fd; } listen[64];
    size_t nlisten;
    uint32_t home;
    uint8_t want[SHARDS_MAX], have[SHARDS_MAX];     /* by shard */
    uint8_t failed[SHARDS_MAX];         /* how often it could not be taken, up to SAY_AT; then the panic log knows */
    bool draining;
    char log_path[4096], log_now[4096];
    struct log_config log;
};

/* ---- to the master */

static void tell(struct worker *w, struct ipc m)
{
    if (!ipc_send(w->c->link, &m))
        _exit(EX_OSERR);            /* no master, or one that does not listen */
}

static _Noreturn void fail(struct worker *w, int status, const char *text)
{
    log_line(LOG_PANIC, "worker %u: %s", w->c->number, text);
    tell(w, (struct ipc){ .type = IPC_FAILED, .a = (uint32_t)status, .text = str_of(text) });
    log_close();
    _exit(status);
}

static void on_order_done(void *ctx, int64_t token, int status, struct str object)
{
    tell(ctx, (struct ipc){ .type = IPC_ANSWER, .n = token, .a = (uint32_t)status, .text = object });
}

/* ---- logs follow the options of the generation in use */

static void open_log(struct worker *w, const struct policy *p)
{
    struct facts f = { 0 };
    struct log_config c;
    struct why why;

    facts_of(&f, p);
    facts_log(&f, w->c->spool, w->log_path, &c);
    c.stderr_too = w->c->foreground;
    if (strcmp(w->log_now, w->log_path) == 0 && log_config_same(&c, &w->log)) {
        log_reopen();
    } else if (log_open(&c, &why) == ST_OK) {
        w->log = c;
        snprintf(w->log_now, sizeof w->log_now, "%s", w->log_path);
    } else {
        fprintf(stderr, "perigee: worker %u logs to standard error: %s\n", w->c->number, why.text);
    }
    facts_free(&f);
}

/* ---- shards */

struct aside { struct worker *w; struct msg_id id; unsigned shard, deaths; };

static void on_aside(void *ctx, enum status st, const struct why *why)
{
    struct aside *a = ctx;

    if (st == ST_OK) {
        log_line(LOG_MAIN, "%s set aside frozen: %u workers died over it", a->id.s, a->deaths);
        log_line(LOG_PANIC, "%s set aside frozen: %u workers died over it", a->id.s, a->deaths);
        shared_count(a->w->c->shared, a->w->c->number, COUNT_set_aside, 1);
    } else {
        log_line(LOG_PANIC, "%s killed %u workers and cannot be set aside: %s", a->id.s, a->deaths, why ? why->text : "");
    }
    crash_clear(a->w->c->shared, a->shard, a->id);
    free(a);
}

/* Frozen as it lies: reading its envelope may be what kills. */
static void freeze(struct worker *w, unsigned shard, struct msg_id id, unsigned deaths)
{
    struct arena arena = { 0 };
    struct spool_msg m = { 0 };
    struct why why;
    enum status st = spool_load(engine_spool(w->engine), id, &arena, &m, &why);
    struct aside *a;

    if (st == ST_OK) {
        a = malloc(sizeof *a);
        if (!a)
            die("out of memory: a message set aside");
        *a = (struct aside){ w, id, shard, deaths };
        m.state.flags |= SPOOL_FROZEN;
        m.state.next_try = clock_wall();        /* of a frozen message: since when */
        crash_aside(w->c->shared, shard, id);
        spool_update(engine_spool(w->engine), id, &m.state, on_aside, a);
        spool_body_close(m.body);
    } else if (st != ST_AGAIN) {
        crash_clear(w->c->shared, shard, id);   /* gone, or set aside as damaged */
    }
    arena_free(&arena);
}

/* Design section 3: a message that was at hand when two workers died waits for
 * a person. */
static void set_aside(struct worker *w, unsigned shard)
{
    struct msg_id id[FOUND_MAX];
    unsigned deaths[FOUND_MAX];
    size_t n = crash_found(w->c->shared, shard, id, deaths, FOUND_MAX);

    for (size_t i = 0; i < n; i++)
        if (deaths[i] >= 2)
            freeze(w, shard, id[i], deaths[i]);
}

/* A shard whose last owner is still dying is locked for a moment: that is not
 * worth a line, what lasts or does not mend itself is. */
static void shard_failed(struct worker *w, unsigned n, const struct why *why)
{
    if (w->failed[n] >= SAY_AT)
        return;
    w->failed[n] = why->err == ENOSPC || why->err == EDQUOT || why->err == EROFS ? SAY_AT : w->failed[n] + 1;
    if (w->failed[n] == SAY_AT)
        log_line(LOG_PANIC, "shard %u of the spool cannot be opened: %s; tried again until it can be, its mail waits, and new mail "
                 "is put off if no other shard takes it", n, why->text);
}

static void take_shards(void *ctx)
{
    struct worker *w = ctx;
    bool again = false, took = false;
    struct why why;

    for (unsigned n = 0; n < SHARDS_MAX; n++) {
        enum status st;

        if (!w->want[n] || w->have[n])
            continue;
        shared_beat_ahead(w->c->shared, w->c->number, OPENING_MS);
        st = spool_take(engine_spool(w->engine), n, &why);
        shared_beat(w->c->shared, w->c->number);
        if (st == ST_AGAIN) {
            shard_failed(w, n, &why);
            again = true;
            continue;
        }
        if (st != ST_OK)
            fail(w, EX_DATAERR, why.text);
        if (w->failed[n] == SAY_AT)
            log_line(LOG_PANIC, "shard %u of the spool is open now", n);
        w->failed[n] = 0;
        w->have[n] = 1;
        took = true;
        spool_set_home(engine_spool(w->engine), n, n == w->home);
        set_aside(w, n);
        if (n != w->home && n >= w->c->workers)
            drain_add(&w->drain, n);
    }
    if (took)
        engine_start(w->engine);
    if (again)
        timer_set(w->loop, &w->shard_retry, SHARD_RETRY_MS);
}

static void on_shards(struct worker *w, const struct ipc *m)
{
    w->home = m->a;
    if (m->a < SHARDS_MAX)
        w->want[m->a] = 1;
    for (size_t i = 0; i < m->text.n; i++)
        w->want[(unsigned char)m->text.p[i]] = 1;
    if (engine_policy(w->engine))
        take_shards(w);         /* else with the first generation */
}

/* Shards that are not home drain; an empty one goes (design section 3). */
static void remove_empty(void *ctx)
{
    struct worker *w = ctx;

    for (unsigned n = 0; n < SHARDS_MAX; n++) {
        if (!w->have[n] || n == w->home || spool_remove_shard(engine_spool(w->engine), n, NULL) != ST_OK)
            continue;
        w->have[n] = w->want[n] = 0;
        drain_forget(&w->drain, n);
        log_line(LOG_MAIN, "shard %u was drained and removed", n);
        tell(w, (struct ipc){ .type = IPC_EMPTY, .a = n });
    }
}

/* ---- generations */

static struct policy *build(struct worker *w, int fd, uint32_t generation, struct facts *f)
{
    struct snapshot s = { 0 };
    struct problems problems = { 0 };
    struct policy *p = NULL;
    struct why why;

    shared_beat_ahead(w->c->shared, w->c->number, BUILDING_MS);
    if (snapshot_open(fd, &s, &why) != ST_OK) {
        f->problems = arena_dup(&f->arena, str_of(why.text));
        f->unsure = true;
        return NULL;
    }
    policy_load(engine_env(w->engine), &s, generation, &p, &problems);
    facts_problems(f, &problems);
    problems_free(&problems);
    snapshot_free(&s);
    shared_beat(w->c->shared, w->c->number);
    return p;
}

static void drop_built(struct worker *w)
{
    if (w->built)
        policy_release(w->built);
    w->built = NULL;
    if (w->built_snapshot >= 0)
        close(w->built_snapshot);
    w->built_snapshot = -1;
}

static void on_rules(struct worker *w, const struct ipc *m)
{
    struct facts f = { 0 };

    drop_built(w);
    w->built_snapshot = m->fd;
    w->built = build(w, m->fd, m->a, &f);
    w->built_generation = m->a;
    CRASH_POINT("reload.built");
    tell(w, (struct ipc){ .type = IPC_BUILT, .a = m->a, .b = w->built ? ST_OK : f.unsure ? ST_AGAIN : ST_NEVER, .text = f.problems });
    facts_free(&f);
}

static void on_switch(struct worker *w, const struct ipc *m)
{
    if (!w->built || w->built_generation != m->a)
        fail(w, EX_SOFTWARE, "told to switch to what was not built");
    CRASH_POINT("reload.switch");
    open_log(w, w->built);
    engine_switch(w->engine, w->built);
    w->built = NULL;
    if (w->snapshot >= 0)
        close(w->snapshot);
    w->snapshot = w->built_snapshot;
    w->built_snapshot = -1;
    w->orders.generation = m->a;
    take_shards(w);             /* the first time: nothing is served before */
    tell(w, (struct ipc){ .type = IPC_SERVING, .a = m->a });
}

/* A state that outgrew its bound is built anew from the same bytes. */
static void replace_worn(struct worker *w)
{
    struct policy *p = engine_policy(w->engine);
    struct facts f = { 0 };

    if (!p || !policy_worn(p) || w->snapshot < 0)
        return;
    p = build(w, w->snapshot, w->orders.generation, &f);
    if (p) {
        log_line(LOG_MAIN, "rules of generation %u use too much memory: started afresh", w->orders.generation);
        engine_switch(w->engine, p);
    }
    facts_free(&f);
}

/* ---- listening */

static void on_listen(struct worker *w, const struct ipc *m)
{
    if (w->draining || w->nlisten == sizeof w->listen / sizeof *w->listen) {
        close(m->fd);
        return;
    }
    snprintf(w->listen[w->nlisten].name, sizeof w->listen->name, "%.*s", STR_ARG(m->text));
    w->listen[w->nlisten++].fd = m->fd;
    engine_listen(w->engine, m->fd);
}

static void on_unlisten(struct worker *w, struct str name)
{
    for (size_t i = 0; i < w->nlisten; i++) {
        if (!str_same(name, str_of(w->listen[i].name)))
            continue;
        engine_unlisten(w->engine, w->listen[i].fd);
        close(w->listen[i].fd);
        w->listen[i] = w->listen[--w->nlisten];
        return;
    }
}

/* ---- the end */

static void on_drained(void *ctx)
{
    struct worker *w = ctx;

    CRASH_POINT("shutdown.drained");
    loop_stop(w->loop);
}

static void on_drain(struct worker *w, int64_t ms)
{
    if (w->draining)
        return;
    w->draining = true;
    drain_stop(&w->drain);
    if (w->submit)
        submit_free(w->submit);
    w->submit = NULL;
    while (w->nlisten > 0)
        on_unlisten(w, str_of(w->listen[0].name));
    engine_drain(w->engine, ms, on_drained, w);
}

/* ---- the link */

static void on_message(struct worker *w, const struct ipc *m)
{
    switch (m->type) {
    case IPC_RULES:
        on_rules(w, m);
        break;
    case IPC_SWITCH:
        on_switch(w, m);
        break;
    case IPC_ABANDON:
        drop_built(w);
        break;
    case IPC_LISTEN:
        on_listen(w, m);
        break;
    case IPC_UNLISTEN:
        on_unlisten(w, m->text);
        break;
    case IPC_SUBMIT:
        if (w->submit || w->draining)
            close(m->fd);
        else
            w->submit = submit_new(w->engine, m->fd);
        break;
    case IPC_SHARDS:
        on_shards(w, m);
        break;
    case IPC_REOPEN:
        log_reopen();
        engine_reopen_logs(w->engine);
        break;
    case IPC_REQUEST:
        orders_take(&w->orders, m->n, m->text);
        break;
    case IPC_DRAIN:
        on_drain(w, m->n);
        break;
    default:
        fail(w, EX_SOFTWARE, "a message that is not for workers");
    }
}

static void on_link(void *ctx, int what)
{
    struct worker *w = ctx;
    struct arena a = { 0 };
    struct ipc m;
    enum ipc_end end;
    (void)what;

    while ((end = ipc_recv(w->c->link, false, &a, &m)) == IPC_GOT)
        on_message(w, &m);
    arena_free(&a);
    if (end == IPC_CLOSED)
        _exit(EX_OSERR);
    if (end == IPC_BAD)
        fail(w, EX_SOFTWARE, "a bad message from the master");
}

static void on_beat(void *ctx)
{
    struct worker *w = ctx;

    shared_beat(w->c->shared, w->c->number);
    timer_set(w->loop, &w->beat, BEAT_MS);
}

static void on_tidy(void *ctx)
{
    struct worker *w = ctx;

    remove_empty(w);
    replace_worn(w);
    timer_set(w->loop, &w->tidy, TIDY_MS);
}

/* A slot was freed that others wait for: their eventfds are all we need. */
static void wake_others(void *ctx, uint64_t workers)
{
    const struct worker *w = ctx;
    uint64_t one = 1;

    for (unsigned i = 0; i < w->c->workers; i++)
        if (workers >> i & 1)
            (void)!write(w->c->wake[i], &one, sizeof one);     /* full: it will wake anyway */
}

/* ---- the process */

static void keep_descriptors(const struct worker_config *c)
{
    int keep[WORKERS_MAX + 4];
    size_t n = 0;

    keep[n++] = c->link;
    keep[n++] = c->lock;
    if (c->local >= 0)
        keep[n++] = c->local;
    for (unsigned i = 0; i < c->workers; i++)
        keep[n++] = c->wake[i];
    user_keep_only(keep, n);
}

/* The terminal and a service manager signal the whole group; only the master
 * acts on that, and tells us. */
static void set_signals(void)
{
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE };
    sigset_t none;

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void make_engine(struct worker *w)
{
    struct engine_config ec = {
        .worker = w->c->number, .workers = w->c->workers, .shared = w->c->shared, .spool_dir = w->c->spool,
        .wake_fd = w->c->wake[w->c->number], .wake = wake_others, .local = w->local, .ctx = w,
        .tls_on_connect = w->c->tls_on_connect,
    };
    struct why why = { 0 };

    shared_beat_ahead(w->c->shared, w->c->number, OPENING_MS);
    if (engine_new(w->loop, &ec, &w->engine, &why) != ST_OK)
        fail(w, EX_CANTCREAT, why.text);
    drain_init(&w->drain, w->engine, remove_empty, w);
    w->orders = (struct orders){ .engine = w->engine, .number = w->c->number, .answer = on_order_done, .ctx = w };
}

static void start_timers(struct worker *w)
{
    w->beat = (struct timer){ .fn = on_beat, .ctx = w };
    w->tidy = (struct timer){ .fn = on_tidy, .ctx = w };
    w->shard_retry = (struct timer){ .fn = take_shards, .ctx = w };
    timer_set(w->loop, &w->beat, 0);
    timer_set(w->loop, &w->tidy, FIRST_TIDY_MS);
}

_Noreturn void worker_run(const struct worker_config *c)
{
    static struct worker worker;
    struct worker *w = &worker;
    struct why why;

    *w = (struct worker){ .c = c, .snapshot = -1, .built_snapshot = -1, .home = UINT32_MAX };
    keep_descriptors(c);
    set_signals();
    w->loop = loop_new();
    if (user_become(&c->user, &why) != ST_OK)
        fail(w, EX_NOPERM, why.text);
    if (!user_tie(c->master))
        _exit(EX_OSERR);
    if (c->local >= 0)
        w->local = local_link_new(w->loop, c->local);
    make_engine(w);
    start_timers(w);
    w->link = watch_new(w->loop, c->link, on_link, w);
    watch_set(w->link, WATCH_READ);
    tell(w, (struct ipc){ .type = IPC_READY });

    loop_run(w->loop);

    drop_built(w);
    engine_free(w->engine);
    local_link_free(w->local);
    log_close();
    _exit(0);
}
