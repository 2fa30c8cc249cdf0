#include "smtp/command.h"

#include "base/ip.h"
#include "mail/domain.h"

static const struct { const char *name; enum command cmd; } VERBS[] = {
    { "MAIL", CMD_MAIL }, { "RCPT", CMD_RCPT }, { "DATA", CMD_DATA }, { "EHLO", CMD_EHLO }, { "HELO", CMD_HELO },
    { "RSET", CMD_RSET }, { "QUIT", CMD_QUIT }, { "NOOP", CMD_NOOP }, { "VRFY", CMD_VRFY }, { "EXPN", CMD_EXPN },
    { "HELP", CMD_HELP }, { "STARTTLS", CMD_STARTTLS }, { "AUTH", CMD_AUTH }, { "BDAT", CMD_BDAT },
    { "ETRN", CMD_ETRN }, { "ATRN", CMD_ATRN }, { "TURN", CMD_TURN },
};
static const char *const HTTP[] = { "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI" };

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct str command_word(struct str s)
{
    size_t n = 0;

    while (n < s.n && !is_space(s.p[n]))
        n++;
    return str_head(s, n);
}

enum command command_read(struct str line, const char **name, struct str *arg)
{
    struct str verb = command_word(line);

    *name = NULL;
    *arg = str_trim(str_from(line, verb.n));
    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++) {
        if (str_same_fold(verb, str_of(VERBS[i].name))) {
            *name = VERBS[i].name;
            return VERBS[i].cmd;
        }
    }
    for (size_t i = 0; i < sizeof HTTP / sizeof *HTTP; i++)
        if (str_same(verb, str_of(HTTP[i])) && arg->n > 0)
            return CMD_HTTP;
    return CMD_NONE;
}

bool command_keyword(struct str *arg, struct str keyword)
{
    if (!str_starts_fold(*arg, keyword))
        return false;
    *arg = str_from(*arg, keyword.n);
    return true;
}

/* RFC 5321 4.1.2: letters, digits and inner hyphens; the value is printable without "=". */
static bool key_valid(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = ascii_lower(key.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    return key.n > 0;
}

bool command_param(struct str *rest, struct str *key, struct str *value)
{
    struct str item;
    size_t eq;

    while (rest->n > 0 && is_space(rest->p[0]))
        *rest = str_from(*rest, 1);
    if (rest->n == 0)
        return false;
    item = command_word(*rest);
    *rest = str_from(*rest, item.n);
    eq = str_find(item, '=');
    *key = str_head(item, eq);
    *value = eq == SIZE_MAX ? (struct str){ NULL, 0 } : str_from(item, eq + 1);
    if (!key_valid(*key))
        key->n = 0;
    return true;
}

static bool is_letter(char c, struct str allow)
{
    char l = ascii_lower(c);

    return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '.' || l == '-' || str_find(allow, c) != SIZE_MAX;
}

/* A bare IPv6 literal without its tag is what many clients send; it says who
 * speaks as well as the tagged one. */
static bool literal(struct str s)
{
    struct ip ip;

    return domain_literal(s, NULL) ||
           (s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']' && ip_parse((struct str){ s.p + 1, s.n - 2 }, &ip));
}

bool command_helo(struct str name, struct str allow)
{
    if (name.n == 0 || name.n > 255)
        return false;
    if (name.p[0] == '[')
        return literal(name);
    if (name.p[0] == '.' || name.p[0] == '-')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_letter(name.p[i], allow))
            return false;
    return true;
}
