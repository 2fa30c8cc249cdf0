/*
 * cli_verify - `perigee verify`: the rules' own verify, asked from the command line
 */
#include "cli/cli_ask.h"

#include "base/clock.h"
#include "base/json.h"

enum { ANSWER_MS = 600000 };

/* A Lua string of any bytes: nothing in it is code. */
static void put_text(struct buf *b, const char *text)
{
    buf_byte(b, '"');
    for (const char *p = text; *p; p++)
        buf_addf(b, "\\%03u", (unsigned char)*p);
    buf_byte(b, '"');
}

/* The answer in one word, a line end, and why not. */
static void put_code(struct cli *c, const char *address, struct buf *b)
{
    const char *as = c->opt[CO_AS] ? c->opt[CO_AS] : "recipient";

    buf_addf(b, "(function(m) local yes, why = verify.try.%s(", as);
    put_text(b, address);
    if (cli_has(c, CO_CALLOUT)) {
        buf_add(b, STR(", { callout = "));
        put_text(b, c->opt[CO_CALLOUT]);
        buf_add(b, STR(" }"));
    }
    buf_add(b, STR(") return yes and 'ok' or yes == false and 'fail' or 'defer', "
                   "yes and '' or why and why.text or m.acl_verify_message or '' end)(m)"));
}

static void say(struct cli *c, const char *address, struct str result, struct str text)
{
    struct buf b = { 0 };
    const char *word = str_same(result, STR("ok")) ? "verified" : str_same(result, STR("fail")) ? "failed to verify"
                     : "cannot be resolved at this time";
    struct str line;

    if (cli_has(c, CO_JSON)) {
        buf_byte(&b, '{');
        json_member(&b, "address", str_of(address));
        json_member(&b, "result", result);
        json_member(&b, "text", text);
        buf_add(&b, STR("}\n"));
    } else {
        buf_addf(&b, "%s %s", address, word);
        for (int i = 0; str_cut(&text, '\n', &line); i++)
            if (line.n)
                buf_addf(&b, "%s%.*s", i ? "\n    " : ": ", STR_ARG(line));
        buf_byte(&b, '\n');
    }
    cli_write(buf_str(&b));
    buf_free(&b);
}

static int verify_one(struct cli *c, struct world *w, const char *address)
{
    struct cli_answer a = { 0 };
    struct buf code = { 0 }, out = { 0 };
    struct str rest, result;
    struct eval *e;
    int status = CLI_AGAIN;

    put_code(c, address, &code);
    world_txn(w)->phase = PH_RCPT;
    e = policy_expr(world_policy(w), world_txn(w), PH_RCPT, buf_str(&code), false, &out, cli_answered, &a);
    if (!world_until(w, cli_answered_yet, &a, ANSWER_MS)) {
        policy_cancel(e);
        say(c, address, STR("defer"), STR("no answer in ten minutes"));
    } else if (a.st == ST_OK) {
        rest = buf_str(&out);
        str_cut(&rest, '\n', &result);
        if (str_ends(rest, STR("\n")))
            rest.n--;
        say(c, address, result, rest);
        status = str_same(result, STR("ok")) ? CLI_YES : str_same(result, STR("fail")) ? CLI_NO : CLI_AGAIN;
    } else {
        status = a.st == ST_AGAIN ? CLI_AGAIN : EX_DATAERR;
        cli_fail(c, 0, "%s", a.why.text);
    }
    buf_free(&code);
    buf_free(&out);
    return status;
}

int cli_run_verify(struct cli *c)
{
    const char *as = c->opt[CO_AS];
    int status = 0, worst = CLI_YES;
    struct world *w;

    if (as && !str_same(str_of(as), STR("sender")) && !str_same(str_of(as), STR("recipient")))
        return cli_fail(c, EX_USAGE, "--as takes sender or recipient, not \"%s\"", as);
    w = cli_world(c, false, &status);
    if (!w)
        return status;
    world_txn(w)->sender = STR("");
    status = cli_facts(c, w, NULL);
    for (int i = 0; i < c->narg && status == 0; i++) {
        int one = verify_one(c, w, c->arg[i]);

        /* a no outweighs "could not find out" */
        if (one >= EX__BASE || worst == CLI_YES || (one == CLI_NO && worst == CLI_AGAIN))
            worst = one;
    }
    world_close(w);
    return status ? status : worst;
}
