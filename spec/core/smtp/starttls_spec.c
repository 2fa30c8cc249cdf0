#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "peer.h"

#define EHLO "EHLO there.example\r\n"
#define MAIL "MAIL FROM:<a@there.example>\r\n"
#define RCPT "RCPT TO:<b@example.org>\r\n"

static void open_peer(struct peer *p)
{
    peer_init(p);
    p->cfg.offer_tls = true;
}

static bool said(const struct peer *p, const char *what)
{
    return str_find_str(buf_str(&p->said), str_of(what)) != SIZE_MAX;
}

static void says(struct peer *p, const char *text, const char *want)
{
    buf_clear(&p->said);
    peer_say(p, text);
    if (!str_starts(buf_str(&p->said), str_of(want)))
        fail_msg("after %s: %.*s", text, STR_ARG(buf_str(&p->said)));
}

static void noted(const struct peer *p, const char *what)
{
    if (str_find_str(buf_str(&p->notes), str_of(what)) == SIZE_MAX)
        fail_msg("not noted: %s in %.*s", what, STR_ARG(buf_str(&p->notes)));
}

/* ---- the usual way */

static void it_is_offered_in_clear_and_not_again(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct peer p;

        open_peer(&p);
        p.late = late;
        peer_start(&p);
        says(&p, EHLO, "250-");
        assert_true(said(&p, "250 STARTTLS\r\n"));
        says(&p, "STARTTLS\r\n", "220 2.0.0 Ready to start TLS\r\n");
        says(&p, EHLO, "250-");
        assert_false(said(&p, "STARTTLS"));
        says(&p, "STARTTLS\r\n", "503 5.5.1 the connection is encrypted already");
        says(&p, MAIL, "250");
        assert_true(str_same(conn_protocol(&p.c), STR("esmtps")));
        peer_free(&p);
    }
}

static const struct { const char *title, *before, *say, *hear; } REFUSED[] = {
    { "before EHLO", "", "STARTTLS\r\n", "503 5.5.1 STARTTLS is not offered here" },
    { "after HELO", "HELO there.example\r\n", "STARTTLS\r\n", "503 5.5.1 STARTTLS is not offered here" },
    { "with an argument", EHLO, "STARTTLS now\r\n", "501 5.5.4 STARTTLS takes no argument" },
};

static void it_is_refused_where_it_has_no_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        struct peer p;

        open_peer(&p);
        peer_start(&p);
        if (REFUSED[i].before[0])
            peer_say(&p, REFUSED[i].before);
        says(&p, REFUSED[i].say, REFUSED[i].hear);
        assert_false(smtp_server_handshaking(p.s));
        peer_free(&p);
    }
}

/* R3.4, RFC 3207 4.2. What rules set in acl_c_ variables is theirs and stays. */
static void nothing_said_in_clear_counts_afterwards(void **state)
{
    struct val v = { .type = VAL_INT, .u.i = 1 };
    struct peer p;

    (void)state;
    open_peer(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    p.c.auth_id = p.c.auth_name = p.c.auth_fail_id = STR("ann");
    p.c.auth_failed = p.c.helo_verified = true;
    user_var_set(&p.c.arena, &p.c.acl_c, STR("acl_c_x"), &v);
    peer_say(&p, MAIL);
    peer_say(&p, RCPT);
    says(&p, "STARTTLS\r\n", "220");
    assert_null(p.c.helo.p);
    assert_null(p.c.auth_id.p);
    assert_null(p.c.auth_name.p);
    assert_null(p.c.auth_fail_id.p);
    assert_false(p.c.esmtp || p.c.auth_failed || p.c.helo_verified);
    assert_non_null(user_var_get(p.c.acl_c, STR("acl_c_x")));
    assert_int_equal(p.drops, 1);
    noted(&p, "incomplete transaction (STARTTLS)");
    says(&p, MAIL, "503 5.5.1 HELO or EHLO comes first");
    says(&p, RCPT, "503 5.5.1 HELO or EHLO comes first");
    peer_free(&p);
}

static void with_tls_remember_esmtp_the_greeting_still_counts(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    p.cfg.remember_esmtp = true;
    peer_start(&p);
    peer_say(&p, EHLO);
    says(&p, "STARTTLS\r\n", "220");
    says(&p, MAIL, "250");
    assert_true(str_same(p.c.helo, STR("there.example")));
    peer_free(&p);
}

static void the_history_goes_on(void **state)
{
    static const char *const want[] = { "EHLO", "STARTTLS", "EHLO" };
    struct peer p;

    (void)state;
    open_peer(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, "starttls\r\n");
    peer_say(&p, EHLO);
    assert_int_equal(p.c.history_n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(p.c.history[i], want[i]);
    peer_free(&p);
}

/* ---- not now, not at all */

static void without_tls_the_client_may_go_on_in_clear(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct peer p;

        open_peer(&p);
        p.no_tls = true;
        p.late = late;
        peer_start(&p);
        peer_say(&p, EHLO);
        says(&p, "STARTTLS\r\n", "454 4.7.0 TLS is not available now");
        says(&p, MAIL, "250");
        peer_free(&p);
    }
}

static void rules_may_refuse_it(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    p.verdicts[PH_STARTTLS] = (struct verdict){ .verb = V_DENY };
    says(&p, "STARTTLS\r\n", "550 5.7.0 refused by local policy");
    p.verdicts[PH_STARTTLS] = (struct verdict){ .verb = V_DEFER, .message = STR("later") };
    says(&p, "STARTTLS\r\n", "454 4.7.0 later");
    noted(&p, "rejected STARTTLS: refused by local policy");
    p.verdicts[PH_STARTTLS] = (struct verdict){ .verb = V_ACCEPT };
    says(&p, "STARTTLS\r\n", "220");
    peer_free(&p);
}

static void a_handshake_that_fails_ends_the_session_without_a_word(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    p.shake = SHAKE_NO;
    peer_start(&p);
    peer_say(&p, EHLO);
    says(&p, "STARTTLS\r\n", "220 2.0.0 Ready to start TLS\r\n");
    assert_int_equal(p.said.n, strlen("220 2.0.0 Ready to start TLS\r\n"));
    assert_true(smtp_server_over(p.s));
    assert_string_equal(p.c.notquit_reason, "tls-failed");
    noted(&p, "(SSL_accept): bad handshake");
    peer_free(&p);
}

static void a_handshake_has_its_time(void **state)
{
    struct peer p;

    (void)state;
    clock_fake(1000000000000);
    open_peer(&p);
    p.shake = SHAKE_WAIT;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, "STARTTLS\r\n");
    assert_true(smtp_server_handshaking(p.s));
    assert_int_equal(smtp_server_deadline(p.s), clock_mono_ms() + 30 * 1000);
    assert_int_equal(smtp_server_input(p.s, STR("RSET\r\n")), 0);
    smtp_server_timeout(p.s);
    assert_true(smtp_server_handshaking(p.s));
    clock_step(30 * 1000);
    buf_clear(&p.said);
    smtp_server_timeout(p.s);
    peer_collect(&p);
    assert_int_equal(p.said.n, 0);
    assert_true(smtp_server_over(p.s));
    noted(&p, "(SSL_accept): timed out");
    peer_free(&p);
}

static void a_client_may_vanish_in_it(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    p.shake = SHAKE_WAIT;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, "STARTTLS\r\n");
    smtp_server_lost(p.s);
    assert_true(smtp_server_over(p.s));
    noted(&p, "(SSL_accept): the client closed the connection");
    peer_free(&p);
}

/* ---- R3.4: commands put in front of the handshake by somebody else (CVE-2011-0411) */

static void what_follows_starttls_in_clear_ends_the_session(void **state)
{
    (void)state;
    for (int enforced = 0; enforced < 2; enforced++) {
        struct peer p;

        open_peer(&p);
        p.cfg.enforce_sync = enforced;
        peer_start(&p);
        peer_say(&p, EHLO);
        says(&p, "STARTTLS\r\n" MAIL RCPT, "554 5.5.0 SMTP synchronization error\r\n");
        assert_true(smtp_server_over(p.s));
        assert_false(said(&p, "220"));
        noted(&p, "SMTP protocol synchronization error");
        peer_free(&p);
    }
}

static void likewise_when_it_came_while_rules_were_asked(void **state)
{
    struct peer p;
    struct verdict yes = { .verb = V_ACCEPT };

    (void)state;
    open_peer(&p);
    p.cfg.enforce_sync = false;
    peer_start(&p);
    peer_say(&p, EHLO);
    p.late = true;
    buf_clear(&p.said);
    smtp_server_input(p.s, STR("STARTTLS\r\n"));
    smtp_server_pending(p.s, 6);
    smtp_server_answer(p.s, &yes);
    peer_collect(&p);
    assert_true(said(&p, "554 5.5.0"));
    assert_true(smtp_server_waiting(p.s));      /* notquit */
    p.open = -1;
    peer_free(&p);
}

static void likewise_while_tls_was_made_ready(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    p.cfg.enforce_sync = false;
    peer_start(&p);
    peer_say(&p, EHLO);
    p.late = true;
    buf_clear(&p.said);
    smtp_server_input(p.s, STR("STARTTLS\r\n"));
    smtp_server_answer(p.s, &p.verdicts[PH_STARTTLS]);
    assert_int_equal(p.open, PEER_TLS);
    smtp_server_pending(p.s, 1);
    smtp_server_tls_ready(p.s, true);
    peer_collect(&p);
    assert_true(said(&p, "554 5.5.0"));
    assert_false(smtp_server_handshaking(p.s));
    p.open = -1;
    peer_free(&p);
}

/* ---- TLS before the first reply */

static void on_connect_the_banner_comes_under_tls(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct peer p;

        peer_init(&p);
        p.cfg.tls_on_connect = p.cfg.offer_tls = true;
        p.shake = SHAKE_WAIT;
        p.late = late;
        peer_start(&p);
        assert_int_equal(p.said.n, 0);
        assert_true(smtp_server_handshaking(p.s));
        p.shake = SHAKE_YES;
        peer_settle(&p);
        assert_true(said(&p, "220 mx.example ESMTP\r\n"));
        says(&p, EHLO, "250-");
        assert_false(said(&p, "STARTTLS"));
        says(&p, MAIL, "250");
        peer_free(&p);
    }
}

static void on_connect_the_message_of_the_acl_is_the_banner(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.tls_on_connect = true;
    p.verdicts[PH_CONNECT] = (struct verdict){ .verb = V_ACCEPT, .message = STR("our own words") };
    peer_start(&p);
    assert_true(said(&p, "220 our own words\r\n"));
    peer_free(&p);
}

static const struct { const char *title; enum verb verb; bool no_tls; int shake; const char *reason, *note; } SILENT[] = {
    { "refused by rules", V_DENY, false, SHAKE_YES, "acl-drop", "rejected connection in \"connect\" ACL" },
    { "dropped by rules", V_DROP, false, SHAKE_YES, "acl-drop", "rejected connection in \"connect\" ACL" },
    { "deferred by rules", V_DEFER, false, SHAKE_YES, "acl-drop", "temporarily rejected connection" },
    { "no TLS to be had", V_ACCEPT, true, SHAKE_YES, "tls-failed", "" },
    { "a failed handshake", V_ACCEPT, false, SHAKE_NO, "tls-failed", "(SSL_accept): bad handshake" },
};

static void on_connect_nothing_is_ever_said_in_clear(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof SILENT / sizeof *SILENT; i++) {
        size_t k = i / 2;
        struct peer p;

        peer_init(&p);
        p.cfg.tls_on_connect = true;
        p.late = i % 2;
        p.verdicts[PH_CONNECT].verb = SILENT[k].verb;
        p.no_tls = SILENT[k].no_tls;
        p.shake = SILENT[k].shake;
        peer_start(&p);
        if (p.said.n || !smtp_server_over(p.s))
            fail_msg("%s: %.*s", SILENT[k].title, STR_ARG(buf_str(&p.said)));
        assert_string_equal(p.c.notquit_reason, SILENT[k].reason);
        noted(&p, SILENT[k].note);
        peer_free(&p);
    }
}

static void on_connect_a_hello_that_is_early_is_not_out_of_turn(void **state)
{
    struct peer p;

    (void)state;
    peer_init(&p);
    p.cfg.tls_on_connect = true;
    p.late = true;
    p.s = smtp_server_new(&p.c, &p.cfg, &peer_ops, &p);
    smtp_server_start(p.s);
    smtp_server_pending(p.s, 200);
    peer_settle(&p);
    assert_true(said(&p, "220 mx.example"));
    peer_free(&p);
}

static void a_farewell_waits_for_the_handshake(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    p.shake = SHAKE_WAIT;
    peer_start(&p);
    peer_say(&p, EHLO);
    peer_say(&p, "STARTTLS\r\n");
    buf_clear(&p.said);
    smtp_server_shutdown(p.s, STR("going down"));
    peer_collect(&p);
    assert_int_equal(p.said.n, 0);
    p.shake = SHAKE_YES;
    peer_settle(&p);
    assert_true(said(&p, "421 4.3.2 going down\r\n"));
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

/* An engine that ends, unlike rules that were replaced, waits for nobody who cannot have given it mail. */
static void who_leaves_waits_for_no_handshake(void **state)
{
    struct peer p;

    (void)state;
    for (int on_connect = 0; on_connect < 2; on_connect++) {
        open_peer(&p);
        p.cfg.tls_on_connect = on_connect;
        p.shake = SHAKE_WAIT;
        peer_start(&p);
        if (!on_connect) {
            peer_say(&p, EHLO);
            peer_say(&p, "STARTTLS\r\n");
        }
        buf_clear(&p.said);
        assert_true(smtp_server_handshaking(p.s));
        smtp_server_leave(p.s, STR("going down"));
        peer_collect(&p);
        assert_int_equal(p.said.n, 0);
        assert_true(smtp_server_over(p.s));
        assert_string_equal(p.c.notquit_reason, "signal-exit");
        peer_free(&p);
    }
}

/* TLS is being made ready when the engine ends. */
static void who_leaves_begins_no_handshake(void **state)
{
    struct peer p;

    (void)state;
    open_peer(&p);
    peer_start(&p);
    peer_say(&p, EHLO);
    p.late = true;
    smtp_server_input(p.s, STR("STARTTLS\r\n"));
    peer_answer(&p, PH_STARTTLS, p.open_txn);
    assert_int_equal(p.open, PEER_TLS);
    smtp_server_leave(p.s, STR("going down"));
    buf_clear(&p.said);
    peer_settle(&p);
    assert_true(str_same(buf_str(&p.said), STR("421 4.3.2 going down\r\n")));
    assert_true(smtp_server_over(p.s));
    peer_free(&p);

    peer_init(&p);
    p.cfg.tls_on_connect = p.late = true;
    p.s = smtp_server_new(&p.c, &p.cfg, &peer_ops, &p);
    smtp_server_start(p.s);
    peer_answer(&p, PH_CONNECT, p.open_txn);
    assert_int_equal(p.open, PEER_TLS);
    smtp_server_leave(p.s, STR("going down"));
    peer_settle(&p);
    assert_int_equal(p.said.n, 0);
    assert_true(smtp_server_over(p.s));
    peer_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_offered_in_clear_and_not_again),
        cmocka_unit_test(it_is_refused_where_it_has_no_place),
        { "R3.4 nothing said in clear counts after the handshake", nothing_said_in_clear_counts_afterwards, NULL, NULL, NULL },
        cmocka_unit_test(with_tls_remember_esmtp_the_greeting_still_counts),
        { "HIST-T4 the history of commands goes on after STARTTLS: EHLO,STARTTLS,EHLO", the_history_goes_on, NULL, NULL, NULL },
        cmocka_unit_test(without_tls_the_client_may_go_on_in_clear),
        cmocka_unit_test(rules_may_refuse_it),
        cmocka_unit_test(a_handshake_that_fails_ends_the_session_without_a_word),
        cmocka_unit_test(a_handshake_has_its_time),
        cmocka_unit_test(a_client_may_vanish_in_it),
        { "R3.4 what follows STARTTLS in clear ends the session, whatever is enforced", what_follows_starttls_in_clear_ends_the_session, NULL, NULL, NULL },
        { "R3.4 likewise when it came while rules were asked", likewise_when_it_came_while_rules_were_asked, NULL, NULL, NULL },
        { "R3.4 likewise when it came while TLS was made ready", likewise_while_tls_was_made_ready, NULL, NULL, NULL },
        { "SUBM-T1 TLS on connect: the banner comes under TLS", on_connect_the_banner_comes_under_tls, NULL, NULL, NULL },
        cmocka_unit_test(on_connect_the_message_of_the_acl_is_the_banner),
        { "SUBM-T1 TLS on connect: nothing is ever said in clear", on_connect_nothing_is_ever_said_in_clear, NULL, NULL, NULL },
        cmocka_unit_test(on_connect_a_hello_that_is_early_is_not_out_of_turn),
        cmocka_unit_test(a_farewell_waits_for_the_handshake),
        cmocka_unit_test(who_leaves_waits_for_no_handshake),
        cmocka_unit_test(who_leaves_begins_no_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
