/*
 * vars - the variables of the mail object, without any Lua
 *
 * A getter reads the structs of a transaction and says what it found; it cannot
 * fail. Rows come from core/policy/api by way of lua/gen. The gate (gate.c)
 * checks the phase and fetches what must be fetched before it calls a getter.
 */
#ifndef POLICY_VARS_H
#define POLICY_VARS_H

#include "policy/policy.h"

struct vars {                       /* what a getter may look at */
    const struct txn *t;            /* phase, addr and host are those of the mail object */
    struct arena *arena;            /* for text made here; short-lived */
    const struct policy *policy;    /* for options shown as variables */
};
typedef void var_get(const struct vars *v, struct val *out);    /* *out is nil before */
/* A fact the rule library found; v is copied into the arena that fits. */
typedef void var_put(struct txn *t, struct arena *eval, const struct val *v);

/* Both for a text of the transaction that only rules set. */
#define VAR_TEXT(name, field)                                       \
    void get_##name(const struct vars *v, struct val *out)          \
    {                                                               \
        val_text(out, v->t->field);                                 \
    }                                                               \
    void put_##name(struct txn *t, struct arena *a, const struct val *v) \
    {                                                               \
        t->field = v->type == VAL_STR ? arena_dup(a, v->u.s) : (struct str){ 0 }; \
    }

struct var_row {
    const char *name;
    enum val_type type;
    uint32_t phases;                /* 1u << enum phase */
    var_get *get;
    var_put *put;                   /* NULL: fixed */
    const char *wait;               /* the host function that fetches it, or NULL */
    uint32_t writable;              /* phases in which rules may assign to it: put is called */
};
extern const struct var_row var_rows[];
extern const size_t var_count;

struct gone_row { const char *name, *text; };       /* a name that is refused with advice; ends with NULL */
extern const struct gone_row gone_rows[];
struct family_row { const char *head; uint32_t phases, writable; };
extern const struct family_row family_rows[];

extern const char *const fn_names[];        /* "store.get": functions rules may call; ends with NULL */

/* ---- for getters */
static inline void val_text(struct val *out, struct str s)      /* p NULL: nil */
{
    out->type = s.p ? VAL_STR : VAL_NIL;
    out->u.s = s;
}
/* Empty means absent here: fields of at_address and the like that have no third state. */
static inline void val_text_if(struct val *out, struct str s)
{
    out->type = s.n ? VAL_STR : VAL_NIL;
    out->u.s = s;
}
static inline void val_int(struct val *out, int64_t i) { out->type = VAL_INT; out->u.i = i; }
static inline void val_bool(struct val *out, bool b) { out->type = VAL_BOOL; out->u.b = b; }

#endif
