/*
 * regex - a compiled expression, for the C functions that match what Lua does not see
 */
#ifndef POLICY_REGEX_H
#define POLICY_REGEX_H

#include "base/expr.h"
#include "policy/lua.h"

/* The compiled expression at arg; raises if it is none. It lives as long as Lua holds it. */
struct expr *regex_arg(lua_State *L, int arg);

#endif
