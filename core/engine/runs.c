/*
 * runs - passes over the queue: on command, by the clock, and for what was held
 *
 * Nobody waits for a pass: it takes a page of the index, starts what it is
 * about, and comes again when there is room. A named queue is left alone by
 * everything but a run of its own, by command or at the times of queue_runs.
 */
#include "engine/parts.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/logline.h"

enum { PAGE = 64 };

struct pass {
    struct pass *next;
    bool held;                  /* only what is held, and hints count */
    bool due;                   /* only what is due, and hints count */
    struct msg_id cursor;
    struct buf name;            /* empty: mail in no named queue */
};

struct clocked {                /* one item of queue_runs */
    struct clocked *next;
    int64_t every_ms, next_ms;
    char name[];
};

struct runs {
    struct pass *first;
    struct clocked *clocked;
    struct timer timer;
};

struct str row_queue(const struct spool_row *r)
{
    size_t lf = str_find(r->summary, '\n'), tab;
    struct str sender = str_head(r->summary, lf);

    if (!(r->flags & SPOOL_NAMED) || (tab = str_find(sender, '\t')) == SIZE_MAX)
        return STR("");
    return str_from(sender, tab + 1);
}

struct str row_sender(const struct spool_row *r)
{
    struct str sender = str_head(r->summary, str_find(r->summary, '\n'));

    return str_head(sender, str_find(sender, '\t'));
}

/* ---- passes */

static void pass_free(struct pass *p)
{
    buf_free(&p->name);
    free(p);
}

static struct pass *pass_of(struct runs *r, struct str name)
{
    for (struct pass *p = r->first; p; p = p->next)
        if (str_same(buf_str(&p->name), name))
            return p;
    return NULL;
}

/* A pass over what is held is the engine's own affair: nobody asked for it, and it is as often as a rule set changes. */
static void log_run(struct engine *e, const struct pass *p, const char *what)
{
    struct str name = buf_str(&p->name);

    if (p->held || !e->settings || !log_sel_has(e->settings->log, LS_queue_run))
        return;
    if (name.n)
        buf_addf(&e->line, "%s '%.*s' queue run: pid=%d", what, STR_ARG(name), (int)getpid());
    else
        buf_addf(&e->line, "%s queue run: pid=%d", what, (int)getpid());
    engine_log(e, LOG_MAIN, STR(""));
}

static void log_skipped(struct engine *e, const struct pass *p, struct msg_id id, const char *why)
{
    if (p->held || !e->settings || !log_sel_has(e->settings->log, LS_skip_delivery))
        return;
    buf_add(&e->line, str_of(why));
    engine_log(e, LOG_MAIN, str_of(id.s));
}

/* One that is wanted again begins anew, and leaves out only what both would. */
static void pass_want(struct engine *e, struct str name, bool held, bool due)
{
    struct pass *p = pass_of(e->runs, name), **at = &e->runs->first;

    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            die("no memory for a queue run");
        buf_add(&p->name, name);
        p->held = held;
        p->due = due;
        while (*at)
            at = &(*at)->next;
        *at = p;
        log_run(e, p, "Start");
    }
    p->held = p->held && held;
    p->due = p->due && due;
    p->cursor = (struct msg_id){ "" };
    queue_kick(e);
}

struct page {
    struct engine *e;
    const struct pass *pass;
    size_t n;
    struct msg_id ids[PAGE];
    struct msg_id last;
};

static void page_row(void *ctx, const struct spool_row *r)
{
    struct page *g = ctx;
    const struct pass *p = g->pass;

    g->last = r->id;
    if (!str_same(row_queue(r), buf_str(&p->name)))
        return;
    if (r->flags & SPOOL_FROZEN) {
        log_skipped(g->e, p, r->id, "Message is frozen");
        return;
    }
    if (p->held && !(r->flags & SPOOL_HELD))
        return;
    if (p->due && r->next_try > engine_now(g->e))
        return;
    g->ids[g->n++] = r->id;
}

/* A page a turn at most, so the loop comes round between them. */
void runs_take(struct engine *e, size_t room)
{
    struct pass *p = e->runs->first;
    struct page g = { .e = e, .pass = p };
    bool force;
    size_t seen;

    if (!p || room == 0)
        return;
    if (room > PAGE)
        room = PAGE;
    g.last = p->cursor;
    seen = spool_list(e->spool, p->cursor, room, page_row, &g);
    p->cursor = g.last;
    force = !p->held && !p->due;
    for (size_t i = 0; i < g.n; i++)
        if (!queue_try(e, g.ids[i], force))
            log_skipped(e, p, g.ids[i], "Spool file is locked (this message is being delivered)");
    if (seen < room) {
        log_run(e, p, "End");
        e->runs->first = p->next;
        pass_free(p);
    }
    if (e->runs->first)
        queue_kick(e);
}

void runs_held(struct engine *e)
{
    pass_want(e, STR(""), true, false);
}

void engine_run_queue(struct engine *e, struct str name)
{
    if (name.n == 0)
        queue_run_all(e);
    pass_want(e, name, false, false);
}

/* ---- by the clock */

static void arm(struct engine *e)
{
    int64_t now = clock_mono_ms(), next = INT64_MAX;

    for (const struct clocked *c = e->runs->clocked; c; c = c->next)
        if (c->next_ms < next)
            next = c->next_ms;
    if (next == INT64_MAX)
        timer_clear(e->loop, &e->runs->timer);
    else
        timer_set(e->loop, &e->runs->timer, next > now ? next - now : 1);
}

static void on_time(void *ctx)
{
    struct engine *e = ctx;
    int64_t now = clock_mono_ms();

    for (struct clocked *c = e->runs->clocked; c; c = c->next) {
        if (c->next_ms > now)
            continue;
        pass_want(e, str_of(c->name), false, true);
        c->next_ms = now + c->every_ms;
    }
    arm(e);
}

static void clocked_free(struct clocked *c)
{
    while (c) {
        struct clocked *next = c->next;

        free(c);
        c = next;
    }
}

/* "bulk=15m". One that was there before keeps its time: a reload every ten
 * minutes must not put off a run every fifteen. */
static void add_clocked(struct runs *r, struct str item, const struct clocked *old)
{
    struct str rest = item, name;
    struct clocked *c;
    int64_t every;

    if (!str_cut(&rest, '=', &name) || !clock_interval(str_trim(rest), &every) || every <= 0)
        return;                 /* perigee check has refused it */
    name = str_trim(name);
    c = calloc(1, sizeof *c + name.n + 1);
    if (!c)
        die("no memory for queue_runs");
    memcpy(c->name, name.p, name.n);
    c->every_ms = every * 1000;
    c->next_ms = clock_mono_ms() + c->every_ms;
    for (; old; old = old->next)
        if (str_same(str_of(old->name), name) && old->next_ms < c->next_ms)
            c->next_ms = old->next_ms;
    c->next = r->clocked;
    r->clocked = c;
}

void runs_update(struct engine *e)
{
    const struct val *v = setting_val(e->settings, SET_queue_runs);
    struct clocked *old = e->runs->clocked;

    e->runs->clocked = NULL;
    for (size_t i = 0; v && v->type == VAL_LIST && i < v->u.list.n; i++)
        add_clocked(e->runs, v->u.list.v[i], old);
    clocked_free(old);
    arm(e);
}

/* ---- life */

void runs_new(struct engine *e)
{
    e->runs = calloc(1, sizeof *e->runs);
    if (!e->runs)
        die("no memory for queue runs");
    e->runs->timer = (struct timer){ .fn = on_time, .ctx = e };
}

void runs_free(struct engine *e)
{
    timer_clear(e->loop, &e->runs->timer);
    clocked_free(e->runs->clocked);
    while (e->runs->first) {
        struct pass *p = e->runs->first;

        e->runs->first = p->next;
        pass_free(p);
    }
    free(e->runs);
    e->runs = NULL;
}
