/*
 * options - main and transport options by number; rows made by lua/gen
 */
#include "options.h"

#include "policy/host.h"

static int find(const struct option_row *rows, int n, struct str name)
{
    for (int i = 0; i < n; i++)
        if (str_same(name, str_of(rows[i].row.name)))
            return i;
    return -1;
}

int policy_opt_find(struct str name) { return find(opt_rows, OPT_COUNT, name); }
int topt_find(struct str name) { return find(topt_rows, TOPT_COUNT, name); }

const struct opt_row *policy_opt_row(int opt)
{
    return opt >= 0 && opt < OPT_COUNT ? &opt_rows[opt].row : NULL;
}

void options_default(struct policy *p)
{
    p->opts = arena_array(&p->arena, struct val, OPT_COUNT + 1);
    for (int i = 0; i < OPT_COUNT; i++)
        p->opts[i] = opt_rows[i].def;
}

void options_set(struct policy *p, lua_State *L, int table)
{
    options_of(L, table, &p->arena, p->opts, OPT_COUNT, policy_opt_find);
}

size_t transport_count(void)
{
    return TOPT_COUNT;
}

void transport_defaults(struct val *v)
{
    for (int i = 0; i < TOPT_COUNT; i++)
        v[i] = topt_rows[i].def;
}

enum phase option_phase(int opt)
{
    return opt >= 0 && opt < OPT_COUNT ? opt_rows[opt].phase : PH_OPTION;
}

struct val option_default(int opt)
{
    return opt_rows[opt].def;
}

static const struct val nil = { .type = VAL_NIL };

const struct val *policy_opt(const struct policy *p, int opt)
{
    return opt >= 0 && opt < OPT_COUNT && p->opts ? &p->opts[opt] : &nil;
}

bool policy_opt_bool(const struct policy *p, int opt)
{
    const struct val *v = policy_opt(p, opt);

    return v->type == VAL_BOOL && v->u.b;
}

int64_t policy_opt_int(const struct policy *p, int opt)
{
    const struct val *v = policy_opt(p, opt);

    return v->type == VAL_INT ? v->u.i : v->type == VAL_NUM ? (int64_t)v->u.d : 0;
}

struct str policy_opt_str(const struct policy *p, int opt)
{
    const struct val *v = policy_opt(p, opt);

    return v->type == VAL_STR ? v->u.s : (struct str){ 0 };
}
