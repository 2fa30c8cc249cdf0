#include "auth/canon.h"

const char *canon_name(enum canon_kind k)
{
    return k == CANON_SIMPLE ? "simple" : "relaxed";
}

/* ---- header fields */

static bool white(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Section 3.4.2: unfolded, runs of white space one space, none at the ends. */
static void relaxed_value(struct buf *out, struct str value)
{
    char *p;
    size_t n = 0;

    value = str_trim(value);
    p = buf_room(out, value.n);
    for (size_t i = 0; i < value.n; i++) {
        if (!white(value.p[i]))
            p[n++] = value.p[i];
        else if (n && p[n - 1] != ' ')
            p[n++] = ' ';
    }
    buf_grew(out, n);
}

static void relaxed_name(struct buf *out, struct str name)
{
    char *p = buf_room(out, name.n + 1);

    for (size_t i = 0; i < name.n; i++)
        p[i] = ascii_lower(name.p[i]);
    p[name.n] = ':';
    buf_grew(out, name.n + 1);
}

void canon_text(struct buf *out, struct str whole, enum canon_kind k)
{
    size_t colon = str_find(whole, ':');

    if (str_ends(whole, STR("\r\n")))
        whole.n -= 2;
    if (k == CANON_SIMPLE) {
        buf_add(out, whole);
        return;
    }
    relaxed_name(out, str_trim(str_head(whole, colon)));
    relaxed_value(out, str_from(whole, colon + 1));
}

void canon_field(struct buf *out, const struct field *f, enum canon_kind k)
{
    canon_text(out, f->whole, k);
    buf_add(out, STR("\r\n"));
}

/* ---- the body */

static void flush(struct canon *c)
{
    if (c->n)
        c->sink(c->ctx, (struct str){ c->room, c->n });
    c->n = 0;
}

static void put(struct canon *c, struct str s)
{
    if (s.n >= CANON_ROOM) {
        flush(c);
        c->sink(c->ctx, s);
        return;
    }
    if (c->n + s.n > CANON_ROOM)
        flush(c);
    memcpy(c->room + c->n, s.p, s.n);
    c->n += s.n;
}

/* Something follows: what was held back was not the end. */
static void release(struct canon *c)
{
    for (; c->held; c->held--)
        put(c, STR("\r\n"));
    if (c->wsp)
        put(c, STR(" "));
    c->wsp = false;
    c->some = true;
}

static bool special(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The run up to the next byte that means something. One space between words is
 * already as relaxed wants it: a line of text is one run. */
static struct str plain_run(const struct canon *c, struct str s)
{
    size_t i = 0;

    if (c->kind == CANON_SIMPLE) {
        const char *cr = memchr(s.p, '\r', s.n);

        return cr ? str_head(s, (size_t)(cr - s.p)) : s;
    }
    while (i < s.n && (!special(s.p[i]) || (i && s.p[i] == ' ' && i + 1 < s.n && !special(s.p[i + 1]))))
        i++;
    return str_head(s, i);
}

/* The byte after a CR. A CR that ends no line is text. */
static bool after_cr(struct canon *c, char next)
{
    c->cr = false;
    if (next == '\n') {
        c->wsp = false;             /* white space at the end of a line, in relaxed */
        c->held++;
        return true;
    }
    release(c);
    put(c, STR("\r"));
    return false;
}

void canon_body(struct canon *c, struct str piece)
{
    struct str run;

    while (piece.n) {
        if (c->cr && after_cr(c, piece.p[0])) {
            piece = str_from(piece, 1);
            continue;
        }
        run = plain_run(c, piece);
        if (run.n) {
            release(c);
            put(c, run);
            piece = str_from(piece, run.n);
            continue;
        }
        if (piece.p[0] == '\r')
            c->cr = true;
        else
            c->wsp = true;
        piece = str_from(piece, 1);
    }
}

/* Sections 3.4.3 and 3.4.4: a body ends with one line end; in relaxed an empty
 * one is empty, in simple it is a line end. */
void canon_end(struct canon *c)
{
    if (c->cr)
        after_cr(c, '\0');
    if (c->some || c->kind == CANON_SIMPLE)
        put(c, STR("\r\n"));
    flush(c);
}
