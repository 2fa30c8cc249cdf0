/*
 * arena - memory that ends together
 *
 * Everything taken from an arena lives until arena_reset or arena_free. One
 * belongs to each connection, transaction, attempt and evaluation. Memory is
 * zeroed. Running out is fatal. An arena that was never used costs nothing
 * but its struct, so idle connections can hold one.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;     /* newest first */
    size_t used;                    /* bytes handed out since reset */
};

void *arena_alloc(struct arena *a, size_t n);
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc_array((a), sizeof(type), (n)))
void *arena_alloc_array(struct arena *a, size_t size, size_t n);   /* overflow is fatal */
struct str arena_dup(struct arena *a, struct str s);    /* a NUL stands behind the copy */
char *arena_z(struct arena *a, struct str s);           /* the same as a C string */
struct str arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct str arena_lower(struct arena *a, struct str s);  /* ASCII lower-case copy */
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
