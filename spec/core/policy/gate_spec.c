/*
 * The mail object: every name in every phase, and what is no name.
 */
#include "rig.h"

#include "policy/vars.h"

static struct rig rig;

static int open_rig(void **state)
{
    (void)state;
    rig_open(&rig, "");
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

/* Generated rows, read in all phases: a value of the row's type or nil where the
 * row says it is known, an error that names both elsewhere. */
static const char *lua_type_of(enum val_type t)
{
    switch (t) {
    case VAL_STR: return "string";
    case VAL_INT:
    case VAL_NUM: return "number";
    case VAL_BOOL: return "boolean";
    case VAL_LIST: return "table";
    default: return "?";
    }
}

static void every_variable_in_every_phase(void **state)
{
    (void)state;
    assert_true(var_count > 140);
    for (size_t i = 0; i < var_count; i++) {
        const struct var_row *row = &var_rows[i];

        for (int ph = 0; ph < PH_COUNT; ph++) {
            char code[256], early[256];

            snprintf(code, sizeof code, "type(m.%s)", row->name);
            snprintf(early, sizeof early, " is not known in phase %s", phase_name((enum phase)ph));
            rig_expr(&rig, (enum phase)ph, code);
            if (row->phases >> ph & 1) {
                /* without a resolver a name that must be fetched could not be found out */
                if (rig.st == ST_AGAIN && row->wait)
                    continue;
                if (rig.st != ST_OK || (strcmp(rig.text, "nil") != 0 && strcmp(rig.text, lua_type_of(row->type)) != 0))
                    fail_msg("m.%s in %s: %s", row->name, phase_name((enum phase)ph), rig.text);
            } else if (rig.st == ST_OK || !strstr(rig.text, early)) {
                fail_msg("m.%s is known in %s: %s", row->name, phase_name((enum phase)ph), rig.text);
            }
        }
    }
}

static const struct { enum phase ph; const char *code, *gives; } reads[] = {
    { PH_RCPT, "m.domain", "example.org" }, { PH_RCPT, "m.local_part", "b" }, { PH_RCPT, "m.sender_address", "a@there.example" },
    { PH_RCPT, "m.sender_address_domain", "there.example" }, { PH_RCPT, "m.sender_host_address", "203.0.113.9" },
    { PH_RCPT, "m.sender_host_port", "4711" }, { PH_RCPT, "m.sender_fullhost", "[203.0.113.9]" }, { PH_RCPT, "m.acl_m_none", "nil" },
    { PH_RCPT, "m.interface_port", "nil" }, { PH_RCPT, "m.acl_narg", "0" }, { PH_RCPT, "tostring(m.smtp_command_history)", "EHLO:MAIL FROM" },
    { PH_RCPT, "m.smtp_command_history[1]", "EHLO" }, { PH_RCPT, "#m.smtp_command_history", "2" }, { PH_DATA, "m.header.subject", "Grüße" },
    { PH_DATA, "m.header.Subject", "Grüße" }, { PH_DATA, "m.rheader.subject", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=" }, { PH_DATA, "m.header['list-id']", "<x.example>" },
    { PH_DATA, "m.header.list_id", "<x.example>" }, { PH_DATA, "m.header['list-id:']", "<x.example>" }, { PH_DATA, "m.header.none", "nil" },
    { PH_DATA, "m.header['x-two']", "1\n2" }, { PH_DATA, "tostring(m.lheader['x-two'])", "1:2" }, { PH_DATA, "#m.lheader['x-two']", "2" },
    { PH_DATA, "m.message_headers:match('^[^\\n]*')", "Subject: Grüße" }, { PH_DATA, "m.reply_address", "nil" }, { PH_DATA, "m.regex[1]", "nil" },
    { PH_MAIL, "m.message_size", "4000" }, { PH_DATA, "m.message_size", "1234" }, { PH_DATA, "tostring(m.recipients)", "nil" },
    { PH_RCPT, "m.pid > 0", "true" }, { PH_RCPT, "#m.tod_zulu", "15" }, { PH_RCPT, "m.tod_epoch + 0 > 1e9", "true" }, { PH_RCPT, "m.exim_version == m.version_number", "true" },
};

static void what_variables_say(void **state)
{
    static const char HEADER[] = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nList-Id: <x.example>\r\nX-Two: 1\r\nX-Two: 2\r\n";
    struct txn *t = rig.txn;

    (void)state;
    t->header_text = str_of(HEADER);
    header_parse(&t->arena, t->header_text, &t->header);
    t->size_declared = 4000;
    t->size = 1234;
    conn_note_verb(&rig.conn, "EHLO");
    conn_note_verb(&rig.conn, "MAIL FROM");
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        rig_expr(&rig, reads[i].ph, reads[i].code);
        if (rig.st != ST_OK || strcmp(rig.text, reads[i].gives) != 0)
            fail_msg("%s in %s: %s", reads[i].code, phase_name(reads[i].ph), rig.text);
    }
}

static const struct { enum phase ph; const char *code, *says; } errors[] = {
    { PH_HELO, "m.domain", "domain is not known in phase helo" }, { PH_CONNECT, "m.sender_address", "sender_address is not known in phase connect" },
    { PH_RCPT, "m.sender_adress", "there is no variable sender_adress; did you mean sender_address?" },
    { PH_RCPT, "m.qqqqqqqqqqqqqqqqqqqqqqqq", "there is no variable qqqqqqqqqqqqqqqqqqqqqqqq" }, { PH_RCPT, "m.h_subject", "m.header.NAME" },
    { PH_RCPT, "m.header.subject", "header is not known in phase rcpt" }, { PH_RCPT, "m.bmi_deliver", "Brightmail" }, { PH_RCPT, "m[1]", "variables have names" },
    { PH_RCPT, "m[{}]", "variables have names" }, { PH_RCPT, "m['']", "there is no variable" }, { PH_RCPT, "m['a\\0b']", "there is no variable" },
    { PH_RCPT, "(function() m.domain = 'x' end)()", "domain cannot be assigned to" }, { PH_RCPT, "(function() m.nonsense = 'x' end)()", "there is no variable nonsense" },
    { PH_ROUTE, "(function() m.acl_m_x = 'x' end)()", "acl_m_x cannot be assigned to in phase route" }, { PH_RCPT, "(function() m.acl_m_x = {} end)()", "takes a string, a number, a boolean or nil, not a table" },
    { PH_RCPT, "(function() m.acl_m_x = m end)()", "not a userdata" }, { PH_RCPT, "(function() m.acl_m_x = string.rep('x', 70000) end)()", "at most 65536 bytes" },
    { PH_RCPT, "(function() m.regex = 1 end)()", "regex cannot be assigned to" }, { PH_RCPT, "m.regex[10]", "numbered 0 to 9" }, { PH_RCPT, "m.regex.x", "numbered 0 to 9" },
    { PH_DATA, "(function() m.header.subject = 1 end)()", "cannot be assigned to" }, { PH_RCPT, "m()", "attempt to call" }, { PH_RCPT, "#m", "attempt to get length" },
    { PH_RCPT, "m .. 'x'", "attempt to concatenate" }, { PH_RCPT, "m + 1", "attempt to perform arithmetic" },
};

static void what_is_wrong_is_an_error_that_says_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        rig_expr(&rig, errors[i].ph, errors[i].code);
        if (rig.st == ST_OK || !strstr(rig.text, errors[i].says) || strncmp(rig.text, "expression:1:", 13) != 0)
            fail_msg("%s in %s: %s", errors[i].code, phase_name(errors[i].ph), rig.text);
    }
}

static const struct { const char *value, *back; } kept[] = {
    { "'text'", "text" }, { "''", "" }, { "'a\\0b' == 'a'", "false" }, { "1", "1" }, { "-1.5", "-1.5" }, { "2^53", "9.007199254741e+15" }, { "true", "true" },
    { "false", "false" }, { "nil", "nil" }, { "0/0 ~= 0/0", "true" },
};

static void values_of_rules_keep_their_type(void **state)
{
    static const char *const names[] = { "acl_m_x", "acl_c_x", "acl_m_0" };

    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            char code[256];

            snprintf(code, sizeof code, "(function() m.%s = %s return m.%s end)()", names[k], kept[i].value, names[k]);
            rig_expr(&rig, PH_RCPT, code);
            if (rig.st != ST_OK || strcmp(rig.text, kept[i].back) != 0)
                fail_msg("%s gives %s", code, rig.text);
            snprintf(code, sizeof code, "type(m.%s) == type(%s)", names[k], kept[i].value);
            assert_string_equal(rig_expr(&rig, PH_RCPT, code), "true");
        }
    }
    /* kept in the transaction, not in the evaluation */
    rig_expr(&rig, PH_MAIL, "(function() m.acl_m_y = 7 end)()");
    assert_string_equal(rig_expr(&rig, PH_ROUTE, "m.acl_m_y"), "7");
}

/* ---- R8.7: no function crashes on any argument */

static const char HOSTILE[] =
    "(function()\n"
    "  local bad = { 0, -1, 1e308, -1e308, 0/0, 1/0, '', 'x', ('x'):rep(70000), 'a\\0b', '\\255\\254', '%%s%%n', true, false, {}, { {} },\n"
    "    function() end, coroutine.create(function() end), m, { m },\n"
    "    setmetatable({}, { __index = function() error('x') end, __tostring = function() return {} end }) }\n"
    "  local calls = 0\n"
    "  local function call(f, ...) calls = calls + 1 coroutine.resume(coroutine.create(f), ...) end\n"
    "  local f = %s\n"
    "  if type(f) ~= 'function' then return type(f) == 'table' and 1 or 0 end\n"
    "  call(f)\n"
    "  for i = 1, #bad do call(f, bad[i]) call(f, 'x', bad[i]) call(f, bad[i], 'x') end\n"
    "  for i = 1, #bad, 2 do for k = 1, #bad, 3 do call(f, bad[i], bad[k]) end end\n"
    "  for i = 1, #bad, 4 do for k = 2, #bad, 5 do call(f, 'x', bad[i], bad[k]) call(f, m, bad[k], bad[i]) end end\n"
    "  for i = 1, #bad do call(f, bad[i], bad[#bad - i + 1], bad[i], bad[i], bad[i]) end\n"
    "  return calls\n"
    "end)()";

/* LuaJIT's own, and ours that have no row. */
static const char *const standard[] = {
    "string.byte", "string.char", "string.find", "string.format", "string.gmatch", "string.gsub", "string.len", "string.lower",
    "string.match", "string.rep", "string.reverse", "string.sub", "string.upper", "table.concat", "table.insert", "table.maxn",
    "table.remove", "table.sort", "table.unpack", "math.abs", "math.fmod", "math.ldexp", "math.log", "math.max", "math.random",
    "os.time", "os.date", "os.clock", "bit.band", "bit.lshift", "bit.tohex", "coroutine.create", "coroutine.resume",
    "coroutine.wrap", "coroutine.status", "coroutine.yield", "assert", "getmetatable", "ipairs", "next", "pairs", "rawequal",
    "rawget", "rawset", "select", "setmetatable", "tonumber", "tostring", "unpack", "load", "loadstring", "collectgarbage",
    "pcall", "xpcall", "error", "require", NULL
};

static void call_badly(const char *name)
{
    char code[4096];

    snprintf(code, sizeof code, HOSTILE, name);
    rig.policy->nheavy = 0;
    rig.answers = 0;
    rig_expr(&rig, PH_RCPT, code);
    loop_settle(rig.loop, true, INT64_MAX);
    /* What matters: an answer came, and the state still answers. */
    assert_int_equal(rig.answers, 1);
    if (rig.st == ST_OK && strcmp(str_head(buf_str(&rig.out), 2).p, "0\n") == 0)
        fail_msg("%s is no function", name);
    if (rig.st != ST_OK && !strstr(rig.text, "ran longer") && !strstr(rig.text, "memory"))
        fail_msg("%s: %s", name, rig.text);
    rig.policy->nheavy = 0;
    assert_string_equal(rig_expr(&rig, PH_RCPT, "1 + 1"), "2");
}

static void hostile_arguments_are_refused_not_obeyed(void **state)
{
    (void)state;
    clock_fake(1700000000000000);
    for (size_t i = 0; standard[i]; i++)
        call_badly(standard[i]);
    for (size_t i = 0; fn_names[i]; i++)
        if (!strchr(fn_names[i], ':'))
            call_badly(fn_names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_variable_in_every_phase, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(what_variables_say, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_an_error_that_says_so, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(values_of_rules_keep_their_type, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(hostile_arguments_are_refused_not_obeyed, open_rig, close_rig),
    };

    return cmocka_run_group_tests_name("policy: the mail object", tests, NULL, NULL);
}
