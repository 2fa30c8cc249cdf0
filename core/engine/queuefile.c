/*
 * queuefile - an attempt that writes the message as Exim's spool pair (F31)
 *
 * Nothing is delivered finally: another program takes the files up. They are
 * what the queue holds now, before this delivery is noted, so that whoever
 * requeues them reaches everybody.
 */
#include "engine/attempt.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "local/pairfile.h"
#include "mail/pair.h"

struct pair_job {
    struct attempt *a;
    struct buf head;
    const char *path;
    bool busy;
    enum status status;
    struct why why;
};

static void job_free(struct pair_job *j)
{
    j->a->pair = NULL;
    buf_free(&j->head);
    free(j);
}

static void finish(struct pair_job *j)
{
    struct attempt *a = j->a;
    struct str shown = str_of(j->path);

    if (j->status == ST_OK) {
        job_free(j);
        attempt_delivered(a, shown);
        return;
    }
    attempt_all(a, ITEM_AGAIN, j->why.err ? j->why.err : -1, "*",
                arena_printf(&a->w->arena, "%.*s transport %s", STR_ARG(a->tr.name), j->why.text));
    job_free(j);
    attempt_end(a);
}

/* A message without a body ends at once: walk_read_body gives no 0 beyond its end. */
static ssize_t read_body(void *ctx, uint64_t offset, char *p, size_t n)
{
    struct walk *w = ctx;

    return offset >= w->msg.body_size ? 0 : walk_read_body(w, offset, p, n);
}

static void work(void *ctx)
{
    struct pair_job *j = ctx;
    struct walk *w = j->a->w;
    struct pairfile p = { .id = w->id, .head = buf_str(&j->head), .read = read_body, .ctx = w };

    p.dir = open(j->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (p.dir < 0) {
        j->status = why_errno(&j->why, ST_AGAIN, "opening directory: %s", j->path);
        return;
    }
    j->status = pairfile_write(&p, &j->why);
    close(p.dir);
}

static void worked(void *ctx)
{
    struct pair_job *j = ctx;
    struct walk *w = j->a->w;

    j->busy = false;
    finish(j);
    walk_release(w);
}

/* A world without a disk shows what the pair would have held. */
static void show(struct pair_job *j)
{
    struct attempt *a = j->a;
    struct walk *w = a->w;
    struct delivery_seen seen = { .id = str_of(w->id.s), .recipient = a->items->at.address, .transport = a->tr.name };
    struct buf message = { 0 };
    ssize_t n = 1;

    buf_add(&message, w->msg.header);
    buf_add(&message, STR("\r\n"));
    for (uint64_t at = 0; n > 0; at += (uint64_t)n)
        if ((n = read_body(w, at, buf_room(&message, 65536), 65536)) > 0)
            buf_grew(&message, (size_t)n);
    seen.message = buf_str(&message);
    seen.file = arena_printf(&w->arena, "%s/%s", j->path, w->id.s);
    j->status = n < 0 ? why_errno(&j->why, ST_AGAIN, "read the message") : ST_OK;
    if (n == 0 && w->e->on_delivery)
        w->e->on_delivery(w->e->on_delivery_ctx, &seen);
    buf_free(&message);
}

void queuefile_start(struct attempt *a)
{
    struct walk *w = a->w;
    struct pair_job *j = calloc(1, sizeof *j);
    struct str path = a->tr.folder.type == VAL_STR ? a->tr.folder.u.s : STR("");

    if (!j)
        die("no memory for a spool pair");
    a->pair = j;
    j->a = a;
    j->path = arena_z(&w->arena, path);
    j->status = ST_AGAIN;
    if (path.n == 0 || path.p[0] != '/' || !attempt_safe_path(a, path)) {
        why_set(&j->why, ST_AGAIN, "has no safe directory for this address");
        finish(j);
    } else if (w->e->cfg.hermetic) {
        show(j);
        finish(j);
    } else {
        pair_write(w->t, w->id, w->msg.header, w->t->frozen, &j->head);
        j->busy = true;
        walk_hold(w);
        pool_work(w->e->pool, work, worked, j);
    }
}

void queuefile_cancel(struct attempt *a)
{
    struct pair_job *j = a->pair;

    if (!j)
        return;
    if (j->busy)
        walk_release(a->w);             /* its thread is gone, and worked() will not come */
    job_free(j);
}
