/* SPF for rules: the check of a message's sender, whose results its variables show, and
 * the lookup, which checks any address. */
#include "auth/oracle.h"
#include "auth/spf.h"
#include "auth/spf_record.h"
#include "auth/spf_text.h"
#include "base/clock.h"
#include "base/log.h"
#include "policy/host.h"

enum { SPF_WAIT_MS = (INQUIRY_SECONDS + 10) * 1000 };  /* it ends by itself before */

enum engine { NATIVE, LIBSPF2, COMPARE };

struct judge {
    enum engine engine;
    struct inquiry *inquiry;
    struct oracle_ask *ask;
    struct spf_answer other;            /* libspf2's */
    struct spf *spf;
    struct oracle *oracle;
    struct dns *dns;
    struct txn *txn;                    /* NULL: the lookup */
    struct spf_want want;
    struct str template;
    struct spf_facts facts;
};

static void judge_cancel(void *ctx)
{
    struct judge *k = ctx;

    inquiry_cancel(k->inquiry);
    oracle_cancel(k->ask);
}

static struct spf_facts *facts_keep(struct arena *a, const struct spf_facts *f)
{
    struct spf_facts *k = arena_new(a, struct spf_facts);

    *k = *f;
    k->result = arena_dup(a, f->result);
    k->domain = arena_dup(a, f->domain);
    k->comment = arena_dup(a, f->comment);
    k->smtp_comment = arena_dup(a, f->smtp_comment);
    k->explanation = arena_dup(a, f->explanation);
    k->received = arena_dup(a, f->received);
    return k;
}

static int judge_push(lua_State *L, void *ctx)
{
    struct judge *k = ctx;

    if (k->txn)
        k->txn->spf = k->txn->spf_known[k->facts.guessed] = facts_keep(&k->txn->arena, &k->facts);
    push_str(L, k->facts.result);
    return 1;
}

/* What may be told to the client: what the domain says of a fail, else our own text. */
static struct str told_client(struct judge *k, const struct spf_answer *r)
{
    struct str out = STR("");

    if (r->explanation.n)
        return r->explanation;
    if (r->result != SPF_PASS && r->result < SPF_TEMPERROR)
        spf_expand(k->spf, k->template, &out);
    for (size_t i = 0; i < out.n; i++)
        if ((unsigned char)out.p[i] < ' ' || (unsigned char)out.p[i] >= 0x7f)
            return STR("");
    return out;
}

static void finish(struct wait *w, const struct spf_answer *r)
{
    struct judge *k = wait_ctx(w);
    struct arena *a = wait_arena(w);

    k->facts.result = str_of(spf_result_name(r->result));
    k->facts.helo = r->helo;
    k->facts.domain = r->domain;
    k->facts.explanation = r->explanation;
    k->facts.comment = spf_comment(a, &k->want, r);
    k->facts.received = spf_received(a, &k->want, r);
    k->facts.smtp_comment = told_client(k, r);
    wait_done(w, judge_push);
}

/* ---- libspf2, in its own process */

static void read_other(struct judge *k, enum status st, struct str rest, const struct why *why)
{
    struct spf_answer *o = &k->other;
    struct str word;

    *o = *spf_answer(k->spf);           /* identity and domain are the same question's */
    o->mechanism = o->explanation = STR("");
    o->why = (struct why){ 0 };
    o->result = SPF_TEMPERROR;
    if (st != ST_OK)
        o->why = *why;
    else if (!oracle_take(&rest, &word) || !spf_result_find(word, &o->result))
        why_set(&o->why, ST_AGAIN, "the oracle talks nonsense");
    if (o->result == SPF_PERMERROR)
        why_set(&o->why, ST_NEVER, "by libspf2");
    if (o->result == SPF_TEMPERROR && !o->why.text[0])
        why_set(&o->why, ST_AGAIN, "by libspf2");
}

static void say_difference(struct judge *k)
{
    const struct spf_answer *r = spf_answer(k->spf);
    struct arena a = { 0 };

    if (r->result != k->other.result)
        log_line(LOG_MAIN, "SPF engines differ: native %s, libspf2 %s, for %.*s from %.*s", spf_result_name(r->result),
                 spf_result_name(k->other.result), STR_ARG(r->domain), STR_ARG(ip_text(&a, k->want.client)));
    arena_free(&a);
}

static void other_done(void *ctx, enum status st, struct str rest, const struct why *why)
{
    struct wait *w = ctx;
    struct judge *k = wait_ctx(w);

    k->ask = NULL;
    read_other(k, st, rest, why);
    if (k->engine == COMPARE)
        say_difference(k);
    finish(w, k->engine == COMPARE ? spf_answer(k->spf) : &k->other);
}

static void ask_other(struct wait *w)
{
    const struct judge *k = wait_ctx(w);
    struct arena *a = wait_arena(w);
    struct buf fields = { 0 };

    oracle_put(&fields, STR("spf"));
    oracle_put(&fields, ip_text(a, k->want.client));
    oracle_put(&fields, k->want.helo);
    oracle_put(&fields, k->want.sender);
    oracle_put(&fields, k->want.receiver);
    oracle_put(&fields, k->want.record.p ? k->want.record : STR(""));
    ((struct judge *)wait_ctx(w))->ask = oracle_ask(k->oracle, k->dns, buf_str(&fields), other_done, w);
    buf_free(&fields);
}

/* ---- our own */

static void judge_done(void *ctx)
{
    struct wait *w = ctx;
    struct judge *k = wait_ctx(w);

    k->inquiry = NULL;
    if (k->engine == COMPARE)
        ask_other(w);
    else
        finish(w, spf_answer(k->spf));
}

static int judge_begin(lua_State *L, struct wait *w)
{
    const struct policy_env *env = policy_env(L);
    struct judge *k = wait_ctx(w);

    k->oracle = env->oracle;
    k->dns = env->dns;
    if (!env->oracle || !k->want.client.v)
        k->engine = NATIVE;
    k->spf = spf_new(wait_arena(w), &k->want);
    if (k->engine == LIBSPF2)
        ask_other(w);
    else
        k->inquiry = inquiry_begin(env->loop, env->dns, &spf_inquiry, k->spf, judge_done, w);
    return wait_yield(w);
}

static enum engine arg_engine(lua_State *L, int arg)
{
    static const char *const names[] = { "native", "libspf2", "compare", NULL };

    return (enum engine)luaL_checkoption(L, arg, "native", names);
}

/* spf(m, receiver, template, engine [, record to guess]) -> result. Answered once for a message, and
 * once more with the guessed record. */
static int l_spf(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str receiver = arg_str(L, 2, 255), template = arg_str(L, 3, 4096), record = { 0 };
    enum engine engine = arg_engine(L, 4);
    bool guess = arg_opt_str(L, 5, SPF_RECORD_MAX, &record);
    struct wait *w;
    struct judge *k;

    w = wait_begin(L, "spf", SPF_WAIT_MS, judge_cancel, sizeof *k);
    k = wait_ctx(w);
    if (t->spf_known[guess]) {
        t->spf = t->spf_known[guess];
        k->facts.result = t->spf->result;
        wait_done(w, judge_push);
        return wait_yield(w);
    }
    k->txn = t;
    k->engine = engine;
    k->facts.guessed = guess;
    k->template = arena_dup(wait_arena(w), template);
    k->want = (struct spf_want){
        .client = t->conn->client_ip, .helo = arena_dup(wait_arena(w), t->conn->helo), .sender = arena_dup(wait_arena(w), t->sender),
        .receiver = arena_dup(wait_arena(w), receiver), .now = clock_wall_us() / 1000000,
    };
    if (guess)
        k->want.record = arena_dup(wait_arena(w), record);
    return judge_begin(L, w);
}

/* spf_lookup(ip, address, receiver, engine) -> result */
static int l_spf_lookup(lua_State *L)
{
    struct str ip = arg_str(L, 1, 255), address = arg_str(L, 2, 4096), receiver = arg_str(L, 3, 255);
    enum engine engine = arg_engine(L, 4);
    struct ip client;
    struct wait *w;
    struct judge *k;

    luaL_argcheck(L, ip_parse(ip, &client), 1, "that is no IP address");
    w = wait_begin(L, "lookup.spf", SPF_WAIT_MS, judge_cancel, sizeof *k);
    k = wait_ctx(w);
    k->engine = engine;
    k->want = (struct spf_want){ .client = client, .sender = arena_dup(wait_arena(w), address),
                                 .receiver = arena_dup(wait_arena(w), receiver), .now = clock_wall_us() / 1000000 };
    return judge_begin(L, w);
}

static const luaL_Reg waits[] = {
    { "spf", l_spf },
    { "spf_lookup", l_spf_lookup },
    { NULL, NULL },
};

extern const struct lib lib_spf;
const struct lib lib_spf = { NULL, waits };
