#include "mail/mime.h"

#include <stdlib.h>

#include "base/why.h"

/* Exim's contexts: in a multipart/mixed the first part is the letter, what follows is
 * attached; of an alternative or related all are the letter, if the whole is. */
enum cover { COVER_FIRST, COVER_ALL, COVER_ATTACHED };

/* A multipart or an attached message that is open. */
struct level {
    int32_t part;
    struct str boundary;        /* n 0: a message */
    enum cover cover;
    bool digest;                /* what has no type is a message (RFC 2046 5.1.5) */
    bool epilogue;              /* its last boundary has been met */
    uint32_t message;           /* whose parts these are */
};

/* The bytes of a body, or of what an encoded message decodes to. */
struct mime_stream {
    struct mime *m;
    int32_t via;
    unsigned nested;
    uint64_t at, line_at;       /* the next byte; where the line under way begins */
    /* A line is held back until it is known to be no boundary, and the end of the line before with it:
     * that belongs to a boundary (RFC 2046 5.1.1). */
    char line[MIME_LINE_MAX];
    size_t nline;
    bool rest;                  /* it is no boundary: what comes up to its end is text */
    bool cr;                    /* a CR that may belong to the line's end */
    struct str eol;
    /* header */
    bool in_header;
    struct buf header;
    size_t header_line;         /* where the line under way begins in it */
    struct level level[MIME_DEPTH_MAX];
    unsigned depth;
    uint32_t message;           /* of a part outside of every level */
    /* the part that has content and no parts; -1: preamble, epilogue */
    int32_t leaf;
    struct transfer transfer;
    struct buf out;
    struct mime_stream *inner;
};

static void stream_feed(struct mime_stream *s, struct str bytes);
static void stream_end(struct mime_stream *s);

static struct mime_stream *stream_new(struct mime *m, int32_t via, unsigned nested, uint32_t message)
{
    struct mime_stream *s = calloc(1, sizeof *s);

    if (!s)
        die("out of memory for the parts of a message");
    s->m = m;
    s->via = via;
    s->nested = nested;
    s->message = message;
    s->leaf = -1;
    s->eol = STR("");
    return s;
}

static void stream_free(struct mime_stream *s)
{
    if (!s)
        return;
    stream_free(s->inner);
    buf_free(&s->header);
    buf_free(&s->out);
    free(s);
}

static struct level *top(struct mime_stream *s)
{
    return s->depth ? &s->level[s->depth - 1] : NULL;
}

/* ---- content of a part */

static void give(struct mime_stream *s, struct str text)
{
    if (s->leaf < 0 || !text.n)
        return;
    if (s->transfer.kind == TRANSFER_PLAIN && !s->inner) {
        s->transfer.size += text.n;
        return;
    }
    transfer_feed(&s->transfer, text, &s->out);
    if (s->inner)
        stream_feed(s->inner, buf_str(&s->out));
    buf_clear(&s->out);
}

static void body_text(struct mime_stream *s, struct str text)
{
    give(s, s->eol);
    s->eol = STR("");
    give(s, text);
}

static void close_leaf(struct mime_stream *s, uint64_t to)
{
    struct mime_part *p;

    if (s->leaf < 0)
        return;
    p = &s->m->v[s->leaf];
    p->to = to;
    transfer_end(&s->transfer, &s->out);
    if (s->inner) {
        stream_feed(s->inner, buf_str(&s->out));
        stream_end(s->inner);
        stream_free(s->inner);
        s->inner = NULL;
        p = &s->m->v[s->leaf];          /* the array may have grown */
    }
    buf_clear(&s->out);
    p->size = s->transfer.size;
    if (s->transfer.damaged && s->transfer.kind == TRANSFER_QP)
        mime_part_blame(p, MIME_BROKEN_QP, "Broken Quoted-Printable encoding detected");
    else if (s->transfer.damaged)
        mime_part_blame(p, MIME_BROKEN_BASE64, "Broken BASE64 encoding detected");
    s->leaf = -1;
}

static void close_level(struct mime_stream *s, uint64_t to)
{
    struct level *l = top(s);
    struct mime_part *p = &s->m->v[l->part];

    p->to = to;
    if (!l->boundary.n)
        p->size = to - p->from;
    else if (!l->epilogue)
        mime_part_blame(p, MIME_AMBIGUOUS, "a multipart has no end");
    s->depth--;
}

/* ---- a part begins */

static struct mime_part *new_part(struct mime_stream *s, uint32_t message)
{
    struct mime *m = s->m;
    struct mime_part *p;

    if (m->n == MIME_PARTS_MAX)
        m->limit = "it has more than 10000 parts";
    if (m->arena.used > MIME_TEXT_MAX)
        m->limit = "the headers of its parts are too long";
    if (m->limit)
        return NULL;
    if (m->n == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 8;
        m->v = realloc(m->v, m->cap * sizeof *m->v);
        if (!m->v)
            die("out of memory for the parts of a message");
    }
    p = &m->v[m->n++];
    *p = (struct mime_part){ .message = message, .parent = -1, .via = s->via };
    for (uint32_t i = m->n - 1; i-- > 0;) {
        if (m->v[i].message == message) {
            p->index = m->v[i].index + 1;
            break;
        }
    }
    return p;
}

static struct level *open_level(struct mime_stream *s, int32_t part, uint32_t message)
{
    struct level *l;

    if (s->depth == MIME_DEPTH_MAX) {
        s->m->limit = "its parts are nested too deeply";
        return NULL;
    }
    l = &s->level[s->depth++];
    *l = (struct level){ .part = part, .message = message };
    return l;
}

static void open_multipart(struct mime_stream *s, int32_t part, bool attached)
{
    struct mime_part *p = &s->m->v[part];
    struct level *l = open_level(s, part, p->message);

    if (!l)
        return;
    l->boundary = p->boundary;
    /* A boundary cannot end in a blank; blanks behind one were added on the way (RFC 2046 5.1.1). */
    while (l->boundary.n > 1 && l->boundary.p[l->boundary.n - 1] == ' ')
        l->boundary.n--;
    l->digest = str_same(p->type, STR("multipart/digest"));
    l->cover = attached ? COVER_ATTACHED
             : str_same(p->type, STR("multipart/alternative")) || str_same(p->type, STR("multipart/related")) ? COVER_ALL
             : COVER_FIRST;
}

static void begin_header(struct mime_stream *s)
{
    s->in_header = true;
    buf_clear(&s->header);
    s->header_line = 0;
}

static bool is_message(const struct mime_part *p)
{
    return str_same(p->type, STR("message/rfc822")) || str_same(p->type, STR("message/global"));
}

static void open_leaf(struct mime_stream *s, int32_t part)
{
    struct mime_part *p = &s->m->v[part];

    s->leaf = part;
    transfer_begin(&s->transfer, p->transfer);
    if (!is_message(p))
        return;
    mime_part_blame(p, MIME_AMBIGUOUS, "an attached message is encoded");
    if (s->nested == MIME_ENCODED_MAX) {
        s->m->limit = "encoded messages are nested too deeply";
        return;
    }
    s->inner = stream_new(s->m, part, s->nested + 1, ++s->m->messages);
    begin_header(s->inner);
}

/* Its place among the parts of the level it stands in, before it is known what it is. */
static void place(struct mime_stream *s, struct mime_part *p, bool *attached)
{
    struct level *l = top(s);

    *attached = false;
    p->parent = l ? l->part : s->via;
    if (l && l->boundary.n) {
        *attached = l->cover == COVER_ATTACHED;
        if (l->cover == COVER_FIRST)
            l->cover = COVER_ATTACHED;
        if (l->digest && !p->type.n)
            p->type = STR("message/rfc822");
    }
    p->coverletter = !*attached;
}

static void add_part(struct mime_stream *s, const struct header *h, uint64_t from, const char *wrong)
{
    struct level *l = top(s);
    struct mime_part *p = new_part(s, l ? l->message : s->message);
    bool attached;
    int32_t n;

    if (!p)
        return;
    n = (int32_t)(p - s->m->v);
    mime_part_read(&s->m->arena, h, p);
    place(s, p, &attached);
    p->from = p->to = from;
    if (wrong)
        mime_part_blame(p, MIME_AMBIGUOUS, wrong);
    if (p->multipart && p->boundary.n && p->boundary.n <= MIME_BOUNDARY_MAX) {
        open_multipart(s, n, attached);
    } else if (is_message(p) && p->transfer == TRANSFER_PLAIN) {
        if (open_level(s, n, s->m->messages + 1)) {
            s->m->messages++;
            begin_header(s);
        }
    } else {
        open_leaf(s, n);
    }
}

/* The header section is whole; the content begins at from. */
static void end_header(struct mime_stream *s, uint64_t from, const char *wrong)
{
    struct arena a = { 0 };
    struct header h;
    struct buf section = s->header;

    s->header = (struct buf){ 0 };
    s->in_header = false;
    s->nline = 0;
    s->rest = s->cr = false;
    s->eol = STR("");
    header_parse(&a, buf_str(&section), &h);
    add_part(s, &h, from, wrong);
    arena_free(&a);
    buf_free(&section);
}

/* There is no more of it; an attached message that begins so is there too, and empty. */
static void header_ends(struct mime_stream *s, uint64_t at)
{
    while (s->in_header && !s->m->limit)
        end_header(s, at, "a part ends within its header");
}

/* ---- boundaries */

struct hit { unsigned level; bool last; };

/* line: without its end. Exactly a boundary's line? The innermost that is. */
static bool find_boundary(struct mime_stream *s, struct str line, struct hit *hit)
{
    struct level *like = NULL;

    if (line.n < 2 || line.p[0] != '-' || line.p[1] != '-')
        return false;
    while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
        line.n--;
    line = str_from(line, 2);
    for (unsigned i = s->depth; i-- > 0;) {
        struct level *l = &s->level[i];
        struct str rest;

        if (!l->boundary.n || !str_starts(line, l->boundary))
            continue;
        rest = str_trim(str_from(line, l->boundary.n));
        if (!rest.n || str_same(rest, STR("--"))) {
            *hit = (struct hit){ i, rest.n > 0 };
            return true;
        }
        if (!like)
            like = l;
    }
    /* RFC 2046 5.1.1 may be read so that the beginning of a line suffices. */
    if (like)
        mime_part_blame(&s->m->v[like->part], MIME_AMBIGUOUS, "a line begins like a boundary and goes on");
    return false;
}

static void at_boundary(struct mime_stream *s, const struct hit *hit)
{
    uint64_t to = s->line_at - s->eol.n;
    struct level *l;

    close_leaf(s, to);
    while (s->depth - 1 > hit->level)
        close_level(s, to);
    l = top(s);
    s->eol = STR("");
    s->in_header = false;
    if (l->epilogue) {
        mime_part_blame(&s->m->v[l->part], MIME_AMBIGUOUS, "boundaries behind the end of a multipart");
        return;
    }
    l->epilogue = hit->last;
    if (!hit->last)
        begin_header(s);
}

/* ---- bytes of a body */

static void set_eol(struct mime_stream *s, bool cr)
{
    s->eol = cr ? STR("\r\n") : STR("\n");
    s->line_at = s->at;
    s->nline = 0;
    s->rest = s->cr = false;
}

/* The line that was held back is whole, with its end. */
static void line_done(struct mime_stream *s)
{
    struct str line = { s->line, s->nline };
    bool cr = line.n && line.p[line.n - 1] == '\r';
    struct hit hit;

    line.n -= cr;
    if (!find_boundary(s, line, &hit)) {
        body_text(s, line);
    } else {
        at_boundary(s, &hit);
        if (s->in_header) {
            s->line_at = s->at;
            s->nline = 0;
            return;
        }
    }
    set_eol(s, cr);
}

static bool may_be_boundary(const struct mime_stream *s)
{
    return (s->nline < 1 || s->line[0] == '-') && (s->nline < 2 || s->line[1] == '-') && s->nline < MIME_LINE_MAX;
}

/* Takes the beginning of a line. */
static void take_start(struct mime_stream *s, struct str *bytes)
{
    while (bytes->n && may_be_boundary(s)) {
        char c = bytes->p[0];

        *bytes = str_from(*bytes, 1);
        s->at++;
        if (c == '\n') {
            line_done(s);
            return;
        }
        s->line[s->nline++] = c;
    }
    if (may_be_boundary(s))
        return;
    s->rest = true;
    s->cr = s->line[s->nline - 1] == '\r';
    body_text(s, (struct str){ s->line, s->nline - s->cr });
}

/* Takes text up to the end of its line. */
static void take_rest(struct mime_stream *s, struct str *bytes)
{
    size_t lf = str_find(*bytes, '\n');
    struct str text = str_head(*bytes, lf);
    bool cr;

    *bytes = str_from(*bytes, lf == SIZE_MAX ? text.n : lf + 1);
    s->at += text.n + (lf != SIZE_MAX);
    cr = text.n ? text.p[text.n - 1] == '\r' : s->cr;
    if (text.n) {
        if (s->cr)
            give(s, STR("\r"));
        s->cr = cr;
        give(s, str_head(text, text.n - cr));
    }
    if (lf != SIZE_MAX)
        set_eol(s, cr);
}

/* A boundary where a header goes on: the part has no content. */
static bool header_boundary(struct mime_stream *s)
{
    struct str line = str_from(buf_str(&s->header), s->header_line), bare = line;
    struct hit hit;

    s->line_at = s->at - line.n;
    bare.n -= bare.n && bare.p[bare.n - 1] == '\n';
    bare.n -= bare.n && bare.p[bare.n - 1] == '\r';
    if (!find_boundary(s, bare, &hit))
        return false;
    buf_cut(&s->header, s->header_line);
    header_ends(s, s->line_at);
    if (s->m->limit)
        return true;
    at_boundary(s, &hit);
    set_eol(s, line.n - bare.n == 2);
    return true;
}

static void take_header(struct mime_stream *s, struct str *bytes)
{
    size_t lf = str_find(*bytes, '\n');
    struct str piece = str_head(*bytes, lf == SIZE_MAX ? bytes->n : lf + 1), line;
    struct buf first = { 0 };

    if (s->header.n + piece.n > MIME_HEADER_MAX) {
        s->m->limit = "the header of a part is longer than 64 KiB";
        return;
    }
    buf_add(&s->header, piece);
    *bytes = str_from(*bytes, piece.n);
    s->at += piece.n;
    if (lf == SIZE_MAX)
        return;
    if (header_boundary(s))
        return;
    line = str_from(buf_str(&s->header), s->header_line);
    switch (header_line(line, s->header_line == 0)) {
    case HEADER_FIELD: case HEADER_CONTINUATION:
        s->header_line = s->header.n;
        break;
    case HEADER_BORDER:
        buf_cut(&s->header, s->header_line);
        end_header(s, s->at, NULL);
        s->line_at = s->at;
        break;
    case HEADER_BODY:
        buf_add(&first, line);
        buf_cut(&s->header, s->header_line);
        s->at = s->line_at;
        end_header(s, s->at, "no empty line stands behind the header of a part");
        stream_feed(s, buf_str(&first));
        buf_free(&first);
        break;
    }
}

static void stream_feed(struct mime_stream *s, struct str bytes)
{
    while (bytes.n && !s->m->limit) {
        if (s->in_header)
            take_header(s, &bytes);
        else if (s->rest)
            take_rest(s, &bytes);
        else
            take_start(s, &bytes);
    }
}

/* The last line has no end. */
static void last_line(struct mime_stream *s)
{
    struct hit hit;

    if (s->in_header) {
        header_boundary(s);
    } else if (s->rest) {
        if (s->cr)
            give(s, STR("\r"));
    } else if (s->nline && find_boundary(s, (struct str){ s->line, s->nline }, &hit)) {
        at_boundary(s, &hit);
    } else if (s->nline) {
        body_text(s, (struct str){ s->line, s->nline });
    }
    body_text(s, STR(""));
}

static void stream_end(struct mime_stream *s)
{
    if (!s->m->limit)
        last_line(s);
    header_ends(s, s->at);
    close_leaf(s, s->at);
    while (s->depth)
        close_level(s, s->at);
}

/* ---- the message */

void mime_begin(struct mime *m, const struct header *top_header)
{
    *m = (struct mime){ 0 };
    m->stream = stream_new(m, -1, 0, 0);
    add_part(m->stream, top_header, 0, NULL);
}

void mime_feed(struct mime *m, struct str bytes)
{
    stream_feed(m->stream, bytes);
}

void mime_end(struct mime *m)
{
    stream_end(m->stream);
    stream_free(m->stream);
    m->stream = NULL;
}

void mime_free(struct mime *m)
{
    stream_free(m->stream);
    free(m->v);
    arena_free(&m->arena);
    *m = (struct mime){ 0 };
}
