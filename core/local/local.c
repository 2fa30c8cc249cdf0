#include "local/local.h"

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
#include "local/local_wire.h"
#include "local/notes.h"
#include "local/user.h"

enum { MOST = 20, LOWEST_UID = 100, DEFAULT_MS = 300000, MOST_MS = 24 * 3600 * 1000, MESSAGE_MAX = 256 * 1024 * 1024 };

/* An order as it came: hostile until checked, though only workers can send one. */
struct order {
    struct local_order o;
    char space[LOCAL_TEXT_MAX];
    struct str user, group;
    struct appendfile file;
    struct str directory, argv, env;
    struct str once, text_file, log, key, line;
    int fd, out_fd;
};

/* ---- reading an order */

static void take_fds(struct msghdr *msg, struct order *r)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fds[2] = { -1, -1 };

    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS
        && (c->cmsg_len == CMSG_LEN(sizeof(int)) || c->cmsg_len == CMSG_LEN(2 * sizeof(int))))
        memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
    r->fd = fds[0];
    r->out_fd = fds[1];
}

static bool cut_texts(struct order *r, size_t n)
{
    struct str text[LOCAL_TEXTS], rest = { r->space, n };

    for (int i = 0; i < LOCAL_TEXTS; i++) {
        bool strings = r->o.kind == LOCAL_PROGRAM && (i == (int)LOCAL_T_argv || i == (int)LOCAL_T_env);

        if (r->o.length[i] > rest.n)
            return false;
        text[i] = str_head(rest, r->o.length[i]);
        rest = str_from(rest, text[i].n);
        if (strings ? text[i].n && text[i].p[text[i].n - 1] != 0 : str_find(text[i], 0) != SIZE_MAX)
            return false;
    }
    r->user = text[LOCAL_T_user];
    r->group = text[LOCAL_T_group];
    if (r->o.kind == LOCAL_PROGRAM) {
        r->directory = text[LOCAL_T_directory];
        r->argv = text[LOCAL_T_argv];
        r->env = text[LOCAL_T_env];
    } else if (r->o.kind != LOCAL_FILE) {
        r->once = text[LOCAL_T_once];
        r->text_file = text[LOCAL_T_file];
        r->log = text[LOCAL_T_log];
        r->key = text[LOCAL_T_key];
        r->line = text[LOCAL_T_line];
    } else {
#define X(name) r->file.name = text[LOCAL_T_##name];
        APPENDFILE_TEXTS(X)
#undef X
    }
    return rest.n == 0;
}

static void set_file(struct order *r)
{
    const struct local_order *o = &r->o;
    struct appendfile *f = &r->file;

#define X(name) f->name = o->flags >> LOCAL_F_##name & 1;
    APPENDFILE_FLAGS(X)
#undef X
#define X(name) f->name = o->number[LOCAL_N_##name];
    APPENDFILE_NUMBERS(X)
#undef X
    f->mode &= 0777;
    f->directory_mode &= 0777;
    f->lockfile_mode &= 0777;
}

static void close_fds(struct order *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->out_fd >= 0)
        close(r->out_fd);
}

/* 1: an order; 0: nothing or rubbish; -1: no worker can ask any more. */
static int read_order(int sock, struct order *r)
{
    struct iovec part[2] = { { &r->o, sizeof r->o }, { r->space, sizeof r->space } };
    union { char space[CMSG_SPACE(2 * sizeof(int))]; struct cmsghdr align; } control;
    struct msghdr msg = { .msg_iov = part, .msg_iovlen = 2, .msg_control = control.space,
                          .msg_controllen = sizeof control.space };
    ssize_t n;

    memset(&r->o, 0, sizeof r->o);
    r->file = (struct appendfile){ 0 };
    n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    take_fds(&msg, r);
    if (r->fd >= 0 && (size_t)n >= sizeof r->o && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        && r->o.magic == LOCAL_MAGIC && r->o.kind <= LOCAL_KEEP && cut_texts(r, (size_t)n - sizeof r->o)) {
        set_file(r);
        return 1;
    }
    close_fds(r);
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

/* Mailboxes may belong to another group, as /var/mail's do to "mail"; a program
 * would have all rights of a group, so it gets none its user has not. */
static enum status find_group(const struct order *r, struct user *u, struct why *why)
{
    enum status st;
    gid_t gid;

    u->alone = !(r->o.flags & LOCAL_INITGROUPS);
    if (r->group.n == 0)
        return ST_OK;
    st = user_group(r->group, &gid, why);
    if (st != ST_OK)
        return ST_AGAIN;
    if (gid == 0 || (r->o.kind == LOCAL_PROGRAM && !user_in_group(u, gid)))
        return why_set(why, ST_AGAIN, "delivery as group %.*s is refused: user %s is not in it", STR_ARG(r->group), u->name);
    u->gid = gid;
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

/* Cuts a whole path after the longest of our roots that it lies beneath. */
static enum status cut_root(const struct local_limits *l, struct str full, struct str *root, struct str *rest, struct why *why)
{
    struct str best = { NULL, 0 };

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
    *root = best;
    *rest = str_from(full, best.n + 1);
    return ST_OK;
}

/* What the worker called trusted is of no account here. */
static enum status find_root(const struct local_limits *l, struct arena *a, struct appendfile *f, struct why *why)
{
    struct str root = f->root, full;

    while (root.n > 1 && root.p[root.n - 1] == '/')
        root.n--;
    full = root.n == 1 ? arena_printf(a, "/%.*s", STR_ARG(f->rest)) : arena_printf(a, "%.*s/%.*s", STR_ARG(root), STR_ARG(f->rest));
    while (full.n > 1 && full.p[full.n - 1] == '/')
        full.n--;
    return cut_root(l, full, &f->root, &f->rest, why);
}

/* Every file of an autoreply that is named. */
static enum status find_notes(const struct local_limits *l, const struct order *r, struct why *why)
{
    const struct str paths[] = { r->once, r->text_file, r->log };
    enum status st = ST_OK;
    struct str root, rest;

    for (size_t i = 0; i < 3 && st == ST_OK; i++)
        if (paths[i].n)
            st = cut_root(l, paths[i], &root, &rest, why);
    return st;
}

/* A program itself, or the directory it lies in. */
static enum status find_program(const struct local_limits *l, struct order *r, struct why *why)
{
    struct str path = r->argv.n ? str_of(r->argv.p) : STR("");

    if (!path_clean(path))
        return why_set(why, ST_AGAIN, "\"%.*s\" is no clean path of a program", STR_ARG(path));
    for (size_t i = 0; i < l->nprograms; i++) {
        struct str p = l->programs[i];

        while (p.n > 1 && p.p[p.n - 1] == '/')
            p.n--;
        if (p.n > 1 && str_starts(path, p) && (path.n == p.n || path.p[p.n] == '/'))
            return ST_OK;
    }
    return why_set(why, ST_AGAIN, "running %.*s as user %.*s is refused: it is not among local_delivery_programs",
                   STR_ARG(path), STR_ARG(r->user));
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

static void send_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

        if (n <= 0 && errno != EINTR)
            return;
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
}

static void answer(int fd, const struct local_end *e)
{
    struct local_result r = {
        .magic = LOCAL_MAGIC, .status = (uint32_t)e->status, .written = e->written, .format = e->format, .unread_s = e->unread_s,
        .flags = (e->full ? LOCAL_R_FULL : 0) | (e->warn ? LOCAL_R_WARN : 0) | (e->late ? LOCAL_R_LATE : 0)
               | (e->too_much ? LOCAL_R_TOO_MUCH : 0),
        .err = e->why.err, .exit_status = e->exit_status, .signal = e->signal, .output = (uint32_t)e->output.n,
    };

    snprintf(r.text, sizeof r.text, "%s", e->why.text);
    send_all(fd, (struct str){ (const char *)&r, sizeof r });
    send_all(fd, e->output);
}

/* "a\0b\0" as pointers, ended by NULL. */
static char **pointers(struct arena *a, struct str s)
{
    size_t n = 0;
    char **v;

    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == 0;
    v = arena_array(a, char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        v[i] = arena_z(a, str_of(s.p));
        s = str_from(s, strlen(s.p) + 1);
    }
    v[n] = NULL;
    return v;
}

static void to_file(struct order *r, int *memory, uint64_t size, struct local_end *end)
{
    struct appendfile *f = &r->file;

    f->content = (struct content){ .read = read_memory, .ctx = memory, .body_size = size, .crlf = true, .body_only = true };
    appendfile_deliver(f);
    *end = (struct local_end){ .status = f->status, .why = f->why, .written = f->written, .full = f->full, .warn = f->warn,
                               .unread_s = f->unread_s, .format = f->format };
}

/* Into the directory that holds a file, by the root and then without following a
 * link: what lies below a root may be anybody's. Its own name is left. */
static const char *enter(const struct local_limits *l, struct arena *a, struct str path, struct why *why)
{
    struct str root, rest, part;
    struct appendfile no = { 0 };
    int dir, next;

    if (cut_root(l, path, &root, &rest, why) != ST_OK)
        return NULL;
    dir = open(arena_z(a, root), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (dir >= 0 && str_cut(&rest, '/', &part) && rest.n) {
        next = appendfile_step(&no, dir, arena_z(a, part));
        close(dir);
        dir = next;
    }
    if (dir < 0 || fchdir(dir) < 0) {
        why_errno(why, ST_AGAIN, "open the directory of %.*s", STR_ARG(path));
        return NULL;
    }
    close(dir);
    return arena_z(a, part);
}

/* One file of an autoreply at a time: each has a directory of its own. */
static enum status with_file(const struct local_limits *l, struct arena *a, const struct order *r, struct str path, const char **name,
                             struct notes *n, struct why *why)
{
    struct why inner = { 0 };
    enum status st;

    if (path.n == 0)
        return ST_OK;
    *name = enter(l, a, path, why);
    if (!*name)
        return ST_AGAIN;
    st = r->o.kind == LOCAL_KEEP ? notes_keep(n, &inner) : notes_look(n, &inner);
    *name = NULL;
    if (st == ST_OK)
        return ST_OK;
    why_set(why, st, "%s (%.*s as another user)", inner.text, STR_ARG(path));
    why->err = inner.err;
    return st;
}

static void to_notes(const struct local_limits *l, struct arena *a, const struct order *r, struct buf *out, struct local_end *end)
{
    struct notes n = {
        .file_optional = r->o.flags & LOCAL_OPTIONAL, .once_size = r->o.number[LOCAL_N_once_size],
        .mode = (mode_t)r->o.number[LOCAL_N_notes_mode] & 0777, .now = r->o.number[LOCAL_N_now], .key = r->key, .line = r->line,
    };

    end->status = with_file(l, a, r, r->once, &n.once, &n, &end->why);
    if (r->o.kind == LOCAL_LOOK && end->status == ST_OK)
        end->status = with_file(l, a, r, r->text_file, &n.file, &n, &end->why);
    if (r->o.kind == LOCAL_KEEP)
        with_file(l, a, r, r->log, &n.log, &n, &(struct why){ 0 });
    end->unread_s = n.seen;
    *out = n.text;
    end->output = buf_str(out);
}

static bool talks(const struct order *r)
{
    return r->o.kind == LOCAL_PROGRAM && r->o.flags & LOCAL_TALK && r->out_fd >= 0;
}

static void to_program(struct arena *a, struct order *r, int memory, int64_t ms, struct buf *out, struct local_end *end)
{
    int64_t most = r->o.number[LOCAL_N_output_max];
    struct local_run run = {
        .argv = pointers(a, r->argv), .envp = pointers(a, r->env), .directory = r->directory.n ? arena_z(a, r->directory) : "/",
        .umask = (mode_t)r->o.number[LOCAL_N_umask] & 0777, .timeout_ms = ms,
        .output_max = most > 0 && most < LOCAL_OUTPUT_MAX ? (size_t)most : LOCAL_OUTPUT_MAX,
        .file_max = (uint64_t)r->o.number[LOCAL_N_file_max], .input = memory, .out_fd = r->out_fd,
        .asker = talks(r) ? r->fd : -1,
    };

    local_program_run(&run, out, end);
}

static enum status allowed(const struct local_limits *l, struct arena *a, struct order *r, struct user *user, struct why *why)
{
    enum status st = r->o.kind == LOCAL_PROGRAM ? find_program(l, r, why)
                   : r->o.kind == LOCAL_FILE ? find_root(l, a, &r->file, why) : find_notes(l, r, why);

    if (st == ST_OK)
        st = find_user(l, r->user, user, why);
    return st == ST_OK ? find_group(r, user, why) : st;
}

static void act(const struct local_limits *l, struct order *r, int64_t ms, struct buf *out, struct local_end *end)
{
    struct arena a = { 0 };
    struct user user;
    int memory = -1;
    uint64_t size = 0;

    if ((end->status = allowed(l, &a, r, &user, &end->why)) != ST_OK
        || (!talks(r) && r->o.kind <= LOCAL_PROGRAM && (end->status = read_message(r->fd, &memory, &size, &end->why)) != ST_OK))
        return;
    umask(077);
    if (FAULT(HELPER) || chdir("/") < 0 || user_become(&user, &end->why) != ST_OK) {
        end->status = end->why.text[0] ? ST_AGAIN : why_errno(&end->why, ST_AGAIN, "become user %s", user.name);
        return;
    }
    CRASH_POINT("local.became");
    if (r->o.kind == LOCAL_PROGRAM)
        to_program(&a, r, memory, ms, out, end);
    else if (r->o.kind != LOCAL_FILE)
        to_notes(l, &a, r, out, end);
    else
        to_file(r, &memory, size, end);
}

static _Noreturn void child(const struct local_limits *l, struct order *r, pid_t parent)
{
    struct rlimit none = { 0, 0 };
    int64_t asked = r->o.number[LOCAL_N_timeout_ms], ms = asked > 0 && asked <= MOST_MS ? asked : DEFAULT_MS;
    struct local_end end = { .status = ST_AGAIN };
    struct buf out = { 0 };
    int keep[2] = { r->fd, r->out_fd };
    sigset_t set;

    user_keep_only(keep, r->out_fd >= 0 ? 2 : 1);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGALRM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    alarm((unsigned)(ms / 1000) + (r->o.kind == LOCAL_PROGRAM ? 6 : 1));        /* the limit needs nobody to keep it */
    setrlimit(RLIMIT_CORE, &none);
    if (!user_tie(parent))
        _exit(EX_OSERR);
    act(l, r, ms, &out, &end);
    answer(r->fd, &end);
    _exit(0);
}

static void start_child(const struct local_limits *l, struct order *r, unsigned *running)
{
    struct local_end failed = { .status = ST_AGAIN, .why = { .text = "the local process cannot fork" } };
    pid_t parent = getpid(), pid = FAULT(FORK) ? -1 : fork();

    if (pid == 0)
        child(l, r, parent);
    if (pid > 0)
        (*running)++;
    else
        answer(r->fd, &failed);
    close_fds(r);
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
