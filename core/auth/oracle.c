#include "auth/oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/spf_name.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

enum {
    ANSWER_MS = 5000,           /* for one run of the library, which computes and waits for nothing */
    ASK_MS = 20000,             /* for all of it, the DNS included */
    ROUNDS_MAX = 100,           /* names one question may lead to */
    PAUSE_MS = 1000, PAUSE_MAX_MS = 60000,
    PATH_ROOM = 4096
};

struct oracle_ask {
    struct oracle *oracle;
    struct oracle_ask *next;    /* in line */
    struct dns *dns;
    struct dns_query *query;    /* a name it waits for */
    struct arena arena;
    struct str name;            /* of that question */
    uint16_t type;
    struct buf fields;          /* what is asked, and every answer so far */
    unsigned rounds;
    struct timer deadline;
    struct job ending;
    enum status st;
    struct why why;
    oracle_done *done;
    void *ctx;
};

struct oracle {
    struct loop *loop;
    char path[PATH_ROOM];
    int fd;
    pid_t pid;                  /* 0: it does not run */
    struct watch *watch;
    struct buf in, out;
    struct oracle_ask *line, **line_end;    /* to be sent */
    struct oracle_ask *busy;    /* whose answer comes next; NULL although asked: nobody wants it any more */
    bool asked;
    struct timer answer;        /* until when it must have come */
    int64_t not_before;         /* mono ms: the pause after a death */
    int64_t pause;
};

static void pump(struct oracle *o);

/* ---- asks */

static void ask_free(struct oracle_ask *a)
{
    timer_clear(a->oracle->loop, &a->deadline);
    loop_forget(a->oracle->loop, &a->ending);
    if (a->query)
        dns_cancel(a->query);
    buf_free(&a->fields);
    arena_free(&a->arena);
    free(a);
}

/* Out of the line, and out of what is being answered. */
static void withdraw(struct oracle_ask *a)
{
    struct oracle *o = a->oracle;

    if (o->busy == a)
        o->busy = NULL;
    for (struct oracle_ask **p = &o->line; *p; p = &(*p)->next)
        if (*p == a) {
            *p = a->next;
            if (o->line_end == &a->next)
                o->line_end = p;
            break;
        }
}

static void ended(void *ctx)
{
    struct oracle_ask *a = ctx;

    a->done(a->ctx, a->st, (struct str){ NULL, 0 }, &a->why);
    ask_free(a);
}

/* Soon, so that nobody is called back inside of his own call. */
static void end_later(struct oracle_ask *a, const char *text)
{
    withdraw(a);
    if (a->query)
        dns_cancel(a->query);
    a->query = NULL;
    timer_clear(a->oracle->loop, &a->deadline);
    a->st = why_set(&a->why, ST_AGAIN, "%s", text);
    loop_soon(a->oracle->loop, &a->ending);
}

static void too_late(void *ctx)
{
    end_later(ctx, "the DNS and the oracle took more than 20 s");
}

static void stand_in_line(struct oracle_ask *a)
{
    a->next = NULL;
    *a->oracle->line_end = a;
    a->oracle->line_end = &a->next;
}

/* ---- its process */

static void put_down(struct oracle *o)
{
    if (o->asked)
        loop_expect(o->loop, -1);
    o->asked = false;
    timer_clear(o->loop, &o->answer);
    if (o->watch)
        watch_free(o->watch);
    o->watch = NULL;
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
    if (o->pid > 0) {
        kill(o->pid, SIGKILL);
        while (waitpid(o->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    o->pid = 0;
    buf_clear(&o->in);
    buf_clear(&o->out);
}

/* Everybody who waits is told; a name that is being looked up may still find it alive again. */
static void died(struct oracle *o, const char *what)
{
    struct oracle_ask *next;

    put_down(o);
    o->pause = o->pause ? o->pause * 2 : PAUSE_MS;
    if (o->pause > PAUSE_MAX_MS)
        o->pause = PAUSE_MAX_MS;
    o->not_before = clock_mono_ms() + o->pause;
    log_line(LOG_MAIN, "perigee-oracle %s; it is started again in %lld s at the earliest", what, (long long)o->pause / 1000);
    if (o->busy)
        end_later(o->busy, "the oracle died");
    for (struct oracle_ask *a = o->line; a; a = next) {
        next = a->next;
        end_later(a, "the oracle died");
    }
}

static void silent(void *ctx)
{
    died(ctx, "did not answer in 5 s");
}

static void readable(void *ctx, int what);

/* Between fork and exec: nothing but system calls. */
static void become(const char *path, int fd)
{
    char *const argv[] = { (char *)(uintptr_t)"perigee-oracle", NULL }, *const envp[] = { NULL };
    int null = open("/dev/null", O_WRONLY);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(fd, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2) {
        syscall(SYS_close_range, 3u, ~0u, 0u);
        execve(path, argv, envp);
    }
    _exit(127);
}

static bool start(struct oracle *o)
{
    int fd[2];

    if (o->pid)
        return true;
    if (clock_mono_ms() < o->not_before)
        return false;
    if (FAULT(HELPER) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0) {
        died(o, "could not be started");
        return false;
    }
    o->pid = fork();
    if (o->pid == 0)
        become(o->path, fd[1]);
    close(fd[1]);
    o->fd = fd[0];
    if (o->pid < 0) {
        o->pid = 0;
        died(o, "could not be started");
        return false;
    }
    fcntl(o->fd, F_SETFL, O_NONBLOCK);
    o->watch = watch_new(o->loop, o->fd, readable, o);
    watch_set(o->watch, WATCH_READ);
    return true;
}

/* ---- what is said */

static void push_out(struct oracle *o)
{
    while (o->out.n) {
        struct str s = buf_str(&o->out);
        ssize_t n = FAULT(SEND) ? -1 : send(o->fd, s.p, s.n, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0) {
            died(o, "is gone");
            return;
        }
        buf_drop(&o->out, (size_t)n);
    }
    watch_set(o->watch, o->out.n ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

static void pump(struct oracle *o)
{
    struct oracle_ask *a = o->line;

    if (o->asked || !a)
        return;
    if (!start(o)) {
        while (o->line)
            end_later(o->line, "the oracle does not run");
        return;
    }
    withdraw(a);
    o->busy = a;
    o->asked = true;
    loop_expect(o->loop, 1);
    timer_set(o->loop, &o->answer, ANSWER_MS);
    oracle_frame(&o->out, buf_str(&a->fields));
    push_out(o);
}

static void add_values(struct buf *out, const struct dns_answer *d, uint16_t type)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct dns_rr *rr = &d->rr[i];

        if (type == DNS_A || type == DNS_AAAA)
            oracle_put(out, (struct str){ (const char *)rr->ip.b, rr->ip.v == IP_V4 ? 4 : 16 });
        else
            oracle_put(out, type == DNS_TXT ? rr->text : rr->target);
    }
}

static void known(void *ctx, const struct dns_answer *d)
{
    struct oracle_ask *a = ctx;
    bool whole = d->status != ST_OK || d->n < 1000;

    a->query = NULL;
    oracle_put(&a->fields, a->name);
    oracle_put_number(&a->fields, a->type);
    oracle_put_number(&a->fields, !whole ? ST_AGAIN : d->status);
    oracle_put_number(&a->fields, d->status == ST_OK && whole ? (unsigned)d->n : 0);
    if (d->status == ST_OK && whole)
        add_values(&a->fields, d, a->type);
    if (a->fields.n > ORACLE_FRAME_MAX) {
        end_later(a, "the DNS says more than the oracle is told");
        return;
    }
    stand_in_line(a);
    pump(a->oracle);
}

static void look_up(struct oracle_ask *a, struct str name, unsigned type)
{
    struct dns_query *q;

    if (++a->rounds > ROUNDS_MAX) {
        end_later(a, "the oracle asks too much");
        return;
    }
    a->name = arena_dup(&a->arena, name);
    a->type = (uint16_t)type;
    a->query = NULL;
    q = dns_ask(a->dns, spf_name_asked(&a->arena, name), a->type, known, a);
    if (q)                              /* NULL: known has run */
        a->query = q;
}

static void answered(struct oracle *o, struct str fields)
{
    struct oracle_ask *a = o->busy;
    struct str word, name;
    unsigned type;

    o->asked = false;
    o->busy = NULL;
    o->pause = 0;
    loop_expect(o->loop, -1);
    timer_clear(o->loop, &o->answer);
    if (!oracle_take(&fields, &word)) {
        if (a)
            end_later(a, "the oracle talks nonsense");
    } else if (!a) {
        ;
    } else if (str_same(word, STR("missing")) && oracle_take(&fields, &name) && name.n < 1024
               && oracle_take_number(&fields, UINT16_MAX, &type)) {
        look_up(a, name, type);
    } else if (str_same(word, STR("result"))) {
        a->done(a->ctx, ST_OK, fields, NULL);
        ask_free(a);
    } else {
        end_later(a, "the oracle talks nonsense");
    }
}

static void readable(void *ctx, int what)
{
    struct oracle *o = ctx;
    struct str fields;
    size_t used;
    ssize_t n;
    int whole;

    if (what & WATCH_WRITE)
        push_out(o);
    if (!(what & WATCH_READ) || !o->pid)
        return;
    n = FAULT(RECV) ? -1 : recv(o->fd, buf_room(&o->in, 16384), 16384, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        died(o, "died");
        return;
    }
    buf_grew(&o->in, (size_t)n);
    whole = oracle_frame_read(buf_str(&o->in), &fields, &used);
    if (whole < 0 || (whole && !o->asked)) {
        died(o, "talked nonsense");
        return;
    }
    if (whole) {
        struct arena a = { 0 };
        struct str kept = arena_dup(&a, fields);

        buf_drop(&o->in, used);
        answered(o, kept);
        arena_free(&a);
        pump(o);
    }
}

/* ---- from outside */

/* Beside the program, as it is built, or in ../lib/perigee, as it is installed. */
static void find(char *out)
{
    static const char *const places[] = { "/perigee-oracle", "/../lib/perigee/perigee-oracle" };
    char self[PATH_ROOM - 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    out[0] = '\0';
    if (n <= 0)
        return;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(out, PATH_ROOM, "%s%s", self, places[i]);
        if (access(out, X_OK) == 0)
            return;
    }
}

struct oracle *oracle_new(struct loop *l, const char *path)
{
    struct oracle *o = calloc(1, sizeof *o);

    if (!o)
        die("no memory for the oracle");
    o->loop = l;
    o->fd = -1;
    o->line_end = &o->line;
    o->answer = (struct timer){ .fn = silent, .ctx = o };
    if (path)
        snprintf(o->path, sizeof o->path, "%s", path);
    else
        find(o->path);
    return o;
}

void oracle_free(struct oracle *o)
{
    if (!o)
        return;
    put_down(o);
    buf_free(&o->in);
    buf_free(&o->out);
    free(o);
}

struct oracle_ask *oracle_ask(struct oracle *o, struct dns *d, struct str fields, oracle_done *done, void *ctx)
{
    struct oracle_ask *a = calloc(1, sizeof *a);

    if (!a)
        die("no memory for a question to the oracle");
    a->oracle = o;
    a->dns = d;
    a->done = done;
    a->ctx = ctx;
    a->ending = (struct job){ .fn = ended, .ctx = a };
    a->deadline = (struct timer){ .fn = too_late, .ctx = a };
    timer_set(o->loop, &a->deadline, ASK_MS);
    buf_add(&a->fields, fields);
    stand_in_line(a);
    pump(o);
    return a;
}

void oracle_cancel(struct oracle_ask *a)
{
    if (!a)
        return;
    withdraw(a);
    ask_free(a);
}
