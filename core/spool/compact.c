/*
 * compact - make room by moving what little is still live
 *
 * A segment most of which is dead is gone through: what the index says lives
 * there is written again at the end of the log, byte for byte, so that its
 * checksums still tell of damage. A segment is freed only after one whole pass
 * found nothing to move, whatever was counted.
 *
 * Moves go along with the next group, or alone when nothing else waits, a
 * bounded number at a time.
 */
#include "spool/account.h"

#include "base/fault.h"
#include "spool/disk.h"

enum {
    LIVE_PERCENT = 25,          /* below: worth moving */
    LIVE_PERCENT_FULL = 90,     /* likewise, when no segment is left */
    LOOKS = 2000,               /* records looked at in one step */
    MOVES = 128
};

bool compact_wanted(const struct shard *sh)
{
    return !sh->behind && (sh->compact.from || sh->compact.check);
}

void compact_stop(struct shard *sh)
{
    sh->compact.from = NULL;
    sh->compact.check = false;
}

/* What was condemned first; then whatever has least to move. */
static struct segment *pick(struct shard *sh)
{
    unsigned percent = sh->full ? LIVE_PERCENT_FULL : LIVE_PERCENT;
    struct segment *best = NULL;

    for (struct segment *s = sh->segs; s; s = s->next) {
        if (s->stuck || s == sh->active)
            continue;
        if (s->use == SEG_CONDEMNED && shard_may_drop(sh, s))
            return s;
        if (s->use == SEG_SEALED && s->live < (int64_t)(s->head.size / 100 * percent) && (!best || s->live < best->live))
            best = s;
    }
    return best;
}

static bool begin(struct shard *sh)
{
    struct compact *c = &sh->compact;
    struct buf b = { 0 };

    c->check = false;
    c->from = pick(sh);
    if (!c->from)
        return false;
    buf_clear(&c->dir);
    buf_add(&c->dir, shard_entries(sh, c->from, &b));
    buf_free(&b);
    c->at = 0;
    c->moved = c->again = false;
    return true;
}

enum live { DEAD, LIVE, UNKNOWN };

static enum live is_live(struct shard *sh, const struct segment *s, const struct entry *e, struct row *row)
{
    enum status st;

    if (e->type == REC_IDS)
        return DEAD;
    /* No index tells that an end was moved: the first pass moves all of them. */
    if (e->gone && sh->compact.again)
        return DEAD;
    if (e->gone)
        return account_end_needed(sh, s, e->born, e->origin) ? LIVE : DEAD;
    st = index_get(sh->index, e->id, row, NULL);
    if (st != ST_OK)
        return st == ST_NONE ? DEAD : UNKNOWN;
    if (e->type == REC_STATE)
        return row->state_gen == s->head.gen && row->state_at == e->at ? LIVE : DEAD;
    return row->gen == s->head.gen && row->at == e->at ? LIVE : DEAD;
}

/* The record as it lies there, with room for a new header; NULL: unreadable. */
static struct request *copy_of(struct shard *sh, const struct segment *s, const struct entry *e, const struct row *row)
{
    bool message = e->type == REC_MESSAGE || e->type == REC_COPY;
    struct request *r = request_new(sh, message ? REC_COPY : e->type, e->id);
    char head[REC_HEAD];
    struct rec rec;
    size_t n;

    if (segment_read(s, e->at, head, sizeof head, NULL) != ST_OK || rec_get(head, &rec) != WIRE_OK
        || rec.gen != s->head.gen || rec.tag != s->head.tag || id_cmp(rec.id, e->id) != 0 || rec_size(&rec) != e->len)
        goto unreadable;
    n = (size_t)rec.meta_len + rec.body_len;
    if (segment_read(s, (uint64_t)e->at + REC_HEAD, buf_room(&r->text, n), n, NULL) != ST_OK)
        goto unreadable;
    buf_grew(&r->text, n);
    r->body_len = rec.body_len;
    r->meta_crc = rec.meta_crc;
    r->internal = true;
    r->copied_from = s->head.gen;
    r->entry.large = e->large;
    r->entry.gone = e->gone;
    r->entry.origin = e->origin;
    r->entry.born = message ? row->born : e->born;
    r->entry.received = e->received;
    r->entry.next_try = e->next_try;
    r->entry.flags = e->flags;
    r->entry.pending = e->pending;
    r->entry.size = e->size;
    r->entry.summary = e->summary;      /* in compact.dir, which stays until this is written */
    return r;

unreadable:
    request_free(r);
    return NULL;
}

/* The message stays where it is and is shown frozen; so does the segment. */
static struct request *cannot_move(struct shard *sh, struct segment *s, const struct entry *e, const struct row *row)
{
    struct msg_id id = id_make(e->id);
    struct request *r;

    s->stuck = true;
    if (e->gone || row->flags & SPOOL_DAMAGED)
        return NULL;
    r = read_set_aside(sh, row);
    if (!r)
        return NULL;
    sh->alert(sh->alert_ctx, "%s: cannot be read from segment %u; the message is set aside, frozen", id.s, s->file);
    r->internal = true;
    return r;
}

/* A whole pass without a move: nothing of it is needed. */
static void finish(struct shard *sh)
{
    struct segment *s = sh->compact.from;

    compact_stop(sh);
    buf_free(&sh->compact.dir);
    sh->compact.check = true;
    if (s->stuck)
        return;
    CRASH_POINT("spool.compact.empty");
    if (!shard_free_segment(sh, s))
        return;
    pthread_mutex_lock(sh->lock);
    sh->compactions++;
    pthread_mutex_unlock(sh->lock);
}

struct request *compact_more(struct shard *sh, uint64_t budget)
{
    struct compact *c = &sh->compact;
    struct request *list = NULL, **last = &list;
    uint64_t bytes = 0;
    struct entry e;
    struct row row = { 0 };
    struct str rest;

    if (!c->from && (!c->check || !begin(sh)))
        return NULL;
    rest = str_from(buf_str(&c->dir), c->at);
    for (int looks = 0, moves = 0; looks < LOOKS && moves < MOVES && bytes < budget && entry_get(&rest, &e); looks++) {
        enum live live = is_live(sh, c->from, &e, &row);
        struct request *r;

        if (live == UNKNOWN) {
            compact_stop(sh);
            break;
        }
        if (live == DEAD)
            continue;
        if (e.len > shard_record_most(sh)) {    /* written when segments were larger: it stays until it ends */
            c->from->stuck = true;
            continue;
        }
        r = copy_of(sh, c->from, &e, &row);
        if (r)
            c->moved = true;
        else if (!(r = cannot_move(sh, c->from, &e, &row)))
            continue;
        bytes += e.len;
        moves++;
        *last = r;
        last = &r->next;
    }
    if (!c->from)
        return list;
    CRASH_POINT("spool.compact.read");
    c->at = c->dir.n - rest.n;
    if (rest.n == 0 && !list && !c->moved)
        finish(sh);
    else if (rest.n == 0 && !list) {
        c->at = 0;
        c->moved = false;
        c->again = true;
    }
    return list;
}
