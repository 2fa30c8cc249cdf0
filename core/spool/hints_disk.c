/*
 * hints_disk - the file behind spool/hints.h: hints.mdb
 *
 * One database. A key is the table's name, NUL, the key; one that would be
 * too long for LMDB is cut and a hash put behind it, and the whole key is kept
 * with the value and compared, so two keys are never taken for each other.
 * Every transaction ends inside the call that began it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "spool/boot.h"
#include "spool/hints_ops.h"
#include "spool/mdbfile.h"

enum {
    KEY_MAX = 500,                  /* LMDB takes 511 */
    EACH_CHUNK = 64,                /* entries read in one transaction */
    TIDY_LOOKS = 16                 /* entries looked at for each that may be removed */
};
#define MAP_FIRST ((size_t)64 << 20)
#define MAP_LAST  ((size_t)4 << 30)     /* beyond it new hints are not kept */

struct hints_disk {
    struct hints base;
    MDB_env *env;
    MDB_dbi dbi;
    size_t map;
    struct buf tidy_at;             /* key to go on from */
};

/* What stands before the value: expiry, then the whole key. */
struct head {
    int64_t expires;
    uint32_t key_len;
};

static struct hints_disk *disk_of(struct hints *h)
{
    return (struct hints_disk *)h;
}

static enum status why_mdb(struct why *why, int rc, const char *what)
{
    return why_set(why, ST_AGAIN, "hints.mdb: %s: %s", what, mdb_strerror(rc));
}

/* ---- keys and values */

static MDB_val key_make(struct buf *b, struct str name, struct str key)
{
    struct str n = str_head(name, 200);

    buf_clear(b);
    buf_add(b, n);
    buf_byte(b, '\0');
    if (n.n + 1 + key.n <= KEY_MAX) {
        buf_add(b, key);
    } else {
        uint64_t h = str_hash(STR_HASH, key);

        buf_add(b, str_head(key, KEY_MAX - n.n - 1 - sizeof h));
        buf_add(b, (struct str){ (const char *)&h, sizeof h });
    }
    return (MDB_val){ b->n, b->mem + b->at };
}

static void value_make(struct buf *b, struct str key, struct str value, int64_t expires)
{
    struct head head;

    memset(&head, 0, sizeof head);
    head.expires = expires;
    head.key_len = (uint32_t)key.n;
    buf_clear(b);
    buf_add(b, (struct str){ (const char *)&head, sizeof head });
    buf_add(b, key);
    buf_add(b, value);
}

/* False: damaged. */
static bool value_read(MDB_val v, struct str *key, struct str *value, int64_t *expires)
{
    struct head head;
    struct str s = { v.mv_data, v.mv_size };

    if (s.n < sizeof head)
        return false;
    memcpy(&head, s.p, sizeof head);
    s = str_from(s, sizeof head);
    if (s.n < head.key_len)
        return false;
    *key = str_head(s, head.key_len);
    *value = str_from(s, head.key_len);
    *expires = head.expires;
    return true;
}

static bool is_expired(int64_t expires)
{
    return expires && expires <= clock_wall();
}

/* ---- one entry */

/* Doubles the map once three quarters are used. Only between transactions. */
static void grow(struct hints_disk *h)
{
    MDB_envinfo info;
    MDB_stat st;

    if (mdb_env_info(h->env, &info) || mdb_env_stat(h->env, &st))
        return;
    h->map = info.me_mapsize;
    if ((info.me_last_pgno + 1) * st.ms_psize > h->map / 4 * 3 && h->map < MAP_LAST)
        mdb_env_set_mapsize(h->env, h->map * 2);
}

/* The entry as it stands in txn, expired or not; false if none. */
static bool lookup(struct hints_disk *h, MDB_txn *txn, MDB_val *k, struct str key, struct str *value, int64_t *expires)
{
    MDB_val v;
    struct str kept;

    return !mdb_get(txn, h->dbi, k, &v) && value_read(v, &kept, value, expires) && str_same(kept, key);
}

static bool disk_get(struct hints *base, struct arena *a, struct str name, struct str key, struct str *value, int64_t *expires)
{
    struct hints_disk *h = disk_of(base);
    struct buf b = { 0 };
    MDB_val k = key_make(&b, name, key);
    MDB_txn *txn;
    int64_t until = 0;
    bool found = false;

    if (!mdbfile_begin(h->env, MDB_RDONLY, &txn)) {
        found = lookup(h, txn, &k, key, value, &until) && !is_expired(until);
        if (found)
            *value = arena_dup(a, *value);
        mdb_txn_abort(txn);
    }
    if (found && expires)
        *expires = until;
    buf_free(&b);
    return found;
}

static enum status disk_put(struct hints *base, struct str name, struct str key, struct str value, int64_t expires, struct why *why)
{
    struct hints_disk *h = disk_of(base);
    struct buf b = { 0 }, vb = { 0 };
    MDB_val k = key_make(&b, name, key), v;
    MDB_txn *txn;
    int rc;

    grow(h);
    value_make(&vb, key, value, expires);
    v = (MDB_val){ vb.n, vb.mem + vb.at };
    rc = mdbfile_begin(h->env, 0, &txn);
    if (!rc) {
        rc = mdbfile_end(txn, mdb_put(txn, h->dbi, &k, &v, 0));
    }
    buf_free(&b);
    buf_free(&vb);
    return rc ? why_mdb(why, rc, "put") : ST_OK;
}

static enum status disk_del(struct hints *base, struct str name, struct str key, struct why *why)
{
    struct hints_disk *h = disk_of(base);
    struct buf b = { 0 };
    MDB_val k = key_make(&b, name, key);
    MDB_txn *txn;
    int rc = mdbfile_begin(h->env, 0, &txn);

    if (!rc) {
        rc = mdbfile_end(txn, mdb_del(txn, h->dbi, &k, NULL));
    }
    buf_free(&b);
    return rc && rc != MDB_NOTFOUND ? why_mdb(why, rc, "delete") : ST_OK;
}

static enum status disk_incr(struct hints *base, struct str name, struct str key, int64_t by, int64_t expires, int64_t *out, struct why *why)
{
    struct hints_disk *h = disk_of(base);
    struct buf b = { 0 }, vb = { 0 };
    MDB_val k = key_make(&b, name, key), v;
    struct str old = STR("");
    int64_t until = 0;
    char text[24];
    MDB_txn *txn;
    int rc;

    grow(h);
    rc = mdbfile_begin(h->env, 0, &txn);
    if (!rc) {
        if (!lookup(h, txn, &k, key, &old, &until) || is_expired(until)) {
            old = STR("");
            until = expires;
        }
        *out = hints_sum(old, by);
        snprintf(text, sizeof text, "%" PRId64, *out);
        value_make(&vb, key, str_of(text), until);
        v = (MDB_val){ vb.n, vb.mem + vb.at };
        rc = mdbfile_end(txn, mdb_put(txn, h->dbi, &k, &v, 0));
    }
    buf_free(&b);
    buf_free(&vb);
    return rc ? why_mdb(why, rc, "add") : ST_OK;
}

/* Does the database hold as much as strangers may fill it with? */
static bool is_crowded(struct hints_disk *h, MDB_txn *txn)
{
    MDB_stat st;

    return !mdb_stat(txn, h->dbi, &st) && st.ms_entries >= HINTS_ENTRIES_MAX;
}

static int change_in(struct hints_disk *h, MDB_txn *txn, MDB_val *k, struct str key, hints_change_fn *fn, void *ctx)
{
    struct buf value = { 0 }, vb = { 0 };
    struct str old = { 0 };
    int64_t until = 0;
    MDB_val v;
    int rc = 0;

    if (!lookup(h, txn, k, key, &old, &until) || is_expired(until)) {
        if (!old.p && is_crowded(h, txn))
            return MDB_MAP_FULL;
        old = (struct str){ 0 };
    }
    if (fn(ctx, old, &value, &until)) {
        value_make(&vb, key, buf_str(&value), until);
        v = (MDB_val){ vb.n, vb.mem + vb.at };
        rc = mdb_put(txn, h->dbi, k, &v, 0);
    }
    buf_free(&value);
    buf_free(&vb);
    return rc;
}

static enum status disk_change(struct hints *base, struct str name, struct str key, hints_change_fn *fn, void *ctx, struct why *why)
{
    struct hints_disk *h = disk_of(base);
    struct buf b = { 0 };
    MDB_val k = key_make(&b, name, key);
    MDB_txn *txn;
    int rc;

    grow(h);
    rc = mdbfile_begin(h->env, 0, &txn);
    if (!rc) {
        rc = mdbfile_end(txn, change_in(h, txn, &k, key, fn, ctx));
    }
    buf_free(&b);
    if (rc == MDB_MAP_FULL)
        return why_set(why, ST_NONE, "hints.mdb is full");
    return rc ? why_mdb(why, rc, "change") : ST_OK;
}

/* ---- many entries, a few at a time, so that no transaction is long */

struct seen {
    struct buf bytes;               /* key and value of each, one after the other */
    struct { uint32_t db_key, key, value; int64_t expires; } v[EACH_CHUNK];
    size_t n;
};

/* Reads entries whose key is >= *from (> if it was seen), up to a chunk. */
static void read_chunk(struct hints_disk *h, struct buf *from, bool after, struct str head, struct seen *s)
{
    MDB_val k = { from->n, from->mem + from->at }, v;
    MDB_cursor *c;
    MDB_txn *txn;
    int rc;

    s->n = 0;
    buf_clear(&s->bytes);
    if (mdbfile_begin(h->env, MDB_RDONLY, &txn))
        return;
    if (!mdb_cursor_open(txn, h->dbi, &c)) {
        rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
        if (!rc && after && k.mv_size == from->n && !memcmp(k.mv_data, from->mem + from->at, from->n))
            rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
        for (; !rc && s->n < EACH_CHUNK; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
            struct str key = STR(""), value = STR(""), at = { k.mv_data, k.mv_size };

            if (!str_starts(at, head))
                break;
            if (!value_read(v, &key, &value, &s->v[s->n].expires))
                s->v[s->n].expires = 1;     /* damaged: as good as expired */
            buf_add(&s->bytes, at);
            buf_add(&s->bytes, key);
            buf_add(&s->bytes, value);
            s->v[s->n].db_key = (uint32_t)at.n;
            s->v[s->n].key = (uint32_t)key.n;
            s->v[s->n++].value = (uint32_t)value.n;
        }
        mdb_cursor_close(c);
    }
    mdb_txn_abort(txn);
}

static void disk_each(struct hints *base, struct str name, hints_fn *fn, void *ctx)
{
    struct buf from = { 0 }, head = { 0 };
    struct seen s = { .n = 0 };
    bool more = true;

    key_make(&head, name, STR(""));
    buf_add(&from, buf_str(&head));
    for (bool after = false; more; after = true) {
        struct str rest;

        read_chunk(disk_of(base), &from, after, buf_str(&head), &s);
        more = s.n == EACH_CHUNK;
        rest = buf_str(&s.bytes);
        for (size_t i = 0; i < s.n; i++) {
            buf_clear(&from);
            buf_add(&from, str_head(rest, s.v[i].db_key));
            rest = str_from(rest, s.v[i].db_key);
            if (!is_expired(s.v[i].expires)
                && !fn(ctx, str_head(rest, s.v[i].key), str_head(str_from(rest, s.v[i].key), s.v[i].value), s.v[i].expires)) {
                more = false;
                break;
            }
            rest = str_from(rest, (size_t)s.v[i].key + s.v[i].value);
        }
    }
    buf_free(&s.bytes);
    buf_free(&from);
    buf_free(&head);
}

/* Goes on where the last call stopped, so that each call's work is bounded. */
static size_t disk_tidy(struct hints *base, size_t max)
{
    struct hints_disk *h = disk_of(base);
    size_t looked = 0, removed = 0;
    MDB_val k = { h->tidy_at.n, h->tidy_at.mem + h->tidy_at.at }, v;
    MDB_cursor *c;
    MDB_txn *txn;
    int rc, dead;

    mdb_reader_check(h->env, &dead);
    if (mdbfile_begin(h->env, 0, &txn))
        return 0;
    rc = mdb_cursor_open(txn, h->dbi, &c);
    if (rc) {
        mdb_txn_abort(txn);
        return 0;
    }
    rc = mdb_cursor_get(c, &k, &v, h->tidy_at.n ? MDB_SET_RANGE : MDB_FIRST);
    for (; !rc && removed < max && looked < max * TIDY_LOOKS; looked++) {
        struct str key, value;
        int64_t expires;

        if (*(const char *)k.mv_data == '\0')
            ;       /* the boot id */
        else if (!value_read(v, &key, &value, &expires) || is_expired(expires))
            removed += !mdb_cursor_del(c, 0);
        rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    }
    buf_clear(&h->tidy_at);
    if (!rc)
        buf_add(&h->tidy_at, (struct str){ k.mv_data, k.mv_size });
    mdb_cursor_close(c);
    return mdbfile_end(txn, 0) ? 0 : removed;
}

static void disk_close(struct hints *base)
{
    struct hints_disk *h = disk_of(base);

    mdb_env_close(h->env);
    buf_free(&h->tidy_at);
    free(h);
}

static const struct hints_ops disk_ops = {
    disk_close, disk_get, disk_put, disk_del, disk_incr, disk_change, disk_each, disk_tidy,
};

/* ---- opening */

/* A table name is never empty, so this key stands apart. */
static MDB_val boot_key(void)
{
    static char name[] = "\0boot";

    return (MDB_val){ sizeof name - 1, name };
}

/* 0: the file is of this boot (a new one is made so). */
static int check_boot(struct hints_disk *h)
{
    char now[BOOT_ID_LEN + 1];
    MDB_val k = boot_key(), v = { BOOT_ID_LEN, now }, was;
    MDB_txn *txn;
    MDB_stat st;
    int rc;

    boot_id(now);
    rc = mdbfile_begin(h->env, 0, &txn);
    if (rc)
        return rc;
    rc = mdb_dbi_open(txn, NULL, 0, &h->dbi);
    if (!rc)
        rc = mdb_stat(txn, h->dbi, &st);
    if (!rc && st.ms_entries == 0)
        rc = mdb_put(txn, h->dbi, &k, &v, 0);
    else if (!rc && (mdb_get(txn, h->dbi, &k, &was) || was.mv_size != BOOT_ID_LEN || memcmp(was.mv_data, now, BOOT_ID_LEN)))
        rc = MDB_VERSION_MISMATCH;
    return mdbfile_end(txn, rc);
}

static int open_env(struct hints_disk *h, const char *path)
{
    int rc = mdbfile_open(path, MDB_NOSYNC, 0, MAP_FIRST, &h->env);

    h->map = MAP_FIRST;
    if (!rc && (rc = check_boot(h))) {
        mdb_env_close(h->env);
        h->env = NULL;
    }
    return rc;
}

/* Opening is one worker at a time, so that nobody uses a file another one
 * is throwing away. */
static int open_or_renew(struct hints_disk *h, const char *dir)
{
    struct buf path = { 0 };
    int rc;

    buf_addf(&path, "%s/hints.mdb%c", dir, 0);
    rc = open_env(h, path.mem + path.at);
    if (rc && rc != ENOMEM && rc != EACCES) {
        mdbfile_unlink(path.mem + path.at);
        rc = open_env(h, path.mem + path.at);
    }
    buf_free(&path);
    return rc;
}

enum status hints_open(const char *dir, struct hints **out, struct why *why)
{
    struct hints_disk *h = calloc(1, sizeof *h);
    struct buf guard = { 0 };
    int fd = -1, rc;

    *out = NULL;
    if (!h)
        die("out of memory");
    h->base.ops = &disk_ops;
    buf_addf(&guard, "%s/hints.open%c", dir, 0);
    fd = FAULT(OPEN) ? -1 : open(guard.mem + guard.at, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        why_errno(why, ST_AGAIN, "open %s", guard.mem + guard.at);
        goto fail;
    }
    rc = open_or_renew(h, dir);
    if (rc) {
        why_mdb(why, rc, "open");
        goto fail;
    }
    close(fd);
    buf_free(&guard);
    *out = &h->base;
    return ST_OK;

fail:
    if (fd >= 0)
        close(fd);
    buf_free(&guard);
    free(h);
    return ST_AGAIN;
}
