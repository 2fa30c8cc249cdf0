#include "world/inspect.h"

#include "engine/settings.h"
#include "world/openrelay.h"
#include "world/world_inside.h"

static struct world *make_world(const struct snapshot *s, struct buf *why)
{
    struct buf zone = { 0 };
    struct world_config c = { .hermetic = true };
    struct world *w;

    openrelay_zone(s, &zone);
    c.zone = buf_str(&zone);
    w = world_empty(&c, why);
    buf_free(&zone);
    return w;
}

static void add_problem(struct problems *to, const struct problem *p)
{
    struct problem *v = arena_array(&to->arena, struct problem, to->n + 1);

    if (to->n > 0)
        memcpy(v, to->v, to->n * sizeof *v);
    v[to->n] = (struct problem){
        .file = arena_dup(&to->arena, p->file), .line = p->line, .warning = p->warning, .text = arena_dup(&to->arena, p->text),
    };
    to->v = v;
    to->n++;
}

void inspect_rules(const struct snapshot *s, const char *spool, bool strict, struct inspect *i)
{
    struct buf why = { 0 };
    struct policy_env env;
    struct problem open = { .line = 0 };
    struct arena a = { 0 };

    *i = (struct inspect){ .good = false };
    i->world = make_world(s, &why);
    if (!i->world) {
        open.text = buf_str(&why);
        add_problem(&i->problems, &open);
    } else {
        env = *engine_env(world_engine(i->world));
        env.hermetic = false;           /* files that rules name are looked for where they are */
        env.check_only = env.inspects = true;
        env.strict = strict;
        env.check_option = settings_check;
        env.spool_dir = spool;
        policy_load(&env, s, 0, &i->policy, &i->problems);
    }
    i->good = i->policy != NULL;
    if (i->policy) {
        policy_hold(i->policy);
        world_serve(i->world, i->policy);
        if (openrelay_find(i->world, s, &a, &open)) {
            add_problem(&i->problems, &open);
            i->good = open.warning;
        }
    }
    arena_free(&a);
    buf_free(&why);
}

void inspect_free(struct inspect *i)
{
    if (i->policy)
        policy_release(i->policy);
    if (i->world)
        world_close(i->world);
    problems_free(&i->problems);
}

bool inspect_config(const struct world_config *c, struct buf *out)
{
    struct snapshot s = { .n = 0 };
    struct inspect i = { .good = false };

    if (world_rules(c, &s, out)) {
        inspect_rules(&s, NULL, true, &i);
        for (size_t k = 0; k < i.problems.n; k++) {
            const struct problem *p = &i.problems.v[k];

            buf_addf(out, "%.*s:%d: %s%.*s\n", STR_ARG(p->file), p->line, p->warning ? "warning: " : "", STR_ARG(p->text));
        }
        inspect_free(&i);
    }
    snapshot_free(&s);
    return i.good;
}
