#include "engine/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fault.h"
#include "engine/local_wire.h"
#include "engine/user.h"

enum { MOST = 20, LOWEST_UID = 100, DEFAULT_MS = 300000, MESSAGE_MAX = 256 * 1024 * 1024 };

/* An order as it came: hostile until checked, though only workers can send one. */
struct order {
    struct local_order o;
    char space[LOCAL_TEXT_MAX];
    struct str user;
    struct appendfile file;
    int fd;
};

/* ---- reading an order */

static int take_fd(struct msghdr *msg)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fd = -1;

    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static bool cut_texts(struct order *r, size_t n)
{
    struct str text[LOCAL_TEXTS], rest = { r->space, n };

    for (int i = 0; i < LOCAL_TEXTS; i++) {
        if (r->o.length[i] > rest.n)
            return false;
        text[i] = str_head(rest, r->o.length[i]);
        rest = str_from(rest, text[i].n);
        if (str_find(text[i], 0) != SIZE_MAX)
            return false;
    }
    r->user = text[0];
    r->file.root = text[1];
    r->file.rest = text[2];
    r->file.hostname = text[3];
    r->file.file_name = text[4];
    r->file.tag = text[5];
    return rest.n == 0;
}

static void set_file(struct order *r)
{
    const struct local_order *o = &r->o;
    struct appendfile *f = &r->file;

    f->directory = o->flags & LOCAL_DIRECTORY;
    f->maildir = o->flags & LOCAL_MAILDIR;
    f->create_directory = o->flags & LOCAL_CREATE;
    f->file_must_exist = o->flags & LOCAL_MUST_EXIST;
    f->check_owner = o->flags & LOCAL_OWNER;
    f->check_group = o->flags & LOCAL_GROUP;
    f->mode_fail_narrower = o->flags & LOCAL_NARROWER;
    f->lockfile = o->flags & LOCAL_LOCKFILE;
    f->fcntl_lock = o->flags & LOCAL_FCNTL;
    f->mode = o->mode & 0777;
    f->directory_mode = o->directory_mode & 0777;
    f->lockfile_mode = o->lockfile_mode & 0777;
    f->lock_retries = o->lock_retries;
    f->lock_interval = o->lock_interval;
    f->lock_fcntl_timeout = o->lock_fcntl_timeout;
    f->lockfile_timeout = o->lockfile_timeout;
    f->wall_us = o->wall_us;
    f->serial = o->serial;
}

/* 1: an order; 0: nothing or rubbish; -1: no worker can ask any more. */
static int read_order(int sock, struct order *r)
{
    struct iovec part[2] = { { &r->o, sizeof r->o }, { r->space, sizeof r->space } };
    union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
    struct msghdr msg = { .msg_iov = part, .msg_iovlen = 2, .msg_control = control.space,
                          .msg_controllen = sizeof control.space };
    ssize_t n;

    memset(r, 0, sizeof *r);
    n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    r->fd = take_fd(&msg);
    if (r->fd >= 0 && (size_t)n >= sizeof r->o && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        && r->o.magic == LOCAL_MAGIC && cut_texts(r, (size_t)n - sizeof r->o)) {
        set_file(r);
        return 1;
    }
    if (r->fd >= 0)
        close(r->fd);
    return 0;
}

/* ---- what is allowed (R7.3) */

static bool is_never(const struct local_limits *l, const struct user *u)
{
    for (size_t i = 0; i < l->nnever; i++) {
        struct user never;
        enum status st;

        if (str_same(l->never[i], str_of(u->name)))
            return true;
        /* Another name of the same uid is the same user; not to know is no permission. */
        st = user_find(l->never[i], &never, NULL);
        if (st == ST_AGAIN || (st == ST_OK && never.uid == u->uid))
            return true;
    }
    return false;
}

static enum status find_user(const struct local_limits *l, struct str name, struct user *u, struct why *why)
{
    uint32_t lowest = l->lowest_uid ? l->lowest_uid : LOWEST_UID;
    enum status st = user_find(name, u, why);

    if (st != ST_OK)
        return st == ST_NONE ? ST_AGAIN : st;       /* an account may be made, or its directory come back */
    if (u->uid == 0 || u->gid == 0)
        return why_set(why, ST_AGAIN, "delivery as user %s is refused: it is root's", u->name);
    if (u->uid < lowest)
        return why_set(why, ST_AGAIN, "delivery as user %s is refused: uid %u is below %u", u->name, (unsigned)u->uid, lowest);
    if (is_never(l, u))
        return why_set(why, ST_AGAIN, "delivery as user %s is refused: it is one of never_users", u->name);
    u->drop = true;
    return ST_OK;
}

static bool path_clean(struct str path)
{
    struct str part;

    if (path.n == 0 || path.p[0] != '/')
        return false;
    for (path = str_from(path, 1); str_cut(&path, '/', &part);) {
        if (part.n == 0 || str_same(part, STR(".")) || str_same(part, STR("..")))
            return false;
        for (size_t i = 0; i < part.n; i++)
            if ((unsigned char)part.p[i] < 0x20 || part.p[i] == 0x7f)
                return false;
    }
    return true;
}

/* The longest of our roots that the path lies beneath becomes the trusted part;
 * what the worker called trusted is of no account here. */
static enum status find_root(const struct local_limits *l, struct arena *a, struct appendfile *f, struct why *why)
{
    struct str root = f->root, full, best = { NULL, 0 };

    while (root.n > 1 && root.p[root.n - 1] == '/')
        root.n--;
    full = root.n == 1 ? arena_printf(a, "/%.*s", STR_ARG(f->rest)) : arena_printf(a, "%.*s/%.*s", STR_ARG(root), STR_ARG(f->rest));
    while (full.n > 1 && full.p[full.n - 1] == '/')
        full.n--;
    if (!path_clean(full))
        return why_set(why, ST_AGAIN, "delivery to %.*s is refused: no clean path", STR_ARG(full));
    for (size_t i = 0; i < l->nroots; i++) {
        struct str r = l->roots[i];

        while (r.n > 1 && r.p[r.n - 1] == '/')
            r.n--;
        if (r.n > best.n && r.n > 1 && full.n > r.n + 1 && full.p[r.n] == '/' && str_starts(full, r))
            best = r;
    }
    if (!best.p)
        return why_set(why, ST_AGAIN, "delivery to %.*s is refused: not beneath local_delivery_roots", STR_ARG(full));
    f->root = best;
    f->rest = str_from(full, best.n + 1);
    return ST_OK;
}

/* ---- the message, whole before anything is touched */

static bool read_all(int fd, void *to, size_t n)
{
    char *p = to;

    while (n > 0) {
        ssize_t got = recv(fd, p, n, 0);

        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        p += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool keep(int memory, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = FAULT(WRITE) ? -1 : write(memory, p, n);

        if (put < 0 && errno != EINTR)
            return false;
        p += put > 0 ? put : 0;
        n -= put > 0 ? (size_t)put : 0;
    }
    return true;
}

static enum status read_message(int fd, int *memory, uint64_t *size, struct why *why)
{
    static char piece[LOCAL_PIECE_MAX];
    uint32_t n;

    *memory = memfd_create("message", MFD_CLOEXEC);
    if (*memory < 0)
        return why_errno(why, ST_AGAIN, "memory for the message");
    for (*size = 0;; *size += n) {
        if (!read_all(fd, &n, sizeof n))
            return why_set(why, ST_AGAIN, "the message did not come whole");
        if (n == 0)
            return ST_OK;
        if (n > sizeof piece || *size + n > MESSAGE_MAX)
            return why_set(why, ST_AGAIN, "the message is too big");
        if (!read_all(fd, piece, n))
            return why_set(why, ST_AGAIN, "the message did not come whole");
        if (!keep(*memory, piece, n))
            return why_errno(why, ST_AGAIN, "keep the message");
    }
}

static ssize_t read_memory(void *ctx, uint64_t offset, char *p, size_t n)
{
    return pread(*(int *)ctx, p, n, (off_t)offset);
}

/* ---- one delivery: a child that becomes the user */

static void answer(int fd, enum status st, uint64_t written, const char *text)
{
    struct local_result r = { .magic = LOCAL_MAGIC, .status = (uint32_t)st, .written = written };

    snprintf(r.text, sizeof r.text, "%s", text);
    (void)!send(fd, &r, sizeof r, MSG_NOSIGNAL);
}

static enum status act(const struct local_limits *l, struct order *r, uint64_t *written, struct why *why)
{
    struct arena a = { 0 };
    struct user user;
    int memory = -1;
    uint64_t size = 0;
    enum status st;

    if ((st = find_root(l, &a, &r->file, why)) != ST_OK || (st = find_user(l, r->user, &user, why)) != ST_OK
        || (st = read_message(r->fd, &memory, &size, why)) != ST_OK)
        return st;
    umask(077);
    if (FAULT(HELPER) || chdir("/") < 0 || user_become(&user, why) != ST_OK)
        return why->text[0] ? ST_AGAIN : why_errno(why, ST_AGAIN, "become user %s", user.name);
    CRASH_POINT("local.became");
    r->file.content = (struct content){ .read = read_memory, .ctx = &memory, .body_size = size, .crlf = true, .body_only = true };
    appendfile_deliver(&r->file);
    *written = r->file.written;
    *why = r->file.why;
    return r->file.status;
}

static _Noreturn void child(const struct local_limits *l, struct order *r, pid_t parent)
{
    struct rlimit none = { 0, 0 };
    int64_t ms = r->o.timeout_ms > 0 && r->o.timeout_ms < 3600000 ? r->o.timeout_ms : DEFAULT_MS;
    struct why why = { 0 };
    uint64_t written = 0;
    enum status st;
    sigset_t set;

    user_keep_only(&r->fd, 1);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm((unsigned)(ms / 1000) + 1);       /* the limit needs nobody to keep it */
    setrlimit(RLIMIT_CORE, &none);
    if (!user_tie(parent))
        _exit(EX_OSERR);
    st = act(l, r, &written, &why);
    answer(r->fd, st, written, why.text);
    _exit(0);
}

static void start_child(const struct local_limits *l, struct order *r, unsigned *running)
{
    pid_t parent = getpid(), pid = FAULT(FORK) ? -1 : fork();

    if (pid == 0)
        child(l, r, parent);
    if (pid > 0)
        (*running)++;
    else
        answer(r->fd, ST_AGAIN, 0, "the local process cannot fork");
    close(r->fd);
}

static void reap(unsigned *running)
{
    while (*running > 0 && waitpid(-1, NULL, WNOHANG) > 0)
        (*running)--;
}

/* Beyond `most` orders wait in the socket; when that is full, a delivery is put off. */
int local_serve(int fd, const struct local_limits *limits)
{
    static struct order order;
    unsigned most = limits->most ? limits->most : MOST, running = 0;
    struct signalfd_siginfo si;
    struct pollfd p[2] = { { .fd = fd }, { .events = POLLIN } };
    sigset_t set;
    int got = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    p[1].fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (p[1].fd < 0)
        return EX_OSERR;
    while (got >= 0) {
        p[0].events = running < most ? POLLIN : 0;
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        while (read(p[1].fd, &si, sizeof si) > 0)
            ;
        reap(&running);
        if (running < most && (got = read_order(fd, &order)) > 0)
            start_child(limits, &order, &running);
    }
    while (running > 0 && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
        running--;
    close(p[1].fd);
    return 0;
}
