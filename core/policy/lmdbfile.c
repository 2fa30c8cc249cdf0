#include "policy/lmdbfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "policy/beneath.h"
#include "policy/look.h"

/* lmdb's mdb.c names these things: MDB_page, MDB_node, MDB_meta, MDB_db. */
enum {
    PAGE_HEAD = 16, NODE_HEAD = 8, DB_SIZE = 48, META_SIZE = 136,
    P_BRANCH = 1, P_LEAF = 2, P_OVERFLOW = 4, P_LEAF2 = 0x20,
    N_BIG = 1, N_SUB = 2, N_DUP = 4,
    DB_REVERSE = 2, DB_INTEGER = 8,
    VERSION = 1, PAGE_MIN = 256, PAGE_MAX = 65536, DEPTH_MAX = 32, TRIES_MAX = 1000
};
#define MAGIC 0xBEEFC0DEu
#define NOWHERE UINT64_MAX

struct meta { uint64_t txn, root; uint32_t page; uint16_t flags; };

/* One page in memory, and where it came from. */
struct page { char *p; size_t n; unsigned flags; unsigned count; };

struct walk {
    const struct lmdbfile *f;
    struct meta meta;
    struct why *why;
    char mem[PAGE_MAX];
};

static uint16_t get16(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint16_t)(u[0] | u[1] << 8);
}

static uint32_t get32(const char *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const char *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static enum status damaged(const struct lmdbfile *f, struct why *why, const char *what)
{
    return why_set(why, ST_AGAIN, "%s is damaged: %s", f->path, what);
}

static enum status fetch(const struct lmdbfile *f, uint64_t offset, char *out, size_t n, struct why *why)
{
    errno = 0;
    if (offset <= INT64_MAX - n && f->read(f->ctx, offset, out, n))
        return ST_OK;
    return errno ? why_errno(why, ST_AGAIN, "read %s", f->path) : damaged(f, why, "it ends too early");
}

/* ---- which state is the newest */

static enum status meta_read(const struct lmdbfile *f, uint64_t offset, struct meta *m, struct why *why)
{
    char one[META_SIZE], two[META_SIZE];
    enum status st;

    /* Read until it holds still: it may be written just now. */
    for (int i = 0; i < TRIES_MAX; i++) {
        st = fetch(f, offset + PAGE_HEAD, one, sizeof one, why);
        if (st == ST_OK)
            st = fetch(f, offset + PAGE_HEAD, two, sizeof two, why);
        if (st != ST_OK)
            return st;
        if (memcmp(one, two, sizeof one) == 0)
            break;
    }
    if (get32(one) != MAGIC)
        return why_set(why, ST_AGAIN, "%s is no LMDB file", f->path);
    if (get32(one + 4) != VERSION)
        return why_set(why, ST_AGAIN, "%s is an LMDB file of version %u, and %d is what can be read", f->path, get32(one + 4), VERSION);
    m->page = get32(one + 24);
    m->flags = get16(one + 24 + DB_SIZE + 4);
    m->root = get64(one + 24 + DB_SIZE + 40);
    m->txn = get64(one + 24 + 2 * DB_SIZE + 8);
    if (m->page < PAGE_MIN || m->page > PAGE_MAX || (m->page & (m->page - 1)))
        return damaged(f, why, "its page size cannot be");
    return ST_OK;
}

static enum status newest(const struct lmdbfile *f, struct meta *m, struct why *why)
{
    struct meta other = {0};
    enum status st = meta_read(f, 0, m, why);

    if (st == ST_OK)
        st = meta_read(f, m->page, &other, why);
    if (st == ST_OK && other.txn > m->txn && other.page == m->page)
        *m = other;
    return st;
}

/* ---- pages and nodes */

static bool page_shape(struct page *g)
{
    unsigned lower = get16(g->p + 12);

    g->flags = get16(g->p + 10);
    if (lower < PAGE_HEAD || lower > g->n || (!(g->flags & P_LEAF2) && lower % 2))
        return false;
    g->count = (lower - PAGE_HEAD) / 2;
    return true;
}

static enum status page_read(struct walk *w, uint64_t number, struct page *g)
{
    enum status st;

    *g = (struct page){ .p = w->mem, .n = w->meta.page };
    if (number > (uint64_t)INT64_MAX / w->meta.page - 1)
        return damaged(w->f, w->why, "a page is outside of it");
    st = fetch(w->f, number * w->meta.page, g->p, g->n, w->why);
    if (st != ST_OK)
        return st;
    if (get64(g->p) != number || !page_shape(g) || !(g->flags & (P_BRANCH | P_LEAF)))
        return damaged(w->f, w->why, "a page is not what it should be");
    return ST_OK;
}

struct node { uint32_t size; unsigned flags; struct str key; size_t data; uint64_t child; };

static bool node_at(const struct page *g, unsigned i, struct node *d)
{
    size_t at = get16(g->p + PAGE_HEAD + (size_t)i * 2);
    const char *p = g->p + at;

    if (at < PAGE_HEAD || at + NODE_HEAD > g->n)
        return false;
    d->size = get32(p);
    d->flags = get16(p + 4);
    d->child = d->size | (uint64_t)d->flags << 32;
    d->key = (struct str){ p + NODE_HEAD, get16(p + 6) };
    d->data = at + NODE_HEAD + d->key.n;
    return d->data <= g->n;
}

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* The last node whose key is not greater. In a branch the first one's key is less than all. False: damage. */
static bool node_search(const struct page *g, struct str key, struct node *d, bool *same)
{
    unsigned low = 0, high = g->count;
    struct node at;

    while (high - low > 1) {
        unsigned mid = low + (high - low) / 2;

        if (!node_at(g, mid, &at))
            return false;
        if (compare(at.key, key) <= 0)
            low = mid;
        else
            high = mid;
    }
    if (g->count == 0 || !node_at(g, low, d))
        return false;
    *same = str_same(d->key, key);
    return true;
}

/* ---- values */

static enum status value_big(struct walk *w, const struct page *g, const struct node *d, struct arena *a, struct str *value)
{
    char head[PAGE_HEAD];
    uint64_t number;
    char *p;
    enum status st;

    if (d->data + 8 > g->n)
        return damaged(w->f, w->why, "a value reaches beyond its page");
    number = get64(g->p + d->data);
    if (number > (uint64_t)INT64_MAX / w->meta.page - 1)
        return damaged(w->f, w->why, "a page is outside of it");
    st = fetch(w->f, number * w->meta.page, head, sizeof head, w->why);
    if (st != ST_OK)
        return st;
    if (get64(head) != number || !(get16(head + 10) & P_OVERFLOW))
        return damaged(w->f, w->why, "a page is not what it should be");
    p = arena_alloc(a, (size_t)d->size + 1);
    st = fetch(w->f, number * w->meta.page + PAGE_HEAD, p, d->size, w->why);
    *value = (struct str){ p, d->size };
    return st;
}

/* The first of several values: the first key of the small page they are kept in. */
static enum status value_first(struct walk *w, const struct page *g, struct arena *a, struct str *value)
{
    size_t width = get16(g->p + 8);
    struct node d;

    if (g->flags & P_LEAF2) {
        if (g->count == 0 || PAGE_HEAD + width > g->n)
            return damaged(w->f, w->why, "a list of values reaches beyond its page");
        *value = arena_dup(a, (struct str){ g->p + PAGE_HEAD, width });
        return ST_OK;
    }
    if (g->count == 0 || !node_at(g, 0, &d))
        return damaged(w->f, w->why, "a list of values is none");
    *value = arena_dup(a, d.key);
    return ST_OK;
}

/* So many values that they have a tree of their own: down its left side. */
static enum status value_tree(struct walk *w, uint64_t root, struct arena *a, struct str *value)
{
    struct page g;
    struct node d;

    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        enum status st = page_read(w, root, &g);

        if (st != ST_OK)
            return st;
        if (g.flags & P_LEAF)
            return value_first(w, &g, a, value);
        if (g.count == 0 || !node_at(&g, 0, &d))
            break;
        root = d.child;
    }
    return damaged(w->f, w->why, "its tree does not end");
}

static enum status value_of(struct walk *w, const struct page *g, const struct node *d, struct arena *a, struct str *value)
{
    struct page sub = { .p = g->p + d->data, .n = d->size };

    if (d->size > LOOK_VALUE_MAX)
        return why_set(w->why, ST_AGAIN, "%s: the value is larger than %d bytes", w->f->path, LOOK_VALUE_MAX);
    if (d->flags & N_BIG)
        return value_big(w, g, d, a, value);
    if (d->size > g->n - d->data)
        return damaged(w->f, w->why, "a value reaches beyond its page");
    if ((d->flags & (N_SUB | N_DUP)) == (N_SUB | N_DUP) && d->size >= DB_SIZE)
        return value_tree(w, get64(sub.p + 40), a, value);
    if (d->flags & N_SUB)
        return why_set(w->why, ST_AGAIN, "%s: that key is a database in the file, not a value", w->f->path);
    if (d->flags & N_DUP) {
        if (sub.n < PAGE_HEAD || !page_shape(&sub))
            return damaged(w->f, w->why, "a list of values is none");
        return value_first(w, &sub, a, value);
    }
    *value = arena_dup(a, (struct str){ sub.p, sub.n });
    return ST_OK;
}

/* ---- asking */

static enum status descend(struct walk *w, struct str key, struct arena *a, struct str *value)
{
    uint64_t at = w->meta.root;
    struct page g;
    struct node d;
    bool same;

    if (at == NOWHERE)
        return ST_NONE;
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        enum status st = page_read(w, at, &g);

        if (st != ST_OK)
            return st;
        if (!node_search(&g, key, &d, &same))
            return damaged(w->f, w->why, "a page is not what it should be");
        if (g.flags & P_LEAF)
            return same ? value_of(w, &g, &d, a, value) : ST_NONE;
        at = d.child;
    }
    return damaged(w->f, w->why, "its tree does not end");
}

enum status lmdbfile_find(const struct lmdbfile *f, struct str key, struct arena *a, struct str *value, struct why *why)
{
    struct walk *w = malloc(sizeof *w);
    struct meta now;
    enum status st = ST_AGAIN, ended;

    if (!w)
        die("out of memory: %s", f->path);
    w->f = f;
    w->why = why;
    for (int i = 0; i < TRIES_MAX; i++) {
        st = newest(f, &w->meta, why);
        if (st != ST_OK)
            break;
        if (w->meta.flags & (DB_REVERSE | DB_INTEGER)) {
            st = why_set(why, ST_AGAIN, "%s: its keys are kept in reverse or as numbers, and cannot be looked up", f->path);
            break;
        }
        st = descend(w, key, a, value);
        ended = newest(f, &now, why);
        if (ended != ST_OK)
            st = ended;
        if (ended != ST_OK || now.txn == w->meta.txn)
            break;
        st = why_set(why, ST_AGAIN, "%s is written too often to be read", f->path);
    }
    free(w);
    return st;
}

/* ---- of a file */

static enum status look_open(struct look *l, int fd, struct why *why)
{
    struct lmdbfile f = { .read = look_read_at, .ctx = &fd, .path = l->path };
    enum status st = ST_NONE;
    struct stat s;

    if (fstat(fd, &s) < 0)
        return why_errno(why, ST_AGAIN, "stat %s", l->path);
    if (S_ISDIR(s.st_mode))
        return why_set(why, ST_AGAIN, "%s is a directory: name the file in it, data.mdb", l->path);
    if (!S_ISREG(s.st_mode))
        return why_set(why, ST_AGAIN, "%s is no plain file", l->path);
    for (l->which = 0; l->which < l->nkeys; l->which++) {
        st = lmdbfile_find(&f, l->key[l->which], l->arena, &l->value, why);
        if (st != ST_NONE)
            break;
    }
    return st;
}

look_fn lmdbfile_look;
enum status lmdbfile_look(struct look *l, struct why *why)
{
    int fd = beneath_open(l->path, l->below, O_RDONLY);
    enum status st;

    if (fd < 0)
        return why_errno(why, ST_AGAIN, "LMDB: Unable to open environment with %s", l->path);
    st = look_open(l, fd, why);
    close(fd);
    return st;
}
