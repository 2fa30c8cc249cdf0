/*
 * vars_srs - rewritten senders and tagged addresses
 *
 * What a router finds stands with the address it routes (a view's), so that two addresses of one message that are routed at
 * once do not read each other's; what an ACL finds stands with the message.
 */
#include "policy/vars.h"

#include "getters.h"

static bool of_address(const struct txn *t)
{
    return t->addr && t->phase >= PH_ACLS;
}

#define FOUND(name, field)                                                                  \
    void get_srs_##name(const struct vars *v, struct val *out)                              \
    {                                                                                       \
        if (of_address(v->t))                                                               \
            val_text_if(out, v->t->addr->srs.field);                                        \
    }                                                                                       \
    void put_srs_##name(struct txn *t, struct arena *a, const struct val *v)                \
    {                                                                                       \
        if (of_address(t))                                                                  \
            t->addr->srs.field = v->type == VAL_STR ? arena_dup(a, v->u.s) : STR("");       \
    }

FOUND(orig_recipient, orig_recipient)
FOUND(orig_sender, orig_sender)
FOUND(status, status)
FOUND(db_key, db_key)
FOUND(db_address, db_address)

void get_srs_recipient(const struct vars *v, struct val *out)
{
    val_text_if(out, of_address(v->t) ? v->t->addr->srs.recipient : v->t->srs_recipient);
}

void put_srs_recipient(struct txn *t, struct arena *a, const struct val *v)
{
    struct str *at = of_address(t) ? &t->addr->srs.recipient : &t->srs_recipient;

    *at = v->type == VAL_STR ? arena_dup(a, v->u.s) : STR("");
}

void get_prvscheck_address(const struct vars *v, struct val *out)
{
    val_text_if(out, v->t->prvs.address);
}

void put_prvscheck_address(struct txn *t, struct arena *a, const struct val *v)
{
    t->prvs.address = v->type == VAL_STR ? arena_dup(a, v->u.s) : STR("");
}

void get_prvscheck_keynum(const struct vars *v, struct val *out)
{
    if (v->t->prvs.address.n)
        val_int(out, v->t->prvs.key);
}

void put_prvscheck_keynum(struct txn *t, struct arena *a, const struct val *v)
{
    (void)a;
    t->prvs.key = v->type == VAL_INT ? (int)v->u.i : 0;
}

void get_prvscheck_result(const struct vars *v, struct val *out)
{
    if (v->t->prvs.address.n)
        val_bool(out, v->t->prvs.good);
}

void put_prvscheck_result(struct txn *t, struct arena *a, const struct val *v)
{
    (void)a;
    t->prvs.good = v->type == VAL_BOOL && v->u.b;
}
