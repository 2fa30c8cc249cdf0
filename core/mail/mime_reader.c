/* mime_reader: the content of one part, through the encoded messages it is inside of */
#include "mail/mime.h"

void mime_reader_begin(struct mime_reader *r, const struct mime *m, uint32_t part, bool decoded)
{
    int32_t chain[MIME_ENCODED_MAX + 1] = { 0 }, at = (int32_t)part;
    unsigned n = 0;

    *r = (struct mime_reader){ 0 };
    for (; at >= 0 && n < MIME_ENCODED_MAX + 1; at = m->v[at].via)
        chain[n++] = at;
    r->n = n;
    for (unsigned i = 0; i < n; i++) {
        const struct mime_part *p = &m->v[chain[n - 1 - i]];

        if (i == 0) {
            r->from = p->from;
            r->to = p->to;
        }
        r->stage[i].skip = i ? p->from : 0;
        r->stage[i].left = p->to - p->from;
        transfer_begin(&r->stage[i].transfer, i + 1 < n || decoded ? p->transfer : TRANSFER_PLAIN);
    }
}

/* What of bytes belongs to the part of this stage, decoded, into the next. */
static void feed(struct mime_reader *r, unsigned i, struct str bytes, struct buf *out)
{
    struct buf *to = i + 1 == r->n ? out : &r->stage[i].out;
    uint64_t skip = r->stage[i].skip < bytes.n ? r->stage[i].skip : bytes.n;

    r->stage[i].skip -= skip;
    bytes = str_from(bytes, (size_t)skip);
    if (bytes.n > r->stage[i].left)
        bytes.n = (size_t)r->stage[i].left;
    r->stage[i].left -= bytes.n;
    transfer_feed(&r->stage[i].transfer, bytes, to);
    if (i + 1 == r->n)
        return;
    feed(r, i + 1, buf_str(to), out);
    buf_clear(to);
}

void mime_reader_feed(struct mime_reader *r, struct str bytes, struct buf *out)
{
    feed(r, 0, bytes, out);
}

void mime_reader_end(struct mime_reader *r, struct buf *out)
{
    for (unsigned i = 0; i < r->n; i++) {
        struct buf *to = i + 1 == r->n ? out : &r->stage[i].out;

        transfer_end(&r->stage[i].transfer, to);
        if (i + 1 < r->n) {
            feed(r, i + 1, buf_str(to), out);
            buf_clear(to);
        }
    }
}

void mime_reader_free(struct mime_reader *r)
{
    for (unsigned i = 0; i < r->n; i++)
        buf_free(&r->stage[i].out);
}
