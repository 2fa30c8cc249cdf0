#include "cli/cli.h"

/* Run by spec/cli/reference_spec.py: rules/ are those we ship, run/spool is their spool, ID an id. */
static const struct cli_example examples[] = {
    { "serve", "perigee serve --rules rules --spool run/spool", "" },
    { "check", "perigee check --rules rules", "acl rcpt: ends with" },
    { "reload", "perigee reload --rules rules --spool run/spool", "is in use" },
    { "status", "perigee status --spool run/spool", "generation" },
    { "explain", "perigee explain ID --spool run/spool", "rcpt: deny" },
    { "top", "perigee top --spool run/spool", "" },
    { "stop", "perigee stop --spool run/spool --drain 5", "" },
    { "reopen", "perigee reopen --spool run/spool", "" },
    { "config", "perigee config smtp_receive_timeout --rules rules", "300" },
    { "queue list", "perigee queue list --sender '*@example.org' --spool run/spool", "ann@example.org" },
    { "queue count", "perigee queue count --domain elsewhere.example --spool run/spool", "1" },
    { "queue show", "perigee queue show ID --spool run/spool", "cat@elsewhere.example" },
    { "queue retry", "perigee queue retry ID --spool run/spool", "" },
    { "queue freeze", "perigee queue freeze ID --spool run/spool", "" },
    { "queue thaw", "perigee queue thaw ID --spool run/spool", "" },
    { "queue move", "perigee queue move ID bulk --spool run/spool", "" },
    { "queue remove", "perigee queue remove ID --spool run/spool", "" },
    { "queue bounce", "perigee queue bounce ID --spool run/spool", "" },
    { "queue export", "perigee queue export ID --spool run/spool", "" },
    { "queue import", "perigee queue import exported --spool run/spool", "" },
    { "queue run", "perigee queue run --spool run/spool", "" },
    { "hold", "perigee hold elsewhere.example --spool run/spool", "" },
    { "release", "perigee release elsewhere.example --spool run/spool", "" },
    { "route", "perigee route --rules rules --dns zone cat@elsewhere.example", "mx.elsewhere.example [192.0.2.1]" },
    { "verify", "perigee verify --rules rules --dns zone --as sender cat@elsewhere.example", "cat@elsewhere.example" },
    { "hints list", "perigee hints list retry --spool run/spool", "" },
    { "hints remove", "perigee hints remove tls --spool run/spool", "" },
    { "hints tidy", "perigee hints tidy --spool run/spool", "0" },
    { "tls", "perigee tls --rules rules --dns zone elsewhere.example", "mx.elsewhere.example [192.0.2.1]:25 MX=10" },
    { "rewrite", "perigee rewrite --rules rules --dry-run ann@example.org", "ann@example.org" },
    { "smtp", "perigee smtp --rules rules --dry-run --client 203.0.113.9 < session", "250" },
    { "filter", "perigee filter --rules rules --dns zone --sender bob@there.example --rcpt postmaster@example.org < message", "verdict: accept" },
    { "auth", "perigee auth --rules rules --dns zone --client 192.0.2.9 --sender bob@there.example < message", "spf: " },
    { "eval", "perigee eval --rules rules --dns zone 'dns.a \"mx.elsewhere.example\"'", "192.0.2.1" },
    { "send", "perigee send --spool run/spool -f ann@example.org cat@elsewhere.example < message", "" },
    { "mailq", "perigee mailq --spool run/spool", "cat@elsewhere.example" },
    { "newaliases", "perigee newaliases", "" },
    { "test", "perigee test --tap met.smtp", "ok 1" },
    { "dkim-keygen", "perigee dkim-keygen s1 example.org s1.pem", "s1._domainkey.example.org. TXT \"v=DKIM1; k=rsa; p=" },
    { "ocsp-fetch", "perigee ocsp-fetch mx.chain.pem mx.ocsp", "mx.ocsp: the certificate is good until 2" },
    { "dmarc-report", "perigee dmarc-report --rules rules --spool run/spool --since 3d --dry-run", "" },
    { "help", "perigee help queue list", "usage: perigee queue list" },
    { "version", "perigee version", "perigee " PERIGEE_VERSION },
};

const struct cli_example *cli_example(const char *verb)
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (strcmp(examples[i].verb, verb) == 0)
            return &examples[i];
    return NULL;
}
