/*
 * cli_dmarc_send - to whom an aggregate report goes, and that it goes once
 *
 * It is claimed in the tally, then handed to the engine's queue; if the engine
 * does not take it the claim is given back. A crash in between loses a
 * report, which nobody waits for; none is sent twice.
 */
#include <inttypes.h>

#include "auth/dmarc.h"
#include "base/clock.h"
#include "base/gzip.h"
#include "base/json.h"
#include "cli/cli_dmarc.h"
#include "cli/cli_load.h"
#include "mail/domain.h"
#include "process/master.h"

enum { ADDRESSES_MAX = 10, CONSENT_MS = 60000 };

/* ---- consent (section 7.1) */

struct asking {
    struct arena *a;
    struct str host;
    bool done;
    enum status st;
    struct str instead;             /* another mailbox of that host, from the record; p NULL: none */
    struct why why;
};

static struct str host_of(struct arena *a, struct str address)
{
    return arena_lower(a, str_from(address, str_rfind(address, '@') + 1));
}

static void read_consent(struct asking *q, struct str text)
{
    struct dmarc_record r = { .p = DMARC_POLICY_MISSING };
    struct str uris, address;
    uint64_t max;

    if (!dmarc_record_is(text))
        return;
    q->st = ST_OK;
    dmarc_record_read(arena_dup(q->a, text), &r);
    uris = r.rua.p ? r.rua : STR("");
    if (!q->instead.p && dmarc_mailto(q->a, &uris, &address, &max) && domain_same(host_of(q->a, address), q->host))
        q->instead = arena_dup(q->a, address);
}

static void consent_answer(void *ctx, const struct dns_answer *a)
{
    struct asking *q = ctx;

    q->done = true;
    q->st = a->status == ST_AGAIN ? ST_AGAIN : ST_NONE;
    q->why = a->why;
    for (size_t i = 0; a->status == ST_OK && i < a->n; i++)
        read_consent(q, a->rr[i].text);
}

static bool consent_known(void *ctx)
{
    return ((struct asking *)ctx)->done;
}

static bool same_organisation(const struct dmarc_run *d, struct str x, struct str y)
{
    struct str org = suffixes_org(d->suffixes, x);

    return domain_same(x, y) || (org.n && str_same(org, suffixes_org(d->suffixes, y)));
}

static enum status consent(struct dmarc_run *d, struct arena *a, struct str domain, struct str address, struct str *to, struct why *why)
{
    struct asking q = { .a = a, .host = host_of(a, address) };
    struct dns_query *query;

    *to = address;
    if (same_organisation(d, q.host, domain))
        return ST_OK;
    query = dns_ask(engine_env(world_engine(d->world))->dns,
                    arena_printf(a, "%.*s._report._dmarc.%.*s", STR_ARG(domain), STR_ARG(q.host)), DNS_TXT, consent_answer, &q);
    if (!world_until(d->world, consent_known, &q, CONSENT_MS) && query) {
        dns_cancel(query);
        return why_set(why, ST_AGAIN, "no answer from the DNS of %.*s", STR_ARG(q.host));
    }
    if (q.st == ST_OK && q.instead.p)
        *to = q.instead;
    *why = q.why;
    return q.st;
}

/* ---- handing in */

/* Addresses come from records anybody may write. */
static bool is_plain(struct str address)
{
    size_t at = str_rfind(address, '@');
    const char *odd = "\"(),:;<>[\\]@";

    if (at == SIZE_MAX || at == 0 || at > 64 || address.n > 254 || !domain_valid_idn(str_from(address, at + 1), NULL))
        return false;
    for (size_t i = 0; i < at; i++)
        if (address.p[i] <= ' ' || address.p[i] >= 127 || strchr(odd, address.p[i]))
            return false;
    return true;
}

static enum status hand_in(struct dmarc_run *d, const struct str *to, struct str message, struct msg_id *id, struct why *why)
{
    struct submission s = { .sender = d->email, .rcpts = to, .nrcpts = 1, .message = message };
    enum status st = submit_call(cli_spool_dir(d->cli), &s, id, why);

    if (st == ST_NONE)
        why_set(why, ST_AGAIN, "no engine runs on %s", cli_spool_dir(d->cli));
    return st == ST_NONE ? ST_AGAIN : st;
}

struct sending {
    const struct feedback *f;
    struct str gz;
    struct str address, to;         /* whom the record names; whom that one names instead */
    uint64_t max;                   /* bytes; 0: any */
    struct str result, reason;
    struct msg_id id;
};

static void send_claimed(struct dmarc_run *d, struct arena *a, struct sending *s, struct str claim)
{
    bool fits = s->max == 0 || s->gz.n <= s->max;
    struct buf message = { 0 };
    struct why why = { 0 };
    enum status st;

    if (fits)
        feedback_mail(s->f, s->to, s->gz, d->now, &message);
    else
        feedback_too_large(s->f, s->to, s->gz.n, d->now, &message);
    st = hand_in(d, &s->to, buf_str(&message), &s->id, &why);
    buf_free(&message);
    s->result = st == ST_OK ? fits ? STR("sent") : STR("too large") : st == ST_AGAIN ? STR("later") : STR("refused");
    if (st == ST_OK)
        return;
    s->reason = arena_dup(a, str_of(why.text));
    d->status = CLI_AGAIN;
    tally_unclaim(d->tally, s->f->begin, claim, NULL);
}

static void send_once(struct dmarc_run *d, struct arena *a, struct sending *s)
{
    struct str claim = arena_printf(a, "%.*s %" PRId64 " %.*s", STR_ARG(s->f->domain), s->f->begin, STR_ARG(arena_lower(a, s->to)));
    struct why why = { 0 };
    enum status st = tally_claim(d->tally, s->f->begin, claim, &why);

    if (st == ST_OK) {
        send_claimed(d, a, s, claim);
    } else if (st == ST_NONE) {
        s->result = STR("sent before");
    } else {
        s->result = STR("later");
        s->reason = arena_dup(a, str_of(why.text));
        d->status = CLI_AGAIN;
    }
}

static void send_to(struct dmarc_run *d, struct arena *a, struct sending *s)
{
    struct why why = { 0 };
    enum status st;

    s->to = s->address;
    if (!is_plain(s->address)) {
        s->result = STR("no address");
        return;
    }
    /* A trial without a zone knows nothing of the DNS. */
    if (d->pretend && !cli_has(d->cli, CO_DNS) && !same_organisation(d, host_of(a, s->address), s->f->domain)) {
        s->result = STR("would be sent if it agrees");
        return;
    }
    st = consent(d, a, s->f->domain, s->address, &s->to, &why);
    if (st == ST_NONE || (st == ST_OK && !is_plain(s->to))) {
        s->result = STR("not wanted");
    } else if (st != ST_OK) {
        s->result = STR("later");
        s->reason = arena_dup(a, str_of(why.text));
        d->status = CLI_AGAIN;
    } else if (d->pretend) {
        s->result = s->max && s->gz.n > s->max ? STR("would be too large") : STR("would be sent");
    } else {
        send_once(d, a, s);
    }
}

/* ---- telling */

static uint64_t messages(const struct feedback *f)
{
    uint64_t n = f->left_out;

    for (size_t i = 0; i < f->nrows; i++)
        n += f->rows[i].count;
    return n;
}

static void tell(struct dmarc_run *d, struct arena *a, const struct sending *s)
{
    struct str day = clock_rfc5322(a, s->f->begin);

    buf_clear(&d->out);
    if (cli_has(d->cli, CO_JSON)) {
        buf_byte(&d->out, '{');
        json_member(&d->out, "domain", s->f->domain);
        json_member_int(&d->out, "begin", s->f->begin);
        json_member_int(&d->out, "end", s->f->end);
        json_member(&d->out, "to", s->to);
        json_member(&d->out, "result", s->result);
        if (s->reason.n)
            json_member(&d->out, "reason", s->reason);
        if (s->id.s[0])
            json_member(&d->out, "id", str_of(s->id.s));
        json_member(&d->out, "report_id", feedback_id(a, s->f));
        json_member_int(&d->out, "messages", (int64_t)messages(s->f));
        json_member_int(&d->out, "rows", (int64_t)s->f->nrows);
        json_member_int(&d->out, "bytes", (int64_t)s->gz.n);
        buf_add(&d->out, STR("}\n"));
    } else {
        buf_addf(&d->out, "%.*s, %.*s, to %.*s: %.*s%s%.*s (%" PRIu64 " messages, %zu bytes)\n", STR_ARG(s->f->domain), STR_ARG(str_head(day, 16)),
                 STR_ARG(s->to), STR_ARG(s->result), s->reason.n ? ": " : "", STR_ARG(s->reason), messages(s->f), s->gz.n);
    }
    cli_write(buf_str(&d->out));
}

void cli_dmarc_send(struct dmarc_run *d, const struct feedback *f)
{
    struct arena a = { 0 };
    struct buf xml = { 0 }, gz = { 0 };
    struct str uris = f->policy->rua;
    struct sending s;

    feedback_xml(f, &xml);
    gzip_add(buf_str(&xml), &gz);
    for (unsigned i = 0; i < ADDRESSES_MAX; i++) {
        s = (struct sending){ .f = f, .gz = buf_str(&gz) };
        if (!dmarc_mailto(&a, &uris, &s.address, &s.max))
            break;
        send_to(d, &a, &s);
        tell(d, &a, &s);
    }
    buf_free(&xml);
    buf_free(&gz);
    arena_free(&a);
}
