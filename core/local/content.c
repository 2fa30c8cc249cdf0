#include "local/content.h"

enum { PIECE = 65536 };
enum { PREFIX, HEADER, BODY, SUFFIX, DONE };

static void put_line(struct content *c, struct str line, struct buf *out)
{
    bool whole = line.n > 0 && line.p[line.n - 1] == '\n';

    if (!c->inside && c->check.n && str_starts(line, c->check)) {
        buf_add(out, c->escape);
        line = str_from(line, c->check.n);
    }
    c->inside = !whole;
    if (whole && !c->crlf && line.n >= 2 && line.p[line.n - 2] == '\r') {
        buf_add(out, str_head(line, line.n - 2));
        buf_byte(out, '\n');
        return;
    }
    buf_add(out, line);
}

/* Complete lines go out; an incomplete last one waits in tail for its rest,
 * unless it is so long that it has to go in parts. */
static void put_lines(struct content *c, struct buf *out, bool last)
{
    struct str s = buf_str(&c->tail);
    size_t eol;

    while (s.n) {
        eol = str_find(s, '\n');
        if (eol == SIZE_MAX) {
            size_t n = s.n;

            if (!last && n < PIECE)
                break;
            /* A CR at the cut may belong to the CRLF that ends the line. */
            if (!last && s.p[n - 1] == '\r')
                n--;
            put_line(c, str_head(s, n), out);
            s = str_from(s, n);
            break;
        }
        put_line(c, str_head(s, eol + 1), out);
        s = str_from(s, eol + 1);
    }
    buf_drop(&c->tail, c->tail.n - s.n);
}

static enum content_end body_next(struct content *c, struct buf *out)
{
    size_t want = c->body_size - c->at < PIECE ? (size_t)(c->body_size - c->at) : PIECE;
    ssize_t n;

    if (want == 0) {
        put_lines(c, out, true);
        if (c->inside)          /* a mailbox's next message must begin a line */
            buf_add(out, c->crlf ? STR("\r\n") : STR("\n"));
        c->stage = SUFFIX;
        return CONTENT_MORE;
    }
    n = c->read(c->ctx, c->at, buf_room(&c->tail, want), want);
    if (n <= 0)
        return CONTENT_ERROR;
    buf_grew(&c->tail, (size_t)n);
    c->at += (uint64_t)n;
    put_lines(c, out, false);
    return CONTENT_MORE;
}

static void header_all(struct content *c, struct buf *out)
{
    struct str s = c->header;

    while (s.n) {
        size_t eol = str_find(s, '\n');
        size_t n = eol == SIZE_MAX ? s.n : eol + 1;

        put_line(c, str_head(s, n), out);
        s = str_from(s, n);
    }
    c->inside = false;
    buf_add(out, c->crlf ? STR("\r\n") : STR("\n"));
}

enum content_end content_next(struct content *c, struct buf *out)
{
    switch (c->stage) {
    case PREFIX:
        buf_add(out, c->prefix);
        c->stage = c->body_only ? BODY : HEADER;
        return CONTENT_MORE;
    case HEADER:
        header_all(c, out);
        c->stage = c->headers_only ? SUFFIX : BODY;
        return CONTENT_MORE;
    case BODY:
        return body_next(c, out);
    case SUFFIX:
        buf_add(out, c->suffix);
        c->stage = DONE;
        return CONTENT_END;
    default:
        return CONTENT_END;
    }
}

void content_free(struct content *c)
{
    buf_free(&c->tail);
}
