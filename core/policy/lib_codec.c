/* Encodings for rules: base64, character sets, IDNA. What else encodes is Lua
 * (lua/mail/library_codec.lua); here is what a library does better or faster. */
#include <idn2.h>
#include <openssl/evp.h>

#include "mail/domain.h"
#include "mail/utf8.h"
#include "policy/lua.h"

enum { TEXT_MAX = 1024 * 1024 };

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int refuse(lua_State *L, const char *why)
{
    lua_pushnil(L);
    lua_pushstring(L, why);
    return 2;
}

/* ---- base64 (RFC 4648 section 4) */

/* base64_encode(text) -> text on one line */
static int l_base64_encode(lua_State *L)
{
    struct str s = arg_str(L, 1, TEXT_MAX);
    char *out = arena_alloc(policy_scratch(L), (s.n + 2) / 3 * 4 + 1);

    push_str(L, (struct str){ out, (size_t)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)s.p, (int)s.n) });
    return 1;
}

/* Line ends and blanks are passed over; anything else that is no base64 is refused:
 * what a filter reads must be what everyone reads. */
static const char *base64_read(struct str s, char *packed, size_t *n)
{
    size_t digits = 0, pads = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=')
            pads++;
        else if (pads > 0)
            return "something follows the padding";
        else if (!memchr(ALPHABET, c, 64))
            return "a character that is none of base64";
        packed[digits++] = c;
    }
    if (digits % 4 != 0 || pads > 2)
        return "its length is none of base64";
    *n = digits;
    return NULL;
}

/* base64_decode(text) -> bytes | nil, why */
static int l_base64_decode(lua_State *L)
{
    struct str s = arg_str(L, 1, 2 * TEXT_MAX);
    struct arena *a = policy_scratch(L);
    char *packed = arena_alloc(a, s.n + 1), *out;
    const char *fault;
    size_t n = 0;
    int got;

    fault = base64_read(s, packed, &n);
    if (fault)
        return refuse(L, fault);
    out = arena_alloc(a, n / 4 * 3 + 1);
    got = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)packed, (int)n);
    if (got < 0)
        return refuse(L, "a character that is none of base64");
    for (size_t i = n; i > 0 && packed[i - 1] == '='; i--)
        got--;
    push_str(L, (struct str){ out, (size_t)got });
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
