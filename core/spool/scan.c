#include "spool/scan.h"

#include "spool/crc.h"
#include "spool/ops.h"

/* A record that does not match its checksums: whether that is damage or a
 * write cut short is known only once the last group has been seen. */
struct doubt {
    size_t at, len;         /* its entry in the directory being made */
    uint32_t group;
};

struct scan {
    const struct segment *s;
    struct buf *out;
    struct scan_found *found;
    struct buf text, chunk, doubts;
    uint32_t last_group;
};

static bool header_at(struct scan *c, uint64_t at, struct rec *r)
{
    const struct segment *s = c->s;
    char head[REC_HEAD];

    if (at + REC_HEAD > s->head.size - WIRE_TAIL)
        return false;
    if (segment_read(s, at, head, sizeof head, NULL) != ST_OK) {
        c->found->unread++;
        return false;
    }
    return rec_get(head, r) == WIRE_OK && r->gen == s->head.gen && r->tag == s->head.tag
        && rec_size(r) <= s->head.size - WIRE_TAIL - at;
}

static bool body_matches(struct scan *c, const struct meta *m, uint64_t at)
{
    char *p = buf_room(&c->chunk, WIRE_CHUNK);

    for (uint32_t i = 0; i < body_chunks(m->body_size); i++) {
        uint64_t left = m->body_size - (uint64_t)i * WIRE_CHUNK;
        size_t n = left < WIRE_CHUNK ? (size_t)left : WIRE_CHUNK;

        if (segment_read(c->s, at + (uint64_t)i * WIRE_CHUNK, p, n, NULL) != ST_OK) {
            c->found->unread++;
            return false;
        }
        if (crc32c(0, p, n) != meta_sum(m, i))
            return false;
    }
    return true;
}

/* Whether text and body match; e is what can be said of the record. */
static bool record_entry(struct scan *c, const struct rec *r, uint64_t at, struct entry *e)
{
    struct str text;
    struct meta m;

    buf_clear(&c->text);
    if (segment_read(c->s, at + REC_HEAD, buf_room(&c->text, r->meta_len), r->meta_len, NULL) == ST_OK)
        buf_grew(&c->text, r->meta_len);
    else
        c->found->unread++;
    text = buf_str(&c->text);
    if (text.n == r->meta_len && crc32c(0, text.p, text.n) == r->meta_crc && entry_of(r, (uint32_t)at, text, e)) {
        bool ok = true;

        if (r->body_len && meta_get(text, &m))
            ok = body_matches(c, &m, at + REC_HEAD + r->meta_len);
        return ok;
    }
    /* What its header alone says: it stays visible, and loading it will say why not. */
    *e = (struct entry){
        .type = r->type, .large = r->large, .gone = r->gone, .at = (uint32_t)at, .len = (uint32_t)rec_size(r),
        .origin = r->origin, .born = r->born, .id = r->id,
        .flags = SPOOL_FROZEN | SPOOL_DAMAGED, .pending = 1, .size = r->body_len,
    };
    return r->gone;         /* an end needs no text */
}

static void take_record(struct scan *c, const struct rec *r, uint64_t at)
{
    struct doubt d = { c->out->n, 0, r->group };
    struct entry e;
    bool sure = record_entry(c, r, at, &e);

    entry_put(&e, c->out);
    c->found->records++;
    if (r->group > c->last_group)
        c->last_group = r->group;
    if (!sure) {
        d.len = c->out->n - d.at;
        buf_add(&c->doubts, (struct str){ (const char *)&d, sizeof d });
    }
}

/* From the back, so that places further ahead stay right. */
static void settle_doubts(struct scan *c)
{
    struct str s = buf_str(&c->doubts);

    for (size_t n = s.n / sizeof(struct doubt); n > 0; n--) {
        char *p = c->out->mem + c->out->at;
        struct doubt d;

        memcpy(&d, s.p + (n - 1) * sizeof d, sizeof d);
        if (d.group < c->last_group || c->found->unread) {
            c->found->damaged++;
            continue;
        }
        memmove(p + d.at, p + d.at + d.len, c->out->n - d.at - d.len);
        buf_cut(c->out, c->out->n - d.len);
        c->found->torn++;
        c->found->records--;
    }
}

/* Where the next record may begin: in the rest of this page, or at the next. A
 * group begins at a page, and the others in it are found by their magic. */
static uint64_t next_place(struct scan *c, uint64_t at)
{
    uint64_t page = at / WIRE_PAGE * WIRE_PAGE;
    char bytes[WIRE_PAGE];

    if (segment_read(c->s, page, bytes, sizeof bytes, NULL) == ST_OK)
        for (at += WIRE_ALIGN; at < page + WIRE_PAGE; at += WIRE_ALIGN)
            if (rec_begins(bytes + (at - page)))
                return at;
    return page + WIRE_PAGE;
}

void scan_segment(const struct segment *s, uint64_t from, struct buf *out, struct scan_found *found)
{
    struct scan c = { .s = s, .out = out, .found = found };
    uint64_t at = from;
    struct rec r;

    *found = (struct scan_found){ .end = from };
    while (at < s->head.size - WIRE_TAIL) {
        if (header_at(&c, at, &r)) {
            take_record(&c, &r, at);
            at += rec_size(&r);
            found->end = (at + WIRE_PAGE - 1) / WIRE_PAGE * WIRE_PAGE;
        } else {
            at = next_place(&c, at);
        }
    }
    settle_doubts(&c);
    found->group = c.last_group + 1;
    buf_free(&c.text);
    buf_free(&c.chunk);
    buf_free(&c.doubts);
}
