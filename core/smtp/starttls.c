/* STARTTLS (RFC 3207), and TLS before the first reply (RFC 8314): the order of things. What a handshake is, is
 * the caller's; here nothing is said in clear that must not be, and nothing that was said in clear counts
 * afterwards (R3.4).
 *
 *     COMMAND --STARTTLS, its ACL accepts--> asked --ready: 220--> TLS --secured--> COMMAND
 *     BANNER  --the ACL of connect accepts--> asked --ready------> TLS --secured, banner--> COMMAND
 */
#include <stdlib.h>

#include "smtp/state.h"

static bool not_yet_secret(const struct smtp_server *s)
{
    return s->cfg->tls_on_connect && !tls_is_on(&s->c->tls);
}

bool starttls_silent(const struct smtp_server *s)
{
    return not_yet_secret(s) || s->state == SERVER_TLS;
}

void starttls_command(struct smtp_server *s, struct str arg)
{
    if (tls_is_on(&s->c->tls))
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", "the connection is encrypted already");
    else if (!s->tls_offered)
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", "STARTTLS is not offered here");
    else if (arg.n)
        server_error(s, NOTE_SYNTAX, 501, "5.5.4", "STARTTLS takes no argument");
    else
        server_ask(s, PH_STARTTLS);
}

static void prepare(struct smtp_server *s)
{
    s->asked = ASKED_TLS;
    s->ops->starttls(s->ctx);
}

void starttls_acl_answered(struct smtp_server *s, const struct verdict *v)
{
    if (v->verb != V_ACCEPT && v->verb != V_DISCARD)
        server_refuse(s, PH_STARTTLS, v, "STARTTLS");
    else
        prepare(s);
}

void starttls_on_connect(struct smtp_server *s, struct str banner)
{
    s->banner = malloc(banner.n + 1);
    if (!s->banner)
        die("out of memory for a banner");
    memcpy(s->banner, banner.p, banner.n);
    s->banner[banner.n] = '\0';
    prepare(s);
}

/* There is none to be had: the client may go on in clear, where it began so. */
static void unavailable(struct smtp_server *s)
{
    if (s->state == SERVER_BANNER) {
        server_close(s, "tls-failed");
        return;
    }
    server_reply(s, 454, "4.7.0", "TLS is not available now, please try again later");
    server_settle(s);
}

void smtp_server_tls_ready(struct smtp_server *s, bool ready)
{
    if (s->asked != ASKED_TLS)
        return;
    s->asked = ASKED_NONE;
    if (!ready) {
        unavailable(s);
        return;
    }
    if (s->leaving && s->state == SERVER_BANNER) {
        server_close(s, "signal-exit");
        return;
    }
    /* What came since the command was read is not the client's alone (CVE-2011-0411). */
    if (s->state == SERVER_COMMAND && s->unread) {
        server_desync(s, "input sent without waiting for the reply to STARTTLS");
        return;
    }
    server_end_txn(s, "STARTTLS");
    if (s->leaving) {
        server_settle(s);               /* 421 can still be read */
        return;
    }
    if (s->state == SERVER_COMMAND)
        server_reply(s, 220, "2.0.0", "Ready to start TLS");
    s->state = SERVER_TLS;
    server_wait(s, s->cfg->limits.handshake_ms);
}

bool smtp_server_handshaking(const struct smtp_server *s)
{
    return s->state == SERVER_TLS;
}

/* What the client said in clear might have been said by somebody else. */
static void forget(struct smtp_server *s)
{
    struct conn *c = s->c;
    struct str none = { NULL, 0 };

    if (!s->cfg->remember_esmtp) {
        verb_forget_helo(s);
        c->esmtp = false;
    }
    s->pipelining = c->pipelining = c->pipelined = s->tls_offered = false;
    c->auth_id = c->auth_name = c->auth_sender = c->auth_fail_id = s->auth_claimed = none;
    c->auth_failed = false;
    c->nauth_read = 0;
}

static void greet(struct smtp_server *s)
{
    server_reply_str(s, 220, NULL, str_of(s->banner));
    free(s->banner);
    s->banner = NULL;
}

void smtp_server_secured(struct smtp_server *s, const struct why *why)
{
    if (s->state != SERVER_TLS)
        return;
    if (why) {
        starttls_failed(s, why->text);
        return;
    }
    s->state = SERVER_COMMAND;
    if (s->banner)
        greet(s);
    else
        forget(s);
    server_settle(s);
}

/* Nothing can be said any more: the client would not understand it. */
void starttls_failed(struct smtp_server *s, const char *text)
{
    server_note(s, NOTE_TLS, (struct str){ "", 0 }, "%s", text);
    server_close(s, "tls-failed");
}
