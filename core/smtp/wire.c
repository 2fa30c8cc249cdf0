#include "smtp/wire.h"

/* The first byte of a line's text that is no ordinary one: a CR or an LF. */
static size_t line_text(struct str s)
{
    const char *lf = memchr(s.p, '\n', s.n);
    size_t n = lf ? (size_t)(lf - s.p) : s.n;
    const char *cr = memchr(s.p, '\r', n);

    return cr ? (size_t)(cr - s.p) : n;
}

/* The good run at the front of s, which begins at the start of a line or
 * within one: whole CRLF lines that need no dot and text. It is copied at
 * once; a message without surprises is one copy a piece. */
static size_t good_run(struct wire *w, struct str s)
{
    size_t at = 0;

    while (at < s.n) {
        size_t n;

        if (!w->in_line && s.p[at] == '.')
            break;
        n = line_text(str_from(s, at));
        at += n;
        w->in_line |= n > 0;
        if (at + 1 >= s.n || s.p[at] != '\r' || s.p[at + 1] != '\n')
            break;
        at += 2;
        w->in_line = false;
    }
    return at;
}

void wire_put(struct wire *w, struct str s, struct buf *out)
{
    if (w->cr && s.n > 0) {
        if (s.p[0] == '\n')
            s = str_from(s, 1);
        w->cr = false;
    }
    while (s.n > 0) {
        size_t n = good_run(w, s);

        buf_add(out, str_head(s, n));
        s = str_from(s, n);
        if (s.n == 0)
            break;
        if (s.p[0] == '.' && !w->in_line) {
            buf_add(out, STR(".."));
            w->in_line = true;
        } else {                                /* a bare CR or LF, or the CR that ends the piece */
            buf_add(out, STR("\r\n"));
            w->in_line = false;
            w->cr = s.p[0] == '\r' && s.n == 1;
        }
        s = str_from(s, 1);
    }
}

void wire_end(struct wire *w, struct buf *out)
{
    if (w->in_line)
        buf_add(out, STR("\r\n"));
    buf_add(out, STR(".\r\n"));
    *w = (struct wire){ 0 };
}
