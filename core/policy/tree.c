/*
 * tree - an evaluation's trace as JSON, for whoever asks why
 *
 * Steps were noted as they ended, so what an ACL called stands before the
 * condition that called it; here they become a tree. Every text goes through
 * one gate that keeps secrets back.
 */
#include "base/json.h"
#include "policy/show.h"
#include "policy/trace.h"

enum { VALUE_MAX = 300, TREE_MAX = 48 * 1024 };

struct node {
    const struct place *place;      /* NULL: a remark */
    const char *how;
    const char *what;               /* of a remark */
    uint32_t us;
    unsigned reads, nreads;         /* first, how many */
    struct node *child, **child_end, *next;
};

struct list { struct node *first, **end; };

struct tree {
    struct policy *p;
    const struct txn *txn;
    struct tried t;
    bool route;                     /* routers are all there is */
    struct arena *a;
    struct buf *out;
    struct str secret[SECRETS_MAX + 8];
    size_t nsecrets;
    struct list conds[TRACE_DEPTH + 2], done[TRACE_DEPTH + 2];
    struct list options;            /* functions that the step under way has asked */
};

/* ---- what must not be seen */

static struct str json_of(struct tree *r, int at)
{
    struct buf b = { 0 };
    struct str s;

    show_json(r->p->L, at, r->a, &b);
    s = arena_dup(r->a, buf_str(&b));
    buf_free(&b);
    return s;
}

static struct str json_of_text(struct tree *r, struct str text)
{
    lua_State *L = r->p->L;
    struct str s;

    lua_pushlstring(L, text.n ? text.p : "", text.n);
    s = json_of(r, lua_gettop(L));
    lua_pop(L, 1);
    return s;
}

/* As it would stand inside a rendered text: without the quotes. */
static void add_secret(struct tree *r, struct str text)
{
    struct str s = json_of_text(r, text);

    if (text.n > 0 && s.n > 2 && r->nsecrets < sizeof r->secret / sizeof *r->secret)
        r->secret[r->nsecrets++] = (struct str){ s.p + 1, s.n - 2 };
}

static void find_secrets(struct tree *r)
{
    struct policy *p = r->p;
    const struct conn *c = r->txn->conn;

    for (size_t i = 0; i < p->places.nsecrets; i++)
        add_secret(r, p->places.secret[i]);
    for (unsigned i = 0; i < c->nauth_read; i++)
        add_secret(r, c->auth_read[i]);
}

static bool is_secret(const struct tree *r, struct str json)
{
    for (size_t i = 0; i < r->nsecrets; i++)
        if (str_find_str(json, r->secret[i]) != SIZE_MAX)
            return true;
    return false;
}

/* Escapes stay whole; what is no text becomes one. */
static void put_cut(struct tree *r, struct str json, size_t most)
{
    size_t at = 1;

    if (json.p[0] != '"') {
        json_text(r->out, arena_printf(r->a, "%.*s...", (int)most, json.p));
        return;
    }
    while (at < most)
        at += json.p[at] != '\\' ? 1 : json.p[at + 1] == 'u' ? 6 : 2;
    buf_add(r->out, str_head(json, at));
    buf_add(r->out, STR("...\""));
}

static void put_json(struct tree *r, struct str json, size_t most)
{
    if (is_secret(r, json)) {
        buf_add(r->out, STR("\"(secret)\""));
    } else if (json.n <= most) {
        buf_add(r->out, json);
    } else {
        put_cut(r, json, most);
    }
}

static void put_text(struct tree *r, const char *name, struct str text)
{
    if (text.n == 0)
        return;
    json_name(r->out, name);
    put_json(r, json_of_text(r, text), 2000);
}

/* ---- from steps to nodes */

static struct node *node_new(struct tree *r, const struct place *pl, const char *how, uint32_t us)
{
    struct node *n = arena_new(r->a, struct node);

    *n = (struct node){ .place = pl, .how = how, .us = us };
    n->child_end = &n->child;
    return n;
}

static void list_add(struct list *l, struct node *n)
{
    if (!l->first)
        l->end = &l->first;
    *l->end = n;
    l->end = &n->next;
}

static uint32_t time_of(const struct node *n)
{
    uint32_t us = 0;

    for (; n; n = n->next)
        us += n->us;
    return us;
}

static void adopt(struct node *n, struct list *l)
{
    if (!l->first)
        return;
    n->us += time_of(l->first);
    *n->child_end = l->first;
    n->child_end = l->end;
    *l = (struct list){ 0 };
}

/* What an inner ACL left when it ended without finishing its statement. */
static void close_depth(struct tree *r, unsigned d)
{
    const struct places *all = &r->p->places;

    if (r->conds[d].first) {
        const struct place *pl = r->conds[d].first->place;
        struct node *n = node_new(r, pl ? &all->v[pl->parent] : NULL, "unfinished", 0);

        adopt(n, &r->conds[d]);
        list_add(&r->done[d], n);
    }
}

/* A statement that failed: was it the condition after those that held? Conditions stand behind their statement. */
static struct node *failed_condition(struct tree *r, const struct step *s, const struct list *held)
{
    const struct places *all = &r->p->places;
    size_t at = s->place + 1;

    for (const struct node *n = held->first; n; n = n->next)
        at++;
    if (at >= all->n || all->v[at].kind != PLACE_CONDITION || all->v[at].parent != s->place)
        return NULL;
    return node_new(r, &all->v[at], "error", s->us);
}

static const char *const HOW[] = { [MARK_NO] = "no", [MARK_YES] = "yes", [MARK_ERROR] = "error" };

static void take_step(struct tree *r, const struct step *s, unsigned reads)
{
    const struct places *all = &r->p->places;
    const struct place *pl = &all->v[s->place];
    unsigned d = s->depth < TRACE_DEPTH ? s->depth : TRACE_DEPTH;
    struct node *n = node_new(r, pl, HOW[s->mark], s->us), *stat;

    n->reads = reads;
    n->nreads = s->reads - reads;
    if (pl->kind == PLACE_OPTION) {
        list_add(&r->options, n);
        return;
    }
    adopt(n, &r->options);
    if (pl->kind == PLACE_OTHER) {
        list_add(&r->done[d + 1], n);
        return;
    }
    close_depth(r, d + 1);
    if (pl->kind == PLACE_STATEMENT) {
        if (n->how[0] == 'y')
            n->how = "taken";
        stat = s->mark == MARK_ERROR ? failed_condition(r, s, &r->conds[d]) : NULL;
        if (stat) {
            stat->reads = n->reads;
            stat->nreads = n->nreads;
            n->nreads = n->us = 0;
            adopt(stat, &r->done[d + 1]);
            list_add(&r->conds[d], stat);
        }
        adopt(n, &r->conds[d]);
        adopt(n, &r->done[d + 1]);
        list_add(&r->done[d], n);
        return;
    }
    adopt(n, &r->done[d + 1]);
    list_add(&r->conds[d], n);
    if (s->mark == MARK_NO) {
        stat = node_new(r, &all->v[pl->parent], "no", 0);
        adopt(stat, &r->conds[d]);
        list_add(&r->done[d], stat);
    }
}

/* ---- from nodes to JSON */

static void put_held(struct tree *r, const struct held *h)
{
    lua_State *L = r->p->L;

    tried_push(L, &r->t, h);
    put_json(r, json_of(r, lua_gettop(L)), VALUE_MAX);
    lua_pop(L, 1);
}

static void put_read_json(struct tree *r, unsigned i)
{
    const struct read *read = &r->t.read[i];
    struct str name = tried_name(&r->t, read);

    buf_byte(r->out, '{');
    put_text(r, "name", name);
    if (read->of.kind != HELD_NIL && read->of.kind != HELD_FALSE) {
        json_name(r->out, "of");
        put_held(r, &read->of);
    }
    json_name(r->out, "value");
    if (name.n == 5 && str_starts(name, STR("auth")) && name.p[4] >= '1' && name.p[4] <= '4')
        buf_add(r->out, read->value.kind == HELD_NIL ? STR("null") : STR("\"(secret)\""));
    else
        put_held(r, &read->value);
    if (read->us)
        json_member_int(r->out, "us", read->us);
    buf_byte(r->out, '}');
}

/* A list asks a variable once an evaluation; later lists are about what was read then. */
static unsigned earlier(struct tree *r, const struct node *n)
{
    if (!n->place || n->place->reads.n == 0)
        return TRACE_READS;
    for (unsigned i = n->reads + n->nreads; i-- > 0;)
        if (str_same(tried_name(&r->t, &r->t.read[i]), n->place->reads))
            return i < n->reads ? i : TRACE_READS;
    return TRACE_READS;
}

static void put_reads(struct tree *r, const struct node *n)
{
    unsigned before = earlier(r, n);
    bool first = true;

    if (n->nreads == 0 && before == TRACE_READS)
        return;
    json_name(r->out, "reads");
    buf_byte(r->out, '[');
    if (before < TRACE_READS) {
        put_read_json(r, before);
        first = false;
    }
    for (unsigned i = n->reads; i < n->reads + n->nreads; i++) {
        if (!first)
            buf_byte(r->out, ',');
        first = false;
        put_read_json(r, i);
    }
    buf_byte(r->out, ']');
}

static void put_nodes(struct tree *r, const struct node *n);

static void put_node(struct tree *r, const struct node *n)
{
    buf_byte(r->out, '{');
    if (n->place) {
        put_text(r, "where", n->place->where);
        put_text(r, "what", n->place->what);
    } else {
        json_member(r->out, "what", str_of(n->what ? n->what : ""));
    }
    json_member(r->out, "result", str_of(n->how));
    json_member_int(r->out, "us", n->us);
    put_reads(r, n);
    if (n->child) {
        json_name(r->out, "tried");
        put_nodes(r, n->child);
    }
    buf_byte(r->out, '}');
}

static void put_nodes(struct tree *r, const struct node *n)
{
    bool first = true;

    buf_byte(r->out, '[');
    for (; n && r->out->n < TREE_MAX; n = n->next) {
        if (!first)
            buf_byte(r->out, ',');
        first = false;
        put_node(r, n);
    }
    if (n)
        buf_add(r->out, STR(",{\"what\":\"more, which is not kept\",\"result\":\"\",\"us\":0}"));
    buf_byte(r->out, ']');
}

/* What was read after the last mark: by what did not come to its end. */
static void put_rest(struct tree *r, const char *end)
{
    const struct tried *t = &r->t;
    unsigned seen = t->n ? t->step[t->n - 1].reads : 0;
    struct node *n;

    if (r->options.first) {
        n = node_new(r, NULL, "unfinished", 0);
        n->what = "what asked for an option";
        adopt(n, &r->options);
        list_add(&r->done[r->route], n);
    }
    for (unsigned d = TRACE_DEPTH + 1; d-- > 0;) {
        close_depth(r, d);
        if (d == 1 && r->route && r->done[1].first) {
            r->done[0] = r->done[1];        /* routers are all there is */
            r->done[1] = (struct list){ 0 };
        } else if (d > 0 && r->done[d].first) {
            n = node_new(r, NULL, "unfinished", 0);
            n->what = "an ACL that was called";
            adopt(n, &r->done[d]);
            list_add(&r->done[d - 1], n);
        }
    }
    if (t->nreads > seen || end) {
        n = node_new(r, NULL, "", 0);
        n->what = end ? end : "then";
        n->reads = seen;
        n->nreads = t->nreads - seen;
        list_add(&r->done[0], n);
    }
}

static void put_who(struct tree *r, const struct eval *e, const struct ending *end)
{
    const struct txn *t = r->txn;
    const struct conn *c = t->conn;

    if (c->client_ip.v)
        put_text(r, "client", ip_text(r->a, c->client_ip));
    put_text(r, "helo", c->helo);
    if (t->sender.p) {
        json_name(r->out, "sender");
        put_json(r, json_of_text(r, t->sender), 2000);
    }
    if (e->own_addr || end->address.n)
        put_text(r, "recipient", end->address.n ? end->address : e->own_addr->address);
    put_text(r, "message_id", str_of(t->id.s));
}

/* What there is, as nodes; false: there is nothing. */
static struct node *nodes_of(struct tree *r, const char *end)
{
    const struct tried *t = &r->t;
    unsigned reads = 0;

    for (unsigned i = 0; i < t->n; i++) {
        take_step(r, &t->step[i], reads);
        reads = t->step[i].reads;
    }
    put_rest(r, end);
    return r->done[0].first;
}

static struct tree *tree_new(struct arena *a, struct policy *p, const struct txn *txn, const struct tried *t, struct buf *out)
{
    struct tree *r = arena_new(a, struct tree);

    *r = (struct tree){ .p = p, .txn = txn, .t = *t, .a = a, .out = out };
    lua_checkstack(p->L, 20);
    find_secrets(r);
    return r;
}

/* The nodes of a routing, without brackets, to stand before others of a tree. False: none. */
bool tried_render(const struct tried *t, const struct txn *txn, struct buf *out)
{
    struct arena a = { 0 };
    struct tree *r = tree_new(&a, t->policy, txn, t, out);
    struct node *n;
    bool any;

    r->route = true;
    n = nodes_of(r, NULL);
    any = n != NULL;
    for (; n && out->n < TREE_MAX; n = n->next) {
        put_node(r, n);
        if (n->next)
            buf_byte(out, ',');
    }
    if (n)
        buf_add(out, STR("{\"what\":\"more, which is not kept\",\"result\":\"\",\"us\":0}"));
    arena_free(&a);
    return any;
}

void trace_render(struct eval *e, const struct ending *end, struct buf *out)
{
    lua_State *L = e->policy->L;
    struct arena a = { 0 };
    struct tried t = trace_tried(e);
    struct tree *r = tree_new(&a, e->policy, e->txn, &t, out);
    int top = lua_gettop(L);
    struct node *nodes;

    r->route = e->phase == PH_ROUTE;
    json_member(out, "phase", str_of(phase_name(e->phase)));
    json_member(out, "verdict", str_of(end->verdict));
    put_text(r, "reply", end->message);
    put_text(r, "log", end->log_message);
    put_text(r, "error", end->error);
    put_who(r, e, end);
    json_member_int(out, "generation", e->policy->generation);
    json_member_int(out, "us", (trace_now() - e->trace->began_ns) / 1000);
    nodes = nodes_of(r, end->by_default ? "the end of the ACL" : NULL);
    json_name(out, "tree");
    put_nodes(r, nodes);
    if (t.lost)
        json_member_int(out, "lost", t.lost);
    lua_settop(L, top);
    arena_free(&a);
}
