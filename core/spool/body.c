#include "spool/body.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fault.h"
#include "spool/crc.h"

/* Handed over and not yet written, of all drafts: from where on sessions wait,
 * and what is refused. */
enum { BEHIND_WAIT = 16 << 20, BEHIND_MAX = 64 << 20 };

struct body_job {
    struct body_job *next;
    enum job_kind kind;
    struct large *large;
    struct buf bytes;
    struct request *request;    /* JOB_KEEP */
};

struct bodies {
    struct disk *sp;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct body_job *first, **last;
    uint64_t behind;
    bool stop;
};

/* ---- the thread */

/* A file without a name vanishes with the process. Where the file system has
 * no such thing, one with a name that recovery removes. */
static int open_large(struct large *g)
{
    char tmp[32];
    int fd = FAULT(OPEN) ? -1 : openat(g->dirfd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
        return fd;
    g->tmp = true;
    snprintf(tmp, sizeof tmp, "tmp-%s", g->name);
    return openat(g->dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static enum status write_part(struct large *g, struct str s, struct why *why)
{
    if (g->fd < 0)
        g->fd = open_large(g);
    if (g->fd < 0)
        return why_errno(why, ST_AGAIN, "open the body file of %s", g->name);
    while (s.n) {
        struct str part = str_head(s, WIRE_CHUNK);
        uint32_t sum = htole32(crc32c(0, part.p, part.n));
        ssize_t did;

        errno = ENOSPC;
        did = FAULT(WRITE) ? -1 : pwrite(g->fd, part.p, part.n, (off_t)g->written);
        if (did < 0 || (size_t)did != part.n)
            return why_errno(why, ST_AGAIN, "write the body of %s", g->name);
        buf_add(&g->sums, (struct str){ (const char *)&sum, sizeof sum });
        g->written += part.n;
        s = str_from(s, part.n);
    }
    return ST_OK;
}

static int give_name(struct large *g)
{
    char from[64];

    if (FAULT(RENAME))
        return -1;
    if (g->tmp) {
        snprintf(from, sizeof from, "tmp-%s", g->name);
        return renameat(g->dirfd, from, g->dirfd, g->name);
    }
    snprintf(from, sizeof from, "/proc/self/fd/%d", g->fd);
    return linkat(AT_FDCWD, from, g->dirfd, g->name, AT_SYMLINK_FOLLOW);
}

/* R2.1: the bytes, then the name, and only then the record. */
static enum status make_stable(struct large *g, struct why *why)
{
    CRASH_POINT("spool.body.written");
    if (FAULT(FLUSH) || fsync(g->fd) < 0)
        return why_errno(why, ST_AGAIN, "flush the body of %s", g->name);
    CRASH_POINT("spool.body.flushed");
    if (give_name(g) < 0)
        return why_errno(why, ST_AGAIN, "name the body of %s", g->name);
    CRASH_POINT("spool.body.named");
    if (FAULT(FLUSH) || fsync(g->dirfd) < 0) {
        why_errno(why, ST_AGAIN, "flush the name of the body of %s", g->name);
        unlinkat(g->dirfd, g->name, 0);
        return ST_AGAIN;
    }
    CRASH_POINT("spool.body.stable");
    return ST_OK;
}

static void large_free(struct large *g)
{
    char tmp[32];

    if (g->tmp) {
        snprintf(tmp, sizeof tmp, "tmp-%s", g->name);
        unlinkat(g->dirfd, tmp, 0);
    }
    if (g->fd >= 0)
        close(g->fd);
    close(g->dirfd);
    buf_free(&g->sums);
    free(g);
}

static void keep(struct bodies *b, struct body_job *j)
{
    struct large *g = j->large;
    struct request *r = j->request;
    struct why why = g->why;
    enum status st = g->st;

    if (st == ST_OK)
        st = make_stable(g, &why);
    if (st == ST_OK) {
        memcpy(r->text.mem + r->text.at + (r->text.n - r->sums_from_end), g->sums.mem + g->sums.at, g->sums.n);
        g->tmp = false;
        request_give(b->sp, r);
    } else {
        request_refuse(b->sp, r, ST_AGAIN, &why);
    }
    large_free(g);
}

static void do_job(struct bodies *b, struct body_job *j)
{
    struct large *g = j->large;
    struct why why;
    enum status st = g ? g->st : ST_OK;

    assert(g || j->kind == JOB_MOVE);
    switch (j->kind) {
    case JOB_WRITE:
        if (st == ST_OK)
            st = write_part(g, buf_str(&j->bytes), &why);
        pthread_mutex_lock(&b->lock);
        if (st != ST_OK && g->st == ST_OK) {
            g->st = st;
            g->why = why;
        }
        g->behind -= j->bytes.n;
        b->behind -= j->bytes.n;
        pthread_cond_broadcast(&b->done);
        pthread_mutex_unlock(&b->lock);
        break;
    case JOB_KEEP:
        keep(b, j);
        break;
    case JOB_DROP:
        large_free(g);
        break;
    case JOB_MOVE:
        if (move_prepare(b->sp, j->request, &why) == ST_OK)
            request_give(b->sp, j->request);
        else
            request_refuse(b->sp, j->request, ST_AGAIN, &why);
        break;
    }
}

static void *body_thread(void *ctx)
{
    struct bodies *b = ctx;

    pthread_mutex_lock(&b->lock);
    for (;;) {
        struct body_job *j = b->first;

        if (!j && b->stop)
            break;
        if (!j) {
            pthread_cond_wait(&b->work, &b->lock);
            continue;
        }
        b->first = j->next;
        if (!b->first)
            b->last = &b->first;
        pthread_mutex_unlock(&b->lock);
        do_job(b, j);
        buf_free(&j->bytes);
        free(j);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* bytes moves into the job. */
void body_give(struct bodies *b, enum job_kind kind, struct large *g, struct buf *bytes, struct request *r)
{
    struct body_job *j = must_alloc(sizeof *j);

    *j = (struct body_job){ NULL, kind, g, { 0 }, r };
    if (bytes) {
        j->bytes = *bytes;
        *bytes = (struct buf){ 0 };
    }
    pthread_mutex_lock(&b->lock);
    if (g)
        g->behind += j->bytes.n;
    b->behind += j->bytes.n;
    *b->last = j;
    b->last = &j->next;
    pthread_mutex_unlock(&b->lock);
    pthread_cond_signal(&b->work);
}

struct bodies *bodies_start(struct disk *sp, struct why *why)
{
    struct bodies *b = must_alloc(sizeof *b);

    b->sp = sp;
    b->last = &b->first;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->work, NULL);
    pthread_cond_init(&b->done, NULL);
    if (pthread_create(&b->thread, NULL, body_thread, b)) {
        why_set(why, ST_AGAIN, "cannot start the body thread");
        free(b);
        return NULL;
    }
    return b;
}

void bodies_stop(struct bodies *b)
{
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_mutex_unlock(&b->lock);
    pthread_cond_signal(&b->work);
    pthread_join(b->thread, NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->work);
    pthread_cond_destroy(&b->done);
    free(b);
}

enum status body_status(struct bodies *b, struct large *g, struct why *why)
{
    enum status st;

    pthread_mutex_lock(&b->lock);
    st = g->st;
    if (st != ST_OK && why)
        *why = g->why;
    else if (b->behind > BEHIND_MAX)
        st = why_set(why, ST_AGAIN, "%" PRIu64 " bytes of large bodies wait to be written", b->behind);
    pthread_mutex_unlock(&b->lock);
    return st;
}

bool body_behind(struct bodies *b)
{
    bool behind;

    pthread_mutex_lock(&b->lock);
    behind = b->behind > BEHIND_WAIT;
    pthread_mutex_unlock(&b->lock);
    return behind;
}

void body_wait(struct bodies *b, struct large *g)
{
    pthread_mutex_lock(&b->lock);
    while (g->behind)
        pthread_cond_wait(&b->done, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

bool body_written(struct bodies *b, struct large *g)
{
    bool all;

    pthread_mutex_lock(&b->lock);
    all = g->behind == 0;
    pthread_mutex_unlock(&b->lock);
    return all;
}
