/*
 * What the spool reads back from disk: any bytes. The first byte says as what the rest is read. Each decoder is asked
 * twice: for the bytes as they are, and with the right checksum put where it belongs, so that what stands behind the
 * checksum is met as well. What is read must be written again as something that reads as the same.
 */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/why.h"
#include "spool/crc.h"
#include "spool/wire.h"

enum { SUM_AT = 12, PAGE_SUMMED = 64 };     /* docs/spool.md */

static void sign(char *p, size_t n)
{
    uint32_t sum;

    memset(p + SUM_AT, 0, 4);
    sum = crc32c(0, p, n);
    for (int i = 0; i < 4; i++)
        p[SUM_AT + i] = (char)(sum >> 8 * i);
}

static void holds(bool what, const char *claim)
{
    if (!what)
        die("%s", claim);
}

static void head(const char page[WIRE_PAGE])
{
    struct seg_head h, back;
    char again[WIRE_PAGE];

    if (seg_head_get(page, &h) != WIRE_OK)
        return;
    seg_head_put(&h, again);
    holds(seg_head_get(again, &back) == WIRE_OK && back.shard == h.shard && back.gen == h.gen && back.tag == h.tag
          && back.size == h.size && back.ids_limit == h.ids_limit && back.free == h.free, "a head changed on its way");
}

static void foot(const char page[WIRE_PAGE])
{
    struct seg_foot f, back;
    char again[WIRE_PAGE];

    if (seg_foot_get(page, &f) != WIRE_OK)
        return;
    seg_foot_put(&f, again);
    holds(seg_foot_get(again, &back) == WIRE_OK && back.gen == f.gen && back.tag == f.tag && back.dir_at == f.dir_at
          && back.dir_len == f.dir_len && back.dir_crc == f.dir_crc, "a foot changed on its way");
}

/* The whole directory: entries come off one by one until the end or damage. */
static void directory(struct str in)
{
    struct entry e;
    struct buf once = { 0 };
    size_t left = in.n;

    while (entry_get(&in, &e)) {
        struct str text;
        struct entry back;

        holds(left - in.n == entry_size(&e), "an entry has not the size it says");
        left = in.n;
        buf_clear(&once);
        entry_put(&e, &once);
        text = buf_str(&once);
        holds(entry_get(&text, &back) && text.n == 0, "an entry was written and not read");
        holds(back.type == e.type && back.gone == e.gone && back.large == e.large && back.at == e.at && back.len == e.len
              && id_cmp(back.id, e.id) == 0 && back.size == e.size
              && str_same(back.summary, e.summary), "an entry changed on its way");
    }
    buf_free(&once);
}

static void meta(struct str in)
{
    struct meta m;
    struct buf again = { 0 };

    if (!meta_get(in, &m))
        return;
    for (uint32_t i = 0; i < body_chunks(m.body_size); i++)
        meta_sum(&m, i);
    meta_put(&m, &again);
    holds(str_same(buf_str(&again), in), "what a record says of its message changed on its way");
    buf_free(&again);
}

static void state(struct str in)
{
    struct state_meta m;
    struct buf again = { 0 };

    if (!state_get(in, &m))
        return;
    state_put(&m, &again);
    holds(str_same(buf_str(&again), in), "a state changed on its way");
    buf_free(&again);
}

/* A record and what follows it, as scanning a segment takes them. */
static void record(const char *p, struct str rest)
{
    struct rec r, back;
    struct entry e;
    char again[REC_HEAD];

    if (!rec_begins(p) || rec_get(p, &r) != WIRE_OK)
        return;
    rec_put(&r, again);
    holds(rec_get(again, &back) == WIRE_OK && memcmp(&r.tag, &back.tag, 8) == 0 && r.type == back.type
          && id_cmp(r.id, back.id) == 0 && rec_size(&r) == rec_size(&back), "a record changed on its way");
    holds(rec_size(&r) % WIRE_ALIGN == 0 && rec_size(&r) >= REC_HEAD, "a record does not end where one may begin");
    if (entry_of(&r, 0, str_head(rest, r.meta_len < rest.n ? r.meta_len : rest.n), &e)) {
        struct buf b = { 0 };
        struct str text;

        entry_put(&e, &b);
        text = buf_str(&b);
        holds(entry_get(&text, &e) && text.n == 0, "the entry of a record cannot be read");
        buf_free(&b);
    }
}

static void fixed(char as, struct str in)
{
    char page[WIRE_PAGE] = "";
    size_t n = as == 'r' ? REC_HEAD : PAGE_SUMMED;

    memcpy(page, in.p, in.n < n ? in.n : n);
    for (int pass = 0; pass < 2; pass++) {
        if (as == 'r')
            record(page, str_from(in, in.n < n ? in.n : n));
        else if (as == 'h')
            head(page);
        else
            foot(page);
        sign(page, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = { (const char *)data + 1, n - 1 };

    if (n < 2)
        return 0;
    switch (data[0]) {
    case 'r': case 'h': case 'f':
        fixed((char)data[0], in);
        break;
    case 'd':
        directory(in);
        break;
    case 'm':
        meta(in);
        break;
    case 's':
        state(in);
        break;
    }
    return 0;
}
