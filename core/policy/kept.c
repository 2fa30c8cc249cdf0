#include "policy/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "policy/beneath.h"

enum { KEPT_MAX = 32, KEPT_BYTES = 256 << 20 };

struct entry {
    struct entry *next;
    const struct kept_kind *kind;
    struct file_identity file;
    void *thing;                /* NULL: somebody is making it */
    unsigned held;
    bool old;                   /* the file has changed: goes with its last holder */
    uint64_t used;
};

/* File-scope, since files are the same for every generation and every helper
 * thread of a process. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t made = PTHREAD_COND_INITIALIZER;
static struct entry *entries;
static uint64_t clock_used;

/* ---- with the lock held */

static void entry_free(struct entry *e)
{
    struct entry **at = &entries;

    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    if (e->thing)
        e->kind->drop(e->thing);
    free(e);
}

/* The entry of the file as it is now; one of an earlier version goes. */
static struct entry *entry_find(const struct kept_kind *kind, const struct stat *st)
{
    struct file_identity now = file_identity_stat(st);
    struct entry *e, *next;

    for (e = entries; e; e = next) {
        next = e->next;
        if (e->old || e->kind != kind || e->file.dev != now.dev || e->file.ino != now.ino)
            continue;
        if (kind->live || file_identity_same(&e->file, &now))
            return e;
        e->old = true;
        if (e->held == 0)
            entry_free(e);
    }
    return NULL;
}

static void make_room(void)
{
    for (;;) {
        struct entry *oldest = NULL;
        unsigned n = 0;
        off_t bytes = 0;

        for (struct entry *e = entries; e; e = e->next) {
            n++;
            if (!e->kind->live)
                bytes += e->file.size;
            if (e->held == 0 && (!oldest || e->used < oldest->used))
                oldest = e;
        }
        if (!oldest || (n <= KEPT_MAX && bytes <= KEPT_BYTES))
            return;
        entry_free(oldest);
    }
}

/* Takes the lock off while the file is read. NULL: *why. */
static struct entry *entry_make(const struct kept_kind *kind, int fd, const char *path, const struct stat *st, struct why *why)
{
    struct entry *e = calloc(1, sizeof *e);
    void *thing;

    if (!e)
        die("out of memory: a file that is kept");
    *e = (struct entry){
        .next = entries, .kind = kind, .file = file_identity_stat(st), .held = 1,
    };
    entries = e;
    pthread_mutex_unlock(&lock);
    thing = kind->make(fd, path, st, why);
    pthread_mutex_lock(&lock);
    e->thing = thing;
    e->used = ++clock_used;
    if (!thing) {
        entry_free(e);
        e = NULL;
    }
    pthread_cond_broadcast(&made);
    make_room();
    return e;
}

/* ---- for everybody */

static void *take(const struct kept_kind *kind, int fd, const char *path, struct why *why)
{
    struct stat st;
    struct entry *e;
    void *thing = NULL;

    if (fstat(fd, &st) < 0) {
        why_errno(why, ST_AGAIN, "stat %s", path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        why_set(why, ST_AGAIN, "%s is no plain file", path);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    while ((e = entry_find(kind, &st)) && !e->thing)
        pthread_cond_wait(&made, &lock);
    if (e) {
        e->held++;
        e->used = ++clock_used;
    } else {
        e = entry_make(kind, fd, path, &st, why);
    }
    if (e)
        thing = e->thing;
    pthread_mutex_unlock(&lock);
    return thing;
}

void *kept_take(const struct kept_kind *kind, const char *path, const char *below, struct why *why)
{
    int fd = beneath_open(path, below, O_RDONLY);
    void *thing;

    if (fd < 0) {
        why_errno(why, ST_AGAIN, "open %s", path);
        return NULL;
    }
    thing = take(kind, fd, path, why);
    close(fd);
    return thing;
}

void kept_give(void *thing)
{
    struct entry *e;

    pthread_mutex_lock(&lock);
    for (e = entries; e && e->thing != thing; e = e->next)
        ;
    if (e && --e->held == 0 && e->old)
        entry_free(e);
    pthread_mutex_unlock(&lock);
}

void kept_forget(void)
{
    struct entry *e, *next;

    pthread_mutex_lock(&lock);
    for (e = entries; e; e = next) {
        next = e->next;
        if (e->held == 0)
            entry_free(e);
    }
    pthread_mutex_unlock(&lock);
}

bool kept_read(int fd, const char *path, const struct stat *st, char **text, size_t *n, struct why *why)
{
    size_t size = (size_t)st->st_size, got = 0;
    char *p;
    ssize_t k;

    if (st->st_size > KEPT_FILE_MAX)
        return why_set(why, ST_AGAIN, "%s is larger than %d bytes", path, KEPT_FILE_MAX), false;
    p = malloc(size + 1);
    if (!p)
        return why_set(why, ST_AGAIN, "no memory for %s", path), false;
    while (got < size) {
        k = FAULT(READ) ? -1 : pread(fd, p + got, size - got, (off_t)got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0) {
            why_errno(why, ST_AGAIN, "read %s", path);
            free(p);
            return false;
        }
        if (k == 0)
            break;
        got += (size_t)k;
    }
    *text = p;
    *n = got;
    return true;
}
