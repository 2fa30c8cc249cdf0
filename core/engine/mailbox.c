/*
 * mailbox - an attempt into a file of this machine, on a helper thread
 */
#include "engine/attempt.h"

#include <stdlib.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/local.h"

/* Attempts waiting for a mailbox file that another one is writing. Two of our
 * own threads would only keep each other asleep over its lock. */
struct box {
    struct attempt *first, **last;
};

static void later(struct attempt *a, const char *text)
{
    attempt_all(a, ITEM_AGAIN, -1, "*", str_of(text));
    attempt_end(a);
}

/* ---- where to (design P5) */

/* A path() carries the mark of its trusted root; for any other string names
 * from the wire must be ones that cannot leave the directory they are put in. */
static bool safe_path(const struct at_address *at, struct str path)
{
    if (str_find_str(path, STR("/./")) != SIZE_MAX)
        return true;
    return appendfile_safe(at->local_part) && appendfile_safe(at->domain);
}

/* A path a user named in a forwarding file, ending in '/' for a directory. */
static bool from_address(struct attempt *a, struct str path)
{
    struct appendfile *f = a->file;

    f->directory = path.n && path.p[path.n - 1] == '/';
    f->maildir = f->directory && a->tr.maildir;
    return appendfile_split(path, &f->root, &f->rest);
}

static bool from_option(struct attempt *a)
{
    struct appendfile *f = a->file;
    const struct val *v = a->tr.folder.type != VAL_NIL ? &a->tr.folder : &a->tr.file;

    f->directory = a->tr.folder.type != VAL_NIL;
    f->maildir = f->directory && a->tr.maildir;
    return v->type == VAL_STR && safe_path(&a->items->at, v->u.s) && appendfile_split(v->u.s, &f->root, &f->rest);
}

/* ---- what */

static struct str from_line(struct attempt *a)
{
    struct arena *ar = &a->w->arena;
    struct str sender = a->msg.sender.n ? a->msg.sender : STR("MAILER-DAEMON");
    time_t now = (time_t)clock_wall();
    struct tm tm;
    char text[64];

    localtime_r(&now, &tm);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    return arena_printf(ar, "From %.*s %s\n", STR_ARG(sender), text);
}

static struct str text_or(const struct val *v, struct str def)
{
    return v->type == VAL_STR ? v->u.s : def;
}

static void fill(struct attempt *a)
{
    const struct transport *t = &a->tr;
    struct appendfile *f = a->file;
    bool mbox = !f->directory;

    f->create_directory = t->create_directory;
    f->file_must_exist = t->file_must_exist;
    f->check_owner = t->check_owner;
    f->check_group = t->check_group;
    f->mode_fail_narrower = t->mode_fail_narrower;
    f->lockfile = t->lockfile && mbox;
    f->fcntl_lock = t->fcntl_lock && mbox;
    f->mode = t->mode;
    f->directory_mode = t->directory_mode;
    f->lockfile_mode = t->lockfile_mode;
    f->lock_retries = (int)t->lock_retries;
    f->lock_interval = t->lock_interval;
    f->lock_fcntl_timeout = t->lock_fcntl_timeout;
    f->lockfile_timeout = t->lockfile_timeout;
    f->hostname = a->w->set->hostname;
    f->wall_us = clock_wall_us();
    f->serial = ++attempt_engine(a)->serial;
    f->tag = t->tag;
    f->file_name = t->file_name.n ? t->file_name
                                  : arena_printf(&a->w->arena, "q%s.%llu", a->w->id.s, (unsigned long long)f->serial);
    f->content = (struct content){
        .header = a->header, .read = walk_read_body, .ctx = a->w, .body_size = a->w->msg.body_size, .crlf = t->crlf,
        .headers_only = t->headers_only, .body_only = t->body_only,
        .check = text_or(&t->check_string, mbox ? STR("From ") : STR("")),
        .escape = text_or(&t->escape_string, mbox ? STR(">From ") : STR("")),
    };
    f->content.prefix = text_or(&t->prefix, mbox ? from_line(a) : STR(""));
    f->content.suffix = text_or(&t->suffix, mbox ? STR("\n") : STR(""));
}

/* ---- the end */

static void finish(struct attempt *a)
{
    struct appendfile *f = a->file;

    if (f->status == ST_OK) {
        attempt_delivered(a, a->items->at.file);
        return;
    }
    attempt_all(a, f->status == ST_NEVER ? ITEM_NEVER : ITEM_AGAIN, f->why.err, "*", str_of(f->why.text));
    attempt_end(a);
}

static void work(void *ctx)
{
    struct attempt *a = ctx;

    appendfile_deliver(a->file);
}

static void worked(void *ctx);

static void begin_work(struct attempt *a)
{
    a->file_busy = true;
    walk_hold(a->w);
    pool_work(attempt_engine(a)->pool, work, worked, a);
}

static void box_release(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct box *b = a->box.n ? map_get(e->boxes, a->box) : NULL;
    struct attempt *next;

    if (!b)
        return;
    next = b->first;
    if (!next) {
        map_del(e->boxes, a->box);
        free(b);
        return;
    }
    b->first = next->box_next;
    if (!b->first)
        b->last = &b->first;
    begin_work(next);
}

static void worked(void *ctx)
{
    struct attempt *a = ctx;
    struct walk *w = a->w;

    a->file_busy = false;
    box_release(a);
    finish(a);
    walk_release(w);
}

static void wait_for_box(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct box *b;

    a->box = arena_printf(&a->w->arena, "%.*s/%.*s", STR_ARG(a->file->root), STR_ARG(a->file->rest));
    b = map_get(e->boxes, a->box);
    if (!b) {
        b = calloc(1, sizeof *b);
        if (!b)
            die("no memory for a mailbox");
        b->last = &b->first;
        map_put(e->boxes, a->box, b);
        begin_work(a);
        return;
    }
    a->box_next = NULL;
    *b->last = a;
    b->last = &a->box_next;
}

/* ---- hermetic worlds */

static void capture(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct buf message = { 0 };
    struct delivery_seen seen = { .id = str_of(a->w->id.s), .recipient = a->items->at.address, .transport = a->tr.name };
    enum content_end end;

    a->file->content.crlf = true;
    a->file->content.prefix = a->file->content.suffix = a->file->content.check = STR("");
    do
        end = content_next(&a->file->content, &message);
    while (end == CONTENT_MORE);
    content_free(&a->file->content);
    seen.message = buf_str(&message);
    seen.file = arena_printf(&a->w->arena, "%.*s/%.*s", STR_ARG(a->file->root), STR_ARG(a->file->rest));
    if (e->on_delivery)
        e->on_delivery(e->on_delivery_ctx, &seen);
    buf_free(&message);
    a->file->status = end == CONTENT_END ? ST_OK : ST_AGAIN;
    finish(a);
}

/* Whose files they are to be. -1: our own. */
static int64_t wanted_uid(const struct attempt *a)
{
    struct passwd *pw;
    uint64_t n;

    if (a->tr.user.n == 0)
        return a->items->at.local_uid;
    if (str_u64(a->tr.user, UINT32_MAX - 1, &n))
        return (int64_t)n;
    pw = getpwnam(arena_z(&a->w->arena, a->tr.user));
    return pw ? (int64_t)pw->pw_uid : -2;
}

static enum content_end next_piece(void *ctx, struct buf *out)
{
    struct attempt *a = ctx;

    return content_next(&a->file->content, out);
}

static void local_ended(void *ctx, enum status st, uint64_t written, const struct why *why)
{
    struct attempt *a = ctx;

    a->local = NULL;
    a->file->status = st;
    a->file->written = written;
    if (why)
        a->file->why = *why;
    content_free(&a->file->content);
    finish(a);
}

static void as_user(struct attempt *a, int64_t uid)
{
    struct engine *e = attempt_engine(a);
    struct local_want w = { .file = a->file };

    if (!e->cfg.local || uid < -1) {
        later(a, uid < -1 ? "there is no such user" : "delivery as another user needs the local delivery process");
        return;
    }
    w.user = a->tr.user.n ? a->tr.user : arena_printf(&a->w->arena, "%lld", (long long)uid);
    a->local = local_deliver(e->cfg.local, &w, next_piece, local_ended, a);
}

void mailbox_start(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct item *it = a->items;
    int64_t uid;

    a->file = arena_new(&a->w->arena, struct appendfile);
    if (a->tr.unsupported) {
        later(a, "this mailbox format is not supported");
        return;
    }
    if (!(it->at.file.n ? from_address(a, it->at.file) : from_option(a))) {
        later(a, "no safe file or directory for this address");
        return;
    }
    fill(a);
    if (e->cfg.hermetic) {
        capture(a);
        return;
    }
    uid = wanted_uid(a);
    if (uid != -1 && uid != (int64_t)geteuid()) {
        as_user(a, uid);
        return;
    }
    if (a->file->directory)
        begin_work(a);
    else
        wait_for_box(a);
}

void mailbox_cancel(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct box *b = a->box.n ? map_get(e->boxes, a->box) : NULL;

    if (a->local)
        local_cancel(a->local);
    a->local = NULL;
    if (a->file_busy)
        walk_release(a->w);             /* its thread is gone, and worked() will not come */
    if (!b || a->file_busy)
        return;
    for (struct attempt **at = &b->first; *at; at = &(*at)->box_next)
        if (*at == a) {
            *at = a->box_next;
            if (!*at)
                b->last = at;
            return;
        }
}
