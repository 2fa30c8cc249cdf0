/*
 * gate - the mail object: the one place where rules meet a transaction's facts
 *
 * Lua holds a box: which evaluation, which serial of it, in which phase, about
 * which address. A box is good as long as its evaluation runs; after that, it gives a message
 * instead of old memory. Every name is a row (core/policy/api); nil means
 * absent, and never "too early" or "misspelt": those are errors.
 */
#include "policy/trace.h"

#include "base/near.h"

enum { USER_VALUE_MAX = 64 << 10, USER_MEMORY_MAX = 16 << 20 };

static const char BOX[] = "mail object";

/* ---- boxes */

static void box_push(lua_State *L, struct eval *e, enum phase ph, struct at_address *addr)
{
    struct box *b = lua_newuserdata(L, sizeof *b);

    b->eval = e;
    b->serial = e->serial;
    b->phase = ph;
    b->addr = addr;
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->policy->box_ref);
    lua_setmetatable(L, -2);
}

void box_push_own(struct eval *e)
{
    lua_State *L = e->co;

    box_push(L, e, e->phase, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->policy->current_ref);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, e->slot);
    lua_pop(L, 1);
}

static struct box *box_of(lua_State *L, int arg)
{
    struct box *b = lua_touserdata(L, arg);

    if (!b || !lua_getmetatable(L, arg))
        return NULL;
    if (lua_topointer(L, -1) != policy_of(L)->box_meta)
        b = NULL;
    lua_pop(L, 1);
    return b;
}

static struct box *box_arg(lua_State *L, int arg)
{
    struct box *b = box_of(L, arg);

    if (!b)
        rule_error(L, "bad argument #%d (mail object expected, got %s)", arg, luaL_typename(L, arg));
    if (b->eval->serial != b->serial)
        rule_error(L, "this mail object has expired: it is good for the message it was given with, and for no longer");
    return b;
}

/* The transaction as this box sees it; getters read phase and addr from there. */
static struct txn *seen(const struct box *b)
{
    struct eval *e = b->eval;
    struct txn *t = e->txn;

    t->phase = b->phase;
    t->addr = b->addr ? b->addr : e->own_addr;
    t->host = e->host;
    t->event = e->event;
    return t;
}

struct txn *arg_txn(lua_State *L, int arg)
{
    return seen(box_arg(L, arg));
}

/* ---- names */

static const struct var_row *row_named(lua_State *L, int key)
{
    const struct var_row *row;

    lua_rawgeti(L, LUA_REGISTRYINDEX, policy_of(L)->rows_ref);
    lua_pushvalue(L, key);
    lua_rawget(L, -2);
    row = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return row;
}

static bool in_phase(uint32_t phases, enum phase ph)
{
    return phases >> ph & 1;
}

/* Exim's $h_subject: and its like. */
static const struct { const char *head, *view; } header_forms[] = {
    { "h_", "header" }, { "header_", "header" }, { "rh_", "rheader" }, { "rheader_", "rheader" },
    { "bh_", "bheader" }, { "bheader_", "bheader" }, { "lh_", "lheader" }, { "lheader_", "lheader" },
};

static int unknown(lua_State *L, struct str name)
{
    const char *nearest = NULL;
    size_t best = name.n / 3 + 2, d;

    for (const struct gone_row *g = gone_rows; g->name; g++)
        if (str_same(name, str_of(g->name)))
            return rule_error(L, "there is no variable %s: %s", g->name, g->text);
    for (size_t i = 0; i < sizeof header_forms / sizeof *header_forms; i++)
        if (str_starts(name, str_of(header_forms[i].head)))
            return rule_error(L, "header fields are read as m.%s.NAME or m.%s[\"NAME\"], not as m.%s",
                              header_forms[i].view, header_forms[i].view, name.p);
    if (str_starts(name, STR("acl_")))
        return rule_error(L, "there is no variable %s: rules' own begin with acl_c_ (of the connection) or acl_m_ (of the message)", name.p);
    for (size_t i = 0; i < var_count; i++) {
        d = near_distance(name, str_of(var_rows[i].name));
        if (d < best) {
            best = d;
            nearest = var_rows[i].name;
        }
    }
    if (nearest)
        return rule_error(L, "there is no variable %s; did you mean %s?", name.p, nearest);
    return rule_error(L, "there is no variable %s", name.p);
}

static const char *phase_names(struct arena *a, uint32_t phases)
{
    struct buf b = { 0 };
    const char *out;

    for (int ph = 0; ph < PH_COUNT; ph++)
        if (in_phase(phases, (enum phase)ph))
            buf_addf(&b, "%s%s", b.n ? ", " : "", phase_name((enum phase)ph));
    out = arena_z(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static int too_early(lua_State *L, const char *name, uint32_t phases, enum phase ph)
{
    return rule_error(L, "%s is not known in phase %s, only in %s", name, phase_name(ph), phase_names(policy_scratch(L), phases));
}

/* ---- families: acl_c_*, acl_m_*, r_*, header views, regex */

static const struct family_row *family_of(struct str name)
{
    for (const struct family_row *f = family_rows; f->head; f++) {
        size_t n = strlen(f->head);

        if (f->head[n - 1] == '_' ? name.n > n && str_starts(name, str_of(f->head)) : str_same(name, str_of(f->head)))
            return f;
    }
    return NULL;
}

static struct user_var **user_list(struct txn *t, struct str name, struct arena **a)
{
    *a = &t->arena;
    if (str_starts(name, STR("acl_c_"))) {
        *a = &t->conn->arena;
        return &t->conn->acl_c;
    }
    if (str_starts(name, STR("acl_m_")))
        return &t->acl_m;
    return t->addr ? &t->addr->r_vars : NULL;
}

static int push_view(lua_State *L, int box, const char *kind)
{
    lua_createtable(L, 0, 1);
    /* The view's table keeps its mail object; its metatable says how to read. */
    view_keep(L, box);
    lua_rawgeti(L, LUA_REGISTRYINDEX, policy_of(L)->view_ref);
    lua_getfield(L, -1, kind);
    lua_remove(L, -2);
    lua_setmetatable(L, -2);
    return 1;
}

static int get_family(lua_State *L, const struct box *b, struct str name)
{
    const struct family_row *f = family_of(name);
    struct txn *t = seen(b);
    struct user_var **list;
    struct arena *a;
    const struct val *v;

    if (!f)
        return unknown(L, name);
    if (!in_phase(f->phases, b->phase))
        return too_early(L, name.p, f->phases, b->phase);
    if (f->head[strlen(f->head) - 1] != '_')
        return push_view(L, 1, f->head);
    list = user_list(t, name, &a);
    v = list ? user_var_get(*list, name) : NULL;
    if (v)
        push_val(L, v);
    else
        lua_pushnil(L);
    if (b->eval->trace && b->eval->trace->on)
        trace_read(L, b->eval->trace, NULL, 2);
    return 1;
}

/* ---- reading and writing m.NAME */

static void read_row(lua_State *L, const struct box *b, const struct var_row *row)
{
    struct policy *p = b->eval->policy;
    struct vars v = { .t = seen(b), .arena = policy_scratch(L), .policy = p };
    struct val out = { .type = VAL_NIL };

    row->get(&v, &out);
    push_val(L, &out);
}

static struct str name_arg(lua_State *L, int arg)
{
    if (lua_type(L, arg) == LUA_TNUMBER)
        rule_error(L, "variables have names, not a number: what a regex condition caught is in m.regex[%s]", lua_tostring(L, arg));
    if (lua_type(L, arg) != LUA_TSTRING)
        rule_error(L, "variables have names, not a %s", luaL_typename(L, arg));
    return str_at(L, arg);
}

/* gate_get(m, name): nothing has to be fetched any more. The one that is hot:
 * its table of rows is an upvalue. */
static int gate_get(lua_State *L)
{
    struct box *b = box_arg(L, 1);
    const struct var_row *row;

    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    row = lua_touserdata(L, 3);
    if (!row)
        return get_family(L, b, name_arg(L, 2));
    if (!in_phase(row->phases, b->phase))
        return too_early(L, row->name, row->phases, b->phase);
    read_row(L, b, row);
    if (row->phases == 1u << PH_AUTH && str_starts(str_of(row->name), STR("auth")))
        trace_auth_read(L, b->eval);
    if (b->eval->trace && b->eval->trace->on)
        trace_read(L, b->eval->trace, row->name, 2);
    return 1;
}

/* gate_check(m, name): before something is fetched for it. */
static int gate_check(lua_State *L)
{
    struct box *b = box_arg(L, 1);
    const struct var_row *row = row_named(L, 2);

    if (row && !in_phase(row->phases, b->phase))
        return too_early(L, row->name, row->phases, b->phase);
    return 0;
}

/* host.get(m, name): without the phase, without fetching. */
static int host_get(lua_State *L)
{
    struct box *b = box_arg(L, 1);
    struct str name = name_arg(L, 2);
    const struct var_row *row = row_named(L, 2);

    if (!row)
        return get_family(L, b, name);
    read_row(L, b, row);
    return 1;
}

/* Rules may not fill the engine's memory where no Lua limit sees it. */
static void set_user_var(lua_State *L, const struct box *b, struct str name)
{
    struct txn *t = seen(b);
    struct arena *a;
    struct user_var **list = user_list(t, name, &a);
    struct val v;
    int type = lua_type(L, 3);

    if (type != LUA_TNIL && type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        rule_error(L, "%s takes a string, a number, a boolean or nil, not a %s", name.p, lua_typename(L, type));
    if (name.n > 128)
        rule_error(L, "a variable's name of more than 128 bytes");
    val_of(L, 3, policy_scratch(L), &v);
    if (v.type == VAL_STR && v.u.s.n > USER_VALUE_MAX)
        rule_error(L, "%s takes at most %d bytes, not %d", name.p, USER_VALUE_MAX, (int)v.u.s.n);
    if (a->used > USER_MEMORY_MAX)
        rule_error(L, "too much has been kept in variables of this %s", a == &t->arena ? "message" : "connection");
    if (list)
        user_var_set(a, list, name, &v);
}

/* A row that says it may be assigned to: its put keeps what it likes of the value. */
static int set_row(lua_State *L, const struct box *b, const struct var_row *row)
{
    struct txn *t = seen(b);
    struct val v;

    if (!in_phase(row->writable, b->phase))
        return rule_error(L, "%s cannot be assigned to in phase %s", row->name, phase_name(b->phase));
    if (lua_type(L, 3) != LUA_TSTRING || lua_objlen(L, 3) > 1024)
        return rule_error(L, "%s takes a string of at most 1024 bytes", row->name);
    if (t->arena.used > 4 * USER_MEMORY_MAX)
        return rule_error(L, "too many facts for one message");
    val_of(L, 3, policy_scratch(L), &v);
    row->put(t, &t->arena, &v);
    return 0;
}

static int gate_set(lua_State *L)
{
    struct box *b = box_arg(L, 1);
    struct str name = name_arg(L, 2);
    const struct var_row *row = row_named(L, 2);
    const struct family_row *f;

    if (row && row->writable)
        return set_row(L, b, row);
    if (row)
        return rule_error(L, "%s cannot be assigned to; rules keep what is theirs in m.acl_c_NAME and m.acl_m_NAME", name.p);
    f = family_of(name);
    if (!f)
        return unknown(L, name);
    if (f->head[strlen(f->head) - 1] != '_')
        return rule_error(L, "%s cannot be assigned to; rules keep what is theirs in m.acl_c_NAME and m.acl_m_NAME", name.p);
    if (!in_phase(f->writable, b->phase))
        return rule_error(L, "%s cannot be assigned to in phase %s", name.p, phase_name(b->phase));
    set_user_var(L, b, name);
    return 0;
}

static int gate_name(lua_State *L)
{
    struct box *b = box_of(L, 1);

    lua_pushfstring(L, "%s (%s)", BOX, !b || b->eval->serial != b->serial ? "expired" : phase_name(b->phase));
    return 1;
}

/* ---- what the library does with mail objects */

/* The same object each time: the library keeps what it knows of an evaluation under it. */
static int host_current(lua_State *L)
{
    struct eval *e = eval_running(L);

    if (!e)
        return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, e->policy->current_ref);
    lua_rawgeti(L, -1, e->slot);
    return 1;
}

static int host_phase(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, policy_of(L)->phase_ref[box_arg(L, 1)->phase]);
    return 1;
}

static enum phase phase_arg(lua_State *L, int arg)
{
    enum phase ph;

    if (!phase_find(arg_str(L, arg, 32), &ph))
        rule_error(L, "there is no phase %s", lua_tostring(L, arg));
    return ph;
}

/* host.view(m, phase, address) */
static int host_view(lua_State *L)
{
    struct box *b = box_arg(L, 1);
    enum phase ph = phase_arg(L, 2);
    struct str address = arg_str(L, 3, 1024);
    struct arena *a = &b->eval->arena;
    struct at_address *at;

    if (a->used > EVAL_MEMORY)
        return rule_error(L, "too many addresses in one evaluation");
    at = arena_new(a, struct at_address);
    txn_at(seen(b), arena_dup(a, address), at);
    at->local_uid = at->local_gid = -1;
    box_push(L, b->eval, ph, at);
    return 1;
}

/* host.enter(m): what host.current() gives from here on; returns what it gave before. */
static int host_enter(lua_State *L)
{
    struct box *b = box_arg(L, 1);

    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, b->eval->policy->current_ref);
    lua_rawgeti(L, 2, b->eval->slot);
    lua_pushvalue(L, 1);
    lua_rawseti(L, 2, b->eval->slot);
    return 1;
}

/* host.fact(m, name, value) */
static int host_fact(lua_State *L)
{
    struct box *b = box_arg(L, 1);
    const struct var_row *row = row_named(L, 2);
    struct txn *t = seen(b);
    struct val v;

    if (!row || !row->put)
        return rule_error(L, "%s is no fact that can be set", lua_tostring(L, 2) ? lua_tostring(L, 2) : "?");
    if (t->arena.used > 4 * USER_MEMORY_MAX || b->eval->arena.used > EVAL_MEMORY)
        return rule_error(L, "too many facts for one message");
    lua_settop(L, 3);
    val_of(L, 3, policy_scratch(L), &v);
    row->put(t, b->addr ? &b->eval->arena : &t->arena, &v);
    b->eval->host = t->host;
    return 0;
}

void gate_push(lua_State *L)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, policy_of(L)->rows_ref);
    lua_pushcclosure(L, gate_get, 1);
}

const luaL_Reg gate_functions[] = {
    { "gate_check", gate_check }, { "get", host_get }, { "current", host_current },
    { "phase", host_phase }, { "view", host_view }, { "enter", host_enter }, { "fact", host_fact },
    { NULL, NULL }
};

/* ---- opening */

void gate_open(lua_State *L)
{
    struct policy *p = policy_of(L);

    lua_newtable(L);                        /* __index is the prelude's */
    lua_pushcfunction(L, gate_set);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, gate_name);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "mail object");
    lua_setfield(L, -2, "__metatable");
    p->box_meta = lua_topointer(L, -1);
    p->box_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_newtable(L);
    p->current_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_newtable(L);
    p->again_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    list_metatable_push(L);
    p->list_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    views_push(L);
    p->view_ref = luaL_ref(L, LUA_REGISTRYINDEX);

    lua_createtable(L, 0, (int)var_count);
    for (size_t i = 0; i < var_count; i++) {
        lua_pushlightuserdata(L, (void *)(uintptr_t)&var_rows[i]);
        lua_setfield(L, -2, var_rows[i].name);
    }
    p->rows_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}
