/*
 * Evaluations that wait: at once, later, cancelled, past the deadline, for the dead; and two generations at once.
 */
#include "rig.h"

/* ---- a question under the spec's control: ask(), ask_stubborn() */

struct question { struct wait *wait; int n; };

static struct {
    bool at_once;               /* answer inside the starting call */
    struct wait *open;          /* the last that was begun */
    int begun, cancelled;
    int64_t ms;
    char again[64];
} ask = { .ms = 60000 };

static int ask_push(lua_State *L, void *ctx)
{
    struct question *q = ctx;

    lua_pushliteral(L, "answer");
    lua_pushinteger(L, q->n);
    return 2;
}

static void ask_cancel(void *ctx)
{
    (void)ctx;
    ask.cancelled++;
    ask.open = NULL;
}

static void ask_answer(void)
{
    struct wait *w = ask.open;

    ask.open = NULL;
    if (ask.again[0])
        wait_again(w, ask.again);
    else
        wait_done(w, ask_push);
}

static int begin(lua_State *L, wait_cancel *cancel)
{
    struct wait *w = wait_begin(L, "ask", ask.ms, cancel, sizeof(struct question));
    struct question *q = wait_ctx(w);

    q->n = ++ask.begun;
    ask.open = w;
    if (ask.at_once)
        ask_answer();
    return wait_yield(w);
}

static int l_ask(lua_State *L) { return begin(L, ask_cancel); }
static int l_ask_stubborn(lua_State *L) { return begin(L, NULL); }

/* From a rule's own call the engine may come to cancel it. */
static int l_cancel(lua_State *L)
{
    policy_cancel(eval_running(L));
    return 0;
}

static int l_other_evaluation(lua_State *L);

static void add_wait(lua_State *L, int table, const char *name, lua_CFunction fn)
{
    static const char WRAP[] = "local begin, take = ... return function(...) begin(...) return take() end";

    luaL_loadbuffer(L, WRAP, sizeof WRAP - 1, "=wrap");
    lua_pushcfunction(L, fn);
    lua_pushcfunction(L, wait_take);
    lua_call(L, 2, 1);
    lua_setfield(L, table, name);
}

static void add_functions(struct eval *e, enum status st, int n)
{
    lua_State *L = e->co;

    assert_int_equal(st, ST_OK);
    assert_int_equal(n, 1);
    add_wait(L, 1, "ask", l_ask);
    add_wait(L, 1, "stubborn", l_ask_stubborn);
    lua_pushcfunction(L, l_cancel);
    lua_setfield(L, 1, "cancel");
    lua_pushcfunction(L, l_other_evaluation);
    lua_setfield(L, 1, "other");
}

static void open_with(struct rig *r, const char *rules)
{
    struct buf text = { 0 };
    struct eval *e;

    memset(&ask, 0, sizeof ask);
    ask.ms = 60000;
    buf_addf(&text, "x = {} %s", rules);
    buf_byte(&text, '\0');
    rig_open(r, buf_str(&text).p);
    buf_free(&text);
    e = eval_open(r->policy, r->txn, PH_RCPT, ENTRY_expr, add_functions);
    push_str(e->co, STR("x"));
    lua_pushnil(e->co);
    assert_null(eval_run(e, 2));
}

static unsigned open_waits(struct rig *r)
{
    unsigned n = 0;

    for (struct eval *e = r->policy->all; e; e = e->next)
        n += e->wait != NULL;
    return n;
}

/* ---- */

static void an_answer_inside_the_call_parks_nothing(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) local a, n = x.ask() return deny(a .. n) end)");
    ask.at_once = true;
    assert_null(rig_acl(&r, PH_RCPT));
    assert_int_equal(r.answers, 1);
    assert_string_equal(r.text, "answer1");
    assert_int_equal(open_waits(&r), 0);
    rig_close(&r);
}

static void an_answer_later_resumes_where_it_waited(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) local a, n = x.ask() local b, k = x.ask() return deny(m.domain .. n .. k) end)");
    assert_non_null(rig_acl(&r, PH_RCPT));
    assert_int_equal(r.answers, 0);
    assert_int_equal(open_waits(&r), 1);
    ask_answer();
    assert_int_equal(r.answers, 0);
    ask_answer();
    assert_int_equal(r.answers, 1);
    assert_string_equal(r.text, "example.org12");
    assert_int_equal(open_waits(&r), 0);
    rig_close(&r);
}

/* Everything between a wait and the engine that a rule can put there. */
static const char *const through[] = {
    "local a, n = x.ask() return deny(a .. n)",
    "local ok, a, n = pcall(x.ask) return deny(a .. n)",
    "local ok, a, n = xpcall(x.ask, function(e) return e end) return deny(a .. n)",
    "return deny(coroutine.wrap(function() local a, n = x.ask() return a .. n end)())",
    "local co = coroutine.create(function() local a, n = x.ask() coroutine.yield(a) return n end) "
        "local _, a = coroutine.resume(co) local _, n = coroutine.resume(co) return deny(a .. n)",
    "return deny(coroutine.wrap(function() return coroutine.wrap(function() local a, n = x.ask() return a .. n end)() end)())",
    "local t = setmetatable({}, { __index = function() local a, n = x.ask() return a .. n end }) return deny(t.x)",
    "local t = setmetatable({}, { __concat = function() local a, n = x.ask() return a .. n end }) return deny(t .. 'x')",
    "local t = setmetatable({}, { __call = function() local a, n = x.ask() return a .. n end }) return deny(t())",
    "for s in function(_, c) if not c then local a, n = x.ask() return a .. n end end do return deny(s) end",
    "local t = setmetatable({}, { __tostring = function() local a, n = x.ask() return a .. n end }) return deny(tostring(t))",
};

static void a_wait_passes_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof through / sizeof *through; i++) {
        struct rig r;
        char rules[1024];

        snprintf(rules, sizeof rules, "acl.rcpt(function(m) %s end)", through[i]);
        open_with(&r, rules);
        assert_non_null(rig_acl(&r, PH_RCPT));
        ask_answer();
        if (r.answers != 1 || strcmp(r.text, "answer1") != 0)
            fail_msg("%s: %d answers, %s, %s", through[i], r.answers, r.text, r.log);
        rig_close(&r);
    }
}

static const char *const nowhere[] = {
    "table.sort({ 2, 1 }, function(a, b) x.ask() return a < b end)",
    "string.gsub('x', 'x', function() return x.ask() end)",
    "table.sort({ 2, 1 }, function(a, b) coroutine.wrap(function() x.ask() end)() return a < b end)",
};

static void nothing_waits_inside_a_callback_of_c(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct rig r;
        char rules[1024];

        snprintf(rules, sizeof rules, "acl.rcpt(function(m) %s end)", nowhere[i]);
        open_with(&r, rules);
        assert_null(rig_acl(&r, PH_RCPT));
        if (!strstr(r.log, "inside a callback of table.sort or string.gsub"))
            fail_msg("%s: %s", nowhere[i], r.log);
        assert_int_equal(open_waits(&r), 0);
        rig_close(&r);
    }
}

static void nothing_waits_while_rules_are_loaded(void **state)
{
    struct rig r;
    struct policy *p;

    (void)state;
    rig_open(&r, "");
    assert_int_equal(rig_load(&r, "local x = 1\nsleep(1)", 2, &p), ST_NEVER);
    assert_int_equal(r.problems.v[0].line, 2);
    assert_non_null(str_find_str(r.problems.v[0].text, STR("while rules are loaded")) != SIZE_MAX ? &r : NULL);
    rig_close(&r);
}

static void could_not_find_out_is_a_defer_that_says_why(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.ask() return accept() end)\n"
                  "acl.mail(function(m) local ok, e = pcall(x.ask) return deny(tostring(ok) .. ' ' .. tostring(e)) end)");
    strcpy(ask.again, "ask: SERVFAIL");
    assert_non_null(rig_acl(&r, PH_RCPT));
    ask_answer();
    assert_int_equal(r.verb, V_DEFER);
    assert_false(r.error);
    assert_non_null(strstr(r.log, "ask: SERVFAIL"));
    ask.at_once = true;
    assert_null(rig_acl(&r, PH_MAIL));
    assert_string_equal(r.text, "false ask: SERVFAIL");
    rig_close(&r);
}

static void a_cancelled_evaluation_never_answers(void **state)
{
    struct rig r;
    struct eval *e;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.ask() return accept() end)");
    e = rig_acl(&r, PH_RCPT);
    assert_non_null(e);
    policy_cancel(e);
    assert_int_equal(ask.cancelled, 1);
    assert_int_equal(r.answers, 0);
    assert_int_equal(open_waits(&r), 0);
    rig_close(&r);
}

static void what_cannot_be_cancelled_answers_nobody(void **state)
{
    struct rig r;
    struct eval *e;
    struct wait *late;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.stubborn() return accept() end)");
    e = rig_acl(&r, PH_RCPT);
    late = ask.open;
    policy_cancel(e);
    /* the same coroutine slot is used again before the answer to the dead comes */
    e = rig_acl(&r, PH_RCPT);
    assert_ptr_not_equal(ask.open, late);
    wait_done(late, ask_push);
    assert_int_equal(r.answers, 0);
    ask_answer();
    assert_int_equal(r.answers, 1);
    rig_close(&r);
}

static void every_wait_has_a_deadline(void **state)
{
    struct rig r;

    (void)state;
    clock_fake(1700000000000000);
    open_with(&r, "acl.rcpt(function(m) x.ask() return accept() end)\nacl.mail(function(m) x.stubborn() return accept() end)");
    ask.ms = 30000;
    rig_acl(&r, PH_RCPT);
    loop_settle(r.loop, true, INT64_MAX);
    assert_int_equal(r.answers, 1);
    assert_int_equal(r.verb, V_DEFER);
    assert_int_equal(ask.cancelled, 1);
    assert_non_null(strstr(r.log, "ask: no answer within 30000 ms"));

    rig_acl(&r, PH_MAIL);
    loop_settle(r.loop, true, INT64_MAX);
    assert_int_equal(r.answers, 2);
    ask_answer();               /* too late, and harmless */
    assert_int_equal(r.answers, 2);
    rig_close(&r);
}

static void sleeping_takes_the_clock_s_time(void **state)
{
    struct rig r;
    int64_t began;

    (void)state;
    clock_fake(1700000000000000);
    rig_open(&r, "acl.rcpt(function(m) sleep(90) return accept() end)");
    began = clock_mono_ms();
    assert_non_null(rig_acl(&r, PH_RCPT));
    loop_settle(r.loop, true, INT64_MAX);
    assert_int_equal(r.verb, V_ACCEPT);
    assert_int_equal(clock_mono_ms() - began, 90000);
    rig_close(&r);
}

static void an_evaluation_may_be_cancelled_by_what_it_calls(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.cancel() return accept() end)\nacl.mail(function(m) x.cancel() x.ask() return accept() end)");
    assert_null(rig_acl(&r, PH_RCPT));
    assert_null(rig_acl(&r, PH_MAIL));
    assert_int_equal(r.answers, 0);
    assert_int_equal(open_waits(&r), 0);
    rig_close(&r);
}

/* ---- variables that are fetched first */

static void the_client_s_name_is_asked_for_when_it_is_read(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    assert_string_equal(rig_expr(&r, PH_RCPT, "m.sender_host_name, m.sender_fullhost"), "client.example\nclient.example [203.0.113.9]");
    assert_int_equal(r.conn.host_lookup, LOOKUP_DONE);
    rig_close(&r);

    rig_open(&r, "");
    ip_parse(STR("203.0.113.8"), &r.conn.client_ip);
    assert_string_equal(rig_expr(&r, PH_RCPT, "m.sender_host_name, m.host_lookup_failed"), "nil\ntrue");
    rig_close(&r);

    /* could not find out is neither a name nor none */
    rig_open(&r, "");
    ip_parse(STR("203.0.113.7"), &r.conn.client_ip);
    rig_expr(&r, PH_RCPT, "m.sender_host_name");
    assert_int_equal(r.st, ST_AGAIN);
    assert_string_equal(rig_expr(&r, PH_RCPT, "pcall(function() return m.sender_host_name end) == false, m.host_lookup_deferred"), "true\ntrue");
    rig_close(&r);
}

static ssize_t a_body(void *ctx, uint64_t offset, char *out, size_t n)
{
    if (ctx)
        return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = (offset + i) % 10 == 8 ? '\r' : (offset + i) % 10 == 9 ? '\n' : (char)('0' + (offset + i) / 100);
    return (ssize_t)n;
}

static void the_body_is_read_when_it_is_asked_for(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    r.txn->body.read = a_body;
    r.txn->body_size = 1000;
    /* the first and the last 500 bytes, line ends as one space */
    assert_string_equal(rig_expr(&r, PH_DATA, "#m.message_body, m.message_body:sub(1, 12)"), "450\n00000000 000");
    assert_string_equal(rig_expr(&r, PH_DATA, "#m.message_body_end, m.message_body_end:sub(-12, -2)"), "450\n99 99999999");
    rig_close(&r);

    rig_open(&r, "");
    r.txn->body = (struct body_source){ .read = a_body, .ctx = &r };
    r.txn->body_size = 29;
    rig_expr(&r, PH_DATA, "m.message_body");
    assert_int_equal(r.st, ST_AGAIN);
    rig_close(&r);
}

/* ---- an evaluation inside another, and a completion inside another */

static struct rig *inner;
static int l_other_evaluation(lua_State *L)
{
    (void)L;
    if (ask.open)
        ask_answer();
    rig_acl(inner, PH_HELO);
    return 0;
}

static void evaluations_nest(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.ask() return deny('outer') end)\n"
                  "acl.mail(function(m) x.other() return deny(m.sender_address) end)\n"
                  "acl.helo(function(m) return deny('inner') end)");
    inner = &r;
    r.conn.helo = STR("x");
    assert_non_null(rig_acl(&r, PH_RCPT));
    assert_null(rig_acl(&r, PH_MAIL));
    assert_int_equal(r.answers, 2);
    assert_string_equal(r.text, "a@there.example");
    /* the completion came while a rule ran: it is served when that is done */
    loop_turn(r.loop, 0);
    assert_int_equal(r.answers, 3);
    assert_string_equal(r.text, "outer");
    rig_close(&r);
}

/* ---- mail objects and coroutines that were kept */

static void a_kept_mail_object_says_that_it_expired(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "local kept, header\nacl.mail(function(m) kept = m return accept() end)\n"
                  "acl.rcpt(function(m) return deny(tostring(pcall(function() return kept.sender_address end)) .. tostring(kept)) end)\n"
                  "acl.vrfy(function(m) return deny(kept.sender_address) end)");
    rig_acl(&r, PH_MAIL);
    rig_acl(&r, PH_RCPT);
    assert_string_equal(r.text, "falsemail object (expired)");
    rig_acl(&r, PH_VRFY);
    assert_int_equal(r.verb, V_DEFER);
    assert_non_null(strstr(r.log, "has expired"));
    rig_close(&r);
}

/* What check.NAME asks about is the address a router asks about, not the recipient. */
static void conditions_ask_about_the_address_being_routed(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "domainlist.local_domains = { 'example.org' }\n"
                 "router.moved { driver = 'redirect', domains = 'old.example', data = 'ann@example.org' }\n"
                 "router.here { driver = 'accept', condition = function(m) return check.domains('+local_domains') end, transport = 'x' }\n"
                 "transport.x { driver = 'appendfile', maildir_format = true, directory = '/x' }\n"
                 "acl.rcpt(function(m) return deny(tostring(check.verify('recipient')) .. tostring(check.domains('+local_domains'))) end)");
    txn_at(r.txn, STR("b@old.example"), &r.at);
    rig_acl(&r, PH_RCPT);
    assert_string_equal(r.log, "");
    assert_string_equal(r.text, "truefalse");
    rig_close(&r);
}

static void a_kept_coroutine_cannot_steal_an_answer(void **state)
{
    struct rig r;

    (void)state;
    open_with(&r, "local kept\nacl.mail(function(m) kept = coroutine.create(function() return x.ask() end) coroutine.resume(kept) return accept() end)\n"
                  "acl.rcpt(function(m) return deny(tostring(select(2, coroutine.resume(kept)))) end)");
    assert_non_null(rig_acl(&r, PH_MAIL));
    rig_acl(&r, PH_RCPT);
    assert_non_null(strstr(r.text, "resumed without"));
    ask_answer();
    assert_int_equal(r.answers, 2);
    rig_close(&r);
}

/* ---- generations */

static void two_generations_live_side_by_side(void **state)
{
    struct rig r;
    struct policy *first, *second;
    struct eval *e;

    (void)state;
    open_with(&r, "local n = 0 acl.rcpt(function(m) n = n + 1 x.ask() return deny('old ' .. n) end)");
    first = r.policy;
    assert_int_equal(rig_load(&r, "local n = 0 acl.rcpt(function(m) n = n + 1 return deny('new ' .. n) end)", 2, &second), ST_OK);
    policy_hold(first);         /* a session's */
    e = rig_acl(&r, PH_RCPT);
    assert_non_null(e);
    policy_release(first);      /* the loader lets go */
    r.policy = second;
    rig_acl(&r, PH_RCPT);
    assert_string_equal(r.text, "new 1");
    assert_int_equal(policy_generation(second), 2);
    policy_release(first);      /* the session too; the evaluation holds it still */
    ask_answer();
    assert_string_equal(r.text, "old 1");
    rig_close(&r);
}

static void a_thousand_evaluations_leave_nothing(void **state)
{
    struct rig r;
    size_t before;

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.ask() return deny('no ' .. m.domain) end)\nacl.mail(function(m) error('no') end)");
    /* what grows once, as tables do by doubling, has grown by then */
    for (int i = 0; i < 1000; i++) {
        rig_acl(&r, PH_RCPT);
        ask_answer();
        rig_acl(&r, PH_MAIL);
        policy_cancel(rig_acl(&r, PH_RCPT));
    }
    lua_gc(r.policy->L, LUA_GCCOLLECT, 0);
    before = policy_memory(r.policy);
    for (int i = 0; i < 4000; i++) {
        rig_acl(&r, PH_RCPT);
        ask_answer();
        rig_acl(&r, PH_MAIL);
        policy_cancel(rig_acl(&r, PH_RCPT));
    }
    lua_gc(r.policy->L, LUA_GCCOLLECT, 0);
    if (policy_memory(r.policy) > before + 65536)
        fail_msg("%zu bytes before, %zu after", before, policy_memory(r.policy));
    assert_true(r.policy->nidle <= IDLE_EVALS);
    rig_close(&r);
}

static void many_wait_at_once(void **state)
{
    enum { N = 500 };
    struct rig r;
    struct wait *waits[N];

    (void)state;
    open_with(&r, "acl.rcpt(function(m) x.ask() return accept() end)");
    for (int i = 0; i < N; i++) {
        rig_acl(&r, PH_RCPT);
        waits[i] = ask.open;
    }
    assert_int_equal(open_waits(&r), N);
    for (int i = N - 1; i >= 0; i--)
        wait_done(waits[i], ask_push);
    assert_int_equal(r.answers, N);
    /* an idle session holds no coroutine */
    unsigned coroutines = 0;
    for (struct eval *e = r.policy->all; e; e = e->next)
        coroutines += e->co != NULL;
    assert_true(coroutines <= IDLE_EVALS);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_inside_the_call_parks_nothing),
        cmocka_unit_test(an_answer_later_resumes_where_it_waited),
        cmocka_unit_test(a_wait_passes_through),
        cmocka_unit_test(nothing_waits_inside_a_callback_of_c),
        cmocka_unit_test(nothing_waits_while_rules_are_loaded),
        cmocka_unit_test(could_not_find_out_is_a_defer_that_says_why),
        cmocka_unit_test(a_cancelled_evaluation_never_answers),
        cmocka_unit_test(what_cannot_be_cancelled_answers_nobody),
        cmocka_unit_test(sleeping_takes_the_clock_s_time),
        cmocka_unit_test(every_wait_has_a_deadline),
        cmocka_unit_test(an_evaluation_may_be_cancelled_by_what_it_calls),
        cmocka_unit_test(the_client_s_name_is_asked_for_when_it_is_read),
        cmocka_unit_test(the_body_is_read_when_it_is_asked_for),
        cmocka_unit_test(evaluations_nest),
        cmocka_unit_test(a_kept_mail_object_says_that_it_expired),
        cmocka_unit_test(conditions_ask_about_the_address_being_routed),
        cmocka_unit_test(a_kept_coroutine_cannot_steal_an_answer),
        cmocka_unit_test(two_generations_live_side_by_side),
        cmocka_unit_test(many_wait_at_once),
        cmocka_unit_test(a_thousand_evaluations_leave_nothing),
    };

    return cmocka_run_group_tests_name("policy: evaluations", tests, NULL, NULL);
}
