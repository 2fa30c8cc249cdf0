#include "cli/cli_load.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/facts.h"
#include "engine/settings.h"

bool cli_load(struct cli *c, struct cli_rules *r)
{
    struct policy_env env = { .check_only = true, .check_option = settings_check };

    *r = (struct cli_rules){ .loop = NULL };
    if (snapshot_read(cli_rules(c), &r->snapshot, &r->why) != ST_OK)
        return false;
    r->loop = loop_new();
    env.loop = r->loop;
    policy_load(&env, &r->snapshot, 1, &r->policy, &r->problems);
    return true;
}

void cli_unload(struct cli_rules *r)
{
    if (r->policy)
        policy_release(r->policy);
    problems_free(&r->problems);
    snapshot_free(&r->snapshot);
    if (r->loop)
        loop_free(r->loop);
}

/* The main option as the rules have it; empty: they do not say. Rules that do
 * not load may mean any spool, so nobody's is taken for theirs. */
static struct str said_by_rules(struct cli *c)
{
    struct cli_rules r;
    struct str said = { "", 0 };
    int opt = policy_opt_find(STR("spool_directory"));

    if (cli_load(c, &r) && r.policy && opt >= 0) {
        said = arena_dup(&c->arena, policy_opt_str(r.policy, opt));
    } else if (r.loop) {
        for (size_t i = 0; i < r.problems.n; i++)
            fprintf(stderr, "%.*s:%d: %.*s\n", STR_ARG(r.problems.v[i].file), r.problems.v[i].line, STR_ARG(r.problems.v[i].text));
        exit(cli_fail(c, c->verb->run == cli_run_reload ? CLI_NO : EX_CONFIG,
                      "the rules in %s do not load, so they do not say where the spool is: name it with --spool", cli_rules(c)));
    }
    cli_unload(&r);
    return said;
}

/* Two places that differ are an error where both were named for this command;
 * rules that merely lie in /etc do not argue with --spool. */
static void check_conflict(struct cli *c, const char *dir)
{
    struct cli_rules r;
    int opt = policy_opt_find(STR("spool_directory"));
    const char *said = NULL;
    struct str text;

    if (!cli_has(c, CO_RULES))
        return;
    if (cli_load(c, &r) && r.policy && opt >= 0) {
        text = policy_opt_str(r.policy, opt);
        /* What is there unless something is said conflicts with nothing. */
        if (text.n > 0 && !str_same(text, str_of(SPOOL_DEFAULT)))
            said = arena_z(&c->arena, text);
    }
    cli_unload(&r);
    if (said && !facts_same_place(dir, said))
        exit(cli_fail(c, EX_CONFIG, "the spool is %s by command line or environment, but spool_directory in %s says %s", dir, cli_rules(c), said));
}

const char *cli_spool_dir(struct cli *c)
{
    const char *dir = cli_spool(c);
    struct str said;

    if (c->spool_dir)
        return c->spool_dir;
    if (dir) {
        check_conflict(c, dir);
        return c->spool_dir = dir;
    }
    said = said_by_rules(c);
    return c->spool_dir = said.n ? arena_z(&c->arena, said) : SPOOL_DEFAULT;
}
