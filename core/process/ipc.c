#include "process/ipc.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"

static const struct { bool to_master, fd; uint32_t most; } row[IPC_TYPE_COUNT] = {
#define X(name, to_master, fd, most) { to_master, fd, most },
    IPC_TYPES(X)
#undef X
};

struct head { uint32_t type, a, b, length; int64_t n; };

union control {
    char space[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

bool ipc_pair(int fd[2])
{
    int size = 4 * (IPC_TEXT_MAX + 4096);

    if (FAULT(SOCKET) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
        return false;
    for (int i = 0; i < 2; i++)
        setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return true;
}

bool ipc_send(int sock, const struct ipc *m)
{
    struct str text = str_head(m->text, row[m->type].most);
    struct head head = { (uint32_t)m->type, m->a, m->b, (uint32_t)text.n, m->n };
    struct iovec part[2] = { { &head, sizeof head }, { (void *)text.p, text.n } };
    union control control = { 0 };
    struct msghdr msg = { .msg_iov = part, .msg_iovlen = text.n ? 2 : 1 };
    struct pollfd ready = { .fd = sock, .events = POLLOUT };

    if (row[m->type].fd) {
        struct cmsghdr *c;

        msg.msg_control = control.space;
        msg.msg_controllen = sizeof control.space;
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
    }
    while (FAULT(SEND) || sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
        if (errno != EINTR && (errno != EAGAIN || poll(&ready, 1, 1000) <= 0))
            return false;
    return true;
}

/* Every descriptor that came is taken, so that none is lost when the packet is
 * bad; more than one is bad. */
static bool take_fd(struct msghdr *msg, int *fd)
{
    bool good = !(msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC));

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int one;

            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (*fd < 0) {
                *fd = one;
            } else {
                close(one);
                good = false;
            }
        }
    }
    return good;
}

enum ipc_end ipc_recv(int sock, bool at_master, struct arena *a, struct ipc *m)
{
    static char space[sizeof(struct head) + IPC_TEXT_MAX];      /* one loop a process reads links */
    struct iovec part = { space, sizeof space };
    union control control;
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                          .msg_controllen = sizeof control.space };
    struct head head;
    ssize_t n = FAULT(RECV) ? -1 : recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    bool good;

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? IPC_NOTHING : IPC_CLOSED;
    if (n == 0)
        return IPC_CLOSED;
    *m = (struct ipc){ .fd = -1 };
    good = take_fd(&msg, &m->fd) && (size_t)n >= sizeof head;
    if (good) {
        memcpy(&head, space, sizeof head);
        good = head.type < IPC_TYPE_COUNT && row[head.type].to_master == at_master
            && head.length == (size_t)n - sizeof head && head.length <= row[head.type].most
            && row[head.type].fd == (m->fd >= 0);
    }
    if (!good) {
        if (m->fd >= 0)
            close(m->fd);
        m->fd = -1;
        return IPC_BAD;
    }
    m->type = (enum ipc_type)head.type;
    m->a = head.a;
    m->b = head.b;
    m->n = head.n;
    m->text = arena_dup(a, (struct str){ space + sizeof head, head.length });
    return IPC_GOT;
}
