#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "net/sock.h"
#include "process/master.h"

/* The real processes: a master in a child of ours, its workers, its sockets. */
static struct {
    char dir[64], rules[96], spool[96];
    pid_t master;
    uint16_t port;
    struct buf lines;           /* what the last control call said */
} h;

#define WATCHED ", reload_on_change = true"

static void write_rules(const char *banner, const char *more)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/00-site.lua", h.rules);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "site { primary_hostname = \"mail.example.org\", listen = { \"127.0.0.1:0\" }, "
               "smtp_banner = \"mail.example.org %s\" %s }\n"
               "acl.rcpt { accept {} }\n"
               "router.all { driver = \"accept\", transport = \"box\" }\n"
               "transport.box { driver = \"appendfile\", maildir_format = true, create_directory = true, directory = \"%s/box\" }\n",
            banner, more, h.dir);
    fclose(f);
}

/* This program anew, with an argument: it reads its environment afresh. */
static pid_t serve(unsigned workers)
{
    char path[128], number[16];
    pid_t pid = fork();
    int fd;

    if (pid != 0)
        return pid;
    snprintf(path, sizeof path, "%s/stderr", h.dir);
    snprintf(number, sizeof number, "%u", workers);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    execl("/proc/self/exe", "house_spec", "serve", h.rules, h.spool, number, (char *)NULL);
    _exit(127);
}

static int status_of(pid_t pid)
{
    int status = -1;

    for (int i = 0; i < 2000 && waitpid(pid, &status, WNOHANG) == 0; i++)
        usleep(10000);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void on_line(void *ctx, struct str object)
{
    (void)ctx;
    buf_add(&h.lines, object);
    buf_byte(&h.lines, '\n');
}

/* The status of the answer; -1: no answer. */
static int ask(const char *request)
{
    struct why why;
    int status;

    buf_clear(&h.lines);
    if (control_call(h.spool, str_of(request), 20000, on_line, NULL, &status, &why) != ST_OK)
        return -1;
    buf_byte(&h.lines, 0);
    return status;
}

static const char *said(void) { return buf_str(&h.lines).p; }

static int64_t number(const char *name)
{
    char key[64];
    const char *at;

    snprintf(key, sizeof key, "\"%s\":", name);
    at = strstr(said(), key);
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static void show_log(void)
{
    char command[128];

    snprintf(command, sizeof command, "tail -30 %s/stderr >&2", h.dir);
    if (system(command) != 0)
        fprintf(stderr, "%s/stderr cannot be shown\n", h.dir);
}

/* Until all workers are there. */
static void wait_up(unsigned workers)
{
    for (int i = 0; i < 1500; i++, usleep(10000)) {
        const char *at;
        unsigned n = 0;

        if (ask("{\"v\":1,\"verb\":\"status\"}") != 0)
            continue;
        for (at = said(); (at = strstr(at, "\"engine\":{")); at++)
            n++;
        if (n < workers)
            continue;
        at = strstr(said(), "\"listen\":[\"127.0.0.1:");
        assert_non_null(at);
        h.port = (uint16_t)atoi(at + strlen("\"listen\":[\"127.0.0.1:"));
        return;
    }
    show_log();
    kill(h.master, SIGKILL);        /* a failed setup has no teardown */
    fail_msg("the engine does not come up");
}

static pid_t worker_pid(unsigned n)
{
    char key[64];
    const char *at;

    assert_int_equal(ask("{\"v\":1,\"verb\":\"status\"}"), 0);
    snprintf(key, sizeof key, "\"worker\":%u,\"pid\":", n);
    at = strstr(said(), key);
    return at ? atoi(at + strlen(key)) : 0;
}

/* ---- an SMTP client of few words */

static int dial(void)
{
    struct sock_addr to = { .ip = { .v = IP_V4, .b = { 127, 0, 0, 1 } }, .port = h.port };
    int fd;

    if (sock_connect(&to, NULL, &fd, NULL) != ST_OK)
        return -1;
    fcntl(fd, F_SETFL, 0);
    poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 5000);
    return fd;
}

static const char *hear(int fd)
{
    static char text[1000];
    ssize_t n = 0;

    if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000) > 0)
        n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return text;
}

static const char *say(int fd, const char *line)
{
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
        return "";
    return hear(fd);
}

#define assert_has(text, part) do { \
    const char *t_ = (text); \
    if (!strstr(t_, part)) \
        fail_msg("\"%s\" is not in \"%s\"", part, t_); \
} while (0)

static const char *banner(void)
{
    static char text[1000];
    int fd = dial();

    snprintf(text, sizeof text, "%s", fd < 0 ? "" : hear(fd));
    if (fd >= 0) {
        say(fd, "QUIT\r\n");
        close(fd);
    }
    return text;
}

static size_t mails(void)
{
    char path[128];
    struct dirent *e;
    size_t n = 0;
    DIR *d;

    snprintf(path, sizeof path, "%s/box/new", h.dir);
    d = opendir(path);
    while (d && (e = readdir(d)))
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

static bool shard_is_there(unsigned n)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof path, "%s/shard-%03u", h.spool, n);
    return stat(path, &st) == 0;
}

/* ---- each case has an engine with two workers */

static int setup(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    strcpy(h.dir, "/tmp/perigee-house-XXXXXX");
    assert_non_null(mkdtemp(h.dir));
    snprintf(h.rules, sizeof h.rules, "%s/rules", h.dir);
    snprintf(h.spool, sizeof h.spool, "%s/spool", h.dir);
    /* Started as root the checker is somebody without rights. */
    assert_int_equal(chmod(h.dir, 0755), 0);
    assert_int_equal(mkdir(h.rules, 0755), 0);
    write_rules("one", "");
    h.master = serve(2);
    wait_up(2);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;

    if (h.master > 0) {
        kill(h.master, SIGKILL);
        waitpid(h.master, NULL, 0);
    }
    for (int i = 0; i < 500 && *banner(); i++)
        usleep(10000);
    h.master = 0;
    buf_free(&h.lines);
    snprintf(command, sizeof command, "rm -rf %s", h.dir);
    return system(command);
}

static void a_killed_worker_comes_back_and_others_serve_meanwhile(void **state)
{
    pid_t victim = worker_pid(0), now = 0;
    (void)state;

    assert_true(victim > 0);
    kill(victim, SIGKILL);
    usleep(100000);
    assert_has(banner(), "220 ");
    for (int i = 0; i < 500 && !(now = worker_pid(0)); i++)
        usleep(20000);
    assert_true(now > 0 && now != victim);
    assert_int_equal(number("worker_deaths"), 1);
}

static void a_second_engine_on_one_spool_is_refused(void **state)
{
    (void)state;
    assert_int_equal(status_of(serve(1)), 69);
    assert_has(banner(), "220 ");
}

static void good_rules_replace_and_broken_ones_do_not(void **state)
{
    int fd = dial();
    (void)state;

    assert_has(hear(fd), "one");
    write_rules("two", "");
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 0);
    assert_has(banner(), "two");
    write_rules("three", "= = broken");
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 1);
    assert_has(said(), "00-site.lua:1:");
    assert_has(banner(), "two");
    write_rules("four", ", no_such_option = 1");
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 1);
    assert_has(said(), "no_such_option");
    assert_has(say(fd, "EHLO x.example\r\n"), "250");       /* the session that began before all this */
    write_rules("five", ", workers = 5");
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 0);
    assert_has(said(), "\"restart\":[\"workers\"]");
    assert_has(say(fd, "QUIT\r\n"), "221");
    close(fd);
}

/* A reload is counted when the last worker has switched. */
static void wait_counted(const char *what, int64_t n)
{
    for (int i = 0; i < 3000; i++, usleep(10000))
        if (ask("{\"v\":1,\"verb\":\"status\"}") == 0 && number(what) >= n) {
            if (number(what) > n)
                show_log();
            assert_int_equal(number(what), n);
            return;
        }
    show_log();
    fail_msg("%s never came to %d: %s", what, (int)n, said());
}

static void assert_all_say(const char *word)
{
    for (int i = 0; i < 8; i++)
        assert_has(banner(), word);
}

static void sighup_and_a_changed_directory_reload_too(void **state)
{
    (void)state;
    write_rules("hup", WATCHED);
    kill(h.master, SIGHUP);
    wait_counted("reloads", 1);
    assert_all_say("hup");
    write_rules("changed", WATCHED);
    wait_counted("reloads", 2);
    assert_all_say("changed");
}

/* A second without change is waited for, and a file is not read while it is written. */
static void a_rule_file_that_is_being_written_is_not_read(void **state)
{
    char path[256];
    FILE *f;
    (void)state;

    write_rules("watched", WATCHED);
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 0);
    snprintf(path, sizeof path, "%s/10-more.lua", h.rules);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("site { smtp_receive_timeout = ", f);
    fflush(f);
    usleep(2500000);
    assert_int_equal(ask("{\"v\":1,\"verb\":\"status\"}"), 0);
    assert_int_equal(number("reloads"), 1);
    assert_int_equal(number("reloads_failed"), 0);
    fputs("\"4m\" }\n", f);
    fclose(f);
    wait_counted("reloads", 2);
    assert_int_equal(number("reloads_failed"), 0);
}

/* What could not be found out is no verdict over these bytes. */
static void a_worker_killed_while_it_loads_does_not_condemn_the_rules(void **state)
{
    pid_t victim;
    (void)state;

    write_rules("watched", WATCHED);
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 0);
    victim = worker_pid(0);
    kill(victim, SIGSTOP);
    write_rules("later", WATCHED);
    usleep(2500000);
    kill(victim, SIGKILL);
    wait_counted("reloads_failed", 1);
    wait_counted("reloads", 2);
    assert_all_say("later");
}

static void a_checker_that_could_not_be_started_is_asked_for_again(void **state)
{
    (void)state;
#ifndef PERIGEE_FAULTS
    skip();
#endif
    kill(h.master, SIGTERM);
    assert_int_equal(status_of(h.master), 0);
    write_rules("watched", WATCHED);
    setenv("PERIGEE_FAULT", "fork:6:EAGAIN", 1);    /* checker 2, log 1, workers 2, then this one */
    h.master = serve(2);
    unsetenv("PERIGEE_FAULT");
    wait_up(2);
    write_rules("later", WATCHED);
    wait_counted("reloads_failed", 1);
    wait_counted("reloads", 1);
    assert_all_say("later");
}

/* The watch lies on what was moved away: it looks from time to time. */
static void a_directory_moved_away_and_back_is_found_again(void **state)
{
    char away[128];
    (void)state;

    write_rules("watched", WATCHED);
    assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), 0);
    snprintf(away, sizeof away, "%s-away", h.rules);
    assert_int_equal(rename(h.rules, away), 0);
    usleep(2000000);
    assert_int_equal(mkdir(h.rules, 0755), 0);
    write_rules("anew", WATCHED);
    wait_counted("reloads", 2);
    assert_all_say("anew");
}

/* P2: every third rule set is broken; no session is dropped, and each one that
 * began stays in conversation. */
static void a_storm_of_reloads_drops_no_session(void **state)
{
    enum { SESSIONS = 8, RELOADS = 24 };
    int fd[SESSIONS];
    char name[32];
    (void)state;

    for (int i = 0; i < SESSIONS; i++) {
        fd[i] = dial();
        assert_has(hear(fd[i]), "220 ");
        assert_has(say(fd[i], "EHLO x.example\r\n"), "250");
    }
    for (int i = 0; i < RELOADS; i++) {
        snprintf(name, sizeof name, "storm%d", i);
        write_rules(name, i % 3 == 2 ? "= = broken" : "");
        assert_int_equal(ask("{\"v\":1,\"verb\":\"reload\"}"), i % 3 == 2);
        assert_has(say(fd[i % SESSIONS], i % 2 ? "NOOP\r\n" : "MAIL FROM:<a@b.example>\r\n"), "250");
        if (i % 3 != 2)
            assert_has(banner(), name);
        else
            assert_has(banner(), "220 ");
        if (i % 2 == 0)
            assert_has(say(fd[i % SESSIONS], "RSET\r\n"), "250");
    }
    for (int i = 0; i < SESSIONS; i++) {
        assert_has(say(fd[i], "QUIT\r\n"), "221");
        close(fd[i]);
    }
    assert_int_equal(ask("{\"v\":1,\"verb\":\"status\"}"), 0);
    assert_int_equal(number("reloads"), RELOADS - RELOADS / 3);
    assert_int_equal(number("reloads_failed"), RELOADS / 3);
    assert_int_equal(number("worker_deaths"), 0);
}

static void workers_end_when_their_master_does(void **state)
{
    pid_t one = worker_pid(0), two = worker_pid(1);
    (void)state;

    kill(h.master, SIGKILL);
    waitpid(h.master, NULL, 0);
    for (int i = 0; i < 300 && (kill(one, 0) == 0 || kill(two, 0) == 0); i++)
        usleep(10000);
    assert_true(kill(one, 0) < 0 && kill(two, 0) < 0);
    h.master = serve(2);                                    /* the lock and the sockets are free again */
    wait_up(2);
    assert_has(banner(), "220 ");
}

static void a_submitted_message_is_stored_and_delivered(void **state)
{
    struct str rcpt = STR("c@example.org");
    struct submission s = { .sender = STR("a@b.example"), .rcpts = &rcpt, .nrcpts = 1, .message = STR("Subject: x\n\nhello\n") };
    struct msg_id id;
    struct why why;
    (void)state;

    assert_int_equal(submit_call(h.spool, &s, &id, &why), ST_OK);
    assert_int_equal(strlen(id.s), MSG_ID_LEN);
    for (int i = 0; i < 500 && mails() == 0; i++)
        usleep(10000);
    assert_int_equal(mails(), 1);
    assert_int_equal(submit_call("/nonexistent", &s, &id, &why), ST_NONE);
}

/* Wherever it is put, a message that kills whoever handles it stops doing so. */
static void a_message_that_kills_two_workers_is_set_aside(void **state)
{
    struct str rcpt = STR("c@example.org");
    struct submission s = { .sender = STR("a@b.example"), .rcpts = &rcpt, .nrcpts = 1, .message = STR("Subject: x\n\nhello\n") };
    struct msg_id id;
    struct why why;
    (void)state;

#ifndef PERIGEE_FAULTS
    skip();
#endif
    kill(h.master, SIGTERM);
    assert_int_equal(status_of(h.master), 0);
    setenv("PERIGEE_CRASH", "route.noted:1", 1);
    h.master = serve(2);
    unsetenv("PERIGEE_CRASH");
    wait_up(2);
    assert_int_equal(submit_call(h.spool, &s, &id, &why), ST_OK);
    for (int i = 0; i < 500 && (ask("{\"v\":1,\"verb\":\"status\"}") != 0 || number("set_aside") < 1); i++)
        usleep(20000);
    if (number("set_aside") != 1)
        show_log();
    assert_int_equal(number("set_aside"), 1);
    assert_int_equal(number("worker_deaths"), 2);
    wait_up(2);
    assert_has(banner(), "220 ");
    usleep(300000);
    assert_int_equal(ask("{\"v\":1,\"verb\":\"status\"}"), 0);
    assert_int_equal(number("worker_deaths"), 2);
}

static void requests_that_make_no_sense_change_nothing(void **state)
{
    static const char *const bad[] = {
        "{}", "x", "{\"v\":2,\"verb\":\"stop\"}", "{\"v\":1}", "{\"v\":1,\"verb\":\"dance\"}", "{\"v\":1,\"verb\":\"stop\",\"drain\":-1}",
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(ask(bad[i]), 64);
    assert_int_equal(ask("{\"v\":1,\"verb\":\"remove\",\"id\":\"1xUQe2-0000AB-15\"}"), 1);
    assert_has(said(), "no such message");
    assert_int_equal(ask("{\"v\":1,\"verb\":\"remove\",\"id\":\"short\"}"), 1);
    assert_has(banner(), "220 ");
}

static void stop_says_421_to_the_idle_and_ends_with_0(void **state)
{
    int fd = dial();
    (void)state;

    assert_has(hear(fd), "220 ");
    assert_has(say(fd, "EHLO x.example\r\n"), "250");
    assert_int_equal(ask("{\"v\":1,\"verb\":\"stop\",\"drain\":5}"), 0);
    assert_has(hear(fd), "421 ");
    close(fd);
    assert_int_equal(status_of(h.master), 0);
    h.master = 0;
    assert_int_equal(ask("{\"v\":1,\"verb\":\"status\"}"), -1);
}

static void shards_beyond_the_workers_are_drained_and_removed(void **state)
{
    (void)state;
    assert_true(shard_is_there(0) && shard_is_there(1));
    kill(h.master, SIGTERM);
    assert_int_equal(status_of(h.master), 0);
    h.master = serve(1);
    wait_up(1);
    for (int i = 0; i < 500 && shard_is_there(1); i++)
        usleep(10000);
    assert_true(shard_is_there(0));
    assert_false(shard_is_there(1));
}

static void it_does_not_start_without_good_rules(void **state)
{
    (void)state;
    kill(h.master, SIGTERM);
    assert_int_equal(status_of(h.master), 0);
    write_rules("x", "= = broken");
    assert_int_equal(status_of(serve(1)), 78);
    strcat(h.rules, "-not-there");
    assert_int_equal(status_of(serve(1)), 78);
    h.master = 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_killed_worker_comes_back_and_others_serve_meanwhile),
        CASE(a_second_engine_on_one_spool_is_refused),
        CASE(good_rules_replace_and_broken_ones_do_not),
        CASE(sighup_and_a_changed_directory_reload_too),
        CASE(a_rule_file_that_is_being_written_is_not_read),
        CASE(a_worker_killed_while_it_loads_does_not_condemn_the_rules),
        CASE(a_checker_that_could_not_be_started_is_asked_for_again),
        CASE(a_directory_moved_away_and_back_is_found_again),
        CASE(a_storm_of_reloads_drops_no_session),
        CASE(workers_end_when_their_master_does),
        CASE(a_submitted_message_is_stored_and_delivered),
        CASE(a_message_that_kills_two_workers_is_set_aside),
        CASE(requests_that_make_no_sense_change_nothing),
        CASE(stop_says_421_to_the_idle_and_ends_with_0),
        CASE(shards_beyond_the_workers_are_drained_and_removed),
        CASE(it_does_not_start_without_good_rules),
    };

    signal(SIGPIPE, SIG_IGN);
    if (argc == 5)
        return master_serve(&(struct serve_config){ .rules = argv[2], .spool = argv[3], .workers = (unsigned)atoi(argv[4]),
                                                    .foreground = true, .allow_root = true });
    return cmocka_run_group_tests(tests, NULL, NULL);
}
