/*
 * ports - the listening sockets: opened once, kept for life, passed to every worker
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/sock.h"
#include "process/house.h"

enum { BACKLOG = 1024, SMTP_PORT = 25 };

static int backlog_of(const struct facts *f)
{
    return f->backlog > 0 && f->backlog < INT32_MAX ? (int)f->backlog : BACKLOG;
}

static struct port *port_named(struct house *h, struct str name)
{
    for (size_t i = 0; i < h->nports; i++)
        if (str_same(name, str_of(h->port[i].name)))
            return &h->port[i];
    return NULL;
}

static enum status port_open(struct house *h, struct str name, struct why *why)
{
    struct arena a = { 0 };
    struct sock_addr at;
    struct port *p = &h->port[h->nports];
    enum status st;

    if (h->nports == PORTS_MAX || name.n >= sizeof p->name)
        return why_set(why, ST_NEVER, "too many addresses to listen on");
    if (!sock_parse(&a, name, SMTP_PORT, &at)) {
        arena_free(&a);
        return why_set(why, ST_NEVER, "listen: \"%.*s\" is no address (\"192.0.2.1:25\", \"[2001:db8::1]:25\")", STR_ARG(name));
    }
    st = sock_listen(&at, BACKLOG, &p->fd, why);
    arena_free(&a);
    if (st != ST_OK)
        return st;
    snprintf(p->name, sizeof p->name, "%.*s", STR_ARG(name));
    p->keep = true;
    h->nports++;
    return ST_OK;
}

/* All or none: those opened here stand behind the old ones until commit. */
enum status ports_open(struct house *h, const struct str_list *names, struct why *why)
{
    for (size_t i = 0; i < h->nports; i++)
        h->port[i].keep = facts_list_has(names, str_of(h->port[i].name));
    for (size_t i = 0; i < names->n; i++) {
        enum status st;

        if (port_named(h, names->v[i]))
            continue;
        st = port_open(h, names->v[i], why);
        if (st != ST_OK) {
            ports_undo(h);
            return st;
        }
    }
    return ST_OK;
}

void ports_undo(struct house *h)
{
    while (h->nports > 0 && !facts_list_has(&h->facts.listen, str_of(h->port[h->nports - 1].name)))
        close(h->port[--h->nports].fd);
}

static void say_where(const struct port *p, bool open)
{
    struct arena a = { 0 };
    struct sock_addr at;
    struct str text = sock_local(p->fd, &at) ? sock_text(&a, &at) : str_of(p->name);

    log_line(LOG_MAIN, open ? "listening on %.*s" : "no longer listening on %.*s", STR_ARG(text));
    arena_free(&a);
}

/* How many may wait, by the facts that are about to hold. */
void ports_backlog(struct house *h, const struct facts *f)
{
    for (size_t i = 0; i < h->nports; i++)
        sock_backlog_set(h->port[i].fd, backlog_of(f));
}

/* Called with the facts the workers know still in h->facts: what is not there is new to them. */
void ports_commit(struct house *h, bool workers_know_none)
{
    for (size_t i = 0; i < h->nports; i++) {
        struct port *p = &h->port[i];

        if (!workers_know_none && facts_list_has(&h->facts.listen, str_of(p->name)))
            continue;
        say_where(p, true);
        staff_send_all(h, (struct ipc){ .type = IPC_LISTEN, .text = str_of(p->name), .fd = p->fd });
    }
    for (size_t i = 0; i < h->nports;) {
        struct port *p = &h->port[i];

        if (p->keep) {
            i++;
            continue;
        }
        say_where(p, false);
        staff_send_all(h, (struct ipc){ .type = IPC_UNLISTEN, .text = str_of(p->name) });
        close(p->fd);
        *p = h->port[--h->nports];
    }
}

void ports_tell(struct staff *s)
{
    struct house *h = s->house;

    for (size_t i = 0; i < h->nports; i++)
        staff_send(s, (struct ipc){ .type = IPC_LISTEN, .text = str_of(h->port[i].name), .fd = h->port[i].fd });
    if (h->submit >= 0)
        staff_send(s, (struct ipc){ .type = IPC_SUBMIT, .fd = h->submit });
}

void ports_close(struct house *h)
{
    while (h->nports > 0)
        close(h->port[--h->nports].fd);
    if (h->submit >= 0)
        close(h->submit);
    h->submit = -1;
}

enum status ports_unix(struct house *h, const char *name, mode_t mode, int *fd, struct why *why)
{
    char path[4200];
    struct sock_addr at = { 0 };
    enum status st;

    snprintf(path, sizeof path, "%s/%s", h->spool, name);
    at.path = str_of(path);
    user_act(&h->user);
    st = sock_listen(&at, BACKLOG, fd, why);
    if (st == ST_OK && chmod(path, mode) < 0) {
        st = why_errno(why, ST_AGAIN, "set the rights of %s", path);
        close(*fd);
        *fd = -1;
    }
    user_act_end();
    return st;
}
