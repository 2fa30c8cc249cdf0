#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

const struct cli_option cli_options[CO_COUNT] = {
    [CO_HELP]       = { "help", NULL, "what this verb does and accepts", false },
    [CO_JSON]       = { "json", NULL, "data as JSON, one object a line", false },
    [CO_RULES]      = { "rules", "DIR", "the rule directory; else PERIGEE_RULES, else /etc/perigee/rules", false },
    [CO_SPOOL]      = { "spool", "DIR", "the spool; else PERIGEE_SPOOL, else what the rules say, else /var/spool/perigee", false },
    [CO_WORKERS]    = { "workers", "N", "worker processes; else what the rules say, else one a core", false },
    [CO_FOREGROUND] = { "foreground", NULL, "stay, and write the log to standard error too", false },
    [CO_ALLOW_ROOT] = { "allow-root", NULL, "run as root although nothing needs it; logged at every start", false },
    [CO_TLS_FIRST]   = { "tls-on-connect", NULL, "TLS comes first on every port, whatever tls_on_connect_ports says", false },
    [CO_DRAIN]      = { "drain", "SECONDS", "how long open transactions may take to finish; 30", false },
    [CO_SENDER]     = { "sender", "ADDR", "the envelope sender; for lists a pattern with *", false },
    [CO_RECIPIENT]  = { "recipient", "ADDR", "only messages with such a recipient still pending; * matches", false },
    [CO_DOMAIN]     = { "domain", "DOMAIN", "only what belongs to this domain: of messages, those with a recipient pending in it", false },
    [CO_OLDER]      = { "older", "TIME", "only messages older than this, as 4d6h or 15m", false },
    [CO_QUEUE]      = { "queue", "NAME", "only messages in this named queue; \"\" for those in none", false },
    [CO_FROZEN]     = { "frozen", NULL, "only frozen messages", false },
    [CO_DNS]        = { "dns", "ZONEFILE", "hermetic: this file is all of the DNS", false },
    [CO_NOW]        = { "now", "TIME", "hermetic: the clock starts here, as 2026-03-04T05:06:07Z", false },
    [CO_SEED]       = { "seed", "N", "hermetic: random values and ids come from this number; 0", false },
    [CO_DRY_RUN]    = { "dry-run", NULL, "hermetic: nothing outside is asked, written or sent", false },
    [CO_CLIENT]     = { "client", "IP[:PORT]", "the address the client comes from", false },
    [CO_HELO]       = { "helo", "NAME", "what the client calls itself", false },
    [CO_RCPT]       = { "rcpt", "ADDR", "an envelope recipient; may be given again", true },
    [CO_MESSAGE]    = { "message", "FILE", "a message to have at hand", false },
    [CO_AS]         = { "as", "WHAT", "verify it as a sender or as a recipient; recipient", false },
    [CO_CALLOUT]    = { "callout", "OPTIONS", "ask its server too, as verify = \"recipient/callout=OPTIONS\" does; \"\" for none", false },
    [CO_PHASE]      = { "phase", "PHASE", "the phase the expression is read in; else the last one whose facts are given", false },
    [CO_EXPLAIN]    = { "explain", NULL, "where in the rules each decision stands, and what was read and asked for it", false },
    [CO_WATCH]      = { "watch", NULL, "again every two seconds", false },
    [CO_TAP]        = { "tap", NULL, "results in the Test Anything Protocol", false },
    [CO_JUNIT]      = { "junit", "FILE", "results as JUnit XML in this file too", false },
    [CO_COVERAGE]   = { "coverage", "DIR", "what of the rules was run: text, HTML and lcov in this directory", false },
    [CO_FILTER]     = { "filter", "TEXT", "only cases whose title holds this text", false },
    [CO_TYPE]       = { "type", "KIND", "rsa or ed25519; rsa", false },
    [CO_BITS]       = { "bits", "N", "size of an RSA key, 1024 to 4096; 2048", false },
    [CO_ISSUER]     = { "issuer", "FILE", "the issuer's certificate, if it does not stand behind ours", false },
    [CO_URL]        = { "url", "URL", "the responder; else the one the certificate names", false },
    [CO_TODAY]      = { "today", NULL, "the day that is not over, too", false },
    [CO_SINCE]      = { "since", "WHEN", "only days from this one on, as 2026-03-04, or 3d for three days ago", false },
    [CO_PRINT]      = { "print", NULL, "print the XML and send nothing", false },
    [CO_MAN]        = { "man", NULL, "the manual page", false },
    [CO_COMPLETION] = { "completion", NULL, "completion for bash", false },
    [CO_GUIDE]      = { "guide", NULL, "the reference page", false },
};

const struct cli_verb cli_verbs[] = {
    { "serve", "", "accept, keep, route and deliver mail",
      "Started as root it becomes site.user, else the owner of the spool, else the user perigee.",
      cli_run_serve, CO_PLACES | CO(WORKERS) | CO(FOREGROUND) | CO(ALLOW_ROOT) | CO(TLS_FIRST), 0, 0, false },
    { "check", "", "load the rules as a reload would, and say what is wrong with them",
      "One problem a line, as file:line: message; then how each phase with statements ends.",
      cli_run_check, CO(JSON) | CO(RULES), 0, 0, false },
    { "reload", "", "have a running engine take the rules as they are now",
      "All workers switch or none does. Status 1: the new rules are refused and the old ones stay.",
      cli_run_reload, CO(JSON) | CO_PLACES, 0, 0, false },
    { "status", "", "what a running engine is doing", "",
      cli_run_status, CO(JSON) | CO_PLACES, 0, 0, false },
    { "explain", "ID", "why mail was refused, deferred or discarded",
      "ID stands in the log line behind E=. Every statement and condition that was tried is shown with where it stands, what it\n"
      "read and how long it took. The spool keeps the latest of them (explain_ring); no engine need run.",
      cli_run_explain, CO(JSON) | CO_PLACES, 1, 1, false },
    { "top", "", "which rules of a running engine cost most",
      "Since the rules were loaded, all workers together: how often a statement, function, handler or router ran, its time,\n"
      "waiting for others, ninety-nine of a hundred below (to a factor of two), the longest, errors, and budgets overrun.",
      cli_run_top, CO(JSON) | CO_PLACES | CO(WATCH), 0, 0, false },
    { "stop", "", "end a running engine", "Idle sessions get 421, open transactions finish.",
      cli_run_stop, CO_PLACES | CO(DRAIN), 0, 0, false },
    { "reopen", "", "have a running engine open its log files anew", "",
      cli_run_reopen, CO_PLACES, 0, 0, false },
    { "config", "[NAME]", "the main options as the rules set them, or one of them", "",
      cli_run_config, CO(JSON) | CO(RULES), 0, 1, false },
    { "queue list", "", "the messages that are kept", "",
      cli_run_queue_list, CO(JSON) | CO_PLACES | CO_PICK, 0, 0, false },
    { "queue count", "", "how many there are", "",
      cli_run_queue_count, CO(JSON) | CO_PLACES | CO_PICK, 0, 0, false },
    { "queue show", "ID", "one message: envelope, recipients, header", "",
      cli_run_queue_show, CO(JSON) | CO_PLACES, 1, 1, false },
    { "queue retry", "ID...", "try messages now, whatever is known of their hosts",
      "On a stopped spool: when an engine is started.",
      cli_run_queue_write, CO_PLACES, 1, -1, false },
    { "queue freeze", "ID...", "leave messages alone until they are thawed", "",
      cli_run_queue_write, CO_PLACES, 1, -1, false },
    { "queue thaw", "ID...", "let frozen messages go on", "",
      cli_run_queue_write, CO_PLACES, 1, -1, false },
    { "queue move", "ID NAME", "put a message into a named queue, or with \"\" into none",
      "In a named queue it waits for `perigee queue run NAME`; in none it is delivered when it is due.",
      cli_run_queue_move, CO_PLACES, 2, 2, false },
    { "queue remove", "ID...", "drop messages; nobody is told", "",
      cli_run_queue_write, CO_PLACES, 1, -1, false },
    { "queue bounce", "ID...", "give messages up and tell their senders", "",
      cli_run_queue_write, CO_PLACES, 1, -1, false },
    { "queue export", "ID...", "write messages as Exim's -H and -D files into the working directory",
      "They stay in the queue. No file is written over.",
      cli_run_queue_export, CO_PLACES, 1, -1, false },
    { "queue import", "DIR", "take the -H and -D files of a directory into the queue",
      "What was taken is renamed to ID-H.imported. Old and new id are printed. Times, frozen, who has it already, the host and the "
      "rules' variables stay as they were, and no rule is asked.",
      cli_run_queue_import, CO_PLACES, 1, 1, false },
    { "queue run", "[NAME]", "try every message that is not frozen now; with a name, those of that named queue",
      "Without a name those in named queues are left alone.",
      cli_run_queue_run, CO_PLACES, 0, 1, false },
    { "hold", "[DOMAIN]", "stop deliveries to a domain, or all of them", "It is remembered over restarts.",
      cli_run_hold, CO_PLACES, 0, 1, false },
    { "release", "[DOMAIN]", "the reverse of hold", "",
      cli_run_hold, CO_PLACES, 0, 1, false },
    { "route", "ADDRESS...", "where a message to an address would go, and why",
      "Every router that was tried is named with what it said. With --explain also the line of the rules that decided,\n"
      "whether DNSSEC vouches for a host, and, from the spool, when a host that failed is tried again.",
      cli_run_route, CO(JSON) | CO_PLACES | CO(EXPLAIN) | CO_WORLD | CO_PEER, 1, -1, false },
    { "verify", "ADDRESS...", "whether an address can be delivered to, as the rules' verify would find out",
      "With --callout its server is asked over the network, unless hermetic. Nothing is remembered of the answer.",
      cli_run_verify, CO(JSON) | CO(RULES) | CO_WORLD | CO_PEER | CO(AS) | CO(CALLOUT), 1, -1, false },
    { "hints list", "TABLE", "what is remembered: retry, tls, callout and others, or store.NAME of a rule",
      "Keys and when they are forgotten; with --json what is remembered, too, but for TLS sessions.",
      cli_run_hints_list, CO(JSON) | CO_PLACES, 1, 1, false },
    { "hints remove", "TABLE [KEY...]", "forget something, or all of a table", "",
      cli_run_hints_remove, CO_PLACES, 1, -1, false },
    { "hints tidy", "", "forget now what is too old; prints how much that was", "A running engine does so by itself.",
      cli_run_hints_tidy, CO_PLACES, 0, 0, false },
    { "tls", "HOST...", "what a delivery to a domain or a host would negotiate: DNSSEC, TLSA, certificate, proof, and the verdict",
      "The rules route mail for it (an address may be given, too). Each host is connected to three times, and gets no message.",
      cli_run_tls, CO(JSON) | CO(RULES) | CO_WORLD | CO_PEER, 1, -1, false },
    { "rewrite", "ADDRESS...", "what the rewriting rules make of an address, rule by rule",
      "Each place an address can stand in is shown with its result and the rules that acted on it.",
      cli_run_rewrite, CO(JSON) | CO(RULES) | CO_WORLD | CO_PEER, 1, -1, false },
    { "smtp", "", "one SMTP session on standard input and output",
      "With a running engine the message is stored there before it is accepted. Hermetic, the answers are the rules',\n"
      "and nothing is kept. With --explain what each ACL tried is printed on standard error.",
      cli_run_smtp, CO(JSON) | CO_PLACES | CO_WORLD | CO(CLIENT) | CO(EXPLAIN), 0, 0, false },
    { "filter", "< MESSAGE", "verdict, log and the message as the rules leave it",
      "Status 0 accepted or discarded, 69 refused, 75 to be tried again. With --explain what each ACL tried is shown too.",
      cli_run_filter, CO(JSON) | CO(RULES) | CO_WORLD | CO_PEER | CO(EXPLAIN), 0, 0, false },
    { "auth", "< MESSAGE", "is the sender who it says: SPF, DKIM, DMARC and ARC of one message",
      "Nothing is sent, queued or logged, and no rule is asked: --rules only supplies options. Status 0 whatever the verdicts are.",
      cli_run_auth, CO(JSON) | CO(RULES) | CO_WORLD | CO(CLIENT) | CO(HELO) | CO(SENDER), 0, 0, false },
    { "eval", "'LUA EXPRESSION'", "the value of any variable, lookup or function of the rules",
      "Several values are printed one a line, or as a JSON array. With --explain what was read and asked follows, as an object. "
      "Without --rules and the usual directory there are no rules, and functions are all the same.",
      cli_run_eval, CO(JSON) | CO(RULES) | CO_WORLD | CO_PEER | CO(PHASE) | CO(EXPLAIN), 1, 1, false },
    { "send", "[-t] [-f ADDR] [-i] [RCPT...]", "hand in a message from a local program, read from standard input",
      "Under the name sendmail it takes that program's options. -t: the recipients stand in the message, and those named\n"
      "here do not get it; -f: the envelope sender; -F: the full name for a From or Sender we make; -i: a line that is only a dot does not end the message. -bp, -bs, -bi, -bv and -q do what mailq, smtp,\n"
      "newaliases, verify and queue run do. Status 0 only once the message is stored, 75 if no\n"
      "engine runs or it cannot take the message now.",
      cli_run_send, CO(SPOOL), 0, -1, true },
    { "mailq", "", "queue list, under the name other systems have for it", "",
      cli_run_mailq, CO(JSON) | CO_PLACES | CO_PICK, 0, 0, false },
    { "newaliases", "", "does nothing: lookups see a changed file by themselves", "",
      cli_run_newaliases, 0, 0, -1, false },
    { "test", "PATH...", "run *_spec.lua files and *.smtp conversations against a hermetic engine",
      "A directory is walked. Specs need Debian's lua-busted; the form of both kinds is in docs/guide/testing.md.",
      cli_run_test, CO(TAP) | CO(JUNIT) | CO(FILTER) | CO(COVERAGE), 1, -1, false },
    { "help", "[VERB]", "this list, or one verb in full",
      "With --man, --completion or --guide the manual page, the completion for bash or the reference page is printed.",
      cli_run_help, CO(MAN) | CO(COMPLETION) | CO(GUIDE), 0, 2, false },
    { "dkim-keygen", "SELECTOR DOMAIN FILE", "make a key to sign mail with, and print the DNS record that publishes it",
      "The private key is written to FILE, which must not be there, for its owner alone to read: give it to the engine's user\n"
      "(chown, or chgrp and chmod 640). Publish the record first, sign when it can be seen.",
      cli_run_keygen, CO(TYPE) | CO(BITS), 3, 3, false },
    { "ocsp-fetch", "CERTIFICATE PROOF", "get a fresh OCSP proof for a certificate from its issuer's responder, for tls_ocsp_file",
      "CERTIFICATE is a file of PEM: ours, then its issuers'. The answer is verified as it is before it is sent to a client, the\n"
      "responder's own certificate included, written beside PROOF (as DER, or as PEM if PROOF ends in .pem) and renamed. On\n"
      "any failure what was in PROOF stays: status 1 if the answer is of no use, 2 if there is none. With tls_ocsp_fetch the\n"
      "engine does this by itself.",
      cli_run_ocsp_fetch, CO(JSON) | CO(ISSUER) | CO(URL), 2, 2, false },
    { "dmarc-report", "", "send the aggregate reports that domains ask for in their DMARC records",
      "One for each UTC day that is over and each domain, made of what the spool has counted, to every address in its record (rua)\n"
      "that is of the same organisation, or has said in the DNS that it takes such reports. They go through the queue of the\n"
      "running engine, and none goes twice: run it once a day or more often. With --dry-run it is only said what would be sent, and\n"
      "the DNS is asked for nothing but what --dns says; --today is for trials. Status 2: something could not be sent or found out now.",
      cli_run_dmarc_report, CO(JSON) | CO_PLACES | CO(DOMAIN) | CO(SINCE) | CO(PRINT) | CO(TODAY) | CO_WORLD, 0, 0, false },
    { "version", "", "version, features and library versions built in", "",
      cli_run_version, CO(JSON), 0, 0, false },
};
const size_t cli_nverbs = sizeof cli_verbs / sizeof *cli_verbs;

int cli_fail(const struct cli *c, int status, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "perigee%s%s: ", c->verb ? " " : "", c->verb ? c->verb->name : "");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return status;
}

int cli_status(enum status st)
{
    return st == ST_OK ? CLI_YES : st == ST_AGAIN ? CLI_AGAIN : CLI_NO;
}

long cli_number(const struct cli *c, enum cli_opt o, long least, long most, long def)
{
    uint64_t n;

    if (!c->opt[o])
        return def;
    if (str_u64(str_of(c->opt[o]), (uint64_t)most, &n) && (long)n >= least)
        return (long)n;
    exit(cli_fail(c, EX_USAGE, "--%s wants a number from %ld to %ld, not \"%s\"",
                  cli_options[o].name, least, most, c->opt[o]));
}

/* ---- places */

static const char *place(const struct cli *c, enum cli_opt o, const char *env)
{
    const char *v = c->opt[o] ? c->opt[o] : getenv(env);

    return v && *v ? v : NULL;
}

const char *cli_rules(const struct cli *c)
{
    const char *v = place(c, CO_RULES, "PERIGEE_RULES");

    return v ? v : "/etc/perigee/rules";
}

bool cli_rules_named(const struct cli *c)
{
    return place(c, CO_RULES, "PERIGEE_RULES") != NULL;
}

const char *cli_spool(const struct cli *c)
{
    return place(c, CO_SPOOL, "PERIGEE_SPOOL");
}

/* ---- files */

bool cli_read(struct arena *a, int fd, size_t max, struct str *out)
{
    struct buf b = { 0 };
    ssize_t n;

    while ((n = read(fd, buf_room(&b, 65536), 65536)) > 0) {
        buf_grew(&b, (size_t)n);
        if (b.n > max) {
            buf_free(&b);
            errno = EFBIG;
            return false;
        }
    }
    if (n == 0)
        *out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return n == 0;
}

bool cli_read_file(struct arena *a, const char *path, size_t max, struct str *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), e;
    bool ok;

    if (fd < 0)
        return false;
    ok = cli_read(a, fd, max, out);
    e = errno;
    close(fd);
    errno = e;
    return ok;
}

void cli_write(struct str s)
{
    if (fwrite(s.p, 1, s.n, stdout) != s.n)
        exit(EX_IOERR);
}

/* ---- reading a command line */

static const struct cli_verb *find_verb(const char *one, const char *two)
{
    size_t n = strlen(one);

    for (size_t i = 0; i < cli_nverbs; i++) {
        const char *name = cli_verbs[i].name;

        if (strcmp(name, one) == 0)
            return &cli_verbs[i];
        if (two && strncmp(name, one, n) == 0 && name[n] == ' ' && strcmp(name + n + 1, two) == 0)
            return &cli_verbs[i];
    }
    return NULL;
}

static int find_option(const char *name, size_t n)
{
    for (int o = 0; o < CO_COUNT; o++)
        if (strlen(cli_options[o].name) == n && memcmp(cli_options[o].name, name, n) == 0)
            return o;
    return -1;
}

static bool accepts(const struct cli_verb *v, int o)
{
    return o == CO_HELP || (v->opts >> o & 1);
}

/* One "--name", "--name=value" or "--name value" at arg[*i]. 0, or the exit status. */
static int take_option(struct cli *c, char **arg, int n, int *i)
{
    const char *name = arg[*i] + 2, *eq = strchr(name, '='), *value;
    int o = find_option(name, eq ? (size_t)(eq - name) : strlen(name));

    if (o < 0 || !accepts(c->verb, o))
        return cli_fail(c, EX_USAGE, "unknown option %s (see perigee %s --help)", arg[*i], c->verb->name);
    if (!cli_options[o].arg) {
        if (eq)
            return cli_fail(c, EX_USAGE, "--%s takes no value", cli_options[o].name);
        value = "";
    } else if (eq) {
        value = eq + 1;
    } else if (*i + 1 < n) {
        value = arg[++*i];
    } else {
        return cli_fail(c, EX_USAGE, "--%s wants %s", cli_options[o].name, cli_options[o].arg);
    }
    if (o == CO_RCPT && c->nrcpt == CLI_MANY)
        return cli_fail(c, EX_USAGE, "at most %d times --rcpt", CLI_MANY);
    if (o == CO_RCPT)
        c->rcpt[c->nrcpt++] = value;
    c->opt[o] = value;
    return 0;
}

/* Options may stand anywhere before "--"; a lone "-" is an argument. */
static int take_options(struct cli *c, char **arg, int n)
{
    bool options = true;
    int status;

    c->arg = arena_array(&c->arena, char *, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        if (options && strcmp(arg[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(arg[i], "-h") == 0) {
            c->opt[CO_HELP] = "";
        } else if (options && strncmp(arg[i], "--", 2) == 0) {
            status = take_option(c, arg, n, &i);
            if (status)
                return status;
        } else {
            c->arg[c->narg++] = arg[i];
        }
    }
    return 0;
}

static int check_args(struct cli *c)
{
    const struct cli_verb *v = c->verb;
    struct stat st;

    if (c->narg >= v->least && (v->most < 0 || c->narg <= v->most))
        return 0;
    if (c->narg < v->least)
        return cli_fail(c, EX_USAGE, "wants %s", v->args);
    if (accepts(v, CO_RULES) && stat(c->arg[v->most], &st) == 0)
        return cli_fail(c, EX_USAGE, S_ISDIR(st.st_mode) ? "takes a rule directory as --rules %s"
                                                         : "takes a directory of rules, --rules DIR, not one file (%s)", c->arg[v->most]);
    return cli_fail(c, EX_USAGE, "does not know what to do with \"%s\"", c->arg[v->most]);
}

static int run_verb(struct cli *c, char **arg, int n)
{
    int status;

    if (c->verb->own_args) {
        c->arg = arg;
        c->narg = n;
        return c->verb->run(c);
    }
    status = take_options(c, arg, n);
    if (status)
        return status;
    if (cli_has(c, CO_HELP)) {
        cli_help_verb(c->verb);
        return CLI_YES;
    }
    status = check_args(c);
    return status ? status : c->verb->run(c);
}

int cli_run_verb(struct cli *c, const char *name)
{
    int status;

    for (size_t i = 0; i < cli_nverbs; i++)
        if (strcmp(cli_verbs[i].name, name) == 0)
            c->verb = &cli_verbs[i];
    status = check_args(c);
    return status ? status : c->verb->run(c);
}

/* The words before the first that are no verb: "perigee queue" asks which. */
static int no_verb(struct cli *c, const char *word)
{
    size_t n = strlen(word);
    bool group = false;

    for (size_t i = 0; i < cli_nverbs; i++) {
        if (strncmp(cli_verbs[i].name, word, n) != 0 || cli_verbs[i].name[n] != ' ')
            continue;
        if (!group)
            fprintf(stderr, "perigee %s: which?", word);
        fprintf(stderr, " %s", cli_verbs[i].name + n + 1);
        group = true;
    }
    if (group) {
        fputc('\n', stderr);
        return EX_USAGE;
    }
    return cli_fail(c, EX_USAGE, "there is no verb \"%s\" (see perigee --help)", word);
}

/* Under the names of other mail systems we are `send` with their options. */
static const struct { const char *name, *verb; } borrowed[] = {
    { "sendmail", "send" }, { "mailq", "mailq" }, { "newaliases", "newaliases" },
};

int cli_main(int argc, char **argv)
{
    struct cli c = { 0 };
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    int skip = 1, status;

    c.name = slash ? slash + 1 : argc > 0 ? argv[0] : "perigee";
    for (size_t i = 0; i < sizeof borrowed / sizeof *borrowed; i++)
        if (strcmp(c.name, borrowed[i].name) == 0)
            c.verb = find_verb(borrowed[i].verb, NULL);
    if (!c.verb) {
        if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
            cli_help_all();
            return argc < 2 ? EX_USAGE : CLI_YES;
        }
        c.verb = find_verb(strcmp(argv[1], "--version") == 0 ? "version" : argv[1], argc > 2 ? argv[2] : NULL);
        if (!c.verb)
            return no_verb(&c, argv[1]);
        skip = strchr(c.verb->name, ' ') ? 3 : 2;
    }
    status = run_verb(&c, argv + skip, argc - skip);
    arena_free(&c.arena);
    if (fflush(stdout) != 0 && status == CLI_YES)
        status = EX_IOERR;
    return status;
}
