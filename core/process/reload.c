/*
 * reload - new rules for all or for none (design 4.8)
 *
 * The directory is read once into a sealed snapshot; the checker loads that; new
 * ports open; every worker builds from the same bytes; only when all are ready
 * all are told to switch. Whatever goes wrong before that leaves everything as
 * it was. A worker that is starting meanwhile is no part of it and catches up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "process/checker.h"
#include "process/house.h"
#include "process/notify.h"

enum { BUILD_MS = 120000, SWITCH_MS = 30000, WAITERS_MAX = 64 };

struct waiter { reload_done *done; void *ctx; };

struct reload {
    struct house *h;
    char why[64];
    int snapshot;
    uint8_t hash[32];
    size_t files;
    uint32_t generation;
    struct checker *checker;
    struct facts facts;
    uint64_t waiting;               /* workers that have not answered */
    bool committed;                 /* they were told to switch */
    struct timer limit;
    struct waiter waiter[WAITERS_MAX];
    size_t nwaiters;
    struct waiter next[WAITERS_MAX];    /* came too late for this snapshot: for the next */
    size_t nnext;
};

static void start(struct house *h, const char *why, const struct waiter *w, size_t n);

/* ---- the end of one */

static void restart_list(const struct facts *old, const struct facts *now, struct arena *a, struct str_list *out)
{
    const struct { const char *name; bool same; } row[] = {
        { "workers", old->workers == now->workers },
        { "spool_directory", str_same(old->spool, now->spool) },
        { "user", str_same(old->user, now->user) },
        { "group", str_same(old->group, now->group) },
        { "local_delivery_roots", facts_list_same(&old->roots, &now->roots) },
        { "local_delivery_programs", facts_list_same(&old->programs, &now->programs) },
        { "never_users", facts_list_same(&old->never, &now->never) },
        { "local_lowest_uid", old->lowest_uid == now->lowest_uid },
    };

    out->v = arena_array(a, struct str, sizeof row / sizeof *row);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (!row[i].same)
            out->v[out->n++] = str_of(row[i].name);
}

static void log_lines(const char *what, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line))
        if (line.n > 0)
            log_line(LOG_MAIN, "%s%.*s", what, STR_ARG(line));
}

/* Frees r. Whoever asked while it ran gets a reload of their own, since the
 * directory may have changed after it was read. */
static void finish(struct reload *r, bool ok, struct str problems)
{
    struct house *h = r->h;
    struct arena a = { 0 };
    struct str text = arena_dup(&a, problems);
    struct str_list restart = { 0 };

    if (ok)
        restart_list(&h->fixed, &h->facts, &a, &restart);
    for (size_t i = 0; i < restart.n; i++)
        log_line(LOG_MAIN, "%.*s has changed and needs a restart", STR_ARG(restart.v[i]));
    shared_count(h->shared, WORKERS_MAX, ok ? COUNT_reloads : COUNT_reloads_failed, 1);
    if (ok)
        log_line(LOG_MAIN, "rules reloaded (%s): generation %u, %zu files", r->why, r->generation, r->files);
    if (h->ready && !h->stopping)       /* READY is never said before all serve */
        notify_say("READY=1");

    timer_clear(h->loop, &r->limit);
    if (r->checker)
        checker_cancel(r->checker);
    facts_free(&r->facts);
    if (r->snapshot >= 0)
        close(r->snapshot);
    h->reload = NULL;
    for (size_t i = 0; i < r->nwaiters; i++)
        r->waiter[i].done(r->waiter[i].ctx, ok, text, &restart);
    if (r->nnext > 0 && !h->stopping)
        start(h, "asked again", r->next, r->nnext);
    free(r);
    arena_free(&a);
}

/* st: ST_NEVER, these bytes are bad; ST_AGAIN, nobody knows: the watch over the
 * rules asks again. */
static void refuse(struct reload *r, enum status st, struct str text)
{
    struct house *h = r->h;

    for (unsigned i = 0; i < h->workers; i++) {
        struct staff *s = &h->staff[i];

        if (s->building == r->generation && s->state == STAFF_UP) {
            s->building = 0;
            staff_send(s, (struct ipc){ .type = IPC_ABANDON, .a = r->generation });
        }
    }
    ports_undo(h);
    log_lines("reload refused: ", text.n > 0 ? text : STR("no reason given"));
    if (st == ST_NEVER) {
        memcpy(h->refused_hash, r->hash, sizeof r->hash);
        rules_watch_known(h);
    } else {
        rules_watch_again(h);
    }
    finish(r, false, text);
}

/* Whoever asked is told only when the last worker has switched: a session that
 * begins after the answer begins on the new rules. */
static void switched(struct reload *r)
{
    if (r->waiting == 0)
        finish(r, true, r->h->facts.problems);
}

/* The one moment: each worker's new sessions, and those of workers still to
 * come, begin on the new rules. */
static void commit(struct reload *r)
{
    struct house *h = r->h;
    struct facts old = h->facts;
    int old_snapshot = h->snapshot;

    CRASH_POINT("reload.commit");
    h->generation = r->generation;
    h->snapshot = r->snapshot;
    r->snapshot = -1;
    memcpy(h->hash, r->hash, sizeof h->hash);
    memset(h->refused_hash, 0, sizeof h->refused_hash);
    for (unsigned i = 0; i < h->workers; i++) {
        struct staff *s = &h->staff[i];

        if (s->building == r->generation && s->state == STAFF_UP) {
            s->building = 0;
            if (staff_send(s, (struct ipc){ .type = IPC_SWITCH, .a = r->generation }))
                r->waiting |= UINT64_C(1) << i;
        }
    }
    ports_backlog(h, &r->facts);
    ports_commit(h, false);
    h->facts = r->facts;
    r->facts = (struct facts){ 0 };
    facts_free(&old);
    close(old_snapshot);
    master_open_log(h);
    rules_watch_set(h);
    rules_watch_known(h);
    r->committed = true;
    timer_set(h->loop, &r->limit, SWITCH_MS);
    switched(r);
}

/* ---- its steps */

static void on_limit(void *ctx)
{
    struct reload *r = ctx;

    if (!r->committed) {
        refuse(r, ST_AGAIN, STR("a worker takes too long to load the rules"));
        return;
    }
    log_line(LOG_MAIN, "a worker takes too long to begin with the rules of generation %u", r->generation);
    r->waiting = 0;
    switched(r);
}

static unsigned ask_workers(struct reload *r, unsigned most)
{
    struct house *h = r->h;
    unsigned n = 0;

    for (unsigned i = 0; i < h->workers && n < most; i++) {
        struct staff *s = &h->staff[i];

        if (s->state != STAFF_UP || s->building != 0)
            continue;
        s->building = r->generation;
        r->waiting |= UINT64_C(1) << i;
        staff_send(s, (struct ipc){ .type = IPC_RULES, .a = r->generation, .fd = r->snapshot });
        n++;
    }
    return n;
}

static void on_checked(void *ctx, struct facts *f)
{
    struct reload *r = ctx;
    struct house *h = r->h;
    enum status st;
    struct why why;

    r->checker = NULL;
    r->facts = *f;
    if (!f->good) {
        refuse(r, f->unsure ? ST_AGAIN : ST_NEVER, f->problems);
        return;
    }
    st = ports_open(h, &f->listen, &why);
    if (st != ST_OK) {
        refuse(r, st, str_of(why.text));
        return;
    }
    timer_set(h->loop, &r->limit, BUILD_MS);
    if (ask_workers(r, 1) == 0)
        commit(r);
}

bool reload_built(struct staff *s, enum status st, struct str problems)
{
    struct reload *r = s->house->reload;

    if (!r || r->committed || s->building != r->generation)
        return false;
    r->waiting &= ~(UINT64_C(1) << s->number);
    /* One worker goes first: rules that kill it have killed one, not all. */
    if (st != ST_OK)
        refuse(r, st, problems);
    else if (r->waiting == 0 && ask_workers(r, UINT32_MAX) == 0)
        commit(r);
    return true;
}

void reload_serving(struct staff *s, uint32_t generation)
{
    struct reload *r = s->house->reload;

    if (!r || !r->committed || generation != r->generation || !(r->waiting >> s->number & 1))
        return;
    r->waiting &= ~(UINT64_C(1) << s->number);
    switched(r);
}

/* It may have died of these very rules; or been killed by somebody. One that
 * dies after the switch comes back with the new rules. */
void reload_lost(struct staff *s)
{
    struct reload *r = s->house->reload;

    s->building = 0;
    if (!r || !(r->waiting >> s->number & 1))
        return;
    if (r->committed)
        reload_serving(s, r->generation);
    else
        refuse(r, ST_AGAIN, STR("a worker died while it loaded the rules"));
}

static enum status read_rules(struct reload *r, struct why *why)
{
    struct snapshot s = { 0 };
    enum status st = snapshot_read(r->h->rules, &s, why);

    if (st != ST_OK)
        return st;
    memcpy(r->hash, s.hash, sizeof r->hash);
    r->files = s.n;
    r->snapshot = snapshot_seal(&s);
    if (r->snapshot < 0)
        st = why_errno(why, ST_AGAIN, "keep a copy of the rules");
    snapshot_free(&s);
    return st;
}

static void start(struct house *h, const char *reason, const struct waiter *w, size_t n)
{
    struct reload *r = calloc(1, sizeof *r);
    struct checker_want want = { .rules = h->rules, .spool = h->spool, .user = h->user };
    enum status st;
    struct why why;

    if (!r)
        die("out of memory: a reload");
    r->h = h;
    r->snapshot = -1;
    r->generation = ++h->last_generation;
    r->limit = (struct timer){ .fn = on_limit, .ctx = r };
    snprintf(r->why, sizeof r->why, "%s", reason);
    memcpy(r->waiter, w, n * sizeof *w);
    r->nwaiters = n;
    h->reload = r;
    if (h->ready)
        notify_reloading();
    st = read_rules(r, &why);
    if (st == ST_OK) {
        want.snapshot = r->snapshot;
        r->checker = checker_start(h->loop, &want, on_checked, r, &why);
        st = ST_AGAIN;
    }
    if (!r->checker)
        refuse(r, st, str_of(why.text));
}

static void nobody(void *ctx, bool ok, struct str text, const struct str_list *restart)
{
    (void)ctx, (void)ok, (void)text, (void)restart;
}

void reload_start(struct house *h, const char *reason, reload_done *done, void *ctx)
{
    struct waiter w = { done ? done : nobody, ctx };
    struct reload *r = h->reload;

    if (h->stopping || (r && r->nnext == WAITERS_MAX))
        w.done(ctx, false, h->stopping ? STR("the engine is stopping") : STR("too many reloads wait"), &(struct str_list){ 0 });
    else if (r)
        r->next[r->nnext++] = w;
    else
        start(h, reason, &w, 1);
}

void reload_cancel(struct house *h)
{
    struct reload *r = h->reload;

    if (!r)
        return;
    for (size_t i = 0; i < r->nnext; i++)
        r->next[i].done(r->next[i].ctx, false, STR("the engine is stopping"), &(struct str_list){ 0 });
    r->nnext = 0;
    if (r->committed) {
        r->waiting = 0;
        switched(r);
    } else {
        refuse(r, ST_AGAIN, STR("the engine is stopping"));
    }
}
