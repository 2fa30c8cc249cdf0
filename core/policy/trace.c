#include "policy/trace.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* The seam's clock counts microseconds; what a statement costs is often less
 * than one. In a pretended world time stands still, and so does this. */
int64_t trace_now(void)
{
    struct timespec t;

    if (clock_is_fake())
        return clock_mono_us() * 1000;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- an evaluation's */

void trace_begin(struct eval *e, bool keep)
{
    struct trace *t = e->trace;

    if (!t) {
        t = e->trace = malloc(sizeof *t);
        if (!t)
            die("out of memory");
        memset(t, 0, offsetof(struct trace, outer));
        t->reads_ref = LUA_NOREF;
    }
    t->on = keep;
    t->n = t->nreads = t->depth = t->lost = 0;
    t->spent_ns = t->waited_ns = t->parked_ns = 0;
    t->began_ns = t->mark_ns = trace_now();
    if (keep && t->reads_ref == LUA_NOREF) {
        lua_newtable(e->policy->L);
        t->reads_ref = luaL_ref(e->policy->L, LUA_REGISTRYINDEX);
    }
}

void trace_end(struct eval *e)
{
    struct trace *t = e->trace;
    lua_State *L = e->policy->L;

    if (!t || !t->on)
        return;
    t->on = false;
    if (!t->nreads || !t->holds)
        return;             /* short texts stay until others take their places */
    t->holds = false;
    if (t->nreads > 40) {
        luaL_unref(L, LUA_REGISTRYINDEX, t->reads_ref);
        t->reads_ref = LUA_NOREF;
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->reads_ref);
    for (unsigned i = 1; i <= 3 * t->nreads; i++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, (int)i);
    }
    lua_pop(L, 1);
}

void trace_parked(struct eval *e)
{
    if (e->trace)
        e->trace->parked_ns = trace_now();
}

void trace_resumed(struct eval *e)
{
    struct trace *t = e->trace;

    if (t && t->parked_ns) {
        t->waited_ns += trace_now() - t->parked_ns;
        t->parked_ns = 0;
    }
}

void trace_free(struct eval *e)
{
    free(e->trace);
    e->trace = NULL;
}

/* ---- secrets */

void trace_auth_read(lua_State *L, const struct eval *e)
{
    struct conn *c = e->txn->conn;
    struct str text = str_at(L, lua_gettop(L));

    if (text.n == 0)
        return;
    for (unsigned i = 0; i < c->nauth_read; i++)
        if (str_same(c->auth_read[i], text))
            return;
    if (c->nauth_read == sizeof c->auth_read / sizeof *c->auth_read)
        c->nauth_read = 0;      /* a client that guesses: what it tried long ago */
    c->auth_read[c->nauth_read++] = arena_dup(&c->arena, text);
}

static bool trace_hides(const struct eval *e, struct str text)
{
    const struct conn *c = e ? e->txn->conn : NULL;
    bool found = false;

    for (size_t i = 0; e && i < e->policy->places.nsecrets && !found; i++)
        found = str_find_str(text, e->policy->places.secret[i]) != SIZE_MAX;
    for (unsigned i = 0; e && i < c->nauth_read && !found; i++)
        found = str_find_str(text, c->auth_read[i]) != SIZE_MAX;
    return found;
}

/* ---- reads */

/* A value that is long, or part of something that grows, is not held on to. */
enum { VALUE_HELD = 400, VALUE_SHORT = 100 };

void trace_put(lua_State *L, struct trace *t, int name, int of, int value, uint32_t us)
{
    int at = (int)(3 * t->nreads);

    if (t->nreads == TRACE_READS || t->reads_ref == LUA_NOREF || !lua_checkstack(L, 4)) {
        t->lost++;
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->reads_ref);
    lua_pushvalue(L, name);
    lua_rawseti(L, -2, at + 1);
    if (of)
        lua_pushvalue(L, of);
    else
        lua_pushboolean(L, 0);
    lua_rawseti(L, -2, at + 2);
    if (lua_type(L, value) == LUA_TTABLE || (lua_type(L, value) == LUA_TSTRING && lua_objlen(L, value) > VALUE_SHORT)
        || (of && lua_type(L, of) == LUA_TTABLE))
        t->holds = true;
    if (lua_type(L, value) == LUA_TSTRING && lua_objlen(L, value) > VALUE_HELD) {
        struct str text = str_at(L, value);

        /* Half a secret would not be known as one any more. */
        if (trace_hides(policy_of(L)->running, text))
            lua_pushliteral(L, "(secret)");
        else
            lua_pushlstring(L, text.p, VALUE_HELD);
    } else {
        lua_pushvalue(L, value);
    }
    lua_rawseti(L, -2, at + 3);
    lua_pop(L, 1);
    t->cost[t->nreads++] = us;
}

void trace_read(lua_State *L, struct eval *e, int name)
{
    struct trace *t = e->trace;
    int value = lua_gettop(L);

    trace_put(L, t, name, 0, value, 0);
}

/* ---- what it costs */

static unsigned slot_of(int64_t ns)
{
    unsigned i = 0;

    while (ns > 1 && i < COST_SLOTS - 1) {
        ns >>= 1;
        i++;
    }
    return i;
}

static void count(struct place *pl, int64_t spent, int64_t waited)
{
    pl->count++;
    pl->total_ns += spent;
    pl->waited_ns += waited;
    if (spent > pl->max_ns)
        pl->max_ns = spent;
    pl->slot[slot_of(spent)]++;
}

static void add_step(struct trace *t, unsigned place, enum mark mark, int64_t ns)
{
    struct step *s;

    if (t->n == TRACE_STEPS) {
        t->lost++;
        return;
    }
    s = &t->step[t->n++];
    s->place = place;
    s->us = ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
    s->reads = (uint16_t)t->nreads;
    s->depth = (uint8_t)t->depth;
    s->mark = (uint8_t)mark;
}

/* A statement is counted when it is left: by a condition that does not hold, or
 * by its end. Time is its own: of an ACL it calls, that one's statements. */
void trace_mark(struct policy *p, struct eval *e, unsigned at, enum mark how)
{
    struct trace *t = e->trace;
    struct place *pl = &p->places.v[at];
    int64_t now = trace_now(), took = now - t->mark_ns;

    t->mark_ns = now;
    if (t->on)
        add_step(t, at, how, took);
    if (pl->kind == PLACE_OTHER) {          /* a router that a condition asked */
        count(pl, took, 0);
        return;
    }
    t->spent_ns += took;
    if (pl->kind == PLACE_CONDITION) {
        if (how == MARK_YES)
            return;
        pl = &p->places.v[pl->parent];
    }
    if (how == MARK_ERROR)
        pl->errors++;
    count(pl, t->spent_ns, t->waited_ns);
    t->spent_ns = t->waited_ns = 0;
}

void trace_inner(struct trace *t, bool in)
{
    int64_t now = trace_now();

    if (in) {
        if (t->depth < TRACE_DEPTH) {
            t->outer[t->depth].spent_ns = t->spent_ns + now - t->mark_ns;
            t->outer[t->depth].waited_ns = t->waited_ns;
        }
        t->depth++;
        t->spent_ns = t->waited_ns = 0;
    } else if (t->depth) {
        t->depth--;
        t->spent_ns = t->depth < TRACE_DEPTH ? t->outer[t->depth].spent_ns : 0;
        t->waited_ns = t->depth < TRACE_DEPTH ? t->outer[t->depth].waited_ns : 0;
    }
    t->mark_ns = now;
}

/* The place an error names: the last one that begins at or before its line. */
static struct place *place_of_error(struct policy *p, const char *text)
{
    const char *colon = strchr(text, ':');
    struct place *found = NULL;
    long line = colon ? strtol(colon + 1, NULL, 10) : 0;

    for (unsigned i = 0; line > 0 && i < p->places.n; i++) {
        struct place *pl = &p->places.v[i];

        if (pl->kind != PLACE_CONDITION && pl->file == (size_t)(colon - text) && memcmp(pl->where.p, text, pl->file) == 0
            && pl->line <= line && (!found || found->line < pl->line))
            found = pl;
    }
    return found;
}

void trace_failed(struct eval *e, bool overrun)
{
    struct place *pl = place_of_error(e->policy, e->why.text);

    if (!pl)
        return;
    if (overrun) {
        pl->overruns++;
        pl->errors++;           /* nothing of Lua's ran any more that could have marked it */
        if (e->trace)
            count(pl, trace_now() - e->trace->mark_ns + e->trace->spent_ns, e->trace->waited_ns);
    }
}

/* ---- the generation's */

static void add_secret(struct policy *p, struct str text)
{
    if (text.n > 0 && p->places.nsecrets < SECRETS_MAX)
        p->places.secret[p->places.nsecrets++] = arena_dup(&p->arena, text);
}

void trace_secret(struct policy *p, struct str text)
{
    struct str line, rest;

    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    add_secret(p, text);
    if (str_find(text, '\n') == SIZE_MAX)
        return;
    for (rest = text; str_cut(&rest, '\n', &line);)
        if (str_trim(line).n >= 4)
            add_secret(p, str_trim(line));
}

void places_free(struct policy *p)
{
    free(p->places.v);
}
