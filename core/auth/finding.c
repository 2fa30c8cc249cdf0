#include "auth/finding.h"

#include "base/buf.h"

static void put(struct buf *out, struct str value, size_t most)
{
    value = str_head(value, most);
    for (size_t i = 0; i < value.n; i++)
        buf_byte(out, value.p[i] > ' ' && value.p[i] < 127 ? value.p[i] : '?');
    buf_byte(out, '\n');
}

static struct str yes(bool b)
{
    return b ? STR("yes") : STR("no");
}

void finding_pack_end(struct str disposition, struct str reason, struct buf *out)
{
    put(out, disposition, FINDING_VALUE_MAX);
    put(out, reason, FINDING_VALUE_MAX);
}

void finding_pack(const struct finding *f, struct buf *out)
{
    put(out, f->ip, FINDING_VALUE_MAX);
    put(out, f->from, FINDING_VALUE_MAX);
    put(out, f->envelope_from, FINDING_VALUE_MAX);
    put(out, yes(f->aligned_dkim), FINDING_VALUE_MAX);
    put(out, yes(f->aligned_spf), FINDING_VALUE_MAX);
    put(out, f->spf_domain, FINDING_VALUE_MAX);
    put(out, f->spf, FINDING_VALUE_MAX);
    put(out, yes(f->spf_helo), FINDING_VALUE_MAX);
    for (size_t i = 0; i < f->ndkim && i < FINDING_DKIM_MAX; i++) {
        put(out, f->dkim[i].domain, FINDING_VALUE_MAX);
        put(out, f->dkim[i].selector, FINDING_VALUE_MAX);
        put(out, f->dkim[i].result, FINDING_VALUE_MAX);
    }
}

static bool take(struct str *text, struct str *value)
{
    return text->n && str_cut(text, '\n', value);
}

static bool take_yes(struct str *text, bool *out)
{
    struct str value;

    if (!take(text, &value))
        return false;
    *out = str_same(value, STR("yes"));
    return true;
}

bool finding_read(struct str text, struct finding *out)
{
    struct finding_dkim d;

    *out = (struct finding){ .ndkim = 0 };
    if (!take(&text, &out->disposition) || !take(&text, &out->reason) || !take(&text, &out->ip) || !take(&text, &out->from)
        || !take(&text, &out->envelope_from) || !take_yes(&text, &out->aligned_dkim) || !take_yes(&text, &out->aligned_spf)
        || !take(&text, &out->spf_domain) || !take(&text, &out->spf) || !take_yes(&text, &out->spf_helo))
        return false;
    while (out->ndkim < FINDING_DKIM_MAX && take(&text, &d.domain)) {
        if (!take(&text, &d.selector) || !take(&text, &d.result))
            return false;
        out->dkim[out->ndkim++] = d;
    }
    return true;
}

/* ---- the policy */

static struct str mode(bool said, bool strict)
{
    return !said ? STR("") : strict ? STR("s") : STR("r");
}

static void put_fo(unsigned fo, struct buf *out)
{
    const struct { unsigned bit; char c; } letters[] = { { DMARC_FO_ALL, '0' }, { DMARC_FO_ANY, '1' }, { DMARC_FO_DKIM, 'd' }, { DMARC_FO_SPF, 's' } };
    bool first = true;

    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (fo & letters[i].bit) {
            buf_addf(out, "%s%c", first ? "" : ":", letters[i].c);
            first = false;
        }
    buf_byte(out, '\n');
}

void finding_policy_pack(const struct dmarc_record *r, struct buf *out)
{
    put(out, str_of(dmarc_policy_name(r->p)), FINDING_VALUE_MAX);
    put(out, str_of(dmarc_policy_name(r->sp)), FINDING_VALUE_MAX);
    put(out, str_of(dmarc_policy_name(r->np)), FINDING_VALUE_MAX);
    put(out, mode(r->said_dkim, r->strict_dkim), FINDING_VALUE_MAX);
    put(out, mode(r->said_spf, r->strict_spf), FINDING_VALUE_MAX);
    buf_addf(out, "%u\n", r->pct);
    put_fo(r->fo, out);
    put(out, r->rua.p ? r->rua : STR(""), FINDING_RUA_MAX);
}

bool finding_policy_read(struct str text, struct finding_policy *out)
{
    struct str pct;
    uint64_t n;

    *out = (struct finding_policy){ .pct = 100 };
    if (!take(&text, &out->p) || !take(&text, &out->sp) || !take(&text, &out->np) || !take(&text, &out->adkim) || !take(&text, &out->aspf)
        || !take(&text, &pct) || !take(&text, &out->fo) || !take(&text, &out->rua) || !str_u64(pct, 100, &n))
        return false;
    out->pct = (unsigned)n;
    return true;
}

/* ---- the end */

/* A rule may let in what the policy would refuse, refuse what it would let in, or do with it what nobody sees: a
 * quarantine is taken at its word. What is refused although DMARC passes was refused for another reason. */
void finding_judge(const struct dmarc_facts *f, enum finding_end end, struct str *disposition, struct str *reason)
{
    bool failed = !str_same(f->status, STR("accept")), refused = end != FINDING_TAKEN;

    *reason = STR("");
    *disposition = f->disposition;
    if (!failed) {
        *disposition = STR("none");
    } else if (refused) {
        if (!str_same(f->disposition, STR("reject")))
            *reason = STR("local_policy");
        *disposition = STR("reject");
    } else if (str_same(f->disposition, STR("reject"))) {
        *disposition = STR("none");
        *reason = STR("local_policy");
    } else if (!str_same(f->disposition, f->applied)) {
        *reason = STR("sampled_out");
    }
}
