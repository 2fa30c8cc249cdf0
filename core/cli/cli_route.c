/*
 * cli_route - where a message would go, and why
 *
 * The routers say what they did as records (lua/mail/route_explain.lua); here they
 * become lines, or are handed on. With --explain each has its place in the rules,
 * and hosts what is known of them: whether DNSSEC vouches for them, and whether
 * they have failed and wait for their next try.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli_ask.h"
#include "cli/cli_load.h"
#include "spool/hints.h"

enum { ANSWER_MS = 120000 };

struct routed {
    struct cli *cli;
    struct hints *hints;        /* of the spool; NULL: not asked for, or none */
    struct str address;
    struct buf out;             /* what is printed */
    struct buf walk;            /* what each router said, a record a line */
    struct str text;            /* why it failed or waits, in the verb's arena */
    bool done, failed, deferred;
};

static const char *const kinds[] = {
    [ROUTE_TO] = "deliver", [ROUTE_FAIL] = "fail", [ROUTE_DEFER] = "defer", [ROUTE_DISCARD] = "discard",
    [ROUTE_FREEZE] = "freeze", [ROUTE_UNROUTEABLE] = "unrouteable", [ROUTE_NOTE] = "note",
};

/* ---- what is remembered of a host (engine/host.c): "first next", under its name, address and port */

struct host_seek { struct buf key; int64_t next; };

static bool seek_host(void *ctx, struct str key, struct str value, int64_t expires)
{
    struct host_seek *s = ctx;
    struct str first;
    uint64_t next;

    (void)expires;
    if (str_starts(key, buf_str(&s->key)) && str_cut(&value, ' ', &first) && str_u64(value, INT64_MAX, &next)
        && (int64_t)next > s->next)
        s->next = (int64_t)next;
    return true;
}

/* When a host may be tried again, on any port; 0: now. */
static int64_t host_next(const struct routed *r, const struct host *h)
{
    struct host_seek s = { .next = 0 };
    struct arena a = { 0 };

    if (!r->hints)
        return 0;
    buf_addf(&s.key, "T:%.*s:%.*s:", STR_ARG(h->name), STR_ARG(ip_text(&a, h->ip)));
    hints_each(r->hints, STR("retry"), seek_host, &s);
    buf_free(&s.key);
    arena_free(&a);
    return s.next > clock_wall() ? s.next : 0;
}

/* Only a file that is there is opened: asking makes none. */
static struct hints *open_hints(struct cli *c)
{
    struct hints *h = NULL;
    char path[4200];

    if (!cli_has(c, CO_EXPLAIN) || cli_hermetic(c))
        return NULL;
    snprintf(path, sizeof path, "%s/hints.mdb", cli_spool_dir(c));
    if (access(path, R_OK | W_OK) < 0)
        return NULL;
    return hints_open(cli_spool_dir(c), &h, NULL) == ST_OK ? h : NULL;
}

/* ---- hosts and items */

static void print_hosts(const struct routed *r, struct buf *out, const struct route_item *it)
{
    bool explain = cli_has(r->cli, CO_EXPLAIN);
    struct arena a = { 0 };

    for (size_t i = 0; i < it->nhosts; i++) {
        const struct host *h = &it->hosts[i];
        int64_t next = host_next(r, h);

        buf_addf(out, "    host %.*s [%.*s]", STR_ARG(h->name), STR_ARG(ip_text(&a, h->ip)));
        if (h->preference >= 0)
            buf_addf(out, " MX=%d", h->preference);
        if (h->port)
            buf_addf(out, " port=%u", h->port);
        if (explain)
            buf_add(out, h->secure ? STR(" DNSSEC=secure") : STR(" DNSSEC=insecure"));
        if (next)
            buf_addf(out, " failed before, next try %.*s", STR_ARG(clock_rfc5322(&a, next)));
        buf_byte(out, '\n');
    }
    arena_free(&a);
}

static void print_item(const struct routed *r, struct buf *out, const struct route_item *it)
{
    buf_addf(out, "  %.*s: %s", STR_ARG(it->at.address), kinds[it->kind]);
    if (it->at.router.n)
        buf_addf(out, " router=%.*s", STR_ARG(it->at.router));
    if (it->at.transport.n)
        buf_addf(out, " transport=%.*s", STR_ARG(it->at.transport));
    if (it->text.n)
        buf_addf(out, ": %.*s", STR_ARG(it->text));
    buf_byte(out, '\n');
    print_hosts(r, out, it);
}

static void json_hosts(const struct routed *r, struct buf *out, const struct route_item *it)
{
    struct arena a = { 0 };

    json_name(out, "hosts");
    buf_byte(out, '[');
    for (size_t i = 0; i < it->nhosts; i++) {
        const struct host *h = &it->hosts[i];

        if (i)
            buf_byte(out, ',');
        buf_byte(out, '{');
        json_member(out, "name", h->name);
        json_member(out, "address", ip_text(&a, h->ip));
        json_member_int(out, "preference", h->preference);
        json_member_int(out, "port", h->port);
        json_member_bool(out, "dnssec", h->secure);
        if (cli_has(r->cli, CO_EXPLAIN))
            json_member_int(out, "next_try", host_next(r, h));
        buf_byte(out, '}');
    }
    buf_byte(out, ']');
    arena_free(&a);
}

/* ---- the walk */

struct step { struct str address, router, where, outcome, text; int64_t depth; };

static void step_read(struct arena *a, struct str record, struct step *s)
{
    *s = (struct step){ .depth = 0 };
    json_get(a, record, "address", &s->address);
    json_get(a, record, "router", &s->router);
    json_get(a, record, "where", &s->where);
    json_get(a, record, "outcome", &s->outcome);
    json_get(a, record, "text", &s->text);
    json_get_int(record, "depth", &s->depth);
}

static void put_step(struct buf *out, const struct step *s, bool explain)
{
    for (int64_t i = 0; i < s->depth && i < 40; i++)
        buf_add(out, STR("  "));
    buf_addf(out, "%.*s: %.*s: %.*s", STR_ARG(s->address), STR_ARG(s->router.n ? s->router : STR("-")), STR_ARG(s->outcome));
    if (s->text.n)
        buf_addf(out, ", %.*s", STR_ARG(s->text));
    if (explain && s->where.n)
        buf_addf(out, " (%.*s)", STR_ARG(s->where));
}

static void put_walk(const struct routed *r, struct buf *out, bool json)
{
    struct str rest = buf_str(&r->walk), record;
    struct arena a = { 0 };
    bool first = true;

    while (str_cut(&rest, '\n', &record)) {
        struct buf line = { 0 };
        struct step s;

        if (record.n == 0)
            continue;
        step_read(&a, record, &s);
        if (json)
            s.depth = 0;
        put_step(&line, &s, !json && cli_has(r->cli, CO_EXPLAIN));
        if (json && !first)
            buf_byte(out, ',');
        if (json)
            json_text(out, buf_str(&line));
        else
            buf_add(out, buf_str(&line));
        if (!json)
            buf_byte(out, '\n');
        buf_free(&line);
        first = false;
    }
    arena_free(&a);
}

/* Records are JSON already. */
static void json_steps(const struct routed *r, struct buf *out)
{
    struct str rest = buf_str(&r->walk), record;
    bool first = true;

    json_name(out, "steps");
    buf_byte(out, '[');
    while (str_cut(&rest, '\n', &record)) {
        if (record.n == 0)
            continue;
        if (!first)
            buf_byte(out, ',');
        buf_add(out, record);
        first = false;
    }
    buf_byte(out, ']');
}

static void json_item(const struct routed *r, struct buf *out, const struct route_item *it)
{
    buf_byte(out, '{');
    json_member(out, "asked", r->address);
    json_member(out, "address", it->at.address);
    json_member(out, "result", str_of(kinds[it->kind]));
    json_member(out, "router", it->at.router);
    json_member(out, "transport", it->at.transport);
    json_member(out, "text", it->text);
    json_hosts(r, out, it);
    json_name(out, "why");
    buf_byte(out, '[');
    put_walk(r, out, true);
    buf_byte(out, ']');
    if (cli_has(r->cli, CO_EXPLAIN))
        json_steps(r, out);
    buf_add(out, STR("}\n"));
}

/* ---- one address */

static void routed(void *ctx, struct route_item *items, size_t n)
{
    struct routed *r = ctx;

    r->done = true;
    for (size_t i = 0; i < n; i++) {
        enum route_kind kind = items[i].kind;

        r->failed |= kind == ROUTE_FAIL || kind == ROUTE_UNROUTEABLE;
        if (kind != ROUTE_TO && kind != ROUTE_DISCARD && kind != ROUTE_NOTE && r->text.n == 0)
            r->text = arena_dup(&r->cli->arena, items[i].text);
        r->deferred |= kind == ROUTE_DEFER || kind == ROUTE_FREEZE;
        if (cli_has(r->cli, CO_JSON))
            json_item(r, &r->out, &items[i]);
        else
            print_item(r, &r->out, &items[i]);
    }
}

static bool route_done_yet(void *ctx)
{
    return ((struct routed *)ctx)->done;
}

/* One address through the routers, in words. */
static void route_one(struct cli *c, struct world *w, struct hints *hints, const char *address, struct routed *r)
{
    struct txn *t = world_txn(w);
    struct buf walk = { 0 };
    struct eval *e;

    *r = (struct routed){ .cli = c, .hints = hints, .address = str_of(address) };
    t->phase = PH_ROUTE;
    e = policy_route_explain(world_policy(w), t, r->address, &r->walk, routed, r);
    if (!world_until(w, route_done_yet, r, ANSWER_MS)) {
        policy_cancel(e);
        r->deferred = true;
        r->text = STR("no answer in two minutes");
        buf_add(&r->out, STR("  no answer in two minutes\n"));
    }
    if (!cli_has(c, CO_JSON)) {
        put_walk(r, &walk, false);
        cli_write(r->address);
        cli_write(STR("\n"));
        cli_write(buf_str(&walk));
    }
    buf_free(&walk);
    buf_free(&r->walk);
}

int cli_run_route(struct cli *c)
{
    int status = 0;
    struct world *w = cli_world(c, false, &status);
    bool failed = false, deferred = false;
    struct hints *hints;
    struct routed r;

    if (!w)
        return status;
    hints = open_hints(c);
    world_txn(w)->sender = STR("");
    status = cli_facts(c, w, NULL);
    for (int i = 0; i < c->narg && status == 0; i++) {
        route_one(c, w, hints, c->arg[i], &r);
        cli_write(buf_str(&r.out));
        failed |= r.failed;
        deferred |= r.deferred;
        buf_free(&r.out);
    }
    if (hints)
        hints_close(hints);
    world_close(w);
    return status ? status : failed ? CLI_NO : deferred ? CLI_AGAIN : CLI_YES;
}
