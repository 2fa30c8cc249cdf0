#include "cli/coverage.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* ends: two a place, answered and passed on; one where nothing is asked */
struct sums { size_t lines, hit, ends, taken; };

/* Where statements of ACLs stand it counts how often they were asked; that they
 * were read at load says nothing. */
static uint64_t hits(const struct cover_file *f, size_t line)
{
    uint64_t n = 0;
    bool place = false;

    for (size_t i = 0; i < f->nplaces; i++)
        if ((size_t)f->place[i].line == line) {
            place = true;
            n += f->place[i].asked;
        }
    return place ? n : f->hits[line];
}

static uint64_t passed(const struct cover_place *p)
{
    return p->asked - p->taken;
}

static struct sums sum_of(const struct cover_file *f)
{
    struct sums s = { 0 };

    for (size_t i = 1; i <= f->lines; i++) {
        s.lines += f->code[i];
        s.hit += f->code[i] && hits(f, i) > 0;
    }
    for (size_t i = 0; i < f->nplaces; i++) {
        s.ends += f->place[i].always ? 1 : 2;
        s.taken += (f->place[i].taken > 0) + (!f->place[i].always && passed(&f->place[i]) > 0);
    }
    return s;
}

static void add(struct sums *to, struct sums s)
{
    to->lines += s.lines;
    to->hit += s.hit;
    to->ends += s.ends;
    to->taken += s.taken;
}

static double percent(size_t part, size_t all)
{
    return all ? 100.0 * (double)part / (double)all : 100.0;
}

/* ---- text */

static void text_line(struct buf *b, struct sums s, struct str name)
{
    buf_addf(b, "%6.1f%% of %4zu lines  %6.1f%% of %4zu verdicts  %.*s\n", percent(s.hit, s.lines), s.lines,
             percent(s.taken, s.ends), s.ends, STR_ARG(name));
}

static void text_missing(struct buf *b, const struct cover_file *f)
{
    for (size_t i = 1; i <= f->lines; i++)
        if (f->code[i] && hits(f, i) == 0)
            buf_addf(b, "%.*s:%zu: never run\n", STR_ARG(f->path), i);
    for (size_t i = 0; i < f->nplaces; i++) {
        const struct cover_place *p = &f->place[i];

        if (p->asked > 0 && p->taken == 0)
            buf_addf(b, "%.*s:%d: %.*s never answered\n", STR_ARG(f->path), p->line, STR_ARG(p->what));
        else if (p->asked > 0 && passed(p) == 0 && !p->always)
            buf_addf(b, "%.*s:%d: %.*s never passed on\n", STR_ARG(f->path), p->line, STR_ARG(p->what));
    }
}

static void text_all(const struct cover *c, struct buf *summary, struct buf *whole)
{
    struct sums all = { 0 };

    for (size_t i = 0; i < c->nfiles; i++) {
        struct sums s = sum_of(c->file[i]);

        add(&all, s);
        text_line(summary, s, c->file[i]->path);
    }
    text_line(summary, all, STR("all"));
    buf_add(whole, buf_str(summary));
    buf_byte(whole, '\n');
    for (size_t i = 0; i < c->nfiles; i++)
        text_missing(whole, c->file[i]);
}

/* ---- lcov: the tracefile of geninfo(1) */

static void lcov_end(struct buf *b, const struct cover_place *p, size_t block, int branch, uint64_t n)
{
    buf_addf(b, "BRDA:%d,%zu,%d,", p->line, block, branch);
    if (p->asked == 0)
        buf_add(b, STR("-\n"));
    else
        buf_addf(b, "%llu\n", (unsigned long long)n);
}

static void lcov_file(struct buf *b, const struct cover_file *f)
{
    struct sums s = sum_of(f);

    buf_addf(b, "TN:\nSF:%.*s\n", STR_ARG(f->path));
    for (size_t i = 0; i < f->nplaces; i++) {
        const struct cover_place *p = &f->place[i];

        lcov_end(b, p, i, 0, p->taken);
        if (!p->always)
            lcov_end(b, p, i, 1, passed(p));
    }
    buf_addf(b, "BRF:%zu\nBRH:%zu\n", s.ends, s.taken);
    for (size_t i = 1; i <= f->lines; i++)
        if (f->code[i])
            buf_addf(b, "DA:%zu,%llu\n", i, (unsigned long long)hits(f, i));
    buf_addf(b, "LF:%zu\nLH:%zu\nend_of_record\n", s.lines, s.hit);
}

/* ---- HTML */

static const char style[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title><style>\n"
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:64em;color:#222}table{border-collapse:collapse}"
    "td,th{padding:0 .8em;text-align:right;vertical-align:top}td:last-child,th:last-child{text-align:left}"
    "pre{margin:0;font:13px/1.5 monospace;white-space:pre-wrap}.n{color:#888}.hit{background:#e4f5e4}.miss{background:#fbdcdc}"
    ".half{background:#fdf3cf}</style></head><body>\n";

static void html_text(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '<')
            buf_add(b, STR("&lt;"));
        else if (s.p[i] == '&')
            buf_add(b, STR("&amp;"));
        else if (s.p[i] == '"')
            buf_add(b, STR("&quot;"));
        else if ((unsigned char)s.p[i] >= 32 || s.p[i] == '\t')
            buf_byte(b, s.p[i]);
    }
}

static void html_cells(struct buf *b, struct sums s)
{
    buf_addf(b, "<td>%.1f%%</td><td>%zu of %zu</td><td>%.1f%%</td><td>%zu of %zu</td>", percent(s.hit, s.lines), s.hit, s.lines,
             percent(s.taken, s.ends), s.taken, s.ends);
}

/* What the places of a line did: asked, answered, passed on. True: an end is missing. */
static bool html_places(struct buf *b, const struct cover_file *f, size_t line)
{
    bool half = false;

    for (size_t i = 0; i < f->nplaces; i++) {
        const struct cover_place *p = &f->place[i];

        if ((size_t)p->line != line)
            continue;
        half = half || p->taken == 0 || (passed(p) == 0 && !p->always);
        html_text(b, p->what);
        buf_addf(b, " %llu/%llu ", (unsigned long long)p->taken, (unsigned long long)p->asked);
    }
    return half;
}

static void html_line(struct buf *b, const struct cover_file *f, size_t line, struct str text)
{
    struct buf places = { 0 };
    bool half = html_places(&places, f, line);
    const char *class = !f->code[line] ? "" : hits(f, line) == 0 ? "miss" : half ? "half" : "hit";

    buf_addf(b, "<tr id=\"l%zu\" class=\"%s\"><td class=\"n\">%zu</td><td>", line, class, line);
    if (f->code[line])
        buf_addf(b, "%llu", (unsigned long long)hits(f, line));
    buf_addf(b, "</td><td class=\"n\">%.*s</td><td><pre>", STR_ARG(buf_str(&places)));
    html_text(b, text);
    buf_add(b, STR("</pre></td></tr>\n"));
    buf_free(&places);
}

static void html_file(struct buf *b, const struct cover_file *f)
{
    struct str rest = f->text, line;
    size_t n = 0;

    buf_addf(b, style, "coverage");
    buf_add(b, STR("<p><a href=\"index.html\">all files</a></p><h1>"));
    html_text(b, f->path);
    buf_add(b, STR("</h1>\n<p>Beside a line: how often it ran. Beside a statement: how often it answered, of how often it was "
                   "asked.</p>\n<table>\n"));
    while (str_cut(&rest, '\n', &line))
        html_line(b, f, ++n, line);
    buf_add(b, STR("</table></body></html>\n"));
}

static void html_index(struct buf *b, const struct cover *c)
{
    struct sums all = { 0 };

    buf_addf(b, style, "coverage");
    buf_add(b, STR("<h1>Coverage of rules</h1>\n<table><tr><th colspan=\"2\">lines</th><th colspan=\"2\">verdicts</th><th>file</th></tr>\n"));
    for (size_t i = 0; i < c->nfiles; i++) {
        struct sums s = sum_of(c->file[i]);

        add(&all, s);
        buf_add(b, STR("<tr>"));
        html_cells(b, s);
        buf_addf(b, "<td><a href=\"file%zu.html\">", i + 1);
        html_text(b, c->file[i]->path);
        buf_add(b, STR("</a></td></tr>\n"));
    }
    buf_add(b, STR("<tr>"));
    html_cells(b, all);
    buf_add(b, STR("<td>all</td></tr></table></body></html>\n"));
}

/* ---- files */

static enum status write_file(const char *dir, const char *name, struct buf *b, struct why *why)
{
    struct arena a = { 0 };
    struct str path = arena_printf(&a, "%s/%s", dir, name);
    enum status st = ST_OK;
    FILE *f = fopen(path.p, "w");
    bool written = f && fwrite(buf_str(b).p, 1, b->n, f) == b->n;

    if (!f || fclose(f) != 0 || !written)
        st = why_errno(why, ST_NEVER, "write %s", path.p);
    arena_free(&a);
    buf_clear(b);
    return st;
}

enum status coverage_write(struct cover *c, const char *dir, struct buf *summary, struct why *why)
{
    struct buf b = { 0 };
    char name[64];
    enum status st;

    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return why_errno(why, ST_NEVER, "make %s", dir);
    cover_sort(c);
    text_all(c, summary, &b);
    st = write_file(dir, "coverage.txt", &b, why);
    for (size_t i = 0; i < c->nfiles; i++)
        lcov_file(&b, c->file[i]);
    if (st == ST_OK)
        st = write_file(dir, "lcov.info", &b, why);
    buf_clear(&b);
    html_index(&b, c);
    if (st == ST_OK)
        st = write_file(dir, "index.html", &b, why);
    for (size_t i = 0; i < c->nfiles && st == ST_OK; i++) {
        buf_clear(&b);
        html_file(&b, c->file[i]);
        snprintf(name, sizeof name, "file%zu.html", i + 1);
        st = write_file(dir, name, &b, why);
    }
    buf_free(&b);
    return st;
}
