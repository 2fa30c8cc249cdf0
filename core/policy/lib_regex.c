/* Regular expressions for rules: PCRE2 with every limit set (R8.5). The match
 * limits stop backtracking; the cap on the subject stops scans that are merely
 * quadratic. A limit that is hit is an error, never "no match".
 *
 * An expression that is used again becomes machine code. There the match limit
 * counts too, depth and heap are the machine stack's, which is bounded; what
 * needs more of it is left to the interpreter and its limits. Where no machine
 * code may be made (a hardened kernel), all is. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "policy/regex.h"

enum { PATTERN_MAX = 16384, SUBJECT_MAX = 65536, MATCH_LIMIT = 100000, DEPTH_LIMIT = 1000, HEAP_LIMIT_KIB = 16384,
       REPLACED_MAX = 4 * SUBJECT_MAX, JIT_AFTER = 4, JIT_STACK_FIRST = 32 << 10, JIT_STACK_MOST = 512 << 10 };

static const char META[] = "perigee.regex";

struct regex {
    pcre2_code *code;
    char *text;
    pcre2_match_data *data;
    pcre2_match_context *context;
    unsigned uses;                  /* up to JIT_AFTER */
};

static int regex_gc(lua_State *L)
{
    struct regex *re = luaL_checkudata(L, 1, META);

    pcre2_match_data_free(re->data);
    pcre2_match_context_free(re->context);
    pcre2_code_free(re->code);
    free(re->text);
    memset(re, 0, sizeof *re);
    return 0;
}

static struct regex *regex_push(lua_State *L)
{
    struct regex *re = lua_newuserdata(L, sizeof *re);

    memset(re, 0, sizeof *re);
    if (luaL_newmetatable(L, META)) {
        lua_pushcfunction(L, regex_gc);
        lua_setfield(L, -2, "__gc");
        lua_pushliteral(L, "regex");
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return re;
}

static int push_error(lua_State *L, int code)
{
    char text[256];

    lua_pushnil(L);
    if (pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text) < 0)
        lua_pushfstring(L, "error %d", code);
    else
        lua_pushstring(L, text);
    return 2;
}

/* regex(pattern, flags) -> compiled | nil, why. flags: "i" ignores case. */
static int l_regex(lua_State *L)
{
    struct str pattern = arg_str(L, 1, SIZE_MAX), flags = arg_str(L, 2, 8);
    uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    struct regex *re;
    PCRE2_SIZE at;
    int code;

    if (pattern.n > PATTERN_MAX) {
        lua_pushnil(L);
        lua_pushfstring(L, "it is longer than %d bytes", PATTERN_MAX);
        return 2;
    }
    if (str_find(flags, 'i') != SIZE_MAX)
        options |= PCRE2_CASELESS;
    re = regex_push(L);
    re->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, options, &code, &at, NULL);
    if (!re->code)
        return push_error(L, code);
    re->data = pcre2_match_data_create_from_pattern(re->code, NULL);
    re->context = pcre2_match_context_create(NULL);
    re->text = strndup(pattern.p, pattern.n);
    if (!re->data || !re->context || !re->text)
        die("out of memory for a regular expression");
    pcre2_set_match_limit(re->context, MATCH_LIMIT);
    pcre2_set_depth_limit(re->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(re->context, HEAP_LIMIT_KIB);
    return 1;
}

/* ---- matching */

/* One for all expressions of a thread: it is only used during a match. As it
 * belongs to no generation it is the thread's, and goes with it. */
static pcre2_jit_stack *jit_stack(void *unused)
{
    static _Thread_local pcre2_jit_stack *stack;

    (void)unused;
    if (!stack)
        stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, NULL);
    return stack;                   /* NULL: the machine's own, 32 KiB of it */
}

/* Machine code costs as much as some matches: not for what is compiled and asked once. */
static void used(struct regex *re)
{
    if (re->uses == JIT_AFTER || ++re->uses < JIT_AFTER)
        return;
    if (pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0)
        pcre2_jit_stack_assign(re->context, jit_stack, NULL);
}

static int match(struct regex *re, struct str subject)
{
    int n;

    used(re);
    n = pcre2_match(re->code, (PCRE2_SPTR)subject.p, subject.n, 0, 0, re->data, re->context);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(re->code, (PCRE2_SPTR)subject.p, subject.n, 0, PCRE2_NO_JIT, re->data, re->context);
    return n;
}

size_t regex_machine_code(const struct regex *re)
{
    size_t n = 0;

    return pcre2_pattern_info(re->code, PCRE2_INFO_JITSIZE, &n) == 0 ? n : 0;
}

/* { [0] = whole, capture, ... }; a group that took no part is "". */
static int push_captures(lua_State *L, struct regex *re, struct str subject, int n)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(re->data);

    lua_createtable(L, n, 1);
    for (int i = 0; i < n; i++) {
        if (at[2 * i] == PCRE2_UNSET || at[2 * i + 1] < at[2 * i])
            lua_pushliteral(L, "");
        else
            lua_pushlstring(L, subject.p + at[2 * i], at[2 * i + 1] - at[2 * i]);
        lua_rawseti(L, -2, i);
    }
    return 1;
}

struct regex *regex_arg(lua_State *L, int arg)
{
    struct regex *re = luaL_checkudata(L, arg, META);

    luaL_argcheck(L, re->code, arg, "a compiled expression is needed");
    return re;
}

enum status regex_find(struct regex *re, struct str subject, struct str groups[REGEX_GROUPS], struct why *why)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(re->data);
    char text[256] = "it takes too long";
    int n = match(re, subject);

    if (n == PCRE2_ERROR_NOMATCH)
        return ST_NONE;
    if (n < 0) {
        pcre2_get_error_message(n, (PCRE2_UCHAR *)text, sizeof text);
        return why_set(why, ST_NEVER, "the regular expression \"%s\": %s", re->text, text);
    }
    for (int i = 0; i < REGEX_GROUPS; i++) {
        bool took = i < n && at[2 * i] != PCRE2_UNSET && at[2 * i + 1] >= at[2 * i];

        groups[i] = took ? (struct str){ subject.p + at[2 * i], at[2 * i + 1] - at[2 * i] } : (struct str){ 0 };
    }
    return ST_OK;
}

struct str regex_text(const struct regex *re)
{
    return str_of(re->text);
}

/* regex_match(compiled, subject) -> captures | nil | nil, why */
static int l_regex_match(lua_State *L)
{
    struct regex *re = luaL_checkudata(L, 1, META);
    struct str subject = arg_str(L, 2, SIZE_MAX);
    int n;

    luaL_argcheck(L, re->code, 1, "a compiled expression is needed");
    if (subject.n > SUBJECT_MAX) {
        lua_pushnil(L);
        lua_pushfstring(L, "the subject is longer than %d bytes", SUBJECT_MAX);
        return 2;
    }
    n = match(re, subject);
    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    if (n < 0)
        return push_error(L, n);
    return push_captures(L, re, subject, n);
}

static int substitute(struct regex *re, struct str subject, struct str with, uint32_t how, char *out, PCRE2_SIZE *n)
{
    return pcre2_substitute(re->code, (PCRE2_SPTR)subject.p, subject.n, 0, PCRE2_SUBSTITUTE_GLOBAL | how, re->data, re->context,
                            (PCRE2_SPTR)with.p, with.n, (PCRE2_UCHAR *)out, n);
}

/* regex_replace(compiled, subject, replacement) -> text | nil, why. $1 and ${1} are captures. */
static int l_regex_replace(lua_State *L)
{
    struct regex *re = luaL_checkudata(L, 1, META);
    struct str subject = arg_str(L, 2, SIZE_MAX), with = arg_str(L, 3, SUBJECT_MAX);
    PCRE2_SIZE n = REPLACED_MAX;
    char *out;
    int rc;

    luaL_argcheck(L, re->code, 1, "a compiled expression is needed");
    if (subject.n > SUBJECT_MAX) {
        lua_pushnil(L);
        lua_pushfstring(L, "the subject is longer than %d bytes", SUBJECT_MAX);
        return 2;
    }
    out = arena_alloc(policy_scratch(L), n);
    used(re);
    rc = substitute(re, subject, with, 0, out, &n);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
        n = REPLACED_MAX;
        rc = substitute(re, subject, with, PCRE2_NO_JIT, out, &n);
    }
    if (rc < 0)
        return push_error(L, rc);
    push_str(L, (struct str){ out, n });
    return 1;
}

static const luaL_Reg plain[] = {
    { "regex", l_regex },
    { "regex_match", l_regex_match },
    { "regex_replace", l_regex_replace },
    { NULL, NULL },
};

extern const struct lib lib_regex;
const struct lib lib_regex = { plain, NULL };
