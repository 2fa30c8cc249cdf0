/*
 * local_link - the worker's side of local deliveries
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/local.h"
#include "local/local_wire.h"
#include "local/notes.h"

enum { DEFAULT_MS = 300000, GRACE_MS = 10000 };

struct local_link {
    struct loop *loop;
    int fd;
};

struct local_delivery {
    struct loop *loop;
    int fd;                     /* our end; -1: it never began */
    struct watch *watch;
    struct timer limit;
    struct job failed;
    local_source *source;
    local_done *done;
    void *ctx;
    struct buf out;
    struct buf output;          /* what a program printed */
    bool whole;                 /* everything of the message is in out or sent */
    struct local_result result;
    size_t got;                 /* bytes of result */
    struct why why;
};

struct local_link *local_link_new(struct loop *l, int fd)
{
    struct local_link *link = calloc(1, sizeof *link);

    if (!link)
        die("out of memory: the link to the local process");
    link->loop = l;
    link->fd = fd;
    return link;
}

void local_link_free(struct local_link *l)
{
    if (!l)
        return;
    close(l->fd);
    free(l);
}

static void delivery_free(struct local_delivery *d)
{
    watch_free(d->watch);
    timer_clear(d->loop, &d->limit);
    loop_forget(d->loop, &d->failed);
    if (d->fd >= 0)
        close(d->fd);
    buf_free(&d->out);
    buf_free(&d->output);
    free(d);
}

void local_cancel(struct local_delivery *d)
{
    delivery_free(d);
}

static void finish(struct local_delivery *d, enum status st)
{
    struct local_end end = {
        .status = st, .why = d->why, .written = d->result.written, .full = d->result.flags & LOCAL_R_FULL,
        .warn = d->result.flags & LOCAL_R_WARN, .unread_s = d->result.unread_s, .format = d->result.format,
        .late = d->result.flags & LOCAL_R_LATE, .too_much = d->result.flags & LOCAL_R_TOO_MUCH,
        .exit_status = d->result.exit_status, .signal = d->result.signal, .seen = d->result.unread_s,
    };
    struct buf output = d->output;
    local_done *done = d->done;
    void *ctx = d->ctx;

    d->output = (struct buf){ 0 };
    delivery_free(d);
    end.output = buf_str(&output);
    done(ctx, &end);
    buf_free(&output);
}

static void on_failed(void *ctx)
{
    finish(ctx, ST_AGAIN);
}

static void on_limit(void *ctx)
{
    struct local_delivery *d = ctx;

    why_set(&d->why, ST_AGAIN, "local delivery took too long");
    finish(d, ST_AGAIN);
}

/* ---- the message goes out */

static bool next_piece(struct local_delivery *d)
{
    struct buf piece = { 0 };
    enum content_end end = d->source(d->ctx, &piece);
    uint32_t zero = 0;

    for (struct str s = buf_str(&piece), part; s.n > 0; s = str_from(s, part.n)) {
        uint32_t n;

        part = str_head(s, LOCAL_PIECE_MAX);
        n = (uint32_t)part.n;
        buf_add(&d->out, (struct str){ (const char *)&n, sizeof n });
        buf_add(&d->out, part);
    }
    buf_free(&piece);
    if (end == CONTENT_END) {
        buf_add(&d->out, (struct str){ (const char *)&zero, sizeof zero });
        d->whole = true;
    }
    return end != CONTENT_ERROR;
}

/* False: d is gone. */
static bool send_more(struct local_delivery *d)
{
    ssize_t n;

    if (d->out.n == 0 && !d->whole && !next_piece(d)) {
        why_errno(&d->why, ST_AGAIN, "read the message");
        finish(d, ST_AGAIN);
        return false;
    }
    if (d->out.n > 0) {
        n = FAULT(SEND) ? -1 : send(d->fd, buf_str(&d->out).p, d->out.n, MSG_NOSIGNAL);
        if (n > 0)
            buf_drop(&d->out, (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            buf_clear(&d->out), d->whole = true;        /* it refused early: its result says why */
    }
    if (d->out.n == 0 && d->whole) {
        buf_free(&d->out);
        watch_set(d->watch, WATCH_READ);
    }
    return true;
}

/* ---- the result comes back */

static void broken(struct local_delivery *d)
{
    d->result = (struct local_result){ 0 };
    why_set(&d->why, ST_AGAIN, "the local process ended without a result");
    finish(d, ST_AGAIN);
}

/* 1: n bytes more, 0: not now, -1: d is gone. */
static ssize_t read_some(struct local_delivery *d, char *to, size_t room)
{
    ssize_t n = recv(d->fd, to, room, 0);

    if (n > 0)
        return n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    broken(d);
    return -1;
}

static bool result_good(const struct local_delivery *d)
{
    return d->result.magic == LOCAL_MAGIC && d->result.status <= ST_NEVER && d->result.output <= LOCAL_OUTPUT_MAX;
}

static void read_result(struct local_delivery *d)
{
    ssize_t n;

    while (d->got < sizeof d->result) {
        if ((n = read_some(d, (char *)&d->result + d->got, sizeof d->result - d->got)) <= 0)
            return;
        d->got += (size_t)n;
        if (d->got == sizeof d->result && !result_good(d)) {
            broken(d);
            return;
        }
    }
    while (d->output.n < d->result.output) {
        size_t left = d->result.output - d->output.n;

        if ((n = read_some(d, buf_room(&d->output, left), left)) <= 0)
            return;
        buf_grew(&d->output, (size_t)n);
    }
    d->result.text[sizeof d->result.text - 1] = 0;
    why_set(&d->why, ST_OK, "%s", d->result.text);
    d->why.err = d->result.err;
    finish(d, (enum status)d->result.status);
}

static void on_watch(void *ctx, int what)
{
    struct local_delivery *d = ctx;

    if (what & WATCH_WRITE && !send_more(d))
        return;
    if (what & WATCH_READ)
        read_result(d);
}

/* ---- the order */

/* Strings one behind the other, each with its NUL. */
static struct str strings(struct buf *b, char *const *z)
{
    for (; *z; z++) {
        buf_add(b, str_of(*z));
        buf_byte(b, 0);
    }
    return buf_str(b);
}

static void order_file(const struct appendfile *f, struct local_order *o, struct str *text)
{
    o->kind = LOCAL_FILE;
#define X(name) if (f->name) o->flags |= 1u << LOCAL_F_##name;
    APPENDFILE_FLAGS(X)
#undef X
#define X(name) o->number[LOCAL_N_##name] = f->name;
    APPENDFILE_NUMBERS(X)
#undef X
#define X(name) text[LOCAL_T_##name] = f->name;
    APPENDFILE_TEXTS(X)
#undef X
}

static void order_program(const struct local_program *p, struct local_order *o, struct str *text, struct buf *argv, struct buf *env)
{
    o->kind = LOCAL_PROGRAM;
    o->flags |= p->talk ? LOCAL_TALK : 0;
    o->number[LOCAL_N_umask] = p->umask;
    o->number[LOCAL_N_output_max] = (int64_t)p->output_max;
    o->number[LOCAL_N_file_max] = (int64_t)p->file_max;
    text[LOCAL_T_directory] = p->directory;
    text[LOCAL_T_argv] = strings(argv, p->argv);
    text[LOCAL_T_env] = strings(env, p->envp);
}

/* The mark of path() is for who opens a file; the other side knows the roots. */
static struct str unmarked(struct arena *a, const char *path)
{
    struct str s = path ? str_of(path) : STR(""), root, rest;

    if (str_find_str(s, STR("/./")) == SIZE_MAX || !appendfile_split(s, &root, &rest))
        return s;
    if (root.n == 1)
        root.n = 0;
    return arena_printf(a, "%.*s/%.*s", STR_ARG(root), STR_ARG(rest));
}

static void order_notes(const struct notes *n, bool keep, struct local_order *o, struct str *text, struct arena *a)
{
    o->kind = keep ? LOCAL_KEEP : LOCAL_LOOK;
    o->flags |= n->file_optional ? LOCAL_OPTIONAL : 0;
    o->number[LOCAL_N_notes_mode] = n->mode;
    o->number[LOCAL_N_once_size] = n->once_size;
    o->number[LOCAL_N_now] = n->now;
    text[LOCAL_T_once] = unmarked(a, n->once);
    text[LOCAL_T_file] = unmarked(a, n->file);
    text[LOCAL_T_log] = unmarked(a, n->log);
    text[LOCAL_T_key] = n->key;
    text[LOCAL_T_line] = n->line;
}

static bool send_packet(int sock, struct local_order *o, const struct str *text, const int *fds, size_t nfds)
{
    struct iovec part[1 + LOCAL_TEXTS] = { { o, sizeof *o } };
    union { char space[CMSG_SPACE(2 * sizeof(int))]; struct cmsghdr align; } control = { { 0 } };
    struct msghdr msg = { .msg_iov = part, .msg_iovlen = 1 + LOCAL_TEXTS, .msg_control = control.space,
                          .msg_controllen = CMSG_SPACE(nfds * sizeof(int)) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    size_t all = 0;

    for (int i = 0; i < LOCAL_TEXTS; i++) {
        o->length[i] = (uint32_t)text[i].n;
        part[1 + i] = (struct iovec){ (void *)text[i].p, text[i].n };
        all += text[i].n;
    }
    if (all > LOCAL_TEXT_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
    return !FAULT(HELPER) && sendmsg(sock, &msg, MSG_NOSIGNAL) >= 0;
}

static bool send_order(int sock, const struct local_want *w, int fd)
{
    struct str text[LOCAL_TEXTS] = { [LOCAL_T_user] = w->user, [LOCAL_T_group] = w->group };
    struct local_order o = { .magic = LOCAL_MAGIC, .flags = w->initgroups ? LOCAL_INITGROUPS : 0 };
    struct buf argv = { 0 }, env = { 0 };
    struct arena a = { 0 };
    int fds[2] = { fd, w->program ? w->program->out_fd : -1 };
    bool sent;

    if (w->program)
        order_program(w->program, &o, text, &argv, &env);
    else if (w->notes)
        order_notes(w->notes, w->keep, &o, text, &a);
    else
        order_file(w->file, &o, text);
    o.number[LOCAL_N_timeout_ms] = w->timeout_ms;
    sent = send_packet(sock, &o, text, fds, fds[1] >= 0 ? 2 : 1);
    buf_free(&argv);
    buf_free(&env);
    arena_free(&a);
    return sent;
}

static enum status begin(struct local_link *l, struct local_delivery *d, const struct local_want *w)
{
    int pair[2];
    bool sent;

    if (FAULT(SOCKET) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return why_errno(&d->why, ST_AGAIN, "a socket to the local process");
    d->fd = pair[0];
    fcntl(d->fd, F_SETFL, O_NONBLOCK);      /* ours alone: the other side just waits */
    sent = send_order(l->fd, w, pair[1]);
    if (!sent)
        why_errno(&d->why, ST_AGAIN, "ask the local process");
    close(pair[1]);
    return sent ? ST_OK : ST_AGAIN;
}

struct local_delivery *local_deliver(struct local_link *l, const struct local_want *w,
                                     local_source *source, local_done *done, void *ctx)
{
    struct local_delivery *d = calloc(1, sizeof *d);

    if (!d)
        die("out of memory: a local delivery");
    *d = (struct local_delivery){ .loop = l->loop, .fd = -1, .source = source, .done = done, .ctx = ctx };
    d->limit = (struct timer){ .fn = on_limit, .ctx = d };
    d->failed = (struct job){ .fn = on_failed, .ctx = d };
    d->whole = w->notes || (w->program && w->program->talk);
    if (begin(l, d, w) != ST_OK) {
        loop_soon(l->loop, &d->failed);
        return d;
    }
    timer_set(l->loop, &d->limit, (w->timeout_ms ? w->timeout_ms : DEFAULT_MS) + GRACE_MS);
    d->watch = watch_new(l->loop, d->fd, on_watch, d);
    watch_set(d->watch, WATCH_READ | WATCH_WRITE);
    return d;
}
