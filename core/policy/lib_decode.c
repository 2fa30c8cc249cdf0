/* decode: a MIME part, decoded, in a file below the scan directory of the spool, for programs that want one. It goes
 * with the message; control = no_mbox_unspool leaves it. Names are ours or the rule's, never the message's (R7.3). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "policy/decode.h"
#include "policy/host.h"
#include "policy/slices.h"

enum { DECODE_WAIT_MS = 300000, PATH_ROOM = 1024, PARTS_OF_PATH = 8, FILES_MAX = 2000, DIR_MODE = 0750, FILE_MODE = 0640 };

enum writer_verb { WRITER_OPEN, WRITER_WRITE, WRITER_CLOSE };

/* A file that a thread opens, writes and closes. The thread cannot be stopped: when the asker has gone, wait is
 * emptied, and what was begun is taken away. */
struct writer {
    struct wait *wait;
    enum writer_verb verb;
    char root[PATH_ROOM];           /* SPOOL/scan */
    char below[PATH_ROOM];          /* "ID/name": where in it */
    char spare[64];                 /* the name to take when below is a directory */
    int fd;
    struct buf out;
    enum status status;
    struct why why;
};

struct decoding {
    struct wait *wait;
    struct txn *t;
    struct pool *pool;              /* NULL: in a world without a disk nothing is written */
    struct slices *slices;
    struct mime_reader reader;
    struct loop *loop;
    struct writer *writer;
    struct buf discard;
    bool busy;                      /* the thread has the writer */
    bool ended;
};

/* ---- on the thread */

static enum status fail(struct writer *w, const char *what)
{
    return why_errno(&w->why, ST_AGAIN, "decode: %s %s/%s", what, w->root, w->below);
}

/* The directory `part` of dir, made if need be; dir is closed. */
static int enter(int dir, const char *part)
{
    int fd;

    if (mkdirat(dir, part, DIR_MODE) < 0 && errno != EEXIST) {
        close(dir);
        return -1;
    }
    fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    close(dir);
    return fd;
}

static enum status open_file(struct writer *w)
{
    struct stat st;
    char path[PATH_ROOM], *part = path, *slash;
    int dir;

    if (mkdir(w->root, DIR_MODE) < 0 && errno != EEXIST)
        return fail(w, "make the directory of");
    dir = FAULT(OPEN) ? -1 : open(w->root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    memcpy(path, w->below, sizeof path);
    for (; dir >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        *slash = 0;
        dir = enter(dir, part);
    }
    if (dir >= 0 && fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
        size_t n = strlen(w->below);

        dir = enter(dir, part);
        snprintf(w->below + n, sizeof w->below - n, "/%s", w->spare);
        part = w->spare;
    }
    if (dir < 0)
        return fail(w, "make the directory of");
    w->fd = openat(dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    close(dir);
    return w->fd < 0 ? fail(w, "open") : ST_OK;
}

static enum status write_file(struct writer *w)
{
    struct str rest = buf_str(&w->out);

    while (rest.n) {
        ssize_t n = FAULT(WRITE) ? -1 : write(w->fd, rest.p, rest.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(w, "write");
        rest = str_from(rest, (size_t)n);
    }
    buf_clear(&w->out);
    return ST_OK;
}

static void remove_file(const char *root, const char *below)
{
    char path[2 * PATH_ROOM];
    char *slash;

    snprintf(path, sizeof path, "%s/%s", root, below);
    unlink(path);
    /* Directories that are empty now, up to the root, which stays. */
    while ((slash = strrchr(path, '/')) && (size_t)(slash - path) > strlen(root)) {
        *slash = 0;
        if (rmdir(path) < 0)
            break;
    }
}

static void run(void *ctx)
{
    struct writer *w = ctx;

    switch (w->verb) {
    case WRITER_OPEN:
        w->status = open_file(w);
        break;
    case WRITER_WRITE:
        w->status = write_file(w);
        break;
    case WRITER_CLOSE:
        w->status = close(w->fd) < 0 ? fail(w, "close") : ST_OK;
        w->fd = -1;
        break;
    }
}

/* ---- on the loop */

static void writer_free(struct writer *w, bool remove)
{
    if (w->fd >= 0)
        close(w->fd);
    if (remove)
        remove_file(w->root, w->below);
    buf_free(&w->out);
    free(w);
}

/* What decode left, for the end of the transaction. */
struct scan_file { const char *root, *below; struct scan_file *next; };

static void take_away(struct txn *t)
{
    for (struct scan_file *f = t->at_end_ctx; f && !t->no_mbox_unspool; f = f->next)
        remove_file(f->root, f->below);
}

static void note_file(struct txn *t, const struct writer *w)
{
    struct scan_file *f = arena_new(&t->arena, struct scan_file);

    f->root = arena_z(&t->arena, str_of(w->root));
    f->below = arena_z(&t->arena, str_of(w->below));
    f->next = t->at_end_ctx;
    t->at_end = take_away;
    t->at_end_ctx = f;
    t->part_file = arena_printf(&t->arena, "%s/%s", w->root, w->below);
}

static int decoded_push(lua_State *L, void *ctx)
{
    (void)ctx;
    lua_pushboolean(L, 1);
    return 1;
}

static void step(struct decoding *d, enum writer_verb verb);

/* The text is in the writer, or its caller's. */
static void failed(struct decoding *d, const char *text)
{
    struct writer *writer = d->writer;

    if (d->slices)
        slices_cancel(d->slices);
    mime_reader_free(&d->reader);
    buf_free(&d->discard);
    wait_again(d->wait, text);
    writer_free(writer, true);
}

static void ended(struct decoding *d)
{
    note_file(d->t, d->writer);
    mime_reader_free(&d->reader);
    buf_free(&d->discard);
    writer_free(d->writer, false);
    wait_done(d->wait, decoded_push);
}

static bool take(void *ctx, struct str bytes)
{
    struct decoding *d = ctx;

    mime_reader_feed(&d->reader, bytes, d->pool ? &d->writer->out : &d->discard);
    buf_clear(&d->discard);
    if (d->pool && d->writer->out.n) {
        slices_hold(d->slices);
        step(d, WRITER_WRITE);
    }
    return true;
}

static void taken(void *ctx, enum status st, const struct why *why)
{
    struct decoding *d = ctx;

    d->slices = NULL;
    if (st != ST_OK) {
        failed(d, why->text);
        return;
    }
    d->ended = true;
    mime_reader_end(&d->reader, d->pool ? &d->writer->out : &d->discard);
    if (d->pool)
        step(d, WRITER_WRITE);
    else
        ended(d);
}

static void begin_reading(struct decoding *d)
{
    d->slices = slices_begin(d->loop, &d->t->body, d->reader.from, d->reader.to, take, taken, d);
}

static void did(void *ctx)
{
    struct writer *w = ctx;
    struct decoding *d;

    if (!w->wait) {
        writer_free(w, true);
        return;
    }
    d = wait_ctx(w->wait);
    d->busy = false;
    if (w->status != ST_OK)
        failed(d, w->why.text);
    else if (w->verb == WRITER_OPEN)
        begin_reading(d);
    else if (w->verb == WRITER_CLOSE)
        ended(d);
    else if (d->ended)
        step(d, WRITER_CLOSE);
    else
        slices_go(d->slices);
}

/* The pool ends: did will not come. */
static void dropped(void *ctx)
{
    struct writer *w = ctx;

    if (w->wait)
        ((struct decoding *)wait_ctx(w->wait))->busy = false;
    else
        writer_free(w, true);
}

static void step(struct decoding *d, enum writer_verb verb)
{
    d->busy = true;
    d->writer->verb = verb;
    pool_work_or(d->pool, run, did, dropped, d->writer);
}

static void cancel(void *ctx)
{
    struct decoding *d = ctx;

    if (d->slices)
        slices_cancel(d->slices);
    mime_reader_free(&d->reader);
    buf_free(&d->discard);
    if (d->busy)
        d->writer->wait = NULL;
    else
        writer_free(d->writer, true);
}

/* ---- where */

static bool safe(struct str part)
{
    if (!part.n || part.n > 255 || part.p[0] == '.' || part.p[0] == '-')
        return false;
    for (size_t i = 0; i < part.n; i++)
        if ((unsigned char)part.p[i] < ' ' || part.p[i] == 127)
            return false;
    return true;
}

/* "default", "name" or "/SPOOL/scan/some/where" -> where below the root. */
static void place(lua_State *L, struct writer *w, struct str where, const struct txn *t)
{
    struct str rest = where, part;
    unsigned parts = 0;

    snprintf(w->spare, sizeof w->spare, "%s-%05u", t->id.s, (unsigned)(t->part - t->mime->v));
    if (str_same(where, STR("default"))) {
        snprintf(w->below, sizeof w->below, "%s/%s", t->id.s, w->spare);
        return;
    }
    if (where.n && where.p[0] == '/') {
        if (!str_starts(where, str_of(w->root)) || where.n <= strlen(w->root) || where.p[strlen(w->root)] != '/')
            rule_error(L, "decode: %s is not below %s", where.p, w->root);
        rest = str_from(where, strlen(w->root) + 1);
        if (str_starts(rest, STR("./")))        /* the mark of path() */
            rest = str_from(rest, 2);
        snprintf(w->below, sizeof w->below, "%.*s", STR_ARG(rest));
    } else {
        snprintf(w->below, sizeof w->below, "%s/%.*s", t->id.s, STR_ARG(rest));
    }
    while (str_cut(&rest, '/', &part))
        if (!safe(part) || ++parts > PARTS_OF_PATH)
            rule_error(L, "decode: \"%s\" is not made of safe components (no . or - first, no control bytes, at most %d)", where.p, PARTS_OF_PATH);
    if (!parts)
        rule_error(L, "decode: a name is needed, or \"default\"");
}

static size_t files(const struct txn *t)
{
    size_t n = 0;

    for (const struct scan_file *f = t->at_end_ctx; f; f = f->next)
        n++;
    return n;
}

/* mime_decode(m, where) -> true */
static int l_mime_decode(lua_State *L)
{
    struct txn *t = arg_txn(L, 1);
    struct str where = arg_str(L, 2, PATH_ROOM / 2);
    const struct policy_env *env = policy_env(L);
    bool disk = !env->hermetic && env->spool_dir;
    struct writer w = { .fd = -1 };
    struct decoding *d;
    struct wait *wait;

    if (!t->part || !t->body.read)
        return rule_error(L, "decode: there is no part to decode here");
    if (files(t) >= FILES_MAX)
        return rule_error(L, "decode: too many files for one message");
    snprintf(w.root, sizeof w.root, "%s/scan", disk ? env->spool_dir : "(memory)");
    place(L, &w, where, t);
    wait = wait_begin(L, "decode", DECODE_WAIT_MS, cancel, sizeof *d);
    d = wait_ctx(wait);
    d->wait = w.wait = wait;
    d->t = t;
    d->loop = env->loop;
    d->pool = disk ? env->pool : NULL;
    d->writer = malloc(sizeof w);
    if (!d->writer)
        die("out of memory for a decoded part");
    *d->writer = w;
    mime_reader_begin(&d->reader, t->mime, (uint32_t)(t->part - t->mime->v), true);
    if (d->pool)
        step(d, WRITER_OPEN);
    else
        begin_reading(d);
    return wait_yield(wait);
}

/* ---- what a process that died left */

static bool plain_entry(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* The directory NAME of dir with all that is in it, so many levels down; links are not followed. */
static void sweep(int dir, const char *name, unsigned levels)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(d)))
        if (plain_entry(entry) && unlinkat(fd, entry->d_name, 0) < 0 && levels)
            sweep(fd, entry->d_name, levels - 1);
    closedir(d);
    unlinkat(dir, name, AT_REMOVEDIR);
}

void decode_sweep(const char *spool_dir, bool (*ours)(void *ctx, const char *name), void *ctx, int64_t before)
{
    char root[PATH_ROOM];
    struct dirent *entry;
    struct stat st;
    DIR *d;

    snprintf(root, sizeof root, "%s/scan", spool_dir);
    d = opendir(root);
    while (d && (entry = readdir(d)))
        if (plain_entry(entry) && ours(ctx, entry->d_name) && fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode) && st.st_mtime < before)
            sweep(dirfd(d), entry->d_name, PARTS_OF_PATH);
    if (d)
        closedir(d);
}

static const luaL_Reg waits[] = { { "mime_decode", l_mime_decode }, { NULL, NULL } };

extern const struct lib lib_decode;
const struct lib lib_decode = { NULL, waits };
