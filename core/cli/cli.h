/*
 * cli - the command line: one table of verbs, one of options
 *
 * `perigee --help`, the man page, the completion and docs/ref/cli.md are all
 * printed from these tables (cli_help.c). A verb is a row of cli_verbs[] and a
 * function; what it accepts is the row's option set, so an option that means
 * nothing to a verb is refused and never ignored.
 *
 * Exit status: 0 yes, 1 the answer is no, 2 could not find out now, 64 and up
 * as sysexits.h names them.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/why.h"

enum { CLI_YES = 0, CLI_NO = 1, CLI_AGAIN = 2 };

enum cli_opt {
    CO_HELP, CO_JSON, CO_RULES, CO_SPOOL,
    CO_WORKERS, CO_FOREGROUND, CO_ALLOW_ROOT, CO_TLS_FIRST, CO_DRAIN,
    CO_SENDER, CO_RECIPIENT, CO_DOMAIN, CO_OLDER, CO_QUEUE, CO_FROZEN,
    CO_DNS, CO_NOW, CO_SEED, CO_DRY_RUN,
    CO_CLIENT, CO_HELO, CO_RCPT, CO_MESSAGE,
    CO_AS, CO_CALLOUT,
    CO_PHASE, CO_EXPLAIN, CO_WATCH, CO_TAP, CO_JUNIT, CO_FILTER, CO_COVERAGE,
    CO_TYPE, CO_BITS,
    CO_ISSUER, CO_URL,
    CO_TODAY, CO_SINCE, CO_PRINT,
    CO_MAN, CO_COMPLETION, CO_GUIDE,
    CO_COUNT
};
#define CO(name) (UINT64_C(1) << CO_##name)
#define CO_PLACES (CO(RULES) | CO(SPOOL))
#define CO_WORLD (CO(DNS) | CO(NOW) | CO(SEED) | CO(DRY_RUN))
#define CO_PEER (CO(CLIENT) | CO(HELO) | CO(SENDER) | CO(RCPT) | CO(MESSAGE))
#define CO_PICK (CO(SENDER) | CO(RECIPIENT) | CO(DOMAIN) | CO(OLDER) | CO(QUEUE) | CO(FROZEN))

struct cli_option {
    const char *name;       /* without the dashes */
    const char *arg;        /* what its argument is called; NULL: it takes none */
    const char *help;
    bool many;
};
extern const struct cli_option cli_options[CO_COUNT];

struct cli;
struct cli_verb {
    const char *name;       /* one word or two */
    const char *args;       /* how its arguments are written; may be "" */
    const char *help;       /* one line, no full stop */
    const char *doc;        /* for the man page: what the line does not say; may be "" */
    int (*run)(struct cli *c);
    uint64_t opts;          /* CO_HELP is always accepted */
    int least, most;        /* arguments; most -1: any number */
    bool own_args;          /* reads its arguments itself: those of other programs' sendmail */
};
extern const struct cli_verb cli_verbs[];
extern const size_t cli_nverbs;
enum { CLI_MANY = 1000 };

struct cli {
    struct arena arena;
    const struct cli_verb *verb;
    const char *name;               /* argv[0] without its directory */
    const char *spool_dir;          /* what cli_spool_dir found; NULL: not asked yet */
    const char *opt[CO_COUNT];      /* the last one given; "" for those without an argument; NULL: not given */
    const char *rcpt[CLI_MANY];     /* every --rcpt */
    size_t nrcpt;
    char **arg;                     /* what is left */
    int narg;
};

/* Reads a whole command line and runs its verb; returns the exit status. */
int cli_main(int argc, char **argv);

/* Another verb with the arguments and options at hand. */
int cli_run_verb(struct cli *c, const char *name);

static inline bool cli_has(const struct cli *c, enum cli_opt o) { return c->opt[o] != NULL; }

/* One line on standard error, "perigee verb: text"; returns status. */
int cli_fail(const struct cli *c, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The exit status of an end: ST_OK 0, ST_NONE and ST_NEVER 1, ST_AGAIN 2. */
int cli_status(enum status st);
/* --name as a number from least to most, or def; a bad one ends the program with 64. */
long cli_number(const struct cli *c, enum cli_opt o, long least, long most, long def);

/* Places (design section 5): the option, else the environment, else the
 * default. NULL only for the spool, when nothing names it: the rules may. */
const char *cli_rules(const struct cli *c);
bool cli_rules_named(const struct cli *c);       /* by command line or environment: it must be there */
const char *cli_spool(const struct cli *c);

/* All of a descriptor or a file, at most max bytes. False with errno. */
bool cli_read(struct arena *a, int fd, size_t max, struct str *out);
bool cli_read_file(struct arena *a, const char *path, size_t max, struct str *out);
/* Writes all of it to standard output; a reader that went away ends the program quietly. */
void cli_write(struct str s);

/* ---- printed from the tables (cli_help.c) */
void cli_help_all(void);
void cli_help_verb(const struct cli_verb *v);

/* One line that shows a verb at work, and a text that stands in what it prints ("": nothing need be). NULL: there is none. */
struct cli_example { const char *verb, *line, *prints; };
const struct cli_example *cli_example(const char *verb);

/* ---- the verbs, by file */
int cli_run_help(struct cli *c);            /* cli_help.c */
int cli_run_serve(struct cli *c);           /* cli_serve.c */
int cli_run_check(struct cli *c);
int cli_run_config(struct cli *c);
int cli_run_reload(struct cli *c);
int cli_run_status(struct cli *c);
int cli_run_stop(struct cli *c);
int cli_run_hold(struct cli *c);
int cli_run_reopen(struct cli *c);
int cli_run_queue_run(struct cli *c);
int cli_run_queue_list(struct cli *c);      /* cli_queue.c */
int cli_run_queue_count(struct cli *c);
int cli_run_queue_show(struct cli *c);
int cli_run_queue_write(struct cli *c);
int cli_run_queue_move(struct cli *c);
int cli_run_queue_export(struct cli *c);    /* cli_pair.c */
int cli_run_queue_import(struct cli *c);
int cli_run_route(struct cli *c);           /* cli_route.c */
int cli_run_tls(struct cli *c);             /* cli_tls.c */
int cli_run_hints_list(struct cli *c);      /* cli_hints.c */
int cli_run_hints_remove(struct cli *c);
int cli_run_hints_tidy(struct cli *c);
int cli_run_verify(struct cli *c);
int cli_run_eval(struct cli *c);            /* cli_ask.c */
int cli_run_rewrite(struct cli *c);
int cli_run_explain(struct cli *c);         /* cli_explain.c */
int cli_run_top(struct cli *c);
int cli_run_filter(struct cli *c);          /* cli_filter.c */
int cli_run_smtp(struct cli *c);            /* cli_smtp.c */
int cli_run_send(struct cli *c);            /* cli_send.c */
int cli_run_mailq(struct cli *c);
int cli_run_newaliases(struct cli *c);
int cli_run_test(struct cli *c);            /* cli_test.c */
int cli_run_auth(struct cli *c);            /* cli_auth.c */
int cli_run_keygen(struct cli *c);          /* cli_keygen.c */
int cli_run_ocsp_fetch(struct cli *c);      /* cli_ocsp.c */
int cli_run_dmarc_report(struct cli *c);    /* cli_dmarc.c */
int cli_run_version(struct cli *c);         /* cli_version.c */

#endif
