/*
 * test_report - results of specs, for people, as TAP and as JUnit XML
 *
 * People and TAP see each result as it comes. JUnit wants counts before cases, so
 * it is written at the end. Every form is valid whatever a title or a message
 * holds: bytes a rule made may be anything.
 */
#ifndef CLI_TEST_REPORT_H
#define CLI_TEST_REPORT_H

#include "policy/world_lua.h"

struct test_report {
    struct arena arena;
    bool tap;
    unsigned n, passed, failed, skipped;
    struct test_case *first, **end;
    int64_t last_us;                /* when the result before came */
};

void test_report_begin(struct test_report *r, bool tap);
/* A spec_sink's result; ctx is the report. */
void test_report_result(void *ctx, enum spec_end end, struct str title, struct str file, int line, struct str message);
/* The last line; why: they could not all be run. */
void test_report_end(struct test_report *r, struct str why);
/* False with errno. */
bool test_report_junit(const struct test_report *r, const char *path);
void test_report_free(struct test_report *r);

#endif
