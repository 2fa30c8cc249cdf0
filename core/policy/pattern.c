#include "policy/pattern.h"

#include <ctype.h>

enum { OPEN = -2 };     /* a capture whose closing parenthesis has not been met */

static const char *match(struct pattern *m, const char *s, const char *p);

static const char *fail(struct pattern *m, const char *why)
{
    if (!m->error)
        m->error = why;
    return NULL;
}

static bool step(struct pattern *m)
{
    if (m->steps == 0) {
        fail(m, "the pattern takes too many steps on this text");
        return false;
    }
    m->steps--;
    return true;
}

static const char *subject_end(const struct pattern *m) { return m->subject.p + m->subject.n; }
static const char *text_end(const struct pattern *m) { return m->text.p + m->text.n; }

/* Behind the single item (a letter, %x, a set) that begins at p. */
static const char *item_end(struct pattern *m, const char *p)
{
    const char *e = text_end(m);

    if (*p == '%') {
        if (p + 1 == e)
            return fail(m, "malformed pattern (ends with '%')");
        return p + 2;
    }
    if (*p != '[')
        return p + 1;
    p++;
    if (p < e && *p == '^')
        p++;
    do {                        /* a ']' right here is a member */
        if (p == e)
            return fail(m, "malformed pattern (missing ']')");
        if (*p++ == '%') {
            if (p == e)
                return fail(m, "malformed pattern (missing ']')");
            p++;
        }
    } while (p == e || *p != ']');
    return p + 1;
}

/* Locale is C; so the classes are ASCII's. */
static bool in_class(int c, int class)
{
    bool yes;

    switch (tolower(class)) {
    case 'a': yes = isalpha(c); break;
    case 'c': yes = iscntrl(c); break;
    case 'd': yes = isdigit(c); break;
    case 'g': yes = isgraph(c); break;
    case 'l': yes = islower(c); break;
    case 'p': yes = ispunct(c); break;
    case 's': yes = isspace(c); break;
    case 'u': yes = isupper(c); break;
    case 'w': yes = isalnum(c); break;
    case 'x': yes = isxdigit(c); break;
    case 'z': yes = c == 0; break;
    default: return class == c;
    }
    return isupper(class) ? !yes : yes;
}

/* p at '[', e at its ']'. */
static bool in_set(struct pattern *m, int c, const char *p, const char *e)
{
    bool yes = true;

    if (p[1] == '^') {
        yes = false;
        p++;
    }
    while (++p < e) {
        if (!step(m))
            return false;
        if (*p == '%') {
            p++;
            if (in_class(c, (unsigned char)*p))
                return yes;
        } else if (p[1] == '-' && p + 2 < e) {
            p += 2;
            if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p)
                return yes;
        } else if ((unsigned char)*p == c) {
            return yes;
        }
    }
    return !yes;
}

static bool one(struct pattern *m, const char *s, const char *p, const char *e)
{
    int c;

    if (!step(m) || s >= subject_end(m))
        return false;
    c = (unsigned char)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(m, c, p, e - 1);
    default: return (unsigned char)*p == c;
    }
}

/* %bxy */
static const char *balance(struct pattern *m, const char *s, const char *p)
{
    int depth = 1;

    if (text_end(m) - p < 2)
        return fail(m, "unbalanced pattern");
    if (s >= subject_end(m) || *s != p[0])
        return NULL;
    while (++s < subject_end(m)) {
        if (!step(m))
            return NULL;
        if (*s == p[1]) {
            if (--depth == 0)
                return s + 1;
        } else if (*s == p[0]) {
            depth++;
        }
    }
    return NULL;
}

static const char *most(struct pattern *m, const char *s, const char *p, const char *e)
{
    ptrdiff_t i = 0;

    while (one(m, s + i, p, e))
        i++;
    for (; i >= 0 && !m->error; i--) {
        const char *end = match(m, s + i, e + 1);

        if (end)
            return end;
    }
    return NULL;
}

static const char *least(struct pattern *m, const char *s, const char *p, const char *e)
{
    while (!m->error) {
        const char *end = match(m, s, e + 1);

        if (end)
            return end;
        if (!one(m, s, p, e))
            return NULL;
        s++;
    }
    return NULL;
}

static const char *open_capture(struct pattern *m, const char *s, const char *p, ptrdiff_t what)
{
    const char *end;

    if (m->level >= PATTERN_CAPTURES)
        return fail(m, "too many captures");
    m->capture[m->level].p = s;
    m->capture[m->level].n = what;
    m->level++;
    end = match(m, s, p);
    if (!end)
        m->level--;
    return end;
}

static const char *close_capture(struct pattern *m, const char *s, const char *p)
{
    int l = m->level - 1;
    const char *end;

    while (l >= 0 && m->capture[l].n != OPEN)
        l--;
    if (l < 0)
        return fail(m, "invalid pattern capture");
    m->capture[l].n = s - m->capture[l].p;
    end = match(m, s, p);
    if (!end)
        m->capture[l].n = OPEN;
    return end;
}

/* %1: the same text again */
static const char *again(struct pattern *m, const char *s, int digit)
{
    int l = digit - '1';
    ptrdiff_t n;

    if (l < 0 || l >= m->level || m->capture[l].n < 0)
        return fail(m, "invalid capture index");
    n = m->capture[l].n;
    if ((size_t)n / 16 >= m->steps)
        return fail(m, "the pattern takes too many steps on this text");
    m->steps -= (uint32_t)(n / 16);
    if (subject_end(m) - s < n || memcmp(m->capture[l].p, s, (size_t)n) != 0)
        return NULL;
    return s + n;
}

/* %f[set] */
static bool frontier(struct pattern *m, const char *s, const char *p, const char *e)
{
    int before = s == m->subject.p ? 0 : (unsigned char)s[-1];
    int after = s == subject_end(m) ? 0 : (unsigned char)*s;

    return !in_set(m, before, p, e - 1) && in_set(m, after, p, e - 1);
}

static const char *at_frontier(struct pattern *m, const char *s, const char **p)
{
    const char *e;

    if (*p == text_end(m) || **p != '[')
        return fail(m, "missing '[' after '%f' in pattern");
    e = item_end(m, *p);
    if (!e || !frontier(m, s, *p, e))
        return NULL;
    *p = e;
    return s;
}

/* "%b", "%f" and "%1" to "%9", which are no items: true if it is one, and both have moved behind it; *s is
 * NULL where it does not fit. */
static bool escape(struct pattern *m, const char **s, const char **p)
{
    const char *sign = *p + 1;

    if (sign >= text_end(m))
        return false;
    *p = sign + 1;
    if (*sign == 'b') {
        *s = balance(m, *s, *p);
        *p += 2;
    } else if (*sign == 'f') {
        *s = at_frontier(m, *s, p);
    } else if (isdigit((unsigned char)*sign)) {
        *s = again(m, *s, (unsigned char)*sign);
    } else {
        *p = sign - 1;
        return false;
    }
    return true;
}

static const char *match_more(struct pattern *m, const char *s, const char *p)
{
    const char *end = text_end(m), *e;

    while (p < end) {
        if (!step(m))
            return NULL;
        switch (*p) {
        case '(':
            if (p + 1 < end && p[1] == ')')
                return open_capture(m, s, p + 2, -1);
            return open_capture(m, s, p + 1, OPEN);
        case ')':
            return close_capture(m, s, p + 1);
        case '$':
            if (p + 1 == end)
                return s == subject_end(m) ? s : NULL;
            break;
        case '%':
            if (!escape(m, &s, &p))
                break;
            if (!s)
                return NULL;
            continue;
        }
        e = item_end(m, p);
        if (!e)
            return NULL;
        switch (e < end ? *e : 0) {
        case '?':
            if (one(m, s, p, e)) {
                const char *r = match(m, s + 1, e + 1);

                if (r || m->error)
                    return r;
            }
            p = e + 1;
            continue;
        case '*':
            return most(m, s, p, e);
        case '+':
            return one(m, s, p, e) ? most(m, s + 1, p, e) : NULL;
        case '-':
            return least(m, s, p, e);
        }
        if (!one(m, s, p, e))
            return NULL;
        s++;
        p = e;
    }
    return s;
}

static const char *match(struct pattern *m, const char *s, const char *p)
{
    const char *end;

    if (m->error)
        return NULL;
    if (m->depth >= PATTERN_DEPTH)
        return fail(m, "pattern too complex");
    m->depth++;
    end = match_more(m, s, p);
    m->depth--;
    return m->error ? NULL : end;
}

const char *pattern_at(struct pattern *m, const char *at)
{
    m->level = 0;
    m->depth = 0;
    return match(m, at, m->text.p);
}

const char *pattern_find(struct pattern *m, size_t init, const char **end)
{
    struct str whole = m->text;
    bool anchor = whole.n > 0 && whole.p[0] == '^';
    const char *s = m->subject.p + init, *found = NULL;

    if (anchor)
        m->text = str_from(whole, 1);
    do {
        *end = pattern_at(m, s);
        if (*end)
            found = s;
    } while (!found && !anchor && !m->error && ++s <= subject_end(m));
    m->text = whole;
    return found;
}

const char *pattern_plain(struct pattern *m, size_t init)
{
    struct str rest = str_from(m->subject, init);

    if (m->text.n == 0)
        return rest.p;
    while (rest.n >= m->text.n) {
        const char *at = memchr(rest.p, m->text.p[0], rest.n - m->text.n + 1);
        size_t skipped;

        if (!at)
            return NULL;
        skipped = (size_t)(at - rest.p);
        /* memcmp stops at the first difference, but may go on for all of it. */
        if (skipped / 16 + m->text.n / 16 + 1 >= m->steps)
            return fail(m, "the search takes too many steps on this text");
        m->steps -= (uint32_t)(skipped / 16 + m->text.n / 16 + 1);
        if (memcmp(at, m->text.p, m->text.n) == 0)
            return at;
        rest = str_from(rest, skipped + 1);
    }
    return NULL;
}

bool pattern_is_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (strchr("^$*+?.([%-", text.p[i]) && text.p[i])
            return false;
    return true;
}
