/*
 * state - a Lua state in which rules can do no harm (design 4.7, R8.1, R8.2)
 *
 * The standard libraries are opened, the prelude (lua/host/prelude.lua) takes
 * from them what rules may have, and the globals are then replaced by an empty
 * table: what the prelude did not hand on cannot be reached.
 */
#include "policy/host.h"

#include <luajit.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/shipped.h"

const struct shipped *shipped_find(struct str name)
{
    for (const struct shipped *s = shipped; s->name; s++)
        if (str_same(name, str_of(s->name)))
            return s;
    return NULL;
}

static int panic(lua_State *L)
{
    die("Lua raised an error where nothing may: %s", lua_tostring(L, -1));
}

/* ---- compiling: text only, at every load path */

int state_compile(lua_State *L, struct str name, struct str text)
{
    char chunk[256];

    /* lua_load is told "t" too; this one does not depend on its version. */
    if (text.n && text.p[0] == LUA_SIGNATURE[0]) {
        lua_pushfstring(L, "%s: compiled code is refused", name.p);
        return LUA_ERRSYNTAX;
    }
    snprintf(chunk, sizeof chunk, "%.*s", STR_ARG(name));
    return luaL_loadbufferx(L, text.p ? text.p : "", text.n, chunk, "t");
}

/* ---- chunks of our own */

static int keep_code(lua_State *L, const void *p, size_t n, void *ctx)
{
    (void)L;
    buf_add(ctx, (struct str){ p, n });
    return 0;
}

/* Whether our bytecode is good for this LuaJIT: it makes the same of the probe. */
static bool code_fits(lua_State *L)
{
    struct buf made = { 0 };
    bool fits = luaL_loadbufferx(L, shipped_probe.text, shipped_probe.n, "=probe", "t") == 0 && lua_dump(L, keep_code, &made) == 0
        && str_same(buf_str(&made), (struct str){ shipped_probe.code, shipped_probe.ncode });

    lua_pop(L, 1);
    buf_free(&made);
    return fits;
}

/* Only what was compiled from our own text when the program was built is ever
 * loaded as code; a rule's text never is (R8.1). */
int shipped_load(lua_State *L, const struct shipped *s, const char *chunk)
{
    static enum { UNKNOWN, FITS, DIFFERS } code;    /* a fact of the process */

    if (code == UNKNOWN)
        code = code_fits(L) ? FITS : DIFFERS;
    if (code == FITS)
        return luaL_loadbufferx(L, s->code, s->ncode, chunk, "b");
    return state_compile(L, str_of(chunk), (struct str){ s->text, s->n });
}

static void run_shipped(lua_State *L, const char *name, int nargs)
{
    const struct shipped *s = shipped_find(str_of(name));
    const char *chunk;

    if (!s)
        rule_error(L, "%s is not part of this program", name);
    chunk = lua_pushfstring(L, "=%s", name);
    if (shipped_load(L, s, chunk) != 0)
        lua_error(L);
    lua_remove(L, -2);
    lua_insert(L, -1 - nargs);
    lua_call(L, nargs, 1);
}

/* ---- opening */

static void open_library(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_pushcfunction(L, fn);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

static void add_functions(lua_State *L, const luaL_Reg *r)
{
    for (; r && r->name; r++) {
        lua_pushcfunction(L, r->func);
        lua_setfield(L, -2, r->name);
    }
}

static void push_host(lua_State *L)
{
    lua_newtable(L);
    add_functions(L, host_plain);
    add_functions(L, gate_functions);
    for (const struct lib *const *l = libs; *l; l++)
        add_functions(L, (*l)->plain);
}

static void push_waits(lua_State *L)
{
    lua_newtable(L);
    add_functions(L, host_waits);
    for (const struct lib *const *l = libs; *l; l++)
        add_functions(L, (*l)->waits);
}

/* The names of phases as Lua strings that are always there: an evaluation pushes one. */
static void push_phases(struct policy *p, lua_State *L)
{
    lua_newtable(L);
    for (int i = 0; i < PH_COUNT; i++) {
        lua_pushstring(L, phase_name((enum phase)i));
        lua_pushvalue(L, -1);
        p->phase_ref[i] = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_rawseti(L, -2, i + 1);
    }
}

static void add_table(lua_State *L, const char *name, const luaL_Reg *r)
{
    lua_newtable(L);
    add_functions(L, r);
    lua_setfield(L, -2, name);
}

/* Under lua_cpcall: everything here may raise. */
static void open_libraries(lua_State *L)
{
    open_library(L, "", luaopen_base);
    open_library(L, LUA_STRLIBNAME, luaopen_string);
    open_library(L, LUA_TABLIBNAME, luaopen_table);
    open_library(L, LUA_MATHLIBNAME, luaopen_math);
    open_library(L, LUA_OSLIBNAME, luaopen_os);
    open_library(L, LUA_BITLIBNAME, luaopen_bit);
    gate_open(L);
}

/* The first argument of the prelude: what C offers to lua/mail. */
static void push_offer(lua_State *L, struct policy *p)
{
    push_host(L);
    gate_push(L);
    lua_setfield(L, -2, "gate_get");
    push_phases(p, L);
    lua_setfield(L, -2, "phases");
    set_num(L, "generation", p->generation);
    set_bool(L, "hermetic", p->env.hermetic);
    set_bool(L, "check_only", p->env.check_only);
    set_bool(L, "inspects", p->env.inspects);
    set_bool(L, "strict", p->env.strict);
    set_bool(L, "covers", p->env.cover != NULL);
}

/* The third: functions with limits in place of Lua's, and what marks a wait. */
static void push_limited(lua_State *L, struct policy *p)
{
    lua_newtable(L);
    add_table(L, "string", string_functions);
    add_table(L, "table", table_functions);
    lua_pushlightuserdata(L, &wait_mark);
    lua_setfield(L, -2, "mark");
    lua_pushcfunction(L, wait_take);
    lua_setfield(L, -2, "take");
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->box_ref);
    lua_setfield(L, -2, "box");
    lua_rawgeti(L, LUA_REGISTRYINDEX, p->again_ref);
    lua_setfield(L, -2, "again");
}

static void keep_entries(lua_State *L, struct policy *p)
{
    static const char *const NAMES[] = {
#define X(name) #name,
        ENTRIES(X)
#undef X
    };

    luaL_checktype(L, -1, LUA_TTABLE);
    for (int i = 0; i < ENTRY_COUNT; i++) {
        lua_getfield(L, -1, NAMES[i]);
        p->entry[i] = luaL_ref(L, LUA_REGISTRYINDEX);
    }
}

static int open_state(lua_State *L)
{
    struct policy *p = lua_touserdata(L, 1);

    luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    open_libraries(L);

    /* prelude(host, waits, limited, globals) -> entry functions for us */
    push_offer(L, p);
    push_waits(L);
    push_limited(L, p);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    run_shipped(L, "host/prelude", 4);

    lua_newtable(L);
    lua_replace(L, LUA_GLOBALSINDEX);

    /* what the prelude returns: a function that runs lua/mail and gives entry */
    lua_call(L, 0, 1);
    keep_entries(L, p);
    return 0;
}

enum status state_open(struct policy *p, struct why *why)
{
    struct slice s = { .limit = LOAD_TICKS, .over_text = "loading ran longer than 10 s", .may_grow = STATE_MEMORY };
    int rc;

    p->soft = p->hard = SIZE_MAX;
    p->L = lua_newstate(budget_alloc, p);
    if (!p->L)
        return why_set(why, ST_AGAIN, "no Lua state can be made");
    lua_atpanic(p->L, panic);
    budget_enter(&s, p);
    lua_gc(p->L, LUA_GCSTOP, 0);        /* next to nothing of the library is garbage */
    rc = lua_cpcall(p->L, open_state, p);
    lua_gc(p->L, LUA_GCRESTART, 0);
    budget_leave(&s);
    if (rc != 0) {
        error_text(p->L, -1, why);
        lua_settop(p->L, 0);
        return ST_NEVER;
    }
    return ST_OK;
}

void state_close(struct policy *p)
{
    if (p->L)
        lua_close(p->L);
    p->L = NULL;
}

/* ---- calling on the main thread */

bool state_entry(struct policy *p, enum entry which)
{
    if (p->entry[which] == LUA_REFNIL)
        return false;
    lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->entry[which]);
    return true;
}

bool state_call(struct policy *p, int nargs, int nresults, unsigned ticks, size_t memory, struct why *why)
{
    struct slice s = {
        .limit = ticks, .over_text = ticks == LOAD_TICKS ? "loading ran longer than 10 s" : "the rules ran longer than 1 s",
        .may_grow = memory, .base = p->used,
    };
    int rc;

    budget_enter(&s, p);
    rc = lua_pcall(p->L, nargs, nresults, 0);
    budget_leave(&s);
    if (rc == 0)
        return true;
    if (budget_text(&s))
        p->stats.overruns++;
    p->stats.errors++;
    error_text(p->L, -1, why);
    if (s.said[0])
        why_set(why, ST_NEVER, "%s", s.said);
    else if (rc == LUA_ERRMEM)
        why_set(why, ST_NEVER, "%s%s", s.near, s.memory ? budget_text(&s) : "not enough memory");   /* Lua names no place */
    lua_pop(p->L, 1);
    return false;
}

/* ---- errors */

struct policy *policy_of(lua_State *L)
{
    void *p;

    lua_getallocf(L, &p);
    return p;
}

const char *policy_rules_dir(const struct policy *p)
{
    return p->dir.p;
}

/* Pushes "20-relay.lua:12: " of the nearest caller that is a rule file. */
void push_place(lua_State *L)
{
    lua_Debug ar;

    for (int level = 0; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.source[0] == '@' && ar.currentline > 0) {
            lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
    lua_pushliteral(L, "");
}

_Noreturn int rule_error(lua_State *L, const char *fmt, ...)
{
    va_list ap;

    push_place(L);
    va_start(ap, fmt);
    lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    lua_concat(L, 2);
    lua_error(L);
    die("lua_error came back");         /* lua.h does not say that it cannot */
}

void error_text(lua_State *L, int at, struct why *why)
{
    if (lua_type(L, at) == LUA_TSTRING)
        why_set(why, ST_NEVER, "%.*s", STR_ARG(str_at(L, at)));
    else
        why_set(why, ST_NEVER, "an error that is a %s, not a text", luaL_typename(L, at));
}
