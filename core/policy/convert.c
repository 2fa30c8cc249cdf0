/*
 * convert - values between Lua and C
 *
 * Arguments of library functions are checked and raise; results of rule code
 * are read by the engine outside of rules, so those functions never raise and
 * take whatever they find.
 */
#include <math.h>

#include "mail/addr.h"
#include "policy/host.h"

const struct policy_env *policy_env(lua_State *L)
{
    return &policy_of(L)->env;
}

struct arena *policy_arena(lua_State *L)
{
    struct eval *e = eval_running(L);

    if (!e)
        rule_error(L, "no evaluation is running");
    return &e->arena;
}

struct arena *policy_scratch(lua_State *L)
{
    struct policy *p = policy_of(L);

    arena_reset(&p->scratch);
    return &p->scratch;
}

/* ---- arguments */

struct str arg_str(lua_State *L, int arg, size_t max)
{
    size_t n;
    const char *p;

    if (lua_type(L, arg) != LUA_TSTRING && lua_type(L, arg) != LUA_TNUMBER)
        rule_error(L, "bad argument #%d (string expected, got %s)", arg, luaL_typename(L, arg));
    p = lua_tolstring(L, arg, &n);
    if (n > max)
        rule_error(L, "bad argument #%d (at most %d bytes, not %d)", arg, (int)max, (int)n);
    return (struct str){ p, n };
}

bool arg_opt_str(lua_State *L, int arg, size_t max, struct str *out)
{
    if (lua_isnoneornil(L, arg))
        return false;
    *out = arg_str(L, arg, max);
    return true;
}

int64_t arg_int(lua_State *L, int arg, int64_t min, int64_t max)
{
    double d;

    if (!lua_isnumber(L, arg))
        rule_error(L, "bad argument #%d (number expected, got %s)", arg, luaL_typename(L, arg));
    d = lua_tonumber(L, arg);
    if (!(d >= (double)min && d <= (double)max) || d != floor(d))
        rule_error(L, "bad argument #%d (a whole number from %f to %f expected)", arg, (double)min, (double)max);
    return (int64_t)d;
}

void push_str(lua_State *L, struct str s)
{
    if (s.p)
        lua_pushlstring(L, s.p, s.n);
    else
        lua_pushnil(L);
}

void set_str(lua_State *L, const char *name, struct str s)
{
    push_str(L, s);
    lua_setfield(L, -2, name);
}

void set_num(lua_State *L, const char *name, double n)
{
    lua_pushnumber(L, n);
    lua_setfield(L, -2, name);
}

void set_bool(lua_State *L, const char *name, bool b)
{
    lua_pushboolean(L, b);
    lua_setfield(L, -2, name);
}

void push_val(lua_State *L, const struct val *v)
{
    switch (v->type) {
    case VAL_BOOL: lua_pushboolean(L, v->u.b); return;
    case VAL_INT: lua_pushnumber(L, (lua_Number)v->u.i); return;
    case VAL_NUM: lua_pushnumber(L, v->u.d); return;
    case VAL_STR: push_str(L, v->u.s); return;
    case VAL_LIST:
        lua_createtable(L, (int)v->u.list.n, 0);
        for (size_t i = 0; i < v->u.list.n; i++) {
            push_str(L, v->u.list.v[i]);
            lua_rawseti(L, -2, (int)i + 1);
        }
        lua_rawgeti(L, LUA_REGISTRYINDEX, policy_of(L)->list_ref);
        lua_setmetatable(L, -2);
        return;
    case VAL_NIL:
    case VAL_FUNC: break;
    }
    lua_pushnil(L);
}

/* ---- results */

struct str str_at(lua_State *L, int at)
{
    struct str s = { 0 };
    int type = lua_type(L, at);

    if (type == LUA_TSTRING || type == LUA_TNUMBER)
        s.p = lua_tolstring(L, at, &s.n);
    return s;
}

static void number_of(double d, struct val *v)
{
    if (d == floor(d) && fabs(d) < 9007199254740992.0) {
        v->type = VAL_INT;
        v->u.i = (int64_t)d;
    } else {
        v->type = VAL_NUM;
        v->u.d = d;
    }
}

static void list_of(lua_State *L, int at, struct arena *a, struct val *v)
{
    size_t n = lua_objlen(L, at);
    struct str *list = arena_array(a, struct str, n ? n : 1);

    v->type = VAL_LIST;
    v->u.list.v = list;
    v->u.list.n = 0;
    lua_checkstack(L, 2);
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, at, (int)i);
        if (lua_isstring(L, -1))
            list[v->u.list.n++] = arena_dup(a, str_at(L, -1));
        lua_pop(L, 1);
    }
}

void val_of(lua_State *L, int at, struct arena *a, struct val *v)
{
    v->type = VAL_NIL;
    switch (lua_type(L, at)) {
    case LUA_TBOOLEAN:
        v->type = VAL_BOOL;
        v->u.b = lua_toboolean(L, at);
        return;
    case LUA_TNUMBER: number_of(lua_tonumber(L, at), v); return;
    case LUA_TSTRING:
        v->type = VAL_STR;
        v->u.s = arena_dup(a, str_at(L, at));
        return;
    case LUA_TTABLE: list_of(L, at < 0 && at > LUA_REGISTRYINDEX ? lua_gettop(L) + at + 1 : at, a, v); return;
    case LUA_TFUNCTION:
        v->type = VAL_FUNC;
        v->u.ref = 1;
        return;
    }
}

/* Fields are read raw: a metamethod must not run outside of a slice. */
static void raw_field(lua_State *L, int table, const char *name)
{
    lua_pushstring(L, name);
    if (lua_istable(L, table)) {
        lua_rawget(L, table);
    } else {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

struct str field_str(lua_State *L, int table, const char *name, struct arena *a)
{
    struct str s;

    raw_field(L, table, name);
    s = str_at(L, -1);
    if (s.p)
        s = arena_dup(a, s);
    lua_pop(L, 1);
    return s;
}

int64_t field_int(lua_State *L, int table, const char *name, int64_t missing)
{
    double d;

    raw_field(L, table, name);
    d = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : (double)missing;
    lua_pop(L, 1);
    return d >= -9e15 && d <= 9e15 ? (int64_t)d : missing;
}

double field_num(lua_State *L, int table, const char *name, double missing)
{
    double d;

    raw_field(L, table, name);
    d = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : missing;
    lua_pop(L, 1);
    return d;
}

bool field_bool(lua_State *L, int table, const char *name)
{
    bool b;

    raw_field(L, table, name);
    b = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return b;
}

/* ---- a table of options by name, into an array by number */

void options_of(lua_State *L, int table, struct arena *a, struct val *v, size_t n, int (*find)(struct str name))
{
    if (!lua_istable(L, table))
        return;
    lua_checkstack(L, 4);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        int at = lua_type(L, -2) == LUA_TSTRING ? find(str_at(L, -2)) : -1;

        if (at >= 0 && (size_t)at < n)
            val_of(L, -1, a, &v[at]);
        lua_pop(L, 1);
    }
}

/* ---- what routers answer */

static void host_of(lua_State *L, int at, struct arena *a, struct host *h)
{
    struct str ip = field_str(L, at, "ip", a);

    h->name = field_str(L, at, "name", a);
    if (!ip.p || !ip_parse(ip, &h->ip))
        h->ip.v = IP_NONE;
    h->port = (uint16_t)field_int(L, at, "port", 0);
    h->preference = (int32_t)field_int(L, at, "preference", -1);
    h->secure = field_bool(L, at, "secure");
    h->mx_of = field_str(L, at, "mx_of", a);
    h->mx_at = field_str(L, at, "mx_at", a);
}

size_t hosts_of(lua_State *L, int table, const char *name, struct arena *a, struct host **out)
{
    size_t n = 0;
    int at;

    raw_field(L, table, name);
    at = lua_gettop(L);
    if (lua_istable(L, at) && (n = lua_objlen(L, at)) > 0) {
        *out = arena_array(a, struct host, n);
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, at, (int)i + 1);
            host_of(L, lua_gettop(L), a, &(*out)[i]);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return n;
}

static void edits_of(lua_State *L, int table, struct arena *a, struct header_edit **out)
{
    static const char *const PLACES[] = { "at_end", "at_start", "after_received", "at_start_rfc" };
    int at;

    raw_field(L, table, "edits");
    at = lua_gettop(L);
    for (size_t i = 1, n = lua_istable(L, at) ? lua_objlen(L, at) : 0; i <= n; i++) {
        struct header_edit *e = arena_new(a, struct header_edit);
        struct str place;
        const char *reason;

        lua_rawgeti(L, at, (int)i);
        e->remove = field_bool(L, at + 1, "remove");
        e->text = field_str(L, at + 1, "text", a);
        place = field_str(L, at + 1, "place", a);
        for (size_t k = 0; k < sizeof PLACES / sizeof *PLACES; k++)
            if (str_same(place, str_of(PLACES[k])))
                e->place = (enum header_place)k;
        lua_pop(L, 1);
        if (!e->remove && e->text.p && !header_make(a, e->text, &e->text, &reason))
            continue;
        if (e->text.p) {
            *out = e;
            out = &e->next;
        }
    }
    lua_pop(L, 1);
}

static void r_vars_of(lua_State *L, int table, struct arena *a, struct user_var **out)
{
    int at;

    raw_field(L, table, "r_vars");
    at = lua_gettop(L);
    if (lua_istable(L, at)) {
        lua_pushnil(L);
        while (lua_next(L, at)) {
            struct val v;

            val_of(L, -1, a, &v);
            if (lua_type(L, -2) == LUA_TSTRING)
                user_var_set(a, out, str_at(L, -2), &v);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static enum route_kind kind_of(struct str name)
{
    static const char *const KINDS[] = { "to", "fail", "defer", "discard", "freeze", "unrouteable", "note" };

    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (str_same(name, str_of(KINDS[i])))
            return (enum route_kind)i;
    return ROUTE_DEFER;
}

static void address_of(lua_State *L, int at, struct arena *a, struct at_address *out)
{
    struct addr split;

    out->address = field_str(L, at, "address", a);
    out->local_part = field_str(L, at, "local_part", a);
    out->domain = field_str(L, at, "domain", a);
    out->local_part_as_is = field_str(L, at, "local_part_as_is", a);
    out->prefix = field_str(L, at, "prefix", a);
    out->prefix_v = field_str(L, at, "prefix_v", a);
    out->suffix = field_str(L, at, "suffix", a);
    out->suffix_v = field_str(L, at, "suffix_v", a);
    out->domain_data = field_str(L, at, "domain_data", a);
    out->local_part_data = field_str(L, at, "local_part_data", a);
    out->parent = field_str(L, at, "parent", a);
    out->original = field_str(L, at, "original", a);
    out->router = field_str(L, at, "router", a);
    out->transport = field_str(L, at, "transport", a);
    out->address_data = field_str(L, at, "address_data", a);
    out->home = field_str(L, at, "home", a);
    out->self_hostname = field_str(L, at, "self_hostname", a);
    out->return_path = field_str(L, at, "return_path", a);
    out->local_uid = (int32_t)field_int(L, at, "local_uid", -1);
    out->local_gid = (int32_t)field_int(L, at, "local_gid", -1);
    out->file = field_str(L, at, "file", a);
    out->pipe = field_str(L, at, "pipe", a);
    out->srs.sender = field_str(L, at, "srs_sender", a);
    out->srs.recipient = field_str(L, at, "srs_recipient", a);
    out->srs.orig_recipient = field_str(L, at, "srs_orig_recipient", a);
    out->srs.orig_sender = field_str(L, at, "srs_orig_sender", a);
    out->srs.status = field_str(L, at, "srs_status", a);
    out->srs.db_key = field_str(L, at, "srs_db_key", a);
    out->srs.db_address = field_str(L, at, "srs_db_address", a);
    r_vars_of(L, at, a, &out->r_vars);
    if (!out->domain.p && addr_split(out->address, &split)) {
        out->domain = arena_lower(a, split.domain);
        out->local_part_as_is = addr_unquote(a, split.local);
        out->local_part = arena_lower(a, out->local_part_as_is);
    }
}

/* log_local: nil says that the transport decides. */
static enum log_style style_of(lua_State *L, int at)
{
    enum log_style style;

    raw_field(L, at, "log_local");
    style = lua_isnil(L, -1) ? LOG_STYLE_TRANSPORT : lua_toboolean(L, -1) ? LOG_STYLE_LOCAL : LOG_STYLE_FULL;
    lua_pop(L, 1);
    return style;
}

void route_items(lua_State *L, int at, struct arena *a, struct route_item **items, size_t *n)
{
    *n = lua_istable(L, at) ? lua_objlen(L, at) : 0;
    *items = arena_array(a, struct route_item, *n ? *n : 1);
    lua_checkstack(L, 12);
    for (size_t i = 0; i < *n; i++) {
        struct route_item *it = &(*items)[i];
        int top;

        lua_rawgeti(L, at, (int)i + 1);
        top = lua_gettop(L);
        it->kind = kind_of(field_str(L, top, "kind", a));
        address_of(L, top, a, &it->at);
        it->nhosts = hosts_of(L, top, "hosts", a, &it->hosts);
        it->nfallback = hosts_of(L, top, "fallback", a, &it->fallback);
        edits_of(L, top, a, &it->edits);
        it->text = field_str(L, top, "text", a);
        it->one_time = field_bool(L, top, "one_time");
        it->unseen = field_bool(L, top, "unseen");
        it->quiet = field_bool(L, top, "quiet");
        it->initgroups = field_bool(L, top, "initgroups");
        it->hide_child = field_bool(L, top, "hide_child");
        it->style = style_of(L, top);
        it->directory = field_str(L, top, "directory", a);
        it->queue = field_bool(L, top, "queue");
        it->order = (int)field_int(L, top, "order", 0);
        lua_pop(L, 1);
    }
}
