/*
 * staff - the workers: started, listened to, watched, started again
 *
 * DOWN -fork-> STARTING -READY-> BUILDING -BUILT-> SWITCHING -SERVING-> UP.
 * One that is UP and serves an old generation builds and switches while UP.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "process/house.h"
#include "process/worker.h"

/* R7.5, R8.3: back-off from 1 s to 60 s; a minute of life makes it 1 s again;
 * seconds without a heartbeat before it is killed. */
enum { BACKOFF_MS = 1000, BACKOFF_MOST_MS = 60000, SETTLED_MS = 60000, MISSED_MOST = 6, EARLY_MOST = 3 };

static void on_link(void *ctx, int what);
static void on_restart(void *ctx);

void staff_init(struct house *h)
{
    for (unsigned i = 0; i < h->workers; i++)
        h->staff[i] = (struct staff){ .house = h, .number = i, .link = -1, .home = UINT32_MAX, .backoff_ms = BACKOFF_MS,
                                      .restart = { .fn = on_restart, .ctx = &h->staff[i] } };
}

unsigned staff_alive(const struct house *h)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->workers; i++)
        n += h->staff[i].pid != 0;
    return n;
}

/* ---- one comes */

static _Noreturn void be_worker(struct staff *s, int link, pid_t master)
{
    struct house *h = s->house;
    struct worker_config wc = {
        .number = s->number, .workers = h->workers, .shared = h->shared, .spool = h->spool,
        .link = link, .wake = h->wake, .local = h->local[1], .lock = h->lock, .user = h->user,
        .master = master, .foreground = h->c->foreground, .tls_on_connect = h->c->tls_on_connect,
    };

    /* Whoever started us in the background waits for the end of our output. */
    if (h->background)
        master_detach();
    worker_run(&wc);
}

static void back_off(struct staff *s)
{
    if (s->house->stopping)
        return;
    if (s->started_ms && clock_mono_ms() - s->started_ms >= SETTLED_MS)
        s->backoff_ms = BACKOFF_MS;
    log_line(LOG_MAIN, "worker %u starts again in %lld s", s->number, (long long)s->backoff_ms / 1000);
    timer_set(s->house->loop, &s->restart, s->backoff_ms);
    s->backoff_ms = s->backoff_ms * 2 > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : s->backoff_ms * 2;
}

void staff_start(struct staff *s)
{
    struct house *h = s->house;
    pid_t master = getpid(), pid;
    int fd[2];

    s->started_ms = 0;
    if (!ipc_pair(fd)) {
        log_line(LOG_PANIC, "no link to worker %u: %s", s->number, strerror(errno));
        back_off(s);
        return;
    }
    shared_clear_worker(h->shared, s->number);
    shared_beat_ahead(h->shared, s->number, SETTLED_MS);
    pid = FAULT(FORK) ? -1 : fork();
    if (pid == 0)
        be_worker(s, fd[1], master);
    close(fd[1]);
    if (pid < 0) {
        log_line(LOG_PANIC, "cannot start worker %u: %s", s->number, strerror(errno));
        close(fd[0]);
        back_off(s);
        return;
    }
    s->pid = pid;
    s->state = STAFF_STARTING;
    s->started_ms = clock_mono_ms();
    s->generation = s->building = 0;
    s->missed = 0;
    s->link = fd[0];
    s->watch = watch_new(h->loop, s->link, on_link, s);
    watch_set(s->watch, WATCH_READ);
}

static void on_restart(void *ctx)
{
    struct staff *s = ctx;

    if (!s->house->stopping && s->state == STAFF_DOWN)
        staff_start(s);
}

/* ---- one goes */

static void say_how(const struct staff *s, int status)
{
    if (WIFSIGNALED(status))
        log_line(LOG_MAIN, "worker %u (process %d) died of signal %d", s->number, (int)s->pid, WTERMSIG(status));
    else
        log_line(LOG_MAIN, "worker %u (process %d) ended with status %d", s->number, (int)s->pid, WEXITSTATUS(status));
}

static void gone(struct staff *s, int status)
{
    struct house *h = s->house;

    if (!h->stopping || status != 0) {
        say_how(s, status);
        shared_count(h->shared, WORKERS_MAX, COUNT_worker_deaths, 1);
    }
    /* What it told us before it died is still to be read (FAILED says why). */
    if (s->watch)
        on_link(s, 0);
    watch_free(s->watch);
    s->watch = NULL;
    close(s->link);
    s->link = -1;
    s->pid = 0;
    s->state = STAFF_DOWN;
    shared_clear_worker(h->shared, s->number);
    shards_lost(s);
    control_lost(s);
    reload_lost(s);
    if (!h->ready && !h->stopping && ++h->early_deaths >= EARLY_MOST) {
        fprintf(stderr, "perigee: workers die before they serve; the panic log may say why\n");
        h->exit_status = EX_SOFTWARE;
        master_stop(h, 0);
    }
    if (!h->stopping)
        back_off(s);
    master_gone(h);
}

void staff_reap(struct house *h)
{
    int status;

    for (unsigned i = 0; i < h->workers; i++)
        if (h->staff[i].pid && waitpid(h->staff[i].pid, &status, WNOHANG) == h->staff[i].pid)
            gone(&h->staff[i], status);
}

static void kill_one(struct staff *s, const char *why)
{
    if (s->pid == 0)
        return;
    log_line(LOG_PANIC, "worker %u (process %d) is killed: %s", s->number, (int)s->pid, why);
    kill(s->pid, SIGKILL);
}

/* Seconds are ours to count: if the whole machine stood still, nobody missed
 * anything. A beat that lies ahead is leave for a long step. */
void staff_second(struct house *h)
{
    int64_t now = clock_mono_ms();

    for (unsigned i = 0; i < h->workers; i++) {
        struct staff *s = &h->staff[i];
        int64_t beat = shared_last_beat(h->shared, i);

        if (s->pid == 0)
            continue;
        s->missed = beat != s->last_beat || beat > now ? 0 : s->missed + 1;
        s->last_beat = beat;
        if (s->missed >= MISSED_MOST) {
            kill_one(s, "it does not answer");
            s->missed = 0;
        }
    }
}

/* ---- what is said */

bool staff_send(struct staff *s, struct ipc m)
{
    if (s->link < 0)
        return false;
    if (ipc_send(s->link, &m))
        return true;
    if (errno != EPIPE && errno != ECONNRESET)
        kill_one(s, "it does not read what it is told");
    return false;
}

void staff_send_all(struct house *h, struct ipc m)
{
    for (unsigned i = 0; i < h->workers; i++)
        if (h->staff[i].state >= STAFF_SWITCHING)
            staff_send(&h->staff[i], m);
}

static void build(struct staff *s)
{
    s->building = s->house->generation;
    staff_send(s, (struct ipc){ .type = IPC_RULES, .a = s->building, .fd = s->house->snapshot });
}

/* Builds the current generation if it serves another. */
static void catch_up(struct staff *s)
{
    if (s->state == STAFF_UP && s->generation != s->house->generation && s->building == 0)
        build(s);
}

static void on_built(struct staff *s, uint32_t generation, enum status st, struct str problems)
{
    struct house *h = s->house;

    if (generation != s->building)
        return;
    if (reload_built(s, st, problems))
        return;
    s->building = 0;
    if (st != ST_OK) {
        log_line(LOG_PANIC, "worker %u cannot load the rules in use: %.*s", s->number, STR_ARG(problems));
        kill_one(s, "it cannot serve");
    } else if (generation != h->generation) {
        build(s);                   /* a reload overtook it */
    } else if (s->state == STAFF_BUILDING) {
        s->state = STAFF_SWITCHING;
        shards_give(s);
        staff_send(s, (struct ipc){ .type = IPC_SWITCH, .a = generation });
        ports_tell(s);
    } else {
        staff_send(s, (struct ipc){ .type = IPC_SWITCH, .a = generation });
    }
}

static void on_message(struct staff *s, const struct ipc *m)
{
    struct house *h = s->house;

    switch (m->type) {
    case IPC_READY:
        s->state = STAFF_BUILDING;
        build(s);
        break;
    case IPC_BUILT:
        on_built(s, m->a, m->b <= ST_NEVER ? (enum status)m->b : ST_NEVER, m->text);
        break;
    case IPC_SERVING:
        s->generation = m->a;
        s->state = STAFF_UP;
        master_ready(h);
        reload_serving(s, m->a);
        catch_up(s);
        break;
    case IPC_EMPTY:
        if (m->a < SHARDS_MAX && h->owner[m->a] == s->number && m->a != s->home)
            shards_removed(h, m->a);
        break;
    case IPC_ANSWER:
        control_answer(s, m->n, (int)m->a, m->text);
        break;
    case IPC_FAILED:
        log_line(LOG_PANIC, "worker %u: %.*s", s->number, STR_ARG(m->text));
        if (!h->ready && !h->stopping) {
            fprintf(stderr, "perigee: %.*s\n", STR_ARG(m->text));
            h->exit_status = (int)(m->a & 0xff);
            master_stop(h, 0);
        }
        break;
    default:
        break;
    }
}

static void on_link(void *ctx, int what)
{
    struct staff *s = ctx;
    struct arena a = { 0 };
    struct ipc m;
    enum ipc_end end;
    (void)what;

    while ((end = ipc_recv(s->link, true, &a, &m)) == IPC_GOT)
        on_message(s, &m);
    arena_free(&a);
    if (end == IPC_CLOSED)
        watch_set(s->watch, 0);     /* SIGCHLD follows */
    if (end == IPC_BAD)
        kill_one(s, "it sent a bad message");
}

/* ---- the end of all */

void staff_end(struct house *h, int64_t drain_ms)
{
    for (unsigned i = 0; i < h->workers; i++) {
        struct staff *s = &h->staff[i];

        timer_clear(h->loop, &s->restart);
        if (s->state >= STAFF_SWITCHING)
            staff_send(s, (struct ipc){ .type = IPC_DRAIN, .n = drain_ms });
        else if (s->pid)
            kill(s->pid, SIGKILL);  /* nobody talks to it yet, and mail it holds is in the spool */
    }
}

void staff_kill(struct house *h)
{
    for (unsigned i = 0; i < h->workers; i++)
        kill_one(&h->staff[i], "its time to end is over");
}
