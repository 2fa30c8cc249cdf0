/*
 * Variables of routing and delivery outlive the spool: each that may be read there is written and read.
 */
#include "rig.h"

#include "policy/vars.h"

#define LATER (1u << PH_ROUTE | 1u << PH_TRANSPORT | 1u << PH_EVENT | 1u << PH_QUEUE)

static struct str text(struct arena *a, const char *name)
{
    return arena_printf(a, "value-of-%s", name);
}

/* Everything a session can have found out, each with a value of its own. */
static void fill(struct rig *r)
{
    struct conn *c = &r->conn;
    struct txn *t = r->txn;
    struct arena *a = &t->arena, *ca = &c->arena;
    struct val v = { .type = VAL_INT, .u.i = 7 };

    ip_parse(STR("192.0.2.25"), &c->local_ip);
    c->local_port = 587;
    c->esmtp = true;
    c->helo = text(ca, "helo");
    c->host_name = text(ca, "host_name");
    c->host_lookup = LOOKUP_DONE;
    c->ident = text(ca, "ident");
    c->active_hostname = text(ca, "active_hostname");
    c->protocol = text(ca, "protocol");
    c->since_us = 1700000000123456;
    c->uid = 4711;
    c->gid = 4712;
    c->auth_id = text(ca, "auth_id");
    c->auth_name = text(ca, "auth_name");
    c->auth_sender = text(ca, "auth_sender");
    user_var_set(ca, &c->acl_c, STR("acl_c_x"), &v);
    strcpy(t->id.s, "1xUQe2-0100AB-15");
    txn_add_rcpt(t, STR("b@example.org"));
    txn_add_rcpt(t, STR("c@example.org"));
    t->size_declared = 4000;
    t->smtputf8 = true;
    t->body_8bit = true;
    t->header_text = STR("Subject: x\r\nReply-To: ann@example.org\r\n");
    header_parse(a, t->header_text, &t->header);
    t->received_us = 1700000001123456;
    t->received_done_us = 1700000002123456;
    t->body_size = 1001;
    t->body_lines = 1002;
    t->body_zeros = 1003;
    t->size = 1004;
    t->max_line = 1005;
    t->lines = 1006;
    t->received_count = 17;
    t->protocol = text(a, "message_protocol");
    t->queue_name = text(a, "queue_name");
    t->sender_data = text(a, "sender_data");
    t->host_data = text(a, "host_data");
    user_var_set(a, &t->acl_m, STR("acl_m_x"), &v);
}

static struct val read_row(const struct var_row *row, struct txn *t, struct arena *a, struct policy *p)
{
    struct vars v = { .t = t, .arena = a, .policy = p };
    struct val out = { .type = VAL_NIL };

    t->phase = PH_ROUTE;
    row->get(&v, &out);
    return out;
}

static void what_a_delivery_may_read_is_kept(void **state)
{
    struct rig r;
    struct buf envelope = { 0 };
    struct conn c;
    struct txn *t;
    struct arena a = { 0 };
    struct why why;
    size_t seen = 0;

    (void)state;
    clock_fake(1700000100000000);
    rig_open(&r, "");
    fill(&r);
    envelope_write(r.txn, &envelope);
    conn_init(&c);
    t = txn_new(&c);
    assert_int_equal(envelope_read(buf_str(&envelope), &c, t, &why), ST_OK);
    /* header and address are not the envelope's: the spool and the router bring them */
    t->header_text = r.txn->header_text;
    header_parse(&t->arena, t->header_text, &t->header);
    t->addr = r.txn->addr;
    t->id = r.txn->id;
    for (size_t i = 0; i < var_count; i++) {
        const struct var_row *row = &var_rows[i];
        struct val was, is;

        if (!(row->phases & LATER))
            continue;
        was = read_row(row, r.txn, &a, r.policy);
        is = read_row(row, t, &a, r.policy);
        if (!val_same(&was, &is))
            fail_msg("%s does not survive", row->name);
        seen += was.type != VAL_NIL;
    }
    assert_true(seen > 50);
    assert_true(user_var_get(t->acl_m, STR("acl_m_x"))->u.i == 7 && user_var_get(c.acl_c, STR("acl_c_x"))->u.i == 7);
    txn_free(t);
    conn_free(&c);
    arena_free(&a);
    buf_free(&envelope);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_a_delivery_may_read_is_kept) };

    return cmocka_run_group_tests_name("policy: variables in the spool", tests, NULL, NULL);
}
