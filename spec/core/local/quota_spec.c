/*
 * Mailboxes with limits: what is measured, when a message does not fit, and
 * the file in which a Maildir keeps its sum.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "local/quota.h"

static char root[64];
static int64_t serial;

static struct appendfile box(const char *rest)
{
    return (struct appendfile){
        .root = str_of(root), .rest = str_of(rest), .create_directory = true, .mode = 0600, .directory_mode = 0700,
        .lockfile = true, .fcntl_lock = true, .lockfile_mode = 0600, .hostname = STR("host"),
        .file_name = STR("one"), .wall_us = 1700000000000000, .serial = ++serial, .message_size = 20,
        .content = { .header = STR("Subject: 18 bytes.\r\n"), .headers_only = true },    /* and the empty line: 20 written */
    };
}

static struct appendfile maildir(const char *rest)
{
    struct appendfile f = box(rest);

    f.directory = f.maildir = true;
    f.lockfile = f.fcntl_lock = false;
    return f;
}

static enum status deliver(struct appendfile *f)
{
    appendfile_deliver(f);
    return f->status;
}

static const char *in(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in(name), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char *slurp(const char *name)
{
    static char text[8192];
    FILE *f = fopen(in(name), "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

    text[n] = 0;
    if (f)
        fclose(f);
    return text;
}

static unsigned count(const char *name)
{
    DIR *d = opendir(in(name));
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return d ? n - 2 : 0;
}

static int up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/perigee-spec-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int down(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

/* ---- */

static void a_message_that_does_not_fit_is_for_later(void **state)
{
    static const struct { int64_t quota; bool exclusive; enum status third; } rows[] = {
        { 60, false, ST_OK }, { 59, false, ST_AGAIN }, { 40, true, ST_OK }, { 39, true, ST_AGAIN }, { 0, false, ST_OK },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct appendfile f;
        char name[20];

        snprintf(name, sizeof name, "mbox%zu", i);
        for (int n = 0; n < 3; n++) {
            f = box(name);
            f.quota = rows[i].quota;
            f.quota_exclusive = rows[i].exclusive;
            assert_int_equal(deliver(&f), n < 2 ? ST_OK : rows[i].third);
        }
        assert_int_equal(strlen(slurp(name)), rows[i].third == ST_OK ? 60 : 40);
        assert_int_equal(f.full, rows[i].third != ST_OK);
        if (f.full)
            assert_int_equal(f.why.err, QUOTA_FULL_ERR);
    }
}

static void files_of_a_directory_are_counted(void **state)
{
    struct appendfile f;

    (void)state;
    for (int n = 0; n < 3; n++) {
        f = maildir("counted");
        f.quota_files = 2;
        assert_int_equal(deliver(&f), n < 2 ? ST_OK : ST_AGAIN);
    }
    assert_true(f.full);
    assert_true(f.unread_s >= 0);
    assert_int_equal(count("counted/new"), 2);
}

static void sizes_come_from_file_names_where_a_pattern_says_so(void **state)
{
    struct appendfile f = maildir("named");

    (void)state;
    assert_int_equal(deliver(&f), ST_OK);
    put("named/cur/1.host,S=1000:2,S", "short");
    f = maildir("named");
    f.quota = 1000;
    assert_int_equal(deliver(&f), ST_AGAIN);        /* Maildir's own mark is known without a pattern */
    mkdir(in("plain"), 0700);
    put("plain/a-500.eml", "x");
    f = box("plain");
    f.directory = true;
    f.lockfile = f.fcntl_lock = false;
    f.quota = 510;
    f.size_regex = STR("-(\\d+)\\.eml$");
    assert_int_equal(deliver(&f), ST_AGAIN);
    f = box("plain");
    f.directory = true;
    f.quota = 510;
    assert_int_equal(deliver(&f), ST_OK);
    f = box("plain");
    f.directory = true;
    f.quota = 510;
    f.size_regex = STR("(");
    assert_int_equal(deliver(&f), ST_AGAIN);
    assert_non_null(strstr(f.why.text, "the pattern"));
}

static void what_is_known_is_not_measured(void **state)
{
    struct appendfile f = box("told");

    (void)state;
    f.quota = 100;
    f.used_known = true;
    f.used = 81;
    assert_int_equal(deliver(&f), ST_AGAIN);
    f = box("told");
    f.quota = 100;
    f.used_known = true;
    f.used = 80;
    assert_int_equal(deliver(&f), ST_OK);
}

static void going_over_the_threshold_is_noticed_once(void **state)
{
    static const bool warned[] = { false, false, true, false };

    (void)state;
    for (int n = 0; n < 4; n++) {
        struct appendfile f = box("warned");

        f.warn_at = 50;
        assert_int_equal(deliver(&f), ST_OK);
        assert_int_equal(f.warn, warned[n]);
    }
}

static struct appendfile sized(const char *rest)
{
    struct appendfile f = maildir(rest);

    f.size_file = true;
    f.quota = 100;
    f.quota_files = 50;
    return f;
}

static void a_maildirsize_file_is_made_and_kept(void **state)
{
    struct appendfile f = sized("size");

    (void)state;
    assert_int_equal(deliver(&f), ST_OK);
    assert_string_equal(slurp("size/maildirsize"), "100S,50C\n0 0\n20 1\n");
    f = sized("size");
    assert_int_equal(deliver(&f), ST_OK);
    assert_string_equal(slurp("size/maildirsize"), "100S,50C\n0 0\n20 1\n20 1\n");
    /* What another program took away counts. */
    put("size/maildirsize", "100S,50C\n40 2\n-20 -1\n");
    f = sized("size");
    assert_int_equal(deliver(&f), ST_OK);
    assert_string_equal(slurp("size/maildirsize"), "100S,50C\n40 2\n-20 -1\n20 1\n");
}

static void a_maildirsize_file_that_cannot_be_right_is_made_anew(void **state)
{
    static const char *const texts[] = {
        "", "rubbish\n", "200S,50C\n0 0\n", "100S,50C\n20\n", "100S,50C\n-500 1\n", "100S,50C\n99 1\n0 0\n",
        "100S,50C\n99999999999999999999 1\n",
    };
    struct appendfile f = sized("anew");

    (void)state;
    assert_int_equal(deliver(&f), ST_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char want[64];

        put("anew/maildirsize", texts[i]);
        f = sized("anew");
        f.quota_exclusive = true;
        if (deliver(&f) != ST_OK)
            break;                      /* it is really full by now */
        snprintf(want, sizeof want, "100S,50C\n%zu %zu\n20 1\n", (i + 1) * 20, i + 1);
        assert_string_equal(slurp("anew/maildirsize"), want);
    }
    assert_true(count("anew/new") >= 5);
}

static void a_full_maildir_is_believed_for_a_while_only(void **state)
{
    struct appendfile f = sized("believed");
    struct utimbuf old = { time(NULL) - 3600, time(NULL) - 3600 };

    (void)state;
    assert_int_equal(deliver(&f), ST_OK);
    put("believed/maildirsize", "100S,50C\n99 1\n");
    f = sized("believed");
    assert_int_equal(deliver(&f), ST_AGAIN);
    utime(in("believed/maildirsize"), &old);
    f = sized("believed");
    assert_int_equal(deliver(&f), ST_OK);
    assert_string_equal(slurp("believed/maildirsize"), "100S,50C\n20 1\n20 1\n");
}

static void a_folder_counts_in_the_maildir_it_lies_in(void **state)
{
    struct appendfile f = sized("boss");

    (void)state;
    assert_int_equal(deliver(&f), ST_OK);
    f = sized("boss/.lists");
    f.folder_regex = STR("^\\.");
    assert_int_equal(deliver(&f), ST_OK);           /* marks it, so the next one knows */
    assert_int_equal(access(in("boss/.lists/maildirfolder"), F_OK), 0);
    unlink(in("boss/maildirsize"));
    f = sized("boss/.lists");
    f.folder_regex = STR("^\\.");
    assert_int_equal(deliver(&f), ST_OK);
    assert_string_equal(slurp("boss/maildirsize"), "100S,50C\n40 2\n20 1\n");
    f = maildir("boss");
    f.folder_regex = STR("^\\.");
    assert_int_equal(deliver(&f), ST_OK);
    assert_int_not_equal(access(in("boss/maildirfolder"), F_OK), 0);
}

static void a_link_for_a_maildirsize_file_is_not_followed(void **state)
{
    struct appendfile f = sized("linked");

    (void)state;
    assert_int_equal(deliver(&f), ST_OK);
    put("precious", "100S,50C\n0 0\n");
    unlink(in("linked/maildirsize"));
    assert_int_equal(symlink("../precious", in("linked/maildirsize")), 0);
    f = sized("linked");
    assert_int_equal(deliver(&f), ST_OK);
    assert_string_equal(slurp("precious"), "100S,50C\n0 0\n");
}

static void a_mailbox_can_be_asked_how_much_it_holds(void **state)
{
    struct appendfile f = sized("asked");
    int64_t bytes, files;

    (void)state;
    assert_int_equal(appendfile_used(&f, &bytes, &files), ST_NONE);
    assert_int_not_equal(access(in("asked"), F_OK), 0);
    f = sized("asked");
    assert_int_equal(deliver(&f), ST_OK);
    f = sized("asked");
    assert_int_equal(appendfile_used(&f, &bytes, &files), ST_OK);
    assert_int_equal(bytes, 20);
    assert_int_equal(files, 1);
}

/* verify = "recipient/quota" asks before the message comes. */
static void who_only_looks_for_room_writes_nothing(void **state)
{
    struct appendfile f;

    (void)state;
    for (int i = 0; i < 2; i++) {
        f = maildir("looked/at");
        assert_int_equal(deliver(&f), ST_OK);
    }
    f = maildir("looked/at");
    f.only_room = true;
    f.quota = 50;                           /* 40 are there */
    deliver(&f);
    assert_true(f.full);
    f = maildir("looked/at");
    f.only_room = true;
    f.quota = 60;
    assert_int_equal(deliver(&f), ST_OK);
    assert_false(f.full);
    assert_int_equal(count("looked/at/new"), 2);

    f = maildir("not/there");
    f.only_room = true;
    f.quota = 19;
    deliver(&f);
    assert_true(f.full);
    f = maildir("not/there");
    f.only_room = true;
    f.quota = 20;
    assert_int_equal(deliver(&f), ST_OK);
    assert_false(f.full);
    assert_int_not_equal(access(in("not"), F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_does_not_fit_is_for_later),
        cmocka_unit_test(files_of_a_directory_are_counted),
        cmocka_unit_test(sizes_come_from_file_names_where_a_pattern_says_so),
        cmocka_unit_test(what_is_known_is_not_measured),
        cmocka_unit_test(going_over_the_threshold_is_noticed_once),
        cmocka_unit_test(a_maildirsize_file_is_made_and_kept),
        cmocka_unit_test(a_maildirsize_file_that_cannot_be_right_is_made_anew),
        cmocka_unit_test(a_full_maildir_is_believed_for_a_while_only),
        cmocka_unit_test(a_folder_counts_in_the_maildir_it_lies_in),
        cmocka_unit_test(a_link_for_a_maildirsize_file_is_not_followed),
        cmocka_unit_test(a_mailbox_can_be_asked_how_much_it_holds),
        cmocka_unit_test(who_only_looks_for_room_writes_nothing),
    };

    return cmocka_run_group_tests(tests, up, down);
}
