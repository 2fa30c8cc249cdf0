/*
 * world_tls - what a pretended client's handshake comes to
 */
#include "base/near.h"
#include "tls/cert.h"
#include "world/world_inside.h"

static bool yes(struct str text)
{
    return str_same(text, STR("yes")) || str_same(text, STR("true"));
}

static bool set_peercert(struct at_tls *t, struct arena *a, struct str pem, struct why *why)
{
    struct tls_cert *c;

    if (tls_cert_read(pem, &c, why) != ST_OK)
        return false;
    t->peercert = tls_cert_der(a, c);
    if (!t->peer_dn.n)
        t->peer_dn = tls_cert_dn(a, c);
    tls_cert_drop(c);
    return true;
}

static bool set_number(struct at_tls *t, struct str fact, struct str value, struct why *why)
{
    uint64_t n;

    if (!str_u64(value, 65535, &n)) {
        why_set(why, ST_NEVER, "tls: %.*s takes a number, not \"%.*s\"", STR_ARG(fact), STR_ARG(value));
        return false;
    }
    if (str_same(fact, STR("bits")))
        t->bits = (uint16_t)n;
    else if (str_same(fact, STR("ocsp")))
        t->ocsp = (uint8_t)n;
    else
        t->resumption = (uint8_t)n;
    return true;
}

static struct str *text_of(struct pretended *p, struct str fact)
{
    const struct { struct str name; struct str *at; } rows[] = {
        { STR("ver"), &p->tls.version }, { STR("cipher"), &p->tls.cipher }, { STR("cipher_std"), &p->tls.cipher_std },
        { STR("sni"), &p->tls.sni }, { STR("peerdn"), &p->tls.peer_dn }, { STR("fails"), &p->fails },
        { STR("exporter"), &p->tls.exporter }, { STR("unique"), &p->tls.unique },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_same(fact, rows[i].name))
            return rows[i].at;
    return NULL;
}

static const struct str facts[] = {
    STR_INIT("ver"), STR_INIT("cipher"), STR_INIT("cipher_std"), STR_INIT("bits"), STR_INIT("sni"), STR_INIT("peerdn"), STR_INIT("peercert"),
    STR_INIT("verified"), STR_INIT("ocsp"), STR_INIT("resumption"), STR_INIT("exporter"), STR_INIT("unique"), STR_INIT("fails"),
};

static bool no_fact(struct str fact, struct why *why)
{
    struct buf b = { 0 };

    near_say(&b, fact, facts, sizeof facts / sizeof *facts);
    why_set(why, ST_NEVER, "tls: there is no fact \"%.*s\"%.*s", STR_ARG(fact), STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

bool world_tls(struct world_session *s, struct str fact, struct str value, struct why *why)
{
    struct pretended *p = s->session ? session_pretend(s->session) : NULL;
    struct arena *a;
    struct str *text;

    if (!p)
        return true;                    /* over already: the replies say so */
    a = &s->session->conn.arena;
    text = text_of(p, fact);
    if (text)
        *text = arena_printf(a, "%.*s", STR_ARG(value));
    else if (str_same(fact, STR("peercert")))
        return set_peercert(&p->tls, a, value, why);
    else if (str_same(fact, STR("verified")))
        p->tls.verified = yes(value);
    else if (str_same(fact, STR("bits")) || str_same(fact, STR("ocsp")) || str_same(fact, STR("resumption")))
        return set_number(&p->tls, fact, value, why);
    else
        return no_fact(fact, why);
    return true;
}
