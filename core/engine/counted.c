#include "engine/counted.h"

#include <stdlib.h>

#include "base/clock.h"
#include "spool/tally.h"

enum { WAITING_MAX = 20000, BATCH = 500, FLUSH_MS = 5000, KEEP_DEFAULT = 14 * 86400, KEEP_MOST = 90 * 86400 };

struct batch {
    struct tally_entry v[BATCH];
    struct buf text;                /* of all of them: domain, policy, row */
    size_t n;
    struct batch *next;
};

struct counted {
    struct engine *e;
    struct tally *tally;            /* the helper thread's while it works */
    struct batch *first, *last;     /* waiting */
    struct batch *going;
    unsigned waiting, dropped;
    int64_t oldest;
    struct timer flush;
    enum status st;                 /* of the last writing */
    struct why why;
    bool failed;                    /* and it has been told of */
};

void counted_new(struct engine *e)
{
    struct counted *c;

    if (!e->cfg.spool_dir || e->cfg.hermetic)
        return;
    c = e->counted = calloc(1, sizeof *c);
    if (!c)
        die("out of memory");
    c->e = e;
}

/* ---- writing */

/* Texts were noted by their lengths while the buffer could still move. */
static void settle_texts(struct batch *b)
{
    struct str rest = buf_str(&b->text);

    for (size_t i = 0; i < b->n; i++) {
        struct tally_entry *v = &b->v[i];

        v->domain = str_head(rest, v->domain.n);
        rest = str_from(rest, v->domain.n);
        v->policy = str_head(rest, v->policy.n);
        rest = str_from(rest, v->policy.n);
        v->row = str_head(rest, v->row.n);
        rest = str_from(rest, v->row.n);
    }
}

static void write_batches(void *ctx)
{
    struct counted *c = ctx;

    c->st = c->tally ? ST_OK : tally_open(c->e->cfg.spool_dir, true, &c->tally, &c->why);
    for (struct batch *b = c->going; b && c->st == ST_OK; b = b->next) {
        settle_texts(b);
        c->st = tally_add(c->tally, b->v, b->n, c->oldest, &c->why);
    }
}

static void batches_free(struct batch *b)
{
    while (b) {
        struct batch *next = b->next;

        buf_free(&b->text);
        free(b);
        b = next;
    }
}

/* Once for each time it begins to fail. */
static void tell(struct counted *c)
{
    if (c->st != ST_OK && !c->failed)
        log_line(LOG_PANIC, "what DMARC found is not counted for reports: %s", c->why.text);
    c->failed = c->st != ST_OK;
    if (c->dropped)
        log_line(LOG_MAIN, "what DMARC found of %u messages is not counted for reports: too many at once", c->dropped);
    c->dropped = 0;
}

static void flush(void *ctx);

static void written(void *ctx)
{
    struct counted *c = ctx;

    batches_free(c->going);
    c->going = NULL;
    tell(c);
    if (c->first) {
        c->flush = (struct timer){ .fn = flush, .ctx = c };
        timer_set(c->e->loop, &c->flush, FLUSH_MS);
    }
}

static void take_waiting(struct counted *c)
{
    c->going = c->first;
    c->first = c->last = NULL;
    c->waiting = 0;
}

static void flush(void *ctx)
{
    struct counted *c = ctx;

    take_waiting(c);
    pool_work(c->e->pool, write_batches, written, c);
}

void counted_free(struct engine *e)
{
    struct counted *c = e->counted;

    if (!c)
        return;
    timer_clear(e->loop, &c->flush);
    batches_free(c->going);     /* pool_free waited for it, or it was not begun */
    take_waiting(c);
    if (c->going)
        write_batches(c);
    batches_free(c->going);
    tally_close(c->tally);
    free(c);
    e->counted = NULL;
}

/* ---- noting */

static struct batch *batch_with_room(struct counted *c)
{
    struct batch *b = c->last;

    if (b && b->n < BATCH)
        return b;
    b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    if (c->last)
        c->last->next = b;
    else
        c->first = b;
    return c->last = b;
}

static void note(struct counted *c, const struct dmarc_facts *f, enum finding_end end)
{
    struct batch *b = c->waiting < WAITING_MAX ? batch_with_room(c) : NULL;
    struct str disposition, reason;
    struct tally_entry *v;
    size_t before;

    if (!b) {
        c->dropped++;
        return;
    }
    v = &b->v[b->n++];
    *v = (struct tally_entry){ .at = clock_wall(), .domain = f->domain, .policy = f->published };
    buf_add(&b->text, f->domain);
    buf_add(&b->text, f->published);
    before = b->text.n;
    finding_judge(f, end, &disposition, &reason);
    finding_pack_end(disposition, reason, &b->text);
    buf_add(&b->text, f->finding);
    v->row.n = b->text.n - before;
    c->waiting++;
}

void counted_message(struct engine *e, const struct settings *set, const struct txn *t, enum finding_end end)
{
    struct counted *c = e->counted;
    struct dmarc_facts *f = t->dmarc;
    int64_t keep;

    if (!c || !f || !f->finding.p || f->counted)
        return;
    f->counted = true;
    keep = setting_time(set, SET_dmarc_results_keep, KEEP_DEFAULT);
    if (keep <= 0)
        return;
    c->oldest = clock_wall() - (keep < KEEP_MOST ? keep : KEEP_MOST);
    note(c, f, end);
    if (!c->going && c->waiting == 1) {
        c->flush = (struct timer){ .fn = flush, .ctx = c };
        timer_set(e->loop, &c->flush, FLUSH_MS);
    }
}
