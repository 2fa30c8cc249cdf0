#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mail/pair.h"

/* As Exim 4.96 wrote it. */
static const char real[] =
    "1xUQe2-0006E1-15-H\nroot 0 0\n<alice@example.net>\n1795188922 0\n-received_time_usec .339984\n"
    "-received_time_complete 1795188922.340030\n--helo_name client.example.net\n--host_address [192.0.2.7]:4567\n"
    "--host_name client.example.net\n--interface_address [203.0.113.9]:25\n--ident identx\n-received_protocol utf8esmtp\n"
    "--aclc _seen 22\nfrom alice@example.net\n-aclm _safe 5\nconst\n-body_linecount 2\n-max_received_linelength 31\n"
    "-deliver_firsttime\n-tls_resumption A\n-smtputf8\n-dsn_envid abc123\n-dsn_ret 2\n"
    "YN carol@hold.test\nNN bob@other.test\n3\n"
    "bob@alias.test rfc822;bob@alias.test 21,20  0,-1#3\ncarol@hold.test\ndave@ok.test  0,2  0,-1#3\n\n"
    "025T To: bob@alias.test,\n a@b\n012* Subject: no\n013  Subject: yes\n";

static void a_file_of_exims_is_read(void **state)
{
    struct arena a = { 0 };
    struct pair p;
    struct why why = { 0 };
    (void)state;
    if (pair_read(&a, str_of(real), &p, &why) != ST_OK)
        fail_msg("%s", why.text);
    assert_true(str_same(p.id, STR("1xUQe2-0006E1-15")));
    assert_true(str_same(p.sender, STR("alice@example.net")));
    assert_int_equal(p.received_us, 1795188922339984);
    assert_int_equal(p.complete_us, 1795188922340030);
    assert_true(p.first);
    assert_int_equal(p.nrcpts, 2);
    assert_true(str_same(p.rcpts[0], STR("bob@alias.test")));
    assert_true(str_same(p.rcpts[1], STR("dave@ok.test")));
    assert_int_equal(p.ndone, 1);
    assert_true(str_same(p.done[0], STR("carol@hold.test")));
    assert_int_equal(p.nothers, 1);
    assert_true(str_same(p.others[0], STR("bob@other.test")));
    assert_true(str_same(user_var_get(p.acl_c, STR("acl_c_seen"))->u.s, STR("from alice@example.net")));
    assert_true(str_same(p.helo, STR("client.example.net")));
    assert_true(str_same(p.all[0].orcpt, STR("rfc822;bob@alias.test")));
    assert_int_equal(p.all[0].dsn, DSN_SUCCESS | DSN_DELAY);
    assert_null(p.all[0].errors_to.p);
    assert_int_equal(p.all[2].dsn, DSN_NEVER);
    assert_true(str_same(p.envid, STR("abc123")));
    assert_int_equal(p.dsn_ret, 2);
    assert_true(str_same(p.header, STR("To: bob@alias.test,\r\n a@b\r\nSubject: yes\r\n")));
    arena_free(&a);
}

static void what_we_write_is_read_again(void **state)
{
    struct arena a = { 0 };
    struct conn c;
    struct txn *t;
    struct buf b = { 0 };
    struct pair p;
    struct why why = { 0 };
    struct msg_id id = { "1xUQe2-0100AB-15" };
    struct val v = { .type = VAL_STR, .u.s = STR_INIT("two\nlines") };

    (void)state;
    conn_init(&c);
    c.smtp = true;
    c.helo = STR("there.example");
    assert_true(ip_parse(STR("2001:db8::7"), &c.client_ip));
    t = txn_new(&c);
    t->sender = STR("a@there.example");
    t->received_us = 1795188922339984;
    user_var_set(&t->arena, &t->acl_m, STR("acl_m_text"), &v);
    txn_add_rcpt(t, STR("one@example.org"));
    txn_add_rcpt(t, STR("two words@example.org"));
    txn_add_rcpt(t, STR("three@example.org"))->state = RCPT_DONE;
    pair_write(t, id, STR("Received: by us;\r\n\tnow\r\nSubject: x\r\n"), true, &b);
    if (pair_read(&a, buf_str(&b), &p, &why) != ST_OK)
        fail_msg("%s in\n%.*s", why.text, STR_ARG(buf_str(&b)));
    assert_true(str_same(p.sender, t->sender));
    assert_int_equal(p.nrcpts, 2);
    assert_true(str_same(p.rcpts[1], STR("two words@example.org")));
    assert_true(str_same(p.header, STR("Received: by us;\r\n\tnow\r\nSubject: x\r\n")));
    assert_true(p.frozen);
    txn_free(t);
    conn_free(&c);
    buf_free(&b);
    arena_free(&a);
}

/* Everything that lasts: times, frozen, who has it already, the host, variables. */
static void a_message_comes_back_as_it_went(void **state)
{
    struct arena a = { 0 };
    struct conn c, c2;
    struct txn *t, *t2;
    struct rcpt *note;
    struct buf b = { 0 }, again = { 0 };
    struct pair p;
    struct why why = { 0 };
    struct msg_id id = { "1xUQe2-0100AB-15" };
    struct val v = { .type = VAL_STR, .u.s = STR_INIT("two\nlines") };
    struct str header = STR("Subject: x\r\n");

    (void)state;
    conn_init(&c);
    c.smtp = true;
    c.uid = c.gid = -1;
    c.helo = STR("there.example");
    c.host_name = STR("mx.there.example");
    c.client_port = 4567;
    assert_true(ip_parse(STR("2001:db8::7"), &c.client_ip));
    t = txn_new(&c);
    t->sender = STR("a@there.example");
    t->protocol = STR("esmtps");
    t->received_us = 1795188922339984;
    t->received_done_us = 1795188923000001;
    t->frozen = true;
    t->frozen_at = 1795188999;
    t->warnings_sent = 2;
    user_var_set(&t->arena, &t->acl_m, STR("acl_m_text"), &v);
    *txn_add_rcpt(t, STR("left@example.org")) = (struct rcpt){
        .addr = STR("left@example.org"), .orcpt = STR("rfc822;Left@example.org"), .dsn = DSN_FAILURE, .errors_to = STR("owner@example.org") };
    txn_add_rcpt(t, STR("owned@example.org"))->errors_to = STR("owner two@example.org");
    c.auth_name = STR("plain");
    t->envid = STR("QQ314");
    t->dsn_ret = 1;
    t->body_zeros = 3;
    txn_add_rcpt(t, STR("has@example.org"))->state = RCPT_DONE;
    note = txn_add_rcpt(t, STR(">list/remote/one@example.net"));
    note->added = true;
    note->state = RCPT_DONE;
    pair_write(t, id, header, true, &b);
    assert_int_equal(pair_read(&a, buf_str(&b), &p, &why), ST_OK);
    assert_int_equal(p.nothers, 1);
    conn_init(&c2);
    t2 = txn_new(&c2);
    pair_fill(&p, t2);
    assert_int_equal(c2.client_port, 4567);
    assert_int_equal(t2->nrcpts, 4);
    assert_true(t2->frozen && t2->rcpts[3].added && t2->rcpts[3].state == RCPT_DONE);
    assert_true(str_same(t2->rcpts[0].errors_to, STR("owner@example.org")) && str_same(t2->rcpts[0].orcpt, STR("rfc822;Left@example.org")));
    assert_true(str_same(t2->rcpts[1].errors_to, STR("owner two@example.org")) && t2->rcpts[0].dsn == DSN_FAILURE);
    pair_write(t2, id, header, t2->frozen, &again);
    if (!str_same(buf_str(&b), buf_str(&again)))
        fail_msg("%.*s\nbecame\n%.*s", STR_ARG(buf_str(&b)), STR_ARG(buf_str(&again)));
    txn_free(t);
    txn_free(t2);
    conn_free(&c);
    conn_free(&c2);
    buf_free(&b);
    buf_free(&again);
    arena_free(&a);
}

static const char *const bad[] = {
    "", "x", "1xUQe2-0006E1-15-H\n", "1xUQe2-0006E1-15-H\nroot\n", "1xUQe2-0006E1-15-H\nroot 0 0\nalice\n",
    "1xUQe2-0006E1-15-H\nroot 0 0\n<a@b>\nnever 0\n", "1xUQe2-0006E1-15-H\nroot 0 0\n<a@b>\n1 0\n--aclm x 999\nshort\nXX\n0\n\n",
    "1xUQe2-0006E1-15-H\nroot 0 0\n<a@b>\n1 0\nXX\n16385\n", "1xUQe2-0006E1-15-H\nroot 0 0\n<a@b>\n1 0\nXX\n1\na@b\n\n999  x\n",
    "1xUQe2-0006E1-15-H\nroot 0 0\n<a@b>\n1 0\nYY x\n0\n\n", "1xUQe2-0006E1-15-H\nroot 0 0\n<a@b>\n1 0\nXX\n1\na@b 99,1 3,-1#3\n\n",
};

static void a_damaged_file_is_refused(void **state)
{
    struct arena a = { 0 };
    struct pair p;
    struct why why = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (pair_read(&a, str_of(bad[i]), &p, &why) == ST_OK)
            fail_msg("row %zu was read", i);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_exims_is_read),
        cmocka_unit_test(what_we_write_is_read_again),
        cmocka_unit_test(a_message_comes_back_as_it_went),
        cmocka_unit_test(a_damaged_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
