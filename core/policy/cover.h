/*
 * cover - what of the rules was run: lines, and what statements answered
 *
 * One struct cover gathers over every generation that is given it (policy_env),
 * so that all the worlds of a run of specs add up. Only rule files that lie on
 * disk are kept, by their path. Counting costs a hook for every line: it is for
 * specs, and nothing is paid where no cover is given.
 */
#ifndef POLICY_COVER_H
#define POLICY_COVER_H

#include "base/arena.h"
#include "base/map.h"

/* A statement of an ACL, a function in its place, or a router. */
struct cover_place {
    int line;
    struct str what;                /* "deny", "function", "router here" */
    bool always;                    /* nothing is asked: it cannot pass on */
    uint64_t asked, taken;          /* taken: it answered, or acted and went on */
};

struct cover_file {
    struct str path, text;
    size_t lines;
    uint64_t *hits;                 /* by line, from 1 */
    bool *code;                     /* a statement begins in this line */
    struct cover_place *place;
    size_t nplaces, room, cursor;   /* cursor: places that the generation being loaded has named */
};

struct cover {
    struct arena arena;
    struct map *by_path;
    struct cover_file **file;
    size_t nfiles, room;
};

struct cover *cover_new(void);
void cover_free(struct cover *c);
/* The file of that path, made with this text if it is new. */
struct cover_file *cover_open(struct cover *c, struct str path, struct str text);
/* The next place a generation names, in the order of its statements; an index into f->place. */
size_t cover_name(struct cover *c, struct cover_file *f, int line, struct str what);
void cover_sort(struct cover *c);   /* files by path */

#endif
