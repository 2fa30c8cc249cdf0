/* Lookups for rules: a question is copied, answered on a helper thread, and brought back. What
 * the kinds of file are: look.h. */
#include <stdlib.h>

#include "policy/host.h"
#include "policy/look.h"

enum { LOOK_WAIT_MS = 30000, LOOK_WAIT_MAX_MS = 600000, BUSY_MS = 5000, QUERY_MAX = 64 << 10 };

/* A question that a thread works on. It cannot be stopped, so when the asker has gone
 * `wait` is emptied, the thread is told, and the answer is dropped. */
struct look_job {
    struct wait *wait;
    const struct look_row *row;
    struct look look;
    atomic_bool gone;
    struct arena arena;
    enum status status;
    struct why why;
};

/* The wait's own copy of the answer. */
struct looked {
    struct look_job *job;       /* while the thread has it */
    struct look look;
    enum status status;
    struct str why;
};

static void job_run(void *ctx)
{
    struct look_job *j = ctx;

    j->status = j->row->look(&j->look, &j->why);
}

static void look_cancel(void *ctx)
{
    struct looked *k = ctx;

    if (!k->job)
        return;
    atomic_store(&k->job->gone, true);
    k->job->wait = NULL;
}

/* ---- the answer */

static void push_rows(lua_State *L, const struct look *l)
{
    lua_createtable(L, (int)l->rows, 0);
    for (size_t row = 1; row <= l->rows; row++) {
        lua_createtable(L, 0, (int)l->columns);
        for (size_t i = 0; i < l->columns; i++) {
            push_str(L, l->cell[i]);
            push_str(L, l->cell[row * l->columns + i]);
            lua_rawset(L, -3);
        }
        lua_rawseti(L, -2, (int)row);
    }
}

static int look_push(lua_State *L, void *ctx)
{
    struct looked *k = ctx;

    if (k->status != ST_OK) {
        lua_pushstring(L, k->status == ST_NONE ? "none" : "again");
        push_str(L, k->why);
        return 2;
    }
    lua_pushliteral(L, "ok");
    if (k->look.flags & LOOK_ROWS && k->look.columns) {
        push_rows(L, &k->look);
        return 2;
    }
    push_str(L, k->look.value);
    lua_pushnumber(L, (lua_Number)k->look.which + 1);
    return 3;
}

static struct str copy(struct arena *a, struct str s)
{
    return s.p ? arena_dup(a, s) : s;
}

static void copy_rows(struct arena *a, struct look *to, const struct look *from)
{
    size_t n = (from->rows + 1) * from->columns;

    to->cell = arena_array(a, struct str, n + 1);
    for (size_t i = 0; i < n; i++)
        to->cell[i] = copy(a, from->cell[i]);
}

static void job_free(struct look_job *j)
{
    arena_free(&j->arena);
    free(j);
}

static void job_done(void *ctx)
{
    struct look_job *j = ctx;
    struct wait *w = j->wait;

    if (w) {
        struct looked *k = wait_ctx(w);

        k->job = NULL;
        k->status = j->status;
        k->look = j->look;
        k->look.value = copy(wait_arena(w), j->look.value);
        if (j->status == ST_OK && j->look.flags & LOOK_ROWS)
            copy_rows(wait_arena(w), &k->look, &j->look);
        k->why = arena_dup(wait_arena(w), str_of(j->why.text));
        wait_done(w, look_push);
    }
    job_free(j);
}

/* The pool ends, and the answer will not come. */
static void job_drop(void *ctx)
{
    struct look_job *j = ctx;

    if (j->wait)
        ((struct looked *)wait_ctx(j->wait))->job = NULL;
    job_free(j);
}

/* ---- the question */

static bool option_on(lua_State *L, const char *name)
{
    bool on;

    lua_getfield(L, 4, name);
    on = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return on;
}

static int64_t option_ms(lua_State *L, const char *name, int64_t missing)
{
    double seconds;

    lua_getfield(L, 4, name);
    seconds = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : -1;
    lua_pop(L, 1);
    if (!(seconds >= 0))
        return missing;
    return seconds * 1000 > LOOK_WAIT_MAX_MS ? LOOK_WAIT_MAX_MS : (int64_t)(seconds * 1000);
}

static unsigned flags_of(lua_State *L)
{
    static const struct { const char *name; unsigned flag; } words[] = {
        { "rows", LOOK_ROWS }, { "write", LOOK_WRITE }, { "full", LOOK_FULL }, { "files", LOOK_FILES }, { "dirs", LOOK_DIRS },
        { "every", LOOK_EVERY },
    };
    unsigned flags = 0;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (option_on(L, words[i].name))
            flags |= words[i].flag;
    return flags;
}

static size_t check_keys(lua_State *L)
{
    size_t n = lua_objlen(L, 3);

    luaL_argcheck(L, n <= LOOK_KEYS_MAX, 3, "too many keys");
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, 3, (int)i);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TBOOLEAN || (lua_type(L, -1) == LUA_TSTRING && lua_objlen(L, -1) <= QUERY_MAX), 3,
                      "a key is a text of at most 64 KiB");
        lua_pop(L, 1);
    }
    return n;
}

static void copy_keys(lua_State *L, struct look_job *j, size_t n)
{
    struct str *keys = arena_array(&j->arena, struct str, n + 1);

    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 3, (int)i + 1);
        if (lua_type(L, -1) == LUA_TSTRING) {
            struct str s;

            s.p = lua_tolstring(L, -1, &s.n);
            keys[i] = arena_dup(&j->arena, s);
        }
        lua_pop(L, 1);
    }
    j->look.key = keys;
    j->look.nkeys = n;
}

static int outside_push(lua_State *L, void *ctx)
{
    (void)ctx;
    lua_pushliteral(L, "again");
    lua_pushliteral(L, "the file is outside of the rule directory of this hermetic world");
    return 2;
}

/* look(kind, path, keys, { query =, rows =, write =, full =, files =, dirs =, every =, busy =, timeout = })
 * -> "ok", value, which | "ok", rows | "none" | "again", why. Of a query the keys are its parameters: "s..."
 * a text, "n..." a number, false NULL. */
static int l_look(lua_State *L)
{
    const struct look_row *row = look_find(arg_str(L, 1, 32));
    char what[64], path[FILE_PATH_ROOM];
    struct str query = { 0 };
    struct look_job *j;
    struct looked *k;
    struct wait *w;
    bool seen;
    size_t n;

    luaL_argcheck(L, row, 1, "there is no such lookup");
    seen = file_path(L, 2, path);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_settop(L, 4);
    n = check_keys(L);
    lua_getfield(L, 4, "query");
    arg_opt_str(L, 5, QUERY_MAX, &query);
    snprintf(what, sizeof what, "lookup.%s", row->name);
    w = wait_begin(L, what, option_ms(L, "timeout", LOOK_WAIT_MS), look_cancel, sizeof *k);
    if (!seen) {
        wait_done(w, outside_push);
        return wait_yield(w);
    }
    if (!policy_env(L)->pool) {
        wait_error(w, "files cannot be read here");
        return wait_yield(w);
    }
    k = wait_ctx(w);
    j = calloc(1, sizeof *j);
    if (!j)
        die("out of memory");
    j->wait = w;
    j->row = row;
    j->look = (struct look){
        .path = arena_z(&j->arena, str_of(path)), .below = "", .query = arena_dup(&j->arena, query), .flags = flags_of(L),
        .busy_ms = option_ms(L, "busy", BUSY_MS), .gone = &j->gone, .arena = &j->arena,
    };
    copy_keys(L, j, n);
    k->job = j;
    pool_work_or(policy_env(L)->pool, job_run, job_done, job_drop, j);
    return wait_yield(w);
}

/* ---- plain */

/* txn_serial(m): a number no other transaction of this process has */
static int l_txn_serial(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)arg_txn(L, 1)->serial);
    return 1;
}

/* scripted(kind, file, key) -> nil | status, value: what a spec wrote for it */
static int l_scripted(lua_State *L)
{
    const struct policy_env *env = policy_env(L);
    struct str kind = arg_str(L, 1, 32), file = arg_str(L, 2, FILE_PATH_ROOM), key = arg_str(L, 3, QUERY_MAX), value = { 0 };
    enum status st;

    if (!env->scripted || !env->scripted(env->scripted_ctx, kind, file, key, &st, &value))
        return 0;
    lua_pushstring(L, status_name(st));
    push_str(L, value);
    return 2;
}

/* list_file(path) -> mark and text | nil, why. Rules are being loaded, so it is read here and now. */
static int l_list_file(lua_State *L)
{
    char path[FILE_PATH_ROOM];
    struct look l = { .path = path, .below = "", .arena = policy_scratch(L) };
    struct why why;

    if (!file_path(L, 1, path))
        return 0;
    if (look_find(STR("list"))->look(&l, &why) != ST_OK) {
        lua_pushnil(L);
        lua_pushstring(L, why.text);
        return 2;
    }
    push_str(L, l.value);
    return 1;
}

static const luaL_Reg plain[] = {
    { "txn_serial", l_txn_serial },
    { "scripted", l_scripted },
    { "list_file", l_list_file },
    { NULL, NULL },
};
static const luaL_Reg waits[] = {
    { "look", l_look },
    { NULL, NULL },
};

extern const struct lib lib_look;
const struct lib lib_look = { plain, waits };
