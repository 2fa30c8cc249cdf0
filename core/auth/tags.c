#include "auth/tags.h"

#include "base/base64.h"

static bool name_byte(char c, bool first)
{
    bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    return alpha || (!first && ((c >= '0' && c <= '9') || c == '_'));
}

static bool white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool name_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!name_byte(s.p[i], i == 0))
            return false;
    return s.n > 0;
}

/* Printable, folding, or UTF-8 (RFC 8616 section 4). */
static bool value_valid(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!white(s.p[i]) && ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F))
            return false;
    return true;
}

static bool fail(const char **fault, const char *text)
{
    if (fault)
        *fault = text;
    return false;
}

const struct tag *tags_find(const struct tags *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_same(t->v[i].name, str_of(name)))
            return &t->v[i];
    return NULL;
}

static bool known(const struct tags *t, struct str name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_same(t->v[i].name, name))
            return true;
    return false;
}

static bool tag_read(struct str spec, struct tags *out, const char **fault)
{
    size_t eq = str_find(spec, '=');
    struct tag t;

    if (eq == SIZE_MAX)
        return fail(fault, "a tag without '='");
    t.name = str_trim(str_head(spec, eq));
    t.raw = str_from(spec, eq + 1);
    t.value = str_trim(t.raw);
    if (!name_valid(t.name))
        return fail(fault, "a malformed tag name");
    if (!value_valid(t.value))
        return fail(fault, "a control character in a value");
    if (known(out, t.name))
        return fail(fault, "a tag that stands twice");
    if (out->n == TAGS_MAX)
        return fail(fault, "too many tags");
    out->v[out->n++] = t;
    return true;
}

bool tags_read(struct arena *a, struct str text, struct tags *out, const char **fault)
{
    struct str spec;
    size_t count = 1;

    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == ';';
    *out = (struct tags){ .v = arena_array(a, struct tag, count < TAGS_MAX ? count : TAGS_MAX) };
    while (str_cut(&text, ';', &spec)) {
        /* One semicolon may stand at the end, with nothing behind it. */
        if (str_trim(spec).n == 0 && !text.p && out->n)
            break;
        if (!tag_read(spec, out, fault))
            return false;
    }
    return out->n > 0 || fail(fault, "no tags");
}

struct str tags_value(const struct tags *t, const char *name, struct str def)
{
    const struct tag *tag = tags_find(t, name);

    return tag ? tag->value : def;
}

struct str tag_squeeze(struct arena *a, struct str value)
{
    char *p = arena_alloc(a, value.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < value.n; i++)
        if (!white(value.p[i]))
            p[n++] = value.p[i];
    return (struct str){ p, n };
}

bool tag_base64(struct arena *a, struct str value, struct str *out)
{
    struct str plain = tag_squeeze(a, value);
    size_t lacking = (4 - plain.n % 4) % 4;

    if (lacking)
        plain = arena_printf(a, "%.*s%.*s", STR_ARG(plain), (int)lacking, "===");
    return plain.n && base64_decode(a, plain, out, NULL) && out->n;
}

bool tag_next(struct str *rest, struct str *item)
{
    if (!str_cut(rest, ':', item))
        return false;
    *item = str_trim(*item);
    return true;
}

bool tag_unquote(struct arena *a, struct str value, struct str *out)
{
    char *p = arena_alloc(a, value.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < value.n; i++) {
        int byte = -1;

        if (white(value.p[i]))
            continue;
        if (value.p[i] != '=') {
            p[n++] = value.p[i];
            continue;
        }
        if (i + 2 < value.n)
            byte = ascii_hex(value.p[i + 1], value.p[i + 2]);
        if (byte < 0)
            return false;
        p[n++] = (char)byte;
        i += 2;
    }
    *out = (struct str){ p, n };
    return true;
}
