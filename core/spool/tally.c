/*
 * tally - the file behind spool/tally.h: dmarc.mdb
 *
 * Keys: the hour in eight hex digits, the domain, NUL, then "p" for its policy or "r" and a hash of the
 * row; a claim is "~", the hour, and what was claimed. The order of keys is that of time, so
 * what is old stands in front.
 */
#include "spool/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "spool/mdbfile.h"

enum { OLD_AT_ONCE = 5000, PROBES = 4, HOUR_DIGITS = 8, DOMAIN_MAX_ = 255, ROW_MAX = 8192, CLAIM_MAX = 480 };
#define TALLY_MAP ((size_t)256 << 20)

struct tally {
    MDB_env *env;
    MDB_dbi dbi;
    char *path;
    ino_t inode;                /* of the file that is open: it may be deleted under us */
    bool make;
};

static enum status why_mdb(struct why *why, int rc, const char *what)
{
    return why_set(why, rc == MDB_MAP_FULL ? ST_NONE : ST_AGAIN, "dmarc.mdb: %s: %s", what, mdb_strerror(rc));
}

/* ---- opening */

static int open_dbi(struct tally *t)
{
    MDB_txn *txn;
    int rc = mdbfile_begin(t->env, t->make ? 0 : MDB_RDONLY, &txn);

    return rc ? rc : mdbfile_end(txn, mdb_dbi_open(txn, NULL, 0, &t->dbi));
}

static int note_inode(struct tally *t)
{
    struct stat file;

    if (stat(t->path, &file))
        return errno;
    t->inode = file.st_ino;
    return 0;
}

static void close_env(struct tally *t)
{
    if (t->env)
        mdb_env_close(t->env);
    t->env = NULL;
}

static int open_env(struct tally *t)
{
    int rc = mdbfile_open(t->path, 0, 0, TALLY_MAP, &t->env);

    if (rc)
        return rc;
    if ((rc = note_inode(t)) || (rc = open_dbi(t)))
        close_env(t);
    return rc;
}

static bool is_damage(int rc)
{
    return rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_VERSION_MISMATCH || rc == MDB_PAGE_NOTFOUND || rc == MDB_PANIC;
}

static int open_or_renew(struct tally *t)
{
    int rc = open_env(t);

    if (is_damage(rc) && t->make) {
        mdbfile_unlink(t->path);
        rc = open_env(t);
    }
    return rc;
}

enum status tally_open(const char *dir, bool make, struct tally **out, struct why *why)
{
    struct tally *t = calloc(1, sizeof *t);
    struct buf path = { 0 };
    int rc;

    *out = NULL;
    if (!t)
        die("out of memory");
    buf_addf(&path, "%s/dmarc.mdb%c", dir, 0);
    t->path = strdup(path.mem + path.at);
    t->make = make;
    buf_free(&path);
    if (!t->path)
        die("out of memory");
    if (!make && access(t->path, F_OK) < 0 && errno == ENOENT) {
        tally_close(t);
        return why_set(why, ST_NONE, "%s/dmarc.mdb is not there", dir);
    }
    rc = open_or_renew(t);
    if (rc) {
        tally_close(t);
        why_mdb(why, rc, "open");
        if (why)
            why->err = rc;
        return ST_AGAIN;
    }
    *out = t;
    return ST_OK;
}

void tally_close(struct tally *t)
{
    if (!t)
        return;
    close_env(t);
    free(t->path);
    free(t);
}

/* Who deletes the file wants a new one. */
static int follow_file(struct tally *t)
{
    struct stat file;

    if (t->env && !stat(t->path, &file) && file.st_ino == t->inode)
        return 0;
    close_env(t);
    return open_or_renew(t);
}

/* ---- keys */

static MDB_val val_of(const struct buf *b)
{
    return (MDB_val){ b->n, b->n ? b->mem + b->at : NULL };
}

static void put_hour(struct buf *b, int64_t at)
{
    buf_addf(b, "%08" PRIx32, (uint32_t)(at / TALLY_HOUR));
}

static void put_place(struct buf *b, int64_t at, struct str domain, char kind)
{
    buf_clear(b);
    put_hour(b, at);
    buf_add(b, str_head(domain, DOMAIN_MAX_));
    buf_byte(b, '\0');
    buf_byte(b, kind);
}

/* ---- counting */

static int put_row(struct tally *t, MDB_txn *txn, uint64_t count, struct str row, MDB_val *key)
{
    struct buf b = { 0 };
    MDB_val v;
    int rc;

    buf_add(&b, (struct str){ (const char *)&count, sizeof count });
    buf_add(&b, row);
    v = val_of(&b);
    rc = mdb_put(txn, t->dbi, key, &v, 0);
    buf_free(&b);
    return rc;
}

static bool read_row(MDB_val v, uint64_t *count, struct str *row)
{
    if (v.mv_size < sizeof *count)
        return false;
    memcpy(count, v.mv_data, sizeof *count);
    *row = (struct str){ (const char *)v.mv_data + sizeof *count, v.mv_size - sizeof *count };
    return true;
}

/* Two rows with one hash stand beside each other. More of them than PROBES is somebody's work: not counted. */
static int count_row(struct tally *t, MDB_txn *txn, const struct tally_entry *e, struct buf *key)
{
    uint64_t hash = str_hash(STR_HASH, e->row), count;
    struct str row;
    MDB_val k, v;
    int rc;

    for (unsigned i = 0; i < PROBES; i++) {
        put_place(key, e->at, e->domain, 'r');
        buf_addf(key, "%016" PRIx64, hash + i);
        k = val_of(key);
        rc = mdb_get(txn, t->dbi, &k, &v);
        if (rc == MDB_NOTFOUND)
            return put_row(t, txn, 1, e->row, &k);
        if (rc)
            return rc;
        if (read_row(v, &count, &row) && str_same(row, e->row)) {
            struct buf copy = { 0 };

            buf_add(&copy, row);
            rc = put_row(t, txn, count + 1, buf_str(&copy), &k);
            buf_free(&copy);
            return rc;
        }
    }
    return 0;
}

static int keep_policy(struct tally *t, MDB_txn *txn, const struct tally_entry *e, struct buf *key)
{
    MDB_val k, v = { e->policy.n, (void *)(uintptr_t)e->policy.p }, was;

    put_place(key, e->at, e->domain, 'p');
    k = val_of(key);
    if (!mdb_get(txn, t->dbi, &k, &was) && was.mv_size == v.mv_size && memcmp(was.mv_data, v.mv_data, v.mv_size) == 0)
        return 0;
    return mdb_put(txn, t->dbi, &k, &v, 0);
}

/* Those of one kind ("" or "~" in front) that are before an hour. */
static int drop_old(struct tally *t, MDB_txn *txn, const char *front, int64_t oldest)
{
    struct buf at = { 0 }, end = { 0 };
    MDB_cursor *c;
    MDB_val k, v;
    int rc = mdb_cursor_open(txn, t->dbi, &c);

    if (rc)
        return rc;
    buf_add(&at, *front ? str_of(front) : STR("0"));
    buf_add(&end, str_of(front));
    put_hour(&end, oldest);
    k = val_of(&at);
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    for (unsigned n = 0; !rc && n < OLD_AT_ONCE; n++) {
        if (str_cmp(str_head((struct str){ k.mv_data, k.mv_size }, end.n), buf_str(&end)) >= 0)
            break;
        rc = mdb_cursor_del(c, 0);
        if (!rc)
            rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(c);
    buf_free(&at);
    buf_free(&end);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int add_in(struct tally *t, MDB_txn *txn, const struct tally_entry *v, size_t n, int64_t oldest)
{
    struct buf key = { 0 };
    int rc = drop_old(t, txn, "", oldest);

    if (!rc)
        rc = drop_old(t, txn, "~", oldest);
    for (size_t i = 0; !rc && i < n; i++) {
        if (v[i].row.n > ROW_MAX || v[i].policy.n > ROW_MAX || v[i].domain.n > DOMAIN_MAX_ || v[i].at < 0)
            continue;
        rc = keep_policy(t, txn, &v[i], &key);
        if (!rc)
            rc = count_row(t, txn, &v[i], &key);
    }
    buf_free(&key);
    return rc;
}

enum status tally_add(struct tally *t, const struct tally_entry *v, size_t n, int64_t oldest, struct why *why)
{
    MDB_txn *txn;
    int rc = follow_file(t);

    if (rc)
        return why_mdb(why, rc, "open");
    rc = mdbfile_begin(t->env, 0, &txn);
    if (!rc)
        rc = mdbfile_end(txn, add_in(t, txn, v, n, oldest));
    return rc ? why_mdb(why, rc, "count") : ST_OK;
}

/* ---- reading */

struct place { int64_t at; struct str domain; char kind; };

static bool read_place(MDB_val k, struct place *p)
{
    struct str key = { k.mv_data, k.mv_size };
    size_t end = str_find(key, '\0');
    uint32_t hour = 0;

    if (end == SIZE_MAX || end < HOUR_DIGITS || end + 1 >= key.n || key.p[0] == '~')
        return false;
    for (size_t i = 0; i < HOUR_DIGITS; i += 2)
        hour = hour << 8 | (uint32_t)(ascii_hex(key.p[i], key.p[i + 1]) & 0xff);
    p->at = (int64_t)hour * TALLY_HOUR;
    p->domain = str_from(str_head(key, end), HOUR_DIGITS);
    p->kind = key.p[end + 1];
    return true;
}

/* Walks keys from one on until fn, shown the place and the value, says no; a key of no place ends it. */
typedef bool walk_fn(void *ctx, const struct place *p, MDB_val v);
static int walk(struct tally *t, const struct buf *from, walk_fn *fn, void *ctx)
{
    MDB_val k = val_of(from), v;
    MDB_cursor *c;
    MDB_txn *txn;
    struct place p;
    int rc = mdbfile_begin(t->env, MDB_RDONLY, &txn);

    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, t->dbi, &c);
    if (!rc) {
        rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
        while (!rc && read_place(k, &p) && fn(ctx, &p, v))
            rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
        mdb_cursor_close(c);
    }
    mdb_txn_abort(txn);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

struct domains { int64_t until; tally_domain_fn *fn; void *ctx; };

static bool each_domain(void *ctx, const struct place *p, MDB_val v)
{
    struct domains *d = ctx;

    (void)v;
    return p->at < d->until && (p->kind != 'p' || d->fn(d->ctx, p->domain));
}

enum status tally_domains(struct tally *t, int64_t from, int64_t until, tally_domain_fn *fn, void *ctx, struct why *why)
{
    struct domains d = { until, fn, ctx };
    struct buf key = { 0 };
    int rc;

    put_hour(&key, from);
    rc = walk(t, &key, each_domain, &d);
    buf_free(&key);
    return rc ? why_mdb(why, rc, "read") : ST_OK;
}

struct rows {
    int64_t at;
    struct str domain;
    tally_row_fn *fn;
    void *ctx;
    bool stopped;
};

static bool each_row(void *ctx, const struct place *p, MDB_val v)
{
    struct rows *r = ctx;
    struct str row;
    uint64_t count;

    if (p->at != r->at || p->kind != 'r' || !str_same(p->domain, r->domain))
        return false;
    if (read_row(v, &count, &row) && !r->fn(r->ctx, row, count))
        r->stopped = true;
    return !r->stopped;
}

enum status tally_rows(struct tally *t, struct str domain, int64_t from, int64_t until, tally_row_fn *fn, void *ctx, struct why *why)
{
    struct rows r = { .domain = domain, .fn = fn, .ctx = ctx };
    struct buf key = { 0 };
    int rc = 0;

    for (r.at = from; !rc && r.at < until && !r.stopped; r.at += TALLY_HOUR) {
        put_place(&key, r.at, domain, 'r');
        rc = walk(t, &key, each_row, &r);
    }
    buf_free(&key);
    return rc ? why_mdb(why, rc, "read") : ST_OK;
}

struct policies { int64_t at; struct str domain; struct arena *a; struct str found; };

static bool the_policy(void *ctx, const struct place *p, MDB_val v)
{
    struct policies *s = ctx;

    if (p->at == s->at && p->kind == 'p' && str_same(p->domain, s->domain))
        s->found = arena_dup(s->a, (struct str){ v.mv_data, v.mv_size });
    return false;
}

enum status tally_policy(struct tally *t, struct arena *a, struct str domain, int64_t from, int64_t until, struct str *policy, struct why *why)
{
    struct policies s = { .domain = domain, .a = a };
    struct buf key = { 0 };
    int rc = 0;

    for (s.at = until - TALLY_HOUR; !rc && s.at >= from && !s.found.p; s.at -= TALLY_HOUR) {
        put_place(&key, s.at, domain, 'p');
        rc = walk(t, &key, the_policy, &s);
    }
    buf_free(&key);
    *policy = s.found;
    if (rc)
        return why_mdb(why, rc, "read");
    return s.found.p ? ST_OK : why_set(why, ST_NONE, "nothing is kept of %.*s", STR_ARG(domain));
}

static bool first_place(void *ctx, const struct place *p, MDB_val v)
{
    (void)v;
    *(int64_t *)ctx = p->at;
    return false;
}

enum status tally_oldest(struct tally *t, int64_t *at, struct why *why)
{
    struct buf key = { 0 };
    int rc;

    *at = -1;
    put_hour(&key, 0);
    rc = walk(t, &key, first_place, at);
    buf_free(&key);
    if (rc)
        return why_mdb(why, rc, "read");
    return *at < 0 ? ST_NONE : ST_OK;
}

/* ---- claims */

static int claim_in(struct tally *t, MDB_txn *txn, struct buf *key, bool take)
{
    MDB_val k = val_of(key), v = { 0, NULL };

    return take ? mdb_put(txn, t->dbi, &k, &v, MDB_NOOVERWRITE) : mdb_del(txn, t->dbi, &k, NULL);
}

static enum status claim(struct tally *t, int64_t at, struct str what, bool take, struct why *why)
{
    struct buf key = { 0 };
    MDB_txn *txn;
    int rc = mdbfile_begin(t->env, 0, &txn);

    if (!rc) {
        buf_byte(&key, '~');
        put_hour(&key, at);
        /* Longer ones differ by their hash. */
        buf_addf(&key, "%016" PRIx64, str_hash(STR_HASH, what));
        buf_add(&key, str_head(what, CLAIM_MAX));
        rc = mdbfile_end(txn, claim_in(t, txn, &key, take));
        buf_free(&key);
    }
    if (rc == MDB_KEYEXIST || rc == MDB_NOTFOUND)
        return ST_NONE;
    if (rc)
        why_mdb(why, rc, "claim");
    return rc ? ST_AGAIN : ST_OK;
}

enum status tally_claim(struct tally *t, int64_t at, struct str what, struct why *why)
{
    return claim(t, at, what, true, why);
}

enum status tally_unclaim(struct tally *t, int64_t at, struct str what, struct why *why)
{
    return claim(t, at, what, false, why);
}
