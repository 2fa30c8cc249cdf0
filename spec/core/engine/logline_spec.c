#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "engine/logline.h"
#include "mail/header.h"

static void same(struct buf *b, const char *want)
{
    buf_byte(b, 0);
    assert_string_equal(buf_str(b).p, want);
    buf_free(b);
}

/* ---- selectors */

static void words_switch_selectors(void **state)
{
    static const struct { const char *text; enum log_selector s; bool on; } rows[] = {
        { "", LS_queue_run, true },
        { "", LS_deliver_time, false },
        { "+deliver_time", LS_deliver_time, true },
        { "+deliver_time -deliver_time", LS_deliver_time, false },
        { "-queue_run", LS_queue_run, false },
        { "+all -subject", LS_subject, false },
        { "+all -subject", LS_tls_sni, true },
        { "  +millisec\n  +receive_time ", LS_receive_time, true },
        { "-rejected_headers", LS_rejected_header, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_sel sel = log_sel_default();

        assert_int_equal(log_sel_read(str_of(rows[i].text), &sel, NULL), ST_OK);
        assert_int_equal(log_sel_has(sel, rows[i].s), rows[i].on);
    }
}

static void an_unknown_selector_is_named(void **state)
{
    log_sel sel = 0;
    struct why why;

    (void)state;
    assert_int_equal(log_sel_read(STR("+milisec"), &sel, &why), ST_NEVER);
    assert_non_null(strstr(why.text, "milisec"));
    assert_int_equal(log_sel_read(STR("millisec"), &sel, &why), ST_NEVER);
}

/* ---- times */

static void times_have_a_unit(void **state)
{
    static const struct { const char *sel; int64_t us; const char *want; } rows[] = {
        { "", 304000, "0s" }, { "", 1204000, "1s" }, { "", 225000000, "3m45s" },
        { "+millisec", 304000, "0.304s" }, { "+millisec", 4999000, "4.999s" }, { "+millisec", 5000000, "5s" },
        { "+millisec", 225000000, "3m45s" }, { "", -5, "0s" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_sel sel = log_sel_default();
        struct buf b = { 0 };

        log_sel_read(str_of(rows[i].sel), &sel, NULL);
        logline_time(&b, sel, rows[i].us);
        same(&b, rows[i].want);
    }
}

/* ---- arrival */

static struct txn *message(struct conn *c)
{
    struct txn *t;

    conn_init(c);
    c->smtp = c->pipelining = true;
    c->since_us = 1000000;
    c->serial = 7;
    ip_parse(STR("192.0.2.9"), &c->client_ip);
    c->client_port = 4321;
    ip_parse(STR("198.51.100.25"), &c->local_ip);
    c->local_port = 25;
    c->helo = STR("there.example");
    t = txn_new(c);
    t->sender = STR("ann@there.example");
    t->protocol = STR("esmtp");
    t->size = 433;
    t->received_us = 1000000;
    t->received_done_us = 1204000;
    txn_add_rcpt(t, STR("bob@example.org"));
    txn_add_rcpt(t, STR("eve@example.org"));
    header_parse(&t->arena, STR("Subject: =?utf-8?q?say_=22hi=22?=\r\nMessage-ID: <x1@there.example>\r\n"), &t->header);
    return t;
}

static void the_arrival_line_has_the_tags_of_its_selectors(void **state)
{
    static const struct { const char *sel, *name, *want; } rows[] = {
        { "", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=433 id=x1@there.example" },
        { "", "there.example", "<= ann@there.example H=there.example [192.0.2.9] P=esmtp S=433 id=x1@there.example" },
        { "", "nat.example", "<= ann@there.example H=nat.example (there.example) [192.0.2.9] P=esmtp S=433 id=x1@there.example" },
        { "-msg_id +incoming_port", "", "<= ann@there.example H=(there.example) [192.0.2.9]:4321 P=esmtp S=433" },
        { "-msg_id +incoming_interface", "", "<= ann@there.example H=(there.example) [192.0.2.9] I=[198.51.100.25]:25 P=esmtp S=433" },
        { "-msg_id +receive_time", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=433 RT=0s" },
        { "-msg_id +receive_time +millisec", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=433 RT=0.204s" },
        { "-msg_id +received_recipients", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=433 for bob@example.org eve@example.org" },
        { "-msg_id +subject +8bitmime", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=433 M8S=0 T=\"say \\\"hi\\\"\"" },
        { "-msg_id +connection_id", "", "<= ann@there.example H=(there.example) [192.0.2.9] Ci=f4240-7 P=esmtp S=433" },
        { "-msg_id +pipelining", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp L- S=433" },
        { "-msg_id +received_sender", "", "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtp S=433 from <ann@there.example>" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_sel sel = log_sel_default();
        struct buf b = { 0 };
        struct conn c;
        struct txn *t = message(&c);

        c.host_name = str_of(rows[i].name);
        assert_int_equal(log_sel_read(str_of(rows[i].sel), &sel, NULL), ST_OK);
        logline_arrival(&b, sel, t, STR(""), false);
        same(&b, rows[i].want);
        txn_free(t);
        conn_free(&c);
    }
}

static struct at_tls encrypted(void)
{
    return (struct at_tls){
        .version = STR("TLS1.3"), .cipher = STR("TLS1.3:TLS_AES_256_GCM_SHA384:256"), .bits = 256, .sni = STR("mx.example"),
        .peer_dn = STR("/CN=a \"b\""),
    };
}

static void encryption_has_its_tags(void **state)
{
    static const struct { const char *sel; bool verified, dane; uint8_t resumption; const char *want; } rows[] = {
        { "", false, false, 15, " X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no" },
        { "", true, false, 31, " X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=yes" },
        { "+tls_resumption", true, true, 31, " X=TLS1.3:TLS_AES_256_GCM_SHA384:256* CV=dane" },
        { "+tls_resumption", false, false, 15, " X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no" },
        { "-tls_cipher +tls_peerdn", false, false, 0, " CV=no DN=\"/CN=a \\\"b\\\"\"" },
        { "-tls_cipher -tls_certificate_verified +tls_sni", false, false, 0, " SNI=\"mx.example\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_sel sel = log_sel_default();
        struct buf b = { 0 };
        struct at_tls t = encrypted();

        t.verified = rows[i].verified;
        t.dane = rows[i].dane;
        t.resumption = rows[i].resumption;
        assert_int_equal(log_sel_read(str_of(rows[i].sel), &sel, NULL), ST_OK);
        logline_tls(&b, sel, &t, true);
        same(&b, rows[i].want);
    }
}

static void who_logged_in_has_three_parts(void **state)
{
    static const struct { const char *sel, *id, *sender, *want; } rows[] = {
        { "", "ann", "ann@there.example", "A=plain:ann" },
        { "+smtp_mailauth", "ann", "", "A=plain:ann" },
        { "+smtp_mailauth", "ann", "bob@there.example", "A=plain:ann:bob@there.example" },
        { "+smtp_mailauth", "", "bob@there.example", "A=plain::bob@there.example" },
        { "+pipelining", "ann", "", "P=esmtp L A=plain:ann" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_sel sel = log_sel_default();
        struct buf b = { 0 };
        struct conn c;
        struct txn *t = message(&c);
        char want[200];

        c.pipelined = true;
        c.auth_name = STR("plain");
        c.auth_id = str_of(rows[i].id);
        c.auth_sender = str_of(rows[i].sender);
        assert_int_equal(log_sel_read(str_of(rows[i].sel), &sel, NULL), ST_OK);
        logline_arrival(&b, sel, t, STR(""), false);
        snprintf(want, sizeof want, " %s S=433", rows[i].want);
        buf_byte(&b, 0);
        assert_non_null(strstr(buf_str(&b).p, want));
        buf_free(&b);
        txn_free(t);
        conn_free(&c);
    }
}

static void a_bounce_names_what_it_is_about(void **state)
{
    struct buf b = { 0 };
    struct conn c;
    struct txn *t;

    (void)state;
    conn_init(&c);
    c.ident = STR("perigee");
    t = txn_new(&c);
    t->sender = STR("");
    t->protocol = STR("local");
    t->size = 99;
    logline_arrival(&b, log_sel_default(), t, STR("1xUQe2-0100AB-15"), false);
    same(&b, "<= <> R=1xUQe2-0100AB-15 U=perigee P=local S=99");
    txn_free(t);
    conn_free(&c);
}

/* ---- delivery */

static struct at_host mx = { .name = STR_INIT("mx.example"), .port = 25 };

static struct log_delivery delivery(void)
{
    ip_parse(STR("192.0.2.25"), &mx.ip);
    ip_parse(STR("198.51.100.25"), &mx.from_ip);
    mx.from_port = 40000;
    mx.pipelining = true;
    snprintf(mx.start, sizeof mx.start, "ea");
    return (struct log_delivery){
        .address = STR("bob@example.net"), .original = STR("bob@example.net"), .sender = STR("ann@example.org"),
        .return_path = STR("ann@example.org"), .router = STR("dns"), .transport = STR("remote"), .host = &mx,
        .confirmation = STR("250 2.0.0 kept as \"17\""), .size = 512, .queue_us = 225000000, .deliver_us = 304000,
        .error = STR("550 no"), .err = 111,
    };
}

static void the_delivery_line_has_the_tags_of_its_selectors(void **state)
{
    static const struct { const char *sel, *want; } rows[] = {
        { "", "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] C=\"250 2.0.0 kept as \\\"17\\\"\"" },
        { "-smtp_confirmation +deliver_time +millisec", "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] DT=0.304s" },
        { "-smtp_confirmation +queue_time", "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] QT=3m45s" },
        { "-smtp_confirmation +delivery_size", "=> bob@example.net R=dns T=remote S=512 H=mx.example [192.0.2.25]" },
        { "-smtp_confirmation +sender_on_delivery +return_path_on_delivery",
          "=> bob@example.net F=<ann@example.org> P=<ann@example.org> R=dns T=remote H=mx.example [192.0.2.25]" },
        { "-smtp_confirmation +pipelining +protocol_detail", "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] PS=ea L" },
        { "-smtp_confirmation +outgoing_port", "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25]:25" },
        { "-smtp_confirmation +incoming_interface", "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] I=[198.51.100.25]:40000" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        log_sel sel = log_sel_default();
        struct log_delivery d = delivery();
        struct buf b = { 0 };

        assert_int_equal(log_sel_read(str_of(rows[i].sel), &sel, NULL), ST_OK);
        logline_delivered(&b, sel, &d);
        same(&b, rows[i].want);
    }
}

static void both_lines_show_their_encryption(void **state)
{
    log_sel sel = log_sel_default();
    struct log_delivery d = delivery();
    struct buf b = { 0 };
    struct conn c;
    struct txn *t = message(&c);

    (void)state;
    c.tls = encrypted();
    c.auth_name = STR("plain");
    t->protocol = STR("esmtpsa");
    log_sel_read(STR("-msg_id -smtp_confirmation"), &sel, NULL);
    logline_arrival(&b, sel, t, STR(""), false);
    same(&b, "<= ann@there.example H=(there.example) [192.0.2.9] P=esmtpsa X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=plain S=433");
    txn_free(t);
    conn_free(&c);
    mx.tls = encrypted();
    logline_delivered(&b, sel, &d);
    same(&b, "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no");

    /* TPRX-T2: who was verified, and how the host was found, was said in the line of the first message */
    log_sel_read(STR("+tls_peerdn +dnssec"), &sel, NULL);
    mx.secure = d.reused = true;
    logline_delivered(&b, sel, &d);
    same(&b, "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25]* X=TLS1.3:TLS_AES_256_GCM_SHA384:256");
    d.reused = false;
    logline_delivered(&b, sel, &d);
    same(&b, "=> bob@example.net R=dns T=remote H=mx.example [192.0.2.25] DS X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no DN=\"/CN=a \\\"b\\\"\"");
    mx.tls = (struct at_tls){ 0 };
    mx.secure = false;
}

static void other_kinds_of_line(void **state)
{
    log_sel sel = log_sel_default();
    struct log_delivery d = delivery();
    struct buf b = { 0 };

    (void)state;
    log_sel_read(STR("-smtp_confirmation"), &sel, NULL);
    d.further = d.reused = true;
    logline_delivered(&b, sel, &d);
    same(&b, "-> bob@example.net R=dns T=remote H=mx.example [192.0.2.25]*");

    logline_deferred(&b, sel, &d);
    same(&b, "== bob@example.net R=dns T=remote H=mx.example [192.0.2.25]* defer (111): 550 no");

    d.reused = false;
    d.original = STR("list@example.org");
    logline_failed(&b, sel, &d);
    same(&b, "** bob@example.net <list@example.org> R=dns T=remote H=mx.example [192.0.2.25]: 550 no");

    d = delivery();
    d.host = NULL;
    d.local = true;
    d.confirmation = STR("");
    logline_delivered(&b, sel, &d);
    same(&b, "=> bob <bob@example.net> R=dns T=remote");

    logline_completed(&b, sel, 225000000, STR(""));
    same(&b, "Completed");
    log_sel_read(STR("+queue_time_overall"), &sel, NULL);
    logline_completed(&b, sel, 225000000, STR(""));
    same(&b, "Completed QT=3m45s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_switch_selectors),
        cmocka_unit_test(an_unknown_selector_is_named),
        { "LOG-T2 LOG-T3 a duration has its unit, and a fraction only when short and asked for", times_have_a_unit, NULL, NULL, NULL },
        { "LOG-T1 LOG-T4 the arrival line has the tags of its selectors and no others", the_arrival_line_has_the_tags_of_its_selectors, NULL, NULL, NULL },
        { "who logged in has three parts: authenticator, id, and under smtp_mailauth for whom", who_logged_in_has_three_parts, NULL, NULL, NULL },
        cmocka_unit_test(a_bounce_names_what_it_is_about),
        { "LOG-T2 LOG-T4 LOG-T5 the delivery line has the tags of its selectors and no others", the_delivery_line_has_the_tags_of_its_selectors, NULL, NULL, NULL },
        { "LOG-04 X=, CV=, DN= and SNI= as far as they are asked for, X= with a star when resumed", encryption_has_its_tags, NULL, NULL, NULL },
        cmocka_unit_test(both_lines_show_their_encryption),
        { "LOG-T3 further recipients, deferrals, failures, local deliveries, the end", other_kinds_of_line, NULL, NULL, NULL },
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
