#include <stdio.h>
#include <stdlib.h>

#include "base/ip.h"
#include "smtp/state.h"

/* ---- HELO, EHLO */

static void set_helo(struct smtp_server *s, struct str name)
{
    free(s->helo);
    s->helo = NULL;
    s->c->helo = (struct str){ NULL, 0 };
    s->c->helo_verified = s->c->helo_dnssec = false;
    s->c->helo_verify = LOOKUP_NOT_TRIED;
    if (!name.p)
        return;
    s->helo = malloc(name.n + 1);
    if (!s->helo)
        die("out of memory for a HELO name");
    memcpy(s->helo, name.p, name.n);
    s->c->helo = (struct str){ s->helo, name.n };
}

void verb_forget_helo(struct smtp_server *s)
{
    set_helo(s, (struct str){ NULL, 0 });
}

static void do_helo(struct smtp_server *s, struct str arg)
{
    struct str name = str_head(arg, 255);

    server_end_txn(s, s->command == CMD_EHLO ? "EHLO" : "HELO");
    if (!command_helo(arg, s->cfg->helo_allow_chars) && !(s->cfg->helo_junk_ok && arg.n)) {
        server_error(s, NOTE_SYNTAX, 501, "5.5.4", arg.n ? "not a host name or an address literal" : "a host name is needed");
        return;
    }
    set_helo(s, name);
    s->c->esmtp = s->command == CMD_EHLO;
    server_ask(s, PH_HELO);
}

static void greet(struct smtp_server *s)
{
    struct arena a = { 0 };
    struct buf text = { 0 };
    struct conn *c = s->c;

    buf_add(&text, s->cfg->hostname);
    buf_add(&text, STR(" Hello "));
    buf_add(&text, reply_safe(&a, c->helo));
    if (c->client_ip.v)
        buf_addf(&text, " [%.*s]", STR_ARG(ip_text(&a, c->client_ip)));
    s->pipelining = c->pipelining = c->esmtp && s->cfg->offer_pipelining && !c->no_pipelining;
    c->pipelined = false;
    s->tls_offered = c->esmtp && s->cfg->offer_tls && !tls_is_on(&c->tls);
    if (c->esmtp) {
        if (s->cfg->offer_size)
            buf_addf(&text, "\nSIZE %llu", (unsigned long long)s->cfg->limits.message_max);
        buf_addf(&text, "%s%s%s%s\nENHANCEDSTATUSCODES\nHELP", s->cfg->offer_8bitmime ? "\n8BITMIME" : "",
                 s->pipelining ? "\nPIPELINING" : "", s->cfg->offer_vrfy ? "\nVRFY" : "", s->cfg->offer_expn ? "\nEXPN" : "");
        if (s->cfg->auth.n)
            buf_addf(&text, "\nAUTH %.*s", STR_ARG(s->cfg->auth));
        if (s->tls_offered)
            buf_add(&text, STR("\nSTARTTLS"));
    }
    reply_put(&s->out, 250, NULL, buf_str(&text));
    buf_free(&text);
    arena_free(&a);
}

static void answered_helo(struct smtp_server *s, const struct verdict *v)
{
    char what[320];

    if (v->verb == V_ACCEPT || v->verb == V_DISCARD) {
        greet(s);
        return;
    }
    snprintf(what, sizeof what, "EHLO or HELO %.*s", STR_ARG(s->c->helo));
    verb_forget_helo(s);
    s->pipelining = s->c->pipelining = s->tls_offered = false;
    server_refuse(s, PH_HELO, v, what);
}

/* ---- the rest */

/* What VRFY and EXPN ask about is an address to the rules, as a recipient is; a name that is none is only text. */
static void ask_about(struct smtp_server *s, enum phase ph, struct str text)
{
    struct txn *t = server_question(s);
    const char *reason;
    struct str rest;
    struct addr ad;

    t->addr = NULL;
    if (addr_path(text, false, &ad, &rest, &reason) && !str_trim(rest).n && ad.local.n) {
        if (!ad.domain.n)
            ad.domain = s->cfg->qualify_recipient.n ? s->cfg->qualify_recipient : s->cfg->hostname;
        t->addr = arena_new(&t->arena, struct at_address);
        txn_at(t, addr_join(&t->arena, ad.local, ad.domain), t->addr);
    }
    server_ask(s, ph);
}

static void do_vrfy(struct smtp_server *s, struct str arg)
{
    bool vrfy = s->command == CMD_VRFY;
    static const struct verdict no = { .verb = V_DENY };

    if (!arg.n || str_same(arg, STR("\"\"")))
        server_error(s, NOTE_SYNTAX, 501, "5.5.4", "an address or a name is needed");
    else if (vrfy ? s->cfg->offer_vrfy : s->cfg->offer_expn)
        ask_about(s, vrfy ? PH_VRFY : PH_EXPN, arg);
    else
        verb_answered(s, vrfy ? PH_VRFY : PH_EXPN, &no);
}

static void answered_vrfy(struct smtp_server *s, enum phase ph, const struct verdict *v)
{
    char what[600];

    server_question(s)->addr = NULL;
    snprintf(what, sizeof what, "%s %.*s", ph == PH_VRFY ? "VRFY" : "EXPN", STR_ARG(s->c->command_argument));
    if (v->verb != V_ACCEPT && v->verb != V_DISCARD)
        server_refuse(s, ph, v, what);
    else if (v->message.n)
        server_reply_str(s, 250, "2.1.5", v->message);
    else
        server_reply(s, 252, "2.5.2", "not verified here; send some mail, it will be tried");
}

static void answered_quit(struct smtp_server *s, const struct verdict *v)
{
    struct buf text = { 0 };

    buf_add(&text, s->cfg->hostname);
    buf_add(&text, STR(" closing connection"));
    server_reply_str(s, 221, "2.0.0", v->message.n ? v->message : buf_str(&text));
    buf_free(&text);
    server_end_txn(s, "QUIT");
    server_over(s);
}

/* BDAT is followed by octets that are no commands. We did not offer it, so we
 * do not know how many there are to skip: the session ends (R3.5). */
static void do_not_offered(struct smtp_server *s, enum command cmd)
{
    char text[80];
    const char *name;
    struct str arg;

    command_read(s->c->command, &name, &arg);
    snprintf(text, sizeof text, "%s is not offered here", name);
    if (cmd == CMD_ETRN || cmd == CMD_ATRN || cmd == CMD_TURN) {
        server_error(s, NOTE_PROTOCOL, 502, "5.5.1", text);
    } else if (cmd != CMD_BDAT) {
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", text);
    } else {
        server_reply(s, 503, "5.5.1", text);
        server_note(s, NOTE_PROTOCOL, STR("503 5.5.1 BDAT is not offered here"), "SMTP protocol error in \"BDAT\"");
        server_close(s, "bad-commands");
    }
}

/* R3.9: a browser made to speak to us must not get a second line in. */
static void do_http(struct smtp_server *s)
{
    server_reply(s, 554, "5.5.1", "this is a mail server");
    server_note(s, NOTE_PROTOCOL, STR("554 5.5.1 this is a mail server"), "SMTP protocol error in \"%.*s\"", STR_ARG(s->c->command));
    server_close(s, "bad-commands");
}

/* ---- the table: where a verb may stand, and what stands in its way elsewhere */

enum { G = 1 << AT_GREETING, R = 1 << AT_READY, S = 1 << AT_SENDER, T = 1 << AT_RECIPIENT, ANY = G | R | S | T };
enum { LAST = 1, ALONE = 2, JUNK = 4 };

static const struct row {
    uint8_t in;                 /* places */
    uint8_t is;                 /* LAST: ends a pipelined group (RFC 2920); ALONE: may not be in one unless offered; JUNK: no mail comes of it */
    const char *elsewhere;      /* 503 5.5.1 */
} ROWS[] = {
    [CMD_HELO] = { ANY, LAST | JUNK, NULL },
    [CMD_EHLO] = { ANY, LAST | JUNK, NULL },
    [CMD_MAIL] = { R, ALONE, "a sender was given already" },
    [CMD_RCPT] = { S | T, ALONE, "MAIL comes first" },
    [CMD_DATA] = { T, LAST, "a valid RCPT comes first" },
    [CMD_RSET] = { ANY, ALONE | JUNK, NULL },
    [CMD_NOOP] = { ANY, LAST | JUNK, NULL },
    [CMD_VRFY] = { ANY, LAST | JUNK, NULL },
    [CMD_EXPN] = { ANY, LAST | JUNK, NULL },
    [CMD_HELP] = { ANY, JUNK, NULL },
    [CMD_QUIT] = { ANY, 0, NULL },
    [CMD_STARTTLS] = { ANY, LAST | JUNK, NULL },    /* within a transaction it ends that (RFC 3207 4.2) */
    [CMD_AUTH] = { R | S | T, LAST | JUNK, NULL },
    [CMD_BDAT] = { ANY, 0, NULL },
    [CMD_ETRN] = { ANY, LAST | JUNK, NULL },
    [CMD_ATRN] = { ANY, LAST | JUNK, NULL },
    [CMD_TURN] = { ANY, LAST | JUNK, NULL },
    [CMD_NONE] = { ANY, JUNK, NULL },
    [CMD_HTTP] = { ANY, 0, NULL },
};

static void misplaced(struct smtp_server *s, enum command cmd, enum place at)
{
    if (at == AT_GREETING)
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", "HELO or EHLO comes first");
    else if (cmd == CMD_DATA && at == AT_SENDER && s->t->rcpt_seen)
        server_reply(s, 554, "5.5.1", "no valid recipients");      /* RFC 2920 3.1: pipelining brought it here */
    else
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", ROWS[cmd].elsewhere);
}

static bool out_of_turn(const struct smtp_server *s, enum command cmd, size_t unread)
{
    if (unread && cmd == CMD_STARTTLS && s->tls_offered)
        return true;                    /* R3.4, whatever is enforced otherwise */
    return unread > 0 && server_enforces_sync(s) && (ROWS[cmd].is & (s->pipelining ? LAST : LAST | ALONE));
}

/* HELO once and RSET inside a transaction are part of sending mail. */
static bool too_much_junk(struct smtp_server *s, enum command cmd)
{
    if (!(ROWS[cmd].is & JUNK) || ((cmd == CMD_EHLO || cmd == CMD_HELO) && !s->c->helo.p) || (cmd == CMD_RSET && s->t))
        return false;
    if (++s->c->nonmail <= s->cfg->limits.nonmail_max)
        return false;
    server_reply(s, 554, "5.5.0", "too many commands that bring no mail");
    server_limit(s, NOTE_TOO_MANY, "smtp_accept_max_nonmail", s->cfg->limits.nonmail_max, STR("554 5.5.0 too many commands that bring no mail"), "too many nonmail commands (last was \"%.*s\")",
                STR_ARG(s->c->command));
    server_close(s, "bad-commands");
    return true;
}

/* A client that speaks another protocol, or that guesses. */
static void do_unknown(struct smtp_server *s)
{
    if (++s->c->unknown <= s->cfg->limits.unknown_max) {
        server_error(s, NOTE_SYNTAX, 500, "5.5.2", "unrecognized command");
        return;
    }
    server_reply(s, 500, "5.5.2", "too many unrecognized commands");
    server_limit(s, NOTE_TOO_MANY, "smtp_max_unknown_commands", s->cfg->limits.unknown_max, STR("500 5.5.2 too many unrecognized commands"), "too many unrecognized commands (last was \"%.*s\")",
                STR_ARG(s->c->command));
    server_close(s, "bad-commands");
}

void verb_do(struct smtp_server *s, enum command cmd, struct str arg, size_t unread)
{
    enum place at = server_place(s);
    bool early = out_of_turn(s, cmd, unread);

    if (early) {
        server_desync(s, s->pipelining ? "next input sent too soon: pipelining was advertised" :
                                         "next input sent too soon: pipelining was not advertised");
        return;
    }
    s->c->pipelined = s->c->pipelined || (s->pipelining && unread > 0);
    if (too_much_junk(s, cmd))
        return;
    if (str_find(s->c->command, '\0') != SIZE_MAX || str_find(arg, '\0') != SIZE_MAX) {
        server_error(s, NOTE_SYNTAX, 501, "5.5.2", "NUL in a command");
        return;
    }
    if (!(ROWS[cmd].in & 1 << at)) {
        misplaced(s, cmd, at);
        return;
    }
    switch (cmd) {
    case CMD_HELO: case CMD_EHLO: do_helo(s, arg); break;
    case CMD_MAIL: transaction_mail(s, arg); break;
    case CMD_RCPT: transaction_rcpt(s, arg); break;
    case CMD_DATA: arg.n ? server_error(s, NOTE_SYNTAX, 501, "5.5.4", "DATA takes no argument") : transaction_data(s); break;
    case CMD_RSET: server_end_txn(s, "RSET"); server_reply(s, 250, "2.0.0", "Reset OK"); break;
    case CMD_NOOP: server_reply(s, 250, "2.0.0", "OK"); break;
    case CMD_VRFY: case CMD_EXPN: do_vrfy(s, arg); break;
    case CMD_HELP: server_reply(s, 214, "2.0.0", "Commands supported:\nHELO EHLO STARTTLS AUTH MAIL RCPT DATA RSET NOOP VRFY EXPN HELP QUIT"); break;
    case CMD_QUIT: server_ask(s, PH_QUIT); break;
    case CMD_AUTH: auth_command(s, arg); break;
    case CMD_STARTTLS: starttls_command(s, arg); break;
    case CMD_BDAT: case CMD_ETRN: case CMD_ATRN: case CMD_TURN: do_not_offered(s, cmd); break;
    case CMD_HTTP: do_http(s); break;
    case CMD_NONE: do_unknown(s); break;
    }
}

void verb_answered(struct smtp_server *s, enum phase ph, const struct verdict *v)
{
    if (out_of_turn(s, (enum command)s->command, s->unread)) {
        server_desync(s, "next input sent too soon");
        return;
    }
    switch (ph) {
    case PH_HELO: answered_helo(s, v); break;
    case PH_AUTH: auth_acl_answered(s, v); break;
    case PH_STARTTLS: starttls_acl_answered(s, v); break;
    case PH_MAILAUTH: transaction_mailauth_answered(s, v); break;
    case PH_MAIL: transaction_mail_answered(s, v); break;
    case PH_RCPT: transaction_rcpt_answered(s, v); break;
    case PH_PREDATA: transaction_data_answered(s, v); break;
    case PH_VRFY: case PH_EXPN: answered_vrfy(s, ph, v); break;
    case PH_QUIT: answered_quit(s, v); break;
    default: die("an answer to phase %s, which the server does not ask", phase_name(ph));
    }
}
