/*
 * link_dial - how a link gets its socket: from the network, a world's script, or a program at the other end
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/link.h"
#include "local/local.h"
#include "net/sock.h"

enum { PROGRAM_MS = 3600 * 1000 };

/* The system's words alone, as Exim's readers know them: "Connection refused". */
static void plain_words(struct link *l)
{
    int err = l->why.err;

    if (err <= 0)
        return;
    why_set(&l->why, ST_AGAIN, "%s", strerror(err));
    l->why.err = err;
}

static const char *kind_of(int err)
{
    return err == ECONNREFUSED ? "refused" : err == ETIMEDOUT ? "timeout_connect" : "*";
}

static void connected(void *ctx, int what)
{
    struct link *l = ctx;
    int fd = l->fd;

    (void)what;
    watch_free(l->watch);
    l->watch = NULL;
    if (sock_connected(fd, &l->why) != ST_OK) {
        plain_words(l);
        link_failed(l, kind_of(l->why.err));
        return;
    }
    l->fd = -1;
    link_open(l, fd);
}

static void connect_scripted(struct link *l)
{
    struct sock_addr to = { .ip = l->host.ip, .port = l->host.port };
    int fd = l->e->on_connect(l->e->on_connect_ctx, &to);

    if (fd >= 0) {
        link_open(l, fd);
        return;
    }
    if (fd == -2)
        return;                         /* never answers: the timer is running */
    why_set(&l->why, ST_AGAIN, "Connection refused");
    l->why.err = ECONNREFUSED;
    link_failed(l, "refused");
}

static void program_ended(void *ctx, const struct program_end *end)
{
    struct link *l = ctx;

    l->program = NULL;
    if (end->started != ST_OK && l->state == LINK_CONNECTING) {
        l->why = end->why;
        link_failed(l, "*");
    }
}

static void local_ended(void *ctx, const struct local_end *end)
{
    struct link *l = ctx;

    l->local = NULL;
    if (l->state == LINK_CLOSED)
        return;
    if (end->status != ST_OK) {
        l->why = end->why;
        link_failed(l, "*");
    } else if (l->mute_end) {
        link_ended(l, NULL);
    }
}

/* The same, with another user's rights: its socket goes to the local process, ours stays. */
static void connect_program_as(struct link *l, char *const *argv, char *const *envp)
{
    struct link_user *u = l->user;
    struct local_program p = { .argv = argv, .envp = envp, .directory = u->tr->directory, .umask = 022, .out_fd = -1, .talk = true };
    struct local_want w = {
        .user = u->as_user, .group = u->tr->group, .initgroups = u->tr->initgroups, .program = &p, .timeout_ms = PROGRAM_MS,
    };
    int pair[2];

    if (!l->e->cfg.local || FAULT(SOCKET) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        why_set(&l->why, ST_AGAIN, "transport %.*s: %s", STR_ARG(u->tr->name),
                l->e->cfg.local ? "no socket for the program" : "a program as another user needs the local delivery process");
        link_failed(l, "*");
        return;
    }
    fcntl(pair[0], F_SETFL, O_NONBLOCK);        /* ours alone: the program may wait */
    p.out_fd = pair[1];
    l->local = local_deliver(l->e->cfg.local, &w, NULL, local_ended, l);
    close(pair[1]);
    link_open(l, pair[0]);
}

/* LMTP with a program at the other end of a socket. */
static void connect_program(struct link *l)
{
    struct link_user *u = l->user;
    struct program_want w = {
        .argv = command_argv(u->arena, &u->tr->command), .umask = 022, .timeout_ms = PROGRAM_MS, .talk = true,
    };
    static char *const no_environment[] = { NULL };
    int fd;

    w.envp = no_environment;
    if (w.argv && w.argv[0][0] == '/' && u->as_user.n) {
        connect_program_as(l, w.argv, w.envp);
        return;
    }
    if (!w.argv || w.argv[0][0] != '/') {
        why_set(&l->why, ST_AGAIN, "transport %.*s: command is no absolute path with arguments", STR_ARG(u->tr->name));
        link_failed(l, "*");
        return;
    }
    l->program = program_run(l->e->loop, &w, program_ended, l);
    fd = program_socket(l->program);
    if (fd >= 0)
        link_open(l, fd);
}

static void connect_real(struct link *l)
{
    const struct transport *tr = l->user->tr;
    struct sock_addr to = { .ip = l->host.ip, .port = l->host.port }, from = { 0 };
    struct arena ar = { 0 };
    bool bound = tr->interface.n && sock_parse(&ar, tr->interface, 0, &from) && from.ip.v == to.ip.v;

    if (tr->driver == DRIVER_LMTP && tr->socket.n)
        to = (struct sock_addr){ .path = tr->socket };
    if (FAULT(CONNECT) || sock_connect(&to, bound ? &from : NULL, &l->fd, &l->why) != ST_OK) {
        if (!l->why.text[0])
            why_errno(&l->why, ST_AGAIN, "connect");
        plain_words(l);
        l->fd = -1;
        link_failed(l, kind_of(l->why.err));
    } else {
        if (!to.path.n)
            sock_mark(l->fd, tr->keepalive, tr->dscp);
        l->watch = watch_new(l->e->loop, l->fd, connected, l);
        watch_set(l->watch, WATCH_WRITE);
    }
    arena_free(&ar);
}

static void connect_now(struct link *l)
{
    const struct transport *tr = l->user->tr;

    l->state = LINK_CONNECTING;
    timer_set(l->e->loop, &l->timer, tr->connect_ms);
    if (l->e->draining)
        link_put_off(l);
    if (l->state == LINK_CLOSED)
        return;
    if (l->e->on_connect)
        connect_scripted(l);
    else if (l->e->cfg.hermetic) {
        why_set(&l->why, ST_AGAIN, "no sockets in a hermetic world");
        link_failed(l, "refused");
    } else if (tr->driver == DRIVER_LMTP && !tr->socket.n) {
        connect_program(l);
    } else {
        connect_real(l);
    }
}

static void tcp_allowed(void *ctx, struct str objection)
{
    struct link *l = ctx;

    l->event = NULL;
    if (objection.n == 0) {
        connect_now(l);
        return;
    }
    why_set(&l->why, ST_AGAIN, "Event requests alternate response");
    l->why.err = -58;
    link_failed(l, "*");
}

void link_dial(struct link *l)
{
    struct event_view *v = link_view(l, "tcp:connect", false);
    struct event_run *r;

    if (!v) {
        connect_now(l);
        return;
    }
    r = event_before(l->e, l->set, "tcp:connect", v, STR(""), tcp_allowed, l);
    if (r)
        l->event = r;
}
