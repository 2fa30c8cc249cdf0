#include "spool/index.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "spool/boot.h"
#include "spool/mdbfile.h"
#include "spool/ops.h"

enum { INDEX_VERSION = 2, KEY = 12, DUE_KEY = 8 + KEY };
#define MAP_FIRST ((size_t)64 << 20)
#define AHEAD ((uint64_t)4 << 20)       /* of the file, kept for results when the disk is full */

struct index {
    MDB_env *env;
    MDB_dbi rows, due, meta;    /* meta: what is covered, and the segments */
    MDB_txn *txn;               /* the writer's */
    MDB_txn *read;              /* kept, renewed for each read */
    pthread_mutex_t reading;    /* held for each read, and while the map grows */
    pthread_mutex_t gate;       /* held by the writer: reads wait for its commit */
    uint64_t reserved;          /* bytes of the file that have blocks */
    bool readonly;
    char boot[BOOT_ID_LEN + 1];
};

/* As kept: host byte order, since the file never leaves this boot. */
struct kept_row {
    uint32_t gen, at, len, state_gen, state_at, state_len, born, flags, pending, large;
    int64_t received, next_try;
    uint64_t size;
};
struct kept_meta {
    uint32_t version, ready;
    char boot[BOOT_ID_LEN + 1];
    uint32_t gen;
    uint64_t at;
};

static enum status why_mdb(struct why *why, int rc, const char *what)
{
    return why_set(why, ST_AGAIN, "index: %s: %s", what, mdb_strerror(rc));
}

/* ---- keys */

static void put_be(unsigned char *p, int n, uint64_t v)
{
    while (n-- > 0) {
        p[n] = (unsigned char)v;
        v >>= 8;
    }
}

static uint64_t get_be(const unsigned char *p, int n)
{
    uint64_t v = 0;

    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static void key_make(unsigned char k[KEY], struct id_parts id)
{
    put_be(k, 5, id.time);
    put_be(k + 5, 2, id.shard);
    put_be(k + 7, 5, id.counter);
}

static struct id_parts key_read(const unsigned char *k)
{
    return (struct id_parts){ get_be(k, 5), get_be(k + 7, 5), (unsigned)get_be(k + 5, 2) };
}

/* Negative times sort first. */
static void due_make(unsigned char k[DUE_KEY], const struct due_place *d)
{
    put_be(k, 8, (uint64_t)d->next_try ^ (uint64_t)1 << 63);
    key_make(k + 8, d->id);
}

static bool due_read(MDB_val k, struct due_place *d)
{
    const unsigned char *p = k.mv_data;

    if (k.mv_size != DUE_KEY)
        return false;
    d->next_try = (int64_t)(get_be(p, 8) ^ (uint64_t)1 << 63);
    d->id = key_read(p + 8);
    return true;
}

static bool row_read(MDB_val k, MDB_val v, struct row *r)
{
    struct kept_row d;

    if (k.mv_size != KEY || v.mv_size < sizeof d || v.mv_size > sizeof d + SUMMARY_MAX)
        return false;
    memcpy(&d, v.mv_data, sizeof d);
    *r = (struct row){
        .id = key_read(k.mv_data),
        .gen = d.gen, .at = d.at, .len = d.len,
        .state_gen = d.state_gen, .state_at = d.state_at, .state_len = d.state_len,
        .born = d.born, .flags = d.flags, .pending = d.pending, .large = d.large,
        .received = d.received, .next_try = d.next_try, .size = d.size,
        .summary = { (char *)v.mv_data + sizeof d, v.mv_size - sizeof d },
    };
    return true;
}

/* ---- opening */

void index_remove(const char *dir)
{
    struct buf b = { 0 };

    buf_addf(&b, "%s/index.mdb%c", dir, 0);
    mdbfile_unlink(b.mem + b.at);
    buf_free(&b);
}

static int open_tables(struct index *ix)
{
    unsigned make = ix->readonly ? 0 : MDB_CREATE;
    MDB_txn *txn;
    int rc = mdb_txn_begin(ix->env, NULL, ix->readonly ? MDB_RDONLY : 0, &txn);

    if (rc == MDB_MAP_RESIZED && !mdb_env_set_mapsize(ix->env, 0))
        rc = mdb_txn_begin(ix->env, NULL, ix->readonly ? MDB_RDONLY : 0, &txn);
    if (rc)
        return rc;
    if ((rc = mdb_dbi_open(txn, "rows", make, &ix->rows)) || (rc = mdb_dbi_open(txn, "due", make, &ix->due))
        || (rc = mdb_dbi_open(txn, "meta", make, &ix->meta))) {
        mdb_txn_abort(txn);
        return rc;
    }
    rc = mdb_txn_commit(txn);
    if (rc)
        return rc;
    rc = mdb_txn_begin(ix->env, NULL, MDB_RDONLY, &ix->read);
    if (!rc)
        mdb_txn_reset(ix->read);
    return rc;
}

enum status index_open(const char *dir, bool readonly, size_t map, struct index **out, struct why *why)
{
    struct index *ix = calloc(1, sizeof *ix);
    struct buf path = { 0 };
    int rc;

    *out = NULL;
    if (!ix)
        die("out of memory");
    ix->readonly = readonly;
    boot_id(ix->boot);
    pthread_mutex_init(&ix->reading, NULL);
    pthread_mutex_init(&ix->gate, NULL);
    buf_addf(&path, "%s/index.mdb%c", dir, 0);
    rc = mdbfile_open(path.mem + path.at, MDB_NOSYNC | (readonly ? MDB_RDONLY : 0), 3, map ? map : MAP_FIRST, &ix->env);
    if (!rc)
        rc = open_tables(ix);
    buf_free(&path);
    if (rc) {
        index_close(ix);
        return why_mdb(why, rc, "open");
    }
    *out = ix;
    return ST_OK;
}

void index_close(struct index *ix)
{
    if (!ix)
        return;
    if (ix->read)
        mdb_txn_abort(ix->read);
    if (ix->env)
        mdb_env_close(ix->env);
    pthread_mutex_destroy(&ix->reading);
    pthread_mutex_destroy(&ix->gate);
    free(ix);
}

/* ---- reading */

/* Another process's map may have grown since (a look from outside). */
static bool read_begin(struct index *ix)
{
    int rc;

    pthread_mutex_lock(&ix->gate);
    pthread_mutex_unlock(&ix->gate);
    pthread_mutex_lock(&ix->reading);
    rc = mdb_txn_renew(ix->read);
    if (rc == MDB_MAP_RESIZED && !mdb_env_set_mapsize(ix->env, 0))
        rc = mdb_txn_renew(ix->read);
    if (rc)
        pthread_mutex_unlock(&ix->reading);
    return !rc;
}

static void read_end(struct index *ix)
{
    mdb_txn_reset(ix->read);
    pthread_mutex_unlock(&ix->reading);
}

static MDB_val meta_key(void)
{
    static char name[] = "covered";

    return (MDB_val){ sizeof name - 1, name };
}

bool index_covers(struct index *ix, struct covered *out)
{
    struct kept_meta m;
    MDB_val k = meta_key(), v;
    bool ok;

    if (!read_begin(ix))
        return false;
    ok = !mdb_get(ix->read, ix->meta, &k, &v) && v.mv_size == sizeof m;
    if (ok)
        memcpy(&m, v.mv_data, sizeof m);
    read_end(ix);
    if (!ok || m.version != INDEX_VERSION || !m.ready || memcmp(m.boot, ix->boot, BOOT_ID_LEN))
        return false;
    *out = (struct covered){ m.gen, m.at };
    return true;
}

static bool take_row(MDB_val k, MDB_val v, struct row *r, struct arena *a)
{
    if (!row_read(k, v, r))
        return false;
    r->summary = a ? arena_dup(a, r->summary) : STR("");
    return true;
}

enum status index_get(struct index *ix, struct id_parts id, struct row *out, struct arena *a)
{
    unsigned char key[KEY];
    MDB_val k = { KEY, key }, v;
    int rc;

    key_make(key, id);
    if (!read_begin(ix))
        return ST_AGAIN;
    rc = FAULT(LMDB) ? errno : mdb_get(ix->read, ix->rows, &k, &v);
    if (!rc && !take_row(k, v, out, a))
        rc = MDB_CORRUPTED;
    read_end(ix);
    return rc == 0 ? ST_OK : rc == MDB_NOTFOUND ? ST_NONE : ST_AGAIN;
}

size_t index_after(struct index *ix, const struct id_parts *after, struct row *v, size_t max, struct arena *a)
{
    unsigned char key[KEY];
    MDB_val k = { KEY, key }, data;
    MDB_cursor *c;
    size_t n = 0;
    int rc;

    if (after)
        key_make(key, *after);
    if (!read_begin(ix))
        return 0;
    if (!mdb_cursor_open(ix->read, ix->rows, &c)) {
        rc = mdb_cursor_get(c, &k, &data, after ? MDB_SET_RANGE : MDB_FIRST);
        if (!rc && after && k.mv_size == KEY && !memcmp(k.mv_data, key, KEY))
            rc = mdb_cursor_get(c, &k, &data, MDB_NEXT);
        for (; !rc && n < max; rc = mdb_cursor_get(c, &k, &data, MDB_NEXT))
            n += take_row(k, data, &v[n], a);
        mdb_cursor_close(c);
    }
    read_end(ix);
    return n;
}

size_t index_due(struct index *ix, int64_t now, const struct due_place *resume, struct due_place *v, size_t max)
{
    unsigned char key[DUE_KEY];
    MDB_val k = { DUE_KEY, key }, data;
    MDB_cursor *c;
    size_t n = 0;
    int rc;

    if (resume)
        due_make(key, resume);
    if (!read_begin(ix))
        return 0;
    if (!mdb_cursor_open(ix->read, ix->due, &c)) {
        rc = mdb_cursor_get(c, &k, &data, resume ? MDB_SET_RANGE : MDB_FIRST);
        if (!rc && resume && k.mv_size == DUE_KEY && !memcmp(k.mv_data, key, DUE_KEY))
            rc = mdb_cursor_get(c, &k, &data, MDB_NEXT);
        for (; !rc && n < max; rc = mdb_cursor_get(c, &k, &data, MDB_NEXT)) {
            if (!due_read(k, &v[n]) || v[n].next_try > now)
                break;
            n++;
        }
        mdb_cursor_close(c);
    }
    read_end(ix);
    return n;
}

int64_t index_first_due(struct index *ix)
{
    struct due_place first;

    return index_due(ix, INT64_MAX, NULL, &first, 1) ? first.next_try : INT64_MAX;
}

enum status index_count(struct index *ix, uint64_t *out)
{
    MDB_stat st;
    int rc;

    *out = 0;
    if (!read_begin(ix))
        return ST_AGAIN;
    rc = mdb_stat(ix->read, ix->rows, &st);
    if (!rc)
        *out = st.ms_entries;
    read_end(ix);
    return rc ? ST_AGAIN : ST_OK;
}

void index_segments(struct index *ix, void (*fn)(void *ctx, uint32_t gen, struct str bytes), void *ctx)
{
    MDB_val k, v;
    MDB_cursor *c;

    if (!read_begin(ix))
        return;
    if (!mdb_cursor_open(ix->read, ix->meta, &c)) {
        while (!mdb_cursor_get(c, &k, &v, MDB_NEXT))
            if (k.mv_size == 4)
                fn(ctx, (uint32_t)get_be(k.mv_data, 4), (struct str){ v.mv_data, v.mv_size });
        mdb_cursor_close(c);
    }
    read_end(ix);
}

/* ---- writing */

void index_hold(struct index *ix)
{
    pthread_mutex_lock(&ix->gate);
}

void index_let_go(struct index *ix)
{
    pthread_mutex_unlock(&ix->gate);
}

/* The map doubles before it is full, and the file keeps some blocks ahead of
 * what it uses. Neither may happen while anybody in this process reads. */
static void grow(struct index *ix, bool full)
{
    MDB_envinfo info;
    MDB_stat st;
    mdb_filehandle_t fd;
    uint64_t used;

    if (mdb_env_info(ix->env, &info) || mdb_env_stat(ix->env, &st))
        return;
    used = (uint64_t)(info.me_last_pgno + 1) * st.ms_psize;
    if (full || used > info.me_mapsize / 2) {
        pthread_mutex_lock(&ix->reading);
        mdb_env_set_mapsize(ix->env, info.me_mapsize * 2);
        pthread_mutex_unlock(&ix->reading);
    }
    if (used + AHEAD / 2 > ix->reserved && !mdb_env_get_fd(ix->env, &fd)
        && !fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(used + AHEAD)))
        ix->reserved = used + AHEAD;
}

enum status index_begin(struct index *ix, struct why *why)
{
    int rc;

    grow(ix, false);
    rc = FAULT(LMDB) ? errno : mdb_txn_begin(ix->env, NULL, 0, &ix->txn);
    if (rc) {
        ix->txn = NULL;
        return why_mdb(why, rc, "begin");
    }
    return ST_OK;
}

void index_abort(struct index *ix)
{
    if (ix->txn)
        mdb_txn_abort(ix->txn);
    ix->txn = NULL;
}

static enum status failed(struct index *ix, int rc, const char *what, struct why *why)
{
    index_abort(ix);
    if (rc == MDB_MAP_FULL)
        grow(ix, true);
    return why_mdb(why, rc, what);
}

enum status index_commit(struct index *ix, struct covered c, bool ready, struct why *why)
{
    struct kept_meta m;
    MDB_val k = meta_key(), v = { sizeof m, &m };
    MDB_txn *txn = ix->txn;
    int rc;

    memset(&m, 0, sizeof m);
    m.version = INDEX_VERSION;
    m.ready = ready;
    m.gen = c.gen;
    m.at = c.at;
    memcpy(m.boot, ix->boot, sizeof m.boot);
    rc = FAULT(LMDB) ? errno : mdb_put(txn, ix->meta, &k, &v, 0);
    if (rc)
        return failed(ix, rc, "put", why);
    CRASH_POINT("spool.index.commit");
    ix->txn = NULL;
    rc = mdb_txn_commit(txn);
    if (rc)
        return failed(ix, rc, "commit", why);
    return ST_OK;
}

enum status index_find(struct index *ix, struct id_parts id, struct row *out, struct why *why)
{
    unsigned char key[KEY];
    MDB_val k = { KEY, key }, v;
    int rc;

    key_make(key, id);
    rc = mdb_get(ix->txn, ix->rows, &k, &v);
    if (rc == MDB_NOTFOUND)
        return ST_NONE;
    if (rc)
        return failed(ix, rc, "get", why);
    if (!row_read(k, v, out))
        return failed(ix, MDB_CORRUPTED, "get", why);
    return ST_OK;
}

static bool stands_in_due(uint32_t flags)
{
    return !(flags & (SPOOL_FROZEN | SPOOL_HELD));
}

static int due_put(struct index *ix, const struct row *r)
{
    unsigned char key[DUE_KEY];
    MDB_val k = { DUE_KEY, key }, v = { 0, NULL };

    due_make(key, &(struct due_place){ r->next_try, r->id });
    return mdb_put(ix->txn, ix->due, &k, &v, 0);
}

static int due_del(struct index *ix, const struct row *r)
{
    unsigned char key[DUE_KEY];
    MDB_val k = { DUE_KEY, key };
    int rc;

    due_make(key, &(struct due_place){ r->next_try, r->id });
    rc = mdb_del(ix->txn, ix->due, &k, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

enum status index_put(struct index *ix, const struct row *r, const struct row *was, struct why *why)
{
    struct { struct kept_row d; char summary[SUMMARY_MAX]; } out;
    bool due_was = was && stands_in_due(was->flags), due_is = stands_in_due(r->flags);
    unsigned char key[KEY];
    MDB_val k = { KEY, key }, v = { sizeof out.d + r->summary.n, &out };
    int rc = FAULT(LMDB) ? errno : 0;

    memset(&out.d, 0, sizeof out.d);
    out.d = (struct kept_row){
        r->gen, r->at, r->len, r->state_gen, r->state_at, r->state_len, r->born, r->flags, r->pending, r->large,
        r->received, r->next_try, r->size,
    };
    memcpy(out.summary, r->summary.p, r->summary.n);
    key_make(key, r->id);
    if (!rc && due_was && (!due_is || was->next_try != r->next_try))
        rc = due_del(ix, was);
    if (!rc && due_is && (!due_was || was->next_try != r->next_try))
        rc = due_put(ix, r);
    if (!rc)
        rc = mdb_put(ix->txn, ix->rows, &k, &v, 0);
    return rc ? failed(ix, rc, "put", why) : ST_OK;
}

enum status index_del(struct index *ix, const struct row *was, struct why *why)
{
    unsigned char key[KEY];
    MDB_val k = { KEY, key };
    int rc = FAULT(LMDB) ? errno : 0;

    key_make(key, was->id);
    if (!rc && stands_in_due(was->flags))
        rc = due_del(ix, was);
    if (!rc)
        rc = mdb_del(ix->txn, ix->rows, &k, NULL);
    return rc ? failed(ix, rc, "delete", why) : ST_OK;
}

enum status index_put_segment(struct index *ix, uint32_t gen, struct str bytes, struct why *why)
{
    unsigned char key[4];
    MDB_val k = { 4, key }, v = { bytes.n, (void *)(uintptr_t)bytes.p };
    int rc;

    put_be(key, 4, gen);
    rc = mdb_put(ix->txn, ix->meta, &k, &v, 0);
    return rc ? failed(ix, rc, "put", why) : ST_OK;
}

enum status index_del_segment(struct index *ix, uint32_t gen, struct why *why)
{
    unsigned char key[4];
    MDB_val k = { 4, key };
    int rc;

    put_be(key, 4, gen);
    rc = mdb_del(ix->txn, ix->meta, &k, NULL);
    return rc && rc != MDB_NOTFOUND ? failed(ix, rc, "delete", why) : ST_OK;
}
