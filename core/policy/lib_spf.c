/* SPF for rules: the check of a message's sender, whose results its variables show, and
 * the lookup, which checks any address. */
#include "auth/spf.h"
#include "auth/spf_record.h"
#include "auth/spf_text.h"
#include "base/clock.h"
#include "policy/host.h"

enum { SPF_WAIT_MS = (INQUIRY_SECONDS + 10) * 1000 };  /* it ends by itself before */

struct judge {
    struct inquiry *inquiry;
    struct spf *spf;
    struct txn *txn;                    /* NULL: the lookup */
    struct spf_want want;
    struct str template;
    struct spf_facts facts;
};

static void judge_cancel(void *ctx)
{
    inquiry_cancel(((struct judge *)ctx)->inquiry);
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
static struct str told_client(struct spf *s, struct str template)
{
    const struct spf_answer *r = spf_answer(s);
    struct str out = STR("");

    if (r->explanation.n)
        return r->explanation;
    if (r->result != SPF_PASS && r->result < SPF_TEMPERROR)
        spf_expand(s, template, &out);
    for (size_t i = 0; i < out.n; i++)
        if ((unsigned char)out.p[i] < ' ' || (unsigned char)out.p[i] >= 0x7f)
            return STR("");
    return out;
}

static void judge_done(void *ctx)
{
    struct wait *w = ctx;
    struct judge *k = wait_ctx(w);
    struct arena *a = wait_arena(w);
    const struct spf_answer *r = spf_answer(k->spf);

    k->inquiry = NULL;
    k->facts.result = str_of(spf_result_name(r->result));
    k->facts.helo = r->helo;
    k->facts.domain = r->domain;
    k->facts.explanation = r->explanation;
    k->facts.comment = spf_comment(a, &k->want, r);
    k->facts.received = spf_received(a, &k->want, r);
    k->facts.smtp_comment = told_client(k->spf, k->template);
    wait_done(w, judge_push);
}

static int judge_begin(lua_State *L, struct wait *w)
{
    const struct policy_env *env = policy_env(L);
    struct judge *k = wait_ctx(w);

    k->spf = spf_new(wait_arena(w), &k->want);
    k->inquiry = inquiry_begin(env->loop, env->dns, &spf_inquiry, k->spf, judge_done, w);
    return wait_yield(w);
}

/* spf(m, receiver, template [, record to guess]) -> result. Answered once for a message, and
 * once more with the guessed record. */
static int l_spf(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str receiver = arg_str(L, 2, 255), template = arg_str(L, 3, 4096), record = { 0 };
    bool guess = arg_opt_str(L, 4, SPF_RECORD_MAX, &record);
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

/* spf_lookup(ip, address, receiver) -> result */
static int l_spf_lookup(lua_State *L)
{
    struct str ip = arg_str(L, 1, 255), address = arg_str(L, 2, 4096), receiver = arg_str(L, 3, 255);
    struct ip client;
    struct wait *w;
    struct judge *k;

    luaL_argcheck(L, ip_parse(ip, &client), 1, "that is no IP address");
    w = wait_begin(L, "lookup.spf", SPF_WAIT_MS, judge_cancel, sizeof *k);
    k = wait_ctx(w);
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
