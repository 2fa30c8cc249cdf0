/*
 * login - exchanges of AUTH, asked of the rules
 */
#include "policy/host.h"

bool policy_has_authenticators(const struct policy *p)
{
    return p->authenticators;
}

struct eval *policy_offers(struct policy *p, struct txn *t, opt_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, PH_HELO, ENTRY_offers, eval_end_option);

    e->opt = -1;
    e->done.opt = done;
    e->ctx = ctx;
    box_push_own(e);
    return eval_run(e, 1);
}

/* end, name, id, text of lua/mail/authenticators.lua */
static void end_login(struct eval *e, enum status st, int n)
{
    static const char *const ENDS[] = { [LOGIN_OK] = "ok", [LOGIN_NO] = "no", [LOGIN_LATER] = "again", [LOGIN_BAD] = "bad" };
    struct auth_result r = { .end = LOGIN_LATER };
    struct str end = n > 0 ? str_at(e->co, 1) : STR("again");

    if (st != ST_OK) {
        r.text = str_of(e->why.text);
        r.fault = true;
    } else {
        for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
            if (str_same(end, str_of(ENDS[i])))
                r.end = i;
        r.name = n > 1 ? str_at(e->co, 2) : STR("");
        r.id = n > 2 ? str_at(e->co, 3) : STR("");
        r.text = n > 3 ? str_at(e->co, 4) : STR("");
    }
    e->done.auth(e->ctx, &r);
}

static struct eval *open_login(struct policy *p, struct txn *t, enum entry which, auth_say *say, auth_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, which == ENTRY_log_in ? PH_TRANSPORT : PH_AUTH, which, end_login);

    e->say = say;
    e->done.auth = done;
    e->ctx = ctx;
    box_push_own(e);
    return e;
}

struct eval *policy_authenticate(struct policy *p, struct txn *t, struct str mechanism, struct str initial,
                                 auth_say *say, auth_done *done, void *ctx)
{
    struct eval *e = open_login(p, t, ENTRY_authenticate, say, done, ctx);

    push_str(e->co, mechanism);
    push_str(e->co, initial);
    return eval_run(e, 3);
}

struct eval *policy_log_in(struct policy *p, struct txn *t, struct str offered, auth_say *say, auth_done *done, void *ctx)
{
    struct eval *e = open_login(p, t, ENTRY_log_in, say, done, ctx);

    push_str(e->co, offered);
    return eval_run(e, 2);
}
