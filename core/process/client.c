#include "process/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/sock.h"

static bool wait_for(struct client *c, short what)
{
    struct pollfd p = { .fd = c->fd, .events = what };
    int64_t left;
    int n;

    do {
        left = c->until_ms - clock_mono_ms();
        n = left > 0 ? poll(&p, 1, left > 60000 ? 60000 : (int)left) : -2;
    } while (n == 0 || (n == -1 && errno == EINTR));
    if (n == -2)
        errno = ETIMEDOUT;
    return n > 0;
}

/* EAGAIN of a Unix socket's connect is a full backlog: somebody is there. */
enum status client_open(struct client *c, const char *dir, const char *name, int64_t timeout_ms, struct why *why)
{
    char path[128];
    struct sock_addr to = { 0 };
    enum status st;
    struct why mine = { 0 };

    *c = (struct client){ .fd = -1, .until_ms = clock_mono_ms() + timeout_ms };
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
        return why_set(why, ST_NEVER, "the path %s/%s is too long for a socket", dir, name);
    to.path = str_of(path);
    while ((st = sock_connect(&to, NULL, &c->fd, &mine)) != ST_OK && mine.err == EAGAIN && clock_mono_ms() < c->until_ms)
        poll(NULL, 0, 20);
    if (st == ST_OK)
        return ST_OK;
    if (why)
        *why = mine;
    return mine.err == ENOENT || mine.err == ECONNREFUSED ? ST_NONE : st;
}

enum status client_send(struct client *c, struct str s, struct why *why)
{
    while (s.n > 0) {
        ssize_t n = send(c->fd, s.p, s.n, MSG_NOSIGNAL);

        if (n > 0)
            s = str_from(s, (size_t)n);
        else if (errno != EINTR && (errno != EAGAIN || !wait_for(c, POLLOUT)))
            return why_errno(why, ST_AGAIN, "talk to the engine");
    }
    return ST_OK;
}

enum status client_line(struct client *c, size_t max, struct str *line, struct why *why)
{
    buf_drop(&c->in, c->line);
    c->line = 0;
    for (;;) {
        size_t lf = str_find(buf_str(&c->in), '\n');
        ssize_t n;

        if (lf != SIZE_MAX) {
            *line = str_head(buf_str(&c->in), lf);
            c->line = lf + 1;
            return ST_OK;
        }
        if (c->in.n > max)
            return why_set(why, ST_AGAIN, "the engine's answer is too long");
        n = recv(c->fd, buf_room(&c->in, 4096), 4096, 0);
        if (n > 0)
            buf_grew(&c->in, (size_t)n);
        else if (n == 0)
            return why_set(why, ST_NONE, "the engine closed the connection");
        else if (errno != EINTR && (errno != EAGAIN || !wait_for(c, POLLIN)))
            return why_errno(why, ST_AGAIN, "wait for the engine");
    }
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_free(&c->in);
}
