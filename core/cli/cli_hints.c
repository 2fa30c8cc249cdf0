/*
 * cli_hints - what is remembered of hosts, addresses and TLS sessions (spool/hints.h)
 *
 * Beside a running engine or without one: the file is made for several processes.
 */
#include "cli/cli_load.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "spool/hints.h"

enum { TIDY_ONCE = 1000 };

struct listing {
    struct cli *cli;
    struct str table;
    struct buf out;
    size_t n;
};

/* Only a file that is there is opened: asking makes none. */
static struct hints *open_hints(struct cli *c, int *status)
{
    struct hints *h = NULL;
    struct why why = { 0 };
    char path[4200];

    *status = CLI_YES;
    snprintf(path, sizeof path, "%s/hints.mdb", cli_spool_dir(c));
    if (access(path, F_OK) < 0)
        return NULL;                    /* nothing is remembered */
    if (access(path, R_OK | W_OK) == 0 && hints_open(cli_spool_dir(c), &h, &why) == ST_OK)
        return h;
    *status = cli_fail(c, CLI_AGAIN, "%s", why.text[0] ? why.text : path);
    return NULL;
}

/* A session opens connections to who made it: it is shown to nobody. */
static bool is_secret(struct str table)
{
    return str_same(table, STR("tls"));
}

static bool list_one(void *ctx, struct str key, struct str value, int64_t expires)
{
    struct listing *l = ctx;
    struct arena a = { 0 };
    struct str until = expires ? clock_rfc5322(&a, expires) : STR("never");

    l->n++;
    if (cli_has(l->cli, CO_JSON)) {
        buf_byte(&l->out, '{');
        json_member(&l->out, "table", l->table);
        json_member(&l->out, "key", key);
        json_member_int(&l->out, "expires", expires);
        if (!is_secret(l->table))
            json_member(&l->out, "value", value);
        buf_add(&l->out, STR("}\n"));
    } else {
        for (size_t i = 0; i < key.n; i++)
            buf_byte(&l->out, (unsigned char)key.p[i] < ' ' || key.p[i] == 127 ? '?' : key.p[i]);
        buf_addf(&l->out, "  until %.*s\n", STR_ARG(until));
    }
    arena_free(&a);
    return true;
}

int cli_run_hints_list(struct cli *c)
{
    struct listing l = { .cli = c, .table = str_of(c->arg[0]) };
    int status;
    struct hints *h = open_hints(c, &status);

    if (!h)
        return status;
    hints_each(h, l.table, list_one, &l);
    cli_write(buf_str(&l.out));
    buf_free(&l.out);
    hints_close(h);
    return CLI_YES;
}

struct keys { struct arena *a; struct str *v; size_t n, max; };

static bool keep_key(void *ctx, struct str key, struct str value, int64_t expires)
{
    struct keys *k = ctx;
    struct str *more;

    (void)value;
    (void)expires;
    if (k->n == k->max) {
        more = arena_array(k->a, struct str, k->max ? 2 * k->max : 64);
        if (k->n)
            memcpy(more, k->v, k->n * sizeof *more);
        k->v = more;
        k->max = k->max ? 2 * k->max : 64;
    }
    k->v[k->n++] = arena_dup(k->a, key);
    return true;
}

int cli_run_hints_remove(struct cli *c)
{
    struct str table = str_of(c->arg[0]);
    struct keys keys = { .a = &c->arena };
    struct why why = { 0 };
    int status;
    struct hints *h = open_hints(c, &status);

    if (!h)
        return status;
    for (int i = 1; i < c->narg; i++)
        keep_key(&keys, str_of(c->arg[i]), STR(""), 0);
    if (c->narg == 1)
        hints_each(h, table, keep_key, &keys);
    for (size_t i = 0; i < keys.n && status == CLI_YES; i++)
        if (hints_del(h, table, keys.v[i], &why) == ST_AGAIN)
            status = cli_fail(c, CLI_AGAIN, "%s", why.text);
    hints_close(h);
    return status;
}

int cli_run_hints_tidy(struct cli *c)
{
    struct arena a = { 0 };
    size_t removed = 0, now;
    int status;
    struct hints *h = open_hints(c, &status);

    if (!h)
        return status;
    while ((now = hints_tidy(h, TIDY_ONCE)) > 0)
        removed += now;
    hints_close(h);
    cli_write(arena_printf(&a, "%zu\n", removed));
    arena_free(&a);
    return CLI_YES;
}
