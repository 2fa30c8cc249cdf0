/*
 * What rules cannot do: reach out of the sandbox, run on, grow without end.
 */
#include "rig.h"

/* ---- escapes: each must give exactly this */
static const struct { const char *code, *gives; } closed[] = {
    { "rawget(_G, 'io')", "nil" },
    { "pcall(require, 'ffi')", NULL }, { "pcall(require, 'jit.util')", NULL },
    { "getmetatable('')", "false" }, { "getmetatable(_G)", "false" }, { "getmetatable(string)", "false" },
    { "getmetatable(m)", "mail object" },
    { "pcall(setmetatable, _G, {})", NULL }, { "pcall(setmetatable, string, {})", NULL }, { "pcall(setmetatable, m, {})", NULL },
    { "pcall(rawset, _G, 'x', 1)", NULL }, { "pcall(rawset, string, 'x', 1)", NULL }, { "pcall(rawset, m.header, 'x', 1)", NULL },
    { "pcall(function() string.rep = nil end)", NULL }, { "pcall(function() x = 1 end)", NULL },
    { "pcall(function() _G.x = 1 end)", NULL }, { "pcall(function() acl.rcpt = 1 end)", NULL },
    { "pcall(function() m.domain = 'x' end)", NULL }, { "pcall(function() m.header.x = 'x' end)", NULL },
    { "loadstring('\\27LJ\\2\\2') == nil", "true" }, { "load('\\27LJ\\2\\2') == nil", "true" },
    { "load(function() return nil end) ~= nil", "true" },
    { "(function() local n = 0; return load(function() n = n + 1; return ({ '\\27', 'LJ', nil })[n] end) == nil end)()", "true" },
    { "loadstring('return loadstring(\"\\\\27LJ\") == nil')()", "true" },
    
    { "pcall(loadstring('x = 1'))", NULL },
    { "coroutine.running() == nil", "true" },
    { "pcall(coroutine.yield, 1)", NULL }, { "pcall(coroutine.resume, coroutine.running())", NULL },
    { "pcall(collectgarbage, 'stop')", NULL }, { "type(collectgarbage('count'))", "number" },
    { "tostring(m):match('^mail object')", "mail object" },
    { "select('#', xpcall(error, function() return 'seen' end, 'x'))", "2" },
    { "select(2, xpcall(error, function(e) return e .. '!' end, 'x'))", "x!" },
};

/* Names that are not there: reading one gives nil or an error. */
static const char *const absent[] = {
    "io", "debug", "package", "ffi", "jit", "dofile", "loadfile", "newproxy", "getfenv", "setfenv", "module", "host", "print",
    "string.dump", "os.execute", "os.exit", "os.getenv", "os.remove", "os.tmpname", "os.rename", "os.setlocale",
    "loadstring('return io')()", "coroutine.wrap(function() return io end)()", "load('return io', 'x', 'b', {})()",
    "math.randomseed", "gcinfo", "coroutine.isyieldable", "string.format.x",
};

static void what_is_not_allowed_is_not_there(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        char code[256];

        snprintf(code, sizeof code, "(function() local ok, v = pcall(function() return %s end) return not ok or v == nil end)()", absent[i]);
        if (strcmp(rig_expr(&r, PH_DATA, code), "true") != 0)
            fail_msg("%s is there: %s", absent[i], r.text);
    }
    rig_close(&r);
}

static void nothing_leads_out(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        char code[512];

        /* A row without a value is a pcall that must fail. */
        snprintf(code, sizeof code, closed[i].gives ? "%s" : "(%s)", closed[i].code);
        rig_expr(&r, PH_DATA, code);
        if (r.st != ST_OK || strcmp(r.text, closed[i].gives ? closed[i].gives : "false") != 0)
            fail_msg("%s gives %s", closed[i].code, r.text);
    }
    rig_close(&r);
}

static void bytecode_in_a_rule_file_is_refused(void **state)
{
    struct rig r;
    struct policy *p;

    (void)state;
    rig_open(&r, "");
    assert_int_equal(rig_load(&r, "\033LJ\002\002", 2, &p), ST_NEVER);
    assert_null(p);
    assert_true(r.problems.n > 0);
    rig_close(&r);
}

/* ---- loops: twelve shapes, each stopped by its second of CPU; run with less here */
static const char *const loops[] = {
    "while true do end",
    "repeat until false",
    "for i = 1, math.huge do end",
    "local function f() return f() end f()",
    "while true do pcall(function() while true do end end) end",
    "while true do pcall(error, 'x') end",
    "xpcall(function() while true do end end, function() while true do end end)",
    "coroutine.wrap(function() while true do end end)()",
    "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
    "local t = setmetatable({}, { __index = function(t, k) return t[k .. ''] end }) while true do pcall(function() return t.x end) end",
    "table.sort({ 3, 1, 2 }, function() while true do end end)",
    "string.gsub('x', 'x', function() while true do end end)",
    "local s = string.rep('a', 30000) while true do pcall(string.find, s, string.rep('a?', 100) .. string.rep('a', 100) .. 'b') end",
    "for _ in function() return 1 end do end",
    "goto a ::a:: goto a",
    "local s = tostring(1) while true do s = s:sub(1, 10):upper():lower() end",
};

static void endless_loops_end(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof loops / sizeof *loops; i++) {
        struct rig r;
        struct policy_stats stats;
        int64_t began = clock_mono_ms();

        snprintf(text, sizeof text, "acl.rcpt(function(m) %s end)\nacl.mail(function(m) return accept() end)", loops[i]);
        rig_open(&r, text);
        /* Most of its second is gone already. */
        r.policy->heavy[0].conn = r.conn.serial;
        r.policy->heavy[0].txn = r.txn->serial;
        r.policy->heavy[0].ticks = TXN_TICKS - 5;
        r.policy->nheavy = 1;
        assert_null(rig_acl(&r, PH_RCPT));
        if (r.verb != V_DEFER || !r.error || !strstr(r.log, "ran longer"))
            fail_msg("%s: verb %d, %s", loops[i], r.verb, r.log);
        assert_true(clock_mono_ms() - began < 3000);
        policy_stats(r.policy, &stats);
        assert_int_equal(stats.overruns, 1);
        /* and the state is as good as before, for another message */
        r.policy->nheavy = 0;
        assert_null(rig_acl(&r, PH_MAIL));
        assert_int_equal(r.verb, V_ACCEPT);
        rig_close(&r);
    }
}

static void an_evaluation_has_one_second(void **state)
{
    struct rig r;
    int64_t began = clock_mono_ms();

    (void)state;
    rig_open(&r, "acl.rcpt(function(m) while true do end end)");
    assert_null(rig_acl(&r, PH_RCPT));
    assert_int_equal(r.verb, V_DEFER);
    assert_non_null(strstr(r.log, "10-spec.lua:1: the rules ran longer than 1 s"));
    assert_true(clock_mono_ms() - began >= 900);
    rig_close(&r);
}

static void a_loop_while_loading_is_a_problem(void **state)
{
    struct rig r;
    struct policy *p;

    (void)state;
    rig_open(&r, "");
    assert_int_equal(rig_load(&r, "local x = 1\nstring.rep('a', 1e9)", 2, &p), ST_NEVER);
    assert_int_equal(r.problems.v[0].line, 2);
    rig_close(&r);
}

/* ---- bombs */
static const char *const bombs[] = {
    "local t = {} for i = 1, 1e9 do t[i] = i end",
    "local s = 'x' while true do s = s .. s end",
    "string.rep('x', 1e9)",
    "string.rep('x', 1e9, 'y')",
    "local t = {} for i = 1, 100 do t[i] = string.rep('x', 8000000) end",
    "local s = string.rep('x', 8000000) table.concat({ s, s, s })",
    "local t = {} for i = 1, 1e9 do t[#t + 1] = function() return i end end",
    "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
    "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) end",
    "string.gsub(string.rep('x', 100000), 'x', string.rep('y', 1000))",
    "string.format('%s%s%s', string.rep('x', 8000000), string.rep('y', 8000000), string.rep('z', 8000000))",
    "local t = {} t[1] = t for i = 1, 30 do t = { t, t, setmetatable({}, { __index = t }) } end while true do t = { t, string.rep('x', 100000) } end",
    "for i = 1, 1e9 do m['acl_m_' .. i] = string.rep('x', 60000) end",
    "for i = 1, 1e9 do m.acl_c_x = string.rep('x', 60000) .. i end",
};

static void memory_bombs_do_not_go_off(void **state)
{
    char text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        struct rig r;

        snprintf(text, sizeof text, "acl.rcpt(function(m) %s end)\nacl.mail(function(m) return accept() end)", bombs[i]);
        rig_open(&r, text);
        assert_null(rig_acl(&r, PH_RCPT));
        if (r.verb != V_DEFER || !r.error)
            fail_msg("%s: verb %d, %s", bombs[i], r.verb, r.log);
        assert_true(policy_memory(r.policy) < 3 * EVAL_MEMORY);
        assert_null(rig_acl(&r, PH_MAIL));
        assert_int_equal(r.verb, V_ACCEPT);
        rig_close(&r);
    }
}

static void garbage_is_no_bomb(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "acl.rcpt(function(m) for i = 1, 400 do local s = string.rep('x', 100000 + i) end return accept() end)");
    assert_null(rig_acl(&r, PH_RCPT));
    assert_int_equal(r.verb, V_ACCEPT);
    rig_close(&r);
}

/* ---- patterns that take for ever */
static const char *const slow[] = {
    "string.find(string.rep('a', 5000), string.rep('a*', 30) .. 'b')",
    "string.match(string.rep('a', 100000), '.-.-.-.-b')",
    "string.gsub(string.rep('(', 100000), '%b()', '')",
    "string.find(string.rep('a', 1000000), string.rep('a', 500000) .. 'b', 1, true)",
    "string.find(string.rep('ab', 100000), '(.*)%1%1b')",
    "string.gsub(string.rep('a', 100000), '.-b', 'x')",
};

static void patterns_count_their_steps(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
        int64_t began = clock_mono_ms();

        rig_expr(&r, PH_RCPT, slow[i]);
        if (r.st == ST_OK || !strstr(r.text, "too many steps"))
            fail_msg("%s gives %s", slow[i], r.text);
        assert_true(clock_mono_ms() - began < 500);
    }
    rig_close(&r);
}

/* The limited functions are still Lua's: compared with what 5.1 gives. */
static const struct { const char *code, *gives; } same[] = {
    { "('hello world'):find('o w')", "5\n7" }, { "('hello'):find('l', 1, true)", "3\n3" }, { "('hello'):find('xyz')", "nil" },
    { "('hello'):find('', 10)", "6\n5" }, { "('hello'):find('', 6)", "6\n5" }, { "('hello'):find('(l)(l)')", "3\n4\nl\nl" },
    { "('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key\nvalue" }, { "('2026-11-21'):match('(%d+)-(%d+)-(%d+)')", "2026\n11\n21" },
    { "('  x '):match('^%s*(.-)%s*$')", "x" }, { "('abc'):match('()b()')", "2\n3" }, { "('THE (quick) fox'):find('%((%a+)%)')", "5\n11\nquick" },
    { "('f(a(b)c)d'):match('%b()')", "(a(b)c)" }, { "('THE (quick) fox'):gsub('%f[%a]%a+', string.lower)", "the (quick) fox\n3" },
    { "('hello'):gsub('', '-')", "-h-e-l-l-o-\n6" }, { "('abc'):gsub('%w', '%0%0')", "aabbcc\n3" }, { "('abc'):gsub('%w', '%0', 2)", "abc\n2" },
    { "('$name is $x'):gsub('%$(%w+)', { name = 'ann' })", "ann is $x\n2" }, { "('abc'):gsub('b', function() return nil end)", "abc\n1" },
    { "('a,b,,c'):gsub(',', ';')", "a;b;;c\n3" }, { "('x^y'):find('^', 1, true)", "2\n2" }, { "('[]]'):find('[]]')", "2\n2" },
    { "('a-z'):match('[a%-z]+')", "a-z" }, { "('abc'):match('[^a]+')", "bc" }, { "('aaa'):find('a-', 2)", "2\n1" }, { "('aaab'):match('a+b')", "aaab" },
    { "('x'):rep(3, ',')", "x,x,x" }, { "('x'):rep(0)", "" }, { "('x'):rep(-1)", "" }, { "table.concat({ 1, 2, 'x' }, ', ')", "1, 2, x" },
    { "table.concat({}, ',')", "" }, { "table.concat({ 1, 2, 3 }, '-', 2, 3)", "2-3" },
    { "(function() local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do t[#t + 1] = k .. v end return table.concat(t, ';') end)()", "a1;b2" },
    { "(function() local n = 0 for _ in ('abc'):gmatch('') do n = n + 1 end return n end)()", "4" },
    { "(function() local t = { 3, 1, 2 } table.sort(t) return table.concat(t) end)()", "123" },
    { "(function() local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return table.concat(t) end)()", "321" },
    { "(function() local t = { 1, 3 } table.insert(t, 2, 2) table.insert(t, 4) return table.concat(t) end)()", "1234" },
    { "pcall(string.find, 'a', '[a')", "false" }, { "pcall(string.rep)", "false" }, { "pcall(string.gsub, 'a', '(', '%1')", "false" },
    { "pcall(string.match, 'a', '%')", "false" }, { "pcall(string.match, 'a', '%f')", "false" }, { "pcall(string.match, 'a', ')')", "false" },
    { "pcall(table.concat, { {} })", "false" }, { "pcall(table.insert, {}, 5, 1)", "false" },
};

static void limited_functions_are_lua_s(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, "");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        rig_expr(&r, PH_RCPT, same[i].code);
        if (str_starts(str_of(same[i].gives), STR("false")) ? strncmp(r.text, "false", 5) != 0 : strcmp(r.text, same[i].gives) != 0)
            fail_msg("%s gives %s", same[i].code, r.text);
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_allowed_is_not_there),
        cmocka_unit_test(nothing_leads_out),
        cmocka_unit_test(bytecode_in_a_rule_file_is_refused),
        cmocka_unit_test(limited_functions_are_lua_s),
        cmocka_unit_test(patterns_count_their_steps),
        cmocka_unit_test(garbage_is_no_bomb),
        cmocka_unit_test(memory_bombs_do_not_go_off),
        cmocka_unit_test(a_loop_while_loading_is_a_problem),
        cmocka_unit_test(endless_loops_end),
        cmocka_unit_test(an_evaluation_has_one_second),
    };

    return cmocka_run_group_tests_name("policy: the sandbox", tests, NULL, NULL);
}
