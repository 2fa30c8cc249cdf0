/*
 * tried - what an evaluation tried, kept beyond its end
 *
 * How an address was routed is asked when its delivery has come to nothing; by
 * then the trace is another's. A copy is a few runs of bytes.
 */
#include "policy/trace.h"

struct tried trace_tried(const struct eval *e)
{
    const struct trace *t = e->trace;

    return (struct tried){
        .policy = e->policy, .step = t->step, .n = t->n, .read = t->read, .nreads = t->nreads, .lost = t->lost,
        .objects_ref = t->objects_ref, .text = buf_str(&t->text),
    };
}

void tried_push(lua_State *L, const struct tried *t, const struct held *h)
{
    switch (h->kind) {
    case HELD_NIL: lua_pushnil(L); break;
    case HELD_TRUE: case HELD_FALSE: lua_pushboolean(L, h->kind == HELD_TRUE); break;
    case HELD_NUMBER: lua_pushnumber(L, h->u.number); break;
    case HELD_TEXT: lua_pushlstring(L, h->u.text.n ? t->text.p + h->u.text.at : "", h->u.text.n); break;
    case HELD_OBJECT:
        if (t->objects_ref == LUA_NOREF) {
            lua_pushliteral(L, "(table)");      /* it was gone before it was asked for */
            break;
        }
        lua_rawgeti(L, LUA_REGISTRYINDEX, t->objects_ref);
        lua_rawgeti(L, -1, h->u.object);
        lua_remove(L, -2);
        break;
    }
}

struct str tried_name(const struct tried *t, const struct read *r)
{
    if (r->name)
        return str_of(r->name);
    return r->label.kind == HELD_TEXT ? (struct str){ t->text.p + r->label.u.text.at, r->label.u.text.n } : STR("?");
}

size_t tried_size(const struct tried *t)
{
    return sizeof *t + t->n * sizeof *t->step + t->nreads * sizeof *t->read + t->text.n;
}

const struct tried *tried_keep(struct arena *a, const struct tried *t)
{
    struct tried *kept = arena_new(a, struct tried);
    struct step *step = arena_array(a, struct step, t->n + 1);
    struct read *read = arena_array(a, struct read, t->nreads + 1);

    *kept = *t;
    memcpy(step, t->step, t->n * sizeof *step);
    memcpy(read, t->read, t->nreads * sizeof *read);
    kept->step = step;
    kept->read = read;
    kept->text = arena_dup(a, t->text);
    kept->objects_ref = LUA_NOREF;
    return kept;
}
