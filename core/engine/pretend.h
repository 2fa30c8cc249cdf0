/*
 * pretend - what deliveries find in a hermetic world in place of programs
 *
 * A spec says what a program answers: w:program("/bin/x", { output = "text", status = 1 }). Nothing is run.
 */
#ifndef ENGINE_PRETEND_H
#define ENGINE_PRETEND_H

#include "engine/parts.h"
#include "local/program.h"

/* False: no spec has said anything of it. What end points to lives as long as the world. */
bool pretend_program(struct engine *e, const char *path, struct program_end *end);
/* Said of such a one. */
struct str pretend_refusal(struct arena *a, const char *path);
/* Whether a file may be read: below the rule directory, as lookups may. */
bool pretend_file(const struct settings *set, const char *path);

#endif
