/*
 * rewrite - the rewriting rules, asked
 */
#include "policy/host.h"

bool policy_rewrites(const struct policy *p)
{
    return p->rewrites;
}

static void end_rewrite(struct eval *e, enum status st, int n)
{
    (void)n;
    e->done.rewrite(e->ctx, st, st == ST_OK ? NULL : &e->why);
}

struct eval *policy_rewrite(struct policy *p, struct txn *t, rewrite_done *done, void *ctx)
{
    struct eval *e;

    if (!p->rewrites) {
        done(ctx, ST_OK, NULL);
        return NULL;
    }
    e = eval_open(p, t, t->phase, ENTRY_rewrite, end_rewrite);
    e->done.rewrite = done;
    e->ctx = ctx;
    box_push_own(e);
    return eval_run(e, 1);
}

static void end_header(struct eval *e, enum status st, int n)
{
    struct str text = st == ST_OK && n > 0 ? str_at(e->co, 1) : (struct str){ 0 };

    e->done.header(e->ctx, st, text, st == ST_OK ? NULL : &e->why);
}

struct eval *policy_rewrite_header(struct policy *p, struct str transport, struct txn *t, struct str section,
                                   header_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, PH_TRANSPORT, ENTRY_rewrite_header, end_header);

    e->done.header = done;
    e->ctx = ctx;
    box_push_own(e);
    push_str(e->co, transport);
    push_str(e->co, section);
    return eval_run(e, 3);
}

struct path_answer { struct arena *arena; struct str text; };

static void end_path(struct eval *e, enum status st, int n)
{
    struct path_answer *a = e->ctx;
    struct str text = st == ST_OK && n > 0 ? str_at(e->co, 1) : (struct str){ 0 };

    if (text.p)
        a->text = arena_dup(a->arena, text);
}

struct str policy_rewrite_path(struct policy *p, struct conn *c, bool sender, struct str text, struct arena *a)
{
    struct path_answer answer = { a, text };
    struct txn *t;
    struct eval *e;

    if (!p->rewrites_paths)
        return text;
    t = txn_new(c);
    t->phase = sender ? PH_MAIL : PH_RCPT;
    e = eval_open(p, t, t->phase, ENTRY_rewrite_path, end_path);
    e->ctx = &answer;
    box_push_own(e);
    push_str(e->co, text);
    e = eval_run(e, 2);
    if (e) {
        policy_cancel(e);
        log_line(LOG_PANIC, "a rewriting rule with the flag S waits; the address stays as it is");
    }
    txn_free(t);
    return answer.text;
}
