/*
 * The engine's questions: constants answer at once, functions in their phase, and what a failing rule becomes.
 */
#include "rig.h"

#include "options.h"

/* ---- answers */

static struct {
    int n;
    enum status st;
    struct val v;
    char text[512];
    size_t items, hosts, steps;
    enum route_kind kind;
    struct retry_step step;
    char transport[64], address[128];
} got;

static void on_option(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    (void)ctx;
    got.n++;
    got.st = st;
    got.v = *v;
    got.text[0] = '\0';
    if (v->type == VAL_STR)
        snprintf(got.text, sizeof got.text, "%.*s", STR_ARG(v->u.s));
    if (why)
        snprintf(got.text, sizeof got.text, "%s", why->text);
}

static void on_route(void *ctx, struct route_item *items, size_t n)
{
    (void)ctx;
    got.n++;
    got.items = n;
    got.kind = items[0].kind;
    snprintf(got.text, sizeof got.text, "%.*s", STR_ARG(items[0].text));
    snprintf(got.transport, sizeof got.transport, "%.*s", STR_ARG(items[0].at.transport));
    snprintf(got.address, sizeof got.address, "%.*s", STR_ARG(items[0].at.address));
}

static void on_transport(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    (void)ctx;
    got.n++;
    got.st = st;
    got.text[0] = '\0';
    if (tv->v && tv->v[TOPT_directory].type == VAL_STR)
        snprintf(got.text, sizeof got.text, "%.*s", STR_ARG(tv->v[TOPT_directory].u.s));
    if (why)
        snprintf(got.text, sizeof got.text, "%s", why->text);
}

static void on_retry(void *ctx, enum status st, const struct retry_rule *r)
{
    (void)ctx;
    got.n++;
    got.st = st;
    got.steps = r->n;
    if (r->n)
        got.step = r->step[0];
}

static void on_event(void *ctx, enum status st, struct str text)
{
    (void)ctx;
    got.n++;
    got.st = st;
    snprintf(got.text, sizeof got.text, "%.*s", STR_ARG(text));
}

/* ---- options */

static void constants_answer_without_entering_lua(void **state)
{
    struct rig r;
    struct policy_stats before, after;

    (void)state;
    rig_open(&r, "site { primary_hostname = 'mx.example.org', message_size_limit = '10M',\n"
                 "  host_reject_connection = { '192.0.2.0/24', '!203.0.113.7', '203.0.113.0/24' } }");
    memset(&got, 0, sizeof got);
    policy_stats(r.policy, &before);
    assert_null(policy_option(r.policy, OPT_primary_hostname, r.txn, on_option, NULL));
    assert_string_equal(got.text, "mx.example.org");
    assert_null(policy_option(r.policy, OPT_message_size_limit, r.txn, on_option, NULL));
    assert_int_equal(got.v.u.i, 10 << 20);
    assert_int_equal(policy_opt_int(r.policy, policy_opt_find(STR("message_size_limit"))), 10 << 20);
    assert_null(policy_match(r.policy, OPT_host_reject_connection, r.txn, STR("203.0.113.9"), on_option, NULL));
    assert_true(got.v.u.b);
    assert_null(policy_match(r.policy, OPT_host_reject_connection, r.txn, STR("203.0.113.7"), on_option, NULL));
    assert_false(got.v.u.b);
    assert_null(policy_match(r.policy, OPT_host_reject_connection, r.txn, STR("198.51.100.1"), on_option, NULL));
    assert_false(got.v.u.b);
    assert_null(policy_match(r.policy, OPT_host_reject_connection, r.txn, STR("192.0.2.77"), on_option, NULL));
    assert_true(got.v.u.b);
    policy_stats(r.policy, &after);
    assert_int_equal(after.evals, before.evals);
    assert_int_equal(policy_opt_find(STR("nonesuch")), -1);
    assert_null(policy_opt_row(-1));
    rig_close(&r);
}

static void a_function_answers_for_an_option_in_its_phase(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "site { smtp_banner = function(m) return 'hello ' .. m.sender_host_address end }");
    memset(&got, 0, sizeof got);
    assert_int_equal(policy_opt(r.policy, OPT_smtp_banner)->type, VAL_FUNC);
    assert_null(policy_option(r.policy, OPT_smtp_banner, r.txn, on_option, NULL));
    assert_int_equal(got.st, ST_OK);
    assert_string_equal(got.text, "hello 203.0.113.9");
    rig_close(&r);

    rig_open(&r, "site { smtp_banner = function(m) return m.domain end }");
    assert_null(policy_option(r.policy, OPT_smtp_banner, r.txn, on_option, NULL));
    assert_int_equal(got.st, ST_NEVER);
    assert_non_null(strstr(got.text, "10-spec.lua:1: domain is not known in phase connect"));
    rig_close(&r);
}

static void a_list_with_names_asks_lua(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "hostlist.bad = { '203.0.113.0/24' }\nsite { host_reject_connection = '+bad' }");
    memset(&got, 0, sizeof got);
    assert_null(policy_match(r.policy, OPT_host_reject_connection, r.txn, STR("203.0.113.9"), on_option, NULL));
    assert_int_equal(got.n, 1);
    assert_true(got.st == ST_OK && got.v.u.b);
    rig_close(&r);
}

/* ---- ACLs */

static void every_acl_has_an_end(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    for (int ph = 0; ph < PH_ACLS; ph++) {
        bool denies = ph == PH_RCPT || ph == PH_VRFY || ph == PH_EXPN || ph == PH_ETRN || ph == PH_ATRN || ph == PH_WELLKNOWN;

        assert_false(policy_has_acl(r.policy, (enum phase)ph));
        assert_null(rig_acl(&r, (enum phase)ph));
        assert_int_equal(r.verb, denies ? V_DENY : V_ACCEPT);
        assert_true(r.by_default);
    }
    rig_close(&r);
}

static void a_failing_rule_defers_and_is_counted(void **state)
{
    struct rig r;
    struct policy_stats stats;

    (void)state;
    rig_open(&r, "acl.rcpt(function(m)\n local x = nil\n return x.y\nend)\nacl.mail(function(m) return 7 end)");
    rig_acl(&r, PH_RCPT);
    assert_int_equal(r.verb, V_DEFER);
    assert_true(r.error);
    assert_int_equal(strncmp(r.text, "451 4.3.0 ", 10), 0);
    assert_non_null(strstr(r.log, "10-spec.lua:3: "));
    assert_null(strstr(r.text, "10-spec"));         /* strangers are not told */
    rig_acl(&r, PH_MAIL);
    assert_int_equal(r.verb, V_DEFER);
    policy_stats(r.policy, &stats);
    assert_int_equal(stats.errors, 2);
    rig_close(&r);
}

/* ---- routes, transports, retry, events */

static const char WALK[] =
    "domainlist.local_domains = { 'example.org' }\n"
    "router.broken { driver = 'accept', domains = 'broken.example', transport = 'mailbox', condition = function(m) error('oops') end }\n"
    "router.here { driver = 'accept', domains = '+local_domains', transport = 'mailbox' }\n"
    "transport.mailbox { driver = 'appendfile', maildir_format = true, directory = function(m) return path('/var/mail', m.domain, m.local_part) end }\n"
    "transport.fixed { driver = 'appendfile', maildir_format = true, directory = '/var/mail/all' }\n"
    "retry.rule { '*', '*', 'F,2h,15m; G,16h,1h,1.5' }\n"
    "event.on('msg:delivery', function(m) return m.event_name .. ' ' .. m.event_data end)\n"
    "event.on('msg:complete', function(m) error('oops') end)\n";

static void an_address_is_routed_or_deferred_with_a_reason(void **state)
{
    struct rig r;
    struct buf lines = { 0 };

    (void)state;
    rig_open(&r, WALK);
    memset(&got, 0, sizeof got);
    assert_null(policy_route(r.policy, r.txn, STR("ann@example.org"), on_route, NULL));
    assert_int_equal(got.kind, ROUTE_TO);
    assert_string_equal(got.transport, "mailbox");
    assert_string_equal(got.address, "ann@example.org");
    assert_null(policy_route_explain(r.policy, r.txn, STR("ann@nowhere.example"), &lines, on_route, NULL));
    assert_int_equal(got.kind, ROUTE_UNROUTEABLE);
    assert_true(lines.n > 0);
    assert_null(policy_route(r.policy, r.txn, STR("ann@broken.example"), on_route, NULL));
    assert_int_equal(got.kind, ROUTE_DEFER);
    assert_non_null(strstr(got.text, "oops"));
    assert_string_equal(got.address, "ann@broken.example");
    assert_int_equal(got.n, 3);
    /* asking changes nothing of what was asked about */
    assert_ptr_equal(r.txn->addr, &r.at);
    buf_free(&lines);
    rig_close(&r);
}

static void transports_give_all_their_options(void **state)
{
    struct rig r;
    struct policy_stats before, after;

    (void)state;
    rig_open(&r, WALK);
    memset(&got, 0, sizeof got);
    assert_true(policy_has_transport(r.policy, STR("fixed")));
    assert_false(policy_has_transport(r.policy, STR("nonesuch")));
    policy_stats(r.policy, &before);
    assert_null(policy_transport(r.policy, STR("fixed"), r.txn, on_transport, NULL));
    assert_string_equal(got.text, "/var/mail/all");
    policy_stats(r.policy, &after);
    assert_int_equal(after.evals, before.evals);
    assert_null(policy_transport(r.policy, STR("mailbox"), r.txn, on_transport, NULL));
    assert_int_equal(got.st, ST_OK);
    assert_string_equal(got.text, "/var/mail/./example.org/b");
    assert_null(policy_transport(r.policy, STR("nonesuch"), r.txn, on_transport, NULL));
    assert_int_equal(got.st, ST_NEVER);
    assert_non_null(strstr(got.text, "nonesuch"));
    rig_close(&r);
}

static void retry_rules_come_as_steps(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, WALK);
    memset(&got, 0, sizeof got);
    assert_null(policy_retry(r.policy, r.txn, STR("b@example.org"), STR("mx.example"), STR("timeout_connect"), on_retry, NULL));
    assert_int_equal(got.st, ST_OK);
    assert_int_equal(got.steps, 2);
    assert_int_equal(got.step.letter, 'F');
    assert_int_equal(got.step.cutoff, 7200);
    assert_int_equal(got.step.interval, 900);
    rig_close(&r);
}

static void events_say_what_they_said(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, WALK);
    memset(&got, 0, sizeof got);
    assert_true(policy_has_event(r.policy, "msg:delivery", STR("")));
    assert_true(policy_has_event(r.policy, "msg:delivery", STR("")));
    assert_false(policy_has_event(r.policy, "tcp:close", STR("")));
    assert_null(policy_event(r.policy, "msg:delivery", r.txn, STR("250 ok"), 0, on_event, NULL));
    assert_int_equal(got.st, ST_OK);
    assert_string_equal(got.text, "msg:delivery 250 ok");
    assert_null(r.txn->event);
    assert_null(policy_event(r.policy, "msg:complete", r.txn, STR(""), 0, on_event, NULL));
    assert_int_equal(got.st, ST_AGAIN);
    assert_non_null(strstr(got.text, "oops"));
    rig_close(&r);
}

/* ---- expressions */

static const struct { const char *code, *text, *json; } shown[] = {
    { "1, 'x', nil, true", "1\nx\nnil\ntrue", "[1,\"x\",null,true]" },
    { "{ 'a', 'b' }", "a:b", "[[\"a\",\"b\"]]" },
    { "'a\"\\n'", "a\"", "[\"a\\\"\\n\"]" },
    { "", "", "[]" },
};

static void expressions_are_printed_for_people_and_for_programs(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        assert_string_equal(rig_expr(&r, PH_RCPT, shown[i].code), shown[i].text);
        buf_clear(&r.out);
        policy_expr(r.policy, r.txn, PH_RCPT, str_of(shown[i].code), true, &r.out, rig_answered, &r);
        if (!str_same(str_trim(buf_str(&r.out)), str_of(shown[i].json)))
            fail_msg("%s: %.*s", shown[i].code, STR_ARG(buf_str(&r.out)));
    }
    rig_expr(&r, PH_RCPT, "1 +");
    assert_int_equal(r.st, ST_NEVER);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_answer_without_entering_lua),
        cmocka_unit_test(a_function_answers_for_an_option_in_its_phase),
        cmocka_unit_test(a_list_with_names_asks_lua),
        cmocka_unit_test(every_acl_has_an_end),
        cmocka_unit_test(a_failing_rule_defers_and_is_counted),
        cmocka_unit_test(an_address_is_routed_or_deferred_with_a_reason),
        cmocka_unit_test(transports_give_all_their_options),
        cmocka_unit_test(retry_rules_come_as_steps),
        cmocka_unit_test(events_say_what_they_said),
        cmocka_unit_test(expressions_are_printed_for_people_and_for_programs),
    };

    return cmocka_run_group_tests_name("policy: questions", tests, NULL, NULL);
}
