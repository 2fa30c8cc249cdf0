#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/appendfile.h"

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

static void a_lock_file_is_a_second_name_of_ours(void **state)
{
    struct appendfile f = mailbox("second");
    char path[256];

    (void)state;
    snprintf(path, sizeof path, "%s/second.lock", root);
    assert_int_equal(symlink("/nowhere", path), 0);         /* one that is broken locks all the same */
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    unlink(path);
    f = mailbox("second");
    f.flock_lock = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_OK);
    assert_int_equal(access(path, F_OK), -1);
}

static void each_kind_of_lock_keeps_us_out(void **state)
{
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char path[256];
    int fd;

    (void)state;
    snprintf(path, sizeof path, "%s/held", root);
    fd = open(path, O_CREAT | O_RDWR, 0600);
    for (int kind = 0; kind < 2; kind++) {
        struct appendfile f = mailbox("held");

        f.flock_lock = true;
        assert_int_equal(kind ? flock(fd, LOCK_EX) : fcntl(fd, F_OFD_SETLK, &fl), 0);
        appendfile_deliver(&f);
        assert_int_equal(f.status, ST_AGAIN);
        assert_non_null(strstr(f.why.text, "locked by another process"));
        fl.l_type = F_UNLCK;
        assert_int_equal(kind ? flock(fd, LOCK_UN) : fcntl(fd, F_OFD_SETLK, &fl), 0);
    }
    close(fd);
    assert_string_equal(slurp("held"), "");
}

static void a_link_is_followed_where_it_may_be(void **state)
{
    struct appendfile f = mailbox("real");
    char path[256], to[256];

    (void)state;
    appendfile_deliver(&f);
    snprintf(path, sizeof path, "%s/alias", root);
    snprintf(to, sizeof to, "%s/real", root);
    assert_int_equal(symlink(to, path), 0);
    f = mailbox("alias");
    f.allow_symlink = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_OK);
    assert_string_equal(slurp("real"), STORED STORED);
}

static void a_pipe_takes_mail_while_somebody_reads_it(void **state)
{
    struct appendfile f = mailbox("pipe");
    char path[256], text[4096];
    ssize_t n;
    int fd;

    (void)state;
    snprintf(path, sizeof path, "%s/pipe", root);
    assert_int_equal(mkfifo(path, 0600), 0);
    f.allow_fifo = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_non_null(strstr(f.why.text, "nobody reads"));
    fd = open(path, O_RDONLY | O_NONBLOCK);
    f = mailbox("pipe");
    f.allow_fifo = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_OK);
    n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    text[n] = 0;
    assert_string_equal(text, STORED);
}

static void nothing_is_made_where_create_file_forbids_it(void **state)
{
    struct appendfile f = mailbox("forbidden");

    (void)state;
    f.no_create = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_non_null(strstr(f.why.text, "create_file"));
    f = mailbox("forbidden.d/x");
    f.no_create = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    f = mailbox("ann");
    f.no_create = true;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_OK);
}

static void the_beginning_of_a_file_says_whose_it_is(void **state)
{
    struct appendfile f = mailbox("shape");

    (void)state;
    f.formats = STR("=From \x1e>\1\1\1\1\n\x1e");
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_OK);
    f = mailbox("shape");
    f.formats = STR(">Xrom \x1e>From \x1e");
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_NONE);
    assert_int_equal(f.format, 1);
    f = mailbox("shape");
    f.formats = STR("=\1\1\1\1\n\x1e");
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_string_equal(slurp("shape"), STORED);
}

static void mailstore_is_a_message_and_its_envelope(void **state)
{
    char name[300] = "";

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct appendfile f = mailbox("store");

        f.directory = f.mailstore = true;
        f.file_name = STR("q1");
        f.envelope = STR("a@b\nc@d\n");
        f.content.prefix = f.content.suffix = f.content.check = STR("");
        appendfile_deliver(&f);
        assert_int_equal(f.status, ST_OK);
    }
    assert_int_equal(count("store", name), 4);
    assert_string_equal(slurp("store/q1_0.env"), "a@b\nc@d\n");
    assert_string_equal(slurp("store/q1_1.msg"), "Subject: x\nFrom: y\n\none\nFrom here\n\nlast without end\n");
}

static void a_failed_mailstore_leaves_nothing(void **state)
{
    struct appendfile f = mailbox("store2");

    (void)state;
    f.directory = f.mailstore = true;
    f.file_name = STR("q1");
    f.content.body_size += 10;
    appendfile_deliver(&f);
    assert_int_equal(f.status, ST_AGAIN);
    assert_int_equal(count("store2", NULL), 0);
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
        cmocka_unit_test(a_lock_file_is_a_second_name_of_ours),
        cmocka_unit_test(each_kind_of_lock_keeps_us_out),
        cmocka_unit_test(a_link_is_followed_where_it_may_be),
        cmocka_unit_test(a_pipe_takes_mail_while_somebody_reads_it),
        cmocka_unit_test(nothing_is_made_where_create_file_forbids_it),
        cmocka_unit_test(the_beginning_of_a_file_says_whose_it_is),
        cmocka_unit_test(mailstore_is_a_message_and_its_envelope),
        cmocka_unit_test(a_failed_mailstore_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, make_root, drop_root);
}
