/*
 * A variable as text, for texts that name them (file_expand). What would have
 * to be fetched first, and what cannot be known in the phase, is empty.
 */
#include "policy/vars.h"

static struct str text_of(struct arena *a, const struct val *v)
{
    struct buf b = { 0 };
    struct str s;

    switch (v->type) {
    case VAL_STR:
        return arena_dup(a, v->u.s);
    case VAL_INT:
        return arena_printf(a, "%lld", (long long)v->u.i);
    case VAL_NUM:
        return arena_printf(a, "%g", v->u.d);
    case VAL_BOOL:
        return v->u.b ? STR("true") : STR("false");
    case VAL_LIST:
        for (size_t i = 0; i < v->u.list.n; i++) {
            buf_add(&b, i ? STR(", ") : STR(""));
            buf_add(&b, v->u.list.v[i]);
        }
        s = arena_dup(a, buf_str(&b));
        buf_free(&b);
        return s;
    case VAL_NIL:
    case VAL_FUNC:
        break;
    }
    return STR("");
}

bool policy_variable(const struct policy *p, const struct txn *t, struct str name, struct arena *a, struct str *out)
{
    struct vars v = { .t = t, .arena = a, .policy = p };

    for (size_t i = 0; i < var_count; i++) {
        struct val found = { .type = VAL_NIL };

        if (!str_same(name, str_of(var_rows[i].name)))
            continue;
        if (!var_rows[i].wait && var_rows[i].phases >> t->phase & 1)
            var_rows[i].get(&v, &found);
        *out = text_of(a, &found);
        return true;
    }
    return false;
}
