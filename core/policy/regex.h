/*
 * regex - a compiled expression, for the C functions that match what Lua does not see
 */
#ifndef POLICY_REGEX_H
#define POLICY_REGEX_H

#include "policy/lua.h"

struct regex;
enum { REGEX_GROUPS = 10 };

/* The compiled expression at arg; raises if it is none. It lives as long as Lua holds it. */
struct regex *regex_arg(lua_State *L, int arg);
/* ST_OK: groups point into subject, those that took no part are absent. ST_NONE: no match.
 * ST_NEVER: a limit was met (R8.5), why says which. */
enum status regex_find(struct regex *re, struct str subject, struct str groups[REGEX_GROUPS], struct why *why);
/* Bytes of machine code; 0: it is interpreted, as it was not used often yet, or cannot be otherwise. */
size_t regex_machine_code(const struct regex *re);
struct str regex_text(const struct regex *re);      /* as it was written */

#endif
