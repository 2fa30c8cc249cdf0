#include "policy/world_lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/load.h"
#include "base/near.h"

/* build/gen/spec_lua.h: the two files of lua/spec, and words.lua, as string literals. */
#include "spec_lua.h"

/* What the state's C functions need; file-scope because lua_pushcfunction has
 * no context and one process runs one set of specs. */
static const struct world_ops *ops;
static const struct spec_sink *sink;

/* ---- arguments. A config table's text must outlive the call only, and the
 * table stays on the stack, so the strings point into Lua. */

static struct str arg_str(lua_State *L, int at)
{
    struct str s = { NULL, 0 };

    if (!lua_isnoneornil(L, at))
        s.p = luaL_checklstring(L, at, &s.n);
    return s;
}

static struct str field_str(lua_State *L, const char *name)
{
    struct str s = { NULL, 0 };

    lua_getfield(L, 1, name);
    if (!lua_isnil(L, -1))
        s.p = luaL_checklstring(L, -1, &s.n);
    return s;               /* left on the stack on purpose: keeps it alive */
}

enum { FILES_MAX = 256 };

static void read_files(lua_State *L, struct world_config *c, const char **files)
{
    lua_getfield(L, 1, "rules");
    if (lua_isstring(L, -1)) {
        c->rules_dir = lua_tostring(L, -1);
        return;
    }
    if (!lua_istable(L, -1))
        return;
    for (c->nfiles = 0; c->nfiles < FILES_MAX; c->nfiles++) {
        luaL_checkstack(L, 2, "rules");
        lua_rawgeti(L, -1 - (int)c->nfiles, (int)c->nfiles + 1);
        if (lua_isnil(L, -1))
            break;
        files[c->nfiles] = luaL_checkstring(L, -1);
    }
    c->files = files;
}

static void read_config(lua_State *L, int at, struct world_config *c, const char **files)
{
    struct str now;

    luaL_checktype(L, at, LUA_TTABLE);
    lua_pushvalue(L, at);
    lua_replace(L, 1);
    lua_settop(L, 1);
    *c = (struct world_config){ .hermetic = true, .lua_name = "lua" };
    read_files(L, c, files);
    c->lua = field_str(L, "lua");
    c->zone = field_str(L, "zone");
    c->zone_file = field_str(L, "zonefile").p;
    now = field_str(L, "now");
    if (now.p && !clock_parse(now, &c->now_us))
        luaL_error(L, "now = \"%s\" is no time", now.p);
    lua_getfield(L, 1, "seed");
    c->seed = (uint64_t)luaL_optnumber(L, -1, 0);
    lua_getfield(L, 1, "deliver");
    c->deliver = lua_isnil(L, -1) || lua_toboolean(L, -1);
}

static struct world *arg_world(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
    return lua_touserdata(L, 1);
}

static struct world_session *arg_session(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
    return lua_touserdata(L, 1);
}

/* nil and the text, both freed or owned by Lua afterwards. */
static int push_why(lua_State *L, struct buf *why)
{
    lua_pushnil(L);
    lua_pushlstring(L, buf_str(why).p, why->n);
    buf_free(why);
    return 2;
}

static void push_str(lua_State *L, struct str s)
{
    lua_pushlstring(L, s.p ? s.p : "", s.n);
}

/* ---- worlds */

static int l_open(lua_State *L)
{
    const char *files[FILES_MAX];
    struct world_config c;
    struct buf why = { 0 };
    struct world *w;

    read_config(L, 1, &c, files);
    w = ops->open(&c, &why);
    if (!w)
        return push_why(L, &why);
    buf_free(&why);
    lua_pushlightuserdata(L, w);
    return 1;
}

static int l_reload(lua_State *L)
{
    const char *files[FILES_MAX];
    struct world *w = arg_world(L);
    struct world_config c;
    struct buf why = { 0 };

    read_config(L, 2, &c, files);
    if (!ops->reload(w, &c, &why))
        return push_why(L, &why);
    buf_free(&why);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_check(lua_State *L)
{
    const char *files[FILES_MAX];
    struct world_config c;
    struct buf said = { 0 };

    read_config(L, 1, &c, files);
    lua_pushboolean(L, ops->check(&c, &said));
    push_str(L, buf_str(&said));
    buf_free(&said);
    return 2;
}

static int l_close(lua_State *L)
{
    ops->close(arg_world(L));
    return 0;
}

/* The load average that the world pretends. */
static int l_load(lua_State *L)
{
    load_fake(luaL_checknumber(L, 2));
    return 0;
}

static int l_advance(lua_State *L)
{
    ops->advance(arg_world(L), (int64_t)luaL_checknumber(L, 2));
    return 0;
}

static int l_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)ops->now(arg_world(L)));
    return 1;
}

/* ---- sessions */

static int l_session(lua_State *L)
{
    struct world_session *s = ops->session(arg_world(L), arg_str(L, 2), (uint16_t)luaL_optinteger(L, 3, 0));

    if (!s)
        return luaL_error(L, "client \"%s\" is no address", lua_tostring(L, 2));
    lua_pushlightuserdata(L, s);
    return 1;
}

/* true, or nil and why: world.lua knows whose line it is. */
static int push_done(lua_State *L, bool ok, const struct why *why)
{
    if (ok)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    lua_pushstring(L, ok ? NULL : why->text);
    return 2;
}

static int l_tls(lua_State *L)
{
    struct why why = { 0 };

    return push_done(L, ops->tls(arg_session(L), arg_str(L, 2), arg_str(L, 3), &why), &why);
}

static int l_send(lua_State *L)
{
    ops->send(arg_session(L), arg_str(L, 2));
    return 0;
}

static int l_reply(lua_State *L)
{
    struct arena a = { 0 };
    struct str text;

    if (!ops->reply(arg_session(L), &a, &text))
        lua_pushnil(L);
    else
        push_str(L, text);
    arena_free(&a);
    return 1;
}

static int l_over(lua_State *L)
{
    lua_pushboolean(L, ops->over(arg_session(L)));
    return 1;
}

static int l_hang_up(lua_State *L)
{
    ops->hang_up(arg_session(L));
    return 0;
}

/* ---- looking: each makes an array */

struct into { lua_State *L; int n; enum log_file file; };

static void add_line(void *ctx, enum log_file f, struct str line)
{
    struct into *in = ctx;

    if (f != in->file)
        return;
    push_str(in->L, line);
    lua_rawseti(in->L, -2, ++in->n);
}

static int l_log(lua_State *L)
{
    static const char *const names[] = { "main", "reject", "panic", "json", NULL };
    struct world *w = arg_world(L);
    struct into in = { L, 0, (enum log_file)luaL_checkoption(L, 2, "main", names) };

    lua_newtable(L);
    ops->each_log(w, add_line, &in);
    return 1;
}

static void set_text(lua_State *L, const char *name, struct str s)
{
    push_str(L, s);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, double n)
{
    lua_pushnumber(L, n);
    lua_setfield(L, -2, name);
}

static void add_delivery(void *ctx, const struct world_delivery *d)
{
    struct into *in = ctx;

    lua_newtable(in->L);
    set_text(in->L, "id", d->id);
    set_text(in->L, "recipient", d->recipient);
    set_text(in->L, "transport", d->transport);
    set_text(in->L, "host", d->host);
    set_text(in->L, "file", d->file);
    set_text(in->L, "message", d->message);
    lua_rawseti(in->L, -2, ++in->n);
}

static int l_deliveries(lua_State *L)
{
    struct into in = { L, 0, LOG_MAIN };
    struct world *w = arg_world(L);

    lua_newtable(L);
    ops->each_delivery(w, add_delivery, &in);
    return 1;
}

static void add_row(void *ctx, const struct world_row *r)
{
    struct into *in = ctx;

    lua_newtable(in->L);
    set_text(in->L, "id", r->id);
    set_text(in->L, "sender", r->sender);
    set_text(in->L, "recipients", r->recipients);
    set_text(in->L, "queue", r->queue);
    set_number(in->L, "pending", r->pending);
    set_number(in->L, "size", (double)r->size);
    set_number(in->L, "received", (double)r->received);
    set_number(in->L, "next_try", (double)r->next_try);
    lua_pushboolean(in->L, r->flags & 1);       /* SPOOL_FROZEN */
    lua_setfield(in->L, -2, "frozen");
    lua_rawseti(in->L, -2, ++in->n);
}

static int l_rows(lua_State *L)
{
    struct into in = { L, 0, LOG_MAIN };
    struct world *w = arg_world(L);

    lua_newtable(L);
    ops->each_row(w, add_row, &in);
    return 1;
}

static int l_message(lua_State *L)
{
    struct arena a = { 0 };
    struct str text;

    if (ops->message(arg_world(L), arg_str(L, 2), &a, &text))
        push_str(L, text);
    else
        lua_pushnil(L);
    arena_free(&a);
    return 1;
}

/* ---- doing and asking */

/* true, or nil and the text. */
static int push_end(lua_State *L, bool ok, struct str text, struct arena *a)
{
    if (ok)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    push_str(L, text);
    arena_free(a);
    return 2;
}

static int l_queue(lua_State *L)
{
    struct arena a = { 0 };
    struct str why = { 0 };
    bool ok = ops->queue(arg_world(L), arg_str(L, 2), arg_str(L, 3), &why, &a);

    return push_end(L, ok, why, &a);
}

static int l_submit(lua_State *L)
{
    struct arena a = { 0 };
    struct str rcpts[64], text = { 0 };
    size_t n = 0;
    enum status st;

    luaL_checktype(L, 3, LUA_TTABLE);
    for (n = 0; n < 64; n++) {
        lua_rawgeti(L, 3, (int)n + 1);
        if (lua_isnil(L, -1))
            break;
        rcpts[n] = arg_str(L, -1);
    }
    st = ops->submit(arg_world(L), lua_toboolean(L, 5), arg_str(L, 2), rcpts, n, arg_str(L, 4), &a, &text);
    return push_end(L, st == ST_OK, text, &a);
}

static int l_eval(lua_State *L)
{
    struct arena a = { 0 };
    struct str text = { 0 };
    enum status st = ops->eval(arg_world(L), arg_str(L, 2), arg_str(L, 3), arg_str(L, 4), arg_str(L, 5), &a, &text);

    if (st != ST_OK)
        return push_end(L, false, text, &a);
    push_str(L, text);
    arena_free(&a);
    return 1;
}

static int l_peer(lua_State *L)
{
    struct why why = { 0 };

    return push_done(L, ops->peer(arg_world(L), arg_str(L, 2), arg_str(L, 3), arg_str(L, 4), &why), &why);
}

static int l_heard(lua_State *L)
{
    struct arena a = { 0 };
    struct str text = { 0 };
    unsigned connections = 0;

    ops->peer_heard(arg_world(L), arg_str(L, 2), &a, &text, &connections);
    push_str(L, text);
    lua_pushnumber(L, connections);
    arena_free(&a);
    return 2;
}

static int l_answer(lua_State *L)
{
    static const char *const ends[] = { "ok", "none", "again", NULL };
    static const enum status status[] = { ST_OK, ST_NONE, ST_AGAIN };

    ops->answer(arg_world(L), arg_str(L, 2), arg_str(L, 3), arg_str(L, 4), status[luaL_checkoption(L, 5, "ok", ends)],
                arg_str(L, 6));
    return 0;
}

/* near(word, names): the end of "there is no such name". */
static int l_near(lua_State *L)
{
    struct str names[64];
    size_t n = 0;
    struct buf said = { 0 };

    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_settop(L, 2); n < sizeof names / sizeof *names; n++) {
        luaL_checkstack(L, 2, "names");
        lua_rawgeti(L, 2, (int)n + 1);
        if (lua_isnil(L, -1))
            break;
        names[n] = arg_str(L, -1);      /* stays on the stack */
    }
    near_say(&said, arg_str(L, 1), names, n);
    push_str(L, buf_str(&said));
    buf_free(&said);
    return 1;
}

static const luaL_Reg functions[] = {
    { "open", l_open }, { "check", l_check }, { "reload", l_reload }, { "close", l_close }, { "advance", l_advance }, { "load", l_load }, { "now", l_now },
    { "session", l_session }, { "tls", l_tls }, { "send", l_send }, { "reply", l_reply }, { "over", l_over }, { "hang_up", l_hang_up },
    { "log", l_log }, { "deliveries", l_deliveries }, { "rows", l_rows }, { "message", l_message },
    { "queue", l_queue }, { "submit", l_submit }, { "eval", l_eval }, { "peer", l_peer }, { "heard", l_heard },
    { "answer", l_answer }, { "near", l_near },
    { NULL, NULL },
};

/* ---- running */

static int l_result(lua_State *L)
{
    const char *kind = luaL_checkstring(L, 1);
    enum spec_end end = strcmp(kind, "passed") == 0 ? SPEC_PASSED : strcmp(kind, "skipped") == 0 ? SPEC_SKIPPED : SPEC_FAILED;

    sink->result(sink->ctx, end, arg_str(L, 2), arg_str(L, 3), (int)luaL_optinteger(L, 4, 0), arg_str(L, 5));
    return 0;
}

/* package.preload["perigee.world"]: the module, given its C functions and the words its tables may have. */
static int l_module(lua_State *L)
{
    if (luaL_loadbuffer(L, spec_world_lua, sizeof spec_world_lua - 1, "=perigee/world.lua") != 0)
        return lua_error(L);
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    if (luaL_loadbuffer(L, spec_words_lua, sizeof spec_words_lua - 1, "=perigee/words.lua") != 0)
        return lua_error(L);
    lua_call(L, 0, 1);
    lua_call(L, 2, 1);
    return 1;
}

static void push_files(lua_State *L, const char *const *paths, size_t n)
{
    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushstring(L, paths[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

bool world_specs(const struct world_ops *o, const char *const *paths, size_t n, const char *filter,
                 const struct spec_sink *s, struct buf *why)
{
    lua_State *L = luaL_newstate();
    bool ok;

    if (!L)
        die("specs: out of memory");
    ops = o;
    sink = s;
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, l_module);
    lua_setfield(L, -2, "perigee.world");
    lua_settop(L, 0);
    ok = luaL_loadbuffer(L, spec_run_lua, sizeof spec_run_lua - 1, "=perigee/run.lua") == 0;
    if (ok) {
        push_files(L, paths, n);
        lua_pushstring(L, filter);
        lua_pushcfunction(L, l_result);
        ok = lua_pcall(L, 3, 0, 0) == 0;
    }
    if (!ok)
        buf_addf(why, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "the specs could not be run");
    lua_close(L);
    return ok;
}

const char *world_lua_version(void)
{
    return LUAJIT_VERSION;
}
