#include "engine/prove.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/authres.h"
#include "base/clock.h"

struct asked {                      /* a key */
    struct prove *of;
    struct dns_query *q;
    size_t number;
};

struct prove {
    struct engine *e;
    struct settings *set;
    struct txn *t;
    struct proof *proof;
    struct asked *keys;
    size_t nkeys;
    size_t out;                     /* keys that are still asked for */
    bool asking, inside;            /* the question is open; its ACL is being called */
    bool *gone;                     /* set when it ends in that call */
    size_t at;                      /* the run to come */
    struct eval *eval;
    acl_done *done;
    void (*found)(void *ctx);       /* in place of done: no ACL is asked */
    void *ctx;
};

/* ---- options */

static unsigned read_words(const struct val *list, bool (*take)(struct str word, unsigned *set))
{
    unsigned set = 0;

    for (size_t i = 0; i < list->u.list.n; i++)
        take(str_trim(list->u.list.v[i]), &set);
    return set;
}

static bool take_hash(struct str word, unsigned *set)
{
    enum auth_hash h;

    if (hash_find(word, &h))
        *set |= 1u << h;
    return true;
}

static bool take_kind(struct str word, unsigned *set)
{
    *set |= str_same(word, STR("rsa")) ? 1u << KEY_RSA : str_same(word, STR("ed25519")) ? 1u << KEY_ED25519 : 0;
    return true;
}

/* "rsa=1024 ed25519=250", or an item each. */
static void read_sizes(const struct val *list, struct sig_rules *r)
{
    for (size_t i = 0; i < list->u.list.n; i++) {
        struct str rest = list->u.list.v[i], word;

        while (str_cut(&rest, ' ', &word)) {
            size_t eq = str_find(word, '=');
            uint64_t n;

            if (eq == SIZE_MAX || !str_u64(str_trim(str_from(word, eq + 1)), 65536, &n))
                continue;
            if (str_same(str_trim(str_head(word, eq)), STR("rsa")))
                r->min_bits[KEY_RSA] = (unsigned)n;
            if (str_same(str_trim(str_head(word, eq)), STR("ed25519")))
                r->min_bits[KEY_ED25519] = (unsigned)n;
        }
    }
}

enum status prove_check(struct str option, struct str word, struct why *why)
{
    struct sig_rules r = { .most = 0 };
    struct val one = { .type = VAL_LIST, .u.list = { &word, 1 } };
    unsigned set = 1;

    if (str_same(option, STR("dkim_verify_hashes")))
        set = read_words(&one, take_hash);
    else if (str_same(option, STR("dkim_verify_keytypes")))
        set = read_words(&one, take_kind);
    else if (str_same(option, STR("dkim_verify_min_keysizes"))) {
        read_sizes(&one, &r);
        set = r.min_bits[KEY_RSA] + r.min_bits[KEY_ED25519];
    }
    if (set)
        return ST_OK;
    return why_set(why, ST_NEVER, "%.*s: \"%.*s\" is none: %s", STR_ARG(option), STR_ARG(str_head(word, 60)),
                   str_ends(option, STR("hashes")) ? "sha1, sha256, sha512" : str_ends(option, STR("keytypes")) ? "rsa, ed25519" : "rsa=BITS, ed25519=BITS");
}

/* What the options say of signatures, now. */
static void rules_now(const struct settings *set, struct sig_rules *out)
{
    const struct val *hashes = setting_val(set, SET_dkim_verify_hashes), *kinds = setting_val(set, SET_dkim_verify_keytypes);
    const struct val *sizes = setting_val(set, SET_dkim_verify_min_keysizes);
    int64_t most = setting_int(set, SET_dkim_verify_signatures_max, SIG_MOST);

    *out = sig_rules_default;
    if (hashes && hashes->type == VAL_LIST)
        out->hashes = read_words(hashes, take_hash);
    if (kinds && kinds->type == VAL_LIST)
        out->kinds = read_words(kinds, take_kind);
    if (sizes && sizes->type == VAL_LIST)
        read_sizes(sizes, out);
    out->minimal = setting_bool(set, SET_dkim_verify_minimal, false);
    out->most = most < 0 ? 0 : most > SIG_MOST_MAX ? SIG_MOST_MAX : (unsigned)most;
    out->now = clock_wall();
}

/* ---- keys */

static void go_on(struct prove *p);

static void key_known(void *ctx, const struct dns_answer *a)
{
    struct asked *k = ctx;
    struct prove *p = k->of;
    struct str texts[8];
    size_t n = 0;

    k->q = NULL;
    p->out--;
    for (size_t i = 0; i < a->n && n < 8 && a->status == ST_OK; i++)
        texts[n++] = a->rr[i].text;
    dkim_answer(&p->proof->dkim, k->number, p->proof->keys, texts, n, a->status == ST_AGAIN);
    if (p->asking && p->out == 0)
        go_on(p);
}

static void ask_keys(struct prove *p)
{
    size_t n = p->proof->dkim.nwanted;

    p->keys = calloc(n + 1, sizeof *p->keys);
    if (!p->keys)
        die("no memory for the keys of a message");
    p->nkeys = p->out = n;
    for (size_t i = 0; i < n; i++) {
        struct dns_query *q;

        p->keys[i] = (struct asked){ .of = p, .number = i };
        q = dns_ask(p->e->dns, p->proof->dkim.wanted[i].name, DNS_TXT, key_known, &p->keys[i]);
        if (q)
            p->keys[i].q = q;
    }
}

static struct prove *begin(struct engine *e, struct settings *set, struct txn *t)
{
    struct prove *p = calloc(1, sizeof *p);
    struct sig_rules rules;

    if (!p)
        die("no memory for the signatures of a message");
    p->e = e;
    p->set = set;
    p->t = t;
    rules_now(set, &rules);
    if (t->dkim_disabled)
        rules.most = 0;
    p->proof = t->proof = proof_new(e->keys, &t->header, &rules);
    txn_at_end(t, proof_free, p->proof);
    ask_keys(p);
    return p;
}

/* What claims to be our own results is forged (R4.8): off it goes, once the signatures have been looked at. */
static void strip(const struct settings *set, struct txn *t)
{
    const struct val *list = setting_val(set, SET_authresults_ids);
    struct str own[2] = { set->hostname, t->conn->active_hostname };

    authres_strip(t, own, 2);
    if (list && list->type == VAL_LIST)
        authres_strip(t, list->u.list.v, list->u.list.n);
}

struct prove *prove_begin(struct engine *e, struct settings *set, struct txn *t)
{
    struct prove *p = begin(e, set, t);

    strip(set, t);
    return p;
}

void prove_body(struct prove *p, struct str bytes)
{
    bodyhash_add(p->proof->hashes, bytes);
}

void prove_quiet(struct prove *p)
{
    if (p->eval)
        policy_cancel(p->eval);
    p->eval = NULL;
    p->asking = false;
}

void prove_free(struct prove *p)
{
    if (!p)
        return;
    if (p->gone)
        *p->gone = true;
    prove_quiet(p);
    for (size_t i = 0; i < p->nkeys; i++)
        if (p->keys[i].q)
            dns_cancel(p->keys[i].q);
    free(p->keys);
    free(p);
}

/* ---- the ACL, once a run */

static void finish(struct prove *p, const struct verdict *v)
{
    p->asking = false;
    p->proof->run = NULL;
    /* Told after the ACL, whose word counts. */
    for (size_t i = 0; i < p->proof->dkim.n && log_sel_has(p->set->log, LS_dkim_verbose) && !p->t->dkim_disabled; i++) {
        proof_line(p->proof, i, &p->e->line);
        engine_log(p->e, LOG_MAIN, str_of(p->t->id.s));
    }
    assert(p->done);                    /* engine_prove asks no ACL */
    p->done(p->ctx, v);
}

static void next_run(struct prove *p);

static void answered(void *ctx, const struct verdict *v)
{
    struct prove *p = ctx;

    p->eval = NULL;
    p->at++;
    if (v->verb != V_ACCEPT)
        finish(p, v);
    else if (!p->inside)
        next_run(p);
}

/* An ACL that answers inside the call comes back here; the loop goes on. A
 * refusal ends the transaction, and us with it. */
static void next_run(struct prove *p)
{
    struct verdict yes = { .verb = V_ACCEPT };
    bool acl = policy_has_acl(p->set->policy, PH_DKIM), gone = false;

    while (p->asking && acl && p->at < p->proof->nruns) {
        size_t at = p->at;
        struct eval *eval;

        p->proof->run = &p->proof->runs[at];
        p->t->phase = PH_DKIM;
        p->inside = true;
        p->gone = &gone;                    /* cppcheck-suppress autoVariables; taken back below, or p is gone */
        eval = policy_acl(p->set->policy, PH_DKIM, p->t, answered, p);
        if (gone)
            return;
        p->gone = NULL;
        p->inside = false;
        if (eval) {
            p->eval = eval;
            return;
        }
        if (p->at == at)
            return;
    }
    if (p->asking)
        finish(p, &yes);
}

static void defer(struct prove *p, const struct why *why)
{
    struct verdict v = { .verb = V_DEFER, .error = true, .message = STR("451 4.3.0 temporary local problem, please try again later") };

    v.log_message = str_of(why ? why->text : "");
    finish(p, &v);
}

static void signers_known(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct prove *p = ctx;

    p->eval = NULL;
    if (st != ST_OK) {
        defer(p, why);
        return;
    }
    if (v->type == VAL_LIST)
        proof_plan(p->proof, v->u.list.v, v->u.list.n);
    else
        proof_plan(p->proof, NULL, 0);
    next_run(p);
}

static void go_on(struct prove *p)
{
    const struct val *list = setting_val(p->set, SET_dkim_verify_signers);
    static const struct val all = { .type = VAL_NIL };
    struct eval *eval;

    proof_judge(p->proof);
    if (p->found) {
        p->asking = false;
        p->found(p->ctx);
        return;
    }
    p->t->phase = PH_DKIM;
    if (!setting_is_function(p->set, SET_dkim_verify_signers)) {
        signers_known(p, ST_OK, list ? list : &all, NULL);
        return;
    }
    eval = policy_option(p->set->policy, setting_opt(SET_dkim_verify_signers), p->t, signers_known, p);
    if (eval)
        p->eval = eval;
}

void prove_ask(struct prove *p, acl_done *done, void *ctx)
{
    struct verdict yes = { .verb = V_ACCEPT };

    p->asking = true;
    p->done = done;
    p->ctx = ctx;
    if (p->t->dkim_disabled) {
        p->asking = false;
        done(ctx, &yes);
    } else if (p->out == 0) {
        go_on(p);
    }
}

struct prove *engine_prove(struct engine *e, struct txn *t, struct str body, void (*done)(void *ctx), void *ctx)
{
    struct prove *p = begin(e, e->settings, t);

    prove_body(p, body);
    p->found = done;
    p->ctx = ctx;
    p->asking = true;
    if (p->out == 0)
        go_on(p);
    return p;
}
