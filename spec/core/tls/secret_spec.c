#include "rig.h"

#include <grp.h>
#include <sys/wait.h>

#include "tls/secret.h"

enum { US = 4242, OUR_GROUP = 4343, ANOTHER_OF_OURS = 4344, STRANGER = 4999, MOST = 1000 };

static int setup(void **state)
{
    (void)state;
    rig_open();
    return chmod(rig_dir, 0755);
}

static int teardown(void **state)
{
    (void)state;
    rig_close();
    return 0;
}

static enum status look(struct str path, struct why *why)
{
    struct buf text = { 0 };
    struct file_identity id;
    enum status st = secret_read(path, MOST, &text, &id, why);

    if (st == ST_OK)
        assert_true(str_same(buf_str(&text), STR("secret")));
    else
        assert_int_equal(text.n, 0);
    secret_wipe(&text);
    return st;
}

static void look_is(struct str path, const char *text)
{
    struct why why = { 0 };
    enum status st = look(path, &why);

    if (st != (text ? ST_AGAIN : ST_OK) || (text && !strstr(why.text, text)))
        fail_msg("%.*s: %s: \"%s\", not \"%s\"", STR_ARG(path), status_name(st), why.text, text ? text : "");
}

static void only_four_modes_will_do(void **state)
{
    struct str path = write_bytes("mode", STR("secret"), 0600);

    (void)state;
    assert_int_equal(chown(path.p, geteuid(), getegid()), 0);
    for (mode_t mode = 0; mode <= 07777; mode++) {
        assert_int_equal(chmod(path.p, mode), 0);
        if (mode == 0400 || mode == 0440 || mode == 0600 || mode == 0640)
            look_is(path, NULL);
        else
            look_is(path, mode & 0400 || geteuid() == 0 ? "must not be open to others: its mode is" : "");
    }
}

static const struct { uid_t owner; gid_t group; mode_t mode; const char *why; } files[] = {
    { US,       OUR_GROUP,       0600, NULL },
    { US,       OUR_GROUP,       0640, NULL },
    { US,       ANOTHER_OF_OURS, 0640, NULL },
    { US,       0,               0440, NULL },
    { US,       STRANGER,        0600, NULL },
    { US,       STRANGER,        0400, NULL },
    { US,       STRANGER,        0640, "group 4999 may read it, which is not ours" },
    { US,       STRANGER,        0440, "group 4999 may read it, which is not ours" },
    { 0,        OUR_GROUP,       0640, NULL },
    { 0,        ANOTHER_OF_OURS, 0440, NULL },
    { 0,        OUR_GROUP,       0600, "Permission denied" },
    { 0,        STRANGER,        0640, "Permission denied" },
    { STRANGER, OUR_GROUP,       0640, "must belong to our user or to root, it belongs to user 4999" },
    { STRANGER, OUR_GROUP,       0600, "Permission denied" },
};

static int become_us(void)
{
    gid_t more = ANOTHER_OF_OURS;

    return setgroups(1, &more) == 0 && setresgid(OUR_GROUP, OUR_GROUP, OUR_GROUP) == 0 && setresuid(US, US, US) == 0;
}

/* Exits with the first row that is wrong, counted from 1. */
static void look_at_all(const struct str *path, size_t n)
{
    if (!become_us())
        _exit(255);
    for (size_t i = 0; i < n; i++) {
        struct buf text = { 0 };
        struct file_identity id;
        struct why why = { 0 };
        enum status st = secret_read(path[i], MOST, &text, &id, &why);

        if (st != (files[i].why ? ST_AGAIN : ST_OK) || (files[i].why && !strstr(why.text, files[i].why))) {
            fprintf(stderr, "row %zu: %s: \"%s\"\n", i, status_name(st), why.text);
            _exit((int)i + 1);
        }
        secret_wipe(&text);
    }
    _exit(0);
}

static void owner_and_group_are_ours_or_roots(void **state)
{
    enum { N = sizeof files / sizeof *files };
    struct str path[N];
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < N; i++) {
        char name[16];

        snprintf(name, sizeof name, "row%zu", i);
        path[i] = write_bytes(name, STR("secret"), files[i].mode);
        assert_int_equal(chown(path[i].p, files[i].owner, files[i].group), 0);
    }
    pid = fork();
    if (pid == 0)
        look_at_all(path, N);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void what_is_no_such_file_is_told(void **state)
{
    char large[MOST + 1] = { 0 };

    (void)state;
    look_is(STR("/nonexistent/key"), "open /nonexistent/key: No such file");
    look_is(str_of(rig_dir), "is not a file");
    look_is(write_bytes("large", (struct str){ large, sizeof large }, 0600), "is larger than 1000 bytes");
}

static void another_file_and_other_rights_are_noticed(void **state)
{
    struct str path = write_bytes("kept", STR("secret"), 0600);
    struct buf text = { 0 };
    struct file_identity then, now;
    struct why why = { 0 };

    (void)state;
    assert_int_equal(secret_read(path, MOST, &text, &then, &why), ST_OK);
    secret_wipe(&text);
    now = file_identity_of(path);
    assert_true(file_identity_same(&then, &now));
    /* The clock of a file system goes in steps. */
    do {
        assert_int_equal(chmod(path.p, 0644), 0);
        now = file_identity_of(path);
    } while (file_identity_same(&then, &now));
    look_is(path, "must not be open to others");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_four_modes_will_do),
        cmocka_unit_test(owner_and_group_are_ours_or_roots),
        cmocka_unit_test(what_is_no_such_file_is_told),
        cmocka_unit_test(another_file_and_other_rights_are_noticed),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
