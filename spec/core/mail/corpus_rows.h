/* Rows of other projects' cases, one a line as JSON, judged one by one; without the vectors it is skipped. */
#ifndef SPEC_CORPUS_ROWS_H
#define SPEC_CORPUS_ROWS_H

#include <stdio.h>

#include "base/arena.h"

static unsigned judged, wrong, differing;       /* by judge; differing: with a reason that is written down */

static void judge(struct arena *a, struct str row);

static void judge_rows(const char *path, const char *name)
{
    struct arena a = { 0 };
    char line[16384];
    FILE *f = fopen(path, "r");

    judged = wrong = differing = 0;
    if (!f) {
        print_message("skipped: no vectors (%s)\n", path);
        skip();
        return;
    }
    while (fgets(line, sizeof line, f)) {
        judge(&a, str_trim(str_of(line)));
        arena_reset(&a);
    }
    fclose(f);
    arena_free(&a);
    print_message("%s: %u judged, %u differ with a reason, %u wrong\n", name, judged, differing, wrong);
    assert_true(judged > 0);
    assert_int_equal(wrong, 0);
}

#endif
