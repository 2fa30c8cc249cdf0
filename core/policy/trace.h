/*
 * trace - what an evaluation tried, and what each rule costs
 *
 * Places are the statements, conditions, handlers and routers of a generation,
 * named at load by lua/mail/explain.lua. While an evaluation runs, each place it
 * leaves is marked: a number, an end and a time, into an array that is used
 * again. What was read is copied beside it, as bytes: most mail is accepted, and
 * then the next evaluation writes over all of it. Nothing is rendered unless the
 * evaluation is to be explained. For core/policy only.
 */
#ifndef POLICY_TRACE_H
#define POLICY_TRACE_H

#include "policy/host.h"

enum { PLACES_MAX = 20000, TRACE_STEPS = 400, TRACE_READS = 200, TRACE_DEPTH = 24, TRACE_FRAMES = 64, COST_SLOTS = 40, SECRETS_MAX = sizeof(((struct places *)0)->secret) / sizeof(struct str) };

enum place_kind { PLACE_STATEMENT, PLACE_CONDITION, PLACE_OTHER, PLACE_OPTION };
enum mark { MARK_NO, MARK_YES, MARK_ERROR };

struct place {
    enum place_kind kind;
    struct str where;               /* "20-relay.lua:9" */
    size_t file;                    /* as many bytes of where name the file */
    int line;
    struct str what;                /* accept, hosts = "+friends", function, router aliases */
    struct str reads;               /* the variable a list condition is about: it is read once an evaluation */
    unsigned parent;                /* of a condition: its statement */
    uint64_t count, errors, overruns;
    int64_t total_ns, waited_ns, max_ns;
    uint32_t slot[COST_SLOTS];      /* how often it took less than 2^i ns */
};

struct step { uint32_t place; uint32_t us; uint16_t reads; uint8_t depth, mark; };

/* A value as it was when it was read; of a table, which it was. */
struct held {
    enum { HELD_NIL, HELD_TRUE, HELD_FALSE, HELD_NUMBER, HELD_TEXT, HELD_OBJECT } kind;
    union { double number; struct { uint32_t at, n; } text; int object; } u;
};
struct read {
    const char *name;               /* of a variable; NULL: in label */
    struct held label, of, value;   /* of HELD_NIL: what was asked of is not shown */
    uint32_t us;
};

/* Who is under way while something with a place of its own runs. */
struct frame { int64_t spent_ns, waited_ns; unsigned floor; };

struct trace {
    bool on;                        /* steps and reads are kept, not only counted */
    unsigned n, nreads, depth;
    unsigned lost;                  /* what did not fit */
    unsigned nobjects;
    int objects_ref;                /* the tables among what was read; LUA_NOREF as long as there are none */
    struct buf text;                /* and the texts */
    int64_t began_ns, mark_ns;
    int64_t spent_ns, waited_ns;    /* of the statement under way */
    int64_t parked_ns;              /* when it began to wait */
    unsigned nframes, floor;        /* those from floor on are of the statement under way */
    struct frame frame[TRACE_FRAMES];
    struct read read[TRACE_READS];
    struct step step[TRACE_STEPS];
};

void trace_begin(struct eval *e, bool keep);
void trace_end(struct eval *e);         /* what was read is let go */
void trace_parked(struct eval *e);
void trace_resumed(struct eval *e);
/* The value on top of the stack was read: a variable of that name, which lasts; NULL: the name is at an index. */
void trace_read(lua_State *L, struct trace *t, const char *name, int at);
/* The same of a function's answer; of 0: what was asked of is not shown. */
void trace_put(lua_State *L, struct trace *t, int name, int of, int value, uint32_t us);

/* What there is of a trace: where it was noted, or in the copy of whoever keeps it. */
struct tried {
    struct policy *policy;
    const struct step *step;
    const struct read *read;
    unsigned n, nreads, lost;
    int objects_ref;
    struct str text;
};
struct tried trace_tried(const struct eval *e);
void tried_push(lua_State *L, const struct tried *t, const struct held *h);
struct str tried_name(const struct tried *t, const struct read *r);
void trace_mark(struct policy *p, struct eval *e, unsigned at, enum mark how);
void trace_inner(struct trace *t, bool in);     /* the ACL that is called begins, ends */
void trace_enter(struct trace *t);              /* what has a place of its own begins, ends */
void trace_leave(struct trace *t);
int64_t trace_now(void);
/* An evaluation failed: counted where the text says, or where it was. */
void trace_failed(struct eval *e, bool overrun);
void trace_free(struct eval *e);
void places_free(struct policy *p);

/* A secret's text, and its lines: none of them is ever rendered. */
void trace_secret(struct policy *p, struct str text);

/* The value of auth1 to auth4 on top of the stack was read: whatever a rule makes of it later in the session, it is
 * never shown. */
void trace_auth_read(lua_State *L, const struct eval *e);

/* The members of a JSON object: phase, who, verdict, tree. */
struct ending { const char *verdict; struct str message, log_message, error, address; bool by_default; };
void trace_render(struct eval *e, const struct ending *end, struct buf *out);

#endif
