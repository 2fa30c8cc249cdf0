/* DMARC for rules: the check of a message against what its author's domain says. What is written
 * of it, and sent, is lua/mail/dmarc.lua's. */
#include "auth/finding.h"
#include "auth/oracle.h"
#include "auth/proof.h"
#include "base/log.h"
#include "base/rnd.h"
#include "policy/host.h"

enum { DMARC_WAIT_MS = (INQUIRY_SECONDS + 10) * 1000, LETTER_MAX = 1 << 20 };

/* ---- the public suffix list: a box that Lua lets go */

static const char META[] = "perigee.suffixes";

static int suffixes_gc(lua_State *L)
{
    struct suffixes **s = luaL_checkudata(L, 1, META);

    suffixes_close(*s);
    *s = NULL;
    return 0;
}

static struct suffixes *arg_suffixes(lua_State *L, int arg)
{
    struct suffixes **s = luaL_checkudata(L, arg, META);

    return *s;
}

/* dmarc_suffixes(path or nil: the system's) -> list | nil, why */
static int l_dmarc_suffixes(lua_State *L)
{
    struct str path = { 0 };
    bool file = arg_opt_str(L, 1, 4096, &path);
    struct suffixes **s = lua_newuserdata(L, sizeof *s);
    struct why why;

    *s = NULL;
    if (luaL_newmetatable(L, META)) {
        lua_pushcfunction(L, suffixes_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    if (suffixes_open(file ? arena_z(policy_scratch(L), path) : NULL, s, &why) == ST_OK)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why.text);
    return 2;
}

/* dmarc_stale(list) -> boolean: its file is another one now */
static int l_dmarc_stale(lua_State *L)
{
    lua_pushboolean(L, suffixes_stale(arg_suffixes(L, 1)));
    return 1;
}

/* dmarc_org(list, domain) -> the organisational domain, or "" */
static int l_dmarc_org(lua_State *L)
{
    struct suffixes *s = arg_suffixes(L, 1);

    push_str(L, suffixes_org(s, arena_lower(policy_scratch(L), arg_str(L, 2, 1024))));
    return 1;
}

/* ---- the check */

enum engine { NATIVE, LIBOPENDMARC, COMPARE };

struct judge {
    enum engine engine;
    struct inquiry *inquiry;
    struct oracle *oracle;
    struct dns *dns;
    struct oracle_ask *ask;
    struct dmarc *dmarc;
    struct dmarc_answer answer;
    struct dmarc_want want;
    struct dmarc_identifier dkim[DMARC_IDENTIFIERS_MAX];
    struct txn *txn;
    struct str hostname;
    bool skipped;                   /* it was not run */
    unsigned dice;
};

static void judge_cancel(void *ctx)
{
    struct judge *k = ctx;

    inquiry_cancel(k->inquiry);
    oracle_cancel(k->ask);
}

static void push_uris(lua_State *L, const char *name, struct str uris)
{
    struct arena *a = policy_scratch(L);
    struct str address;
    uint64_t max;
    int n = 0;

    lua_newtable(L);
    while (dmarc_mailto(a, &uris, &address, &max)) {
        push_str(L, address);
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -2, name);
}

static void push_record(lua_State *L, const struct dmarc_record *r)
{
    lua_createtable(L, 0, 12);
    set_str(L, "p", str_of(dmarc_policy_name(r->p)));
    set_str(L, "sp", str_of(dmarc_policy_name(r->sp)));
    set_str(L, "np", str_of(dmarc_policy_name(r->np)));
    set_str(L, "adkim", !r->said_dkim ? STR("") : r->strict_dkim ? STR("s") : STR("r"));
    set_str(L, "aspf", !r->said_spf ? STR("") : r->strict_spf ? STR("s") : STR("r"));
    set_num(L, "pct", r->pct);
    set_num(L, "fo", r->fo);
    set_str(L, "rua", r->rua.p ? r->rua : STR(""));
    push_uris(L, "ruf", r->ruf);
    lua_setfield(L, -2, "record");
}

static void push_dkim(lua_State *L, const struct proof *p)
{
    int n = 0;

    lua_newtable(L);
    for (size_t i = 0; p && p->dkim.judged && i < p->dkim.n && n < DMARC_IDENTIFIERS_MAX; i++) {
        const struct signature *s = &p->dkim.v[i];

        lua_createtable(L, 0, 3);
        set_str(L, "domain", s->domain_key.n ? s->domain_key : STR(""));
        set_str(L, "selector", s->selector.n ? s->selector : STR(""));
        set_str(L, "result", s->result == SIG_TEMPERROR || s->result == SIG_POLICY ? str_of(sig_result_name(s->result)) : proof_status(p, i));
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -2, "dkim");
}

/* For aggregate reports, if the domain names an address for them. */
static void keep_finding(struct judge *k, struct dmarc_facts *f, const struct dmarc_answer *r)
{
    const struct txn *t = k->txn;
    const struct proof *p = t->proof;
    struct finding v = {
        .ip = ip_text(&k->txn->arena, t->conn->client_ip), .from = k->want.from, .envelope_from = str_from(t->sender, str_rfind(t->sender, '@') + 1),
        .aligned_dkim = r->aligned_dkim, .aligned_spf = r->aligned_spf, .spf_domain = k->want.spf.domain,
        .spf = t->spf_known[0] ? t->spf_known[0]->result : STR(""), .spf_helo = t->spf_known[0] && t->spf_known[0]->helo,
    };
    struct buf b = { 0 };

    if (!r->has_record || !r->record.rua.n || t->dmarc_only)
        return;
    for (size_t i = 0; p && p->dkim.judged && i < p->dkim.n && v.ndkim < FINDING_DKIM_MAX; i++)
        v.dkim[v.ndkim++] = (struct finding_dkim){ p->dkim.v[i].domain_key, p->dkim.v[i].selector, proof_status(p, i) };
    finding_pack(&v, &b);
    f->finding = arena_dup(&k->txn->arena, buf_str(&b));
    buf_clear(&b);
    finding_policy_pack(&r->record, &b);
    f->published = arena_dup(&k->txn->arena, buf_str(&b));
    buf_free(&b);
}

static void keep_facts(struct judge *k, const struct dmarc_answer *r)
{
    struct arena *a = &k->txn->arena;
    struct dmarc_facts *f = k->txn->dmarc = arena_new(a, struct dmarc_facts);
    struct str from = k->want.from;

    f->status = str_of(dmarc_status_name(r->status));
    f->text = str_of(k->skipped ? "Not checked" : dmarc_status_text(r->status));
    f->policy = r->has_record ? str_of(dmarc_policy_name(r->record.p)) : STR("");
    f->domain = arena_dup(a, r->domain.n ? r->domain : STR(""));
    f->aligned_dkim = r->aligned_dkim;
    f->aligned_spf = r->aligned_spf;
    f->applied = str_of(dmarc_policy_name(r->policy));
    f->subdomain_policy = r->subdomain_policy;
    f->disposition = r->status == DMARC_REJECT || r->status == DMARC_QUARANTINE ? str_of(dmarc_policy_name(dmarc_sampled(r, k->dice)))
        : STR("none");
    if (!k->skipped)
        f->part = arena_printf(a, "dmarc=%s%s%.*s", dmarc_status_word(r->status), from.n ? " header.from=" : "", STR_ARG(from));
    f->header = arena_printf(a, "Authentication-Results: %.*s; dmarc=%s%s%.*s", STR_ARG(k->hostname),
                             k->skipped ? "skipped" : dmarc_status_word(r->status), from.n ? " header.from=" : "", STR_ARG(from));
    keep_finding(k, f, r);
}

/* The facts into the transaction, and everything that reports need as a table. */
static int judge_push(lua_State *L, void *ctx)
{
    struct judge *k = ctx;
    const struct dmarc_answer *r = &k->answer;

    keep_facts(k, r);
    lua_createtable(L, 0, 12);
    set_str(L, "status", k->txn->dmarc->status);
    set_str(L, "text", k->txn->dmarc->text);
    set_str(L, "from", k->want.from);
    set_str(L, "domain", k->txn->dmarc->domain);
    set_str(L, "policy", k->txn->dmarc->applied);
    set_str(L, "disposition", k->txn->dmarc->disposition);
    set_str(L, "spf_domain", k->want.spf.domain);
    set_str(L, "spf", k->txn->spf_known[0] ? k->txn->spf_known[0]->result : STR(""));
    set_bool(L, "aligned_dkim", r->aligned_dkim);
    set_bool(L, "aligned_spf", r->aligned_spf);
    set_str(L, "why", str_of(r->why.text));
    set_bool(L, "forensic", k->txn->dmarc_forensic);
    set_bool(L, "only", k->txn->dmarc_only);
    push_dkim(L, k->txn->proof);
    if (r->has_record)
        push_record(L, &r->record);
    return 1;
}

/* ---- libopendmarc, in its own process: it is given the record that was found */

static void read_other(struct dmarc_answer *o, enum status st, struct str rest, const struct why *why)
{
    struct str word, dkim, spf;

    if (st == ST_OK && oracle_take(&rest, &word) && oracle_take(&rest, &dkim) && oracle_take(&rest, &spf)
        && dmarc_status_find(word, &o->status)) {
        o->aligned_dkim = str_same(dkim, STR("yes"));
        o->aligned_spf = str_same(spf, STR("yes"));
    } else {
        o->status = DMARC_TEMPERROR;
        o->why = (struct why){ 0 };
        why_set(&o->why, ST_AGAIN, "%s", st == ST_OK ? "the oracle talks nonsense" : why->text);
    }
}

static void other_done(void *ctx, enum status st, struct str rest, const struct why *why)
{
    struct wait *w = ctx;
    struct judge *k = wait_ctx(w);
    struct dmarc_answer other = k->answer;

    k->ask = NULL;
    read_other(&other, st, rest, why);
    if (k->engine == COMPARE && other.status != k->answer.status)
        log_line(LOG_MAIN, "DMARC engines differ: native %s, libopendmarc %s, for %.*s", dmarc_status_name(k->answer.status),
                 dmarc_status_name(other.status), STR_ARG(k->want.from));
    else if (k->engine == LIBOPENDMARC)
        k->answer = other;
    wait_done(w, judge_push);
}

static void put_identifier(struct buf *out, const struct dmarc_identifier *id)
{
    oracle_put(out, id->domain);
    oracle_put(out, id->pass ? STR("pass") : id->again ? STR("temperror") : STR("fail"));
}

static void ask_other(struct wait *w)
{
    struct judge *k = wait_ctx(w);
    struct str org = k->want.suffixes ? suffixes_org(k->want.suffixes, k->want.from) : STR("");
    struct buf fields = { 0 };

    oracle_put(&fields, STR("dmarc"));
    oracle_put(&fields, ip_text(wait_arena(w), k->txn->conn->client_ip));
    oracle_put(&fields, k->want.from);
    put_identifier(&fields, &k->want.spf);
    oracle_put(&fields, k->txn->spf_known[0] && k->txn->spf_known[0]->helo ? STR("1") : STR("0"));
    for (size_t i = 0; i < k->want.ndkim; i++)
        if (k->dkim[i].domain.n)
            put_identifier(&fields, &k->dkim[i]);
    oracle_put(&fields, STR(""));
    oracle_put(&fields, k->answer.record.text);
    oracle_put(&fields, k->want.from);
    oracle_put(&fields, str_same(k->answer.domain, k->want.from) ? STR("") : org);
    k->ask = oracle_ask(k->oracle, k->dns, buf_str(&fields), other_done, w);
    buf_free(&fields);
}

static void judge_done(void *ctx)
{
    struct wait *w = ctx;
    struct judge *k = wait_ctx(w);

    k->inquiry = NULL;
    k->answer = *dmarc_answer(k->dmarc);
    if (k->engine != NATIVE && k->answer.has_record)
        ask_other(w);
    else
        wait_done(w, judge_push);
}

/* Identifiers: what SPF and DKIM found, rules' changes included. A guessed record is no statement of the domain. */
static void gather(struct judge *k, struct arena *a, const struct txn *t)
{
    const struct spf_facts *spf = t->spf_known[0];
    const struct proof *p = t->proof;

    k->want.spf.domain = STR("");
    if (spf)
        k->want.spf = (struct dmarc_identifier){ arena_dup(a, spf->domain), str_same(spf->result, STR("pass")),
                                                 str_same(spf->result, STR("temperror")) };
    k->want.dkim = k->dkim;
    for (size_t i = 0; p && p->dkim.judged && i < p->dkim.n && k->want.ndkim < DMARC_IDENTIFIERS_MAX; i++)
        k->dkim[k->want.ndkim++] = (struct dmarc_identifier){
            arena_dup(a, p->dkim.v[i].domain_key), str_same(proof_status(p, i), STR("pass")),
            p->dkim.v[i].result == SIG_TEMPERROR && !p->overrides[i].status.p };
}

/* dmarc(m, list or nil, hostname, treewalk, engine) -> { status =, ... } */
static int l_dmarc(lua_State *L)
{
    static const char *const engines[] = { "native", "libopendmarc", "compare", NULL };
    struct txn *t = arg_txn(L, 1);
    struct suffixes *s = lua_isnil(L, 2) ? NULL : arg_suffixes(L, 2);
    struct str hostname = arg_str(L, 3, 255);
    enum engine engine = (enum engine)luaL_checkoption(L, 5, "native", engines);
    bool treewalk = lua_toboolean(L, 4), off = t->dmarc_disabled || t->dkim_disabled;
    struct wait *w = wait_begin(L, "dmarc_status", DMARC_WAIT_MS, judge_cancel, sizeof(struct judge));
    struct judge *k = wait_ctx(w);

    k->txn = t;
    k->oracle = policy_env(L)->oracle;
    k->dns = policy_env(L)->dns;
    k->engine = k->oracle ? engine : NATIVE;
    k->hostname = arena_dup(wait_arena(w), hostname);
    k->dice = rnd_below(100);
    k->want.from = dmarc_from(wait_arena(w), &t->header);
    k->want.suffixes = s;
    k->want.treewalk = treewalk;
    gather(k, wait_arena(w), t);
    k->answer = (struct dmarc_answer){ .status = off ? DMARC_OFF : DMARC_NONE, .domain = k->want.from };
    k->skipped = off || !s || (!t->dmarc_only && (!t->conn->client_ip.v || t->conn->auth_name.n));
    if (k->skipped) {
        wait_done(w, judge_push);
        return wait_yield(w);
    }
    k->dmarc = dmarc_new(wait_arena(w), &k->want);
    k->inquiry = inquiry_begin(policy_env(L)->loop, policy_env(L)->dns, &dmarc_inquiry, k->dmarc, judge_done, w);
    return wait_yield(w);
}

/* ---- reports */

/* letter(m, sender, to, text): a message of the engine's own; the sender may be empty */
static int l_letter(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str sender = arg_str(L, 2, 1024), to = arg_str(L, 3, 1024), text = arg_str(L, 4, LETTER_MAX);
    const struct policy_env *env = policy_env(L);

    if (env->letter)
        env->letter(env->ctx, t, sender, to, text);
    return 0;
}

static const luaL_Reg plain[] = {
    { "dmarc_suffixes", l_dmarc_suffixes },
    { "dmarc_stale", l_dmarc_stale },
    { "dmarc_org", l_dmarc_org },
    { "letter", l_letter },
    { NULL, NULL },
};
static const luaL_Reg waits[] = {
    { "dmarc", l_dmarc },
    { NULL, NULL },
};

extern const struct lib lib_dmarc;
const struct lib lib_dmarc = { plain, waits };
