/* Digests for rules, in hex. */
#include <openssl/evp.h>

#include "policy/lua.h"

/* digest("sha256", text) -> lower-case hex */
static int l_digest(lua_State *L)
{
    static const char hex[] = "0123456789abcdef";
    const char *name = luaL_checkstring(L, 1);
    struct str text = arg_str(L, 2, SIZE_MAX);
    unsigned char sum[EVP_MAX_MD_SIZE];
    char out[2 * EVP_MAX_MD_SIZE];
    const EVP_MD *md = EVP_get_digestbyname(name);
    unsigned n = 0;

    luaL_argcheck(L, md, 1, "no such digest");
    if (EVP_Digest(text.p, text.n, sum, &n, md, NULL) != 1)
        return luaL_error(L, "digest %s failed", name);
    for (unsigned i = 0; i < n; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    lua_pushlstring(L, out, 2 * (size_t)n);
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
    { "bits_and", l_bits_and },
    { NULL, NULL },
};

extern const struct lib lib_hash;
const struct lib lib_hash = { plain, NULL };
