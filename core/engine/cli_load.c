#include "engine/cli_load.h"

bool cli_load(struct cli *c, struct cli_rules *r)
{
    struct policy_env env = { .check_only = true };

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

const char *cli_spool_dir(struct cli *c)
{
    const char *dir = cli_spool(c);
    struct cli_rules r;
    struct str said = { 0 };
    int opt = policy_opt_find(STR("spool_directory"));

    if (dir)
        return dir;
    if (cli_load(c, &r) && r.policy && opt >= 0)
        said = policy_opt_str(r.policy, opt);
    dir = said.n ? arena_z(&c->arena, said) : "/var/spool/perigee";
    cli_unload(&r);
    return dir;
}
