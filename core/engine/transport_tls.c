#include "engine/transport.h"

#include "engine/settings.h"
#include "options.h"

static const struct val nothing = { .type = VAL_NIL };

static const struct val *get(const struct transport_values *tv, int opt)
{
    return (size_t)opt < tv->n && tv->v[opt].type != VAL_FUNC ? &tv->v[opt] : &nothing;
}

static struct str text(struct arena *a, const struct transport_values *tv, int opt)
{
    const struct val *v = get(tv, opt);

    return v->type == VAL_STR ? arena_dup(a, v->u.s) : STR("");
}

static struct val list(struct arena *a, const struct transport_values *tv, int opt)
{
    const struct val *v = get(tv, opt);

    return v->type == VAL_NIL ? nothing : val_dup(a, v);
}

static void read_tls(struct arena *a, const struct transport_values *tv, struct transport_tls *out)
{
    out->avoid = list(a, tv, TOPT_hosts_avoid_tls);
    out->verify_avoid = list(a, tv, TOPT_hosts_verify_avoid_tls);
    out->require = list(a, tv, TOPT_hosts_require_tls);
    out->nopass = list(a, tv, TOPT_hosts_nopass_tls);
    out->noproxy = list(a, tv, TOPT_hosts_noproxy_tls);
    out->resume = list(a, tv, TOPT_tls_resumption_hosts);
    out->verify = list(a, tv, TOPT_tls_verify_hosts);
    out->try_verify = list(a, tv, TOPT_tls_try_verify_hosts);
    out->names = list(a, tv, TOPT_tls_verify_cert_hostnames);
    out->require_alpn = list(a, tv, TOPT_hosts_require_alpn);
    out->require_ocsp = list(a, tv, TOPT_hosts_require_ocsp);
    out->request_ocsp = list(a, tv, TOPT_hosts_request_ocsp);
    out->certificate = text(a, tv, TOPT_tls_certificate);
    out->key = text(a, tv, TOPT_tls_privatekey);
    out->ca = text(a, tv, TOPT_tls_verify_certificates);
    out->crl = text(a, tv, TOPT_tls_crl);
    out->ciphers = text(a, tv, TOPT_tls_require_ciphers);
    out->dane_ciphers = text(a, tv, TOPT_dane_require_tls_ciphers);
    out->sni = text(a, tv, TOPT_tls_sni);
    out->alpn = text(a, tv, TOPT_tls_alpn);
    out->dh_min_bits = (unsigned)val_int(get(tv, TOPT_tls_dh_min_bits), 1024);
    out->tryclear = val_bool(get(tv, TOPT_tls_tempfail_tryclear), true);
}

void transport_read_dane(struct arena *a, const struct transport_values *tv, struct transport_dane *out)
{
    out->try = list(a, tv, TOPT_hosts_try_dane);
    out->require = list(a, tv, TOPT_hosts_require_dane);
}

void transport_read_late(struct arena *a, const struct transport_values *tv, struct transport *out)
{
    out->serialize = list(a, tv, TOPT_serialize_hosts);
    out->avoid_esmtp = list(a, tv, TOPT_hosts_avoid_esmtp);
    out->avoid_pipelining = list(a, tv, TOPT_hosts_avoid_pipelining);
    out->try_auth = list(a, tv, TOPT_hosts_try_auth);
    out->require_auth = list(a, tv, TOPT_hosts_require_auth);
    out->login = arena_dup(a, tv->login);
    read_tls(a, tv, &out->tls);
}

void transport_read_tls(struct arena *a, const struct transport_values *tv, struct transport *out)
{
    out->dnssec_request = list(a, tv, TOPT_dnssec_request_domains);
    out->dnssec_require = list(a, tv, TOPT_dnssec_require_domains);
    transport_read_dane(a, tv, &out->dane);
    transport_read_late(a, tv, out);
}
