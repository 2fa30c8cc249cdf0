#include "auth/spf_inside.h"
#include "auth/spf_name.h"
#include "mail/domain.h"

uint16_t spf_address_type(const struct spf *s)
{
    return s->want.client.v == IP_V4 ? DNS_A : DNS_AAAA;
}

/* ---- macros */

/* %{p}: the client's name; one in the domain is preferred (section 7.3). */
static struct str best_name(const struct spf *s, struct str domain)
{
    const struct str *below = NULL;

    for (size_t i = 0; i < s->nvalid; i++) {
        struct str v = s->valid[i];

        if (domain_same(v, domain))
            return v;
        if (!below && spf_name_below(v, domain))
            below = &s->valid[i];
    }
    if (below)
        return *below;
    return s->nvalid ? s->valid[0] : STR("unknown");
}

struct str spf_expanded(struct spf *s, struct str text, enum spf_macro_in in)
{
    char out[SPF_EXPANDED_MAX];

    s->macros.domain = spf_top(s)->domain;
    s->macros.validated = s->names_known ? best_name(s, s->macros.domain) : STR("unknown");
    return arena_dup(s->arena, (struct str){ out, spf_macro_expand(text, in, &s->macros, out) });
}

bool spf_target(struct spf *s, struct str spec, unsigned labels, struct str *out)
{
    if (!spec.n) {
        *out = spf_top(s)->domain;
        return true;
    }
    *out = spf_name_fit(spf_name_bare(spf_expanded(s, spec, SPF_MACRO_DOMAIN)));
    if (!spf_name_valid(*out, labels))
        return false;
    *out = spf_name_asked(s->arena, *out);
    return true;
}

/* ---- the client's validated names */

static void next_name(struct spf *s)
{
    if (s->at < s->nnames) {
        spf_want_name(s, NAME_ADDRESS, s->names[s->at], spf_address_type(s));
        return;
    }
    s->names_known = true;
    s->stage = TERM;
    s->then(s);
}

void spf_with_names(struct spf *s, void (*then)(struct spf *s))
{
    s->then = then;
    if (s->names_known) {
        if (!s->names_void || spf_count_void(s))
            then(s);
        return;
    }
    s->nnames = s->at = 0;
    spf_want_name(s, NAMES, dns_reverse_name(s->arena, s->want.client), DNS_PTR);
}

void spf_with_macros(struct spf *s, struct str text, void (*then)(struct spf *s))
{
    if (text.n && spf_macro_has_p(text))
        spf_with_names(s, then);
    else
        then(s);
}

/* Of many names the first ten are looked at (section 4.6.4); a failure is no name. */
void spf_told_names(struct spf *s, const struct dns_answer *a)
{
    s->names_void = a->status == ST_NONE;
    for (size_t i = 0; a->status == ST_OK && i < a->n && s->nnames < SPF_NAMES_MAX; i++)
        if (a->rr[i].target.n)
            s->names[s->nnames++] = arena_dup(s->arena, a->rr[i].target);
    next_name(s);
}

bool spf_holds(const struct spf *s, const struct dns_answer *a, unsigned bits4, unsigned bits6)
{
    for (size_t i = 0; a->status == ST_OK && i < a->n; i++)
        if (a->rr[i].ip.v == s->want.client.v
            && ip_in(s->want.client, a->rr[i].ip, s->want.client.v == IP_V4 ? bits4 : bits6))
            return true;
    return false;
}

void spf_told_name_address(struct spf *s, const struct dns_answer *a)
{
    if (spf_holds(s, a, 32, 128))
        s->valid[s->nvalid++] = s->names[s->at];
    s->at++;
    next_name(s);
}

/* ---- the hosts of an MX */

void spf_next_mx(struct spf *s)
{
    if (s->at < s->nnames)
        spf_want_name(s, MX_ADDRESS, s->names[s->at], spf_address_type(s));
    else if (s->more_names)
        spf_fail(s, SPF_PERMERROR, "more than 10 MX hosts", spf_top(s)->term.text);
    else
        s->stage = TERM;
}

static int mx_order(const struct dns_answer *a, size_t i, size_t k)
{
    int by = (int)a->rr[i].preference - (int)a->rr[k].preference;

    return by ? by : i < k ? -1 : i > k;
}

/* The next host in the order of preference, hosts of one preference in the answer's; SIZE_MAX: none. */
static size_t mx_after(const struct dns_answer *a, size_t last)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < a->n; i++)
        if ((last == SIZE_MAX || mx_order(a, last, i) < 0) && (best == SIZE_MAX || mx_order(a, i, best) < 0))
            best = i;
    return best;
}

/* Ten hosts are looked at; where the client is none of them and there are more, that is an
 * error (section 4.6.4). */
void spf_told_mx(struct spf *s, const struct dns_answer *a)
{
    s->nnames = s->at = 0;
    s->more_names = false;
    for (size_t i = SIZE_MAX; a->status == ST_OK && (i = mx_after(a, i)) != SIZE_MAX;) {
        if (!a->rr[i].target.n)                 /* "MX 0 .": none (RFC 7505) */
            continue;
        if (s->nnames == SPF_NAMES_MAX) {
            s->more_names = true;
            break;
        }
        s->names[s->nnames++] = arena_dup(s->arena, a->rr[i].target);
    }
    spf_next_mx(s);
}
