/*
 * Messages taken apart: every part lies within its parent, its content can be read and is as long as was said, and
 * the pieces a body comes in change nothing. Encoded words of whatever text come back as the text.
 */
#include "replay.h"

#include "base/why.h"
#include "mail/mime.h"
#include "mail/utf8.h"

static void parse(struct mime *m, const struct header *h, struct str body, size_t piece)
{
    mime_begin(m, h);
    for (size_t at = 0; at < body.n; at += piece)
        mime_feed(m, str_head(str_from(body, at), piece));
    mime_end(m);
}

static void check_content(const struct mime *m, uint32_t i, struct str body, bool decoded, uint64_t size)
{
    struct mime_reader r;
    struct buf out = { 0 };

    mime_reader_begin(&r, m, i, decoded);
    mime_reader_feed(&r, str_head(str_from(body, (size_t)r.from), (size_t)(r.to - r.from)), &out);
    mime_reader_end(&r, &out);
    mime_reader_free(&r);
    if (out.n != size)
        die("part %u has %zu bytes, not %llu", i, out.n, (unsigned long long)size);
    buf_free(&out);
}

static void check_part(const struct mime *m, uint32_t i, struct str body)
{
    const struct mime_part *p = &m->v[i], *in = p->parent >= 0 ? &m->v[p->parent] : NULL;
    bool leaf = i + 1 == m->n || m->v[i + 1].parent != (int32_t)i;

    if (p->from > p->to || (p->via < 0 && p->to > body.n) || p->parent >= (int32_t)i || p->via >= (int32_t)i)
        die("part %u is out of place", i);
    if (in && in->via == p->via && (p->from < in->from || p->to > in->to))
        die("part %u is not within %d", i, p->parent);
    if ((p->anomaly != 0) != (p->anomaly_text != NULL))
        die("an anomaly without a text");
    if (m->limit)
        return;
    check_content(m, i, body, false, p->to - p->from);
    if (leaf && !p->multipart)
        check_content(m, i, body, true, p->size);
}

static void check_alike(const struct mime *a, const struct mime *b)
{
    if (a->n != b->n || (a->limit != NULL) != (b->limit != NULL))
        die("%u parts, and in pieces %u", a->n, b->n);
    for (uint32_t i = 0; i < a->n && !a->limit; i++)
        if (a->v[i].from != b->v[i].from || a->v[i].to != b->v[i].to || a->v[i].size != b->v[i].size ||
            a->v[i].anomaly != b->v[i].anomaly || a->v[i].parent != b->v[i].parent || !str_same(a->v[i].type, b->v[i].type))
            die("part %u is another in pieces", i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = { 0 };
    struct str text = { (const char *)data, n }, section, body, words;
    struct header h;
    struct mime whole, pieces;
    bool damaged;

    header_divide(text, &section, &body, &damaged);
    header_parse(&a, section, &h);
    parse(&whole, &h, body, n + 1);
    parse(&pieces, &h, body, n % 7 + 1);
    check_alike(&whole, &pieces);
    for (uint32_t i = 0; i < whole.n && i < 50; i++)
        check_part(&whole, i, body);
    words = header_encode(&a, str_head(text, 2000));
    if (utf8_valid(str_head(text, 2000)) && !memchr(text.p, '\n', str_head(text, 2000).n) && !memchr(text.p, '\r', str_head(text, 2000).n) &&
        !memchr(text.p, 0, str_head(text, 2000).n) && !str_same(header_decode(&a, words), str_head(text, 2000)))
        die("encoded words are other words");
    mime_free(&whole);
    mime_free(&pieces);
    arena_free(&a);
    return 0;
}
