#include "spool/account.h"

#include <stdlib.h>

/* ---- segments' live bytes and tombs */

static struct tomb *tomb_of(struct segment *s, uint32_t born, uint32_t origin)
{
    for (unsigned i = 0; i < s->ntombs; i++)
        if (s->tombs[i].born == born && s->tombs[i].origin == origin)
            return &s->tombs[i];
    if (s->ntombs == s->tombs_cap) {
        s->tombs_cap = s->tombs_cap ? s->tombs_cap * 2 : 8;
        s->tombs = realloc(s->tombs, s->tombs_cap * sizeof *s->tombs);
        if (!s->tombs)
            die("out of memory");
    }
    s->tombs[s->ntombs] = (struct tomb){ born, origin, 0, 0 };
    return &s->tombs[s->ntombs++];
}

static void add_live(struct shard *sh, uint32_t gen, int64_t by)
{
    struct segment *s = shard_segment(sh, gen);

    if (!s)
        return;
    s->live += by;
    s->dirty = true;
    if (by < 0)
        sh->compact.check = true;
}

/* The end of a message must outlive every record of the message. What lies in
 * the same segment goes with it. A condemned segment may hold a copy whose
 * flush failed, and which no index knows. */
bool account_end_needed(const struct shard *sh, const struct segment *s, uint32_t born, uint32_t origin)
{
    for (const struct segment *o = sh->segs; o; o = o->next)
        if (o != s && o->use != SEG_FREE && o->head.gen >= born && (o->head.gen <= origin || o->use == SEG_CONDEMNED))
            return true;
    return false;
}

static void add_tomb(struct shard *sh, struct segment *s, const struct entry *e)
{
    struct tomb *t;

    if (!account_end_needed(sh, s, e->born, e->origin))
        return;
    t = tomb_of(s, e->born, e->origin);
    t->bytes += e->len;
    t->staged += e->len;
    s->live += e->len;
    s->dirty = true;
}

void account_forget_tombs(struct shard *sh, uint32_t gen)
{
    for (struct segment *s = sh->segs; s; s = s->next)
        for (unsigned i = s->ntombs; i-- > 0;) {
            struct tomb *t = &s->tombs[i];

            if (gen < t->born || account_end_needed(sh, s, t->born, t->origin))
                continue;
            s->live -= t->bytes;
            s->live_was = s->live;
            s->dirty = true;
            *t = s->tombs[--s->ntombs];
            sh->compact.check = true;
        }
}

static void put32(struct buf *out, uint32_t v)
{
    buf_add(out, (struct str){ (const char *)&v, sizeof v });
}

static uint32_t take32(struct str *in)
{
    uint32_t v = 0;

    if (in->n >= sizeof v)
        memcpy(&v, in->p, sizeof v);
    *in = str_from(*in, sizeof v);
    return v;
}

static void segment_put(const struct segment *s, struct buf *out)
{
    put32(out, s->file);
    put32(out, (uint32_t)(s->live < 0 ? 0 : s->live));
    for (unsigned i = 0; i < s->ntombs; i++) {
        put32(out, s->tombs[i].born);
        put32(out, s->tombs[i].origin);
        put32(out, s->tombs[i].bytes);
    }
}

bool account_segment_get(struct str bytes, struct segment *s)
{
    if (bytes.n < 8 || (bytes.n - 8) % 12 || take32(&bytes) != s->file)
        return false;
    s->live = s->live_was = take32(&bytes);
    s->ntombs = 0;
    while (bytes.n) {
        uint32_t born = take32(&bytes), origin = take32(&bytes);

        tomb_of(s, born, origin)->bytes = take32(&bytes);
    }
    return true;
}

enum { SAVE_EACH = 32 };        /* transactions after which live bytes are kept */

/* ---- transactions */

enum status account_begin(struct shard *sh, struct why *why)
{
    return index_begin(sh->index, why);
}

static void undo(struct shard *sh)
{
    for (struct segment *s = sh->segs; s; s = s->next) {
        s->live = s->live_was;
        for (unsigned i = 0; i < s->ntombs; i++) {
            s->tombs[i].bytes -= s->tombs[i].staged;
            s->tombs[i].staged = 0;
        }
    }
}

void account_abort(struct shard *sh)
{
    index_abort(sh->index);
    undo(sh);
}

enum status account_commit(struct shard *sh, struct covered c, bool ready, struct why *why)
{
    bool save;
    enum status st = ST_OK;
    struct buf b = { 0 };

    /* What lives in a segment is a hint to compaction, which looks again: after
     * a crash it may be a little old. */
    save = ready && (sh->segments_changed || ++sh->commits % SAVE_EACH == 0);

    for (struct segment *s = sh->segs; s && save && st == ST_OK; s = s->next)
        if (s->dirty && s->use != SEG_FREE) {
            buf_clear(&b);
            segment_put(s, &b);
            st = index_put_segment(sh->index, s->head.gen, buf_str(&b), why);
        }
    buf_free(&b);
    if (st == ST_OK)
        st = index_commit(sh->index, c, ready && !sh->unsure, why);
    if (st != ST_OK) {
        account_abort(sh);
        return st;
    }
    for (struct segment *s = sh->segs; s; s = s->next) {
        s->dirty = s->dirty && !save;
        s->live_was = s->live;
        for (unsigned i = 0; i < s->ntombs; i++)
            s->tombs[i].staged = 0;
    }
    if (save)
        sh->segments_changed = false;
    sh->covered = c;
    return ST_OK;
}

/* ---- records */

static enum status apply_message(struct shard *sh, struct segment *s, const struct entry *e, const struct row *was,
                                 enum account_mode mode, struct why *why)
{
    struct row r;

    /* A message that was moved away may come again: of two stays the later counts. */
    if (was && e->type == REC_COPY && e->born < was->born)
        return ST_OK;
    if (was && was->gen == s->head.gen && was->at == e->at)
        return ST_OK;
    if (was)
        add_live(sh, was->gen, -(int64_t)was->len);
    if (!was || e->type == REC_MESSAGE) {
        /* A copy of what is not there: it ended before this point of the log. */
        if (e->type == REC_COPY && mode == ACCOUNT_LOG)
            return ST_OK;
        r = (struct row){
            .id = e->id, .large = e->large, .flags = e->flags, .pending = e->pending,
            .received = e->received, .next_try = e->next_try, .size = e->size, .summary = e->summary,
        };
    } else {
        r = *was;
    }
    r.gen = s->head.gen;
    r.at = e->at;
    r.len = e->len;
    r.born = e->type == REC_COPY ? e->born : s->head.gen;
    add_live(sh, r.gen, r.len);
    return index_put(sh->index, &r, was, why);
}

static enum status apply_state(struct shard *sh, struct segment *s, const struct entry *e, const struct row *was, struct why *why)
{
    struct row r = *was;

    if (was->state_gen == s->head.gen && was->state_at == e->at)
        return ST_OK;
    if (was->state_gen)
        add_live(sh, was->state_gen, -(int64_t)was->state_len);
    r.state_gen = s->head.gen;
    r.state_at = e->at;
    r.state_len = e->len;
    r.flags = e->flags;
    r.pending = e->pending;
    r.next_try = e->next_try;
    if (e->summary.n)
        r.summary = e->summary;
    add_live(sh, r.state_gen, r.state_len);
    return index_put(sh->index, &r, was, why);
}

static enum status apply_end(struct shard *sh, const struct row *was, struct why *why)
{
    add_live(sh, was->gen, -(int64_t)was->len);
    if (was->state_gen)
        add_live(sh, was->state_gen, -(int64_t)was->state_len);
    return index_del(sh->index, was, why);
}

enum status account_apply(struct shard *sh, struct segment *s, const struct entry *e, enum account_mode mode, bool *ended, struct why *why)
{
    bool message = e->type == REC_MESSAGE || e->type == REC_COPY;
    struct row row;
    enum status st;

    *ended = false;
    if (e->type == REC_IDS || (message ? mode == ACCOUNT_STATES : mode == ACCOUNT_MESSAGES))
        return ST_OK;
    if (e->gone)
        add_tomb(sh, s, e);
    st = index_find(sh->index, e->id, &row, why);
    if (st == ST_NONE && message)
        return apply_message(sh, s, e, NULL, mode, why);
    if (st != ST_OK)
        return st == ST_NONE ? ST_OK : st;
    if (message)
        return apply_message(sh, s, e, &row, mode, why);
    /* States of an earlier stay lie before the message came again (move.c). */
    if ((e->gone ? e->origin : s->head.gen) < row.born)
        return ST_OK;
    if (!e->gone)
        return apply_state(sh, s, e, &row, why);
    *ended = row.large;
    return apply_end(sh, &row, why);
}

/* ---- many records */

enum { TXN_ENTRIES = 5000 };    /* so that a transaction's pages stay few */

static struct covered end_of(const struct segment *s, const struct entry *e)
{
    return (struct covered){ s->head.gen, (uint64_t)e->at + e->len };
}

/* mode LOG: what is covered grows with each transaction, and what ended is
 * removed. Anew: nothing is believed before the last one. */
enum status account_dir(struct shard *sh, struct segment *s, struct str dir, uint64_t from, enum account_mode mode, struct why *why)
{
    struct covered c = sh->covered;
    enum status st = account_begin(sh, why);
    unsigned n = 0;
    struct entry e;
    bool ended;

    while (st == ST_OK && entry_get(&dir, &e)) {
        if (e.at < from)
            continue;
        if (n++ == TXN_ENTRIES) {
            st = account_commit(sh, c, mode == ACCOUNT_LOG, why);
            if (st == ST_OK)
                st = account_begin(sh, why);
            n = 0;
            if (st != ST_OK)
                break;
        }
        st = account_apply(sh, s, &e, mode, &ended, why);
        if (st == ST_OK && ended && mode == ACCOUNT_LOG)
            shard_unlink_body(sh, e.id);
        if (mode == ACCOUNT_LOG)
            c = end_of(s, &e);
    }
    if (st != ST_OK) {
        account_abort(sh);
        return st;
    }
    return account_commit(sh, c, mode == ACCOUNT_LOG, why);
}

struct segment *account_next(const struct shard *sh, uint32_t gen)
{
    struct segment *best = NULL;

    for (struct segment *s = sh->segs; s; s = s->next)
        if (s->use != SEG_FREE && s->head.gen >= gen && (!best || s->head.gen < best->head.gen))
            best = s;
    return best;
}

enum status account_catch_up(struct shard *sh, struct why *why)
{
    struct buf dir = { 0 };
    struct segment *s;
    enum status st = ST_OK;

    for (uint32_t gen = sh->covered.gen; st == ST_OK && (s = account_next(sh, gen)) != NULL; gen = s->head.gen + 1) {
        st = account_dir(sh, s, shard_entries(sh, s, &dir), s->head.gen == sh->covered.gen ? sh->covered.at : 0, ACCOUNT_LOG, why);
        if (st == ST_OK)
            sh->covered = (struct covered){ s->head.gen, s->use == SEG_ACTIVE ? sh->covered.at : UINT64_MAX };
    }
    buf_free(&dir);
    return st;
}

