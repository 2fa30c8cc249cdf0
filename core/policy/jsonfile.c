/*
 * jsonfile - a value in a JSON file (lookup.json)
 *
 * The key is a path, "site:hosts:0": names of members, and numbers from 0 for the
 * items of arrays. A text is given as it is, anything else as its JSON; null is
 * "there is none".
 */
#include <stdlib.h>

#include "base/json.h"
#include "policy/kept.h"
#include "policy/look.h"

struct jsonfile { char *text; size_t n; };

static void drop(void *thing)
{
    struct jsonfile *f = thing;

    free(f->text);
    free(f);
}

/* One value and nothing behind it. As an item of an array it is read by base/json. */
static bool sound(struct str text)
{
    struct arena a = { 0 };
    struct buf b = { 0 };
    struct str rest, value;
    bool ok;

    buf_byte(&b, '[');
    buf_add(&b, text);
    buf_byte(&b, ']');
    rest = buf_str(&b);
    ok = json_next(&a, &rest, &value) && str_same(str_trim(rest), STR("]"));
    buf_free(&b);
    arena_free(&a);
    return ok;
}

static void *make(int fd, const char *path, const struct stat *st, struct why *why)
{
    struct jsonfile *f;
    char *text;
    size_t n;

    if (!kept_read(fd, path, st, &text, &n, why))
        return NULL;
    if (!sound((struct str){ text, n })) {
        why_set(why, ST_AGAIN, "%s is no JSON", path);
        free(text);
        return NULL;
    }
    f = calloc(1, sizeof *f);
    if (!f)
        die("out of memory: %s", path);
    f->text = text;
    f->n = n;
    return f;
}

static const struct kept_kind kind = { .name = "json", .make = make, .drop = drop };

/* ---- asking */

static bool member(struct arena *a, struct str object, struct str name, struct str *value)
{
    struct str found;

    while (json_next_member(a, &object, &found, value))
        if (str_same(found, name))
            return true;
    return false;
}

static bool item(struct arena *a, struct str array, struct str number, struct str *value)
{
    uint64_t at;

    if (!str_u64(number, UINT32_MAX, &at))
        return false;
    for (uint64_t i = 0; i <= at; i++)
        if (!json_next(a, &array, value))
            return false;
    return true;
}

/* What base/json decoded lies elsewhere; what still lies in the file is no text. */
static bool is_text(struct str value, struct str file)
{
    return value.p < file.p || value.p > file.p + file.n;
}

static bool walk(struct arena *a, struct str file, struct str path, struct str *value)
{
    struct str name, at = str_trim(file);

    while (str_cut(&path, ':', &name)) {
        if (is_text(at, file) || at.n == 0)
            return false;
        if (at.p[0] == '{' ? !member(a, at, name, &at) : at.p[0] == '[' ? !item(a, at, name, &at) : true)
            return false;
    }
    *value = at;
    return is_text(at, file) || !str_same(at, STR("null"));
}

look_fn jsonfile_look;
enum status jsonfile_look(struct look *l, struct why *why)
{
    struct jsonfile *f = kept_take(&kind, l->path, l->below, why);
    struct arena a = { 0 };
    struct str value = { 0 };
    bool found = false;

    if (!f)
        return ST_AGAIN;
    for (l->which = 0; l->which < l->nkeys && !found; l->which++)
        found = walk(&a, (struct str){ f->text, f->n }, l->key[l->which], &value);
    if (found) {
        l->which--;
        l->value = arena_dup(l->arena, value);
    }
    arena_free(&a);
    kept_give(f);
    return found ? ST_OK : ST_NONE;
}
