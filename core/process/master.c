#include "process/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/args.h"
#include "base/clock.h"
#include "base/fault.h"
#include "local/local.h"
#include "process/house.h"
#include "process/notify.h"

enum { SECOND_MS = 1000, GRACE_MS = 5000, LOCAL_RESTART_MS = 1000 };

void master_open_log(struct house *h)
{
    struct log_config c;
    struct why why;

    facts_log(&h->facts, h->spool, h->log_path, &c);
    c.stderr_too = h->c->foreground;
    if (h->user.drop) {
        c.as_uid = h->user.uid;
        c.as_gid = h->user.gid;
    }
    /* A new writer is a new thread, and what is logged meanwhile waits: not for nothing. */
    if (h->log.path && strcmp(h->log_now, h->log_path) == 0 && log_config_same(&c, &h->log)) {
        log_reopen();
        return;
    }
    h->log.path = NULL;
    if (log_open(&c, &why) != ST_OK) {
        fprintf(stderr, "perigee: %s\n", why.text);
        return;
    }
    snprintf(h->log_now, sizeof h->log_now, "%s", h->log_path);
    h->log = c;
    h->log.path = h->log_now;
}

/* Ten thousand sessions need as many descriptors; workers inherit the limit. */
static void raise_limits(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

/* ---- local deliveries */

/* Starts the local process, if there is to be one. */
static void start_local(void *ctx)
{
    struct house *h = ctx;
    struct local_limits limits = {
        .roots = h->fixed.roots.v, .nroots = h->fixed.roots.n,
        .programs = h->fixed.programs.v, .nprograms = h->fixed.programs.n,
        .never = h->fixed.never.v, .nnever = h->fixed.never.n,
        .lowest_uid = (uint32_t)h->fixed.lowest_uid,
    };
    pid_t master = getpid();

    if (geteuid() != 0 || (limits.nroots == 0 && limits.nprograms == 0) || h->stopping)
        return;
    if (h->local[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, h->local) < 0) {
        log_line(LOG_PANIC, "no link to the local process: %s", strerror(errno));
        return;
    }
    h->local_pid = FAULT(FORK) ? -1 : fork();
    if (h->local_pid == 0) {
        sigset_t none;

        user_keep_only(&h->local[0], 1);
        if (h->background)
            master_detach();
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        _exit(user_tie(master) ? local_serve(h->local[0], &limits) : EX_OSERR);
    }
    if (h->local_pid < 0) {
        h->local_pid = 0;
        log_line(LOG_PANIC, "cannot start the local process: %s", strerror(errno));
        timer_set(h->loop, &h->local_restart, LOCAL_RESTART_MS);
    }
}

static void reap_local(struct house *h)
{
    int status;

    if (h->local_pid == 0 || waitpid(h->local_pid, &status, WNOHANG) != h->local_pid)
        return;
    h->local_pid = 0;
    if (h->stopping)
        return;
    log_line(LOG_MAIN, "the local process ended (%s %d)", WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    timer_set(h->loop, &h->local_restart, LOCAL_RESTART_MS);
}

/* ---- life */

/* Tells the parent that waits for it how the start went, once. */
static void report(struct house *h, int status)
{
    unsigned char byte = (unsigned char)status;

    if (h->ready_fd < 0)
        return;
    (void)!write(h->ready_fd, &byte, 1);
    close(h->ready_fd);
    h->ready_fd = -1;
}

void master_detach(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return;
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

static void log_arguments(const struct house *h)
{
    struct buf args = { 0 };

    if (h->facts.arguments)
        args_text(&args);
    if (args.n)
        log_text(LOG_MAIN, STR(""), buf_str(&args));
    buf_free(&args);
}

void master_ready(struct house *h)
{
    if (h->ready)
        return;
    for (unsigned i = 0; i < h->workers; i++)
        if (h->staff[i].state != STAFF_UP)
            return;
    h->ready = true;
    log_arguments(h);
    log_line(LOG_MAIN, "perigee %s serves: process %d, %u workers, generation %u", PERIGEE_VERSION, (int)getpid(), h->workers, h->generation);
    if (geteuid() == 0 && !h->user.drop)
        log_line(LOG_PANIC, "workers run as root (--allow-root): every rule and every bug has root's rights");
    notify_say("READY=1");
    if (h->ready_fd >= 0)
        master_detach();
    report(h, 0);
}

static void on_give_up(void *ctx)
{
    struct house *h = ctx;

    staff_kill(h);
    timer_set(h->loop, &h->give_up, GRACE_MS);
}

void master_stop(struct house *h, int64_t drain_ms)
{
    CRASH_POINT("shutdown.begin");
    if (!h->stopping) {
        log_line(LOG_MAIN, "stopping: %lld s for what is under way", (long long)drain_ms / 1000);
        notify_say("STOPPING=1");
        h->stopping = true;
        reload_cancel(h);
        rules_watch_set(h);
        staff_end(h, drain_ms);
        ports_close(h);
    } else {
        staff_end(h, drain_ms);
    }
    timer_set(h->loop, &h->give_up, drain_ms + GRACE_MS);
    if (staff_alive(h) == 0)
        loop_stop(h->loop);
}

void master_gone(struct house *h)
{
    if (h->stopping && staff_alive(h) == 0)
        loop_stop(h->loop);
}

static void on_second(void *ctx)
{
    struct house *h = ctx;

    staff_second(h);
    timer_set(h->loop, &h->second, SECOND_MS);
}

static void on_watchdog(void *ctx)
{
    struct house *h = ctx;

    notify_say("WATCHDOG=1");
    timer_set(h->loop, &h->watchdog, notify_watchdog_ms());
}

static void on_signal(void *ctx, int fd)
{
    struct house *h = ctx;
    struct signalfd_siginfo si;

    while (read(fd, &si, sizeof si) == sizeof si) {
        switch (si.ssi_signo) {
        case SIGCHLD:
            staff_reap(h);
            reap_local(h);
            break;
        case SIGHUP:
            reload_start(h, "SIGHUP", NULL, NULL);
            break;
        case SIGUSR1:
            log_reopen();
            staff_send_all(h, (struct ipc){ .type = IPC_REOPEN });
            break;
        default:
            /* Asked twice is asked to hurry. */
            master_stop(h, h->stopping ? 0 : DRAIN_MS);
        }
    }
}

struct signals { struct house *house; int fd; };

static void on_signals(void *ctx, int what)
{
    struct signals *s = ctx;
    (void)what;

    on_signal(s->house, s->fd);
}

static struct watch *take_signals(struct house *h, struct signals *s)
{
    static const int taken[] = { SIGCHLD, SIGHUP, SIGUSR1, SIGTERM, SIGINT };
    struct watch *w;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&set, taken[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->house = h;
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0)
        die("cannot take signals: %s", strerror(errno));
    w = watch_new(h->loop, s->fd, on_signals, s);
    watch_set(w, WATCH_READ);
    return w;
}

static void serve(struct house *h)
{
    struct signals signals;
    struct watch *w = take_signals(h, &signals);

    h->second = (struct timer){ .fn = on_second, .ctx = h };
    h->watchdog = (struct timer){ .fn = on_watchdog, .ctx = h };
    h->give_up = (struct timer){ .fn = on_give_up, .ctx = h };
    h->local_restart = (struct timer){ .fn = start_local, .ctx = h };
    timer_set(h->loop, &h->second, SECOND_MS);
    if (notify_watchdog_ms() > 0)
        timer_set(h->loop, &h->watchdog, notify_watchdog_ms());
    ports_commit(h, true);
    rules_watch_set(h);
    start_local(h);
    for (unsigned i = 0; i < h->workers; i++)
        staff_start(&h->staff[i]);
    loop_run(h->loop);
    if (h->local_pid)
        kill(h->local_pid, SIGKILL);
    log_line(LOG_MAIN, "stopped");
    watch_free(w);
    close(signals.fd);
}

/* The parent of an engine that goes to the background waits until that serves
 * and takes its exit status. */
static int wait_for_child(int fd, pid_t pid)
{
    unsigned char byte = EX_SOFTWARE;
    ssize_t n;

    while ((n = read(fd, &byte, 1)) < 0 && errno == EINTR)
        ;
    if (n == 1)
        return byte;
    waitpid(pid, NULL, 0);
    return EX_SOFTWARE;
}

/* True in the process that goes on. */
static bool go_to_background(struct house *h, int *status)
{
    int fd[2];
    pid_t pid;

    if (h->c->foreground || getenv("NOTIFY_SOCKET"))
        return true;
    if (pipe2(fd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
        fputs("perigee: cannot go to the background\n", stderr);
        *status = EX_OSERR;
        return false;
    }
    if (pid > 0) {
        close(fd[1]);
        *status = wait_for_child(fd[0], pid);
        return false;
    }
    close(fd[0]);
    setsid();
    h->ready_fd = fd[1];
    h->background = true;
    return true;
}

static void tear_down(struct house *h)
{
    struct timer *timers[] = { &h->second, &h->watchdog, &h->give_up, &h->local_restart };

    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++)
        timer_clear(h->loop, timers[i]);
    control_stopped(h);
    control_free(h);
    ports_close(h);
    log_close();
    loop_free(h->loop);
    facts_free(&h->facts);
    facts_free(&h->fixed);
    shared_free(h->shared);
    close(h->lock);
}

int master_serve(const struct serve_config *c)
{
    static struct house house;
    struct house *h = &house;
    int status = 0;

    *h = (struct house){ .c = c, .lock = -1, .snapshot = -1, .submit = -1, .ready_fd = -1, .local = { -1, -1 },
                         .born_ms = clock_mono_ms() };
    umask(027);
    if (!go_to_background(h, &status))
        return status;
    raise_limits();
    h->loop = loop_new();
    status = begin_house(h);
    if (status) {
        report(h, status);
        return status;
    }
    master_open_log(h);
    serve(h);
    status = h->exit_status;
    tear_down(h);
    report(h, status ? status : EX_SOFTWARE);
    return status;
}
