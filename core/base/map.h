/*
 * map - from bytes to a pointer
 *
 * Keys are copied. Iteration order is not defined; whoever prints sorts.
 * The hash is seeded per process, since keys come from the network.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map;

struct map *map_new(void);
void map_free(struct map *m);                               /* not what it points to */
void *map_get(const struct map *m, struct str key);         /* NULL: none */
void *map_put(struct map *m, struct str key, void *value);  /* returns what stood there */
void *map_del(struct map *m, struct str key);               /* returns what stood there */
size_t map_count(const struct map *m);
/* Starts with *at = 0; false at the end. The entry last returned may be deleted. */
bool map_next(const struct map *m, size_t *at, struct str *key, void **value);

#endif
