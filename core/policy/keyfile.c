#include "policy/keyfile.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/map.h"

enum { FILE_MAX = 64 << 20, KEPT_MAX = 32 };

struct keyfile {
    dev_t dev;
    ino_t ino;
    struct timespec mtime;
    off_t size;
    struct arena arena;
    struct map *index;          /* lower-case key -> struct str * in the arena */
    uint64_t used;              /* for giving up the one not used longest */
};

/* File-scope, since files are the same for every generation and every helper
 * thread of a process; the lock is held while a file is read, so that it is read
 * once. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct keyfile *kept[KEPT_MAX];
static uint64_t clock_used;

static void keyfile_free(struct keyfile *f)
{
    if (f->index)
        map_free(f->index);
    arena_free(&f->arena);
    free(f);
}

/* ---- reading */

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes the key off *line; false for a line that has none. */
static bool take_key(struct arena *a, struct str *line, struct str *key)
{
    size_t i = 0;

    if (line->n && line->p[0] == '"') {
        char *out = arena_alloc(a, line->n);
        size_t n = 0;

        for (i = 1; i < line->n && line->p[i] != '"'; i++) {
            if (line->p[i] == '\\' && i + 1 < line->n)
                i++;
            out[n++] = line->p[i];
        }
        i = i < line->n ? i + 1 : i;
        *key = (struct str){ out, n };
    } else {
        while (i < line->n && line->p[i] != ':' && !blank(line->p[i]))
            i++;
        *key = str_head(*line, i);
    }
    while (i < line->n && blank(line->p[i]))
        i++;
    if (i < line->n && line->p[i] == ':')
        i++;
    *line = str_trim(str_from(*line, i));
    return key->n > 0;
}

static void entry_add(struct keyfile *f, struct str key, struct str value)
{
    struct str *kept_value, lower = arena_lower(&f->arena, key);

    if (map_get(f->index, lower))
        return;
    kept_value = arena_new(&f->arena, struct str);
    *kept_value = arena_dup(&f->arena, value);
    map_put(f->index, lower, kept_value);
}

static void index_text(struct keyfile *f, struct str text)
{
    struct str line, key = { 0 };
    struct buf value = { 0 };
    bool open = false;

    while (str_cut(&text, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n && line.p[0] == '#')
            continue;
        if (str_trim(line).n == 0)
            continue;
        if (blank(line.p[0])) {
            if (open) {
                if (value.n)
                    buf_byte(&value, ' ');
                buf_add(&value, str_trim(line));
            }
            continue;
        }
        if (open)
            entry_add(f, key, buf_str(&value));
        buf_clear(&value);
        open = take_key(&f->arena, &line, &key);
        buf_add(&value, line);
    }
    if (open)
        entry_add(f, key, buf_str(&value));
    buf_free(&value);
}

static enum status read_file(struct keyfile *f, int fd, const char *path, struct why *why)
{
    size_t size = (size_t)f->size, got = 0;
    char *text;
    ssize_t n;

    if (f->size > FILE_MAX)
        return why_set(why, ST_AGAIN, "%s is larger than %d bytes", path, FILE_MAX);
    text = malloc(size + 1);
    if (!text)
        return why_set(why, ST_AGAIN, "no memory for %s", path);
    while (got < size) {
        n = FAULT(READ) ? -1 : pread(fd, text + got, size - got, (off_t)got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(text);
            return why_errno(why, ST_AGAIN, "read %s", path);
        }
        if (n == 0)
            break;
        got += (size_t)n;
    }
    f->index = map_new();
    index_text(f, (struct str){ text, got });
    free(text);
    return ST_OK;
}

/* ---- what is kept */

static bool same_file(const struct keyfile *f, const struct stat *st)
{
    return f->dev == st->st_dev && f->ino == st->st_ino && f->size == st->st_size
        && f->mtime.tv_sec == st->st_mtim.tv_sec && f->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

/* The place for a file: the one it has, an empty one, or the one not used longest. */
static struct keyfile **place_for(const struct stat *st)
{
    struct keyfile **best = &kept[0];

    for (int i = 0; i < KEPT_MAX; i++)
        if (kept[i] && kept[i]->dev == st->st_dev && kept[i]->ino == st->st_ino)
            return &kept[i];
    for (int i = 0; i < KEPT_MAX; i++) {
        if (!kept[i])
            return &kept[i];
        if (kept[i]->used < (*best)->used)
            best = &kept[i];
    }
    return best;
}

static enum status load(int fd, const char *path, const struct stat *st, struct keyfile **out, struct why *why)
{
    struct keyfile **place = place_for(st), *f = *place;
    enum status status;

    if (f && same_file(f, st)) {
        *out = f;
        return ST_OK;
    }
    f = calloc(1, sizeof *f);
    if (!f)
        return why_set(why, ST_AGAIN, "no memory for %s", path);
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    f->size = st->st_size;
    f->mtime = st->st_mtim;
    status = read_file(f, fd, path, why);
    if (status != ST_OK) {
        keyfile_free(f);
        return status;
    }
    if (*place)
        keyfile_free(*place);
    *place = *out = f;
    return ST_OK;
}

enum status keyfile_find(int fd, const char *path, struct str key, struct arena *a, struct str *value, struct why *why)
{
    struct keyfile *f = NULL;
    struct stat st;
    const struct str *found = NULL;
    enum status status;

    if (fstat(fd, &st) < 0)
        return why_errno(why, ST_AGAIN, "stat %s", path);
    if (!S_ISREG(st.st_mode))
        return why_set(why, ST_AGAIN, "%s is no plain file", path);
    pthread_mutex_lock(&lock);
    status = load(fd, path, &st, &f, why);
    if (f) {
        f->used = ++clock_used;
        found = map_get(f->index, arena_lower(a, key));
        if (found)
            *value = arena_dup(a, *found);
        else
            status = ST_NONE;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

void keyfile_forget(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < KEPT_MAX; i++) {
        if (kept[i])
            keyfile_free(kept[i]);
        kept[i] = NULL;
    }
    pthread_mutex_unlock(&lock);
}
