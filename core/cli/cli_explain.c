#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli_ask.h"
#include "cli/cli_load.h"
#include "cli/cli_queue.h"
#include "engine/explain.h"

/* ---- explain: why did it say that? */

void cli_explain_show(const struct cli *c, struct str id, struct str object, struct buf *out)
{
    if (cli_has(c, CO_JSON)) {
        buf_byte(out, '{');
        if (id.n)
            json_member(out, "id", id);
        buf_add(out, id.n ? STR(",") : STR(""));
        buf_add(out, str_from(object, 1));
        buf_byte(out, '\n');
        return;
    }
    if (id.n)
        buf_addf(out, "%.*s  ", STR_ARG(id));
    explain_text(object, out);
}

int cli_run_explain(struct cli *c)
{
    struct str id = str_of(c->arg[0]), object;
    struct buf out = { 0 };
    struct why why = { 0 };
    enum status st = explain_find(cli_spool_dir(c), id, &c->arena, &object, &why);

    if (st == ST_NEVER)
        return cli_fail(c, EX_USAGE, "%s", why.text);
    if (st != ST_OK)
        return cli_fail(c, cli_status(st), "%s", why.text);
    cli_explain_show(c, str_starts(id, STR("E=")) ? str_from(id, 2) : id, object, &out);
    cli_write(buf_str(&out));
    buf_free(&out);
    return CLI_YES;
}

/* ---- top: what the rules cost. Workers count for themselves; here it is added up. */

enum { SLOTS_MAX = 64, TOP_SHOWN = 25, WATCH_S = 2 };

struct cost {
    struct cost *next;
    struct str where, what;
    int64_t count, us, waited_us, max_us, errors, overruns;
    int64_t slot[SLOTS_MAX];
};

struct top { struct cli *cli; struct arena arena; struct cost *first; size_t n; };

static struct cost *cost_of(struct top *t, struct str where, struct str what)
{
    struct cost *k;

    for (k = t->first; k; k = k->next)
        if (str_same(k->where, where) && str_same(k->what, what))
            return k;
    k = arena_new(&t->arena, struct cost);
    *k = (struct cost){ .next = t->first, .where = where, .what = what };
    t->first = k;
    t->n++;
    return k;
}

static int64_t number(struct str object, const char *name)
{
    int64_t n = 0;

    json_get_int(object, name, &n);
    return n;
}

static void add_row(struct top *t, struct str row)
{
    struct arena *a = &t->arena;
    struct str where = { "", 0 }, what = { "", 0 }, slots = { "", 0 }, item;
    struct cost *k;

    json_get(a, row, "where", &where);
    json_get(a, row, "what", &what);
    json_get(a, row, "slots", &slots);
    k = cost_of(t, where, what);
    k->count += number(row, "count");
    k->us += number(row, "us");
    k->waited_us += number(row, "waited_us");
    k->errors += number(row, "errors");
    k->overruns += number(row, "overruns");
    if (number(row, "max_us") > k->max_us)
        k->max_us = number(row, "max_us");
    for (size_t i = 0; i < SLOTS_MAX && json_next(a, &slots, &item); i++) {
        uint64_t n = 0;

        if (str_u64(item, INT64_MAX, &n))
            k->slot[i] += (int64_t)n;
    }
}

static void add_workers(struct top *t, struct str reply)
{
    struct arena *a = &t->arena;
    struct str workers = { "", 0 }, worker, rows, row;

    json_get(a, reply, "workers", &workers);
    while (json_next(a, &workers, &worker)) {
        rows = STR("");
        json_get(a, worker, "rules", &rows);
        while (json_next(a, &rows, &row))
            add_row(t, row);
    }
}

/* Ninety-nine of a hundred took less: known to a factor of two. */
static int64_t p99_us(const struct cost *k)
{
    int64_t below = 0, want = k->count - k->count / 100;
    size_t i = 0;

    for (; i < SLOTS_MAX; i++) {
        below += k->slot[i];
        if (below >= want)
            break;
    }
    if (i >= 62 || (INT64_C(2) << i) / 1000 > k->max_us)
        return k->max_us;
    return (INT64_C(2) << i) / 1000;
}

static int costlier(const void *a, const void *b)
{
    const struct cost *x = *(const struct cost *const *)a, *y = *(const struct cost *const *)b;

    if (x->us != y->us)
        return x->us > y->us ? -1 : 1;
    return x->count != y->count ? (x->count > y->count ? -1 : 1) : strcmp(x->where.p, y->where.p);
}

static void put_json(const struct cost *k, struct buf *out)
{
    buf_byte(out, '{');
    json_member(out, "where", k->where);
    json_member(out, "what", k->what);
    json_member_int(out, "count", k->count);
    json_member_int(out, "total_us", k->us);
    json_member_int(out, "waited_us", k->waited_us);
    json_member_int(out, "p99_us", p99_us(k));
    json_member_int(out, "max_us", k->max_us);
    json_member_int(out, "errors", k->errors);
    json_member_int(out, "overruns", k->overruns);
    buf_add(out, STR("}\n"));
}

static void put_line(const struct cost *k, struct buf *out)
{
    buf_addf(out, "%10lld %12.3f %12.3f %10.3f %10.3f %7lld %5lld  %.*s  %.*s\n", (long long)k->count, (double)k->us / 1000,
             (double)k->waited_us / 1000, (double)p99_us(k) / 1000, (double)k->max_us / 1000, (long long)k->errors,
             (long long)k->overruns, STR_ARG(k->where), STR_ARG(k->what));
}

static void show(struct top *t)
{
    struct cost **v = arena_array(&t->arena, struct cost *, t->n + 1);
    bool json = cli_has(t->cli, CO_JSON);
    struct buf out = { 0 };
    size_t n = 0;

    for (struct cost *k = t->first; k; k = k->next)
        v[n++] = k;
    qsort(v, n, sizeof *v, costlier);
    if (!json)
        buf_addf(&out, "%10s %12s %12s %10s %10s %7s %5s  %s\n", "count", "total ms", "waiting ms", "p99 ms", "max ms", "errors", "over",
                 "rule");
    for (size_t i = 0; i < n && (json || i < TOP_SHOWN); i++) {
        if (json)
            put_json(v[i], &out);
        else
            put_line(v[i], &out);
    }
    cli_write(buf_str(&out));
    buf_free(&out);
    fflush(stdout);
}

static int top_once(struct cli *c)
{
    struct top t = { .cli = c };
    struct str reply;
    int status = cli_control_ask(c, "top", &t.arena, &reply);

    if (status == CLI_YES) {
        add_workers(&t, reply);
        show(&t);
    }
    arena_free(&t.arena);
    return status;
}

int cli_run_top(struct cli *c)
{
    int status = top_once(c);

    while (cli_has(c, CO_WATCH) && status == CLI_YES) {
        sleep(WATCH_S);
        if (isatty(STDOUT_FILENO))
            cli_write(STR("\033[H\033[2J"));
        status = top_once(c);
    }
    return status;
}
