#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/appendfile.h"

static char root[64];
static struct str body = STR_INIT("one\r\nFrom here\r\n\r\nlast without end");

static ssize_t read_body(void *ctx, uint64_t offset, char *p, size_t n)
{
    (void)ctx;
    if (offset >= body.n)
        return 0;
    if (n > 7)
        n = 7;                      /* pieces that cut lines anywhere */
    if (n > body.n - offset)
        n = body.n - offset;
    memcpy(p, body.p + offset, n);
    return (ssize_t)n;
}

static struct appendfile mailbox(const char *rest)
{
    return (struct appendfile){
        .root = str_of(root), .rest = str_of(rest), .create_directory = true, .check_owner = true, .mode_fail_narrower = true,
        .lockfile = true, .fcntl_lock = true, .mode = 0600, .directory_mode = 0700, .lockfile_mode = 0600, .lockfile_timeout = 1800,
        .hostname = STR("mail.example.org"), .wall_us = 1700000000123456, .serial = 7,
        .content = { .header = STR("Subject: x\r\nFrom: y\r\n"), .read = read_body, .body_size = body.n,
                     .check = STR("From "), .escape = STR(">From "), .prefix = STR("From a@b Mon\n"), .suffix = STR("\n") },
    };
}

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/perigee-spec-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int drop_root(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static char *slurp(const char *name)
{
    char path[512];
    static char text[4096];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "%s/%s", root, name);
    f = fopen(path, "r");
    if (!f)
        return NULL;
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

#define STORED "From a@b Mon\nSubject: x\nFrom: y\n\none\n>From here\n\nlast without end\n\n"

static void an_mbox_grows_by_whole_messages(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct appendfile f = mailbox("ann");

        appendfile_deliver(&f);
        assert_int_equal(f.status, ST_OK);
    }
    assert_string_equal(slurp("ann"), STORED STORED);
    assert_null(slurp("ann.lock"));
}

static void a_mailbox_that_is_locked_is_for_later(void **state)
{
    struct appendfile f = mailbox("locked");
    char path[256];

    (void)state;
    snprintf(path, sizeof path, "%s/locked.lock", root);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_non_null(strstr(f.why.text, "locked"));
    assert_null(slurp("locked"));
}

static void links_and_strange_files_are_not_written_to(void **state)
{
    char path[256], other[256];
    struct appendfile f;

    (void)state;
    snprintf(other, sizeof other, "%s/secret", root);
    close(open(other, O_CREAT | O_WRONLY, 0600));
    snprintf(path, sizeof path, "%s/soft", root);
    assert_int_equal(symlink(other, path), 0);
    snprintf(path, sizeof path, "%s/hard", root);
    assert_int_equal(link(other, path), 0);
    snprintf(path, sizeof path, "%s/fifo", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/dirlink", root);
    assert_int_equal(symlink("/tmp", path), 0);

    static const char *const names[] = { "soft", "hard", "fifo", "dirlink/x" };
    for (size_t i = 0; i < 4; i++) {
        f = mailbox(names[i]);
        appendfile_deliver(&f);
        assert_int_equal(f.status, ST_AGAIN);
    }
    f = mailbox("dirlink");
    f.directory = f.maildir = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_string_equal(slurp("secret"), "");
}

static unsigned count(const char *name, char *first)
{
    char path[256];
    unsigned n = 0;
    struct dirent *d;
    DIR *dir;

    snprintf(path, sizeof path, "%s/%s", root, name);
    dir = opendir(path);
    assert_non_null(dir);
    while ((d = readdir(dir)))
        if (d->d_name[0] != '.') {
            n++;
            if (first)
                snprintf(first, 300, "%s/%.250s", name, d->d_name);
        }
    closedir(dir);
    return n;
}

static void a_maildir_gets_one_file_a_message_in_new(void **state)
{
    char first[300] = "";

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct appendfile f = mailbox("example.org/bob");

        f.directory = f.maildir = true;
        f.content.prefix = f.content.suffix = f.content.check = STR("");
        appendfile_deliver(&f);             /* the same name each time: the next free one is taken */
        assert_int_equal(f.status, ST_OK);
        if (i == 1)
            f.serial++;
    }
    assert_int_equal(count("example.org/bob/new", first), 3);
    assert_int_equal(count("example.org/bob/tmp", NULL), 0);
    assert_non_null(strstr(first, ",S="));
    assert_string_equal(slurp(first), "Subject: x\nFrom: y\n\none\nFrom here\n\nlast without end\n");
}

static void components_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const bad[] = { "..", ".hidden", "-x", "a/b", "", "a\nb" };
    static const char *const paths[] = { "relative", "/a/../b", "/a//b", "/", "", "/a/b\x01" };
    struct str r, s;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(appendfile_safe(str_of(bad[i])));
    assert_true(appendfile_safe(STR("ann+list")));
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_false(appendfile_split(str_of(paths[i]), &r, &s));
    assert_true(appendfile_split(STR("/var/mail/ann"), &r, &s));
    assert_true(str_same(r, STR("/var/mail")) && str_same(s, STR("ann")));
    assert_true(appendfile_split(STR("/srv/./example.org/ann"), &r, &s));
    assert_true(str_same(r, STR("/srv")) && str_same(s, STR("example.org/ann")));
}

static void a_failed_read_leaves_the_mailbox_as_it_was(void **state)
{
    struct appendfile f = mailbox("ann");
    char before[4096];

    (void)state;
    snprintf(before, sizeof before, "%s", slurp("ann"));
    f.content.body_size += 10;              /* the body ends early: a read of nothing */
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_string_equal(slurp("ann"), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_mbox_grows_by_whole_messages),
        cmocka_unit_test(a_mailbox_that_is_locked_is_for_later),
        cmocka_unit_test(links_and_strange_files_are_not_written_to),
        cmocka_unit_test(a_maildir_gets_one_file_a_message_in_new),
        cmocka_unit_test(components_that_lead_elsewhere_are_refused),
        cmocka_unit_test(a_failed_read_leaves_the_mailbox_as_it_was),
    };

    return cmocka_run_group_tests(tests, make_root, drop_root);
}
