#include "cli/test_report.h"

#include <stdio.h>
#include <time.h>

#include "mail/utf8.h"

struct test_case {
    struct test_case *next;
    enum spec_end end;
    struct str title, file, message;
    int line;
    int64_t us;                     /* how long it took */
};

/* Not the clock's seam: specs move that one, and this is how long they took. */
static int64_t real_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void test_report_begin(struct test_report *r, bool tap)
{
    *r = (struct test_report){ .tap = tap, .last_us = real_us() };
    r->end = &r->first;
    if (tap)
        printf("TAP version 13\n");
}

/* ---- text that stays in its line */

/* The length of the character that begins here, if UTF-8 and XML have it; else 0. */
static size_t character(struct str s)
{
    uint32_t code = 0;
    size_t n = utf8_char(s, &code);

    if (code == 0xfffe || code == 0xffff || (code < 32 && code != '\n' && code != '\t'))
        return 0;
    return n;
}

/* What cannot be written as it is becomes \xHH. */
static void plain(FILE *f, struct str s, const char *(*instead)(char c))
{
    while (s.n > 0) {
        size_t n = character(s);
        const char *other = n == 1 ? instead(s.p[0]) : NULL;

        if (n == 0)
            fprintf(f, "\\x%02x", (unsigned char)s.p[0]);
        else if (other)
            fputs(other, f);
        else
            fwrite(s.p, 1, n, f);
        s = str_from(s, n ? n : 1);
    }
}

static const char *for_tap(char c)
{
    return c == '#' ? "\\#" : c == '\n' || c == '\t' ? " " : NULL;
}

static const char *for_xml(char c)
{
    return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
}

static const char *for_attribute(char c)
{
    return c == '\n' ? "&#10;" : c == '\t' ? "&#9;" : for_xml(c);
}

static const char *as_it_is(char c)
{
    (void)c;
    return NULL;
}

static void print_lines(const char *before, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        fputs(before, stdout);
        plain(stdout, line, as_it_is);
        putchar('\n');
    }
}

/* ---- as they come */

static void print_tap(const struct test_report *r, const struct test_case *t)
{
    printf("%sok %u - ", t->end == SPEC_FAILED ? "not " : "", r->n);
    plain(stdout, t->title, for_tap);
    printf("%s\n", t->end == SPEC_SKIPPED ? " # SKIP" : "");
    if (t->end != SPEC_FAILED)
        return;
    printf("  ---\n  at: \"");
    plain(stdout, t->file, for_tap);
    printf(":%d\"\n  message: |\n", t->line);
    print_lines("    ", t->message);
    printf("  ...\n");
}

static void print_plain(const struct test_case *t)
{
    if (t->end == SPEC_PASSED)
        return;
    printf("%s ", t->end == SPEC_FAILED ? "FAILED" : "skipped");
    plain(stdout, t->title, as_it_is);
    printf(" (%.*s:%d)\n", STR_ARG(t->file), t->line);
    print_lines("    ", t->message);
}

void test_report_result(void *ctx, enum spec_end end, struct str title, struct str file, int line, struct str message)
{
    struct test_report *r = ctx;
    struct test_case *t = arena_new(&r->arena, struct test_case);
    int64_t now = real_us();

    *t = (struct test_case){
        .end = end, .title = arena_dup(&r->arena, title), .file = arena_dup(&r->arena, file),
        .message = arena_dup(&r->arena, message), .line = line, .us = now - r->last_us,
    };
    r->last_us = now;
    *r->end = t;
    r->end = &t->next;
    r->n++;
    r->passed += end == SPEC_PASSED;
    r->failed += end == SPEC_FAILED;
    r->skipped += end == SPEC_SKIPPED;
    if (r->tap)
        print_tap(r, t);
    else
        print_plain(t);
    fflush(stdout);
}

void test_report_end(struct test_report *r, struct str why)
{
    if (r->tap && why.n > 0) {
        printf("Bail out! ");
        plain(stdout, why, for_tap);
        putchar('\n');
    } else if (r->tap) {
        printf("1..%u\n", r->n);
    } else if (r->skipped) {
        printf("%u passed, %u failed, %u skipped\n", r->passed, r->failed, r->skipped);
    } else {
        printf("%u passed, %u failed\n", r->passed, r->failed);
    }
}

/* ---- JUnit: one suite a file, as its readers group them */

static void junit_case(FILE *f, const struct test_case *t)
{
    fprintf(f, "    <testcase classname=\"");
    plain(f, t->file, for_attribute);
    fprintf(f, "\" name=\"");
    plain(f, t->title, for_attribute);
    fprintf(f, "\" file=\"");
    plain(f, t->file, for_attribute);
    fprintf(f, "\" line=\"%d\" time=\"%.6f\"", t->line, (double)t->us / 1e6);
    if (t->end == SPEC_PASSED) {
        fprintf(f, "/>\n");
        return;
    }
    if (t->end == SPEC_SKIPPED) {
        fprintf(f, "><skipped/></testcase>\n");
        return;
    }
    fprintf(f, "><failure message=\"");
    plain(f, str_head(t->message, str_find(t->message, '\n')), for_attribute);
    fprintf(f, "\">");
    plain(f, t->message, for_xml);
    fprintf(f, "</failure></testcase>\n");
}

static const struct test_case *junit_suite(FILE *f, const struct test_case *first)
{
    unsigned n = 0, failed = 0, skipped = 0;
    const struct test_case *t;
    int64_t us = 0;

    for (t = first; t && str_same(t->file, first->file); t = t->next) {
        n++;
        failed += t->end == SPEC_FAILED;
        skipped += t->end == SPEC_SKIPPED;
        us += t->us;
    }
    fprintf(f, "  <testsuite name=\"");
    plain(f, first->file, for_attribute);
    fprintf(f, "\" tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%.6f\">\n", n, failed, skipped, (double)us / 1e6);
    for (const struct test_case *c = first; c != t; c = c->next)
        junit_case(f, c);
    fprintf(f, "  </testsuite>\n");
    return t;
}

bool test_report_junit(const struct test_report *r, const char *path)
{
    FILE *f = fopen(path, "w");
    int64_t us = 0;

    if (!f)
        return false;
    for (const struct test_case *t = r->first; t; t = t->next)
        us += t->us;
    fprintf(f, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"perigee\" tests=\"%u\" failures=\"%u\" errors=\"0\" "
            "skipped=\"%u\" time=\"%.6f\">\n", r->n, r->failed, r->skipped, (double)us / 1e6);
    for (const struct test_case *t = r->first; t;)
        t = junit_suite(f, t);
    fprintf(f, "</testsuites>\n");
    return fclose(f) == 0;
}

void test_report_free(struct test_report *r)
{
    arena_free(&r->arena);
}
