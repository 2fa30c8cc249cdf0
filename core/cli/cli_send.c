#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli_load.h"
#include "process/master.h"

enum { SEND_MAX = 256 << 20, RCPTS_MAX = 10000 };

struct sending {
    struct str sender;              /* p NULL: made from the login by the engine */
    struct str name;                /* -F */
    struct str rcpts[RCPTS_MAX];
    size_t nrcpts;
    bool from_headers;              /* -t */
    bool dot_ends;                  /* without -i a lone dot ends the input */
    const char *instead;            /* -bp, -bs, -bi, -bv, -q: this verb of ours is meant */
    const char *spool;
};

/* Options of the sendmail everybody calls. Those with an argument we ignore
 * must still be known, or their argument would become a recipient. */
static const char with_value[] = "BCLNORVXhp";

static bool take_long(struct cli *c, struct sending *s, char **arg, int n, int *i)
{
    static const char spool[] = "--spool";

    (void)c;
    if (strncmp(arg[*i], spool, sizeof spool - 1) != 0)
        return false;
    if (arg[*i][sizeof spool - 1] == '=')
        s->spool = arg[*i] + sizeof spool;
    else if (arg[*i][sizeof spool - 1] == '\0' && *i + 1 < n)
        s->spool = arg[++*i];
    else
        return false;
    return true;
}

static const char *value_of(char **arg, int n, int *i)
{
    if (arg[*i][2] != '\0')
        return arg[*i] + 2;
    return *i + 1 < n ? arg[++*i] : NULL;
}

/* Other things sendmail is called for, and what we call them. */
static const struct { const char *option, *verb; } modes[] = {
    { "-bp", "mailq" }, { "-bs", "smtp" }, { "-bi", "newaliases" }, { "-bv", "verify" }, { "-I", "newaliases" },
};

static bool take_mode(struct sending *s, const char *o)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(o, modes[i].option) == 0)
            s->instead = modes[i].verb;
    if (o[1] == 'q')                /* -q, -q30m: our queue needs no runner of its own, but may be told to run now */
        s->instead = "queue run";
    return s->instead != NULL;
}

/* 0, or an exit status. */
static int take_short(struct cli *c, struct sending *s, char **arg, int n, int *i)
{
    const char *o = arg[*i], *v;

    if (strcmp(o, "-t") == 0 || strcmp(o, "-ti") == 0) {
        s->from_headers = true;
        s->dot_ends &= o[2] != 'i';
    } else if (strcmp(o, "-i") == 0 || strcmp(o, "-oi") == 0) {
        s->dot_ends = false;
    } else if (take_mode(s, o)) {
        return 0;
    } else if (o[1] == 'f' || o[1] == 'r') {
        v = value_of(arg, n, i);
        if (!v)
            return cli_fail(c, EX_USAGE, "-%c wants an address", o[1]);
        s->sender = strcmp(v, "<>") == 0 ? STR("") : str_of(v);
    } else if (o[1] == 'F') {
        v = value_of(arg, n, i);
        if (!v)
            return cli_fail(c, EX_USAGE, "-F wants a full name");
        s->name = str_of(v);
    } else if (strncmp(o, "-o", 2) == 0 && o[2] && strchr("MAPXY", o[2])) {
        return cli_fail(c, EX_USAGE, "%s is not done under this name: a client is described to perigee smtp and perigee filter, "
                        "and a server to its rules", o);
    } else if (strcmp(o, "-bm") == 0 || strncmp(o, "-o", 2) == 0 || strchr("vnGUmxeEA", o[1])) {
        return 0;       /* what we do anyway, or has no meaning here */
    } else if (strncmp(o, "-MC", 3) == 0) {     /* a connection somebody else opened: from nobody, root included */
        return cli_fail(c, EX_USAGE, "%s is not done under this name: it is how Exim's processes call each other, and ours do not "
                        "through this program", o);
    } else if (strcmp(o, "-tls-on-connect") == 0) {
        return cli_fail(c, EX_USAGE, "%s is not done under this name; it is perigee serve --tls-on-connect", o);
    } else if (strncmp(o, "-b", 2) == 0 || o[1] == 'M') {
        return cli_fail(c, EX_USAGE, "%s is not done under this name; perigee --help lists the verbs", o);
    } else if (strchr(with_value, o[1])) {
        value_of(arg, n, i);
    } else {
        return cli_fail(c, EX_USAGE, "unknown option %s", o);
    }
    return 0;
}

static int read_args(struct cli *c, struct sending *s)
{
    bool options = true;
    int status;

    for (int i = 0; i < c->narg; i++) {
        const char *a = c->arg[i];

        if (options && strcmp(a, "--") == 0) {
            options = false;
        } else if (options && strncmp(a, "--", 2) == 0) {
            if (!take_long(c, s, c->arg, c->narg, &i))
                return cli_fail(c, EX_USAGE, "unknown option %s", a);
        } else if (options && a[0] == '-' && a[1]) {
            status = take_short(c, s, c->arg, c->narg, &i);
            if (status)
                return status;
        } else if (s->nrcpts == RCPTS_MAX) {
            return cli_fail(c, EX_USAGE, "more than %d recipients", RCPTS_MAX);
        } else {
            s->rcpts[s->nrcpts++] = str_of(a);
        }
    }
    return 0;
}

/* Up to a line that is only a dot, for callers from the time of terminals. */
static struct str cut_at_dot(struct str text)
{
    struct str rest = text, line;

    while (str_cut(&rest, '\n', &line)) {
        if (str_same(line, STR(".")) || str_same(line, STR(".\r")))
            return str_head(text, (size_t)(line.p - text.p));
    }
    return text;
}

static int submit(struct cli *c, struct sending *s, struct str text)
{
    struct submission sub = {
        .sender = s->sender, .rcpts = s->rcpts, .nrcpts = s->nrcpts, .from_headers = s->from_headers, .name = s->name,
        .message = s->dot_ends ? cut_at_dot(text) : text,
    };
    struct msg_id id;
    struct why why = { 0 };
    enum status st;

    if (s->spool)
        c->opt[CO_SPOOL] = s->spool;
    st = submit_call(cli_spool_dir(c), &sub, &id, &why);
    switch (st) {
    case ST_OK:
        return EX_OK;
    case ST_NONE:
        return cli_fail(c, EX_TEMPFAIL, "no engine runs on %s; the message was not taken", cli_spool_dir(c));
    case ST_AGAIN:
        return cli_fail(c, EX_TEMPFAIL, "%s", why.text);
    case ST_NEVER:
        break;
    }
    return cli_fail(c, EX_UNAVAILABLE, "%s", why.text);
}

static int run_instead(struct cli *c, struct sending *s)
{
    c->narg = 0;
    c->arg = arena_array(&c->arena, char *, s->nrcpts + 1);
    for (size_t i = 0; i < s->nrcpts; i++)
        c->arg[c->narg++] = arena_z(&c->arena, s->rcpts[i]);
    if (s->spool)
        c->opt[CO_SPOOL] = s->spool;
    return cli_run_verb(c, s->instead);
}

int cli_run_send(struct cli *c)
{
    struct sending *s = arena_new(&c->arena, struct sending);
    struct str text;
    int status;

    s->dot_ends = true;
    if (c->narg == 1 && (strcmp(c->arg[0], "--help") == 0 || strcmp(c->arg[0], "-h") == 0)) {
        cli_help_verb(c->verb);
        return EX_OK;
    }
    status = read_args(c, s);
    if (status)
        return status;
    if (s->instead)
        return run_instead(c, s);
    if (s->nrcpts == 0 && !s->from_headers)
        return cli_fail(c, EX_USAGE, "wants recipients, or -t to read them from the message");
    if (!cli_read(&c->arena, STDIN_FILENO, SEND_MAX, &text))
        return cli_fail(c, EX_IOERR, "standard input: %s", strerror(errno));
    return submit(c, s, text);
}

/* mailq and newaliases: what other systems' scripts call. */
int cli_run_mailq(struct cli *c)
{
    return cli_run_queue_list(c);
}

int cli_run_newaliases(struct cli *c)
{
    (void)c;    /* lookups see a changed file by themselves */
    return CLI_YES;
}
