/*
 * wildfile - a file of patterns and values (lookup.wildlsearch)
 *
 * Lines as in a keyfile, but a key may be "*tail" or "^regular expression"; the
 * first that fits counts, so the order of the file is the order of trying.
 */
#include <stdlib.h>

#include "base/expr.h"
#include "policy/kept.h"
#include "policy/keyfile.h"
#include "policy/look.h"

struct pattern_line {
    struct pattern_line *next;
    struct expr *expr;          /* NULL: text is a tail or the key itself */
    bool tail;
    struct str text, value;     /* text in lower case */
};

struct wildfile {
    struct arena arena;
    struct pattern_line *lines, **end;
};

static bool compile(struct pattern_line *p, struct str pattern, const struct keyfile_place *at)
{
    struct why why;

    p->expr = expr_new(pattern, EXPR_FOLD, &why);
    if (!p->expr)
        return keyfile_wrong(at, "the regular expression \"%.*s\" is wrong: %s", STR_ARG(pattern), why.text);
    expr_hasten(p->expr);       /* the file is kept, and most of it is tried at every question */
    return true;
}

static bool add(void *ctx, struct str key, struct str value, const struct keyfile_place *at)
{
    struct wildfile *f = ctx;
    struct pattern_line *p = arena_new(&f->arena, struct pattern_line);

    if (key.p[0] == '^' && !compile(p, key, at))
        return false;
    p->tail = key.p[0] == '*';
    p->text = arena_lower(&f->arena, str_from(key, p->tail));
    p->value = arena_dup(&f->arena, value);
    *f->end = p;
    f->end = &p->next;
    return true;
}

static void drop(void *thing)
{
    struct wildfile *f = thing;

    for (struct pattern_line *p = f->lines; p; p = p->next)
        expr_free(p->expr);
    arena_free(&f->arena);
    free(f);
}

static void *make(int fd, const char *path, const struct stat *st, struct why *why)
{
    struct wildfile *f = calloc(1, sizeof *f);

    if (!f)
        die("out of memory: %s", path);
    f->end = &f->lines;
    if (keyfile_load(fd, path, st, &(struct keyfile_reader){ .take = keyfile_take, .add = add, .ctx = f }, why))
        return f;
    drop(f);
    return NULL;
}

static const struct kept_kind kind = { .name = "wildlsearch", .make = make, .drop = drop };

/* ---- asking */

/* ST_NONE: the pattern does not fit. */
static enum status fits(const struct pattern_line *p, struct str key, const char *path, struct why *why)
{
    struct why inner;
    enum status st;

    if (!p->expr)
        return (p->tail ? str_ends(key, p->text) : str_same(key, p->text)) ? ST_OK : ST_NONE;
    st = expr_fits(p->expr, key, &inner);
    return st == ST_NEVER ? why_set(why, ST_AGAIN, "%s: the regular expression \"%.*s\": %s", path, STR_ARG(p->text), inner.text) : st;
}

static enum status find(const struct wildfile *f, struct look *l, struct why *why)
{
    for (l->which = 0; l->which < l->nkeys; l->which++) {
        struct str key = arena_lower(l->arena, l->key[l->which]);

        for (const struct pattern_line *p = f->lines; p; p = p->next) {
            enum status st = fits(p, key, l->path, why);

            if (st == ST_OK)
                l->value = arena_dup(l->arena, p->value);
            if (st != ST_NONE)
                return st;
            if (l->gone && atomic_load(l->gone))
                return why_set(why, ST_AGAIN, "%s: nobody waits any more", l->path);
        }
    }
    return ST_NONE;
}

look_fn wildfile_look;
enum status wildfile_look(struct look *l, struct why *why)
{
    struct wildfile *f = kept_take(&kind, l->path, l->below, why);
    enum status st;

    if (!f)
        return ST_AGAIN;
    st = find(f, l, why);
    kept_give(f);
    return st;
}
