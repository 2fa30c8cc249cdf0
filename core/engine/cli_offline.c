#include <stdlib.h>

#include "engine/cli_load.h"
#include "engine/cli_queue.h"
#include "engine/engine.h"
#include "engine/facts.h"
#include "engine/user.h"
#include "spool/id.h"

/* A write verb while no engine runs: an engine of our own, which delivers
 * nothing, serves the message's shard under its lock for one command. */

enum { LIMIT_MS = 60000 };

struct offline {
    struct cli *cli;
    struct loop *loop;
    struct engine *engine;
    struct timer limit;
    bool done;
    enum status st;
    struct why why;
    char log_path[4096];
};

static const struct { const char *word; enum queue_verb verb; } verbs[] = {
    { "freeze", QUEUE_FREEZE }, { "thaw", QUEUE_THAW }, { "remove", QUEUE_REMOVE }, { "bounce", QUEUE_BOUNCE },
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

static enum status open_engine(struct offline *o, unsigned shard)
{
    struct engine_config ec = { .spool_dir = cli_spool_dir(o->cli), .no_delivery = true, .wake_fd = -1 };
    enum status st;

    st = engine_new(o->loop, &ec, &o->engine, &o->why);
    if (st == ST_OK)
        st = load_rules(o);
    if (st == ST_OK)
        st = spool_take(engine_spool(o->engine), shard, &o->why);
    if (st == ST_OK)
        spool_set_home(engine_spool(o->engine), shard, true);   /* a bounce is a new message */
    return st;
}

static void act(struct offline *o, const char *verb, struct msg_id id)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verb, verbs[i].word) != 0)
            continue;
        o->limit = (struct timer){ .fn = too_long, .ctx = o };
        timer_set(o->loop, &o->limit, LIMIT_MS);
        engine_queue(o->engine, verbs[i].verb, id, STR("command line"), finished, o);
        if (!o->done)
            loop_run(o->loop);
        timer_clear(o->loop, &o->limit);
        return;
    }
    o->st = why_set(&o->why, ST_AGAIN, "no engine runs on %s", cli_spool_dir(o->cli));
}

int cli_queue_offline(struct cli *c, const char *verb, struct msg_id id)
{
    struct offline o = { .cli = c };
    struct id_parts parts;

    if (!id_read(id, &parts))
        return cli_fail(c, CLI_NO, "%s is no message id of this engine", id.s);
    o.loop = loop_new();
    o.st = become_owner(&o);
    if (o.st == ST_OK)
        o.st = open_engine(&o, parts.shard);
    if (o.st == ST_OK)
        act(&o, verb, id);
    if (o.engine)
        engine_free(o.engine);
    loop_free(o.loop);
    log_close();
    if (o.st != ST_OK)
        cli_fail(c, 0, "%s", o.why.text[0] ? o.why.text : "no such message");
    return cli_status(o.st);
}
