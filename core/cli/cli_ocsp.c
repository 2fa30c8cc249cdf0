/*
 * cli_ocsp - a fresh proof for a certificate, for who would rather run a job than tls_ocsp_fetch
 */
#include <stdio.h>
#include <time.h>

#include "base/json.h"
#include "cli/cli.h"
#include "engine/staple.h"

struct fetch {
    struct loop *loop;
    struct staple_end end;
    bool over;
};

static void on_end(void *ctx, const struct staple_end *end)
{
    struct fetch *f = ctx;

    f->end = *end;
    f->over = true;
}

static const char *moment(int64_t s, char *out, size_t n)
{
    time_t t = (time_t)s;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, n, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(out, n, "?");
    return out;
}

static void print_json(const struct fetch *f, struct str proof)
{
    struct buf b = { 0 };
    char until[32], made[32];

    buf_byte(&b, '{');
    json_member(&b, "status", str_of(status_name(f->end.st)));
    json_member(&b, "proof", proof);
    if (f->end.st == ST_OK) {
        json_member(&b, "made", str_of(moment(f->end.made, made, sizeof made)));
        json_member(&b, "until", str_of(moment(f->end.until, until, sizeof until)));
    } else {
        json_member(&b, "reason", str_of(f->end.why.text));
    }
    buf_add(&b, STR("}\n"));
    cli_write(buf_str(&b));
    buf_free(&b);
}

static int tell(const struct cli *c, const struct fetch *f, struct str proof)
{
    char until[32];

    if (cli_has(c, CO_JSON))
        print_json(f, proof);
    else if (f->end.st == ST_OK)
        printf("%.*s: the certificate is good until %s\n", STR_ARG(proof), moment(f->end.until, until, sizeof until));
    if (f->end.st != ST_OK)
        return cli_fail(c, cli_status(f->end.st), "%s", f->end.why.text);
    return CLI_YES;
}

int cli_run_ocsp_fetch(struct cli *c)
{
    struct dns_config plain = { 0 };
    struct dns *dns;
    struct fetch f = { .loop = loop_new() };
    struct why why = { 0 };
    struct staple_want w = {
        .certificate = str_of(c->arg[0]), .proof = str_of(c->arg[1]),
        .issuer = cli_has(c, CO_ISSUER) ? str_of(c->opt[CO_ISSUER]) : STR(""), .url = cli_has(c, CO_URL) ? str_of(c->opt[CO_URL]) : STR(""),
    };
    int status;

    if (dns_open(f.loop, &plain, &dns, &why) != ST_OK) {
        loop_free(f.loop);
        return cli_fail(c, CLI_AGAIN, "%s", why.text);
    }
    staple_fetch(f.loop, dns, &w, on_end, &f);
    while (!f.over)
        loop_turn(f.loop, 1000);
    status = tell(c, &f, w.proof);
    dns_close(dns);
    loop_free(f.loop);
    return status;
}
