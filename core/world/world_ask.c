#include <stdlib.h>

#include "tls/context.h"
#include "world/inspect.h"
#include "world/world_inside.h"

static int64_t now(struct world *w)
{
    world_own(w);
    return clock_wall_us();
}

/* ---- looking */

static void each_log(struct world *w, void (*fn)(void *ctx, enum log_file f, struct str line), void *ctx)
{
    for (struct world_line *l = w->lines; l; l = l->next)
        fn(ctx, l->file, l->text);
}

static void each_delivery(struct world *w, void (*fn)(void *ctx, const struct world_delivery *d), void *ctx)
{
    for (struct world_seen *s = w->seen; s; s = s->next)
        fn(ctx, &s->d);
}

struct rows { void (*fn)(void *ctx, const struct world_row *r); void *ctx; };

static void show_row(void *ctx, const struct spool_row *r)
{
    struct rows *rows = ctx;
    struct str rest = r->summary, sender = { 0 };
    struct world_row row = {
        .id = str_of(r->id.s), .pending = r->pending, .flags = r->flags, .size = r->size,
        .received = r->received, .next_try = r->next_try,
    };

    str_cut(&rest, '\n', &sender);
    row.sender = row_sender(r);
    row.queue = row_queue(r);
    row.recipients = rest;
    rows->fn(rows->ctx, &row);
}

static void each_row(struct world *w, void (*fn)(void *ctx, const struct world_row *r), void *ctx)
{
    struct rows rows = { fn, ctx };

    spool_list(engine_spool(w->engine), (struct msg_id){ "" }, SIZE_MAX, show_row, &rows);
}

static bool id_of(struct str text, struct msg_id *id)
{
    if (text.n != MSG_ID_LEN)
        return false;
    memcpy(id->s, text.p, MSG_ID_LEN);
    id->s[MSG_ID_LEN] = '\0';
    return true;
}

static bool message(struct world *w, struct str id_text, struct arena *a, struct str *out)
{
    struct spool_msg m = { 0 };
    struct msg_id id;
    struct buf b = { 0 };
    char part[4096];
    ssize_t n;
    uint64_t at = 0;

    if (!id_of(id_text, &id) || spool_load(engine_spool(w->engine), id, a, &m, NULL) != ST_OK)
        return false;
    buf_add(&b, m.header);
    buf_add(&b, STR("\r\n"));
    while ((n = spool_body_read(m.body, at, part, sizeof part)) > 0) {
        buf_add(&b, (struct str){ part, (size_t)n });
        at += (uint64_t)n;
    }
    spool_body_close(m.body);
    *out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return n == 0;
}

/* ---- doing */

struct end { bool done; enum status st; struct msg_id id; struct why why; struct str text; struct arena *arena; };

static bool ended(void *ctx)
{
    return ((struct end *)ctx)->done;
}

static void queue_end(void *ctx, enum status st, const struct why *why)
{
    struct end *e = ctx;

    e->done = true;
    e->st = st;
    if (why)
        e->why = *why;
}

static const struct { struct str word; enum queue_verb verb; } queue_verbs[] = {
    { STR_INIT("retry"), QUEUE_RETRY }, { STR_INIT("freeze"), QUEUE_FREEZE }, { STR_INIT("thaw"), QUEUE_THAW },
    { STR_INIT("remove"), QUEUE_REMOVE }, { STR_INIT("bounce"), QUEUE_BOUNCE },
};

static bool queue_message(struct world *w, struct str verb, struct str id_text, struct end *e)
{
    struct msg_id id;

    for (size_t i = 0; i < sizeof queue_verbs / sizeof *queue_verbs; i++) {
        if (!str_same(verb, queue_verbs[i].word))
            continue;
        if (!id_of(id_text, &id)) {
            why_set(&e->why, ST_NEVER, "%.*s is no message id", STR_ARG(id_text));
            return false;
        }
        engine_queue(w->engine, queue_verbs[i].verb, id, STR("spec"), queue_end, e);
        world_until(w, ended, e, 60000);
        return e->done && e->st == ST_OK;
    }
    why_set(&e->why, ST_NEVER, "there is no queue verb %.*s", STR_ARG(verb));
    return false;
}

/* "ID NAME" */
static bool move_message(struct world *w, struct str text, struct end *e)
{
    struct msg_id id;
    struct str id_text;

    str_cut(&text, ' ', &id_text);
    if (!id_of(id_text, &id)) {
        why_set(&e->why, ST_NEVER, "%.*s is no message id", STR_ARG(id_text));
        return false;
    }
    engine_queue_move(w->engine, id, text, STR("spec"), queue_end, e);
    world_until(w, ended, e, 60000);
    return e->done && e->st == ST_OK;
}

static bool queue(struct world *w, struct str verb, struct str id, struct str *why, struct arena *a)
{
    struct end e = { 0 };
    bool ok = true;

    world_own(w);
    if (str_same(verb, STR("run")))
        engine_run_queue(w->engine, id);
    else if (str_same(verb, STR("hold")) || str_same(verb, STR("release")))
        engine_hold(w->engine, id, str_same(verb, STR("hold")));
    else if (str_same(verb, STR("move")))
        ok = move_message(w, id, &e);
    else
        ok = queue_message(w, verb, id, &e);
    world_settle(w);
    *why = arena_dup(a, str_of(e.why.text));
    return ok;
}

static void submit_end(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct end *e = ctx;

    e->id = id;
    queue_end(ctx, st, why);
}

static enum status submit(struct world *w, bool trusted, struct str sender, const struct str *rcpts, size_t n, struct str text,
                          struct arena *a, struct str *out)
{
    struct submission s = {
        .sender = sender, .rcpts = rcpts, .nrcpts = n, .from_headers = n == 0, .message = text,
        .login = STR("tester"), .uid = 1000, .gid = 1000, .trusted = trusted,
    };
    struct end e = { 0 };

    world_own(w);
    engine_submit(w->engine, &s, submit_end, &e);
    if (!world_until(w, ended, &e, 60000))
        return why_set(NULL, ST_AGAIN, "no answer");
    world_settle(w);
    *out = arena_dup(a, str_of(e.st == ST_OK ? e.id.s : e.why.text));
    return e.st;
}

/* ---- asking */

struct conn *world_conn(struct world *w)
{
    if (!w->conn) {
        w->conn = calloc(1, sizeof *w->conn);
        if (!w->conn)
            die("world: out of memory");
        conn_init(w->conn);
        w->conn->smtp = true;
        w->conn->since_us = clock_wall_us();
        w->conn->uid = w->conn->gid = -1;
    }
    return w->conn;
}

struct txn *world_txn(struct world *w)
{
    if (!w->txn) {
        w->txn = txn_new(world_conn(w));
        w->txn->size_declared = -1;
        w->txn->received_us = clock_wall_us();
    }
    return w->txn;
}

bool world_client(struct conn *c, struct str client)
{
    struct sock_addr at = { 0 };
    struct arena a = { 0 };
    bool ok = ip_parse(client, &at.ip) || sock_parse(&a, client, 0, &at);

    c->client_ip = at.ip;
    c->client_port = at.port;
    arena_free(&a);
    return ok && at.ip.v != IP_NONE;
}

static void eval_end(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    (void)v;
    queue_end(ctx, st, why);
}

static enum status eval(struct world *w, struct str phase, struct str client, struct str sender, struct str code,
                        struct arena *a, struct str *out)
{
    struct txn *t = world_txn(w);
    enum phase ph;
    struct buf b = { 0 };
    struct end e = { 0 };
    struct eval *ev;

    world_own(w);
    if (!phase_find(phase, &ph)) {
        *out = STR("there is no such phase");
        return ST_NEVER;
    }
    if (client.p && !world_client(t->conn, client)) {
        *out = STR("that is no address");
        return ST_NEVER;
    }
    if (sender.p)
        t->sender = arena_dup(&t->arena, sender);
    t->phase = ph;
    ev = policy_expr(world_policy(w), t, ph, code, true, &b, eval_end, &e);
    if (!world_until(w, ended, &e, 60000)) {
        policy_cancel(ev);
        why_set(&e.why, ST_AGAIN, "no answer in a minute");
        e.st = ST_AGAIN;
    }
    *out = arena_dup(a, e.st == ST_OK ? buf_str(&b) : str_of(e.why.text));
    buf_free(&b);
    return e.st;
}

/* ---- servers to deliver to */

struct peer *world_peer(struct world *w, struct str at, bool make)
{
    struct arena a = { 0 };
    struct sock_addr to = { 0 };
    struct peer *p = NULL;

    if (ip_parse(at, &to.ip) || sock_parse(&a, at, 0, &to)) {
        for (size_t i = 0; i < w->npeers && !p; i++)
            if (peer_is_at(w->peers[i], &to))
                p = w->peers[i];
        if (!p && make && w->npeers < WORLD_PEERS_MAX)
            p = w->peers[w->npeers++] = peer_new(w->loop, w->papers, &to);
    }
    arena_free(&a);
    return p;
}

static bool peer(struct world *w, struct str at, struct str verb, struct str text, struct why *why)
{
    struct peer *p = world_peer(w, at, true);
    enum status st = ST_OK;

    if (!p && w->npeers == WORLD_PEERS_MAX)
        st = why_set(why, ST_NEVER, "peer: there are %d, that is the most", WORLD_PEERS_MAX);
    else if (!p)
        st = why_set(why, ST_NEVER, "peer: \"%.*s\" is no address", STR_ARG(at));
    else if (verb.n)
        st = peer_tell(p, verb, text, why);
    else if (text.n)
        peer_forget(p);
    if (st == ST_OK && str_same_fold(verb, STR("tls"))) {
        world_own(w);
        tls_cache_forget(engine_tls(w->engine));
        world_zone_again(w);
    }
    return st == ST_OK;
}

static bool heard(struct world *w, struct str at, struct arena *a, struct str *out, unsigned *connections)
{
    struct peer *p = world_peer(w, at, false);

    if (!p)
        return false;
    *out = arena_dup(a, peer_heard(p));
    *connections = peer_connections(p);
    return true;
}

/* ---- lookups */

static void answer(struct world *w, struct str kind, struct str file, struct str key, enum status st, struct str value)
{
    struct world_answer *a = arena_new(&w->arena, struct world_answer);

    *a = (struct world_answer){
        .next = w->answers, .kind = arena_dup(&w->arena, kind), .file = arena_dup(&w->arena, file),
        .key = arena_dup(&w->arena, key), .value = arena_dup(&w->arena, value), .status = st,
    };
    w->answers = a;
}

const struct world_ops world_ops = {
    .open = world_open, .check = inspect_config, .close = world_close, .reload = world_reload, .advance = world_advance, .now = now,
    .session = world_session, .tls = world_tls, .any_time = world_any_time, .send = world_send,
    .reply = world_reply, .finish = world_finish, .pending = world_pending, .over = world_over, .hang_up = world_hang_up,
    .each_log = each_log, .each_delivery = each_delivery, .each_row = each_row,
    .queue = queue, .message = message, .submit = submit, .eval = eval,
    .peer = peer, .peer_heard = heard, .answer = answer,
};
