/*
 * shipped - Lua that comes inside the program, and the libraries behind host
 *
 * Both lists are made by lua/gen and end with a NULL.
 */
#ifndef POLICY_SHIPPED_H
#define POLICY_SHIPPED_H

#include "policy/lua.h"

struct shipped { const char *name, *text; size_t n; };     /* "mail/lists" */
extern const struct shipped shipped[];
const struct shipped *shipped_find(struct str name);

extern const struct lib *const libs[];

#endif
