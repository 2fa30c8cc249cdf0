#include <stdio.h>

#include "base/json.h"
#include "engine/cli_load.h"
#include "engine/cli_queue.h"
#include "engine/master.h"

enum { CONTROL_MS = 60000, DRAIN_MAX = 86400 };

int cli_run_serve(struct cli *c)
{
    struct serve_config sc = {
        .rules = cli_rules(c),
        .spool = cli_spool(c),
        .workers = (unsigned)cli_number(c, CO_WORKERS, 1, WORKERS_MAX, 0),
        .foreground = cli_has(c, CO_FOREGROUND),
        .allow_root = cli_has(c, CO_ALLOW_ROOT),
    };

    return master_serve(&sc);
}

/* ---- check and config: the rules alone */

static void print_problem(const struct problem *p)
{
    printf("%.*s:%d: %s%.*s\n", STR_ARG(p->file), p->line, p->warning ? "warning: " : "", STR_ARG(p->text));
}

/* How each phase with statements ends: several files add to one phase, and the
 * reader should not have to remember which default it has (design 4.2). */
static void print_ends(const struct policy *p)
{
    static const char *const words[] = { [V_ACCEPT] = "accept", [V_DENY] = "deny", [V_DEFER] = "defer",
                                         [V_DISCARD] = "discard", [V_DROP] = "drop" };

    for (int ph = 0; ph < PH_ACLS; ph++) {
        struct verdict v = { 0 };

        if (!policy_has_acl(p, (enum phase)ph))
            continue;
        policy_acl_default((enum phase)ph, &v);
        printf("acl %s: ends with %s\n", phase_name((enum phase)ph), words[v.verb]);
    }
}

int cli_run_check(struct cli *c)
{
    struct cli_rules r;
    bool ok = cli_load(c, &r) && r.policy;

    if (r.why.text[0])
        printf("%s\n", r.why.text);
    for (size_t i = 0; i < r.problems.n; i++)
        print_problem(&r.problems.v[i]);
    if (ok)
        print_ends(r.policy);
    cli_unload(&r);
    return ok ? CLI_YES : CLI_NO;
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
    const struct val *v = policy_opt(p, opt);
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
        status = cli_fail(c, CLI_NO, "there is no option %s", c->arg[0]);
    } else if (one >= 0) {
        print_option(c, r.policy, one);
    } else {
        for (int o = 0; policy_opt_row(o); o++)
            print_option(c, r.policy, o);
    }
    cli_unload(&r);
    return status;
}

/* ---- what a running engine is asked */

struct reply { struct cli *cli; struct buf last; };

static void show(void *ctx, struct str object)
{
    struct reply *r = ctx;
    struct arena a = { 0 };
    struct str line;

    if (json_get(&a, object, "line", &line) && !cli_has(r->cli, CO_JSON)) {
        cli_write(line);
        cli_write(STR("\n"));
    }
    buf_clear(&r->last);
    buf_add(&r->last, object);
    arena_free(&a);
}

/* The text of the last object, where it has one: why not, or a remark. */
static void show_end(struct reply *r, int status)
{
    struct arena a = { 0 };
    struct str text;

    if (cli_has(r->cli, CO_JSON)) {
        cli_write(buf_str(&r->last));
        cli_write(STR("\n"));
    } else if (json_get(&a, buf_str(&r->last), "text", &text) && text.n > 0) {
        if (status != CLI_YES) {
            cli_fail(r->cli, status, "%.*s", STR_ARG(text));
        } else if (!str_same(text, STR("ok"))) {
            cli_write(text);
            cli_write(STR("\n"));
        }
    }
    arena_free(&a);
}

static int control(struct cli *c, struct str request, int64_t ms, bool *absent)
{
    struct reply r = { .cli = c };
    struct why why = { 0 };
    int status = CLI_YES;
    enum status st = control_call(cli_spool_dir(c), request, ms, show, &r, &status, &why);

    if (absent)
        *absent = st == ST_NONE;
    if (st == ST_OK)
        show_end(&r, status);
    else if (!absent || st != ST_NONE)
        status = cli_fail(c, st == ST_NONE ? EX_UNAVAILABLE : CLI_AGAIN, "%s", why.text);
    buf_free(&r.last);
    return status;
}

/* {"v":1,"verb":"hold"} and one more member. */
static struct str request(struct cli *c, const char *verb, const char *member, const char *text, int64_t number)
{
    struct buf b = { 0 };
    struct str out;

    buf_byte(&b, '{');
    json_member_int(&b, "v", 1);
    json_member(&b, "verb", str_of(verb));
    if (member && text)
        json_member(&b, member, str_of(text));
    else if (member)
        json_member_int(&b, member, number);
    buf_byte(&b, '}');
    out = arena_dup(&c->arena, buf_str(&b));
    buf_free(&b);
    return out;
}

int cli_control_id(struct cli *c, const char *verb, const char *id, bool *absent)
{
    return control(c, request(c, verb, "id", id, 0), CONTROL_MS, absent);
}

int cli_run_reload(struct cli *c)
{
    return control(c, request(c, "reload", NULL, NULL, 0), CONTROL_MS, NULL);
}

/* Members one a line; an object's are set in under its name, an array's objects
 * follow each other on a line. */
static void print_members(struct str object, unsigned depth)
{
    struct arena a = { 0 };
    struct str name, value, item;

    while (json_next_member(&a, &object, &name, &value)) {
        bool nested = str_starts(value, STR("{")), list = str_starts(value, STR("[{"));

        if (depth == 0 && (str_same(name, STR("v")) || str_same(name, STR("done")) || str_same(name, STR("status"))))
            continue;
        printf("%*s%.*s%s%.*s\n", (int)depth * 2, "", STR_ARG(name), nested || list ? "" : ": ",
               nested || list ? 0 : (int)value.n, value.p);
        if (nested)
            print_members(value, depth + 1);
        while (list && json_next(&a, &value, &item))
            print_members(item, depth + 1);
    }
    arena_free(&a);
}

static void keep_last(void *ctx, struct str object)
{
    struct buf *last = ctx;

    buf_clear(last);
    buf_add(last, object);
}

int cli_run_status(struct cli *c)
{
    struct buf last = { 0 };
    struct why why = { 0 };
    int status = CLI_YES;
    enum status st;

    if (cli_has(c, CO_JSON))
        return control(c, request(c, "status", NULL, NULL, 0), CONTROL_MS, NULL);
    st = control_call(cli_spool_dir(c), request(c, "status", NULL, NULL, 0), CONTROL_MS, keep_last, &last, &status, &why);
    if (st == ST_OK)
        print_members(buf_str(&last), 0);
    else
        status = cli_fail(c, st == ST_NONE ? EX_UNAVAILABLE : CLI_AGAIN, "%s", why.text);
    buf_free(&last);
    return status;
}

int cli_run_stop(struct cli *c)
{
    long s = cli_number(c, CO_DRAIN, 0, DRAIN_MAX, 30);

    return control(c, request(c, "stop", "drain", NULL, s), s * 1000 + CONTROL_MS, NULL);
}

int cli_run_hold(struct cli *c)
{
    const char *domain = c->narg ? c->arg[0] : NULL;

    return control(c, request(c, c->verb->name, domain ? "domain" : NULL, domain, 0), CONTROL_MS, NULL);
}

int cli_run_reopen(struct cli *c)
{
    return control(c, request(c, "reopen", NULL, NULL, 0), CONTROL_MS, NULL);
}

int cli_run_queue_run(struct cli *c)
{
    return control(c, request(c, "run", NULL, NULL, 0), CONTROL_MS, NULL);
}
