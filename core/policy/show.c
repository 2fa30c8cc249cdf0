#include "policy/show.h"

#include <math.h>
#include <stdlib.h>

#include <lauxlib.h>

/* The same table may stand in itself many times over: what is written has a
 * bound, counted with every copy that is made of it on the way out. */
enum { DEPTH_MAX = 32, WORK_MAX = 32 * 1024 * 1024 };

struct showing { struct arena *arena; size_t work; bool cut; };

/* ---- texts */

/* Length of the UTF-8 sequence at p, 0 if it is none (RFC 3629: no surrogates,
 * nothing overlong, nothing above U+10FFFF). */
static size_t sequence(const unsigned char *p, size_t n)
{
    size_t need = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3
                : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;

    if (need == 0 || need > n)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90)
        || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return need;
}

static void put_text(struct buf *out, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t len;

    buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i += len) {
        len = sequence(p + i, s.n - i);
        if (len == 0) {
            buf_addf(out, "\\udc%02x", p[i]);
            len = 1;
        } else if (p[i] == '"' || p[i] == '\\') {
            buf_byte(out, '\\');
            buf_byte(out, (char)p[i]);
        } else if (p[i] == '\n') {
            buf_add(out, STR("\\n"));
        } else if (p[i] < 0x20 || p[i] == 0x7f) {
            buf_addf(out, "\\u%04x", p[i]);
        } else {
            buf_add(out, (struct str){ s.p + i, len });
        }
    }
    buf_byte(out, '"');
}

/* JSON has no name for what is no number. */
static void put_number(struct buf *out, double d)
{
    if (!isfinite(d))
        buf_add(out, STR("null"));
    else if (d == floor(d) && fabs(d) < 1e15)
        buf_addf(out, "%.0f", d);
    else
        buf_addf(out, "%.14g", d);
}

/* ---- tables */

static void put_value(lua_State *L, int at, int depth, struct showing *s, struct buf *out);

static void leave_out(struct showing *s, struct buf *out)
{
    put_text(out, STR("..."));
    s->cut = true;
}

/* Keys 1..n and no other. */
static bool is_array(lua_State *L, int at, size_t n)
{
    size_t count = 0;

    lua_pushnil(L);
    while (lua_next(L, at)) {
        lua_pop(L, 1);
        if (++count > n) {
            lua_pop(L, 1);
            return false;
        }
    }
    return count == n;
}

static void put_array(lua_State *L, int at, size_t n, int depth, struct showing *s, struct buf *out)
{
    buf_byte(out, '[');
    for (size_t i = 1; i <= n; i++) {
        if (i > 1)
            buf_byte(out, ',');
        lua_rawgeti(L, at, (int)i);
        put_value(L, lua_gettop(L), depth + 1, s, out);
        lua_pop(L, 1);
    }
    buf_byte(out, ']');
}

/* Each member is written apart, and then all in the order of their names. */
struct member { struct str name, text; };

static int by_name(const void *x, const void *y)
{
    return str_cmp(((const struct member *)x)->name, ((const struct member *)y)->name);
}

static struct str key_text(lua_State *L, int at, struct arena *a)
{
    size_t n;
    const char *p;

    switch (lua_type(L, at)) {
    case LUA_TSTRING:
        p = lua_tolstring(L, at, &n);
        return arena_dup(a, (struct str){ p, n });
    case LUA_TNUMBER:
        return arena_printf(a, "%.14g", lua_tonumber(L, at));
    case LUA_TBOOLEAN:
        return lua_toboolean(L, at) ? STR("true") : STR("false");
    default:
        return arena_printf(a, "%s: %p", luaL_typename(L, at), lua_topointer(L, at));
    }
}

static size_t members(lua_State *L, int at)
{
    size_t n = 0;

    for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1))
        n++;
    return n;
}

static void put_object(lua_State *L, int at, int depth, struct showing *s, struct buf *out)
{
    struct member *m = arena_array(s->arena, struct member, members(L, at) + 1);
    struct buf text = { 0 };
    size_t n = 0;

    for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
        int top = lua_gettop(L);

        buf_clear(&text);
        put_value(L, top, depth + 1, s, &text);
        m[n++] = (struct member){ key_text(L, top - 1, s->arena), arena_dup(s->arena, buf_str(&text)) };
    }
    buf_free(&text);
    qsort(m, n, sizeof *m, by_name);
    buf_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_byte(out, ',');
        put_text(out, m[i].name);
        buf_byte(out, ':');
        buf_add(out, m[i].text);
    }
    buf_byte(out, '}');
}

static void put_table(lua_State *L, int at, int depth, struct showing *s, struct buf *out)
{
    size_t n = lua_objlen(L, at);

    if (depth >= DEPTH_MAX || !lua_checkstack(L, 8))
        leave_out(s, out);
    else if (is_array(L, at, n))
        put_array(L, at, n, depth, s, out);
    else
        put_object(L, at, depth, s, out);
}

static void put_value(lua_State *L, int at, int depth, struct showing *s, struct buf *out)
{
    size_t n = lua_type(L, at) == LUA_TSTRING ? lua_objlen(L, at) : 0;
    const char *p;

    s->work += (n + 16) * (size_t)(depth + 1);
    if (s->work > WORK_MAX) {
        leave_out(s, out);
        return;
    }
    switch (lua_type(L, at)) {
    case LUA_TLIGHTUSERDATA:        /* json.null */
    case LUA_TNIL:
        buf_add(out, STR("null"));
        return;
    case LUA_TBOOLEAN:
        buf_add(out, lua_toboolean(L, at) ? STR("true") : STR("false"));
        return;
    case LUA_TNUMBER:
        put_number(out, lua_tonumber(L, at));
        return;
    case LUA_TSTRING:
        p = lua_tolstring(L, at, &n);
        put_text(out, (struct str){ p, n });
        return;
    case LUA_TTABLE:
        put_table(L, at, depth, s, out);
        return;
    default:
        put_text(out, arena_printf(s->arena, "%s: %p", luaL_typename(L, at), lua_topointer(L, at)));
    }
}

bool show_json(lua_State *L, int at, struct arena *a, struct buf *out)
{
    struct showing s = { .arena = a };

    put_value(L, at, 0, &s, out);
    return !s.cut;
}
