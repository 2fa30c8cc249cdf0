#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cli/coverage.h"
#include "cli/test_report.h"
#include "cli/transcript.h"
#include "world/world.h"

enum { PATHS_MAX = 10000, DEPTH_MAX = 16 };

struct run {
    struct cli *cli;
    struct test_report report;
    const char *specs[PATHS_MAX];       /* *_spec.lua */
    const char *wires[PATHS_MAX];       /* *.smtp */
    size_t nspecs, nwires;
};

/* ---- which files */

static int collect(struct run *r, const char *path, unsigned depth);

static int compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int collect_directory(struct run *r, const char *path, unsigned depth)
{
    struct dirent **names;
    int n = scandir(path, &names, NULL, compare), status = 0;

    if (n < 0)
        return cli_fail(r->cli, EX_NOINPUT, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' && status == 0 && depth < DEPTH_MAX)
            status = collect(r, arena_printf(&r->cli->arena, "%s/%s", path, names[i]->d_name).p, depth + 1);
        free(names[i]);
    }
    free(names);
    return status;
}

/* A file named on the command line is played whatever it is called. */
static int collect(struct run *r, const char *path, unsigned depth)
{
    struct str name = str_of(path);
    struct stat st;

    if (stat(path, &st) < 0)
        return cli_fail(r->cli, EX_NOINPUT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return collect_directory(r, path, depth);
    if (r->nspecs == PATHS_MAX || r->nwires == PATHS_MAX)
        return cli_fail(r->cli, EX_USAGE, "more than %d files", PATHS_MAX);
    if (str_ends(name, STR("_spec.lua")) || (depth == 0 && str_ends(name, STR(".lua"))))
        r->specs[r->nspecs++] = path;
    else if (str_ends(name, STR(".smtp")) || depth == 0)
        r->wires[r->nwires++] = path;
    return 0;
}

/* ---- the verb */

/* The title is the first comment; the file's name will do, too. */
static bool title_wanted(struct cli *c, const char *path)
{
    struct str text, line, want = str_of(cli_has(c, CO_FILTER) ? c->opt[CO_FILTER] : "");

    if (want.n == 0 || str_find_str(str_of(path), want) != SIZE_MAX)
        return true;
    if (!cli_read_file(&c->arena, path, 1 << 20, &text))
        return true;            /* whoever plays it says why not */
    while (str_cut(&text, '\n', &line))
        if (str_starts(line, STR("--")))
            return str_find_str(line, want) != SIZE_MAX;
    return false;
}

static int play_all(struct run *r)
{
    const struct spec_sink sink = { test_report_result, &r->report };
    struct buf why = { 0 };
    int status = 0;

    for (size_t i = 0; i < r->nwires; i++)
        if (title_wanted(r->cli, r->wires[i]))
            transcript_play(r->wires[i], &sink);
    if (r->nspecs > 0 && !world_specs(&world_ops, r->specs, r->nspecs, r->cli->opt[CO_FILTER], &sink, &why))
        status = cli_fail(r->cli, EX_SOFTWARE, "%.*s", STR_ARG(buf_str(&why)));
    test_report_end(&r->report, buf_str(&why));
    buf_free(&why);
    return status;
}

/* Results first, what the tester asked for beside them afterwards; a file that
 * cannot be written is an error, since somebody waits for it. */
static int write_files(struct run *r, struct cover *cover, int status)
{
    struct buf summary = { 0 };
    struct why why;

    if (cli_has(r->cli, CO_JUNIT) && !test_report_junit(&r->report, r->cli->opt[CO_JUNIT]))
        status = cli_fail(r->cli, EX_CANTCREAT, "%s: %s", r->cli->opt[CO_JUNIT], strerror(errno));
    if (cover && coverage_write(cover, r->cli->opt[CO_COVERAGE], &summary, &why) != ST_OK)
        status = cli_fail(r->cli, EX_CANTCREAT, "%s", why.text);
    else if (cover && !r->report.tap)
        cli_write(buf_str(&summary));
    buf_free(&summary);
    return status;
}

int cli_run_test(struct cli *c)
{
    struct run *r = arena_new(&c->arena, struct run);
    struct cover *cover = NULL;
    int status = 0;

    r->cli = c;
    for (int i = 0; i < c->narg && status == 0; i++)
        status = collect(r, c->arg[i], 0);
    if (status != 0)
        return status;
    if (cli_has(c, CO_COVERAGE))
        world_cover(cover = cover_new());
    test_report_begin(&r->report, cli_has(c, CO_TAP));
    status = play_all(r);
    world_cover(NULL);
    status = write_files(r, cover, status);
    cover_free(cover);
    if (status == 0 && (r->report.failed || r->report.n == 0))
        status = CLI_NO;
    test_report_free(&r->report);
    return status;
}
