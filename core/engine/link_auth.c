/* AUTH on a connection that is ready for its first message: the exchange is the rules' (lua/mail/authenticators.lua),
 * one evaluation from the first line to the last answer. */
#include "engine/link.h"

#include <stdlib.h>

struct link_login {
    struct eval *eval;
    struct event_view *view;    /* what the rules read */
};

static void login_free(struct link *l)
{
    struct link_login *in = l->login;

    l->login = NULL;
    event_view_free(in->view);
    free(in);
}

void link_login_cancel(struct link *l)
{
    if (!l->login)
        return;
    if (l->login->eval)
        policy_cancel(l->login->eval);
    login_free(l);
}

/* What delivery lines show as A=. */
static void remember(struct link *l, const struct auth_result *r)
{
    struct arena a = { 0 };
    struct str text = r->id.n ? arena_printf(&a, "%.*s:%.*s", STR_ARG(r->name), STR_ARG(r->id)) : r->name;

    free((void *)(uintptr_t)l->host.auth.p);
    l->host.auth = (struct str){ name_copy(text), text.n };
    arena_free(&a);
}

static bool must(const struct link *l)
{
    return host_listed(&l->user->tr->require_auth, l->host.name, l->host.ip);
}

/* A host that wants authentication and does not take ours, or offers none, is tried again later. */
static void give_up(struct link *l, struct str reason)
{
    why_set(&l->why, ST_AGAIN, "authentication required but %.*s", STR_ARG(reason));
    l->kind = "auth_failed";
    l->host_error = true;
    link_end(l);
}

static void tell_event(struct link *l, const struct auth_result *r)
{
    struct link_user *u = l->user;
    struct event_view *v;

    if (!r->name.n || !event_wanted(l->set, "auth:fail", u->tr->name))
        return;
    v = u->ops->view(u, &l->host, true);
    if (v)
        event_after(l->e, l->set, "auth:fail", v, r->text, 0);
}

static void done(void *ctx, const struct auth_result *r)
{
    struct link *l = ctx;
    bool ok = r->end == LOGIN_OK;

    if (!l->user || !l->client || smtp_client_state(l->client) == CLIENT_CLOSED) {
        login_free(l);
        return;
    }
    smtp_client_auth_over(l->client, ok);
    if (ok) {
        remember(l, r);
    } else if (r->name.n || r->fault) {
        log_line(LOG_MAIN, "%.*s authenticator cannot authenticate to %.*s: %.*s", STR_ARG(r->name), STR_ARG(l->host.name), STR_ARG(r->text));
        tell_event(l, r);
    }
    if (!ok && must(l))
        give_up(l, r->text);
    else
        link_step_soon(l);
    login_free(l);
}

static void say(void *ctx, struct str line)
{
    struct link *l = ctx;

    smtp_client_auth_say(l->client, line);
    link_flush(l);
}

void link_login_heard(void *ctx, struct str reply)
{
    struct link *l = ctx;

    if (l->login && l->login->eval)
        policy_heard(l->login->eval, reply);
}

/* False: there is nothing to be done. */
bool link_login_begin(struct link *l)
{
    const struct transport *tr = l->user->tr;
    struct str offered = smtp_client_auth(l->client);
    bool require = must(l);
    struct eval *eval;

    if (!require && !host_listed(&tr->try_auth, l->host.name, l->host.ip))
        return false;
    if (!offered.n) {
        if (require)
            give_up(l, STR("the server does not offer AUTH"));
        return require;
    }
    l->login = calloc(1, sizeof *l->login);
    if (!l->login)
        die("no memory for an exchange of AUTH");
    l->login->view = l->user->ops->view(l->user, &l->host, false);
    if (!l->login->view) {
        free(l->login);
        l->login = NULL;
        return false;
    }
    eval = policy_log_in(l->set->policy, &l->login->view->t, offered, say, done, l);
    if (eval)
        l->login->eval = eval;
    return true;
}
