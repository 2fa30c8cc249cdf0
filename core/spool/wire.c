#include "spool/wire.h"

#include <endian.h>
#include <string.h>

#include "spool/crc.h"
#include "spool/id.h"
#include "spool/ops.h"

#define MAGIC_HEAD 0x31536750u      /* "PgS1" */
#define MAGIC_FOOT 0x31466750u      /* "PgF1" */
#define MAGIC_REC  0x31526750u      /* "PgR1" */

enum {
    META_HEAD = 52, ENTRY_HEAD = 72,
    FLAG_LARGE = 1, FLAG_GONE = 2, FLAG_FREE = 1,
    CRC_AT = 12,                    /* in heads, feet and records alike */
    PAGE_USED = 64                  /* bytes of a head or foot that mean something */
};

/* ---- numbers */

static void put32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, 4);
}

static void put64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, 8);
}

static uint32_t get32(const char *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return le32toh(v);
}

static uint64_t get64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, 8);
    return le64toh(v);
}

/* The sum of a block whose own place for it counts as zero. */
static uint32_t sum_around(const char *p, size_t n)
{
    static const char zero[4];
    uint32_t c = crc32c(0, p, CRC_AT);

    c = crc32c(c, zero, 4);
    return crc32c(c, p + CRC_AT + 4, n - CRC_AT - 4);
}

static bool all_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Magic and version come before the checksum: a later version may put the
 * checksum elsewhere, and must be known as one all the same. */
static enum wire_read check(const char *p, size_t n, uint32_t magic)
{
    if (get32(p) != magic)
        return all_zero(p, n) ? WIRE_EMPTY : WIRE_DAMAGED;
    if ((unsigned char)p[4] != WIRE_VERSION) {
        /* A flipped bit in the version of our own form is damage. */
        char ours[WIRE_PAGE];

        memcpy(ours, p, n);
        ours[4] = WIRE_VERSION;
        return sum_around(ours, n) == get32(p + CRC_AT) ? WIRE_DAMAGED : WIRE_VERSION_OTHER;
    }
    return sum_around(p, n) == get32(p + CRC_AT) ? WIRE_OK : WIRE_DAMAGED;
}

/* ---- head and foot */

void seg_head_put(const struct seg_head *h, char page[WIRE_PAGE])
{
    memset(page, 0, WIRE_PAGE);
    put32(page, MAGIC_HEAD);
    page[4] = WIRE_VERSION;
    page[5] = h->free ? FLAG_FREE : 0;
    put32(page + 8, h->gen);
    put64(page + 16, h->tag);
    put64(page + 24, h->size);
    put64(page + 32, h->ids_limit);
    put32(page + 40, h->shard);
    put32(page + CRC_AT, sum_around(page, PAGE_USED));
}

enum wire_read seg_head_get(const char page[WIRE_PAGE], struct seg_head *h)
{
    enum wire_read r = check(page, PAGE_USED, MAGIC_HEAD);

    if (r != WIRE_OK)
        return r;
    h->free = page[5] & FLAG_FREE;
    h->gen = get32(page + 8);
    h->tag = get64(page + 16);
    h->size = get64(page + 24);
    h->ids_limit = get64(page + 32);
    h->shard = get32(page + 40);
    return h->ids_limit <= ID_BASE6 && h->gen > 0 ? WIRE_OK : WIRE_DAMAGED;
}

void seg_foot_put(const struct seg_foot *f, char page[WIRE_PAGE])
{
    memset(page, 0, WIRE_PAGE);
    put32(page, MAGIC_FOOT);
    page[4] = WIRE_VERSION;
    put32(page + 8, f->gen);
    put64(page + 16, f->tag);
    put32(page + 24, f->dir_at);
    put32(page + 28, f->dir_len);
    put32(page + 32, f->dir_crc);
    put32(page + CRC_AT, sum_around(page, PAGE_USED));
}

enum wire_read seg_foot_get(const char page[WIRE_PAGE], struct seg_foot *f)
{
    enum wire_read r = check(page, PAGE_USED, MAGIC_FOOT);

    if (r != WIRE_OK)
        return r;
    f->gen = get32(page + 8);
    f->tag = get64(page + 16);
    f->dir_at = get32(page + 24);
    f->dir_len = get32(page + 28);
    f->dir_crc = get32(page + 32);
    return WIRE_OK;
}

/* ---- records */

/* The shard an id was made in stands above its counter: a message may have been
 * moved to another one. */
enum { SHARD_SHIFT = 48 };

static void put_id(char *p, struct id_parts id)
{
    put64(p, id.time);
    put64(p + 8, id.counter | (uint64_t)id.shard << SHARD_SHIFT);
}

static struct id_parts get_id(const char *p)
{
    uint64_t v = get64(p + 8);

    return (struct id_parts){ get64(p), v & ((1ull << SHARD_SHIFT) - 1), (unsigned)(v >> SHARD_SHIFT) };
}

static bool id_fits(struct id_parts id)
{
    return id.time < ID_BASE6 && id.counter <= ID_BASE6 && id.shard < ID_SHARDS;
}

void rec_put(const struct rec *r, char out[REC_HEAD])
{
    memset(out, 0, REC_HEAD);
    put32(out, MAGIC_REC);
    out[4] = WIRE_VERSION;
    out[5] = (char)r->type;
    out[6] = (char)((r->large ? FLAG_LARGE : 0) | (r->gone ? FLAG_GONE : 0));
    put32(out + 8, r->gen);
    put64(out + 16, r->tag);
    put_id(out + 24, r->id);
    put32(out + 40, r->meta_len);
    put32(out + 44, r->body_len);
    put32(out + 48, r->meta_crc);
    put32(out + 52, r->origin);
    put32(out + 56, r->born);
    put32(out + 60, r->group);
    put32(out + CRC_AT, sum_around(out, REC_HEAD));
}

enum wire_read rec_get(const char in[REC_HEAD], struct rec *r)
{
    enum wire_read ok = check(in, REC_HEAD, MAGIC_REC);
    int type = (unsigned char)in[5];

    if (ok != WIRE_OK)
        return ok;
    *r = (struct rec){
        .type = (enum rec_type)type,
        .large = in[6] & FLAG_LARGE, .gone = in[6] & FLAG_GONE,
        .gen = get32(in + 8), .tag = get64(in + 16),
        .id = get_id(in + 24),
        .meta_len = get32(in + 40), .body_len = get32(in + 44), .meta_crc = get32(in + 48),
        .origin = get32(in + 52), .born = get32(in + 56),
        .group = get32(in + 60),
    };
    if (type < REC_MESSAGE || type > REC_IDS || in[6] & ~(FLAG_LARGE | FLAG_GONE))
        return WIRE_DAMAGED;
    if (!id_fits(r->id) || r->meta_len > REC_META_MAX)
        return WIRE_DAMAGED;
    if (r->gone && r->type != REC_STATE)
        return WIRE_DAMAGED;
    if ((r->large || r->type == REC_STATE || r->type == REC_IDS) && r->body_len)
        return WIRE_DAMAGED;
    return WIRE_OK;
}

bool rec_begins(const char *p)
{
    return get32(p) == MAGIC_REC;
}

uint64_t rec_size(const struct rec *r)
{
    uint64_t n = (uint64_t)REC_HEAD + r->meta_len + r->body_len;

    return (n + WIRE_ALIGN - 1) / WIRE_ALIGN * WIRE_ALIGN;
}

/* ---- what a record says of its message */

uint32_t body_chunks(uint64_t size)
{
    return (uint32_t)((size + WIRE_CHUNK - 1) / WIRE_CHUNK);
}

void meta_put(const struct meta *m, struct buf *out)
{
    char *p = buf_room(out, META_HEAD);

    put64(p, (uint64_t)m->received);
    put64(p + 8, (uint64_t)m->next_try);
    put32(p + 16, m->flags);
    put32(p + 20, m->pending);
    put64(p + 24, m->body_size);
    put32(p + 32, (uint32_t)m->envelope.n);
    put32(p + 36, (uint32_t)m->header.n);
    put32(p + 40, (uint32_t)m->blob.n);
    put32(p + 44, (uint32_t)m->summary.n);
    put32(p + 48, body_chunks(m->body_size));
    buf_grew(out, META_HEAD);
    if (m->sums.n) {
        buf_add(out, m->sums);
    } else {
        size_t n = (size_t)body_chunks(m->body_size) * 4;

        memset(buf_room(out, n), 0, n);
        buf_grew(out, n);
    }
    buf_add(out, m->envelope);
    buf_add(out, m->header);
    buf_add(out, m->blob);
    buf_add(out, m->summary);
}

bool meta_get(struct str in, struct meta *m)
{
    uint64_t sums, envelope, header, blob, summary;
    const char *p = in.p;

    if (in.n < META_HEAD)
        return false;
    m->received = (int64_t)get64(p);
    m->next_try = (int64_t)get64(p + 8);
    m->flags = get32(p + 16);
    m->pending = get32(p + 20);
    m->body_size = get64(p + 24);
    envelope = get32(p + 32);
    header = get32(p + 36);
    blob = get32(p + 40);
    summary = get32(p + 44);
    sums = get32(p + 48);
    if (m->body_size > UINT32_MAX * (uint64_t)WIRE_CHUNK || sums != body_chunks(m->body_size) || summary > SUMMARY_MAX)
        return false;
    sums *= 4;
    if (META_HEAD + sums + envelope + header + blob + summary != in.n)
        return false;
    p += META_HEAD;
    m->sums = (struct str){ p, sums };
    m->envelope = (struct str){ p += sums, envelope };
    m->header = (struct str){ p += envelope, header };
    m->blob = (struct str){ p += header, blob };
    m->summary = (struct str){ p + blob, summary };
    return true;
}

uint32_t meta_sum(const struct meta *m, uint32_t chunk)
{
    return get32(m->sums.p + (size_t)chunk * 4);
}

void meta_set_sum(char *meta, uint32_t chunk, uint32_t sum)
{
    put32(meta + META_HEAD + (size_t)chunk * 4, sum);
}

/* Behind the head stands a summary, its length first: the message was moved to another queue. */
static const uint32_t STATE_SUMMARY = 1u << 31;

void state_put(const struct state_meta *m, struct buf *out)
{
    char *p = buf_room(out, STATE_HEAD);

    put64(p, (uint64_t)m->next_try);
    put32(p + 8, m->flags | (m->summary.n ? STATE_SUMMARY : 0));
    put32(p + 12, m->pending);
    buf_grew(out, STATE_HEAD);
    if (m->summary.n) {
        buf_byte(out, (char)m->summary.n);
        buf_add(out, m->summary);
    }
    buf_add(out, m->blob);
}

bool state_get(struct str in, struct state_meta *m)
{
    if (in.n < STATE_HEAD)
        return false;
    m->next_try = (int64_t)get64(in.p);
    m->flags = get32(in.p + 8);
    m->pending = get32(in.p + 12);
    m->blob = str_from(in, STATE_HEAD);
    m->summary = STR("");
    if (m->flags & STATE_SUMMARY) {
        size_t n = m->blob.n ? (unsigned char)m->blob.p[0] : 0;

        if (n == 0 || n > SUMMARY_MAX || n + 1 > m->blob.n)
            return false;
        m->summary = str_head(str_from(m->blob, 1), n);
        m->blob = str_from(m->blob, n + 1);
        m->flags &= ~STATE_SUMMARY;
    }
    return true;
}

/* ---- directory */

size_t entry_size(const struct entry *e)
{
    return ENTRY_HEAD + e->summary.n;
}

void entry_put(const struct entry *e, struct buf *out)
{
    char *p = buf_room(out, ENTRY_HEAD);

    memset(p, 0, ENTRY_HEAD);
    p[0] = (char)e->type;
    p[1] = (char)((e->large ? FLAG_LARGE : 0) | (e->gone ? FLAG_GONE : 0));
    p[2] = (char)e->summary.n;
    put32(p + 4, e->at);
    put32(p + 8, e->len);
    put32(p + 12, e->origin);
    put32(p + 16, e->born);
    put32(p + 20, e->flags);
    put_id(p + 24, e->id);
    put64(p + 40, (uint64_t)e->received);
    put64(p + 48, (uint64_t)e->next_try);
    put64(p + 56, e->size);
    put32(p + 64, e->pending);
    buf_grew(out, ENTRY_HEAD);
    buf_add(out, e->summary);
}

bool entry_get(struct str *in, struct entry *e)
{
    const char *p = in->p;
    size_t summary;

    if (in->n < ENTRY_HEAD)
        return false;
    summary = (unsigned char)p[2];
    if (summary > SUMMARY_MAX || in->n - ENTRY_HEAD < summary || p[0] < REC_MESSAGE || p[0] > REC_IDS)
        return false;
    *e = (struct entry){
        .type = (enum rec_type)p[0], .large = p[1] & FLAG_LARGE, .gone = p[1] & FLAG_GONE,
        .at = get32(p + 4), .len = get32(p + 8), .origin = get32(p + 12), .born = get32(p + 16),
        .flags = get32(p + 20), .id = get_id(p + 24),
        .received = (int64_t)get64(p + 40), .next_try = (int64_t)get64(p + 48),
        .size = get64(p + 56), .pending = get32(p + 64),
        .summary = { p + ENTRY_HEAD, summary },
    };
    if (!id_fits(e->id) || (e->gone && e->type != REC_STATE))
        return false;
    *in = str_from(*in, ENTRY_HEAD + summary);
    return true;
}

bool entry_of(const struct rec *r, uint32_t at, struct str meta, struct entry *e)
{
    struct state_meta s;
    struct meta m;

    *e = (struct entry){
        .type = r->type, .large = r->large, .gone = r->gone, .at = at, .len = (uint32_t)rec_size(r),
        .origin = r->origin, .born = r->born, .id = r->id,
    };
    switch (r->type) {
    case REC_MESSAGE:
    case REC_COPY:
        if (!meta_get(meta, &m) || (r->large ? m.body_size == 0 : m.body_size != r->body_len))
            return false;
        e->received = m.received;
        e->next_try = m.next_try;
        e->flags = m.flags;
        e->pending = m.pending;
        e->size = m.header.n + m.body_size;
        e->summary = m.summary;
        return true;
    case REC_STATE:
        if (!state_get(meta, &s))
            return false;
        e->next_try = s.next_try;
        e->flags = s.flags;
        e->pending = s.pending;
        e->summary = s.summary;
        return true;
    case REC_IDS:
        return meta.n == 0;
    }
    return false;
}
