/*
 * Deliveries on this machine for real: an engine with helper threads, files in
 * a directory of its own, programs, and LMTP over a socket to a program.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "plain_policy.h"

static struct loop *loop;
static struct engine *engine;
static char root[64];
static char log_seen[65536];

static void keep_line(void *ctx, enum log_file f, struct str line)
{
    size_t n = strlen(log_seen);

    (void)ctx;
    (void)f;
    snprintf(log_seen + n, sizeof log_seen - n, "%.*s\n", STR_ARG(line));
}

static int up(void **state)
{
    static const struct dns_config dns = { .zone_text = { "", 0 } };
    struct engine_config c = { .wake_fd = -1, .dns = &dns };
    struct policy *p = p_new(1);
    struct why why;

    (void)state;
    snprintf(root, sizeof root, "/tmp/perigee-spec-XXXXXX");
    assert_non_null(mkdtemp(root));
    log_seen[0] = 0;
    log_to(keep_line, NULL);
    loop = loop_new();
    p_reset(loop);
    assert_int_equal(engine_new(loop, &c, &engine, &why), ST_OK);
    engine_switch(engine, p);
    policy_release(p);
    engine_start(engine);
    return 0;
}

static int down(void **state)
{
    char command[100];

    (void)state;
    engine_free(engine);
    loop_turn(loop, 0);             /* what the spool still had to say goes */
    loop_free(loop);
    log_to(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void stored(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    (void)id;
    (void)why;
    *(int *)ctx = (int)st;
}

static void submit(const char *to)
{
    struct str rcpt = str_of(to);
    struct submission s = { .sender = STR("ann@example.org"), .rcpts = &rcpt, .nrcpts = 1, .trusted = true, .login = STR("ann"),
                            .message = STR("From: ann@example.org\nSubject: hi\n\nFrom the start\n.\nend\n") };
    int st = -1;

    engine_submit(engine, &s, stored, &st);
    for (int i = 0; st < 0 && i < 500; i++)
        loop_turn(loop, 10);
    assert_int_equal(st, ST_OK);
}

static void wait_for(const char *text, unsigned times)
{
    int64_t end = clock_mono_ms() + 10000;

    for (;;) {
        unsigned n = 0;

        for (const char *at = log_seen; (at = strstr(at, text)); at++)
            n++;
        if (n >= times)
            return;
        if (clock_mono_ms() > end)
            fail_msg("%u of %u: %s\n%s", n, times, text, log_seen);
        loop_turn(loop, 50);
    }
}

static const char *path_in(const char *name)
{
    static char ring[4][512];
    static int i;

    i = (i + 1) % 4;
    snprintf(ring[i], sizeof ring[i], "%s/%s", root, name);
    return ring[i];
}

static char *slurp(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t n;

    if (!f)
        return NULL;
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    fclose(f);
    return text;
}

static void write_program(const char *name, const char *text)
{
    FILE *f = fopen(path_in(name), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path_in(name), 0755);
}

/* ---- */

static void mail_arrives_in_a_maildir(void **state)
{
    struct val *v = p_transport("box", "appendfile");
    struct dirent *d;
    unsigned n = 0;
    DIR *dir;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    v[TOPT_directory] = v_str(path_in("./bob"));
    v[TOPT_maildir_format] = v_bool(true);
    v[TOPT_return_path_add] = v[TOPT_delivery_date_add] = v[TOPT_envelope_to_add] = v_bool(true);
    for (int i = 0; i < 5; i++)
        submit("bob@example.org");
    wait_for("=> bob <bob@example.org> R=plain T=box", 5);
    wait_for("Completed", 5);
    dir = opendir(path_in("bob/new"));
    assert_non_null(dir);
    while ((d = readdir(dir)))
        if (d->d_name[0] != '.') {
            char path[512], *text;

            snprintf(path, sizeof path, "%s/bob/new/%.200s", root, d->d_name);
            text = slurp(path);
            assert_int_equal(strncmp(text, "Return-path: <ann@example.org>\nEnvelope-to: bob@example.org\nDelivery-date: ", 74), 0);
            assert_non_null(strstr(text, "\n\nFrom the start\n.\nend\n"));
            n++;
        }
    closedir(dir);
    assert_int_equal(n, 5);
    assert_int_equal(spool_count(engine_spool(engine)), 0);
}

static void mail_that_comes_at_once_goes_into_one_mbox_in_turn(void **state)
{
    (void)state;
    p_transport("box", "appendfile")[TOPT_file] = v_str(path_in("./mbox"));
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    for (int i = 0; i < 8; i++)
        submit("bob@example.org");
    wait_for("Completed", 8);
    unsigned n = 0;
    for (const char *at = slurp(path_in("mbox")); (at = strstr(at, "From ann@example.org ")); at++)
        n++;
    assert_int_equal(n, 8);
    assert_non_null(strstr(slurp(path_in("mbox")), "\n\n>From the start\n"));
}

static void a_strange_name_never_becomes_a_path(void **state)
{
    static const char *const names[] = { "\"../x\"@example.org", "\"a/b\"@example.org", ".x@example.org", "-x@example.org" };
    char whole[100];

    (void)state;
    snprintf(whole, sizeof whole, "%s/%s", root, "plain");
    p_transport("box", "appendfile")[TOPT_file] = v_str(whole);
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    for (size_t i = 0; i < 2; i++)
        submit(names[i]);
    wait_for("no safe file or directory for this address", 2);
    assert_null(slurp(whole));
}

static void a_program_gets_the_message_and_its_exit_status_counts(void **state)
{
    char *text;

    (void)state;
    write_program("take", "#!/bin/sh\nout=\"$0.seen\"\n{ echo \"$#:$1:$2:$SENDER:$RECIPIENT:$LOCAL_PART\"; cat; } > \"$out\"\n");
    write_program("later", "#!/bin/sh\nexit 75\n");
    write_program("never", "#!/bin/sh\nexit 1\n");
    static char take[200], later[200], never[200];
    snprintf(take, sizeof take, "%s 'a b' ''", path_in("take"));
    snprintf(later, sizeof later, "%s", path_in("later"));
    snprintf(never, sizeof never, "%s", path_in("never"));
    p_transport("take", "pipe")[TOPT_command] = v_str(take);
    p_transport("later", "pipe")[TOPT_command] = v_str(later);
    p_transport("never", "pipe")[TOPT_command] = v_str(never);
    p_route((struct p_route){ .domain = "take.example", .transport = "take" });
    p_route((struct p_route){ .domain = "later.example", .transport = "later" });
    p_route((struct p_route){ .domain = "never.example", .transport = "never" });
    p_route((struct p_route){ .domain = "example.org", .transport = "take" });
    submit("x@later.example");
    submit("x@never.example");
    wait_for("defer (0): the program returned exit code 75", 1);
    wait_for("** x <x@never.example>", 0);
    wait_for(": the program returned exit code 1", 1);
    wait_for("<= <> R=", 1);
    wait_for("=> ann <ann@example.org> R=plain T=take", 1);     /* its bounce */
    submit("x@take.example");
    wait_for("=> x <x@take.example> R=plain T=take", 1);
    text = slurp(path_in("take.seen"));
    if (strncmp(text, "2:a b::ann@example.org:x@take.example:x\nFrom ann@example.org ", 61))
        fail_msg("%s", text);
    assert_non_null(strstr(text, "\n\nFrom the start\n.\nend\n"));
    wait_for("Completed", 3);
    assert_int_equal(spool_count(engine_spool(engine)), 1);
}

#define LMTP \
    "#!/bin/sh\nprintf '220 here\\r\\n'\nn=0\n" \
    "while IFS= read -r line; do\n" \
    "  case \"$line\" in\n" \
    "  LHLO*) printf '250 here\\r\\n';;\n" \
    "  MAIL*) printf '250 ok\\r\\n';;\n" \
    "  RCPT*no@*) printf '550 5.1.1 no such box\\r\\n';;\n" \
    "  RCPT*) n=$((n+1)); printf '250 ok\\r\\n';;\n" \
    "  DATA*) printf '354 go\\r\\n'\n" \
    "    while IFS= read -r line; do [ \"$line\" = \"$(printf '.\\r')\" ] && break; done\n" \
    "    while [ $n -gt 0 ]; do printf '250 2.1.5 kept\\r\\n'; n=$((n-1)); done;;\n" \
    "  QUIT*) printf '221 bye\\r\\n'; exit 0;;\n" \
    "  *) printf '500 what\\r\\n';;\n" \
    "  esac\ndone\n"

static void lmtp_speaks_to_a_program(void **state)
{
    static char lmtp[200];

    (void)state;
    write_program("lmtp", LMTP);
    snprintf(lmtp, sizeof lmtp, "%s", path_in("lmtp"));
    p_transport("boxes", "lmtp")[TOPT_command] = v_str(lmtp);
    p_transport("home", "appendfile")[TOPT_file] = v_str(path_in("./mbox"));
    p_route((struct p_route){ .domain = "boxes.example", .transport = "boxes" });
    p_route((struct p_route){ .domain = "*", .transport = "home" });
    submit("yes@boxes.example");
    submit("no@boxes.example");
    wait_for("=> yes <yes@boxes.example> R=plain T=boxes", 1);
    wait_for("no such box", 1);
    wait_for("=> ann <ann@example.org> R=plain T=home", 1);
    wait_for("Completed", 3);
    assert_int_equal(spool_count(engine_spool(engine)), 0);
}

/* A filter that marks and, asked by its argument, fails in one way or another. */
#define FILTER \
    "#!/bin/sh\ncase \"$1\" in\nfail) echo no luck >&2; exit 3;;\nempty) exit 0;;\nhang) sleep 60;;\n" \
    "esac\nsed -e '1i X-Filtered: '\"$SENDER\" -e 's/start/stop/'\n"

static void a_filter_makes_what_is_delivered(void **state)
{
    static char filter[200];
    char *text;

    (void)state;
    write_program("filter", FILTER);
    snprintf(filter, sizeof filter, "%s", path_in("filter"));
    struct val *v = p_transport("box", "appendfile");
    v[TOPT_file] = v_str(path_in("./mbox"));
    v[TOPT_transport_filter] = v_str(filter);
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    submit("bob@example.org");
    wait_for("Completed", 1);
    text = slurp(path_in("mbox"));
    assert_non_null(text);
    assert_non_null(strstr(text, "\nX-Filtered: ann@example.org\nReceived: "));
    assert_non_null(strstr(text, "\n\n>From the stop\n.\nend\n"));
}

static void a_filter_stands_before_programs_and_hosts_too(void **state)
{
    static char filter[200], take[200], lmtp[200];

    (void)state;
    write_program("filter", FILTER);
    write_program("take", "#!/bin/sh\ncat > \"$0.seen\"\n");
    write_program("lmtp", LMTP);
    snprintf(filter, sizeof filter, "%s", path_in("filter"));
    snprintf(take, sizeof take, "%s", path_in("take"));
    snprintf(lmtp, sizeof lmtp, "%s", path_in("lmtp"));
    struct val *v = p_transport("take", "pipe");
    v[TOPT_command] = v_str(take);
    v[TOPT_transport_filter] = v_str(filter);
    v = p_transport("boxes", "lmtp");
    v[TOPT_command] = v_str(lmtp);
    v[TOPT_transport_filter] = v_str(filter);
    p_route((struct p_route){ .domain = "take.example", .transport = "take" });
    p_route((struct p_route){ .domain = "boxes.example", .transport = "boxes" });
    submit("x@take.example");
    submit("x@boxes.example");
    wait_for("Completed", 2);
    assert_non_null(strstr(slurp(path_in("take.seen")), "X-Filtered: "));
    assert_non_null(strstr(slurp(path_in("take.seen")), "the stop\n"));
}

static void mail_whose_filter_fails_waits(void **state)
{
    static const struct { const char *how, *said; } rows[] = {
        { "fail", "transport_filter returned exit code 3: no luck" }, { "empty", "transport_filter printed no message" },
        { "hang", "transport_filter took too long" },
    };
    static char filter[3][200];

    (void)state;
    write_program("filter", FILTER);
    for (size_t i = 0; i < 3; i++) {
        struct val *v = p_transport(rows[i].how, "appendfile");
        static char domain[3][32];

        snprintf(filter[i], sizeof filter[i], "%s %s", path_in("filter"), rows[i].how);
        snprintf(domain[i], sizeof domain[i], "%s.example", rows[i].how);
        v[TOPT_file] = v_str(path_in("./mbox"));
        v[TOPT_transport_filter] = v_str(filter[i]);
        v[TOPT_transport_filter_timeout] = v_int(1);
        p_route((struct p_route){ .domain = domain[i], .transport = rows[i].how });
    }
    for (size_t i = 0; i < 3; i++) {
        char to[64];

        snprintf(to, sizeof to, "x@%s.example", rows[i].how);
        submit(to);
        wait_for(rows[i].said, 1);
    }
    assert_int_equal(spool_count(engine_spool(engine)), 3);
    assert_null(slurp(path_in("mbox")));
}

static void only_commands_that_are_allowed_run(void **state)
{
    static char dir[200];

    (void)state;
    write_program("take", "#!/bin/sh\ncat > \"$0.seen\"\n");
    snprintf(dir, sizeof dir, "%s", root);
    static const struct { const char *name, *command; bool restricted; const char *allow; } rows[] = {
        { "named", "take", true, NULL }, { "listed", "take", false, "true:take" }, { "other", "false", false, "true:take" },
        { "slash", "/bin/true", true, NULL }, { "both", "/bin/true", true, "/bin/true" }, { "gone", "no-such-program", false, NULL },
    };
    for (size_t i = 0; i < 6; i++) {
        static char domain[6][32];
        struct val *v = p_transport(rows[i].name, "pipe");

        snprintf(domain[i], sizeof domain[i], "%s.example", rows[i].name);
        v[TOPT_command] = v_str(rows[i].command);
        v[TOPT_restrict_to_path] = v_bool(rows[i].restricted);
        v[TOPT_path] = v_str(dir);
        if (rows[i].allow)
            v[TOPT_allow_commands] = v_str(rows[i].allow);
        p_route((struct p_route){ .domain = domain[i], .transport = rows[i].name });
    }
    submit("x@named.example");
    submit("x@listed.example");
    submit("x@both.example");
    wait_for("Completed", 3);
    submit("x@other.example");
    wait_for("the command is not in allow_commands", 1);
    submit("x@slash.example");
    wait_for("the command holds a slash", 1);
    submit("x@gone.example");
    wait_for("the command is not found on path", 1);
}

static void what_a_program_printed_is_in_the_bounce(void **state)
{
    static char talk[200];

    (void)state;
    write_program("talk", "#!/bin/sh\necho 'the box is shut'; printf 'on \\001 Sundays\\n'; exit 1\n");
    snprintf(talk, sizeof talk, "%s", path_in("talk"));
    struct val *v = p_transport("talk", "pipe");
    v[TOPT_command] = v_str(talk);
    v[TOPT_return_fail_output] = v_bool(true);
    p_transport("home", "appendfile")[TOPT_file] = v_str(path_in("./mbox"));
    p_route((struct p_route){ .domain = "talk.example", .transport = "talk" });
    p_route((struct p_route){ .domain = "*", .transport = "home" });
    submit("x@talk.example");
    wait_for("Completed", 2);
    assert_non_null(strstr(slurp(path_in("mbox")), "    it printed:\n      | the box is shut\n      | on   Sundays\n"));
}

static void addresses_share_a_delivery_up_to_batch_max(void **state)
{
    struct str rcpts[] = { STR("a@example.org"), STR("b@example.org"), STR("c@example.org") };
    struct submission s = { .sender = STR("ann@example.org"), .rcpts = rcpts, .nrcpts = 3, .trusted = true, .login = STR("ann"),
                            .message = STR("From: ann@example.org\n\nx\n") };
    struct val *v = p_transport("batch", "pipe");
    static char take[200];
    int st = -1;
    char *text;

    (void)state;
    write_program("take", "#!/bin/sh\ncat >> \"$0.seen\"\n");
    snprintf(take, sizeof take, "%s", path_in("take"));
    v[TOPT_command] = v_str(take);
    v[TOPT_batch_max] = v_int(2);
    v[TOPT_use_bsmtp] = v_bool(true);
    v[TOPT_envelope_to_add] = v_bool(true);
    p_route((struct p_route){ .domain = "*", .transport = "batch" });
    engine_submit(engine, &s, stored, &st);
    wait_for("Completed", 1);
    wait_for("-> b <b@example.org> R=plain T=batch", 1);
    text = slurp(path_in("take.seen"));
    assert_non_null(strstr(text, "MAIL FROM:<ann@example.org>\nRCPT TO:<a@example.org>\nRCPT TO:<b@example.org>\nDATA\n"
                                 "Envelope-to: a@example.org,\n\tb@example.org\n"));
    assert_non_null(strstr(text, "MAIL FROM:<ann@example.org>\nRCPT TO:<c@example.org>\nDATA\n"));
    assert_non_null(strstr(text, "\n\nx\n.\n"));
}

static void a_reply_is_made_of_a_file_and_only_once(void **state)
{
    struct val *v = p_transport("away", "autoreply");
    char *text;

    (void)state;
    write_program("text", "Dear $sender_address, about \"$h_subject:\": ${sender_address} owes us $$5, $nothing.\n");
    v[TOPT_to] = v_str("friend@far.example");
    v[TOPT_file] = v_str(path_in("text"));
    v[TOPT_file_expand] = v_bool(true);
    v[TOPT_once] = v_str(path_in("once"));
    v[TOPT_log] = v_str(path_in("replies"));
    v[TOPT_subject] = v_str("Away");
    p_transport("home", "appendfile")[TOPT_file] = v_str(path_in("./mbox"));
    p_route((struct p_route){ .domain = "away.example", .transport = "away" });
    p_route((struct p_route){ .domain = "*", .transport = "home" });
    submit("x@away.example");
    wait_for("=> >friend@far.example <x@away.example> R=plain T=away", 1);
    wait_for("=> friend <friend@far.example> R=plain T=home", 1);
    submit("x@away.example");
    wait_for("=> (no reply: one was sent before) <x@away.example>", 1);
    wait_for("Completed", 3);
    text = slurp(path_in("mbox"));
    if (!strstr(text, "\n\nDear ann@example.org, about \"hi\": ann@example.org owes us $5, $nothing.\n"))
        fail_msg("%s", text);
    assert_non_null(strstr(slurp(path_in("replies")), "\n  To: friend@far.example\n  Subject: Away\n"));
    assert_non_null(strstr(slurp(path_in("once")), " friend@far.example\n"));
}

static void a_reply_whose_text_cannot_be_read_waits(void **state)
{
    struct val *v = p_transport("away", "autoreply");

    (void)state;
    v[TOPT_to] = v_str("friend@far.example");
    v[TOPT_file] = v_str(path_in("none"));
    p_route((struct p_route){ .domain = "away.example", .transport = "away" });
    submit("x@away.example");
    wait_for("defer (2): open ", 1);
    v[TOPT_file_optional] = v_bool(true);
    p_transport("home", "appendfile")[TOPT_file] = v_str(path_in("./mbox"));
    p_route((struct p_route){ .domain = "*", .transport = "home" });
    submit("x@away.example");
    wait_for("=> >friend@far.example", 1);
}

static void the_spool_pair_is_written(void **state)
{
    struct val *v = p_transport("pair", "queuefile");
    char name[200], *text;
    struct dirent *d;
    unsigned n = 0;
    DIR *dir;

    (void)state;
    mkdir(path_in("out"), 0700);
    v[TOPT_directory] = v_str(path_in("./out"));
    v[TOPT_headers_add] = v_str("X-Not: here");
    v[TOPT_disable_logging] = v_bool(true);
    v[TOPT_shadow_transport] = v_str("nobody");
    p_route((struct p_route){ .domain = "*", .transport = "pair" });
    submit("x@example.org");
    wait_for("R=plain T=pair", 1);
    wait_for("Completed", 1);
    assert_int_equal(spool_count(engine_spool(engine)), 0);
    dir = opendir(path_in("out"));
    assert_non_null(dir);
    while ((d = readdir(dir)))
        if (d->d_name[0] != '.') {
            snprintf(name, sizeof name, "out/%.100s", d->d_name);
            text = slurp(path_in(name));
            assert_int_equal(strncmp(text, d->d_name, strlen(d->d_name)), 0);
            assert_null(strstr(text, "X-Not"));
            if (d->d_name[strlen(d->d_name) - 1] == 'D')
                assert_string_equal(text + strlen(d->d_name), "\nFrom the start\n.\nend\n");
            else
                assert_non_null(strstr(text, "\n1\nx@example.org\n\n"));
            n++;
        }
    closedir(dir);
    assert_int_equal(n, 2);
}

static void a_directory_that_is_not_there_gets_no_pair(void **state)
{
    (void)state;
    p_transport("pair", "queuefile")[TOPT_directory] = v_str(path_in("./none"));
    p_route((struct p_route){ .domain = "*", .transport = "pair" });
    submit("x@example.org");
    wait_for("pair transport opening directory: ", 1);
    assert_int_equal(spool_count(engine_spool(engine)), 1);
}

static void a_mailbox_of_another_form_goes_to_its_transport(void **state)
{
    static const struct str formats[] = { STR_INIT("From "), STR_INIT("box"), STR_INIT("BOX "), STR_INIT("other") };
    static const struct val list = { .type = VAL_LIST, .u.list = { formats, 4 } };
    static char file[200];
    struct val *v;
    char *text;

    (void)state;
    snprintf(file, sizeof file, "%s", path_in("./mbox"));
    v = p_transport("box", "appendfile");
    v[TOPT_file] = v_str(file);
    v[TOPT_file_format] = list;
    v = p_transport("other", "appendfile");
    v[TOPT_file] = v_str(file);
    v[TOPT_file_format] = list;
    v[TOPT_message_prefix] = v_str("BOX \n");
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    submit("bob@example.org");
    wait_for("=> bob <bob@example.org> R=plain T=box", 1);
    write_program("mbox", "BOX \nold\n");
    chmod(path_in("mbox"), 0600);
    submit("bob@example.org");
    wait_for("=> bob <bob@example.org> R=plain T=other", 1);
    text = slurp(path_in("mbox"));
    assert_int_equal(strncmp(text, "BOX \nold\nBOX \nReceived: ", 24), 0);
    write_program("mbox", "neither\n");
    chmod(path_in("mbox"), 0600);
    submit("bob@example.org");
    wait_for("begins like none of file_format", 1);
}

static void a_full_mailbox_waits_and_its_owner_was_warned(void **state)
{
    struct val *v = p_transport("box", "appendfile");

    (void)state;
    v[TOPT_file] = v_str(path_in("./mbox"));
    v[TOPT_quota] = v_int(900);
    v[TOPT_quota_warn_threshold] = v_str("40%");
    v[TOPT_quota_warn_message] = v_str("To: bob@example.org\nSubject: nearly full\n\nDo read your mail.\n");
    p_transport("warnings", "appendfile")[TOPT_file] = v_str(path_in("./warnings"));
    p_route((struct p_route){ .domain = "bob@example.org", .transport = "box" });
    submit("bob@example.org");
    wait_for("=> bob <bob@example.org> R=plain T=box", 1);
    submit("bob@example.org");
    wait_for("=> bob <bob@example.org> R=plain T=box", 2);
    submit("bob@example.org");
    wait_for("defer (-22): mailbox is full (quota exceeded for mbox)", 1);
    wait_for("<= <> R=", 1);            /* the warning, once: it finds the mailbox full by now */
    assert_int_equal(spool_count(engine_spool(engine)), 2);
}

static void no_more_than_max_parallel_run_at_once(void **state)
{
    static char take[200];
    struct val *v = p_transport("one", "pipe");

    (void)state;
    write_program("take", "#!/bin/sh\ncat >/dev/null\nmkdir \"$0.lock\" || exit 1\nsleep 0.05\nrmdir \"$0.lock\"\n");
    snprintf(take, sizeof take, "%s", path_in("take"));
    v[TOPT_command] = v_str(take);
    v[TOPT_max_parallel] = v_int(1);
    p_route((struct p_route){ .domain = "*", .transport = "one" });
    for (int i = 0; i < 6; i++)
        submit("x@example.org");
    wait_for("=> x <x@example.org> R=plain T=one", 6);
    wait_for("Completed", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
        T(mail_arrives_in_a_maildir),
        T(mail_that_comes_at_once_goes_into_one_mbox_in_turn),
        T(a_strange_name_never_becomes_a_path),
        T(a_program_gets_the_message_and_its_exit_status_counts),
        T(lmtp_speaks_to_a_program),
        T(a_mailbox_of_another_form_goes_to_its_transport),
        T(a_full_mailbox_waits_and_its_owner_was_warned),
        T(no_more_than_max_parallel_run_at_once),
        T(a_reply_is_made_of_a_file_and_only_once),
        T(a_reply_whose_text_cannot_be_read_waits),
        { "QF-T1 QF-T2 the spool pair is written, whatever other options say", the_spool_pair_is_written, up, down, NULL },
        { "QF-T4 a directory that is not there gets no pair, and the message waits", a_directory_that_is_not_there_gets_no_pair, up, down, NULL },
        T(a_filter_makes_what_is_delivered),
        T(a_filter_stands_before_programs_and_hosts_too),
        T(mail_whose_filter_fails_waits),
        T(only_commands_that_are_allowed_run),
        T(what_a_program_printed_is_in_the_bounce),
        T(addresses_share_a_delivery_up_to_batch_max),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
