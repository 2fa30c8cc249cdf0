#include "policy/slices.h"

#include <stdlib.h>

enum { PIECE = 64 << 10, POLL_MS = 5, POLLS_MAX = 60000 / POLL_MS };

struct slices {
    struct loop *loop;
    struct body_source body;
    uint64_t at, to;
    slices_take *take;
    slices_done *done;
    void *ctx, *take_ctx;
    struct txn *t;              /* its parts are looked for */
    struct mime *mime;
    struct job job;
    struct timer poll;
    unsigned polls;
    bool held, enough, taking, gone;
    char piece[PIECE];
};

static void slices_free(struct slices *s)
{
    loop_forget(s->loop, &s->job);
    timer_clear(s->loop, &s->poll);
    if (s->mime)
        mime_free(s->mime);
    free(s->mime);
    free(s);
}

/* What was found is the transaction's. */
static void hand_over(struct slices *s)
{
    mime_end(s->mime);
    s->t->mime = s->mime;
    s->mime = NULL;
}

static void finish(struct slices *s, enum status st, const struct why *why)
{
    slices_done *done = s->done;
    void *ctx = s->ctx;

    if (s->mime && st == ST_OK)
        hand_over(s);
    slices_free(s);
    done(ctx, st, why);
}

static void step(void *ctx);

static void again(struct slices *s)
{
    s->job = (struct job){ .fn = step, .ctx = s };
    loop_soon(s->loop, &s->job);
}

/* Large bodies are written by a thread; what it has not written yet cannot be read without waiting for it. */
static bool not_ready(struct slices *s)
{
    if (!s->body.ready || s->body.ready(s->body.ctx))
        return false;
    s->poll = (struct timer){ .fn = step, .ctx = s };
    timer_set(s->loop, &s->poll, POLL_MS);
    return true;
}

static void step(void *ctx)
{
    struct slices *s = ctx;
    size_t want = s->to - s->at < PIECE ? (size_t)(s->to - s->at) : PIECE;
    struct why why;
    ssize_t n;

    if (s->enough || !want) {
        finish(s, ST_OK, NULL);
        return;
    }
    if (s->polls++ > POLLS_MAX) {
        why_set(&why, ST_AGAIN, "the body was not written within a minute");
        finish(s, ST_AGAIN, &why);
        return;
    }
    if (not_ready(s))
        return;
    n = s->body.read ? s->body.read(s->body.ctx, s->at, s->piece, want) : 0;
    if (n <= 0) {
        why_set(&why, ST_AGAIN, "the body cannot be read");
        finish(s, ST_AGAIN, &why);
        return;
    }
    s->polls = 0;
    s->at += (uint64_t)n;
    s->taking = true;
    s->enough = !s->take(s->take_ctx, (struct str){ s->piece, (size_t)n });
    s->taking = false;
    if (s->gone)
        slices_free(s);
    else if (!s->held)
        again(s);
}

struct slices *slices_begin(struct loop *l, const struct body_source *b, uint64_t from, uint64_t to,
                            slices_take *take, slices_done *done, void *ctx)
{
    struct slices *s = malloc(sizeof *s);

    if (!s)
        die("out of memory for reading a body");
    memset(s, 0, offsetof(struct slices, piece));
    s->loop = l;
    s->body = *b;
    s->at = from;
    s->to = to;
    s->take = take;
    s->done = done;
    s->ctx = s->take_ctx = ctx;
    again(s);
    return s;
}

void slices_hold(struct slices *s)
{
    s->held = true;
}

void slices_go(struct slices *s)
{
    s->held = false;
    if (!s->taking)
        again(s);
}

void slices_cancel(struct slices *s)
{
    if (s->taking)
        s->gone = true;
    else
        slices_free(s);
}

/* ---- the parts of a message */

static bool take_parts(void *ctx, struct str bytes)
{
    struct slices *s = ctx;

    mime_feed(s->mime, bytes);
    return !s->mime->limit;
}

struct slices *slices_parts(struct loop *l, struct txn *t, slices_done *done, void *ctx)
{
    struct slices *s;

    if (t->mime) {
        done(ctx, ST_OK, NULL);
        return NULL;
    }
    s = slices_begin(l, &t->body, 0, t->body_size, take_parts, done, ctx);
    s->take_ctx = s;
    s->t = t;
    s->mime = malloc(sizeof *s->mime);
    if (!s->mime)
        die("out of memory for the parts of a message");
    mime_begin(s->mime, &t->header);
    return s;
}
