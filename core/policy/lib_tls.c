/* What `perigee check` asks about TLS: whether the files and words of a configuration can be used. They are read as a
 * session would have them read, by the user this process is. */
#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "policy/lua.h"
#include "tls/context.h"
#include "base/file.h"
#include "tls/ocsp.h"

enum { CERTIFICATE_MAX = 1024 * 1024 };

static struct str field_text(lua_State *L, struct arena *a, const char *name)
{
    struct str s = STR("");

    lua_getfield(L, 1, name);
    if (!lua_isnil(L, -1)) {
        s.p = luaL_checklstring(L, -1, &s.n);
        s = arena_dup(a, s);
    }
    lua_pop(L, 1);
    return s;
}

static struct tls_list field_list(lua_State *L, struct arena *a, const char *name)
{
    struct tls_list list = { NULL, 0 };
    struct str *v;

    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return list;
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    list.n = lua_objlen(L, -1);
    v = arena_array(a, struct str, list.n + 1);
    for (size_t i = 0; i < list.n; i++) {
        lua_rawgeti(L, -1, (int)i + 1);
        v[i].p = luaL_checklstring(L, -1, &v[i].n);
        v[i] = arena_dup(a, v[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    list.item = v;
    return list;
}

static void push_notes(lua_State *L, struct tls_context *c)
{
    struct str text;

    lua_newtable(L);
    for (size_t i = 0; (text = tls_context_note(c, i)).n; i++) {
        push_str(L, text);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

/* What would keep tls_ocsp_fetch from getting a proof for a certificate; empty: nothing that can be seen from here. */
static struct str fetch_trouble(struct arena *a, struct str certificate, struct str proof)
{
    struct buf text = { 0 };
    struct tls_cert *cert = NULL;
    struct str said = { "", 0 }, end = STR("-----END CERTIFICATE-----");
    bool worded = str_starts(proof, STR("DER ")) || str_starts(proof, STR("PEM "));
    char *dir = dirname(arena_z(a, str_trim(str_from(proof, worded ? 4 : 0))));

    if (file_read(certificate, CERTIFICATE_MAX, &text, NULL, NULL) == ST_OK && tls_cert_read(buf_str(&text), &cert, NULL) == ST_OK) {
        struct str behind = str_from(buf_str(&text), str_find_str(buf_str(&text), end) + end.n);

        if (tls_ocsp_url(a, cert).n == 0)
            said = arena_printf(a, "%.*s names no responder: tls_ocsp_fetch has nobody to ask", STR_ARG(certificate));
        else if (str_find_str(behind, end) == SIZE_MAX)
            said = arena_printf(a, "%.*s: the certificate of its issuer is not behind it: tls_ocsp_fetch cannot ask without", STR_ARG(certificate));
        else if (access(dir, W_OK | X_OK) < 0)
            said = arena_printf(a, "tls_ocsp_fetch cannot write %.*s: %s: %s", STR_ARG(proof), dir, strerror(errno));
    }
    tls_cert_drop(cert);
    buf_free(&text);
    return said;
}

static void push_fetch_notes(lua_State *L, struct arena *a, struct tls_list certificates, struct tls_list proofs)
{
    for (size_t i = 0; i < proofs.n && i < certificates.n; i++) {
        struct str said = fetch_trouble(a, certificates.item[i], proofs.item[i]);

        if (!said.n)
            continue;
        push_str(L, said);
        lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
    }
}

/* tls_check{ server =, certificates = {}, keys = {}, proofs = {}, ca =, crl =, ciphers =, groups =, dhparam =, options =,
 *   fetch = {} }  files that tls_ocsp_fetch is to write
 * -> array of what would be logged although it works | nil, why, "word" (it never can) or "file" */
static int l_tls_check(lua_State *L)
{
    struct arena *a = policy_scratch(L);
    struct tls_config config = { .server = true };
    struct tls_context *c = NULL;
    struct tls_cache *cache;
    struct why why = { 0 };
    bool pretended = clock_is_fake();
    enum status st;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "server");
    config.server = lua_toboolean(L, -1);
    lua_pop(L, 1);
    config.certificates = field_list(L, a, "certificates");
    config.keys = field_list(L, a, "keys");
    config.proofs = field_list(L, a, "proofs");
    config.ca = field_text(L, a, "ca");
    config.crl = field_text(L, a, "crl");
    config.ciphers = field_text(L, a, "ciphers");
    config.groups = field_text(L, a, "groups");
    config.dhparam = field_text(L, a, "dhparam");
    config.options = field_text(L, a, "options");
    clock_fake_is(false);               /* the dates of certificates and proofs are not of a pretended world */
    cache = tls_cache_new(NULL);
    if (config.server && !config.certificates.n)
        st = tls_words_check(&config, &why);    /* whose they are is found out for each client */
    else
        st = tls_context_get(cache, &config, &c, &why);
    clock_fake_is(pretended);
    if (c) {
        push_notes(L, c);
        push_fetch_notes(L, a, config.certificates, field_list(L, a, "fetch"));
    } else if (st == ST_OK) {
        lua_newtable(L);
    }
    tls_context_drop(c);
    tls_cache_free(cache);
    if (st == ST_OK)
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, why.text);
    lua_pushstring(L, st == ST_NEVER ? "word" : "file");
    return 3;
}

/* service_port(text) -> number | nil: a port, or a service by name */
static int l_service_port(lua_State *L)
{
    const struct policy_env *env = policy_env(L);
    uint16_t port;

    if (!env->service_port || !env->service_port(arg_str(L, 1, 64), &port))
        return 0;
    lua_pushinteger(L, port);
    return 1;
}

static const luaL_Reg plain[] = {
    { "tls_check", l_tls_check },
    { "service_port", l_service_port },
    { NULL, NULL },
};

extern const struct lib lib_tls;
const struct lib lib_tls = { plain, NULL };
