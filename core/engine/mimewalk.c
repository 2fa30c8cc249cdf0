#include "engine/mimewalk.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy/slices.h"

enum { PARTS_A_TURN = 16 };         /* asked before others have a turn */

struct mimewalk {
    struct loop *loop;
    struct policy *policy;
    enum phase ph;
    struct txn *t;
    struct slices *slices;
    struct eval *eval;
    struct job job;
    uint32_t message, next;         /* the part to be asked about */
    bool asking, answered, over;
    acl_done *done;
    void *ctx;
};

bool mimewalk_wanted(const struct policy *p, enum phase ph, const struct txn *t)
{
    return policy_has_acl(p, ph) && header_field(&t->header, STR("Content-Type"), 0);
}

static void walk_free(struct mimewalk *w)
{
    loop_forget(w->loop, &w->job);
    free(w);
}

/* v must live until it was told. */
static void finish(struct mimewalk *w, const struct verdict *v)
{
    w->over = true;
    w->t->part = NULL;
    w->t->part_file = (struct str){ 0 };
    w->done(w->ctx, v);
    if (!w->asking)
        walk_free(w);
}

static void answer(void *ctx, const struct verdict *v)
{
    struct mimewalk *w = ctx;

    w->eval = NULL;
    w->answered = true;
    if (v->verb != V_ACCEPT)
        finish(w, v);
    else if (!w->asking)
        loop_soon(w->loop, &w->job);
}

/* The next part in the order of messages; false: there is none. */
static bool advance(struct mimewalk *w)
{
    const struct mime *m = w->t->mime;

    for (; w->message <= m->messages; w->message++, w->next = 0)
        for (; w->next < m->n; w->next++)
            if (m->v[w->next].message == w->message)
                return true;
    return false;
}

static void ask_next(struct mimewalk *w)
{
    struct txn *t = w->t;

    t->phase = w->ph;
    t->part = &t->mime->v[w->next++];
    t->part_file = (struct str){ 0 };
    /* Exim's count goes on where the message's own parts ended. */
    if (!w->message)
        t->part_count = t->part->index;
    w->answered = false;
    w->asking = true;
    w->eval = policy_acl(w->policy, w->ph, t, answer, w);
    w->asking = false;
}

static void ask_parts(void *ctx)
{
    struct mimewalk *w = ctx;
    struct verdict yes = { .verb = V_ACCEPT };

    for (unsigned i = 0; i < PARTS_A_TURN; i++) {
        if (!advance(w)) {
            finish(w, &yes);
            return;
        }
        ask_next(w);
        if (w->over) {
            walk_free(w);
            return;
        }
        if (!w->answered)
            return;
    }
    loop_soon(w->loop, &w->job);
}

static void refuse(struct mimewalk *w, bool later, const char *reply, const char *why)
{
    struct verdict v = { .verb = later ? V_DEFER : V_DENY, .error = later };
    char text[256];
    int n = snprintf(text, sizeof text, "%s%s", reply, later ? "" : why);

    v.message = (struct str){ text, (size_t)n };
    v.log_message = str_of(why);
    finish(w, &v);
}

static void found(void *ctx, enum status st, const struct why *why)
{
    struct mimewalk *w = ctx;

    w->slices = NULL;
    if (st != ST_OK)
        refuse(w, true, "temporary local problem, please try again later", why->text);
    else if (w->t->mime->limit)
        refuse(w, false, "the message cannot be checked: ", w->t->mime->limit);
    else
        ask_parts(w);
}

static void known(void *ctx)
{
    struct mimewalk *w = ctx;

    w->job.fn = ask_parts;
    found(w, ST_OK, NULL);
}

struct mimewalk *mimewalk_ask(struct loop *l, struct policy *p, enum phase ph, struct txn *t, acl_done *done, void *ctx)
{
    struct mimewalk *w = calloc(1, sizeof *w);

    if (!w)
        die("out of memory for asking about parts");
    *w = (struct mimewalk){ .loop = l, .policy = p, .ph = ph, .t = t, .done = done, .ctx = ctx };
    w->job = (struct job){ .fn = t->mime ? known : ask_parts, .ctx = w };
    /* An earlier rule may have looked for them. */
    if (t->mime)
        loop_soon(l, &w->job);
    else
        w->slices = slices_parts(l, t, found, w);
    return w;
}

void mimewalk_cancel(struct mimewalk *w)
{
    if (w->eval)
        policy_cancel(w->eval);
    if (w->slices)
        slices_cancel(w->slices);
    w->t->part = NULL;
    if (w->asking)
        w->over = true;
    else
        walk_free(w);
}
