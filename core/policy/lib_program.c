/* Programs that rules ask: by argument vector, never a shell, with a clean
 * environment, a time and a size (R7.4). Whoever runs the engine runs them; here
 * they are only a question with an answer. */
#include <unistd.h>

#include "policy/lua.h"

enum { ARGS_MAX = 256, ARG_MAX = 65536, SECONDS_MAX = 600, OUTPUT_MAX = 1 << 20 };

struct asked {
    void *program;
    void (*cancel)(void *program);
    bool ok;
    struct str text;            /* what it printed, or why not */
};

static void asked_cancel(void *ctx)
{
    struct asked *k = ctx;

    if (k->program)
        k->cancel(k->program);
    k->program = NULL;
}

static int asked_push(lua_State *L, void *ctx)
{
    struct asked *k = ctx;

    lua_pushstring(L, k->ok ? "ok" : "again");
    push_str(L, k->text);
    return 2;
}

static void asked_done(void *ctx, const struct policy_program_end *end)
{
    struct wait *w = ctx;
    struct asked *k = wait_ctx(w);
    struct arena *a = wait_arena(w);

    k->program = NULL;
    k->ok = false;
    if (end->started != ST_OK)
        k->text = arena_dup(a, str_of(end->why.text));
    else if (end->timed_out)
        k->text = STR("the program took too long and was ended");
    else if (end->too_much)
        k->text = STR("the program printed too much and was ended");
    else if (end->signal)
        k->text = arena_printf(a, "the program was ended by signal %d", end->signal);
    else if (end->status)
        k->text = arena_printf(a, "the program returned exit code %d", end->status);
    else {
        k->ok = true;
        k->text = arena_dup(a, end->output);
    }
    wait_done(w, asked_push);
}

static char *argument(lua_State *L, struct arena *a, int at, int i)
{
    size_t n;
    const char *p;
    char *z;

    lua_rawgeti(L, at, i);
    p = lua_tolstring(L, -1, &n);
    if (!p || n > ARG_MAX || memchr(p, 0, n))
        luaL_argerror(L, at, "arguments are texts without NUL");
    z = arena_z(a, (struct str){ p, n });
    lua_pop(L, 1);
    return z;
}

static int64_t field(lua_State *L, const char *name, int64_t most)
{
    double d;

    lua_getfield(L, 2, name);
    d = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return d >= 1 && d <= (double)most ? (int64_t)d : most;
}

/* program({ path, argument ... }, { seconds =, output =, directory = }) -> "ok", text | "again", why */
static int l_program(lua_State *L)
{
    const struct policy_env *env = policy_env(L);
    struct policy_program p = { 0 };
    struct arena *a = policy_arena(L);
    struct str dir;
    char **argv;
    struct wait *w;
    struct asked *k;
    size_t n;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    n = lua_objlen(L, 1);
    luaL_argcheck(L, n > 0 && n <= ARGS_MAX, 1, "a program with at most 255 arguments");
    argv = arena_array(a, char *, n + 1);
    for (size_t i = 0; i < n; i++)
        argv[i] = argument(L, a, 1, (int)i + 1);
    p.argv = argv;
    luaL_argcheck(L, argv[0][0] == '/', 1, "the program's path begins with /");
    p.timeout_ms = field(L, "seconds", SECONDS_MAX) * 1000;
    p.output_max = (size_t)field(L, "output", OUTPUT_MAX);
    lua_getfield(L, 2, "directory");
    dir = lua_isstring(L, -1) ? arg_str(L, lua_gettop(L), 4096) : STR("/");
    p.directory = arena_z(a, dir);
    lua_pop(L, 1);
    w = wait_begin(L, "program", p.timeout_ms < SECONDS_MAX * 1000 - 1000 ? p.timeout_ms + 1000 : SECONDS_MAX * 1000, asked_cancel, sizeof *k);
    k = wait_ctx(w);
    if (env->check_only || !env->program_run) {
        k->text = STR("no programs here");
        wait_done(w, asked_push);
        return wait_yield(w);
    }
    k->cancel = env->program_cancel;
    k->program = env->program_run(env->ctx, &p, asked_done, w);
    return wait_yield(w);
}

/* own_ids() -> { uid =, gid = } of the engine */
static int l_own_ids(lua_State *L)
{
    lua_createtable(L, 0, 2);
    set_num(L, "uid", geteuid());
    set_num(L, "gid", getegid());
    return 1;
}

static const luaL_Reg plain[] = {
    { "own_ids", l_own_ids },
    { NULL, NULL },
};
static const luaL_Reg waits[] = {
    { "program", l_program },
    { NULL, NULL },
};

extern const struct lib lib_program;
const struct lib lib_program = { plain, waits };
