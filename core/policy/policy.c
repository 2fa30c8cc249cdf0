/*
 * policy - the questions the engine asks, and how their answers are read (routing.c: those of the way out)
 *
 * Every question is the same walk: what is constant answers at once; else an
 * evaluation is opened, given the mail object and arguments, and run; its end
 * function turns what Lua left on the stack into the asker's struct.
 */
#include "policy/host.h"
#include "policy/show.h"
#include "policy/trace.h"

static const char LATER[] = "451 4.3.0 temporary local problem, please try again later";

static void push_phase(struct eval *e)
{
    lua_rawgeti(e->co, LUA_REGISTRYINDEX, e->policy->phase_ref[e->phase]);
}

/* ---- ACLs */

bool policy_has_acl(const struct policy *p, enum phase ph)
{
    return p->acls >> ph & 1;
}

struct str policy_acl_end(const struct policy *p, enum phase ph)
{
    return ph < PH_ACLS ? p->acl_end[ph] : STR("");
}

/* The place ("20-relay.lua:12") a function of the library gives for this name, copied; empty: none. */
static struct str where(struct policy *p, enum entry which, struct str name, struct arena *a)
{
    struct str text = STR("");
    struct why why;

    if (!state_entry(p, which))
        return text;
    push_str(p->L, name);
    if (!state_call(p, 1, 1, EVAL_TICKS, EVAL_MEMORY, &why))
        return text;
    if (lua_isstring(p->L, -1))
        text = arena_dup(a, str_at(p->L, -1));
    lua_pop(p->L, 1);
    return text;
}

struct str policy_answered(struct policy *p, enum phase ph, struct arena *a)
{
    return where(p, ENTRY_answered, str_of(phase_name(ph)), a);
}

struct str policy_option_where(struct policy *p, struct str name, struct arena *a)
{
    return where(p, ENTRY_option_where, name, a);
}

/* design 4.2: unlike Exim's, for several files add to one phase. */
void policy_acl_default(enum phase ph, struct verdict *v)
{
    const uint32_t deny = 1u << PH_RCPT | 1u << PH_VRFY | 1u << PH_EXPN | 1u << PH_ETRN | 1u << PH_ATRN | 1u << PH_WELLKNOWN;

    memset(v, 0, sizeof *v);
    v->verb = deny >> ph & 1 ? V_DENY : V_ACCEPT;
    v->by_default = true;
}

static bool verb_find(struct str name, enum verb *out)
{
    static const char *const VERBS[] = { "accept", "defer", "deny", "discard", "drop" };

    for (size_t i = 0; i < sizeof VERBS / sizeof *VERBS; i++) {
        if (str_same(name, str_of(VERBS[i]))) {
            *out = (enum verb)i;
            return true;
        }
    }
    return false;
}

/* Header edits apply all together or not at all (R8.6): those of an ACL that did
 * not come to its end are none. */
static void edits_mark(struct eval *e, struct txn *t)
{
    e->edits_end = &t->edits;
    while (*e->edits_end)
        e->edits_end = &(*e->edits_end)->next;
}

static void edits_back(struct eval *e)
{
    *e->edits_end = NULL;
    e->txn->edits_end = e->edits_end;
}

/* A mistake in the rules is nobody's business outside; what could not be found out is told if the site wants it. */
static struct str later_reply(struct eval *e, enum status st)
{
    int opt = policy_opt_find(STR("smtp_return_error_details"));

    if (st != ST_AGAIN || !e->why.text[0] || opt < 0 || !policy_opt_bool(e->policy, opt))
        return str_of(LATER);
    return arena_printf(&e->txn->arena, "451 4.3.0 %s", e->why.text);
}

static void end_acl(struct eval *e, enum status st, int n)
{
    struct verdict v = { .verb = V_DEFER };

    lua_settop(e->co, n < 5 ? 5 : n);
    if (st == ST_OK && !verb_find(str_at(e->co, 1), &v.verb)) {
        st = why_set(&e->why, ST_NEVER, "the %s ACL gave no verb", phase_name(e->phase));
        e->policy->stats.errors++;
    }
    if (st == ST_OK) {
        v.message = str_at(e->co, 2);
        v.log_message = str_at(e->co, 3);
        v.by_default = lua_toboolean(e->co, 4);
    } else {
        edits_back(e);
        v.error = st == ST_NEVER;
        v.message = later_reply(e, st);
        v.log_message = str_of(e->why.text);
    }
    explained_acl(e, &v);
    e->done.acl(e->ctx, &v);
}

struct eval *policy_acl(struct policy *p, enum phase ph, struct txn *t, acl_done *done, void *ctx)
{
    struct eval *e;

    if (!policy_has_acl(p, ph)) {
        struct verdict v;

        policy_acl_default(ph, &v);
        done(ctx, &v);
        return NULL;
    }
    e = eval_open(p, t, ph, ENTRY_acl, end_acl);
    edits_mark(e, e->txn);
    e->done.acl = done;
    e->ctx = ctx;
    push_phase(e);
    box_push_own(e);
    return eval_run(e, 2);
}

/* ---- main options */

void eval_end_option(struct eval *e, enum status st, int n)
{
    struct val v = { .type = VAL_NIL };

    if (st == ST_OK && n > 0)
        val_of(e->co, 1, &e->arena, &v);
    if (st == ST_OK && v.type == VAL_NIL && e->opt >= 0)
        v = option_default(e->opt);
    e->done.opt(e->ctx, st, &v, st == ST_OK ? NULL : &e->why);
}

static struct eval *open_option(struct policy *p, int opt, struct txn *t, enum entry which, eval_end *end)
{
    struct eval *e = eval_open(p, t, option_phase(opt), which, end);

    e->opt = opt;
    lua_pushstring(e->co, policy_opt_row(opt)->name);
    box_push_own(e);
    return e;
}

struct eval *policy_option(struct policy *p, int opt, struct txn *t, opt_done *done, void *ctx)
{
    const struct val *v = policy_opt(p, opt);
    struct eval *e;

    if (v->type != VAL_FUNC) {
        done(ctx, ST_OK, v, NULL);
        return NULL;
    }
    e = open_option(p, opt, t, ENTRY_option, eval_end_option);
    e->done.opt = done;
    e->ctx = ctx;
    return eval_run(e, 2);
}

/* ---- is it in the list? */

static void end_match(struct eval *e, enum status st, int n)
{
    struct val v = { .type = VAL_BOOL, .u.b = n > 0 && lua_toboolean(e->co, 1) };

    e->done.opt(e->ctx, st, &v, st == ST_OK ? NULL : &e->why);
}

/* Lists that need no rule: none, "*", addresses and networks. -1: ask. */
static int match_constant(const struct val *v, struct str subject)
{
    struct ip ip;
    bool known = ip_parse(subject, &ip), negated = false;

    if (v->type == VAL_NIL || (v->type == VAL_LIST && v->u.list.n == 0))
        return 0;
    if (v->type != VAL_LIST)
        return -1;
    for (size_t i = 0; i < v->u.list.n; i++) {
        struct str item = v->u.list.v[i], net;
        struct ip base;
        uint64_t bits = 128;

        negated = item.n && item.p[0] == '!';
        if (negated)
            item = str_trim(str_from(item, 1));
        if (str_same(item, STR("*")))
            return !negated;
        if (!known || !str_cut(&item, '/', &net) || !ip_parse(net, &base))
            return -1;
        if (item.n && !str_u64(item, base.v == IP_V4 ? 32 : 128, &bits))
            return -1;
        if (base.v == ip.v && (item.n ? ip_in(ip, base, (unsigned)bits) : ip_same(ip, base)))
            return !negated;
    }
    return negated;
}

struct eval *policy_match(struct policy *p, int opt, struct txn *t, struct str subject, opt_done *done, void *ctx)
{
    int constant = match_constant(policy_opt(p, opt), subject);
    struct eval *e;

    if (constant >= 0) {
        struct val v = { .type = VAL_BOOL, .u.b = constant == 1 };

        done(ctx, ST_OK, &v, NULL);
        return NULL;
    }
    e = open_option(p, opt, t, ENTRY_match, end_match);
    push_str(e->co, subject);
    e->done.opt = done;
    e->ctx = ctx;
    return eval_run(e, 3);
}

/* ---- events */

static char yes, no;            /* what the map of answers holds */

bool policy_has_event(const struct policy *cp, const char *name, struct str transport)
{
    struct policy *p = (struct policy *)(uintptr_t)cp;
    struct str key = arena_printf(&p->scratch, "%s|%.*s", name, STR_ARG(transport));
    char *known = map_get(p->events, key);
    struct why why;

    if (!known && state_entry(p, ENTRY_has_event)) {
        key = arena_dup(&p->arena, key);
        lua_pushstring(p->L, name);
        push_str(p->L, transport);
        known = &no;
        if (state_call(p, 2, 1, EVAL_TICKS, EVAL_MEMORY, &why)) {
            known = lua_toboolean(p->L, -1) ? &yes : &no;
            lua_pop(p->L, 1);
        }
        map_put(p->events, key, known);
    }
    arena_reset(&p->scratch);
    return known == &yes;
}

static void end_event(struct eval *e, enum status st, int n)
{
    struct str text = n > 0 ? str_at(e->co, 1) : STR("");

    e->done.event(e->ctx, eval_status(st), st != ST_OK ? str_of(e->why.text) : text.p ? text : STR(""));
}

struct eval *policy_event(struct policy *p, const char *name, struct txn *t, struct str data,
                          int defer_errno, event_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, PH_EVENT, ENTRY_event, end_event);
    struct at_event *ev = arena_new(&e->arena, struct at_event);

    ev->name = arena_dup(&e->arena, str_of(name));
    ev->data = arena_dup(&e->arena, data);
    ev->defer_errno = defer_errno;
    e->event = ev;
    e->done.event = done;
    e->ctx = ctx;
    push_str(e->co, ev->name);
    box_push_own(e);
    push_str(e->co, ev->data);
    lua_pushinteger(e->co, defer_errno);
    return eval_run(e, 4);
}

/* ---- expressions */

/* For people a text is as it is and a list is Exim's colon list. */
static void put_plain(struct eval *e, int at)
{
    lua_State *L = e->co;
    struct str s;

    switch (lua_type(L, at)) {
    case LUA_TNIL:
        buf_add(e->out, STR("nil"));
        return;
    case LUA_TSTRING:
        s = str_at(L, at);
        buf_add(e->out, s);
        return;
    default:
        show_json(L, at, &e->arena, e->out);
    }
}

static void put_list(struct eval *e, int at)
{
    for (size_t i = 1, n = lua_objlen(e->co, at); i <= n; i++) {
        lua_rawgeti(e->co, at, (int)i);
        if (i > 1)
            buf_byte(e->out, ':');
        put_plain(e, lua_gettop(e->co));
        lua_pop(e->co, 1);
    }
}

static void put_line(struct eval *e, int at)
{
    if (e->json)
        show_json(e->co, at, &e->arena, e->out);
    else if (lua_istable(e->co, at) && lua_objlen(e->co, at))
        put_list(e, at);
    else
        put_plain(e, at);
}

static void end_expr(struct eval *e, enum status st, int n)
{
    struct val v = { .type = VAL_NIL };

    if (st == ST_OK) {
        if (e->json)
            buf_byte(e->out, '[');
        for (int i = 1; i <= n; i++) {
            if (e->json && i > 1)
                buf_byte(e->out, ',');
            put_line(e, i);
            if (!e->json)
                buf_byte(e->out, '\n');
        }
        if (e->json)
            buf_add(e->out, STR("]\n"));
        if (n > 0)
            val_of(e->co, 1, &e->arena, &v);
    }
    if (e->tree)
        trace_render(e, &(struct ending){ .verdict = st == ST_OK ? "value" : "error", .error = str_of(e->why.text) }, e->tree);
    e->done.opt(e->ctx, st, &v, st == ST_OK ? NULL : &e->why);
}

struct eval *policy_expr(struct policy *p, struct txn *t, enum phase ph, struct str code, bool json,
                         struct buf *out, opt_done *done, void *ctx)
{
    return policy_expr_explain(p, t, ph, code, json, out, NULL, done, ctx);
}

struct eval *policy_expr_explain(struct policy *p, struct txn *t, enum phase ph, struct str code, bool json,
                                 struct buf *out, struct buf *tree, opt_done *done, void *ctx)
{
    struct eval *e = eval_open(p, t, ph, ENTRY_expr, end_expr);

    e->done.opt = done;
    e->ctx = ctx;
    e->out = out;
    e->json = json;
    e->tree = tree;
    if (tree)
        trace_begin(e, true);
    push_str(e->co, code);
    box_push_own(e);
    return eval_run(e, 2);
}
