/*
 * mailbox - an attempt into a file of this machine, on a helper thread
 */
#include "engine/attempt.h"
#include "engine/mailbox.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "engine/letter.h"
#include "local/local.h"

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

/* A path a user named in a forwarding file, ending in '/' for a directory. */
static bool from_address(struct attempt *a, struct str path)
{
    struct appendfile *f = a->file;

    f->directory = path.n && path.p[path.n - 1] == '/';
    f->maildir = f->directory && a->tr.maildir;
    return appendfile_split(path, &f->root, &f->rest);
}

bool mailbox_where(const struct transport *t, const struct at_address *at, struct appendfile *f)
{
    const struct val *v = t->folder.type != VAL_NIL ? &t->folder : &t->file;

    f->directory = t->folder.type != VAL_NIL;
    f->maildir = f->directory && t->maildir;
    return v->type == VAL_STR && path_safe(at, v->u.s) && appendfile_split(v->u.s, &f->root, &f->rest);
}

/* create_file: where something new may be made. */
static bool may_create(struct attempt *a)
{
    struct str where = a->tr.create_file, home = a->tr.home.n ? a->tr.home : a->items->at.home, path, rest;

    if (str_same(where, STR("anywhere")))
        return true;
    if (where.n && where.p[0] == '/')
        home = where;
    while (home.n > 1 && home.p[home.n - 1] == '/')
        home.n--;
    path = arena_printf(&a->w->arena, "%.*s/%.*s", STR_ARG(a->file->root), STR_ARG(a->file->rest));
    if (home.n < 2 || !str_starts(path, home) || path.n == home.n || path.p[home.n] != '/')
        return false;
    rest = str_from(path, home.n + 1);
    return !str_same(where, STR("inhome")) || str_find(rest, '/') == SIZE_MAX;
}

/* ---- what */

static struct str text_or(const struct val *v, struct str def)
{
    return v->type == VAL_STR ? v->u.s : def;
}

/* Who it is from and for, as a .env file has it. */
static struct str envelope(struct attempt *a)
{
    struct buf b = { 0 };
    struct str s, prefix = a->tr.mailstore_prefix, suffix = a->tr.mailstore_suffix;

    if (prefix.n)
        buf_addf(&b, "%.*s\n", STR_ARG(prefix));
    buf_addf(&b, "%.*s\n", STR_ARG(a->msg.sender));
    for (const struct item *it = a->items; it; it = it->peer)
        buf_addf(&b, "%.*s\n", STR_ARG(it->at.address));
    if (suffix.n)
        buf_addf(&b, "%.*s%s", STR_ARG(suffix), str_ends(suffix, STR("\n")) ? "" : "\n");
    s = arena_dup(&a->w->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

/* What mbox.c compares the beginning of a mailbox with: "=" marks our own format. */
static struct str formats(struct attempt *a)
{
    struct buf b = { 0 };
    struct str s;

    for (size_t i = 0; i + 1 < a->tr.nformats; i += 2)
        buf_addf(&b, "%c%.*s\x1e", str_same(a->tr.formats[i + 1], a->tr.name) ? '=' : '>', STR_ARG(a->tr.formats[i]));
    s = arena_dup(&a->w->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

/* "75%" of the quota, or a size. */
static int64_t warn_at(const struct transport *t)
{
    struct str s = str_trim(t->warn_threshold);
    struct val v = { .type = VAL_STR, .u.s = s };
    uint64_t percent;

    if (s.n && s.p[s.n - 1] == '%')
        return str_u64(str_head(s, s.n - 1), 100, &percent) ? t->quota / 100 * (int64_t)percent : 0;
    return s.n ? val_int(&v, 0) : 0;
}

static int64_t bounded(int64_t n)
{
    const int64_t most = (int64_t)1 << 60;

    return n < 0 ? 0 : n > most ? most : n;
}

void mailbox_quota(const struct transport *t, struct appendfile *f)
{
    f->quota = bounded(t->quota);
    f->quota_files = bounded(t->quota_files);
    f->quota_exclusive = !t->quota_inclusive;
    f->quota_directory = t->quota_directory;
    f->size_regex = t->size_regex;
    f->directory_regex = t->directory_regex;
    f->folder_regex = t->folder_regex;
    f->size_file = t->size_file && f->maildir;
    f->warn_at = bounded(warn_at(t));
    f->used_known = t->used.type != VAL_NIL;
    f->used = bounded(val_int(&t->used, 0));
    f->files_known = t->files.type != VAL_NIL;
    f->files = bounded(val_int(&t->files, 0));
}

static void fill_quota(struct attempt *a)
{
    int64_t lines = (int64_t)attempt_lines(a);

    mailbox_quota(&a->tr, a->file);
    a->file->message_size = bounded((int64_t)(a->header.n + 2 + attempt_body_size(a)) - (a->tr.crlf ? 0 : lines));
}

static void fill_names(struct attempt *a)
{
    struct appendfile *f = a->file;

    f->hostname = a->w->set->hostname;
    f->wall_us = clock_wall_us();
    f->serial = (int64_t)++attempt_engine(a)->serial;
    f->tag = a->tr.tag;
    f->file_name = a->tr.file_name.n && !f->mailstore ? a->tr.file_name
                 : arena_printf(&a->w->arena, "q%s.%lld", a->w->id.s, (long long)f->serial);
    f->envelope = f->mailstore ? envelope(a) : STR("");
    f->formats = f->directory ? STR("") : formats(a);
}

static void fill_locks(struct attempt *a, bool mbox)
{
    const struct transport *t = &a->tr;
    struct appendfile *f = a->file;

    f->lockfile = t->lockfile && mbox;
    f->fcntl_lock = t->fcntl_lock && mbox;
    f->flock_lock = t->flock_lock && mbox;
    f->lockfile_mode = t->lockfile_mode;
    f->lock_retries = t->lock_retries;
    f->lock_interval = t->lock_interval;
    f->lock_fcntl_timeout = t->lock_fcntl_timeout;
    f->lock_flock_timeout = t->lock_flock_timeout;
    f->lockfile_timeout = t->lockfile_timeout;
}

static void fill(struct attempt *a)
{
    const struct transport *t = &a->tr;
    struct appendfile *f = a->file;
    bool mbox = !f->directory;

    f->mailstore = f->directory && t->mailstore;
    f->create_directory = t->create_directory;
    f->no_create = !may_create(a);
    f->file_must_exist = t->file_must_exist;
    f->check_owner = t->check_owner;
    f->check_group = t->check_group;
    f->mode_fail_narrower = t->mode_fail_narrower;
    f->allow_fifo = t->allow_fifo;
    f->allow_symlink = t->allow_symlink;
    f->mode = t->mode;
    f->directory_mode = t->directory_mode;
    f->maildir_retries = t->maildir_retries;
    fill_locks(a, mbox);
    fill_names(a);
    attempt_content(a, &f->content, mbox ? STR("From ") : STR(""), mbox ? STR(">From ") : STR(""));
    f->content.prefix = text_or(&t->prefix, mbox && !t->bsmtp ? attempt_from_line(a) : STR(""));
    f->content.suffix = text_or(&t->suffix, mbox && !t->bsmtp ? STR("\n") : STR(""));
    attempt_bsmtp(a, &f->content);
    fill_quota(a);
}

/* ---- the end */

/* The owner is told that his mailbox grows too big; nobody waits for that. */
static void warn(struct attempt *a)
{
    struct walk *w = a->w;
    struct str to = a->items->at.address;
    struct str text = a->tr.warn_message.n ? a->tr.warn_message : arena_printf(&w->arena,
        "To: %.*s\nSubject: Your mailbox\n\nThis message is automatically created by mail delivery software.\n\n"
        "The size of your mailbox has exceeded a warning threshold that is\nset by the system administrator.\n", STR_ARG(to));
    struct letter_want l = { .e = w->e, .set = w->set, .cause = str_of(w->id.s), .to = &to, .nto = 1, .message = text };

    letter_send(&l, NULL, NULL);
}

static void finish(struct attempt *a)
{
    struct appendfile *f = a->file;
    const char *kind = "*";

    if (f->status == ST_OK) {
        if (f->warn)
            warn(a);
        attempt_delivered(a, a->items->at.file);
        return;
    }
    if (f->status == ST_NONE && f->format * 2 + 1 < a->tr.nformats) {
        attempt_elsewhere(a, a->tr.formats[f->format * 2 + 1]);
        return;
    }
    if (f->full)
        kind = f->unread_s < 0 ? "quota" : arena_z(&a->w->arena, arena_printf(&a->w->arena, "quota_%llds", (long long)f->unread_s));
    attempt_all(a, f->status == ST_NEVER ? ITEM_NEVER : ITEM_AGAIN, f->why.err, kind, str_of(f->why.text));
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

static enum content_end next_piece(void *ctx, struct buf *out)
{
    struct attempt *a = ctx;

    return content_next(&a->file->content, out);
}

static void local_ended(void *ctx, const struct local_end *end)
{
    struct attempt *a = ctx;
    struct appendfile *f = a->file;

    a->local = NULL;
    f->status = end->status;
    f->why = end->why;
    f->written = end->written;
    f->full = end->full;
    f->unread_s = end->unread_s;
    f->warn = end->warn;
    f->format = end->format;
    content_free(&a->file->content);
    finish(a);
}

static void as_user(struct attempt *a, int64_t uid)
{
    struct engine *e = attempt_engine(a);
    struct local_want w = { .file = a->file, .group = a->tr.group, .initgroups = a->tr.initgroups };

    if (!e->cfg.local || uid < -1) {
        later(a, uid < -1 ? "there is no such user" : "delivery as another user needs the local delivery process");
        return;
    }
    w.user = attempt_user(a, uid);
    a->local = local_deliver(e->cfg.local, &w, next_piece, local_ended, a);
}

void mailbox_start(struct attempt *a)
{
    struct engine *e = attempt_engine(a);
    struct item *it = a->items;
    int64_t uid;

    a->file = arena_new(&a->w->arena, struct appendfile);
    if (!(it->at.file.n ? from_address(a, it->at.file) : (attempt_safe_path(a, STR("")) || a->nitems == 1) && mailbox_where(&a->tr, &it->at, a->file))) {
        later(a, "no safe file or directory for this address");
        return;
    }
    fill(a);
    if (e->cfg.hermetic) {
        capture(a);
        return;
    }
    uid = attempt_uid(a);
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

void boxes_free(struct engine *e)
{
    size_t at = 0;
    struct str key;
    void *b;

    while (map_next(e->boxes, &at, &key, &b))
        free(b);
    map_free(e->boxes);
    e->boxes = NULL;
}
