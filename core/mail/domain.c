#include "mail/domain.h"

#include <idn2.h>

#include "base/ip.h"
#include "mail/utf8.h"

enum { LABEL_MAX = 63, DOMAIN_MAX = 255 };

static struct str without_dot(struct str s)
{
    return s.n > 0 && s.p[s.n - 1] == '.' ? str_head(s, s.n - 1) : s;
}

bool domain_same(struct str a, struct str b)
{
    return str_same_fold(without_dot(a), without_dot(b));
}

static const char *label_fault(struct str label)
{
    if (label.n == 0)
        return "domain: empty label";
    if (label.n > LABEL_MAX)
        return "domain: label longer than 63 octets";
    if (label.p[0] == '-')
        return "domain: label starts with a hyphen";
    if (label.p[label.n - 1] == '-')
        return "domain: label ends with a hyphen";
    for (size_t i = 0; i < label.n; i++) {
        char c = ascii_lower(label.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return "domain: character not allowed in a host name";
    }
    return NULL;
}

static const char *domain_fault(struct str s)
{
    struct str rest = s, label;
    const char *fault;

    if (s.n == 0)
        return "domain: empty";
    if (s.n > DOMAIN_MAX)
        return "domain: longer than 255 octets";
    if (s.p[s.n - 1] == '.')
        return "domain: ends with a dot";
    while (str_cut(&rest, '.', &label)) {
        fault = label_fault(label);
        if (fault)
            return fault;
    }
    return NULL;
}

bool domain_valid(struct str s, const char **reason)
{
    const char *fault = domain_fault(s);

    if (fault && reason)
        *reason = fault;
    return !fault;
}

static size_t count(struct str s, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

static const char SYMBOL[] = "domain: character not allowed by IDNA";

/* UTS 46 maps some letters to ASCII symbols ("/" among them) and some symbols
 * to dots. libidn2's STD3 flag does not refuse such a result, it drops the
 * symbol and so makes another name; hence the result is measured against
 * the host name rules here, and a dot may only come from a dot. */
static const char *idna(struct str s, char *out, size_t *n)
{
    char z[DOMAIN_MAX * 2 + 1];
    char *made = NULL;
    const char *fault = NULL;
    int rc;

    if (s.n >= sizeof z)
        return "domain: longer than 255 octets";
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    if (memchr(z, '\0', s.n))
        return "domain: control character";
    rc = idn2_lookup_u8((const uint8_t *)z, (uint8_t **)&made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK)
        return rc == IDN2_DISALLOWED ? SYMBOL : "domain: label not valid under IDNA";
    fault = domain_fault(str_of(made));
    if (!fault && count(str_of(made), '.') != count(s, '.'))
        fault = "domain: a dot that is none";
    if (!fault) {
        *n = strlen(made);
        memcpy(out, made, *n);
    }
    idn2_free(made);
    return fault;
}

static bool has_alabel(struct str s)
{
    struct str rest = s, label;

    while (str_cut(&rest, '.', &label))
        if (str_starts_fold(label, STR("xn--")))
            return true;
    return false;
}

bool domain_valid_idn(struct str s, const char **reason)
{
    char made[DOMAIN_MAX];
    const char *fault;
    size_t n;

    if (utf8_ascii(s)) {
        fault = domain_fault(s);
        if (!fault && has_alabel(s)) {
            fault = idna(s, made, &n);
            /* Names with symbols that IDNA 2008 forbids are registered and
             * receive mail; a label that is no Punycode at all is nobody's. */
            if (fault == SYMBOL)
                fault = NULL;
        }
    } else if (!utf8_valid(s)) {
        fault = "domain: not UTF-8";
    } else {
        fault = s.n > 0 && s.p[s.n - 1] == '.' ? "domain: ends with a dot" : idna(s, made, &n);
    }
    if (fault && reason)
        *reason = fault;
    return !fault;
}

struct str domain_alabel(struct arena *a, struct str s)
{
    char made[DOMAIN_MAX];
    size_t n;

    s = without_dot(s);
    if (utf8_ascii(s))
        return domain_fault(s) ? (struct str){ "", 0 } : arena_lower(a, s);
    if (!utf8_valid(s) || idna(s, made, &n))
        return (struct str){ "", 0 };
    return arena_lower(a, (struct str){ made, n });
}

bool domain_literal(struct str s, struct ip *out)
{
    struct ip ip;
    bool six;

    if (s.n < 3 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    s = (struct str){ s.p + 1, s.n - 2 };
    six = str_starts_fold(s, STR("IPv6:"));
    if (six)
        s = str_from(s, 5);
    /* The tag, not the shape, says which family it is (RFC 5321 4.1.3). */
    if ((str_find(s, ':') != SIZE_MAX) != six)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdefABCDEF:.", s.p[i]) || s.p[i] == '\0')
            return false;
    if (!ip_parse(s, &ip))
        return false;
    if (out)
        *out = ip;
    return true;
}
