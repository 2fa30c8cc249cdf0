#include "smtp/reply.h"

enum { TEXT_MAX = 256, LINE_TEXT_MAX = 490 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_end(struct str s, size_t at)
{
    return at >= s.n || s.p[at] == ' ' || s.p[at] == '\n';
}

/* "5.1.1": class 2, 4 or 5, then two numbers of one to three digits (RFC 3463). */
static size_t enhanced_length(struct str s)
{
    size_t i = 1;

    if (s.n < 5 || !strchr("245", s.p[0]) || s.p[0] == '\0')
        return 0;
    for (int part = 0; part < 2; part++) {
        size_t digits = 0;

        if (i >= s.n || s.p[i] != '.')
            return 0;
        for (i++; i < s.n && is_digit(s.p[i]); i++)
            digits++;
        if (digits < 1 || digits > 3)
            return 0;
    }
    return is_end(s, i) ? i : 0;
}

static struct str skip_spaces(struct str s)
{
    while (s.n > 0 && s.p[0] == ' ')
        s = str_from(s, 1);
    return s;
}

void reply_split(struct str text, int *code, struct str *enhanced, struct str *rest)
{
    size_t n;

    *code = 0;
    if (text.n >= 3 && text.p[0] >= '2' && text.p[0] <= '5' && is_digit(text.p[1]) && is_digit(text.p[2]) && is_end(text, 3)) {
        *code = (text.p[0] - '0') * 100 + (text.p[1] - '0') * 10 + (text.p[2] - '0');
        text = skip_spaces(str_from(text, 3));
    }
    n = enhanced_length(text);
    *enhanced = str_head(text, n);
    *rest = n ? skip_spaces(str_from(text, n)) : text;
}

/* Printable ASCII only. */
static void add_safe(struct buf *out, struct str s)
{
    char *p = buf_room(out, s.n);

    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= ' ' && s.p[i] < 0x7F ? s.p[i] : s.p[i] == '\t' ? ' ' : '?';
    buf_grew(out, s.n);
}

static void put_line(struct buf *out, int code, bool more, struct str enhanced, struct str line)
{
    char head[4] = { (char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10), (char)('0' + code % 10), more ? '-' : ' ' };

    buf_add(out, (struct str){ head, sizeof head });
    if (enhanced.n) {
        add_safe(out, enhanced);
        buf_byte(out, ' ');
    }
    add_safe(out, line);
    buf_add(out, STR("\r\n"));
}

/* A line of a reply is at most 512 octets (RFC 5321 4.5.3.1.5): a longer one
 * is broken at a space, or where it has to be. */
static struct str first_piece(struct str line)
{
    size_t n = LINE_TEXT_MAX;

    if (line.n <= n)
        return line;
    while (n > LINE_TEXT_MAX / 2 && line.p[n] != ' ')
        n--;
    return str_head(line, n > LINE_TEXT_MAX / 2 ? n : LINE_TEXT_MAX);
}

void reply_put(struct buf *out, int want, const char *enhanced, struct str text)
{
    struct str mark, rest, line, piece;
    size_t bytes = 0;
    int code;

    reply_split(text, &code, &mark, &rest);
    if (code / 100 != want / 100)
        code = want;
    /* The class of an enhanced code says what the code says, or it is no code
     * of this reply (RFC 2034 4). A 3xx has none. */
    if (mark.n && mark.p[0] - '0' != code / 100)
        mark.n = 0;
    if (!mark.n && enhanced)
        mark = str_of(enhanced);
    do {
        line = str_head(rest, str_find(rest, '\n'));
        rest = str_from(rest, line.n + 1);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        do {
            piece = first_piece(line);
            line = skip_spaces(str_from(line, piece.n));
            bytes += piece.n;
            put_line(out, code, (line.n || rest.n) && bytes < REPLY_BYTES_MAX, mark, piece);
        } while (line.n && bytes < REPLY_BYTES_MAX);
    } while (rest.n && bytes < REPLY_BYTES_MAX);
}

struct str reply_safe(struct arena *a, struct str text)
{
    struct str s = str_head(text, TEXT_MAX);
    char *p = arena_alloc(a, s.n + 1);

    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= ' ' && s.p[i] < 0x7F ? s.p[i] : '?';
    return (struct str){ p, s.n };
}

/* ---- reading */

struct line { int code; bool more; struct str text; };

/* Takes a line off *in. REPLY_MORE if it is not whole. */
static enum reply_end read_line(struct str *in, struct line *out)
{
    size_t lf = str_find(str_head(*in, REPLY_LINE_MAX), '\n');
    struct str s;

    if (lf == SIZE_MAX)
        return in->n >= REPLY_LINE_MAX ? REPLY_BAD : REPLY_MORE;
    s = str_head(*in, lf);
    *in = str_from(*in, lf + 1);
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    if (s.n < 3 || s.p[0] < '2' || s.p[0] > '5' || !is_digit(s.p[1]) || !is_digit(s.p[2]))
        return REPLY_BAD;
    if (s.n > 3 && s.p[3] != ' ' && s.p[3] != '-')
        return REPLY_BAD;
    out->code = (s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 + (s.p[2] - '0');
    out->more = s.n > 3 && s.p[3] == '-';
    out->text = str_from(s, 4);
    return REPLY_OK;
}

static void take_line(struct buf *text, struct str line, struct str *enhanced, bool first)
{
    size_t n = enhanced_length(line);

    if (first)
        *enhanced = str_head(line, n);
    else
        buf_byte(text, '\n');
    if (n && str_same(str_head(line, n), *enhanced))
        line = skip_spaces(str_from(line, n));
    buf_add(text, line);
}

static struct str log_line_of(struct arena *a, const struct reply *r)
{
    char *p = arena_alloc(a, r->text.n + r->enhanced.n + 8);
    size_t n = 0;
    struct str parts[] = { r->enhanced, r->text };

    for (int shift = 100, v = r->code; shift; shift /= 10)
        p[n++] = (char)('0' + v / shift % 10);
    for (int i = 0; i < 2; i++) {
        if (!parts[i].n)
            continue;
        p[n++] = ' ';
        for (size_t k = 0; k < parts[i].n; k++)
            p[n++] = parts[i].p[k] == '\n' ? ' ' : parts[i].p[k];
    }
    return (struct str){ p, n };
}

enum reply_end reply_read(struct arena *a, struct str *in, struct reply *out)
{
    struct str rest = *in, enhanced = { "", 0 };
    struct buf text = { 0 };
    struct line l;
    enum reply_end end;
    int lines = 0;

    *out = (struct reply){ 0 };
    do {
        end = read_line(&rest, &l);
        if (end != REPLY_OK)
            goto drop;
        end = REPLY_BAD;
        if ((lines && l.code != out->code) || lines == REPLY_LINES_MAX || text.n + l.text.n > REPLY_BYTES_MAX)
            goto drop;
        out->code = l.code;
        take_line(&text, l.text, &enhanced, lines++ == 0);
    } while (l.more);

    out->enhanced = arena_dup(a, enhanced);
    out->text = arena_dup(a, buf_str(&text));
    out->line = log_line_of(a, out);
    buf_free(&text);
    *in = rest;
    return REPLY_OK;

drop:
    buf_free(&text);
    return end;
}
