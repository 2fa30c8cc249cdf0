#include "local/names.h"

enum status names_open(struct names *n, struct str pattern, struct why *why)
{
    struct why inner;

    *n = (struct names){ 0 };
    if (pattern.n == 0)
        return ST_OK;
    n->expr = expr_new(pattern, EXPR_BYTES, &inner);
    return n->expr ? ST_OK : why_set(why, ST_AGAIN, "the pattern \"%.*s\": %s", STR_ARG(pattern), inner.text);
}

bool names_match(const struct names *n, const char *name)
{
    return n->expr && expr_find(n->expr, str_of(name), NULL, NULL) == ST_OK;
}

bool names_number(const struct names *n, const char *name, int64_t *out)
{
    struct str group;
    uint64_t value;

    if (!names_match(n, name))
        return false;
    group = expr_group(n->expr, str_of(name), 1);
    if (!group.p || !str_u64(group, (uint64_t)1 << 40, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

void names_close(struct names *n)
{
    expr_free(n->expr);
    *n = (struct names){ 0 };
}
