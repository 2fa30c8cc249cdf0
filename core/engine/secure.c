#include "engine/secure.h"

#include <stdlib.h>

#include "engine/event.h"
#include "engine/stapler.h"
#include "engine/terms.h"
#include "tls/tls.h"

struct secure {
    struct terms terms;
    struct tls_context *context;    /* until the handshake begins */
    struct tls *tls;                /* the stream's */
    struct event_run *event;
    struct job start;
    bool begun, starting, flushing;
};

/* ---- EHLO */

static bool possible(const struct session *s)
{
    return s->conn.esmtp && !tls_is_on(&s->conn.tls) && terms_offered(s->set) && (s->st || s->e->cfg.hermetic);
}

/* Not known: offered, for who does not want it need not take it. */
static void advertised(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct session *s = ctx;
    struct verdict yes = { .verb = V_ACCEPT };

    (void)why;
    s->late |= s->eval != NULL;
    s->eval = NULL;
    s->cfg.offer_tls = st != ST_OK || val_bool(v, true);
    if (!authenticate_offer(s, s->asked))
        check_answer(s, &yes);
}

bool secure_offer(struct session *s, struct txn *t)
{
    int all = setting_everybody(s->set, SET_tls_advertise_hosts, true);
    struct arena a = { 0 };
    struct eval *eval;

    s->cfg.offer_tls = all > 0 && possible(s);
    if (all >= 0 || !possible(s))
        return false;
    eval = policy_match(s->set->policy, setting_opt(SET_tls_advertise_hosts), t, ip_text(&a, s->conn.client_ip), advertised, s);
    if (eval)
        s->eval = eval;
    arena_free(&a);
    return true;
}

static void let_go(struct session *s)
{
    struct secure *x = s->secure;

    s->secure = NULL;
    terms_free(&x->terms);
    if (x->event)
        event_cancel(x->event);
    if (x->starting)
        loop_forget(s->e->loop, &x->start);
    if (x->context)
        tls_context_drop(x->context);
    free(x);
}

void secure_cancel(struct session *s)
{
    if (s->secure)
        let_go(s);
}

/* ---- getting ready */

static void log_trouble(struct session *s, const char *text)
{
    struct buf *line = &s->e->line;

    buf_add(line, STR("TLS error on connection from "));
    logline_peer(line, s->set->log, &s->conn);
    buf_addf(line, ": %s", text);
    engine_log(s->e, LOG_MAIN, STR(""));
}

/* Said once for each change of the files. */
static bool log_notes(struct tls_context *c)
{
    bool fresh = tls_context_fresh(c);
    struct str text;

    for (size_t i = 0; fresh && (text = tls_context_note(c, i)).n; i++) {
        log_text(LOG_MAIN, STR(""), text);
        log_text(LOG_PANIC, STR(""), text);
    }
    return fresh;
}

static enum status get_context(struct session *s, struct tls_context **out, struct why *why)
{
    struct secure *x = s->secure;
    struct tls_config c;
    enum status st;

    *out = NULL;
    terms_config(&x->terms, &c);
    if (!c.certificates.n)
        return why_set(why, ST_AGAIN, "tls_certificate is not set");
    st = tls_context_get(s->e->tls, &c, out, why);
    if (st == ST_OK)
        stapler_saw(s->e->stapler, c.certificates, c.proofs, log_notes(*out));
    return st;
}

static void ready(struct session *s, bool late)
{
    struct secure *x = s->secure;
    struct why why = x->terms.why;
    enum status st = why.text[0] ? ST_AGAIN : ST_OK;

    if (st == ST_OK && s->st)
        st = get_context(s, &x->context, &why);
    if (st != ST_OK) {
        log_trouble(s, why.text);
        let_go(s);
    }
    if (late)                           /* else what is unread is this very command */
        smtp_server_pending(s->srv, s->st ? stream_unread(s->st) : s->unread.n);
    smtp_server_tls_ready(s->srv, st == ST_OK);
    if (s->secure && !smtp_server_handshaking(s->srv))
        let_go(s);                      /* out of turn */
    if (late)
        session_pump(s);
}

void secure_prepare(void *ctx)
{
    struct session *s = ctx;

    s->secure = calloc(1, sizeof *s->secure);
    if (!s->secure)
        die("no memory for TLS");
    terms_ask(&s->secure->terms, s, ready);
}

/* ---- the handshake */

static void named(struct session *s, bool late)
{
    struct secure *x = s->secure;
    struct tls_context *c = NULL;
    struct why why = x->terms.why;

    (void)late;
    if (why.text[0] || get_context(s, &c, &why) != ST_OK)
        tls_refuse(x->tls, str_of(why.text));
    else
        tls_choose(x->tls, c);
    if (c)
        tls_context_drop(c);
}

static void hello(void *ctx, struct str sni)
{
    struct session *s = ctx;

    s->conn.tls.sni = arena_dup(&s->conn.arena, sni);
    terms_ask_again(&s->secure->terms, named);
}

static void log_objection(struct session *s, struct str objection)
{
    struct buf *line = &s->e->line;

    buf_add(line, STR("tls:cert: a certificate of "));
    logline_peer(line, s->set->log, &s->conn);
    buf_addf(line, " is refused: %.*s", STR_ARG(objection));
    engine_log(s->e, LOG_MAIN, STR(""));
}

/* The certificate in question is the client's for whoever is asked. */
static void ask_event(struct session *s, struct str der, int depth, event_answer *done)
{
    struct event_view *v = event_view_session(&s->conn);
    struct arena *a = &v->t.conn->arena;
    struct event_run *r;

    v->t.conn->tls.peercert = arena_dup(a, der);
    r = event_before(s->e, s->set, "tls:cert", v, arena_printf(a, "%d", depth), done, s);
    if (r)
        s->secure->event = r;           /* else it is answered, and all may be over */
}

static void judged(void *ctx, struct str objection)
{
    struct session *s = ctx;

    s->secure->event = NULL;
    if (objection.n)
        log_objection(s, objection);
    tls_cert_answer(s->secure->tls, !objection.n);
}

/* Who chooses by it has heard it in hello; events of a handshake may ask for it whoever chose. */
static void hear_name(struct session *s)
{
    if (!s->conn.tls.sni.n)
        s->conn.tls.sni = arena_dup(&s->conn.arena, tls_host_named(s->secure->tls));
}

static void cert(void *ctx, int depth, struct tls_cert *c)
{
    struct arena a = { 0 };

    hear_name(ctx);
    ask_event(ctx, tls_cert_der(&a, c), depth, judged);
    arena_free(&a);
}

static void note(void *ctx, struct str text)
{
    struct session *s = ctx;

    logline_peer(&s->e->line, s->set->log, &s->conn);
    buf_byte(&s->e->line, ' ');
    buf_add(&s->e->line, text);
    engine_log(s->e, LOG_MAIN, STR(""));
}

static void keep_facts(struct session *s, const struct tls_facts *f)
{
    struct arena *a = &s->conn.arena;
    struct at_tls t = {
        .version = f->version, .cipher = f->cipher, .cipher_std = f->cipher_std, .sni = f->sni, .peer_dn = f->peerdn,
        .bits = (uint16_t)f->bits, .verified = f->verified, .ocsp = (uint8_t)f->ocsp, .resumption = (uint8_t)f->resumption,
    };

    s->conn.tls = at_tls_dup(a, &t);
    if (f->ourcert)
        s->conn.tls.ourcert = tls_cert_der(a, f->ourcert);
    if (f->peercert)
        s->conn.tls.peercert = tls_cert_der(a, f->peercert);
    engine_count(s->e, f->resumption & RESUMPTION_USED ? COUNT_tls_in_resumed : COUNT_tls_in_full, 1);
}

void secure_bind(struct session *s)
{
    struct tls *t = s->st ? tls_of(s->st) : NULL;
    struct at_tls *known = &s->conn.tls;

    if (!t || known->exporter.n || known->unique.n)
        return;
    tls_binding(&s->conn.arena, t, STR("tls-exporter"), &known->exporter);
    tls_binding(&s->conn.arena, t, STR("tls-unique"), &known->unique);
}

static void over(void *ctx, const struct why *why)
{
    struct session *s = ctx;
    bool failed = why->text[0] != '\0';

    if (failed)
        hear_name(s);
    else
        keep_facts(s, tls_facts(s->secure->tls));
    let_go(s);
    smtp_server_secured(s->srv, failed ? why : NULL);
    session_pump(s);
}

/* ---- where there is no descriptor: the same steps, and the facts are somebody's word */

static void pretended_over(struct session *s, const char *failure)
{
    struct at_tls t = session_pretend(s)->tls;
    struct why why;

    let_go(s);
    if (failure)
        why_set(&why, ST_AGAIN, "(SSL_accept): %s", failure);
    else
        s->conn.tls = t;
    smtp_server_secured(s->srv, failure ? &why : NULL);
    session_pump(s);
}

static void pretended_judged(void *ctx, struct str objection)
{
    struct session *s = ctx;
    struct secure *x = s->secure;
    struct pretended *p = session_pretend(s);
    struct tls_how how;

    x->event = NULL;
    terms_how(&x->terms, &how);
    if (objection.n) {
        log_objection(s, objection);
        p->tls.verified = false;
    }
    if (p->fails.n)
        pretended_over(s, p->fails.p);
    else if (how.verify != TLS_VERIFY_REQUIRE || p->tls.verified)
        pretended_over(s, NULL);
    else
        pretended_over(s, p->tls.peer_dn.n ? "certificate verify failed" : "peer did not return a certificate");
}

/* Who is not asked for a certificate shows none. */
static void pretended_named(struct session *s, bool late)
{
    struct secure *x = s->secure;
    struct at_tls *t = &session_pretend(s)->tls;
    struct tls_how how;

    (void)late;
    terms_how(&x->terms, &how);
    if (how.verify == TLS_VERIFY_NONE) {
        t->verified = false;
        t->peer_dn = t->peercert = (struct str){ NULL, 0 };
    }
    if (x->terms.why.text[0])
        pretended_over(s, arena_printf(&s->conn.arena, "%s", x->terms.why.text).p);
    else if (!t->peer_dn.n || !event_wanted(s->set, "tls:cert", STR("")))
        pretended_judged(s, STR(""));
    else
        ask_event(s, t->peercert, 0, pretended_judged);
}

static void pretend(struct session *s)
{
    struct secure *x = s->secure;
    struct pretended *p = session_pretend(s);

    s->conn.tls.sni = p->tls.sni;
    if (p->tls.sni.n && terms_named(&x->terms))
        terms_ask_again(&x->terms, pretended_named);
    else
        pretended_named(s, true);
}

/* ---- the beginning */

/* Who has no need of the name, and who of the certificates, is not asked. */
static const struct tls_ops ops[2][2] = {
    { { .note = note, .over = over }, { .note = note, .over = over, .cert = cert } },
    { { .note = note, .over = over, .hello = hello }, { .note = note, .over = over, .hello = hello, .cert = cert } },
};

static void start(void *ctx)
{
    struct session *s = ctx;
    struct secure *x = s->secure;
    bool judging;
    struct tls_how how;
    struct why why;

    x->starting = false;
    if (!s->st) {
        pretend(s);
        return;
    }
    if (stream_queued(s->st)) {
        x->flushing = true;
        return;
    }
    if (stream_unread(s->st)) {         /* R3.4: somebody was faster than our reply */
        why_set(&why, ST_NEVER, "(SSL_accept): input sent in clear before the handshake");
        let_go(s);
        smtp_server_secured(s->srv, &why);
        session_pump(s);
        return;
    }
    terms_how(&x->terms, &how);
    judging = how.verify != TLS_VERIFY_NONE && event_wanted(s->set, "tls:cert", STR(""));
    x->tls = tls_start(s->st, x->context, &how, &ops[terms_named(&x->terms)][judging], s);
    tls_context_drop(x->context);
    x->context = NULL;
    stream_resume(s->st);
}

/* Not inside the stream's own callback, whose last bytes are still on its way through us. */
void secure_begin(struct session *s)
{
    struct secure *x = s->secure;

    if (!x || x->begun)
        return;
    x->begun = x->starting = true;
    if (s->st)
        stream_pause(s->st);
    x->start = (struct job){ .fn = start, .ctx = s };
    loop_soon(s->e->loop, &x->start);
}

void secure_flushed(struct session *s)
{
    struct secure *x = s->secure;

    if (!x || !x->flushing)
        return;
    x->flushing = false;
    x->starting = true;
    loop_soon(s->e->loop, &x->start);
}
