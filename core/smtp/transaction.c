/* MAIL, RCPT and DATA: the verbs that make a transaction. */
#include <stdio.h>

#include "base/clock.h"
#include "mail/utf8.h"
#include "mail/xtext.h"
#include "smtp/state.h"

/* ---- addresses of MAIL and RCPT */

/* Sites may take "<a@b.>" and "<<a@b>>" from clients that know no better
 * (strip_trailing_dot, strip_excess_angle_brackets); the copy is what is parsed. */
static struct str plain_path(const struct smtp_server *s, struct arena *a, struct str arg)
{
    size_t close = str_find(arg, '>'), rings = 0, dot;
    struct buf made = { 0 };
    struct str out;

    while (s->cfg->strip_angle_brackets && rings + 1 < arg.n && arg.p[rings + 1] == '<' && arg.p[rings] == '<')
        rings++;
    if (close == SIZE_MAX || close < rings + 1 || !str_same(str_head(str_from(arg, close), rings), str_head(STR(">>>>>>>>"), rings)))
        return arg;
    dot = s->cfg->strip_trailing_dot && arg.p[close - 1] == '.';
    if (!rings && !dot)
        return arg;
    buf_add(&made, str_from(str_head(arg, close - dot), rings));
    buf_add(&made, str_from(arg, close + rings));
    out = arena_dup(a, buf_str(&made));
    buf_free(&made);
    return out;
}

/* Rules with the flag S see what the client wrote before it is read: an address
 * that is none may become one. */
static struct str rewritten_path(const struct smtp_server *s, struct arena *a, bool sender, struct str arg)
{
    size_t close = str_find(arg, '>');
    struct buf made = { 0 };
    struct str inner, other, out;

    if (!s->ops->path || arg.n == 0 || arg.p[0] != '<' || close == SIZE_MAX || close < 2)
        return arg;
    inner = (struct str){ arg.p + 1, close - 1 };
    other = s->ops->path(s->ctx, sender, inner, a);
    if (other.p == inner.p)
        return arg;
    buf_byte(&made, '<');
    buf_add(&made, other);
    buf_add(&made, str_from(arg, close));
    out = arena_dup(a, buf_str(&made));
    buf_free(&made);
    return out;
}

struct path {
    struct addr addr;
    struct str params;
    struct str text;            /* local@domain, qualified, domain in lower case; in the arena */
};

static bool bad_path(struct smtp_server *s, int code, const char *mark, const char *text)
{
    server_error(s, NOTE_SYNTAX, code, mark, text);
    return false;
}

/* Reads "FROM:<path>" or "TO:<path>". On a refusal it has replied. */
static bool read_path(struct smtp_server *s, struct arena *a, struct str arg, bool sender, struct path *out)
{
    const char *reason, *mark = sender ? "5.1.7" : "5.1.3";
    struct str qualify = sender ? s->cfg->qualify_sender : s->cfg->qualify_recipient;

    if (!command_keyword(&arg, sender ? STR("FROM:") : STR("TO:")))
        return bad_path(s, 501, "5.5.4", sender ? "syntax is MAIL FROM:<address>" : "syntax is RCPT TO:<address>");
    arg = rewritten_path(s, a, sender, plain_path(s, a, str_trim(arg)));
    if (!addr_path(arg, sender, &out->addr, &out->params, &reason))
        return bad_path(s, 501, mark, reason);
    if (!utf8_ascii(out->addr.local) || !utf8_ascii(out->addr.domain))
        return bad_path(s, 553, "5.6.7", "internationalised addresses are not taken here");
    if (out->addr.domain.n && out->addr.domain.p[0] == '[' && !s->cfg->allow_literals)
        return bad_path(s, 501, mark, "domain literals are not taken here");
    /* RFC 5321 4.5.1: every server takes mail for <Postmaster>. */
    if (!sender && !out->addr.domain.n && !qualify.n && str_same_fold(out->addr.local, STR("postmaster")))
        qualify = s->cfg->postmaster.n ? s->cfg->postmaster : s->cfg->hostname;
    if (out->addr.local.n && !out->addr.domain.n) {
        if (!qualify.n)
            return bad_path(s, 501, mark, "the address must contain a domain");
        out->addr.domain = qualify;
    }
    out->text = addr_join(a, out->addr.local, arena_lower(a, out->addr.domain));
    return true;
}

/* ---- MAIL */

static const char *take_size(struct txn *t, struct str value)
{
    uint64_t n;

    if (t->size_declared >= 0 || !str_u64(value, INT64_MAX, &n))
        return "SIZE takes one number";
    t->size_declared = (int64_t)n;
    return NULL;
}

static const char *take_body(struct txn *t, struct str value, bool *seen)
{
    bool eight = str_same_fold(value, STR("8BITMIME"));

    if (*seen || (!eight && !str_same_fold(value, STR("7BIT"))))
        return "BODY is 7BIT or 8BITMIME";
    *seen = true;
    t->body_8bit = eight;
    return NULL;
}

/* AUTH=<mailbox> (RFC 4954 section 5), in xtext. What it says is believed only of who
 * authenticated, and if the ACL of mailauth agrees. */
static const char *take_auth(struct smtp_server *s, struct txn *t, struct str value)
{
    struct addr addr;
    struct str plain;

    if (s->auth_claimed.p)
        return "AUTH is given once";
    if (str_same(value, STR("<>"))) {
        s->auth_claimed = STR("");
        return NULL;
    }
    if (!xtext_decode(&t->arena, value, &plain) || !addr_parse(plain, &addr, NULL))
        return "AUTH is <> or a mailbox in xtext";
    s->auth_claimed = plain;
    return NULL;
}

static bool mail_params(struct smtp_server *s, struct txn *t, struct str rest)
{
    struct str key, value;
    bool body = false;

    while (command_param(&rest, &key, &value)) {
        const char *fault;

        if (s->cfg->offer_size && str_same_fold(key, STR("SIZE")))
            fault = take_size(t, value);
        else if (s->cfg->offer_8bitmime && str_same_fold(key, STR("BODY")))
            fault = take_body(t, value, &body);
        else if ((s->cfg->auth.n || s->c->auth_name.n) && str_same_fold(key, STR("AUTH")))
            fault = take_auth(s, t, value);
        else
            return bad_path(s, 555, "5.5.4", "parameter not known or not offered");
        if (fault)
            return bad_path(s, 501, "5.5.4", fault);
    }
    if (t->size_declared <= 0 || (uint64_t)t->size_declared <= s->cfg->limits.message_max)
        return true;
    server_limit(s, NOTE_SIZE, "message_size_limit", s->cfg->limits.message_max, STR("552 5.3.4 message too big"), "message too big: declared=%lld max=%llu",
                (long long)t->size_declared, (unsigned long long)s->cfg->limits.message_max);
    server_reply(s, 552, "5.3.4", "message too big");
    return false;
}

void transaction_mail(struct smtp_server *s, struct str arg)
{
    struct txn *t;
    struct path path;

    if (s->c->transactions >= s->cfg->limits.transactions_max) {
        server_reply(s, 421, "4.7.0", "too many messages in this connection");
        server_limit(s, NOTE_TOO_MANY, "smtp_accept_max_per_connection", s->cfg->limits.transactions_max, STR("421 4.7.0 too many messages in this connection"), "too many messages in one connection");
        server_close(s, "bad-commands");
        return;
    }
    t = txn_new(s->c);
    s->auth_claimed = (struct str){ NULL, 0 };
    if (!read_path(s, &t->arena, arg, true, &path) || !mail_params(s, t, path.params)) {
        txn_free(t);
        return;
    }
    t->sender = path.text;
    t->received_us = clock_wall_us();
    t->protocol = s->c->protocol.p ? s->c->protocol : conn_protocol(s->c);
    s->c->transactions++;
    s->t = t;
    server_ask(s, s->auth_claimed.n && s->c->auth_name.n ? PH_MAILAUTH : PH_MAIL);
}

/* A claim that is not believed is "<>" (RFC 4954 section 5), not a refusal. */
void transaction_mailauth_answered(struct smtp_server *s, const struct verdict *v)
{
    if (v->verb == V_ACCEPT || v->verb == V_DISCARD)
        s->c->auth_sender = s->auth_claimed;
    server_ask(s, PH_MAIL);
}

static void begin(struct smtp_server *s, const struct verdict *v)
{
    struct why why = { 0 };

    /* A message that is thrown away needs no draft. */
    if (v->verb == V_DISCARD) {
        s->t->discard = true;
        server_note(s, NOTE_DISCARDED, (struct str){ "", 0 }, "MAIL <%.*s>: discarded by MAIL ACL", STR_ARG(s->t->sender));
    } else if (s->ops->begin(s->ctx, s->t, &why) != ST_OK) {
        server_reply(s, 452, "4.3.1", "no room for mail now, please try again later");
        server_note(s, NOTE_REJECTED, STR("452 4.3.1 no room for mail now"), "temporarily rejected MAIL <%.*s>: %s",
                    STR_ARG(s->t->sender), why.text);
        server_end_txn(s, NULL);
        return;
    } else {
        s->begun = true;
    }
    server_reply_str(s, 250, "2.1.0", v->message.n ? v->message : STR("OK"));
}

void transaction_mail_answered(struct smtp_server *s, const struct verdict *v)
{
    char what[ADDR_MAX + 16];

    if (v->verb == V_ACCEPT || v->verb == V_DISCARD) {
        begin(s, v);
        return;
    }
    snprintf(what, sizeof what, "MAIL <%.*s>", STR_ARG(s->t->sender));
    if (server_refuse(s, PH_MAIL, v, what))
        server_end_txn(s, NULL);
}

/* ---- RCPT */

static bool too_many_recipients(struct smtp_server *s)
{
    struct txn *t = s->t;
    uint32_t most = s->cfg->limits.recipients_max;

    if (t->rcpt_seen > 2 * (uint64_t)most) {
        server_reply(s, 421, "4.5.3", "far too many recipients, closing connection");
        server_limit(s, NOTE_TOO_MANY, "recipients_max", most, STR("421 4.5.3 far too many recipients"), "too many recipients: %u", t->rcpt_seen);
        server_close(s, "bad-commands");
        return true;
    }
    /* What was accepted, not what is kept: a name given twice counts twice. */
    if (t->rcpt_seen - t->rcpt_refused - t->rcpt_deferred <= most)
        return false;
    /* One line for all that are too many: the first of them. */
    if (!s->too_many) {
        server_limit(s, NOTE_REJECTED, "recipients_max", most, s->cfg->max_reject ? STR("552 5.5.3 too many recipients") : STR("452 4.5.3 too many recipients"),
                    "%s: too many recipients", s->cfg->max_reject ? "rejected" : "temporarily rejected the rest");
    }
    s->too_many = true;
    if (s->cfg->max_reject) {
        t->rcpt_refused++;
        server_reply(s, 552, "5.5.3", "too many recipients");
    } else {
        t->rcpt_deferred++;
        server_reply(s, 452, "4.5.3", "too many recipients");
    }
    return true;
}

static void accept_rcpt(struct smtp_server *s, struct str address, const struct verdict *v)
{
    /* Once is enough: a second copy to one mailbox helps nobody. */
    if (!txn_has_recipient(s->t, address))
        txn_add_rcpt(s->t, address);
    server_reply_str(s, 250, "2.1.5", v && v->message.n ? v->message : STR("Accepted"));
}

void transaction_rcpt(struct smtp_server *s, struct str arg)
{
    struct txn *t = s->t;
    struct path path;

    if (!read_path(s, &t->arena, arg, false, &path))
        return;
    if (str_trim(path.params).n) {
        bad_path(s, 555, "5.5.4", "parameter not known or not offered");
        return;
    }
    t->rcpt_seen++;
    if (too_many_recipients(s))
        return;
    if (t->discard) {
        s->discarded = true;
        server_reply(s, 250, "2.1.5", "Accepted");
        return;
    }
    if (!t->addr)
        t->addr = arena_new(&t->arena, struct at_address);
    txn_at(t, path.text, t->addr);
    server_ask(s, PH_RCPT);
}

void transaction_rcpt_answered(struct smtp_server *s, const struct verdict *v)
{
    struct txn *t = s->t;
    struct str address = t->addr->address;
    char what[ADDR_MAX + 16];

    switch (v->verb) {
    case V_ACCEPT:
        accept_rcpt(s, address, v);
        break;
    case V_DISCARD:
        /* Told the client yes; DATA may follow although nobody is left. */
        s->discarded = true;
        server_note(s, NOTE_DISCARDED, (struct str){ "", 0 }, "RCPT <%.*s>: discarded by RCPT ACL", STR_ARG(address));
        server_reply_str(s, 250, "2.1.5", v->message.n ? v->message : STR("Accepted"));
        break;
    case V_DEFER: case V_DENY: case V_DROP:
        if (v->verb == V_DEFER)
            t->rcpt_deferred++;
        else
            t->rcpt_refused++;
        snprintf(what, sizeof what, "RCPT <%.*s>", STR_ARG(address));
        if (!server_refuse(s, PH_RCPT, v, what))
            return;
        break;
    }
    t->addr = NULL;
}

/* ---- DATA */

void transaction_data(struct smtp_server *s)
{
    /* recipients_max_reject: all or nobody. */
    if (s->too_many && s->cfg->max_reject) {
        server_reply(s, 554, "5.5.3", "too many recipients");
        server_end_txn(s, "too many recipients");
        return;
    }
    server_ask(s, PH_PREDATA);
}

void transaction_data_answered(struct smtp_server *s, const struct verdict *v)
{
    switch (v->verb) {
    case V_DISCARD:
        s->t->discard = true;
        server_note(s, NOTE_DISCARDED, (struct str){ "", 0 }, "discarded by DATA ACL");
        /* fall through */
    case V_ACCEPT:
        server_reply_str(s, 354, NULL, v->message.n ? v->message : STR("Enter message, ending with \".\" on a line by itself"));
        intake_begin(s);
        break;
    case V_DEFER: case V_DENY: case V_DROP:
        if (server_refuse(s, PH_PREDATA, v, "DATA"))
            server_end_txn(s, NULL);
        break;
    }
}
