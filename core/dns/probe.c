#include "dns/probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/rnd.h"
#include "dns/packet.h"

enum { TRIES = 2, WAIT_MS = 1500, TYPE_RRSIG = 46 };

struct asked {
    struct probe *probe;
    struct watch *watch;
    int fd;
    uint8_t id[2];
    bool answered, signed_;
    char name[64];
};

struct probe {
    struct loop *loop;
    struct timer timer;
    unsigned tries;
    probe_fn *done;
    void *ctx;
    struct asked v[SERVERS_MAX];
    size_t n;
};

void probe_stop(struct probe *p)
{
    if (!p)
        return;
    timer_clear(p->loop, &p->timer);
    for (size_t i = 0; i < p->n; i++) {
        watch_free(p->v[i].watch);
        if (p->v[i].fd >= 0)
            close(p->v[i].fd);
    }
    free(p);
}

static void finish(struct probe *p, enum probe_end end, const char *server)
{
    probe_fn *done = p->done;
    void *ctx = p->ctx;
    char name[64];

    snprintf(name, sizeof name, "%s", server);
    probe_stop(p);
    done(ctx, end, name);
}

static void send_question(struct asked *a)
{
    /* ". SOA IN", recursion desired; OPT: 1232 bytes, DO. */
    uint8_t q[] = { a->id[0], a->id[1], 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 6, 0, 1,
                    0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0x80, 0, 0, 0 };

    /* What is lost is asked again; what cannot be sent is silence. */
    if (!FAULT(DNS) && a->fd >= 0 && !a->answered && send(a->fd, q, sizeof q, MSG_NOSIGNAL) < 0)
        return;
}

/* Whether every server has spoken, and what that means. */
static void conclude(struct probe *p, bool time_is_up)
{
    bool any = false;

    for (size_t i = 0; i < p->n; i++) {
        if (p->v[i].answered && !p->v[i].signed_) {
            finish(p, PROBE_STRIPPED, p->v[i].name);
            return;
        }
        any |= p->v[i].answered;
        if (!p->v[i].answered && !time_is_up)
            return;
    }
    finish(p, any ? PROBE_SIGNED : PROBE_SILENT, "");
}

static void on_readable(void *ctx, int what)
{
    struct asked *a = ctx;
    char packet[4096];
    ssize_t n = recv(a->fd, packet, sizeof packet, 0);
    unsigned rcode;

    (void)what;
    if (n < 12 || memcmp(packet, a->id, 2) != 0 || !(packet[2] & 0x80))
        return;
    rcode = packet[3] & 15;
    /* SERVFAIL, or truncated: it may do better later. */
    if (rcode == 2 || packet[2] & 2)
        return;
    a->answered = true;
    a->signed_ = rcode == 0 && packet_holds((struct str){ packet, (size_t)n }, TYPE_RRSIG);
    watch_set(a->watch, 0);
    conclude(a->probe, false);
}

static void on_time(void *ctx)
{
    struct probe *p = ctx;

    if (p->tries++ == TRIES) {
        conclude(p, true);
        return;
    }
    for (size_t i = 0; i < p->n; i++)
        send_question(&p->v[i]);
    timer_set(p->loop, &p->timer, WAIT_MS);
}

static int open_socket(struct ip ip, uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    const struct sockaddr *to = ip.v == IP_V4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t n = ip.v == IP_V4 ? sizeof v4 : sizeof v6;
    int fd = FAULT(SOCKET) ? -1 : socket(to->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    memcpy(&v4.sin_addr, ip.b, 4);
    memcpy(&v6.sin6_addr, ip.b, 16);
    if (fd >= 0 && connect(fd, to, n) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct probe *probe_start(struct loop *l, const struct servers *s, probe_fn *done, void *ctx)
{
    struct probe *p = calloc(1, sizeof *p);
    struct arena text = { 0 };

    if (!p)
        die("out of memory");
    *p = (struct probe){ .loop = l, .done = done, .ctx = ctx, .n = s->n };
    p->timer.fn = on_time;
    p->timer.ctx = p;
    for (size_t i = 0; i < s->n; i++) {
        struct asked *a = &p->v[i];

        a->probe = p;
        rnd_bytes(a->id, sizeof a->id);
        snprintf(a->name, sizeof a->name, "%.*s#%u", STR_ARG(ip_text(&text, s->v[i].ip)), s->v[i].port);
        a->fd = open_socket(s->v[i].ip, s->v[i].port);
        if (a->fd < 0)
            continue;
        a->watch = watch_new(l, a->fd, on_readable, a);
        watch_set(a->watch, WATCH_READ);
    }
    arena_free(&text);
    timer_set(l, &p->timer, 0);
    return p;
}
