#include "auth/fieldset.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/why.h"

enum { NAME_MAX_ = 255 };       /* longer names are in no map, and so in no signature */

struct link { const struct field *field; struct link *above; };

struct chain {
    struct link *bottom, *at;
    unsigned round;             /* at belongs to this signature */
};

struct fieldset {
    struct arena arena;
    struct map *map;
    unsigned round;
};

static bool lower_name(struct str name, char *room, struct str *out)
{
    if (name.n == 0 || name.n > NAME_MAX_)
        return false;
    for (size_t i = 0; i < name.n; i++)
        room[i] = ascii_lower(name.p[i]);
    *out = (struct str){ room, name.n };
    return true;
}

struct fieldset *fieldset_new(const struct header *h)
{
    struct fieldset *s = calloc(1, sizeof *s);
    char room[NAME_MAX_];
    struct str name;

    if (!s)
        die("no memory for the fields of a header");
    s->map = map_new();
    s->round = 1;
    for (const struct field *f = h->first; f; f = f->next) {
        struct chain *c;
        struct link *l;

        if (!lower_name(f->name, room, &name))
            continue;
        c = map_get(s->map, name);
        if (!c) {
            c = arena_new(&s->arena, struct chain);
            map_put(s->map, name, c);
        }
        l = arena_new(&s->arena, struct link);
        *l = (struct link){ f, c->bottom };
        c->bottom = l;
    }
    return s;
}

void fieldset_free(struct fieldset *s)
{
    if (!s)
        return;
    map_free(s->map);
    arena_free(&s->arena);
    free(s);
}

void fieldset_restart(struct fieldset *s)
{
    s->round++;
}

const struct field *fieldset_take(struct fieldset *s, struct str name)
{
    char room[NAME_MAX_];
    struct str key;
    struct chain *c;
    struct link *l;

    if (!lower_name(name, room, &key))
        return NULL;
    c = map_get(s->map, key);
    if (!c)
        return NULL;
    l = c->round == s->round ? c->at : c->bottom;
    c->round = s->round;
    c->at = l ? l->above : NULL;
    return l ? l->field : NULL;
}
