/* cdb: what is found, and that no file, however it was damaged, does harm */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "policy/cdb.h"

/* ---- a writer, as cdbmake */

struct record { struct str key, value; };

static void put32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(v >> 8 * i);
}

static uint32_t hash_of(struct str key)
{
    uint32_t h = 5381;

    for (size_t i = 0; i < key.n; i++)
        h = (h * 33) ^ (unsigned char)key.p[i];
    return h;
}

static void add32(struct buf *b, uint32_t v)
{
    char p[4];

    put32(p, v);
    buf_add(b, (struct str){ p, 4 });
}

static void make(struct buf *out, const struct record *r, size_t n)
{
    uint32_t at[1000], slots[2000][2];
    char head[2048] = { 0 };

    assert_true(n <= 1000);
    buf_add(out, (struct str){ head, sizeof head });
    for (size_t i = 0; i < n; i++) {
        at[i] = (uint32_t)out->n;
        add32(out, (uint32_t)r[i].key.n);
        add32(out, (uint32_t)r[i].value.n);
        buf_add(out, r[i].key);
        buf_add(out, r[i].value);
    }
    for (unsigned t = 0; t < 256; t++) {
        uint32_t size = 0;

        for (size_t i = 0; i < n; i++)
            size += (hash_of(r[i].key) & 255) == t ? 2 : 0;
        put32(out->mem + out->at + t * 8, (uint32_t)out->n);
        put32(out->mem + out->at + t * 8 + 4, size);
        memset(slots, 0, sizeof slots);
        for (size_t i = 0; i < n; i++) {
            uint32_t h = hash_of(r[i].key), s;

            if ((h & 255) != t)
                continue;
            for (s = (h >> 8) % size; slots[s][1]; s = (s + 1) % size)
                ;
            slots[s][0] = h;
            slots[s][1] = at[i];
        }
        for (uint32_t s = 0; s < size; s++) {
            add32(out, slots[s][0]);
            add32(out, slots[s][1]);
        }
    }
}

/* ---- reading it */

struct memory { struct str bytes; unsigned reads; };

static bool read_memory(void *ctx, uint64_t offset, char *out, size_t n)
{
    struct memory *m = ctx;

    m->reads++;
    assert_true(offset <= m->bytes.n && n <= m->bytes.n - offset);
    memcpy(out, m->bytes.p + offset, n);
    return true;
}

static enum status find(struct memory *m, struct str key, struct arena *a, struct str *value, struct why *why)
{
    struct cdb c = { .read = read_memory, .ctx = m, .size = m->bytes.n, .path = "x.cdb" };

    m->reads = 0;
    return cdb_find(&c, key, a, value, why);
}

static void test_rows(void **state)
{
    static const struct record records[] = {
        { STR_INIT("ann"), STR_INIT("first") }, { STR_INIT("ann"), STR_INIT("second") }, { STR_INIT(""), STR_INIT("empty key") },
        { STR_INIT("with\0nul"), STR_INIT("a\0b") }, { STR_INIT("nothing"), STR_INIT("") },
    };
    static const struct { struct str key; enum status st; struct str value; } rows[] = {
        { STR_INIT("ann"), ST_OK, STR_INIT("first") }, { STR_INIT("Ann"), ST_NONE, { 0 } }, { STR_INIT(""), ST_OK, STR_INIT("empty key") },
        { STR_INIT("with\0nul"), ST_OK, STR_INIT("a\0b") }, { STR_INIT("with"), ST_NONE, { 0 } }, { STR_INIT("nothing"), ST_OK, STR_INIT("") },
        { STR_INIT("ann\0"), ST_NONE, { 0 } },
    };
    struct arena a = { 0 };
    struct buf file = { 0 };
    struct memory m;

    (void)state;
    make(&file, records, sizeof records / sizeof *records);
    m.bytes = buf_str(&file);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str value = { 0 };
        struct why why;

        assert_int_equal(find(&m, rows[i].key, &a, &value, &why), rows[i].st);
        if (rows[i].st == ST_OK)
            assert_true(str_same(value, rows[i].value));
    }
    buf_free(&file);
    arena_free(&a);
}

/* A thousand records cost what one costs. */
static void test_few_reads(void **state)
{
    static char names[1000][16];
    struct record records[1000];
    struct arena a = { 0 };
    struct buf file = { 0 };
    struct memory m;
    struct str value;
    struct why why;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "name%zu", i);
        records[i] = (struct record){ str_of(names[i]), str_of(names[i]) };
    }
    make(&file, records, 1000);
    m.bytes = buf_str(&file);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(find(&m, records[i].key, &a, &value, &why), ST_OK);
        assert_true(str_same(value, records[i].key));
        assert_true(m.reads <= 12);
    }
    buf_free(&file);
    arena_free(&a);
}

/* Every byte of a small file changed to something else, and every length it may be cut to. */
static void test_damaged(void **state)
{
    static const struct record records[] = { { STR_INIT("ann"), STR_INIT("one") }, { STR_INIT("bob"), STR_INIT("two") } };
    static const unsigned char odd[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    struct buf file = { 0 };
    struct memory m;
    struct why why;
    struct str value;

    (void)state;
    make(&file, records, 2);
    for (size_t i = 0; i < file.n; i++)
        for (size_t k = 0; k < sizeof odd; k++) {
            char was = file.mem[file.at + i];
            struct arena a = { 0 };
            enum status st;

            file.mem[file.at + i] = (char)odd[k];
            m.bytes = buf_str(&file);
            st = find(&m, STR("ann"), &a, &value, &why);
            assert_true(st == ST_OK || st == ST_NONE || (st == ST_AGAIN && strstr(why.text, "x.cdb")));
            file.mem[file.at + i] = was;
            arena_free(&a);
        }
    for (size_t n = 0; n < file.n; n++) {
        struct arena a = { 0 };

        m.bytes = str_head(buf_str(&file), n);
        assert_int_not_equal(find(&m, STR("nobody at all"), &a, &value, &why), ST_OK);
        if (n < 2048) {
            assert_int_equal(find(&m, STR("ann"), &a, &value, &why), ST_AGAIN);
            assert_non_null(strstr(why.text, "too short"));
        }
        arena_free(&a);
    }
    buf_free(&file);
}

/* A table that says it holds 4 G slots, all of them taken: the walk ends. */
static void test_endless_chain(void **state)
{
    size_t slots = 200000;
    struct buf file = { 0 };
    struct arena a = { 0 };
    struct memory m;
    struct str value;
    struct why why;
    uint32_t h = hash_of(STR("ann"));

    (void)state;
    for (unsigned t = 0; t < 256; t++) {
        add32(&file, 2048);
        add32(&file, (uint32_t)slots);
    }
    for (size_t i = 0; i < slots; i++) {
        add32(&file, h);
        add32(&file, 2048);
    }
    m.bytes = buf_str(&file);
    assert_int_equal(find(&m, STR("ann"), &a, &value, &why), ST_AGAIN);
    assert_non_null(strstr(why.text, "does not end"));
    buf_free(&file);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows), cmocka_unit_test(test_few_reads), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_endless_chain),
    };

    return cmocka_run_group_tests_name("cdb: a damaged file is damage, and never harm", tests, NULL, NULL);
}
