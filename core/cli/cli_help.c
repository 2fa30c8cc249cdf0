#include "cli/cli.h"

#include <stdio.h>

static void each_option(const struct cli_verb *v, void (*fn)(const struct cli_option *o))
{
    for (int o = 0; o < CO_COUNT; o++)
        if (o != CO_HELP && (v->opts >> o & 1))
            fn(&cli_options[o]);
}

/* ---- on the terminal */

void cli_help_all(void)
{
    printf("usage: perigee VERB [OPTIONS] [ARGUMENTS]\n\n");
    for (size_t i = 0; i < cli_nverbs; i++)
        printf("  %-14s %s\n", cli_verbs[i].name, cli_verbs[i].help);
    printf("\nperigee VERB --help says what a verb accepts. Exit status: 0 yes, 1 the answer is no,\n"
           "2 could not find out now, 64 and up as in sysexits.h.\n");
}

static void help_option(const struct cli_option *o)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    printf("  %-22s %s\n", left, o->help);
}

void cli_help_verb(const struct cli_verb *v)
{
    printf("usage: perigee %s%s%s%s\n\n%s\n", v->name, v->opts ? " [OPTIONS]" : "", *v->args ? " " : "", v->args, v->help);
    if (*v->doc)
        printf("\n%s\n", v->doc);
    if (v->opts)
        printf("\n");
    each_option(v, help_option);
    if (cli_example(v->name))
        printf("\nas in:\n  %s\n", cli_example(v->name)->line);
}

/* ---- the manual page */

/* A hyphen would be printed as a dash, a line's first dot or quote would be a request. */
static void man_text(const char *z)
{
    bool start = true;

    for (; *z; z++) {
        if (start && (*z == '.' || *z == '\''))
            fputs("\\&", stdout);
        if (*z == '-' || *z == '\\')
            putchar('\\');
        putchar(*z);
        start = *z == '\n';
    }
}

static void man_option(const struct cli_option *o)
{
    printf(".TP\n.B \\-\\-");
    man_text(o->name);
    if (o->arg)
        printf(" \\fI%s\\fR", o->arg);
    putchar('\n');
    man_text(o->help);
    putchar('\n');
}

static void man_verb(const struct cli_verb *v)
{
    printf(".SS perigee %s ", v->name);
    man_text(v->args);
    printf("\n");
    man_text(v->help);
    printf(".\n");
    if (*v->doc) {
        man_text(v->doc);
        putchar('\n');
    }
    each_option(v, man_option);
}

static const char man_head[] =
    ".TH PERIGEE 1 \"\" \"perigee " PERIGEE_VERSION "\" \"Perigee\"\n"
    ".SH NAME\nperigee \\- a mail engine scripted in Lua\n"
    ".SH SYNOPSIS\n.B perigee\n.I VERB\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n"
    ".SH DESCRIPTION\nPerigee accepts mail by SMTP under rules written in Lua, keeps it safely, routes it and\n"
    "delivers it. One program serves, checks rules, shows and changes the queue, and tries rules\n"
    "out without touching the world.\n.SH VERBS\n";

static const char man_tail[] =
    ".SH PLACES\nThe rule directory is \\fB\\-\\-rules\\fR, else the environment's PERIGEE_RULES, else\n"
    "/etc/perigee/rules. The spool is \\fB\\-\\-spool\\fR, else PERIGEE_SPOOL, else the main option\n"
    "spool_directory, else /var/spool/perigee; two that differ are an error.\n"
    ".SH A HERMETIC WORLD\nAny of \\fB\\-\\-dns\\fR, \\fB\\-\\-now\\fR, \\fB\\-\\-seed\\fR and \\fB\\-\\-dry\\-run\\fR makes a command\n"
    "hermetic: names come from the zone file (a name that is not in it does not exist), spool, hints and\n"
    "logs are in memory, sockets and programs are refused. The same command prints the same bytes every time.\n"
    ".SH EXIT STATUS\n.TP\n0\nyes\n.TP\n1\nthe answer is no: errors found, reload refused, a test failed, undeliverable\n"
    ".TP\n2\ncould not find out now\n.TP\n64 and up\nas in sysexits.h; send and filter use only these\n"
    ".SH ENVIRONMENT\nPERIGEE_RULES, PERIGEE_SPOOL\n"
    ".SH FILES\n/etc/perigee/rules, /var/spool/perigee, SPOOL/log/mainlog, SPOOL/control.sock, SPOOL/submit.sock\n";

static void print_man(void)
{
    fputs(man_head, stdout);
    for (size_t i = 0; i < cli_nverbs; i++)
        man_verb(&cli_verbs[i]);
    fputs(man_tail, stdout);
}

/* ---- completion for bash */

static void completion_option(const struct cli_option *o)
{
    printf(" --%s", o->name);
}

/* Verbs of two words, by the first. */
static const char *const families[] = { "queue", "hints" };

static void completion_family(const char *name)
{
    size_t n = strlen(name);

    printf("    local %s='", name);
    for (size_t i = 0; i < cli_nverbs; i++)
        if (strncmp(cli_verbs[i].name, name, n) == 0 && cli_verbs[i].name[n] == ' ')
            printf("%s ", cli_verbs[i].name + n + 1);
    printf("'\n");
}

static void completion_words(void)
{
    printf("    local words='");
    for (size_t i = 0; i < cli_nverbs; i++)
        if (!strchr(cli_verbs[i].name, ' '))
            printf("%s%s", i ? " " : "", cli_verbs[i].name);
    for (size_t k = 0; k < sizeof families / sizeof *families; k++)
        printf(" %s", families[k]);
    printf("'\n");
    for (size_t k = 0; k < sizeof families / sizeof *families; k++)
        completion_family(families[k]);
}

static void print_completion(void)
{
    printf("# Completion of perigee for bash; printed by `perigee help --completion`.\n\n_perigee()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local verb=${COMP_WORDS[1]} opts=--help\n");
    completion_words();
    printf("    case $prev in --rules|--spool|--dns|--message|--junit) COMPREPLY=($(compgen -f -- \"$cur\")); return ;; esac\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return; fi\n");
    for (size_t k = 0; k < sizeof families / sizeof *families; k++)
        printf("    if [ \"$verb\" = %s ]; then\n"
               "        if [ \"$COMP_CWORD\" = 2 ]; then COMPREPLY=($(compgen -W \"$%s\" -- \"$cur\")); return; fi\n"
               "        verb=\"%s ${COMP_WORDS[2]}\"\n    fi\n", families[k], families[k], families[k]);
    printf("    case $verb in\n");
    for (size_t i = 0; i < cli_nverbs; i++) {
        printf("    '%s') opts='--help", cli_verbs[i].name);
        each_option(&cli_verbs[i], completion_option);
        printf("' ;;\n");
    }
    printf("    esac\n"
           "    case $cur in -*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")) ;; *) COMPREPLY=($(compgen -f -- \"$cur\")) ;; esac\n"
           "}\ncomplete -F _perigee perigee\n");
}

/* ---- docs/ref/cli.md */

/* The version that brought every verb so far. */
#define CLI_FIRST "0.1.0"

static void guide_option(const struct cli_option *o)
{
    printf("| `--%s%s%s` | %s |\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "", o->help);
}

static void print_guide(void)
{
    printf("# Command line\n\nPrinted by `perigee help --guide` from the table in `core/cli/cli.c`.\n\n"
           "The examples are run where `rules` is a rule directory and `run/spool` its spool, with a running engine; `message` is a\n"
           "message, `session` what a client says, `zone` a zone file, ID an id of the queue or of the log.\n");
    for (size_t i = 0; i < cli_nverbs; i++) {
        const struct cli_verb *v = &cli_verbs[i];

        const struct cli_example *example = cli_example(v->name);

        printf("\n## perigee %s\n\n`perigee %s%s%s`, since " CLI_FIRST ": %s.\n", v->name, v->name, *v->args ? " " : "", v->args,
               v->help);
        if (*v->doc)
            printf("%s\n", v->doc);
        if (v->opts)
            printf("\n| option | |\n|---|---|\n");
        each_option(v, guide_option);
        if (example)
            printf("\n    %s\n", example->line);
        if (example && *example->prints)
            printf("\nprints among other things `%s`.\n", example->prints);
    }
}

int cli_run_help(struct cli *c)
{
    if (cli_has(c, CO_MAN)) {
        print_man();
    } else if (cli_has(c, CO_COMPLETION)) {
        print_completion();
    } else if (cli_has(c, CO_GUIDE)) {
        print_guide();
    } else if (c->narg == 0) {
        cli_help_all();
    } else {
        struct str want = arena_printf(&c->arena, "%s%s%s", c->arg[0], c->narg > 1 ? " " : "", c->narg > 1 ? c->arg[1] : "");

        for (size_t i = 0; i < cli_nverbs; i++) {
            if (!str_same(want, str_of(cli_verbs[i].name)))
                continue;
            cli_help_verb(&cli_verbs[i]);
            return CLI_YES;
        }
        return cli_fail(c, EX_USAGE, "there is no verb \"%.*s\"", STR_ARG(want));
    }
    return CLI_YES;
}
