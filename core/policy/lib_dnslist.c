/* Many names asked at once for their addresses: what a DNS list says. The answer
 * is that of asking one after the other, without its time: it comes as soon as it is
 * known of every name up to the first that has addresses. */
#include "policy/lua.h"

enum { NAMES_MAX = 64, ADDRESSES_MAX = 32, NAME_TEXT_MAX = 1024 };
static const int64_t LISTS_WAIT_MS = 60000;

struct one {
    struct wait *wait;
    struct dns_query *query;
    bool known;
    enum status status;
    struct ip ip[ADDRESSES_MAX];
    size_t n;
    struct str why;
};

struct many {
    struct one *one;
    size_t n, answer;           /* how many of them make up the answer */
    bool starting, over;
};

static void drop_queries(struct many *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->one[i].query)
            dns_cancel(k->one[i].query);
        k->one[i].query = NULL;
    }
}

static void many_cancel(void *ctx)
{
    struct many *k = ctx;

    k->over = true;
    drop_queries(k);
}

static int many_push(lua_State *L, void *ctx)
{
    const struct many *k = ctx;

    lua_createtable(L, (int)k->answer, 0);
    for (size_t i = 0; i < k->answer; i++) {
        const struct one *o = &k->one[i];

        if (o->status == ST_OK) {
            lua_createtable(L, (int)o->n, 0);
            for (size_t j = 0; j < o->n; j++) {
                push_str(L, ip_text(policy_scratch(L), o->ip[j]));
                lua_rawseti(L, -2, (int)j + 1);
            }
        } else if (o->status == ST_AGAIN) {
            push_str(L, o->why);
        } else {
            lua_pushboolean(L, 0);
        }
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

/* How many names the answer is made of, if it is known; else 0. */
static size_t answer_size(const struct many *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (!k->one[i].known)
            return 0;
        if (k->one[i].status == ST_OK)
            return i + 1;
    }
    return k->n;
}

/* The wait may be gone when wait_done returns. */
static void look(struct wait *w)
{
    struct many *k = wait_ctx(w);

    if (k->over || k->starting || !(k->answer = answer_size(k)))
        return;
    k->over = true;
    drop_queries(k);
    wait_done(w, many_push);
}

static void one_done(void *ctx, const struct dns_answer *a)
{
    struct one *o = ctx;

    o->query = NULL;
    o->known = true;
    o->status = a->status;
    if (a->status == ST_AGAIN)
        o->why = arena_dup(wait_arena(o->wait), str_of(a->why.text));
    for (size_t i = 0; a->status == ST_OK && i < a->n && o->n < ADDRESSES_MAX; i++)
        if (a->rr[i].ip.v != IP_NONE)
            o->ip[o->n++] = a->rr[i].ip;
    if (o->status == ST_OK && o->n == 0)
        o->status = ST_NONE;
    look(o->wait);
}

/* dns_lists({ name, ... }) -> { { ip, ... } | false (none) | why it could not be found out, ... } */
static int l_dns_lists(lua_State *L)
{
    struct str names[NAMES_MAX];
    size_t n;
    struct wait *w;
    struct many *k;

    luaL_checktype(L, 1, LUA_TTABLE);
    n = lua_objlen(L, 1);
    luaL_argcheck(L, n >= 1 && n <= NAMES_MAX, 1, "too many names");
    luaL_checkstack(L, (int)n + LUA_MINSTACK, "too many names");
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 1, (int)i + 1);
        names[i] = arg_str(L, lua_gettop(L), NAME_TEXT_MAX);
    }
    if (!policy_env(L)->dns)
        return raise_again(L, "dnslists: there is no resolver to ask");

    w = wait_begin(L, "dnslists", LISTS_WAIT_MS, many_cancel, sizeof *k);
    k = wait_ctx(w);
    k->n = n;
    k->one = arena_array(wait_arena(w), struct one, n);
    memset(k->one, 0, n * sizeof *k->one);
    k->starting = true;
    for (size_t i = 0; i < n && !answer_size(k); i++) {
        struct dns_query *q;

        k->one[i].wait = w;
        q = dns_ask(policy_env(L)->dns, names[i], DNS_A, one_done, &k->one[i]);
        if (!k->one[i].known)
            k->one[i].query = q;
    }
    k->starting = false;
    look(w);
    return wait_yield(w);
}

static const luaL_Reg waits[] = {
    { "dns_lists", l_dns_lists },
    { NULL, NULL },
};

extern const struct lib lib_dnslist;
const struct lib lib_dnslist = { NULL, waits };
