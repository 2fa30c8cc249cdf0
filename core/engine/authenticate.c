/*
 * authenticate - AUTH as a server: what EHLO offers, the exchange, and the log of it
 *
 * The walk is the rules' (lua/mail/authenticators.lua); here it meets the session. An evaluation
 * lives from the command to the end of the exchange, and no longer.
 */
#include "engine/session.h"

#include "engine/event.h"
#include "engine/explain.h"
#include "engine/logline.h"
#include "engine/refusal.h"
#include "engine/secure.h"

/* ---- EHLO */

static void offered(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct session *s = ctx;
    struct str text = st == ST_OK ? val_str(v, STR("")) : STR("");
    struct verdict yes = { .verb = V_ACCEPT };

    if (st != ST_OK)
        log_line(LOG_PANIC, "AUTH is not offered: %s", why->text);
    s->cfg.auth_needs_tls = str_same(text, STR("tls"));
    s->cfg.auth = s->cfg.auth_needs_tls || !text.n ? STR("") : arena_dup(&s->conn.arena, text);
    check_answer(s, &yes);
}

static bool offer(struct session *s, struct txn *t)
{
    struct eval *eval;

    if (!s->conn.esmtp)
        return false;
    eval = policy_offers(s->set->policy, t, offered, s);
    if (eval)
        s->eval = eval;
    return true;
}

/* ---- a certificate in place of a command: the driver tls */

static void remember(struct session *s, const struct auth_result *r);

static void vouched(void *ctx, const struct auth_result *r)
{
    struct session *s = ctx;
    struct verdict yes = { .verb = V_ACCEPT };

    s->late |= s->eval != NULL;
    s->eval = NULL;
    if (r->end == LOGIN_OK)
        remember(s, r);
    else if (r->fault)
        log_line(LOG_PANIC, "nobody is authenticated by a certificate: %.*s", STR_ARG(r->text));
    if (!offer(s, s->asked))
        check_answer(s, &yes);
}

/* Nothing is asked of the client in such an exchange. */
static void silence(void *ctx, struct str text)
{
    struct session *s = ctx;

    (void)text;
    authenticate_heard(s, (struct str){ 0 });
}

/* Once a session: the certificate will not become another one. */
static bool by_certificate(struct session *s, struct txn *t)
{
    struct eval *eval;

    if (s->vouched || !s->conn.tls.verified || s->conn.auth_name.n)
        return false;
    s->vouched = true;
    eval = policy_authenticate(s->set->policy, t, STR(""), (struct str){ 0 }, silence, vouched, s);
    if (eval)
        s->eval = eval;
    return true;
}

/* The ACL of HELO has said yes. False: there is nothing to find out. */
bool authenticate_offer(struct session *s, struct txn *t)
{
    if (!policy_has_authenticators(s->set->policy))
        return false;
    secure_bind(s);
    return by_certificate(s, t) || offer(s, t);
}

/* ---- the exchange */

static void log_failure(struct session *s, const struct auth_result *r)
{
    struct buf *line = &s->e->line;
    struct refusal why = {
        .conn = &s->conn, .phase = phase_name(PH_AUTH), .verdict = r->end == LOGIN_LATER ? "defer" : "deny",
        .error = r->text.n ? r->text : STR("Incorrect authentication data"),
    };

    refusal_explain(s->e, s->set, &why, s->explain_own);
    buf_add(line, r->name.n ? r->name : STR("AUTH"));
    buf_add(line, STR(" authenticator failed for "));
    logline_peer(line, s->set->log, &s->conn);
    buf_add(line, r->end == LOGIN_LATER ? STR(": 454 ") : STR(": 535 "));
    if (r->text.n)
        buf_add(line, r->text);
    else
        buf_add(line, STR("Incorrect authentication data"));
    if (r->id.n) {
        buf_add(line, STR(" (set_id="));
        buf_add(line, r->id);
        buf_byte(line, ')');
    }
    explain_put(line, str_of(s->explain_own));
    log_text(LOG_REJECT, STR(""), buf_str(line));
    engine_log(s->e, LOG_MAIN, STR(""));
}

/* Whom it was about, for rules and for lines to come. */
static void remember(struct session *s, const struct auth_result *r)
{
    struct conn *c = &s->conn;

    if (r->end == LOGIN_OK) {
        c->auth_name = arena_dup(&c->arena, r->name);
        c->auth_id = arena_dup(&c->arena, r->id);
    } else if (r->id.n) {
        c->auth_fail_id = arena_dup(&c->arena, r->id);
    }
}

static void authenticated(void *ctx, const struct auth_result *r)
{
    static const enum auth_end ENDS[] = {
        [LOGIN_OK] = AUTH_OK, [LOGIN_NO] = AUTH_NO, [LOGIN_LATER] = AUTH_LATER, [LOGIN_BAD] = AUTH_BAD,
    };
    struct session *s = ctx;
    bool late = s->eval != NULL;

    s->eval = NULL;
    remember(s, r);
    if (r->end != LOGIN_OK) {
        log_failure(s, r);
        event_session(s->e, s->set, "auth:fail", &s->conn, r->end == LOGIN_LATER ? STR("454 temporary authentication failure")
                                                                                 : STR("535 authentication credentials invalid"));
    }
    smtp_server_authenticated(s->srv, ENDS[r->end], r->fault ? STR("") : r->text);
    if (late)
        session_pump(s);
}

static void challenge(void *ctx, struct str text)
{
    struct session *s = ctx;

    smtp_server_challenge(s->srv, text);
    session_pump(s);
}

void authenticate_begin(void *ctx, struct txn *t, struct str mechanism, struct str initial)
{
    struct session *s = ctx;
    struct eval *eval;

    secure_bind(s);
    eval = policy_authenticate(s->set->policy, t, mechanism, initial, challenge, authenticated, s);
    if (eval)
        s->eval = eval;
}

void authenticate_heard(void *ctx, struct str response)
{
    struct session *s = ctx;

    if (s->eval)
        policy_heard(s->eval, response);
}
