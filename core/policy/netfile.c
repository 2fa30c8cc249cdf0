/*
 * netfile - a file of addresses and networks (lookup.iplsearch, lookup.cidr)
 *
 * Lines as in a keyfile; the key is an address, a network, or "*" for what nothing
 * else fits. An IPv6 key needs no quotes: it ends at white space, or at the colon
 * before it. iplsearch takes the first line that holds the address, cidr the longest
 * network.
 */
#include <stdlib.h>

#include "base/ip.h"
#include "policy/kept.h"
#include "policy/keyfile.h"
#include "policy/look.h"

struct net_line {
    struct net_line *next;
    struct ip net;
    unsigned bits;
    bool any;                   /* the line "*" */
    struct str value;
};

struct netfile {
    struct arena arena;
    struct net_line *lines, **end;
};

static bool net_parse(struct str text, struct net_line *l)
{
    size_t slash = str_find(text, '/');
    struct str address = str_head(text, slash == SIZE_MAX ? text.n : slash);
    uint64_t bits, most;

    if (!ip_parse(address, &l->net))
        return false;
    most = l->net.v == IP_V4 ? 32 : 128;
    bits = most;
    if (slash != SIZE_MAX && !str_u64(str_from(text, slash + 1), most, &bits))
        return false;
    l->bits = (unsigned)bits;
    return true;
}

/* The first word, with the colon that may end it taken off; else as any key. */
static bool take(struct arena *a, struct str *line, struct str *key)
{
    struct net_line l;
    size_t n = 0;
    struct str word;

    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    word = str_head(*line, n);
    if (word.n && word.p[word.n - 1] == ':' && !net_parse(word, &l))
        word.n--;
    if (!net_parse(word, &l))
        return keyfile_take(a, line, key);
    *key = word;
    *line = str_trim(str_from(*line, n));
    if (line->n && line->p[0] == ':')
        *line = str_trim(str_from(*line, 1));
    return true;
}

static bool add(void *ctx, struct str key, struct str value, const struct keyfile_place *at)
{
    struct netfile *f = ctx;
    struct net_line *l = arena_new(&f->arena, struct net_line);

    l->any = str_same(key, STR("*"));
    if (!l->any && !net_parse(key, l))
        return keyfile_wrong(at, "\"%.*s\" is no address and no network", STR_ARG(key));
    l->value = arena_dup(&f->arena, value);
    *f->end = l;
    f->end = &l->next;
    return true;
}

static void drop(void *thing)
{
    struct netfile *f = thing;

    arena_free(&f->arena);
    free(f);
}

static void *make(int fd, const char *path, const struct stat *st, struct why *why)
{
    struct netfile *f = calloc(1, sizeof *f);

    if (!f)
        die("out of memory: %s", path);
    f->end = &f->lines;
    if (keyfile_load(fd, path, st, &(struct keyfile_reader){ .take = take, .add = add, .ctx = f }, why))
        return f;
    drop(f);
    return NULL;
}

static const struct kept_kind kind = { .name = "iplsearch", .make = make, .drop = drop };

/* ---- asking */

static const struct net_line *find(const struct netfile *f, struct ip ip, bool longest)
{
    const struct net_line *best = NULL;

    for (const struct net_line *l = f->lines; l; l = l->next) {
        if (!l->any && !ip_in(ip, l->net, l->bits))
            continue;
        if (!longest)
            return l;
        if (!best || (best->any && !l->any) || (!l->any && l->bits > best->bits))
            best = l;
    }
    return best;
}

static enum status look(struct look *l, bool longest, struct why *why)
{
    struct netfile *f = kept_take(&kind, l->path, l->below, why);
    const struct net_line *found = NULL;
    struct ip ip;

    if (!f)
        return ST_AGAIN;
    for (l->which = 0; l->which < l->nkeys && !found; l->which++)
        if (ip_parse(l->key[l->which], &ip))
            found = find(f, ip, longest);
    if (found) {
        l->which--;
        l->value = arena_dup(l->arena, found->value);
    }
    kept_give(f);
    return found ? ST_OK : ST_NONE;
}

look_fn netfile_look_first, netfile_look_longest;
enum status netfile_look_first(struct look *l, struct why *why) { return look(l, false, why); }
enum status netfile_look_longest(struct look *l, struct why *why) { return look(l, true, why); }
