/*
 * A program of the pipe transport, run by a child of the local process that has
 * become the user: it has nothing else to do and may wait. The message is whole
 * before the program starts, so a worker's death leaves no half of it there.
 */
#include "local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "local/program.h"
#include "local/user.h"

enum { GRACE_MS = 2000 };

static bool give_input(const struct local_run *r)
{
    if (r->asker >= 0)
        return dup2(r->out_fd, 0) >= 0;
    return lseek(r->input, 0, SEEK_SET) == 0 && dup2(r->input, 0) >= 0;
}

static _Noreturn void become(const struct local_run *r, pid_t parent, int out, int fail)
{
    struct rlimit core = { 0, 0 }, size = { r->file_max, r->file_max };

    setpgid(0, 0);
    if (!user_tie(parent))
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    setrlimit(RLIMIT_CORE, &core);
    if (r->out_fd >= 0 && r->file_max)
        setrlimit(RLIMIT_FSIZE, &size);
    umask(r->umask);
    program_enter(give_input(r) && dup2(r->out_fd >= 0 ? r->out_fd : out, 1) >= 0 && dup2(out, 2) >= 0, r->directory, r->argv, r->envp, fail);
}

/* Until the program has closed its output, or there is too much of it, or it is late. */
static void collect(const struct local_run *r, int fd, int64_t until, struct buf *out, struct local_end *end)
{
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = r->asker } };
    ssize_t n = 1;

    while (n != 0 && !end->late && !end->too_much) {
        int64_t left = until - clock_mono_ms();
        int got = left > 0 ? poll(p, 2, left > 60000 ? 60000 : (int)left) : 0;

        if (got == 0 || p[1].revents)
            end->late = left <= 0 || p[1].revents;
        else if (got > 0 && (n = read(fd, buf_room(out, 4096), 4096)) > 0)
            buf_grew(out, (size_t)n);
        else if (got > 0 && n < 0 && errno != EINTR)
            return;
        end->too_much = out->n > r->output_max;
    }
    if (end->too_much)
        buf_cut(out, r->output_max);
}

/* It may have closed its output and go on: the limit holds all the same. */
static void await(const struct local_run *r, pid_t pid, int64_t until, struct local_end *end)
{
    struct pollfd asker = { .fd = r->asker };
    int status = 0;
    pid_t got;

    while ((got = waitpid(pid, &status, end->late || end->too_much ? 0 : WNOHANG)) == 0) {
        if (poll(&asker, 1, 20) > 0 || clock_mono_ms() >= until) {
            end->late = true;
            kill(-pid, SIGKILL);
        }
    }
    if (got == pid && WIFSIGNALED(status))
        end->signal = WTERMSIG(status);
    else if (got == pid)
        end->exit_status = WEXITSTATUS(status);
}

void local_program_run(const struct local_run *r, struct buf *out, struct local_end *end)
{
    int64_t until = clock_mono_ms() + r->timeout_ms;
    int pipe_out[2] = { -1, -1 }, fail[2] = { -1, -1 }, err = 0;
    pid_t parent = getpid(), pid = -1;

    end->status = ST_AGAIN;
    if (pipe2(pipe_out, O_CLOEXEC) == 0 && pipe2(fail, O_CLOEXEC) == 0)
        pid = FAULT(FORK) ? -1 : fork();
    if (pid == 0)
        become(r, parent, pipe_out[1], fail[1]);
    if (pid < 0) {
        why_errno(&end->why, ST_AGAIN, "fork for %s", r->argv[0]);
        return;
    }
    setpgid(pid, pid);
    close(pipe_out[1]);
    close(fail[1]);
    while (read(fail[0], &err, sizeof err) < 0 && errno == EINTR)
        ;
    if (err) {
        waitpid(pid, NULL, 0);
        errno = abs(err);
        end->status = err > 0 && program_never(err) ? ST_NEVER : ST_AGAIN;
        why_errno(&end->why, end->status, err > 0 ? "run %s" : "prepare to run %s", r->argv[0]);
        return;
    }
    collect(r, pipe_out[0], until, out, end);
    if (end->late || end->too_much)
        kill(-pid, SIGKILL);
    await(r, pid, until + (end->late ? GRACE_MS : 0), end);
    kill(-pid, SIGKILL);                /* what it left running */
    end->status = ST_OK;
    end->output = buf_str(out);
}
