/*
 * TLS on a connection to a host: STARTTLS or from the first byte, the handshake, what is kept of it.
 */
#include "engine/link.h"

#include <openssl/evp.h>

#include "base/log.h"

#define TABLE STR("tls")            /* of the hints: sessions */

/* ---- failing */

static void tell_dane(struct link *l, const char *word)
{
    struct event_view *v = link_view(l, "dane:fail", true);

    if (v)
        event_after(l->e, l->set, "dane:fail", v, str_of(word), 0);
}

static void over(struct link *l, int err, const char *kind)
{
    l->shake = l->shaking = false;
    l->why.err = err;
    if (l->client)
        smtp_client_quit(l->client);    /* says QUIT only where it can be heard */
    link_flush(l);
    link_failed(l, kind);
}

static void handshake_failed(struct link *l, struct str reason)
{
    const struct shield *s = l->user->shield;
    struct arena a = { 0 };

    engine_count(l->e, COUNT_tls_out_failed, 1);
    if (s->dane) {
        log_text(LOG_MAIN, l->user->id, arena_printf(&a, "DANE attempt failed; TLS connection to %.*s [%.*s]: %.*s", STR_ARG(l->host.name),
                                                     STR_ARG(ip_text(&a, l->host.ip)), STR_ARG(reason)));
        tell_dane(l, "validation-failure");
    }
    why_set(&l->why, ST_AGAIN, "TLS session: %.*s", STR_ARG(reason));
    l->fell_back = s->tryclear;
    over(l, SHIELD_ERR_TLS, "*");
    arena_free(&a);
}

/* said: its answer to STARTTLS, if it was asked. */
static void not_without(struct link *l, bool offered, struct str said)
{
    if (l->user->shield->dane)
        tell_dane(l, offered ? "validation-failure" : "starttls-not-supported");
    why_set(&l->why, ST_AGAIN, "a TLS session is required, but %s%s%.*s", !offered ? "the server did not offer TLS support"
            : l->user->shield->ask ? "an attempt to start TLS failed" : "hosts_avoid_tls has this host", said.n ? ": " : "", STR_ARG(said));
    over(l, SHIELD_ERR_REQUIRED, "tls_required");
}

/* ---- STARTTLS */

bool link_tls_begin(struct link *l)
{
    const struct shield *s = l->user->clear ? NULL : l->user->shield;

    if (!s || l->secured)
        return false;
    if (s->ask && smtp_client_offers_tls(l->client)) {
        smtp_client_starttls(l->client);
        link_flush(l);
        return true;
    }
    if (s->must)
        not_without(l, smtp_client_offers_tls(l->client), STR(""));
    return s->must;
}

void link_tls_heard(void *ctx, int code, struct str reply)
{
    struct link *l = ctx;
    const struct shield *s = l->user->shield;

    if (code == 220) {
        l->shake = true;
        link_step_soon(l);
    } else if (s->must) {
        not_without(l, true, reply);
    } else if (code / 100 == 4 && !s->tryclear) {
        why_set(&l->why, ST_AGAIN, "SMTP error from remote mail server after STARTTLS: %.*s", STR_ARG(reply));
        over(l, 0, "*");
    } else {
        link_step_soon(l);              /* in clear */
    }
}

/* ---- sessions (RES-07): whatever differs begins a session of its own */

static struct str session_key(struct arena *a, const struct link *l)
{
    struct str what = arena_printf(a, "%.*s|%u|%.*s|%.*s", STR_ARG(ip_text(a, l->host.ip)), l->host.port,
                                   STR_ARG(ip_text(a, l->host.from_ip)), STR_ARG(l->user->shield->key));
    unsigned char digest[32];
    char *hex = arena_alloc(a, 2 * sizeof digest);

    if (EVP_Digest(what.p, what.n, digest, NULL, EVP_sha256(), NULL) != 1)
        die("no SHA-256");
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return (struct str){ hex, 2 * sizeof digest };
}

static struct str session_kept(struct arena *a, const struct link *l)
{
    struct str value;
    int64_t expires;

    return l->user->shield->how.resume && hints_get(l->e->hints, a, TABLE, session_key(a, l), &value, &expires)
        ? value : STR("");
}

static void keep_session(struct link *l)
{
    struct arena a = { 0 };
    struct str session = tls_session(&a, l->tls);
    int64_t until = session.n ? tls_session_until(session) : 0;

    if (until > engine_now(l->e)) {
        hints_put(l->e->hints, TABLE, session_key(&a, l), session, until, NULL);
        l->session_kept = true;
    }
    arena_free(&a);
}

/* ---- the handshake */

static struct str known(struct arena *a, struct str s)
{
    return s.n ? arena_dup(a, s) : (struct str){ NULL, 0 };
}

static void keep_facts(struct link *l)
{
    const struct tls_facts *f = tls_facts(l->tls);
    struct arena *a = &l->room;

    l->host.tls = (struct at_tls){
        .version = arena_dup(a, f->version), .cipher = known(a, f->cipher), .cipher_std = known(a, f->cipher_std),
        .sni = known(a, f->sni), .peer_dn = known(a, f->peerdn),
        .ourcert = f->ourcert ? tls_cert_der(a, f->ourcert) : (struct str){ NULL, 0 },
        .peercert = f->peercert ? tls_cert_der(a, f->peercert) : (struct str){ NULL, 0 },
        .bits = (uint16_t)f->bits, .verified = f->verified, .dane = f->dane, .ocsp = (uint8_t)f->ocsp,
        .resumption = (uint8_t)f->resumption, .tlsa_usage = (uint8_t)f->tlsa_usage,
    };
    tls_binding(a, l->tls, STR("tls-exporter"), &l->host.tls.exporter);
    tls_binding(a, l->tls, STR("tls-unique"), &l->host.tls.unique);
}

static void on_over(void *ctx, const struct why *why)
{
    struct link *l = ctx;

    if (l->event)
        event_cancel(l->event);
    l->event = NULL;
    if (!l->user || l->state == LINK_CLOSED)
        return;
    if (why->text[0]) {
        handshake_failed(l, str_of(why->text));
        return;
    }
    l->shaking = false;
    l->secured = true;
    l->session_kept = false;
    keep_facts(l);
    engine_count(l->e, l->host.tls.resumption & RESUMPTION_USED ? COUNT_tls_out_resumed : COUNT_tls_out_full, 1);
    timer_clear(l->e->loop, &l->timer);
    if (l->client)
        smtp_client_again(l->client);
    else
        link_talk(l);
    link_flush(l);
}

static void on_note(void *ctx, struct str text)
{
    struct link *l = ctx;
    struct arena a = { 0 };

    log_text(LOG_MAIN, l->user ? l->user->id : STR(""), arena_printf(&a, "H=%.*s [%.*s] %.*s", STR_ARG(l->host.name),
                                                                     STR_ARG(ip_text(&a, l->host.ip)), STR_ARG(text)));
    arena_free(&a);
}

static void cert_judged(void *ctx, struct str objection)
{
    struct link *l = ctx;

    l->event = NULL;
    if (objection.n) {
        struct arena a = { 0 };

        on_note(l, arena_printf(&a, "tls:cert event: %.*s", STR_ARG(objection)));
        arena_free(&a);
    }
    tls_cert_answer(l->tls, objection.n == 0);
}

/* EV-08: each certificate of the chain, and a word against one is a word against the host. */
static void on_cert(void *ctx, int depth, struct tls_cert *cert)
{
    struct link *l = ctx;
    struct event_view *v = link_view(l, "tls:cert", false);
    struct event_run *r;
    char data[16];

    if (!v) {
        tls_cert_answer(l->tls, true);
        return;
    }
    v->host.tls.peercert = tls_cert_der(&l->room, cert);
    snprintf(data, sizeof data, "%d", depth);
    r = event_before(l->e, l->set, "tls:cert", v, str_of(data), cert_judged, l);
    if (r)
        l->event = r;
}

static const struct tls_ops ops = { .cert = on_cert, .note = on_note, .over = on_over };

static void log_notes(struct tls_context *c)
{
    struct str note;

    if (!tls_context_fresh(c))
        return;
    for (size_t i = 0; (note = tls_context_note(c, i)).n > 0; i++)
        log_line(LOG_MAIN, "%.*s", STR_ARG(note));
}

void link_tls_shake(struct link *l)
{
    const struct shield *s = l->user->shield;
    struct tls_context *c;
    struct tls_how how = s->how;
    struct arena a = { 0 };
    struct why why = { 0 };

    l->shake = false;
    if (stream_unread(l->stream) > 0) {
        handshake_failed(l, STR("data came before the handshake"));
        return;
    }
    if (tls_context_get(l->e->tls, &s->config, &c, &why) != ST_OK) {
        handshake_failed(l, str_of(why.text));
        return;
    }
    log_notes(c);
    how.session = session_kept(&a, l);
    l->shaking = true;
    timer_set(l->e->loop, &l->timer, l->user->tr->command_ms);
    l->tls = tls_start(l->stream, c, &how, &ops, l);
    tls_context_drop(c);
    arena_free(&a);
}

void link_tls_late(struct link *l)
{
    handshake_failed(l, STR("the handshake timed out"));
}

/* ---- afterwards */

/* A TLS 1.3 server sends tickets with its first words, after the handshake. */
void link_tls_keep(struct link *l)
{
    if (!l->secured || !l->tls || !l->user)
        return;
    l->host.tls.resumption = (uint8_t)tls_facts(l->tls)->resumption;
    if (l->user->shield && l->user->shield->how.resume && !l->session_kept)
        keep_session(l);
}

bool link_tls_anew(struct link *l)
{
    if (!l->secured || !l->user->shield->anew)
        return false;
    tls_end(l->tls);
    l->tls = NULL;
    l->secured = false;
    l->host.tls = (struct at_tls){ 0 };
    free((void *)(uintptr_t)l->host.auth.p);
    l->host.auth = (struct str){ 0 };
    arena_reset(&l->room);
    l->may_secure = l->may_log_in = true;
    smtp_client_again(l->client);
    link_flush(l);
    return true;
}
