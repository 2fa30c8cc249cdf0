#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli_load.h"
#include "engine/facts.h"
#include "engine/settings.h"
#include "local/user.h"
#include "process/master.h"
#include "world/inspect.h"

int cli_run_serve(struct cli *c)
{
    struct serve_config sc = {
        .rules = cli_rules(c),
        .spool = cli_spool(c),
        .workers = (unsigned)cli_number(c, CO_WORKERS, 1, WORKERS_MAX, 0),
        .foreground = cli_has(c, CO_FOREGROUND),
        .allow_root = cli_has(c, CO_ALLOW_ROOT),
        .tls_on_connect = cli_has(c, CO_TLS_FIRST),
    };

    return master_serve(&sc);
}

/* ---- check and config: the rules alone */

static void write_object(struct buf *b)
{
    buf_add(b, STR("}\n"));
    cli_write(buf_str(b));
    buf_free(b);
}

static void print_problem(struct cli *c, const struct problem *p)
{
    struct buf b = { 0 };

    if (cli_has(c, CO_JSON)) {
        buf_byte(&b, '{');
        json_member(&b, "file", p->file);
        json_member_int(&b, "line", p->line);
        json_member_bool(&b, "warning", p->warning);
        json_member(&b, "text", p->text);
        write_object(&b);
        return;
    }
    printf("%.*s:%d: %s%.*s\n", STR_ARG(p->file), p->line, p->warning ? "warning: " : "", STR_ARG(p->text));
}

/* How each phase with statements ends: several files add to one phase, and the
 * reader should not have to remember which default it has (design 4.2). */
static void print_ends(struct cli *c, const struct policy *p)
{
    for (int ph = 0; ph < PH_ACLS; ph++) {
        struct str end = policy_acl_end(p, (enum phase)ph);
        struct buf b = { 0 };

        if (!policy_has_acl(p, (enum phase)ph))
            continue;
        if (!cli_has(c, CO_JSON)) {
            printf("acl %s: ends with %.*s\n", phase_name((enum phase)ph), STR_ARG(end));
            continue;
        }
        buf_byte(&b, '{');
        json_member(&b, "phase", str_of(phase_name((enum phase)ph)));
        json_member(&b, "ends", end);
        write_object(&b);
    }
}

/* Files that rules name are opened by the engine's user, so that is who looks for them (a root that may read
 * everything finds nothing out). The rules themselves have been read. */
static const char *spool_of(struct cli *c, const struct policy *p)
{
    struct str said = policy_opt_str(p, policy_opt_find(STR("spool_directory")));

    return cli_spool(c) ? cli_spool(c) : said.n ? arena_z(&c->arena, said) : SPOOL_DEFAULT;
}

static void look_as_engine(struct cli *c, const struct snapshot *s)
{
    struct policy_env env = { .check_only = true, .check_option = settings_check, .loop = loop_new() };
    struct problems problems = { 0 };
    struct policy *p = NULL;
    struct str name;
    struct user user;
    struct why why = { 0 };

    policy_load(&env, s, 0, &p, &problems);
    problems_free(&problems);
    if (!p)
        goto done;
    name = policy_opt_str(p, policy_opt_find(STR("user")));
    /* Where nobody is named, and no spool belongs to anybody, this is not the machine it will run on. */
    if (user_choose(name, policy_opt_str(p, policy_opt_find(STR("group"))), spool_of(c, p), name.n == 0, &user, &why) != ST_OK ||
        (user.drop && user_become(&user, &why) != ST_OK))
        fprintf(stderr, "files are looked for as root: %s\n", why.text);
    policy_release(p);
done:
    loop_free(env.loop);
}

int cli_run_check(struct cli *c)
{
    struct snapshot s = { .n = 0 };
    struct inspect i;
    struct why why = { 0 };
    bool good = false;

    if (snapshot_read(cli_rules(c), &s, &why) != ST_OK) {
        struct problem none = { .file = str_of(cli_rules(c)), .text = str_of(why.text) };

        print_problem(c, &none);
    } else {
        if (geteuid() == 0)
            look_as_engine(c, &s);
        inspect_rules(&s, cli_spool(c), true, &i);
        for (size_t k = 0; k < i.problems.n; k++)
            print_problem(c, &i.problems.v[k]);
        if (i.policy)
            print_ends(c, i.policy);
        good = i.good;
        inspect_free(&i);
    }
    snapshot_free(&s);
    return good ? CLI_YES : CLI_NO;
}

static void value_text(struct buf *b, const struct val *v)
{
    switch (v->type) {
    case VAL_NIL:
        buf_add(b, STR("nil"));
        break;
    case VAL_BOOL:
        buf_add(b, v->u.b ? STR("true") : STR("false"));
        break;
    case VAL_INT:
        buf_addf(b, "%lld", (long long)v->u.i);
        break;
    case VAL_NUM:
        buf_addf(b, "%.14g", v->u.d);
        break;
    case VAL_STR:
        json_text(b, v->u.s);
        break;
    case VAL_LIST:
        buf_byte(b, '[');
        for (size_t i = 0; i < v->u.list.n; i++) {
            if (i)
                buf_byte(b, ',');
            json_text(b, v->u.list.v[i]);
        }
        buf_byte(b, ']');
        break;
    case VAL_FUNC:
        buf_add(b, STR("\"function\""));
        break;
    }
}

static void print_option(struct cli *c, const struct policy *p, int opt)
{
    static const struct val hidden = { .type = VAL_STR, .u.s = STR_INIT("<value not displayable>") };
    const struct val *set = policy_opt(p, opt), *v = policy_opt_row(opt)->secret && set->type != VAL_NIL ? &hidden : set;
    const char *name = policy_opt_row(opt)->name;
    struct buf b = { 0 };

    if (cli_has(c, CO_JSON)) {
        buf_byte(&b, '{');
        json_member(&b, "name", str_of(name));
        json_name(&b, "value");
        if (v->type == VAL_NIL)
            buf_add(&b, STR("null"));
        else
            value_text(&b, v);
        buf_byte(&b, '}');
    } else if (c->narg == 1) {
        if (v->type == VAL_STR)
            buf_add(&b, v->u.s);
        else
            value_text(&b, v);
    } else {
        buf_addf(&b, "%s = ", name);
        value_text(&b, v);
    }
    buf_byte(&b, '\n');
    cli_write(buf_str(&b));
    buf_free(&b);
}

int cli_run_config(struct cli *c)
{
    struct cli_rules r;
    int status = CLI_YES, one = -1;

    if (!cli_load(c, &r) || !r.policy) {
        status = cli_fail(c, EX_CONFIG, "%s", r.why.text[0] ? r.why.text : "the rules do not load; see perigee check");
    } else if (c->narg == 1 && (one = policy_opt_find(str_of(c->arg[0]))) < 0) {
        status = cli_fail(c, CLI_NO, "there is no main option \"%s\" (perigee config lists them, docs/ref/options.md has them all)", c->arg[0]);
    } else if (one >= 0) {
        print_option(c, r.policy, one);
    } else {
        for (int o = 0; policy_opt_row(o); o++)
            print_option(c, r.policy, o);
    }
    cli_unload(&r);
    return status;
}
