/*
 * vars_tls - what is known of an encrypted connection, ours with a client or with a host
 */
#include "policy/vars.h"

#include "getters.h"

static const struct at_tls clear;

static const struct at_tls *in(const struct vars *v) { return &v->t->conn->tls; }
static const struct at_tls *out_of(const struct vars *v) { return v->t->host ? &v->t->host->tls : &clear; }
/* The old names mean the connection under way: a delivery's, else the client's. */
static const struct at_tls *either(const struct vars *v) { return v->t->host ? out_of(v) : in(v); }

static void bits(const struct at_tls *t, struct val *out)
{
    if (tls_is_on(t))
        val_int(out, t->bits);
}

static void verified(const struct at_tls *t, struct val *out)
{
    if (tls_is_on(t))
        val_bool(out, t->verified);
}

static void ocsp(const struct at_tls *t, struct val *out)
{
    if (tls_is_on(t))
        val_int(out, t->ocsp);
}

static void resumption(const struct at_tls *t, struct val *out)
{
    if (tls_is_on(t))
        val_int(out, t->resumption);
}

static void dane(const struct at_tls *t, struct val *out)
{
    if (tls_is_on(t))
        val_bool(out, t->dane);
}

/* Known before the handshake: it is part of what is asked for (hosts_request_ocsp). */
static void tlsa_usage(const struct at_tls *t, struct val *out)
{
    if (t != &clear)
        val_int(out, t->tlsa_usage);
}

#define TEXT(what, field) static void what(const struct at_tls *t, struct val *out) { val_text_if(out, t->field); }
TEXT(cipher, cipher)
TEXT(cipher_std, cipher_std)
TEXT(peerdn, peer_dn)
TEXT(sni, sni)
TEXT(ver, version)
TEXT(ourcert, ourcert)
TEXT(peercert, peercert)

#define SHOWN(name, of, what) void get_tls_##name(const struct vars *v, struct val *out) { what(of(v), out); }
#define BOTH(what) SHOWN(in_##what, in, what) SHOWN(out_##what, out_of, what)

BOTH(bits)
SHOWN(in_certificate_verified, in, verified)
SHOWN(out_certificate_verified, out_of, verified)
BOTH(cipher)
BOTH(cipher_std)
BOTH(ocsp)
BOTH(peerdn)
BOTH(resumption)
BOTH(sni)
BOTH(ver)
BOTH(ourcert)
BOTH(peercert)
SHOWN(out_dane, out_of, dane)
SHOWN(out_tlsa_usage, out_of, tlsa_usage)
SHOWN(bits, either, bits)
SHOWN(certificate_verified, either, verified)
SHOWN(cipher, either, cipher)
SHOWN(peerdn, either, peerdn)
SHOWN(sni, either, sni)
