#include "cli/cli_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

enum { MESSAGE_MAX = 64 << 20, ANSWER_MS = 120000 };

/* ---- the world and its facts */

bool cli_hermetic(const struct cli *c)
{
    return cli_has(c, CO_DNS) || cli_has(c, CO_NOW) || cli_has(c, CO_SEED) || cli_has(c, CO_DRY_RUN);
}

static struct world *open_world(struct cli *c, struct world_config wc, int *status)
{
    struct buf why = { 0 };
    struct world *w;

    if (cli_has(c, CO_NOW) && !clock_parse(str_of(c->opt[CO_NOW]), &wc.now_us)) {
        *status = cli_fail(c, EX_USAGE, "--now \"%s\" is no time", c->opt[CO_NOW]);
        return NULL;
    }
    wc.seed = (uint64_t)cli_number(c, CO_SEED, 0, INT32_MAX, 0);
    w = world_open(&wc, &why);
    if (!w)
        *status = cli_fail(c, EX_CONFIG, "%.*s", STR_ARG(buf_str(&why)));
    buf_free(&why);
    return w;
}

struct world *cli_world(struct cli *c, bool deliver, int *status)
{
    struct world_config wc = {
        .hermetic = cli_hermetic(c), .deliver = deliver,
        .rules_dir = cli_rules(c), .zone_file = c->opt[CO_DNS],
    };

    return open_world(c, wc, status);
}

static struct world *world_bare(struct cli *c, int *status)
{
    struct world_config wc = { .hermetic = cli_hermetic(c), .lua = STR_INIT("site { primary_hostname = \"localhost\" }"), .lua_name = "-", .zone_file = c->opt[CO_DNS] };

    return open_world(c, wc, status);
}

struct world *cli_world_any(struct cli *c, int *status)
{
    if (!cli_rules_named(c) && access(cli_rules(c), F_OK) != 0)
        return world_bare(c, status);
    return cli_world(c, false, status);
}

/* Lines of any kind become CRLF, as they would have come by SMTP. */
static struct str wire_form(struct arena *a, struct str text)
{
    struct buf b = { 0 };
    struct str line, out;

    while (str_cut(&text, '\n', &line)) {
        if (text.n == 0 && line.n == 0)
            break;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        buf_add(&b, line);
        buf_add(&b, STR("\r\n"));
    }
    out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static ssize_t read_body(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct str *body = ctx;
    struct str rest = str_head(str_from(*body, (size_t)offset), n);

    memcpy(out, rest.p, rest.n);
    return (ssize_t)rest.n;
}

struct str cli_message(struct txn *t, struct str text)
{
    struct str *body = arena_new(&t->arena, struct str), section;
    bool damaged;

    header_divide(wire_form(&t->arena, text), &section, body, &damaged);
    txn_set_content(t, section, *body);
    t->header.damaged |= damaged;
    t->body = (struct body_source){ .read = read_body, .ctx = body };
    return *body;
}

static int set_peer(struct cli *c, struct conn *conn, enum phase *ph)
{
    if (cli_has(c, CO_CLIENT)) {
        if (!world_client(conn, str_of(c->opt[CO_CLIENT])))
            return cli_fail(c, EX_USAGE, "--client %s is no address", c->opt[CO_CLIENT]);
        *ph = PH_CONNECT;
    }
    if (cli_has(c, CO_HELO)) {
        conn->helo = str_of(c->opt[CO_HELO]);
        conn->esmtp = true;
        *ph = PH_HELO;
    }
    return 0;
}

int cli_facts(struct cli *c, struct world *w, enum phase *phase)
{
    struct txn *t = world_txn(w);
    enum phase ph = PH_CONNECT;
    struct str text;
    int status = set_peer(c, t->conn, &ph);

    if (status)
        return status;
    if (cli_has(c, CO_SENDER)) {
        t->sender = arena_dup(&t->arena, str_of(c->opt[CO_SENDER]));
        ph = PH_MAIL;
    }
    for (size_t i = 0; i < c->nrcpt; i++) {
        txn_add_rcpt(t, arena_dup(&t->arena, str_of(c->rcpt[i])));
        ph = PH_RCPT;
    }
    if (c->nrcpt > 0) {
        t->addr = arena_new(&t->arena, struct at_address);
        txn_at(t, t->rcpts[t->nrcpts - 1].addr, t->addr);
    }
    if (cli_has(c, CO_MESSAGE)) {
        if (!cli_read_file(&t->arena, c->opt[CO_MESSAGE], MESSAGE_MAX, &text))
            return cli_fail(c, EX_NOINPUT, "%s: %s", c->opt[CO_MESSAGE], strerror(errno));
        cli_message(t, text);
        ph = PH_DATA;
    }
    if (phase)
        *phase = ph;
    return 0;
}

/* ---- expressions: eval, and verbs that are one */

void cli_answered(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct cli_answer *a = ctx;

    (void)v;
    a->done = true;
    a->st = st;
    if (why)
        a->why = *why;
}

bool cli_answered_yet(void *ctx)
{
    return ((struct cli_answer *)ctx)->done;
}

static void show_tree(struct cli *c, struct buf *tree)
{
    struct buf object = { 0 }, out = { 0 };

    if (tree->n == 0)
        return;
    buf_addf(&object, "{%.*s}", STR_ARG(buf_str(tree)));
    cli_explain_show(c, STR(""), buf_str(&object), &out);
    cli_write(buf_str(&out));
    buf_free(&object);
    buf_free(&out);
    buf_free(tree);
}

static int eval_in(struct cli *c, struct world *w, enum phase ph, struct str code)
{
    struct txn *t = world_txn(w);
    struct cli_answer a = { 0 };
    struct buf out = { 0 }, tree = { 0 };
    struct eval *e;

    t->phase = ph;
    e = policy_expr_explain(world_policy(w), t, ph, code, cli_has(c, CO_JSON), &out, cli_has(c, CO_EXPLAIN) ? &tree : NULL, cli_answered, &a);
    if (!world_until(w, cli_answered_yet, &a, ANSWER_MS)) {
        policy_cancel(e);
        a.st = why_set(&a.why, ST_AGAIN, "no answer in two minutes");
    }
    if (a.st == ST_OK) {
        cli_write(buf_str(&out));
        if (out.n > 0 && buf_str(&out).p[out.n - 1] != '\n')
            cli_write(STR("\n"));
    } else {
        cli_fail(c, 0, "%s", a.why.text);
    }
    buf_free(&out);
    show_tree(c, &tree);
    /* An expression that does not compile, or raises, is bad input and no answer. */
    return a.st == ST_OK || a.st == ST_AGAIN ? cli_status(a.st) : EX_DATAERR;
}

int cli_run_eval(struct cli *c)
{
    int status = 0;
    enum phase ph = PH_CONNECT;
    struct world *w = cli_world_any(c, &status);

    if (!w)
        return status;
    status = cli_facts(c, w, &ph);
    if (status == 0 && cli_has(c, CO_PHASE) && !phase_find(str_of(c->opt[CO_PHASE]), &ph))
        status = cli_fail(c, EX_USAGE, "there is no phase \"%s\"", c->opt[CO_PHASE]);
    if (status == 0)
        status = eval_in(c, w, ph, str_of(c->arg[0]));
    world_close(w);
    return status;
}

/* ---- rewrite */

static bool printable(const char *s)
{
    for (; *s; s++)
        if (*s < ' ' || *s == 127)
            return false;
    return true;
}

/* The address as a Lua string: nothing in it is code. */
static struct str rewrite_code(struct cli *c, const char *address)
{
    struct buf b = { 0 };
    struct str out;

    buf_add(&b, cli_has(c, CO_JSON) ? STR("rewrite.explain(\"") : STR("rewrite.text(\""));
    for (const char *p = address; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_byte(&b, '\\');
        buf_byte(&b, *p);
    }
    buf_add(&b, STR("\")"));
    out = arena_dup(&c->arena, buf_str(&b));
    buf_free(&b);
    return out;
}

int cli_run_rewrite(struct cli *c)
{
    int status = 0, one;
    enum phase ph = PH_CONNECT;
    struct world *w = cli_world(c, false, &status);

    if (!w)
        return status;
    status = cli_facts(c, w, &ph);
    for (int i = 0; i < c->narg && status < EX__BASE; i++) {
        if (!printable(c->arg[i]))
            one = cli_fail(c, EX_USAGE, "an address holds no control bytes");
        else
            one = eval_in(c, w, ph, rewrite_code(c, c->arg[i]));
        if (one > status)
            status = one;
    }
    world_close(w);
    return status;
}
