#include "engine/cli.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/transcript.h"
#include "engine/world.h"

enum { PATHS_MAX = 10000, DEPTH_MAX = 16 };

struct report {
    struct cli *cli;
    unsigned n, passed, failed, skipped;
    bool tap;
    FILE *junit;
    const char *specs[PATHS_MAX];       /* *_spec.lua */
    const char *wires[PATHS_MAX];       /* *.smtp */
    size_t nspecs, nwires;
};

/* ---- results */

static void print_lines(const char *before, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line))
        printf("%s%.*s\n", before, STR_ARG(str_trim(line)));
}

static void print_tap(struct report *r, enum spec_end end, struct str title, struct str file, int line, struct str message)
{
    printf("%sok %u - %.*s%s\n", end == SPEC_FAILED ? "not " : "", r->n, STR_ARG(title), end == SPEC_SKIPPED ? " # SKIP" : "");
    if (end == SPEC_FAILED) {
        printf("# %.*s:%d\n", STR_ARG(file), line);
        print_lines("# ", message);
    }
}

static void print_plain(enum spec_end end, struct str title, struct str file, int line, struct str message)
{
    if (end == SPEC_PASSED)
        return;
    printf("%s %.*s (%.*s:%d)\n", end == SPEC_FAILED ? "FAILED" : "skipped", STR_ARG(title), STR_ARG(file), line);
    print_lines("    ", message);
}

static void xml_text(FILE *f, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '<' || c == '>' || c == '&' || c == '"')
            fprintf(f, "&#%d;", c);
        else if (c < 32 && c != '\n' && c != '\t')
            fputc('?', f);      /* XML has no way to write it */
        else
            fputc(c, f);
    }
}

static void print_junit(FILE *f, enum spec_end end, struct str title, struct str file, struct str message)
{
    fprintf(f, "  <testcase classname=\"");
    xml_text(f, file);
    fprintf(f, "\" name=\"");
    xml_text(f, title);
    fprintf(f, "\">");
    if (end == SPEC_SKIPPED)
        fprintf(f, "<skipped/>");
    if (end == SPEC_FAILED) {
        fprintf(f, "<failure>");
        xml_text(f, message);
        fprintf(f, "</failure>");
    }
    fprintf(f, "</testcase>\n");
}

static void result(void *ctx, enum spec_end end, struct str title, struct str file, int line, struct str message)
{
    struct report *r = ctx;

    r->n++;
    r->passed += end == SPEC_PASSED;
    r->failed += end == SPEC_FAILED;
    r->skipped += end == SPEC_SKIPPED;
    if (r->tap)
        print_tap(r, end, title, file, line, message);
    else
        print_plain(end, title, file, line, message);
    if (r->junit)
        print_junit(r->junit, end, title, file, message);
    fflush(stdout);
}

/* ---- which files */

static int collect(struct report *r, const char *path, unsigned depth);

static int compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int collect_directory(struct report *r, const char *path, unsigned depth)
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
static int collect(struct report *r, const char *path, unsigned depth)
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

static bool title_wanted(const struct cli *c, const char *path)
{
    return !cli_has(c, CO_FILTER) || strstr(path, c->opt[CO_FILTER]);
}

static int play_all(struct report *r)
{
    const struct spec_sink sink = { result, r };
    struct buf why = { 0 };
    int status = 0;

    for (size_t i = 0; i < r->nwires; i++)
        if (title_wanted(r->cli, r->wires[i]))
            transcript_play(r->wires[i], &sink);
    if (r->nspecs > 0 && !world_specs(&world_ops, r->specs, r->nspecs, r->cli->opt[CO_FILTER], &sink, &why)) {
        status = cli_fail(r->cli, EX_SOFTWARE, "%.*s", STR_ARG(buf_str(&why)));
    }
    buf_free(&why);
    return status;
}

int cli_run_test(struct cli *c)
{
    struct report *r = arena_new(&c->arena, struct report);
    int status = 0;

    r->cli = c;
    r->tap = cli_has(c, CO_TAP);
    for (int i = 0; i < c->narg && status == 0; i++)
        status = collect(r, c->arg[i], 0);
    if (status != 0)
        return status;
    if (cli_has(c, CO_JUNIT)) {
        r->junit = fopen(c->opt[CO_JUNIT], "w");
        if (!r->junit)
            return cli_fail(c, EX_CANTCREAT, "%s: %s", c->opt[CO_JUNIT], strerror(errno));
        fprintf(r->junit, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"perigee\">\n");
    }
    status = play_all(r);
    if (r->junit) {
        fprintf(r->junit, "</testsuite>\n");
        if (fclose(r->junit) != 0)
            status = cli_fail(c, EX_IOERR, "%s: %s", c->opt[CO_JUNIT], strerror(errno));
    }
    if (r->tap)
        printf("1..%u\n", r->n);
    else
        printf("%u passed, %u failed%s\n", r->passed, r->failed, r->skipped ? " (some skipped)" : "");
    return status ? status : r->failed || r->n == 0 ? CLI_NO : CLI_YES;
}
