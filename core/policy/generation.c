/*
 * generation - a state made from a snapshot, and its end
 */
#include "policy/trace.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- problems */

void problems_free(struct problems *p)
{
    arena_free(&p->arena);
    p->v = NULL;
    p->n = 0;
}

static struct problem *add_problem(struct problems *out)
{
    struct problem *more = arena_array(&out->arena, struct problem, out->n + 1);

    if (out->n)
        memcpy(more, out->v, out->n * sizeof *more);
    out->v = more;
    return &out->v[out->n++];
}

/* An error that escaped lua/mail: "file:12: text", or no place at all. */
static void problem_of_error(struct problems *out, const struct why *why)
{
    struct problem *q = add_problem(out);
    struct str text = str_of(why->text), file, line, rest = text;
    uint64_t n;

    q->text = arena_dup(&out->arena, text);
    q->file = STR("");
    if (str_cut(&rest, ':', &file) && str_cut(&rest, ':', &line) && str_u64(line, INT32_MAX, &n)) {
        q->file = arena_dup(&out->arena, file);
        q->line = (int)n;
        q->text = arena_dup(&out->arena, str_trim(rest));
    }
}

/* The array on top of the stack. False: an error is among them. */
static bool take_problems(struct policy *p, struct problems *out)
{
    lua_State *L = p->L;
    int list = lua_gettop(L);
    size_t n = lua_istable(L, list) ? lua_objlen(L, list) : 0;
    bool good = true;

    for (size_t i = 1; i <= n; i++) {
        struct problem *q = add_problem(out);

        lua_rawgeti(L, list, (int)i);
        q->file = field_str(L, list + 1, "file", &out->arena);
        q->line = (int)field_int(L, list + 1, "line", 0);
        q->warning = field_bool(L, list + 1, "warning");
        q->text = field_str(L, list + 1, "text", &out->arena);
        good = good && q->warning;
        lua_pop(L, 1);
    }
    lua_settop(L, 0);
    return good;
}

/* ---- loading */

static void push_files(lua_State *L, const struct snapshot *s)
{
    int n = 0;

    lua_newtable(L);
    for (size_t i = 0; i < s->n; i++) {
        if (str_starts(s->files[i].name, STR("lib/")))
            continue;
        lua_createtable(L, 0, 2);
        set_str(L, "name", s->files[i].name);
        set_str(L, "bytes", s->files[i].bytes);
        lua_rawseti(L, -2, ++n);
    }
}

static bool plain(struct policy *p, enum entry which, int nargs, struct problems *out)
{
    struct why why;

    (void)which;
    if (state_call(p, nargs, 1, LOAD_TICKS, STATE_MEMORY, &why))
        return true;
    problem_of_error(out, &why);
    return false;
}

static bool declare(struct policy *p, const struct snapshot *s, struct problems *out)
{
    if (!state_entry(p, ENTRY_declare))
        return true;
    push_files(p->L, s);
    return plain(p, ENTRY_declare, 1, out) && take_problems(p, out);
}

static bool check(struct policy *p, struct problems *out)
{
    if (!state_entry(p, ENTRY_check))
        return true;
    return plain(p, ENTRY_check, 0, out) && take_problems(p, out);
}

static bool read_site(struct policy *p, struct problems *out)
{
    options_default(p);
    if (!state_entry(p, ENTRY_site))
        return true;
    if (!plain(p, ENTRY_site, 0, out))
        return false;
    options_set(p, p->L, lua_gettop(p->L));
    lua_settop(p->L, 0);
    return true;
}

static bool read_acls(struct policy *p, struct problems *out)
{
    lua_State *L = p->L;

    if (!state_entry(p, ENTRY_acls))
        return true;
    if (!plain(p, ENTRY_acls, 0, out))
        return false;
    if (lua_istable(L, -1)) {
        lua_pushnil(L);
        while (lua_next(L, -2)) {
            enum phase ph;

            if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING && phase_find(str_at(L, -2), &ph) && ph < PH_ACLS) {
                p->acls |= 1u << ph;
                p->acl_end[ph] = arena_dup(&p->arena, str_at(L, -1));
            }
            lua_pop(L, 1);
        }
    }
    lua_settop(L, 0);
    return true;
}

static bool read_rewrites(struct policy *p, struct problems *out)
{
    struct why why;

    if (!state_entry(p, ENTRY_rewrites))
        return true;
    if (!state_call(p, 0, 2, LOAD_TICKS, STATE_MEMORY, &why)) {
        problem_of_error(out, &why);
        return false;
    }
    p->rewrites = lua_toboolean(p->L, -2);
    p->rewrites_paths = lua_toboolean(p->L, -1);
    lua_settop(p->L, 0);
    return true;
}

static bool read_authenticators(struct policy *p, struct problems *out)
{
    if (!state_entry(p, ENTRY_has_authenticators))
        return true;
    if (!plain(p, ENTRY_has_authenticators, 0, out))
        return false;
    p->authenticators = lua_toboolean(p->L, -1);
    lua_settop(p->L, 0);
    return true;
}

static bool build(struct policy *p, const struct snapshot *s, struct problems *out)
{
    struct why why;
    bool good;

    options_default(p);
    if (state_open(p, &why) != ST_OK) {
        problem_of_error(out, &why);
        return false;
    }
    p->files = s;
    cover_begin(p, s);
    cover_hook(p);
    /* What is wrong with the references is worth saying even if a file is wrong too. */
    good = declare(p, s, out);
    p->files = NULL;
    return check(p, out) && good && read_site(p, out) && read_acls(p, out) && read_rewrites(p, out)
        && read_authenticators(p, out);
}

enum status policy_load(const struct policy_env *e, const struct snapshot *s, uint32_t generation,
                        struct policy **out, struct problems *problems)
{
    struct policy *p = calloc(1, sizeof *p);
    char cwd[4096];

    if (!p)
        die("out of memory");
    memset(problems, 0, sizeof *problems);
    p->env = *e;
    p->generation = generation;
    p->refs = 1;
    p->soft = p->hard = SIZE_MAX;
    p->dir = arena_dup(&p->arena, str_of(s->dir));
    p->cwd = arena_dup(&p->arena, str_of(getcwd(cwd, sizeof cwd)));
    p->transports = map_new();
    p->events = map_new();
    conn_init(&p->nobody);
    p->nothing = txn_new(&p->nobody);
    *out = NULL;
    if (!build(p, s, problems)) {
        policy_release(p);
        return ST_NEVER;
    }
    if (!p->env.hermetic)               /* a pretended world is gone before it matters */
        lua_gc(p->L, LUA_GCCOLLECT, 0);
    costs_ready(p);
    p->loaded = true;
    *out = p;
    return ST_OK;
}

/* ---- the end */

void policy_hold(struct policy *p)
{
    p->refs++;
}

void policy_release(struct policy *p)
{
    if (!p || --p->refs > 0)
        return;
    state_close(p);
    evals_free(p);
    places_free(p);
    map_free(p->transports);
    map_free(p->events);
    if (p->covered)
        map_free(p->covered);
    txn_free(p->nothing);
    conn_free(&p->nobody);
    arena_free(&p->scratch);
    arena_free(&p->arena);
    free(p);
}

void policy_use_dns(struct policy *p, struct dns *dns) { p->env.dns = dns; }
uint32_t policy_generation(const struct policy *p) { return p->generation; }
size_t policy_memory(const struct policy *p) { return p->used; }
bool policy_worn(const struct policy *p) { return p->worn; }
void policy_stats(const struct policy *p, struct policy_stats *out) { *out = p->stats; }
