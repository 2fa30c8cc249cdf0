#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli_load.h"
#include "cli/cli_queue.h"
#include "process/master.h"

/* What a running engine is asked, over SPOOL/control.sock. */

enum { CONTROL_MS = 60000, DRAIN_MAX = 3600 };

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
static void show_text(struct cli *c, struct str last, int status)
{
    struct arena a = { 0 };
    struct str text;

    if (json_get(&a, last, "text", &text) && text.n > 0) {
        if (status != CLI_YES) {
            cli_fail(c, status, "%.*s", STR_ARG(text));
        } else {
            cli_write(text);
            cli_write(STR("\n"));
        }
    }
    arena_free(&a);
}

/* last, if not NULL, gets the last object in the verb's arena; else it is shown. */
static int control(struct cli *c, struct str request, int64_t ms, bool *absent, struct str *last)
{
    const char *dir = cli_spool_dir(c);
    struct reply r = { .cli = c };
    struct why why = { 0 };
    int status = CLI_YES;
    enum status st;

    st = control_call(dir, request, ms, show, &r, &status, &why);
    if (absent)
        *absent = st == ST_NONE;
    if (st == ST_OK && cli_has(c, CO_JSON)) {
        cli_write(buf_str(&r.last));
        cli_write(STR("\n"));
    } else if (st == ST_OK) {
        show_text(c, buf_str(&r.last), status);
    } else if (st == ST_NONE) {
        status = absent ? EX_UNAVAILABLE : cli_fail(c, EX_UNAVAILABLE, "no engine runs on the spool %s (%s)", dir, why.text);
    } else if (why.err == EACCES || why.err == EPERM) {
        status = cli_fail(c, EX_NOPERM, "%s: only the engine's user and its group may command it", why.text);
    } else {
        status = cli_fail(c, CLI_AGAIN, "%s", why.text);
    }
    if (last)
        *last = st == ST_OK ? arena_dup(&c->arena, buf_str(&r.last)) : STR("");
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
    return control(c, request(c, verb, "id", id, 0), CONTROL_MS, absent, NULL);
}

int cli_control_move(struct cli *c, const char *id, const char *queue, bool *absent)
{
    struct buf b = { 0 };
    struct str out;

    buf_byte(&b, '{');
    json_member_int(&b, "v", 1);
    json_member(&b, "verb", STR("move"));
    json_member(&b, "id", str_of(id));
    json_member(&b, "queue", str_of(queue));
    buf_byte(&b, '}');
    out = arena_dup(&c->arena, buf_str(&b));
    buf_free(&b);
    return control(c, out, CONTROL_MS, absent, NULL);
}

/* A question whose answer its verb shows itself: the last object, in a. */
static void take_last(void *ctx, struct str object)
{
    struct buf *last = ctx;

    buf_clear(last);
    buf_add(last, object);
}

int cli_control_ask(struct cli *c, const char *verb, struct arena *a, struct str *reply)
{
    const char *dir = cli_spool_dir(c);
    struct buf last = { 0 };
    struct why why = { 0 };
    int status = CLI_YES;
    enum status st = control_call(dir, request(c, verb, NULL, NULL, 0), CONTROL_MS, take_last, &last, &status, &why);

    *reply = arena_dup(a, buf_str(&last));
    buf_free(&last);
    if (st == ST_NONE)
        return cli_fail(c, EX_UNAVAILABLE, "no engine runs on the spool %s (%s)", dir, why.text);
    if (st != ST_OK)
        return cli_fail(c, why.err == EACCES || why.err == EPERM ? EX_NOPERM : CLI_AGAIN, "%s", why.text);
    if (status != CLI_YES)
        show_text(c, *reply, status);
    return status;
}

/* ---- reload */

/* Which rules are in use now, and what of them is not in effect yet. */
int cli_run_reload(struct cli *c)
{
    struct str last, restart, name;
    int64_t generation;
    int status = control(c, request(c, "reload", NULL, NULL, 0), CONTROL_MS, NULL, &last);

    if (cli_has(c, CO_JSON) || status != CLI_YES || !json_get_int(last, "generation", &generation))
        return status;
    printf("generation %lld is in use\n", (long long)generation);
    if (json_get(&c->arena, last, "restart", &restart))
        while (json_next(&c->arena, &restart, &name))
            printf("%.*s has changed: needs restart\n", STR_ARG(name));
    return status;
}

/* ---- status, in words */

static struct str member(struct cli *c, struct str object, const char *name)
{
    struct str v = { "", 0 };

    json_get(&c->arena, object, name, &v);
    return v;
}

static void print_list(struct cli *c, const char *what, struct str array)
{
    struct str item;
    bool any = false;

    while (json_next(&c->arena, &array, &item)) {
        printf("%-10s %.*s\n", any ? "" : what, STR_ARG(item));
        any = true;
    }
}

static void print_workers(struct cli *c, struct str workers)
{
    struct str w;

    while (json_next(&c->arena, &workers, &w)) {
        struct str engine = member(c, w, "engine"), spool = member(c, engine, "spool");

        printf("worker %-3.*s process %.*s, generation %.*s, sessions %.*s, deliveries %.*s, messages %.*s\n",
               STR_ARG(member(c, w, "worker")), STR_ARG(member(c, w, "pid")), STR_ARG(member(c, w, "generation")),
               STR_ARG(member(c, engine, "sessions")), STR_ARG(member(c, engine, "deliveries_now")), STR_ARG(member(c, spool, "messages")));
    }
}

/* What has never happened is left out: the eye finds what has. */
static void print_counters(struct cli *c, struct str counters)
{
    struct str name, value;

    while (json_next_member(&c->arena, &counters, &name, &value))
        if (!str_same(value, STR("0")))
            printf("%-22.*s %.*s\n", STR_ARG(name), STR_ARG(value));
}

static void print_held(struct cli *c, struct str workers)
{
    struct str w, held = { "", 0 };

    if (!json_next(&c->arena, &workers, &w))
        return;
    held = member(c, member(c, w, "engine"), "held");   /* all of them hold the same */
    print_list(c, "held", held);
}

int cli_run_status(struct cli *c)
{
    struct str last;
    int status = control(c, request(c, "status", NULL, NULL, 0), CONTROL_MS, NULL, &last);

    if (cli_has(c, CO_JSON) || status != CLI_YES)
        return status;
    printf("perigee %s: process %.*s, generation %.*s, up %.*s s%s\n", PERIGEE_VERSION, STR_ARG(member(c, last, "pid")),
           STR_ARG(member(c, last, "generation")), STR_ARG(member(c, last, "uptime_s")),
           json_get_bool(last, "stopping") ? ", stopping" : "");
    printf("%-10s %.*s\n%-10s %.*s\n", "rules", STR_ARG(member(c, last, "rules")), "spool", STR_ARG(member(c, last, "spool")));
    print_list(c, "listens on", member(c, last, "listen"));
    print_held(c, member(c, last, "workers"));
    print_workers(c, member(c, last, "workers"));
    print_counters(c, member(c, last, "counters"));
    return status;
}

/* ---- the rest */

int cli_run_stop(struct cli *c)
{
    long s = cli_number(c, CO_DRAIN, 0, DRAIN_MAX, 30);

    return control(c, request(c, "stop", "drain", NULL, s), s * 1000 + CONTROL_MS, NULL, NULL);
}

int cli_run_hold(struct cli *c)
{
    const char *domain = c->narg ? c->arg[0] : NULL;
    bool absent;
    int status = control(c, request(c, c->verb->name, domain ? "domain" : NULL, domain, 0), CONTROL_MS, &absent, NULL);

    return absent ? cli_hold_offline(c, domain, strcmp(c->verb->name, "hold") == 0) : status;
}

int cli_run_reopen(struct cli *c)
{
    return control(c, request(c, "reopen", NULL, NULL, 0), CONTROL_MS, NULL, NULL);
}

int cli_run_queue_run(struct cli *c)
{
    return control(c, request(c, "run", c->narg ? "queue" : NULL, c->narg ? c->arg[0] : NULL, 0), CONTROL_MS, NULL, NULL);
}
