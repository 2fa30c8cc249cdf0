/*
 * submission - a message that did not come by SMTP
 *
 * From a local program, over the submit socket or in process: two questions to
 * policy, fixups, and the same keep as everybody's mail.
 */
#include "engine/explain.h"
#include "engine/keep.h"
#include "engine/mimewalk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "engine/record.h"
#include "engine/space.h"
#include "mail/addr.h"
#include "mail/domain.h"

enum { HEADER_RCPTS_MAX = 1000, STACK_HEADER = 1 << 20 };

struct submit {
    struct engine *e;
    struct settings *set;
    struct conn conn;
    struct txn *t;
    struct draft *draft;
    struct eval *eval;
    struct mimewalk *parts;
    struct keep *keep;
    bool trusted;
    struct str claimed;             /* a sender that is his own only if untrusted_set_sender says so */
    submit_done *done;
    void *ctx;
    struct job job;
    enum status st;
    struct why why;
    struct submit *next, **link;
};

static void submit_free(struct submit *s)
{
    if (s->next)
        s->next->link = s->link;
    *s->link = s->next;
    if (s->draft)
        draft_drop(s->draft);
    txn_free(s->t);
    conn_free(&s->conn);
    settings_release(s->set);
    free(s);
}

static void finish(struct submit *s, enum status st, struct msg_id id, const struct why *why)
{
    if (st == ST_OK)
        engine_count(s->e, COUNT_messages_submitted, 1);
    s->done(s->ctx, st, id, why);
    submit_free(s);
}

static void kept(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    struct submit *s = ctx;

    s->keep = NULL;
    finish(s, st, id, why);
}

/* ---- policy */

static void refuse(struct submit *s, const struct verdict *v)
{
    bool later = v->verb == V_DEFER;
    struct str text = v->message.n ? v->message : STR("administrative prohibition");

    buf_addf(&s->e->line, "U=%.*s F=<%.*s> %srejected by non-SMTP ACL: %.*s", STR_ARG(s->conn.ident), STR_ARG(s->t->sender),
             later ? "temporarily " : "", STR_ARG(v->log_message.n ? v->log_message : text));
    explain_put(&s->e->line, v->explain);
    log_text(LOG_REJECT, str_of(s->t->id.s), buf_str(&s->e->line));
    engine_log(s->e, LOG_MAIN, str_of(s->t->id.s));
    record_refused(s->set, &(struct log_refusal){
        .conn = &s->conn, .t = s->t, .phase = phase_name(s->t->phase), .reply = text, .temporary = later,
        .error = v->log_message.n ? v->log_message : text, .explain = v->explain,
    });
    why_set(&s->why, later ? ST_AGAIN : ST_NEVER, "%.*s", STR_ARG(text));
    finish(s, later ? ST_AGAIN : ST_NEVER, s->t->id, &s->why);
}

static void ask(struct submit *s, enum phase ph);

/* A discard has no line otherwise, and nor has what is accepted: one where somebody can ask why. */
static void log_explained(struct submit *s, const struct verdict *v)
{
    if (!v->explain.n)
        return;
    buf_addf(&s->e->line, "U=%.*s F=<%.*s> %s by non-SMTP ACL", STR_ARG(s->conn.ident), STR_ARG(s->t->sender),
             v->verb == V_DISCARD ? "discarded" : "accepted");
    explain_put(&s->e->line, v->explain);
    engine_log(s->e, LOG_MAIN, str_of(s->t->id.s));
}

static void answered(void *ctx, const struct verdict *v)
{
    struct submit *s = ctx;
    struct keep_want w = { .e = s->e, .set = s->set, .t = s->t, .trusted = s->trusted };

    s->eval = NULL;
    if (v->verb == V_DENY || v->verb == V_DROP || v->verb == V_DEFER) {
        refuse(s, v);
        return;
    }
    log_explained(s, v);
    if (v->verb == V_DISCARD)
        s->t->discard = true;
    if (s->t->phase == PH_NOT_SMTP_START || s->t->phase == PH_NOT_SMTP_MIME) {
        ask(s, s->t->phase == PH_NOT_SMTP_START ? PH_NOT_SMTP_MIME : PH_NOT_SMTP);
        return;
    }
    w.draft = s->draft;
    s->draft = NULL;
    s->keep = keep_message(&w, kept, s);
}

static void parts_answered(void *ctx, const struct verdict *v)
{
    struct submit *s = ctx;

    s->parts = NULL;
    answered(s, v);
}

static void rewritten(void *ctx, enum status st, const struct why *why)
{
    struct submit *s = ctx;
    struct verdict v = { .verb = V_DEFER, .error = true, .message = STR("temporary local problem, please try again later") };

    s->eval = NULL;
    if (st == ST_OK) {
        ask(s, s->t->phase);
        return;
    }
    v.log_message = str_of(why->text);
    refuse(s, &v);
}

static void ask(struct submit *s, enum phase ph)
{
    struct verdict v = { 0 };

    s->t->phase = ph;
    if (policy_rewrites(s->set->policy) && !s->t->rewritten) {
        struct eval *eval;

        s->t->rewritten = true;
        eval = policy_rewrite(s->set->policy, s->t, rewritten, s);
        if (eval)
            s->eval = eval;
        return;
    }
    if (ph == PH_NOT_SMTP_MIME && mimewalk_wanted(s->set->policy, ph, s->t)) {
        s->parts = mimewalk_ask(s->e->loop, s->set->policy, ph, s->t, parts_answered, s);
        return;
    }
    if (ph != PH_NOT_SMTP_MIME && policy_has_acl(s->set->policy, ph)) {
        struct eval *eval = policy_acl(s->set->policy, ph, s->t, answered, s);

        if (eval)
            s->eval = eval;
        return;
    }
    policy_acl_default(ph, &v);
    answered(s, &v);
}

/* ---- content: lines may end in LF or CRLF; the spool has CRLF */

static void to_wire(struct str text, struct buf *out)
{
    struct str line;

    while (text.n) {
        size_t eol = str_find(text, '\n');

        line = str_head(text, eol);
        text = eol == SIZE_MAX ? STR("") : str_from(text, eol + 1);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        buf_add(out, line);
        buf_add(out, STR("\r\n"));
    }
}

static enum status take_content(struct submit *s, struct str message, struct why *why)
{
    struct buf wire = { 0 };
    struct txn *t = s->t;
    struct str section, body;
    enum status st;
    bool damaged;

    if (str_starts(message, STR("From ")))      /* an mbox line, of no meaning here */
        message = str_from(message, str_find(message, '\n') == SIZE_MAX ? message.n : str_find(message, '\n') + 1);
    to_wire(message, &wire);
    header_divide(buf_str(&wire), &section, &body, &damaged);
    if (section.n > STACK_HEADER) {
        buf_free(&wire);
        return why_set(why, ST_NEVER, "message header is too long");
    }
    txn_set_content(t, arena_dup(&t->arena, section), body);
    t->header.damaged |= damaged;
    st = draft_add(s->draft, body, why);
    buf_free(&wire);
    return st;
}

/* ---- envelope */

static enum status read_recipient(struct submit *s, struct str text, struct str *out, struct why *why)
{
    struct addr addr;
    const char *reason = "empty address";
    struct str rest;

    text = str_trim(text);
    if (!addr_path(text, false, &addr, &rest, &reason) || addr.local.n == 0 || str_trim(rest).n)
        return why_set(why, ST_NEVER, "recipient %.*s: %s", STR_ARG(str_head(text, 100)), reason ? reason : "malformed address");
    if (addr.domain.n == 0)
        addr.domain = s->set->qualify_recipient;
    *out = addr_join(&s->t->arena, addr.local, arena_lower(&s->t->arena, addr.domain));
    return ST_OK;
}

static enum status add_recipient(struct submit *s, struct str text, struct why *why)
{
    struct str addr;
    enum status st = read_recipient(s, text, &addr, why);

    if (st == ST_OK && !txn_has_recipient(s->t, addr))
        txn_add_rcpt(s->t, addr);
    return st;
}

/* With -t, who stands on the command line is who does not get it. */
static enum status leave_out(struct submit *s, struct str text, struct why *why)
{
    struct txn *t = s->t;
    struct str addr;
    enum status st = read_recipient(s, text, &addr, why);
    uint32_t n = 0;

    for (uint32_t i = 0; st == ST_OK && i < t->nrcpts; i++)
        if (!str_same_fold(t->rcpts[i].addr, addr))
            t->rcpts[n++] = t->rcpts[i];
    if (st == ST_OK)
        t->nrcpts = n;
    return st;
}

static enum status from_headers(struct submit *s, struct why *why)
{
    static const struct str fields[] = { STR_INIT("To"), STR_INIT("Cc"), STR_INIT("Bcc") };

    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; ; k++) {
            const struct field *f = header_field(&s->t->header, fields[i], k);
            struct addr_item *items;
            const char *reason;
            size_t n;

            if (!f)
                break;
            if (addr_list(&s->t->arena, f->value, HEADER_RCPTS_MAX, &items, &n, &reason) != ADDR_LIST_OK)
                return why_set(why, ST_NEVER, "%.*s: %s", STR_ARG(fields[i]), reason);
            for (size_t m = 0; m < n; m++)
                if (add_recipient(s, items[m].addr, why) != ST_OK)
                    return ST_NEVER;
        }
    return ST_OK;
}

/* Bcc is for us alone when recipients come from the header. */
static void drop_bcc(struct txn *t)
{
    struct header_edit *h = arena_new(&t->arena, struct header_edit);

    h->remove = true;
    h->text = STR("Bcc");
    if (!t->edits_end)
        t->edits_end = &t->edits;
    *t->edits_end = h;
    t->edits_end = &h->next;
}

static struct str qualified(struct submit *s, struct str sender)
{
    if (sender.n && str_find(sender, '@') == SIZE_MAX)
        return addr_join(&s->t->arena, sender, s->set->qualify_domain);
    return arena_dup(&s->t->arena, sender);
}

static enum status take_envelope(struct submit *s, const struct submission *want, struct why *why)
{
    struct txn *t = s->t;
    struct str own = addr_join(&t->arena, addr_quote(&t->arena, want->login.n ? want->login : STR("nobody")), s->set->qualify_domain);
    bool may = s->trusted || want->sender.n == 0;

    t->sender = want->sender.p && may ? qualified(s, want->sender) : own;
    if (want->sender.p && !may)
        s->claimed = qualified(s, want->sender);
    t->submission_name = arena_dup(&t->arena, want->name);
    if (want->from_headers) {
        drop_bcc(t);
        if (from_headers(s, why) != ST_OK)
            return ST_NEVER;
    }
    for (size_t i = 0; i < want->nrcpts; i++)
        if ((want->from_headers ? leave_out : add_recipient)(s, want->rcpts[i], why) != ST_OK)
            return ST_NEVER;
    if (t->nrcpts == 0)
        return why_set(why, ST_NEVER, "no recipients");
    return ST_OK;
}

static void claim_known(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    struct submit *s = ctx;

    (void)why;
    s->eval = NULL;
    if (st == ST_OK && val_bool(v, false))
        s->t->sender = s->claimed;
    ask(s, PH_NOT_SMTP_START);
}

/* untrusted_set_sender: may anybody say that mail comes from there? */
static void ask_claim(struct submit *s)
{
    int all = setting_everybody(s->set, SET_untrusted_set_sender, false);
    struct val known = { .type = VAL_BOOL, .u.b = all > 0 };
    struct eval *eval;

    s->t->phase = PH_NOT_SMTP_START;
    if (all >= 0) {
        claim_known(s, ST_OK, &known, NULL);
        return;
    }
    eval = policy_match(s->set->policy, setting_opt(SET_untrusted_set_sender), s->t, s->claimed, claim_known, s);
    if (eval)
        s->eval = eval;
}

/* ---- a message that was accepted before */

/* It gets an id of this spool; our own trace field, which stands first, says it too. */
static void rename_in_trace(struct txn *t, struct str was)
{
    size_t at = str_find_str(t->header_text, arena_printf(&t->arena, "id %.*s", STR_ARG(was)));
    char *text;

    if (was.n != MSG_ID_LEN || at == SIZE_MAX || !str_starts(t->header_text, STR("Received:")))
        return;
    text = arena_alloc(&t->arena, t->header_text.n);
    memcpy(text, t->header_text.p, t->header_text.n);
    memcpy(text + at + 3, t->id.s, MSG_ID_LEN);
    t->header_text.p = text;
}

static enum status take_whole(struct submit *s, const struct submission *want, struct why *why)
{
    struct msg_id id = s->t->id;
    struct str body = str_from(want->message, want->header);
    enum status st = ST_NEVER;

    if (!want->trusted)
        return why_set(why, ST_NEVER, "only root and the engine's own user may hand over a message that was accepted elsewhere");
    if (want->header > want->message.n || want->header > STACK_HEADER)
        return why_set(why, ST_NEVER, "message header is too long");
    if (envelope_read(arena_dup(&s->t->arena, want->envelope), &s->conn, s->t, why) != ST_OK
        || envelope_state_read(arena_dup(&s->t->arena, want->state), s->t, why) != ST_OK)
        return ST_NEVER;
    s->t->id = id;
    s->t->header_text = arena_dup(&s->t->arena, str_head(want->message, want->header));
    rename_in_trace(s->t, want->was);
    header_parse(&s->t->arena, s->t->header_text, &s->t->header);
    s->t->body_size = body.n;
    for (uint32_t i = 0; i < s->t->nrcpts && st == ST_NEVER; i++)
        if (s->t->rcpts[i].state == RCPT_PENDING)
            st = ST_OK;
    if (st != ST_OK)
        return why_set(why, ST_NEVER, "nobody is left to deliver to");
    return draft_add(s->draft, body, why);
}

static void keep_whole(struct submit *s)
{
    struct keep_want w = { .e = s->e, .set = s->set, .t = s->t, .draft = s->draft, .trusted = true, .as_it_was = true };

    s->draft = NULL;
    s->keep = keep_message(&w, kept, s);
}

static void failed(void *ctx)
{
    struct submit *s = ctx;

    finish(s, s->st, s->t->id, &s->why);
}

static void introduce(struct conn *c, const struct submission *want)
{
    c->ident = arena_dup(&c->arena, want->login);
    c->uid = want->uid;
    c->gid = want->gid;
    c->protocol = STR("local");
    c->since_us = clock_wall_us();
}

void engine_submit(struct engine *e, const struct submission *want, submit_done *done, void *ctx)
{
    struct submit *s = calloc(1, sizeof *s);
    struct txn *t;

    if (!s)
        die("no memory for a submission");
    s->e = e;
    s->next = e->submits;
    s->link = &e->submits;
    if (s->next)
        s->next->link = &s->next;
    e->submits = s;
    s->set = settings_hold(e->settings);
    s->trusted = want->trusted || trust_has(&s->set->trust, want->uid, want->gid);
    s->done = done;
    s->ctx = ctx;
    conn_init(&s->conn);
    s->conn.serial = ++e->serial;
    if (want->envelope.n == 0)
        introduce(&s->conn, want);
    t = s->t = txn_new(&s->conn);
    t->received_us = clock_wall_us();
    t->size_declared = -1;

    s->st = engine_has_room(e, s->set, (int64_t)want->message.n, &s->why) ? spool_draft(e->spool, &s->draft, &s->why) : ST_AGAIN;
    if (s->st != ST_OK) {
        s->draft = NULL;
    } else {
        t->id = draft_id(s->draft);
        keep_lend_body(t, s->draft);
    }
    if (s->st == ST_OK && want->envelope.n > 0) {
        s->st = take_whole(s, want, &s->why);
    } else if (s->st == ST_OK) {
        s->st = take_content(s, want->message, &s->why);
        if (s->st == ST_OK)
            s->st = take_envelope(s, want, &s->why);
    }
    if (s->st != ST_OK) {
        s->job = (struct job){ .fn = failed, .ctx = s };
        loop_soon(e->loop, &s->job);
        return;
    }
    if (want->envelope.n > 0)
        keep_whole(s);
    else if (s->claimed.p)
        ask_claim(s);
    else
        ask(s, PH_NOT_SMTP_START);
}

void submits_free(struct engine *e)
{
    struct submit *s;

    while ((s = e->submits)) {
        if (s->eval)
            policy_cancel(s->eval);
        if (s->parts)
            mimewalk_cancel(s->parts);
        if (s->keep)
            keep_forget(s->keep);
        if (s->job.fn)
            loop_forget(e->loop, &s->job);
        submit_free(s);
    }
}
