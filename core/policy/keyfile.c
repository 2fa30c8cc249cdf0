#include "policy/keyfile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "policy/kept.h"
#include "policy/look.h"

struct keyfile {
    struct arena arena;
    struct map *index;          /* lower-case key -> struct str * in the arena */
};

/* ---- lines */

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

bool keyfile_take(struct arena *a, struct str *line, struct str *key)
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

/* What has been read of one key. */
struct open_key { struct str key; struct buf value; unsigned line; bool open; };

static bool close_key(const struct keyfile_reader *r, struct open_key *k, struct keyfile_place *at)
{
    bool go_on;

    at->line = k->line;
    go_on = !k->open || r->add(r->ctx, k->key, buf_str(&k->value), at);

    k->open = false;
    buf_clear(&k->value);
    return go_on;
}

static bool read_lines(struct arena *a, struct str text, const struct keyfile_reader *r, struct keyfile_place at)
{
    struct open_key k = { .open = false };
    struct str line;
    unsigned number = 0;
    bool go_on = true;

    while (go_on && str_cut(&text, '\n', &line)) {
        number++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if ((line.n && line.p[0] == '#') || str_trim(line).n == 0)
            continue;
        if (blank(line.p[0])) {
            if (k.open) {
                if (k.value.n)
                    buf_byte(&k.value, ' ');
                buf_add(&k.value, str_trim(line));
            }
            continue;
        }
        go_on = close_key(r, &k, &at);
        k.open = go_on && r->take(a, &line, &k.key);
        k.line = number;
        buf_add(&k.value, line);
    }
    go_on = go_on && close_key(r, &k, &at);
    buf_free(&k.value);
    return go_on;
}

bool keyfile_wrong(const struct keyfile_place *at, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    why_set(at->why, ST_AGAIN, "%s:%u: %s", at->path, at->line, text);
    return false;
}

/* ---- the index */

static bool entry_add(void *ctx, struct str key, struct str value, const struct keyfile_place *at)
{
    struct keyfile *f = ctx;
    struct str *kept_value, lower = arena_lower(&f->arena, key);

    (void)at;
    if (map_get(f->index, lower))
        return true;
    kept_value = arena_new(&f->arena, struct str);
    *kept_value = arena_dup(&f->arena, value);
    map_put(f->index, lower, kept_value);
    return true;
}

static void keyfile_drop(void *thing)
{
    struct keyfile *f = thing;

    map_free(f->index);
    arena_free(&f->arena);
    free(f);
}

bool keyfile_load(int fd, const char *path, const struct stat *st, const struct keyfile_reader *r, struct why *why)
{
    struct arena scratch = { 0 };
    char *text;
    size_t n;
    bool ok;

    if (!kept_read(fd, path, st, &text, &n, why))
        return false;
    ok = read_lines(&scratch, (struct str){ text, n }, r, (struct keyfile_place){ .path = path, .why = why });
    arena_free(&scratch);
    free(text);
    return ok;
}

static void *keyfile_make(int fd, const char *path, const struct stat *st, struct why *why)
{
    struct keyfile *f = calloc(1, sizeof *f);

    if (!f)
        die("out of memory: %s", path);
    f->index = map_new();
    if (keyfile_load(fd, path, st, &(struct keyfile_reader){ .take = keyfile_take, .add = entry_add, .ctx = f }, why))
        return f;
    keyfile_drop(f);
    return NULL;
}

static const struct kept_kind kind = { .name = "lsearch", .make = keyfile_make, .drop = keyfile_drop };

/* ---- asking */

look_fn keyfile_look;
enum status keyfile_look(struct look *l, struct why *why)
{
    struct keyfile *f = kept_take(&kind, l->path, l->below, why);
    const struct str *found = NULL;

    if (!f)
        return ST_AGAIN;
    for (l->which = 0; l->which < l->nkeys && !found; l->which++)
        found = map_get(f->index, arena_lower(l->arena, l->key[l->which]));
    if (found) {
        l->which--;
        l->value = arena_dup(l->arena, *found);
    }
    kept_give(f);
    return found ? ST_OK : ST_NONE;
}
