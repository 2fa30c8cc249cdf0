#include <errno.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli_ask.h"

enum { FILTER_MAX = 256 << 20 };

/* ---- filter: one message on standard input, through the very session a
 * client would have, and what became of it on standard output (P3) */

struct filter {
    struct cli *cli;
    struct world *world;
    struct world_session *session;
    struct buf replies;         /* "rcpt 250 ok" lines, or JSON members of an array */
    struct str last;
    const char *step;           /* where the last reply came */
    struct str id;              /* of the kept message; empty: none */
    struct buf trees;           /* --explain: what each ACL tried, as print_text or print_json takes it */
    struct str log[2];          /* main and reject lines, each ended by LF */
    unsigned accepted;          /* recipients */
};

static bool code_is(struct str reply, char first)
{
    return reply.n > 0 && reply.p[0] == first;
}

static void note_reply(struct filter *f)
{
    if (!cli_has(f->cli, CO_JSON)) {
        buf_addf(&f->replies, "%s: %.*s\n", f->step, STR_ARG(f->last));
        return;
    }
    buf_add(&f->replies, f->replies.n ? STR(",{") : STR("{"));
    json_member(&f->replies, "step", str_of(f->step));
    json_member(&f->replies, "reply", f->last);
    buf_byte(&f->replies, '}');
}

/* Sends, and takes the one reply that follows. False: the session is over. */
static bool step(struct filter *f, const char *name, struct str bytes)
{
    f->step = name;
    if (bytes.n > 0)
        world_ops.send(f->session, bytes);
    if (!world_ops.reply(f->session, &f->cli->arena, &f->last)) {
        f->last = STR("421 4.3.2 no answer");
        note_reply(f);
        return false;
    }
    note_reply(f);
    return true;
}

static void stuff(struct str text, struct buf *out)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        if (text.n == 0 && line.n == 0)
            break;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n > 0 && line.p[0] == '.')
            buf_byte(out, '.');
        buf_add(out, line);
        buf_add(out, STR("\r\n"));
    }
    buf_add(out, STR(".\r\n"));
}

static bool recipients(struct filter *f)
{
    struct cli *c = f->cli;

    for (size_t i = 0; i < c->nrcpt; i++) {
        if (!step(f, "rcpt", arena_printf(&c->arena, "RCPT TO:<%s>\r\n", c->rcpt[i])))
            return false;
        f->accepted += code_is(f->last, '2');
    }
    return f->accepted > 0;
}

static void converse(struct filter *f, struct str text)
{
    struct cli *c = f->cli;
    const char *helo = cli_has(c, CO_HELO) ? c->opt[CO_HELO] : "client.invalid";
    struct buf data = { 0 };

    if (!step(f, "connect", STR("")) || !code_is(f->last, '2'))
        return;
    if (!step(f, "helo", arena_printf(&c->arena, "EHLO %s\r\n", helo)) || !code_is(f->last, '2'))
        return;
    if (!step(f, "mail", arena_printf(&c->arena, "MAIL FROM:<%s>\r\n", cli_has(c, CO_SENDER) ? c->opt[CO_SENDER] : "")) ||
        !code_is(f->last, '2'))
        return;
    if (!recipients(f))
        return;
    if (!step(f, "predata", STR("DATA\r\n")) || !code_is(f->last, '3'))
        return;
    stuff(text, &data);
    step(f, "data", buf_str(&data));
    buf_free(&data);
}

/* ---- what became of it */

static void first_row(void *ctx, const struct world_row *r)
{
    struct filter *f = ctx;

    if (f->id.n == 0)
        f->id = arena_dup(&f->cli->arena, r->id);
}

static const char *verdict(const struct filter *f)
{
    if (code_is(f->last, '2') && strcmp(f->step, "data") == 0)
        return f->id.n ? "accept" : "discard";
    return code_is(f->last, '4') ? "defer" : "deny";
}

static int exit_status(const char *v)
{
    return strcmp(v, "defer") == 0 ? EX_TEMPFAIL : strcmp(v, "deny") == 0 ? EX_UNAVAILABLE : EX_OK;
}

static void text_log(void *ctx, enum log_file f, struct str line)
{
    static const char *const name[LOG_FILES] = { "main", "reject", "panic", "json" };

    if (f != LOG_JSON)
        buf_addf(ctx, "log %s: %.*s\n", name[f], STR_ARG(line));
}

static void json_log(void *ctx, enum log_file f, struct str line)
{
    struct buf *b = ctx;

    if (f == LOG_JSON)
        return;
    if (b->n > 0 && buf_str(b).p[b->n - 1] != '[')
        buf_byte(b, ',');
    json_text(b, line);
}

static void take_tree(void *ctx, struct str id, struct str object)
{
    struct filter *f = ctx;

    if (cli_has(f->cli, CO_JSON)) {
        buf_add(&f->trees, f->trees.n ? STR(",") : STR(""));
        buf_add(&f->trees, object);
    } else {
        cli_explain_show(f->cli, id, object, &f->trees);
    }
}

static void print_text(struct filter *f, const char *v, struct str kept)
{
    struct buf b = { 0 };

    buf_addf(&b, "verdict: %s\n%.*s", v, STR_ARG(buf_str(&f->replies)));
    world_ops.each_log(f->world, text_log, &b);
    buf_add(&b, buf_str(&f->trees));
    if (kept.n > 0) {
        buf_byte(&b, '\n');
        buf_add(&b, kept);
    }
    cli_write(buf_str(&b));
    buf_free(&b);
}

static void print_json(struct filter *f, const char *v, struct str kept)
{
    struct buf b = { 0 };

    buf_byte(&b, '{');
    json_member(&b, "verdict", str_of(v));
    json_name(&b, "replies");
    buf_addf(&b, "[%.*s]", STR_ARG(buf_str(&f->replies)));
    json_name(&b, "log");
    buf_byte(&b, '[');
    world_ops.each_log(f->world, json_log, &b);
    buf_byte(&b, ']');
    if (cli_has(f->cli, CO_EXPLAIN)) {
        json_name(&b, "explain");
        buf_addf(&b, "[%.*s]", STR_ARG(buf_str(&f->trees)));
    }
    if (kept.n > 0)
        json_member(&b, "message", kept);
    buf_add(&b, STR("}\n"));
    cli_write(buf_str(&b));
    buf_free(&b);
}

static int filter(struct cli *c, struct world *w, struct str text)
{
    struct filter f = { .cli = c, .world = w };
    struct str kept = { 0 };
    const char *v;

    if (cli_has(c, CO_EXPLAIN)) {
        engine_on_explain(world_engine(w), take_tree, &f);
        policy_explain_all(world_policy(w));
    }
    f.session = world_ops.session(w, str_of(cli_has(c, CO_CLIENT) ? c->opt[CO_CLIENT] : "127.0.0.1"), 0);
    if (!f.session)
        return cli_fail(c, EX_USAGE, "--client %s is no address", c->opt[CO_CLIENT]);
    converse(&f, text);
    world_ops.each_row(w, first_row, &f);
    if (f.id.n > 0)
        world_ops.message(w, f.id, &c->arena, &kept);
    v = verdict(&f);
    if (cli_has(c, CO_JSON))
        print_json(&f, v, kept);
    else
        print_text(&f, v, kept);
    world_ops.hang_up(f.session);
    engine_on_explain(world_engine(w), NULL, NULL);
    buf_free(&f.replies);
    buf_free(&f.trees);
    return exit_status(v);
}

int cli_run_filter(struct cli *c)
{
    int status = 0;
    struct world *w;
    struct str text;

    if (c->nrcpt == 0)
        return cli_fail(c, EX_USAGE, "wants at least one --rcpt");
    if (cli_has(c, CO_MESSAGE) ? !cli_read_file(&c->arena, c->opt[CO_MESSAGE], FILTER_MAX, &text)
                               : !cli_read(&c->arena, STDIN_FILENO, FILTER_MAX, &text))
        return cli_fail(c, EX_NOINPUT, "the message: %s", strerror(errno));
    w = cli_world(c, false, &status);
    if (!w)
        return status;
    status = filter(c, w, text);
    world_close(w);
    return status;
}
