#include "process/checker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "world/inspect.h"

enum { ANSWER_MAX = 1024 * 1024, TIMEOUT_MS = 60000, MEMORY_MAX = 1024 * 1024 * 1024 };

struct checker {
    struct loop *loop;
    pid_t pid;
    int fd;
    struct watch *watch;
    struct timer limit;
    struct buf answer;
    bool late;
    checker_done *done;
    void *ctx;
};

static void run(const struct snapshot *s, const char *spool, struct facts *f)
{
    struct inspect i;

    inspect_rules(s, spool, false, &i);
    facts_of(f, i.good ? i.policy : NULL);
    facts_problems(f, &i.problems);
    inspect_free(&i);
}

/* ---- the process */

static bool write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno != EINTR)
            return false;
        s = str_from(s, n > 0 ? (size_t)n : 0);
    }
    return true;
}

static _Noreturn void child(const struct checker_want *w, int out, pid_t parent)
{
    struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
    struct snapshot s = { 0 };
    struct facts f = { 0 };
    struct buf answer = { 0 };
    struct why why = { 0 };
    sigset_t none;

    user_keep_only((int[]){ w->snapshot, out }, 2);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (user_become(&w->user, &why) == ST_OK && user_tie(parent) && snapshot_open(w->snapshot, &s, &why) == ST_OK) {
#if !defined(__SANITIZE_ADDRESS__)
        setrlimit(RLIMIT_AS, &memory);
#else
        (void)memory;           /* its shadow alone is larger */
#endif
        run(&s, w->spool, &f);
    } else {
        f.unsure = true;
        f.problems = str_of(why.text);
    }
    facts_write(&f, &answer);
    _exit(write_all(out, buf_str(&answer)) ? 0 : 1);
}

/* ---- the master's side */

static void checker_free(struct checker *c)
{
    watch_free(c->watch);
    timer_clear(c->loop, &c->limit);
    close(c->fd);
    buf_free(&c->answer);
    free(c);
}

/* The end of the pipe is the end of the process, or near it: waiting is short. */
static void finish(struct checker *c)
{
    checker_done *done = c->done;
    void *ctx = c->ctx;
    struct facts f = { 0 };
    int status = 0;

    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!facts_read(&f, buf_str(&c->answer))) {
        facts_free(&f);
        f.unsure = true;
        f.problems = c->late ? STR("checking the rules took too long")
            : arena_printf(&f.arena, "the checker ended by %s %d and said nothing",
                           WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    checker_free(c);
    done(ctx, &f);
}

static void on_answer(void *ctx, int what)
{
    struct checker *c = ctx;
    ssize_t n = read(c->fd, buf_room(&c->answer, 4096), 4096);
    (void)what;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        buf_grew(&c->answer, (size_t)n);
    if (c->answer.n > ANSWER_MAX) {
        buf_clear(&c->answer);
        n = 0;
    }
    if (n <= 0) {
        kill(c->pid, SIGKILL);
        finish(c);
    }
}

static void on_limit(void *ctx)
{
    struct checker *c = ctx;

    c->late = true;
    buf_clear(&c->answer);
    kill(c->pid, SIGKILL);
    finish(c);
}

struct checker *checker_start(struct loop *l, const struct checker_want *w, checker_done *done, void *ctx, struct why *why)
{
    struct checker *c;
    pid_t parent = getpid(), pid;
    int fd[2];

    if (FAULT(FORK) || pipe2(fd, O_CLOEXEC) < 0) {
        why_errno(why, ST_AGAIN, "a pipe to the checker");
        return NULL;
    }
    pid = FAULT(FORK) ? -1 : fork();
    if (pid == 0)
        child(w, fd[1], parent);
    close(fd[1]);
    if (pid < 0) {
        why_errno(why, ST_AGAIN, "start the checker");
        close(fd[0]);
        return NULL;
    }
    c = calloc(1, sizeof *c);
    if (!c)
        die("out of memory: the checker");
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    *c = (struct checker){ .loop = l, .pid = pid, .fd = fd[0], .done = done, .ctx = ctx };
    c->limit = (struct timer){ .fn = on_limit, .ctx = c };
    timer_set(l, &c->limit, w->timeout_ms ? w->timeout_ms : TIMEOUT_MS);
    c->watch = watch_new(l, c->fd, on_answer, c);
    watch_set(c->watch, WATCH_READ);
    return c;
}

void checker_cancel(struct checker *c)
{
    kill(c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    checker_free(c);
}
