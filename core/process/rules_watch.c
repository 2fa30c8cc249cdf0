/*
 * rules_watch - reload_on_change: a second without change, then a look at the bytes
 *
 * inotify says when to look. Where it cannot (its instances or watches are used
 * up, the directory is moved away for now) we look every few seconds. A reload
 * that came to no verdict is asked for again, later and later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/house.h"

/* A writer that never closes its file holds us up for UNQUIET_MS at most. */
enum { QUIET_MS = 1000, UNQUIET_MS = 10000, BLIND_MS = 5000, AGAIN_MS = 5000, AGAIN_MOST_MS = 60000 };

/* One watch a process. */
struct rules_watch {
    struct house *h;
    int fd;                     /* -1: blind */
    struct watch *watch;
    struct timer quiet;         /* until we look */
    struct timer again;         /* after what could not be found out */
    int64_t again_ms;
    int64_t changed_ms;         /* the first change we have not looked at; 0: none */
    bool said_blind, said_why;
};

/* ---- inotify */

static bool add_watches(struct rules_watch *w)
{
    const uint32_t what = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_CREATE | IN_ATTRIB
        | IN_MOVE_SELF | IN_DELETE_SELF;
    char lib[4200];

    snprintf(lib, sizeof lib, "%s/lib", w->h->rules);
    inotify_add_watch(w->fd, lib, what);        /* it need not exist */
    return inotify_add_watch(w->fd, w->h->rules, what) >= 0;
}

static void close_watch(struct rules_watch *w)
{
    watch_free(w->watch);
    w->watch = NULL;
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Of interest: a rule file, the directory lib, and what befalls a directory itself. */
static bool matters(const struct inotify_event *e)
{
    struct str name = e->len ? str_of(e->name) : (struct str){ "", 0 };

    return name.n == 0 || str_same(name, STR("lib")) || (name.p[0] != '.' && str_ends(name, STR(".lua")));
}

/* Whether anything of interest happened; *writing: and the last of it was a
 * write into a file that is still open. */
static bool take_events(int fd, bool *writing)
{
    _Alignas(struct inotify_event) char space[4096];
    bool any = false;
    ssize_t n;

    while ((n = read(fd, space, sizeof space)) > 0) {
        const struct inotify_event *e;

        for (char *at = space; at < space + n; at += sizeof *e + e->len) {
            e = (const struct inotify_event *)(const void *)at;
            if (!matters(e))
                continue;
            any = true;
            *writing = (e->mask & IN_MODIFY) != 0;
        }
    }
    return any;
}

static void on_change(void *ctx, int what)
{
    struct rules_watch *w = ctx;
    int64_t now = clock_mono_ms();
    bool writing = false;
    (void)what;

    if (!take_events(w->fd, &writing))
        return;
    if (!add_watches(w))        /* a directory that was moved in anew has another inode */
        close_watch(w);
    if (w->changed_ms == 0)
        w->changed_ms = now;
    if (now - w->changed_ms < UNQUIET_MS)
        timer_set(w->h->loop, &w->quiet, writing ? UNQUIET_MS - (now - w->changed_ms) : QUIET_MS);
}

/* True: from now on inotify tells. What changed before, nothing told. */
static bool open_watch(struct rules_watch *w)
{
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0 || !add_watches(w)) {
        if (!w->said_blind)
            log_line(LOG_MAIN, "cannot watch the rules (%s): looking every %d s instead", strerror(errno), BLIND_MS / 1000);
        w->said_blind = true;
        close_watch(w);
        return false;
    }
    w->watch = watch_new(w->h->loop, w->fd, on_change, w);
    watch_set(w->watch, WATCH_READ);
    w->said_blind = false;
    return true;
}

/* ---- looking */

static void look_later(struct rules_watch *w)
{
    w->again_ms = w->again_ms == 0 ? AGAIN_MS : w->again_ms * 2 > AGAIN_MOST_MS ? AGAIN_MOST_MS : w->again_ms * 2;
    timer_set(w->h->loop, &w->again, w->again_ms);
}

static void look(struct rules_watch *w)
{
    struct house *h = w->h;
    struct snapshot s = { 0 };
    struct why why;

    w->changed_ms = 0;
    if (snapshot_read(h->rules, &s, &why) != ST_OK) {
        if (!w->said_why)
            log_line(LOG_MAIN, "rules changed, but: %s", why.text);
        w->said_why = true;
        look_later(w);
        return;
    }
    w->said_why = false;
    if (memcmp(s.hash, h->hash, sizeof s.hash) != 0 && memcmp(s.hash, h->refused_hash, sizeof s.hash) != 0)
        reload_start(h, "rules changed", NULL, NULL);
    snapshot_free(&s);
}

static void on_quiet(void *ctx)
{
    struct rules_watch *w = ctx;

    if (w->fd < 0 && !open_watch(w))
        timer_set(w->h->loop, &w->quiet, BLIND_MS);
    if (w->h->reload)
        timer_set(w->h->loop, &w->quiet, QUIET_MS);
    else
        look(w);
}

static void on_again(void *ctx)
{
    struct rules_watch *w = ctx;

    if (!w->h->reload)          /* its end says whether there is to be another */
        look(w);
}

/* ---- what reload tells us */

void rules_watch_again(struct house *h)
{
    struct rules_watch *w = h->watching;

    if (!w || h->stopping)
        return;
    look_later(w);
    log_line(LOG_MAIN, "the rules are tried again in %lld s", (long long)w->again_ms / 1000);
}

void rules_watch_known(struct house *h)
{
    struct rules_watch *w = h->watching;

    if (!w)
        return;
    w->again_ms = 0;
    timer_clear(h->loop, &w->again);
}

void rules_watch_set(struct house *h)
{
    struct rules_watch *w = h->watching;

    if (h->facts.watch && !h->stopping && !w) {
        w = calloc(1, sizeof *w);
        if (!w)
            die("out of memory: the watch over the rules");
        *w = (struct rules_watch){ .h = h, .fd = -1 };
        w->quiet = (struct timer){ .fn = on_quiet, .ctx = w };
        w->again = (struct timer){ .fn = on_again, .ctx = w };
        open_watch(w);
        /* What changed after these rules were read and before the watch stood, nothing tells. */
        timer_set(h->loop, &w->quiet, QUIET_MS);
        h->watching = w;
    } else if (w && (!h->facts.watch || h->stopping)) {
        close_watch(w);
        timer_clear(h->loop, &w->quiet);
        timer_clear(h->loop, &w->again);
        free(w);
        h->watching = NULL;
    }
}
