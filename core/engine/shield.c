#include "engine/shield.h"

#include <stdlib.h>

#include "base/log.h"
#include "mail/domain.h"
#include "mail/utf8.h"

struct shield_ask {
    struct shield_want w;
    struct shield *out;
    shield_done *done;
    void *ctx;
    struct dns_query *query;
    struct eval *eval;
    struct transport_tls opt;
    struct str base;            /* whose TLSA records are looked for */
    struct transport_dane dane;
    bool starting, over;
};

static void end(struct shield_ask *k, enum status st, const struct why *why, const char *event)
{
    k->over = true;
    k->done(k->ctx, st, why, event);
    if (!k->starting)
        free(k);
}

static bool listed(const struct shield_ask *k, const struct val *list)
{
    return host_listed(list, k->w.host->name, k->w.host->ip);
}

static bool dane_required(const struct shield_ask *k)
{
    return listed(k, &k->dane.require);
}

/* ---- what the options come to */

static void add_key(struct buf *b, const char *name, struct str value)
{
    if (value.n)
        buf_addf(b, "%s=%.*s;", name, STR_ARG(value));
}

static struct str hex(struct arena *a, struct str bytes)
{
    char *p = arena_alloc(a, bytes.n * 2 + 1);

    for (size_t i = 0; i < bytes.n; i++) {
        p[2 * i] = "0123456789abcdef"[(uint8_t)bytes.p[i] >> 4];
        p[2 * i + 1] = "0123456789abcdef"[(uint8_t)bytes.p[i] & 15];
    }
    return (struct str){ p, bytes.n * 2 };
}

static void make_key(struct shield_ask *k)
{
    struct shield *s = k->out;
    struct buf b = { 0 };
    struct arena a = { 0 };

    buf_addf(&b, "%d%d%d%d%d%d%d%d%d%d;", s->ask, s->must, s->smtps, s->tryclear, s->once, s->anew, (int)s->how.verify,
             (int)s->how.staple, s->how.alpn_required, s->how.resume);
    /* One that is kept has logged in, or not; and said EHLO, or HELO. */
    buf_addf(&b, "%d%d%d%d;", listed(k, &k->w.tr->require_auth), listed(k, &k->w.tr->try_auth), listed(k, &k->w.tr->avoid_esmtp),
             listed(k, &k->w.tr->avoid_pipelining));
    for (size_t i = 0; i < s->how.names_n; i++)
        add_key(&b, "name", s->how.names[i]);
    add_key(&b, "login", k->w.tr->login);
    add_key(&b, "sni", s->how.sni);
    add_key(&b, "alpn", s->alpn);
    add_key(&b, "cert", s->certificate);
    add_key(&b, "key", s->key_file);
    add_key(&b, "ca", s->config.ca);
    add_key(&b, "crl", s->config.crl);
    add_key(&b, "ciphers", s->config.ciphers);
    if (s->config.dh_min_bits)
        buf_addf(&b, "dh=%u;", s->config.dh_min_bits);
    for (size_t i = 0; i < s->how.tlsa_n; i++) {
        const struct tls_tlsa *r = &s->how.tlsa[i];

        buf_addf(&b, "tlsa=%u %u %u %.*s;", r->usage, r->selector, r->matching, STR_ARG(hex(&a, r->data)));
    }
    s->key = arena_dup(k->w.arena, buf_str(&b));
    buf_free(&b);
    arena_free(&a);
}

/* DANE-09: where usage 3 is among them, the certificate itself is what the records name. */
static enum tls_staple staple(const struct shield_ask *k, unsigned usage)
{
    if (listed(k, &k->opt.require_ocsp))
        return TLS_STAPLE_REQUIRE;
    if (k->opt.request_ocsp.type == VAL_NIL)
        return usage == 0 || usage == 1u << 2 ? TLS_STAPLE_REQUEST : TLS_STAPLE_LEAVE;
    return listed(k, &k->opt.request_ocsp) ? TLS_STAPLE_REQUEST : TLS_STAPLE_LEAVE;
}

/* By authorities and names (F05). */
static void verify_by_ca(struct shield_ask *k)
{
    struct shield *s = k->out;

    s->how.verify = listed(k, &k->opt.verify) ? TLS_VERIFY_REQUIRE : listed(k, &k->opt.try_verify) ? TLS_VERIFY_TRY : TLS_VERIFY_NONE;
    s->how.sni = k->opt.sni;
    s->config.ca = k->opt.ca;
    s->config.crl = k->opt.crl;
    if (s->how.verify != TLS_VERIFY_NONE && listed(k, &k->opt.names)) {
        s->how.names = &s->name;
        s->how.names_n = 1;
    }
}

static void add_name(struct shield *s, struct str name)
{
    if (name.n && !str_same_fold(name, s->base) && s->also_n < sizeof s->also / sizeof *s->also)
        s->also[s->also_n++] = name;
}

/* RFC 7672 3.2.2: the domain that the mail is for, where a secure MX record named the host; else the host as it was
 * named. Usage 3 compares no names. */
static void more_names(struct shield_ask *k)
{
    const struct host *h = k->w.found;
    struct shield *s = k->out;

    if (!(k->w.host->tls.tlsa_usage & 1u << 2))
        return;
    add_name(s, h->mx_of.n ? h->mx_of : s->name);
    add_name(s, h->mx_at);
    s->how.names = s->also;
    s->how.names_n = s->also_n;
}

/* By TLSA records (DANE-07, DANE-15): a public authority may be meant by usage 2, and must be known. */
static void verify_by_dane(struct shield_ask *k)
{
    struct shield *s = k->out;

    s->dane = true;
    s->how.verify = TLS_VERIFY_REQUIRE;
    s->how.dane_base = s->how.sni = s->base;
    more_names(k);
    s->config.ca = STR("system");
}

/* RFC 6066 3: a name in the letters of the DNS; an address is none and is not sent. False: it is neither. */
static bool read_sni(struct shield_ask *k)
{
    struct str name = k->opt.sni;
    struct ip ip;

    if (!utf8_ascii(name))
        name = domain_alabel(k->w.arena, name);
    k->opt.sni = ip_parse(name, &ip) ? STR("") : name;
    if (name.n == 0 || name.n > 255)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] >= 127)
            return false;
    return true;
}

static void work_out(struct shield_ask *k)
{
    const struct transport_tls *o = &k->opt;
    struct shield *s = k->out;
    bool dane = s->how.tlsa_n > 0;

    if (k->opt.sni.n && !dane && !read_sni(k)) {
        struct why why = { 0 };

        why_set(&why, ST_AGAIN, "tls_sni: what it is set to is no name of a host");
        end(k, ST_AGAIN, &why, NULL);
        return;
    }
    s->name = k->w.host->name;
    s->alpn = o->alpn;
    s->certificate = o->certificate;
    s->key_file = o->key;
    s->smtps = k->w.tr->smtps;
    s->must = dane || s->smtps || listed(k, &o->require);
    s->ask = dane || !(listed(k, &o->avoid) || (k->w.callout && listed(k, &o->verify_avoid)));
    s->once = listed(k, &o->nopass);
    s->anew = listed(k, &o->noproxy);
    s->config.certificates = (struct tls_list){ &s->certificate, s->certificate.n > 0 };
    s->config.keys = (struct tls_list){ &s->key_file, s->key_file.n > 0 };
    s->config.alpn = (struct tls_list){ &s->alpn, s->alpn.n > 0 };
    s->config.ciphers = dane && o->dane_ciphers.n ? o->dane_ciphers : o->ciphers;
    s->config.dh_min_bits = o->dh_min_bits;
    s->how.alpn_required = listed(k, &o->require_alpn);
    if (dane)
        verify_by_dane(k);
    else
        verify_by_ca(k);
    s->how.staple = staple(k, k->w.host->tls.tlsa_usage);
    /* Who must be verified is not to be met in clear for having failed it (R6.3). */
    s->tryclear = o->tryclear && !s->must && s->how.verify != TLS_VERIFY_REQUIRE && s->how.staple != TLS_STAPLE_REQUIRE
        && !s->how.alpn_required;
    /* Each connection that needs a proof brings one (OCSP-11). */
    s->how.resume = s->how.staple != TLS_STAPLE_REQUIRE && listed(k, &o->resume);
    make_key(k);
    end(k, ST_OK, NULL, NULL);
}

bool shield_mixes_domains(const struct settings *set, const struct transport *tr)
{
    return tr->multi_domain && !policy_transport_asks(set->policy, tr->name).differs;
}

static void late_known(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    struct shield_ask *k = ctx;

    k->eval = NULL;
    if (st == ST_OK) {
        transport_read_late(k->w.arena, tv, k->w.tr);
        k->opt = k->w.tr->tls;
        work_out(k);
    } else {
        end(k, ST_AGAIN, why, NULL);
    }
}

static void ask_late(struct shield_ask *k)
{
    struct policy *p = k->w.set->policy;
    struct eval *eval;

    k->opt = k->w.tr->tls;
    if (!policy_transport_asks(p, k->w.tr->name).late) {
        work_out(k);
        return;
    }
    if (k->w.view->host)
        k->w.view->host->tls.tlsa_usage = k->w.host->tls.tlsa_usage;
    eval = policy_transport_late(p, k->w.tr->name, k->w.view, false, late_known, k);
    if (eval)
        k->eval = eval;
}

/* ---- TLSA records */

static void no_dane(struct shield_ask *k, enum status st, const char *event, const char *what)
{
    struct why why = { 0 };

    why_set(&why, st, "DANE error: %s", what);
    why.err = SHIELD_ERR_DNS;
    end(k, st, &why, event);
}

static void ask_tlsa(struct shield_ask *k);

/* An alias without records at its end may have some itself. */
static void without_records(struct shield_ask *k)
{
    if (!str_same_fold(k->base, k->w.host->name)) {
        k->base = k->w.host->name;
        ask_tlsa(k);
    } else if (dane_required(k))
        no_dane(k, ST_NEVER, "dane-required", "tlsa lookup FAIL");
    else
        ask_late(k);
}

static void keep_records(struct shield_ask *k, const struct dns_answer *a)
{
    struct tls_tlsa *r = arena_array(k->w.arena, struct tls_tlsa, a->n);
    size_t n = 0;

    for (size_t i = 0; i < a->n; i++) {
        struct str d = a->rr[i].data;

        if (d.n > 3)
            r[n++] = (struct tls_tlsa){ (uint8_t)d.p[0], (uint8_t)d.p[1], (uint8_t)d.p[2], arena_dup(k->w.arena, str_from(d, 3)) };
    }
    k->out->base = k->base;
    k->out->how.tlsa = r;
    k->out->how.tlsa_n = n;
    k->w.host->tls.tlsa_usage = (uint8_t)tls_tlsa_usable(r, n);
}

static void not_found_out(struct shield_ask *k, const char *what)
{
    no_dane(k, ST_AGAIN, dane_required(k) ? "dane-required" : "dnssec-invalid", what);
}

/* DANE-14. A secure answer binds even if nothing in it can be used. */
static void on_tlsa(void *ctx, const struct dns_answer *a)
{
    struct shield_ask *k = ctx;

    k->query = NULL;
    if (a->status == ST_AGAIN) {
        not_found_out(k, "tlsa lookup DEFER");
    } else if (a->status == ST_OK && a->security != DNS_SECURE) {
        log_line(LOG_MAIN, "DANE error: TLSA lookup for %.*s not DNSSEC", STR_ARG(k->base));
        without_records(k);
    } else if (a->status != ST_OK || a->n == 0) {
        without_records(k);
    } else {
        keep_records(k, a);
        if (k->w.host->tls.tlsa_usage)
            ask_late(k);
        else
            no_dane(k, ST_AGAIN, "validation-failure", "No usable TLSA records");
    }
}

static void ask_tlsa(struct shield_ask *k)
{
    struct arena a = { 0 };
    struct str name = arena_printf(&a, "_%u._tcp.%.*s", k->w.host->port, STR_ARG(k->base));
    struct dns_query *q = dns_ask(k->w.e->dns, name, DNS_TLSA, on_tlsa, k);

    if (q)
        k->query = q;
    arena_free(&a);
}

/* RFC 7672 2.2.2: where the host's name is an alias and all of the way is secure, what it leads to comes first. */
static void on_address(void *ctx, const struct dns_answer *a)
{
    struct shield_ask *k = ctx;

    k->query = NULL;
    if (a->status == ST_AGAIN) {
        not_found_out(k, "address lookup DEFER");
        return;
    }
    if (a->status == ST_OK && a->n && a->security == DNS_SECURE)
        k->base = arena_dup(k->w.arena, a->rr[0].name);
    ask_tlsa(k);
}

static void ask_address(struct shield_ask *k)
{
    struct dns_query *q;

    k->base = k->w.host->name;
    q = dns_ask(k->w.e->dns, k->w.host->name, k->w.host->ip.v == IP_V6 ? DNS_AAAA : DNS_A, on_address, k);
    if (q)
        k->query = q;
}

static void judge_dane(struct shield_ask *k)
{
    bool required = dane_required(k), try = required || listed(k, &k->dane.try);

    if (try && k->w.found->secure) {
        k->out->sought = true;
        ask_address(k);
    } else if (required) {
        struct arena a = { 0 };

        no_dane(k, ST_NEVER, "dane-required", arena_printf(&a, "%.*s lookup not DNSSEC", STR_ARG(k->w.host->name)).p);
        arena_free(&a);
    } else {
        ask_late(k);
    }
}

static void dane_known(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    struct shield_ask *k = ctx;

    k->eval = NULL;
    if (st == ST_OK) {
        transport_read_dane(k->w.arena, tv, &k->dane);
        judge_dane(k);
    } else {
        end(k, ST_AGAIN, why, NULL);
    }
}

static void begin(struct shield_ask *k)
{
    struct policy *p = k->w.set->policy;
    struct eval *eval;

    k->dane = k->w.tr->dane;
    if (!policy_transport_asks(p, k->w.tr->name).dane) {
        judge_dane(k);
        return;
    }
    eval = policy_transport_late(p, k->w.tr->name, k->w.view, true, dane_known, k);
    if (eval)
        k->eval = eval;
}

struct shield_ask *shield_start(const struct shield_want *w, struct shield *out, shield_done *done, void *ctx)
{
    struct shield_ask *k = calloc(1, sizeof *k);

    if (!k)
        die("out of memory");
    *k = (struct shield_ask){ .w = *w, .out = out, .done = done, .ctx = ctx, .starting = true };
    *out = (struct shield){ 0 };
    w->host->tls = (struct at_tls){ 0 };
    begin(k);
    k->starting = false;
    if (!k->over)
        return k;
    free(k);
    return NULL;
}

void shield_cancel(struct shield_ask *k)
{
    if (!k)
        return;
    if (k->query)
        dns_cancel(k->query);
    if (k->eval)
        policy_cancel(k->eval);
    free(k);
}
