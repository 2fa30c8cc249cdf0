#include "smtp/data.h"

struct cursor {
    struct str in;
    size_t i, run;              /* in[run..i) is content not yet handed on */
    void (*sink)(void *ctx, struct str run);
    void *ctx;
};

static void hand_on(struct cursor *c)
{
    if (c->i > c->run)
        c->sink(c->ctx, (struct str){ c->in.p + c->run, c->i - c->run });
    c->run = c->i;
}

static void grow(struct data *d, size_t n)
{
    d->line += n;
    if (d->line > d->max_line)
        d->max_line = d->line;
}

static void bare_lf(struct data *d, struct cursor *c)
{
    if (!d->lf_ok) {
        d->bare = true;
        c->i++;
    } else {
        hand_on(c);
        c->sink(c->ctx, STR("\r\n"));
        c->run = ++c->i;
    }
    /* Not DATA_LINE_START: a dot that stands here was never a line's first
     * octet on the wire, so it neither ends the content nor is stuffing. */
    d->line = 0;
}

/* Up to and including the next CR, or a bare LF. */
static void text(struct data *d, struct cursor *c)
{
    struct str rest = str_from(c->in, c->i);
    size_t lf = str_find(rest, '\n');
    size_t cr = str_find(str_head(rest, lf), '\r');

    if (cr != SIZE_MAX) {
        grow(d, cr);
        c->i += cr + 1;
        d->at = DATA_CR;
    } else if (lf != SIZE_MAX) {
        grow(d, lf);
        c->i += lf;
        bare_lf(d, c);
    } else {
        grow(d, rest.n);
        c->i += rest.n;
    }
}

static void bare_cr(struct data *d)
{
    d->bare = true;
    grow(d, 1);
    d->at = DATA_TEXT;
}

size_t data_read(struct data *d, struct str in, bool *end, void (*sink)(void *ctx, struct str run), void *ctx)
{
    struct cursor c = { .in = in, .sink = sink, .ctx = ctx };

    *end = false;
    while (c.i < in.n) {
        char ch = in.p[c.i];

        switch ((enum data_at)d->at) {
        case DATA_LINE_START:
            d->line = 0;
            d->at = DATA_TEXT;
            if (ch == '.') {
                hand_on(&c);
                c.run = ++c.i;
                d->at = DATA_DOT;
            }
            break;
        case DATA_TEXT:
            text(d, &c);
            break;
        case DATA_CR:
            if (ch != '\n') {
                bare_cr(d);
            } else {
                c.i++;
                d->at = DATA_LINE_START;
            }
            break;
        case DATA_DOT:
            d->at = DATA_TEXT;
            if (ch == '\r') {
                c.run = ++c.i;
                d->at = DATA_DOT_CR;
            }
            break;
        case DATA_DOT_CR:
            if (ch == '\n') {
                *end = true;
                return c.i + 1;
            }
            sink(ctx, STR("\r"));
            bare_cr(d);
            break;
        }
    }
    hand_on(&c);
    return in.n;
}
