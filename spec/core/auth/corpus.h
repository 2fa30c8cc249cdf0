/*
 * corpus - messages of other projects, judged by our own machine
 *
 * A message with its keys beside it; nothing is asked of any network. Included
 * by the specs of DKIM and ARC, one program each.
 */
#ifndef SPEC_CORPUS_H
#define SPEC_CORPUS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/dkim.h"
#include "base/json.h"
#include "base/map.h"

#define VECTORS "../shared/vectors/"

struct corpus {
    struct arena arena;
    struct map *records;        /* name, lower case: struct str of a TXT record */
};

static inline void corpus_open(struct corpus *c)
{
    *c = (struct corpus){ .records = map_new() };
}

static inline void corpus_close(struct corpus *c)
{
    map_free(c->records);
    arena_free(&c->arena);
}

static inline bool corpus_file(struct corpus *c, const char *path, struct str *out)
{
    FILE *f = fopen(path, "rb");
    char *p;
    size_t n;

    if (!f)
        return false;
    p = arena_alloc(&c->arena, 4 << 20);
    n = fread(p, 1, 4 << 20, f);
    fclose(f);
    *out = (struct str){ p, n };
    return true;
}

/* The next line of a file of rows that is not empty. */
static inline bool corpus_row(struct str *rows, struct str *row)
{
    while (str_cut(rows, '\n', row))
        if (str_trim(*row).n)
            return true;
    return false;
}

static inline void corpus_record(struct corpus *c, struct str name, struct str text)
{
    struct str *s = arena_new(&c->arena, struct str);

    *s = arena_dup(&c->arena, text);
    if (str_ends(name, STR(".")))
        name.n--;
    map_put(c->records, arena_lower(&c->arena, name), s);
}

/* "name text" a line, "#" a comment, up to an empty line. What follows is returned. */
static inline struct str corpus_records(struct corpus *c, struct str text)
{
    struct str line;

    while (str_cut(&text, '\n', &line)) {
        size_t blank;

        line = str_trim(line);
        if (line.n == 0)
            break;
        blank = str_find(line, ' ');
        if (str_find(line, '\t') < blank)
            blank = str_find(line, '\t');
        if (line.p[0] != '#')
            corpus_record(c, str_head(line, blank), str_trim(str_from(line, blank)));
    }
    return text;
}

static inline struct str corpus_wire(struct arena *a, struct str text)
{
    char *p = arena_alloc(a, 2 * text.n + 3);
    size_t n = 0;
    struct str line;

    while (text.n && str_cut(&text, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        memcpy(p + n, line.p, line.n);
        n += line.n;
        p[n++] = '\r';
        p[n++] = '\n';
    }
    return (struct str){ p, n };
}

/* d is the caller's to drop. The message is in wire form; step: the body comes in pieces of that size, 0: whole. */
static inline void corpus_judge(struct corpus *c, struct str message, const struct sig_rules *r, size_t step, struct dkim *d)
{
    struct bodyhash *b = bodyhash_new();
    struct keys *keys = keys_new();
    struct header *h = arena_new(&c->arena, struct header);
    struct str section, body;
    bool damaged;

    header_divide(message, &section, &body, &damaged);
    header_parse(&c->arena, section, h);
    dkim_init(d, h, r, b);
    for (size_t i = 0; i < d->nwanted; i++) {
        const struct str *text = map_get(c->records, arena_lower(&c->arena, d->wanted[i].name));

        dkim_answer(d, i, keys, text, text ? 1 : 0, false);
    }
    for (size_t at = 0; at < body.n; at += step ? step : body.n)
        bodyhash_add(b, str_head(str_from(body, at), step ? step : body.n));
    bodyhash_end(b);
    dkim_judge(d, b);
    bodyhash_free(b);
    keys_free(keys);
}

#endif
