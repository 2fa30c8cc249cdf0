#include "engine/room.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/mailbox.h"
#include "local/local.h"

struct room {
    struct engine *e;
    struct arena arena;
    struct transport tr;
    struct appendfile file;
    struct local_delivery *local;       /* another user's mailbox */
    struct room *next, **at;            /* of the engine */
    room_done *done;                    /* NULL: nobody waits for the answer any more */
    void *ctx;
};

static void room_free(struct room *r)
{
    if (r->next)
        r->next->at = r->at;
    *r->at = r->next;
    arena_free(&r->arena);
    free(r);
}

static void answer(struct room *r)
{
    const struct appendfile *f = &r->file;
    enum status st = f->full ? ST_NEVER : f->status == ST_OK ? ST_OK : ST_AGAIN;

    if (r->done)
        r->done(r->ctx, st, str_of(f->why.text));
    room_free(r);
}

static void look(void *ctx)
{
    struct room *r = ctx;

    appendfile_deliver(&r->file);
}

static void looked(void *ctx)
{
    answer(ctx);
}

static enum content_end nothing(void *ctx, struct buf *out)
{
    (void)ctx;
    (void)out;
    return CONTENT_END;
}

static void local_ended(void *ctx, const struct local_end *end)
{
    struct room *r = ctx;

    r->file.status = end->status;
    r->file.why = end->why;
    r->file.full = end->full;
    answer(r);
}

static void look_as(struct room *r, int64_t uid)
{
    struct local_want w = { .file = &r->file, .group = r->tr.group, .initgroups = r->tr.initgroups };

    w.user = r->tr.user.n ? r->tr.user : arena_printf(&r->arena, "%lld", (long long)uid);
    r->local = local_deliver(r->e->cfg.local, &w, nothing, local_ended, r);
}

/* In a hermetic world there are no mailboxes: what counts is what the options say. */
static void pretend(struct room *r)
{
    struct appendfile *f = &r->file;

    f->full = (f->quota > 0 && f->used + (f->quota_exclusive ? 0 : f->message_size) > f->quota)
           || (f->quota_files > 0 && f->files + (f->quota_exclusive ? 0 : 1) > f->quota_files);
    if (f->full)
        why_set(&f->why, ST_AGAIN, "mailbox is full");
    f->status = ST_OK;
}

static struct room *room_new(struct engine *e, const struct room_want *w, room_done *done, void *ctx)
{
    struct room *r = calloc(1, sizeof *r);

    if (!r)
        die("no memory to look into a mailbox");
    r->e = e;
    r->done = done;
    r->ctx = ctx;
    r->next = e->rooms;
    r->at = &e->rooms;
    if (r->next)
        r->next->at = &r->next;
    e->rooms = r;
    transport_read(&r->arena, w->transport, e->settings->hostname, &r->tr);
    return r;
}

/* False: there is no mailbox to look into, why says it. */
static bool fill(struct room *r, const struct room_want *w)
{
    struct appendfile *f = &r->file;

    if (!mailbox_where(&r->tr, &w->at, f)) {
        why_set(&f->why, ST_AGAIN, "no safe file or directory for this address");
        return false;
    }
    mailbox_quota(&r->tr, f);
    f->only_room = true;
    f->root = arena_dup(&r->arena, f->root);
    f->rest = arena_dup(&r->arena, f->rest);
    f->message_size = w->size < INT64_MAX / 2 ? (int64_t)w->size : INT64_MAX / 2;
    f->hostname = r->e->settings->hostname;
    f->wall_us = clock_wall_us();
    f->serial = (int64_t)++r->e->serial;
    return true;
}

struct room *room_ask(void *engine, const struct room_want *w, room_done *done, void *ctx)
{
    struct engine *e = engine;
    struct room *r = room_new(e, w, done, ctx);
    int64_t uid = mailbox_owner(&r->tr, &w->at);
    bool ours = uid == -1 || uid == (int64_t)geteuid();

    r->file.status = ST_AGAIN;
    if (fill(r, w)) {
        if (e->cfg.hermetic) {
            pretend(r);
        } else if (ours) {
            pool_work(e->pool, look, looked, r);
            return r;
        } else if (e->cfg.local && uid >= 0) {
            look_as(r, uid);
            return r;
        } else {
            why_set(&r->file.why, ST_AGAIN, uid < -1 ? "there is no such user"
                                                     : "another user's mailbox needs the local delivery process");
        }
    }
    answer(r);
    return NULL;
}

/* A thread cannot be called back: its answer finds nobody. */
void room_cancel(struct room *r)
{
    if (!r->local) {
        r->done = NULL;
        return;
    }
    local_cancel(r->local);
    room_free(r);
}

void rooms_free(struct engine *e)
{
    while (e->rooms)
        room_free(e->rooms);
}
