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
/* Pushes the function of a chunk of ours, chunk being its name in errors, or a message; lua_load's result. Compiled
 * once a process: every state after the first is made from what the first was. */
int shipped_load(lua_State *L, const struct shipped *s, const char *chunk);

extern const struct lib *const libs[];

#endif
