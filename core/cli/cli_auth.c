/*
 * cli_auth - is the sender who it says, for one message on standard input
 * (reference/auth-json.md has the members)
 */
#include <errno.h>
#include <unistd.h>

#include "auth/authres.h"
#include "base/json.h"
#include "cli/cli_ask.h"

enum { AUTH_MAX = 256 << 20, AUTH_MS = 120000 };

struct auth {
    struct cli *c;
    struct world *w;
    struct txn *t;
    const char *iprev;
    struct str name;
    bool done;
    struct buf out;
};

static bool is_done(void *ctx)
{
    return ((struct auth *)ctx)->done;
}

/* ---- iprev (RFC 8601 section 2.7.3) */

static void named(void *ctx, const struct hosts_answer *a)
{
    struct auth *u = ctx;
    struct conn *c = u->t->conn;

    u->done = true;
    c->host_lookup = a->end == HOSTS_OK ? LOOKUP_DONE : a->end == HOSTS_AGAIN ? LOOKUP_DEFERRED : LOOKUP_FAILED;
    u->iprev = a->end == HOSTS_OK ? "pass" : a->end == HOSTS_AGAIN ? "temperror" : a->nxdomain ? "permerror" : "fail";
    if (a->end == HOSTS_OK && a->n)
        u->name = c->host_name = arena_lower(&c->arena, a->host[0].name);
}

static void find_name(struct auth *u)
{
    struct hosts_query *q;

    u->iprev = "none";
    u->name = STR("");
    if (u->t->conn->client_ip.v == IP_NONE)
        return;
    q = hosts_reverse(engine_env(world_engine(u->w))->dns, u->t->conn->client_ip, named, u);
    if (!world_until(u->w, is_done, u, AUTH_MS) && q) {
        hosts_cancel(q);
        u->iprev = "temperror";
    }
}

/* ---- what rules would have found out by asking */

static void ask(struct auth *u, const char *code)
{
    struct cli_answer a = { 0 };
    struct buf out = { 0 };
    struct eval *e;

    u->t->phase = PH_DATA;
    e = policy_expr(world_policy(u->w), u->t, PH_DATA, str_of(code), true, &out, cli_answered, &a);
    if (!world_until(u->w, cli_answered_yet, &a, AUTH_MS) && e)
        policy_cancel(e);
    buf_free(&out);
}

static void proved(void *ctx)
{
    ((struct auth *)ctx)->done = true;
}

static void find_signers(struct auth *u, struct str body)
{
    struct prove *p;

    u->done = false;
    p = engine_prove(world_engine(u->w), u->t, body, proved, u);
    if (!world_until(u->w, is_done, u, AUTH_MS))
        cli_fail(u->c, 0, "keys of signatures were not found in two minutes");
    prove_free(p);
}

/* ---- members */

static void put_spf(struct auth *u)
{
    const struct spf_facts *f = u->t->spf;
    bool null = u->t->sender.n == 0;

    json_name(&u->out, "spf");
    buf_byte(&u->out, '{');
    json_member(&u->out, "result", f ? f->result : STR("none"));
    json_member(&u->out, "identity", (f ? f->helo : null) ? STR("helo") : STR("mailfrom"));
    json_member(&u->out, "domain", f && f->domain.p ? f->domain : STR(""));
    json_member(&u->out, "explanation", f && f->explanation.p ? f->explanation : STR(""));
    json_member(&u->out, "comment", f && f->smtp_comment.p ? f->smtp_comment : STR(""));
    json_member(&u->out, "header", f && f->received.p ? f->received : STR(""));
    buf_byte(&u->out, '}');
}

static struct str reason_of(struct auth *u, const struct signature *s)
{
    if (s->detail.n == 0)
        return str_of(s->reason);
    return arena_printf(&u->c->arena, "%s (%.*s)", s->reason, STR_ARG(s->detail));
}

static void put_dkim(struct auth *u)
{
    const struct dkim *d = &u->t->proof->dkim;

    json_name(&u->out, "dkim");
    buf_byte(&u->out, '[');
    for (size_t i = 0; i < d->n; i++) {
        const struct signature *s = &d->v[i];

        buf_add(&u->out, i ? STR(",{") : STR("{"));
        json_member(&u->out, "result", str_of(sig_result_name(s->result)));
        json_member(&u->out, "domain", s->domain.p ? s->domain : STR(""));
        json_member(&u->out, "selector", s->selector.p ? s->selector : STR(""));
        json_member(&u->out, "identity", s->identity.p ? s->identity : STR(""));
        json_member(&u->out, "algorithm", s->algorithm.p ? s->algorithm : STR(""));
        json_member_int(&u->out, "key_bits", s->key ? s->key->bits : 0);
        json_member(&u->out, "reason", reason_of(u, s));
        buf_byte(&u->out, '}');
    }
    buf_byte(&u->out, ']');
}

static void put_dmarc(struct auth *u)
{
    static const struct dmarc_facts off = { .status = STR_INIT("off") };
    const struct dmarc_facts *f = u->t->dmarc ? u->t->dmarc : &off;

    json_name(&u->out, "dmarc");
    buf_byte(&u->out, '{');
    json_member(&u->out, "status", f->status);
    json_member(&u->out, "policy", f->applied.p ? f->applied : STR(""));
    json_member(&u->out, "published_policy", f->policy.p ? f->policy : STR(""));
    json_member(&u->out, "domain", f->domain.p ? f->domain : STR(""));
    json_member_bool(&u->out, "subdomain_policy_used", f->subdomain_policy);
    json_member(&u->out, "text", f->text.p ? f->text : STR(""));
    buf_byte(&u->out, '}');
}

static void put_arc(struct auth *u)
{
    const struct arc *a = &u->t->proof->arc;
    struct str *domains;
    size_t n = arc_domains(a, &u->c->arena, &domains);

    json_name(&u->out, "arc");
    buf_byte(&u->out, '{');
    json_member(&u->out, "state", str_of(arc_state_name(a->state)));
    json_member(&u->out, "reason", a->reason.p ? a->reason : STR(""));
    json_member_int(&u->out, "instances", a->whole);
    json_member_int(&u->out, "oldest_pass", a->oldest);
    json_name(&u->out, "domains");
    buf_byte(&u->out, '[');
    for (size_t i = 0; i < n; i++) {
        buf_add(&u->out, i ? STR(",") : STR(""));
        json_text(&u->out, domains[i]);
    }
    buf_add(&u->out, STR("]}"));
}

static struct str results(struct auth *u)
{
    struct str id = STR(""), text;
    char *p;
    size_t n = 0;

    policy_variable(world_policy(u->w), u->t, STR("primary_hostname"), &u->c->arena, &id);
    text = authres_make(&u->c->arena, id.n ? id : STR("localhost"), u->t, u->t->dmarc && u->t->dmarc->part.n ? u->t->dmarc->part : STR(""));
    p = arena_alloc(&u->c->arena, text.n + 1);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '\t')
            p[n++] = text.p[i] == '\n' ? ' ' : text.p[i];
    return (struct str){ p, n };
}

static void print_json(struct auth *u)
{
    buf_byte(&u->out, '{');
    json_name(&u->out, "iprev");
    buf_byte(&u->out, '{');
    json_member(&u->out, "result", str_of(u->iprev));
    json_member(&u->out, "name", u->name);
    buf_byte(&u->out, '}');
    put_spf(u);
    put_dkim(u);
    put_dmarc(u);
    put_arc(u);
    json_member(&u->out, "authentication_results", results(u));
    buf_add(&u->out, STR("}\n"));
}

static void print_text(struct auth *u)
{
    const struct dkim *d = &u->t->proof->dkim;
    const struct arc *a = &u->t->proof->arc;
    char shown[1024];
    struct str line;

    buf_addf(&u->out, "iprev: %s %.*s\n", u->iprev, STR_ARG(u->name));
    buf_addf(&u->out, "spf: %.*s\n", STR_ARG(u->t->spf ? u->t->spf->result : STR("none")));
    if (d->n == 0)
        buf_add(&u->out, STR("dkim: none\n"));
    for (size_t i = 0; i < d->n; i++) {
        const struct signature *s = &d->v[i];

        line = arena_printf(&u->c->arena, "dkim: %s d=%.*s s=%.*s i=%.*s a=%.*s %u bits%s%.*s", sig_result_name(s->result), STR_ARG(s->domain),
                            STR_ARG(s->selector), STR_ARG(s->identity), STR_ARG(s->algorithm), s->key ? s->key->bits : 0,
                            s->reason[0] ? ": " : "", STR_ARG(reason_of(u, s)));
        buf_add(&u->out, (struct str){ shown, str_escape(str_head(line, 1024), shown, sizeof shown) });
        buf_byte(&u->out, '\n');
    }
    buf_addf(&u->out, "dmarc: %.*s\n", STR_ARG(u->t->dmarc ? u->t->dmarc->status : STR("off")));
    buf_addf(&u->out, "arc: %s (%u sets)%s%.*s\n", arc_state_name(a->state), a->whole, a->reason.n ? ": " : "", STR_ARG(a->reason));
    buf_addf(&u->out, "%.*s\n", STR_ARG(results(u)));
}

static int judge(struct auth *u, struct str text)
{
    struct conn *c = u->t->conn;
    struct str body;

    if (cli_has(u->c, CO_CLIENT) && !world_client(c, str_of(u->c->opt[CO_CLIENT])))
        return cli_fail(u->c, EX_USAGE, "--client %s is no address", u->c->opt[CO_CLIENT]);
    c->smtp = true;
    c->helo = str_of(cli_has(u->c, CO_HELO) ? u->c->opt[CO_HELO] : "");
    u->t->sender = str_of(cli_has(u->c, CO_SENDER) ? u->c->opt[CO_SENDER] : "");
    body = cli_message(u->t, text);
    find_name(u);
    if (c->client_ip.v != IP_NONE)
        ask(u, "check.spf \"*\"");
    find_signers(u, body);
    ask(u, "verify.try.arc()");
    u->t->dmarc_only = true;
    ask(u, "check.dmarc_status \"*\"");
    if (cli_has(u->c, CO_JSON))
        print_json(u);
    else
        print_text(u);
    cli_write(buf_str(&u->out));
    return CLI_YES;
}

int cli_run_auth(struct cli *c)
{
    struct auth u = { .c = c };
    struct str text;
    int status = 0;

    if (!cli_read(&c->arena, STDIN_FILENO, AUTH_MAX, &text))
        return cli_fail(c, EX_NOINPUT, "standard input: %s", strerror(errno));
    u.w = cli_world_any(c, &status);
    if (!u.w)
        return status;
    u.t = world_txn(u.w);
    status = judge(&u, text);
    buf_free(&u.out);
    world_close(u.w);
    return status;
}
