/* AUTH (RFC 4954): the exchange as lines. What a mechanism is and who may log in is the
 * caller's; here is base64, the order of things, and that credentials stay out of
 * every text that is kept (R3.6).
 *
 *     COMMAND --AUTH, its ACL accepts--> asked --challenge--> AUTH --line--> asked ... --end--> COMMAND
 */
#include <stdlib.h>

#include "base/base64.h"
#include "smtp/state.h"

struct login {
    struct txn *t;              /* what the exchange's questions are about */
    struct str mechanism;
    bool given;                 /* an initial response came with the command */
    struct str initial;
    struct arena arena;
};

void auth_free(struct login *l)
{
    if (!l)
        return;
    if (l->initial.n)
        explicit_bzero((char *)(uintptr_t)l->initial.p, l->initial.n);
    txn_free(l->t);
    arena_free(&l->arena);
    free(l);
}

static void auth_end(struct smtp_server *s)
{
    auth_free(s->login);
    s->login = NULL;
    s->state = SERVER_COMMAND;
}

/* With the control allow_auth_unadvertised whatever is configured may be tried, after HELO too. */
static bool is_offered(const struct smtp_server *s, struct str mechanism)
{
    struct str rest = s->cfg->auth, one;

    if (s->c->auth_unadvertised)
        return true;
    while (str_cut(&rest, ' ', &one))
        if (str_same_fold(one, mechanism))
            return true;
    return false;
}

/* "MECH", "MECH =", "MECH base64" */
static bool read_command(struct login *l, struct str arg, const char **fault)
{
    struct str mech = command_word(arg), rest = str_trim(str_from(arg, mech.n));

    l->mechanism = arena_dup(&l->arena, mech);
    l->given = rest.n > 0;
    if (!l->given)
        return true;
    if (str_same(rest, STR("=")))       /* RFC 4954 section 4: an empty response */
        l->initial = STR("");
    else if (!base64_decode(&l->arena, rest, &l->initial, fault))
        return false;
    return true;
}

void auth_command(struct smtp_server *s, struct str arg)
{
    const char *fault = "a mechanism is needed";
    struct login *l;
    bool none = !s->cfg->auth.n && !s->c->auth_name.n && !s->c->auth_unadvertised;

    if (none && s->cfg->auth_needs_tls)
        server_error(s, NOTE_PROTOCOL, 538, "5.7.11", "AUTH is for encrypted connections only");
    else if (none)
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", "AUTH is not offered here");
    else if (s->c->auth_name.n)
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", "you are authenticated already");
    else if (s->t)
        server_error(s, NOTE_PROTOCOL, 503, "5.5.1", "AUTH has no place within a transaction");
    else {
        l = calloc(1, sizeof *l);
        if (!l)
            die("out of memory for AUTH");
        if (!arg.n || !read_command(l, arg, &fault)) {
            auth_free(l);
            server_error(s, NOTE_SYNTAX, 501, "5.5.2", fault);
        } else if (!is_offered(s, l->mechanism)) {
            auth_free(l);
            server_error(s, NOTE_PROTOCOL, 504, "5.5.4", "this mechanism is not offered here");
        } else {
            s->login = l;
            server_ask(s, PH_AUTH);
        }
    }
}

void auth_acl_answered(struct smtp_server *s, const struct verdict *v)
{
    struct login *l = s->login;

    if (v->verb != V_ACCEPT && v->verb != V_DISCARD) {
        auth_end(s);
        server_refuse(s, PH_AUTH, v, "AUTH");
        return;
    }
    l->t = txn_new(s->c);
    l->t->phase = PH_AUTH;
    s->asked = ASKED_AUTH;
    s->ops->auth(s->ctx, l->t, l->mechanism, l->given ? l->initial : (struct str){ NULL, 0 });
}

/* A response. "*" gives up (RFC 4954 section 4); what is no base64 ends it as well. */
void auth_line(struct smtp_server *s, struct str line)
{
    struct arena a = { 0 };
    struct str response;
    bool given_up = str_same(line, STR("*")), garbled;

    garbled = !given_up && !base64_decode(&a, line, &response, NULL);
    s->login_garbled = garbled;
    s->asked = ASKED_AUTH;
    s->ops->auth_heard(s->ctx, given_up || garbled ? (struct str){ NULL, 0 } : response);
    arena_free(&a);
}

void smtp_server_challenge(struct smtp_server *s, struct str challenge)
{
    struct arena a = { 0 };
    struct str text = base64_encode(&a, challenge);

    if (s->asked != ASKED_AUTH)
        return;
    s->asked = ASKED_NONE;
    s->state = SERVER_AUTH;
    buf_add(&s->out, STR("334 "));
    buf_add(&s->out, text);
    buf_add(&s->out, STR("\r\n"));
    arena_free(&a);
    server_settle(s);
}

/* A guesser is sent away; whoever mistypes may try again. */
static void refused(struct smtp_server *s, struct str text)
{
    s->c->auth_failed = true;
    if (++s->c->auth_failures < s->cfg->limits.auth_failures_max) {
        server_reply_str(s, 535, "5.7.8", text.n ? text : STR("authentication credentials invalid"));
        return;
    }
    server_reply(s, 421, "4.7.0", "too many failed attempts to authenticate");
    server_close(s, "acl-drop");
}

void smtp_server_authenticated(struct smtp_server *s, enum auth_end end, struct str text)
{
    bool garbled = s->login_garbled;

    if (s->asked != ASKED_AUTH)
        return;
    s->asked = ASKED_NONE;
    s->login_garbled = false;
    auth_end(s);
    switch (end) {
    case AUTH_OK:
        s->c->auth_failed = false;
        server_reply_str(s, 235, "2.7.0", text.n ? text : STR("authentication succeeded"));
        break;
    case AUTH_NO:
        refused(s, text);
        break;
    case AUTH_LATER:
        server_reply_str(s, 454, "4.7.0", text.n ? text : STR("temporary authentication failure"));
        break;
    case AUTH_BAD:
        s->c->auth_failed = true;
        server_error(s, NOTE_SYNTAX, 501, "5.5.2", garbled ? "that is no base64" : text.n ? "authentication was cancelled" : "not what the mechanism says");
        break;
    }
    server_settle(s);
}
