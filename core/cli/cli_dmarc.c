/*
 * cli_dmarc - `perigee dmarc-report`: the aggregate reports that domains asked for
 *
 * What was counted on days that are over (UTC) becomes one report a domain and day,
 * compressed, and handed to the running engine as any message is. A row is removed
 * once its report is on its way, or nobody may be sent it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "auth/dmarc_tally.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/rnd.h"
#include "cli/cli_ask.h"
#include "cli/cli_load.h"
#include "process/master.h"
#include "spool/hints.h"

enum { ROWS_MAX = 100000, ADDRESSES_MAX = 5, ANSWER_MS = 60000 };

struct row { struct str key, value; };

struct reporting {
    struct cli *cli;
    struct world *world;
    struct hints *hints;
    struct arena arena;
    struct row *rows;
    size_t n;
    char today[16];
    struct str host, from;
    bool dry;
    int status;
};

/* ---- rows */

static bool keep_row(void *ctx, struct str key, struct str value, int64_t expires)
{
    struct reporting *r = ctx;

    (void)expires;
    if (key.n > 11 && (cli_has(r->cli, CO_TODAY) || memcmp(key.p, r->today, 10) < 0))
        r->rows[r->n++] = (struct row){ arena_dup(&r->arena, key), arena_dup(&r->arena, value) };
    return r->n < ROWS_MAX;
}

static int by_key(const void *a, const void *b)
{
    return str_cmp(((const struct row *)a)->key, ((const struct row *)b)->key);
}

/* Day and domain of a row. */
static struct str group_of(const struct row *row)
{
    return str_head(row->key, str_rfind(row->key, ' '));
}

/* ---- one report */

struct one {
    struct dmarc_report report;
    struct dmarc_tally *tallies;
    size_t n;
    struct str day, domain;
};

static int64_t day_begin(struct str day)
{
    struct tm tm = { .tm_mday = 0 };
    char z[16];

    snprintf(z, sizeof z, "%.*s", STR_ARG(str_head(day, 10)));
    return strptime(z, "%Y-%m-%d", &tm) ? (int64_t)timegm(&tm) : 0;
}

static bool gather(struct reporting *r, const struct row *rows, size_t n, struct one *o)
{
    struct str group = group_of(&rows[0]);

    *o = (struct one){ .day = str_head(group, 10), .domain = str_from(group, 11) };
    o->tallies = arena_array(&r->arena, struct dmarc_tally, n);
    for (size_t i = 0; i < n; i++)
        if (dmarc_tally_read(rows[i].value, &o->tallies[o->n]))
            o->n++;
    o->report = (struct dmarc_report){
        .org = r->host, .email = r->from, .begin = day_begin(o->day), .rows = o->tallies, .n = o->n,
        .id = arena_printf(&r->arena, "%.*s.%.*s.%08x@%.*s", STR_ARG(o->day), STR_ARG(o->domain), rnd_below(UINT32_MAX), STR_ARG(r->host)),
    };
    o->report.end = o->report.begin + 86399;
    return o->n > 0;
}

static bool compress_xml(struct arena *a, struct str xml, struct str *out)
{
    z_stream z = { .next_in = (unsigned char *)(uintptr_t)xml.p, .avail_in = (unsigned)xml.n };
    size_t room;
    bool done;

    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    room = deflateBound(&z, xml.n);
    z.next_out = arena_alloc(a, room);
    z.avail_out = (unsigned)room;
    out->p = (const char *)z.next_out;
    done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    out->n = room - z.avail_out;
    deflateEnd(&z);
    return done;
}

static void put_message(struct reporting *r, const struct one *o, struct str to, struct str gz, struct buf *out)
{
    struct str base = base64_encode(&r->arena, gz);

    buf_addf(out, "From: %.*s\nTo: %.*s\nDate: %.*s\n", STR_ARG(r->from), STR_ARG(to), STR_ARG(clock_rfc5322(&r->arena, clock_wall())));
    buf_addf(out, "Subject: Report Domain: %.*s\n Submitter: %.*s\n Report-ID: <%.*s>\n", STR_ARG(o->domain), STR_ARG(r->host),
             STR_ARG(o->report.id));
    buf_addf(out, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: application/gzip\nContent-Transfer-Encoding: base64\n"
             "Content-Disposition: attachment;\n filename=\"%.*s!%.*s!%lld!%lld.xml.gz\"\n\n", STR_ARG(r->host), STR_ARG(o->domain),
             (long long)o->report.begin, (long long)o->report.end);
    for (; base.n; base = str_from(base, 76))
        buf_addf(out, "%.*s\n", STR_ARG(str_head(base, 76)));
}

/* ---- who may be sent it (RFC 7489 section 7.1) */

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((ascii_lower(s.p[i]) >= 'a' && ascii_lower(s.p[i]) <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] && strchr("@.-_+=", s.p[i]))))
            return false;
    return s.n > 0;
}

/* 1: the mailbox's domain says that it wants reports about this one; 0: it does not; -1: that could not be found out. */
static int asked_for(struct reporting *r, struct str domain, struct str at)
{
    struct cli_answer a = { 0 };
    struct buf code = { 0 }, out = { 0 };
    struct eval *e;
    int yes = -1;

    buf_addf(&code, "(function() local found, why = dns.try.txt('%.*s._report._dmarc.%.*s') "
             "if not found then return why.kind == 'none' and 'no' or 'again' end "
             "for _, text in ipairs(found) do if text:find('^%%s*[vV]%%s*=%%s*DMARC1%%f[%%s;%%z]') then return 'yes' end end return 'no' end)()",
             STR_ARG(domain), STR_ARG(at));
    e = policy_expr(world_policy(r->world), world_txn(r->world), PH_RCPT, buf_str(&code), false, &out, cli_answered, &a);
    if (!world_until(r->world, cli_answered_yet, &a, ANSWER_MS))
        policy_cancel(e);
    else if (a.st == ST_OK)
        yes = str_starts(buf_str(&out), STR("yes")) ? 1 : str_starts(buf_str(&out), STR("no")) ? 0 : -1;
    buf_free(&code);
    buf_free(&out);
    return yes;
}

static int wanted(struct reporting *r, const struct suffixes *s, struct str domain, struct str address)
{
    struct str at = arena_lower(&r->arena, str_from(address, str_rfind(address, '@') + 1));
    struct str ours = suffixes_org(s, domain), theirs = suffixes_org(s, at);

    if (str_same(at, domain) || (ours.n && str_same(ours, theirs)))
        return 1;
    return asked_for(r, domain, at);
}

/* ---- sending */

static bool hand_in(struct reporting *r, const struct one *o, struct str to, struct str gz)
{
    struct buf message = { 0 };
    struct submission sub = { .sender = r->from, .rcpts = &to, .nrcpts = 1 };
    struct msg_id id;
    struct why why = { 0 };
    enum status st;

    put_message(r, o, to, gz, &message);
    sub.message = buf_str(&message);
    st = submit_call(cli_spool_dir(r->cli), &sub, &id, &why);
    buf_free(&message);
    if (st == ST_OK) {
        printf("%.*s %.*s -> %.*s %s\n", STR_ARG(o->day), STR_ARG(o->domain), STR_ARG(to), id.s);
        return true;
    }
    cli_fail(r->cli, 0, "%.*s: %s", STR_ARG(o->domain), st == ST_NONE ? "no engine runs there; the report waits" : why.text);
    return st == ST_NEVER;      /* it would be refused again */
}

/* Whether its rows are done with. */
static bool send_report(struct reporting *r, const struct suffixes *s, const struct one *o)
{
    struct dmarc_record p;
    struct buf xml = { 0 };
    struct str gz, address, uris;
    uint64_t max;
    bool done = true;
    int sent = 0, yes;

    dmarc_report_xml(&xml, &o->report);
    dmarc_record_read(o->tallies[o->n - 1].record, &p);
    uris = p.rua;
    if (r->dry) {
        cli_write(buf_str(&xml));
        buf_free(&xml);
        return false;
    }
    if (!compress_xml(&r->arena, buf_str(&xml), &gz))
        die("a report cannot be compressed");
    while (sent < ADDRESSES_MAX && dmarc_mailto(&r->arena, &uris, &address, &max)) {
        if (!is_plain(address) || !is_plain(o->domain) || (max && gz.n > max))
            continue;
        yes = wanted(r, s, o->domain, address);
        done = done && yes >= 0;
        if (yes > 0) {
            sent++;
            done = hand_in(r, o, address, gz) && done;
        }
    }
    buf_free(&xml);
    return done;
}

static void report_all(struct reporting *r, const struct suffixes *s)
{
    struct one o;

    for (size_t i = 0, k; i < r->n; i = k) {
        for (k = i + 1; k < r->n && str_same(group_of(&r->rows[i]), group_of(&r->rows[k])); k++)
            ;
        if (gather(r, r->rows + i, k - i, &o) && !send_report(r, s, &o)) {
            if (!r->dry)
                r->status = CLI_AGAIN;
            continue;
        }
        for (size_t row = i; row < k; row++)
            hints_del(r->hints, STR("dmarc"), r->rows[row].key, NULL);
    }
}

static struct str option_text(struct reporting *r, const char *name)
{
    int opt = policy_opt_find(str_of(name));
    const struct val *v = opt < 0 ? NULL : policy_opt(world_policy(r->world), opt);

    return v && v->type == VAL_STR ? v->u.s : STR("");
}

/* The bare address of "Reports <reports@example.org>". */
static struct str bare(struct str s)
{
    size_t lt = str_find(s, '<'), gt = str_rfind(s, '>');

    return lt != SIZE_MAX && gt != SIZE_MAX && gt > lt ? (struct str){ s.p + lt + 1, gt - lt - 1 } : str_trim(s);
}

static void who_we_are(struct reporting *r)
{
    char name[256] = "localhost";

    r->host = option_text(r, "primary_hostname");
    if (!r->host.n) {
        gethostname(name, sizeof name - 1);
        r->host = arena_dup(&r->arena, str_of(name));
    }
    r->from = cli_has(r->cli, CO_SENDER) ? str_of(r->cli->opt[CO_SENDER]) : bare(option_text(r, "dmarc_forensic_sender"));
    if (!r->from.n)
        r->from = arena_printf(&r->arena, "postmaster@%.*s", STR_ARG(r->host));
}

static int run(struct reporting *r)
{
    struct str list = option_text(r, "dmarc_tld_file");
    struct suffixes *s = NULL;
    time_t now = (time_t)clock_wall();
    struct why why = { 0 };
    struct tm tm;

    if (suffixes_open(list.n ? arena_z(&r->arena, list) : NULL, &s, &why) != ST_OK)
        return cli_fail(r->cli, CLI_AGAIN, "%s", why.text);
    gmtime_r(&now, &tm);
    strftime(r->today, sizeof r->today, "%Y-%m-%d", &tm);
    r->rows = arena_array(&r->arena, struct row, ROWS_MAX);
    hints_each(r->hints, STR("dmarc"), keep_row, r);
    qsort(r->rows, r->n, sizeof *r->rows, by_key);
    report_all(r, s);
    suffixes_close(s);
    return r->status;
}

int cli_run_dmarc_report(struct cli *c)
{
    struct reporting r = { .cli = c, .dry = cli_has(c, CO_DRY_RUN) };
    struct why why = { 0 };
    char path[4200];
    int status = 0;

    snprintf(path, sizeof path, "%s/hints.mdb", cli_spool_dir(c));
    if (access(path, R_OK | W_OK) < 0)
        return cli_fail(c, EX_NOINPUT, "%s: there is none, or you may not change it", path);
    r.world = cli_world(c, false, &status);
    if (!r.world)
        return status;
    who_we_are(&r);
    if (hints_open(cli_spool_dir(c), &r.hints, &why) != ST_OK) {
        status = cli_fail(c, CLI_AGAIN, "%s", why.text);
    } else {
        status = run(&r);
        hints_close(r.hints);
    }
    world_close(r.world);
    arena_free(&r.arena);
    return status;
}
