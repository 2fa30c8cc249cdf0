#include "dns/dname.h"

#include <stdio.h>

const struct dname dname_root = { .n = 1 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int dname_octet(struct str *s, bool *escaped)
{
    const char *p = s->p;
    int v;

    *escaped = p[0] == '\\';
    if (!*escaped) {
        *s = str_from(*s, 1);
        return (unsigned char)p[0];
    }
    if (s->n < 2)
        return -1;
    if (!is_digit(p[1])) {
        *s = str_from(*s, 2);
        return (unsigned char)p[1];
    }
    if (s->n < 4 || !is_digit(p[2]) || !is_digit(p[3]))
        return -1;
    v = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
    *s = str_from(*s, 4);
    return v > 255 ? -1 : v;
}

static bool put_tail(struct dname *out, const struct dname *tail)
{
    if (out->n + tail->n > DNAME_MAX)
        return false;
    memcpy(out->b + out->n, tail->b, tail->n);
    out->n = (uint8_t)(out->n + tail->n);
    return true;
}

/* One label, up to a dot that is not escaped. *dot: there was one. */
static bool read_label(struct str *text, struct dname *out, bool *dot)
{
    unsigned at = out->n, n = 0;
    bool escaped;

    *dot = false;
    while (text->n > 0) {
        int c = dname_octet(text, &escaped);

        if (c < 0)
            return false;
        if (c == '.' && !escaped) {
            *dot = true;
            break;
        }
        /* One octet is kept for the length, one for the root. */
        if (n == DNAME_LABEL_MAX || at + n + 2 >= DNAME_MAX)
            return false;
        out->b[at + 1 + n++] = (uint8_t)ascii_lower((char)c);
    }
    if (n == 0)
        return false;
    out->b[at] = (uint8_t)n;
    out->n = (uint8_t)(at + 1 + n);
    return true;
}

bool dname_read(struct str text, const struct dname *origin, struct dname *out)
{
    bool dot = false;

    out->n = 0;
    if (text.n == 0 || str_same(text, STR("."))) {
        *out = dname_root;
        return true;
    }
    while (text.n > 0)
        if (!read_label(&text, out, &dot))
            return false;
    return put_tail(out, dot ? &dname_root : origin);
}

static size_t put_octet(char *p, uint8_t c)
{
    if (c == '.' || c == '\\' || c == '"' || c == ';') {
        p[0] = '\\';
        p[1] = (char)c;
        return 2;
    }
    if (c > 0x20 && c < 0x7f) {
        p[0] = (char)c;
        return 1;
    }
    return (size_t)sprintf(p, "\\%03u", c);
}

struct str dname_text(struct arena *a, const struct dname *name)
{
    char text[DNAME_MAX * 4 + 1];
    size_t n = 0;

    for (unsigned at = 0; at < name->n && name->b[at]; at += name->b[at] + 1u) {
        if (n > 0)
            text[n++] = '.';
        for (unsigned i = 1; i <= name->b[at]; i++)
            n += put_octet(text + n, name->b[at + i]);
    }
    return arena_dup(a, (struct str){ text, n });
}

bool dname_same(const struct dname *a, const struct dname *b)
{
    return a->n == b->n && memcmp(a->b, b->b, a->n) == 0;
}

bool dname_up(struct dname *n)
{
    unsigned skip = n->b[0] + 1u;

    if (n->n <= 1)
        return false;
    n->n = (uint8_t)(n->n - skip);
    memmove(n->b, n->b + skip, n->n);
    return true;
}

unsigned dname_labels(const struct dname *n)
{
    unsigned count = 0;

    for (unsigned at = 0; at < n->n && n->b[at]; at += n->b[at] + 1u)
        count++;
    return count;
}

bool dname_below(const struct dname *n, const struct dname *top)
{
    unsigned at = 0;

    /* Only at label borders: "xample." must not match the end of "example.". */
    while (at < n->n && n->n - at > top->n)
        at += n->b[at] + 1u;
    return at > 0 && n->n - at == top->n && memcmp(n->b + at, top->b, top->n) == 0;
}

bool dname_prefix(struct dname *n, struct str label)
{
    if (label.n == 0 || label.n > DNAME_LABEL_MAX || n->n + label.n + 1 > DNAME_MAX)
        return false;
    memmove(n->b + label.n + 1, n->b, n->n);
    n->b[0] = (uint8_t)label.n;
    for (size_t i = 0; i < label.n; i++)
        n->b[1 + i] = (uint8_t)ascii_lower(label.p[i]);
    n->n = (uint8_t)(n->n + label.n + 1);
    return true;
}

bool dname_move(const struct dname *n, const struct dname *from, const struct dname *to, struct dname *out)
{
    if (!dname_below(n, from))
        return false;
    out->n = (uint8_t)(n->n - from->n);
    memcpy(out->b, n->b, out->n);
    return put_tail(out, to);
}
