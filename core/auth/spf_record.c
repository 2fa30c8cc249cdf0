#include "auth/spf_record.h"

#include <arpa/inet.h>

#include "auth/spf_macro.h"

static bool is_alpha(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool spf_record_is(struct str text)
{
    return str_starts_fold(text, STR("v=spf1")) && (text.n == 6 || text.p[6] == ' ');
}

static enum status bad(struct why *why, const char *what, struct str term)
{
    char shown[161];
    size_t n = str_escape(str_head(term, 40), shown, sizeof shown - 1);

    shown[n] = '\0';
    return why_set(why, ST_NEVER, "%s: %s", what, shown);
}

/* ---- domain-spec = macro-string domain-end (section 7.1) */

/* toplabel: letters, digits and inner hyphens, and no number. */
static bool is_toplabel(struct str s)
{
    bool number = true;

    if (!s.n || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alpha(s.p[i]) && !is_digit(s.p[i]) && s.p[i] != '-')
            return false;
        number = number && is_digit(s.p[i]);
    }
    return !number;
}

static bool is_domain_spec(struct str s)
{
    struct str end;

    if (!s.n || !spf_macro_valid(s, SPF_MACRO_DOMAIN, &end))
        return false;
    if (!end.n)                         /* the last thing in it is a macro */
        return true;
    if (end.p[end.n - 1] == '.')
        end.n--;
    return str_rfind(end, '.') != SIZE_MAX && is_toplabel(str_from(end, str_rfind(end, '.') + 1));
}

/* ---- prefix lengths */

/* "0", or digits without a leading zero, at most max. */
static bool is_length(struct str s, unsigned max, unsigned *out)
{
    uint64_t n;

    if (!s.n || s.n > 3 || (s.p[0] == '0' && s.n > 1) || !str_u64(s, max, &n))
        return false;
    *out = (unsigned)n;
    return true;
}

/* Where the run of digits at the end of s begins, if a slash stands before it; else SIZE_MAX. */
static size_t length_at(struct str s)
{
    size_t i = s.n;

    while (i > 0 && is_digit(s.p[i - 1]))
        i--;
    return i > 0 && i < s.n && s.p[i - 1] == '/' ? i : SIZE_MAX;
}

/* dual-cidr-length = [ "/" n ] [ "//" n ]: taken off the end, since a slash may
 * stand in a domain-spec too. False: it is there and wrong. */
static bool take_lengths(struct str *s, struct spf_term *t)
{
    size_t at = length_at(*s);

    if (at != SIZE_MAX && at >= 2 && s->p[at - 2] == '/') {
        if (!is_length(str_from(*s, at), 128, &t->bits6))
            return false;
        *s = str_head(*s, at - 2);
        at = length_at(*s);
    }
    if (at == SIZE_MAX)
        return true;
    if (!is_length(str_from(*s, at), 32, &t->bits4))
        return false;
    *s = str_head(*s, at - 1);
    return true;
}

/* ---- the arguments of mechanisms; s is what stands behind the name */

static bool read_none(struct str s, struct spf_term *t)
{
    (void)t;
    return !s.n;
}

static bool read_domain(struct str s, struct spf_term *t)
{
    if (!s.n || s.p[0] != ':')
        return false;
    t->spec = str_from(s, 1);
    return is_domain_spec(t->spec);
}

static bool read_domain_if(struct str s, struct spf_term *t)
{
    return !s.n || read_domain(s, t);
}

static bool read_domain_lengths(struct str s, struct spf_term *t)
{
    return take_lengths(&s, t) && read_domain_if(s, t);
}

/* Network, and what is behind its slash. */
static bool read_network(struct str s, char *address, size_t cap, unsigned max, unsigned *bits)
{
    size_t slash;

    if (s.n < 2 || s.p[0] != ':')
        return false;
    s = str_from(s, 1);
    slash = str_find(s, '/');
    if (slash != SIZE_MAX && !is_length(str_from(s, slash + 1), max, bits))
        return false;
    s = str_head(s, slash);
    if (!s.n || s.n >= cap || memchr(s.p, 0, s.n))
        return false;
    memcpy(address, s.p, s.n);
    address[s.n] = '\0';
    return true;
}

static bool read_ip4(struct str s, struct spf_term *t)
{
    char address[16];

    t->ip.v = IP_V4;
    return read_network(s, address, sizeof address, 32, &t->bits4) && inet_pton(AF_INET, address, t->ip.b) == 1;
}

/* Not ip_parse: a network in ::ffff:0:0/96 is one of IPv6 here, and no client is in it. */
static bool read_ip6(struct str s, struct spf_term *t)
{
    char address[48];

    t->ip.v = IP_V6;
    return read_network(s, address, sizeof address, 128, &t->bits6) && inet_pton(AF_INET6, address, t->ip.b) == 1;
}

static const struct {
    struct str name;
    enum spf_kind kind;
    bool (*read)(struct str s, struct spf_term *t);
} mechanisms[] = {
    { STR_INIT("all"), SPF_ALL, read_none },
    { STR_INIT("include"), SPF_INCLUDE, read_domain },
    { STR_INIT("a"), SPF_A, read_domain_lengths },
    { STR_INIT("mx"), SPF_MX, read_domain_lengths },
    { STR_INIT("ptr"), SPF_PTR, read_domain_if },
    { STR_INIT("ip4"), SPF_IP4, read_ip4 },
    { STR_INIT("ip6"), SPF_IP6, read_ip6 },
    { STR_INIT("exists"), SPF_EXISTS, read_domain },
};

static enum status read_mechanism(struct str s, struct spf_term *t, struct why *why)
{
    size_t n = 0;

    while (n < s.n && (is_alpha(s.p[n]) || is_digit(s.p[n])))
        n++;
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++)
        if (str_same_fold(str_head(s, n), mechanisms[i].name)) {
            t->kind = mechanisms[i].kind;
            return mechanisms[i].read(str_from(s, n), t) ? ST_OK : bad(why, "not a valid mechanism", t->text);
        }
    return bad(why, "unknown mechanism", t->text);
}

/* ---- modifiers: name "=" value */

static size_t modifier_name(struct str s)
{
    size_t n = 0;

    if (!s.n || !is_alpha(s.p[0]))
        return 0;
    while (n < s.n && (is_alpha(s.p[n]) || is_digit(s.p[n]) || s.p[n] == '-' || s.p[n] == '_' || s.p[n] == '.'))
        n++;
    return n < s.n && s.p[n] == '=' ? n : 0;
}

static enum status read_modifier(size_t name, struct spf_term *t, struct why *why)
{
    struct str value = str_from(t->text, name + 1), end;

    t->kind = str_same_fold(str_head(t->text, name), STR("redirect")) ? SPF_REDIRECT
        : str_same_fold(str_head(t->text, name), STR("exp")) ? SPF_EXP : SPF_MODIFIER;
    if (t->kind == SPF_MODIFIER)
        return spf_macro_valid(value, SPF_MACRO_ANY, &end) ? ST_OK : bad(why, "not a valid modifier", t->text);
    t->spec = value;
    return is_domain_spec(value) ? ST_OK : bad(why, "not a valid modifier", t->text);
}

enum status spf_term_next(struct str *rest, struct spf_term *t, struct why *why)
{
    struct str s;
    size_t name;

    while (rest->n && rest->p[0] == ' ')
        *rest = str_from(*rest, 1);
    if (!str_cut(rest, ' ', &s) || !s.n)
        return ST_NONE;

    *t = (struct spf_term){ .qualifier = '+', .text = s, .bits4 = 32, .bits6 = 128 };
    name = modifier_name(s);
    if (name)
        return read_modifier(name, t, why);
    if (strchr("+-~?", s.p[0]) && s.p[0]) {
        t->qualifier = s.p[0];
        s = str_from(s, 1);
    }
    return read_mechanism(s, t, why);
}

/* redirect and exp may each stand once (section 6). */
static bool set_once(struct str *at, struct str spec)
{
    if (at->p)
        return false;
    *at = spec;
    return true;
}

enum status spf_record_read(struct str text, struct spf_record *out, struct why *why)
{
    struct spf_term t;
    struct str rest;
    enum status st;
    bool all = false;

    *out = (struct spf_record){ .terms = str_from(text, 6) };
    if (text.n > SPF_RECORD_MAX)
        return why_set(why, ST_NEVER, "a record of %zu bytes", text.n);
    rest = out->terms;
    while ((st = spf_term_next(&rest, &t, why)) == ST_OK) {
        if ((t.kind == SPF_REDIRECT && !set_once(&out->redirect, t.spec)) || (t.kind == SPF_EXP && !set_once(&out->exp, t.spec)))
            return bad(why, "a modifier given twice", t.text);
        all = all || t.kind == SPF_ALL;
    }
    if (all)
        out->redirect = (struct str){ 0 };
    return st == ST_NONE ? ST_OK : st;
}
