#include "local/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "local/user.h"

struct program {
    struct loop *loop;
    struct content *content;
    size_t output_max;
    pid_t pid;
    int pidfd, in, out;             /* in: what it reads; out: what it prints */
    struct watch *on_exit, *on_in, *on_out;
    struct timer deadline;
    struct job report;              /* a start that failed is told later too */
    struct buf pending, output;
    bool content_done, cancelled;
    struct program_end end;
    program_done *done;
    void *ctx;
};

static void close_in(struct program *p)
{
    if (p->on_in)
        watch_free(p->on_in);
    p->on_in = NULL;
    if (p->in >= 0)
        close(p->in);
    p->in = -1;
    p->content_done = true;
}

static void close_out(struct program *p)
{
    if (p->on_out)
        watch_free(p->on_out);
    p->on_out = NULL;
    if (p->out >= 0)
        close(p->out);
    p->out = -1;
}

static void program_free(struct program *p)
{
    close_in(p);
    close_out(p);
    if (p->on_exit)
        watch_free(p->on_exit);
    if (p->pidfd >= 0)
        close(p->pidfd);
    timer_clear(p->loop, &p->deadline);
    buf_free(&p->pending);
    buf_free(&p->output);
    free(p);
}

static void kill_group(struct program *p)
{
    if (p->pid > 0) {
        kill(-p->pid, SIGKILL);
        kill(p->pid, SIGKILL);
    }
}

static void finish(struct program *p)
{
    p->end.output = buf_str(&p->output);
    p->done(p->ctx, &p->end);
    program_free(p);
}

static void read_output(struct program *p)
{
    char *at;
    ssize_t n;

    if (p->out < 0)
        return;
    for (;;) {
        at = buf_room(&p->output, 4096);
        n = read(p->out, at, 4096);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            close_out(p);
            return;
        }
        buf_grew(&p->output, (size_t)n);
        if (p->output.n > p->output_max) {
            p->end.too_much = true;
            buf_cut(&p->output, p->output_max);
            kill_group(p);
            close_out(p);
            return;
        }
    }
}

static void can_read(void *ctx, int what)
{
    (void)what;
    read_output(ctx);
}

/* A program may end without reading everything; what it says by its exit
 * status counts, so a broken pipe only ends the writing. */
static void feed(void *ctx, int what)
{
    struct program *p = ctx;
    enum content_end end = CONTENT_MORE;
    ssize_t n;

    (void)what;
    for (;;) {
        if (p->pending.n == 0) {
            if (p->content_done)
                break;
            end = content_next(p->content, &p->pending);
            if (end == CONTENT_ERROR) {
                p->end.started = why_errno(&p->end.why, ST_AGAIN, "read the message");
                kill_group(p);
                break;
            }
            p->content_done = end == CONTENT_END;
            continue;
        }
        n = write(p->in, buf_str(&p->pending).p, p->pending.n);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_drop(&p->pending, (size_t)n);
    }
    close_in(p);
}

static void exited(void *ctx, int what)
{
    struct program *p = ctx;
    siginfo_t info = { 0 };

    (void)what;
    if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
        return;
    if (info.si_code == CLD_EXITED)
        p->end.status = info.si_status;
    else
        p->end.signal = info.si_status;
    read_output(p);
    p->pid = 0;
    finish(p);
}

static void too_late(void *ctx)
{
    struct program *p = ctx;

    p->end.timed_out = true;
    kill_group(p);
}

static void report(void *ctx)
{
    struct program *p = ctx;

    if (p->cancelled)
        program_free(p);
    else
        finish(p);
}

bool program_never(int err)
{
    return err == ENOENT || err == EACCES || err == EPERM || err == ENOEXEC || err == ENOTDIR || err == EISDIR || err == ELOOP
        || err == ENAMETOOLONG || err == E2BIG || err == EINVAL;
}

_Noreturn void program_enter(bool ready, const char *directory, char *const *argv, char *const *envp, int fail)
{
    int err, entered = -1;

    /* Descriptor `fail` must survive until exec, and tells by closing. */
    if (ready && (entered = chdir(directory)) == 0 && dup2(fail, 3) >= 0 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
        fail = 3;
        syscall(SYS_close_range, 4u, ~0u, 0u);
        execve(argv[0], argv, envp);
    }
    err = entered == 0 ? errno : -errno;
    (void)!write(fail, &err, sizeof err);
    _exit(127);
}

/* Between fork and exec only calls that are safe there: the process has
 * threads, and one of them may hold any lock. */
_Noreturn static void become(const struct program_want *w, pid_t parent, int in, int out, int fail)
{
    struct rlimit core = { 0, 0 }, memory = { w->memory_max, w->memory_max }, size = { w->file_max, w->file_max };
    sigset_t none;

    setpgid(0, 0);
    if (!user_tie(parent))      /* the message will be tried again: not by two at once */
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    setrlimit(RLIMIT_CORE, &core);
    if (w->memory_max)
        setrlimit(RLIMIT_AS, &memory);
    if (w->out_fd && w->file_max)
        setrlimit(RLIMIT_FSIZE, &size);
    umask(w->umask);
    program_enter(dup2(in, 0) >= 0 && dup2(w->out_fd ? w->out_fd : out, 1) >= 0 && dup2(out, 2) >= 0,
                  w->directory ? w->directory : "/", w->argv, w->envp, fail);
}

static bool make_pipes(const struct program_want *w, int *in, int *out, int *fail)
{
    in[0] = in[1] = out[0] = out[1] = fail[0] = fail[1] = -1;
    if (FAULT(FORK) || pipe2(fail, O_CLOEXEC) < 0)
        return false;
    if (w->talk)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) == 0;
    return pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0;
}

static void close_all(int *in, int *out, int *fail)
{
    int *all[] = { in, out, fail };

    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            if (all[i][k] >= 0)
                close(all[i][k]);
}

static void adopt(struct program *p, const struct program_want *w, int *in, int *out)
{
    p->in = in[1];
    in[1] = -1;
    fcntl(p->in, F_SETFL, O_NONBLOCK);
    p->on_exit = watch_new(p->loop, p->pidfd, exited, p);
    watch_set(p->on_exit, WATCH_READ);
    timer_set(p->loop, &p->deadline, w->timeout_ms);
    if (w->talk)
        return;
    p->out = out[0];
    out[0] = -1;
    fcntl(p->out, F_SETFL, O_NONBLOCK);
    p->on_in = watch_new(p->loop, p->in, feed, p);
    watch_set(p->on_in, WATCH_WRITE);
    p->on_out = watch_new(p->loop, p->out, can_read, p);
    watch_set(p->on_out, WATCH_READ);
}

static enum status start(struct program *p, const struct program_want *w)
{
    int in[2], out[2], fail[2], err = 0;
    pid_t parent = getpid();
    enum status st = ST_OK;

    if (!make_pipes(w, in, out, fail)) {
        st = why_errno(&p->end.why, ST_AGAIN, "make pipes for %s", w->argv[0]);
        goto out;
    }
    p->pid = fork();
    if (p->pid < 0) {
        st = why_errno(&p->end.why, ST_AGAIN, "fork for %s", w->argv[0]);
        goto out;
    }
    if (p->pid == 0)
        become(w, parent, in[0], w->talk ? in[0] : out[1], fail[1]);
    setpgid(p->pid, p->pid);
    close(fail[1]);
    fail[1] = -1;
    while (read(fail[0], &err, sizeof err) < 0 && errno == EINTR)
        ;
    if (err) {
        waitpid(p->pid, NULL, 0);
        p->pid = 0;
        errno = abs(err);
        st = err > 0 && program_never(err) ? ST_NEVER : ST_AGAIN;
        why_errno(&p->end.why, st, err > 0 ? "run %s" : "prepare to run %s", w->argv[0]);
        goto out;
    }
    p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    if (p->pidfd < 0) {
        st = why_errno(&p->end.why, ST_AGAIN, "watch %s", w->argv[0]);
        kill_group(p);
        waitpid(p->pid, NULL, 0);
        p->pid = 0;
        goto out;
    }
    adopt(p, w, in, out);
out:
    close_all(in, out, fail);
    return st;
}

struct program *program_run(struct loop *l, const struct program_want *w, program_done *done, void *ctx)
{
    struct program *p = calloc(1, sizeof *p);

    if (!p)
        die("no memory for a program");
    p->loop = l;
    p->content = w->content;
    p->content_done = w->content == NULL;
    p->output_max = w->output_max;
    p->pidfd = p->in = p->out = -1;
    p->done = done;
    p->ctx = ctx;
    p->deadline = (struct timer){ .fn = too_late, .ctx = p };
    p->report = (struct job){ .fn = report, .ctx = p };
    p->end.started = start(p, w);
    if (p->end.started != ST_OK)
        loop_soon(l, &p->report);
    return p;
}

int program_socket(struct program *p)
{
    int fd = p->in;

    p->in = -1;
    return fd;
}

void program_cancel(struct program *p)
{
    if (p->end.started != ST_OK && p->pidfd < 0) {
        p->cancelled = true;    /* its report is under way */
        return;
    }
    kill_group(p);
    if (p->pid > 0)
        waitpid(p->pid, NULL, 0);
    program_free(p);
}
