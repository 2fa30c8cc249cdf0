/*
 * cli_dmarc - aggregate reports (RFC 7489 section 7.2) of what the spool's tally counted
 */
#include "cli/cli_dmarc.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "cli/cli_load.h"
#include "mail/domain.h"

/* The last results of a day reach the tally some seconds after it. */
enum { DAY = 86400, SETTLE = 60, ROWS_MAX_ = 20000, DOMAINS_MAX = 1000000 };

/* ---- one report */

struct rows {
    struct arena *a;
    struct map *known;              /* text: its row */
    struct feedback_row *v;
    size_t n;
    uint64_t left_out;
};

/* The same row in several hours is one. */
static bool add_row(void *ctx, struct str text, uint64_t count)
{
    struct rows *r = ctx;
    struct feedback_row *row = map_get(r->known, text);

    if (row) {
        row->count += count;
    } else if (r->n == ROWS_MAX_) {
        r->left_out += count;
    } else {
        row = &r->v[r->n++];
        *row = (struct feedback_row){ arena_dup(r->a, text), count };
        map_put(r->known, text, row);
    }
    return true;
}

static void print_xml(struct dmarc_run *d, const struct feedback *f)
{
    buf_clear(&d->out);
    feedback_xml(f, &d->out);
    cli_write(buf_str(&d->out));
}

static enum status report_one(struct dmarc_run *d, struct str domain, int64_t begin, struct why *why)
{
    struct arena a = { 0 };
    struct rows rows = { .a = &a, .known = map_new(), .v = arena_array(&a, struct feedback_row, ROWS_MAX_) };
    struct finding_policy policy;
    struct str text = { 0 };
    struct feedback f = {
        .org = d->org, .email = d->email, .contact = d->contact, .submitter = d->submitter, .domain = domain,
        .begin = begin, .end = begin + DAY - 1, .policy = &policy,
    };
    enum status st = tally_policy(d->tally, &a, domain, begin, begin + DAY, &text, why);

    if (st == ST_OK)
        st = tally_rows(d->tally, domain, begin, begin + DAY, add_row, &rows, why);
    if (st == ST_OK && rows.n && finding_policy_read(text, &policy)) {
        f.rows = rows.v;
        f.nrows = rows.n;
        f.left_out = rows.left_out;
        if (cli_has(d->cli, CO_PRINT))
            print_xml(d, &f);
        else
            cli_dmarc_send(d, &f);
    }
    map_free(rows.known);
    arena_free(&a);
    return st == ST_NONE ? ST_OK : st;
}

/* ---- a day */

struct names {
    struct arena *a;
    struct map *known;
    struct str *v;
    size_t n, room;
    struct str only;                /* --domain; "": all */
};

static bool add_name(void *ctx, struct str domain)
{
    struct names *s = ctx;
    struct str *more;

    if ((s->only.n && !domain_same(s->only, domain)) || map_get(s->known, domain))
        return true;
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 64;
        more = arena_array(s->a, struct str, s->room);
        if (s->n)
            memcpy(more, s->v, s->n * sizeof *more);
        s->v = more;
    }
    s->v[s->n++] = arena_dup(s->a, domain);
    map_put(s->known, domain, s);
    return s->n < DOMAINS_MAX;
}

static int by_name(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static enum status report_day(struct dmarc_run *d, int64_t begin, struct why *why)
{
    struct arena a = { 0 };
    struct names names = { .a = &a, .known = map_new(), .only = str_of(cli_has(d->cli, CO_DOMAIN) ? d->cli->opt[CO_DOMAIN] : "") };
    enum status st = tally_domains(d->tally, begin, begin + DAY, add_name, &names, why);

    if (names.n)
        qsort(names.v, names.n, sizeof *names.v, by_name);
    for (size_t i = 0; st == ST_OK && i < names.n; i++)
        st = report_one(d, names.v[i], begin, why);
    map_free(names.known);
    arena_free(&a);
    return st;
}

/* ---- the run */

/* Is the day over, and all of it counted? --today looks at what there is so far. */
static bool is_due(const struct dmarc_run *d, int64_t day)
{
    return day + DAY + SETTLE <= d->now || (cli_has(d->cli, CO_TODAY) && day <= d->now);
}

/* "2026-03-04", or how long ago: "3d". */
static bool read_since(const struct dmarc_run *d, const char *text, int64_t *since)
{
    struct arena a = { 0 };
    int64_t us;
    bool ok = true;

    if (clock_parse(arena_printf(&a, "%sT00:00:00Z", text), &us))
        *since = us / 1000000;
    else if (clock_interval(str_of(text), since))
        *since = d->now - *since;
    else
        ok = false;
    arena_free(&a);
    return ok;
}

static int report_days(struct dmarc_run *d)
{
    int64_t first, since = 0;
    struct why why = { 0 };
    enum status st;

    if (cli_has(d->cli, CO_SINCE) && !read_since(d, d->cli->opt[CO_SINCE], &since))
        return cli_fail(d->cli, EX_USAGE, "--since wants a date as 2026-03-04 or a time as 3d, not \"%s\"", d->cli->opt[CO_SINCE]);
    st = tally_oldest(d->tally, &first, &why);
    if (st == ST_NONE)
        return CLI_YES;
    if (st == ST_OK && since > first)
        first = since;
    for (int64_t day = first - first % DAY; st == ST_OK && is_due(d, day); day += DAY)
        st = report_day(d, day, &why);
    return st == ST_OK ? d->status : cli_fail(d->cli, cli_status(st), "%s", why.text);
}

static struct str option_text(struct dmarc_run *d, const char *name, struct str other)
{
    struct str text = policy_opt_str(world_policy(d->world), policy_opt_find(str_of(name)));

    return text.n ? arena_dup(&d->cli->arena, text) : other;
}

static int set_up(struct dmarc_run *d)
{
    struct arena *a = &d->cli->arena;
    struct str name = STR(""), list;
    struct why why;

    policy_variable(world_policy(d->world), world_txn(d->world), STR("primary_hostname"), a, &name);
    d->submitter = name.n ? name : STR("localhost");
    d->org = option_text(d, "dmarc_report_org", d->submitter);
    d->email = option_text(d, "dmarc_report_email", arena_printf(a, "dmarc-noreply@%.*s", STR_ARG(d->submitter)));
    d->contact = option_text(d, "dmarc_report_contact", STR(""));
    if (str_find(d->email, '@') == SIZE_MAX || str_find(d->email, ' ') != SIZE_MAX)
        return cli_fail(d->cli, EX_CONFIG, "dmarc_report_email is an address alone, as reports@example.org, not \"%.*s\"", STR_ARG(d->email));
    list = option_text(d, "dmarc_tld_file", STR(""));
    if (suffixes_open(list.n ? arena_z(a, list) : NULL, &d->suffixes, &why) != ST_OK)
        return cli_fail(d->cli, CLI_AGAIN, "%s", why.text);
    return CLI_YES;
}

static int run(struct dmarc_run *d)
{
    struct why why = { 0 };
    int status = set_up(d);
    enum status st;

    if (status != CLI_YES)
        return status;
    if (cli_has(d->cli, CO_NOW))
        d->now = clock_wall();
    d->pretend = cli_hermetic(d->cli);
    if (cli_has(d->cli, CO_TODAY) && !d->pretend && !cli_has(d->cli, CO_PRINT))
        return cli_fail(d->cli, EX_USAGE, "--today goes with --print or --dry-run: a day is reported once, when it is over");
    st = tally_open(cli_spool_dir(d->cli), false, &d->tally, &why);
    if (st == ST_NONE)
        return CLI_YES;             /* nobody asked for reports yet */
    if (st != ST_OK)
        return cli_fail(d->cli, why.err == EACCES ? EX_NOPERM : CLI_AGAIN, "%s%s", why.text,
                        why.err == EACCES ? ": only the engine's user may read it" : "");
    return report_days(d);
}

int cli_run_dmarc_report(struct cli *c)
{
    struct dmarc_run d = { .cli = c, .now = clock_wall() };    /* a trial's world has a time of its own */
    int status = 0;

    d.world = cli_world(c, false, &status);
    if (!d.world)
        return status;
    status = run(&d);
    tally_close(d.tally);
    if (d.suffixes)
        suffixes_close(d.suffixes);
    buf_free(&d.out);
    world_close(d.world);
    return status;
}
