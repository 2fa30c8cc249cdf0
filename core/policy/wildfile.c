/*
 * wildfile - a file of patterns and values (lookup.wildlsearch)
 *
 * Lines as in a keyfile, but a key may be "*tail" or "^regular expression"; the
 * first that fits counts, so the order of the file is the order of trying.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/beneath.h"
#include "policy/kept.h"
#include "policy/keyfile.h"
#include "policy/look.h"

/* As for the expressions of rules (R8.5). */
enum { MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 16384 };

struct pattern_line {
    struct pattern_line *next;
    pcre2_code *code;           /* NULL: text is a tail or the key itself */
    bool tail;
    struct str text, value;     /* text in lower case */
};

struct wildfile {
    struct arena arena;
    struct pattern_line *lines, **end;
};

static bool compile(struct pattern_line *p, struct str pattern, const struct keyfile_place *at)
{
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_CASELESS;
    char text[128] = "";
    PCRE2_SIZE where;
    int code;

    p->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &code, &where, NULL);
    if (p->code)
        return true;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
    return keyfile_wrong(at, "the regular expression \"%.*s\" is wrong: %s", STR_ARG(pattern), text);
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
        pcre2_code_free(p->code);
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

struct matcher { pcre2_match_context *context; pcre2_match_data *data; };

/* ST_NONE: the pattern does not fit. */
static enum status fits(const struct pattern_line *p, struct str key, struct matcher *m, const char *path, struct why *why)
{
    int n;

    if (!p->code)
        return (p->tail ? str_ends(key, p->text) : str_same(key, p->text)) ? ST_OK : ST_NONE;
    n = pcre2_match(p->code, (PCRE2_SPTR)key.p, key.n, 0, 0, m->data, m->context);
    if (n >= 0)
        return ST_OK;
    if (n == PCRE2_ERROR_NOMATCH)
        return ST_NONE;
    return why_set(why, ST_AGAIN, "%s: the regular expression \"%.*s\" takes too long", path, STR_ARG(p->text));
}

static enum status find(const struct wildfile *f, struct look *l, struct matcher *m, struct why *why)
{
    for (l->which = 0; l->which < l->nkeys; l->which++) {
        struct str key = arena_lower(l->arena, l->key[l->which]);

        for (const struct pattern_line *p = f->lines; p; p = p->next) {
            enum status st = fits(p, key, m, l->path, why);

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
    int fd = beneath_open(l->path, l->below, O_RDONLY);
    struct wildfile *f;
    struct matcher m;
    enum status st;

    if (fd < 0)
        return why_errno(why, ST_AGAIN, "open %s", l->path);
    f = kept_take(&kind, fd, l->path, why);
    close(fd);
    if (!f)
        return ST_AGAIN;
    m.context = pcre2_match_context_create(NULL);
    m.data = pcre2_match_data_create(1, NULL);
    if (!m.context || !m.data)
        die("out of memory for a regular expression");
    pcre2_set_match_limit(m.context, MATCH_LIMIT);
    pcre2_set_depth_limit(m.context, DEPTH_LIMIT);
    pcre2_set_heap_limit(m.context, HEAP_LIMIT_KIB);
    st = find(f, l, &m, why);
    pcre2_match_data_free(m.data);
    pcre2_match_context_free(m.context);
    kept_give(f);
    return st;
}
