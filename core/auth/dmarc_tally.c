#include "auth/dmarc_tally.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#include "auth/oracle_wire.h"

enum { TEXT_MAX = 1024 };       /* of one field */

/* ---- rows */

static void put(struct buf *out, struct str s)
{
    oracle_put(out, str_head(s, TEXT_MAX));
}

static void put_facts(const struct dmarc_tally *t, struct buf *out)
{
    struct arena a = { 0 };

    put(out, ip_text(&a, t->client));
    put(out, t->domain);
    put(out, t->record);
    put(out, t->disposition);
    put(out, t->aligned_dkim ? STR("1") : STR("0"));
    put(out, t->aligned_spf ? STR("1") : STR("0"));
    put(out, t->header_from);
    put(out, t->envelope_from);
    put(out, t->spf_domain);
    put(out, t->spf_result);
    put(out, t->spf_helo ? STR("1") : STR("0"));
    for (size_t i = 0; i < t->ndkim; i++) {
        put(out, t->dkim[i].domain);
        put(out, t->dkim[i].selector);
        put(out, t->dkim[i].result);
    }
    arena_free(&a);
}

void dmarc_tally_write(const struct dmarc_tally *t, struct buf *out)
{
    char count[24];

    snprintf(count, sizeof count, "%llu", (unsigned long long)t->count);
    oracle_put(out, str_of(count));
    put_facts(t, out);
}

static bool take_flag(struct str *rest, bool *out)
{
    struct str s;

    if (!oracle_take(rest, &s))
        return false;
    *out = str_same(s, STR("1"));
    return true;
}

bool dmarc_tally_read(struct str rest, struct dmarc_tally *t)
{
    struct str count, ip;

    *t = (struct dmarc_tally){ .count = 0 };
    if (!oracle_take(&rest, &count) || !str_u64(count, UINT64_MAX / 2, &t->count) || !oracle_take(&rest, &ip) || !ip_parse(ip, &t->client)
        || !oracle_take(&rest, &t->domain) || !oracle_take(&rest, &t->record) || !oracle_take(&rest, &t->disposition)
        || !take_flag(&rest, &t->aligned_dkim) || !take_flag(&rest, &t->aligned_spf) || !oracle_take(&rest, &t->header_from)
        || !oracle_take(&rest, &t->envelope_from) || !oracle_take(&rest, &t->spf_domain) || !oracle_take(&rest, &t->spf_result)
        || !take_flag(&rest, &t->spf_helo))
        return false;
    while (rest.n && t->ndkim < DMARC_TALLY_DKIM_MAX) {
        if (!oracle_take(&rest, &t->dkim[t->ndkim].domain) || !oracle_take(&rest, &t->dkim[t->ndkim].selector)
            || !oracle_take(&rest, &t->dkim[t->ndkim].result))
            return false;
        t->ndkim++;
    }
    return !rest.n;
}

struct str dmarc_tally_key(struct arena *a, const struct dmarc_tally *t, int64_t now)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
    unsigned int n = 0;
    struct buf facts = { 0 };
    time_t at = (time_t)now;
    char day[16], hex[33];
    struct tm tm;

    gmtime_r(&at, &tm);
    strftime(day, sizeof day, "%Y-%m-%d", &tm);
    put_facts(t, &facts);
    EVP_Digest(buf_str(&facts).p, facts.n, digest, &n, EVP_sha256(), NULL);
    buf_free(&facts);
    for (size_t i = 0; i < 16; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return arena_printf(a, "%s %.*s %s", day, STR_ARG(str_head(t->domain, 255)), hex);
}

/* ---- XML */

/* Printable ASCII, with what means something to XML written as entities; '?' for the rest. */
static void put_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c < 0x20 || c >= 0x7f)
            buf_byte(out, '?');
        else if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            buf_addf(out, "&#%u;", c);
        else
            buf_byte(out, (char)c);
    }
}

static void element(struct buf *out, const char *name, struct str text)
{
    buf_addf(out, "<%s>", name);
    put_text(out, text);
    buf_addf(out, "</%s>\n", name);
}

static void element_number(struct buf *out, const char *name, uint64_t n)
{
    buf_addf(out, "<%s>%llu</%s>\n", name, (unsigned long long)n, name);
}

static void put_metadata(struct buf *out, const struct dmarc_report *r)
{
    buf_add(out, STR("<report_metadata>\n"));
    element(out, "org_name", r->org);
    element(out, "email", r->email);
    element(out, "report_id", r->id);
    buf_add(out, STR("<date_range>\n"));
    element_number(out, "begin", (uint64_t)r->begin);
    element_number(out, "end", (uint64_t)r->end);
    buf_add(out, STR("</date_range>\n</report_metadata>\n"));
}

static void put_fo(struct buf *out, unsigned fo)
{
    static const struct { unsigned bit; const char *word; } bits[] = {
        { DMARC_FO_ALL, "0" }, { DMARC_FO_ANY, "1" }, { DMARC_FO_DKIM, "d" }, { DMARC_FO_SPF, "s" },
    };
    const char *between = "";

    buf_add(out, STR("<fo>"));
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (fo & bits[i].bit) {
            buf_addf(out, "%s%s", between, bits[i].word);
            between = ":";
        }
    buf_add(out, STR("</fo>\n"));
}

static void put_policy(struct buf *out, const struct dmarc_tally *t)
{
    struct dmarc_record p;

    dmarc_record_read(t->record, &p);
    buf_add(out, STR("<policy_published>\n"));
    element(out, "domain", t->domain);
    element(out, "adkim", p.strict_dkim ? STR("s") : STR("r"));
    element(out, "aspf", p.strict_spf ? STR("s") : STR("r"));
    element(out, "p", str_of(dmarc_policy_name(p.p)));
    element(out, "sp", str_of(dmarc_policy_name(p.sp ? p.sp : p.p)));
    element_number(out, "pct", p.pct);
    put_fo(out, p.fo);
    buf_add(out, STR("</policy_published>\n"));
}

/* The words of the schema: there is no "invalid" in it. */
static struct str dkim_word(struct str s)
{
    return str_same(s, STR("invalid")) ? STR("permerror") : s;
}

static void put_results(struct buf *out, const struct dmarc_tally *t)
{
    buf_add(out, STR("<auth_results>\n"));
    for (size_t i = 0; i < t->ndkim; i++) {
        buf_add(out, STR("<dkim>\n"));
        element(out, "domain", t->dkim[i].domain);
        element(out, "selector", t->dkim[i].selector);
        element(out, "result", dkim_word(t->dkim[i].result));
        buf_add(out, STR("</dkim>\n"));
    }
    buf_add(out, STR("<spf>\n"));
    element(out, "domain", t->spf_domain);
    element(out, "scope", t->spf_helo ? STR("helo") : STR("mfrom"));
    element(out, "result", t->spf_result.n ? t->spf_result : STR("none"));
    buf_add(out, STR("</spf>\n</auth_results>\n"));
}

static void put_row(struct buf *out, const struct dmarc_tally *t)
{
    struct arena a = { 0 };

    buf_add(out, STR("<record>\n<row>\n"));
    element(out, "source_ip", ip_text(&a, t->client));
    element_number(out, "count", t->count);
    buf_add(out, STR("<policy_evaluated>\n"));
    element(out, "disposition", t->disposition);
    element(out, "dkim", t->aligned_dkim ? STR("pass") : STR("fail"));
    element(out, "spf", t->aligned_spf ? STR("pass") : STR("fail"));
    buf_add(out, STR("</policy_evaluated>\n</row>\n<identifiers>\n"));
    element(out, "envelope_from", t->envelope_from);
    element(out, "header_from", t->header_from);
    buf_add(out, STR("</identifiers>\n"));
    put_results(out, t);
    buf_add(out, STR("</record>\n"));
    arena_free(&a);
}

void dmarc_report_xml(struct buf *out, const struct dmarc_report *r)
{
    buf_add(out, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback>\n<version>1.0</version>\n"));
    put_metadata(out, r);
    put_policy(out, &r->rows[r->n - 1]);
    for (size_t i = 0; i < r->n; i++)
        put_row(out, &r->rows[i]);
    buf_add(out, STR("</feedback>\n"));
}
