/*
 * check - ask policy at each phase, and log what was refused
 */
#include "engine/session.h"

#include <stdio.h>

#include "engine/counted.h"
#include "engine/debug.h"
#include "engine/event.h"
#include "engine/explain.h"
#include "engine/prove.h"
#include "engine/record.h"
#include "engine/refusal.h"
#include "engine/secure.h"
#include "net/sock.h"

enum { HEADER_SHOWN = 8192 };

/* What rules asked for that is the engine's to do: controls debug and dscp. */
static void obey(struct session *s)
{
    struct conn *c = &s->conn;

    if (c->dscp >= 0 && s->st)
        sock_mark(stream_fd(s->st), false, c->dscp);
    c->dscp = -1;
    if (c->debug == DEBUG_START && !s->debug) {
        s->debug = debug_open(s->e, c->debug_tag);
        logline_peer(&s->e->line, s->set->log, c);
        debug_text(s->debug, "session", buf_str(&s->e->line));
        buf_clear(&s->e->line);
    } else if (c->debug == DEBUG_STOP || c->debug == DEBUG_KILL) {
        debug_close(s->debug, c->debug == DEBUG_KILL);
        s->debug = NULL;
    }
    c->debug = DEBUG_AS_IT_IS;
}

static const char *const verb_words[] = { [V_ACCEPT] = "accept", [V_DEFER] = "defer", [V_DENY] = "deny", [V_DISCARD] = "discard", [V_DROP] = "drop" };

/* The command and what the rules say to it. What comes after AUTH is nobody's business. */
static void debug_verdict(struct session *s, const struct verdict *v)
{
    const struct txn *t = smtp_server_txn(s->srv);
    struct str command = str_starts_fold(s->conn.command, STR("AUTH")) ? STR("AUTH ...") : s->conn.command;
    struct arena a = { 0 };

    if (!s->debug)
        return;
    debug_text(s->debug, "command", command);
    debug_text(s->debug, "rules", arena_printf(&a, "%s: %s%s%s%.*s%s%.*s", t ? phase_name(t->phase) : "session", verb_words[v->verb],
                                               v->by_default ? " by default" : "", v->message.n ? ": " : "", STR_ARG(v->message),
                                               v->log_message.n ? " | " : "", STR_ARG(v->log_message)));
    arena_free(&a);
}

/* "H=host [ip] F=<sender> " in front of what the server says. */
static void put_who(struct session *s, const struct txn *t, struct buf *line)
{
    logline_client(line, s->set->log, &s->conn);
    if (t && t->sender.p) {
        buf_add(line, STR(" F=<"));
        buf_add(line, t->sender);
        buf_byte(line, '>');
        logline_judged(line, s->set->log, t);
    }
    buf_byte(line, ' ');
}

/* What is accepted has no line of its own; where somebody wants to ask why, it gets one. */
static void log_accepted(struct session *s, const struct verdict *v)
{
    const struct txn *t = smtp_server_txn(s->srv);

    put_who(s, t, &s->e->line);
    buf_addf(&s->e->line, "accepted by the %s ACL", phase_name(t ? t->phase : PH_CONNECT));
    if (t && t->addr)
        buf_addf(&s->e->line, " <%.*s>", STR_ARG(t->addr->address));
    explain_put(&s->e->line, v->explain);
    engine_log(s->e, LOG_MAIN, t ? str_of(t->id.s) : STR(""));
}

/* The lines that tell of this answer carry its name: what refuses at once, and a
 * discard at the end of its message. */
static void note_explain(struct session *s, const struct verdict *v)
{
    snprintf(s->explain, sizeof s->explain, "%.*s", STR_ARG(v->explain));
    if (v->explain.n && v->verb == V_ACCEPT)
        log_accepted(s, v);
}

static void answer(struct session *s, const struct verdict *v)
{
    note_explain(s, v);
    s->refusing = v->verb != V_ACCEPT;
    smtp_server_answer(s->srv, v);
    s->refusing = false;
    if (v->verb != V_DISCARD)
        s->explain[0] = '\0';
}

void check_answer(struct session *s, const struct verdict *v)
{
    bool late = s->eval != NULL || s->late;     /* it had to wait: the server is not in this call */

    s->eval = NULL;
    s->late = false;
    if (!late) {
        answer(s, v);
        return;
    }
    if (s->st)
        smtp_server_pending(s->srv, stream_unread(s->st));
    else
        smtp_server_pending(s->srv, s->unread.n);
    answer(s, v);
    session_pump(s);
}

/* Who may say HELO may be offered STARTTLS, and AUTH. */
static bool offers(struct session *s, enum phase ph, struct txn *t, const struct verdict *v)
{
    return ph == PH_HELO && (v->verb == V_ACCEPT || v->verb == V_DISCARD) 
        && (secure_offer(s, t) || authenticate_offer(s, t));
}

static void answered(void *ctx, const struct verdict *v)
{
    struct session *s = ctx;
    struct txn *t = s->asked;

    engine_count(s->e, COUNT_rule_evaluations, 1);
    obey(s);
    debug_verdict(s, v);
    if (v->error)
        engine_count(s->e, COUNT_rule_errors, 1);
    s->late |= s->eval != NULL;
    s->eval = NULL;
    if (!offers(s, t->phase, t, v))
        check_answer(s, v);
}

static void parts_answered(void *ctx, const struct verdict *v)
{
    struct session *s = ctx;

    s->parts = NULL;
    s->late = true;
    answered(s, v);
}

/* The answer came inside the call if the server is still in it. */
static void proved(void *ctx, const struct verdict *v)
{
    struct session *s = ctx;

    s->late = !s->proving;
    answered(s, v);
}

static void ask_prove(struct session *s)
{
    s->proving = true;
    prove_ask(s->prove, proved, s);
    s->proving = false;
}

static void ask_acl(struct session *s, enum phase ph, struct txn *t)
{
    struct verdict v = { 0 };
    struct eval *eval;

    if (ph == PH_DKIM && s->prove) {
        ask_prove(s);
        return;
    }
    if (ph == PH_MIME && mimewalk_wanted(s->set->policy, ph, t)) {
        s->parts = mimewalk_ask(s->e->loop, s->set->policy, ph, t, parts_answered, s);
        return;
    }
    if (!policy_has_acl(s->set->policy, ph)) {
        policy_acl_default(ph, &v);
        if (!offers(s, ph, t, &v))
            check_answer(s, &v);
        return;
    }
    eval = policy_acl(s->set->policy, ph, t, answered, s);
    if (eval)
        s->eval = eval;
}

void check_cancel(struct session *s)
{
    if (s->eval)
        policy_cancel(s->eval);
    if (s->parts)
        mimewalk_cancel(s->parts);
    if (s->prove)
        prove_quiet(s->prove);
    s->eval = NULL;
    s->parts = NULL;
}

/* ---- rewriting: once, before anything is asked about the whole message */

static void rewritten(void *ctx, enum status st, const struct why *why)
{
    struct session *s = ctx;
    struct txn *t = smtp_server_txn(s->srv);
    struct verdict v = { .verb = V_DEFER, .error = true, .message = STR("451 4.3.0 temporary local problem, please try again later") };

    s->late = s->eval != NULL;
    s->eval = NULL;
    if (st == ST_OK) {
        ask_acl(s, t->phase, t);
        return;
    }
    v.log_message = str_of(why->text);
    answered(s, &v);
}

static bool rewrites(const struct session *s, enum phase ph, const struct txn *t)
{
    return policy_rewrites(s->set->policy) && !t->rewritten
        && (ph == PH_DKIM || ph == PH_MIME || ph == PH_PRDR || ph == PH_DATA);
}

void check_ask(void *ctx, enum phase ph, struct txn *t)
{
    struct session *s = ctx;
    struct eval *eval;

    s->asked = t;
    /* A message without a body has not been looked at; signatures are those of what came, not of what rules make of it. */
    if (ph == PH_DKIM && !s->prove && s->draft)
        s->prove = prove_begin(s->e, s->set, t);
    if (!rewrites(s, ph, t)) {
        ask_acl(s, ph, t);
        return;
    }
    t->rewritten = true;
    eval = policy_rewrite(s->set->policy, t, rewritten, s);
    if (eval)
        s->eval = eval;
}

struct str check_path(void *ctx, bool sender, struct str text, struct arena *a)
{
    struct session *s = ctx;

    return policy_rewrite_path(s->set->policy, &s->conn, sender, text, a);
}

static void count_refusal(struct session *s, const struct txn *t, struct str text)
{
    bool later = str_starts(text, STR("temporarily"));

    if (t && t->phase == PH_RCPT)
        engine_count(s->e, later ? COUNT_recipients_deferred : COUNT_recipients_refused, 1);
    else
        engine_count(s->e, later ? COUNT_messages_deferred : COUNT_messages_refused, 1);
}

/* A record of the reject log is a line, so each field of the header is one. */
static void log_header(struct session *s, const struct txn *t)
{
    struct str id = str_of(t->id.s);
    size_t shown = 0;

    if (!log_sel_has(s->set->log, LS_rejected_header) || !t->header.first)
        return;
    buf_addf(&s->e->line, "Envelope-from: <%.*s>", STR_ARG(t->sender));
    engine_log(s->e, LOG_REJECT, id);
    for (uint32_t i = 0; i < t->nrcpts && i < 50; i++) {
        buf_addf(&s->e->line, "Envelope-to: <%.*s>", STR_ARG(t->rcpts[i].addr));
        engine_log(s->e, LOG_REJECT, id);
    }
    for (const struct field *f = t->header.first; f && shown < HEADER_SHOWN; f = f->next) {
        buf_add(&s->e->line, STR("  "));
        buf_add(&s->e->line, str_head(str_trim(f->whole), 1024));
        shown += f->whole.n;
        engine_log(s->e, LOG_REJECT, id);
    }
}

static void refused(struct session *s, const struct txn *t, const char *phase, struct str text, struct str reply, struct str explain)
{
    struct log_refusal r = {
        .conn = &s->conn, .t = t, .phase = phase, .error = text, .reply = reply, .temporary = str_starts(reply, STR("4")),
        .explain = explain,
    };

    record_refused(s->set, &r);
}

/* The id for a line: of the answer that is being told, else no rule had a part in it, and the protocol's own
 * refusal gets one here. */
static struct str explain_id(struct session *s, const struct txn *t, const char *verdict, struct str text, struct str reply)
{
    const struct smtp_limit *limit = s->srv ? smtp_server_limit(s->srv) : NULL;
    struct refusal r = {
        .conn = &s->conn, .t = t, .verdict = verdict, .error = text, .reply = reply,
    };
    char value[32];

    if (s->refusing)
        return str_of(s->explain);
    if (limit) {
        r.option = str_of(limit->option);
        snprintf(value, sizeof value, "%lld", (long long)limit->value);
        r.value = str_of(value);
    }
    if (!verdict)
        r.verdict = str_starts(reply, STR("4")) ? "defer" : "deny";
    refusal_explain(s->e, s->set, &r, s->explain_own);
    return str_of(s->explain_own);
}

static void rejected(struct session *s, const struct txn *t, struct str text, struct str reply)
{
    struct str id = t ? str_of(t->id.s) : STR("");
    struct buf *line = &s->e->line;
    unsigned logs = t && t->reject_logs & REJECT_LOGS_SET ? t->reject_logs : 1u << LOG_MAIN | 1u << LOG_REJECT;
    struct str explain = explain_id(s, t, NULL, text, reply);

    put_who(s, t, line);
    buf_add(line, text);
    explain_put(line, explain);
    for (unsigned f = LOG_MAIN; f <= LOG_PANIC; f++)
        if (logs >> f & 1)
            log_text((enum log_file)f, id, buf_str(line));
    buf_clear(line);
    refused(s, t, t ? phase_name(t->phase) : NULL, text, reply, explain);
    count_refusal(s, t, text);
    if (t && str_starts(reply, STR("5")))
        counted_message(s->e, s->set, t, FINDING_REFUSED);
    if (t && (t->phase == PH_DATA || t->phase == PH_MIME || t->phase == PH_DKIM || t->phase == PH_PRDR))
        log_header(s, t);
}

/* Exim's order: what, who, and what the client was told. The reject log has
 * every refusal; the main log has those a selector asks for. */
static void protocol(struct session *s, struct str text, struct str reply, bool main_too)
{
    struct buf *line = &s->e->line;
    struct str explain = explain_id(s, NULL, NULL, text, reply);

    buf_add(line, text);
    buf_byte(line, ' ');
    logline_client(line, s->set->log, &s->conn);
    if (reply.n) {
        buf_byte(line, ' ');
        buf_add(line, reply);
    }
    explain_put(line, explain);
    if (main_too)
        log_text(LOG_MAIN, STR(""), buf_str(line));
    engine_log(s->e, LOG_REJECT, STR(""));
    refused(s, NULL, NULL, text, reply, explain);
}

static void from(struct session *s, enum log_selector sel, struct str text)
{
    struct buf *line = &s->e->line;

    if (!log_sel_has(s->set->log, sel))
        return;
    buf_add(line, text);
    buf_add(line, STR(" from "));
    logline_peer(line, s->set->log, &s->conn);
    engine_log(s->e, LOG_MAIN, STR(""));
}

static void discarded(struct session *s, const struct txn *t, struct str text)
{
    put_who(s, t, &s->e->line);
    buf_add(&s->e->line, text);
    explain_put(&s->e->line, str_of(s->explain));
    engine_log(s->e, LOG_MAIN, t ? str_of(t->id.s) : STR(""));
    if (t)
        counted_message(s->e, s->set, t, FINDING_DISCARDED);
}

static void dropped(struct session *s, struct str text, struct str reply)
{
    struct buf *line = &s->e->line;
    struct str explain = explain_id(s, NULL, "drop", text, reply);

    buf_add(line, STR("SMTP call from "));
    logline_peer(line, s->set->log, &s->conn);
    buf_add(line, STR(" dropped: "));
    buf_add(line, text);
    explain_put(line, explain);
    log_text(LOG_REJECT, STR(""), buf_str(line));
    engine_log(s->e, LOG_MAIN, STR(""));
    refused(s, NULL, NULL, text, reply, explain);
}

static void tls_failed(struct session *s, struct str text)
{
    struct buf *line = &s->e->line;

    buf_add(line, STR("TLS error on connection from "));
    logline_peer(line, s->set->log, &s->conn);
    buf_byte(line, ' ');
    buf_add(line, text);
    engine_log(s->e, LOG_MAIN, STR(""));
    event_session(s->e, s->set, "tls:fail:connect", &s->conn, text);
}

void check_note(void *ctx, enum smtp_note note, const struct txn *t, struct str text, struct str reply)
{
    struct session *s = ctx;

    switch (note) {
    case NOTE_REJECTED:
        rejected(s, t, text, reply);
        break;
    case NOTE_SYNTAX:
        protocol(s, text, reply, log_sel_has(s->set->log, LS_smtp_syntax_error));
        event_session(s->e, s->set, "smtp:fail:syntax", &s->conn, text);
        break;
    case NOTE_PROTOCOL:
        protocol(s, text, reply, log_sel_has(s->set->log, LS_smtp_protocol_error));
        event_session(s->e, s->set, "smtp:fail:protocol", &s->conn, text);
        break;
    case NOTE_SYNC:
        protocol(s, text, STR(""), true);
        event_session(s->e, s->set, "smtp:fail:protocol", &s->conn, text);
        break;
    case NOTE_TOO_MANY:
        dropped(s, text, reply);
        break;
    case NOTE_DISCARDED:
        discarded(s, t, text);
        break;
    case NOTE_SIZE:
        if (log_sel_has(s->set->log, LS_size_reject))
            rejected(s, t, text, reply);
        break;
    case NOTE_TLS:
        engine_count(s->e, COUNT_tls_in_failed, 1);
        tls_failed(s, text);
        break;
    case NOTE_TIMEOUT:
        engine_count(s->e, COUNT_sessions_timeout, 1);
        from(s, LS_lost_incoming_connection, text);
        break;
    case NOTE_LOST:
        engine_count(s->e, COUNT_sessions_lost, 1);
        from(s, LS_lost_incoming_connection, text);
        break;
    case NOTE_INCOMPLETE:
        from(s, LS_smtp_incomplete_transaction, text);
        break;
    }
}
