/* Encodings for rules: base64, character sets, IDNA. What else encodes is Lua
 * (lua/mail/library_codec.lua); here is what a library does better or faster. */
#include <idn2.h>

#include "base/base64.h"
#include "mail/domain.h"
#include "mail/utf8.h"
#include "policy/lua.h"

enum { TEXT_MAX = 1024 * 1024 };

static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* base64_encode(text) -> text on one line */
static int l_base64_encode(lua_State *L)
{
    push_str(L, base64_encode(policy_scratch(L), arg_str(L, 1, TEXT_MAX)));
    return 1;
}

/* base64_decode(text) -> bytes | nil, why */
static int l_base64_decode(lua_State *L)
{
    const char *fault;
    struct str out;

    if (!base64_decode(policy_scratch(L), arg_str(L, 1, 2 * TEXT_MAX), &out, &fault))
        return refuse(L, fault);
    push_str(L, out);
    return 1;
}

/* ---- UTF-8 */

/* utf8_clean(text, replacement) -> text, how many bytes were replaced */
static int l_utf8_clean(lua_State *L)
{
    struct str s = arg_str(L, 1, TEXT_MAX), with = arg_str(L, 2, 8);
    struct buf out = { 0 };
    size_t bad = 0;

    while (s.n > 0) {
        uint32_t code;
        size_t n = utf8_char(s, &code);

        buf_add(&out, n > 0 ? str_head(s, n) : with);
        bad += n == 0;
        s = str_from(s, n > 0 ? n : 1);
    }
    s = arena_dup(policy_scratch(L), buf_str(&out));
    buf_free(&out);
    push_str(L, s);
    lua_pushnumber(L, (lua_Number)bad);
    return 2;
}

/* utf8_codes(text) -> { code points } | nil: it is no UTF-8 */
static int l_utf8_codes(lua_State *L)
{
    struct str s = arg_str(L, 1, 65536);
    int i = 0;

    lua_newtable(L);
    while (s.n > 0) {
        uint32_t code = 0;
        size_t n = utf8_char(s, &code);

        if (n == 0)
            return 0;
        lua_pushnumber(L, code);
        lua_rawseti(L, -2, ++i);
        s = str_from(s, n);
    }
    return 1;
}

/* ---- domains (RFC 5891) */

/* to_alabel(domain) -> domain | nil, why */
static int l_to_alabel(lua_State *L)
{
    struct str s = arg_str(L, 1, 1024), out;
    const char *reason = "it is no domain";

    if (!domain_valid_idn(s, &reason))
        return refuse(L, reason);
    out = domain_alabel(policy_scratch(L), s);
    if (!out.p)
        return refuse(L, "it has no form in ASCII");
    push_str(L, out);
    return 1;
}

/* from_alabel(domain) -> UTF-8 | nil, why */
static int l_from_alabel(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    const char *domain = arena_z(a, arg_str(L, 1, 1024));
    char *out = NULL;
    int rc = idn2_to_unicode_8z8z(domain, &out, 0);
    struct str kept = rc == IDN2_OK ? arena_dup(a, str_of(out)) : (struct str){ 0 };

    idn2_free(out);
    if (rc != IDN2_OK)
        return refuse(L, idn2_strerror(rc));
    push_str(L, kept);
    return 1;
}

static const luaL_Reg plain[] = {
    { "base64_encode", l_base64_encode },
    { "base64_decode", l_base64_decode },
    { "utf8_clean", l_utf8_clean },
    { "utf8_codes", l_utf8_codes },
    { "to_alabel", l_to_alabel },
    { "from_alabel", l_from_alabel },
    { NULL, NULL },
};

extern const struct lib lib_codec;
const struct lib lib_codec = { plain, NULL };
