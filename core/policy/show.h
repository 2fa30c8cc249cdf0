/*
 * show - Lua values as JSON
 *
 * The form of `perigee eval --json`: integral numbers without fraction, tables
 * with keys 1..n as arrays (the empty one too), others as objects with sorted keys,
 * octets that are no UTF-8 as \udcXX, so that nothing of a value is lost. Calls no
 * metamethod and cannot raise.
 */
#ifndef POLICY_SHOW_H
#define POLICY_SHOW_H

#include <lua.h>

#include "base/arena.h"
#include "base/buf.h"

/* The value at an index, counted from the bottom; the arena is for sorting keys.
 * False: "..." stands for what is nested more than 32 deep or makes it too large. */
bool show_json(lua_State *L, int at, struct arena *a, struct buf *out);

#endif
