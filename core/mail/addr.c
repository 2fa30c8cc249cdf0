#include "mail/addr.h"

#include "base/buf.h"
#include "mail/domain.h"
#include "mail/utf8.h"

/* A quoted local part may itself hold '@'; a domain never can. So the last
 * one divides, and no quoting rules are needed to find it. */
bool addr_split(struct str text, struct addr *out)
{
    size_t at = str_rfind(text, '@');

    if (at == SIZE_MAX || at == 0 || at + 1 == text.n)
        return false;
    out->local = str_head(text, at);
    out->domain = str_from(text, at + 1);
    return true;
}

static bool is_atext(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c > ' ' && c < 0x7F && strchr("!#$%&'*+-/=?^_`{|}~", c)) || c >= 0x80;
}

/* Whether every character is UTF-8 and none is a control. */
static const char *text_fault(struct str s)
{
    while (s.n > 0) {
        uint32_t code;
        size_t len = utf8_char(s, &code);

        if (len == 0)
            return "local part: not UTF-8";
        if (utf8_control(code))
            return "local part: control character";
        s = str_from(s, len);
    }
    return NULL;
}

static const char *quoted_fault(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return i + 1 == s.n ? NULL : "local part: text after the closing quote";
        /* A backslash takes a printable ASCII character (quoted-pairSMTP). */
        if (s.p[i] == '\\' && ++i < s.n && (unsigned char)s.p[i] >= 0x80)
            return "local part: backslash before a character outside ASCII";
    }
    return "local part: quote not closed";
}

static const char *dots_fault(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '.') {
            if (i == 0)
                return "local part: starts with a dot";
            if (i + 1 == s.n)
                return "local part: ends with a dot";
            if (s.p[i + 1] == '.')
                return "local part: two dots in a row";
        } else if (c == ' ' || c == '\t') {
            return "local part: white space outside quotes";
        } else if (c == '(' || c == ')') {
            return "local part: comment";
        } else if (!is_atext((unsigned char)c)) {
            return "local part: character not allowed outside quotes";
        }
    }
    return NULL;
}

static const char *local_fault(struct str s)
{
    const char *fault;

    if (s.n == 0)
        return "local part: empty";
    if (s.n > ADDR_LOCAL_MAX)
        return "local part: longer than 255 octets";
    fault = text_fault(s);
    if (fault)
        return fault;
    return s.p[0] == '"' ? quoted_fault(s) : dots_fault(s);
}

static const char *host_fault(struct str s)
{
    const char *fault = "domain: no address in the brackets";

    if (s.n == 0)
        return "domain: empty";
    if (s.p[0] == '[')
        return domain_literal(s, NULL) ? NULL : fault;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ' || s.p[i] == '\t')
            return "domain: white space";
        if (s.p[i] == '(' || s.p[i] == ')')
            return "domain: comment";
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F)
            return "domain: control character";
    }
    return domain_valid_idn(s, &fault) ? NULL : fault;
}

static bool refuse(const char **reason, const char *fault)
{
    if (reason)
        *reason = fault;
    return false;
}

bool addr_parse(struct str text, struct addr *out, const char **reason)
{
    struct addr a;
    const char *fault;
    size_t at = str_rfind(text, '@');

    if (text.n > ADDR_MAX)
        return refuse(reason, "address: longer than 512 octets");
    if (at == SIZE_MAX)
        return refuse(reason, "address: no @");
    a.local = str_head(text, at);
    a.domain = str_from(text, at + 1);
    fault = local_fault(a.local);
    if (!fault)
        fault = host_fault(a.domain);
    if (fault)
        return refuse(reason, fault);
    *out = a;
    return true;
}

/* Index of the first byte of what that stands outside quotes, or the end. */
static size_t find_bare(struct str s, const char *what)
{
    bool quoted = false;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        else if (quoted && s.p[i] == '\\')
            i++;
        else if (!quoted && s.p[i] && strchr(what, s.p[i]))
            return i;
    }
    return s.n;
}

/* Steps over "@x,@y:", RFC 5321 4.1.2 A-d-l. */
static const char *skip_route(struct str *s)
{
    while (s->n > 0 && s->p[0] == '@') {
        struct str rest = str_from(*s, 1);
        size_t close = rest.n > 0 && rest.p[0] == '[' ? str_find(rest, ']') : 0;
        size_t n = close == SIZE_MAX ? rest.n : close;
        const char *fault;

        while (n < rest.n && rest.p[n] != ',' && rest.p[n] != ':')
            n++;
        fault = host_fault(str_head(rest, n));
        if (fault)
            return fault;
        if (n == rest.n)
            return "source route: no colon";
        *s = str_from(rest, n + 1);
        if (rest.p[n] == ':')
            return NULL;
    }
    return "source route: no @";
}

static bool is_unqualified(struct str s)
{
    return find_bare(s, "@") == s.n;
}

static const char *inner_path(struct str s, bool null_ok, struct addr *out)
{
    const char *fault;

    if (s.n == 0) {
        out->local = out->domain = (struct str){ "", 0 };
        return null_ok ? NULL : "address: empty";
    }
    if (s.p[0] == '@') {
        fault = skip_route(&s);
        if (fault)
            return fault;
    }
    if (is_unqualified(s)) {
        out->local = s;
        out->domain = (struct str){ "", 0 };
        return local_fault(s);
    }
    return addr_parse(s, out, &fault) ? NULL : fault;
}

bool addr_path(struct str text, bool null_ok, struct addr *out, struct str *rest, const char **reason)
{
    const char *fault;
    size_t end;

    while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = str_from(text, 1);
    if (text.n == 0)
        return refuse(reason, "address: missing");
    if (text.p[0] == '<') {
        end = find_bare(text, ">");
        if (end == text.n)
            return refuse(reason, "address: no closing >");
        *rest = str_from(text, end + 1);
        text = (struct str){ text.p + 1, end - 1 };
    } else {
        end = find_bare(text, " \t");
        *rest = str_from(text, end);
        text = str_head(text, end);
    }
    if (rest->n > 0 && rest->p[0] != ' ' && rest->p[0] != '\t')
        return refuse(reason, "address: text after the closing >");
    fault = inner_path(text, null_ok, out);
    return fault ? refuse(reason, fault) : true;
}

struct str addr_unquote(struct arena *a, struct str local)
{
    char *p;
    size_t n = 0;

    if (local.n < 2 || local.p[0] != '"')
        return local;
    p = arena_alloc(a, local.n);
    for (size_t i = 1; i + 1 < local.n; i++) {
        if (local.p[i] == '\\' && i + 2 < local.n)
            i++;
        p[n++] = local.p[i];
    }
    return (struct str){ p, n };
}

struct str addr_quote(struct arena *a, struct str unquoted)
{
    size_t n = 0;
    char *p;

    if (unquoted.n > 0 && !dots_fault(unquoted))
        return unquoted;
    p = arena_alloc(a, unquoted.n * 2 + 2);
    p[n++] = '"';
    for (size_t i = 0; i < unquoted.n; i++) {
        if (unquoted.p[i] == '"' || unquoted.p[i] == '\\')
            p[n++] = '\\';
        p[n++] = unquoted.p[i];
    }
    p[n++] = '"';
    return (struct str){ p, n };
}

struct str addr_join(struct arena *a, struct str local, struct str domain)
{
    char *p;

    if (domain.n == 0)
        return arena_dup(a, local);
    p = arena_alloc(a, local.n + domain.n + 2);
    memcpy(p, local.p, local.n);
    p[local.n] = '@';
    memcpy(p + local.n + 1, domain.p, domain.n);
    return (struct str){ p, local.n + 1 + domain.n };
}
