#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"

/* A stamp and a text each have a bound, so that no record outgrows the ring. */
enum {
    RING = 1024 * 1024, STAMP_MAX = 128, TEXT_MAX = 16 * 1024, JSON_MAX = 64 * 1024,
    LINE_MAX_ALL = STAMP_MAX + JSON_MAX + 1, CLOSE_WAIT_S = 5, LINGER_NS = 2000000
};

struct record { uint32_t n; uint8_t file; };    /* then n bytes, LF included */

struct file {
    char *path;
    int fd;
    dev_t dev;
    ino_t ino;
};

/* A process has one log: any room may write a line, a helper thread too. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool open, running, stop, reopen;
    bool lingers;               /* the writer looks again by itself */
    struct log_config c;
    char *ring;
    size_t head, used;          /* of what waits, circular */
    uint64_t dropped, told;     /* lines lost; how many of them a log line owns up to */
    pthread_t writer;
    struct file file[LOG_FILES];
    void (*sink)(void *ctx, enum log_file f, struct str line);
    void *sink_ctx;
} lg = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

/* ---- the writer's side */

static const char *const file_word[LOG_FILES] = { "main", "reject", "panic", "json" };

/* Exim's log_file_path with its one "%s"; the text is no format of ours. */
static char *path_of(const char *pattern, enum log_file f)
{
    const char *at = strstr(pattern, "%s");
    char *path;

    if (!at)
        return strdup(pattern);
    if (asprintf(&path, "%.*s%s%s", (int)(at - pattern), pattern, file_word[f], at + 2) < 0)
        return NULL;
    return path;
}

static void file_close(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static void make_directory(const char *path)
{
    char dir[4096];
    char *slash;

    if ((size_t)snprintf(dir, sizeof dir, "%s", path) < sizeof dir && (slash = strrchr(dir, '/')) && slash > dir) {
        *slash = 0;
        mkdir(dir, 0750);       /* if it fails, opening the file says why */
    }
}

static bool file_open(struct file *f)
{
    const int how = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    struct stat st;

    if (!f->path)
        return false;
    f->fd = FAULT(LOG) ? -1 : open(f->path, how, 0640);
    if (f->fd < 0 && errno == ENOENT) {
        make_directory(f->path);
        f->fd = open(f->path, how, 0640);
    }
    if (f->fd < 0)
        return false;
    if (fstat(f->fd, &st) == 0) {
        f->dev = st.st_dev;
        f->ino = st.st_ino;
    }
    return true;
}

/* A rotated file keeps our descriptor; its name is then another inode or none. */
static void files_follow(bool reopen)
{
    struct stat st;

    for (int i = 0; i < LOG_FILES; i++) {
        struct file *f = &lg.file[i];

        if (f->fd >= 0 && (reopen || stat(f->path, &st) < 0 || st.st_dev != f->dev || st.st_ino != f->ino))
            file_close(f);
    }
}

/* The rest of a short write is tried once, so that a full disk does not glue
 * the next record to half of this one. */
static bool write_record(int fd, struct str s)
{
    ssize_t n = FAULT(LOG) ? -1 : write(fd, s.p, s.n);

    if (n >= 0 && (size_t)n < s.n) {
        ssize_t m = write(fd, s.p + n, s.n - (size_t)n);

        return m >= 0 && (size_t)(n + m) == s.n;
    }
    return n >= 0;
}

static bool put_out(enum log_file f, struct str line)
{
    struct file *to = &lg.file[f];

    if (lg.c.stderr_too && f != LOG_JSON && f != LOG_REJECT)        /* the main log says it too */
        write_record(STDERR_FILENO, line);
    if (!to->path)
        return true;
    if (to->fd < 0 && !file_open(to))
        return false;
    return write_record(to->fd, line);
}

static struct { time_t at; char date[32], zone[8]; } second = { .at = -1 };

/* Exim's stamp in local time; a second's text is made once. Under the lock. */
static size_t stamp_text(char *out)
{
    int64_t us = clock_wall_us();
    time_t now = (time_t)(us / 1000000);
    size_t n;

    if (now != second.at) {
        struct tm tm = { 0 };

        localtime_r(&now, &tm);
        strftime(second.date, sizeof second.date, "%Y-%m-%d %H:%M:%S", &tm);
        strftime(second.zone, sizeof second.zone, " %z", &tm);
        second.at = now;
    }
    n = (size_t)sprintf(out, "%s", second.date);
    if (lg.c.millisec)
        n += (size_t)sprintf(out + n, ".%03d", (int)(us / 1000 % 1000));
    n += (size_t)sprintf(out + n, "%s ", lg.c.zone ? second.zone : "");
    if (lg.c.pid)
        n += (size_t)sprintf(out + n, "[%d] ", (int)getpid());
    return n;
}

static void ring_out(size_t at, void *to, size_t n)
{
    size_t first = n < RING - at ? n : RING - at;

    memcpy(to, lg.ring + at, first);
    memcpy((char *)to + first, lg.ring, n - first);
}

static void ring_in(size_t at, const void *from, size_t n)
{
    size_t first = n < RING - at ? n : RING - at;

    memcpy(lg.ring + at, from, first);
    memcpy(lg.ring, (const char *)from + first, n - first);
}

static bool ring_take(struct record *r, char *line)
{
    if (lg.used == 0)
        return false;
    ring_out(lg.head, r, sizeof *r);
    ring_out((lg.head + sizeof *r) % RING, line, r->n);
    lg.head = (lg.head + sizeof *r + r->n) % RING;
    lg.used -= sizeof *r + r->n;
    return true;
}

/* Lost lines are owned up to once a line can be written again. */
static void own_up(char *line)
{
    uint64_t now = lg.dropped;
    size_t n;
    bool ok;

    if (now == lg.told)
        return;
    n = stamp_text(line);
    n += (size_t)sprintf(line + n, "%llu log lines were dropped\n", (unsigned long long)(now - lg.told));
    pthread_mutex_unlock(&lg.lock);
    ok = put_out(LOG_MAIN, (struct str){ line, n });
    pthread_mutex_lock(&lg.lock);
    if (ok)
        lg.told = now;
}

/* File rights of this thread alone (setfsuid(2)): a log directory belongs to a
 * user who may put links there, and root must not follow them. */
static void act_as(uid_t uid, gid_t gid)
{
    if (uid == 0)
        return;
    setfsgid(gid);
    setfsuid(uid);
}

/* On a busy server the next line is a moment away. Waiting for it here, rather
 * than on the condition, spares whoever logs it a system call to wake us. */
static void linger(void)
{
    static const struct timespec moment = { .tv_nsec = LINGER_NS };

    if (lg.stop)
        return;
    lg.lingers = true;
    pthread_mutex_unlock(&lg.lock);
    nanosleep(&moment, NULL);
    pthread_mutex_lock(&lg.lock);
    lg.lingers = false;
}

/* The lock is never held over a call that touches a file: a disk that stalls
 * holds up this thread and nobody else. */
static void *writer(void *unused)
{
    static char line[LINE_MAX_ALL];
    struct record r;
    (void)unused;

    act_as(lg.c.as_uid, lg.c.as_gid);
    pthread_mutex_lock(&lg.lock);
    lg.running = true;
    pthread_cond_broadcast(&lg.more);
    for (;;) {
        bool reopen;

        while (lg.used == 0 && !lg.stop && !lg.reopen)
            pthread_cond_wait(&lg.more, &lg.lock);
        if (lg.used == 0 && lg.stop)
            break;
        reopen = lg.reopen;
        lg.reopen = false;
        pthread_mutex_unlock(&lg.lock);
        files_follow(reopen);
        pthread_mutex_lock(&lg.lock);
        while (ring_take(&r, line)) {
            bool ok;

            pthread_mutex_unlock(&lg.lock);
            ok = put_out((enum log_file)r.file, (struct str){ line, r.n });
            pthread_mutex_lock(&lg.lock);
            lg.dropped += !ok;
        }
        own_up(line);
        linger();
    }
    lg.running = false;         /* no way back for this thread */
    pthread_mutex_unlock(&lg.lock);
    return NULL;
}

/* ---- opening and closing */

static void let_go(void)
{
    for (int f = 0; f < LOG_FILES; f++) {
        file_close(&lg.file[f]);
        free(lg.file[f].path);
        lg.file[f].path = NULL;
    }
    free(lg.ring);
    lg.ring = NULL;
    lg.open = lg.running = lg.stop = lg.reopen = lg.lingers = false;
    lg.head = lg.used = 0;
    lg.dropped = lg.told = 0;
}

/* A child has the ring but no writer: it starts with a closed log. */
static void fork_before(void) { pthread_mutex_lock(&lg.lock); }
static void fork_parent(void) { pthread_mutex_unlock(&lg.lock); }
static void fork_child(void)
{
    pthread_mutex_init(&lg.lock, NULL);
    pthread_cond_init(&lg.more, NULL);
    if (lg.open)
        let_go();
}
static void watch_forks(void) { pthread_atfork(fork_before, fork_parent, fork_child); }

static enum status open_files(const struct log_config *c, struct why *why)
{
    for (int f = 0; f < LOG_FILES; f++) {
        lg.file[f].fd = -1;
        if (!c->path || (f == LOG_REJECT && !c->write_rejectlog) || (f == LOG_JSON && !c->json))
            continue;
        lg.file[f].path = path_of(c->path, (enum log_file)f);
        if (!lg.file[f].path)
            die("out of memory: the log's names");
    }
    if (!c->path)
        return ST_OK;
    if (!file_open(&lg.file[LOG_MAIN]))
        return why_errno(why, ST_AGAIN, "open log %s", lg.file[LOG_MAIN].path);
    return ST_OK;
}

static int start_writer(void)
{
    sigset_t all, old;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    err = FAULT(FORK) ? EAGAIN : pthread_create(&lg.writer, NULL, writer, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err;
}

bool log_config_same(const struct log_config *a, const struct log_config *b)
{
    return a->millisec == b->millisec && a->zone == b->zone && a->pid == b->pid && a->json == b->json
        && a->stderr_too == b->stderr_too && a->write_rejectlog == b->write_rejectlog;
}

/* False: it hangs in a write still. */
static bool stop_writer(void)
{
    struct timespec until;

    pthread_mutex_lock(&lg.lock);
    lg.stop = true;
    pthread_cond_signal(&lg.more);
    pthread_mutex_unlock(&lg.lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_WAIT_S;
    return pthread_timedjoin_np(lg.writer, NULL, &until) == 0;
}

/* The old log ends. If its writer hangs, it stays as it is: two writers cannot
 * share what there is one of. */
static bool make_way(void)
{
    bool goes_on;

    if (!stop_writer()) {
        pthread_mutex_lock(&lg.lock);
        goes_on = lg.running;
        lg.stop = !goes_on;
        pthread_mutex_unlock(&lg.lock);
        if (goes_on)
            return false;
        pthread_join(lg.writer, NULL);      /* it came back a moment ago, and ends */
    }
    let_go();
    return true;
}

enum status log_open(const struct log_config *c, struct why *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    enum status st;

    pthread_once(&once, watch_forks);
    if (lg.open && !make_way())
        return why_set(why, ST_AGAIN, "the log stays as it was: its disk does not answer");
    act_as(c->as_uid, c->as_gid);
    st = open_files(c, why);
    if (c->as_uid) {
        setfsuid(geteuid());
        setfsgid(getegid());
    }
    if (st != ST_OK)
        goto fail;
    lg.ring = malloc(RING);
    if (!lg.ring)
        die("out of memory: the log's ring");
    lg.c = *c;
    lg.c.path = NULL;           /* the caller's; the names are copied */
    errno = start_writer();
    if (errno) {
        st = why_errno(why, ST_AGAIN, "start the log's writer");
        goto fail;
    }
    /* A master forks as soon as it has a log: not while a thread is half made. */
    pthread_mutex_lock(&lg.lock);
    while (!lg.running)
        pthread_cond_wait(&lg.more, &lg.lock);
    pthread_mutex_unlock(&lg.lock);
    lg.open = true;
    return ST_OK;

fail:
    let_go();
    return st;
}

/* A writer that a stalled disk holds is left behind, with what it uses: the
 * process ends and must not wait for the disk. */
void log_close(void)
{
    if (!lg.open)
        return;
    if (stop_writer())
        let_go();
    lg.open = false;
}

void log_reopen(void)
{
    pthread_mutex_lock(&lg.lock);
    lg.reopen = true;
    pthread_cond_signal(&lg.more);
    pthread_mutex_unlock(&lg.lock);
}

void log_stamp(const struct log_config *c)
{
    second.at = -1;             /* its zone may be another */
    lg.c.millisec = c->millisec;
    lg.c.zone = c->zone;
    lg.c.pid = c->pid;
}

void log_to(void (*sink)(void *ctx, enum log_file f, struct str line), void *ctx)
{
    lg.sink = sink;
    lg.sink_ctx = ctx;
}

/* ---- writing a line */

static void enqueue(enum log_file f, struct str line)
{
    struct record r = { (uint32_t)line.n, (uint8_t)f };
    size_t at;

    /* From the start when nothing waits: what is never reached costs no memory. */
    if (lg.used == 0)
        lg.head = 0;
    at = (lg.head + lg.used) % RING;
    if (sizeof r + r.n > RING - lg.used) {
        lg.dropped++;
        return;
    }
    ring_in(at, &r, sizeof r);
    ring_in((at + sizeof r) % RING, line.p, line.n);
    if (lg.used == 0 && !lg.lingers)
        pthread_cond_signal(&lg.more);
    lg.used += sizeof r + line.n;
}

/* Takes the line without and with its LF. Before log_open a line that matters
 * still has standard error. */
static void send_line(enum log_file f, char *line, size_t n)
{
    line[n] = '\n';
    if (lg.open)
        enqueue(f, (struct str){ line, n + 1 });
    else if (f == LOG_MAIN || f == LOG_PANIC)
        write_record(STDERR_FILENO, (struct str){ line, n + 1 });
}

void log_text(enum log_file f, struct str id, struct str text)
{
    static char line[LINE_MAX_ALL];         /* under the lock */
    size_t most = f == LOG_JSON ? JSON_MAX : TEXT_MAX, n = 0;

    pthread_mutex_lock(&lg.lock);
    if (f != LOG_JSON)
        n = stamp_text(line);
    most += n;
    if (id.n > 0) {
        n += str_escape(id, line + n, most - n - 1);
        line[n++] = ' ';
    }
    n += str_escape(text, line + n, most - n);
    if (lg.sink)
        lg.sink(lg.sink_ctx, f, (struct str){ line, n });
    else
        send_line(f, line, n);
    pthread_mutex_unlock(&lg.lock);
}

void log_line(enum log_file f, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    log_text(f, (struct str){ NULL, 0 }, (struct str){ text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1 });
}

uint64_t log_dropped(void)
{
    uint64_t n;

    pthread_mutex_lock(&lg.lock);
    n = lg.dropped;
    pthread_mutex_unlock(&lg.lock);
    return n;
}

bool log_beside(const char *name, struct buf *out)
{
    const char *path = lg.open ? lg.file[LOG_MAIN].path : NULL, *slash = path ? strrchr(path, '/') : NULL;

    if (!slash)
        return false;
    buf_addf(out, "%.*s/%s%c", (int)(slash - path), path, name, 0);
    return true;
}
