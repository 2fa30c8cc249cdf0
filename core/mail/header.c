#include "mail/header.h"

#include "base/expr.h"

enum { FIELD_MAX = 64 * 1024 };

/* ---- lines and fields */

static size_t name_length(struct str line)
{
    size_t n = 0;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7F && line.p[n] != ':')
        n++;
    return n;
}

enum header_line header_line(struct str line, bool first)
{
    size_t n, colon;

    if (line.n == 0 || line.p[0] == '\n' || (line.p[0] == '\r' && (line.n == 1 || line.p[1] == '\n')))
        return HEADER_BORDER;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return first ? HEADER_BODY : HEADER_CONTINUATION;
    n = colon = name_length(line);
    /* White space before the colon is obsolete syntax (RFC 5322 4.5) that
     * receivers of mail read as a field: so do we, or a filter would miss it. */
    while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
        colon++;
    return n > 0 && colon < line.n && line.p[colon] == ':' ? HEADER_FIELD : HEADER_BODY;
}

/* The line at the front, its end included. */
static struct str line_of(struct str s)
{
    size_t lf = str_find(s, '\n');

    return lf == SIZE_MAX ? s : str_head(s, lf + 1);
}

void header_divide(struct str message, struct str *section, struct str *body, bool *damaged)
{
    size_t at = 0;
    struct str line;
    enum header_line kind = HEADER_BORDER;

    for (; at < message.n; at += line.n) {
        line = line_of(str_from(message, at));
        kind = header_line(line, at == 0);
        if (kind == HEADER_BORDER || kind == HEADER_BODY)
            break;
        kind = HEADER_BORDER;
    }
    *section = str_head(message, at);
    *damaged = kind == HEADER_BODY;
    if (at < message.n && kind == HEADER_BORDER)
        at += line.n;
    *body = str_from(message, at);
}

static void add_field(struct arena *a, struct header *h, struct str whole)
{
    struct field *f = arena_new(a, struct field);
    size_t colon = str_find(whole, ':');

    f->whole = whole;
    f->name = str_head(whole, name_length(whole));
    f->value = str_from(whole, colon + 1);
    if (h->last)
        h->last->next = f;
    else
        h->first = f;
    h->last = f;
    h->count++;
}

void header_parse(struct arena *a, struct str section, struct header *out)
{
    size_t at = 0, field = 0;

    *out = (struct header){ 0 };
    while (at < section.n) {
        struct str line = line_of(str_from(section, at));
        enum header_line kind = header_line(line, at == 0);

        if (kind == HEADER_BORDER || kind == HEADER_BODY) {
            out->damaged = kind == HEADER_BODY;
            break;
        }
        if (kind == HEADER_FIELD) {
            if (at > field)
                add_field(a, out, (struct str){ section.p + field, at - field });
            field = at;
        }
        at += line.n;
    }
    if (at > field)
        add_field(a, out, (struct str){ section.p + field, at - field });
    out->bytes = at;
}

const struct field *header_field(const struct header *h, struct str name, size_t n)
{
    for (const struct field *f = h->first; f; f = f->next)
        if (str_same_fold(f->name, name) && n-- == 0)
            return f;
    return NULL;
}

size_t header_count(const struct header *h, struct str name)
{
    size_t n = 0;

    for (const struct field *f = h->first; f; f = f->next)
        n += str_same_fold(f->name, name);
    return n;
}

struct str header_unfold(struct arena *a, struct str value)
{
    size_t n = 0;
    char *p;

    value = str_trim(value);
    p = arena_alloc(a, value.n + 1);
    for (size_t i = 0; i < value.n; i++) {
        size_t end = i + (value.p[i] == '\r');

        if (end + 1 < value.n && value.p[end] == '\n' && (value.p[end + 1] == ' ' || value.p[end + 1] == '\t'))
            i = end;
        else
            p[n++] = value.p[i];
    }
    return (struct str){ p, n };
}

/* ---- what rules add and remove */

static bool refuse(const char **reason, const char *fault)
{
    if (reason)
        *reason = fault;
    return false;
}

static bool is_white(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t')
            return false;
    return true;
}

bool header_make(struct arena *a, struct str text, struct str *wire, const char **reason)
{
    struct buf out = { 0 };
    const char *fault = NULL;
    size_t name = name_length(text);
    struct str rest = text, line;

    if (name == 0 || name == text.n || text.p[name] != ':')
        return refuse(reason, "header: no name followed by a colon");
    if (text.n > FIELD_MAX)
        return refuse(reason, "header: longer than 64 KiB");
    if (str_find(text, '\r') != SIZE_MAX || str_find(text, '\0') != SIZE_MAX)
        return refuse(reason, "header: CR or NUL in the text");
    while (!fault && str_cut(&rest, '\n', &line)) {
        if (line.p != text.p && (line.n == 0 || (line.p[0] != ' ' && line.p[0] != '\t')))
            fault = "header: a new line without white space after it";
        /* Some readers take a blank line for the border to the body. */
        else if (line.p != text.p && is_white(line))
            fault = "header: a blank line";
        buf_add(&out, line);
        buf_add(&out, STR("\r\n"));
    }
    if (!fault && text.p[text.n - 1] == '\n')
        fault = "header: a new line without white space after it";
    if (!fault)
        *wire = arena_dup(a, buf_str(&out));
    buf_free(&out);
    return fault ? refuse(reason, fault) : true;
}

static struct expr *pattern(struct str text)
{
    return expr_new(text, EXPR_FOLD | EXPR_BYTES, NULL);
}

bool header_removal(struct str text, const char **reason)
{
    struct expr *re;

    if (text.n == 0 || text.p[0] != '^')
        return text.n > 0 && name_length(text) == text.n ? true : refuse(reason, "header: not a field's name");
    re = pattern(text);
    if (!re)
        return refuse(reason, "header: not a pattern");
    expr_free(re);
    return true;
}

/* Each pattern once, for all fields; NULL where a removal is a name. */
static struct expr **patterns_of(struct arena *a, const struct header_edit *edits)
{
    struct expr **list;
    size_t n = 0;

    for (const struct header_edit *e = edits; e; e = e->next)
        n++;
    list = arena_array(a, struct expr *, n + 1);
    for (n = 0; edits; edits = edits->next, n++)
        list[n] = edits->remove && str_starts(edits->text, STR("^")) ? pattern(edits->text) : NULL;
    return list;
}

static void patterns_free(struct expr **list, const struct header_edit *edits)
{
    for (; edits; edits = edits->next)
        expr_free(*list++);
}

static bool is_removed(const struct header_edit *e, struct expr *const *pattern_of, struct str name)
{
    for (; e; e = e->next, pattern_of++) {
        if (!e->remove)
            continue;
        if (*pattern_of ? expr_find(*pattern_of, name, NULL, NULL) == ST_OK : str_same_fold(e->text, name))
            return true;
    }
    return false;
}

static void add_at(const struct header_edit *e, enum header_place place, struct buf *out)
{
    for (; e; e = e->next)
        if (!e->remove && e->place == place)
            buf_add(out, e->text);
}

static bool is_trace(struct str name, bool resent)
{
    return str_same_fold(name, STR("Received")) || (resent && str_starts_fold(name, STR("Resent-")));
}

void header_apply(struct str section, const struct header_edit *edits, struct str received, struct buf *out)
{
    struct arena a = { 0 };
    struct expr **patterns;
    struct header h;
    bool received_over = false, trace_over = false;

    if (!edits) {
        buf_add(out, received);
        buf_add(out, section);
        return;
    }
    header_parse(&a, section, &h);
    patterns = patterns_of(&a, edits);
    add_at(edits, HEADER_AT_START, out);        /* above our own Received, as Exim has it */
    buf_add(out, received);
    for (const struct field *f = h.first; f; f = f->next) {
        if (!received_over && !is_trace(f->name, false)) {
            received_over = true;
            add_at(edits, HEADER_AFTER_RECEIVED, out);
        }
        if (!trace_over && !is_trace(f->name, true)) {
            trace_over = true;
            add_at(edits, HEADER_AT_START_RFC, out);
        }
        if (!is_removed(edits, patterns, f->name))
            buf_add(out, f->whole);
    }
    if (!received_over)
        add_at(edits, HEADER_AFTER_RECEIVED, out);
    if (!trace_over)
        add_at(edits, HEADER_AT_START_RFC, out);
    add_at(edits, HEADER_AT_END, out);
    patterns_free(patterns, edits);
    arena_free(&a);
}
