/* What lua/mail tells of the rules that are run, and the hook that counts their
 * lines. Only in a generation that was given a cover (cover.h). */
#include <stdlib.h>
#include <unistd.h>

#include "policy/cover.h"
#include "policy/host.h"

/* ---- which files: those that lie on disk, under the names of their chunks */

static void add_file(struct policy *p, const struct snapshot *s, const struct snapshot_file *f)
{
    struct str path = arena_printf(&p->arena, "%s/%.*s", s->dir, STR_ARG(f->name));

    if (!str_ends(f->name, STR(".lua")))
        return;                 /* the text of a spec itself */
    if (access(path.p, R_OK) != 0)
        path = f->name;
    if (str_starts(path, STR("./")))
        path = str_from(path, 2);
    if (access(arena_z(&p->arena, path), R_OK) == 0)
        map_put(p->covered, f->name, cover_open(p->env.cover, path, f->bytes));
}

void cover_begin(struct policy *p, const struct snapshot *s)
{
    if (!p->env.cover)
        return;
    p->covered = map_new();
    for (size_t i = 0; i < s->n; i++)
        add_file(p, s, &s->files[i]);
}

static struct cover_file *file_of(lua_State *L, struct str name)
{
    struct policy *p = policy_of(L);

    return p->covered ? map_get(p->covered, name) : NULL;
}

/* ---- lines */

static void line_hook(lua_State *L, lua_Debug *ar)
{
    struct policy *p = policy_of(L);
    struct cover_file *f;

    lua_getinfo(L, "S", ar);
    if (ar->source[0] != '@')
        return;
    f = map_get(p->covered, str_of(ar->source + 1));
    if (f && ar->currentline > 0 && (size_t)ar->currentline <= f->lines)
        f->hits[ar->currentline]++;
}

void cover_hook(struct policy *p)
{
    if (p->covered)
        lua_sethook(p->L, line_hook, LUA_MASKLINE, 0);
    else if (lua_gethook(p->L))
        lua_sethook(p->L, NULL, 0, 0);
}

/* cover_lines(file, lines): where statements begin */
static int l_cover_lines(lua_State *L)
{
    struct cover_file *f = file_of(L, arg_str(L, 1, 4096));
    size_t n = (luaL_checktype(L, 2, LUA_TTABLE), lua_objlen(L, 2));

    for (size_t i = 1; f && i <= n; i++) {
        lua_rawgeti(L, 2, (int)i);
        if (lua_tointeger(L, -1) > 0 && (size_t)lua_tointeger(L, -1) <= f->lines)
            f->code[lua_tointeger(L, -1)] = true;
        lua_pop(L, 1);
    }
    return 0;
}

/* ---- statements and routers */

/* cover_place(file, line, what, always) -> a handle for cover_count, or nil */
static int l_cover_place(lua_State *L)
{
    struct str name = arg_str(L, 1, 4096);
    int line = (int)arg_int(L, 2, 0, INT32_MAX);
    struct cover_file *f = file_of(L, name);
    struct cover *c = policy_env(L)->cover;
    size_t at;

    if (!f || line < 1 || (size_t)line > f->lines)
        return 0;
    at = cover_name(c, f, line, arg_str(L, 3, 200));
    f->place[at].always = lua_toboolean(L, 4);
    f->code[line] = true;
    lua_pushlightuserdata(L, f);
    lua_pushinteger(L, (lua_Integer)at);
    return 2;
}

/* cover_count(handle, index, taken): it was asked, or (taken) it answered */
static int l_cover_count(lua_State *L)
{
    struct cover_file *f = lua_touserdata(L, 1);
    size_t at = (size_t)arg_int(L, 2, 0, INT32_MAX);

    if (!f || at >= f->nplaces)
        return 0;
    if (lua_toboolean(L, 3))
        f->place[at].taken++;
    else
        f->place[at].asked++;
    return 0;
}

static const luaL_Reg plain[] = {
    { "cover_lines", l_cover_lines },
    { "cover_place", l_cover_place },
    { "cover_count", l_cover_count },
    { NULL, NULL },
};

extern const struct lib lib_cover;
const struct lib lib_cover = { plain, NULL };
