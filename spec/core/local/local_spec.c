#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "local/local.h"
#include "local/notes.h"
#include "local/user.h"

/* The real process, started as root; without root's rights nothing here can be
 * shown and every case is skipped. */
static struct {
    struct loop *loop;
    struct local_link *link;
    pid_t pid;
    char dir[64], root[96], outside[96];
    enum status st;
    struct why why;
    uint64_t written;
    bool told;
    struct local_end end;
    char output[256];
    int pieces;
} w;

static int setup(void **state)
{
    static struct str roots[1], never[] = { STR_INIT("daemon") };
    static const struct str programs[] = { STR_INIT("/bin/") };
    struct local_limits limits = { .roots = roots, .nroots = 1, .programs = programs, .nprograms = 1, .never = never, .nnever = 1, .lowest_uid = 1 };
    int fd[2];
    (void)state;

    if (geteuid() != 0)
        return 0;
    memset(&w, 0, sizeof w);
    strcpy(w.dir, "/tmp/perigee-local-XXXXXX");
    assert_non_null(mkdtemp(w.dir));
    assert_int_equal(chmod(w.dir, 0755), 0);
    snprintf(w.root, sizeof w.root, "%s/mail", w.dir);
    snprintf(w.outside, sizeof w.outside, "%s/outside", w.dir);
    assert_int_equal(mkdir(w.root, 0755) | mkdir(w.outside, 0755), 0);
    assert_int_equal(chown(w.outside, 65534, 65534), 0);
    assert_int_equal(chmod(w.root, 01777), 0);
    roots[0] = str_of(w.root);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    w.pid = fork();
    if (w.pid == 0) {
        user_keep_only(&fd[0], 1);
        _exit(local_serve(fd[0], &limits));
    }
    close(fd[0]);
    w.loop = loop_new();
    w.link = local_link_new(w.loop, fd[1]);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    int status = 1;
    (void)state;

    if (geteuid() != 0)
        return 0;
    local_link_free(w.link);
    loop_free(w.loop);
    waitpid(w.pid, &status, 0);
    assert_int_equal(status, 0);        /* it ends when nobody can ask any more */
    snprintf(command, sizeof command, "rm -rf %s", w.dir);
    return system(command);
}

static enum content_end source(void *ctx, struct buf *out)
{
    (void)ctx;
    buf_addf(out, "Subject: piece %d\n", w.pieces);
    return --w.pieces > 0 ? CONTENT_MORE : CONTENT_END;
}

static enum content_end broken_source(void *ctx, struct buf *out)
{
    (void)ctx;
    buf_add(out, STR("Subject: half\n"));
    errno = EIO;
    return --w.pieces > 0 ? CONTENT_MORE : CONTENT_ERROR;
}

static void on_done(void *ctx, const struct local_end *end)
{
    (void)ctx;
    w.st = end->status;
    w.written = end->written;
    w.why = end->why;
    w.end = *end;
    snprintf(w.output, sizeof w.output, "%.*s", STR_ARG(end->output));
    w.told = true;
}

static void deliver(const char *user, const char *root, const char *rest, local_source *from)
{
    struct appendfile f = {
        .root = str_of(root), .rest = str_of(rest), .directory = true, .maildir = true, .create_directory = true,
        .mode = 0600, .directory_mode = 0700, .hostname = STR("host"), .wall_us = 1772600767000000, .serial = 1,
    };
    struct local_want want = { .user = str_of(user), .file = &f, .timeout_ms = 10000 };

    w.told = false;
    w.pieces = 3;
    local_deliver(w.link, &want, from, on_done, NULL);
    assert_false(w.told);
    for (int i = 0; i < 200 && !w.told; i++)
        loop_turn(w.loop, 100);
    assert_true(w.told);
}

static size_t count(const char *pattern, struct stat *st)
{
    char path[256];
    glob_t g;
    size_t n;

    snprintf(path, sizeof path, "%s/%s", w.dir, pattern);
    n = glob(path, 0, NULL, &g) == 0 ? g.gl_pathc : 0;
    if (n && st)
        assert_int_equal(stat(g.gl_pathv[0], st), 0);
    globfree(&g);
    return n;
}

static void a_message_is_delivered_as_the_user(void **state)
{
    struct stat st;
    (void)state;

    if (geteuid() != 0)
        skip();
    deliver("nobody", w.root, "nobody", source);
    if (w.st != ST_OK)
        fail_msg("%s", w.why.text);
    assert_int_equal(count("mail/nobody/new/*", &st), 1);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 3 * strlen("Subject: piece 1\n"));
    assert_int_equal(w.written, (uint64_t)st.st_size);
}

static const struct { const char *title, *user, *root, *rest, *text; } refused[] = {
    { "root", "root", "", "root", "it is root's" },
    { "uid 0", "0", "", "x", "it is root's" },
    { "one of never_users", "daemon", "", "daemon", "never_users" },
    { "one of never_users by number", "1", "", "daemon", "never_users" },
    { "a user that is not there", "no-such-user", "", "x", "no user" },
    { "a path outside the roots", "nobody", "/../outside", "", "no clean path" },
    { "a way out in the rest", "nobody", "", "x/../../outside/box", "no clean path" },
    { "another root", "nobody", "!", "box", "not beneath local_delivery_roots" },
    { "the root itself", "nobody", "", "", "not beneath" },
    { "a control byte", "nobody", "", "a\nb", "no clean path" },
};

static void what_is_not_allowed_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char root[256];

        snprintf(root, sizeof root, "%s%s", refused[i].root[0] == '!' ? w.outside : w.root, refused[i].root[0] == '!' ? "" : refused[i].root);
        deliver(refused[i].user, root, refused[i].rest, source);
        assert_int_equal(w.st, ST_AGAIN);
        if (!strstr(w.why.text, refused[i].text))
            fail_msg("%s: %s", refused[i].title, w.why.text);
    }
    assert_int_equal(count("outside/*", NULL), 0);
    assert_int_equal(count("mail/*", NULL), 0);
}

static void a_link_in_the_mailbox_leads_nowhere(void **state)
{
    char box[200];
    (void)state;

    if (geteuid() != 0)
        skip();
    snprintf(box, sizeof box, "%s/box", w.root);
    assert_int_equal(symlink(w.outside, box), 0);
    deliver("nobody", w.root, "box", source);
    assert_int_equal(w.st, ST_AGAIN);
    assert_int_equal(count("outside/*", NULL), 0);
}

static void half_a_message_is_not_delivered(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    deliver("nobody", w.root, "nobody", broken_source);
    assert_int_equal(w.st, ST_AGAIN);
    usleep(50000);
    assert_int_equal(count("mail/*", NULL), 0);
}

static void rubbish_from_a_worker_ends_nothing(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    /* The link's descriptor is the highest one open here. */
    for (int fd = 3; fd < 64; fd++) {
        int type;
        socklen_t n = sizeof type;

        if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_SEQPACKET)
            assert_int_equal(send(fd, "rubbish", 7, 0), 7);
    }
    deliver("nobody", w.root, "nobody", source);
    assert_int_equal(w.st, ST_OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void run_in(const char *home, const char *user, const char *group, char *const *argv, int64_t timeout_ms)
{
    static char *const env[] = { "PATH=/bin:/usr/bin", "MARK=given", NULL };
    struct local_program p = { .argv = argv, .envp = env, .directory = str_of(home), .umask = 022, .output_max = 200, .out_fd = -1 };
    struct local_want want = { .user = str_of(user), .group = str_of(group), .program = &p, .timeout_ms = timeout_ms };

    w.told = false;
    w.pieces = 3;
    local_deliver(w.link, &want, source, on_done, NULL);
    for (int i = 0; i < 300 && !w.told; i++)
        loop_turn(w.loop, 100);
    assert_true(w.told);
}

static void run_program(const char *user, const char *group, char *const *argv, int64_t timeout_ms)
{
    run_in("/", user, group, argv, timeout_ms);
}

static void a_program_runs_as_the_user_with_the_message(void **state)
{
    char *const argv[] = { "/bin/sh", "-c", "id -u; id -g; id -G; env | sort | tr '\\n' ' '; cat; exit 3", NULL };
    (void)state;

    if (geteuid() != 0)
        skip();
    run_program("nobody", "", argv, 10000);
    if (w.st != ST_OK)
        fail_msg("%s", w.why.text);
    assert_int_equal(w.end.exit_status, 3);
    if (!strstr(w.output, "65534\n65534\n65534\nMARK=given ") || !strstr(w.output, "Subject: piece 3\nSubject: piece 2\nSubject: piece 1\n"))
        fail_msg("%s", w.output);
    assert_null(strstr(w.output, "HOME="));
}

static void a_program_has_limits(void **state)
{
    char *const hang[] = { "/bin/sh", "-c", "sleep 100", NULL };
    char *const talk[] = { "/bin/sh", "-c", "while :; do echo too much; done", NULL };
    char *const none[] = { "/bin/no-such-program", NULL };
    char *const killed[] = { "/bin/sh", "-c", "kill -9 $$", NULL };
    (void)state;

    if (geteuid() != 0)
        skip();
    run_program("nobody", "", hang, 1000);
    assert_true(w.st == ST_OK && w.end.late);
    run_program("nobody", "", talk, 10000);
    assert_true(w.st == ST_OK && w.end.too_much && strlen(w.output) == 200);
    run_program("nobody", "", none, 10000);
    assert_int_equal(w.st, ST_NEVER);
    assert_non_null(strstr(w.why.text, "run /bin/no-such-program"));
    run_in("/no/such/home", "nobody", "", killed, 10000);
    assert_int_equal(w.st, ST_AGAIN);       /* a home may come back */
    run_program("nobody", "", killed, 10000);
    assert_true(w.st == ST_OK && w.end.signal == SIGKILL);
}

static void a_program_beyond_the_limits_is_refused(void **state)
{
    char *const outside[] = { "/usr/bin/id", NULL };
    char *const crooked[] = { "/bin/../usr/bin/id", NULL };
    char *const near[] = { "/binary", NULL };
    char *const good[] = { "/bin/sh", "-c", "exit 0", NULL };
    (void)state;

    if (geteuid() != 0)
        skip();
    run_program("nobody", "", outside, 10000);
    assert_non_null(strstr(w.why.text, "not among local_delivery_programs"));
    run_program("nobody", "", crooked, 10000);
    assert_non_null(strstr(w.why.text, "no clean path"));
    run_program("nobody", "", near, 10000);
    assert_non_null(strstr(w.why.text, "not among local_delivery_programs"));
    run_program("root", "", good, 10000);
    assert_non_null(strstr(w.why.text, "it is root's"));
    run_program("daemon", "", good, 10000);
    assert_non_null(strstr(w.why.text, "never_users"));
    run_program("nobody", "mail", good, 10000);
    assert_non_null(strstr(w.why.text, "is not in it"));
    run_program("nobody", "root", good, 10000);
    assert_int_equal(w.st, ST_AGAIN);
}

/* ---- an autoreply's files */

static enum status ask(const struct notes *n, bool keep)
{
    struct local_want want = { .user = STR("nobody"), .notes = n, .keep = keep, .timeout_ms = 10000 };

    w.told = false;
    local_deliver(w.link, &want, NULL, on_done, NULL);
    for (int i = 0; i < 200 && !w.told; i++)
        loop_turn(w.loop, 100);
    assert_true(w.told);
    return w.st;
}

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static int i;

    i = (i + 1) % 4;
    snprintf(path[i], sizeof path[i], "%s/%s", w.dir, name);
    return path[i];
}

static void put(const char *path, const char *text, uid_t uid)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chown(path, uid, 65534) | chmod(path, 0600), 0);
}

static void an_autoreplys_files_are_the_users(void **state)
{
    struct notes n = { .mode = 0600, .key = STR("ann@example.org"), .now = 1234, .line = STR("a line\n"), .file_optional = true };
    struct stat st;
    (void)state;

    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(in_dir("mail/box"), 0755) | chown(in_dir("mail/box"), 65534, 65534), 0);
    n.once = in_dir("mail/./box/once");         /* the mark of path() */
    n.log = in_dir("mail/box/log");
    n.file = in_dir("mail/box/text");
    if (ask(&n, false) != ST_OK)
        fail_msg("%s", w.why.text);
    assert_int_equal(w.end.seen, 0);
    assert_string_equal(w.output, "");
    put(n.file, "I am away\n", 65534);
    if (ask(&n, true) != ST_OK)
        fail_msg("%s", w.why.text);
    assert_true(count("mail/box/once", &st) == 1 && st.st_uid == 65534);
    assert_true(count("mail/box/log", &st) == 1 && st.st_uid == 65534 && st.st_size == 7);
    assert_int_equal(ask(&n, false), ST_OK);
    assert_int_equal(w.end.seen, 1234);
    assert_string_equal(w.output, "I am away\n");
}

static const struct { const char *title, *path, *text; } not_read[] = {
    { "root's file", "mail/secret", "Permission denied" },
    { "outside of the roots", "outside/text", "not beneath local_delivery_roots" },
    { "a way out", "mail/../outside/text", "no clean path" },
    { "a link to a directory", "mail/way/text", "the directory of" },
    { "a link to a file", "mail/link", "symbolic links" },
    { "a directory", "mail/dir", "no plain file" },
    { "a file that is not there, and must be", "mail/none", "No such file" },
};

static void an_autoreplys_files_have_limits(void **state)
{
    struct notes n = { .mode = 0600, .key = STR("ann@example.org") };
    (void)state;

    if (geteuid() != 0)
        skip();
    put(in_dir("mail/secret"), "secret\n", 0);
    put(in_dir("outside/text"), "secret\n", 65534);
    assert_int_equal(symlink(w.outside, in_dir("mail/way")) | symlink(in_dir("outside/text"), in_dir("mail/link")), 0);
    assert_int_equal(mkdir(in_dir("mail/dir"), 0755), 0);
    for (size_t i = 0; i < sizeof not_read / sizeof *not_read; i++) {
        n.file = in_dir(not_read[i].path);
        assert_int_equal(ask(&n, false), ST_AGAIN);
        if (!strstr(w.why.text, not_read[i].text))
            fail_msg("%s: %s", not_read[i].title, w.why.text);
        assert_string_equal(w.output, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_is_delivered_as_the_user),
        CASE(what_is_not_allowed_is_refused),
        CASE(a_link_in_the_mailbox_leads_nowhere),
        CASE(half_a_message_is_not_delivered),
        CASE(rubbish_from_a_worker_ends_nothing),
        CASE(a_program_runs_as_the_user_with_the_message),
        CASE(a_program_has_limits),
        CASE(a_program_beyond_the_limits_is_refused),
        CASE(an_autoreplys_files_are_the_users),
        CASE(an_autoreplys_files_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
