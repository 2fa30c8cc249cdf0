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

/* Of a text; and how much room for texts an evaluation that has ended keeps. */
enum { VALUE_HELD = 400, TEXT_KEPT = 16 << 10 };

/* ---- an evaluation's */

void trace_begin(struct eval *e, bool keep)
{
    struct trace *t = e->trace;

    if (!t) {
        t = e->trace = malloc(sizeof *t);
        if (!t)
            die("out of memory");
        memset(t, 0, offsetof(struct trace, frame));
        t->objects_ref = LUA_NOREF;
    }
    t->on = keep;
    t->n = t->nreads = t->depth = t->lost = t->nframes = t->floor = 0;
    t->spent_ns = t->waited_ns = t->parked_ns = 0;
    t->began_ns = t->mark_ns = trace_now();
}

void trace_end(struct eval *e)
{
    struct trace *t = e->trace;

    if (!t || !t->on)
        return;
    t->on = false;
    if (t->text.n > TEXT_KEPT)
        buf_free(&t->text);
    buf_clear(&t->text);
    luaL_unref(e->policy->L, LUA_REGISTRYINDEX, t->objects_ref);
    t->objects_ref = LUA_NOREF;
    t->nobjects = 0;
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
    if (e->trace)
        buf_free(&e->trace->text);
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

/* Of a long text the beginning: half a secret would not be known as one any more. */
static struct held hold_text(lua_State *L, struct trace *t, int at)
{
    struct held h = { .kind = HELD_TEXT };
    struct str text = str_at(L, at);

    if (text.n > VALUE_HELD)
        text = trace_hides(policy_of(L)->running, text) ? STR("(secret)") : str_head(text, VALUE_HELD);
    h.u.text.at = (uint32_t)t->text.n;
    h.u.text.n = (uint32_t)text.n;
    buf_add(&t->text, text);
    return h;
}

/* Tables, functions: rare, and let go as the evaluation ends. */
static struct held hold_object(lua_State *L, struct trace *t, int at)
{
    struct held h = { .kind = HELD_OBJECT };

    if (!lua_checkstack(L, 4))
        return (struct held){ .kind = HELD_NIL };
    if (t->objects_ref == LUA_NOREF) {
        lua_newtable(L);
        t->objects_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->objects_ref);
    lua_pushvalue(L, at);
    lua_rawseti(L, -2, (int)++t->nobjects);
    lua_pop(L, 1);
    h.u.object = (int)t->nobjects;
    return h;
}

static struct held hold(lua_State *L, struct trace *t, int at)
{
    switch (lua_type(L, at)) {
    case LUA_TNONE: case LUA_TNIL:
        return (struct held){ .kind = HELD_NIL };
    case LUA_TBOOLEAN:
        return (struct held){ .kind = lua_toboolean(L, at) ? HELD_TRUE : HELD_FALSE };
    case LUA_TNUMBER:
        return (struct held){ .kind = HELD_NUMBER, .u.number = lua_tonumber(L, at) };
    case LUA_TSTRING:
        return hold_text(L, t, at);
    default:
        return hold_object(L, t, at);
    }
}

static struct read *add_read(struct trace *t)
{
    if (t->nreads == TRACE_READS) {
        t->lost++;
        return NULL;
    }
    return &t->read[t->nreads];
}

void trace_put(lua_State *L, struct trace *t, int name, int of, int value, uint32_t us)
{
    struct read *r = add_read(t);

    if (!r)
        return;
    r->name = NULL;
    r->us = us;
    r->label = hold(L, t, name);
    r->of = of ? hold(L, t, of) : (struct held){ .kind = HELD_NIL };
    r->value = hold(L, t, value);
    t->nreads++;
}

void trace_read(lua_State *L, struct trace *t, const char *name, int at)
{
    struct read *r = add_read(t);

    if (!r)
        return;
    r->name = name;
    r->us = 0;
    if (!name)
        r->label = hold(L, t, at);
    r->of.kind = HELD_NIL;
    r->value = hold(L, t, lua_gettop(L));
    t->nreads++;
}

/* ---- what it costs */

/* The logarithm to base two. */
static unsigned slot_of(int64_t ns)
{
    unsigned i = ns > 1 ? 63u - (unsigned)__builtin_clzll((unsigned long long)ns) : 0;

    return i < COST_SLOTS - 1 ? i : COST_SLOTS - 1;
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

/* An error went past what was entered, and a statement lives with it. */
static void drop_frames(struct trace *t)
{
    if (t->floor < TRACE_FRAMES) {
        t->spent_ns += t->frame[t->floor].spent_ns;
        t->waited_ns += t->frame[t->floor].waited_ns;
    }
    t->nframes = t->floor;
}

/* A statement is counted when it is left: by a condition that does not hold, or
 * by its end. Time is its own: of an ACL it calls, that one's statements. */
void trace_mark(struct policy *p, struct eval *e, unsigned at, enum mark how)
{
    struct trace *t = e->trace;
    struct place *pl = &p->places.v[at];
    int64_t now = trace_now(), took = now - t->mark_ns;

    t->mark_ns = now;
    if (pl->kind <= PLACE_CONDITION && t->nframes > t->floor)
        drop_frames(t);
    t->spent_ns += took;
    if (t->on)
        add_step(t, at, how, pl->kind <= PLACE_CONDITION ? took : t->spent_ns);
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

static void push_frame(struct trace *t)
{
    int64_t now = trace_now();

    if (t->nframes < TRACE_FRAMES)
        t->frame[t->nframes] = (struct frame){ t->spent_ns + now - t->mark_ns, t->waited_ns, t->floor };
    t->nframes++;
    t->spent_ns = t->waited_ns = 0;
    t->mark_ns = now;
}

static void pop_frame(struct trace *t)
{
    const struct frame *f = &t->frame[--t->nframes];

    if (t->nframes < TRACE_FRAMES) {
        t->spent_ns = f->spent_ns;
        t->waited_ns = f->waited_ns;
        t->floor = f->floor;
    } else if (t->floor > t->nframes) {
        t->floor = t->nframes;
    }
    t->mark_ns = trace_now();
}

void trace_enter(struct trace *t)
{
    push_frame(t);
}

void trace_leave(struct trace *t)
{
    if (t->nframes > t->floor)
        pop_frame(t);
}

void trace_inner(struct trace *t, bool in)
{
    if (in) {
        push_frame(t);
        t->floor = t->nframes;
        t->depth++;
    } else if (t->depth) {
        t->nframes = t->floor;
        pop_frame(t);
        t->depth--;
    }
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
    } else if (pl->kind == PLACE_OTHER) {
        pl->errors++;           /* an ACL and an option's function mark theirs */
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
