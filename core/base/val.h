/*
 * val - one typed value: what a variable, an option or a rule's table cell is
 *
 * Strings and lists point into memory of the arena named by whoever made the
 * value. A list is an array of strings: no list of the rule language nests.
 */
#ifndef BASE_VAL_H
#define BASE_VAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum val_type {
    VAL_NIL,        /* absent */
    VAL_BOOL,
    VAL_INT,        /* 64 bits; seconds for a time */
    VAL_NUM,        /* a Lua number that is no integer */
    VAL_STR,
    VAL_LIST,
    VAL_FUNC        /* an option that is a function: evaluate it (policy.h) */
};

struct val {
    enum val_type type;
    union {
        bool b;
        int64_t i;
        double d;
        struct str s;
        struct { const struct str *v; size_t n; } list;
        int ref;            /* VAL_FUNC: owned by the generation */
    } u;
};

/* Length-prefixed bytes for the spool: every type but VAL_FUNC. val_get reads
 * one value off *in as hostile input: false if it is damaged. */
void val_put(struct buf *out, const struct val *v);
bool val_get(struct arena *a, struct str *in, struct val *v);
/* A deep copy. */
struct val val_dup(struct arena *a, const struct val *v);
bool val_same(const struct val *a, const struct val *b);

#endif
