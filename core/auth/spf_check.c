#include "auth/spf_check.h"

#include <stdlib.h>

struct spf_check {
    struct arena arena;
    struct loop *loop;
    struct dns *dns;
    struct spf *spf;
    struct dns_query *query;    /* under way */
    struct timer timer;
    bool asking, answered;      /* inside dns_ask; its answer came there */
    bool starting, done;        /* inside spf_check_begin: it frees */
    spf_done *fn;
    void *ctx;
};

static void free_check(struct spf_check *c)
{
    timer_clear(c->loop, &c->timer);
    arena_free(&c->arena);
    free(c);
}

static void on_answer(void *ctx, const struct dns_answer *a);

/* Until an answer is to be waited for. Not by recursion: a check may ask a hundred questions
 * whose answers are all known. */
static void run(struct spf_check *c)
{
    const struct spf_question *q;

    while ((q = spf_question(c->spf))) {
        struct dns_query *query;

        c->asking = true;
        c->answered = false;
        query = dns_ask(c->dns, q->name, q->type, on_answer, c);
        c->asking = false;
        if (!c->answered) {
            c->query = query;
            return;
        }
    }
    c->done = true;
    c->fn(c->ctx, c->spf);
    if (!c->starting)
        free_check(c);
}

static void on_answer(void *ctx, const struct dns_answer *a)
{
    struct spf_check *c = ctx;

    c->query = NULL;
    c->answered = true;
    spf_tell(c->spf, a);
    if (!c->asking)
        run(c);
}

static void on_time(void *ctx)
{
    struct spf_check *c = ctx;

    if (c->query)
        dns_cancel(c->query);
    c->query = NULL;
    spf_give_up(c->spf, "the DNS took more than 20 s");
    run(c);
}

struct spf_check *spf_check_begin(struct loop *l, struct dns *d, const struct spf_want *w, spf_done *done, void *ctx)
{
    struct spf_check *c = calloc(1, sizeof *c);
    struct spf_want own = *w;

    if (!c)
        die("no memory for an SPF check");
    c->loop = l;
    c->dns = d;
    c->fn = done;
    c->ctx = ctx;
    own.helo = arena_dup(&c->arena, w->helo);
    own.sender = arena_dup(&c->arena, w->sender);
    own.receiver = arena_dup(&c->arena, w->receiver);
    if (w->record.p)
        own.record = arena_dup(&c->arena, w->record);
    c->spf = spf_new(&c->arena, &own);
    c->timer = (struct timer){ .fn = on_time, .ctx = c };
    timer_set(l, &c->timer, SPF_SECONDS * 1000);
    c->starting = true;
    run(c);
    c->starting = false;
    if (!c->done)
        return c;
    free_check(c);
    return NULL;
}

void spf_check_cancel(struct spf_check *c)
{
    if (c->query)
        dns_cancel(c->query);
    free_check(c);
}
