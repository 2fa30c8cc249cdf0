#include "auth/dmarc.h"

#include "mail/addr.h"
#include "mail/domain.h"

/* What was told, so that the evaluation can be run anew from its beginning with every answer: that is
 * as cheap as the few questions it asks, and reads as the RFCs do. */
struct known {
    struct known *next;
    struct str name;
    uint16_t type;
    enum status status;
    bool has_record;            /* TXT: just one of DMARC */
    bool many;                  /* more than one */
    bool usable;
    struct dmarc_record record;
};

struct dmarc {
    struct arena *arena;
    struct dmarc_want want;
    struct known *known;
    struct question question;
    bool asking;
    struct dmarc_answer answer;
};

static const char *const status_names[] = { "none", "accept", "reject", "quarantine", "norecord", "nofrom", "temperror", "off" };

const char *dmarc_status_name(enum dmarc_status s)
{
    return status_names[s];
}

bool dmarc_status_find(struct str name, enum dmarc_status *out)
{
    for (unsigned i = 0; i < sizeof status_names / sizeof *status_names; i++)
        if (str_same(name, str_of(status_names[i]))) {
            *out = (enum dmarc_status)i;
            return true;
        }
    return false;
}

const char *dmarc_status_text(enum dmarc_status s)
{
    static const char *const texts[] = { "None, Accept", "Accept", "Reject", "Quarantine", "No DMARC record", "No From: domain found",
                                         "Internal Policy Error", "Not checked" };

    return texts[s];
}

const char *dmarc_status_word(enum dmarc_status s)
{
    static const char *const words[] = { "none", "pass", "fail", "fail", "none", "temperror", "temperror", "skipped" };

    return words[s];
}

/* ---- the author */

struct str dmarc_from(struct arena *a, const struct header *h)
{
    const struct field *f = header_field(h, STR("From"), 0);
    struct addr_item *items;
    const char *reason;
    struct str domain;
    size_t n, at;

    if (!f || header_field(h, STR("From"), 1))
        return STR("");
    if (addr_list(a, header_unfold(a, f->value), 2, &items, &n, &reason) != ADDR_LIST_OK || n != 1 || items[0].in_group)
        return STR("");
    at = str_rfind(items[0].addr, '@');
    if (at == SIZE_MAX || at == 0)
        return STR("");
    domain = str_from(items[0].addr, at + 1);
    if (domain.n && domain.p[domain.n - 1] == '.')
        domain.n--;
    domain = domain_alabel(a, domain);
    return domain_valid(domain, &reason) ? domain : STR("");
}

/* ---- questions */

/* What is known of it; NULL: it is asked for now. */
static const struct known *need(struct dmarc *d, struct str name, uint16_t type)
{
    for (const struct known *k = d->known; k; k = k->next)
        if (k->type == type && str_same(k->name, name))
            return k;
    d->question = (struct question){ name, type };
    d->asking = true;
    return NULL;
}

static const struct known *need_policy(struct dmarc *d, struct str domain)
{
    return need(d, arena_printf(d->arena, "_dmarc.%.*s", STR_ARG(domain)), DNS_TXT);
}

static void keep_records(struct dmarc *d, struct known *k, const struct dns_answer *a)
{
    for (size_t i = 0; i < a->n; i++) {
        if (!dmarc_record_is(a->rr[i].text))
            continue;
        k->many = k->has_record || k->many;
        k->has_record = !k->many;
        if (k->has_record)
            k->usable = dmarc_record_read(arena_dup(d->arena, a->rr[i].text), &k->record);
    }
}

/* ---- the tree walk (RFC 9989 section 4.10) */

enum { WALK_LABELS = 8 };

static unsigned labels_of(struct str s)
{
    unsigned n = s.n > 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == '.';
    return n;
}

static struct str parent(struct str s)
{
    size_t dot = str_find(s, '.');

    return str_from(s, dot == SIZE_MAX ? s.n : dot + 1);
}

/* The next name to ask: one label less, but of more than eight seven are left at once. */
static struct str walk_up(struct str s, bool first)
{
    if (!first || labels_of(s) <= WALK_LABELS)
        return parent(s);
    while (labels_of(s) >= WALK_LABELS)
        s = parent(s);
    return s;
}

struct walk {
    struct str org;             /* the organisational domain */
    const struct known *found;  /* the record at it, or at the public suffix above; NULL: none */
    struct str at;              /* where that is */
};

enum known_end { UNKNOWN, FOUND, AGAIN };

/* The last n labels of a name. */
static struct str last_labels(struct str s, unsigned n)
{
    while (labels_of(s) > n)
        s = parent(s);
    return s;
}

/* From start up to the top: the organisational domain (section 4.10.2), and the record that
 * stands for it. */
static enum known_end walk(struct dmarc *d, struct str start, struct walk *out)
{
    *out = (struct walk){ .org = start };
    for (struct str s = start, below; s.n; s = walk_up(s, str_same(s, start))) {
        const struct known *k = need_policy(d, s);

        if (!k)
            return UNKNOWN;
        if (k->status == ST_AGAIN) {
            why_set(&d->answer.why, ST_AGAIN, "the DMARC record of %.*s could not be found out", STR_ARG(s));
            return AGAIN;
        }
        if (!k->has_record)
            continue;
        if (k->record.psd == 'y' && !str_same(s, start)) {
            /* The organisation is one label below; its record counts before the suffix's. */
            below = last_labels(start, labels_of(s) + 1);
            if (!out->found || !str_same(out->at, below))
                *out = (struct walk){ below, k, s };
            out->org = below;
            return FOUND;
        }
        *out = (struct walk){ s, k, s };
        if (k->record.psd == 'n' || k->record.psd == 'y')
            return FOUND;
    }
    return FOUND;
}

/* ---- which record applies */

struct applied {
    const struct known *record;
    struct str at;
};

static enum known_end discover_psl(struct dmarc *d, struct applied *out)
{
    const struct known *k = need_policy(d, d->want.from);
    struct str org;

    if (!k)
        return UNKNOWN;
    *out = (struct applied){ k, d->want.from };
    if (k->status == ST_AGAIN)
        goto again;
    if (k->has_record || k->many)               /* several: discovery ends here (section 6.6.3 step 5) */
        return FOUND;
    org = suffixes_org(d->want.suffixes, d->want.from);
    if (!org.n || str_same(org, d->want.from))
        return FOUND;
    k = need_policy(d, org);
    if (!k)
        return UNKNOWN;
    *out = (struct applied){ k, org };
    if (k->status != ST_AGAIN)
        return FOUND;

again:
    why_set(&d->answer.why, ST_AGAIN, "the DMARC record of %.*s could not be found out", STR_ARG(out->at));
    return AGAIN;
}

static enum known_end discover_walk(struct dmarc *d, struct applied *out)
{
    const struct known *k = need_policy(d, d->want.from);
    struct walk w;
    enum known_end end;

    if (!k)
        return UNKNOWN;
    *out = (struct applied){ k, d->want.from };
    if (k->status == ST_OK && k->has_record)
        return FOUND;
    end = walk(d, d->want.from, &w);
    if (end == FOUND && w.found)
        *out = (struct applied){ w.found, w.at };
    return end;
}

/* A name without A, AAAA and MX (RFC 9989 section 3.2.13). */
static enum known_end exists(struct dmarc *d, struct str name, bool *yes)
{
    static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_MX };

    *yes = false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const struct known *k = need(d, name, types[i]);

        if (!k)
            return UNKNOWN;
        if (k->status == ST_AGAIN) {
            why_set(&d->answer.why, ST_AGAIN, "whether %.*s exists could not be found out", STR_ARG(name));
            return AGAIN;
        }
        if (k->status == ST_OK) {
            *yes = true;
            return FOUND;
        }
    }
    return FOUND;
}

static enum dmarc_policy milder(enum dmarc_policy p)
{
    return p > DMARC_POLICY_NONE ? (enum dmarc_policy)(p - 1) : p;
}

static enum known_end choose_policy(struct dmarc *d)
{
    const struct dmarc_record *r = &d->answer.record;
    bool above = !str_same(d->answer.domain, d->want.from), there = true;
    enum known_end end;

    d->answer.policy = r->p;
    d->answer.subdomain_policy = false;
    if (above && r->np != DMARC_POLICY_MISSING) {
        end = exists(d, d->want.from, &there);
        if (end != FOUND)
            return end;
    }
    if (above && !there)
        d->answer.policy = r->np;
    else if (above && r->sp != DMARC_POLICY_MISSING)
        d->answer.policy = r->sp;
    d->answer.subdomain_policy = above && (!there || r->sp != DMARC_POLICY_MISSING);
    if (d->want.treewalk && r->test)
        d->answer.policy = milder(d->answer.policy);
    return FOUND;
}

/* ---- alignment */

static enum known_end org_of(struct dmarc *d, struct str domain, struct str *org)
{
    struct walk w;
    enum known_end end;

    if (!d->want.treewalk) {
        *org = suffixes_org(d->want.suffixes, domain);
        return FOUND;
    }
    end = walk(d, domain, &w);
    *org = w.org;
    return end;
}

/* Strict: the same name. Relaxed: of one organisation; a public suffix is nobody's. */
static enum known_end aligned(struct dmarc *d, struct str domain, bool strict, bool *yes)
{
    struct str ours = STR(""), theirs = STR("");
    enum known_end end;

    *yes = str_same(domain, d->want.from);
    if (*yes || strict || !domain.n)
        return FOUND;
    end = org_of(d, d->want.from, &ours);
    if (end == FOUND)
        end = org_of(d, domain, &theirs);
    *yes = end == FOUND && ours.n && str_same(ours, theirs);
    return end;
}

/* As names are compared: A-labels, lower case. */
static struct str normal(struct dmarc *d, struct str domain)
{
    if (domain.n && domain.p[domain.n - 1] == '.')
        domain.n--;
    return domain_alabel(d->arena, domain);
}

/* Sets *pass; *again if it might have passed had more been found out. */
static enum known_end judge(struct dmarc *d, const struct dmarc_identifier *id, bool strict, bool *pass, bool *again)
{
    enum known_end end;
    bool yes;

    if (!id->pass && !id->again)
        return FOUND;
    end = aligned(d, normal(d, id->domain), strict, &yes);
    if (end == AGAIN)
        *again = true;
    if (end == FOUND && yes) {
        *pass = *pass || id->pass;
        *again = *again || !id->pass;
    }
    return end == UNKNOWN ? UNKNOWN : FOUND;
}

static enum known_end judge_all(struct dmarc *d, bool *again)
{
    d->answer.aligned_spf = d->answer.aligned_dkim = false;
    for (size_t i = 0; i < d->want.ndkim && i < DMARC_IDENTIFIERS_MAX; i++)
        if (judge(d, &d->want.dkim[i], d->answer.record.strict_dkim, &d->answer.aligned_dkim, again) == UNKNOWN)
            return UNKNOWN;
    return judge(d, &d->want.spf, d->answer.record.strict_spf, &d->answer.aligned_spf, again);
}

/* ---- all of it */

static enum dmarc_status status_of(enum dmarc_policy p)
{
    return p == DMARC_POLICY_REJECT ? DMARC_REJECT : p == DMARC_POLICY_QUARANTINE ? DMARC_QUARANTINE : DMARC_NONE;
}

static void evaluate(struct dmarc *d)
{
    struct dmarc_answer *r = &d->answer;
    struct applied found;
    enum known_end end;
    bool again = false;

    *r = (struct dmarc_answer){ .status = DMARC_NOFROM, .domain = d->want.from };
    if (!d->want.from.n)
        return;
    r->status = DMARC_TEMPERROR;
    end = d->want.treewalk ? discover_walk(d, &found) : discover_psl(d, &found);
    if (end != FOUND)
        return;
    if (!found.record->has_record || !found.record->usable) {
        r->status = DMARC_NORECORD;
        return;
    }
    r->record = found.record->record;
    r->domain = found.at;
    r->has_record = true;
    if (choose_policy(d) != FOUND || judge_all(d, &again) != FOUND)
        return;
    if (r->aligned_spf || r->aligned_dkim) {
        r->status = DMARC_ACCEPT;
        r->why.text[0] = '\0';
    } else if (!again) {
        r->status = status_of(r->policy);
    } else if (!r->why.text[0]) {
        why_set(&r->why, ST_AGAIN, "whether SPF or DKIM passes for %.*s could not be found out", STR_ARG(d->want.from));
    }
}

struct dmarc *dmarc_new(struct arena *a, const struct dmarc_want *w)
{
    struct dmarc *d = arena_new(a, struct dmarc);

    d->arena = a;
    d->want = *w;
    evaluate(d);
    return d;
}

const struct question *dmarc_question(const struct dmarc *d)
{
    return d->asking ? &d->question : NULL;
}

void dmarc_tell(struct dmarc *d, const struct dns_answer *a)
{
    struct known *k = arena_new(d->arena, struct known);

    *k = (struct known){ .next = d->known, .name = d->question.name, .type = d->question.type, .status = a->status };
    if (a->status == ST_OK && k->type == DNS_TXT)
        keep_records(d, k, a);
    d->known = k;
    d->asking = false;
    evaluate(d);
}

static void inquiry_give_up(void *ctx, const char *text)
{
    struct dmarc *d = ctx;

    if (!d->asking)
        return;
    d->asking = false;
    d->answer.status = DMARC_TEMPERROR;
    why_set(&d->answer.why, ST_AGAIN, "%s", text);
}

static const struct question *inquiry_question(const void *d) { return dmarc_question(d); }
static void inquiry_tell(void *d, const struct dns_answer *a) { dmarc_tell(d, a); }

const struct inquiry_kind dmarc_inquiry = { inquiry_question, inquiry_tell, inquiry_give_up };

const struct dmarc_answer *dmarc_answer(const struct dmarc *d)
{
    return &d->answer;
}

enum dmarc_policy dmarc_sampled(const struct dmarc_answer *r, unsigned dice)
{
    return dice < r->record.pct ? r->policy : milder(r->policy);
}
