#include "auth/dmarc_record.h"

const char *dmarc_policy_name(enum dmarc_policy p)
{
    static const char *const names[] = { "", "none", "quarantine", "reject" };

    return names[p];
}

static bool next_tag(struct str *rest, struct str *name, struct str *value)
{
    struct str spec;
    size_t eq;

    if (!str_cut(rest, ';', &spec))
        return false;
    eq = str_find(spec, '=');
    *name = str_trim(str_head(spec, eq));
    *value = eq == SIZE_MAX ? STR("") : str_trim(str_from(spec, eq + 1));
    return true;
}

bool dmarc_record_is(struct str text)
{
    struct str name, value;

    return next_tag(&text, &name, &value) && str_same_fold(name, STR("v")) && str_same(value, STR("DMARC1"));
}

static enum dmarc_policy policy_of(struct str value)
{
    for (enum dmarc_policy p = DMARC_POLICY_NONE; p <= DMARC_POLICY_REJECT; p++)
        if (str_same_fold(value, str_of(dmarc_policy_name(p))))
            return p;
    return DMARC_POLICY_MISSING;
}

static void read_mode(struct str value, bool *strict, bool *said)
{
    *strict = str_same_fold(value, STR("s"));
    *said = *strict || str_same_fold(value, STR("r"));
}

static unsigned read_fo(struct str value)
{
    unsigned fo = 0;
    struct str item;

    while (str_cut(&value, ':', &item)) {
        item = str_trim(item);
        fo |= str_same(item, STR("0")) ? DMARC_FO_ALL : str_same(item, STR("1")) ? DMARC_FO_ANY
            : str_same_fold(item, STR("d")) ? DMARC_FO_DKIM : str_same_fold(item, STR("s")) ? DMARC_FO_SPF : 0;
    }
    return fo ? fo : DMARC_FO_ALL;
}

static void read_tag(struct str name, struct str value, struct dmarc_record *out)
{
    uint64_t n;

    if (str_same_fold(name, STR("p")))
        out->p = policy_of(value);
    else if (str_same_fold(name, STR("sp")))
        out->sp = policy_of(value);
    else if (str_same_fold(name, STR("np")))
        out->np = policy_of(value);
    else if (str_same_fold(name, STR("adkim")))
        read_mode(value, &out->strict_dkim, &out->said_dkim);
    else if (str_same_fold(name, STR("aspf")))
        read_mode(value, &out->strict_spf, &out->said_spf);
    else if (str_same_fold(name, STR("pct")) && str_u64(value, 100, &n))
        out->pct = (unsigned)n;
    else if (str_same_fold(name, STR("ri")) && str_u64(value, UINT32_MAX, &n))
        out->interval = (uint32_t)n;
    else if (str_same_fold(name, STR("fo")))
        out->fo = read_fo(value);
    else if (str_same_fold(name, STR("t")))
        out->test = str_same_fold(value, STR("y"));
    else if (str_same_fold(name, STR("psd")) && value.n == 1 && strchr("yYnN", value.p[0]) && value.p[0])
        out->psd = ascii_lower(value.p[0]);
    else if (str_same_fold(name, STR("rua")))
        out->rua = value;
    else if (str_same_fold(name, STR("ruf")))
        out->ruf = value;
}

/* The first of several of one name counts. */
static unsigned tag_bit(struct str name)
{
    static const struct str names[] = {
        STR_INIT("p"), STR_INIT("sp"), STR_INIT("np"), STR_INIT("adkim"), STR_INIT("aspf"), STR_INIT("pct"), STR_INIT("ri"),
        STR_INIT("fo"), STR_INIT("t"), STR_INIT("psd"), STR_INIT("rua"), STR_INIT("ruf"),
    };

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (str_same_fold(name, names[i]))
            return 1u << i;
    return 0;
}

static bool has_uri(struct str list)
{
    struct str uri;

    while (str_cut(&list, ',', &uri)) {
        size_t colon = str_find(str_trim(uri), ':');

        if (colon != SIZE_MAX && colon > 0 && colon + 1 < str_trim(uri).n)
            return true;
    }
    return false;
}

bool dmarc_record_read(struct str text, struct dmarc_record *out)
{
    struct str name, value;
    unsigned seen = 0, bit;

    *out = (struct dmarc_record){ .pct = 100, .psd = 'u', .fo = DMARC_FO_ALL, .interval = 86400, .text = text };
    while (next_tag(&text, &name, &value)) {
        bit = tag_bit(name);
        if (bit && !(seen & bit))
            read_tag(name, value, out);
        seen |= bit;
    }
    if (out->p != DMARC_POLICY_MISSING)
        return true;
    out->p = DMARC_POLICY_NONE;
    return has_uri(out->rua);
}

/* "!10m" at the end: the largest report it takes. */
static uint64_t read_limit(struct str *uri)
{
    size_t mark = str_rfind(*uri, '!');
    struct str size = str_from(*uri, mark == SIZE_MAX ? uri->n : mark + 1);
    const char *units = "kmgt", *unit;
    uint64_t n;

    if (mark == SIZE_MAX)
        return 0;
    *uri = str_head(*uri, mark);
    unit = size.n && size.p[size.n - 1] ? strchr(units, ascii_lower(size.p[size.n - 1])) : NULL;
    if (unit)
        size.n--;
    return str_u64(size, 1 << 20, &n) ? n << (unit ? 10 * (unit - units + 1) : 0) : 0;
}

/* %XX, as URIs write what may not stand in them. */
static struct str unescaped(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        int c = s.p[i] == '%' && i + 2 < s.n ? ascii_hex(s.p[i + 1], s.p[i + 2]) : -1;

        p[n++] = c < 0 ? s.p[i] : (char)c;
        i += c < 0 ? 0 : 2;
    }
    return (struct str){ p, n };
}

bool dmarc_mailto(struct arena *a, struct str *uris, struct str *address, uint64_t *max)
{
    struct str uri;

    while (str_cut(uris, ',', &uri)) {
        uri = str_trim(uri);
        if (!str_starts_fold(uri, STR("mailto:")))
            continue;
        uri = str_from(uri, 7);
        *max = read_limit(&uri);
        uri = str_head(uri, str_find(uri, '?'));
        *address = unescaped(a, uri);
        if (str_find(*address, '@') != SIZE_MAX)
            return true;
    }
    return false;
}
