/*
 * shipped - Lua that comes inside the program, and the libraries behind host
 *
 * Both lists are made by lua/gen and end with a NULL.
 */
#ifndef POLICY_SHIPPED_H
#define POLICY_SHIPPED_H

#include "policy/lua.h"

struct shipped {
    const char *name, *text;        /* "mail/lists" */
    size_t n;
    const char *code;               /* the text as bytecode of the LuaJIT that made the program */
    size_t ncode;
};
extern const struct shipped shipped[], shipped_probe;
const struct shipped *shipped_find(struct str name);
/* Pushes the function of a chunk of ours, chunk being its name in errors, or a message; lua_load's result. Made from
 * its bytecode if this is the LuaJIT that wrote it, which is tried once a process; else from the text. */
int shipped_load(lua_State *L, const struct shipped *s, const char *chunk);

extern const struct lib *const libs[];

#endif
