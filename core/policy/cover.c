#include "policy/cover.h"

#include <stdlib.h>

#include "base/why.h"

struct cover *cover_new(void)
{
    struct cover *c = calloc(1, sizeof *c);

    if (!c)
        die("cover: out of memory");
    c->by_path = map_new();
    return c;
}

void cover_free(struct cover *c)
{
    if (!c)
        return;
    map_free(c->by_path);
    arena_free(&c->arena);
    free(c);
}

static void add_file(struct cover *c, struct cover_file *f)
{
    if (c->nfiles == c->room) {
        struct cover_file **more = arena_array(&c->arena, struct cover_file *, c->room = c->room ? c->room * 2 : 16);

        if (c->nfiles)
            memcpy(more, c->file, c->nfiles * sizeof *more);
        c->file = more;
    }
    c->file[c->nfiles++] = f;
    map_put(c->by_path, f->path, f);
}

struct cover_file *cover_open(struct cover *c, struct str path, struct str text)
{
    struct cover_file *f = map_get(c->by_path, path);

    if (!f) {
        f = arena_new(&c->arena, struct cover_file);
        f->path = arena_dup(&c->arena, path);
        f->text = arena_dup(&c->arena, text);
        f->lines = 1;
        for (size_t i = 0; i < text.n; i++)
            f->lines += text.p[i] == '\n';
        f->hits = arena_array(&c->arena, uint64_t, f->lines + 1);
        f->code = arena_array(&c->arena, bool, f->lines + 1);
        memset(f->hits, 0, (f->lines + 1) * sizeof *f->hits);
        memset(f->code, 0, (f->lines + 1) * sizeof *f->code);
        add_file(c, f);
    }
    f->cursor = 0;
    return f;
}

static bool same(const struct cover_place *p, int line, struct str what)
{
    return p->line == line && str_same(p->what, what);
}

size_t cover_name(struct cover *c, struct cover_file *f, int line, struct str what)
{
    struct cover_place *more;

    /* A generation of the same file names the same places in the same order. */
    for (size_t i = f->cursor; i < f->nplaces; i++)
        if (same(&f->place[i], line, what)) {
            f->cursor = i + 1;
            return i;
        }
    if (f->nplaces == f->room) {
        more = arena_array(&c->arena, struct cover_place, f->room = f->room ? f->room * 2 : 16);
        if (f->nplaces)
            memcpy(more, f->place, f->nplaces * sizeof *more);
        f->place = more;
    }
    f->place[f->nplaces] = (struct cover_place){ .line = line, .what = arena_dup(&c->arena, what) };
    f->cursor = f->nplaces + 1;
    return f->nplaces++;
}

static int by_path(const void *a, const void *b)
{
    return str_cmp((*(struct cover_file *const *)a)->path, (*(struct cover_file *const *)b)->path);
}

void cover_sort(struct cover *c)
{
    if (c->nfiles)
        qsort(c->file, c->nfiles, sizeof *c->file, by_path);
}
