#include "mail/header.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { FIELD_MAX = 64 * 1024, PATTERN_MAX = 1024 };

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

static pcre2_code *pattern(struct str text)
{
    int code;
    PCRE2_SIZE at;

    return text.n > PATTERN_MAX ? NULL :
        pcre2_compile((PCRE2_SPTR)text.p, text.n, PCRE2_CASELESS, &code, &at, NULL);
}

bool header_removal(struct str text, const char **reason)
{
    pcre2_code *re;

    if (text.n == 0 || text.p[0] != '^')
        return text.n > 0 && name_length(text) == text.n ? true : refuse(reason, "header: not a field's name");
    re = pattern(text);
    if (!re)
        return refuse(reason, "header: not a pattern");
    pcre2_code_free(re);
    return true;
}

static bool pattern_hits(struct str text, struct str name)
{
    pcre2_code *re = pattern(text);
    pcre2_match_context *limits;
    pcre2_match_data *data;
    int rc = -1;

    if (!re)
        return false;
    limits = pcre2_match_context_create(NULL);
    data = pcre2_match_data_create(1, NULL);
    if (limits && data) {
        pcre2_set_match_limit(limits, 10000);
        pcre2_set_depth_limit(limits, 1000);
        rc = pcre2_match(re, (PCRE2_SPTR)name.p, name.n, 0, 0, data, limits);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    pcre2_code_free(re);
    return rc >= 0;
}

static bool is_removed(const struct header_edit *e, struct str name)
{
    for (; e; e = e->next) {
        if (!e->remove)
            continue;
        if (e->text.n && e->text.p[0] == '^' ? pattern_hits(e->text, name) : str_same_fold(e->text, name))
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
    struct header h;
    bool received_over = false, trace_over = false;

    if (!edits) {
        buf_add(out, received);
        buf_add(out, section);
        return;
    }
    header_parse(&a, section, &h);
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
        if (!is_removed(edits, f->name))
            buf_add(out, f->whole);
    }
    if (!received_over)
        add_at(edits, HEADER_AFTER_RECEIVED, out);
    if (!trace_over)
        add_at(edits, HEADER_AT_START_RFC, out);
    add_at(edits, HEADER_AT_END, out);
    arena_free(&a);
}
