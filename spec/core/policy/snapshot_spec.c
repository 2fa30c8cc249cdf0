/*
 * The rule directory: read once, sealed, the same bytes everywhere; and what a generation makes of it.
 */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char dir[64];

static void put_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_dir(void **state)
{
    char lib[128];

    (void)state;
    strcpy(dir, "/tmp/perigee-rules-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(lib, sizeof lib, "%s/lib", dir);
    mkdir(lib, 0755);
    return 0;
}

static int remove_dir(void **state)
{
    static const char *const names[] = { "20-b.lua", "10-a.lua", "9-c.lua", "Z.lua", ".hidden.lua", "note.txt", "10-a.lua~",
                                         "lib/x.lua", "lib/y.lua", "lib", "dir.lua", "a.lua", "b.lua" };
    char path[256];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        remove(path);
    }
    rmdir(dir);
    return 0;
}

static void files_come_in_byte_order_of_their_names(void **state)
{
    struct snapshot s;

    (void)state;
    put_file("20-b.lua", "b");
    put_file("9-c.lua", "c");
    put_file("10-a.lua", "a");
    put_file("Z.lua", "z");
    put_file(".hidden.lua", "no");
    put_file("note.txt", "no");
    put_file("10-a.lua~", "no");
    put_file("lib/x.lua", "x");
    assert_int_equal(snapshot_read(dir, &s, NULL), ST_OK);
    assert_int_equal(s.n, 5);
    assert_true(str_same(s.files[0].name, STR("10-a.lua")) && str_same(s.files[0].bytes, STR("a")));
    assert_true(str_same(s.files[1].name, STR("20-b.lua")) && str_same(s.files[2].name, STR("9-c.lua")));
    assert_true(str_same(s.files[3].name, STR("Z.lua")) && str_same(s.files[4].name, STR("lib/x.lua")));
    snapshot_free(&s);
}

static void named_files_come_in_the_order_given(void **state)
{
    struct snapshot s;
    char a[128], b[128];

    (void)state;
    put_file("a.lua", "a");
    put_file("b.lua", "b");
    put_file("lib/x.lua", "x");
    snprintf(a, sizeof a, "%s/a.lua", dir);
    snprintf(b, sizeof b, "%s/b.lua", dir);
    assert_int_equal(snapshot_files((const char *const[]){ b, a }, 2, &s, NULL), ST_OK);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.files[0].name.p, b);
    assert_string_equal(s.dir, dir);
    assert_true(str_same(s.files[2].name, STR("lib/x.lua")));
    snapshot_free(&s);
}

static void what_is_missing_is_named(void **state)
{
    struct snapshot s;
    struct why why;
    char path[128];

    (void)state;
    assert_int_equal(snapshot_read("/nonexistent/rules", &s, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "/nonexistent/rules"));
    snprintf(path, sizeof path, "%s/dir.lua", dir);
    mkdir(path, 0755);
    assert_int_equal(snapshot_read(dir, &s, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "dir.lua is not a file"));
    assert_int_equal(snapshot_files((const char *const[]){ "/nonexistent/x.lua" }, 1, &s, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "/nonexistent/x.lua"));
}

static void a_sealed_snapshot_is_the_same_everywhere(void **state)
{
    struct snapshot s, t;
    int fd;
    char *map;

    (void)state;
    put_file("10-a.lua", "acl.rcpt { accept {} }");
    put_file("lib/x.lua", "return 1");
    assert_int_equal(snapshot_read(dir, &s, NULL), ST_OK);
    fd = snapshot_seal(&s);
    assert_true(fd >= 0);
    /* nobody can change it any more */
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    map = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_equal(map, MAP_FAILED);
    put_file("10-a.lua", "something else");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(snapshot_open(fd, &t, NULL), ST_OK);
        assert_int_equal(t.n, s.n);
        assert_memory_equal(t.hash, s.hash, sizeof t.hash);
        assert_string_equal(t.dir, dir);
        assert_true(str_same(t.files[0].bytes, STR("acl.rcpt { accept {} }")));
        snapshot_free(&t);
    }
    close(fd);
    snapshot_free(&s);
}

static void the_hash_tells_sets_apart(void **state)
{
    struct snapshot s, t;

    (void)state;
    put_file("a.lua", "12");
    put_file("b.lua", "3");
    assert_int_equal(snapshot_read(dir, &s, NULL), ST_OK);
    put_file("a.lua", "1");
    put_file("b.lua", "23");
    assert_int_equal(snapshot_read(dir, &t, NULL), ST_OK);
    assert_memory_not_equal(t.hash, s.hash, sizeof t.hash);
    snapshot_free(&s);
    snapshot_free(&t);
}

static void what_is_no_snapshot_is_refused(void **state)
{
    struct snapshot s;
    struct why why;
    int fd;

    (void)state;
    fd = memfd_create("x", MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, "PGRULES1", 8), 8);
    assert_int_equal(snapshot_open(fd, &s, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "not sealed"));
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    assert_int_equal(snapshot_open(fd, &s, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "damaged"));
    close(fd);
}

/* ---- generations from snapshots */

static enum status load(struct rig *r, struct policy **p)
{
    struct snapshot s;
    enum status st;

    assert_int_equal(snapshot_read(dir, &s, NULL), ST_OK);
    problems_free(&r->problems);
    st = policy_load(&r->env, &s, 2, p, &r->problems);
    snapshot_free(&s);
    return st;
}

static void modules_are_loaded_once_and_from_lib(void **state)
{
    struct rig r;
    struct policy *p;

    (void)state;
    put_file("lib/x.lua", "return { n = 1, name = ... }");
    put_file("10-a.lua", "local x = require 'x' a = x");
    put_file("20-b.lua", "local x = require 'x' acl.rcpt(function(m) return deny(x.n .. x.name .. tostring(x == a)) end)");
    rig_open(&r, "");
    assert_int_equal(load(&r, &p), ST_OK);
    policy_release(r.policy);
    r.policy = p;
    rig_acl(&r, PH_RCPT);
    assert_string_equal(r.text, "1xtrue");
    rig_close(&r);
}

/* What goes wrong while loading, and the place it is reported at. */
static const struct { const char *text, *file; int line; const char *says; } broken[] = {
    { "local x = 1\nacl.rcpt {", "10-a.lua", 2, "expected" },
    { "\n\nerror('stop')", "10-a.lua", 3, "stop" },
    { "\nlocal x = nil + 1", "10-a.lua", 2, "arithmetic" },
    { "require 'nonesuch'", "10-a.lua", 1, "nonesuch" },
    { "require 'y'", "lib/y.lua", 2, "oops" },
    { "\nwhile true do local t = {} for i = 1, 1e9 do t[i] = i end end", "10-a.lua", 2, "memory" },
    { "\nlocal s = 'x' while true do s = s .. s end", "10-a.lua", 2, "memory" },
};

static void a_problem_has_a_file_and_a_line(void **state)
{
    (void)state;
    put_file("lib/y.lua", "\nerror('oops')");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct rig r;
        struct policy *p = (struct policy *)1;
        struct problem *q;

        put_file("10-a.lua", broken[i].text);
        rig_open(&r, "");
        assert_int_equal(load(&r, &p), ST_NEVER);
        assert_null(p);
        assert_true(r.problems.n > 0);
        q = &r.problems.v[0];
        if (!str_same(q->file, str_of(broken[i].file)) || q->line != broken[i].line ||
            str_find_str(q->text, str_of(broken[i].says)) == SIZE_MAX)
            fail_msg("%s: %.*s:%d: %.*s", broken[i].text, STR_ARG(q->file), q->line, STR_ARG(q->text));
        rig_close(&r);
    }
}

static void locals_live_as_long_as_the_generation_and_globals_are_closed(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "local n = 0\ng = 'set while loading'\nacl.rcpt(function(m) n = n + 1 return deny(n .. g) end)\n"
                 "acl.mail(function(m) h = 1 return accept() end)");
    rig_acl(&r, PH_RCPT);
    rig_acl(&r, PH_RCPT);
    assert_string_equal(r.text, "2set while loading");
    rig_acl(&r, PH_MAIL);
    assert_int_equal(r.verb, V_DEFER);
    assert_non_null(strstr(r.log, "10-spec.lua:4: global h is assigned to after loading"));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_come_in_byte_order_of_their_names, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(named_files_come_in_the_order_given, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_missing_is_named, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_sealed_snapshot_is_the_same_everywhere, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_hash_tells_sets_apart, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_is_no_snapshot_is_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(modules_are_loaded_once_and_from_lib, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_problem_has_a_file_and_a_line, make_dir, remove_dir),
        cmocka_unit_test(locals_live_as_long_as_the_generation_and_globals_are_closed),
    };

    return cmocka_run_group_tests_name("policy: snapshots and generations", tests, NULL, NULL);
}
