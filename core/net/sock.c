#include "net/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

union any_addr {
    struct sockaddr sa;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static bool parse_port(struct str text, uint16_t *port)
{
    uint64_t v;

    if (!str_u64(text, 65535, &v))
        return false;
    *port = (uint16_t)v;
    return true;
}

bool sock_parse(struct arena *a, struct str text, uint16_t def, struct sock_addr *out)
{
    struct sock_addr sa = { .port = def };
    struct str host = text;
    size_t at;

    if (text.n > 0 && text.p[0] == '/') {
        *out = (struct sock_addr){ .path = arena_dup(a, text) };
        return text.n < sizeof(((struct sockaddr_un *)0)->sun_path) && str_find(text, 0) == SIZE_MAX;
    }
    if (text.n > 0 && text.p[0] == '[') {
        at = str_find(text, ']');
        if (at == SIZE_MAX)
            return false;
        host = str_head(str_from(text, 1), at - 1);
        text = str_from(text, at + 1);
        if (text.n > 0 && (text.p[0] != ':' || !parse_port(str_from(text, 1), &sa.port)))
            return false;
    } else if ((at = str_find(text, ':')) != SIZE_MAX && at == str_rfind(text, ':')) {
        host = str_head(text, at);
        if (!parse_port(str_from(text, at + 1), &sa.port))
            return false;
    }
    if (!ip_parse(host, &sa.ip))
        return false;
    *out = sa;
    return true;
}

struct str sock_text(struct arena *a, const struct sock_addr *sa)
{
    struct str ip;

    if (sa->path.n > 0 || sa->ip.v == IP_NONE)
        return arena_dup(a, sa->path);
    ip = ip_text(a, sa->ip);
    return arena_printf(a, sa->ip.v == IP_V6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(ip), sa->port);
}

/* Length of the kernel's form, 0 if there is none. */
static socklen_t to_kernel(const struct sock_addr *sa, union any_addr *k)
{
    memset(k, 0, sizeof *k);
    if (sa->path.n > 0) {
        if (sa->path.n >= sizeof k->un.sun_path)
            return 0;
        k->un.sun_family = AF_UNIX;
        memcpy(k->un.sun_path, sa->path.p, sa->path.n);
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sa->path.n + 1);
    }
    if (sa->ip.v == IP_V4) {
        k->in4.sin_family = AF_INET;
        k->in4.sin_port = htons(sa->port);
        memcpy(&k->in4.sin_addr, sa->ip.b, 4);
        return sizeof k->in4;
    }
    if (sa->ip.v == IP_V6) {
        k->in6.sin6_family = AF_INET6;
        k->in6.sin6_port = htons(sa->port);
        memcpy(&k->in6.sin6_addr, sa->ip.b, 16);
        return sizeof k->in6;
    }
    return 0;
}

/* A peer on a socket that takes both families shows IPv4 as mapped IPv6; it is
 * IPv4 to every list and rule. */
static void from_kernel(const union any_addr *k, struct sock_addr *sa)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    *sa = (struct sock_addr){ 0 };
    if (k->sa.sa_family == AF_INET) {
        sa->ip.v = IP_V4;
        memcpy(sa->ip.b, &k->in4.sin_addr, 4);
        sa->port = ntohs(k->in4.sin_port);
    } else if (k->sa.sa_family == AF_INET6) {
        const uint8_t *b = k->in6.sin6_addr.s6_addr;
        bool v4 = memcmp(b, mapped, sizeof mapped) == 0;

        sa->ip.v = v4 ? IP_V4 : IP_V6;
        memcpy(sa->ip.b, v4 ? b + 12 : b, v4 ? 4 : 16);
        sa->port = ntohs(k->in6.sin6_port);
    }
}

static int sock_new(const union any_addr *k)
{
    return FAULT(SOCKET) ? -1 : socket(k->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* What a killed engine leaves at a path. The caller holds the spool's lock, so
 * nobody listens there. */
static void remove_stale(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
}

enum status sock_listen(const struct sock_addr *at, int backlog, int *out, struct why *why)
{
    struct arena a = { 0 };
    struct str name = sock_text(&a, at);
    union any_addr k;
    socklen_t n = to_kernel(at, &k);
    enum status st = ST_OK;
    int fd = -1, on = 1;

    if (n == 0) {
        st = why_set(why, ST_NEVER, "cannot listen on %.*s: no such kind of address", STR_ARG(name));
        goto done;
    }
    if ((fd = sock_new(&k)) < 0) {
        st = why_errno(why, ST_AGAIN, "socket for %.*s", STR_ARG(name));
        goto done;
    }
    if (k.sa.sa_family == AF_UNIX) {
        remove_stale(k.un.sun_path);
    } else {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);   /* accepted sockets inherit it */
    }
    if (k.sa.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &k.sa, n) < 0 || FAULT(SOCKET) || listen(fd, backlog) < 0) {
        st = why_errno(why, ST_AGAIN, "listen on %.*s", STR_ARG(name));
        goto done;
    }
    *out = fd;
    fd = -1;

done:
    if (fd >= 0)
        close(fd);
    arena_free(&a);
    return st;
}

/* The port is chosen at connect, when the kernel knows the other end: binding
 * first would run out of ports at 28,000 connections over all destinations. */
static bool bind_from(int fd, const struct sock_addr *from)
{
    union any_addr k;
    socklen_t n = to_kernel(from, &k);
    int on = 1;

    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return n > 0 && bind(fd, &k.sa, n) == 0;
}

enum status sock_connect(const struct sock_addr *to, const struct sock_addr *from, int *out, struct why *why)
{
    struct arena a = { 0 };
    struct str name = sock_text(&a, to);
    union any_addr k;
    socklen_t n = to_kernel(to, &k);
    enum status st = ST_OK;
    int fd = -1, on = 1;

    if (n == 0) {
        st = why_set(why, ST_NEVER, "cannot connect to %.*s: no such kind of address", STR_ARG(name));
        goto done;
    }
    if ((fd = sock_new(&k)) < 0) {
        st = why_errno(why, ST_AGAIN, "socket for %.*s", STR_ARG(name));
        goto done;
    }
    if (k.sa.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from && from->ip.v != IP_NONE && !bind_from(fd, from)) {
        st = why_errno(why, ST_AGAIN, "bind the local address for %.*s", STR_ARG(name));
        goto done;
    }
    if (FAULT(CONNECT) || (connect(fd, &k.sa, n) < 0 && errno != EINPROGRESS)) {
        st = why_errno(why, ST_AGAIN, "connect to %.*s", STR_ARG(name));
        goto done;
    }
    *out = fd;
    fd = -1;

done:
    if (fd >= 0)
        close(fd);
    arena_free(&a);
    return st;
}

/* RFC 2474 and its successors; a number is taken as it is. */
int sock_dscp(struct str s)
{
    static const struct { struct str name; int value; } names[] = {
        { STR_INIT("le"), 1 }, { STR_INIT("ef"), 46 }, { STR_INIT("lowcost"), 2 }, { STR_INIT("lowdelay"), 4 },
        { STR_INIT("reliability"), 1 }, { STR_INIT("throughput"), 2 },
        { STR_INIT("af11"), 10 }, { STR_INIT("af12"), 12 }, { STR_INIT("af13"), 14 }, { STR_INIT("af21"), 18 },
        { STR_INIT("af22"), 20 }, { STR_INIT("af23"), 22 }, { STR_INIT("af31"), 26 }, { STR_INIT("af32"), 28 },
        { STR_INIT("af33"), 30 }, { STR_INIT("af41"), 34 }, { STR_INIT("af42"), 36 }, { STR_INIT("af43"), 38 },
        { STR_INIT("cs0"), 0 }, { STR_INIT("cs1"), 8 }, { STR_INIT("cs2"), 16 }, { STR_INIT("cs3"), 24 },
        { STR_INIT("cs4"), 32 }, { STR_INIT("cs5"), 40 }, { STR_INIT("cs6"), 48 }, { STR_INIT("cs7"), 56 },
    };
    uint64_t n;

    if (str_u64(s, 63, &n))
        return (int)n;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_same_fold(names[i].name, s))
            return names[i].value;
    return -1;
}

void sock_datagram(const struct sock_addr *to, struct str bytes)
{
    union any_addr k;
    socklen_t n = to_kernel(to, &k);
    int fd = n == 0 || FAULT(SOCKET) ? -1 : socket(k.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    if (!FAULT(SEND))
        (void)!sendto(fd, bytes.p, bytes.n, MSG_NOSIGNAL, &k.sa, n);
    close(fd);
}

/* A kernel that refuses either has its reasons; mail goes out all the same. */
void sock_mark(int fd, bool keepalive, int dscp)
{
    int on = 1, tos = dscp * 4;

    if (keepalive)
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (dscp < 0)
        return;
    setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof tos);
}

void sock_nodelay(int fd, bool on)
{
    int yes = on;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

void sock_backlog_set(int listen_fd, int backlog)
{
    (void)!listen(listen_fd, backlog);
}

bool sock_backlog(int listen_fd, unsigned *waiting)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    if (getsockopt(listen_fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
        return false;
    *waiting = info.tcpi_unacked;       /* of a listening socket: Linux keeps the queue's length here */
    return true;
}

enum status sock_connected(int fd, struct why *why)
{
    int err = 0;
    socklen_t n = sizeof err;

    if (FAULT(CONNECT) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0)
        err = errno;
    if (err == 0)
        return ST_OK;
    errno = err;
    return why_errno(why, ST_AGAIN, "connect");
}

int sock_accept(int listen_fd, struct sock_addr *peer, struct sock_addr *local)
{
    union any_addr k = { 0 };
    socklen_t n = sizeof k;
    int fd = FAULT(SOCKET) ? -1 : accept4(listen_fd, &k.sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return -1;
    from_kernel(&k, peer);
    if (!sock_local(fd, local))
        *local = (struct sock_addr){ 0 };
    return fd;
}

bool sock_local(int fd, struct sock_addr *local)
{
    union any_addr k = { 0 };
    socklen_t n = sizeof k;

    if (getsockname(fd, &k.sa, &n) < 0)
        return false;
    from_kernel(&k, local);
    return true;
}
