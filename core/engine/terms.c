#include "engine/terms.h"

enum kind { VALUE, HOSTS };

static const struct { enum setting which; enum kind kind; bool everybody; } ROWS[TERM_COUNT] = {
    [TERM_CERTIFICATE] = { SET_tls_certificate, VALUE, false }, [TERM_KEY] = { SET_tls_privatekey, VALUE, false },
    [TERM_PROOF] = { SET_tls_ocsp_file, VALUE, false }, [TERM_CRL] = { SET_tls_crl, VALUE, false },
    [TERM_CA] = { SET_tls_verify_certificates, VALUE, false }, [TERM_CIPHERS] = { SET_tls_require_ciphers, VALUE, false },
    [TERM_CURVES] = { SET_tls_eccurve, VALUE, false }, [TERM_DH] = { SET_tls_dhparam, VALUE, false },
    [TERM_ALPN] = { SET_tls_alpn, VALUE, false }, [TERM_VERIFY] = { SET_tls_verify_hosts, HOSTS, false },
    [TERM_TRY_VERIFY] = { SET_tls_try_verify_hosts, HOSTS, false }, [TERM_RESUME] = { SET_tls_resumption_hosts, HOSTS, false },
    [TERM_REQUIRE_ALPN] = { SET_hosts_require_alpn, HOSTS, false },
};

static bool is_set(const struct val *v)
{
    return v->type == VAL_LIST ? v->u.list.n > 0 : v->type == VAL_STR && v->u.s.n > 0;
}

bool terms_offered(const struct settings *set)
{
    const struct val *v = setting_val(set, SET_tls_certificate);

    return setting_is_function(set, SET_tls_certificate) || (v && is_set(v));
}

/* ---- asking */

static void go_on(struct terms *x, bool late);

static void evaluated(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct terms *x = ctx;
    bool late = x->eval != NULL;

    x->eval = NULL;
    if (st == ST_AGAIN || st == ST_NEVER)
        why_set(&x->why, ST_AGAIN, "%s", why->text);
    else if (st == ST_OK && v->type != VAL_NIL)
        x->v[x->step] = val_dup(&x->arena, v);
    x->step++;
    if (late)
        go_on(x, true);
}

/* What needs no evaluation. */
static bool known(struct terms *x, enum term which)
{
    const struct settings *set = x->s->set;
    enum setting opt = ROWS[which].which;
    const struct val *v;
    int all;

    if (x->named && (which > TERM_CA || !setting_is_function(set, opt)))
        return true;                    /* as before */
    if (ROWS[which].kind == VALUE) {
        if (setting_is_function(set, opt))
            return false;
        v = setting_val(set, opt);
        x->v[which] = v ? *v : (struct val){ .type = VAL_NIL };
        return true;
    }
    all = setting_everybody(set, opt, ROWS[which].everybody);
    x->v[which] = (struct val){ .type = VAL_BOOL, .u.b = all > 0 };
    return all >= 0;
}

static void evaluate(struct terms *x)
{
    struct policy *p = x->s->set->policy;
    int opt = setting_opt(ROWS[x->step].which);

    x->eval = ROWS[x->step].kind == VALUE ? policy_option(p, opt, x->t, evaluated, x)
                                          : policy_match(p, opt, x->t, ip_text(&x->arena, x->s->conn.client_ip), evaluated, x);
}

static void go_on(struct terms *x, bool late)
{
    while (x->step < TERM_COUNT && !x->why.text[0]) {
        if (known(x, (enum term)x->step)) {
            x->step++;
            continue;
        }
        evaluate(x);
        if (x->eval)
            return;
    }
    x->done(x->s, late);
}

void terms_ask(struct terms *x, struct session *s, void (*done)(struct session *s, bool late))
{
    *x = (struct terms){ .s = s, .done = done, .t = txn_new(&s->conn) };
    x->t->phase = PH_STARTTLS;
    go_on(x, false);
}

bool terms_named(const struct terms *x)
{
    for (int i = 0; i <= TERM_CA; i++)
        if (setting_is_function(x->s->set, ROWS[i].which))
            return true;
    return false;
}

void terms_ask_again(struct terms *x, void (*done)(struct session *s, bool late))
{
    x->step = 0;
    x->named = true;
    x->done = done;
    go_on(x, false);
}

void terms_free(struct terms *x)
{
    if (x->eval)
        policy_cancel(x->eval);
    txn_free(x->t);
    arena_free(&x->arena);
    *x = (struct terms){ 0 };
}

/* ---- what came of it */

static struct tls_list list(struct terms *x, enum term which)
{
    struct val *v = &x->v[which];

    if (v->type == VAL_LIST)
        return (struct tls_list){ v->u.list.v, v->u.list.n };
    return v->type == VAL_STR && v->u.s.n ? (struct tls_list){ &v->u.s, 1 } : (struct tls_list){ NULL, 0 };
}

static struct str joined(struct arena *a, const struct val *v, char between)
{
    struct buf b = { 0 };
    struct str out;

    if (!v || v->type != VAL_LIST)
        return v ? val_str(v, STR("")) : STR("");
    for (size_t i = 0; i < v->u.list.n; i++) {
        if (i)
            buf_byte(&b, between);
        buf_add(&b, v->u.list.v[i]);
    }
    out = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static unsigned dh_max_bits(const struct settings *set)
{
    int64_t n = setting_int(set, SET_tls_dh_max_bits, 2236);

    return n > 0 && n < 65536 ? (unsigned)n : 0;
}

/* Sessions of one port are not resumed on another: other rules may hold there. */
void terms_config(struct terms *x, struct tls_config *c)
{
    *c = (struct tls_config){
        .server = true, .certificates = list(x, TERM_CERTIFICATE), .keys = list(x, TERM_KEY), .proofs = list(x, TERM_PROOF),
        .ca = val_str(&x->v[TERM_CA], STR("system")), .crl = val_str(&x->v[TERM_CRL], STR("")),
        .ciphers = val_str(&x->v[TERM_CIPHERS], STR("")), .groups = joined(&x->arena, &x->v[TERM_CURVES], ':'),
        .dhparam = val_str(&x->v[TERM_DH], STR("")),
        .dh_max_bits = dh_max_bits(x->s->set), .alpn = list(x, TERM_ALPN),
        .options = joined(&x->arena, setting_val(x->s->set, SET_openssl_options), ' '),
        .scope = arena_printf(&x->arena, "port %u", x->s->conn.local_port),
    };
}

void terms_how(const struct terms *x, struct tls_how *how)
{
    *how = (struct tls_how){
        .server = true, .resume = val_bool(&x->v[TERM_RESUME], false), .alpn_required = val_bool(&x->v[TERM_REQUIRE_ALPN], false),
        .verify = val_bool(&x->v[TERM_VERIFY], false) ? TLS_VERIFY_REQUIRE
                : val_bool(&x->v[TERM_TRY_VERIFY], false) ? TLS_VERIFY_TRY : TLS_VERIFY_NONE,
    };
}
