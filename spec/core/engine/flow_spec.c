/*
 * The walk of a message through a whole hermetic engine, every way through
 * each callback: each case runs twice, with rules that answer at once and
 * with rules that answer from the loop.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rnd.h"
#include "net/sock.h"
#include "world/peer.h"
#include "plain_policy.h"

static struct loop *loop;
static struct engine *engine;
static struct peer *peers[4];
static int npeers;
static char log_text_seen[65536];
static char json_seen[65536];
static char delivered[65536];
static bool later;

static void keep_line(void *ctx, enum log_file f, struct str line)
{
    char *seen = f == LOG_JSON ? json_seen : log_text_seen;
    size_t n = strlen(seen);

    (void)ctx;
    if (f != LOG_REJECT)
        snprintf(seen + n, 65536 - n, "%.*s\n", STR_ARG(line));
}

static void keep_delivery(void *ctx, const struct delivery_seen *d)
{
    size_t n = strlen(delivered);

    (void)ctx;
    snprintf(delivered + n, sizeof delivered - n, "[%.*s %.*s %.*s]\n%.*s\n", STR_ARG(d->recipient), STR_ARG(d->transport),
             STR_ARG(d->file), STR_ARG(d->message));
}

static int connect_peer(void *ctx, const struct sock_addr *to)
{
    (void)ctx;
    for (int i = 0; i < npeers; i++)
        if (peer_is_at(peers[i], to))
            return peer_connect(peers[i]);
    return -1;
}

static struct peer *peer_at(const char *where)
{
    struct sock_addr at;
    struct arena a = { 0 };

    assert_true(sock_parse(&a, str_of(where), 25, &at));
    peers[npeers] = peer_new(loop, NULL, &at);
    arena_free(&a);
    return peers[npeers++];
}

static void tell(struct peer *p, struct str word, struct str reply)
{
    struct why why;

    if (peer_tell(p, word, reply, &why) != ST_OK)
        fail_msg("%s", why.text);
}

static void engine_up(void)
{
    static const struct dns_config dns = { .zone_text = { "", 0 } };
    struct engine_config c = { .hermetic = true, .wake_fd = -1, .dns = &dns };
    struct policy *p = p_new(1);
    struct why why;

    assert_int_equal(engine_new(loop, &c, &engine, &why), ST_OK);
    engine_on_delivery(engine, keep_delivery, NULL);
    engine_on_connect(engine, connect_peer, NULL);
    engine_switch(engine, p);
    policy_release(p);
    engine_start(engine);
}

static int up(void **state)
{
    (void)state;
    clock_fake(1700000000000000);
    rnd_seed(1);
    log_text_seen[0] = json_seen[0] = delivered[0] = 0;
    log_to(keep_line, NULL);
    loop = loop_new();
    p_reset(loop);
    P.later = later;
    P.steps[0] = (struct retry_step){ 'F', 3 * 24 * 3600, 900, 1 };
    P.nsteps = 1;
    npeers = 0;
    p_transport("box", "appendfile")[TOPT_file] = v_str("/mail/./all");
    p_transport("out", "smtp");
    return 0;
}

static int down(void **state)
{
    (void)state;
    if (engine)
        engine_free(engine);
    engine = NULL;
    for (int i = 0; i < npeers; i++)
        peer_free(peers[i]);
    assert_int_equal(P.waiting, 0);
    loop_free(loop);
    log_to(NULL, NULL);
    return 0;
}

static void settle(void) { loop_settle(loop, false, 0); }

static void advance(int64_t seconds)
{
    int64_t until = clock_wall_us() + seconds * 1000000;

    loop_settle(loop, true, until);
    if (clock_wall_us() < until)
        clock_step((until - clock_wall_us()) / 1000);
    settle();
}

/* Says it all in turn and gives the last reply. */
static const char *say(const char *from, const char *to, const char *message)
{
    static char reply[2000];
    struct sock_addr peer = { .port = 4321 }, local = { .port = 25 };
    struct session *s;
    struct str rest = str_of(to), word;
    struct buf in = { 0 };

    ip_parse(STR("192.0.2.9"), &peer.ip);
    ip_parse(STR("198.51.100.25"), &local.ip);
    s = engine_session_bytes(engine, &peer, &local);
    settle();
    buf_addf(&in, "EHLO there.example\r\n");
    session_input(s, buf_str(&in));
    settle();
    buf_clear(&in);
    buf_addf(&in, "MAIL FROM:<%s>\r\n", from);
    while (str_cut(&rest, ' ', &word))
        buf_addf(&in, "RCPT TO:<%.*s>\r\n", STR_ARG(word));
    buf_addf(&in, "DATA\r\n");
    session_input(s, buf_str(&in));
    settle();
    buf_clear(session_output(s));
    buf_clear(&in);
    buf_addf(&in, "%s\r\n.\r\n", message);
    session_input(s, buf_str(&in));
    settle();
    snprintf(reply, sizeof reply, "%.*s", STR_ARG(buf_str(session_output(s))));
    session_close(s);
    buf_free(&in);
    settle();
    return reply;
}

#define MESSAGE "Subject: hello\r\n\r\nbody\r\n..dot"
#define LOGGED(text) do { if (!strstr(log_text_seen, text)) fail_msg("not logged: %s\n%s", text, log_text_seen); } while (0)
#define NOT_LOGGED(text) do { if (strstr(log_text_seen, text)) fail_msg("logged: %s\n%s", text, log_text_seen); } while (0)
#define QUEUED(n) assert_int_equal(spool_count(engine_spool(engine)), n)

static unsigned times(const char *where, const char *what)
{
    unsigned n = 0;

    for (; (where = strstr(where, what)); where += strlen(what))
        n++;
    return n;
}

static const char *heard(const struct peer *p)
{
    static char text[65536];

    snprintf(text, sizeof text, "%.*s", STR_ARG(peer_heard(p)));
    return text;
}

/* ---- */

static void a_message_goes_into_a_mailbox(void **state)
{
    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    engine_up();
    assert_int_equal(strncmp(say("ann@there.example", "bob@example.org", MESSAGE), "250", 3), 0);
    LOGGED("<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=");
    LOGGED("=> bob <bob@example.org> R=plain T=box");
    LOGGED("Completed");
    assert_non_null(strstr(delivered, "[bob@example.org box /mail/all]\nReceived: from [192.0.2.9] (helo=there.example)\r\n\tby mx.example.org with esmtp"));
    assert_non_null(strstr(delivered, "Subject: hello\r\n\r\nbody\r\n.dot\r\n"));
    QUEUED(0);
}

static void recipients_of_one_destination_share_a_transaction(void **state)
{
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    say("ann@there.example", "one@x.example two@x.example three@y.example", MESSAGE);
    LOGGED("=> one@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1] C=\"250");
    LOGGED("-> two@x.example R=plain T=out");
    LOGGED("-> three@y.example R=plain T=out");
    assert_int_equal(times(heard(p), "MAIL FROM"), 1);
    assert_int_equal(peer_connections(p), 1);
    say("ann@there.example", "four@x.example", MESSAGE);
    LOGGED("=> four@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1]* C=");
    assert_int_equal(peer_connections(p), 1);
    QUEUED(0);
}

static void each_recipient_has_its_own_end(void **state)
{
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "there.example", .transport = "box" });
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    P.events = " msg:fail:delivery msg:host:defer msg:rcpt:defer ";
    engine_up();
    p = peer_at("192.0.2.1:25");
    tell(p, STR("rcpt"), STR("bad@x.example 550 5.1.1 no such user"));
    tell(p, STR("rcpt"), STR("slow@x.example 451 4.2.1 later"));
    say("ann@there.example", "good@x.example bad@x.example slow@x.example", MESSAGE);
    LOGGED("=> good@x.example");
    LOGGED("** bad@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1]: ");
    LOGGED("== slow@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1] defer (-44): ");
    LOGGED("<= <> R=");
    assert_non_null(strstr(delivered, "[ann@there.example box"));
    assert_non_null(strstr(delivered, "Final-Recipient: rfc822;bad@x.example\r\nStatus: 5.1.1"));
    assert_null(strstr(delivered, "rfc822;slow@x.example"));
    QUEUED(1);
    /* It gives in: only the one who waited is asked again. */
    tell(p, STR("rcpt"), STR("slow@x.example 250 ok"));
    advance(1000);
    LOGGED("=> slow@x.example");
    assert_int_equal(times(log_text_seen, "=> good@x.example"), 1);
    assert_int_equal(times(log_text_seen, "<= <> R="), 1);
    QUEUED(0);
}

/* The first object of that event that has all of "name=value name=value". */
static void told(const char *event, const char *facts)
{
    struct str rest = str_of(json_seen), line, value, wants, want, name;
    struct arena a = { 0 };

    while (str_cut(&rest, '\n', &line)) {
        bool all = json_get(&a, line, "event", &value) && str_same(value, str_of(event))
                && json_get(&a, line, "time", &value) && value.n == 24 && str_starts(value, STR("2023-11-"));

        for (wants = str_of(facts); all && str_cut(&wants, ' ', &want);) {
            str_cut(&want, '=', &name);
            all = json_get(&a, line, arena_printf(&a, "%.*s", STR_ARG(name)).p, &value) && str_starts(value, want);
        }
        if (all) {
            arena_free(&a);
            return;
        }
    }
    fail_msg("no %s of %s in\n%s", event, facts, json_seen);
}

static void each_event_is_told_as_json_too(void **state)
{
    struct peer *p;

    (void)state;
    p_bool("log_json", true);
    p_int("smtp_accept_max_per_host", 1);
    p_route((struct p_route){ .domain = "there.example", .transport = "box" });
    p_route((struct p_route){ .domain = "void.example", .kind = ROUTE_DISCARD });
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    tell(p, STR("rcpt"), STR("bad@x.example 550 5.1.1 no such user"));
    tell(p, STR("rcpt"), STR("slow@x.example 451 4.2.1 later"));
    say("ann@there.example", "good@x.example bad@x.example slow@x.example x@void.example", MESSAGE);
    told("arrival", "id=1r31eq- sender=ann@there.example address=192.0.2.9 port=4321 helo=there.example protocol=esmtp size= "
         "recipients_count=4 recipients=[\"good@x.example\",\"bad@x.example\" receive_ms=0");
    told("delivery", "sender=ann@there.example recipient=good@x.example router=plain transport=out host=h192.0.2.1 "
         "address=192.0.2.1 port=25 reused=false size= queue_ms=0 delivery_ms=0 confirmation=250 id=1r");
    told("deferral", "recipient=slow@x.example error=SMTP errno=-44 queue_ms=0 host=h192.0.2.1 transport=out");
    told("failure", "recipient=bad@x.example error=SMTP host=h192.0.2.1 address=192.0.2.1");
    told("discard", "recipient=x@void.example router=plain");
    told("arrival", "bounce_of=1r protocol=local recipients=[\"ann@there.example\"]");
    told("delivery", "recipient=ann@there.example transport=box");
    told("completion", "id=1r queue_ms=0");
    tell(p, STR("rcpt"), STR("slow@x.example 250 ok"));
    advance(1000);
    told("delivery", "recipient=slow@x.example queue_ms=9");
    say("not an address", "b@x.example", "");
    told("rejection", "address=192.0.2.9 temporary=false reply=501 error=SMTP");
    assert_int_equal(times(json_seen, "\n"), times(json_seen, "{\"time\":"));
    p_bool("log_json", false);
    p_int("smtp_accept_max_per_host", 0);
}

static void hosts_are_tried_in_order_and_remembered(void **state)
{
    struct peer *second;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1 192.0.2.2" });
    engine_up();
    second = peer_at("192.0.2.2:25");
    say("ann@there.example", "one@x.example", MESSAGE);
    LOGGED("H=h192.0.2.1 [192.0.2.1] Connection refused");
    LOGGED("=> one@x.example R=plain T=out H=h192.0.2.2 [192.0.2.2]");
    say("ann@there.example", "two@x.example", MESSAGE);
    assert_int_equal(times(log_text_seen, "Connection refused"), 1);    /* its retry time has not come */
    assert_int_equal(peer_connections(second), 1);
    QUEUED(0);
}

static void what_no_host_takes_waits_and_is_given_up_in_the_end(void **state)
{
    (void)state;
    p_route((struct p_route){ .domain = "there.example", .transport = "box" });
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    say("ann@there.example", "one@x.example", MESSAGE);
    LOGGED("== one@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1] defer (111): Connection refused");
    QUEUED(1);
    advance(2 * 3600);
    assert_in_range(times(log_text_seen, "[192.0.2.1] Connection refused"), 6, 10);    /* every quarter of an hour */
    assert_int_equal(times(delivered, "Warning: message"), 0);
    advance(24 * 3600);
    assert_int_equal(times(delivered, "Subject: Warning: message"), 1);
    advance(3 * 24 * 3600);
    LOGGED("** one@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1]: Connection refused: retry timeout exceeded");
    assert_int_equal(times(delivered, "Subject: Mail delivery failed"), 1);
    assert_int_equal(times(delivered, "Subject: Warning: message"), 1);
    QUEUED(0);
}

static void a_bounce_that_fails_is_frozen_and_never_bounced(void **state)
{
    (void)state;
    p_route((struct p_route){ .domain = "nowhere.example", .kind = ROUTE_FAIL, .text = "no such place" });
    engine_up();
    say("ann@nowhere.example", "bob@nowhere.example", MESSAGE);
    LOGGED("** bob@nowhere.example R=plain: no such place");
    LOGGED("Frozen (delivery error message)");
    assert_int_equal(times(log_text_seen, "<= <>"), 1);
    QUEUED(1);
    advance(11 * 7 * 24 * 3600);
    assert_int_equal(times(log_text_seen, "<= <>"), 1);
    QUEUED(0);
}

static void copies_and_lists_reach_each_place_once(void **state)
{
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "team@example.org", .redirect = "one@x.example two@example.org one@x.example" });
    p_route((struct p_route){ .domain = "example.org", .transport = "box" });
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    tell(p, STR("rcpt"), STR("451 4.2.1 later"));
    say("ann@there.example", "team@example.org one@x.example", MESSAGE);
    LOGGED("=> two <team@example.org> R=plain T=box");
    assert_int_equal(times(log_text_seen, "== one@x.example"), 1);
    tell(p, STR("rcpt"), STR("250 ok"));
    advance(1000);
    assert_int_equal(times(log_text_seen, "=> one@x.example"), 1);
    assert_int_equal(times(log_text_seen, "=> two <team@example.org>"), 1);     /* not again */
    assert_int_equal(times(heard(p), "RCPT TO:<one@x.example>"), 2);
    QUEUED(0);
}

static void a_connection_that_died_idle_costs_nothing(void **state)
{
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    say("ann@there.example", "one@x.example", MESSAGE);
    tell(p, STR("close"), STR("mail"));
    say("ann@there.example", "two@x.example", MESSAGE);
    assert_int_equal(peer_connections(p), 2);           /* another one was tried at once */
    QUEUED(1);                                          /* and closed too: the host's fault */
    LOGGED("== two@x.example");
}

static void a_host_that_stalls_is_left_after_the_deadline(void **state)
{
    static const char *const words[] = { "banner", "ehlo", "mail", "rcpt", "data", "dot" };
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char to[40];

        snprintf(to, sizeof to, "%s@x.example", words[i]);
        tell(p, STR("stall"), str_of(words[i]));
        say("ann@there.example", to, MESSAGE);
        advance(700);
        snprintf(to, sizeof to, "== %s@x.example", words[i]);
        LOGGED(to);
        peer_free(p);                   /* another one, healthy, in its place */
        npeers = 0;
        p = peer_at("192.0.2.1:25");
        engine_run_queue(engine, STR(""));       /* hints are ignored on command */
        settle();
        QUEUED(0);
        advance(20);                    /* the kept connection ends */
    }
}

static void commands_change_the_queue(void **state)
{
    struct spool_row row;
    struct arena a = { 0 };
    struct msg_id id = { "" };

    (void)state;
    p_route((struct p_route){ .domain = "there.example", .transport = "box" });
    p_route((struct p_route){ .domain = "*", .kind = ROUTE_DEFER, .text = "not today" });
    engine_up();
    say("ann@there.example", "one@x.example", MESSAGE);
    LOGGED("== one@x.example R=plain defer (-1): not today");
    snprintf(id.s, sizeof id.s, "%.16s", strstr(log_text_seen, "<=") - 17);
    assert_true(spool_row_get(engine_spool(engine), id, &row, &a));
    engine_queue(engine, QUEUE_FREEZE, id, STR("root"), NULL, NULL);
    settle();
    LOGGED("frozen by root");
    assert_true(spool_row_get(engine_spool(engine), id, &row, &a) && (row.flags & SPOOL_FROZEN));
    advance(5000);
    assert_int_equal(times(log_text_seen, "not today"), 1);
    engine_queue(engine, QUEUE_THAW, id, STR("root"), NULL, NULL);
    advance(2);
    LOGGED("Unfrozen by root");
    assert_int_equal(times(log_text_seen, "not today"), 2);
    engine_queue(engine, QUEUE_RETRY, id, STR("root"), NULL, NULL);
    settle();
    assert_int_equal(times(log_text_seen, "not today"), 3);
    engine_queue(engine, QUEUE_BOUNCE, id, STR("root"), NULL, NULL);
    settle();
    LOGGED("cancelled by root");
    assert_non_null(strstr(delivered, "delivery cancelled by administrator"));
    QUEUED(0);
    say("ann@there.example", "two@x.example", MESSAGE);
    snprintf(id.s, sizeof id.s, "%.16s", strstr(strstr(log_text_seen, "cancelled by"), "<= ann") - 17);
    engine_queue(engine, QUEUE_REMOVE, id, STR("root"), NULL, NULL);
    settle();
    LOGGED("removed by root");
    QUEUED(0);
    arena_free(&a);
}

static void held_destinations_wait_and_go_when_released(void **state)
{
    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    engine_up();
    engine_hold(engine, STR("X.example"), true);
    say("ann@there.example", "one@x.example two@y.example", MESSAGE);
    LOGGED("=> two <two@y.example>");
    QUEUED(1);
    advance(100000);
    NOT_LOGGED("=> one");
    engine_hold(engine, STR("x.example"), false);
    settle();
    LOGGED("=> one <one@x.example>");
    QUEUED(0);
    engine_hold(engine, STR(""), true);
    say("ann@there.example", "three@x.example", MESSAGE);
    advance(1000);
    QUEUED(1);
    engine_hold(engine, STR(""), false);
    settle();
    QUEUED(0);
}

static void the_option_holds_domains_too(void **state)
{
    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    p_str("hold_domains", "x.example");
    P.matches = "x.example";
    engine_up();
    say("ann@there.example", "one@x.example two@y.example", MESSAGE);
    LOGGED("=> two <two@y.example>");
    NOT_LOGGED("=> one");
    QUEUED(1);
    engine_run_queue(engine, STR(""));       /* a command goes before the option */
    settle();
    LOGGED("=> one <one@x.example>");
    QUEUED(0);
    p_str("hold_domains", "");
}

/* More mail for one place than may wait there at once: the rest stands aside
 * and leaves room for mail that goes elsewhere. */
static void a_slow_destination_leaves_room_for_others(void **state)
{
    struct peer *slow;

    (void)state;
    p_route((struct p_route){ .domain = "slow.example", .transport = "out", .hosts = "192.0.2.1" });
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    engine_up();
    slow = peer_at("192.0.2.1:25");
    tell(slow, STR("stall"), STR("dot"));
    for (int i = 0; i < 600; i++)
        say("ann@there.example", "x@slow.example", "Subject: x\r\n");
    assert_int_equal(peer_connections(slow), 20);
    log_text_seen[0] = 0;
    say("ann@there.example", "bob@example.org", MESSAGE);
    LOGGED("=> bob <bob@example.org>");
    QUEUED(600);
    peer_free(slow);                    /* it goes down, and comes back in good health */
    npeers = 0;
    peer_at("192.0.2.1:25");
    P.steps[0].interval = 60;
    for (int i = 0; i < 300 && spool_count(engine_spool(engine)); i++) {
        log_text_seen[0] = 0;
        advance(10);
    }
    QUEUED(0);
}

static void many_recipients_go_in_several_transactions(void **state)
{
    struct buf to = { 0 };
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    for (int i = 0; i < 250; i++)
        buf_addf(&to, "%sr%d@x%d.example", i ? " " : "", i, i % 7);
    buf_byte(&to, 0);
    say("ann@there.example", buf_str(&to).p, MESSAGE);
    buf_free(&to);
    assert_int_equal(times(heard(p), "MAIL FROM"), 3);
    assert_int_equal(times(heard(p), "RCPT TO"), 250);
    QUEUED(0);
}

/* ---- sessions and generations */

static struct session *connect_from(const char *ip)
{
    struct sock_addr peer = { .port = 4321 }, local = { .port = 25 };
    struct session *s;

    ip_parse(str_of(ip), &peer.ip);
    ip_parse(STR("198.51.100.25"), &local.ip);
    s = engine_session_bytes(engine, &peer, &local);
    settle();
    return s;
}

static void too_many_sessions_are_told_so(void **state)
{
    struct session *s[4];

    (void)state;
    p_int("smtp_accept_max", 3);
    p_int("smtp_accept_max_per_host", 1);
    engine_up();
    s[0] = connect_from("192.0.2.1");
    s[1] = connect_from("192.0.2.1");
    s[2] = connect_from("192.0.2.2");
    s[3] = connect_from("192.0.2.3");
    assert_true(str_starts(buf_str(session_output(s[0])), STR("220 mx.example.org")));
    assert_true(str_starts(buf_str(session_output(s[1])), STR("421 4.7.0")));
    assert_true(str_starts(buf_str(session_output(s[2])), STR("220 ")));
    assert_true(str_starts(buf_str(session_output(s[3])), STR("421 4.3.2")));
    LOGGED("Connection from [192.0.2.1] refused: too many connections from that IP address");
    for (int i = 0; i < 4; i++)
        session_close(s[i]);
    p_int("smtp_accept_max", 0);
    p_int("smtp_accept_max_per_host", 0);
}

static bool greeted(const char *from)
{
    struct session *s = connect_from(from);
    bool yes = str_starts(buf_str(session_output(s)), STR("220 "));

    session_close(s);
    settle();
    return yes;
}

static void a_network_has_room_for_four_addresses(void **state)
{
    static const char *const from[] = { "2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5" };
    struct session *s[4];

    (void)state;
    p_int("smtp_accept_max_per_host", 1);
    engine_up();
    for (int i = 0; i < 4; i++) {
        s[i] = connect_from(from[i]);
        assert_true(str_starts(buf_str(session_output(s[i])), STR("220 ")));
    }
    assert_false(greeted(from[4]));
    assert_true(greeted("2001:db8:0:1::5"));
    session_close(s[0]);
    settle();
    assert_true(greeted(from[4]));
    for (int i = 1; i < 4; i++)
        session_close(s[i]);
    p_int("smtp_accept_max_per_host", 0);
}

static void an_address_comes_as_often_as_it_may(void **state)
{
    static const char *const networked[] = { "2001:db8::a", "2001:db8::b", "2001:db8::c", "2001:db8::d" };

    (void)state;
    p_str("smtp_accept_rate_per_host", "3 / 1m");
    engine_up();
    for (int i = 0; i < 3; i++)
        assert_true(greeted("192.0.2.1"));
    assert_false(greeted("192.0.2.1"));
    LOGGED("Connection from [192.0.2.1] refused: too many new connections from that IP address in a short time");
    assert_int_equal(times(log_text_seen, "refused"), 1);
    assert_true(greeted("192.0.2.2"));
    advance(21);                        /* a third of the minute: one more */
    assert_true(greeted("192.0.2.1"));
    assert_false(greeted("192.0.2.1"));
    advance(61);
    for (int i = 0; i < 3; i++)
        assert_true(greeted("192.0.2.1"));
    assert_false(greeted("192.0.2.1"));
    /* A thousand addresses of one /64 are one stranger. */
    for (int i = 0; i < 12; i++)
        assert_true(greeted(networked[i % 4]));
    assert_false(greeted("2001:db8::4"));
    assert_true(greeted("2001:db8:1::4"));
    p_str("smtp_accept_rate_per_host", "");
}

static void switch_to(uint32_t generation)
{
    struct policy *p = p_new(generation);

    engine_switch(engine, p);
    policy_release(p);
    settle();
}

static void an_old_generation_ends_its_sessions(void **state)
{
    struct session *s[10], *late;

    (void)state;
    engine_up();
    clock_step(5 * 3600 * 1000);        /* its age while it served does not count */
    for (uint32_t i = 0; i < 8; i++) {
        s[i] = connect_from("192.0.2.1");
        switch_to(2 + i);
    }
    assert_true(session_over(s[0]));    /* nine are alive: the oldest goes */
    assert_false(session_over(s[1]));
    for (uint32_t i = 0; i < 20; i++)
        switch_to(20 + i);
    assert_false(session_over(s[2]));   /* generations nobody uses do not count */
    late = connect_from("192.0.2.1");
    switch_to(50);
    clock_step(3601 * 1000);
    switch_to(51);
    assert_true(session_over(s[2]));
    assert_true(session_over(late));
    assert_int_not_equal(str_find_str(buf_str(session_output(late)), STR("421 4.3.2")), SIZE_MAX);
    for (uint32_t i = 0; i < 8; i++)
        session_close(s[i]);
    session_close(late);
}

static const char *seen_event(const char *name, const struct txn *t, struct str data, int err)
{
    size_t n = strlen(log_text_seen);

    (void)t;
    snprintf(log_text_seen + n, 65536 - n, "event %s <%.*s> %d\n", name, STR_ARG(data), err);
    return "";
}

static const char *object_tcp(const char *name, const struct txn *t, struct str data, int err)
{
    seen_event(name, t, data, err);
    return !strcmp(name, "tcp:connect") ? "no" : "";
}

static const char *object_banner(const char *name, const struct txn *t, struct str data, int err)
{
    seen_event(name, t, data, err);
    return !strcmp(name, "smtp:connect") ? "not to them" : !strncmp(name, "msg:", 4) ? "ignored" : "";
}

#define ALL_EVENTS " tcp:connect smtp:connect tcp:close msg:delivery msg:complete msg:host:defer msg:defer msg:fail:delivery msg:fail:internal "

static void in_order(const char *const *what, size_t n)
{
    const char *at = log_text_seen;

    for (size_t i = 0; i < n; i++) {
        at = strstr(at, what[i]);
        if (!at)
            fail_msg("out of order or missing: %s\n%s", what[i], log_text_seen);
    }
}

static void events_come_in_their_order(void **state)
{
    static const char *const good[] = { "event tcp:connect", "event smtp:connect <", "event tcp:close", "=> one@x", "event msg:delivery <250",
                                        "-> two@x", "event msg:delivery <250", "Completed", "event msg:complete" };
    static const char *const bad[] = { "H=h192.0.2.2 [192.0.2.2] Connection refused", "event msg:host:defer <Connection refused> 111",
                                       "event msg:defer", "== three@y.example" };

    (void)state;
    p_route((struct p_route){ .domain = "y.example", .transport = "out", .hosts = "192.0.2.2" });
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    P.events = ALL_EVENTS;
    P.answer = seen_event;
    engine_up();
    peer_at("192.0.2.1:25");
    say("ann@there.example", "one@x.example two@x.example", MESSAGE);
    if (!later)
        in_order(good, sizeof good / sizeof *good);
    assert_int_equal(times(log_text_seen, "event msg:delivery"), 2);
    assert_int_equal(times(log_text_seen, "event tcp:close"), 1);
    say("ann@there.example", "three@y.example", MESSAGE);
    if (!later)
        in_order(bad, sizeof bad / sizeof *bad);
    assert_int_equal(times(log_text_seen, "event msg:host:defer"), 1);
    assert_int_equal(times(log_text_seen, "event tcp:close"), 1);
}

static void an_objection_at_tcp_connect_makes_no_connection(void **state)
{
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    P.events = ALL_EVENTS;
    P.answer = object_tcp;
    engine_up();
    p = peer_at("192.0.2.1:25");
    say("ann@there.example", "one@x.example", MESSAGE);
    assert_int_equal(peer_connections(p), 0);
    LOGGED("== one@x.example R=plain T=out H=h192.0.2.1 [192.0.2.1] defer (-58): Event requests alternate response");
    QUEUED(1);
}

static void an_objection_to_the_banner_closes(void **state)
{
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    P.events = ALL_EVENTS;
    P.answer = object_banner;
    engine_up();
    p = peer_at("192.0.2.1:25");
    say("ann@there.example", "one@x.example", MESSAGE);
    LOGGED("deferred by smtp:connect event expansion: not to them");
    assert_int_equal(times(heard(p), "MAIL FROM"), 0);
    QUEUED(1);
}

static enum verb refuse_bob(enum phase ph, const struct txn *t)
{
    if (ph == PH_RCPT && t->addr && str_starts(t->addr->address, STR("bob")))
        return V_DENY;
    return V_ACCEPT;
}

static void rules_are_asked_at_each_phase(void **state)
{
    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    P.acl = refuse_bob;
    engine_up();
    assert_int_equal(strncmp(say("ann@there.example", "bob@example.org eve@example.org", MESSAGE), "250", 3), 0);
    LOGGED("F=<ann@there.example> rejected RCPT <bob@example.org>");
    LOGGED("=> eve <eve@example.org>");
    NOT_LOGGED("=> bob");
}

static void drain_ends_when_nothing_is_left(void *ctx) { *(bool *)ctx = true; }

static void a_drain_waits_for_what_is_on_its_way(void **state)
{
    bool over = false;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    engine_up();
    say("ann@there.example", "one@x.example", MESSAGE);
    engine_drain(engine, 30000, drain_ends_when_nothing_is_left, &over);
    settle();
    assert_true(over);
}

static void stored(void *ctx, enum status st, struct msg_id id, const struct why *why)
{
    (void)id;
    (void)why;
    *(int *)ctx = (int)st;
}

static void a_local_submission_is_put_right(void **state)
{
    struct str to[] = { STR("bob@example.org") };
    struct submission s = { .rcpts = to, .nrcpts = 1, .message = STR("To: x@example.org\nBcc: y@example.org\nFrom: <else@example.com>\n\nhi\n"),
                            .login = STR("ann"), .uid = 1000, .gid = 1000 };
    int st = -1;

    (void)state;
    p_route((struct p_route){ .domain = "*", .transport = "box" });
    engine_up();
    engine_submit(engine, &s, stored, &st);
    settle();
    assert_int_equal(st, ST_OK);
    LOGGED("<= ann@example.org U=ann P=local");
    assert_non_null(strstr(delivered, "Sender: ann@example.org\r\n"));
    assert_non_null(strstr(delivered, "Message-Id: <E"));
    assert_non_null(strstr(delivered, "Date: "));
    s.from_headers = true;
    s.nrcpts = 0;
    delivered[0] = 0;
    engine_submit(engine, &s, stored, &st);
    settle();
    assert_non_null(strstr(delivered, "[x@example.org box"));
    assert_non_null(strstr(delivered, "[y@example.org box"));
    assert_null(strstr(delivered, "Bcc:"));
    s.message = STR("Subject: nobody\n\n");
    engine_submit(engine, &s, stored, &st);
    settle();
    assert_int_equal(st, ST_NEVER);
}

/* The record of a delivery is on disk before the next attempt begins: a crash
 * between two deliveries of a message repeats none that was recorded. */
static void what_was_delivered_is_recorded_while_others_are_open(void **state)
{
    struct spool_msg m;
    struct msg_id id = { "" };
    struct arena a = { 0 };
    struct conn c;
    struct txn *t;
    struct peer *p;

    (void)state;
    p_route((struct p_route){ .domain = "example.org", .transport = "box" });
    p_route((struct p_route){ .domain = "*", .transport = "out", .hosts = "192.0.2.1" });
    engine_up();
    p = peer_at("192.0.2.1:25");
    tell(p, STR("stall"), STR("dot"));
    say("ann@there.example", "one@example.org two@x.example", MESSAGE);
    LOGGED("=> one <one@example.org>");
    snprintf(id.s, sizeof id.s, "%.16s", strstr(log_text_seen, "<=") - 17);
    assert_int_equal(spool_load(engine_spool(engine), id, &a, &m, NULL), ST_OK);
    conn_init(&c);
    t = txn_new(&c);
    assert_int_equal(envelope_read(m.envelope, &c, t, NULL), ST_OK);
    assert_int_equal(envelope_state_read(m.state.blob, t, NULL), ST_OK);
    assert_int_equal(t->rcpts[0].state, RCPT_DONE);
    assert_int_equal(t->rcpts[1].state, RCPT_PENDING);
    assert_int_equal(m.state.pending, 1);
    spool_body_close(m.body);
    txn_free(t);
    conn_free(&c);
    arena_free(&a);
}

/* A connection over loopback, as a listener would hand it in. *client is its other end. */
static int connection(int *client, struct sock_addr *peer, struct sock_addr *local)
{
    struct sock_addr any = { .port = 0 };
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    struct why why;
    int listener, fd;

    ip_parse(STR("127.0.0.1"), &any.ip);
    assert_int_equal(sock_listen(&any, 1, &listener, &why), ST_OK);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*client, (struct sockaddr *)&at, n), 0);
    fd = sock_accept(listener, peer, local);
    assert_true(fd >= 0);
    close(listener);
    return fd;
}

static void tcp_nodelay_is_off_where_the_site_says_so(void **state)
{
    static const struct { bool set, value; int want; } rows[] = { { false, false, 1 }, { true, true, 1 }, { true, false, 0 } };

    (void)state;
    engine_up();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sock_addr peer = { 0 }, local = { 0 };
        int client, fd = connection(&client, &peer, &local), seen = dup(fd), is = -1;
        socklen_t n = sizeof is;
        struct session *s;

        if (rows[i].set)
            p_bool("tcp_nodelay", rows[i].value);
        s = engine_session(engine, fd, &peer, &local);
        assert_non_null(s);
        assert_int_equal(getsockopt(seen, IPPROTO_TCP, TCP_NODELAY, &is, &n), 0);
        assert_int_equal(is != 0, rows[i].want);
        close(seen);
        close(client);
        settle();
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
#define N(name, f) { name, f, up, down, NULL }
        T(tcp_nodelay_is_off_where_the_site_says_so),
        T(a_message_goes_into_a_mailbox),
        T(recipients_of_one_destination_share_a_transaction),
        N("EV-T6 each recipient has its own end", each_recipient_has_its_own_end),
        T(each_event_is_told_as_json_too),
        T(hosts_are_tried_in_order_and_remembered),
        T(what_no_host_takes_waits_and_is_given_up_in_the_end),
        T(a_bounce_that_fails_is_frozen_and_never_bounced),
        T(copies_and_lists_reach_each_place_once),
        T(a_connection_that_died_idle_costs_nothing),
        T(a_host_that_stalls_is_left_after_the_deadline),
        T(commands_change_the_queue),
        T(held_destinations_wait_and_go_when_released),
        T(the_option_holds_domains_too),
        T(a_slow_destination_leaves_room_for_others),
        T(many_recipients_go_in_several_transactions),
        T(too_many_sessions_are_told_so),
        T(a_network_has_room_for_four_addresses),
        T(an_address_comes_as_often_as_it_may),
        T(an_old_generation_ends_its_sessions),
        N("EV-T1 EV-T5 EV-T7 events come in their order", events_come_in_their_order),
        N("EV-T2 an objection at tcp:connect makes no connection", an_objection_at_tcp_connect_makes_no_connection),
        N("EV-T3 an objection to the banner closes the connection", an_objection_to_the_banner_closes),
        T(rules_are_asked_at_each_phase),
        T(a_drain_waits_for_what_is_on_its_way),
        T(a_local_submission_is_put_right),
        N("SF-T3 what was delivered is on record while other recipients are open", what_was_delivered_is_recorded_while_others_are_open),
    };

    return cmocka_run_group_tests_name(later ? "rules that wait" : "rules that answer at once", tests, NULL, NULL);
}

int main(void)
{
    int failed = run();

    later = true;
    return failed + run();
}
