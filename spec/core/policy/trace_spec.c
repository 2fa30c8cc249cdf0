/* What an evaluation leaves behind for whoever asks why, what it must not, and what is counted of the rules' cost. */
#include "rig.h"

#include <sys/stat.h>

#include "base/json.h"

struct kept { int n; struct buf last; };

static bool keep(void *ctx, struct str members, char id[EXPLAIN_ID])
{
    struct kept *k = ctx;

    buf_clear(&k->last);
    buf_addf(&k->last, "{%.*s}", STR_ARG(members));
    snprintf(id, EXPLAIN_ID, "%d-0", ++k->n);
    return true;
}

/* The rig's policy, loaded again with somebody who keeps. */
static void open_with(struct rig *r, struct kept *k, const char *text)
{
    rig_open(r, "");
    *k = (struct kept){ 0 };
    r->env.explained = keep;
    r->env.ctx = k;
    policy_release(r->policy);
    if (rig_load(r, text, 1, &r->policy) != ST_OK)
        fail_msg("%.*s", STR_ARG(r->problems.v[0].text));
}

static void close_with(struct rig *r, struct kept *k)
{
    buf_free(&k->last);
    rig_close(r);
}

static void holds(const struct kept *k, const char *what)
{
    if (str_find_str(buf_str(&k->last), str_of(what)) == SIZE_MAX)
        fail_msg("no %s in %.*s", what, STR_ARG(buf_str(&k->last)));
}

static void lacks(const struct kept *k, const char *what)
{
    if (str_find_str(buf_str(&k->last), str_of(what)) != SIZE_MAX)
        fail_msg("%s is in %.*s", what, STR_ARG(buf_str(&k->last)));
}

/* ---- what is kept, and what is in it */

static const struct { const char *rules; int kept; const char *holds[6]; } rows[] = {
    { "acl.rcpt { accept {} }", 0, { NULL } },
    { "acl.rcpt {\n accept { domains = 'other.example' },\n deny { message = '550 5.7.1 go away' } }", 1,
      { "\"verdict\":\"deny\"", "\"reply\":\"550 5.7.1 go away\"", "\"where\":\"10-spec.lua:2\",\"what\":\"accept\",\"result\":\"no\"",
        "\"what\":\"domains = \\\"other.example\\\"\",\"result\":\"no\"", "\"name\":\"domain\",\"value\":\"example.org\"",
        "\"where\":\"10-spec.lua:3\",\"what\":\"deny\",\"result\":\"taken\"" } },
    { "acl.rcpt {\n accept { domains = 'a.example' },\n accept { domains = 'b.example' } }", 1,
      { "the end of the ACL", "\"where\":\"10-spec.lua:3\",\"what\":\"domains = \\\"b.example\\\"\",\"result\":\"no\"" } },
    { "acl.rcpt(function(m)\n if m.sender_address == 'a@there.example' and check.domains('example.org') then return defer 'later' end end)", 1,
      { "\"verdict\":\"defer\"", "\"what\":\"function\",\"result\":\"taken\"", "\"value\":\"a@there.example\"",
        "\"name\":\"check.domains\",\"of\":\"example.org\",\"value\":true" } },
    { "acl.sub.inner { deny { hosts = '203.0.113.9', message = 'inside' } }\nacl.rcpt { accept { acl = 'inner' }, deny {} }", 1,
      { "\"what\":\"acl = \\\"inner\\\"\",\"result\":\"no\"", "\"tried\":[{\"where\":\"10-spec.lua:1\",\"what\":\"deny\",\"result\":\"taken\"" } },
    { "acl.rcpt {\n deny { condition = function(m) return dns.a(\"7.113.0.203.in-addr.arpa\") ~= nil end } }", 1,
      { "\"verdict\":\"defer\"", "\"error\":\"", "\"where\":\"10-spec.lua:2\",\"what\":\"deny\",\"result\":\"error\"",
        "\"what\":\"condition = function\",\"result\":\"error\"" } },

    { "acl.rcpt(function(m)\n local x = m.domain\n local y = nil\n return y.z end)", 1,
      { "\"error\":\"10-spec.lua:4: ", "\"result\":\"error\"", "\"value\":\"example.org\"" } },
    { "acl.rcpt { discard { local_parts = 'b' } }", 1, { "\"verdict\":\"discard\"", "\"recipient\":\"b@example.org\"" } },
    { "site { explain_accepted = true }\nacl.rcpt { accept { hosts = '203.0.113.9' } }", 1,
      { "\"verdict\":\"accept\"", "\"client\":\"203.0.113.9\"" } },
    { "acl.rcpt { accept { control = 'explain', domains = 'example.org' } }", 1, { "\"verdict\":\"accept\"" } },
    { "acl.rcpt(function(m) control.explain() return accept() end)", 1, { "\"verdict\":\"accept\"" } },
    { "acl.rcpt {\n warn { domains = 'example.org', condition = function(m) return m.acl_m_x.y end }, deny {} }", 1,
      { "\"what\":\"domains = \\\"example.org\\\"\",\"result\":\"yes\"", "\"what\":\"condition = function\",\"result\":\"error\"" } },
    { "site { explain_ring = 0 }\nacl.rcpt { deny {} }", 0, { NULL } },
};

static void what_is_not_accepted_is_kept_with_what_was_tried_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r;
        struct kept k;

        open_with(&r, &k, rows[i].rules);
        rig_acl(&r, PH_RCPT);
        for (int turn = 0; turn < 100 && !r.answers; turn++)
            loop_turn(r.loop, 10);
        if (k.n != rows[i].kept)
            fail_msg("%s: kept %d times, verdict %d %s", rows[i].rules, k.n, r.verb, r.log);
        for (size_t j = 0; j < 6 && rows[i].holds[j]; j++)
            holds(&k, rows[i].holds[j]);
        close_with(&r, &k);
    }
}

static void a_transactions_control_lasts_and_a_connections_too(void **state)
{
    struct rig r;
    struct kept k;

    (void)state;
    open_with(&r, &k, "acl.mail { accept { control = 'explain' } } acl.rcpt { accept {} } acl.connect { accept { control = 'explain' } }");
    rig_acl(&r, PH_MAIL);
    rig_acl(&r, PH_RCPT);
    assert_int_equal(k.n, 2);
    r.txn->explain = false;
    rig_acl(&r, PH_CONNECT);
    rig_acl(&r, PH_RCPT);
    assert_int_equal(k.n, 4);
    close_with(&r, &k);
}

/* ---- what must not be in it */

static void secrets_never_stand_in_it(void **state)
{
    char dir[] = "/tmp/trace.XXXXXX", path[64], rules[1024];
    struct rig r;
    struct kept k;
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/key", dir);
    f = fopen(path, "w");
    fputs("s3cr\"et-token\n", f);
    fclose(f);
    chmod(path, 0600);
    snprintf(rules, sizeof rules,
             "local key = secret.file '%s'\n"
             "acl.mail(function(m) m.acl_c_key = 'x' .. key; m.acl_c_long = string.rep('y', 500) .. key; m.acl_c_tab = key end)\n"
             "acl.rcpt(function(m) local a, b, c = m.acl_c_key, m.acl_c_long, m.acl_c_tab; check.condition(key == b);"
             " pcall(check.hosts, key) return deny('550 5.7.1 ' .. key) end)\n", path);
    rig_open(&r, "");
    k = (struct kept){ 0 };
    r.env.explained = keep;
    r.env.ctx = &k;
    r.env.hermetic = false;
    policy_release(r.policy);
    if (rig_load(&r, rules, 1, &r.policy) != ST_OK)
        fail_msg("%.*s", STR_ARG(r.problems.v[0].text));
    rig_acl(&r, PH_MAIL);
    rig_acl(&r, PH_RCPT);
    assert_int_equal(k.n, 1);
    lacks(&k, "et-token");
    lacks(&k, "s3cr");
    holds(&k, "\"name\":\"acl_c_key\",\"value\":\"(secret)\"");
    holds(&k, "\"name\":\"acl_c_long\",\"value\":\"(secret)\"");
    holds(&k, "\"reply\":\"(secret)\"");
    unlink(path);
    rmdir(dir);
    close_with(&r, &k);
}

/* Read once by a rule of AUTH, kept by it, read by a later one. */
static void what_auth_gave_never_stands_in_it(void **state)
{
    struct rig r;
    struct kept k;

    (void)state;
    open_with(&r, &k, "acl.auth(function(m) m.acl_c_user = m.auth1; m.acl_c_word = 'was ' .. m.auth2 return deny(m.auth2) end)\n"
                      "acl.rcpt(function(m) local u, w = m.acl_c_user, m.acl_c_word return deny 'no' end)");
    r.txn->auth_given[0] = STR("ann");
    r.txn->auth_given[1] = STR("hunter2");
    rig_acl(&r, PH_AUTH);
    assert_int_equal(k.n, 1);
    lacks(&k, "hunter2");
    holds(&k, "\"name\":\"auth2\",\"value\":\"(secret)\"");
    r.txn->auth_given[0] = r.txn->auth_given[1] = (struct str){ 0 };
    rig_acl(&r, PH_RCPT);
    assert_int_equal(k.n, 2);
    lacks(&k, "hunter2");
    lacks(&k, "\"ann\"");
    holds(&k, "\"name\":\"acl_c_word\",\"value\":\"(secret)\"");
    close_with(&r, &k);
}

static void much_is_cut_and_said_to_be(void **state)
{
    struct rig r;
    struct kept k;

    (void)state;
    open_with(&r, &k, "acl.rcpt(function(m) m.acl_m_x = string.rep('z', 60000)\n"
                      "for i = 1, 1000 do local x = m.acl_m_x end return deny 'no' end)");
    rig_acl(&r, PH_RCPT);
    assert_int_equal(k.n, 1);
    assert_true(k.last.n < 100 * 1024);
    holds(&k, "\"lost\":");
    close_with(&r, &k);
}

/* ---- what rules cost */

static int64_t cost(struct rig *r, const char *where, const char *name)
{
    struct arena a = { 0 };
    struct buf b = { 0 };
    struct str all, row, is;
    int64_t n = -1;

    policy_costs(r->policy, 100, &b);
    all = buf_str(&b);
    while (json_next(&a, &all, &row))
        if (json_get(&a, row, "where", &is) && str_same(is, str_of(where)))
            json_get_int(row, name, &n);
    buf_free(&b);
    arena_free(&a);
    return n;
}

static void on_event(void *ctx, enum status st, struct str text)
{
    (void)ctx;
    (void)st;
    (void)text;
}

static void on_option(void *ctx, enum status st, const struct val *v, const struct why *why)
{
    (void)ctx;
    (void)st;
    (void)v;
    (void)why;
}

static void on_transport(void *ctx, enum status st, const struct transport_values *tv, const struct why *why)
{
    (void)ctx;
    (void)st;
    (void)tv;
    (void)why;
}

static void on_retry(void *ctx, enum status st, const struct retry_rule *rule)
{
    (void)ctx;
    (void)st;
    (void)rule;
}

static void on_say(void *ctx, struct str text)
{
    (void)ctx;
    (void)text;
}

static void on_auth(void *ctx, const struct auth_result *result)
{
    (void)ctx;
    assert_int_equal(result->end, LOGIN_OK);
}

static void on_route(void *ctx, struct route_item *items, size_t n)
{
    (void)ctx;
    (void)items;
    (void)n;
}

static void statements_functions_handlers_and_routers_are_counted(void **state)
{
    struct rig r;
    struct kept k;

    (void)state;
    open_with(&r, &k, "domainlist.ours = { 'example.org' }\nacl.rcpt {\n deny { domains = 'x.example' },\n"
                      " function(m) end,\n accept { domains = '+ours' },\n warn {} }\n"
                      "event.on('msg:complete', function(m) end)\n"
                      "router.here { driver = 'accept', transport = 'box' }\n"
                      "transport.box { driver = 'appendfile', maildir_format = true, directory = '/var/mail/all' }\n");
    for (int i = 0; i < 3; i++)
        rig_acl(&r, PH_RCPT);
    assert_int_equal(k.n, 0);
    assert_int_equal(cost(&r, "10-spec.lua:3", "count"), 3);
    assert_int_equal(cost(&r, "10-spec.lua:4", "count"), 3);
    assert_int_equal(cost(&r, "10-spec.lua:5", "count"), 3);
    assert_int_equal(cost(&r, "10-spec.lua:6", "count"), -1);
    assert_int_equal(cost(&r, "10-spec.lua:7", "count"), -1);
    policy_event(r.policy, "msg:complete", r.txn, STR(""), 0, on_event, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:7", "count"), 1);
    policy_route(r.policy, r.txn, STR("ann@example.org"), on_route, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:8", "count"), 1);
    close_with(&r, &k);
}

/* What else is a function of the rules': each has a line of its own, under the name of who asks for it. */
static void options_authenticators_and_retry_rules_are_counted(void **state)
{
    struct txn *t;
    struct rig r;
    struct kept k;

    (void)state;
    open_with(&r, &k,
              "site {\n smtp_banner = function(m) return 'x' end,\n host_lookup = function(m) return nil .. 'x' end }\n"
              "router.here {\n driver = 'accept', transport = 'box', domains = 'example.org',\n condition = function(m) return m.domain ~= '' end }\n"
              "transport.box {\n driver = 'appendfile', maildir_format = true,\n directory = function(m) return '/var/mail/all' end,\n"
              " event_action = function(m) end }\n"
              "retry.rule { 'example.org', '*', 'F,2h,15m' }\n"
              "event.on('msg:complete', function(m) return nil .. 'x' end)\n"
              "authenticator.plain {\n driver = 'plaintext', public_name = 'PLAIN',\n server_condition = function(m) return m.auth2 == 'ann' end }\n"
              "site { auth_cleartext_hosts = '*' }\n");
    t = r.txn;
    policy_option(r.policy, policy_opt_find(STR("smtp_banner")), t, on_option, NULL);
    policy_match(r.policy, policy_opt_find(STR("host_lookup")), t, STR("192.0.2.1"), on_option, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:2", "count"), 1);
    assert_int_equal(cost(&r, "10-spec.lua:3", "count"), 1);
    assert_int_equal(cost(&r, "10-spec.lua:3", "errors"), 1);
    policy_route(r.policy, t, STR("ann@example.org"), on_route, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:4", "count"), 1);
    assert_int_equal(cost(&r, "10-spec.lua:6", "count"), 1);
    txn_at(t, STR("ann@example.org"), &r.at);
    t->addr = &r.at;
    policy_transport(r.policy, STR("box"), t, on_transport, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:9", "count"), 1);
    policy_retry(r.policy, t, STR("ann@example.org"), STR(""), STR("*"), on_retry, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:11", "count"), 1);
    policy_event(r.policy, "msg:complete", t, STR(""), 0, on_event, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:12", "errors"), 1);
    policy_authenticate(r.policy, t, STR("PLAIN"), (struct str){ "\0ann\0x", 6 }, on_say, on_auth, NULL);
    assert_int_equal(cost(&r, "10-spec.lua:13", "count"), 1);
    assert_int_equal(cost(&r, "10-spec.lua:15", "count"), 1);
    close_with(&r, &k);
}

/* R8.3, R8.4, R8.6: what goes over a budget is named by its line, counted, and its answer is "later". */
static const struct { const char *title, *rules, *says; bool heavy; } over[] = {
    { "an event's second", "acl.rcpt {\n deny { domains = 'x.example' },\n function(m)\n  while true do end\n end }",
      "10-spec.lua:4: the rules ran longer than 1 s", false },
    { "a message's ten seconds", "acl.rcpt {\n warn {},\n function(m)\n  while true do end\n end }",
      "10-spec.lua:4: the rules of this message ran longer than 10 s", true },
    { "an event's memory", "acl.rcpt {\n warn {},\n function(m)\n  local t = {}\n  for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end\n end }",
      "the rules took more memory than one evaluation may", false },
};

static void what_goes_over_a_budget_is_named_and_counted_where_it_stands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        struct rig r;
        struct kept k;

        open_with(&r, &k, over[i].rules);
        if (over[i].heavy) {
            r.policy->heavy[0].conn = r.conn.serial;
            r.policy->heavy[0].txn = r.txn->serial;
            r.policy->heavy[0].ticks = TXN_TICKS - 5;
            r.policy->nheavy = 1;
        }
        rig_acl(&r, PH_RCPT);
        assert_int_equal(r.verb, V_DEFER);
        if (!strstr(r.log, over[i].says) || strncmp(r.log, "10-spec.lua:", 12) != 0)
            fail_msg("%s: %s", over[i].title, r.log);
        assert_int_equal(cost(&r, "10-spec.lua:3", "overruns"), 1);
        assert_int_equal(cost(&r, "10-spec.lua:3", "errors"), 1);
        assert_int_equal(cost(&r, "10-spec.lua:2", "overruns"), 0);
        assert_int_equal(k.n, 1);
        holds(&k, over[i].says);
        close_with(&r, &k);
    }
}

/* The ten seconds are the message's, whatever it is asked in between. */
static void a_messages_budget_is_shared_by_its_evaluations(void **state)
{
    struct rig r;
    struct kept k;
    int asked = 0;

    (void)state;
    open_with(&r, &k, "acl.rcpt(function(m) local t = os.clock() while os.clock() - t < 0.3 do end return accept() end)");
    r.policy->heavy[0].conn = r.conn.serial;
    r.policy->heavy[0].txn = r.txn->serial;
    r.policy->heavy[0].ticks = TXN_TICKS - 60;
    r.policy->nheavy = 1;
    for (; asked < 20; asked++) {
        rig_acl(&r, PH_RCPT);
        if (r.verb != V_ACCEPT)
            break;
    }
    assert_in_range(asked, 1, 10);
    assert_non_null(strstr(r.log, "longer than 10 s"));
    close_with(&r, &k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_accepted_is_kept_with_what_was_tried_and_read),
        cmocka_unit_test(a_transactions_control_lasts_and_a_connections_too),
        cmocka_unit_test(secrets_never_stand_in_it),
        cmocka_unit_test(what_auth_gave_never_stands_in_it),
        cmocka_unit_test(much_is_cut_and_said_to_be),
        cmocka_unit_test(statements_functions_handlers_and_routers_are_counted),
        cmocka_unit_test(options_authenticators_and_retry_rules_are_counted),
        cmocka_unit_test(what_goes_over_a_budget_is_named_and_counted_where_it_stands),
        cmocka_unit_test(a_messages_budget_is_shared_by_its_evaluations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
