#include "engine/world.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/rnd.h"
#include "engine/peer.h"
#include "engine/session.h"

enum { PEERS_MAX = 32 };

/* A fixed day, so that a command without --now prints the same every time. */
#define WORLD_EPOCH_US (INT64_C(1767225600) * 1000000)     /* 2026-01-01T00:00:00Z */

struct line { struct line *next; enum log_file file; struct str text; };
struct seen { struct seen *next; struct world_delivery d; };

struct world {
    struct arena arena;
    struct loop *loop;
    struct engine *engine;
    struct snapshot snapshot;
    struct line *lines, **lines_end;
    struct seen *seen, **seen_end;
    struct peer *peers[PEERS_MAX];
    size_t npeers;
    struct conn *conn;
    struct txn *txn;
    uint32_t generation;
    bool hermetic;
    bool deliver;
};

struct world_session {
    struct world *world;
    struct session *session;        /* NULL: over */
    struct buf in, out;
};

/* ---- what happens in it is kept */

static void keep_line(void *ctx, enum log_file f, struct str text)
{
    struct world *w = ctx;
    struct line *l = arena_new(&w->arena, struct line);

    l->file = f;
    l->text = arena_dup(&w->arena, text);
    *w->lines_end = l;
    w->lines_end = &l->next;
}

static void keep_delivery(void *ctx, const struct delivery_seen *d)
{
    struct world *w = ctx;
    struct seen *s = arena_new(&w->arena, struct seen);

    s->d.id = arena_dup(&w->arena, d->id);
    s->d.recipient = arena_dup(&w->arena, d->recipient);
    s->d.transport = arena_dup(&w->arena, d->transport);
    s->d.host = arena_dup(&w->arena, d->host);
    s->d.file = arena_dup(&w->arena, d->file);
    s->d.message = arena_dup(&w->arena, d->message);
    *w->seen_end = s;
    w->seen_end = &s->next;
}

static int connect_peer(void *ctx, const struct sock_addr *to)
{
    struct world *w = ctx;

    for (size_t i = 0; i < w->npeers; i++)
        if (peer_is_at(w->peers[i], to))
            return peer_connect(w->peers[i]);
    return -1;
}

/* ---- rules */

static void add_rule_text(struct snapshot *s, struct str text, const char *name)
{
    struct snapshot_file *files = arena_array(&s->arena, struct snapshot_file, s->n + 1);

    if (s->n > 0)
        memcpy(files, s->files, s->n * sizeof *files);
    files[s->n].name = arena_dup(&s->arena, str_of(name ? name : "rules"));
    files[s->n].bytes = arena_dup(&s->arena, text);
    s->files = files;
    s->n++;
}

static bool read_rules(const struct world_config *c, struct snapshot *s, struct buf *why)
{
    enum status st = ST_OK;
    struct why w = { 0 };

    if (c->rules_dir)
        st = snapshot_read(c->rules_dir, s, &w);
    else if (c->nfiles > 0)
        st = snapshot_files(c->files, c->nfiles, s, &w);
    if (st != ST_OK) {
        buf_add(why, str_of(w.text));
        return false;
    }
    if (c->lua.p)
        add_rule_text(s, c->lua, c->lua_name);
    return true;
}

static struct policy *build(struct world *w, const struct world_config *c, struct buf *why)
{
    struct problems problems = { 0 };
    struct policy *p = NULL;

    if (!read_rules(c, &w->snapshot, why))
        return NULL;
    policy_load(engine_env(w->engine), &w->snapshot, ++w->generation, &p, &problems);
    for (size_t i = 0; i < problems.n; i++) {
        const struct problem *pr = &problems.v[i];

        if (!pr->warning)
            buf_addf(why, "%s%.*s:%d: %.*s", why->n ? "\n" : "", STR_ARG(pr->file), pr->line, STR_ARG(pr->text));
    }
    problems_free(&problems);
    if (!p && why->n == 0)
        buf_add(why, STR("the rules do not load"));
    return p;
}

/* ---- the world itself */

static void fix_clock(const struct world_config *c)
{
    if (!c->hermetic)
        return;
    clock_fake(c->now_us ? c->now_us : WORLD_EPOCH_US);
    rnd_seed(c->seed);
}

static enum status make_engine(struct world *w, const struct world_config *c, struct buf *why)
{
    struct dns_config dns = { .zone_file = c->zone_file, .zone_text = c->zone };
    struct engine_config ec = {
        .hermetic = c->hermetic,
        .no_delivery = !c->deliver,
        .dry_run = true,
        .wake_fd = -1,
    };
    struct why wy = { 0 };
    enum status st;

    if (!dns.zone_text.p && !dns.zone_file)
        dns.zone_text = STR("");
    if (c->hermetic)
        ec.dns = &dns;
    st = engine_new(w->loop, &ec, &w->engine, &wy);
    if (st != ST_OK)
        buf_add(why, str_of(wy.text));
    return st;
}

struct world *world_open(const struct world_config *c, struct buf *why)
{
    struct world *w = calloc(1, sizeof *w);
    struct policy *p;

    if (!w)
        die("world: out of memory");
    w->lines_end = &w->lines;
    w->seen_end = &w->seen;
    w->hermetic = c->hermetic;
    w->deliver = c->deliver;
    fix_clock(c);
    log_to(keep_line, w);
    w->loop = loop_new();
    if (make_engine(w, c, why) != ST_OK)
        goto fail;
    engine_on_delivery(w->engine, keep_delivery, w);
    engine_on_connect(w->engine, connect_peer, w);
    p = build(w, c, why);
    if (!p)
        goto fail;
    engine_switch(w->engine, p);
    policy_release(p);
    if (w->deliver)
        engine_start(w->engine);
    return w;

fail:
    world_close(w);
    return NULL;
}

void world_close(struct world *w)
{
    if (w->txn)
        txn_free(w->txn);
    if (w->conn) {
        conn_free(w->conn);
        free(w->conn);
    }
    if (w->engine)
        engine_free(w->engine);
    for (size_t i = 0; i < w->npeers; i++)
        peer_free(w->peers[i]);
    loop_free(w->loop);
    snapshot_free(&w->snapshot);
    log_to(NULL, NULL);
    arena_free(&w->arena);
    free(w);
}

static bool reload(struct world *w, const struct world_config *c, struct buf *why)
{
    struct policy *p;

    snapshot_free(&w->snapshot);
    w->snapshot = (struct snapshot){ .n = 0 };
    p = build(w, c, why);
    if (!p)
        return false;
    engine_switch(w->engine, p);
    policy_release(p);
    world_settle(w);
    return true;
}

struct engine *world_engine(struct world *w)
{
    return w->engine;
}

struct policy *world_policy(struct world *w)
{
    return engine_policy(w->engine);
}

/* ---- time */

void world_settle(struct world *w)
{
    if (w->hermetic)
        loop_settle(w->loop, false, 0);
    else
        while (loop_turn(w->loop, 0))
            ;
}

/* Second by second, so that what is far away does not come before it is asked for. */
bool world_until(struct world *w, bool (*done)(void *ctx), void *ctx, int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;

    world_settle(w);
    while (!done(ctx)) {
        if (clock_mono_ms() >= end)
            return false;
        if (w->hermetic)
            world_ops.advance(w, 1000);
        else
            loop_turn(w->loop, 100);
    }
    return true;
}

static void advance(struct world *w, int64_t ms)
{
    int64_t until = clock_wall_us() + ms * 1000;

    if (!w->hermetic)
        return;
    loop_settle(w->loop, true, until);
    if (clock_wall_us() < until)
        clock_step((until - clock_wall_us()) / 1000);
    loop_settle(w->loop, false, 0);
}

static int64_t now(struct world *w)
{
    (void)w;
    return clock_wall_us();
}

/* ---- sessions */

static struct world_session *session(struct world *w, struct str client)
{
    struct world_session *s;
    struct sock_addr peer = { 0 }, local = { 0 };
    struct arena a = { 0 };

    if (!sock_parse(&a, client, 49152, &peer) && !(ip_parse(client, &peer.ip) && (peer.port = 49152))) {
        arena_free(&a);
        return NULL;
    }
    ip_parse(peer.ip.v == IP_V6 ? STR("2001:db8::25") : STR("198.51.100.25"), &local.ip);
    local.port = 25;
    s = calloc(1, sizeof *s);
    if (!s)
        die("world: out of memory");
    s->world = w;
    s->session = engine_session_bytes(w->engine, &peer, &local);
    arena_free(&a);
    return s;
}

static void collect(struct world_session *s)
{
    struct buf *out = session_output(s->session);

    buf_add(&s->out, buf_str(out));
    buf_clear(out);
}

/* Feeds what waits and takes what was said, as long as either moves. */
static void pump(struct world_session *s)
{
    size_t took, said;

    world_settle(s->world);
    while (s->session) {
        said = s->out.n;
        took = s->in.n ? session_input(s->session, buf_str(&s->in)) : 0;
        buf_drop(&s->in, took);
        world_settle(s->world);
        collect(s);
        if (session_over(s->session)) {
            session_close(s->session);
            s->session = NULL;
            world_settle(s->world);
        } else if (took == 0 && s->out.n == said) {
            break;
        }
    }
}

static void send_bytes(struct world_session *s, struct str bytes)
{
    buf_add(&s->in, bytes);
    pump(s);
}

/* Where the first whole reply in text ends: after the line whose fourth byte is no hyphen. */
static size_t reply_end(struct str text)
{
    size_t at = 0, n;

    while ((n = str_find_str(str_from(text, at), STR("\r\n"))) != SIZE_MAX) {
        struct str line = str_head(str_from(text, at), n);

        at += n + 2;
        if (line.n < 4 || line.p[3] != '-')
            return at;
    }
    return 0;
}

static bool replied(void *ctx)
{
    struct world_session *s = ctx;

    pump(s);
    return !s->session || reply_end(buf_str(&s->out)) > 0;
}

static bool reply(struct world_session *s, struct arena *a, struct str *out)
{
    size_t n;

    world_until(s->world, replied, s, 60000);
    n = reply_end(buf_str(&s->out));
    if (n == 0)
        return false;
    *out = arena_dup(a, str_head(buf_str(&s->out), n - 2));
    buf_drop(&s->out, n);
    return true;
}

static bool answered(void *ctx)
{
    struct world_session *s = ctx;

    pump(s);
    return !s->session || (s->session->srv && !smtp_server_waiting(s->session->srv));
}

static void finish(struct world_session *s)
{
    world_until(s->world, answered, s, 3600000);
    pump(s);
}

static bool pending(struct world_session *s)
{
    pump(s);
    return reply_end(buf_str(&s->out)) > 0;
}

static bool over(struct world_session *s)
{
    pump(s);
    return !s->session && s->out.n == 0;
}

static void hang_up(struct world_session *s)
{
    if (s->session) {
        session_close(s->session);
        world_settle(s->world);
    }
    buf_free(&s->in);
    buf_free(&s->out);
    free(s);
}

/* ---- looking */

static void each_log(struct world *w, void (*fn)(void *ctx, enum log_file f, struct str line), void *ctx)
{
    for (struct line *l = w->lines; l; l = l->next)
        fn(ctx, l->file, l->text);
}

static void each_delivery(struct world *w, void (*fn)(void *ctx, const struct world_delivery *d), void *ctx)
{
    for (struct seen *s = w->seen; s; s = s->next)
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
    row.sender = sender;
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

static bool queue(struct world *w, struct str verb, struct str id, struct str *why, struct arena *a)
{
    struct end e = { 0 };
    bool ok = true;

    if (str_same(verb, STR("run")))
        engine_run_queue(w->engine);
    else if (str_same(verb, STR("hold")) || str_same(verb, STR("release")))
        engine_hold(w->engine, id, str_same(verb, STR("hold")));
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

static enum status submit(struct world *w, struct str sender, const struct str *rcpts, size_t n, struct str text,
                          struct arena *a, struct str *out)
{
    struct submission s = {
        .sender = sender, .rcpts = rcpts, .nrcpts = n, .from_headers = n == 0, .message = text,
        .login = STR("tester"), .uid = 1000, .gid = 1000, .trusted = true,
    };
    struct end e = { 0 };

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

static struct peer *find_peer(struct world *w, struct str at, bool make)
{
    struct arena a = { 0 };
    struct sock_addr to = { 0 };
    struct peer *p = NULL;

    if (ip_parse(at, &to.ip) || sock_parse(&a, at, 0, &to)) {
        for (size_t i = 0; i < w->npeers && !p; i++)
            if (peer_is_at(w->peers[i], &to))
                p = w->peers[i];
        if (!p && make && w->npeers < PEERS_MAX)
            p = w->peers[w->npeers++] = peer_new(w->loop, &to);
    }
    arena_free(&a);
    return p;
}

static bool peer(struct world *w, struct str at, struct str verb, struct str text)
{
    struct peer *p = find_peer(w, at, true);

    return p && (verb.n == 0 || peer_tell(p, verb, text));
}

static bool heard(struct world *w, struct str at, struct arena *a, struct str *out, unsigned *connections)
{
    struct peer *p = find_peer(w, at, false);

    if (!p)
        return false;
    *out = arena_dup(a, peer_heard(p));
    *connections = peer_connections(p);
    return true;
}

const struct world_ops world_ops = {
    .open = world_open, .close = world_close, .reload = reload, .advance = advance, .now = now,
    .session = session, .send = send_bytes,
    .reply = reply, .finish = finish, .pending = pending, .over = over, .hang_up = hang_up,
    .each_log = each_log, .each_delivery = each_delivery, .each_row = each_row,
    .queue = queue, .message = message, .submit = submit, .eval = eval,
    .peer = peer, .peer_heard = heard,
};
