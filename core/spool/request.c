/*
 * request - between the loop and the threads
 *
 * A request belongs to the loop until it is given, to a thread until it is
 * answered, and to the loop again for its callback. However many are answered
 * at once, the loop is woken once.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "spool/disk.h"

struct note { struct note *next; char text[WHY_MAX]; };

/* ---- requests */

void *must_alloc(size_t n)
{
    void *p = calloc(1, n);

    if (!p)
        die("out of memory");
    return p;
}

struct request *request_new(struct shard *sh, enum rec_type type, struct id_parts id)
{
    struct request *r = must_alloc(sizeof *r);

    r->sh = sh;
    r->entry.type = type;
    r->entry.id = id;
    buf_room(&r->text, REC_HEAD);
    buf_grew(&r->text, REC_HEAD);
    return r;
}

void request_state(struct request *r, const struct state_meta *m)
{
    size_t at = r->text.n + STATE_HEAD + 1;

    state_put(m, &r->text);
    r->entry.summary = str_head(str_from(buf_str(&r->text), at), m->summary.n);
}

void request_free(struct request *r)
{
    buf_free(&r->text);
    buf_free(&r->body);
    free(r->why);
    free(r);
}

void request_fail(struct request *r, enum status st, const struct why *why)
{
    r->st = st;
    if (!why || r->why)
        return;
    r->why = must_alloc(sizeof *r->why);
    *r->why = *why;
}

/* ---- between the threads */

static void wake_loop(void *ctx)
{
    struct waker *w = ctx;

    if (!w->sp) {
        free(w);
        return;
    }
    pthread_mutex_lock(&w->sp->lock);
    w->sp->waker_out = false;
    pthread_mutex_unlock(&w->sp->lock);
    request_callbacks(w->sp);
}

/* With the lock held. */
static bool want_loop(struct disk *sp)
{
    if (sp->waker_out)
        return false;
    sp->waker_out = true;
    sp->waker->job = (struct job){ wake_loop, sp->waker, NULL };
    return true;
}

void request_give(struct disk *sp, struct request *r)
{
    pthread_mutex_lock(&sp->lock);
    *r->sh->last = r;
    r->sh->last = &r->next;
    pthread_mutex_unlock(&sp->lock);
    pthread_cond_signal(&sp->work);
}

/* Hands answered requests over; nobody waits for those without a callback. */
void request_answer(struct disk *sp, struct request *list)
{
    bool call = false;

    pthread_mutex_lock(&sp->lock);
    for (struct request *r = list, *next; r; r = next) {
        next = r->next;
        r->next = NULL;
        if (r->internal) {
            request_free(r);
            continue;
        }
        *sp->answered_last = r;
        sp->answered_last = &r->next;
        call = true;
        if (!r->sh)
            continue;
        if (r->entry.type == REC_IDS)
            r->sh->ids_asked = false;
        if (--r->sh->pending == 0)
            pthread_cond_broadcast(&sp->idle);
    }
    call = call && want_loop(sp);
    pthread_mutex_unlock(&sp->lock);
    CRASH_POINT("spool.commit.answer");
    if (call)
        loop_call(sp->loop, &sp->waker->job);
}

void request_refuse(struct disk *sp, struct request *r, enum status st, const struct why *why)
{
    request_fail(r, st, why);
    request_answer(sp, r);
}

void request_callbacks(struct disk *sp)
{
    static const struct why nothing;
    struct request *list;
    struct note *notes;

    pthread_mutex_lock(&sp->lock);
    list = sp->answered;
    sp->answered = NULL;
    sp->answered_last = &sp->answered;
    notes = sp->notes;
    sp->notes = NULL;
    pthread_mutex_unlock(&sp->lock);
    while (notes) {
        struct note *n = notes;

        notes = n->next;
        if (sp->config.alert)
            sp->config.alert(sp->config.alert_ctx, str_of(n->text));
        free(n);
    }
    while (list) {
        struct request *r = list;

        list = r->next;
        sp->memory -= r->memory;
        if (r->done)
            r->done(r->ctx, r->st, r->why ? r->why : &nothing);
        request_free(r);
    }
}

void disk_alert(void *ctx, const char *fmt, ...)
{
    struct disk *sp = ctx;
    struct note *n = must_alloc(sizeof *n), **at;
    bool call;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(n->text, sizeof n->text, fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&sp->lock);
    for (at = &sp->notes; *at; at = &(*at)->next)
        ;
    *at = n;
    call = want_loop(sp);
    pthread_mutex_unlock(&sp->lock);
    if (call)
        loop_call(sp->loop, &sp->waker->job);
}
