#include "engine/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"

enum { WAITING_MAX = 1 << 20, LINE_MAX_BYTES = 2000 };
static const uint64_t FILE_BYTES_MAX = 64 << 20;

struct debug {
    struct engine *e;
    struct buf path;
    int fd;                     /* -1: to the main log */
    struct buf waiting, writing;
    uint64_t bytes, dropped;
    bool busy, closed, unlink;
    bool last;                  /* the work under way, decided on the loop: it removes the file */
    int64_t began_us;
    struct debug *next, **link;
};

static void debug_free(struct debug *d)
{
    if (d->fd >= 0)
        close(d->fd);
    if (d->next)
        d->next->link = d->link;
    *d->link = d->next;
    buf_free(&d->path);
    buf_free(&d->waiting);
    buf_free(&d->writing);
    free(d);
}

void debugs_free(struct engine *e)
{
    while (e->debugs)
        debug_free(e->debugs);
}

/* ---- the helper's side: writing has one owner at a time */

static void write_out(void *ctx)
{
    struct debug *d = ctx;
    struct str s = buf_str(&d->writing);

    while (s.n) {
        ssize_t n = FAULT(LOG) ? -1 : write(d->fd, s.p, s.n);

        if (n <= 0)
            break;              /* it is a help for somebody who looks, no record */
        s = str_from(s, (size_t)n);
    }
    if (d->last)
        unlink(d->path.mem + d->path.at);
}

static void written(void *ctx);

static void flush(struct debug *d)
{
    struct buf empty = d->writing;

    if (d->busy || d->last || (d->waiting.n == 0 && !(d->closed && d->unlink)))
        return;
    buf_clear(&empty);
    d->writing = d->waiting;
    d->waiting = empty;
    d->busy = true;
    d->last = d->closed && d->unlink;
    pool_work(d->e->pool, write_out, written, d);
}

static void written(void *ctx)
{
    struct debug *d = ctx;

    d->busy = false;
    flush(d);
    if (d->closed && !d->busy)
        debug_free(d);
}

/* ---- the session's side */

struct debug *debug_open(struct engine *e, struct str tag)
{
    struct debug *d = calloc(1, sizeof *d);
    char name[256];

    if (!d)
        die("no memory for a debug file");
    d->e = e;
    d->fd = -1;
    d->began_us = clock_mono_us();
    d->next = e->debugs;
    d->link = &e->debugs;
    if (d->next)
        d->next->link = &d->next;
    e->debugs = d;
    snprintf(name, sizeof name, "debuglog%.*s", STR_ARG(tag));
    if (e->cfg.hermetic || !log_beside(name, &d->path))
        return d;
    d->fd = FAULT(OPEN) ? -1 : open(d->path.mem + d->path.at, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (d->fd >= 0)
        return d;
    log_line(LOG_MAIN, "control debug: open %.*s: %s", STR_ARG(buf_str(&d->path)), strerror(errno));
    debug_free(d);
    return NULL;
}

static void add_line(struct debug *d, const char *what, struct str line)
{
    int64_t us = clock_mono_us() - d->began_us;
    size_t was = d->waiting.n;

    if (d->waiting.n + line.n > WAITING_MAX || d->bytes > FILE_BYTES_MAX) {
        d->dropped++;
        return;
    }
    buf_addf(&d->waiting, "%lld.%06lld %s ", (long long)(us / 1000000), (long long)(us % 1000000), what);
    for (size_t i = 0; i < line.n && i < LINE_MAX_BYTES; i++) {
        unsigned char c = (unsigned char)line.p[i];

        if (c < 32 || c == 127)
            buf_addf(&d->waiting, "\\%03o", c);
        else
            buf_byte(&d->waiting, (char)c);
    }
    buf_byte(&d->waiting, '\n');
    d->bytes += d->waiting.n - was;
}

void debug_text(struct debug *d, const char *what, struct str text)
{
    struct str line;

    if (!d)
        return;
    while (text.n && str_cut(&text, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (d->fd < 0)
            log_line(LOG_MAIN, "debug: %s %.*s", what, (int)(line.n < LINE_MAX_BYTES ? line.n : LINE_MAX_BYTES), line.p);
        else
            add_line(d, what, line);
    }
    if (d->fd >= 0)
        flush(d);
}

void debug_close(struct debug *d, bool unlink)
{
    if (!d)
        return;
    if (d->dropped)
        log_line(LOG_MAIN, "control debug: %llu lines did not go into %.*s", (unsigned long long)d->dropped, STR_ARG(buf_str(&d->path)));
    d->closed = true;
    d->unlink = unlink;
    if (d->fd >= 0)
        flush(d);
    if (!d->busy)
        debug_free(d);
}
