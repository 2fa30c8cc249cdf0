/*
 * vars_arc - the chain of ARC, once somebody has asked for it
 */
#include "auth/proof.h"
#include "policy/vars.h"

#include "getters.h"

static const struct arc *judged(const struct vars *v)
{
    return v->t->proof && v->t->proof->arc.judged ? &v->t->proof->arc : NULL;
}

void get_arc_state(const struct vars *v, struct val *out)
{
    if (judged(v))
        val_text(out, str_of(arc_state_name(judged(v)->state)));
}

void get_arc_state_reason(const struct vars *v, struct val *out)
{
    if (judged(v))
        val_text_if(out, judged(v)->reason);
}

void get_arc_domains(const struct vars *v, struct val *out)
{
    struct str *names;

    if (!judged(v))
        return;
    out->type = VAL_LIST;
    out->u.list.n = arc_domains(judged(v), v->arena, &names);
    out->u.list.v = names;
}

void get_arc_oldest_pass(const struct vars *v, struct val *out)
{
    if (judged(v))
        val_int(out, judged(v)->oldest);
}
