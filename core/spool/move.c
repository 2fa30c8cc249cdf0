/*
 * move - a message out of a shard that nobody wants as home
 *
 * It is written into a home shard, under its id, and when that is durable it
 * ends where it was. In between, and after a crash there, it lies in both. So
 * the old shard is marked first, durably, with the number of the new one:
 *
 *   - a marked shard is not taken on its own, only after the new one was;
 *   - whoever takes the new one looks through the shards marked with its
 *     number, ends in them what it has itself, and removes the mark.
 *
 * A state given while a message is moved waits, so that neither place ever
 * knows something the other should: they are the same until one is gone. If
 * it is not known whether the new one or the end of the old one is on disk,
 * states are refused until the move was made good.
 *
 * A message may come back to a shard it was moved out of, another year. Its
 * records of that stay are told from the new ones by their generation
 * (account.c); so nothing is moved into a shard that gave something away
 * until it was taken anew and has begun another segment.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "spool/body.h"
#include "spool/crc.h"

enum stage {
    COPYING, ENDING,
    COPY_DOUBTED, END_DOUBTED   /* nothing is under way, but states must not be taken */
};

struct move {
    struct move *next;
    struct disk *sp;
    struct id_parts id;
    struct shard *from, *to;    /* NULL once given back */
    enum stage stage;
    bool doubtful;              /* set by the helper thread before it answers */
    struct request *held, **held_last;
    spool_done *done;
    void *ctx;
};

static struct move *move_of(const struct disk *sp, struct id_parts id)
{
    struct move *m = sp->moves;

    while (m && id_cmp(m->id, id) != 0)
        m = m->next;
    return m;
}

bool move_under_way(const struct disk *sp, struct id_parts id)
{
    return move_of(sp, id) != NULL;
}

bool move_touches(const struct disk *sp, const struct shard *sh)
{
    const struct move *m = sp->moves;

    while (m && m->from != sh && m->to != sh)
        m = m->next;
    return m != NULL;
}

void move_doubtful(struct move *m)
{
    m->doubtful = true;
}

/* ---- states that came meanwhile */

static void hold(struct move *m, struct request *r)
{
    r->next = NULL;
    *m->held_last = r;
    m->held_last = &r->next;
}

/* To sh, or refused if there is none to tell. */
static void let_go(struct move *m, struct shard *sh)
{
    struct request *list = m->held;
    struct why why;

    if (m->sp->stop)
        sh = NULL;
    m->held = NULL;
    m->held_last = &m->held;
    while (list) {
        struct request *r = list;

        list = r->next;
        r->next = NULL;
        r->sh = sh;
        if (sh)
            disk_give(m->sp, r);
        else
            request_refuse(m->sp, r, ST_AGAIN, (why_set(&why, ST_AGAIN, "the message could not be moved; its state is taken later"), &why));
    }
}

bool move_holds(struct disk *sp, struct id_parts id, struct request *r)
{
    struct move *m = move_of(sp, id);

    if (!m)
        return false;
    hold(m, r);
    if (m->stage == COPY_DOUBTED || m->stage == END_DOUBTED)
        let_go(m, NULL);
    return true;
}

static void drop(struct move *m)
{
    struct move **at = &m->sp->moves;

    while (*at != m) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = m->next;
    free(m);
}

/* ---- the way of a message */

static void answer(struct move *m, enum status st, const struct why *why)
{
    spool_done *done = m->done;

    m->done = NULL;
    if (done)
        done(m->ctx, st, why);
}

static void settled(struct move *m, struct shard *lives, enum status st, const struct why *why)
{
    struct move was = *m;

    let_go(m, lives);
    drop(m);
    answer(&was, st, why);
}

static void doubted(struct move *m, enum stage stage, const struct why *why)
{
    m->stage = stage;
    let_go(m, NULL);
    answer(m, ST_AGAIN, why);
}

static void on_ended(void *ctx, enum status st, const struct why *why)
{
    struct move *m = ctx;

    CRASH_POINT("spool.move.ended");
    if (st == ST_OK || st == ST_NONE)
        settled(m, m->to, ST_OK, why);
    else
        doubted(m, END_DOUBTED, why);
}

static void end_old(struct move *m)
{
    struct request *r = request_new(m->from, REC_STATE, m->id);

    m->stage = ENDING;
    m->from->gave_away = true;
    r->entry.gone = true;
    r->done = on_ended;
    r->ctx = m;
    state_put(&(struct state_meta){ .blob = STR("") }, &r->text);
    disk_give(m->sp, r);
}

/* When the spool closes, or the old shard was given back, the mark stays and
 * whoever takes the new one makes the end. */
static void on_copied(void *ctx, enum status st, const struct why *why)
{
    struct move *m = ctx;
    static const struct why left = { ST_AGAIN, "the shard was given back while its message was moved" };

    CRASH_POINT("spool.move.copied");
    if (!m->from || m->sp->stop)
        settled(m, NULL, ST_AGAIN, &left);
    else if (st == ST_OK)
        end_old(m);
    else if (m->doubtful)
        doubted(m, COPY_DOUBTED, why);
    else
        settled(m, m->from, ST_AGAIN, why);
}

/* Everything the loop has to read; the rest is the threads'. */
static enum status make_copy(struct move *m, struct request **out, struct why *why)
{
    struct arena a = { 0 };
    struct spool_msg msg = { .body = NULL };
    struct spool_entry e;
    struct request *r;
    struct row row;
    enum status st = index_get(m->from->index, m->id, &row, &a);
    struct str sums;

    if (st == ST_OK)
        st = read_message(m->sp, m->from, m->id, &a, &msg, why);
    else
        why_set(why, st, "the index cannot be read");
    if (st != ST_OK)
        goto out;
    e = (struct spool_entry){ msg.envelope, msg.header, row.summary, msg.received, msg.state };
    sums = read_sums(msg.body);
    r = message_request(m->to, m->id, msg.body_size, sums, &e);
    r->entry.large = sums.n > 0;
    if (!r->entry.large) {
        spool_body_read(msg.body, 0, buf_room(&r->body, msg.body_size), msg.body_size);
        buf_grew(&r->body, msg.body_size);
        r->body_len = (uint32_t)msg.body_size;
    }
    spool_body_close(msg.body);
    r->move = m;
    r->done = on_copied;
    r->ctx = m;
    *out = r;
out:
    arena_free(&a);
    return st;
}

static enum status copy(struct move *m, struct why *why)
{
    struct disk *sp = m->sp;
    struct request *r;
    enum status st = make_copy(m, &r, why);

    if (st != ST_OK)
        return st;
    m->stage = COPYING;
    m->doubtful = false;
    pthread_mutex_lock(&sp->lock);
    m->to->pending++;
    m->from->preparing++;
    pthread_mutex_unlock(&sp->lock);
    body_give(sp->bodies, JOB_MOVE, NULL, NULL, r);
    return ST_OK;
}

/* ---- on the body thread */

static enum status link_body(struct shard *from, struct shard *to, struct id_parts id, struct why *why)
{
    struct msg_id name = id_make(id);

    /* One that is there is of an earlier try. */
    if (FAULT(UNLINK) || (unlinkat(to->bodyfd, name.s, 0) < 0 && errno != ENOENT)
        || FAULT(RENAME) || linkat(from->bodyfd, name.s, to->bodyfd, name.s, 0) < 0)
        return why_errno(why, ST_AGAIN, "link the body of %s", name.s);
    CRASH_POINT("spool.move.linked");
    if (FAULT(FLUSH) || fsync(to->bodyfd) < 0)
        return why_errno(why, ST_AGAIN, "flush the name of the body of %s", name.s);
    return ST_OK;
}

enum status move_prepare(struct disk *sp, struct request *r, struct why *why)
{
    struct move *m = r->move;
    struct shard *from = m->from, *to = m->to;
    enum status st = ST_OK;

    if (!from->leaving)
        st = shard_mark_leaving(from, to->n, why);
    CRASH_POINT("spool.move.marked");
    from->leaving = from->leaving || st == ST_OK;
    if (st == ST_OK && r->entry.large)
        st = link_body(from, to, r->entry.id, why);
    pthread_mutex_lock(&sp->lock);
    from->preparing--;
    pthread_cond_broadcast(&sp->idle);
    pthread_mutex_unlock(&sp->lock);
    return st;
}

/* ---- asked for */

/* The home it goes to stays the same: the mark has one number. */
static struct shard *target(struct disk *sp, struct shard *from)
{
    for (unsigned i = 0; i < sp->nshards && !from->into; i++)
        if (sp->shards[i]->home && !sp->shards[i]->gave_away)
            from->into = sp->shards[i];
    return from->into && from->into->home && !from->into->gave_away && !from->into->closing ? from->into : NULL;
}

/* States under way would be missing in what is read now. */
static bool quiet(struct disk *sp, const struct shard *sh)
{
    bool yes;

    pthread_mutex_lock(&sp->lock);
    yes = sh->pending == 0 && !sh->closing;
    pthread_mutex_unlock(&sp->lock);
    return yes;
}

static enum status move_begin(struct disk *sp, struct id_parts id, struct move **out, struct why *why)
{
    struct shard *from, *to;
    struct row row;
    struct move *m;
    enum status st = queue_find((struct queue){ sp->shards, sp->nshards }, id, &from, &row, NULL);

    *out = NULL;
    if (st != ST_OK)
        return why_set(why, st, st == ST_NONE ? "no such message in this spool" : "the index cannot be read");
    if (from->home)
        return ST_OK;
    if (row.flags & SPOOL_DAMAGED)
        return why_set(why, ST_NEVER, "it is damaged and stays where it is");
    to = target(sp, from);
    if (!to || !quiet(sp, from))
        return why_set(why, ST_AGAIN, to ? "shard %u has work under way" : "shard %u: there is no home to move it to", from->n);
    m = must_alloc(sizeof *m);
    *m = (struct move){ .next = sp->moves, .sp = sp, .id = id, .from = from, .to = to };
    m->held_last = &m->held;
    sp->moves = m;
    *out = m;
    return ST_OK;
}

/* Answered by itself, on the loop and later, like every other request. */
static void refuse(struct disk *sp, struct id_parts id, enum status st, const struct why *why, spool_done *done, void *ctx)
{
    struct request *r = request_new(NULL, REC_STATE, id);

    r->done = done;
    r->ctx = ctx;
    request_refuse(sp, r, st, why);
}

/* What cannot be read now stays as it was: no copy is on its way. */
static enum status begin_copy(struct disk *sp, struct move *m, struct why *why)
{
    struct shard *from = m->from;
    struct id_parts id = m->id;
    bool fresh = m->stage == COPYING;
    enum status st = copy(m, why);

    if (st == ST_OK)
        return st;
    m->done = NULL;
    if (fresh)
        drop(m);
    if (fresh && st == ST_NEVER)
        disk_set_aside(sp, from, id, why->text);
    return st;
}

void disk_move(struct spool *base, struct msg_id name, spool_done *done, void *ctx)
{
    struct disk *sp = (struct disk *)base;
    struct id_parts id = { 0, 0, 0 };
    struct why why = { 0, "" };
    struct move *m = NULL;
    enum status st = ST_OK;

    if (!id_read(name, &id))
        st = why_set(&why, ST_NONE, "no such message in this spool");
    else if (!(m = move_of(sp, id)))
        st = move_begin(sp, id, &m, &why);
    else if (m->stage == COPYING || m->stage == ENDING || !m->from || !m->to)
        st = why_set(&why, ST_AGAIN, "it is being moved already");
    if (m && st == ST_OK) {
        m->done = done;
        m->ctx = ctx;
        if (m->stage == END_DOUBTED)
            end_old(m);
        else
            st = begin_copy(sp, m, &why);
        m = st == ST_OK ? m : NULL;
    }
    if (!m || st != ST_OK)
        refuse(sp, id, st, &why, done, ctx);
}

void move_forget(struct disk *sp, const struct shard *sh)
{
    for (struct move *m = sp->moves, *next; m; m = next) {
        next = m->next;
        if (m->to == sh)
            m->to = NULL;
        if (m->from != sh)
            continue;
        m->from = NULL;
        if (m->stage == COPY_DOUBTED || m->stage == END_DOUBTED)
            drop(m);
    }
    for (unsigned i = 0; i < sp->nshards; i++)
        if (sp->shards[i]->into == sh)
            sp->shards[i]->into = NULL;
}

void move_free_all(struct disk *sp)
{
    while (sp->moves)
        drop(sp->moves);
}

/* ---- after a crash */

static struct request *ends_of_twins(struct shard *from, struct shard *to, struct id_parts *last, bool *any, enum status *st)
{
    enum { PAGE = 200 };
    struct row v[PAGE], row;
    struct request *list = NULL;
    size_t n = index_after(from->index, *any ? last : NULL, v, PAGE, NULL);

    for (size_t i = 0; i < n; i++) {
        enum status one = index_get(to->index, v[i].id, &row, NULL);
        struct request *r;

        if (one == ST_AGAIN)
            *st = ST_AGAIN;
        if (one != ST_OK)
            continue;
        r = request_new(from, REC_STATE, v[i].id);
        state_put(&(struct state_meta){ .blob = STR("") }, &r->text);
        r->entry.gone = r->internal = true;
        r->next = list;
        list = r;
    }
    if (n)
        *last = v[n - 1].id;
    *any = n > 0;
    return list;
}

static bool has_twins(struct shard *from, struct shard *to)
{
    struct id_parts last;
    bool any = false, found = false;
    enum status st = ST_OK;

    do {
        struct request *list = ends_of_twins(from, to, &last, &any, &st);

        found = found || list || st != ST_OK;
        while (list) {
            struct request *r = list;

            list = r->next;
            request_free(r);
        }
    } while (any && !found);
    return found;
}

static enum status end_twins(struct disk *sp, struct shard *from, struct shard *to, struct why *why)
{
    struct id_parts last;
    bool any = false;
    enum status st = ST_OK;

    do {
        struct request *list = ends_of_twins(from, to, &last, &any, &st);

        if (list)
            commit_serve(sp, from, list, true);
    } while (any && st == ST_OK);
    CRASH_POINT("spool.move.settled");
    if (has_twins(from, to))
        return why_set(why, ST_AGAIN, "what was moved from shard %u to %u cannot be settled", from->n, to->n);
    return shard_clear_leaving(from, why);
}

enum status move_settle(struct disk *sp, struct shard *to, struct why *why)
{
    unsigned *v = must_alloc(SHARD_LIMIT * sizeof *v), into;
    size_t n = shard_list(sp->dir, v, SHARD_LIMIT);
    enum status st = ST_OK;

    for (size_t i = 0; i < n && st == ST_OK; i++) {
        struct shard *from;

        if (v[i] == to->n || queue_shard((struct queue){ sp->shards, sp->nshards }, v[i]))
            continue;
        st = shard_leaving(sp->dir, v[i], &into, why);
        if (st != ST_OK || into != to->n) {
            st = st == ST_NONE ? ST_OK : st;
            continue;
        }
        st = shard_open(sp->dir, v[i], true, sp->config.segment_size, &sp->lock, disk_alert, sp, &from, why);
        if (st != ST_OK)
            break;
        st = end_twins(sp, from, to, why);
        shard_close(from);
    }
    free(v);
    return st;
}
