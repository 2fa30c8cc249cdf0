/* lmdbfile: files that the LMDB library wrote, read by our own code */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "policy/lmdbfile.h"

static char dir[] = "/tmp/lmdbfile-XXXXXX";
static char path[64];

static MDB_env *open_env(void)
{
    MDB_env *env;

    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_mapsize(env, 64 << 20), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOSYNC, 0600), 0);
    return env;
}

static void fresh(void)
{
    char lock[80];

    snprintf(path, sizeof path, "%s/data.mdb", dir);
    snprintf(lock, sizeof lock, "%s-lock", path);
    unlink(path);
    unlink(lock);
}

static void put(MDB_txn *txn, MDB_dbi db, struct str key, struct str value)
{
    MDB_val k = { key.n, (void *)(uintptr_t)key.p }, v = { value.n, (void *)(uintptr_t)value.p };

    assert_int_equal(mdb_put(txn, db, &k, &v, 0), 0);
}

static MDB_txn *begin(MDB_env *env, unsigned flags, MDB_dbi *db)
{
    MDB_txn *txn;

    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, flags, db), 0);
    return txn;
}

/* ---- reading */

struct source { int fd; struct str bytes; bool ended; };

static bool read_source(void *ctx, uint64_t offset, char *out, size_t n)
{
    struct source *s = ctx;

    if (s->fd >= 0)
        return pread(s->fd, out, n, (off_t)offset) == (ssize_t)n;
    if (offset > s->bytes.n || n > s->bytes.n - offset)
        return false;
    memcpy(out, s->bytes.p + offset, n);
    return true;
}

static enum status find_in(struct source *s, struct str key, struct arena *a, struct str *value, struct why *why)
{
    struct lmdbfile f = { .read = read_source, .ctx = s, .path = "x.mdb" };

    return lmdbfile_find(&f, key, a, value, why);
}

static enum status find(struct str key, struct arena *a, struct str *value, struct why *why)
{
    struct source s = { .fd = open(path, O_RDONLY) };
    enum status st;

    assert_true(s.fd >= 0);
    st = find_in(&s, key, a, value, why);
    close(s.fd);
    return st;
}

static void expect(struct str key, struct str value)
{
    struct arena a = { 0 };
    struct str found = { 0 };
    struct why why = { 0 };
    enum status st = find(key, &a, &found, &why);

    if (!value.p) {
        assert_int_equal(st, ST_NONE);
    } else {
        assert_int_equal(st, ST_OK);
        assert_true(str_same(found, value));
    }
    arena_free(&a);
}

static void expect_text(const char *key, const char *value) { expect(str_of(key), str_of(value)); }

/* ---- what is found */

static void test_values(void **state)
{
    static char long_value[20000];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;

    (void)state;
    fresh();
    env = open_env();
    expect_text("nothing is in it yet", NULL);
    memset(long_value, 'x', sizeof long_value);
    txn = begin(env, 0, &db);
    put(txn, db, STR("example.org"), STR("relay"));
    put(txn, db, STR("colon"), STR("a:b\nc"));
    put(txn, db, STR("nul\0"), STR("the key ends with NUL"));
    put(txn, db, STR("empty"), STR(""));
    put(txn, db, STR("long"), (struct str){ long_value, sizeof long_value });
    assert_int_equal(mdb_txn_commit(txn), 0);
    expect_text("example.org", "relay");
    expect_text("Example.org", NULL);
    expect_text("example", NULL);
    expect_text("colon", "a:b\nc");                                     /* LMDB-T4 */
    expect_text("empty", "");
    expect_text("nul", NULL);                                           /* LMDB-T5 */
    expect(STR("nul\0"), STR("the key ends with NUL"));
    expect(STR("long"), (struct str){ long_value, sizeof long_value });
    mdb_env_close(env);
}

/* Enough for a tree of several levels, keys of all lengths, some deleted again. */
static void test_many(void **state)
{
    char key[400], value[400];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;

    (void)state;
    fresh();
    env = open_env();
    txn = begin(env, 0, &db);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "%d-%0*d", i, 1 + i % 300, i);
        snprintf(value, sizeof value, "value of %d", i);
        put(txn, db, str_of(key), str_of(value));
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    txn = begin(env, 0, &db);
    for (int i = 0; i < 5000; i += 3) {
        MDB_val k;

        snprintf(key, sizeof key, "%d-%0*d", i, 1 + i % 300, i);
        k = (MDB_val){ strlen(key), key };
        assert_int_equal(mdb_del(txn, db, &k, NULL), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "%d-%0*d", i, 1 + i % 300, i);
        snprintf(value, sizeof value, "value of %d", i);
        expect_text(key, i % 3 ? value : NULL);
    }
    mdb_env_close(env);
}

/* Several values of one key: few stand in the leaf, many have a tree of their own. */
static void test_duplicates(void **state)
{
    static const unsigned kinds[] = { MDB_DUPSORT, MDB_DUPSORT | MDB_DUPFIXED };

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        MDB_env *env;
        MDB_txn *txn;
        MDB_dbi db;
        char value[32];

        fresh();
        env = open_env();
        txn = begin(env, kinds[k], &db);
        put(txn, db, STR("one"), STR("value0001"));
        for (int i = 5; i > 0; i--) {
            snprintf(value, sizeof value, "value%04d", i);
            put(txn, db, STR("few"), str_of(value));
        }
        for (int i = 3000; i > 0; i--) {
            snprintf(value, sizeof value, "value%04d", i);
            put(txn, db, STR("many"), str_of(value));
        }
        assert_int_equal(mdb_txn_commit(txn), 0);
        expect_text("one", "value0001");
        expect_text("few", "value0001");
        expect_text("many", "value0001");
        mdb_env_close(env);
    }
}

static void test_other_kinds(void **state)
{
    struct arena a = { 0 };
    struct str value;
    struct why why;
    unsigned number = 7;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db, inner;

    (void)state;
    fresh();
    env = open_env();
    txn = begin(env, 0, &db);
    assert_int_equal(mdb_dbi_open(txn, "inner", MDB_CREATE, &inner), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_int_equal(find(STR("inner"), &a, &value, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "a database in the file"));
    mdb_env_close(env);

    fresh();
    env = open_env();
    txn = begin(env, MDB_INTEGERKEY | MDB_CREATE, &db);
    put(txn, db, (struct str){ (const char *)&number, sizeof number }, STR("seven"));
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_int_equal(find(STR("seven"), &a, &value, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "as numbers"));
    mdb_env_close(env);
    arena_free(&a);
}

/* ---- LMDB-T3: a writer is at work */

enum { PAIRS = 50 };
static atomic_bool stop;

/* Each state of the file: every key has the same number. */
static void *writer(void *ctx)
{
    MDB_env *env = ctx;
    char key[32], value[64];

    for (unsigned round = 1; !atomic_load(&stop); round++) {
        MDB_dbi db;
        MDB_txn *txn = begin(env, 0, &db);

        for (int i = 0; i < PAIRS; i++) {
            snprintf(key, sizeof key, "key%d", i);
            snprintf(value, sizeof value, "%u is the number of this round, %u", round, round);
            put(txn, db, str_of(key), str_of(value));
        }
        assert_int_equal(mdb_txn_commit(txn), 0);
        usleep(200);
    }
    return NULL;
}

static void test_writer(void **state)
{
    MDB_env *env;
    MDB_dbi db;
    MDB_txn *txn;
    pthread_t thread;
    unsigned last = 0;

    (void)state;
    fresh();
    env = open_env();
    txn = begin(env, 0, &db);
    put(txn, db, STR("key0"), STR("0 is the number of this round, 0"));
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_int_equal(pthread_create(&thread, NULL, writer, env), 0);
    for (int i = 0; i < 3000; i++) {
        struct arena a = { 0 };
        struct str value = { 0 };
        struct why why = { 0 };
        unsigned one, two;
        enum status st = find(STR("key0"), &a, &value, &why);

        /* Written too often to be read would be an honest answer, a torn value would not. */
        assert_true(st == ST_OK || (st == ST_AGAIN && strstr(why.text, "too often")));
        if (st == ST_OK) {
            assert_int_equal(sscanf(arena_z(&a, value), "%u is the number of this round, %u", &one, &two), 2);
            assert_int_equal(one, two);
            assert_true(one >= last);
            last = one;
        }
        arena_free(&a);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    mdb_env_close(env);
}

/* ---- damage */

static struct buf small_file(void)
{
    struct buf b = { 0 };
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi db;
    struct stat st;
    int fd;

    fresh();
    env = open_env();
    txn = begin(env, 0, &db);
    put(txn, db, STR("ann"), STR("one"));
    put(txn, db, STR("bob"), STR("two"));
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(read(fd, buf_room(&b, (size_t)st.st_size), (size_t)st.st_size), st.st_size);
    buf_grew(&b, (size_t)st.st_size);
    close(fd);
    return b;
}

static void test_damaged(void **state)
{
    static const unsigned char odd[] = { 0x00, 0x01, 0x10, 0x7f, 0xff };
    struct buf file = small_file();
    struct source s = { .fd = -1 };
    struct str value;
    struct why why;

    (void)state;
    for (size_t i = 0; i < file.n; i++)
        for (size_t k = 0; k < sizeof odd; k++) {
            char was = file.mem[file.at + i];
            struct arena a = { 0 };
            enum status st;

            if (was == (char)odd[k])
                continue;
            file.mem[file.at + i] = (char)odd[k];
            s.bytes = buf_str(&file);
            errno = 0;
            st = find_in(&s, STR("ann"), &a, &value, &why);
            assert_true(st == ST_OK || st == ST_NONE || (st == ST_AGAIN && strstr(why.text, "x.mdb")));
            file.mem[file.at + i] = was;
            arena_free(&a);
        }
    for (size_t n = 0; n < file.n; n += 7) {
        struct arena a = { 0 };

        s.bytes = str_head(buf_str(&file), n);
        assert_int_equal(find_in(&s, STR("ann"), &a, &value, &why), ST_AGAIN);
        arena_free(&a);
    }
    buf_free(&file);
}

static void test_no_lmdb(void **state)
{
    static char zeros[8192];
    struct source s = { .fd = -1, .bytes = { zeros, sizeof zeros } };
    struct arena a = { 0 };
    struct str value;
    struct why why;

    (void)state;
    assert_int_equal(find_in(&s, STR("ann"), &a, &value, &why), ST_AGAIN);
    assert_string_equal(why.text, "x.mdb is no LMDB file");
    arena_free(&a);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fresh();
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_many), cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_other_kinds), cmocka_unit_test(test_writer), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_no_lmdb),
    };

    return cmocka_run_group_tests_name("LMDB-T3 LMDB-T4 LMDB-T5 lmdbfile: what the library wrote is read, and a writer does no harm", tests,
                                       set_up, tear_down);
}
