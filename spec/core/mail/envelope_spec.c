#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "mail/txn.h"

struct pair { struct conn c; struct txn *t; };

static void open_pair(struct pair *p)
{
    conn_init(&p->c);
    p->t = txn_new(&p->c);
}

static void close_pair(struct pair *p)
{
    txn_free(p->t);
    conn_free(&p->c);
}

static struct val text(const char *s) { return (struct val){ .type = VAL_STR, .u.s = str_of(s) }; }

/* Everything a later phase may read, each with a value of its own. */
static void fill(struct conn *c, struct txn *t)
{
    struct val v;
    struct rcpt *r;

    c->smtp = c->esmtp = c->helo_verified = c->host_dnssec = c->helo_dnssec = c->auth_failed = true;
    c->tls = (struct at_tls){
        .version = STR("TLS1.3"), .cipher = STR("TLS1.3:TLS_AES_256_GCM_SHA384:256"), .cipher_std = STR("TLS_AES_256_GCM_SHA384"),
        .sni = STR("mx.example"), .peer_dn = STR("/CN=there.example"), .ourcert = { "0\0\1", 3 }, .peercert = { "0\0\2", 3 },
        .bits = 256, .verified = true, .ocsp = 4, .resumption = 31,
    };
    ip_parse(STR("2001:db8::7"), &c->client_ip);
    ip_parse(STR("192.0.2.1"), &c->local_ip);
    c->client_port = 65535;
    c->local_port = 25;
    c->helo = STR("there.example");
    c->helo_verify = LOOKUP_DEFERRED;
    c->host_name = STR("mail.there.example");
    c->host_lookup = LOOKUP_DONE;
    c->ident = STR("ann");
    c->active_hostname = STR("mx.example");
    c->protocol = STR("local-esmtp");
    c->since_us = 1772600767000123;
    c->count_at_start = 7;
    c->uid = 1000;
    c->gid = 0;
    c->auth_id = STR("ann");
    c->auth_name = STR("plain");
    c->auth_sender = STR("ann@example.org");
    c->auth_fail_id = STR("eve");
    v = text("one");
    user_var_set(&c->arena, &c->acl_c, STR("acl_c_x"), &v);
    v = (struct val){ .type = VAL_BOOL, .u.b = true };
    user_var_set(&c->arena, &c->acl_c, STR("acl_c_0"), &v);

    t->sender = STR("");
    t->rcpt_seen = 9;
    t->rcpt_deferred = 3;
    t->rcpt_refused = 4;
    t->size_declared = -1;
    t->body_8bit = t->smtputf8 = true;
    t->envid = STR("QQ314159");
    t->dsn_ret = 2;
    t->received_us = 1772600767000456;
    t->received_done_us = INT64_MAX;
    t->body_size = UINT64_MAX;
    t->body_lines = 20;
    t->body_zeros = 1;
    t->size = 1u << 31;
    t->max_line = 998;
    t->lines = 25;
    t->received_count = 3;
    t->protocol = STR("esmtp");
    t->queue_name = STR("slow");
    v = (struct val){ .type = VAL_INT, .u.i = -5 };
    user_var_set(&t->arena, &t->acl_m, STR("acl_m_n"), &v);
    v = (struct val){ .type = VAL_NUM, .u.d = 0.5 };
    user_var_set(&t->arena, &t->acl_m, STR("acl_m_half"), &v);
    t->verify_message = STR("vm");
    t->verify_mode = STR("S");
    t->sender_verify_failure = STR("mail");
    t->recipient_verify_failure = STR("recipient");
    t->sender_address_data = STR("sad");
    t->sender_data = STR("sd");
    t->recipient_data = STR("rd");
    t->host_data = STR("hd");
    t->freeze = t->freeze_no_tell = t->queue_only = t->queue_first_pass = t->discard = t->caseful = true;
    t->submission = t->submission_sender_retain = t->suppress_fixups = t->no_mbox_unspool = t->local_error = true;
    t->submission_domain = STR("example.org");
    t->submission_name = STR("Ann Lee");
    t->fake_reply = STR("no");
    t->fake_code = 450;
    t->frozen = t->manual_thaw = true;
    t->deliver_first_time = false;
    t->frozen_at = 1772600768;
    t->warnings_sent = 2;

    r = txn_add_rcpt(t, STR("b@example.org"));
    r->orcpt = STR("rfc822;b@example.org");
    r->dsn = DSN_SUCCESS | DSN_FAILURE;
    r->errors_to = STR("bounces@example.org");
    r->state = RCPT_FAILED;
    r->attempts = 300;
    r->first_failed = 1772600769;
    r->next_try = -1;
    r->last_errno = -58;
    r->last_error = STR("refused");
    r->last_host = STR("mx [192.0.2.5]");
    txn_add_rcpt(t, STR("c@example.net"));
}

static void same_vars(const struct user_var *a, const struct user_var *b)
{
    for (; a && b; a = a->next, b = b->next) {
        assert_true(str_same(a->name, b->name));
        assert_true(val_same(&a->v, &b->v));
    }
    assert_true(!a && !b);
}

#define SAME(x, y, f) do { if ((x)->f != (y)->f) fail_msg("%s differs", #f); } while (0)
#define SAME_STR(x, y, f) do { if (!str_same((x)->f, (y)->f) || !(x)->f.p != !(y)->f.p) fail_msg("%s differs", #f); } while (0)

static void same(const struct pair *a, const struct pair *b)
{
    const struct conn *x = &a->c, *y = &b->c;
    const struct txn *t = a->t, *u = b->t;

    SAME(x, y, smtp); SAME(x, y, esmtp); SAME(x, y, helo_verified); SAME(x, y, host_dnssec); SAME(x, y, helo_dnssec);
    SAME(x, y, auth_failed); SAME(x, y, client_port); SAME(x, y, local_port); SAME(x, y, helo_verify);
    SAME(x, y, host_lookup); SAME(x, y, since_us); SAME(x, y, count_at_start); SAME(x, y, uid); SAME(x, y, gid);
    SAME_STR(x, y, helo); SAME_STR(x, y, host_name); SAME_STR(x, y, ident); SAME_STR(x, y, active_hostname); SAME_STR(x, y, protocol);
    SAME_STR(x, y, auth_id); SAME_STR(x, y, auth_name); SAME_STR(x, y, auth_sender); SAME_STR(x, y, auth_fail_id);
    SAME_STR(x, y, tls.version); SAME_STR(x, y, tls.cipher); SAME_STR(x, y, tls.cipher_std); SAME_STR(x, y, tls.sni);
    SAME_STR(x, y, tls.peer_dn); SAME_STR(x, y, tls.ourcert); SAME_STR(x, y, tls.peercert);
    SAME(x, y, tls.bits); SAME(x, y, tls.verified); SAME(x, y, tls.ocsp); SAME(x, y, tls.resumption);
    assert_true(ip_same(x->client_ip, y->client_ip));
    assert_true(ip_same(x->local_ip, y->local_ip));
    same_vars(x->acl_c, y->acl_c);

    SAME(t, u, rcpt_seen); SAME(t, u, rcpt_deferred); SAME(t, u, rcpt_refused); SAME(t, u, size_declared); SAME(t, u, body_8bit);
    SAME(t, u, smtputf8); SAME(t, u, dsn_ret); SAME(t, u, received_us); SAME(t, u, received_done_us); SAME(t, u, body_size);
    SAME(t, u, body_lines); SAME(t, u, body_zeros); SAME(t, u, size); SAME(t, u, max_line); SAME(t, u, lines); SAME(t, u, received_count);
    SAME(t, u, freeze); SAME(t, u, freeze_no_tell); SAME(t, u, queue_only); SAME(t, u, queue_first_pass); SAME(t, u, discard);
    SAME(t, u, caseful); SAME(t, u, submission); SAME(t, u, submission_sender_retain); SAME(t, u, suppress_fixups);
    SAME(t, u, no_mbox_unspool); SAME(t, u, local_error); SAME(t, u, fake_code); SAME(t, u, frozen); SAME(t, u, manual_thaw);
    SAME(t, u, deliver_first_time); SAME(t, u, frozen_at); SAME(t, u, warnings_sent); SAME(t, u, nrcpts);
    SAME_STR(t, u, sender); SAME_STR(t, u, envid); SAME_STR(t, u, protocol); SAME_STR(t, u, queue_name); SAME_STR(t, u, verify_message);
    SAME_STR(t, u, verify_mode); SAME_STR(t, u, sender_verify_failure); SAME_STR(t, u, recipient_verify_failure);
    SAME_STR(t, u, sender_address_data); SAME_STR(t, u, sender_data); SAME_STR(t, u, recipient_data); SAME_STR(t, u, host_data);
    SAME_STR(t, u, submission_domain); SAME_STR(t, u, submission_name); SAME_STR(t, u, fake_reply);
    same_vars(t->acl_m, u->acl_m);
    for (uint32_t i = 0; i < t->nrcpts; i++) {
        const struct rcpt *r = &t->rcpts[i], *s = &u->rcpts[i];

        SAME_STR(r, s, addr); SAME_STR(r, s, orcpt); SAME(r, s, dsn); SAME(r, s, added); SAME_STR(r, s, errors_to); SAME(r, s, state);
        SAME(r, s, attempts); SAME(r, s, first_failed); SAME(r, s, next_try); SAME(r, s, last_errno); SAME_STR(r, s, last_error);
        SAME_STR(r, s, last_host);
    }
}

static void everything_survives_the_spool(void **state)
{
    struct pair a, b;
    struct buf env = { 0 }, st = { 0 };
    struct why why = { 0 };

    (void)state;
    open_pair(&a);
    open_pair(&b);
    fill(&a.c, a.t);
    envelope_write(a.t, &env);
    envelope_state_write(a.t, &st);
    if (envelope_read(buf_str(&env), &b.c, b.t, &why) != ST_OK || envelope_state_read(buf_str(&st), b.t, &why) != ST_OK)
        fail_msg("%s", why.text);
    same(&a, &b);
    close_pair(&a);
    close_pair(&b);
    buf_free(&env);
    buf_free(&st);
}

static void a_fresh_message_survives_too_and_is_small(void **state)
{
    struct pair a, b;
    struct buf env = { 0 }, st = { 0 };

    (void)state;
    open_pair(&a);
    open_pair(&b);
    a.t->sender = STR("a@there.example");
    txn_add_rcpt(a.t, STR("b@example.org"));
    envelope_write(a.t, &env);
    envelope_state_write(a.t, &st);
    assert_true(env.n < 100);
    assert_true(st.n < 10);
    assert_int_equal(envelope_read(buf_str(&env), &b.c, b.t, NULL), ST_OK);
    assert_int_equal(envelope_state_read(buf_str(&st), b.t, NULL), ST_OK);
    same(&a, &b);
    assert_null(b.c.helo.p);
    close_pair(&a);
    close_pair(&b);
    buf_free(&env);
    buf_free(&st);
}

static void recipients_added_later_live_in_the_state(void **state)
{
    struct pair a, b;
    struct buf env = { 0 }, st = { 0 };
    struct rcpt *r;

    (void)state;
    open_pair(&a);
    open_pair(&b);
    txn_add_rcpt(a.t, STR("list@example.org"));
    envelope_write(a.t, &env);
    a.t->rcpts[0].state = RCPT_DONE;
    r = txn_add_rcpt(a.t, STR("member@example.net"));
    r->added = true;
    r->errors_to = STR("owner@example.org");
    envelope_state_write(a.t, &st);
    assert_int_equal(envelope_read(buf_str(&env), &b.c, b.t, NULL), ST_OK);
    assert_int_equal(envelope_state_read(buf_str(&st), b.t, NULL), ST_OK);
    assert_int_equal(b.t->nrcpts, 2);
    assert_int_equal(b.t->rcpts[0].state, RCPT_DONE);
    assert_true(str_same(b.t->rcpts[1].addr, STR("member@example.net")));
    assert_true(str_same(b.t->rcpts[1].errors_to, STR("owner@example.org")));
    close_pair(&a);
    close_pair(&b);
    buf_free(&env);
    buf_free(&st);
}

static enum status read_env(struct str bytes)
{
    struct pair p;
    enum status st;
    char *copy = malloc(bytes.n + 1);

    open_pair(&p);
    memcpy(copy, bytes.p, bytes.n);
    st = envelope_read((struct str){ copy, bytes.n }, &p.c, p.t, NULL);
    if (st == ST_OK)
        envelope_state_read((struct str){ copy, bytes.n }, p.t, NULL);
    free(copy);
    close_pair(&p);
    return st;
}

static void damage_is_noticed_or_harmless(void **state)
{
    struct pair a;
    struct buf env = { 0 };
    size_t refused = 0;

    (void)state;
    open_pair(&a);
    fill(&a.c, a.t);
    envelope_write(a.t, &env);
    for (size_t n = 0; n < env.n; n++)
        refused += read_env(str_head(buf_str(&env), n)) == ST_NEVER;
    assert_true(refused > env.n / 2);
    for (size_t i = 0; i < env.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            env.mem[env.at + i] ^= (char)(1 << bit);
            read_env(buf_str(&env));
            env.mem[env.at + i] ^= (char)(1 << bit);
        }
    }
    close_pair(&a);
    buf_free(&env);
}

static const struct { const char *title; struct str bytes; enum status end; } RAW[] = {
    { "nothing", STR_INIT(""), ST_NEVER },
    { "only a version", STR_INIT("\x01"), ST_OK },
    { "another version", STR_INIT("\x02"), ST_NEVER },
    { "an unknown field", STR_INIT("\x01\x7f\x00"), ST_NEVER },
    { "an unknown field that may be skipped", STR_INIT("\x01\x80\x80\x01\x02xy"), ST_OK },
    { "a length beyond the end", STR_INIT("\x01\x15\x7fx"), ST_NEVER },
    { "a huge length", STR_INIT("\x01\x15\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), ST_NEVER },
    { "a number that does not end", STR_INIT("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ST_NEVER },
    { "a number written too long", STR_INIT("\x01\x90\x00\x01\x01"), ST_NEVER },
    { "a truth of 2", STR_INIT("\x01\x10\x01\x02"), ST_NEVER },
    { "a port of 65536", STR_INIT("\x01\x13\x03\x80\x80\x04"), ST_NEVER },
    { "an address of 5 octets", STR_INIT("\x01\x11\x05xxxxx"), ST_NEVER },
    { "a lookup state of 9", STR_INIT("\x01\x18\x01\x09"), ST_NEVER },
    { "a recipient without an address", STR_INIT("\x01\x01\x00"), ST_NEVER },
    { "a variable without a name", STR_INIT("\x01\x2a\x02\x00\x00"), ST_NEVER },
};

static void hostile_bytes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof RAW / sizeof *RAW; i++)
        if (read_env(RAW[i].bytes) != RAW[i].end)
            fail_msg("%s", RAW[i].title);
}

static void a_state_must_fit_its_envelope(void **state)
{
    struct pair p;
    struct why why;

    (void)state;
    open_pair(&p);
    txn_add_rcpt(p.t, STR("a@b.example"));
    txn_add_rcpt(p.t, STR("c@d.example"));
    assert_int_equal(envelope_state_read(STR("\x01\x01\x00"), p.t, &why), ST_NEVER);
    assert_string_equal(why.text, "the message's state names 1 of 2 recipients");
    assert_int_equal(envelope_state_read(STR("\x01\x01\x00\x01\x00\x01\x00"), p.t, &why), ST_NEVER);
    assert_int_equal(envelope_state_read(STR("\x01\x01\x03\x20\x01\x07\x01\x00"), p.t, &why), ST_NEVER);
    assert_int_equal(envelope_state_read(STR("\x01\x01\x00\x01\x00"), p.t, &why), ST_OK);
    close_pair(&p);
}

/* ---- txn itself */

static void phases_have_names(void **state)
{
    enum phase ph;

    (void)state;
    for (int i = 0; i < PH_COUNT; i++) {
        assert_true(phase_find(str_of(phase_name((enum phase)i)), &ph));
        assert_int_equal(ph, i);
    }
    assert_false(phase_find(STR("rcp"), &ph));
}

static void recipients_are_found_by_mailbox_not_by_spelling(void **state)
{
    struct pair p;

    (void)state;
    open_pair(&p);
    txn_add_rcpt(p.t, STR("Ann@EXAMPLE.org"));
    txn_add_rcpt(p.t, STR("\"a b\"@example.org"));
    assert_true(str_same(p.t->rcpts[0].addr, STR("Ann@example.org")));
    assert_true(txn_has_recipient(p.t, STR("Ann@example.ORG")));
    assert_true(txn_has_recipient(p.t, STR("\"Ann\"@example.org")));
    assert_true(txn_has_recipient(p.t, STR("\"a\\ b\"@example.org")));
    assert_false(txn_has_recipient(p.t, STR("ann@example.org")));
    assert_false(txn_has_recipient(p.t, STR("\"Ann\"\"@example.org")));
    assert_false(txn_has_recipient(p.t, STR("An@example.org")));
    for (int i = 0; i < 100; i++)
        txn_add_rcpt(p.t, STR("x@example.org"));
    assert_int_equal(p.t->nrcpts, 102);
    assert_true(str_same(p.t->rcpts[1].addr, STR("\"a b\"@example.org")));
    close_pair(&p);
}

static void variables_keep_their_order_and_nil_removes(void **state)
{
    struct pair p;
    struct val a = text("a"), b = text("b"), nil = { 0 };
    struct user_var *list = NULL;

    (void)state;
    open_pair(&p);
    user_var_set(&p.c.arena, &list, STR("x"), &a);
    user_var_set(&p.c.arena, &list, STR("y"), &a);
    user_var_set(&p.c.arena, &list, STR("x"), &b);
    assert_true(str_same(list->name, STR("x")));
    assert_true(str_same(user_var_get(list, STR("x"))->u.s, STR("b")));
    user_var_set(&p.c.arena, &list, STR("x"), &nil);
    assert_null(user_var_get(list, STR("x")));
    assert_true(str_same(list->name, STR("y")));
    close_pair(&p);
}

static void an_address_is_taken_apart_for_rules(void **state)
{
    struct pair p;
    struct at_address at;

    (void)state;
    open_pair(&p);
    p.t->sender = STR("s@x.example");
    txn_at(p.t, STR("\"Ann Lee\"@Example.ORG"), &at);
    assert_true(str_same(at.address, STR("\"Ann Lee\"@example.org")));
    assert_true(str_same(at.local_part, STR("ann lee")));
    assert_true(str_same(at.local_part_as_is, STR("Ann Lee")));
    assert_true(str_same(at.domain, STR("example.org")));
    assert_true(str_same(at.return_path, STR("s@x.example")));
    assert_int_equal(at.local_uid, -1);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_survives_the_spool),
        cmocka_unit_test(a_fresh_message_survives_too_and_is_small),
        cmocka_unit_test(recipients_added_later_live_in_the_state),
        cmocka_unit_test(damage_is_noticed_or_harmless),
        cmocka_unit_test(hostile_bytes_are_refused),
        cmocka_unit_test(a_state_must_fit_its_envelope),
        cmocka_unit_test(phases_have_names),
        cmocka_unit_test(recipients_are_found_by_mailbox_not_by_spelling),
        cmocka_unit_test(variables_keep_their_order_and_nil_removes),
        cmocka_unit_test(an_address_is_taken_apart_for_rules),
    };

    return cmocka_run_group_tests_name("envelope and transaction", tests, NULL, NULL);
}
