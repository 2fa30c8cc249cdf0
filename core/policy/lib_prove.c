/* Who vouches for a message: the chain of ARC, and what we found told to others. */
#include "auth/authres.h"
#include "policy/lua.h"

enum { ARC_WAIT_MS = 60000 };

/* ---- arc_verify(m) -> "none" | "pass" | "fail", reason */

struct arc_ask {
    struct proof *p;
    struct arc_key { struct arc_ask *of; struct wait *w; struct dns_query *q; size_t number; } *key;
    size_t n, out;
    bool starting;
};

static void arc_cancel(void *ctx)
{
    struct arc_ask *k = ctx;

    for (size_t i = 0; i < k->n; i++)
        if (k->key[i].q)
            dns_cancel(k->key[i].q);
}

static int push_state(lua_State *L, const struct arc *a)
{
    lua_pushstring(L, arc_state_name(a->state));
    push_str(L, a->reason.n ? a->reason : (struct str){ NULL, 0 });
    return 2;
}

static int arc_push(lua_State *L, void *ctx)
{
    return push_state(L, &((struct arc_ask *)ctx)->p->arc);
}

static void arc_known(struct wait *w, struct arc_ask *k)
{
    arc_judge(&k->p->arc, k->p->hashes);
    if (k->p->arc.again)
        wait_again(w, "ARC: a key could not be fetched");
    else
        wait_done(w, arc_push);
}

static void key_known(void *ctx, const struct dns_answer *a)
{
    struct arc_key *key = ctx;
    struct arc_ask *k = key->of;
    struct str texts[8];
    size_t n = 0;

    key->q = NULL;
    k->out--;
    for (size_t i = 0; i < a->n && n < 8 && a->status == ST_OK; i++)
        texts[n++] = a->rr[i].text;
    arc_answer(&k->p->arc, key->number, k->p->keys, texts, n, a->status == ST_AGAIN);
    if (k->out == 0 && !k->starting)
        arc_known(key->w, k);
}

static void ask_keys(struct wait *w, struct arc_ask *k, struct dns *dns)
{
    k->n = k->out = k->p->arc.nwanted;
    k->key = arena_array(wait_arena(w), struct arc_key, k->n + 1);
    k->starting = true;
    for (size_t i = 0; i < k->n; i++) {
        struct dns_query *q;

        k->key[i] = (struct arc_key){ .of = k, .w = w, .number = i };
        q = dns_ask(dns, k->p->arc.wanted[i].name, DNS_TXT, key_known, &k->key[i]);
        if (q)
            k->key[i].q = q;
    }
    k->starting = false;
    if (k->out == 0)
        arc_known(w, k);
}

static int l_arc_verify(lua_State *L)
{
    static const struct arc none = { .state = ARC_NONE };
    struct proof *p = arg_txn(L, 1)->proof;
    struct wait *w;
    struct arc_ask *k;

    if (!p)
        return push_state(L, &none);
    bodyhash_end(p->hashes);
    if (p->arc.judged && p->arc.again)
        return raise_again(L, "ARC: a key could not be fetched");
    if (p->arc.judged)
        return push_state(L, &p->arc);
    w = wait_begin(L, "verify arc", ARC_WAIT_MS, arc_cancel, sizeof *k);
    k = wait_ctx(w);
    k->p = p;
    ask_keys(w, k, policy_env(L)->dns);
    return wait_yield(w);
}

/* authresults(m, id) -> text | nil: that is no name */
static int l_authresults(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);

    push_str(L, authres_make(policy_scratch(L), arg_str(L, 2, 255), t, t->dmarc && t->dmarc->part.n ? t->dmarc->part : STR("")));
    return 1;
}

static const luaL_Reg plain[] = { { "authresults", l_authresults }, { NULL, NULL } };
static const luaL_Reg waits[] = { { "arc_verify", l_arc_verify }, { NULL, NULL } };

extern const struct lib lib_prove;
const struct lib lib_prove = { plain, waits };
