/*
 * host - the inside of the policy room: a state, its budgets, its evaluations
 *
 * For core/policy only. One struct policy owns one Lua state and everything
 * that hangs off it. Memory limits hold only while rule code runs (a slice, see
 * budget_enter), so what we push outside of one cannot fail.
 */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include "base/map.h"
#include "policy/lua.h"
#include "policy/vars.h"

/* Budgets (design 4.7). CPU is counted in ticks of the thread's CPU clock. */
enum {
    TICK_MS = 10,
    EVAL_TICKS = 1000 / TICK_MS,
    TXN_TICKS = 10000 / TICK_MS,
    LOAD_TICKS = 10000 / TICK_MS,
    EVAL_MEMORY = 16 << 20,
    STATE_MEMORY = 256 << 20,
    IDLE_EVALS = 64,            /* coroutines kept for the next evaluations */
    WAIT_MAX_MS = 600000
};

/* What lua/mail must answer: lua/host/README.md. */
#define ENTRIES(X) \
    X(declare) X(check) X(site) X(acls) X(acl) X(route) X(transport_constant) X(transport) X(transport_late) X(option) X(match) \
    X(retry) X(has_event) X(event) X(expr) X(rewrites) X(rewrite) X(rewrite_path) X(rewrite_header) X(answered) X(option_where) \
    X(has_authenticators) X(offers) X(authenticate) X(log_in)
enum entry {
#define X(name) ENTRY_##name,
    ENTRIES(X)
#undef X
    ENTRY_COUNT
};

/* One stretch of running rule code, on the C stack of whoever runs it. */
struct slice {
    struct policy *policy;
    struct slice *outer, *below;    /* an evaluation may be started from inside another: of any policy, of this one */
    volatile unsigned ticks;    /* ticks that fell into this slice */
    unsigned limit;             /* how many it may have */
    const char *over_text;      /* what to say then */
    volatile bool over;         /* it had them */
    bool memory;                /* the memory limit was met */
    size_t base;                /* bytes of the state when the evaluation began */
    size_t from;                /* ... when this slice began */
    size_t grown;               /* by earlier slices of the evaluation */
    size_t may_grow;
    size_t outer_soft, outer_hard;
    char said[160];             /* the error that was raised first: with the place in the rules */
    char near[80];              /* the place of the last big allocation */
};

/* What evaluations tried, and what rules cost: trace.h. */
struct trace;
struct place;
struct places { struct place *v; unsigned n, room; struct str secret[256]; size_t nsecrets; };

struct transport_row {
    struct str driver;
    struct val *v;              /* NULL: ask each time */
    struct transport_asks asks;
};

struct policy {
    struct policy_env env;
    lua_State *L;
    uint32_t generation;
    unsigned refs;
    struct arena arena;             /* as long as the generation */
    struct arena scratch;           /* until the next use */
    struct str dir, cwd;

    size_t used, soft, hard;        /* bytes of the state; where to look, where to stop */
    struct slice *slice;            /* rule code runs now */
    bool worn, loaded;

    const struct snapshot *files;   /* while loading */
    int entry[ENTRY_COUNT];         /* registry references */
    int phase_ref[PH_COUNT];
    const void *box_meta;           /* the metatable of mail objects */
    int rows_ref, current_ref, box_ref, again_ref, list_ref, view_ref;
    struct val *opts;
    uint32_t acls;
    bool rewrites, rewrites_paths, authenticators;
    struct str acl_end[PH_ACLS];    /* in words */
    struct map *transports, *events;
    struct map *covered;            /* with env.cover: chunk name -> its file */

    int slots;
    struct eval *idle, *bare, *all; /* with a coroutine ready, without one; all there are */
    unsigned nidle;
    struct eval *running;
    struct conn nobody;             /* for questions without a session */
    struct txn *nothing;
    struct { uint64_t conn, txn; unsigned ticks; } heavy[16];   /* transactions that were seen running */
    unsigned nheavy, heavy_at;
    struct policy_stats stats;
    struct places places;
    bool explain, explain_accepted; /* what is not accepted is explained; what is, too */
};

/* ---- state.c */
enum status state_open(struct policy *p, struct why *why);
void state_close(struct policy *p);
/* Calls the function under nargs on the main thread, within budgets. On error
 * the message is in *why and the stack is as before the function was pushed. */
bool state_call(struct policy *p, int nargs, int nresults, unsigned ticks, size_t memory, struct why *why);
bool state_entry(struct policy *p, enum entry which);   /* pushes it; false (nothing pushed): lua/mail has none */
int state_compile(lua_State *L, struct str name, struct str text);  /* pushes the function or a message; lua_load's result */
/* Raises with the place of the rule code that called, not of the library's. */
void push_place(lua_State *L);          /* "20-relay.lua:12: " or "" */
_Noreturn int rule_error(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void error_text(lua_State *L, int at, struct why *why);     /* the message of an error value */
extern const luaL_Reg host_plain[], host_waits[];           /* host_lib.c */

/* ---- budget.c */
/* The caller zeroes s and sets limit, over_text, may_grow, base and grown. */
void budget_enter(struct slice *s, struct policy *p);
void budget_leave(struct slice *s);
void *budget_alloc(void *policy, void *ptr, size_t osize, size_t nsize);    /* lua_Alloc */
const char *budget_text(const struct slice *s);             /* NULL: within its budgets */

/* ---- eval.c */
typedef void eval_end(struct eval *e, enum status st, int results);
eval_end eval_end_option;              /* policy.c: one value, for done.opt */
struct eval {
    struct policy *policy;
    lua_State *co;                  /* NULL while in the pool without one */
    int ref;
    int slot;                       /* where its mail object is in the table of current ones */
    uint64_t serial;                /* a box made for an earlier serial has expired */
    struct eval *next_idle, *next;
    bool open, cancelled, inside;   /* inside: its coroutine runs now */
    struct txn *txn;
    enum phase phase;
    struct at_address *own_addr;    /* what the transaction was about when it was asked; */
    struct at_host *host;           /* the engine may ask about another before this is done */
    struct at_event *event;
    struct policy_asker asker;      /* of its questions */
    struct arena arena;
    struct wait *wait;
    lua_State *yielding;            /* the coroutine, its own or one inside it, that began the wait */
    unsigned ticks;
    size_t base, grown;
    struct why why;                 /* st AGAIN or NEVER: the reason */
    eval_end *end;
    /* who asked */
    union { opt_done *opt; acl_done *acl; route_done *route; transport_done *transport; retry_done *retry; event_done *event; rewrite_done *rewrite; header_done *header; auth_done *auth; } done;
    void *ctx;
    int opt;
    struct str name;
    struct buf *out;
    bool json, explain;
    auth_say *say;                  /* an exchange of AUTH: what the other side is told */
    struct wait *hearing;           /* and what waits for its answer */
    int lines_ref;                  /* explain: the table of lines */
    struct trace *trace;            /* NULL: it never ran an ACL; used again by the next evaluation */
    struct buf *tree;               /* expressions: what was tried; NULL: nobody asked */
    struct header_edit **edits_end; /* an ACL that fails takes its header edits back (R8.6) */
};

/* Opens an evaluation; push the function, the mail object (box_push_own) and the
 * arguments onto e->co, then eval_run. NULL of eval_run: the end was called. */
struct eval *eval_open(struct policy *p, struct txn *t, enum phase ph, enum entry which, eval_end *end);
struct eval *eval_run(struct eval *e, int nargs);
struct eval *eval_running(lua_State *L);    /* NULL: load time */
/* A rule error is no answer: later. */
static inline enum status eval_status(enum status st) { return st == ST_NEVER ? ST_AGAIN : st; }
void evals_free(struct policy *p);

/* ---- wait.c */
void wait_drop(struct eval *e);             /* cancels what is pending */
void wait_park(struct eval *e);             /* yielded: from here on completion resumes it */
void eval_resume(struct eval *e);           /* by wait.c */
extern char wait_mark;                      /* its address is what an engine wait yields */
int wait_take(lua_State *L);                /* results of the finished wait */

/* ---- lib_cover.c */
void cover_begin(struct policy *p, const struct snapshot *s);
void cover_hook(struct policy *p);          /* what hook there is while no budget needs one */

/* ---- costs.c: what is told of an evaluation, and what rules cost */
void costs_ready(struct policy *p);           /* its options are known */
void explained_acl(struct eval *e, struct verdict *v);    /* the end of an ACL: gives it an id where it is to be explained */

void explained_route(struct eval *e, struct route_item *items, size_t n);    /* likewise, what was routed nowhere */

/* ---- gate.c */
struct box {                                /* what Lua holds as m */
    struct eval *eval;
    uint64_t serial;
    enum phase phase;
    struct at_address *addr;
};
void gate_open(lua_State *L);               /* metatables and the table of rows */
void gate_push(lua_State *L);               /* the function that reads m.NAME */
void box_push_own(struct eval *e);          /* the evaluation's own, which host.current gives */
extern const luaL_Reg gate_functions[];
/* ---- view.c */
void view_keep(lua_State *L, int box);      /* into the table on top */
void views_push(lua_State *L);              /* metatables of m.header and its like, by name */
void list_metatable_push(lua_State *L);     /* of lists: tostring is Exim's colon list */

/* ---- strings.c: string and table functions with limits (R8.3) */
extern const luaL_Reg string_functions[], table_functions[];

/* ---- convert.c: Lua values into C's and back */
void val_of(lua_State *L, int at, struct arena *a, struct val *v);  /* never raises; functions are VAL_FUNC */
struct str str_at(lua_State *L, int at);                            /* not a string or number: p NULL; lives while on the stack */
struct str field_str(lua_State *L, int table, const char *name, struct arena *a);   /* copied; missing: p NULL */
int64_t field_int(lua_State *L, int table, const char *name, int64_t missing);
double field_num(lua_State *L, int table, const char *name, double missing);
bool field_bool(lua_State *L, int table, const char *name);
/* The array of hosts in a field: { name =, ip =, port =, preference =, secure = }. */
size_t hosts_of(lua_State *L, int table, const char *name, struct arena *a, struct host **out);
void route_items(lua_State *L, int at, struct arena *a, struct route_item **items, size_t *n);
void options_of(lua_State *L, int table, struct arena *a, struct val *v, size_t n, int (*find)(struct str name));

/* ---- lib_file.c */
enum { FILE_PATH_ROOM = 4096 };
/* The path an argument names, made whole; raises when it is none. False: a hermetic world does not show it. */
bool file_path(lua_State *L, int arg, char *out);

/* ---- options.c */
int topt_find(struct str name);
void options_default(struct policy *p);
void options_set(struct policy *p, lua_State *L, int table);
size_t transport_count(void);
void transport_defaults(struct val *v);
enum phase option_phase(int opt);
struct val option_default(int opt);

#endif
