#include "world/world_inside.h"

#include <stdlib.h>

#include "base/load.h"
#include "base/rnd.h"
#include "engine/facts.h"
#include "tls/context.h"

/* The world whose clock, log and stamps the process has now: those of base are
 * one a process, so worlds take turns. */
static struct world *current;
static struct cover *covered;           /* as many worlds as a process makes: one account */

void world_cover(struct cover *c)
{
    covered = c;
}

/* ---- what happens in it is kept */

static void keep_line(void *ctx, enum log_file f, struct str text)
{
    struct world *w = ctx;
    struct world_line *l = arena_new(&w->arena, struct world_line);

    l->file = f;
    l->text = arena_dup(&w->arena, text);
    *w->lines_end = l;
    w->lines_end = &l->next;
}

static void keep_delivery(void *ctx, const struct delivery_seen *d)
{
    struct world *w = ctx;
    struct world_seen *s = arena_new(&w->arena, struct world_seen);

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

static bool either(struct str want, struct str is)
{
    return want.n == 0 || str_same(want, is);
}

static bool answer_lookup(void *ctx, struct str kind, struct str file, struct str key, enum status *st, struct str *value)
{
    struct world *w = ctx;

    for (struct world_answer *a = w->answers; a; a = a->next) {
        if (!str_same(a->kind, kind) || !either(a->file, file) || !either(a->key, key))
            continue;
        *st = a->status;
        *value = a->value;
        return true;
    }
    return false;
}

void world_own(struct world *w)
{
    if (current == w)
        return;
    if (current)
        current->wall_us = clock_wall_us();
    current = w;
    if (w->hermetic)
        clock_fake(w->wall_us);
    log_to(keep_line, w);
    log_stamp(&w->stamps);
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

bool world_rules(const struct world_config *c, struct snapshot *s, struct buf *why)
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
    struct policy_env env = *engine_env(w->engine);
    struct problems problems = { 0 };
    struct policy *p = NULL;

    if (!world_rules(c, &w->snapshot, why))
        return NULL;
    env.cover = covered;
    policy_load(&env, &w->snapshot, ++w->generation, &p, &problems);
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

/* Stamps as the rules' log_selector and log_timezone want them. A process id
 * would make no two runs alike. */
static void read_stamps(struct world *w, const struct policy *p)
{
    struct facts f = { .good = false };

    facts_of(&f, p);
    w->stamps = (struct log_config){ .millisec = f.millisec, .zone = f.zone };
    clock_zone(f.timezone);
    log_stamp(&w->stamps);
    facts_free(&f);
}

void world_serve(struct world *w, struct policy *p)
{
    read_stamps(w, p);
    engine_switch(w->engine, p);
    policy_release(p);
}

static enum status make_engine(struct world *w, const struct world_config *c, struct buf *why)
{
    struct dns_config dns = { .zone_file = c->zone_file, .zone_text = STR("") };
    struct engine_config ec = {
        .hermetic = c->hermetic,
        .no_delivery = !c->deliver,
        .wake_fd = -1,
    };
    struct why wy = { 0 };
    enum status st = ST_OK;

    if (c->hermetic) {
        st = world_zone(w, c, &dns.zone_text, &wy);
        ec.dns = &dns;
    }
    if (st == ST_OK)
        st = engine_new(w->loop, &ec, &w->engine, &wy);
    if (st != ST_OK)
        buf_add(why, str_of(wy.text));
    return st;
}

struct world *world_empty(const struct world_config *c, struct buf *why)
{
    struct world *w = calloc(1, sizeof *w);

    if (!w)
        die("world: out of memory");
    w->lines_end = &w->lines;
    w->seen_end = &w->seen;
    w->hermetic = c->hermetic;
    w->deliver = c->deliver;
    w->wall_us = c->now_us ? c->now_us : WORLD_EPOCH_US;
    world_own(w);
    if (w->hermetic)
        rnd_seed(c->seed);
    load_fake(0);
    w->loop = loop_new();
    w->papers = papers_new();
    if (make_engine(w, c, why) != ST_OK) {
        world_close(w);
        return NULL;
    }
    engine_on_delivery(w->engine, keep_delivery, w);
    if (w->hermetic) {
        engine_on_connect(w->engine, connect_peer, w);
        tls_cache_given(engine_tls(w->engine), papers_given, w->papers);
    }
    engine_on_lookup(w->engine, answer_lookup, w);
    return w;
}

struct world *world_open(const struct world_config *c, struct buf *why)
{
    struct world *w = world_empty(c, why);
    struct policy *p = w ? build(w, c, why) : NULL;

    if (!p) {
        if (w)
            world_close(w);
        return NULL;
    }
    world_serve(w, p);
    if (w->deliver)
        engine_start(w->engine);
    return w;
}

void world_close(struct world *w)
{
    world_own(w);
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
    papers_free(w->papers);
    loop_free(w->loop);
    snapshot_free(&w->snapshot);
    log_to(NULL, NULL);
    current = NULL;
    arena_free(&w->arena);
    free(w);
}

bool world_reload(struct world *w, const struct world_config *c, struct buf *why)
{
    struct policy *p;

    world_own(w);
    snapshot_free(&w->snapshot);
    w->snapshot = (struct snapshot){ .n = 0 };
    p = build(w, c, why);
    if (!p)
        return false;
    world_serve(w, p);
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
    world_own(w);
    if (w->hermetic)
        loop_settle(w->loop, false, 0);
    else
        while (loop_turn(w->loop, 0))
            ;
}

/* Second by second, so that what is far away does not come before it is asked for. */
bool world_until(struct world *w, bool (*done)(void *ctx), void *ctx, int64_t ms)
{
    int64_t end;

    world_settle(w);
    end = clock_mono_ms() + ms;
    while (!done(ctx)) {
        if (clock_mono_ms() >= end)
            return false;
        if (w->hermetic)
            world_advance(w, 1000);
        else
            loop_turn(w->loop, 100);
    }
    return true;
}

void world_advance(struct world *w, int64_t ms)
{
    int64_t until;

    if (!w->hermetic)
        return;
    world_own(w);
    until = clock_wall_us() + ms * 1000;
    loop_settle(w->loop, true, until);
    if (clock_wall_us() < until)
        clock_step((until - clock_wall_us()) / 1000);
    loop_settle(w->loop, false, 0);
}

/* ---- sessions */

struct world_session *world_session(struct world *w, struct str client, uint16_t port)
{
    struct world_session *s;
    struct sock_addr peer = { 0 }, local = { 0 };
    struct arena a = { 0 };

    if (!sock_parse(&a, client, 49152, &peer) && !(ip_parse(client, &peer.ip) && (peer.port = 49152))) {
        arena_free(&a);
        return NULL;
    }
    ip_parse(peer.ip.v == IP_V6 ? STR("2001:db8::25") : STR("198.51.100.25"), &local.ip);
    local.port = port ? port : SMTP_PORT;
    world_own(w);
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

void world_any_time(struct world_session *s)
{
    if (s->session)
        s->session->conn.no_sync = true;
}

void world_send(struct world_session *s, struct str bytes)
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

bool world_reply(struct world_session *s, struct arena *a, struct str *out)
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

void world_finish(struct world_session *s)
{
    world_until(s->world, answered, s, 3600000);
    pump(s);
}

bool world_pending(struct world_session *s)
{
    pump(s);
    return reply_end(buf_str(&s->out)) > 0;
}

bool world_over(struct world_session *s)
{
    pump(s);
    return !s->session && s->out.n == 0;
}

void world_hang_up(struct world_session *s)
{
    world_own(s->world);
    if (s->session) {
        session_close(s->session);
        world_settle(s->world);
    }
    buf_free(&s->in);
    buf_free(&s->out);
    free(s);
}

