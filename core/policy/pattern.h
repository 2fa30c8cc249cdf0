/*
 * pattern - Lua's patterns, with a count of steps (R8.3)
 *
 * The same language as Lua 5.1's manual section 5.4.1. A hook cannot stop a C
 * function, so the matcher counts what it does and gives up by itself. Nothing
 * here knows Lua.
 */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include "base/str.h"

enum { PATTERN_CAPTURES = 32, PATTERN_DEPTH = 200 };

struct pattern_capture { const char *p; ptrdiff_t n; };     /* n -1: a position */

struct pattern {
    struct str subject, text;
    uint32_t steps;                 /* left; 0 after a match: it gave up */
    const char *error;              /* why the pattern or the match is no good */
    int depth;
    int level;                      /* captures */
    struct pattern_capture capture[PATTERN_CAPTURES];
};

/* The first match at or after init; *end is behind it. NULL: none, or error is set. */
const char *pattern_find(struct pattern *p, size_t init, const char **end);
/* A match that begins exactly here. */
const char *pattern_at(struct pattern *p, const char *at);
/* Plain search in bounded steps. NULL: not found, or error. */
const char *pattern_plain(struct pattern *p, size_t init);
bool pattern_is_plain(struct str text);

#endif
