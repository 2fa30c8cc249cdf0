/* Digests for rules, in hex, and codes made with a key. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "policy/lua.h"

static int push_hex(lua_State *L, const unsigned char *sum, unsigned n)
{
    static const char hex[] = "0123456789abcdef";
    char out[2 * EVP_MAX_MD_SIZE];

    for (unsigned i = 0; i < n; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    lua_pushlstring(L, out, 2 * (size_t)n);
    return 1;
}

static const EVP_MD *arg_digest(lua_State *L, int arg)
{
    const EVP_MD *md = EVP_get_digestbyname(luaL_checkstring(L, arg));

    /* A digest of variable length has no length of its own to fill. */
    luaL_argcheck(L, md && EVP_MD_get_size(md) > 0 && !(EVP_MD_get_flags(md) & EVP_MD_FLAG_XOF), arg, "no such digest");
    return md;
}

/* digest("sha256", text) -> lower-case hex */
static int l_digest(lua_State *L)
{
    const EVP_MD *md = arg_digest(L, 1);
    struct str text = arg_str(L, 2, SIZE_MAX);
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(text.p, text.n, sum, &n, md, NULL) != 1)
        return luaL_error(L, "this digest is not to be had here");
    return push_hex(L, sum, n);
}

/* hmac("sha256", key, text) -> lower-case hex (RFC 2104) */
static int l_hmac(lua_State *L)
{
    const EVP_MD *md = arg_digest(L, 1);
    struct str key = arg_str(L, 2, 1024 * 1024), text = arg_str(L, 3, SIZE_MAX);
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!HMAC(md, key.n ? key.p : "", (int)key.n, (const unsigned char *)text.p, text.n, sum, &n))
        return luaL_error(L, "this digest is not to be had here");
    return push_hex(L, sum, n);
}

/* same(a, b) -> boolean, in a time that does not tell where they differ */
static int l_same(lua_State *L)
{
    struct str a = arg_str(L, 1, SIZE_MAX), b = arg_str(L, 2, SIZE_MAX);

    lua_pushboolean(L, a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0);
    return 1;
}

/* bits_and(a, b), for modes of files */
static int l_bits_and(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)(arg_int(L, 1, 0, INT32_MAX) & arg_int(L, 2, 0, INT32_MAX)));
    return 1;
}

static const luaL_Reg plain[] = {
    { "digest", l_digest },
    { "hmac", l_hmac },
    { "same", l_same },
    { "bits_and", l_bits_and },
    { NULL, NULL },
};

extern const struct lib lib_hash;
const struct lib lib_hash = { plain, NULL };
