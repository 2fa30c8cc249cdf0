#include <stdlib.h>
#include <unistd.h>

#include "cli/cli_load.h"
#include "cli/cli_queue.h"
#include "engine/engine.h"
#include "engine/facts.h"
#include "local/user.h"
#include "process/lock.h"
#include "spool/id.h"

/* A write verb while no engine runs: an engine of our own, which delivers
 * nothing, serves one shard for one command. It holds the spool's lock as any
 * engine does, so none can start meanwhile. */

enum { LIMIT_MS = 60000 };

struct offline {
    struct cli *cli;
    struct loop *loop;
    struct engine *engine;
    int lock;
    struct timer limit;
    bool done;
    enum status st;
    struct why why;
    char log_path[4096];
    unsigned uid;                   /* who asks, before we became the spool's owner */
    struct msg_id id;               /* of what was stored */
};

static const struct { const char *word; enum queue_verb verb; } verbs[] = {
    { "freeze", QUEUE_FREEZE }, { "thaw", QUEUE_THAW }, { "remove", QUEUE_REMOVE }, { "bounce", QUEUE_BOUNCE },
    { "retry", QUEUE_THAW },        /* due at once, when somebody is there to deliver */
};

static void finished(void *ctx, enum status st, const struct why *why)
{
    struct offline *o = ctx;

    o->done = true;
    o->st = st;
    if (why)
        o->why = *why;
    loop_stop(o->loop);
}

static void too_long(void *ctx)
{
    struct offline *o = ctx;

    why_set(&o->why, ST_AGAIN, "the spool did not answer in a minute");
    finished(o, ST_AGAIN, NULL);
}

/* What is done to a message stands in the log, whoever did it. */
static void open_log(struct offline *o, const struct policy *p)
{
    struct facts f = { .good = false };
    struct log_config lc;

    facts_of(&f, p);
    facts_log(&f, cli_spool_dir(o->cli), o->log_path, &lc);
    log_open(&lc, NULL);
    facts_free(&f);
}

/* As root we would leave files that the engine cannot open: become who it will be. */
static enum status become_owner(struct offline *o)
{
    struct user u = { .drop = false };
    enum status st = user_choose(STR(""), STR(""), cli_spool_dir(o->cli), true, &u, &o->why);

    return st == ST_OK && u.drop ? user_become(&u, &o->why) : st;
}

static enum status load_rules(struct offline *o)
{
    struct snapshot s = { .n = 0 };
    struct problems problems = { 0 };
    struct policy *p = NULL;
    enum status st = snapshot_read(cli_rules(o->cli), &s, &o->why);

    if (st == ST_OK && policy_load(engine_env(o->engine), &s, 1, &p, &problems) != ST_OK)
        st = why_set(&o->why, ST_NEVER, "the rules do not load; see perigee check");
    if (p) {
        open_log(o, p);
        engine_switch(o->engine, p);
        policy_release(p);
    }
    problems_free(&problems);
    snapshot_free(&s);
    return st;
}

static enum status open_engine(struct offline *o)
{
    struct engine_config ec = { .spool_dir = cli_spool_dir(o->cli), .no_delivery = true, .wake_fd = -1 };
    enum status st = become_owner(o);

    if (st == ST_OK)
        st = lock_take(ec.spool_dir, true, &o->lock, NULL, &o->why);
    if (st == ST_OK)
        st = engine_new(o->loop, &ec, &o->engine, &o->why);
    return st == ST_OK ? load_rules(o) : st;
}

static enum status open_shard(struct offline *o, unsigned shard)
{
    enum status st = spool_take(engine_spool(o->engine), shard, &o->why);

    if (st == ST_OK)
        spool_set_home(engine_spool(o->engine), shard, true);   /* a bounce is a new message */
    return st;
}

/* The shard it was made in; if it is not there, it was moved to another. Once
 * more from the start, since one may have to be taken before the other. */
static enum status open_shard_of(struct offline *o, struct msg_id id)
{
    struct spool *sp = engine_spool(o->engine);
    unsigned v[SHARDS_MAX];
    size_t n = spool_shards(cli_spool_dir(o->cli), v, SHARDS_MAX), took = 0;
    struct arena a = { 0 };
    struct spool_row row;
    struct id_parts p;
    bool found = false;

    for (size_t i = 0; i < n && id_read(id, &p); i++)
        if (v[i] == p.shard) {
            v[i] = v[0];
            v[0] = p.shard;
        }
    for (size_t i = 0; i < 2 * n && !found; i++) {
        bool ok = open_shard(o, v[i % n]) == ST_OK;

        took += i >= n && ok;
        found = ok && spool_row_get(sp, id, &row, &a);
    }
    arena_free(&a);
    if (found)
        return ST_OK;
    return took == n ? why_set(&o->why, ST_NONE, "no such message") : ST_AGAIN;
}

static void begin(struct offline *o, struct cli *c)
{
    *o = (struct offline){ .cli = c, .lock = -1, .loop = loop_new(), .uid = (unsigned)getuid() };
    o->limit = (struct timer){ .fn = too_long, .ctx = o };
    o->st = open_engine(o);
}

static void await(struct offline *o)
{
    timer_set(o->loop, &o->limit, LIMIT_MS);
    if (!o->done)
        loop_run(o->loop);
    timer_clear(o->loop, &o->limit);
}

static void end(struct offline *o)
{
    if (o->engine)
        engine_free(o->engine);
    loop_turn(o->loop, 0);          /* what its threads handed to the loop last */
    loop_free(o->loop);
    log_close();
    if (o->lock >= 0)
        close(o->lock);
}

static struct str who(struct offline *o)
{
    return arena_printf(&o->cli->arena, "uid %u", o->uid);
}

/* `move` finds the queue's name among its arguments. */
static void act(struct offline *o, const char *verb, struct msg_id id)
{
    if (strcmp(verb, "move") == 0) {
        engine_queue_move(o->engine, id, str_of(o->cli->arg[1]), who(o), finished, o);
        await(o);
        return;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].word) != 0)
            continue;
        engine_queue(o->engine, verbs[i].verb, id, who(o), finished, o);
        await(o);
        return;
    }
}

int cli_queue_offline(struct cli *c, const char *verb, struct msg_id id)
{
    struct offline o;
    struct id_parts parts;

    if (!id_read(id, &parts))
        return cli_fail(c, CLI_NO, "%s is no message id of this engine", id.s);
    begin(&o, c);
    if (o.st == ST_OK)
        o.st = open_shard_of(&o, id);
    if (o.st == ST_OK)
        act(&o, verb, id);
    end(&o);
    if (o.st != ST_OK)
        cli_fail(c, 0, "%s", o.why.text[0] ? o.why.text : "no such message");
    return cli_status(o.st);
}

int cli_hold_offline(struct cli *c, const char *domain, bool hold)
{
    struct offline o;

    begin(&o, c);
    if (o.st == ST_OK)
        engine_hold(o.engine, domain ? str_of(domain) : STR(""), hold);
    end(&o);
    if (o.st != ST_OK)
        cli_fail(c, 0, "%s", o.why.text);
    return cli_status(o.st);
}

static void stored(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct offline *o = ctx;

    o->id = id;
    finished(o, st, why);
}

struct offline *cli_offline_open(struct cli *c, struct why *why)
{
    struct offline *o = arena_new(&c->arena, struct offline);

    begin(o, c);
    if (o->st == ST_OK)
        o->st = open_shard(o, 0);
    if (o->st == ST_OK)
        return o;
    *why = o->why;
    end(o);
    return NULL;
}

enum status cli_offline_submit(struct offline *o, const struct submission *s, struct msg_id *id, struct why *why)
{
    struct submission trusted = *s;

    trusted.trusted = true;
    trusted.uid = trusted.gid = -1;
    trusted.login = STR("root");
    o->done = false;
    engine_submit(o->engine, &trusted, stored, o);
    await(o);
    *id = o->id;
    *why = o->why;
    return o->st;
}

void cli_offline_close(struct offline *o)
{
    if (o)
        end(o);
}
