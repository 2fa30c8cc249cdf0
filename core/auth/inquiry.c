#include "auth/inquiry.h"

#include <stdlib.h>

struct inquiry {
    struct loop *loop;
    struct dns *dns;
    const struct inquiry_kind *kind;
    void *machine;
    struct dns_query *query;    /* under way */
    struct timer timer;
    bool asking, answered;      /* inside dns_ask; its answer came there */
    bool starting, done;        /* inside inquiry_begin: it frees */
    inquiry_done *fn;
    void *ctx;
};

static void let_go(struct inquiry *q)
{
    timer_clear(q->loop, &q->timer);
    free(q);
}

static void on_answer(void *ctx, const struct dns_answer *a);

/* Until an answer is to be waited for. Not by recursion: an SPF record may lead to a hundred
 * questions whose answers are all known. */
static void run(struct inquiry *q)
{
    const struct question *next;

    while ((next = q->kind->question(q->machine))) {
        struct dns_query *query;

        q->asking = true;
        q->answered = false;
        query = dns_ask(q->dns, next->name, next->type, on_answer, q);
        q->asking = false;
        if (!q->answered) {
            q->query = query;
            return;
        }
    }
    q->done = true;
    q->fn(q->ctx);
    if (!q->starting)
        let_go(q);
}

static void on_answer(void *ctx, const struct dns_answer *a)
{
    struct inquiry *q = ctx;

    q->query = NULL;
    q->answered = true;
    q->kind->tell(q->machine, a);
    if (!q->asking)
        run(q);
}

static void on_time(void *ctx)
{
    struct inquiry *q = ctx;

    if (q->query)
        dns_cancel(q->query);
    q->query = NULL;
    q->kind->give_up(q->machine, "the DNS took more than 20 s");
    run(q);
}

struct inquiry *inquiry_begin(struct loop *l, struct dns *d, const struct inquiry_kind *kind, void *machine, inquiry_done *done,
                              void *ctx)
{
    struct inquiry *q = calloc(1, sizeof *q);

    if (!q)
        die("no memory for an inquiry");
    *q = (struct inquiry){ .loop = l, .dns = d, .kind = kind, .machine = machine, .fn = done, .ctx = ctx, .starting = true };
    q->timer = (struct timer){ .fn = on_time, .ctx = q };
    timer_set(l, &q->timer, INQUIRY_SECONDS * 1000);
    run(q);
    q->starting = false;
    if (!q->done)
        return q;
    let_go(q);
    return NULL;
}

void inquiry_cancel(struct inquiry *q)
{
    if (!q)
        return;
    if (q->query)
        dns_cancel(q->query);
    let_go(q);
}
