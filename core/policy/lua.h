/*
 * lua - what the C functions of the rule library stand on
 *
 * For core/policy only. A file core/policy/lib_NAME.c defines one
 *     const struct lib lib_NAME = { plain, waits };
 * and the generator finds it; its functions are host.* for lua/mail. `plain`
 * functions return at once. `waits` functions may wait: each begins with
 * wait_begin, starts its question, and ends with `return wait_yield(w)`:
 *
 *     struct ask { struct dns_query *q; struct dns_answer a; };
 *
 *     static void ask_cancel(void *ctx) { struct ask *k = ctx; dns_cancel(k->q); }
 *     static int ask_push(lua_State *L, void *ctx) { ... return how many values; }
 *     static void ask_done(void *ctx, const struct dns_answer *a)
 *     {
 *         struct wait *w = ctx;
 *         struct ask *k = wait_ctx(w);
 *         k->n = ...copied into wait_arena(w)...;
 *         if (a->status == ST_AGAIN) wait_again(w, a->why.text); else wait_done(w, ask_push);
 *     }
 *     static int l_dns_ask(lua_State *L)
 *     {
 *         struct str name = arg_str(L, 1, 255);           (all argument errors come before wait_begin)
 *         struct wait *w = wait_begin(L, "dns.a", 30000, ask_cancel, sizeof(struct ask));
 *         struct ask *k = wait_ctx(w);
 *         k->q = dns_ask(policy_env(L)->dns, name, DNS_A, ask_done, w);
 *         return wait_yield(w);
 *     }
 *
 * ask_done may run inside dns_ask (then q is NULL and nothing is parked) or
 * later. Exactly one of wait_done, wait_again and wait_error is called, once,
 * unless cancel was called: then none. cancel is called when the deadline
 * passes, the evaluation is cancelled or the policy dies; it must make sure the
 * completion never comes. push runs later, inside the coroutine, where a Lua
 * error is harmless; what it reads must live in wait_ctx or wait_arena. Nothing that
 * needs freeing may be held in a C function across a call that may raise: put it in the
 * wait's arena, or in a userdata with __gc.
 */
#ifndef POLICY_LUA_H
#define POLICY_LUA_H

#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "policy/policy.h"

struct lib { const luaL_Reg *plain, *waits; };      /* both end with { NULL, NULL }; either may be NULL */

/* ---- whose state this is */
struct policy *policy_of(lua_State *L);
const struct policy_env *policy_env(lua_State *L);
/* The transaction behind a mail object; raises if it has expired or is none.
 * Its addr and phase are those of the mail object until the function returns. */
struct txn *arg_txn(lua_State *L, int arg);
/* Memory until the evaluation ends; raises outside of one. */
struct arena *policy_arena(lua_State *L);
/* Memory until the next call of policy_scratch: for text that is pushed at once. */
struct arena *policy_scratch(lua_State *L);

/* ---- arguments: all raise "bad argument #1 to 'x' (...)" */
struct str arg_str(lua_State *L, int arg, size_t max);          /* a string of at most max bytes */
bool arg_opt_str(lua_State *L, int arg, size_t max, struct str *out);   /* false: nil or none */
int64_t arg_int(lua_State *L, int arg, int64_t min, int64_t max);
void push_str(lua_State *L, struct str s);                      /* p NULL: nil */
void push_val(lua_State *L, const struct val *v);               /* lists get the colon tostring */
/* Fields of the table on top. */
void set_str(lua_State *L, const char *name, struct str s);   /* p NULL: none */
void set_num(lua_State *L, const char *name, double n);
void set_bool(lua_State *L, const char *name, bool b);

/* ---- "could not find out": raises a defer with that text */
int raise_again(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- waits */
struct wait;
typedef void wait_cancel(void *ctx);
typedef int wait_push(lua_State *L, void *ctx);
/* Raises if nothing may wait here (load time, a callback of table.sort or
 * string.gsub). what names the call in the deadline's text; ms > 0, at most
 * 600,000. The ctx is zeroed memory of that size that lives as long as the wait. */
struct wait *wait_begin(lua_State *L, const char *what, int64_t ms, wait_cancel *cancel, size_t ctx_size);
void *wait_ctx(struct wait *w);
struct arena *wait_arena(struct wait *w);
int wait_yield(struct wait *w);
void wait_done(struct wait *w, wait_push *push);        /* push NULL: no values */
void wait_again(struct wait *w, const char *text);      /* raises a defer in the rule */
void wait_error(struct wait *w, const char *text);      /* raises an error in the rule */

#endif
